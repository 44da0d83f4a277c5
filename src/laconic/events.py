"""What service and app say to each other: one class for every event of the protocol, bearing the wire's name.

An event is read only as far as the conversation or the bill needs it; the original message travels along and
is what gets forwarded. Sound is never decoded: a delta's payload stays a slice of the original bytes and is
only measured. The file does not know which side it is on; direction is a fact about the message, and the
client's events and the service's have different names anyway.

Unknown events are a class of their own, not an error: the protocol grows, and everything we do not know passes
through. The same holds for a known event whose fields have an unexpected shape.

Names and fields: openai-python 3.54.0 `types/realtime` and the OpenAPI description of 2026-08-21; beta names
are read as their GA counterparts (dialects.py); xAI's own (`ping`, `…transcription.updated`) from recordings.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from laconic.dialects import GA_NAMES
from laconic.items import Wire
from laconic.parsing import wire
from laconic.payload import Raw, payload_bytes, stepped_over
from laconic.shapes import SHAPES

__all__ = ["EVENTS", "Event", "Raw", "Unknown", "payload_bytes", "read", "wire"]

Maybe = str | None | msgspec.UnsetType
"""A field that may be absent, which `previous_item_id` distinguishes from null."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What every event has. `event_id` is chosen by whoever sent the event."""

    type: ClassVar[str] = ""
    event_id: str | None = None


class Unknown(Event, frozen=True, kw_only=True):
    """An event we do not know, or a known one in a shape we do not know."""

    name: str
    """Its type as it stands on the wire; empty when it has none or is not a JSON object."""
    reason: str | None = None
    """What did not fit: of a known type its fields, or all of it where it is no JSON object (parsing.py)."""


# --- session -------------------------------------------------------------------------------------------------


class SessionCreated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "session.created"
    session: Wire


class SessionUpdated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "session.updated"
    session: Wire


class SessionUpdate(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "session.update"
    session: Wire


class TranscriptionSessionUpdate(SessionUpdate, frozen=True, kw_only=True):
    """From the app, beta only."""

    type: ClassVar[str] = "transcription_session.update"


class TranscriptionSessionCreated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "transcription_session.created"


class TranscriptionSessionUpdated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "transcription_session.updated"


class ConversationCreated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.created"


class Ping(Event, frozen=True, kw_only=True):
    """xAI's."""

    type: ClassVar[str] = "ping"


class RateLimitsUpdated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "rate_limits.updated"
    rate_limits: list[Wire] = []


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    type: str | None = None
    code: str | None = None
    message: str = ""
    param: str | None = None
    event_id: str | None = None
    """The client event it answers. Cannot be trusted: null was seen where an id was due (livekit#3344)."""


class Error(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "error"
    error: ErrorDetail = ErrorDetail()


# --- input audio -----------------------------------------------------------------------------------------------


class InputAudioBufferAppend(Event, frozen=True, kw_only=True):
    """From the app. Never acknowledged."""

    type: ClassVar[str] = "input_audio_buffer.append"
    audio: msgspec.Raw


class InputAudioBufferCommit(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.commit"


class InputAudioBufferClear(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.clear"


class InputAudioBufferSpeechStarted(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.speech_started"
    audio_start_ms: int = 0
    """Milliseconds of sound received since the session began; prefix padding included."""
    item_id: str = ""
    """The user item to come."""


class InputAudioBufferSpeechStopped(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.speech_stopped"
    audio_end_ms: int = 0
    item_id: str = ""


class InputAudioBufferCommitted(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.committed"
    item_id: str = ""
    previous_item_id: Maybe = msgspec.UNSET


class InputAudioBufferCleared(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.cleared"


class InputAudioBufferTimeoutTriggered(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.timeout_triggered"
    audio_start_ms: int = 0
    audio_end_ms: int = 0
    item_id: str = ""


class InputAudioBufferDtmfEventReceived(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "input_audio_buffer.dtmf_event_received"


# --- items -----------------------------------------------------------------------------------------------------


class ConversationItemCreate(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "conversation.item.create"
    item: Wire
    previous_item_id: Maybe = msgspec.UNSET


class ConversationItemDelete(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "conversation.item.delete"
    item_id: str


class ConversationItemTruncate(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "conversation.item.truncate"
    item_id: str
    content_index: int = 0
    audio_end_ms: int = 0


class ConversationItemRetrieve(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "conversation.item.retrieve"
    item_id: str


class ConversationItemAdded(Event, frozen=True, kw_only=True):
    """An item entered the conversation. Beta's `conversation.item.created` is read as this too."""

    type: ClassVar[str] = "conversation.item.added"
    item: Wire
    previous_item_id: Maybe = msgspec.UNSET


class ConversationItemDone(Event, frozen=True, kw_only=True):
    """The item in full. Its `previous_item_id` is not to be trusted (null in 17 of 17 recorded second items)."""

    type: ClassVar[str] = "conversation.item.done"
    item: Wire
    previous_item_id: Maybe = msgspec.UNSET


class ConversationItemDeleted(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.item.deleted"
    item_id: str


class ConversationItemTruncated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.item.truncated"
    item_id: str
    content_index: int = 0
    audio_end_ms: int = 0


class ConversationItemRetrieved(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.item.retrieved"
    item: Wire


class InputAudioTranscriptionDelta(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.item.input_audio_transcription.delta"
    item_id: str
    content_index: int = 0
    delta: str = ""


class InputAudioTranscriptionUpdated(Event, frozen=True, kw_only=True):
    """xAI's: the transcript so far, whole."""

    type: ClassVar[str] = "conversation.item.input_audio_transcription.updated"
    item_id: str
    content_index: int = 0
    transcript: str = ""


class InputAudioTranscriptionCompleted(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.item.input_audio_transcription.completed"
    item_id: str
    content_index: int = 0
    transcript: str = ""
    usage: Wire | None = None
    status: str | None = None
    """xAI's: `in_progress` on all but the last."""


class InputAudioTranscriptionFailed(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.item.input_audio_transcription.failed"
    item_id: str
    content_index: int = 0
    error: ErrorDetail = ErrorDetail()


class InputAudioTranscriptionSegment(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "conversation.item.input_audio_transcription.segment"


# --- responses ---------------------------------------------------------------------------------------------------


class ResponseCreate(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "response.create"
    response: Wire | None = None


class ResponseCancel(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "response.cancel"
    response_id: str | None = None


class ResponseCreated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.created"
    response: Wire


class ResponseDone(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.done"
    response: Wire
    usage: Wire | None = None
    """xAI reports usage here and leaves the response's own empty."""


class ResponseOutputItemAdded(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.output_item.added"
    response_id: str = ""
    item: Wire


class ResponseOutputItemDone(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.output_item.done"
    response_id: str = ""
    item: Wire


class _Content(Event, frozen=True, kw_only=True):
    response_id: str = ""
    item_id: str = ""
    content_index: int = 0


class ResponseContentPartAdded(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.content_part.added"
    part: Wire | None = None


class ResponseContentPartDone(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.content_part.done"
    part: Wire | None = None


class ResponseOutputAudioDelta(_Content, frozen=True, kw_only=True):
    """Sound. The payload stays encoded: `payload_bytes(event.delta)` is its length once decoded."""

    type: ClassVar[str] = "response.output_audio.delta"
    delta: msgspec.Raw


class ResponseOutputAudioDone(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.output_audio.done"


class ResponseOutputAudioTranscriptDelta(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.output_audio_transcript.delta"
    delta: str = ""


class ResponseOutputAudioTranscriptDone(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.output_audio_transcript.done"
    transcript: str = ""


class ResponseOutputTextDelta(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.output_text.delta"
    delta: str = ""


class ResponseOutputTextDone(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.output_text.done"
    text: str = ""


class ResponseFunctionCallArgumentsDelta(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.function_call_arguments.delta"
    delta: str = ""


class ResponseFunctionCallArgumentsDone(_Content, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.function_call_arguments.done"
    call_id: str | None = None
    arguments: str = ""


# --- MCP: they pass, and the items they speak of arrive by item events -------------------------------------------


class McpListToolsInProgress(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "mcp_list_tools.in_progress"


class McpListToolsCompleted(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "mcp_list_tools.completed"


class McpListToolsFailed(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "mcp_list_tools.failed"


class ResponseMcpCallArgumentsDelta(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.mcp_call_arguments.delta"


class ResponseMcpCallArgumentsDone(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.mcp_call_arguments.done"


class ResponseMcpCallInProgress(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.mcp_call.in_progress"


class ResponseMcpCallCompleted(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.mcp_call.completed"


class ResponseMcpCallFailed(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "response.mcp_call.failed"


# --- output audio of WebRTC and SIP -------------------------------------------------------------------------------


class OutputAudioBufferClear(Event, frozen=True, kw_only=True):
    """From the app."""

    type: ClassVar[str] = "output_audio_buffer.clear"


class OutputAudioBufferStarted(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "output_audio_buffer.started"


class OutputAudioBufferStopped(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "output_audio_buffer.stopped"


class OutputAudioBufferCleared(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "output_audio_buffer.cleared"


def _named() -> dict[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    waiting: list[type[Event]] = [Event]
    while waiting:
        known = waiting.pop()
        waiting.extend(known.__subclasses__())
        if known.type and not known.__name__.startswith("_"):
            found[known.type] = known
    return found


EVENTS: dict[str, type[Event]] = _named()
"""Every event we know, by its GA name."""

_decoders: dict[str, msgspec.json.Decoder[Event]] = {name: msgspec.json.Decoder(cls) for name, cls in EVENTS.items()}
_decoders |= {beta: _decoders[ga] for beta, ga in GA_NAMES.items()}
_shaped = {cls: [name for name in SHAPES if name in cls.__struct_fields__] for cls in EVENTS.values()}
_EMPTY = msgspec.Raw(b'""')  # what stands where a payload was; a field of that name may stand further in as well


def read(raw: Raw) -> Event:
    """Read one message, whoever sent it, in either dialect. Never fails: what cannot be read is `Unknown`.

    Of an event that is not, and of one that is unknown without a reason, `wire` makes a dict.
    """
    short = stepped_over(raw)
    if short is not None:
        around, payload = short
        event = _read(around)
        if isinstance(event, ResponseOutputAudioDelta) and event.delta == _EMPTY:
            msgspec.structs.force_setattr(event, "delta", payload)
            return event
        if isinstance(event, InputAudioBufferAppend) and event.audio == _EMPTY:
            msgspec.structs.force_setattr(event, "audio", payload)
            return event
    return _read(raw)


def _read(raw: Raw) -> Event:
    try:
        name = wire(raw).get("type", "")
    except ValueError as error:
        return Unknown(name="", reason=str(error))
    if not isinstance(name, str):
        return Unknown(name="", reason="its type is not a string")
    decoder = _decoders.get(name)
    if decoder is None:
        return Unknown(name=name)
    try:
        event = decoder.decode(raw)
        for field in _shaped[type(event)]:
            msgspec.convert(getattr(event, field), SHAPES[field])
    except msgspec.MsgspecError as error:
        return Unknown(name=name, reason=str(error))
    return event
