# The library is installed in this script's own environment only.
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
"""`livekit-plugins-openai`: its RealtimeModel hears, calls a tool, is interrupted, and lets go of old messages.

`generate_reply` finds its response by the metadata the service echoes, and times out when it is not echoed.
`update_chat_ctx` turns the difference between two states of the conversation into events, and waits for each to be
confirmed: at the end it deletes all but the newest messages.

Run as: python talk_livekit.py BASE_URL FOLDER
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
from caller import CUT_IN_PACE_S, DETECTION, PATIENCE_S, Exchange, begun, exchanges, settled, tell, weather
from livekit import rtc
from livekit.agents import llm
from livekit.plugins import openai
from openai.types.beta.realtime.session import TurnDetection  # the type the plugin's own docs use

LEFT = 6


@llm.function_tool
async def get_weather(city: str) -> str:
    """The weather in a city."""
    raise AssertionError("the session calls nothing by itself")


class Complaints(logging.Handler):
    """What the library warns of in its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Caller:
    def __init__(self, session: Any) -> None:
        self.session = session
        self.seen: Counter[str] = Counter()
        self.generations: asyncio.Queue[Any] = asyncio.Queue()
        self.heard: list[str] = []
        self.failures: list[Any] = []
        self.speech = asyncio.Event()
        self.came = asyncio.Event()
        self.cuts: list[int] = []
        session.on("generation_created", self._generating)
        session.on("input_speech_started", lambda _: self.speech.set())
        session.on("input_audio_transcription_completed", self._transcribed)
        session.on("openai_server_event_received", self._received)
        session.on("error", self.failures.append)

    def _generating(self, generation: Any) -> None:
        if not generation.user_initiated:  # those come from generate_reply
            self.generations.put_nowait(generation)

    def _transcribed(self, event: Any) -> None:
        if event.is_final:
            self.heard.append(event.transcript)

    def _received(self, event: dict[str, Any]) -> None:
        self.seen[event["type"]] += 1
        self.came.set()
        if event["type"] == "conversation.item.truncated":
            self.cuts.append(event["audio_end_ms"])

    async def say(self, line: Exchange, pace_s: float = 0.0) -> Any:
        """Say it, or write it; the generation that answers, unless it is said into another."""
        if line.typed:
            context = self.session.chat_ctx.copy()
            context.add_message(role="user", content=line.say)
            await self.session.update_chat_ctx(context)
            return await self.session.generate_reply()
        for pcm in line.pieces():
            self.session.push_audio(rtc.AudioFrame(pcm, 24_000, 1, len(pcm) // 2))
            await asyncio.sleep(pace_s)
        return None if pace_s else await self.next()

    async def settle(self) -> None:
        while not settled(self.seen):
            self.came.clear()
            await asyncio.wait_for(self.came.wait(), PATIENCE_S)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.generations.get(), PATIENCE_S)

    async def listen(self, generation: Any, line: Exchange, cut_in: Exchange | None) -> tuple[str, list[Any]]:
        """The words of a generation, and the calls in it. `cut_in` is said when enough has been heard."""
        words = ""
        async for message in generation.message_stream:
            sounding = asyncio.create_task(self.sound(message, line, cut_in))
            words += "".join([str(piece) async for piece in message.text_stream])
            assert await asyncio.wait_for(sounding, PATIENCE_S) > 1, "less than a second of reply"
        return words, [call async for call in generation.function_stream]

    async def sound(self, message: Any, line: Exchange, cut_in: Exchange | None) -> float:
        """Seconds heard. When the caller is noticed, the reply is cancelled and cut to what was heard of it."""
        seconds, speaking = 0.0, None
        async for frame in message.audio_stream:
            seconds += frame.duration
            if cut_in is not None and speaking is None and seconds * 1000 >= line.cut_in_ms:
                self.speech.clear()
                speaking = asyncio.create_task(self.say(cut_in, CUT_IN_PACE_S))
                await asyncio.wait_for(self.speech.wait(), PATIENCE_S)
                self.session.interrupt()
                self.session.truncate(message_id=message.message_id, modalities=["audio"], audio_end_ms=line.cut_in_ms)
        if speaking is not None:
            await speaking
        return seconds


async def main(base_url: str, folder: Path) -> None:
    talk = exchanges(folder)
    complaints = Complaints()
    logging.getLogger("livekit").addHandler(complaints)
    async with aiohttp.ClientSession() as http:
        model = openai.realtime.RealtimeModel(
            base_url=base_url,
            api_key="any",
            http_session=http,
            # the plugin cancels a reply itself, and would race with a service that does, too
            turn_detection=TurnDetection(**DETECTION | {"interrupt_response": False}),
        )
        session: Any = model.session()
        caller = Caller(session)
        await session.update_instructions("Be brief.")
        await session.update_tools([get_weather])
        cut_off = False
        for line, following in zip(talk, [*talk[1:], None], strict=True):
            begun(line)
            generation = await (caller.next() if cut_off else caller.say(line))
            cut_off = bool(line.cut_in_ms)
            words, calls = await caller.listen(generation, line, following if cut_off else None)
            if line.tool is not None:
                assert [call.name for call in calls] == ["get_weather"], calls
                context = session.chat_ctx.copy()
                output = weather(talk, json.loads(calls[0].arguments)["city"])
                given = {"call_id": calls[0].call_id, "name": "get_weather", "output": output, "is_error": False}
                context.items.append(llm.FunctionCallOutput(**given))
                await session.update_chat_ctx(context)
                words, _ = await caller.listen(await session.generate_reply(), line, None)
            assert words == line.reply or (cut_off and line.reply.startswith(words.strip())), words

        await caller.settle()
        spoken = [line.say for line in talk if not line.typed]
        assert caller.heard == spoken, caller.heard
        assert caller.cuts == [line.cut_in_ms for line in talk if line.cut_in_ms], caller.cuts
        known = "\n".join(message.text_content or "" for message in session.chat_ctx.messages())
        missing = [
            words for line in talk if not line.cut_in_ms for words in (line.say, line.reply) if words not in known
        ]
        assert not missing, f"not in the client's own context: {missing}"
        context = session.chat_ctx.copy()
        context.items = context.items[-LEFT:]
        await session.update_chat_ctx(context)
        assert [item.id for item in session.chat_ctx.items] == [item.id for item in context.items]
        assert not caller.failures, caller.failures
        await session.aclose()
    assert not complaints.said, complaints.said
    tell(caller.seen)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
