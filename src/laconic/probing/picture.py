"""A picture to be shown to a service, made on the spot."""

from __future__ import annotations

import base64
import struct
import zlib

__all__ = ["SIDE", "picture"]

SIDE = 512
"""Pixels, both ways: large enough to be counted as pictures are, and a kilobyte on the wire."""


def picture() -> str:
    """A grey square as a data URL (PNG)."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)  # eight bits of grey, nothing interlaced
    rows = zlib.compress((b"\0" + b"\x80" * SIDE) * SIDE, 9)
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
