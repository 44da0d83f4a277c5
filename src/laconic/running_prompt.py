"""One prompt as it changes: how large it is, and how much of it is still as the service last read it.

`prompt_cache` compares two prompts segment by segment, which costs as much as the conversation is long. Whoever
reckons several conversations beside the real one, at every response, needs it cheaper. A prompt is therefore kept
as running sums and one mark: everything before the mark is unchanged since the last response. What happens at the
tail (a reply added, sound dropped, words written down) or at the front (the oldest forgotten) is found by walking
in from that end, so the work is that of what changes, whatever the length of the talk.

What this leaves out, and `PromptCache` has: only the latest prompt is remembered, and a change that is taken back is
still a change. Instructions that return to what they were could be promised, and are not here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from laconic.laws import Laws
from laconic.tokens import Tokens

__all__ = ["Form", "Piece", "Remembered", "RunningPrompt", "sum_tokens"]

_NOTHING = Tokens()

Form = Literal["told", "reply", "call", "output", "summary", "other"]


class Remembered(msgspec.Struct, frozen=True, gc=False):
    """How much of what was said is there, in milliseconds of speech and in facts planted in it."""

    speech_ms: int = 0
    """Word for word, as sound or in writing."""
    gist_ms: int = 0
    """In a summary."""
    facts: int = 0
    gist_facts: int = 0

    def __add__(self, other: Remembered) -> Remembered:
        return Remembered(
            self.speech_ms + other.speech_ms,
            self.gist_ms + other.gist_ms,
            self.facts + other.facts,
            self.gist_facts + other.gist_facts,
        )

    def __neg__(self) -> Remembered:
        return Remembered(-self.speech_ms, -self.gist_ms, -self.facts, -self.gist_facts)

    @property
    def as_gist(self) -> Remembered:
        """The same once it has been summarised."""
        return Remembered(0, self.speech_ms + self.gist_ms, 0, self.facts + self.gist_facts)


@dataclass(slots=True, eq=False)
class Piece:
    """One item of the prompt."""

    id: str
    form: Form
    tokens: Tokens
    """As it stands in the input now."""
    exchange: int = 0
    maker: str = ""
    """The response that made it."""
    sounds: bool = False
    """It holds sound, or held it until the service dropped it."""
    silent: Tokens | None = None
    """A spoken reply's size once the service has dropped its sound."""
    loses_words: bool = False
    """Its words go with its sound: a reply cut short has no transcript."""
    written: int | None = None
    """Text tokens of its words; None while they are unknown."""
    call_id: str | None = None
    holds: Remembered = field(default_factory=Remembered)
    born: int = 0
    dropped: Tokens = _NOTHING
    """What the service has taken from it."""


class RunningPrompt:
    """Instructions and tools, then pieces in order. Iterate for the pieces."""

    def __init__(self, laws: Laws, head: Tokens = _NOTHING) -> None:
        self.laws = laws
        self.head = head
        self.total = head
        """Tokens of everything, as the next response would read them now."""
        self.dropped = _NOTHING
        """Tokens of the replies' sound that the service no longer reads."""
        self.remembered = Remembered()
        self.legible: dict[str, Piece] = {}
        """Pieces of sound whose words are known."""
        self.reads = 0
        self._pieces: deque[Piece] = deque()
        self._by_id: dict[str, Piece] = {}
        self._partners: dict[str, list[Piece]] = {}
        self._sounding: list[Piece] = []  # spoken replies the service has not dropped the sound of
        self._seen = _NOTHING
        self._new = _NOTHING

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def get(self, piece_id: str) -> Piece | None:
        return self._by_id.get(piece_id)

    def partners(self, piece: Piece) -> list[Piece]:
        """The other pieces with this one's `call_id`."""
        return [other for other in self._partners.get(piece.call_id or "", ()) if other is not piece]

    @property
    def items(self) -> Tokens:
        """All pieces together, without instructions and tools."""
        return self.total - self.head

    def young(self) -> Iterator[Piece]:
        """Newest first, what has been said since the last response: never read, and not to be forgotten yet."""
        for piece in reversed(self._pieces):
            if piece.born != self.reads:
                return
            yield piece

    # --- changing it -----------------------------------------------------------------------------------------

    def set_head(self, head: Tokens) -> None:
        """Other instructions or tools: everything has to be read again."""
        self.total = self.total - self.head + head
        self.head = head
        self._change(_NOTHING)

    def recount_head(self, head: Tokens) -> None:
        """The same instructions and tools, counted anew by better laws: nothing has to be read again."""
        text = head.text - self.head.text
        self.total = Tokens(self.total.text + text, self.total.audio, self.total.image)
        if self.reads:
            self._seen = Tokens(max(0, self._seen.text + text), self._seen.audio, self._seen.image)
        self.head = head

    def append(self, piece: Piece) -> None:
        """Something was said, or told by the app."""
        piece.born = self.reads
        self._new += piece.tokens
        self._enter(piece)
        self._pieces.append(piece)

    def generated(self, piece: Piece, seen: Tokens) -> None:
        """The service made this piece; `seen` is how much of it will be read again as it was made."""
        piece.born = self.reads - 1
        if self._seen == self.total:  # else something stands between what was read and this
            self._seen += seen
        if piece.silent is not None:
            self._sounding.append(piece)
        self._enter(piece)
        self._pieces.append(piece)

    def insert_first(self, piece: Piece) -> None:
        """Put a piece at the root, before all others."""
        piece.born = self.reads - 1
        self._change(self.head)
        self._enter(piece)
        self._pieces.appendleft(piece)

    def remove(self, piece: Piece) -> None:
        """The piece is gone."""
        index, before = self._locate(piece)
        self._change(before)
        del self._pieces[index]
        del self._by_id[piece.id]
        self.legible.pop(piece.id, None)
        if piece in self._sounding:
            self._sounding.remove(piece)
        if piece.call_id is not None:
            self._partners[piece.call_id].remove(piece)
        self.total = self.total - piece.tokens
        self.dropped = self.dropped - piece.dropped
        self.remembered += -piece.holds

    def resize(self, piece: Piece, tokens: Tokens) -> None:
        """The piece has changed in place, and so has its size."""
        _, before = self._locate(piece)
        self._change(before)
        self.total = self.total - piece.tokens + tokens
        self.dropped = self.dropped - piece.dropped
        piece.tokens, piece.dropped = tokens, _NOTHING

    def write_down(self, piece: Piece, tokens: Tokens) -> None:
        """Words take the place of the piece's sound."""
        self.resize(piece, tokens)
        self.legible.pop(piece.id, None)
        if piece in self._sounding:
            self._sounding.remove(piece)
        piece.sounds, piece.silent = False, None

    def hold(self, piece: Piece, holds: Remembered) -> None:
        """The piece now remembers this much."""
        self.remembered += -piece.holds + holds
        piece.holds = holds

    # --- reading it ------------------------------------------------------------------------------------------

    def read(self) -> tuple[Tokens, Tokens]:
        """A response reads the prompt: its input, and what of that the cache promises in whole blocks.

        Where the laws say so, the service drops the sound of all replies but the newest first.
        """
        if not self.laws.keeps_reply_audio and self._sounding:
            newest = self._sounding[-1].maker
            for piece in [piece for piece in self._sounding if piece.maker != newest]:
                self._drop(piece)
        block = self.laws.cache_block
        whole = self.laws.bills_whole_input
        promised = Tokens(self._seen.text // block * block, self._seen.audio // block * block, self._seen.image)
        reads = (self.total, promised) if whole else (self._new, _NOTHING)
        self._seen, self._new = self.total, _NOTHING
        self.reads += 1
        return reads

    def _drop(self, piece: Piece) -> None:
        silent = piece.silent or _NOTHING
        lost = piece.tokens - silent
        self.resize(piece, silent)
        piece.dropped = lost
        self.dropped += lost
        self._sounding.remove(piece)
        if piece.loses_words:
            self.hold(piece, Remembered())

    # --- inside ----------------------------------------------------------------------------------------------

    def _enter(self, piece: Piece) -> None:
        self.total += piece.tokens
        self.remembered += piece.holds
        self._by_id[piece.id] = piece
        if piece.call_id is not None:
            self._partners.setdefault(piece.call_id, []).append(piece)
        if piece.sounds and piece.written is not None:
            self.legible[piece.id] = piece

    def _change(self, before: Tokens) -> None:
        """Something changed right behind this much of the prompt."""
        seen = self._seen
        self._seen = Tokens(min(seen.text, before.text), min(seen.audio, before.audio), min(seen.image, before.image))

    def _locate(self, piece: Piece) -> tuple[int, Tokens]:
        """Where a piece stands and how much stands before it, found from whichever end is nearer."""
        front, back = self.head, self.total
        for steps in range(len(self._pieces)):
            left, right = self._pieces[steps], self._pieces[-1 - steps]
            if left is piece:
                return steps, front
            front += left.tokens
            back = back - right.tokens
            if right is piece:
                return len(self._pieces) - 1 - steps, back
        raise KeyError(piece.id)


def sum_tokens(pieces: Iterable[Piece]) -> int:
    """Tokens of all kinds in these pieces."""
    return sum(piece.tokens.text + piece.tokens.audio + piece.tokens.image for piece in pieces)
