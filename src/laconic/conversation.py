"""The mirror: what the service holds right now, inferred from what both sides said.

Nothing in the protocol lists a conversation, so it has to be followed: items enter with `added` (beta:
`created`), fill while a response runs, are completed by `done`, and leave with `deleted`. The mirror believes
acknowledgements and nothing else; what the app or we asked for does not change it until the service says so.

Where the wire lies or is silent, we decide like this:

- order comes from `added` alone; `previous_item_id` of `done` is null for most second items (17 of 17 recorded);
- an item whose predecessor is unknown goes to the end: `added` may name an item deleted a moment ago (livekit);
- null means the front, as GA documents, except on xAI, which writes null on everything;
- an item that a finished response neither completed nor lists in its output does not exist: an empty reply of
  a cancelled response may or may not be kept, and its output is the only witness;
- a truncation takes the transcript with it, whole (4 of 4 probes of 2026-09-30).

Every event costs the same however long the talk has been (order.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import msgspec

from laconic import events as ev
from laconic.changes import Changes
from laconic.dialects import Dialect, dialect_of, session_to_ga
from laconic.input_audio import InputAudio
from laconic.items import Item, Part, Wire, part_from_wire
from laconic.order import Order

__all__ = ["Conversation", "Response"]


@dataclass(slots=True)
class Response:
    """One response while it runs."""

    id: str
    out_of_band: bool
    """Its items stay out of the conversation; it is billed all the same."""
    item_ids: list[str] = field(default_factory=list[str])


class Conversation:
    """Feed it with `read` (from the service) and `said` (from the app); iterate for the items in order."""

    def __init__(self) -> None:
        self.settings: Wire = {}
        """The service's session settings as it last reported them, in GA's shape; empty before that."""
        self.dialect: Dialect = "ga"
        self.model: str | None = None
        self.responses: dict[str, Response] = {}
        """Responses in progress, by id, out-of-band ones included."""
        self.user_speaking = False
        self.input = InputAudio()
        self.changes = Changes()
        """Items that entered, changed once complete, or left."""
        self._order = Order()
        self._sounding: dict[str, None] = {}  # messages that have sound, or may yet get it
        self._sound: dict[str, dict[int, int]] = {}  # bytes received, by item in progress and part, held or not
        self._ended: dict[str, dict[int, int]] = {}  # the same of the response that ended last
        self.output_bytes_per_ms = 48.0
        """Of the sound of replies: PCM16 at 24 kHz unless the session says otherwise."""
        self._null_is_tail = False

    # --- looking ---------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Item]:
        return iter(self._order)

    def __reversed__(self) -> Iterator[Item]:
        return reversed(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._order

    def get(self, item_id: str) -> Item | None:
        """The item of that id, or None if the service does not hold it."""
        return self._order.get(item_id)

    def neighbours(self, item_id: str) -> tuple[Item | None, Item | None]:
        """The items before and after one that is held. KeyError if it is not."""
        return self._order.neighbours(item_id)

    def partners(self, item: Item) -> list[Item]:
        """The other items that share this one's `call_id`: a function call's outputs, an output's call."""
        return self._order.partners(item)

    def sharing(self, call_id: str) -> Iterator[Item]:
        """The items of this `call_id`: a function call and its outputs."""
        return self._order.sharing(call_id)

    def sounding(self) -> Iterator[Item]:
        """Complete items that still hold sound, in order of their entering."""
        for item_id in list(self._sounding):
            item = self.get(item_id)
            if item is None or (item.parts and not any(part.is_audio for part in item.parts)):
                del self._sounding[item_id]
            elif not item.in_progress:
                yield item

    @property
    def responding(self) -> bool:
        """Whether a response that writes into this conversation is in progress."""
        return any(not response.out_of_band for response in self.responses.values())

    def made(self, response: Wire) -> list[Item]:
        """The items of a response that has just ended. Those that are not held here, made beside the conversation or
        deleted meanwhile, are as the service told of them, with the sound that came."""
        made: list[Item] = []
        for wire in cast("list[Wire]", response.get("output") or []):
            item = self.get(wire.get("id") or "")
            if item is None:
                item = Item.from_wire(wire)
                for index, received in self._ended.get(item.id, {}).items():
                    if index < len(item.parts):
                        item.parts[index].audio_ms = int(received / self.output_bytes_per_ms)
            made.append(item)
        return made

    @property
    def hears_turns(self) -> bool:
        """Whether the service says when the user begins and ends to speak (voice detection)."""
        return bool(self._side("input").get("turn_detection"))

    @property
    def answers_by_itself(self) -> bool:
        """Whether the service creates a response after each turn (voice detection with `create_response`)."""
        detection = self._side("input").get("turn_detection")
        return bool(detection) and detection.get("create_response", True) is not False

    @property
    def transcription_model(self) -> str | None:
        """The model that writes down what the user says; None if nobody does."""
        return (self._side("input").get("transcription") or {}).get("model")

    def _side(self, name: str) -> Wire:
        audio = cast(Wire, self.settings.get("audio") or {})
        return cast(Wire, audio.get(name) or {})

    def _bytes_per_ms(self, side: str) -> float:
        shape = cast(Wire, self._side(side).get("format") or {})
        if shape.get("type") in ("audio/pcmu", "audio/pcma"):
            return 8.0
        return (shape.get("rate") or 24_000) * 2 / 1000

    # --- what the app said -----------------------------------------------------------------------------------

    def said(self, event: ev.Event) -> None:
        """Take note of what the app sent. It changes no item; it explains what the service will say."""
        self.input.said(event)

    # --- what the service said -------------------------------------------------------------------------------

    def read(self, event: ev.Event) -> None:
        """Follow one message of the service."""
        follow = self._follow.get(type(event))
        if follow is not None:
            follow(self, event)

    def remove(self, item_id: str) -> None:
        """The service no longer holds this item. Nothing happens if the mirror did not know it."""
        self._order.remove(item_id)
        self.changes.note(item_id)
        self._sounding.pop(item_id, None)

    def _session(self, event: ev.SessionCreated | ev.SessionUpdated) -> None:
        self.dialect = dialect_of({"session": event.session}) or self.dialect
        before = self._side("input").get("turn_detection")
        self.settings = session_to_ga(event.session)
        if self._side("input").get("turn_detection") != before:
            self.input.retuned()
        self.model = self.settings.get("model") or self.model
        self.input.bytes_per_ms = self._bytes_per_ms("input")
        self.output_bytes_per_ms = self._bytes_per_ms("output")

    def _ping(self, event: ev.Ping) -> None:
        # Only xAI sends one, and it writes `previous_item_id: null` on nearly everything, items included.
        self._null_is_tail = True

    def _added(self, event: ev.ConversationItemAdded) -> None:
        item = Item.from_wire(event.item)
        if not item.id:
            return
        known = self.get(item.id)
        if known is not None:  # repeated after a reconnect, or by a server that says it twice
            self._fill(known, item)
            return
        self.input.measure(item)
        previous = event.previous_item_id
        self._place(item, msgspec.UNSET if previous is None and self._null_is_tail else previous)

    def _place(self, item: Item, previous: str | msgspec.UnsetType | None) -> None:
        self._order.place(item, previous)
        self.changes.note(item.id)
        if item.type == "message" and (not item.parts or any(part.is_audio for part in item.parts)):
            self._sounding[item.id] = None

    def _item_done(self, event: ev.ConversationItemDone) -> None:
        item = Item.from_wire(event.item)
        known = self.get(item.id)
        if known is not None:
            self._fill(known, item)
        elif item.id and not self._order.gone(item.id):  # a server that never said `added`
            self.input.measure(item)
            self._place(item, msgspec.UNSET if event.previous_item_id is None else event.previous_item_id)

    def _fill(self, known: Item, said: Item) -> None:
        """Take over what an item says of itself, keeping what the wire leaves out: lengths and transcripts."""
        for index, part in enumerate(said.parts):
            if index < len(known.parts):
                part.audio_ms = part.audio_ms or known.parts[index].audio_ms
                if part.text is None or (part.is_audio and not part.text):
                    part.text = known.parts[index].text if known.parts[index].text is not None else part.text
        if said.parts:
            known.parts = said.parts
        known.status = said.status or known.status
        known.arguments = said.arguments if said.arguments is not None else known.arguments
        known.output = said.output if said.output is not None else known.output
        known.name = said.name or known.name
        known.extra |= said.extra
        self.changes.note(known.id)

    def _item_deleted(self, event: ev.ConversationItemDeleted) -> None:
        self.remove(event.item_id)

    def _item_truncated(self, event: ev.ConversationItemTruncated) -> None:
        item = self.get(event.item_id)
        if item is not None and event.content_index < len(item.parts):
            part = item.parts[event.content_index]
            part.audio_ms, part.text = event.audio_end_ms, None
            self.changes.note(event.item_id)

    def _speech_started(self, event: ev.InputAudioBufferSpeechStarted) -> None:
        self.user_speaking = True
        self.input.started(event.item_id, event.audio_start_ms)

    def _speech_stopped(self, event: ev.InputAudioBufferSpeechStopped) -> None:
        self.user_speaking = False
        length_ms = self.input.stopped(event.item_id, event.audio_end_ms)
        item = self.get(event.item_id)  # held already only on xAI
        if item is not None and item.parts and length_ms is not None:
            item.parts[0].audio_ms = length_ms
            self.changes.note(event.item_id)

    def _timed_out(self, event: ev.InputAudioBufferTimeoutTriggered) -> None:
        self.input.started(event.item_id, event.audio_start_ms)
        self.input.stopped(event.item_id, event.audio_end_ms)

    def _committed(self, event: ev.InputAudioBufferCommitted) -> None:
        self.input.committed(event.item_id)
        self.user_speaking = False

    def _error(self, event: ev.Error) -> None:
        self.input.refused(event.error)

    def _transcribed(self, event: ev.InputAudioTranscriptionCompleted) -> None:
        item = self.get(event.item_id)
        if item is not None and event.content_index < len(item.parts):
            item.parts[event.content_index].text = event.transcript
            self.changes.note(event.item_id)
            if item.role == "user" and item.in_progress and event.status == "completed":
                item.status = "completed"  # xAI sends no `item.done`

    # --- responses -------------------------------------------------------------------------------------------

    def _response_created(self, event: ev.ResponseCreated) -> None:
        response = event.response
        out_of_band = "conversation_id" in response and response["conversation_id"] is None
        self.responses[response.get("id", "")] = Response(response.get("id", ""), out_of_band)

    def _output_item_added(self, event: ev.ResponseOutputItemAdded) -> None:
        response = self.responses.get(event.response_id)
        if response is not None:
            response.item_ids.append(event.item.get("id", ""))

    def _output_item_done(self, event: ev.ResponseOutputItemDone) -> None:
        known = self.get(event.item.get("id", ""))
        if known is not None:
            self._fill(known, Item.from_wire(event.item))

    def _part_added(self, event: ev.ResponseContentPartAdded) -> None:
        item = self.get(event.item_id)
        if item is not None and event.part is not None and event.content_index >= len(item.parts):
            item.parts.append(part_from_wire(event.part, "assistant"))

    def _part_of(self, item_id: str, index: int, kind: str) -> Part | None:
        item = self.get(item_id)
        if item is None:
            return None
        while len(item.parts) <= index:
            item.parts.append(Part(kind))
        return item.parts[index]

    def _audio_delta(self, event: ev.ResponseOutputAudioDelta) -> None:
        self.sounded(event.item_id, event.content_index, ev.payload_bytes(event.delta))

    def sounded(self, item_id: str, content_index: int, size: int) -> None:
        """So many bytes more of a reply's sound have come."""
        parts = self._sound.setdefault(item_id, {})
        received = parts[content_index] = parts.get(content_index, 0) + size
        part = self._part_of(item_id, content_index, "output_audio")
        if part is not None:
            part.audio_ms = int(received / self.output_bytes_per_ms)

    def _transcript_delta(self, event: ev.ResponseOutputAudioTranscriptDelta) -> None:
        part = self._part_of(event.item_id, event.content_index, "output_audio")
        if part is not None:
            part.text = (part.text or "") + event.delta

    def _text_delta(self, event: ev.ResponseOutputTextDelta) -> None:
        part = self._part_of(event.item_id, event.content_index, "output_text")
        if part is not None:
            part.text = (part.text or "") + event.delta

    def _arguments_done(self, event: ev.ResponseFunctionCallArgumentsDone) -> None:
        item = self.get(event.item_id)
        if item is not None:
            item.arguments = event.arguments

    def _response_done(self, event: ev.ResponseDone) -> None:
        said = event.response
        response = self.responses.pop(said.get("id", ""), None)
        output = {item.get("id"): item for item in cast("list[Wire]", said.get("output") or [])}
        self._ended = {item_id: self._sound.pop(item_id, {}) for item_id in response.item_ids} if response else {}
        for item_id in response.item_ids if response else ():
            item = self.get(item_id)
            if item is not None and item.in_progress:
                if item_id not in output:
                    self.remove(item_id)
                else:
                    self._fill(item, Item.from_wire(output[item_id]))
                    if item.in_progress:
                        item.status = "completed" if said.get("status") == "completed" else "incomplete"

    _follow: ClassVar[dict[type[ev.Event], Callable[[Conversation, Any], None]]] = {
        ev.SessionCreated: _session,
        ev.SessionUpdated: _session,
        ev.Ping: _ping,
        ev.Error: _error,
        ev.ConversationItemAdded: _added,
        ev.ConversationItemDone: _item_done,
        ev.ConversationItemDeleted: _item_deleted,
        ev.ConversationItemTruncated: _item_truncated,
        ev.InputAudioBufferSpeechStarted: _speech_started,
        ev.InputAudioBufferSpeechStopped: _speech_stopped,
        ev.InputAudioBufferTimeoutTriggered: _timed_out,
        ev.InputAudioBufferCommitted: _committed,
        ev.InputAudioTranscriptionCompleted: _transcribed,
        ev.ResponseCreated: _response_created,
        ev.ResponseOutputItemAdded: _output_item_added,
        ev.ResponseOutputItemDone: _output_item_done,
        ev.ResponseContentPartAdded: _part_added,
        ev.ResponseOutputAudioDelta: _audio_delta,
        ev.ResponseOutputAudioTranscriptDelta: _transcript_delta,
        ev.ResponseOutputTextDelta: _text_delta,
        ev.ResponseFunctionCallArgumentsDone: _arguments_done,
        ev.ResponseDone: _response_done,
    }
