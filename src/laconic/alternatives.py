"""The other story the meter tells: what this same conversation would have cost under other memories.

It is told what happened, as it happens: what was said and generated, how much of it was heard, what the service
charged for writing it down. Each memory keeps a prompt of its own (`running_prompt`, `imagined`) from
which the laws give the input of every response and what of that the cache promises. Nothing is added up again: each
memory takes about a tenth of a millisecond for an exchange, the three thousandth like the first, and asking what it
all comes to as much.

What cannot be known is whether the cache would have hit. So costs are expected ones: of the tokens promised, the
hit rate's share is priced as read from cache. The rates and the hit rate of now apply to the whole conversation, so
that what is learned late puts the past right; how tokens were counted stays as it was counted.

The *floor* is the least this conversation can cost: the user's new speech (and new words, where they were typed or
came from a function), everything that was generated, and what writing down the speech was billed. No instructions,
no history, no framing.

What is told twice (services repeat events) counts once.

Differences from the service's own bill, all small: other sessions never warm the cache; only the latest prompt
does (running_prompt.py); what an app deletes by itself stays, unless `left` says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from laconic.imagined import Imagined, Terms, imagined, truncate
from laconic.items import Item
from laconic.laws import Laws
from laconic.meter import Cost, Meter, price
from laconic.rates import Rates
from laconic.running_prompt import Piece, Remembered, RunningPrompt
from laconic.tokens import (
    Tokens,
    arguments_read_again,
    assistant_audio_tokens,
    generated_tokens,
    instructions_tokens,
    item_tokens,
    text_tokens,
    tools_tokens,
)
from laconic.usage import Usage

__all__ = ["ALTERNATIVES", "Alternatives", "Counts"]

ALTERNATIVES = ("everything", "last:5", "service:8000:0.8")
"""What a talk is compared with: doing nothing, the first answer people found, the service's own."""


_NOTHING = Tokens()
_OF_THE_HEAD = ("base_text", "default_instructions_tokens", "tools_framing")
"""The laws that instructions and tools are counted by."""
_REMEMBERED = 4_096
"""Things that were told: who writes and deletes for hours shall not have all of it kept."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one memory has read so far, in tokens."""

    responses: int = 0
    read: Tokens = _NOTHING
    promised: Tokens = _NOTHING
    """Of what was read, what the cache promises. Part of `read`."""
    latest: Tokens = _NOTHING
    """What the latest response read: the size of the context."""
    latest_promised: Tokens = _NOTHING
    summary_read: int = 0
    """Text tokens that summaries took."""
    summary_wrote: int = 0


@dataclass(slots=True)
class _Line:
    memory: Imagined
    prompt: RunningPrompt
    counts: Counts = field(default_factory=Counts)


class Alternatives:
    """The same conversation under each of `memories` (names as `imagined` reads them, or what it makes of them).

    `laws` and `rates` may be set anew at any time. `summary_rates`: of the text model that makes
    summaries; None reckons them at the conversation's own model. `summary_tokens`: what a summary comes to; None:
    nobody knows yet.
    """

    def __init__(
        self,
        laws: Laws,
        rates: Rates | None,
        *,
        memories: Sequence[str | Imagined] = ALTERNATIVES,
        summary_rates: Rates | None = None,
        summary_tokens: int | None = None,
    ) -> None:
        self.rates = rates
        self.summary_rates, self.summary_tokens = summary_rates, summary_tokens
        self._laws = laws
        self._settings: tuple[str | None, tuple[Mapping[str, Any], ...]] = None, ()
        head = self._head()
        named = [imagined(memory) if isinstance(memory, str) else memory for memory in memories]
        self._lines = {memory.name: _Line(memory, RunningPrompt(laws, head)) for memory in named}
        self._fresh = Tokens()  # new speech and new words
        self._presumed: dict[str, Tokens] = {}  # of it, by item, what a response may yet turn out to have made
        self._generated: dict[tuple[bool, bool], Usage] = {}
        self._unknown = 0
        self._beside: dict[str, Cost] = {}  # transcription and out-of-band responses, by currency
        self._session_ms = 0
        self._exchange = 0
        self._answer: str | None = None  # the item that answered the exchange under way
        self._said = Remembered()
        self._known: dict[tuple[str, str], None] = {}  # what was told lately: services repeat themselves

    @property
    def laws(self) -> Laws:
        return self._laws

    @laws.setter
    def laws(self, laws: Laws) -> None:
        same = all(getattr(laws, name) == getattr(self._laws, name) for name in _OF_THE_HEAD)
        self._laws = laws
        head = None if same else self._head()
        for line in self._lines.values():
            line.prompt.laws = laws
            if head is not None:
                line.prompt.recount_head(head)

    # --- what happened ---------------------------------------------------------------------------------------

    def configured(self, instructions: str | None, tools: Sequence[Mapping[str, Any]] = ()) -> None:
        """The session's instructions and tools, as the service has them from now on."""
        settings = instructions, tuple(tools)
        if settings == self._settings:
            return
        self._settings = settings
        for line in self._lines.values():
            line.prompt.set_head(self._head())

    def said(self, item: Item, *, facts: int = 0) -> None:
        """An item entered that the service did not generate: the user's turn, a system note, a function's output.

        `facts`: how many facts worth remembering are in it, for those who plant some.
        """
        if self._repeated("said", item.id):
            return
        if item.type == "message" and item.role == "user" and (self._exchange == 0 or self._answer is not None):
            self._exchange += 1
            self._answer = None
        sounds = any(part.is_audio for part in item.parts)
        tokens = item_tokens(item, self._laws)
        words_only = max(0, tokens.text - self._framing(item, sounds))
        fresh = Tokens(words_only, tokens.audio, tokens.image)
        self._fresh += fresh
        if item.type == "function_call" or item.role == "assistant":
            self._presumed[item.id] = fresh
        holds = Remembered(speech_ms=item.audio_ms, facts=facts)
        self._said += holds
        words = _spoken_words(item) if sounds else None
        for line in self._lines.values():
            line.prompt.append(
                Piece(
                    item.id,
                    _form(item),
                    tokens,
                    self._exchange,
                    sounds=sounds,
                    written=text_tokens(words) if words else None,
                    call_id=item.call_id,
                    holds=holds,
                )
            )

    def transcribed(self, item_id: str, words: str | None, cost: Cost) -> None:
        """A user's turn was written down, at this cost; `words` None where that failed."""
        if not self._repeated("transcribed", item_id):
            self.aside(cost)
        for line in self._lines.values():
            piece = line.prompt.get(item_id)
            if words and piece is not None and piece.sounds:
                piece.written = text_tokens(words)
                line.prompt.legible[item_id] = piece

    def replied(self, response_id: str, items: Sequence[Item], usage: Usage | None) -> None:
        """A response of the conversation is over: what it made, and the usage it reported.

        One that was cancelled before it read anything costs nothing anywhere. Unknown usage is unknown here too.
        """
        if self._repeated("replied", response_id):
            return
        for item in items:
            if item.id in self._presumed:  # its service announced it complete, as if it were not the response's
                self._fresh -= self._presumed.pop(item.id)
                self.left(item.id)
        if usage is None:
            self._unknown += 1
        elif usage.input_tokens or usage.output_tokens:
            self._read(usage)
        pieces = _sizes(items, usage, self._laws)
        for item, generated in zip(items, pieces, strict=True):
            self._made(response_id, item, generated)

    def cut(self, item_id: str, heard_ms: int) -> None:
        """A reply was truncated where the caller stopped hearing it: its transcript is gone, the rest sounds."""
        tokens = Tokens(self._laws.truncated_reply_text, assistant_audio_tokens(heard_ms, self._laws))
        self._unsay(item_id, heard_ms)
        for line in self._lines.values():
            piece = line.prompt.get(item_id)
            if piece is None:
                continue
            whole = piece.holds.speech_ms
            if piece.written is not None and whole:
                piece.written = piece.written * min(heard_ms, whole) // whole + 1
            line.prompt.hold(piece, msgspec.structs.replace(piece.holds, speech_ms=min(heard_ms, whole)))
            if piece.silent is not None:
                piece.silent, piece.loses_words = Tokens(tokens.text), True
                line.prompt.resize(piece, tokens)

    def left(self, item_id: str) -> None:
        """An item went that no memory would keep: never heard, or empty."""
        self._unsay(item_id, 0)
        for line in self._lines.values():
            if (piece := line.prompt.get(item_id)) is not None:
                line.prompt.remove(piece)
        if item_id == self._answer:
            self._answer = None

    def aside(self, cost: Cost) -> None:
        """Something beside the conversation, which every memory would have paid alike."""
        self._beside[cost.currency] = self._beside.get(cost.currency, Cost(currency=cost.currency)) + cost

    def elapsed(self, session_ms: int) -> None:
        """The session has lasted so long in all; some services bill nothing else."""
        self._session_ms = max(self._session_ms, session_ms)

    # --- what it comes to ------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def costs(self) -> dict[str, Cost]:
        """What each memory would have cost so far, as expected at the hit rate in force."""
        return {name: self.cost(name) for name in self._lines}

    def cost(self, name: str) -> Cost:
        """What one memory would have cost. KeyError for a name that is not compared."""
        counts = self._lines[name].counts
        summaries = Usage(text_in=counts.summary_read, text_out=counts.summary_wrote)
        whole = self._priced(counts.read, counts.promised)
        if counts.summary_wrote and not (self.rates is not None and self.rates.by_time):
            whole += price(summaries, self.summary_rates or self.rates)
        return whole

    @property
    def floor(self) -> Cost:
        """The least this conversation can cost."""
        return self._priced(self._fresh, Tokens())

    def multiple(self, cost: Cost) -> float | None:
        """How many times the floor; None while the floor is nothing."""
        floor = self.floor.nanodollars
        return cost.nanodollars / floor if floor else None

    def counts(self, name: str) -> Counts:
        """What one memory has read. KeyError for a name that is not compared."""
        return self._lines[name].counts

    def remembered(self, name: str) -> Remembered:
        """How much of what was said is still there under one memory."""
        return self._lines[name].prompt.remembered

    @property
    def spoken(self) -> Remembered:
        """All that was said and heard so far."""
        return self._said

    # --- inside ----------------------------------------------------------------------------------------------

    def _read(self, usage: Usage) -> None:
        """Every memory tidies up, then its prompt is read."""
        kind = bool(usage.audio_out), bool(usage.audio_in or usage.image_in)
        made = Usage(text_out=usage.text_out, audio_out=usage.audio_out)
        self._generated[kind] = self._generated.get(kind, Usage()) + made
        complete = self._exchange if self._answer is not None else max(0, self._exchange - 1)
        terms = Terms(self._laws, self.rates, self.summary_rates, complete, self.summary_tokens)
        room = self._laws.context_tokens - self._most_output()
        for line in self._lines.values():
            summary_read, summary_wrote = line.memory.tidy(line.prompt, terms)
            truncate(line.prompt, room - line.prompt.head.text)
            read, promised = line.prompt.read()
            old = line.counts
            line.counts = Counts(
                old.responses + 1,
                old.read + read,
                old.promised + promised,
                read,
                promised,
                old.summary_read + summary_read,
                old.summary_wrote + summary_wrote,
            )

    def _repeated(self, what: str, its_id: str) -> bool:
        """Whether this was told before; what has no id never was."""
        if not its_id:
            return False
        repeated = (what, its_id) in self._known
        self._known[what, its_id] = None
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return repeated

    def _head(self) -> Tokens:
        instructions, tools = self._settings
        return Tokens(instructions_tokens(instructions, self._laws) + tools_tokens(tools, self._laws))

    def _most_output(self) -> int:
        most = self.rates.max_output if self.rates is not None else None
        return min(most or 4_096, self._laws.context_tokens // 2)

    def _made(self, response_id: str, item: Item, generated: Tokens) -> None:
        """One item of a response joins every prompt."""
        laws, sizes = self._laws, {item.id: generated}
        tokens = item_tokens(item, laws, generated=sizes)
        spoken = item.type == "message" and any(part.is_audio for part in item.parts)
        again = arguments_read_again(item, laws)
        whole = again == (item.arguments or "")
        seen = tokens if whole else Tokens(max(0, tokens.text - text_tokens(again)))
        words = _spoken_words(item) if spoken else None
        holds = Remembered(speech_ms=item.audio_ms)
        self._said += holds
        if item.type == "message":
            self._answer = item.id
        for line in self._lines.values():
            piece = Piece(
                item.id,
                _form(item),
                tokens,
                self._exchange,
                maker=response_id,
                sounds=spoken,
                silent=item_tokens(item, laws, generated=sizes, sound_dropped=True) if spoken else None,
                loses_words=words is None,
                written=text_tokens(words) if words else None,
                call_id=item.call_id,
                holds=holds,
            )
            line.prompt.generated(piece, seen)

    def _unsay(self, item_id: str, heard_ms: int) -> None:
        """What was not heard was not said. Whoever has forgotten the item cannot know how long it was."""
        pieces = [piece for line in self._lines.values() if (piece := line.prompt.get(item_id)) is not None]
        whole = max((piece.holds.speech_ms for piece in pieces), default=heard_ms)
        self._said += Remembered(speech_ms=min(0, heard_ms - whole))

    def _framing(self, item: Item, sounds: bool) -> int:
        if item.type == "function_call_output":
            return self._laws.call_output_framing
        return self._laws.user_audio_framing if sounds else self._laws.user_text_framing

    def _priced(self, read: Tokens, promised: Tokens) -> Cost:
        """The cost of so much input, with all that is the same under every memory."""
        rates = self.rates
        currency = rates.currency if rates is not None else "USD"
        beside = self._beside.get(currency, Cost(currency=currency))
        unknown = sum(1 for other in self._beside if other != currency)
        if rates is None or not rates.priced:
            responses = max((line.counts.responses for line in self._lines.values()), default=0)
            return beside + Cost(unknown=responses + unknown + self._unknown, currency=currency)
        if rates.by_time:
            clock = Meter(rates)
            clock.elapsed(self._session_ms)
            return clock.total + beside + Cost(unknown=unknown, currency=currency)
        hit = self._laws.hit_rate
        usage = Usage(
            text_in=read.text,
            audio_in=read.audio,
            image_in=read.image,
            cached_text=round(hit * promised.text),
            cached_audio=round(hit * promised.audio),
            cached_image=round(hit * promised.image),
        )
        made = sum((self._output_cost(kind, rates) for kind in self._generated), Cost(currency=currency))
        return price(usage, rates) + made + beside + Cost(unknown=unknown + self._unknown, currency=currency)

    def _output_cost(self, kind: tuple[bool, bool], rates: Rates) -> Cost:
        """What was generated in one kind of response; some models have prices that depend on what was heard."""
        _, heard = kind
        cost = price(replace(self._generated[kind], audio_in=int(heard)), rates)
        return Cost(
            tuple(charge for charge in cost.charges if charge.what.endswith("_out")), cost.unknown, cost.currency
        )


def _form(item: Item) -> Literal["told", "reply", "call", "output", "other"]:
    match item.type, item.role:
        case "message", "assistant":
            return "reply"
        case "message", _:
            return "told"
        case "function_call", _:
            return "call"
        case "function_call_output", _:
            return "output"
        case _:
            return "other"


def _spoken_words(item: Item) -> str | None:
    """The transcript of an item's sound; None where any of it is missing."""
    words = [part.text for part in item.parts if part.is_audio]
    return " ".join(word for word in words if word) if words and all(words) else None


def _sizes(items: Sequence[Item], usage: Usage | None, laws: Laws) -> list[Tokens]:
    """The output tokens of each item. What was reported is the response's sum: calls are estimated, and spoken or
    written replies share the rest. All but the last lack the framing, which comes once for a response."""
    if not items:
        return []
    sizes = [generated_tokens(item, laws) for item in items]
    if usage is not None and usage.output_tokens:
        spoken = [number for number, item in enumerate(items) if item.type == "message"]
        shared = max(spoken, key=lambda number: items[number].audio_ms) if spoken else len(items) - 1
        others = sum((size for number, size in enumerate(sizes) if number != shared), Tokens())
        text = usage.text_out - usage.reasoning - others.text
        sizes[shared] = Tokens(max(0, text), max(0, usage.audio_out - others.audio))
    framed = [Tokens(max(0, size.text - laws.reply_framing), size.audio, size.image) for size in sizes[:-1]]
    return [*framed, sizes[-1]]
