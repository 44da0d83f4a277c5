"""How long the user's sound is, item by item. The wire never says it outright.

Three ways a user item gets its sound, three ways to know its length: voice detection states where speech began
and ended in the stream (`audio_start_ms`, `audio_end_ms`; the recorded tokens are exactly a tenth of their
difference in milliseconds divided by ten); a commit takes what was appended since the last commit or clear; a
create carries the sound itself, as base64, which is measured and not decoded.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from laconic import events as ev
from laconic.items import Item, Wire

__all__ = ["InputAudio"]


@dataclass(slots=True)
class _Span:
    """Milliseconds since the session began; `end` is None while the user speaks."""

    start: int
    end: int | None = None


class InputAudio:
    """Follows the input of one session and measures items as they enter."""

    def __init__(self) -> None:
        self.bytes_per_ms = 48.0
        """Of the input format: PCM16 at 24 kHz unless the session says otherwise."""
        self._received = 0
        self._committed = 0  # value of `_received` at the last commit or clear
        self._commits: deque[int] = deque()  # ms in the buffer at each commit the app asked for
        self._creates: deque[tuple[str | None, str | None, int]] = deque()  # event id, item id, ms of sound
        self._spans: dict[str, _Span] = {}

    @property
    def ms(self) -> int:
        """Milliseconds of sound the app has sent in all."""
        return int(self._received / self.bytes_per_ms)

    def said(self, event: ev.Event) -> None:
        """Take note of what the app sent."""
        if isinstance(event, ev.InputAudioBufferAppend):
            self._received += ev.payload_bytes(event.audio)
        elif isinstance(event, ev.InputAudioBufferCommit):
            self._commits.append(int((self._received - self._committed) / self.bytes_per_ms))
        elif isinstance(event, ev.InputAudioBufferClear):
            self._committed = self._received
        elif isinstance(event, ev.ConversationItemCreate):
            self._creates.append((event.event_id, event.item.get("id"), self._sound_in(event.item)))

    def _sound_in(self, item: Wire) -> int:
        total = 0
        for part in item.get("content") or ():
            if part.get("type") == "input_audio" and isinstance(part.get("audio"), str):
                encoded: str = part["audio"]
                total += len(encoded) * 3 // 4 - encoded[-2:].count("=")
        return int(total / self.bytes_per_ms)

    def started(self, item_id: str, start_ms: int) -> None:
        """Speech began that will become this item."""
        self._spans[item_id] = _Span(start_ms)

    def stopped(self, item_id: str, end_ms: int) -> int | None:
        """Speech ended; its length in ms, or None if its beginning was not seen."""
        span = self._spans.get(item_id)
        if span is None:
            return None
        span.end = end_ms
        return max(0, end_ms - span.start)

    def committed(self, item_id: str) -> None:
        """The service made the buffer into this item."""
        if item_id not in self._spans and self._commits:
            self._spans[item_id] = _Span(0, self._commits[0])
        if self._commits:
            self._commits.popleft()
        self._committed = self._received

    def refused(self, error: ev.ErrorDetail) -> None:
        """The service refused something; if it was a commit or a create, no item will answer it."""
        if error.code == "input_audio_buffer_commit_empty":
            if self._commits:
                self._commits.popleft()
        elif error.event_id is not None:
            self._creates = deque(create for create in self._creates if create[0] != error.event_id)

    def measure(self, item: Item) -> None:
        """Give an item that just entered the length of its sound, in ms."""
        created_ms = self._created(item)
        sound = [part for part in item.parts if part.kind == "input_audio"]
        if not sound or item.in_progress:  # xAI adds a user item when speech begins; it is measured when it stops
            return
        span = self._spans.pop(item.id, None)
        if span is None:
            sound[0].audio_ms = created_ms
        else:
            sound[0].audio_ms = max(0, (self.ms if span.end is None else span.end) - span.start)

    def _created(self, item: Item) -> int:
        """Milliseconds of sound in the app's create that this item answers, 0 if it answers none."""
        if item.id in self._spans or (item.role == "assistant" and item.in_progress):
            return 0
        for index, (_, waiting, sound_ms) in enumerate(self._creates):
            if waiting == item.id:
                del self._creates[index]
                return sound_ms
        if self._creates and self._creates[0][1] is None:
            return self._creates.popleft()[2]
        return 0
