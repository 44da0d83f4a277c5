"""The level meter reads what an engineer expects."""

from __future__ import annotations

import math
import struct

import pytest

from laconic.voice.levels import rms_dbfs


@pytest.mark.parametrize(("level", "dbfs"), [(32767, 0.0), (16384, -6.02), (328, -40.0), (1, -90.3), (0, -96.0)])
def test_a_square_wave_reads_its_level(level: int, dbfs: float) -> None:
    """Full scale is 0, half is −6, silence is the floor of 16 bits."""
    assert rms_dbfs(struct.pack("<2h", level, -level) * 100) == pytest.approx(dbfs, abs=0.02)


def test_a_full_sine_reads_three_below_a_square() -> None:
    """Root mean square, not peak."""
    sine = [round(32767 * math.sin(2 * math.pi * n / 100)) for n in range(1000)]
    assert rms_dbfs(struct.pack("<1000h", *sine)) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("nothing", [b"", b"\1"])
def test_no_sample_is_silence(nothing: bytes) -> None:
    """No whole sample, no level; never an error in a meter."""
    assert rms_dbfs(nothing) == -96.0
