# The library is installed in this script's own environment only.
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
"""`openai-agents`: a RealtimeRunner with a tool, and a speaker that plays faster than life.

The library truncates by what its playback tracker was told, whenever the service hears speech. Ours is told that
everything has been played, but for the reply the caller cuts into.

Run as: python talk_agents.py BASE_URL FOLDER
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeModelConfig, RealtimePlaybackTracker, RealtimeRunner
from caller import CUT_IN_PACE_S, DETECTION, PATIENCE_S, Exchange, begun, exchanges, settled, tell, weather

ASKS_AGAIN = ("conversation.item.input_audio_transcription.completed", "conversation.item.truncated")


class Caller:
    """A session, what came of it, and the speaker that plays it."""

    def __init__(self, session: Any, tracker: RealtimePlaybackTracker) -> None:
        self.session, self.tracker = session, tracker
        self.events = aiter(session)
        self.seen: Counter[str] = Counter()
        self.cuts: list[int] = []
        self.interruptions = 0
        self.retrieves = 0
        """How often the library has asked for an item again: with each `ASKS_AGAIN`, once it has had sound."""

    async def say(self, line: Exchange, pace_s: float = 0.0) -> None:
        if line.typed:
            await self.session.send_message(line.say)
        else:
            for pcm in line.pieces():
                await self.session.send_audio(pcm)
                await asyncio.sleep(pace_s)

    async def receive(self) -> Any:
        """The session's next event; what it shows of the wire is counted."""
        event: Any = await asyncio.wait_for(anext(self.events), PATIENCE_S)
        if event.type == "error":
            raise AssertionError(event.error)
        if event.type == "raw_model_event":
            assert event.data.type != "exception", event.data
            if event.data.type == "raw_server_event":
                message = event.data.data
                self.seen[message["type"]] += 1
                if message["type"] in ASKS_AGAIN and self.seen["response.output_audio.delta"]:
                    self.retrieves += 1
                if message["type"] == "conversation.item.truncated":
                    self.cuts.append(message["audio_end_ms"])
        return event

    async def listen(self, line: Exchange, cut_in: Exchange | None) -> str:
        """The words of the next reply that is no call. `cut_in` is said when enough of it has been played."""
        played_ms, speaking = 0, None
        while True:
            event = await self.receive()
            if event.type == "audio":
                ms = len(event.audio.data) // 48
                if cut_in is not None:
                    ms = max(0, min(ms, line.cut_in_ms - played_ms))
                    if played_ms + ms == line.cut_in_ms and speaking is None:
                        speaking = asyncio.create_task(self.say(cut_in, CUT_IN_PACE_S))
                played_ms += ms
                if ms:
                    self.tracker.on_play_ms(event.item_id, event.content_index, ms)
            if event.type == "audio_interrupted":
                self.interruptions += speaking is not None
            message = (
                event.data.data if event.type == "raw_model_event" and event.data.type == "raw_server_event" else {}
            )
            if message.get("type") == "response.done" and message["response"]["output"][-1]["type"] == "message":
                response = message["response"]
                assert response["status"] == ("completed" if cut_in is None else "cancelled"), response
                assert played_ms > 1000, "less than a second of reply"
                if speaking is not None:
                    await speaking
                return response["output"][-1]["content"][0]["transcript"]


async def main(base_url: str, folder: Path) -> None:
    talk = exchanges(folder)
    asked: list[str] = []

    @function_tool
    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return weather(talk, city)

    agent = RealtimeAgent(name="weather", instructions="Be brief.", tools=[get_weather])
    tracker = RealtimePlaybackTracker()
    config: RealtimeModelConfig = {
        "url": f"{base_url}/realtime?model=gpt-realtime",
        "api_key": "any",
        "playback_tracker": tracker,
        "initial_model_settings": {
            "turn_detection": DETECTION,
            "input_audio_transcription": {"model": "gpt-4o-transcribe"},
        },
    }
    async with await RealtimeRunner(agent).run(model_config=config) as session:
        caller = Caller(session, tracker)
        said = False
        for line, following in zip(talk, [*talk[1:], None], strict=True):
            begun(line)
            if not said:
                await caller.say(line)
            said = bool(line.cut_in_ms)
            words = await caller.listen(line, following if said else None)
            assert said or words == line.reply, words
        while not settled(caller.seen) or caller.seen["conversation.item.retrieved"] < caller.retrieves:
            await caller.receive()
        history = str(session._history)
    assert asked == [line.tool["city"] for line in talk if line.tool is not None], asked
    assert caller.cuts == [line.cut_in_ms for line in talk if line.cut_in_ms], caller.cuts
    assert caller.interruptions == 1, caller.interruptions
    missing = [line.say for line in talk if line.say not in history]
    missing += [line.reply for line in talk if line.reply not in history and not line.cut_in_ms]
    assert not missing, f"not in the client's own history: {missing}"
    # How many that are depends on whether the first words are written down before the first reply is heard.
    assert caller.seen.pop("conversation.item.retrieved") == caller.retrieves
    tell(caller.seen)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
