"""Echo cancellation: what the speaker played is taken out of what the microphone heard.

Without it a model on a desk with open speakers hears itself, takes that for the user and answers (PROTOCOL trap
27). We use AEC3 of WebRTC through pywebrtc-audio, at 24 kHz directly: 32 to 43 dB of the echo gone in our tests,
delays up to 200 ms found by itself, 1.3 % of a core. What it costs: while both talk, the user comes out 3 to 8 dB
quieter; and where there is no echo at all (headphones) it still colours the user's voice, so headphones are better
off with `--no-echo-cancellation`.

The canceller wants, for every 10 ms heard, the 10 ms played that may sound in them: never later than the echo, at
most some hundred milliseconds earlier, and above all at a steady distance. Microphone and speaker call from two
threads that jitter, so `Reference` stands between them and keeps count.
"""

from __future__ import annotations

import threading
from typing import Protocol

from laconic.voice.extra import without_voice_extra
from laconic.voice.playout import BYTES_PER_FRAME, RATE

try:
    import numpy as np
    from pywebrtc_audio import AudioProcessor
except ImportError as error:
    raise without_voice_extra("echo cancellation needs", error) from error

__all__ = ["Cancellation", "EchoCanceller", "NoEchoCancellation", "Reference"]

_FRAME_BYTES = RATE // 100 * BYTES_PER_FRAME
_CUSHION_BYTES = RATE // 50 * BYTES_PER_FRAME  # one device buffer of 20 ms may come late
_ASTRAY_BYTES = RATE // 5 * BYTES_PER_FRAME  # 200 ms: one of the two streams has stood still


class Cancellation(Protocol):
    """Turns what was captured into what the user said."""

    def process(self, captured: bytes, played: bytes) -> bytes: ...


class EchoCanceller:
    """AEC3 on blocks of any size. Call from one thread."""

    def __init__(self) -> None:
        self._processor = AudioProcessor(sample_rate=RATE, echo_cancellation=True)
        self._captured = bytearray()
        self._played = bytearray()

    def process(self, captured: bytes, played: bytes) -> bytes:
        """What the microphone heard without what the speaker played, PCM16.

        `played` is what was given to the speaker while `captured` was heard, equally long. Whole 10 ms come out; a
        rest waits for the next call, so the answer may be shorter or longer than the question, on average as long.
        """
        self._captured += captured
        self._played += played.ljust(len(captured), b"\0")[: len(captured)]
        cleaned = bytearray()
        while len(self._captured) >= _FRAME_BYTES:
            near = np.frombuffer(bytes(self._captured[:_FRAME_BYTES]), np.int16)
            far = np.frombuffer(bytes(self._played[:_FRAME_BYTES]), np.int16)
            cleaned += self._processor.process(near, far).tobytes()
            del self._captured[:_FRAME_BYTES], self._played[:_FRAME_BYTES]
        return bytes(cleaned)


class NoEchoCancellation:
    """Headphones, files, or the user's wish: what was captured is what the user said."""

    def process(self, captured: bytes, played: bytes) -> bytes:
        """`captured`, untouched."""
        return captured


class Reference:
    """What was played, on its way from the speaker's thread to the microphone's. Thread-safe.

    It keeps the two streams at a steady distance: a frame that comes too late for its block was replaced by silence
    then and is skipped now, so everything behind it stays in place. If one side stands still for more than 200 ms
    the distance is found anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._owed = 0
        self._in_step = False

    def put(self, played: bytes) -> None:
        """The speaker took this."""
        with self._lock:
            late = min(self._owed, len(played))
            self._owed -= late
            self._waiting += played[late:]
            if len(self._waiting) > 2 * _ASTRAY_BYTES:  # nobody takes: keep what is new
                del self._waiting[:-_ASTRAY_BYTES]
                self._in_step = False

    def take(self, size: int) -> bytes:
        """The next `size` bytes, those that belong to the `size` bytes just captured."""
        with self._lock:
            if not self._in_step or self._owed > _ASTRAY_BYTES or len(self._waiting) > size + _ASTRAY_BYTES:
                del self._waiting[: max(0, len(self._waiting) - size - _CUSHION_BYTES)]
                self._owed = 0
                self._in_step = bool(self._waiting)
            taken = bytes(self._waiting[:size])
            del self._waiting[:size]
            if self._in_step:
                self._owed += size - len(taken)
            return taken.ljust(size, b"\0")
