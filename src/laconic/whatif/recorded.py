"""A recording read as what happened in it, whoever made it: ours, or a service's messages as somebody kept them.

The lines go through a Session that only listens, so sizes and lengths are those the mirror infers. Edits that a memory
made while it was recorded are passed over (deletes, notes, summaries: laconic's own, and an app's deletes of what had
been heard), since the question is what another memory would have made of the same talk. A reply that was deleted
before anything else was said counts as never heard.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import count

from laconic import events as ev
from laconic.errors import BadInput
from laconic.items import Item, Wire
from laconic.recording import Line, Sender, read_lines
from laconic.session import Session, ToApp
from laconic.usage import TranscriptionUsage, Usage
from laconic.whatif.turns import Beside, Configured, Cut, Happening, Left, Replied, Said, Talk, Transcribed

__all__ = ["Recorded", "talk_of"]


def talk_of(lines: Iterable[str], name: str) -> tuple[Talk, BadInput | None]:
    """The conversation in these lines, and where the recording breaks off, if it does."""
    recorded, broken = Recorded(), None
    try:
        for line in read_lines(lines):
            recorded.read(line)
    except BadInput as error:
        broken = error
    return recorded.talk(name), broken


class Recorded:
    """Feed it the lines of a recording in order."""

    def __init__(self) -> None:
        numbers = count()
        self._session = Session(ids=lambda: f"whatif_{next(numbers)}")
        self._session.end(0.0)
        self._happenings: list[Happening] = []
        self._ours: set[str] = set()  # items a memory wrote
        self._known: set[str] = set()
        self._latest: set[str] = set()  # items of the latest response, until something else is said
        self._settings: tuple[str, tuple[Wire, ...]] | None = None
        self._at_ms = 0
        self._began_ms: int | None = None
        self._spoken_ms = 0

    def read(self, line: Line) -> None:
        """One message, from whichever side."""
        if line.at_ms is not None:
            self._began_ms = line.at_ms if self._began_ms is None else self._began_ms
            self._at_ms = max(0, line.at_ms - self._began_ms)
        else:  # recordings made elsewhere have no times: speech is all we know of how long it took
            self._at_ms = self._spoken_ms
        if line.sender == "service":
            self._session.from_service(line.raw, self._at_ms / 1000)
        else:
            self._sent(line.sender, ev.read(line.raw))
            self._session.from_app(line.raw, self._at_ms / 1000)
        for action in self._session.actions():
            if isinstance(action, ToApp):
                self._take(action.event)

    def talk(self, name: str) -> Talk:
        """All that was read so far."""
        conversation = self._session.conversation
        return Talk(
            name,
            tuple(self._happenings),
            max(self._at_ms, self._spoken_ms),
            conversation.model,
            conversation.transcription_model,
        )

    def _sent(self, sender: Sender, event: ev.Event) -> None:
        if sender == "laconic" and isinstance(event, ev.ConversationItemCreate):
            self._ours.add(event.item.get("id") or "")

    def _take(self, event: ev.Event) -> None:
        match event:
            case ev.SessionCreated() | ev.SessionUpdated():
                self._configured()
            case ev.ConversationItemAdded(item=wire) | ev.ConversationItemDone(item=wire):
                self._entered(wire.get("id") or "")
            case ev.InputAudioTranscriptionCompleted(item_id=item_id) if event.status != "in_progress":
                self._transcribed(item_id, event.transcript, event.usage)
            case ev.ResponseDone():
                self._responded(event)
            case ev.ConversationItemTruncated(item_id=item_id, audio_end_ms=heard_ms):
                self._happenings.append(Cut(at_ms=self._at_ms, item_id=item_id, heard_ms=heard_ms))
            case ev.ConversationItemDeleted(item_id=item_id) if item_id in self._latest:
                self._happenings.append(Left(at_ms=self._at_ms, item_id=item_id))
            case _:
                pass

    def _configured(self) -> None:
        settings = self._session.conversation.settings
        found = settings.get("instructions") or "", tuple(settings.get("tools") or ())
        if found != self._settings:
            self._settings = found
            self._happenings.append(Configured(at_ms=self._at_ms, instructions=found[0], tools=found[1]))

    def _entered(self, item_id: str) -> None:
        """An item that the service did not generate, once it is whole."""
        item = self._session.conversation.get(item_id)
        if item is None or item.in_progress or item_id in self._known or item_id in self._ours:
            return
        if item.type == "function_call" or (item.role == "assistant" and self._session.conversation.responding):
            return  # comes with its response
        self._known.add(item_id)
        self._latest.clear()
        self._spoken_ms += item.audio_ms
        self._happenings.append(Said(at_ms=self._at_ms, item=copy.deepcopy(item)))

    def _transcribed(self, item_id: str, words: str | None, usage: Wire | None) -> None:
        item = self._session.conversation.get(item_id)
        self._happenings.append(
            Transcribed(
                at_ms=self._at_ms,
                item_id=item_id,
                words=words or None,
                audio_ms=item.audio_ms if item is not None else 0,
                usage=TranscriptionUsage.from_wire(usage),
            )
        )

    def _responded(self, event: ev.ResponseDone) -> None:
        response = event.response
        usage = Usage.from_wire(response.get("usage"), top_level=event.usage)
        if "conversation_id" in response and response["conversation_id"] is None:
            if usage is not None:
                self._happenings.append(Beside(at_ms=self._at_ms, usage=usage))
            return
        made = (self._session.conversation.get(wire.get("id") or "") for wire in response.get("output") or ())
        items = tuple(copy.deepcopy(item) for item in made if item is not None and not _empty(item))
        self._latest = {item.id for item in items}
        self._known |= self._latest
        self._spoken_ms += sum(item.audio_ms for item in items)
        self._happenings.append(
            Replied(at_ms=self._at_ms, response_id=response.get("id") or "", items=items, usage=usage)
        )


def _empty(item: Item) -> bool:
    return item.type == "message" and not item.audio_ms and not item.text
