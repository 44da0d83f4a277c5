"""What a message is, read from its first bytes.

Services and clients write an event's `type` first, or second behind its `event_id` (all recorded ones do, but for
xAI's session objects). Then its name is known without running a parser over what follows, which is mostly sound. Only
a message that begins otherwise is parsed for it.
"""

from __future__ import annotations

import re

import msgspec

from laconic.payload import Raw

__all__ = ["named"]

_BEGINNING = r'\s*\{\s*(?:"event_id"\s*:\s*"[\w.\-]*"\s*,\s*)?"type"\s*:\s*"([\w.]+)"'
_IN_TEXT = re.compile(_BEGINNING, re.ASCII)
_IN_BYTES = re.compile(_BEGINNING.encode())


class _Type(msgspec.Struct):
    type: str = ""


_peek = msgspec.json.Decoder(_Type)


def named(raw: Raw) -> tuple[str, int]:
    """A message's type, and where it stands in it; -1 where the message does not begin with it and had to be parsed.

    The name is empty where there is none, or the message cannot be read.
    """
    found = _IN_TEXT.match(raw) if isinstance(raw, str) else _IN_BYTES.match(raw)
    if found is not None:
        name = found[1]
        return (name if isinstance(name, str) else name.decode()), found.start(1)
    try:
        return _peek.decode(raw).type, -1
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "", -1
