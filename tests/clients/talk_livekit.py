# The library is installed in this script's own environment only.
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
"""`livekit-plugins-openai` against a stand-in: its RealtimeModel hears a caller, calls a tool, and asks for a reply.

`generate_reply` finds its response by the metadata the service echoes, and times out when it is not echoed.

Run as: python talk_livekit.py BASE_URL CLIPS_FOLDER
"""

from __future__ import annotations

import asyncio
import sys
import wave
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import llm
from livekit.plugins import openai
from openai.types.beta.realtime.session import TurnDetection  # the type the plugin's own docs use


@llm.function_tool
async def get_weather(city: str) -> str:
    """The weather in a city."""
    return '{"degrees": 12}'


async def talk(base_url: str, clips: Path) -> None:
    async with aiohttp.ClientSession() as http:
        model = openai.realtime.RealtimeModel(
            base_url=base_url,
            api_key="any",
            http_session=http,
            turn_detection=TurnDetection(type="server_vad", silence_duration_ms=300, create_response=True),
        )
        session: Any = model.session()
        generations: asyncio.Queue[Any] = asyncio.Queue()
        heard: asyncio.Queue[Any] = asyncio.Queue()
        failures: list[Any] = []
        session.on("generation_created", generations.put_nowait)
        session.on("input_audio_transcription_completed", heard.put_nowait)
        session.on("error", failures.append)
        await session.update_instructions("Be brief.")
        await session.update_tools([get_weather])

        async def say(clip: str) -> None:
            with wave.open(str(clips / f"{clip}.wav")) as wav:
                pcm = wav.readframes(wav.getnframes())
            for at in range(0, len(pcm), 4800):
                chunk = pcm[at : at + 4800]
                session.push_audio(rtc.AudioFrame(chunk, 24_000, 1, len(chunk) // 2))
                await asyncio.sleep(0.01)

        async def listen(generation: Any) -> tuple[str, float, list[Any]]:
            """The words of a generation, its seconds of sound, and the calls in it."""
            words, seconds = "", 0.0

            async def sound(message: Any) -> float:
                return sum([frame.duration async for frame in message.audio_stream])

            async for message in generation.message_stream:
                sounding = asyncio.create_task(sound(message))
                words += "".join([str(piece) async for piece in message.text_stream])
                seconds += await sounding
            return words, seconds, [call async for call in generation.function_stream]

        await say("name")
        words, seconds, _ = await listen(await asyncio.wait_for(generations.get(), 20))
        assert words == "Hello Marco, it is good to hear from you.", words
        assert seconds > 1, seconds
        transcript = await asyncio.wait_for(heard.get(), 20)
        while not transcript.is_final:
            transcript = await asyncio.wait_for(heard.get(), 20)
        assert transcript.transcript == "Hello. My name is Marco.", transcript

        await say("weather")
        _, _, calls = await listen(await asyncio.wait_for(generations.get(), 20))
        assert [(call.name, call.arguments.split()) for call in calls] == [
            ("get_weather", ["{", '"city":', '"London"', "}"])
        ], calls
        context = session.chat_ctx.copy()
        output = {"call_id": calls[0].call_id, "name": "get_weather", "output": '{"degrees": 12}', "is_error": False}
        context.items.append(llm.FunctionCallOutput(**output))
        await session.update_chat_ctx(context)
        asking = session.generate_reply()
        words, seconds, _ = await listen(await asyncio.wait_for(asking, 20))
        assert words == "It is foggy and 12 degrees in London.", words
        assert seconds > 1, seconds
        assert not failures, failures
        await session.aclose()
    print("OK, a reply, a call, and a reply that was asked for")


if __name__ == "__main__":
    asyncio.run(talk(sys.argv[1], Path(sys.argv[2])))
