"""Sound like the sound before it: known by what stands around the payload, and taken in without being read.

The pieces of a stream differ in their event id and their payload and in nothing else. Once one has been read, the next
is compared with it: where all around the payload is the same, what was read of the one holds for the other, and the
payload's length is known from the message's. That is most of the traffic, and on a gateway most of the work.
"""

from __future__ import annotations

from collections.abc import Callable

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.exchanges import Exchanges

__all__ = ["Passing", "Stream"]

_EVENT_ID = b'"event_id":"'


class Stream:
    """What the last piece looked like. Bytes only: who has text has paid for its reading already."""

    def __init__(self) -> None:
        self._head, self._mark, self._tail = b"", b"", b""

    def follow(self, raw: ev.Raw, payload: bytes) -> None:
        """This piece was read, and this was its payload, quotes included. Later ones are compared with it."""
        self._mark = b""
        begin = raw.find(payload) + 1 if isinstance(raw, bytes) else 0
        if not begin or not isinstance(raw, bytes):
            return
        self._tail = raw[begin + len(payload) - 2 :]
        named = raw.find(_EVENT_ID, 0, begin)
        start = named + len(_EVENT_ID) if named >= 0 else 0
        self._head = raw[:start]
        self._mark = raw[raw.index(b'"', start) if start else 0 : begin]

    def measured(self, raw: ev.Raw) -> int | None:
        """Bytes of sound in this piece; None unless it is like the last but for event id and payload."""
        if not self._mark or not isinstance(raw, bytes) or not raw.startswith(self._head):
            return None
        at = raw.find(b'"', len(self._head)) if self._head else 0
        if not raw.startswith(self._mark, at):
            return None
        begin = at + len(self._mark)
        end = raw.find(b'"', begin)
        if end - begin < 4 or raw[end:] != self._tail:
            return None
        return (end - begin) * 3 // 4 - (raw[end - 1] == 0x3D) - (raw[end - 2] == 0x3D)


class Passing:
    """The sound of one session, both ways. `sounded` hears of each piece of a reply; `open`: whether the app's sound
    may pass unread now."""

    def __init__(
        self,
        conversation: Conversation,
        exchanges: Exchanges,
        sounded: Callable[[str], None],
        open: Callable[[], bool],
    ) -> None:
        self._conversation, self._exchanges, self._sounded, self.open = conversation, exchanges, sounded, open
        self._reply, self._speech = Stream(), Stream()
        self._item_id, self._part = "", 0

    def delta(self, raw: ev.Raw, event: ev.ResponseOutputAudioDelta) -> None:
        """A piece of a reply was read."""
        self._item_id, self._part = event.item_id, event.content_index
        self._reply.follow(raw, bytes(event.delta))
        self._take_in(ev.payload_bytes(event.delta))

    def append(self, raw: ev.Raw, event: ev.InputAudioBufferAppend) -> None:
        """A piece of the app's sound was read."""
        self._speech.follow(raw, bytes(event.audio))
        self._conversation.said(event)

    def from_service(self, raw: ev.Raw) -> bool:
        """Whether this is a piece of a reply like the last. Then it has been taken in, and is the app's as it is."""
        size = self._reply.measured(raw)
        if size is None:
            return False
        self._take_in(size)
        return True

    def from_app(self, raw: ev.Raw) -> bool:
        """Whether this is a piece of the app's sound like the last. Then it is the service's as it is."""
        size = self._speech.measured(raw) if self.open() else None
        if size is None:
            return False
        self._conversation.input.appended(size)
        return True

    def _take_in(self, size: int) -> None:
        self._conversation.sounded(self._item_id, self._part, size)
        self._exchanges.sounded(self._item_id)
        self._sounded(self._item_id)
