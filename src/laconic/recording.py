"""A conversation on file: one event per line, from all sides, with its time.

    {"at": 1520, "from": "service", "event": {"type": "input_audio_buffer.speech_started", …}}

`at` is milliseconds since whatever origin the writer's clock has; `from` says who spoke: the service, the app, or
laconic itself (its own edits, which the app never sees). Recordings made elsewhere may leave `at` out.

Sound is left out unless asked for: the payload becomes "" and `sound_bytes` beside it says how long it was. On
reading, silence of that length is put back, so whoever measures a recording measures what was said, and needs
no second way of doing so. Secrets are left out always: the tokens a session hands to MCP servers, client secrets a
service hands to us, and what looks like a key where an error quotes one. Keys themselves travel in headers, which are
never recorded.

A file that breaks off still holds the conversation so far: reading yields every good line, then says where it
stopped.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import msgspec

from laconic.errors import BadInput
from laconic.events import Raw, wire
from laconic.items import Wire

__all__ = ["Line", "Sender", "line", "read_lines"]

Sender = Literal["service", "app", "laconic"]

_PAYLOADS = {
    "input_audio_buffer.append": "audio",
    "response.output_audio.delta": "delta",
    "response.audio.delta": "delta",
}
_SECRETS = ("authorization", "headers")  # of a tool of type mcp
_KEYS = re.compile(r"\b(?:[esl]k[-_][\w-]{8,}|[A-Za-z0-9]{32,}\b)|[\w.-]*\*{3,}[\w.*-]*")
"""Keys as services spell them (`sk-`, `ek_`, ours), Azure's, which are letters and figures only, and half masked ones.
Ids are shorter, or have an underscore within."""
_MOST_BYTES = 64 * 2**20
"""More sound than one event can carry (15 MiB of base64 in an append): a larger number is a broken line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a recording."""

    sender: Sender
    raw: Raw
    """The message as it stood on the wire, left-out sound replaced by silence."""
    at_ms: int | None = None


def line(raw: Raw, sender: Sender, now: float, sound: bool = False) -> str:
    """One message as one line, newline included. `now` in seconds. Never fails: what is no JSON is kept as text."""
    shown: Wire | str
    try:
        shown = _without_secrets(wire(raw))
        shown = shown if sound else _without_sound(shown)
    except ValueError:
        shown = raw if isinstance(raw, str) else raw.decode(errors="replace")
    record = {"at": round(now * 1000), "from": sender, "event": shown}
    return msgspec.json.encode(record).decode() + "\n"


def read_lines(lines: Iterable[str]) -> Iterator[Line]:
    """Every line of a recording in order; empty ones are passed over.

    Raises BadInput, naming the line, at the first that is broken; all before it have been yielded by then.
    """
    for number, text in enumerate(lines, start=1):
        if text.strip():
            yield _read(text, number)


def _read(text: str, number: int) -> Line:
    try:
        record: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _broken(number, "it is not one whole JSON object", "一つの完全な JSON になっていません") from None
    found: Wire = cast(Wire, record) if isinstance(record, dict) else {}
    sender, event, at = found.get("from"), found.get("event"), found.get("at")
    if sender not in get_args(Sender):
        raise _broken(
            number, '"from" has to be service, app or laconic', '"from" は service、app、laconic のいずれかです'
        )
    if isinstance(event, dict):
        try:
            raw: Raw = msgspec.json.encode(_with_silence(cast(Wire, event), number))
        except RecursionError:
            raise _broken(number, "it is nested too deep", "入れ子が深すぎます") from None
    elif isinstance(event, str):
        raw = event
    else:
        raise _broken(number, 'it has no "event"', '"event" がありません')
    if at is not None and (isinstance(at, bool) or not isinstance(at, (int, float))):
        raise _broken(number, '"at" has to be milliseconds', '"at" はミリ秒の数値です')
    return Line(cast(Sender, sender), raw, None if at is None else round(at))


def _broken(number: int, what: str, ja: str) -> BadInput:
    return BadInput(
        f"the recording breaks off at line {number}: {what}; only what stands before it could be read",
        ja=f"録音記録は {number} 行目で途切れています（{ja}）。それより前の内容だけを読み込みました。",
    )


def _without_sound(event: Wire) -> Wire:
    """The event with every payload of sound emptied and measured: deltas, appends, and `audio` of content parts."""
    key = _PAYLOADS.get(str(event.get("type")))
    if key is not None:
        return _emptied(event, key)
    return cast(Wire, _walk(event, lambda node: _emptied(node, "audio")))


def _emptied(node: Wire, key: str) -> Wire:
    payload = node.get(key)
    if not isinstance(payload, str) or not payload:
        return node
    measured = len(payload) * 3 // 4 - payload[-2:].count("=")
    return {**node, key: "", "sound_bytes": measured}


def _with_silence(event: Wire, number: int) -> Wire:
    key = _PAYLOADS.get(str(event.get("type")), "audio")

    def fill(node: Wire) -> Wire:
        measured = node.get("sound_bytes")
        if measured is None:
            return node
        if not isinstance(measured, int) or not 0 <= measured <= _MOST_BYTES:
            raise _broken(number, '"sound_bytes" has to be a length in bytes', '"sound_bytes" はバイト数です')
        return {k: v for k, v in node.items() if k != "sound_bytes"} | {key: b64encode(bytes(measured)).decode()}

    return cast(Wire, _walk(event, fill))


def _without_secrets(event: Wire) -> Wire:
    def strip(node: Wire) -> Wire:
        if node.get("type") == "mcp":
            return {key: value for key, value in node.items() if key not in _SECRETS}
        return {key: value for key, value in node.items() if key != "client_secret"}

    error: Any = event.get("error")
    if event.get("type") == "error" and isinstance(error, dict) and isinstance(error.get("message"), str):
        quoted = cast(Wire, error)
        event = event | {"error": quoted | {"message": _KEYS.sub("…", quoted["message"])}}
    return cast(Wire, _walk(event, strip))


def _walk(value: Any, change: Callable[[Wire], Wire]) -> Any:
    """A copy of parsed JSON with `change` applied to every object in it."""
    if isinstance(value, dict):
        return change({key: _walk(inner, change) for key, inner in cast(Wire, value).items()})
    if isinstance(value, list):
        return [_walk(inner, change) for inner in cast("list[Any]", value)]
    return value
