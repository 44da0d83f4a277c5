"""What a prompt consisted of, as far as laws have a say in its count, and what was made of it on both sides.

Learning looks at no items. A prompt is a few sums (line.py keeps them as items come and go), and a row is those sums
with what the laws foresaw and what the service reported.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from laconic.tokens import Tokens
from laconic.usage import Usage

__all__ = ["Contents", "Row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The sums of one prompt."""

    head: Hashable = None
    """Equal while instructions and tools are the same."""
    framings: Mapping[str, int]
    """How often each law that adds text tokens added them, by its name."""
    user_ms: int = 0
    user_sounds: int = 0
    """Spoken turns; each rounds down by itself."""
    reply_audio: int = 0
    """Audio tokens of all replies, as if all were there."""
    newest_reply_audio: int = 0
    discount: int = 0
    """Text tokens that all replies but the newest lose when they lose their sound."""

    @property
    def old_reply_audio(self) -> int:
        """Audio tokens of all replies but the newest."""
        return self.reply_audio - self.newest_reply_audio


@dataclass(frozen=True, slots=True)
class Row:
    """One response."""

    read: Tokens
    """What the laws then in force made of its contents beforehand."""
    contents: Contents
    usage: Usage

    @property
    def text_gap(self) -> int:
        """Text tokens reported beyond what was foreseen; below zero where it fell short."""
        return self.usage.text_in - self.read.text

    @property
    def audio_gap(self) -> int:
        return self.usage.audio_in - self.read.audio
