"""`auto`: the cheapest memory that remembers what it is asked to, by the laws as far as they are known.

What shall be remembered is said in one of three ways: `words` (every word of the conversation), `gist` (the newest
words, and the gist of the rest) or a number of exchanges. That leaves a few memories to choose from. An average
hour is reckoned under each of them, with the lengths this conversation has had so far, and the cheapest is taken;
within three percent of it, the one that holds over the longest talk. The choice is made again when the laws have
changed noticeably and the talk has doubled, or has grown by eight exchanges, since reckoning takes some tens of
milliseconds in which nobody's sound moves; and it is changed only for more than those three percent.

Where forgetting cannot save anything (services that bill by the minute) or cannot be done (no edits), everything
is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from laconic.alternatives import Alternatives
from laconic.errors import BadInput
from laconic.folding import Summary
from laconic.items import Item, Part
from laconic.laws import Laws
from laconic.meter import dollars
from laconic.plans import Memory, Past, Plan, Steps, Typical
from laconic.rates import Rates
from laconic.usage import Usage
from laconic.written import Written

__all__ = ["Auto", "forecast", "requirement"]

_RECKONED = 60
"""Exchanges of the hour that is reckoned; the forecast is scaled from them."""
_PER_HOUR = 270
"""Exchanges in an hour (COST.md section 10: four to five a minute)."""
_GAIN = 0.03
_RECONSIDER = 8
"""Exchanges after which the choice is made again."""
_MOVED = 0.02
"""A hit rate that has moved by less moves no choice. It moves at every response."""


def requirement(spec: str) -> str | int:
    """What a user wants remembered: `words`, `gist`, or a number of exchanges. BadInput for anything else."""
    if spec in ("words", "gist"):
        return spec
    count = spec.removesuffix("exchanges").strip()
    if count.isascii() and count.isdigit() and int(count) > 0:
        return int(count)
    raise BadInput(
        f"cannot remember {spec!r}; write words, gist, or a number of exchanges",
        f"{spec!r} は指定できません。words、gist、または往復の数を指定してください",
    )


def forecast(
    names: Sequence[str],
    laws: Laws,
    rates: Rates | None,
    summary_rates: Rates | None,
    typical: Typical,
    *,
    summary_tokens: int | None = None,
) -> dict[str, int]:
    """Nano-units of money an hour of such exchanges costs under each memory; empty where prices are unknown.

    `summary_tokens`: what a summary came to, if one was made.
    """
    if rates is None or not rates.priced:
        return {}
    return dict(_reckoned(tuple(names), laws, rates, summary_rates, typical, summary_tokens))


@lru_cache(maxsize=64)
def _reckoned(
    names: tuple[str, ...],
    laws: Laws,
    rates: Rates,
    summary_rates: Rates | None,
    typical: Typical,
    summary_tokens: int | None,
) -> dict[str, int]:
    """Kept, because all sessions of a process begin alike, and often at the same moment."""
    imagined = Alternatives(laws, rates, memories=names, summary_rates=summary_rates, summary_tokens=summary_tokens)
    imagined.configured(typical.instructions)
    words = " ".join(["word"] * typical.user_words)
    reply = " ".join(["word"] * typical.reply_text)
    usage = Usage(text_in=1, audio_in=1, text_out=typical.reply_text, audio_out=typical.reply_audio)
    reply_ms = typical.reply_audio * laws.assistant_audio_ms_per_token
    for n in range(_RECKONED):
        user = Item(f"u{n}", role="user", status="completed", parts=[Part("input_audio", words, typical.user_ms)])
        answer = Item(f"a{n}", role="assistant", status="completed", parts=[Part("output_audio", reply, reply_ms)])
        imagined.said(user)
        imagined.replied(f"r{n}", [answer], usage)
    imagined.elapsed(_RECKONED * 3_600_000 // _PER_HOUR)
    return {name: cost.nanodollars * _PER_HOUR // _RECKONED for name, cost in imagined.costs().items()}


class Auto:
    """Chooses among memories and does what the chosen one does. `make` makes a memory from its name."""

    def __init__(self, make: Callable[[str], Memory], remember: str | int = "gist") -> None:
        self._make = make
        self.remember = remember
        self._memories: dict[str, Memory] = {}
        self._chosen: Memory | None = None
        self._laws: Laws | None = None
        self._exchanges = 0
        self._why = "nothing has been said yet"

    @property
    def name(self) -> str:
        return "auto" if self.remember == "gist" else f"auto:{self.remember}"

    @property
    def chosen(self) -> str:
        """The name of the memory in force."""
        return self._chosen.name if self._chosen is not None else "everything"

    def why(self) -> str:
        """What keeps the memory in force from its work, or else why it was chosen."""
        trouble = self._chosen.trouble if isinstance(self._chosen, (Written, Summary)) else None
        return trouble or self._why

    def to_notes(self, past: Past) -> Steps:
        """As `Written.to_notes`, in whichever memory writes."""
        for memory in self._memories.values():
            if isinstance(memory, (Written, Summary)):
                yield from memory.to_notes(past)

    def plans(self, past: Past) -> Iterator[Plan]:
        grown = past.exchanges.count - self._exchanges
        due = grown >= _RECONSIDER or (grown >= self._exchanges and _changed(self._laws, past.laws))
        chosen = self._choose(past) if self._chosen is None or due else self._chosen
        yield from chosen.plans(past)

    def _choose(self, past: Past) -> Memory:
        self._laws, self._exchanges = past.laws, past.exchanges.count
        names = self._candidates(past)
        costs = forecast(
            names, past.laws, past.rates, past.summary_rates, past.typical(), summary_tokens=self._summary_tokens
        )
        cheapest = min(costs.values(), default=0)
        close = cheapest + abs(cheapest) * _GAIN  # a base that was fitted far below zero makes costs negative
        best = next(name for name in names if costs.get(name, 0) <= close)
        now = self._chosen.name if self._chosen is not None else None
        if now in names and costs.get(now, 0) <= close:
            best = now
        self._why = _reason(best, costs, past)
        if self._chosen is None or best != now:
            self._chosen = self._memories.setdefault(best, self._make(best))
            if now is not None:
                past.say(f"memory is now {best}: {self._why}")
        return self._chosen

    @property
    def _summary_tokens(self) -> int | None:
        """What a summary came to, if one stands."""
        folding = next((memory for memory in self._memories.values() if isinstance(memory, Summary)), None)
        return (folding.size or None) if folding is not None else None

    def _candidates(self, past: Past) -> list[str]:
        """What can do what is asked here, the preferred one first where costs are equal or unknown."""
        if (past.rates is not None and past.rates.by_time) or not past.supports("delete"):
            return ["everything"]
        if not (past.transcribes and past.supports("create") and past.supports("place")):
            return ["everything"] if self.remember == "words" else ["window:8000", "everything"]
        if self.remember == "words":
            return ["written", "everything"]
        if self.remember == "gist":
            return ["summary", "written", "everything"]
        return [f"exchanges:{self.remember}", "summary", "written", "everything"]


def _changed(before: Laws | None, laws: Laws) -> bool:
    """Whether other laws hold than when the choice was made."""
    if before is None or abs(laws.hit_rate - before.hit_rate) >= _MOVED:
        return True
    return laws is not before and replace(laws, hit_rate=before.hit_rate, unverified=before.unverified) != before


def _reason(best: str, costs: dict[str, int], past: Past) -> str:
    """Why, in a sentence with numbers."""
    if past.rates is not None and past.rates.by_time:
        return "this service bills by the minute, so forgetting saves nothing"
    if not past.supports("delete"):
        return "this service does not let go of items"
    if not costs:
        return "its prices are unknown here, and this is usually the cheapest"
    currency = past.rates.currency if past.rates is not None else "USD"
    told = ", ".join(f"{name} {dollars(cost, currency)}" for name, cost in costs.items())
    replies = "kept" if past.laws.keeps_reply_audio else "dropped"
    return f"an hour costs {told} (cache hits {past.laws.hit_rate:.0%}, old replies' sound is {replies})"
