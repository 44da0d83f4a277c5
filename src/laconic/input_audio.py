"""How long the user's sound is, item by item. The wire never says it outright.

Three ways a user item gets its sound, three ways to know its length: voice detection states where speech began
and ended in the stream (`audio_start_ms`, `audio_end_ms`; the recorded tokens are exactly a tenth of their
difference in milliseconds divided by ten); a commit takes what was appended since the last commit or clear; a
create carries the sound itself, as base64, which is measured and not decoded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from laconic import events as ev
from laconic.items import Item, Wire

__all__ = ["InputAudio"]


@dataclass(frozen=True, slots=True)
class _Create:
    """What the app asked to create and the service has not yet answered."""

    event_id: str | None
    item_id: str | None
    item_type: str
    sound_ms: int
    item: Item


@dataclass(slots=True)
class _Span:
    """Milliseconds since the session began; `end` is None while the user speaks."""

    start: int
    end: int | None = None
    unsure: int | None = None
    """Where turn detection was changed while the user spoke: the turn may go on, or may have been given up."""


class InputAudio:
    """Follows the input of one session and measures items as they enter."""

    def __init__(self) -> None:
        self.bytes_per_ms = 48.0
        """Of the input format: PCM16 at 24 kHz unless the session says otherwise."""
        self._received = 0
        self._committed = 0  # value of `_received` at the last commit or clear
        self._commits: deque[tuple[int, int]] = deque()  # the buffer's first and last byte at each commit of the app
        self._creates: list[_Create] = []
        self._spans: dict[str, _Span] = {}

    @property
    def ms(self) -> int:
        """Milliseconds of sound the app has sent in all."""
        return int(self._received / self.bytes_per_ms)

    def appended(self, size: int) -> None:
        """So many bytes more of sound were sent."""
        self._received += size

    def said(self, event: ev.Event) -> None:
        """Take note of what the app sent."""
        if isinstance(event, ev.InputAudioBufferAppend):
            self.appended(ev.payload_bytes(event.audio))
        elif isinstance(event, ev.InputAudioBufferCommit):
            self._commits.append((self._committed, self._received))
            self._committed = self._received
        elif isinstance(event, ev.InputAudioBufferClear):
            self._committed = self._received
        elif isinstance(event, ev.ConversationItemCreate):
            item = event.item
            kind = item.get("type", "message")
            whole = Item.from_wire(item)
            self._creates.append(_Create(event.event_id, item.get("id"), kind, self.sound_in(item), whole))

    @property
    def entering(self) -> Iterator[Item]:
        """What the app has created and the service has not yet taken in; its sound is in `entering_ms`."""
        return (create.item for create in self._creates)

    @property
    def entering_ms(self) -> int:
        """Milliseconds of sound that will be in items the service has not added yet, as far as it is certain: what
        was created or committed, and what the user is saying. What has not been heard yet as speech is not in it."""
        commits = sum(max(0, end - start) for start, end in self._commits) / self.bytes_per_ms
        ends = ((span, span.unsure if span.end is None else span.end) for span in self._spans.values())
        spoken = sum((self.ms if end is None else end) - span.start for span, end in ends)
        return int(commits) + max(0, spoken) + sum(create.sound_ms for create in self._creates)

    @property
    def speaking(self) -> bool:
        """Whether the user is known to speak."""
        return any(span.end is None and span.unsure is None for span in self._spans.values())

    def retuned(self) -> None:
        """Turn detection was changed: nobody knows what becomes of a turn in progress."""
        for span in self._spans.values():
            if span.end is None and span.unsure is None:
                span.unsure = self.ms

    @property
    def uncommitted_ms(self) -> int:
        """Milliseconds of sound sent since the last commit or clear."""
        return int((self._received - self._committed) / self.bytes_per_ms)

    def sound_in(self, item: Wire) -> int:
        """Milliseconds of sound a created item carries with it."""
        total = 0
        for part in item.get("content") or ():
            if part.get("type") == "input_audio" and isinstance(part.get("audio"), str):
                encoded: str = part["audio"]
                total += len(encoded) * 3 // 4 - encoded[-2:].count("=")
        return int(total / self.bytes_per_ms)

    def started(self, item_id: str, start_ms: int) -> None:
        """Speech began that will become this item. What had begun before and never ended was given up."""
        for given_up in [other for other, span in self._spans.items() if span.unsure is not None and span.end is None]:
            del self._spans[given_up]
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
        span = self._spans.get(item_id)
        if span is None or span.end is None:  # not ended by voice detection, so by a commit of the app
            start, end = self._commits.popleft() if self._commits else (self._received, self._received)
            end_ms = int(end / self.bytes_per_ms)
            length_ms = int((end - start) / self.bytes_per_ms)
            self._spans[item_id] = _Span(end_ms - length_ms if span is None else span.start, end_ms)
        else:
            self._committed = self._received

    def refused(self, error: ev.ErrorDetail) -> None:
        """The service refused something; if it was a commit or a create, no item will answer it."""
        if error.code == "input_audio_buffer_commit_empty":
            start, end = self._commits.popleft() if self._commits else (0, -1)
            if self._committed == end:  # nothing was cleared or committed since: the sound is in the buffer still
                self._committed = start
            return
        refused = self._refused_create(error)
        if refused is not None:
            self._creates.remove(refused)

    def _refused_create(self, error: ev.ErrorDetail) -> _Create | None:
        """By event id; where the service leaves that out, the oldest create, if the error is about creating.

        Answers come in order, except that an output waits for the response that made its call.
        """
        if error.event_id is not None:
            return next((create for create in self._creates if create.event_id == error.event_id), None)
        field = (error.param or "").split(".")[0]
        words = f"{error.code} {error.message}".lower()
        if field not in ("item", "previous_item_id") and "item_create" not in words and "creating item" not in words:
            return None
        late = error.code == "invalid_tool_call_id"
        return next((one for one in self._creates if (one.item_type == "function_call_output") == late), None)

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
            sound[0].audio_ms = max(0, (span.end or 0) - span.start)

    def _created(self, item: Item) -> int:
        """Milliseconds of sound in the app's create that this item answers, 0 if it answers none."""
        if item.id in self._spans or (item.role == "assistant" and item.in_progress):
            return 0
        named = [create for create in self._creates if create.item_id == item.id]
        unnamed = [create for create in self._creates if create.item_id is None and create.item_type == item.type]
        for create in (*named, *unnamed):
            self._creates.remove(create)
            return create.sound_ms
        return 0
