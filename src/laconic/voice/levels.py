"""How loud a piece of sound is: the level meter of `laconic doctor`."""

from __future__ import annotations

import math
from array import array

__all__ = ["SILENCE_DBFS", "rms_dbfs"]

SILENCE_DBFS = -96.0
"""What digital silence reads: the floor of 16 bits."""


def rms_dbfs(pcm: bytes) -> float:
    """The root mean square of PCM16 `pcm` in dB below full scale; a square wave at full scale reads 0.

    Speech close to a microphone reads −40 to −20, an open microphone in a quiet room −60, a muted one −96.
    """
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    if not samples:
        return SILENCE_DBFS
    mean_square = sum(sample * sample for sample in samples) / len(samples)
    return max(SILENCE_DBFS, 10 * math.log10(max(mean_square, 1e-9) / 32768**2))
