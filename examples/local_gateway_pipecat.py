"""A pipeline of pipecat, its memory and its bill looked after by a gateway inside this program.

    pip install 'pipecat-ai[openai,websockets-base]' 'laconic[gateway]'
    OPENAI_API_KEY=… python examples/local_gateway_pipecat.py

An address as argument names another service, such as the one `laconic simulate` prints. A transport, for microphone
and speaker, would stand before and behind what stands here.
"""

from __future__ import annotations

import asyncio
import sys

from pipecat.frames.frames import EndWorkerFrame, Frame, LLMFullResponseEndFrame, LLMRunFrame, TTSTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

import laconic


class Printer(FrameProcessor):
    """Prints the reply, and ends the pipeline behind it."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSTextFrame):
            print(frame.text, end="", flush=True)
        elif isinstance(frame, LLMFullResponseEndFrame):
            print()
            await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)
        await self.push_frame(frame, direction)


async def main(service: str) -> None:
    async with laconic.local_gateway(service, memory="summary", budget="$2") as url:
        llm = OpenAIRealtimeLLMService(api_key="any", base_url=f"{url}/realtime")
        context = LLMContext([{"role": "user", "content": "Hello. My name is Marco."}])
        aggregators = LLMContextAggregatorPair(context)
        worker = PipelineWorker(Pipeline([aggregators.user(), llm, Printer(), aggregators.assistant()]))
        await worker.queue_frame(LLMRunFrame())
        await WorkerRunner(handle_sigint=False).run(worker)


asyncio.run(main(*sys.argv[1:] or ["openai"]))
