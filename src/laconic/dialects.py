"""The beta and the GA spelling of one protocol, and the way from either to the other.

Inside laconic everything is spelled as GA spells it. This file is the edge where that becomes true: it knows
the renamed events (`conversation.item.created` became `added` and `done`, `response.audio.delta` became
`response.output_audio.delta`), the reshaped session (flat in beta, nested in GA) and the renamed content types
of the assistant. Names: openai-python 3.54.0, `types/realtime` against `types/beta/realtime`, checked against
recorded Azure Voice Live sessions of July 2026 (beta) and OpenAI sessions of the same month (GA).

Both families are accepted on every connection, whatever was dialled: some servers mix them (Hugging Face
speech-to-speech sends `created` beside GA deltas; xAI sends GA names around beta content types).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from laconic.items import Wire

__all__ = ["GA_NAMES", "Dialect", "client_to_beta", "client_to_ga", "dialect_of", "server_to_beta", "session_to_ga"]

Dialect = Literal["ga", "beta"]

GA_NAMES: dict[str, str] = {
    "conversation.item.created": "conversation.item.added",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
}
"""Beta event name → GA event name. Every other name is shared."""

_BETA_NAMES = {ga: beta for beta, ga in GA_NAMES.items()}
_BETA_PARTS = {"output_audio": "audio", "output_text": "text"}
_GA_PARTS = {"audio": "output_audio", "text": "output_text"}
_BETA_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_GA_FORMATS: dict[str, Wire] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_INPUT_FIELDS = {  # beta's flat name → GA's name under audio.input
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
_BETA_ONLY = ("temperature", "input_audio_sampling_rate")  # the second is Voice Live's
_GA_ONLY = ("type", "object", "truncation", "tracing", "prompt", "include", "reasoning", "parallel_tool_calls")


def dialect_of(event: Mapping[str, Any]) -> Dialect | None:
    """Which dialect a parsed message betrays; None when it could be either.

    A session object tells at once (GA nests `audio`, beta is flat); later the renamed events do.
    """
    name = event.get("type", "")
    if name in GA_NAMES:
        return "beta"
    if name in _BETA_NAMES:
        return "ga"
    session: object = event.get("session")
    if isinstance(session, dict):
        settings = cast(Wire, session)
        if settings.get("type") in ("realtime", "transcription") or "audio" in settings:
            return "ga"
        if "modalities" in settings or "input_audio_format" in settings:
            return "beta"
    return None


def session_to_ga(session: Mapping[str, Any]) -> Wire:
    """A session object in GA's nested shape, whatever it came in. Unknown fields stay where they are."""
    if "audio" in session and "modalities" not in session:
        return dict(session)
    rest = dict(session)
    audio = _object(rest.pop("audio", None))
    sound_in, sound_out = dict(_object(audio.get("input"))), dict(_object(audio.get("output")))
    for beta, ga in _INPUT_FIELDS.items():
        if beta in rest:
            sound_in[ga] = rest.pop(beta)
    for beta, target in (("input_audio_format", sound_in), ("output_audio_format", sound_out)):
        value = rest.pop(beta, None)
        if isinstance(value, str) and value in _GA_FORMATS:
            target["format"] = dict(_GA_FORMATS[value])
    for field in ("voice", "speed"):
        if field in rest:
            sound_out[field] = rest.pop(field)
    if isinstance(rest.get("modalities"), list):
        modalities = rest.pop("modalities")
        # GA answers in one or the other; beta's ["text", "audio"] means sound with its transcript.
        rest["output_modalities"] = ["audio"] if "audio" in modalities else ["text"]
    if "max_response_output_tokens" in rest:
        rest["max_output_tokens"] = rest.pop("max_response_output_tokens")
    for field in _BETA_ONLY:
        rest.pop(field, None)
    shaped: Wire = {"type": "realtime", **rest}
    sides = {name: side for name, side in (("input", sound_in), ("output", sound_out)) if side}
    return shaped | ({"audio": sides} if sides else {})


def _object(value: object) -> Wire:
    """A JSON object, or an empty one where something else stands."""
    return cast(Wire, value) if isinstance(value, dict) else {}


def _session_to_beta(session: Mapping[str, Any]) -> Wire:
    flat = {key: value for key, value in session.items() if key not in _GA_ONLY}
    audio = cast(Wire, flat.pop("audio", None) or {})
    sound_in, sound_out = cast(Wire, audio.get("input") or {}), cast(Wire, audio.get("output") or {})
    for beta, ga in _INPUT_FIELDS.items():
        if ga in sound_in:
            flat[beta] = sound_in[ga]
    for beta, side in (("input_audio_format", sound_in), ("output_audio_format", sound_out)):
        name = cast(Wire, side.get("format") or {}).get("type")
        if name in _BETA_FORMATS:
            flat[beta] = _BETA_FORMATS[name]
    for field in ("voice", "speed"):
        if field in sound_out:
            flat[field] = sound_out[field]
    if "output_modalities" in flat:
        flat["modalities"] = ["text", "audio"] if "audio" in flat.pop("output_modalities") else ["text"]
    if "max_output_tokens" in flat:
        flat["max_response_output_tokens"] = flat.pop("max_output_tokens")
    return flat


def _response_to_beta(response: Mapping[str, Any]) -> Wire:
    flat = _session_to_beta(response)
    if "max_response_output_tokens" in flat:  # a response calls it what GA calls it
        flat["max_output_tokens"] = flat.pop("max_response_output_tokens")
    flat["object"] = response.get("object", "realtime.response")
    flat["output"] = [_item_to_beta(item) for item in response.get("output") or ()]
    usage = response.get("usage")
    if usage:
        flat["usage"] = _without_images(usage)
    return flat


def _without_images(usage: Mapping[str, Any]) -> Wire:
    """Beta's usage has no image counts."""
    cut: Wire = {}
    for key, value in usage.items():
        if isinstance(value, dict):
            cut[key] = _without_images(cast(Wire, value))
        elif key != "image_tokens":
            cut[key] = value
    return cut


def _item_to_beta(item: Mapping[str, Any]) -> Wire:
    return _with_parts({"object": "realtime.item", **item}, _BETA_PARTS)


def _item_to_ga(item: Mapping[str, Any]) -> Wire:
    return _with_parts({key: value for key, value in item.items() if key != "object"}, _GA_PARTS)


def _with_parts(item: Wire, names: Mapping[str, str]) -> Wire:
    """The item with the assistant's content types renamed. What has no shape we know passes as it is."""
    content: object = item.get("content")
    if item.get("role") != "assistant" or not isinstance(content, list):
        return item
    parts = cast("list[Any]", content)
    return item | {"content": [_renamed(part, names) if isinstance(part, dict) else part for part in parts]}


def _renamed(part: Wire, names: Mapping[str, str]) -> Wire:
    kind: object = part.get("type")
    return part | {"type": names.get(kind, kind)} if isinstance(kind, str) else part


def server_to_beta(event: Mapping[str, Any]) -> Wire | None:
    """What a beta server would have said instead; None for events beta does not have (`conversation.item.done`)."""
    name = event["type"]
    if name == "conversation.item.done":
        return None
    said: Wire = {**event, "type": _BETA_NAMES.get(name, name)}
    said.pop("obfuscation", None)
    if "session" in said:
        said["session"] = {"object": "realtime.session", **_session_to_beta(said["session"])}
    if "response" in said:
        said["response"] = _response_to_beta(said["response"])
    if "item" in said:
        said["item"] = _item_to_beta(said["item"])
    return said


def client_to_ga(event: Mapping[str, Any]) -> Wire:
    """What a GA client would have said instead of this beta (or GA) client event."""
    said = dict(event)
    if said.get("type") in ("session.update", "transcription_session.update") and isinstance(said.get("session"), dict):
        said |= {"type": "session.update", "session": session_to_ga(said["session"])}
    if isinstance(said.get("item"), dict):
        said["item"] = _item_to_ga(said["item"])
    response: object = said.get("response")
    if isinstance(response, dict):
        settings = cast(Wire, response)
        shaped = session_to_ga(settings)
        shaped.pop("type", None)
        if isinstance(shaped.get("input"), list):
            shaped["input"] = [_item_to_ga(item) if isinstance(item, dict) else item for item in shaped["input"]]
        said["response"] = shaped
    return said


def client_to_beta(event: Mapping[str, Any]) -> Wire:
    """What a beta server wants to hear instead of this GA client event."""
    said = dict(event)
    if isinstance(said.get("session"), dict):
        said["session"] = _session_to_beta(said["session"])
    if isinstance(said.get("item"), dict):
        said["item"] = {key: value for key, value in _item_to_beta(said["item"]).items() if key != "object"}
    response: object = said.get("response")
    if isinstance(response, dict):
        settings = cast(Wire, response)
        shaped = _session_to_beta(settings)
        if "input" in settings:
            items = [_item_to_beta(item) for item in settings["input"]]
            shaped["input"] = [{key: value for key, value in item.items() if key != "object"} for item in items]
        said["response"] = shaped
    return said
