"""The play-out queue, and the only clock that may decide a truncation: frames that left the speaker.

Three hands touch it. The talk loop puts replies in (`play`) and empties it when the caller cuts in (`stop`). The
device's thread takes sound out (`pull`), one buffer at a time, and gets silence when there is nothing. Whoever
wants to know asks how much of each reply was heard.

Two counts are kept per piece of audio, because a device holds what it was given for a while before it sounds:

    received ── play() ──▶ queue ── pull() ──▶ pulled, inside the device ── latency_frames later ──▶ audible

While a reply runs, *heard* is what is audible: pulled minus what the device still holds. When it is stopped, the
device still plays out what it already has, we cannot take that back, so *heard* becomes all that was pulled, but
for what the speaker of ours pulled and has not handed over (`recallable_frames`). Time never enters: not the wall
clock, not the bytes received. (Truncating by those cuts words the caller heard or keeps words he did not: PROTOCOL
trap 8.)

One response may hold several pieces of audio whose deltas interleave. Each piece has its own queue; the one that
is sounding goes on until its queue runs dry, then the earliest piece with sound follows, so no word is cut by
another.
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from dataclasses import dataclass, field

__all__ = ["BYTES_PER_FRAME", "RATE", "PlayOut", "Played"]

RATE = 24_000
"""Frames per second of all sound inside laconic."""

BYTES_PER_FRAME = 2

_FADE_MS = 4
"""Sound that stops in the middle of a wave clicks; this much of it fades away instead. Not counted as heard."""

_KEPT = 32
"""Finished pieces remembered, in case a late delta belongs to one of them."""


@dataclass(frozen=True, slots=True)
class Played:
    """How much of one piece of audio was heard. `heard_ms` never exceeds `received_ms`."""

    item_id: str
    content_index: int
    heard_ms: int
    """milliseconds that left the speaker, rounded down"""
    received_ms: int
    """milliseconds given to `play`, rounded down"""


@dataclass(slots=True, eq=False)
class _Piece:
    """One content part's sound on its way out. All counts are frames."""

    item_id: str
    content_index: int
    queue: deque[memoryview] = field(default_factory=deque[memoryview])
    half_frame: bytes = b""
    received: int = 0
    pulled: int = 0
    heard: int = 0
    reported: int = 0
    stopped: bool = False

    @property
    def finished(self) -> bool:
        return not self.queue and self.heard == self.pulled


class PlayOut:
    """Queue and counter between the talk loop and a speaker. Thread-safe; every call returns at once."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self.latency_frames = 0
        """frames the device holds between taking them and sounding them; set by the device layer"""
        self.recallable_frames = 0
        """of those pulled last, how many the speaker takes back and fades when stopped; set by the device layer"""
        self.stops = 0
        """how often something was cut off; what a speaker that takes back looks at before each pull"""
        self._lock = threading.Lock()
        self._pieces: dict[tuple[str, int], _Piece] = {}
        self._sounding: _Piece | None = None
        self._fade = b""
        self._pulled = 0  # frames handed to the device in all, silence included
        self._audible = 0  # of those, how many have sounded
        self._inside: deque[tuple[int, int, _Piece]] = deque()  # (start, end, piece): pulled, not yet audible
        self._sounded = 0

    def play(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Queues `pcm` (PCM16 mono at `rate`). Sound for a piece that was stopped is dropped: it is late."""
        with self._lock:
            piece = self._pieces.get((item_id, content_index))
            if piece is None:
                piece = self._pieces[item_id, content_index] = _Piece(item_id, content_index)
                self._forget()
            if piece.stopped:
                return
            pcm = piece.half_frame + pcm
            whole = len(pcm) // BYTES_PER_FRAME * BYTES_PER_FRAME
            piece.half_frame = pcm[whole:]
            if whole:
                piece.queue.append(memoryview(pcm)[:whole])
                piece.received += whole // BYTES_PER_FRAME

    def pull(self, frames: int) -> bytes:
        """Exactly `frames` frames for the device: what is queued, then silence. Called from the device's thread."""
        with self._lock:
            out = bytearray(self._fade[: frames * BYTES_PER_FRAME])
            self._fade = self._fade[len(out) :]
            wanted = frames * BYTES_PER_FRAME
            while len(out) < wanted and (piece := self._next()) is not None:
                out += self._take(piece, wanted - len(out), at=self._pulled + len(out) // BYTES_PER_FRAME)
            out.extend(bytes(wanted - len(out)))
            self._pulled += frames
            self._sound_up_to(self._pulled - self.latency_frames)
        return bytes(out)

    def stop(self) -> list[Played]:
        """Empties the queue: the very next pull is silence. What each piece sounding or queued came to, oldest first.

        What the device already holds will still sound and counts as heard; what is taken back does not. A piece
        queued of which nothing had left yet has `heard_ms == 0`. Pieces that were wholly heard before are not in
        the list.
        """
        with self._lock:
            still_inside = {id(piece) for _, _, piece in self._inside}
            cut = [piece for piece in self._pieces.values() if piece.queue or id(piece) in still_inside]
            self._fade = b"" if self.recallable_frames else _faded(self._sounding, self.rate)
            self._sound_up_to(self._pulled - self.recallable_frames)
            self._inside.clear()
            self.stops += bool(cut)
            self._sounding = None
            for piece in cut:
                piece.queue.clear()
                piece.stopped = True
                piece.pulled = piece.heard
                piece.reported = piece.heard
            return [self._played(piece) for piece in cut]

    def heard(self) -> list[Played]:
        """The pieces of which more was heard since this was last asked, oldest first."""
        with self._lock:
            news = [piece for piece in self._pieces.values() if piece.heard > piece.reported]
            for piece in news:
                piece.reported = piece.heard
            self._forget()
            return [self._played(piece) for piece in news]

    @property
    def playing(self) -> bool:
        """True while anything is queued or still inside the device; False at once after `stop`."""
        with self._lock:
            return bool(self._inside) or any(piece.queue for piece in self._pieces.values())

    @property
    def sounded_ms(self) -> int:
        """Milliseconds of replies heard so far in all, silence not counted; never decreases."""
        with self._lock:
            return self._sounded * 1000 // self.rate

    def _next(self) -> _Piece | None:
        if self._sounding is None or not self._sounding.queue:
            self._sounding = next((piece for piece in self._pieces.values() if piece.queue), None)
        return self._sounding

    def _take(self, piece: _Piece, size: int, at: int) -> memoryview:
        """At most `size` bytes from the front of the piece's queue; they stand at frame `at` of all that was pulled."""
        chunk = piece.queue.popleft()
        if len(chunk) > size:
            piece.queue.appendleft(chunk[size:])
            chunk = chunk[:size]
        frames = len(chunk) // BYTES_PER_FRAME
        piece.pulled += frames
        self._inside.append((at, at + frames, piece))
        return chunk

    def _sound_up_to(self, position: int) -> None:
        """Everything pulled before frame `position` has become audible."""
        self._audible = max(self._audible, position)
        while self._inside and self._inside[0][0] < self._audible:
            start, end, piece = self._inside.popleft()
            until = min(end, self._audible)
            piece.heard += until - start
            self._sounded += until - start
            if until < end:
                self._inside.appendleft((until, end, piece))

    def _forget(self) -> None:
        done = [key for key, p in self._pieces.items() if p.finished and p.received and p.reported == p.heard]
        for key in done[:-_KEPT]:
            del self._pieces[key]

    def _played(self, piece: _Piece) -> Played:
        heard_ms, received_ms = (frames * 1000 // self.rate for frames in (piece.heard, piece.received))
        return Played(piece.item_id, piece.content_index, heard_ms, received_ms)


def _faded(piece: _Piece | None, rate: int) -> bytes:
    """The next few milliseconds of the piece that is sounding, falling to nothing; empty if none is."""
    if piece is None or not piece.queue or not piece.pulled:
        return b""
    wanted = rate * _FADE_MS // 1000 * BYTES_PER_FRAME
    ahead = b""
    for chunk in piece.queue:
        ahead += chunk[: wanted - len(ahead)]
        if len(ahead) == wanted:
            break
    samples = array("h", ahead)
    for i in range(len(samples)):
        samples[i] = samples[i] * (len(samples) - i) // (len(samples) + 1)
    return samples.tobytes()
