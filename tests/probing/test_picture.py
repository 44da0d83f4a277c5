"""The picture a probe shows."""

from __future__ import annotations

import base64
import struct
import zlib

from laconic.probing.picture import SIDE, picture


def test_it_is_a_png_of_that_size() -> None:
    """Read by the letter of the format: signature, header, rows with their filter bytes, checksums."""
    kind, _, data = picture().partition(",")
    png = base64.b64decode(data)
    assert kind == "data:image/png;base64"
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        chunks[name] = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + chunks[name]),)
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (SIDE, SIDE, 8, 0, 0, 0, 0)
    rows = zlib.decompress(chunks[b"IDAT"])
    assert len(rows) == SIDE * (SIDE + 1)
    assert not any(rows[:: SIDE + 1])
