"""A session of openai-agents, its memory and its bill looked after by a gateway inside this program.

    pip install openai-agents 'laconic[gateway]'
    OPENAI_API_KEY=… python examples/local_gateway_openai_agents.py

An address as argument names another service, such as the one `laconic simulate` prints.
"""

from __future__ import annotations

import asyncio
import sys

from agents.realtime import RealtimeAgent, RealtimeRunner

import laconic

QUESTIONS = ("Hello. My name is Marco.", "What is my name?")


async def main(service: str) -> None:
    async with laconic.local_gateway(service, memory="summary", budget="$2") as url:
        runner = RealtimeRunner(RealtimeAgent(name="friend", instructions="Be brief."))
        config = {"url": f"{url}/realtime?model=gpt-realtime", "api_key": "any"}
        async with await runner.run(model_config=config) as session:
            for question in QUESTIONS:
                print("you:  ", question)
                await session.send_message(question)
                async for event in session:
                    if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                        if event.data.data["type"] == "response.output_audio_transcript.done":
                            print("reply:", event.data.data["transcript"])
                        elif event.data.data["type"] == "response.done":
                            break


asyncio.run(main(*sys.argv[1:] or ["openai"]))
