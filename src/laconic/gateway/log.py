"""The gateway's log: one line for each thing that happens, for a person or, as JSON, for a machine.

    12:03:11.482 sess_1a2b + gpt-realtime route=default key=key_12 connect_ms=210
    12:03:12.004 sess_1a2b ⇢ response.create 26 B event_id=event_7
    12:03:12.004 sess_1a2b → response.create 26 B event_id=event_7
    12:03:12.391 sess_1a2b ← response.output_audio.delta 5.2 kB
    12:03:12.391 sess_1a2b ⇠ response.output_audio.delta 5.2 kB
    12:03:14.120 sess_1a2b $ reply completed USD 0.004212 in=310 cached=256 out=61 response_id=resp_9

The glyph says which way, or what: `⇢` the app says, `→` the service is told, `←` the service says, `⇠` the app is told;
`+` a session begins, `-` it ends, `$` something was charged, `~` an edit, `!` something is wrong, `·` all else. Between
`⇢` and `→`, and between `←` and `⇠`, one sees what the gateway did itself.

Messages are logged only where that was asked for. Never in it: sound (sizes stand for it), words of anybody, an error
event's message (it may quote a key, or a caller), keys; and no id that is not made as ids are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from laconic import events as ev
from laconic.actions import (
    Charged,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    Notice,
    Transcribed,
    Unsupported,
)
from laconic.events import Raw
from laconic.naming import named

__all__ = ["GLYPHS", "Log", "LogForm", "Way"]

LogForm = Literal["text", "json"]

Way = Literal["app says", "service told", "service says", "app told"]
GLYPHS: dict[Way, str] = {"app says": "⇢", "service told": "→", "service says": "←", "app told": "⇠"}

_KNOWN = {*ev.EVENTS, *ev.GA_NAMES}
_MADE_AS_IDS = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_LARGE = 2_000
"""Bytes from which a message is not parsed for its ids: it is sound, or long."""
_IDS = ("event_id", "item_id", "previous_item_id", "response_id", "call_id")
_NUMBERS = ("audio_start_ms", "audio_end_ms", "content_index")
_INSIDE = {
    "item": ("id", "type", "role", "status"),
    "response": ("id", "status"),
    "error": ("type", "code", "event_id"),
}
"""What is told of the objects in an event. An error's message is not among it."""


class Log:
    """Writes lines. `write` takes one, without its end; `clock` gives the time in UTC."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        clock: Callable[[], datetime],
        form: LogForm = "text",
        messages: bool = False,
    ) -> None:
        self._write = write
        self._clock = clock
        self._form = form
        self.messages = messages
        """Whether every message gets its line."""

    def tell(self, session: str, glyph: str, what: str, fields: Mapping[str, object]) -> None:
        """One line."""
        now = self._clock()
        if self._form == "json":
            line: dict[str, object] = {"at": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"}
            self._write(
                msgspec.json.encode(line | {"session": session, "glyph": glyph, "what": what, **fields}).decode()
            )
            return
        told = " ".join(f"{name}={value}" for name, value in fields.items() if name != "bytes")
        size = f" {_sized(cast(int, fields['bytes']))}" if "bytes" in fields else ""
        moment = f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}"
        self._write(f"{moment} {session} {glyph} {what}{size} {told}".rstrip())

    def line(self, text: str) -> None:
        """A sentence for the gateway's owner, about no session."""
        self.tell("gateway", "!", " ".join(text.split()), {})

    def message(self, session: str, way: Way, raw: Raw) -> None:
        """A message passed."""
        name = named(raw)[0]
        size = len(raw) if isinstance(raw, bytes) else len(raw.encode(errors="replace"))
        fields: dict[str, object] = {"bytes": size}
        if size < _LARGE:
            fields |= _ids(raw)
        self.tell(session, GLYPHS[way], name if name in _KNOWN else "unknown", fields)

    def notice(self, session: str, notice: Notice) -> None:
        """Something was charged, edited, or is wrong."""
        self.tell(session, *_noticed(notice))


def _sized(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size / 1000:.1f} kB"


def _ids(raw: Raw) -> dict[str, object]:
    """Ids, states and places that stand in an event."""
    try:
        event = ev.wire(raw)
    except ValueError:
        return {}
    found: dict[str, object] = {name: event[name] for name in _IDS if _is_id(event.get(name))}
    found |= {name: event[name] for name in _NUMBERS if type(event.get(name)) is int}
    for field, names in _INSIDE.items():
        inside: Any = event.get(field)
        if isinstance(inside, dict):
            values = cast("dict[str, Any]", inside)
            found |= {f"{field}.{name}": values[name] for name in names if _is_id(values.get(name))}
    return found


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _MADE_AS_IDS.fullmatch(value) is not None


def _noticed(notice: Notice) -> tuple[str, str, dict[str, object]]:
    """Glyph, words and fields. A notice that may hold words is told by its kind alone."""
    match notice:
        case Charged(response_id, status, usage, cost, kind):
            tokens: dict[str, object] = {}
            if usage is not None:
                tokens = {"in": usage.input_tokens, "cached": usage.cached_tokens, "out": usage.output_tokens}
            paid = {"nano": cost.nanodollars, "unknown": cost.unknown}
            return "$", f"{kind} {_word(status)} {cost}", {**tokens, **paid, **_known(response_id=response_id)}
        case Transcribed(item_id, _, cost):
            paid = {"nano": cost.nanodollars, "unknown": cost.unknown}
            return "$", f"transcription {cost}", {**paid, **_known(item_id=item_id)}
        case Forgot(item_id, role, _, audio_ms, left, why):
            return "~", f"forgot ({why})", {**_known(item_id=item_id, role=role), "audio_ms": audio_ms, "left": left}
        case CutOff(item_id, heard_ms):
            return "~", "cut off", {**_known(item_id=item_id), "heard_ms": heard_ms}
        case EditFailed(kind, item_id):
            return "!", f"edit failed ({kind})", _known(item_id=item_id)
        case Unsupported(kind):
            return "!", f"not supported here: {kind}", {}
        case GhostTurn(response_id):
            return "·", "ghost turn", _known(response_id=response_id)
        case _:
            return "·", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(notice).__name__).lower(), {}


def _known(**ids: object) -> dict[str, object]:
    return {name: value for name, value in ids.items() if _is_id(value)}


def _word(status: str) -> str:
    return status if _is_id(status) else "?"
