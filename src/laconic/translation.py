"""An app of one dialect on a service of the other: what each says, told to the other in its own spelling.

It stands between the app and the session. The session speaks GA's spelling with the app and the service's own
with the service, and gives the app what the service said as the service spelled it; so two ways remain to be
translated, and only where the dialects differ:

    raw from the app      → to_session → the session, in GA's spelling
    raw for the app       → to_app     → 0, 1 or 2 messages in the app's spelling

Nearly everything is a rename or a reshaping of one message by itself (dialects.py). One thing is not. Beta tells
of a new item once (`conversation.item.created`), GA twice: `added` when it enters and `done` when it is complete.
So for a GA app the second is made here: at once for an item that enters complete; before
`response.output_item.done` for one that a response is still writing, which is the order of all 33 generated items
in recorded GA sessions; before `response.done` where a service leaves that out. Azure Voice Live, otherwise beta,
says `conversation.item.done` of a user's sound itself (recorded, July 2026): then it is not said twice.

Sound is never parsed: a delta's name is replaced where it stands (naming.py).
"""

from __future__ import annotations

import msgspec

from laconic.dialects import (
    BETA_NAMES,
    GA_NAMES,
    Dialect,
    client_to_ga,
    dialect_of,
    server_to_beta,
    server_to_ga,
)
from laconic.events import Raw, wire
from laconic.items import Wire
from laconic.naming import named

__all__ = ["AppSide"]

_APP_SHAPED = ("session.update", "transcription_session.update", "conversation.item.create", "response.create")
"""What an app says that holds a session, an item or a response."""

_SHAPED = {
    "session.created",
    "session.updated",
    "transcription_session.created",
    "transcription_session.updated",
    "conversation.item.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
}
"""What a service says that holds one of them."""


class AppSide:
    """One connection's translation. `app`, `service`: the dialect each was dialled in.

    What the service's first session object betrays counts for more than what was dialled, because that is what
    the session goes by. Messages keep their kind: text stays text, bytes stay bytes. What cannot be read, and
    every event that is not known, passes unchanged.
    """

    def __init__(self, app: Dialect, service: Dialect) -> None:
        self.app: Dialect = app
        self.service: Dialect = service
        self._sure = False
        self._open: dict[str, str | None] = {}
        """Items a response is still writing, and their predecessors."""
        self._done: set[str] = set()
        """Items whose `done` was made here, which the service might say once more."""

    def to_session(self, raw: Raw) -> Raw:
        """What the app said, in GA's spelling. Settings only beta has survive towards a service that has them."""
        if self.app == "ga" or named(raw)[0] not in _APP_SHAPED:
            return raw
        event = _parsed(raw)
        return raw if event is None else _written(client_to_ga(event, keep=self.service == "beta"), raw)

    def to_app(self, raw: Raw) -> list[Raw]:
        """What the session gives the app, in the app's spelling: no message, one, or two."""
        if self._sure and self.app == self.service:
            return [raw]
        name, at = named(raw)
        if name == "session.created":
            self._sure = True
            self.service = dialect_of(_parsed(raw) or {}) or self.service
        if self.app == self.service:
            return [raw]
        return self._to_ga(raw, name, at) if self.app == "ga" else self._to_beta(raw, name, at)

    # --- a beta app on a GA service -----------------------------------------------------------------------------

    def _to_beta(self, raw: Raw, name: str, at: int) -> list[Raw]:
        beta = BETA_NAMES.get(name)
        written = name.endswith(".delta") and name != "response.output_audio.delta"  # padded: `obfuscation`
        if name not in _SHAPED and not written:
            return [raw if beta is None else _renamed(raw, at, name, beta)]
        event = _parsed(raw)
        if event is None:
            return [raw]
        told = server_to_beta(event)
        return [] if told is None else [_written(told, raw)]

    # --- a GA app on a beta service -----------------------------------------------------------------------------

    def _to_ga(self, raw: Raw, name: str, at: int) -> list[Raw]:
        if name not in _SHAPED and name != "conversation.item.deleted":
            return [_renamed(raw, at, name, GA_NAMES[name]) if name in GA_NAMES else raw]
        event = _parsed(raw)
        if event is None:
            return [raw]
        if name == "conversation.item.deleted":
            self._forget(event.get("item_id"))
            return [raw]
        told = server_to_ga(event)
        return [_written(one, raw) for one in self._in_order(name, told)]

    def _in_order(self, name: str, told: Wire) -> list[Wire]:
        """What is told, and the `done` of the items that it shows to be complete."""
        match name:
            case "conversation.item.created":
                return [told, *self._entered(told)]
            case "conversation.item.done":
                item_id = _id(told.get("item"))
                self._open.pop(item_id, None)
                if item_id in self._done:
                    self._done.discard(item_id)
                    return []
                return [told]
            case "response.output_item.done":
                return [*self._completed(told, [told.get("item")]), told]
            case "response.done":
                response = told.get("response")
                output = response.get("output") if isinstance(response, dict) else None
                return [*self._completed(told, output if isinstance(output, list) else []), told]
            case _:
                return [told]

    def _entered(self, added: Wire) -> list[Wire]:
        item, previous = added.get("item"), added.get("previous_item_id")
        item_id = _id(item)
        if not isinstance(item, dict) or not item_id or item_id in self._open or item_id in self._done:
            return []
        if item.get("status") == "in_progress":
            self._open[item_id] = previous
            return []
        self._done.add(item_id)
        return [_done(added, item, previous)]

    def _completed(self, told: Wire, items: list[object]) -> list[Wire]:
        return [
            _done(told, item, self._open.pop(item_id), f"_{place}" if place else "")
            for place, item in enumerate(items)
            if isinstance(item, dict) and (item_id := _id(item)) in self._open
        ]

    def _forget(self, item_id: object) -> None:
        if isinstance(item_id, str):
            self._open.pop(item_id, None)
            self._done.discard(item_id)


def _done(told: Wire, item: Wire, previous: str | None, place: str = "") -> Wire:
    """The event GA would have said; its id tells which one of the service's it follows from."""
    event: Wire = {"type": "conversation.item.done", "previous_item_id": previous, "item": item}
    if isinstance(event_id := told.get("event_id"), str):
        event["event_id"] = f"{event_id}_done{place}"
    return event


def _id(item: object) -> str:
    found: object = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) else ""


def _renamed(raw: Raw, at: int, name: str, new: str) -> Raw:
    """The message with another type, the rest untouched."""
    if at < 0:
        event = _parsed(raw)
        return raw if event is None else _written(event | {"type": new}, raw)
    if isinstance(raw, str):
        return raw[:at] + new + raw[at + len(name) :]
    return raw[:at] + new.encode() + raw[at + len(name) :]


def _parsed(raw: Raw) -> Wire | None:
    try:
        return wire(raw)
    except ValueError:
        return None


def _written(event: Wire, like: Raw) -> Raw:
    encoded = msgspec.json.encode(event)
    return encoded.decode() if isinstance(like, str) else encoded
