"""Memories as they would have been: each tidies a prompt of its own, right before a response would read it.

The real memories (memory.py) send edits to a service and wait for its answers. These do the same to a running
prompt, at once and without fail, to reckon what a conversation would have cost. They tidy when the next response is
due and leave alone what was said since the last one: the same moment, seen from its end, at which the real ones act.

Three things are simpler here. A summary is there at once, where the real one is made while the talk goes on.
A note of an exchange is reckoned in two pieces, where it is one item. Edits are never refused.

Beside the memories of memory.py there is `service:N:RATIO`, what the service does by itself when asked to: once
the items pass N tokens, the oldest go until RATIO of N is left (`truncation`, with `retention_ratio` and
`post_instructions`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

from laconic.errors import BadInput
from laconic.laws import Laws
from laconic.marks import average_exchange, fold_marks, summary_room
from laconic.rates import Rates
from laconic.running_prompt import Piece, Remembered, RunningPrompt, sum_tokens
from laconic.summary_prompt import summary_instructions
from laconic.tokens import Tokens, text_tokens
from laconic.window import low_mark

__all__ = ["Imagined", "Lasting", "Terms", "imagined", "truncate"]

_SPEAKER = 3
"""Tokens of `User: ` or `Assistant: ` and the end of the line, in a note."""
_SHRINKS = 3
"""Until one has been seen, a summary is taken for a third of what it covers, and no longer than it may be."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a memory may reckon with."""

    laws: Laws
    rates: Rates | None
    summary_rates: Rates | None
    """Of the model that makes summaries; None: the conversation's own, in writing."""
    complete: int
    """Exchanges that are over."""
    summary_tokens: int | None = None
    """What a summary came to here; None where none was made yet: then a guess."""
    lasting: int = 0
    """So many of the latest exchanges that are over are neither folded nor forgotten."""

    def lasts(self, piece: Piece) -> bool:
        """Whether a piece is of these exchanges, or of the one under way."""
        return bool(self.lasting) and piece.exchange > self.complete - self.lasting


class Imagined(Protocol):
    """A memory that tidies a prompt."""

    @property
    def name(self) -> str: ...

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        """Make the prompt what this memory would have made of it. Text tokens a summary read and wrote."""
        ...


@dataclass(frozen=True, slots=True)
class Everything:
    name: str = "everything"

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        return 0, 0


@dataclass(frozen=True, slots=True)
class LastItems:
    n: int

    @property
    def name(self) -> str:
        return f"last:{self.n}"

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        old = len(prompt) - sum(1 for _ in prompt.young())
        _forget(prompt, list(islice(prompt, max(0, old - self.n))))
        return 0, 0


@dataclass(frozen=True, slots=True)
class LastExchanges:
    n: int

    @property
    def name(self) -> str:
        return f"exchanges:{self.n}"

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        surplus: list[Piece] = []
        for piece in prompt:
            if piece.exchange > terms.complete - self.n:
                break
            surplus.append(piece)
        _forget(prompt, surplus)
        return 0, 0


@dataclass(frozen=True, slots=True)
class Window:
    high: int
    low: int | None = None

    @property
    def name(self) -> str:
        return f"window:{self.high}" + (f":{self.low}" if self.low is not None else "")

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        # Sizes count the replies' sound, as the real window does: whether the service has dropped it is its affair.
        size = _sum(prompt.items) + _sum(prompt.dropped) - sum_tokens(prompt.young())
        if size <= self.high:
            return 0, 0
        low = self.low if self.low is not None else low_mark(self.high, terms.laws, terms.rates)
        surplus: list[Piece] = []
        for piece in prompt:
            if size <= low or piece.born == prompt.reads or terms.lasts(piece):
                break
            size -= _sum(piece.tokens) + _sum(piece.dropped)
            surplus.append(piece)
        _forget(prompt, surplus)
        return 0, 0


@dataclass(frozen=True, slots=True)
class Written:
    notes: bool = False

    @property
    def name(self) -> str:
        return "written:notes" if self.notes else "written"

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        for piece in [piece for piece in prompt.legible.values() if piece.exchange <= terms.complete]:
            prompt.write_down(piece, Tokens(self._size(piece, terms.laws)))
        return 0, 0

    def _size(self, piece: Piece, laws: Laws) -> int:
        words, reply = piece.written or 0, piece.form == "reply"
        if self.notes:
            return words + _SPEAKER + (laws.user_text_framing if reply else 0)
        return words + (laws.reply_text_extra + laws.reply_framing if reply else laws.user_text_framing)


@dataclass(slots=True)
class Summary:
    """`written`, folded from the high mark down to the low one; marks not given follow from laws and prices."""

    high: int | None = None
    low: int | None = None
    notes: bool = False
    folds: int = 0
    _added: int = 0  # tokens that writing has added, of `_exchanges` exchanges
    _written: Written = field(init=False)

    def __post_init__(self) -> None:
        self._written = Written(self.notes)

    @property
    def name(self) -> str:
        return f"summary:{self.high}:{self.low}" if self.high is not None else "summary"

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        fresh = [piece for piece in prompt.legible.values() if piece.exchange <= terms.complete]
        self._written.tidy(prompt, terms)
        self._added += sum_tokens(fresh)
        standing = next((piece for piece in prompt if piece.form == "summary"), None) if self.folds else None
        high, low = self.marks(terms, _sum(standing.tokens) if standing is not None else 0)
        # Cheap first: the items can only be more than the writing among them.
        if _sum(prompt.items) <= high:
            return 0, 0
        writing = [piece for piece in prompt if not piece.sounds and piece.born != prompt.reads]
        left = sum_tokens(writing)
        if left <= high:
            return 0, 0
        surplus: list[Piece] = []
        for piece in writing:
            if left <= low or terms.lasts(piece):
                break
            left -= _sum(piece.tokens)
            surplus.append(piece)
        if terms.lasting and sum_tokens(surplus) < (high - low) // 2:
            return 0, 0
        return self._fold(prompt, surplus, terms)

    def _fold(self, prompt: RunningPrompt, surplus: list[Piece], terms: Terms) -> tuple[int, int]:
        if all(piece.form == "summary" for piece in surplus):
            return 0, 0  # a lone summary is not worth folding again
        gone = _forget(prompt, surplus)
        read, room = sum_tokens(gone), summary_room(terms.laws)
        wrote = min(room, read // _SHRINKS) if terms.summary_tokens is None else min(terms.summary_tokens, read)
        holds = sum((piece.holds.as_gist for piece in gone), Remembered())
        self.folds += 1
        size = Tokens(wrote + prompt.laws.user_text_framing)
        prompt.insert_first(Piece(f"summary {self.folds}", "summary", size, holds=holds))
        return read + text_tokens(summary_instructions("en", room)), wrote

    def marks(self, terms: Terms, summary: int = 0) -> tuple[int, int]:
        """The high and the low mark in force: those given, or what the laws and prices advise. `summary` is the size
        of the one that stands."""
        if self.high is not None and self.low is not None:
            return self.high, self.low
        exchange = average_exchange(self._added, terms.complete)
        return fold_marks(exchange, summary, terms.laws, terms.rates, terms.summary_rates, lasting=terms.lasting)


@dataclass(frozen=True, slots=True)
class ServiceTruncation:
    limit: int
    ratio: float

    @property
    def name(self) -> str:
        return f"service:{self.limit}:{self.ratio:g}"

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        truncate(prompt, self.limit, self.ratio)
        return 0, 0


@dataclass(frozen=True, slots=True)
class Lasting:
    """Another memory, under which so many of the latest exchanges stay."""

    memory: Imagined
    exchanges: int

    @property
    def name(self) -> str:
        return self.memory.name

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        return self.memory.tidy(prompt, replace(terms, lasting=self.exchanges))


def truncate(prompt: RunningPrompt, limit: int, ratio: float = 1.0) -> None:
    """What a service does when the items pass `limit` tokens: the oldest go until `ratio` of it is left."""
    if _sum(prompt.items) <= limit:
        return
    left, surplus = _sum(prompt.items), list[Piece]()
    for piece in islice(prompt, max(0, len(prompt) - 1)):
        if left <= limit * ratio:
            break
        left -= _sum(piece.tokens)
        surplus.append(piece)
    for piece in surplus:
        prompt.remove(piece)


def imagined(spec: str, *, besides: str = "") -> Imagined:
    """The memory of that name, to be imagined. BadInput for a name that means none; `besides`: what could have been
    written besides, with a comma behind it."""
    kind, *given = spec.split(":")
    try:
        match kind, given:
            case "everything", []:
                return Everything()
            case "last", [n]:
                return LastItems(_positive(n))
            case "exchanges", [n]:
                return LastExchanges(_positive(n))
            case "window", [high]:
                return Window(_positive(high))
            case "window", [high, low] if _positive(low) <= _positive(high):
                return Window(_positive(high), _positive(low))
            case "written", []:
                return Written()
            case "written", ["notes"]:
                return Written(notes=True)
            case "summary", []:
                return Summary()
            case "summary", [high, low] if _positive(low) < _positive(high):
                return Summary(_positive(high), _positive(low))
            case "service", []:
                return ServiceTruncation(8_000, 0.8)
            case "service", [limit, ratio] if 0 < float(ratio) <= 1:
                return ServiceTruncation(_positive(limit), float(ratio))
            case "select", [_]:
                raise BadInput(
                    f"memory {spec!r} cannot be reckoned: what a service charges for a choice of items, and whether it "
                    "caches them, no bill has shown yet",
                    f"記憶の指定 {spec!r} は計算できません。選んだ項目だけを読ませたときの料金とキャッシュの扱いが、"
                    "まだ請求で確かめられていないためです",
                )
            case _:
                pass
    except ValueError:
        pass  # the same sentence as for a name that means nothing
    raise BadInput(
        f"memory {spec!r} cannot be reckoned; write {besides}everything, last:N, exchanges:N, window:HIGH[:LOW], "
        "written[:notes], summary[:HIGH:LOW] or service[:TOKENS:RATIO]",
        f"記憶の指定 {spec!r} は計算できません。{besides}everything, last:N, exchanges:N, window:HIGH[:LOW], "
        "written[:notes], summary[:HIGH:LOW], service[:TOKENS:RATIO] のどれかを指定してください",
    )


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(text)
    return int(text)


def _forget(prompt: RunningPrompt, surplus: Iterable[Piece]) -> list[Piece]:
    """Remove of these what may go, and return it: a call and its outputs together or not at all."""
    going = {piece.id: piece for piece in surplus if piece.form != "other"}
    gone: list[Piece] = []
    for piece in going.values():
        partners = prompt.partners(piece)
        if (piece.form == "call" and not partners) or any(partner.id not in going for partner in partners):
            continue
        gone.append(piece)
    for piece in gone:
        prompt.remove(piece)
    return gone


def _sum(tokens: Tokens) -> int:
    return tokens.text + tokens.audio + tokens.image
