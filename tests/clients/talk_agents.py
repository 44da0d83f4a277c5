# The library is installed in this script's own environment only.
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
"""`openai-agents` against a stand-in: a RealtimeRunner is told a name, calls a tool, and speaks its answers.

Run as: python talk_agents.py BASE_URL CLIPS_FOLDER
"""

from __future__ import annotations

import asyncio
import sys
import wave
from pathlib import Path
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner

asked: list[str] = []


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    asked.append(city)
    return '{"degrees": 12}'


async def talk(base_url: str, clips: Path) -> None:
    agent = RealtimeAgent(name="weather", instructions="Be brief.", tools=[get_weather])
    runner = RealtimeRunner(agent)
    session = await runner.run(
        model_config={
            "url": f"{base_url}/realtime?model=gpt-realtime",
            "api_key": "any",
            "initial_model_settings": {
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
                "input_audio_transcription": {"model": "gpt-4o-transcribe"},
            },
        }
    )
    async with session:
        events = aiter(session)

        async def replies(clip: str, said: str) -> int:
            """Say a clip; bytes of sound until the history holds a reply with these words."""
            with wave.open(str(clips / f"{clip}.wav")) as wav:
                pcm = wav.readframes(wav.getnframes())
            for at in range(0, len(pcm), 4800):
                await session.send_audio(pcm[at : at + 4800])
            sound, words, over = 0, False, False
            while not (words and over):
                event: Any = await asyncio.wait_for(anext(events), 20)
                if event.type == "error":
                    raise AssertionError(event.error)
                if event.type == "audio":
                    sound += len(event.audio.data)
                if event.type in ("history_updated", "history_added"):
                    history: list[Any] = event.history if event.type == "history_updated" else [event.item]
                    words = words or any(said in str(item) for item in history)
                over = words and (over or event.type in ("audio_end", "agent_end"))
            return sound

        assert await replies("name", "Hello Marco, it is good to hear from you.") > 48_000
        assert await replies("weather", "It is foggy and 12 degrees in London.") > 48_000
    assert asked == ["London"], asked
    print("OK, two replies in speech and one tool call")


if __name__ == "__main__":
    asyncio.run(talk(sys.argv[1], Path(sys.argv[2])))
