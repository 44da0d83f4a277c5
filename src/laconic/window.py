"""`window:HIGH:LOW`: let the conversation grow to HIGH tokens, then cut it to LOW in one go.

Two marks and not one: a boundary that moves with every turn breaks the cached prefix with every turn, which at
today's prices costs more than forgetting saves (COST.md section 7). A deep cut breaks it once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laconic.items import Item
from laconic.plans import Past, Plan, forget, forgettable
from laconic.tokens import item_tokens

__all__ = ["Window", "size"]


@dataclass(frozen=True, slots=True)
class Window:
    """Let the conversation grow to HIGH tokens, then cut it to LOW in one go: one broken cache prefix, not many."""

    high: int
    low: int | None = None
    """None: what the laws advise; a third of HIGH at a perfect cache, half of it where nothing is cached."""

    @property
    def name(self) -> str:
        return f"window:{self.high}" + (f":{self.low}" if self.low is not None else "")

    def plans(self, past: Past) -> Iterator[Plan]:
        sizes = [(item, size(item, past)) for item in past.conversation]
        total = sum(tokens for _, tokens in sizes)
        if total <= self.high:
            return
        surplus: list[Item] = []
        for item, tokens in sizes:
            if total <= self._low(past):
                break
            total -= tokens
            surplus.append(item)
        yield from forget(forgettable(iter(surplus), past.conversation, past.kept))

    def _low(self, past: Past) -> int:
        """Where to cut to. The deeper the cut, the rarer it is; the more the cache hits, the more a cut costs and the
        rarer it should be (COST.md section 7: 79 turns to break even at a perfect cache, none at a dead one)."""
        if self.low is not None:
            return self.low
        return int(self.high * (1 / 2 - past.laws.hit_rate / 6))

    def why(self) -> str:
        return f"at {self.high} tokens the oldest are cut, as asked"


def size(item: Item, past: Past) -> int:
    """How many tokens an item is in the input, by the laws in force, reply sound included."""
    tokens = item_tokens(item, past.laws)
    return tokens.text + tokens.audio + tokens.image
