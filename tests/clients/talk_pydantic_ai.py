# The library is installed in this script's own environment only.
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
"""`pydantic-ai`: an agent with a tool in a realtime session that looks after interruptions itself.

It truncates where our speaker has come to, which plays faster than life but for the reply the caller cuts into. Its
reckoning of what the session cost is told at the end: nobody here wrote it.

Run as: python talk_pydantic_ai.py BASE_URL FOLDER
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from caller import CUT_IN_PACE_S, PATIENCE_S, Exchange, begun, exchanges, tell, weather
from pydantic_ai import Agent
from pydantic_ai.messages import SpeechPart
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime.openai import OpenAIRealtimeModel, OpenAIRealtimeModelSettings

SETTINGS = OpenAIRealtimeModelSettings(
    input_transcription_model="gpt-4o-transcribe", turn_detection={"silence_duration_ms": 300}
)


class Caller:
    """A session, its speaker, and what came of it."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.seen: Counter[str] = Counter()
        self.said: list[SpeechPart] = []
        self.over: asyncio.Queue[Any] = asyncio.Queue()
        self.speech = asyncio.Event()
        self.cut: tuple[Exchange, Exchange] | None = None
        """The reply that is to be interrupted, and what is said into it."""
        self.played_ms = 0

    async def listen(self) -> None:
        async for event in self.session:
            self.seen[type(event).__name__] += 1
            name = type(event).__name__
            assert "Error" not in name, event
            assert "Reconnect" not in name, event
            if name == "PartStartEvent" and isinstance(event.part, SpeechPart) and event.part.speaker == "assistant":
                self.played_ms = 0
            if name == "RealtimeInputSpeechStartEvent":
                self.speech.set()
            if name == "RealtimeTurnCompleteEvent":
                self.over.put_nowait(event)

    async def play(self) -> None:
        """The speaker. In the reply that is to be interrupted it stays where it is until that has happened."""
        async for sound in self.session.stream_audio():
            self.played_ms += len(sound) // 48
            if self.cut is not None and self.played_ms > self.cut[0].cut_in_ms:
                (_, cut_in), self.cut = self.cut, None
                self.speech.clear()
                saying = asyncio.create_task(self.say(cut_in, CUT_IN_PACE_S))
                await asyncio.wait_for(self.speech.wait(), PATIENCE_S)
                await saying

    async def say(self, line: Exchange, pace_s: float = 0.0) -> None:
        if line.typed:
            await self.session.send(line.say)
        else:
            for pcm in line.pieces():
                await self.session.send_audio(pcm)
                await asyncio.sleep(pace_s)


async def main(base_url: str, folder: Path) -> None:
    talk = exchanges(folder)
    asked: list[str] = []
    agent = Agent(instructions="Be brief.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return weather(talk, city)

    provider = OpenAIProvider(base_url=base_url.replace("ws://", "http://"), api_key="any")
    model = OpenAIRealtimeModel("gpt-realtime", provider=provider, settings=SETTINGS)
    async with agent.realtime(model).session(handle_barge_in=True) as session:
        caller = Caller(session)
        tasks = [asyncio.create_task(caller.listen()), asyncio.create_task(caller.play())]
        said = False
        for line, following in zip(talk, [*talk[1:], None], strict=True):
            begun(line)
            if line.cut_in_ms and following is not None:
                caller.cut = line, following
            if not said:
                await caller.say(line)
            said = bool(line.cut_in_ms)
            await asyncio.wait_for(caller.over.get(), PATIENCE_S)
        history = session.all_messages()
        cost = session.usage.cost
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result
    assert asked == [line.tool["city"] for line in talk if line.tool is not None], asked
    check(talk, history)
    assert cost is not None
    tell(caller.seen, cost_dollars=str(cost))


def check(talk: list[Exchange], history: list[Any]) -> None:
    """The session's own history holds every word in its order, and the interruption where it was."""
    words: list[str] = []
    cuts: list[int | None] = []
    for part in (part for message in history for part in message.parts):
        if isinstance(part, SpeechPart):
            words.append(part.transcript or "")
            if part.interrupted_at_ms is not None:
                cuts.append(part.interrupted_at_ms)
        elif part.part_kind == "user-prompt":
            words.append(part.content)
    expected = [said for line in talk for said in (line.say, line.reply)]
    at = next(at for at, line in enumerate(talk) if line.cut_in_ms) * 2 + 1
    assert expected[at].startswith(words[at][:20]), words[at]
    words[at] = expected[at] = ""
    assert words == expected, words
    assert cuts == [line.cut_in_ms for line in talk if line.cut_in_ms], cuts


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
