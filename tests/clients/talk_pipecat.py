# The library is installed in this script's own environment only.
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
"""`pipecat`: its OpenAIRealtimeLLMService in a pipeline, between a fast microphone and a faster speaker.

Any error event it does not know ends it. It truncates by the clock on the wall, unless the speaker has told it that
the bot has stopped speaking, which ours does at once but for the reply the caller cuts into. When the caller begins
to speak, an interruption travels through its pipeline and cuts whatever it meets, be it the next reply: so the caller
does not go on before it has passed. What is typed elsewhere is spoken here: this client would write it as a note of
the system.

Run as: python talk_pipecat.py BASE_URL FOLDER
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from caller import PATIENCE_S, Exchange, begun, exchanges, tell, weather
from loguru import logger
from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames import frames
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

TOOL = FunctionSchema("get_weather", "The weather in a city.", {"city": {"type": "string"}}, ["city"])
DETECTION = events.TurnDetection(silence_duration_ms=300)
TRANSCRIPTION = events.InputAudioTranscription(model="gpt-4o-transcribe")
BEGINNING = 9
"""Pieces of sound in which speech is heard to begin."""
AUDIO = events.AudioConfiguration(input=events.AudioInput(turn_detection=DETECTION, transcription=TRANSCRIPTION))


class Speaker(FrameProcessor):  # pyright: ignore[reportUntypedBaseClass]
    """Plays at once. From `cut_in_ms` of the reply it was told to hold, it calls `cut_in` and plays no more."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = asyncio.Event()
        self.interrupted = asyncio.Event()
        self.held: tuple[int, asyncio.Event] | None = None
        self.played_ms = 0

    async def process_frame(self, frame: frames.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, frames.TTSStartedFrame):
            self.played_ms = 0
            await self.push_frame(frames.BotStartedSpeakingFrame(), FrameDirection.UPSTREAM)
        elif isinstance(frame, frames.TTSAudioRawFrame):
            self.played_ms += len(frame.audio) // 48
            if self.held is not None and self.played_ms >= self.held[0]:
                self.held[1].set()
        elif isinstance(frame, frames.TTSStoppedFrame) and self.held is None:
            await self.push_frame(frames.BotStoppedSpeakingFrame(), FrameDirection.UPSTREAM)
            self.stopped.set()
        elif isinstance(frame, frames.InterruptionFrame):
            self.interrupted.set()
        await self.push_frame(frame, direction)


class Caller:
    def __init__(self, llm: OpenAIRealtimeLLMService, worker: PipelineWorker, speaker: Speaker) -> None:
        self.llm, self.worker, self.speaker = llm, worker, speaker
        self.seen: Counter[str] = Counter()
        self.items: dict[str, Any] = {}
        self.replies: asyncio.Queue[Any] = asyncio.Queue()
        self.asked: list[str] = []
        llm.add_event_handler("on_conversation_item_created", self._created)
        llm.add_event_handler("on_conversation_item_updated", self._updated)
        worker.add_event_handler("on_pipeline_error", self._failed)
        self.failures: list[str] = []

    async def _failed(self, _: Any, frame: Any) -> None:
        self.failures.append(frame.error)

    async def _created(self, _: Any, item_id: str, item: Any) -> None:
        self.seen[f"created {item.type} {item.role}"] += 1

    async def _updated(self, _: Any, item_id: str, item: Any) -> None:
        self.seen["transcribed" if item is None else f"updated {item.type} {item.role} {item.status}"] += 1
        known = item_id in self.items
        if item is not None:
            self.items[item_id] = item
        if item is not None and item.role == "assistant" and not known:
            self.replies.put_nowait(item)

    async def say(self, line: Exchange) -> None:
        self.speaker.interrupted.clear()
        for nth, pcm in enumerate(line.pieces()):
            if nth == BEGINNING:
                await asyncio.wait_for(self.speaker.interrupted.wait(), PATIENCE_S)
            await self.worker.queue_frame(frames.InputAudioRawFrame(pcm, 24_000, 1))

    async def reply(self) -> str:
        """The words of the next reply, when it has been played."""
        item = await asyncio.wait_for(self.replies.get(), PATIENCE_S)
        await asyncio.wait_for(self.speaker.stopped.wait(), PATIENCE_S)
        self.speaker.stopped.clear()
        assert item.status == "completed", item
        return item.content[0].transcript

    async def interrupted(self, line: Exchange, cut_in: Exchange, reached: asyncio.Event) -> Any:
        """The item of a reply that the caller cut into."""
        await asyncio.wait_for(reached.wait(), PATIENCE_S)
        await self.say(cut_in)
        item = await asyncio.wait_for(self.replies.get(), PATIENCE_S)
        self.speaker.held = None
        self.speaker.stopped.clear()
        assert item.status == "incomplete", item
        assert line.reply.startswith(item.content[0].transcript[:20]), item
        return item


async def talk(caller: Caller, talk: list[Exchange]) -> None:
    await caller.worker.queue_frame(frames.LLMRunFrame())
    await caller.reply()  # the model greets: so this library begins
    said, cut = False, None
    for line, following in zip(talk, [*talk[1:], None], strict=True):
        begun(line)
        reached = asyncio.Event()
        if line.cut_in_ms:
            caller.speaker.held = line.cut_in_ms, reached
        if not said:
            await caller.say(line)
        said = bool(line.cut_in_ms)
        if said and following is not None:
            cut = await caller.interrupted(line, following, reached)
            continue
        if line.tool is not None:
            assert await caller.reply() == "Let me look that up for you."  # its model is one that comments
        words = await caller.reply()
        assert words == line.reply, words
    assert cut is not None
    kept = await asyncio.wait_for(caller.llm.retrieve_conversation_item(cut.id), PATIENCE_S)
    assert kept.content[0].transcript is None, f"not truncated: {kept}"
    for item_id, item in list(caller.items.items())[:4]:
        found = await asyncio.wait_for(caller.llm.retrieve_conversation_item(item_id), PATIENCE_S)
        assert (found.id, found.role) == (item_id, item.role), found


async def main(base_url: str, folder: Path) -> None:
    complaints: list[str] = []
    logger.remove()
    logger.add(lambda line: complaints.append(str(line)), level="WARNING")
    script = exchanges(folder)
    settings = OpenAIRealtimeLLMService.Settings(
        system_instruction="Be brief.", session_properties=events.SessionProperties(audio=AUDIO)
    )
    llm = OpenAIRealtimeLLMService(api_key="any", base_url=f"{base_url}/realtime", settings=settings)
    context = LLMContext([{"role": "user", "content": "Say hello."}], tools=ToolsSchema([TOOL]))
    aggregators = LLMContextAggregatorPair(context)
    speaker = Speaker()
    pipeline = Pipeline([aggregators.user(), llm, speaker, aggregators.assistant()])
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=24_000), idle_timeout_secs=None)
    caller = Caller(llm, worker, speaker)
    asked: list[str] = []

    async def get_weather(params: Any) -> None:
        asked.append(params.arguments["city"])
        await params.result_callback(json.loads(weather(script, params.arguments["city"])))

    llm.register_function("get_weather", get_weather)
    runner = WorkerRunner(handle_sigint=False)
    running = asyncio.create_task(runner.run(worker))
    try:
        await talk(caller, script)
        await worker.queue_frame(frames.EndFrame())
        await asyncio.wait_for(running, PATIENCE_S)
    finally:
        await worker.cancel()
    assert asked == [line.tool["city"] for line in script if line.tool is not None], asked
    assert not caller.failures, caller.failures
    assert not complaints, complaints
    tell(caller.seen)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
