"""A microphone and a speaker, joined: the one shape of sound the talk loop knows.

Either side may be a device, a file or a scripted caller; `join` makes a pair of any two. The microphone's end is
the conversation's end: when its chunks run out (a file with a set tail, a caller who has said everything), there is
nothing more to say. Every chunk is also the moment to notice that the speaker has gone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Protocol, Self

from laconic.voice.playout import PlayOut

__all__ = ["CHUNK_BYTES", "CHUNK_MS", "Duplex", "Microphone", "Speaker", "join"]

CHUNK_MS = 20
CHUNK_BYTES = CHUNK_MS * 48


class Microphone(Protocol):
    """Where the user's sound comes from. Open while entered."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def chunks(self) -> AsyncGenerator[bytes, None]:
        """20 ms of PCM16 mono 24 kHz each, at the pace of life (or of the clock); NoDevice when it goes away."""
        ...

    @property
    def latency_ms(self) -> int:
        """How long ago the sound of a chunk was, beyond the chunk itself."""
        ...


class Speaker(Protocol):
    """Where replies go. While entered, it pulls from `playout` at the pace of life (or of the clock)."""

    playout: PlayOut

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def check(self) -> None:
        """Raises NoDevice or BadInput if the speaker has gone or its file cannot be written any more."""
        ...

    @property
    def latency_ms(self) -> int:
        """How long a frame stays inside before it sounds."""
        ...


class Duplex:
    """A pair in use: an async context manager that opens both sides and closes them in any case."""

    def __init__(self, microphone: Microphone, speaker: Speaker) -> None:
        self.microphone = microphone
        self.speaker = speaker
        self._open = AsyncExitStack()

    @property
    def playout(self) -> PlayOut:
        """Put replies here; ask it what was heard."""
        return self.speaker.playout

    @property
    def latency_ms(self) -> int:
        """From a frame pulled to the same frame heard by the microphone and delivered, milliseconds."""
        return self.microphone.latency_ms + self.speaker.latency_ms

    async def __aenter__(self) -> Self:
        # The speaker first: its sound is the echo canceller's reference and must be there before the first chunk.
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self.speaker)
            await opening.enter_async_context(self.microphone)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The microphone's chunks of 20 ms; NoDevice as soon as either side has gone."""
        async with aclosing(self.microphone.chunks()) as chunks:
            async for chunk in chunks:
                self.speaker.check()
                yield chunk


def join(microphone: Microphone, speaker: Speaker) -> Duplex:
    """Any microphone with any speaker: a file and a device, a caller and a file, two devices."""
    return Duplex(microphone, speaker)
