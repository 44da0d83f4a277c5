"""How a talk ends whose budget is used up: a goodbye, the reason, and if so wished the socket closed.

The goodbye is a response of its own that reads nothing of the conversation and says one sentence. It waits for a reply
under way to end. When it is over, or cannot be had, the app is told why nothing happens any more; where the socket is
to be closed, that waits until the goodbye can have been heard.
"""

from __future__ import annotations

from typing import Literal

from laconic.items import Wire
from laconic.tokens import text_tokens

__all__ = ["Parting", "goodbye"]

_REPLY_S = 60.0
"""How long a reply under way is waited for."""
_GOODBYE_S = 20.0
"""How long the goodbye may take."""

State = Literal["talking", "waiting", "saying", "over"]


def goodbye(words: str) -> Wire:
    """Settings of a response that says this sentence and reads nothing but that it shall."""
    # A word takes 400 ms to say, a token is 50 ms of sound, and the words are billed as text besides: 10 tokens a word.
    return {
        "input": [],
        "instructions": f"Say exactly this sentence, warmly, and nothing else: {words}",
        "tools": [],
        "tool_choice": "none",
        "max_output_tokens": min(400, 16 * text_tokens(words) + 40),
    }


class Parting:
    """Where one session is on its way out."""

    def __init__(self) -> None:
        self.state: State = "talking"
        self.why: str | None = None
        """Why, once it has begun."""
        self._until = 0.0
        self._hard: float | None = None

    @property
    def deadline(self) -> float | None:
        return self._until if self.state in ("waiting", "saying") else None

    def begin(self, why: str, now: float, *, hard: float | None = None, silent: bool = False) -> None:
        """It ends; `hard`: the moment at which nothing may run any more. `silent`: without a goodbye."""
        self.why, self.state = why, "over" if silent else "waiting"
        self._hard = hard
        self._until = min(now + _REPLY_S, now + _REPLY_S if hard is None else hard)

    def saying(self, now: float) -> None:
        """The goodbye was asked for."""
        self.state = "saying"
        self._until = min(now + _GOODBYE_S, now + _GOODBYE_S if self._hard is None else self._hard)

    def said(self) -> None:
        """It has been said, or will not be."""
        self.state = "over"

    def expire(self, now: float) -> None:
        """Wait no longer than agreed."""
        if self.deadline is not None and self.deadline <= now:
            self.state = "over"
