"""Sound as it travels: base64 of PCM16 at 24 kHz, or of G.711 (µ-law, A-law) at 8 kHz, to and from PCM16 at 24 kHz.

Inside the stand-in everything is PCM16, mono, 24 kHz, 48 bytes a millisecond. G.711 is decoded by table (ITU-T
G.711, 1988) and brought to three times its rate by straight lines between samples: what telephones deliver has
nothing above 4 kHz to lose, and straight lines need no delay, so that a millisecond stays the same millisecond.
"""

from __future__ import annotations

import base64
import binascii

from laconic.errors import BadInput
from laconic.simulator.rejected import Rejected

try:
    import numpy as np
    import soxr
    from numpy.typing import NDArray
except ImportError as missing:
    raise BadInput(
        "The stand-in service needs the simulator extra; install it with: pip install 'laconic[simulator]'"
    ) from missing

__all__ = ["BYTES_PER_MS", "SoundIn", "decoded", "encoded", "wire_bytes_per_ms"]

BYTES_PER_MS = 48
_MOST_BYTES = 15 * 1024 * 1024
"""One append's limit (SDK)."""


class SoundIn:
    """What a client appends, event by event, as one stream of PCM16 at 24 kHz."""

    def __init__(self, kind: str = "audio/pcm") -> None:
        self.kind = kind
        self._last = 0.0
        self._odd = b""

    def read(self, audio: object, param: str) -> bytes:
        """The sound of one base64 field. Half a sample waits for its other half. Raises Rejected."""
        raw = _bytes(audio, param)
        if self.kind == "audio/pcm":
            raw = self._odd + raw
            self._odd = raw[len(raw) // 2 * 2 :]
            return raw[: len(raw) // 2 * 2]
        samples = _TABLES[self.kind][np.frombuffer(raw, np.uint8)].astype(np.float64)
        if not len(samples):
            return b""
        known = np.concatenate(([self._last], samples))
        self._last = float(samples[-1])
        tripled = np.interp(np.arange(1, 3 * len(samples) + 1) / 3, np.arange(len(known)), known)
        return np.rint(tripled).astype("<i2").tobytes()


def decoded(audio: object, kind: str, param: str) -> bytes:
    """A whole clip in a base64 field, as PCM16 at 24 kHz. Raises Rejected."""
    return SoundIn(kind).read(audio, param)


def encoded(pcm: bytes, kind: str) -> bytes:
    """PCM16 at 24 kHz as the bytes the client asked for."""
    if kind == "audio/pcm" or not pcm:
        return pcm
    slow = soxr.resample(np.frombuffer(pcm, "<i2").astype(np.float32), 24_000, 8_000)
    table = _TABLES[kind].astype(np.int32)
    order = np.argsort(table, kind="stable")
    levels = table[order]
    at = np.clip(np.searchsorted(levels, slow), 1, len(levels) - 1)
    nearer_below = slow - levels[at - 1] < levels[at] - slow
    return order[np.where(nearer_below, at - 1, at)].astype(np.uint8).tobytes()


def wire_bytes_per_ms(kind: str) -> int:
    return BYTES_PER_MS if kind == "audio/pcm" else 8


def _bytes(audio: object, param: str) -> bytes:
    if not isinstance(audio, str):
        raise Rejected.value(param, audio, "Expected base64-encoded audio bytes.")
    try:
        raw = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected.value(param, f"{audio[:12]}…", "Expected base64-encoded audio bytes.") from None
    if len(raw) > _MOST_BYTES:
        raise Rejected.value(param, f"{len(raw)} bytes", "Expected at most 15 MiB.")
    return raw


def _mu_law() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _a_law() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    step, size = (code >> 4) & 7, ((code & 0x0F) << 4) + 8
    size = np.where(step == 0, size, (size + 0x100) << np.maximum(step - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


_TABLES = {"audio/pcmu": _mu_law(), "audio/pcma": _a_law()}
