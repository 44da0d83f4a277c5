"""`window:HIGH:LOW`: let the conversation grow to HIGH tokens, then cut it to LOW in one go.

Two marks and not one: a boundary that moves with every turn breaks the cached prefix with every turn, which at
today's prices costs more than forgetting saves (COST.md section 7). A deep cut breaks it once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from laconic.items import Item
from laconic.laws import Laws
from laconic.plans import Past, Plan, forget, forgettable
from laconic.rates import Rates
from laconic.tally import Tally

__all__ = ["Window", "low_mark"]

# An average exchange (COST.md section 10): what is said, what is answered, and the text around both.
_USER_MS, _REPLY_MS, _WORDS = 3_000, 8_000, 45


def low_mark(high: int, laws: Laws, rates: Rates | None) -> int:
    """The highest low mark at which a cut has paid for itself before the next one is due.

    Deleting D tokens with L behind them reads L anew, at the full price instead of the price p of reading again, and
    saves D·p a turn (COST.md section 7). The next cut comes D/w turns later, w being what an exchange adds. So
    L·(full − p) ≤ D²·p/w with D = HIGH − L, which is a quadratic. Kept between a tenth and three quarters of HIGH.
    """
    full = (rates.audio_in if rates is not None else None) or 32_000
    cached = rates.audio_cached if rates is not None and rates.audio_cached is not None else full // 80
    again = max(1.0, laws.hit_rate * cached + (1 - laws.hit_rate) * full)
    reply = _REPLY_MS // laws.assistant_audio_ms_per_token if laws.keeps_reply_audio else 0
    exchange = _USER_MS // laws.user_audio_ms_per_token + reply + _WORDS
    both = 2 * high + exchange * (full - again) / again
    low = (both - math.sqrt(both * both - 4 * high * high)) / 2
    return int(min(max(low, high / 10), high * 3 / 4))


@dataclass(slots=True)
class Window:
    """Let the conversation grow to HIGH tokens, then cut it to LOW in one go: one broken cache prefix, not many.

    Pinned items are not counted, and the exchange under way is never cut.
    """

    high: int
    low: int | None = None
    """None: what the laws advise (`low_mark`)."""
    _tally: Tally = field(default_factory=lambda: Tally(_counted), repr=False, compare=False)

    @property
    def name(self) -> str:
        return f"window:{self.high}" + (f":{self.low}" if self.low is not None else "")

    def plans(self, past: Past) -> Iterator[Plan]:
        if not past.supports("delete"):
            return
        self._tally.follow(past)
        if not self._tally.passes(self.high, past):
            return
        total, low = self._tally.tokens(), self._low(past)
        surplus: list[Item] = []
        for item in past.conversation:
            tokens = self._tally.of(item.id)
            if tokens is None:
                continue
            if total <= low or not past.over(item) or past.lasts(item):
                break
            total -= tokens
            surplus.append(item)
        yield from forget(forgettable(iter(surplus), past.conversation, past.kept))

    def _low(self, past: Past) -> int:
        return self.low if self.low is not None else low_mark(self.high, past.laws, past.rates)

    def why(self) -> str:
        return f"at {self.high} tokens the oldest are cut, as asked"


def _counted(item: Item, past: Past) -> str | None:
    return None if past.pinned(item) else "item"
