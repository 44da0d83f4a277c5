"""Sound like the sound before it: known by what stands around the payload, and taken in without being read.

The pieces of a stream differ in their event id and their payload and in nothing else. Once one has been read, the next
is compared with it: where all around the payload is the same, what was read of the one holds for the other, and the
payload's length is known from the message's. That is most of the traffic, and on a gateway most of the work: what has
to be done for each piece is done in `Stream.passes`, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.exchanges import Exchanges

__all__ = ["Passing", "Stream"]

_EVENT_ID = re.compile(rb'"event_id" ?: ?"')


class Stream:
    """What the last piece looked like. Bytes only: who has text has paid for its reading already."""

    def __init__(self) -> None:
        self.unread = 0
        """Bytes of sound that have passed and that nobody has put down yet."""
        self._head, self._mark, self._tail = b"", b"", b""
        self._begun, self._marked, self._left = 0, 0, 0  # how long they are

    def follow(self, raw: ev.Raw, payload: bytes) -> None:
        """This piece was read, and this was its payload, quotes included. Later ones are compared with it."""
        self.forget()
        begin = raw.find(payload) + 1 if isinstance(raw, bytes) else 0
        if not begin or not isinstance(raw, bytes):
            return
        self._tail = raw[begin + len(payload) - 2 :]
        named = _EVENT_ID.search(raw, 0, begin)
        start = named.end() if named is not None else 0
        self._head = raw[:start]
        self._mark = raw[raw.index(b'"', start) if start else 0 : begin]
        self._begun, self._marked, self._left = start, len(self._mark), len(self._tail)

    def forget(self) -> None:
        """The next piece has to be read, whatever it looks like."""
        self._mark = b""

    def passes(self, raw: ev.Raw) -> bool:
        """Whether this piece is like the last but for event id and payload. Then its sound is added to `unread`."""
        if not self._mark or not isinstance(raw, bytes) or not raw.startswith(self._head):
            return False
        at = raw.find(b'"', self._begun) if self._begun else 0
        if not raw.startswith(self._mark, at):
            return False
        begin = at + self._marked
        end = raw.find(b'"', begin)
        if end - begin < 4 or len(raw) - end != self._left or not raw.endswith(self._tail):
            return False
        self.unread += (end - begin) * 3 // 4 - (raw[end - 1] == 0x3D) - (raw[end - 2] == 0x3D)
        return True


class Passing:
    """The sound of one session, both ways. `sounded` hears of the sound of a reply; `open`: whether the app's sound may
    pass now, until it says something else.

    What passes unread is put down (`settle`) before anything else happens in the session."""

    def __init__(
        self,
        conversation: Conversation,
        exchanges: Exchanges,
        sounded: Callable[[str], None],
        open: Callable[[], bool],
    ) -> None:
        self._conversation, self._exchanges, self._sounded, self._open = conversation, exchanges, sounded, open
        self.reply, self.speech = Stream(), Stream()
        self._item_id, self._part = "", 0

    def delta(self, raw: ev.Raw, event: ev.ResponseOutputAudioDelta) -> None:
        """A piece of a reply was read."""
        self._item_id, self._part = event.item_id, event.content_index
        self.reply.follow(raw, bytes(event.delta))
        self._put_down(ev.payload_bytes(event.delta))

    def append(self, raw: ev.Raw, event: ev.Event) -> bool:
        """The app said this. Whether it is sound that may pass."""
        if isinstance(event, ev.InputAudioBufferAppend) and self._open():
            self.speech.follow(raw, bytes(event.audio))
            self._conversation.said(event)
            return True
        self.speech.forget()  # what comes behind it may have to wait for it
        return False

    def settle(self) -> None:
        """Put down what has passed unread."""
        if self.reply.unread:
            self._put_down(self.reply.unread)
            self.reply.unread = 0
        if self.speech.unread:
            self._conversation.input.appended(self.speech.unread)
            self.speech.unread = 0

    def _put_down(self, size: int) -> None:
        self._conversation.sounded(self._item_id, self._part, size)
        self._exchanges.sounded(self._item_id)
        self._sounded(self._item_id)
