"""The average exchange of a talk, which a memory reckons with: how long the caller speaks, how long the reply is."""

from __future__ import annotations

from dataclasses import dataclass

from laconic.items import Item
from laconic.plans import Typical
from laconic.usage import Usage

__all__ = ["Averages"]


@dataclass(slots=True)
class Averages:
    """Sums of what was said. Milliseconds of the user's sound, tokens of replies."""

    turns: int = 0
    user_ms: int = 0
    replies: int = 0
    reply_audio: int = 0
    reply_text: int = 0
    instructions: str = ""

    def said(self, item: Item) -> None:
        """An item entered that the service did not generate."""
        if item.role == "user" and item.audio_ms:
            self.turns += 1
            self.user_ms += item.audio_ms

    def replied(self, usage: Usage | None) -> None:
        """A response of the conversation is over."""
        if usage is not None and usage.audio_out:
            self.replies += 1
            self.reply_audio += usage.audio_out
            self.reply_text += usage.text_out

    def typical(self) -> Typical:
        """The average so far; what is usual elsewhere until four exchanges have been heard."""
        if self.turns < 4 or self.replies < 4:
            return Typical(instructions=self.instructions)
        return Typical(
            user_ms=self.user_ms // self.turns,
            user_words=max(1, self.user_ms // self.turns * 27 // 10_000),  # 2.7 words a second (COST.md section 10)
            reply_audio=self.reply_audio // self.replies,
            reply_text=self.reply_text // self.replies,
            instructions=self.instructions,
        )
