"""Edits: our own changes to the conversation, from the wish until the service has answered.

An edit is sent, and then one of four things happens: the service acknowledges it; it refuses; it says that it
does not know the item (which is an answer too: then it does not hold it); or it says nothing at all. Servers
exist that never acknowledge (Hugging Face speech-to-speech, PROTOCOL §11) and clients exist that hang waiting
(livekit#7073), so every edit has a deadline, is tried once more, and is then given up. A service that leaves
two edits of a kind unanswered, or refuses three, before ever doing one, is taken not to support that kind.

Matching an error to its edit: by event id; else by the item id quoted in the message (of an insert: its own, or that
of the item it was to follow), because `event_id` is null on some services (livekit#3344, Voice Live); else, if just one
edit is under way, the code names its kind and the app has not asked for one of that kind itself, by that.

The app edits too. Who asked for what is noted, so that its answers are its own, and so that we leave alone what it is
just changing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from laconic import events as ev
from laconic.items import Wire

__all__ = ["Delete", "Edit", "Edits", "Insert", "Outcome", "Truncate"]


@dataclass(frozen=True, slots=True)
class Delete:
    """Take an item out of the conversation."""

    item_id: str
    why: str
    """For the caller's eyes: `memory`, `not heard`, `empty`, `written`, `folded`, `undone`, `drift`, `unwanted`."""

    kind = "delete"

    def event(self) -> Wire:
        return {"type": "conversation.item.delete", "item_id": self.item_id}


@dataclass(frozen=True, slots=True)
class Truncate:
    """Cut the sound of a reply where the caller stopped hearing it."""

    item_id: str
    content_index: int
    audio_end_ms: int

    kind = "truncate"

    def event(self) -> Wire:
        return {
            "type": "conversation.item.truncate",
            "item_id": self.item_id,
            "content_index": self.content_index,
            "audio_end_ms": self.audio_end_ms,
        }


@dataclass(frozen=True, slots=True)
class Insert:
    """Write an item of our own into the conversation, behind an item that is held, or at the front."""

    item: Wire
    """In GA's spelling, with an id of ours (at most 32 characters)."""
    behind: str
    """An item's id, or `root` for the front."""
    instead_of: tuple[str, ...] = ()
    """The items that will leave once this one stands."""
    lines: tuple[tuple[str, str], ...] = ()
    """Whose words stand in it, and how, in their order; empty where they cannot be told apart (a summary)."""

    kind = "create"

    @property
    def item_id(self) -> str:
        return self.item["id"]

    def event(self) -> Wire:
        return {"type": "conversation.item.create", "previous_item_id": self.behind, "item": self.item}


Edit = Delete | Truncate | Insert
_DUE_AGAIN = 64
"""So many second answers are waited for at most: services exist that never answer."""
Result = Literal["done", "gone", "refused", "unanswered", "misplaced", "withheld"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an edit ended."""

    edit: Edit
    result: Result
    """`gone`: the service does not know the item. `unanswered`: given up after a second try. `misplaced`: written,
    but not where we asked (servers exist that always append). `withheld`: not sent, or taken back, because of what the
    app does with the item; the service has no part in it."""
    why: str = ""


@dataclass(slots=True)
class _Sent:
    edit: Edit
    event_ids: list[str]
    deadline: float


@dataclass(slots=True)
class _Record:
    done: int = 0
    refused: int = 0
    unanswered: int = 0

    @property
    def supported(self) -> bool:
        return self.done > 0 or (self.refused < 3 and self.unanswered < 2)


@dataclass(slots=True)
class _Asked:
    """An edit of the app's that nobody has answered yet."""

    kind: str
    item_id: str
    event_id: str | None
    until: float | None
    """How long we leave the item alone; None once that is over. A late answer is the app's all the same."""


@dataclass(slots=True)
class Edits:
    """The edits under way. One per item at a time."""

    ids: Callable[[], str]
    """Makes ids for the events we send."""
    ack_timeout_s: float
    lacks: Collection[str] = ()
    """What the service is known not to do, from before this conversation (laws.EDITS)."""
    _sent: dict[str, _Sent] = field(default_factory=dict[str, _Sent])
    _given_up: dict[str, Edit] = field(default_factory=dict[str, Edit])  # a late answer is still to ours
    _records: dict[str, _Record] = field(default_factory=dict[str, _Record])
    _asked: deque[_Asked] = field(default_factory=lambda: deque[_Asked](maxlen=64))
    _said: deque[str] = field(default_factory=lambda: deque[str](maxlen=64))  # event ids of what we sent lately
    _twice: dict[str, str] = field(default_factory=dict[str, str])
    """Items of edits that were sent twice and answered once, with the kind: another answer is due."""

    def __contains__(self, item_id: object) -> bool:
        """Whether an edit of this item is under way."""
        return item_id in self._sent

    def __len__(self) -> int:
        return len(self._sent)

    def supports(self, kind: str) -> bool:
        """Whether the service is still believed to do edits of this kind; `place`: to put inserts where we ask."""
        return kind not in self.lacks and (kind not in self._records or self._records[kind].supported)

    def tried(self, item_id: str) -> bool:
        """Whether an edit of this item has been given up: it is not tried a third time."""
        return item_id in self._given_up

    def touches(self, item_id: str) -> bool:
        """Whether an edit under way has to do with this item: changes it, follows it, or writes down its words."""
        if item_id in self._sent:
            return True
        inserts = (sent.edit for sent in self._sent.values() if isinstance(sent.edit, Insert))
        return any(item_id == insert.behind or item_id in insert.instead_of for insert in inserts)

    def deleting(self, item_id: str) -> bool:
        """Whether we are deleting this item."""
        return item_id in self._sent and isinstance(self._sent[item_id].edit, Delete)

    def asked_of(self, item_id: str) -> bool:
        """Whether the app is deleting or cutting this item."""
        return any(asked.item_id == item_id and asked.until is not None for asked in self._asked)

    @property
    def deadline(self) -> float | None:
        waits = [sent.deadline for sent in self._sent.values()]
        waits += [asked.until for asked in self._asked if asked.until is not None]
        return min(waits, default=None)

    def send(self, edit: Edit, now: float) -> Wire:
        """Note the edit and return the event to send."""
        event_id = self.ids()
        self._said.append(event_id)
        self._sent[edit.item_id] = _Sent(edit, [event_id], now + self.ack_timeout_s)
        return {"event_id": event_id, **edit.event()}

    def asked(self, event: ev.Event, now: float) -> None:
        """Take note of an edit the app sends itself: its answers are the app's."""
        match event:
            case ev.ConversationItemDelete(item_id=item_id):
                kind = "delete"
            case ev.ConversationItemTruncate(item_id=item_id):
                kind = "truncate"
            case ev.ConversationItemCreate(item=item):
                kind, item_id = "create", item.get("id") or ""
            case _:
                return
        until = None if kind == "create" else now + self.ack_timeout_s
        self._asked.append(_Asked(kind, item_id, event.event_id, until))

    def late(self, event: ev.Event) -> bool:
        """Whether an event that settles nothing is all the same the second answer to an edit of ours."""
        match event:
            case ev.ConversationItemDeleted(item_id=item_id):
                return self._answered_again(item_id, "delete")
            case ev.ConversationItemTruncated(item_id=item_id):
                return self._answered_again(item_id, "truncate")
            case ev.Error(error=error) if error.event_id is not None:
                return error.event_id in self._said
            case ev.Error(error=error):
                quoted = next((item_id for item_id in self._twice if item_id in error.message), None)
                return quoted is not None and self._answered_again(quoted, self._twice[quoted])
            case _:
                return False

    def _answered_again(self, item_id: str, kind: str) -> bool:
        if self._twice.get(item_id) != kind:
            return False
        del self._twice[item_id]
        return True

    def answer(self, event: ev.Event) -> Outcome | None:
        """What an event of the service says about an edit of ours; None if it is about something else."""
        match event:
            case ev.ConversationItemDeleted(item_id=item_id):
                outcome = self._acknowledged(item_id, "delete")
                self._given_up.pop(item_id, None)
                return outcome
            case ev.ConversationItemTruncated(item_id=item_id):
                return self._acknowledged(item_id, "truncate")
            case ev.ConversationItemAdded(item=item, previous_item_id=previous):
                return self._written(item.get("id") or "", previous)
            case ev.Error(error=error):
                return self._refused(error)
            case _:
                return None

    def _acknowledged(self, item_id: str, kind: str) -> Outcome | None:
        sent = self._sent.get(item_id)
        if sent is not None and sent.edit.kind == kind:
            self._end(sent)
            self._record(kind).done += 1
            return Outcome(sent.edit, "done")
        late = self._given_up.get(item_id)
        if late is not None and late.kind == kind:
            del self._given_up[item_id]
            self._record(kind).done += 1
            if kind != "create":
                self._due_again(item_id, kind)
            return Outcome(late, "done")
        if self._twice.get(item_id) != kind:
            self._told_app(kind, item_id)
            if kind == "create":
                self._told_app(kind, "")
        return None

    def _end(self, sent: _Sent) -> None:
        item_id = sent.edit.item_id
        del self._sent[item_id]
        if len(sent.event_ids) > 1:
            self._due_again(item_id, sent.edit.kind)

    def _due_again(self, item_id: str, kind: str) -> None:
        self._twice[item_id] = kind
        if len(self._twice) > _DUE_AGAIN:
            del self._twice[next(iter(self._twice))]

    def _written(self, item_id: str, previous: str | msgspec.UnsetType | None) -> Outcome | None:
        """An item entered: ours, in its place or not, or somebody else's."""
        outcome = self._acknowledged(item_id, "create")
        if outcome is None or not isinstance(outcome.edit, Insert):
            return None
        if isinstance(previous, msgspec.UnsetType) or (previous or "root") == outcome.edit.behind:
            return outcome
        return Outcome(outcome.edit, "misplaced", "the service put it elsewhere")

    def _refused(self, error: ev.ErrorDetail) -> Outcome | None:
        sent = self._matching(error)
        if sent is None:
            self._refused_to_app(error)
            return None
        item_id = sent.edit.item_id
        self._end(sent)
        words = f"{error.code or ''} {error.message}".lower()
        unknown = "invalid_item_id" in words or "not found" in words or "does not exist" in words
        if unknown and not isinstance(sent.edit, Insert):
            self._record(sent.edit.kind).done += 1  # it understood the edit
            return Outcome(sent.edit, "gone", error.message)
        self._record(sent.edit.kind).refused += 1
        if not isinstance(sent.edit, Insert):  # what was not written has an id nobody will use again
            self._given_up[item_id] = sent.edit
        return Outcome(sent.edit, "refused", error.message)

    def _matching(self, error: ev.ErrorDetail) -> _Sent | None:
        waiting = list(self._sent.values())
        if error.event_id is not None:
            mine = [sent for sent in waiting if error.event_id in sent.event_ids]
            if mine:
                return mine[0]
        quoted = [sent for sent in waiting if sent.edit.item_id in error.message]
        if error.event_id is None and "item_create" in (error.code or ""):
            quoted += [sent for sent in waiting if isinstance(sent.edit, Insert) and sent.edit.behind in error.message]
        if quoted:
            return quoted[0]
        if error.event_id is None and len(waiting) == 1 and f"item_{waiting[0].edit.kind}" in (error.code or ""):
            kind = waiting[0].edit.kind
            return None if any(asked.kind == kind for asked in self._asked) else waiting[0]
        return None

    def _told_app(self, kind: str, item_id: str | None) -> None:
        """An answer went to the app: to its edit of this item, or the oldest of this kind."""
        for asked in self._asked:
            if asked.kind == kind and item_id in (asked.item_id, None):
                self._asked.remove(asked)
                return

    def _refused_to_app(self, error: ev.ErrorDetail) -> None:
        """By event id; else by the item quoted; else the oldest of the kind that the code names."""
        kinds = [kind for kind in ("delete", "truncate", "create") if f"item_{kind}" in (error.code or "")]
        if "can be truncated" in error.message or "already shorter" in error.message:
            kinds.append("truncate")
        named = [one for one in self._asked if error.event_id is not None and one.event_id == error.event_id]
        quoted = [one for one in self._asked if one.kind in kinds and one.item_id and one.item_id in error.message]
        of_kind = [one for one in self._asked if one.kind in kinds]
        for found in (named, quoted, of_kind):
            if found:
                self._asked.remove(found[0])
                return

    def expire(self, now: float) -> tuple[list[Wire], list[Outcome]]:
        """What to send again because nobody answered, and what to give up."""
        for asked in self._asked:
            if asked.until is not None and asked.until <= now:
                asked.until = None
        again: list[Wire] = []
        ended: list[Outcome] = []
        for item_id, sent in list(self._sent.items()):
            if sent.deadline > now:
                continue
            if len(sent.event_ids) == 1 and not isinstance(sent.edit, Insert):  # written twice would be there twice
                sent.event_ids.append(self.ids())
                self._said.append(sent.event_ids[-1])
                sent.deadline = now + self.ack_timeout_s
                again.append({"event_id": sent.event_ids[-1], **sent.edit.event()})
            else:
                del self._sent[item_id]
                self._given_up[item_id] = sent.edit
                self._record(sent.edit.kind).unanswered += 1
                ended.append(Outcome(sent.edit, "unanswered", "no answer"))
        return again, ended

    def _record(self, kind: str) -> _Record:
        return self._records.setdefault(kind, _Record())
