"""What happened in a conversation, as a list that can be told again and again.

A recording is read into these, and a made-up conversation is made of them. What memories did to the conversation is
not among them: that is the question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laconic.items import Item
from laconic.usage import TranscriptionUsage, Usage

__all__ = [
    "Beside",
    "Configured",
    "Cut",
    "Happening",
    "Left",
    "Replied",
    "Said",
    "Talk",
    "Transcribed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    at_ms: int
    """Since the conversation began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured(_At):
    """The session's instructions and tools, from now on."""

    instructions: str
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(_At):
    """An item entered that the service did not generate."""

    item: Item
    facts: int = 0
    """Facts in it that were planted to be asked back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcribed(_At):
    """A user's turn was written down, or could not be (None)."""

    item_id: str
    words: str | None
    audio_ms: int
    usage: TranscriptionUsage | None = None
    """None: reckoned from the length, where the transcription model bills minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied(_At):
    """A response of the conversation was done."""

    response_id: str
    items: tuple[Item, ...]
    usage: Usage | None = None
    """None: nobody reported any; what it generated is reckoned from the items, and nothing if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(_At):
    """The caller stopped hearing a reply here."""

    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left(_At):
    """An item went that nobody heard."""

    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside(_At):
    """A response outside the conversation."""

    usage: Usage


Happening = Configured | Said | Transcribed | Replied | Cut | Left | Beside


@dataclass(frozen=True, slots=True)
class Talk:
    """A whole conversation."""

    name: str
    happenings: tuple[Happening, ...]
    length_ms: int
    model: str | None = None
    """The model that was recorded; None for one made up."""
    transcription_model: str | None = None

    @property
    def exchanges(self) -> int:
        """Turns of the user that were answered and heard."""
        replies = (one for one in self.happenings if isinstance(one, Replied))
        return sum(any(item.type == "message" for item in reply.items) for reply in replies) - self.ghosts

    @property
    def ghosts(self) -> int:
        """Replies nobody heard."""
        return sum(isinstance(one, Left) for one in self.happenings)

    @property
    def cuts(self) -> int:
        """Replies that were cut short."""
        return sum(isinstance(one, Cut) for one in self.happenings)

    @property
    def facts(self) -> int:
        return sum(one.facts for one in self.happenings if isinstance(one, Said))
