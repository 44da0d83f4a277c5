"""A caller who reads from a script: the microphone of a machine without one.

He does what a person at a microphone does, and knows no more than a person knows: what he hears. He speaks a line,
listens to the reply, takes a breath when it is over and speaks the next; or he cuts in, so many milliseconds into a
reply. If nobody answers he waits a while and goes on. He never sees the protocol, only the play-out queue, which
is the speaker he is listening to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self

from laconic.scenarios import Line
from laconic.voice.clock import Clock
from laconic.voice.duplex import CHUNK_BYTES, CHUNK_MS
from laconic.voice.files import read_wav
from laconic.voice.playout import PlayOut

__all__ = ["Caller"]

_PATIENCE_MS = 20_000
_SETTLED_MS = 300  # a reply that pauses for less than this, because its sound comes slowly, is not over
_LAST_BREATH_MS = 1_000


class Caller:
    """A microphone into which a scenario's lines are spoken, 20 ms at a time, by the clock.

    `playout` is the queue of the speaker he hears: `Caller(load("introduction").lines, speaker.playout, clock)`.
    The chunks end when the reply to the last line has been heard. Raises BadInput from the constructor if a clip
    cannot be read.
    """

    latency_ms = 0

    def __init__(
        self, lines: Sequence[Line], playout: PlayOut, clock: Clock, *, patience_ms: int = _PATIENCE_MS
    ) -> None:
        self.unanswered: list[Line] = []
        """Lines to which no reply was heard within `patience_ms`."""
        self.finished = False
        """True when everything has been said and the last reply heard (or given up)."""
        self._lines = [(line, read_wav(line.clip_path)) for line in lines]
        self._playout = playout
        self._clock = clock
        self._patience_ms = patience_ms
        self._spoken = 0  # lines begun
        self._saying = b""
        self._listening_ms = 0
        self._quiet_ms = 0
        self._heard_before_ms = 0

    @property
    def speaking(self) -> Line | None:
        """The line on his lips, None while he listens."""
        return self._lines[self._spoken - 1][0] if self._saying else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """20 ms each, speech or silence, until the scenario is over."""
        ticks = self._clock.ticks(CHUNK_MS / 1000)
        while True:
            await anext(ticks)
            chunk = self.next_chunk()
            if self.finished:
                return
            yield chunk

    def next_chunk(self) -> bytes:
        """What he says in the next 20 ms of his time."""
        if not self._saying and not self.finished:
            self._listen()
        chunk, self._saying = self._saying[:CHUNK_BYTES], self._saying[CHUNK_BYTES:]
        if chunk and not self._saying:
            self._listening_ms = self._quiet_ms = 0
            self._heard_before_ms = self._playout.sounded_ms
        return chunk.ljust(CHUNK_BYTES, b"\0")

    def _listen(self) -> None:
        """20 ms of listening; ends in the next line, or in the end, when its time has come."""
        playing = self._playout.playing
        self._listening_ms += CHUNK_MS
        self._quiet_ms = 0 if playing else self._quiet_ms + CHUNK_MS
        heard_ms = self._playout.sounded_ms - self._heard_before_ms
        line = self._lines[self._spoken][0] if self._spoken < len(self._lines) else None
        breath_ms = _LAST_BREATH_MS if line is None else max(line.wait_ms, _SETTLED_MS)
        cuts_in = line is not None and line.after == "barge_in" and playing and heard_ms >= line.into_reply_ms
        heard_out = (heard_ms > 0 or self._spoken == 0) and self._quiet_ms >= breath_ms
        gives_up = heard_ms == 0 and not playing and self._listening_ms >= self._patience_ms
        if not (cuts_in or heard_out or gives_up):
            return
        if gives_up and self._spoken:
            self.unanswered.append(self._lines[self._spoken - 1][0])
        if line is None:
            self.finished = True
        else:
            self._saying = self._lines[self._spoken][1]
            self._spoken += 1
