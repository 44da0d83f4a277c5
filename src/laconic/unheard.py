"""Sound on its way: what the app has sent and the service may yet say was speech."""

from __future__ import annotations

from collections import deque

from laconic.conversation import Conversation
from laconic.items import Wire

__all__ = ["Unheard"]

_LATE_S = 3.0
"""How late the service may be in saying that somebody speaks."""
_MARK_S, _LOOK_MS = 0.5, 500


class Unheard:
    """Remembers how much had been sent when. Milliseconds of sound, counted since the session began."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._marks: deque[tuple[float, int]] = deque([(float("-inf"), 0)])
        self._looked_ms = 0

    def sent(self, now: float) -> bool:
        """Sound was sent. True if it is half a second more in all than when that was last true."""
        ms = self._conversation.input.ms
        if now - self._marks[-1][0] >= _MARK_S:
            self._marks.append((now, ms))
            while len(self._marks) > 2 and self._marks[1][0] <= now - _LATE_S:
                self._marks.popleft()
        if ms - self._looked_ms < _LOOK_MS:
            return False
        self._looked_ms = ms
        return True

    def ms(self, now: float) -> int:
        """How much of what has been sent is so recent that nobody can know whether it was speech: nothing where the
        service detects no turns, or somebody is known to speak."""
        audio: Wire = self._conversation.settings.get("audio") or {}
        if not (audio.get("input") or {}).get("turn_detection") or self._conversation.input.speaking:
            return 0
        before = max((ms for moment, ms in self._marks if moment <= now - _LATE_S), default=0)
        return self._conversation.input.ms - before
