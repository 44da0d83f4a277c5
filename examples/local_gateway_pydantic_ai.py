"""A realtime session of pydantic-ai, its memory and its bill looked after by a gateway inside this program.

    pip install 'pydantic-ai-slim[openai,openai-realtime]' 'laconic[gateway]'
    OPENAI_API_KEY=… python examples/local_gateway_pydantic_ai.py

An address as argument names another service, such as the one `laconic simulate` prints.
"""

from __future__ import annotations

import asyncio
import sys

from pydantic_ai import Agent
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

import laconic

QUESTIONS = ("Hello. My name is Marco.", "What is my name?")


async def main(service: str) -> None:
    async with laconic.local_gateway(service, memory="summary", budget="$2") as url:
        provider = OpenAIProvider(base_url=url.replace("ws://", "http://"), api_key="any")
        model = OpenAIRealtimeModel("gpt-realtime", provider=provider)
        async with Agent(instructions="Be brief.").realtime(model).session() as session:
            for question in QUESTIONS:
                print("you:  ", question)
                await session.send(question)
                async for event in session:
                    if type(event).__name__ == "RealtimeTurnCompleteEvent":
                        break
                print("reply:", session.all_messages()[-1].parts[-1].transcript)


asyncio.run(main(*sys.argv[1:] or ["openai"]))
