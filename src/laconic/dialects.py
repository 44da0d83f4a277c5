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

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from laconic.items import Wire

__all__ = [
    "BETA_NAMES",
    "GA_NAMES",
    "Dialect",
    "client_to_beta",
    "client_to_ga",
    "dialect_of",
    "server_to_beta",
    "server_to_ga",
    "session_to_ga",
]

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

BETA_NAMES: dict[str, str] = {ga: beta for beta, ga in GA_NAMES.items()}
"""GA event name → beta event name."""

_TRANSCRIBING = "transcription_session."
"""Beta has events of their own for sessions that only transcribe; GA tells by the session's type."""

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
    if name in BETA_NAMES:
        return "ga"
    session: object = event.get("session")
    if isinstance(session, dict):
        settings = cast(Wire, session)
        if settings.get("type") in ("realtime", "transcription") or "audio" in settings:
            return "ga"
        if "modalities" in settings or "input_audio_format" in settings:
            return "beta"
    return None


def session_to_ga(session: Mapping[str, Any], *, keep: bool = False) -> Wire:
    """A session object in GA's nested shape, whatever it came in. Unknown fields stay where they are.

    Settings that only beta has are dropped, because a GA service refuses a whole update for one of them; `keep`
    leaves them too where they are, for a service that speaks beta.
    """
    if "audio" in session and "modalities" not in session:
        return dict(session)
    rest = dict(session)
    audio = _object(rest.pop("audio", None))
    sound_in, sound_out = dict(_object(audio.get("input"))), dict(_object(audio.get("output")))
    for beta, ga in _INPUT_FIELDS.items():
        if beta in rest:
            sound_in[ga] = rest.pop(beta)
    for beta, target in (("input_audio_format", sound_in), ("output_audio_format", sound_out)):
        value: object = rest.get(beta)
        known = isinstance(value, str) and value in _GA_FORMATS
        if known:
            target["format"] = dict(_GA_FORMATS[str(value)])
        if known or not keep:
            rest.pop(beta, None)
    for field in ("voice", "speed"):
        if field in rest:
            sound_out[field] = rest.pop(field)
    if isinstance(rest.get("modalities"), list):
        modalities = rest.pop("modalities")
        # GA answers in one or the other; beta's ["text", "audio"] means sound with its transcript.
        rest["output_modalities"] = ["audio"] if "audio" in modalities else ["text"]
    if "max_response_output_tokens" in rest:
        rest["max_output_tokens"] = rest.pop("max_response_output_tokens")
    if not keep:
        for field in _BETA_ONLY:
            rest.pop(field, None)
    shaped: Wire = {"type": "realtime", **rest}
    sides = {name: side for name, side in (("input", sound_in), ("output", sound_out)) if side}
    return shaped | ({"audio": sides} if sides else {})


def _object(value: object) -> Wire:
    """A JSON object, or an empty one where something else stands."""
    return cast(Wire, value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    """A JSON list, or an empty one where something else stands."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def _session_to_beta(session: Mapping[str, Any]) -> Wire:
    flat = {key: value for key, value in session.items() if key not in _GA_ONLY}
    audio = _object(flat.pop("audio", None))
    sound_in, sound_out = _object(audio.get("input")), _object(audio.get("output"))
    for beta, ga in _INPUT_FIELDS.items():
        if ga in sound_in:
            flat[beta] = sound_in[ga]
    for beta, side in (("input_audio_format", sound_in), ("output_audio_format", sound_out)):
        name: object = _object(side.get("format")).get("type")
        if isinstance(name, str) and name in _BETA_FORMATS:
            flat[beta] = _BETA_FORMATS[name]
    for field in ("voice", "speed"):
        if field in sound_out:
            flat[field] = sound_out[field]
    if "output_modalities" in flat:
        flat["modalities"] = ["text", "audio"] if "audio" in _list(flat.pop("output_modalities")) else ["text"]
    if "max_output_tokens" in flat:
        flat["max_response_output_tokens"] = flat.pop("max_output_tokens")
    return flat


def _response_to_ga(response: Wire) -> Wire:
    shaped = session_to_ga(response)
    shaped.pop("type", None)
    if "output" in shaped:
        shaped["output"] = _each(shaped["output"], _item_to_ga)
    return shaped


def _response_to_beta(response: Wire) -> Wire:
    flat = _session_to_beta(response)
    if "max_response_output_tokens" in flat:  # a response calls it what GA calls it
        flat["max_output_tokens"] = flat.pop("max_response_output_tokens")
    flat["object"] = response.get("object", "realtime.response")
    flat["output"] = _each(_list(response.get("output")), _item_to_beta)
    if isinstance(usage := response.get("usage"), dict):
        flat["usage"] = _without_images(cast(Wire, usage))
    return flat


def _without_images(usage: Wire) -> Wire:
    """Beta's usage has no image counts."""
    cut: Wire = {}
    for key, value in usage.items():
        if isinstance(value, dict):
            cut[key] = _without_images(cast(Wire, value))
        elif key != "image_tokens":
            cut[key] = value
    return cut


def _each(items: object, shape: Callable[[Wire], Wire]) -> Any:
    """Every item of a list reshaped. What is no list of items passes as it is."""
    if not isinstance(items, list):
        return items
    return [shape(cast(Wire, item)) if isinstance(item, dict) else item for item in cast("list[Any]", items)]


def _item_to_beta(item: Wire) -> Wire:
    return _with_parts({"object": "realtime.item", **item}, _BETA_PARTS)


def _given_to_beta(item: Wire) -> Wire:
    """An item as an app gives it: without the `object` that only the service writes."""
    return _with_parts(item, _BETA_PARTS)


def _item_to_ga(item: Wire) -> Wire:
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


def _reshaped(event: Mapping[str, Any], shapes: Mapping[str, Callable[[Wire], Wire]]) -> Wire:
    """The event with the objects of these names reshaped. What is no object passes as it is."""
    said = dict(event)
    for field, shape in shapes.items():
        if isinstance(said.get(field), dict):
            said[field] = shape(said[field])
    return said


_TO_BETA: dict[str, Callable[[Wire], Wire]] = {
    "session": lambda session: {"object": "realtime.session", **_session_to_beta(session)},
    "response": _response_to_beta,
    "item": _item_to_beta,
}
_TO_GA: dict[str, Callable[[Wire], Wire]] = {
    "session": session_to_ga,
    "response": _response_to_ga,
    "item": _item_to_ga,
}


def server_to_beta(event: Mapping[str, Any]) -> Wire | None:
    """What a beta server would have said instead; None for events beta does not have (`conversation.item.done`)."""
    name: str = event["type"]
    if name == "conversation.item.done":
        return None
    if _object(event.get("session")).get("type") == "transcription":
        name = name.replace("session.", _TRANSCRIBING)
    said = _reshaped(event, _TO_BETA) | {"type": BETA_NAMES.get(name, name)}
    said.pop("obfuscation", None)
    return said


def server_to_ga(event: Mapping[str, Any]) -> Wire:
    """What a GA server would have said instead.

    It would have said `conversation.item.done` as well, of which translation.py keeps track.
    """
    name: str = event["type"]
    said = _reshaped(event, _TO_GA) | {"type": GA_NAMES.get(name, name)}
    if name.startswith(_TRANSCRIBING):
        said |= {"type": name.removeprefix("transcription_"), "session": _transcribing(said.get("session"))}
    return said


def _transcribing(session: object) -> Any:
    return {**cast(Wire, session), "type": "transcription"} if isinstance(session, dict) else session


def client_to_ga(event: Mapping[str, Any], *, keep: bool = False) -> Wire:
    """What a GA client would have said instead of this beta (or GA) client event.

    `keep`: what only beta has stays where it is (see `session_to_ga`).
    """
    said = _reshaped(
        event,
        {
            "session": lambda session: session_to_ga(session, keep=keep),
            "item": _item_to_ga,
            "response": lambda response: _asked_to_ga(response, keep=keep),
        },
    )
    if said.get("type") == "transcription_session.update":
        said |= {"type": "session.update", "session": _transcribing(said.get("session"))}
    return said


def _asked_to_ga(response: Wire, *, keep: bool) -> Wire:
    shaped = session_to_ga(response, keep=keep)
    shaped.pop("type", None)
    if "input" in shaped:
        shaped["input"] = _each(shaped["input"], _item_to_ga)
    return shaped


def client_to_beta(event: Mapping[str, Any]) -> Wire:
    """What a beta server wants to hear instead of this GA client event."""
    said = _reshaped(event, {"session": _session_to_beta, "item": _given_to_beta, "response": _asked_to_beta})
    if said.get("type") == "session.update" and _object(event.get("session")).get("type") == "transcription":
        said["type"] = "transcription_session.update"
    return said


def _asked_to_beta(response: Wire) -> Wire:
    shaped = _session_to_beta(response)
    if "input" in shaped:
        shaped["input"] = _each(shaped["input"], _given_to_beta)
    return shaped
