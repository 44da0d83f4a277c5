"""A stand-in that answers at once and in writing or in a tone, for tests of those who talk to it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect

from laconic.simulator.minds.reply import HeardItem, Reply
from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve
from laconic.simulator.speech import Spoken, Word, split_words

__all__ = ["Caller", "Fast", "quick_stand_in", "quick_stand_in_thread"]


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


class Caller:
    """Somebody's own program on a call at the stand-in: makes it, is on it, and writes where others speak."""

    def __init__(self, standin: StandIn, connection: ClientConnection, call_id: str) -> None:
        self.standin, self.call_id = standin, call_id
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def on_a_call(cls, standin: StandIn, key: str = "any") -> AsyncGenerator[Caller]:
        settings = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        headers = {"Authorization": f"Bearer {key}"}
        call_id = await asyncio.to_thread(_make_call, standin, settings, headers)
        url = f"{standin.base_url}/realtime?call_id={call_id}&leg=caller"
        async with connect(url, additional_headers=headers, max_queue=None) as connection:
            yield cls(standin, connection, call_id)

    async def configure(self, **session: Any) -> None:
        await self._connection.send(json.dumps({"type": "session.update", "session": {"type": "realtime", **session}}))

    async def exchange(self, text: str) -> None:
        """Something is said, and answered."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self._connection.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await self._connection.send(json.dumps({"type": "response.create"}))
        async for raw in self._connection:
            if json.loads(raw)["type"] == "response.done":
                return

    async def talk(self, exchanges: int) -> None:
        for n in range(exchanges):
            await self.exchange(f"Sentence {n}.")

    async def hang_up(self) -> None:
        await self._connection.close()


def _make_call(standin: StandIn, settings: Mapping[str, Any], key: Mapping[str, str]) -> str:
    fields = {"sdp": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "session": json.dumps(settings)}
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in fields.items()]
    body = "\r\n".join([*parts, "--x--", ""]).encode()
    headers = {"Content-Type": "multipart/form-data; boundary=x", **key}
    url = f"http://127.0.0.1:{standin.port}/v1/realtime/calls"
    with urlopen(Request(url, body, headers, method="POST"), timeout=10) as answer:
        return str(answer.headers["Location"]).rpartition("/")[2]
