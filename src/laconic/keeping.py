"""The sound and the images of what leaves the service at our wish, so that the app can still retrieve them.

Only the service has them as they are: a user's sound after noise reduction and turn detection, a reply as it was cut.
So it is asked for an item right before our deletion of it goes out, and nobody waits: the service answers in order, and
what it says comes before it has deleted anything. The app sees neither question nor answer. Retrieving costs the
transfer and no tokens.

What comes is put into a `Keep`, message by message, as it came. One that forgets the oldest, or fails, costs the app
some sound and nothing else. A service that refuses to retrieve, or lets go of an item and has said nothing, is not
asked again.

A `retrieved` does not say whose question it answers. The app's of the same item were sent before ours, since while we
delete an item it has to wait (wishes.py); so as many as were open then are the app's, and the next is ours.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.items import Part, Wire

__all__ = ["Keep", "Keeping", "NotKept"]

_WORDS = ("input_text", "output_text")
_BYTES_PER_MS = {"pcm16": 48.0, "g711_ulaw": 8.0, "g711_alaw": 8.0}
_FRAME = 64 * 1024
"""Bytes of a message beside its sound and images."""
_ROOMY = 2**24
"""A connection that takes messages of so many bytes is trusted with an item of unknown size: what comes in one message
has 15 MiB at most."""
_SLOW = 250_000
"""Bytes a second that come at least: a live conversation in sound takes a quarter of that each way."""
_ASKED_AT_ONCE = 256
"""Items of which the app's unanswered questions are counted at most; services exist that never answer."""


class NotKept(Exception):
    """Something could not be kept, or not be read again, and nothing more will be."""


class Keep(Protocol):
    """Messages by item. It may forget them, the oldest first."""

    @property
    def largest(self) -> int:
        """Bytes of the largest message that can be received and kept: a larger one is not asked for."""
        ...

    def put(self, item_id: str, raw: ev.Raw) -> None:
        """In place of what was kept of this item. NotKept if that cannot be done."""
        ...

    def get(self, item_id: str) -> ev.Raw | None:
        """What was put last; None if it is not here. NotKept if it cannot be read."""
        ...

    def drop(self, item_id: str) -> None: ...

    def close(self) -> None:
        """The session is over; nothing is asked of it any more."""
        ...


@dataclass(slots=True)
class _Question:
    event_id: str
    behind: int
    """How many answers to the app's questions of the same item come first."""
    size: float
    """Bytes that are on their way, as far as it is known."""


class Keeping:
    """One session's. `keep`: None if nothing is to be kept. `tell` is told, once, why nothing is kept any more."""

    def __init__(
        self,
        keep: Keep | None,
        mirror: Conversation,
        *,
        ids: Callable[[], str],
        tell: Callable[[str], object],
    ) -> None:
        self._keep, self._mirror, self._ids, self._tell = keep, mirror, ids, tell
        self.known: Container[str] = ()
        """The items the app believes in."""
        self._works = keep is not None
        self._answers = True
        self._open: dict[str, _Question] = {}  # by the item that we asked for
        self._late: dict[str, str] = {}  # items that left and nothing had been said: the event id of our question
        self._of_app: dict[str, int] = {}  # by item: the app's questions that have no answer yet
        self._largest_create = 0
        self._kept: set[str] = set()
        self._cuts: dict[str, dict[int, int]] = {}  # by item and part: where it was cut after we had it, ms

    # --- asking --------------------------------------------------------------------------------------------------

    def said(self, raw: ev.Raw, event: ev.Event) -> None:
        """The app says this to the service."""
        if isinstance(event, ev.ConversationItemCreate):
            self._largest_create = max(self._largest_create, len(raw))
        elif isinstance(event, ev.ConversationItemRetrieve) and self._works:
            self._of_app[event.item_id] = self._of_app.get(event.item_id, 0) + 1
            if len(self._of_app) > _ASKED_AT_ONCE:
                del self._of_app[next(iter(self._of_app))]

    def ask(self, item_id: str) -> Wire | None:
        """What to ask of an item that is about to be deleted at our wish; None if there is nothing to keep."""
        item = self._mirror.get(item_id)
        if not (self._works and self._answers) or item is None or item_id in self._open or item_id not in self.known:
            return None
        sizes = [self._size(part) for part in item.parts]
        if all(part.kind in _WORDS for part in item.parts) or not self._fits(sizes):
            return None
        question = _Question(self._ids(), self._of_app.get(item_id, 0), sum(filter(None, sizes)))
        self._open[item_id] = question
        return {"event_id": question.event_id, "type": "conversation.item.retrieve", "item_id": item_id}

    def _fits(self, sizes: list[float | None]) -> bool:
        """Whether the answer will surely be received: one that is too large ends the connection."""
        assert self._keep is not None
        largest = self._keep.largest
        known = all(size is not None for size in sizes)
        return (known or largest >= _ROOMY) and 1.2 * sum(filter(None, sizes)) + _FRAME <= largest

    def _size(self, part: Part) -> float | None:
        """Bytes of a part as it will come; None if nobody knows. With what comes before and after a user's speech,
        which is not counted."""
        if part.is_audio:
            mine = part.kind == "output_audio"
            rate = self._mirror.output_bytes_per_ms if mine else self._mirror.input.bytes_per_ms
            return (part.audio_ms + 1_000) * rate * 4 / 3 if part.audio_ms or mine else None
        return 0 if part.kind in _WORDS else self._largest_create

    @property
    def transfer_s(self) -> float:
        """How much later than else the service may answer, for what it has to send us first."""
        return sum(question.size for question in self._open.values()) / _SLOW

    # --- what the service says -----------------------------------------------------------------------------------

    def read(self, raw: ev.Raw, event: ev.Event) -> bool:
        """Whether this is an answer to us, which the app is not to see. To be asked of every event, before anybody
        else who waits for answers."""
        if self._keep is None:
            return False
        match event:
            case ev.ConversationItemRetrieved(item=item):
                return self._retrieved(item.get("id") or "", raw)
            case ev.Error(error=error):
                return self._refused(error)
            case ev.ConversationItemDeleted(item_id=item_id) if item_id in self._open:
                self._late[item_id] = self._open.pop(item_id).event_id
                self._answers = False
            case ev.ConversationItemTruncated(item_id=item_id):
                self.cut(item_id, event.content_index, event.audio_end_ms)
            case _:
                pass
        return False

    def _retrieved(self, item_id: str, raw: ev.Raw) -> bool:
        self._answered_app(item_id)
        question = self._open.get(item_id)
        if question is not None and question.behind:
            question.behind -= 1
            return False
        if question is None and item_id not in self._late:
            return False
        self._open.pop(item_id, None)
        self._late.pop(item_id, None)
        self._answers = True
        if item_id in self.known:
            self._put(item_id, raw)
        return True

    def _answered_app(self, item_id: str) -> None:
        question = self._open.get(item_id)
        if item_id in self._of_app and (question is None or question.behind):
            self._of_app[item_id] -= 1
            if not self._of_app[item_id]:
                del self._of_app[item_id]

    def _refused(self, error: ev.ErrorDetail) -> bool:
        if error.event_id in self._late.values():
            return True
        words = f"{error.code or ''} {error.message}".lower()
        mine = next((one for one, asked in self._open.items() if asked.event_id == error.event_id), None)
        if mine is None and (error.event_id is None or "retriev" in words):  # services exist that name any event
            mine = self._meant(error, words)
        if mine is None:
            if "retriev" in words:
                self._refused_to_app(error)
            return False
        del self._open[mine]
        if not any(gone in words for gone in ("invalid_item_id", "not found", "does not exist")):
            self._answers = False
        return True

    def _meant(self, error: ev.ErrorDetail, words: str) -> str | None:
        """Of an error that does not say what it answers: which of our questions."""
        if any(f"item_{verb}" in words for verb in ("delete", "truncate", "create")):
            return None
        found = _quoted(self._open, error.message)
        if found is None and "item.retrieve" in words:  # it does not know the very event
            found = next(iter(self._open), None)
        return found if found is not None and not self._open[found].behind else None

    def _refused_to_app(self, error: ev.ErrorDetail) -> None:
        item_id = _quoted(self._of_app, error.message)
        if item_id is not None:
            self._answered_app(item_id)
            question = self._open.get(item_id)
            if question is not None and question.behind:
                question.behind -= 1

    # --- what is kept --------------------------------------------------------------------------------------------

    def _put(self, item_id: str, raw: ev.Raw) -> None:
        self.drop(item_id)
        if self._keep is not None and self._works:
            try:
                self._keep.put(item_id, raw)
            except NotKept as error:
                self._fail(error)
            else:
                self._kept.add(item_id)

    def _fail(self, error: NotKept) -> None:
        if self._works:
            self._works = False
            self._tell(str(error))

    def cut(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """The app has cut a reply: of what is kept, no more than this is given."""
        if item_id in self._kept:
            self._cuts.setdefault(item_id, {})[content_index] = audio_end_ms

    def drop(self, item_id: str) -> None:
        """The app has deleted an item."""
        self._cuts.pop(item_id, None)
        if self._keep is not None and item_id in self._kept:
            self._kept.discard(item_id)
            self._keep.drop(item_id)

    def whole(self, item: Wire) -> Wire:
        """An item as we know it, with all that the service had beside that."""
        theirs = self._of(item["id"])
        if theirs is None:
            return item
        if "content" not in item:
            return theirs | item
        parts = cast("list[Wire]", item["content"])
        beside = cast("list[Wire]", theirs.get("content") or [])
        cuts = self._cuts.get(item["id"], {})
        for index, kept in list(enumerate(beside))[: len(parts)]:
            part = self._shortened(kept, cuts[index]) if index in cuts else kept
            parts = [*parts[:index], part | parts[index], *parts[index + 1 :]]
        return theirs | item | {"content": parts}

    def _of(self, item_id: str) -> Wire | None:
        if self._keep is None or item_id not in self._kept:
            return None
        try:
            raw = self._keep.get(item_id)
        except NotKept as error:
            self._fail(error)
            return None
        found: Any = ev.wire(raw)["item"] if raw is not None else None
        return found

    def _shortened(self, part: Wire, ms: int) -> Wire:
        """A part with so much of its sound; with none if it cannot be read."""
        rate = _BYTES_PER_MS.get(str(part.get("format")), self._mirror.output_bytes_per_ms)
        try:
            sound = base64.b64decode(part.get("audio") or "")[: int(ms * rate)]
        except ValueError:
            return {key: value for key, value in part.items() if key != "audio"}
        return part | {"audio": base64.b64encode(sound).decode()}

    def close(self) -> None:
        if self._keep is not None:
            self._works = False
            self._keep.close()


def _quoted(ids: Iterable[str], words: str) -> str | None:
    """The item that these words name; one id may be the beginning of another."""
    named = (one for one in ids if one and one in words)
    return next((one for one in named if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", words)), None)
