"""The average exchange of a talk, which a memory reckons with: how long the caller speaks, how long the reply is."""

from __future__ import annotations

from dataclasses import dataclass

from laconic.plans import Typical

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
