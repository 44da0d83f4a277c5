"""`auto`: the cheapest memory that remembers what it is asked to, by the laws as far as they are known.

What shall be remembered is said in one of three ways: `words` (every word of the conversation), `gist` (the newest
words, and the gist of the rest) or a number of exchanges: so many of the latest that are over stay, as sound or word
for word, under whichever memory is chosen (`Past.lasting`). That leaves a few memories to choose from. An average
hour is reckoned under each of them, with the lengths this conversation has had so far, and the cheapest is taken;
within three percent of it, the one that holds over the longest talk. The choice is made again when the laws have
changed noticeably and the talk has doubled, or has grown by eight exchanges; and it is changed only for more than those
three percent. To reckon an hour takes some ten milliseconds, in which nobody's sound moves that goes through the same
process: so only the first choice is made at once, later ones a piece at a time while the talk goes on.

Where forgetting cannot save anything (services that bill by the minute) or cannot be done (no edits), everything
is kept.

`Choice` chooses and does nothing: also for a talk that is only imagined (whatif). `Auto` is the memory that does what
was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from laconic.alternatives import Alternatives
from laconic.currencies import Sums
from laconic.errors import BadInput
from laconic.folding import Summary
from laconic.imagined import Lasting, imagined
from laconic.items import Item, Part
from laconic.laws import Laws
from laconic.plans import Memory, Past, Plan, Steps, Typical
from laconic.rates import Rates
from laconic.usage import Usage
from laconic.written import Written

__all__ = ["Auto", "Choice", "Grounds", "forecast", "requirement"]

_RECKONED = 60
"""Exchanges of the hour that is reckoned; the forecast is scaled from them."""
_PER_HOUR = 270
"""Exchanges in an hour (COST.md section 10: four to five a minute)."""
_GAIN = 0.03
_RECONSIDER = 8
"""Exchanges after which the choice is made again."""
_PIECE = 8
"""Of the exchanges that are reckoned, so many at a time: one or two milliseconds."""
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


class _Terms(NamedTuple):
    """What an hour is reckoned by."""

    names: tuple[str, ...]
    laws: Laws
    rates: Rates
    summary_rates: Rates | None
    typical: Typical
    summary_tokens: int | None
    """What a summary came to, if one was made."""
    lasts: int
    """So many of the latest exchanges are to stay."""


class _Hour:
    """An hour of average exchanges under each memory, reckoned a few at a time."""

    def __init__(self, terms: _Terms) -> None:
        typical = terms.typical
        self._talk = Alternatives(
            terms.laws,
            terms.rates,
            memories=[Lasting(imagined(name), terms.lasts) for name in terms.names],
            summary_rates=terms.summary_rates,
            summary_tokens=terms.summary_tokens,
        )
        self._talk.configured(typical.instructions)
        self._user_ms, self._user = typical.user_ms, " ".join(["word"] * typical.user_words)
        self._reply_ms = typical.reply_audio * terms.laws.assistant_audio_ms_per_token
        self._reply = " ".join(["word"] * typical.reply_text)
        self._usage = Usage(text_in=1, audio_in=1, text_out=typical.reply_text, audio_out=typical.reply_audio)
        self._played = 0

    def play(self, exchanges: int) -> bool:
        """So many more of them; whether it is over."""
        until = min(self._played + exchanges, _RECKONED)
        for n in range(self._played, until):
            heard = Part("input_audio", self._user, self._user_ms)
            spoken = Part("output_audio", self._reply, self._reply_ms)
            self._talk.said(Item(f"u{n}", role="user", status="completed", parts=[heard]))
            answer = Item(f"a{n}", role="assistant", status="completed", parts=[spoken])
            self._talk.replied(f"r{n}", [answer], self._usage)
        self._played = until
        return until == _RECKONED

    def costs(self) -> dict[str, int]:
        """Nano-units of money for the whole hour, once it is over."""
        self._talk.elapsed(_RECKONED * 3_600_000 // _PER_HOUR)
        return {name: cost.nanodollars * _PER_HOUR // _RECKONED for name, cost in self._talk.costs().items()}


def forecast(
    names: Sequence[str],
    laws: Laws,
    rates: Rates | None,
    summary_rates: Rates | None,
    typical: Typical,
    *,
    summary_tokens: int | None = None,
    lasts: int = 0,
) -> dict[str, int]:
    """Nano-units of money an hour of such exchanges costs under each memory; empty where prices are unknown.

    `summary_tokens`: what a summary came to, if one was made. `lasts`: so many of the latest exchanges are to stay.
    """
    if rates is None or not rates.priced:
        return {}
    return dict(_reckoned(_Terms(tuple(names), laws, rates, summary_rates, typical, summary_tokens, lasts)))


@lru_cache(maxsize=64)
def _reckoned(terms: _Terms) -> dict[str, int]:
    """Kept, because all sessions of a process begin alike, and often at the same moment."""
    hour = _Hour(terms)
    hour.play(_RECKONED)
    return hour.costs()


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is known when a memory is to be chosen."""

    laws: Laws
    rates: Rates | None
    summary_rates: Rates | None
    typical: Callable[[], Typical]
    """The average exchange so far."""
    exchanges: int
    """So many are over."""
    summary_tokens: int | None = None
    """What a summary came to, if one stands."""
    deletes: bool = True
    """Whether the service lets go of items."""
    writes: bool = True
    """Whether words can take the place of sound."""


class Choice:
    """Which memory does best what is asked, and why."""

    def __init__(self, remember: str | int = "gist") -> None:
        self.remember = remember
        self.chosen: str | None = None
        """The memory's name; None before anything was considered."""
        self.sums: Sums | None = None
        """What an hour costs under each that was considered; None where nobody knows."""
        self.why = "nothing has been said yet"
        self._laws: Laws | None = None
        self._exchanges = 0
        self._pending: tuple[Grounds, _Hour] | None = None  # what is being reckoned

    @property
    def name(self) -> str:
        """As a user writes it."""
        return "auto" if self.remember == "gist" else f"auto:{self.remember}"

    @property
    def lasting(self) -> int:
        """So many of the latest exchanges were asked for."""
        return self.remember if isinstance(self.remember, int) else 0

    def due(self, laws: Laws, exchanges: int) -> bool:
        """Whether it is time to consider (again); not while that is being done."""
        if self._pending is not None:
            return False
        grown = exchanges - self._exchanges
        again = grown >= _RECONSIDER or (grown >= self._exchanges and _changed(self._laws, laws))
        return self.chosen is None or again

    def consider(self, grounds: Grounds) -> str:
        """Choose by what is known now."""
        self._begin(grounds)
        terms = (grounds.laws, grounds.rates, grounds.summary_rates, grounds.typical())
        names = self._candidates(grounds)
        costs = forecast(names, *terms, summary_tokens=grounds.summary_tokens, lasts=self.lasting)
        return self._decided(grounds, names, costs)

    def reconsider(self, grounds: Grounds) -> None:
        """Begin to choose again by what is known now; `go_on` does it. At once where what was chosen cannot be done
        any more, or nothing can be reckoned."""
        names, rates = self._candidates(grounds), grounds.rates
        if self.chosen not in names or rates is None or not rates.priced:
            self.consider(grounds)
            return
        self._begin(grounds)
        terms = (grounds.laws, rates, grounds.summary_rates, grounds.typical(), grounds.summary_tokens)
        self._pending = grounds, _Hour(_Terms(tuple(names), *terms, self.lasting))

    def go_on(self, now: Callable[[], Grounds]) -> None:
        """A piece of what was begun, if anything was. Where other memories are possible by the end of it than were at
        its beginning, by what is known `now` it is begun again."""
        if self._pending is None:
            return
        grounds, hour = self._pending
        if not hour.play(_PIECE):
            return
        self._pending = None
        costs = hour.costs()
        if list(costs) == self._candidates(latest := now()):
            self._decided(grounds, list(costs), costs)
        else:
            self.reconsider(latest)

    def _begin(self, grounds: Grounds) -> None:
        self._laws, self._exchanges, self._pending = grounds.laws, grounds.exchanges, None

    def _decided(self, grounds: Grounds, names: Sequence[str], costs: Mapping[str, int]) -> str:
        cheapest = min(costs.values(), default=0)
        close = cheapest + abs(cheapest) * _GAIN  # a base that was fitted far below zero makes costs negative
        if self.chosen is None or self.chosen not in names or costs.get(self.chosen, 0) > close:
            self.chosen = next(name for name in names if costs.get(name, 0) <= close)
        self.sums = Sums(costs, grounds.rates.currency) if grounds.rates is not None and costs else None
        reason = _reason(self.sums, grounds)
        self.why = f"the {self.lasting} latest exchanges stay word for word; {reason}" if self.lasting else reason
        return self.chosen

    def _candidates(self, grounds: Grounds) -> list[str]:
        """What can do what is asked here, the preferred one first where costs are equal or unknown."""
        if (grounds.rates is not None and grounds.rates.by_time) or not grounds.deletes:
            return ["everything"]
        exchanges = [f"exchanges:{self.lasting}"] if self.lasting else []
        if not grounds.writes:
            return ["everything"] if self.remember == "words" else [*exchanges, "window:8000", "everything"]
        if self.remember == "words":
            return ["written", "everything"]
        return [*exchanges, "summary", "written", "everything"]


class Auto:
    """Chooses among memories and does what the chosen one does. `make` makes a memory from its name."""

    def __init__(self, make: Callable[[str], Memory], remember: str | int = "gist") -> None:
        self._make = make
        self._choice = Choice(remember)
        self._memories: dict[str, Memory] = {}

    @property
    def name(self) -> str:
        return self._choice.name

    @property
    def chosen(self) -> str:
        """The name of the memory in force."""
        return self._choice.chosen or "everything"

    def why(self) -> str:
        """What keeps the memory in force from its work, or else why it was chosen."""
        memory = self._memories.get(self.chosen)
        trouble = memory.trouble if isinstance(memory, (Written, Summary)) else None
        return trouble or self._choice.why

    @property
    def sums(self) -> Sums | None:
        """The money that `why` may speak of."""
        return self._choice.sums

    def to_notes(self, past: Past) -> Steps:
        """As `Written.to_notes`, in whichever memory writes."""
        for memory in self._memories.values():
            if isinstance(memory, (Written, Summary)):
                yield from memory.to_notes(past)

    def plans(self, past: Past) -> Iterator[Plan]:
        before = self._choice.chosen
        if before is None:
            self._choice.consider(self._grounds(past))
        elif self._choice.due(past.laws, past.exchanges.count):
            self._choice.reconsider(self._grounds(past))
        self._choice.go_on(lambda: self._grounds(past))
        if before not in (None, self.chosen):
            past.say(f"memory is now {self.chosen}: {self._choice.why}", self._choice.sums)
        lasting = self._choice.lasting
        chosen = self._memories.get(self.chosen) or self._memories.setdefault(self.chosen, self._make(self.chosen))
        yield from chosen.plans(replace(past, lasting=lasting) if lasting else past)

    def _grounds(self, past: Past) -> Grounds:
        return Grounds(
            past.laws,
            past.rates,
            past.summary_rates,
            past.typical,
            past.exchanges.count,
            self._summary_tokens,
            deletes=past.supports("delete"),
            writes=past.transcribes and past.supports("create") and past.supports("place"),
        )

    @property
    def _summary_tokens(self) -> int | None:
        """What a summary came to, if one stands."""
        folding = next((memory for memory in self._memories.values() if isinstance(memory, Summary)), None)
        return (folding.size or None) if folding is not None else None


def _changed(before: Laws | None, laws: Laws) -> bool:
    """Whether other laws hold than when the choice was made."""
    if before is None or abs(laws.hit_rate - before.hit_rate) >= _MOVED:
        return True
    return laws is not before and replace(laws, hit_rate=before.hit_rate, unverified=before.unverified) != before


def _reason(sums: Sums | None, grounds: Grounds) -> str:
    """Why, in a sentence with numbers."""
    if grounds.rates is not None and grounds.rates.by_time:
        return "this service bills by the minute, so forgetting saves nothing"
    if not grounds.deletes:
        return "this service does not let go of items"
    if sums is None:
        return "its prices are unknown here, and this is usually the cheapest"
    replies = "kept" if grounds.laws.keeps_reply_audio else "dropped"
    return f"an hour costs {sums} (cache hits {grounds.laws.hit_rate:.0%}, old replies' sound is {replies})"
