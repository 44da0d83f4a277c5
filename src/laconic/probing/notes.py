"""Everything that happened in a probe, as facts: each response with what it read, made and was billed for, each edit
with its answer.

The conversation is the engine's mirror (conversation.py), so a prompt is what the service held when it created the
response, by its own account. Notes draw no conclusions; questions.py does.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.dialects import client_to_beta
from laconic.items import Item, Wire
from laconic.meter import Cost, Meter
from laconic.rates import Rates
from laconic.usage import Usage

__all__ = ["Answer", "EditResult", "Edited", "Notes"]

EditResult = Literal["done", "refused", "unanswered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response that is done."""

    name: str
    """Of the turn that asked for it."""
    response_id: str
    status: str
    usage: Usage | None
    told: Any
    """The `usage` as it stood on the wire: null and a block of zeros are different facts."""
    instructions: str
    tools: tuple[Wire, ...]
    read: tuple[Item, ...]
    """Copies of the items held when it was created, in order."""
    made: tuple[Item, ...]
    """Copies of the items it put into the conversation."""
    after_s: float
    """Seconds since the response before."""
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """One edit, answered or not."""

    kind: Literal["create", "delete", "truncate", "update"]
    place: str
    """What it was to try out: `end`, `front`, `middle`, `unknown`, `cut`, `written`, `note`, `picture`; of an update,
    what is changed."""
    item_id: str
    event_id: str
    result: EditResult
    took_ms: int
    error: ev.ErrorDetail | None = None
    behind: str | None = None
    """Of a create: where it was to stand (`root` for the front)."""
    stands_behind: str | None = None
    """Of a create: the item the service named before it; None where it named none."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a response reads that is not done yet."""

    name: str
    held: tuple[Item, ...] = ()
    instructions: str = ""
    tools: tuple[Wire, ...] = ()
    after_s: float = 0.0


class Notes:
    """Follows a conversation in both directions. `rates` price it."""

    def __init__(self, rates: Rates | None) -> None:
        self.conversation = Conversation()
        self.meter = Meter(rates)
        self.answers: list[Answer] = []
        self.edits: list[Edited] = []
        self.errors: list[ev.ErrorDetail] = []
        self.turn = ""
        """The name of the turn under way."""
        self.now = 0.0
        self.began: float | None = None
        self._events = 0
        self._done_at = 0.0
        self._reading: dict[str, _Reading] = {}

    def at(self, now: float) -> None:
        """Time has come to `now`."""
        if self.began is None:
            self.began = self._done_at = now
        self.now = now
        self.meter.elapsed(int((now - self.began) * 1000))

    def event_id(self) -> str:
        """An id for an event of ours, never the same twice."""
        self._events += 1
        return f"probe_event_{self._events}"

    def said(self, event: Wire, now: float) -> str:
        """We say this; as it goes onto the wire."""
        self.at(now)
        raw = json.dumps(event)
        read = ev.read(raw)
        self.conversation.said(read)
        if isinstance(read, ev.ConversationItemCreate) and read.item.get("type", "message") == "message":
            self.meter.message()
        return json.dumps(client_to_beta(event)) if self.conversation.dialect == "beta" else raw

    def heard(self, raw: ev.Raw, now: float) -> ev.Event:
        """The service said this."""
        self.at(now)
        event = ev.read(raw)
        self.conversation.read(event)
        if isinstance(event, ev.ResponseCreated):
            self._created(event.response)
        elif isinstance(event, ev.ResponseDone):
            self._done(event)
        elif isinstance(event, ev.Error):
            self.errors.append(event.error)
        return event

    def supports(self, kind: str) -> bool:
        """Whether edits of this kind still make sense: one was done, or none has gone without an answer."""
        tried = [edit.result for edit in self.edits if edit.kind == kind and edit.place != "unknown"]
        return "done" in tried or not tried

    def _created(self, response: Wire) -> None:
        held = tuple(deepcopy([item for item in self.conversation if not item.in_progress]))
        settings, since = self.conversation.settings, self.now - self._done_at
        tools = tuple(settings.get("tools") or ())
        reading = _Reading(self.turn, held, settings.get("instructions") or "", tools, since)
        self._reading[response.get("id", "")] = reading

    def _done(self, event: ev.ResponseDone) -> None:
        response = event.response
        response_id, status = response.get("id") or "", response.get("status") or "completed"
        usage = Usage.from_wire(response.get("usage"), top_level=event.usage)
        cost = self.meter.response(response_id, status, usage)
        reading = self._reading.pop(response_id, _Reading(self.turn))
        made = (self.conversation.get(wire.get("id", "")) for wire in response.get("output") or ())
        self._done_at = self.now
        self.answers.append(
            Answer(
                name=reading.name,
                response_id=response_id,
                status=status,
                usage=usage,
                told=response.get("usage") or event.usage,
                instructions=reading.instructions,
                tools=reading.tools,
                read=reading.held,
                made=tuple(deepcopy([item for item in made if item is not None])),
                after_s=reading.after_s,
                cost=cost,
            )
        )
