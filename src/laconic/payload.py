"""Sound in a message: measured and stepped over, never decoded.

Sound is most of the traffic, and of a message that carries it only the few bytes around the payload matter. Base64
holds neither quotes nor backslashes, so the payload ends at the first quote, and what is read without it is the
message itself but for one string's contents.
"""

from __future__ import annotations

import re

import msgspec

__all__ = ["Raw", "payload_bytes", "stepped_over"]

Raw = str | bytes
"""A message as it came off or goes onto the wire: JSON text, decoded or not."""

_LONG = 4_000
"""From this many bytes on it is cheaper to leave a payload out than to let the parser run over it."""
_FIELD = re.compile(r'"(?:delta|audio)" ?: ?"')
_FIELD_BYTES = re.compile(_FIELD.pattern.encode())
_skip = msgspec.json.Decoder(msgspec.Raw).decode
"""Steps over a string, and complains of what may not stand in one."""


def stepped_over(raw: Raw) -> tuple[Raw, msgspec.Raw] | None:
    """A long message that may carry sound, with an empty string in the payload's place; and the payload, in quotes.

    The payload may turn out to be another kind of string: whoever reads what is around it must look at the type. A
    string that is no JSON, or needs more than stepping over, is left to the parser.
    """
    if len(raw) < _LONG:
        return None
    found = _FIELD.search(raw, 0, 512) if isinstance(raw, str) else _FIELD_BYTES.search(raw, 0, 512)
    if found is None:
        return None
    begin = found.end()
    if isinstance(raw, str):
        end = raw.find('"', begin)
        around, payload = raw[:begin] + raw[end:], raw[begin - 1 : end + 1].encode(errors="surrogatepass")
    else:
        end = raw.find(b'"', begin)
        around, payload = raw[:begin] + raw[end:], raw[begin - 1 : end + 1]
    if end < 0 or b"\\" in payload or not payload.isascii() or len(around) >= _LONG:
        return None
    try:
        _skip(payload)
    except msgspec.MsgspecError:
        return None
    return around, msgspec.Raw(payload)


def payload_bytes(field: msgspec.Raw) -> int:
    """How many bytes a base64 string field holds, from its length alone. 0 for anything but a string."""
    text = memoryview(field)
    if len(text) < 6 or text[0] != 0x22:
        return 0
    padding = (text[-2] == 0x3D) + (text[-3] == 0x3D)
    return (len(text) - 2) * 3 // 4 - padding
