"""From one rate to another, as a stream: between a device's own rate and our 24 kHz.

By soxr, because the converter inside miniaudio is a linear one: measured with 1.71, a 10 kHz tone brought from
24 to 48 kHz stood only 14 dB above its images and a 15 kHz tone brought from 48 to 24 kHz came back at −14 dB as
an alias; soxr gives 90 dB and nothing audible.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from laconic.voice.extra import without_voice_extra

try:
    import numpy as np
    import soxr
except ImportError as error:
    raise without_voice_extra("resampling needs", error) from error

__all__ = ["Resampler"]


class Resampler:
    """One mono PCM16 stream from `source_rate` to `target_rate` (Hz).

    We use soxr's variable-rate engine at a constant rate. Its usual one works in large blocks and gives its output
    in bursts, 4 to 38 ms late at these rates; this one is 5 ms late downwards and 10 ms upwards, steadily, and as
    clean (soxr 1.1.0, measured). A reply that is stopped should not have 38 ms of it on the way already.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._rates = source_rate, target_rate
        self._begin()

    def _begin(self) -> None:
        source_rate, target_rate = self._rates
        self._ratio = Fraction(target_rate, source_rate)
        self._stream = (
            None if self._ratio == 1 else soxr.ResampleStream(source_rate, target_rate, 1, dtype="int16", vr=True)
        )
        self._taken = self._given = 0

    def feed(self, pcm: bytes) -> bytes:
        """What `pcm` becomes; the last milliseconds of it come out with the next call."""
        if self._stream is None or not pcm:
            return pcm
        resampled = self._stream.resample_chunk(np.frombuffer(pcm, np.int16))
        self._taken += len(pcm) // 2
        self._given += len(resampled)
        return resampled.tobytes()

    def cut_short(self, fade_ms: int) -> bytes:
        """Forget what was fed. As many frames as were still to come, for their place: they fade within `fade_ms`."""
        held = self.delay_frames
        rest = np.frombuffer(self.feed(bytes(2 * ceil(held / self._ratio))), np.int16)[:held]
        fade = np.zeros(held)
        falling = min(held, self._rates[1] * fade_ms // 1000)
        fade[:falling] = np.linspace(1, 0, falling, endpoint=False)
        self._begin()
        return (np.pad(rest, (0, held - len(rest))) * fade).astype(np.int16).tobytes()

    @property
    def delay_frames(self) -> int:
        """Frames at the target rate that went in and have not come out yet."""
        return round(self._taken * self._ratio) - self._given
