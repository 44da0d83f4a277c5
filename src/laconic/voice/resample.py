"""From one rate to another, as a stream: between a device's own rate and our 24 kHz.

By soxr, because the converter inside miniaudio is a linear one: measured with 1.71, a 10 kHz tone brought from
24 to 48 kHz stood only 14 dB above its images and a 15 kHz tone brought from 48 to 24 kHz came back at −14 dB as
an alias; soxr gives 90 dB and nothing audible.
"""

from __future__ import annotations

from laconic.voice.extra import without_voice_extra

try:
    import numpy as np
    import soxr
except ImportError as error:
    raise without_voice_extra("resampling", error) from error

__all__ = ["Resampler"]


class Resampler:
    """One mono PCM16 stream from `source_rate` to `target_rate` (Hz)."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        same = source_rate == target_rate
        self._stream = None if same else soxr.ResampleStream(source_rate, target_rate, 1, dtype="int16")

    def feed(self, pcm: bytes) -> bytes:
        """What `pcm` becomes; the last milliseconds of it come out with the next call."""
        if self._stream is None or not pcm:
            return pcm
        return self._stream.resample_chunk(np.frombuffer(pcm, np.int16)).tobytes()

    @property
    def delay_frames(self) -> int:
        """Frames at the target rate that went in and have not come out yet."""
        return 0 if self._stream is None else round(self._stream.delay())
