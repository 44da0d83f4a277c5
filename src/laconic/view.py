"""What the app believes is there: its items in its order, and what it is told of them.

The app sees one unbroken conversation, whatever we do to the real one. So there is a second list beside the mirror:
every item the app was told of and has not deleted, the very objects the mirror holds, kept when the service lets go of
them. What is written down, folded or forgotten stays in it, with its words and the length of its sound.

Where an event names an item's predecessor it is the app's, never an item of ours. `previous_item_id` of
`conversation.item.done` has a quirk of its own: the service writes null for a generated item behind the first item of
all (17 of 17 recordings). Whether this service does so is learned, and where our edits have changed what stands first,
the app is told what it would have been told without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.items import Item
from laconic.order import Order
from laconic.standing import Standing
from laconic.survivors import Survivors

__all__ = ["View"]

Previous = str | msgspec.UnsetType | None


class View:
    """Follows what the app is told. `mirror` is read before this is; `standing` knows what stands in items of ours."""

    def __init__(self, mirror: Conversation, standing: Standing) -> None:
        self._mirror, self._standing = mirror, standing
        self._items = Order()
        self._survivors = Survivors()
        self._places: dict[str, tuple[str, str]] = {}  # by item to come: where the app wants it, and where we asked for
        self._generated: set[str] = set()  # items that a response is still making
        self._second_has_null: bool | None = None
        """Whether this service writes null on `done` of a generated second item; None until one has come."""
        self.removed: Callable[[str], object] = lambda _: None
        """Told of every item that the app no longer believes in."""
        self.gaps = False
        """Whether an item has ever vanished: since then a place in the service's order is none in the app's."""

    # --- looking ---------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def get(self, item_id: str) -> Item | None:
        """The app's item of that id, held by the service or not."""
        return self._items.get(item_id)

    def sharing(self, call_id: str) -> Iterator[Item]:
        """The app's items of this `call_id`."""
        return self._items.sharing(call_id)

    def before(self, item_id: str | None) -> str | None:
        """The id of the item before this one in the app's order."""
        item = self._items.neighbours(item_id)[0] if item_id is not None else None
        return item.id if item is not None else None

    def survivor_before(self, item_id: str) -> str | None:
        """The last item before this one that is not known to be `lost`, in O(log n)."""
        return self._survivors.before(item_id)

    def lost(self, item_id: str) -> None:
        """The service holds neither an item nor a note of it, and never will again."""
        self._survivors.mark(item_id, False)

    def vanished(self, item_id: str) -> bool:
        """Whether the app believes in an item that the service does not hold."""
        return item_id in self._items and item_id not in self._mirror

    # --- what the app wants ----------------------------------------------------------------------------------

    def expect(self, item_id: str, wanted: str, asked: str) -> None:
        """The app creates an item behind `wanted`; we asked the service to put it behind `asked` (or `root`)."""
        self._places[item_id] = wanted, asked
        if len(self._places) > 64:
            del self._places[next(iter(self._places))]

    def remove(self, item_id: str) -> None:
        """The app was told that an item is deleted."""
        self._items.remove(item_id)
        self._survivors.remove(item_id)
        self._generated.discard(item_id)
        self.removed(item_id)

    def left(self, item_id: str) -> None:
        """The service may have let go of an item, and the app is not told."""
        self.gaps = self.gaps or self.vanished(item_id)

    # --- what the app is told --------------------------------------------------------------------------------

    def tell(self, raw: ev.Raw, event: ev.Event) -> tuple[ev.Raw, ev.Event]:
        """An event of the service, the mirror having read it, as the app is to hear it."""
        match event:
            case ev.ConversationItemAdded(previous_item_id=previous):
                return self._told(raw, event, self._entered(event.item.get("id") or "", previous))
            case ev.ConversationItemDone(item=item):
                return self._told(raw, event, self._done(item.get("id") or "", event.previous_item_id))
            case ev.InputAudioBufferCommitted(previous_item_id=previous):
                return self._told(raw, event, self._committed(previous))
            case ev.ConversationItemDeleted(item_id=item_id):
                self.remove(item_id)
            case ev.InputAudioTranscriptionCompleted(item_id=item_id) if self.vanished(item_id):
                item = self._items.get(item_id)
                if item is not None and event.content_index < len(item.parts):
                    item.parts[event.content_index].text = event.transcript
            case ev.ResponseDone():
                self._responded()
            case _:
                pass
        return raw, event

    def _responded(self) -> None:
        for item_id in list(self._generated):
            item = self._mirror.get(item_id)
            if item is None:
                self.remove(item_id)  # it was never finished, and the mirror has let go of it
            elif not item.in_progress:
                self._generated.discard(item_id)  # beta has no `done`

    def _told(self, raw: ev.Raw, event: Any, previous: Previous) -> tuple[ev.Raw, ev.Event]:
        """The event with this predecessor; untouched if it is the one it has."""
        if previous == event.previous_item_id:
            return raw, event
        whole = ev.wire(raw) | {"previous_item_id": previous}
        return msgspec.json.encode(whole).decode(), msgspec.structs.replace(event, previous_item_id=previous)

    def _committed(self, said: Previous) -> Previous:
        last = next(reversed(self._mirror), None)
        if said != (last.id if last is not None else None):
            return said  # xAI writes null on everything
        mine = next(reversed(self._items), None)
        return mine.id if mine is not None else None

    # --- items entering --------------------------------------------------------------------------------------

    def _entered(self, item_id: str, said: Previous) -> Previous:
        item = self._mirror.get(item_id)
        if item is None:
            return said
        before, after = self._mirror.neighbours(item_id)
        if item_id not in self._items:
            self._items.place(item, self._place(item_id, before, after, said))
            self._survivors.place(item_id, self.before(item_id))
            if item.in_progress:
                self._generated.add(item_id)
        else:
            self._survivors.mark(item_id, True)  # it may be here again
        if said is msgspec.UNSET or (said is None and before is not None):
            return said
        return self.before(item_id)

    def _place(self, item_id: str, before: Item | None, after: Item | None, said: Previous) -> Previous:
        """Behind whom a new item stands in the app's order: where the app wanted it, if it stands where we asked."""
        wanted, asked = self._places.pop(item_id, ("", ""))
        if asked and (said or "root") == asked and (wanted == "root" or wanted in self._items):
            return wanted
        if after is None:
            return msgspec.UNSET
        while before is not None and before.id not in self._items:
            known = [one for one in self._standing.items(before.id) if one in self._items]
            if known:
                return self._last(known)
            before = self._mirror.neighbours(before.id)[0]
        return before.id if before is not None else None

    def _last(self, ids: list[str]) -> str:
        """The one of these that stands last."""
        return next(item.id for item in reversed(self._items) if item.id in ids)

    def _done(self, item_id: str, said: Previous) -> Previous:
        generated = item_id in self._generated
        self._generated.discard(item_id)
        if item_id not in self._mirror:
            return said
        if item_id not in self._items:  # a server that never said `added`
            return self._entered(item_id, said)
        before = self._mirror.neighbours(item_id)[0]
        second = before is not None and self._mirror.neighbours(before.id)[0] is None
        if generated and second and said is not msgspec.UNSET:
            self._second_has_null = said is None
        mine = self.before(item_id)
        mine_is_first = mine is not None and self.before(mine) is None
        unchanged = mine == (before.id if before is not None else None) and mine_is_first == second
        odd = said is None and before is not None and not (generated and second)
        if unchanged or odd or said is msgspec.UNSET:
            return said
        return None if generated and mine_is_first and self._second_has_null is not False else mine
