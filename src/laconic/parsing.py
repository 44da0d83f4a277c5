"""What counts as JSON here, for everybody: whoever reads a message and whoever takes it apart agree.

A parser that steps over what nobody asked for lets much pass that one which reads it all refuses: a number no machine
holds, bytes that are no text in a field that is not needed. An event that one half of the engine understands and the
other cannot parse would end a conversation. So there is one judge. What it refuses is passed on as it came, for the
service to answer.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from laconic.items import Wire
from laconic.payload import Raw

__all__ = ["wire"]

_LEVELS = 100
"""Levels of arrays and objects within each other. Tools of ten are deep; and whatever walks through a message, here or
in a program that was given it, walks on Python's own stack, which ends at a thousand calls."""

_decode = msgspec.json.Decoder[Any]().decode


def wire(raw: Raw) -> Wire:
    """The whole message as a dict, for those who need more than an event keeps. What comes out can be written again.

    ValueError, in words that end a sentence, if it is no JSON object: no JSON, no text, something else than an object,
    a number beyond 64-bit floats, an integer of thousands of digits, or more than 100 levels deep.
    """
    try:
        found: Any = _decode(raw)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, as are those of text that is none
        raise ValueError("it is not a JSON object") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    if _brackets(raw) > _LEVELS and _is_deep(cast(Wire, found)):
        raise ValueError(f"it is nested more than {_LEVELS} levels deep")
    return cast(Wire, found)


def _brackets(raw: Raw) -> int:
    """At least as many as there are levels, and counted in no time."""
    return raw.count("{") + raw.count("[") if isinstance(raw, str) else raw.count(b"{") + raw.count(b"[")


def _is_deep(whole: Wire) -> bool:
    level: list[Any] = [whole]
    for _ in range(_LEVELS):
        inside = (value for one in level for value in (cast(Wire, one).values() if isinstance(one, dict) else one))
        level = [value for value in inside if isinstance(value, dict | list)]
        if not level:
            return False
    return True
