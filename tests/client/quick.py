"""A stand-in that answers at once and in writing or in a tone, for tests of those who talk to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from laconic.simulator.minds.reply import HeardItem, Reply
from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve
from laconic.simulator.speech import Spoken, Word, split_words

__all__ = ["quick_stand_in", "quick_stand_in_thread"]


@dataclass(frozen=True)
class Heard:
    text: str | None = None
    voiced_ms: int = 0
    complete: bool = True
    transcript: str = ""


class Deaf:
    def hear(self, pcm: bytes) -> Heard:
        return Heard()


class Tone:
    """300 ms of a steady tone for each word."""

    def say(self, text: str, lang: str = "en", **how: Any) -> Spoken:
        words = split_words(text, lang)
        timed = tuple(Word(word, 300 * n, 300 * (n + 1)) for n, word in enumerate(words))
        return Spoken(b"\x10\x10" * (24 * 300 * len(words)), timed)


class Counting:
    """Says how many items it was shown."""

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        return Reply(text=f"I know of {len(items)} things that were said before.")


class Fast:
    """A clock fifty times as fast as life."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() * 50

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / 50)


@asynccontextmanager
async def quick_stand_in(**settings: Any) -> AsyncGenerator[StandIn]:
    parts = Parts(hearing=Deaf(), voice=Tone(), mind=Counting())
    async with serve(**{"parts": parts, "clock": Fast(), **settings}) as standin:  # pyright: ignore[reportArgumentType]
        yield standin


@contextmanager
def quick_stand_in_thread(**settings: Any) -> Generator[StandIn]:
    """The same in a thread of its own, for clients that block."""
    started: list[StandIn] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def run() -> None:
        async with quick_stand_in(**settings) as standin:
            started.append(standin)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
