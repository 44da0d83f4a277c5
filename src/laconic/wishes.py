"""What the app asks for, when it speaks of items that the service no longer holds.

The app deletes, cuts, retrieves and refers to what it believes is there (view.py). What the service holds is passed on
as it is. For the rest there are three ways:

- translated: a create behind a vanished item goes behind the note its words stand in, or behind its nearest surviving
  predecessor; a reference to one becomes a reference to that note, or its words;
- answered from our copy (owed.py): delete, truncate, retrieve, and a create that uses a vanished item's id again.
  What the app deletes or cuts is deleted and cut in our notes too. A copy has the sound that was kept (keeping.py);
- put off: while an edit of ours is under way that has to do with the item, nobody knows what the service holds. Then
  the message waits for the answer to that edit, and everything the app says after it waits behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, cast

from laconic import events as ev
from laconic import rejections
from laconic.conversation import Conversation
from laconic.edits import Edits
from laconic.folding import line
from laconic.items import Item, Wire
from laconic.keeping import Keeping
from laconic.owed import Answer, Owed
from laconic.playback import heard_words
from laconic.rejections import Rejection
from laconic.standing import Standing
from laconic.view import View

__all__ = ["Wishes"]

Message = tuple[ev.Raw, ev.Event]


class Wishes:
    """Messages of the app, on their way to the service.

    `send` sends a message of ours that is no edit; `remove` deletes a note of ours and `restore` writes an item of ours
    behind another, both at this time in seconds. `spell` writes a message.
    """

    def __init__(
        self,
        view: View,
        mirror: Conversation,
        standing: Standing,
        edits: Edits,
        owed: Owed,
        keeping: Keeping,
        *,
        ids: Callable[[], str],
        send: Callable[[Wire], None],
        remove: Callable[[str, float], None],
        restore: Callable[[Wire, str, float], None],
        spell: Callable[[Wire], str],
    ) -> None:
        self._view, self._mirror, self._standing, self._edits, self._owed = view, mirror, standing, edits, owed
        self._ids, self._send, self._remove, self._restore, self._spell = ids, send, remove, restore, spell
        self._keeping = keeping
        self._waiting: deque[Message] = deque()
        self._deleted: set[str] = set()  # by the app, which the answer has still to be given

    @property
    def waiting(self) -> bool:
        """Whether messages of the app wait for edits of ours to be answered."""
        return bool(self._waiting)

    @property
    def backlog(self) -> int:
        """How much the app has asked for that the service has still to say something about. Whoever reads from the app
        holds it back where this grows."""
        return len(self._waiting) + len(self._owed)

    def disputed(self, item_id: str) -> bool:
        """Whether the app has deleted or cut an item, or what stands in it, and that has still to be carried out."""
        if item_id in self._owed:
            return True
        changes = (event for _, event in self._waiting)
        return any(
            item_id in self._standing.places(event.item_id)
            for event in changes
            if isinstance(event, ev.ConversationItemDelete | ev.ConversationItemTruncate)
        )

    def said(self, raw: ev.Raw, event: ev.Event, now: float) -> Iterator[Message]:
        """The app says this. What is to be passed on now."""
        self._waiting.append((raw, event))
        yield from self.go_on(now)

    def go_on(self, now: float) -> Iterator[Message]:
        """What need not wait any longer."""
        while self._waiting and not any(self._open(item_id) for item_id in _about(self._waiting[0][1])):
            yield from self._carried(*self._waiting.popleft(), now)

    def _open(self, item_id: str) -> bool:
        """Whether it is open where an item is, or its words are."""
        return item_id in self._view and any(map(self._edits.touches, self._standing.places(item_id)))

    def _vanished(self, item_id: str) -> bool:
        return self._view.vanished(item_id) and item_id not in self._deleted

    def _carried(self, raw: ev.Raw, event: ev.Event, now: float) -> Iterator[Message]:
        match event:
            case ev.ConversationItemCreate():
                yield from self._create(raw, event, now)
            case ev.ConversationItemDelete(item_id=item_id) if item_id in self._view and item_id not in self._deleted:
                yield from self._delete(raw, event, now)
            case ev.ConversationItemTruncate(item_id=item_id) if item_id in self._view and _is_whole(raw):
                yield from self._truncate(raw, event, now)
            case ev.ConversationItemRetrieve(item_id=item_id) if self._vanished(item_id):
                item = self._copy(item_id)
                self._answer(event, {"type": "conversation.item.retrieved", "item": item.to_wire()}, now)
            case ev.ResponseCreate() | ev.Unknown(name="response.create"):
                yield self._refer(raw, event)
            case _:
                yield raw, event

    def _copy(self, item_id: str) -> Item:
        item = self._view.get(item_id)
        assert item is not None
        return item

    # --- answered from here ------------------------------------------------------------------------------------

    def _answer(
        self,
        event: Any,
        answer: Wire,
        now: float,
        *,
        about: str | None = None,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Answer what the app asked of a vanished item; the service is asked about it, or about the item `about`."""
        question: Wire = {"type": event.type, "item_id": about or event.item_id}
        if isinstance(event, ev.ConversationItemTruncate):
            question |= {"content_index": event.content_index, "audio_end_ms": event.audio_end_ms}
        asked = self._owed.ask(question, Answer(answer, then), now + self._keeping.transfer_s)
        if asked is not None:
            self._send(asked)

    def _delete(self, raw: ev.Raw, event: ev.ConversationItemDelete, now: float) -> Iterator[Message]:
        item_id = event.item_id
        empty = self._standing.forget(item_id)
        if item_id in self._mirror:
            yield raw, event
        else:

            def then() -> None:
                self._deleted.discard(item_id)
                self._view.remove(item_id)

            self._deleted.add(item_id)
            note_id = empty.pop(0) if empty else None
            self._answer(
                event, {"type": "conversation.item.deleted", "item_id": item_id}, now, about=note_id, then=then
            )
        for note_id in empty:
            self._remove(note_id, now)

    def _truncate(self, raw: ev.Raw, event: ev.ConversationItemTruncate, now: float) -> Iterator[Message]:
        item = self._copy(event.item_id)
        no = _no_cut(item, event)
        empty = self._standing.cut(item.id, _heard(item, event)) if no is None else []
        if not self._vanished(item.id):
            yield raw, event
        elif no is not None:
            self._answer(event, {"type": "error", "error": no.to_wire(event.event_id)}, now)
        else:
            at = {"content_index": event.content_index, "audio_end_ms": event.audio_end_ms}
            item.parts[event.content_index].audio_ms = event.audio_end_ms
            item.parts[event.content_index].text = None
            cut = partial(self._keeping.cut, item.id, event.content_index, event.audio_end_ms)
            self._answer(event, {"type": "conversation.item.truncated", "item_id": item.id, **at}, now, then=cut)
        for note_id in empty:
            self._remove(note_id, now)

    # --- translated --------------------------------------------------------------------------------------------

    def _create(self, raw: ev.Raw, event: ev.ConversationItemCreate, now: float) -> Iterator[Message]:
        item_id, wanted = event.item.get("id"), event.previous_item_id
        if item_id and self._vanished(item_id):
            error = rejections.duplicate_item(item_id).to_wire(event.event_id)
            ask = ev.ConversationItemRetrieve(item_id=item_id)  # it changes nothing, whatever is there
            self._answer(ask, {"type": "error", "error": error}, now)
            return
        self._bring_back_call(event, now)
        if not isinstance(wanted, str) or wanted in self._deleted or (wanted != "root" and wanted not in self._view):
            yield raw, event
            return
        asked = "root" if wanted == "root" else self._behind(wanted)
        whole: Wire = {}
        if asked != wanted:
            whole = ev.wire(raw) | {"previous_item_id": asked}
        if not item_id and (asked != wanted or self._view.gaps):
            # Its place in the app's order does not follow from its place in the service's: it has to be recognised.
            item_id = self._ids()
            whole = (whole or ev.wire(raw)) | {"item": event.item | {"id": item_id}}
        if item_id:
            self._view.expect(item_id, wanted, asked)
        if whole:
            raw = self._spell(whole)
            event = cast(ev.ConversationItemCreate, ev.read(raw))
        yield raw, event

    def _bring_back_call(self, event: ev.ConversationItemCreate, now: float) -> None:
        """An output is accepted only while its call is held (livekit#3344): one that is gone is written again."""
        call_id = event.item.get("call_id")
        if call_id is None or event.item.get("type") != "function_call_output":
            return
        calls = [item for item in self._view.sharing(call_id) if item.type == "function_call"]
        held = any(item.type == "function_call" for item in self._mirror.sharing(call_id))
        if calls and not held and calls[0].id not in self._deleted:
            last = next(reversed(self._mirror), None)
            call = calls[0].to_wire() | {"id": self._ids()}
            call.pop("status", None)
            self._restore(call, last.id if last is not None else "root", now)

    def _behind(self, item_id: str) -> str:
        """Whom the service is to put an item behind that the app wants behind this one: the nearest before it that is
        left, or a note. An app that asks a thousand times a second has us pass each that is lost once, and then none:
        O(log n), amortised, and a step for each item that is just being changed."""
        if item_id in self._mirror and self._edits.asked_of(item_id):
            return item_id  # if the app deletes it just now, it is to hear that it is gone
        here: str | None = item_id
        while here is not None:
            place = self._standing.behind(here) if here in self._mirror else self._standing.holder(here)
            if place is None:
                self._view.lost(here)
            elif place in self._mirror and self._stays(place):
                return place
            here = self._view.survivor_before(here)
        return "root"

    def _stays(self, place: str) -> bool:
        return not (place in self._edits or self._edits.asked_of(place) or place in self._owed)

    def _refer(self, raw: ev.Raw, event: ev.Event) -> Message:
        """A response's own input: what is gone is read as what stands for it."""
        own: Any = ev.wire(raw).get("response")
        given: object = cast(Wire, own).get("input") if isinstance(own, dict) else None
        if not isinstance(given, list):
            return raw, event
        entries = cast("list[Any]", given)
        references = [_reference(entry) for entry in entries]
        if not any(reference is not None and self._vanished(reference) for reference in references):
            return raw, event
        # If the service will refuse it, it is to name the place of what is wrong in the app's list.
        known = isinstance(event, ev.ResponseCreate) and all(one is None or one in self._view for one in references)
        entries = list(self._referred(entries, whole=not known))
        raw = self._spell(ev.wire(raw) | {"response": cast(Wire, own) | {"input": entries}})
        return raw, ev.read(raw)

    def _referred(self, entries: Iterable[Any], *, whole: bool) -> Iterator[Any]:
        """The entries, each vanished one replaced. `whole`: one for one, though a note is then read more than once."""
        used: set[str] = set()
        for entry in entries:
            item_id = _reference(entry)
            if item_id is None or not self._vanished(item_id):
                yield entry
                continue
            note_id = self._standing.holder(item_id)
            if note_id is not None and note_id in self._mirror:
                if whole or note_id not in used:
                    yield {"type": "item_reference", "id": note_id}
                used.add(note_id)
                continue
            yield from _in_words(self._copy(item_id), whole=whole)


def _about(event: ev.Event) -> Iterator[str]:
    """The items that a message of the app is about."""
    match event:
        case ev.ConversationItemCreate(item=item, previous_item_id=previous):
            yield item.get("id") or ""
            yield previous if isinstance(previous, str) else ""
        case (
            ev.ConversationItemDelete(item_id=item_id)
            | ev.ConversationItemTruncate(item_id=item_id)
            | ev.ConversationItemRetrieve(item_id=item_id)
        ):
            yield item_id
        case ev.ResponseCreate(response=own):
            given: object = (own or {}).get("input")
            entries = cast("list[Any]", given) if isinstance(given, list) else []
            yield from filter(None, map(_reference, entries))
        case _:
            pass


def _reference(entry: Any) -> str | None:
    """The item that an entry of a response's input refers to."""
    if not isinstance(entry, dict) or cast(Wire, entry).get("type") != "item_reference":
        return None
    item_id: Any = cast(Wire, entry).get("id")
    return item_id if isinstance(item_id, str) else None


def _is_whole(raw: ev.Raw) -> bool:
    """Whether a truncation has all it needs; else the service is left to say what is missing."""
    given = ev.wire(raw)
    return all(key in given and given[key] >= 0 for key in ("content_index", "audio_end_ms"))


def _no_cut(item: Item, event: ev.ConversationItemTruncate) -> Rejection | None:
    """Why the service would not cut this item here."""
    part = item.parts[event.content_index] if event.content_index < len(item.parts) else None
    if part is None or part.kind != "output_audio" or item.in_progress or event.audio_end_ms <= 0:
        return rejections.not_a_reply()
    if event.audio_end_ms > part.audio_ms:
        return rejections.already_shorter(part.audio_ms, event.audio_end_ms)
    return None


def _heard(item: Item, event: ev.ConversationItemTruncate) -> str:
    """The words of a reply that stay when it is cut."""
    part = item.parts[event.content_index]
    return heard_words(part.text or "", [], event.audio_end_ms, part.audio_ms)


def _in_words(item: Item, *, whole: bool) -> Iterator[Wire]:
    """A vanished item as something to be read; nothing if its words are not known."""
    words = item.text
    if words is None and not whole:
        return
    said = item.type == "message" and item.role in ("user", "assistant", "system")
    role = item.role if said else "system"
    text = (words or "") if said else line(item)
    kind = "output_text" if role == "assistant" else "input_text"
    yield {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
