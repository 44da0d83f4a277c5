"""livekit's RealtimeModel, its memory and its bill looked after by a gateway inside this program.

    pip install livekit-agents livekit-plugins-openai 'laconic[gateway]'
    OPENAI_API_KEY=… python examples/local_gateway_livekit.py

An address as argument names another service, such as the one `laconic simulate` prints. In an AgentSession the model
is made the same way: `AgentSession(llm=openai.realtime.RealtimeModel(base_url=url, api_key="any"))`.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from livekit.plugins import openai

import laconic

QUESTIONS = ("Hello. My name is Marco.", "What is my name?")


async def main(service: str) -> None:
    async with (
        laconic.local_gateway(service, memory="summary", budget="$2") as url,
        aiohttp.ClientSession() as http,
    ):
        session = openai.realtime.RealtimeModel(base_url=url, api_key="any", http_session=http).session()
        for question in QUESTIONS:
            print("you:  ", question)
            context = session.chat_ctx.copy()
            context.add_message(role="user", content=question)
            await session.update_chat_ctx(context)
            generation = await session.generate_reply()
            async for message in generation.message_stream:
                print("reply:", "".join([piece async for piece in message.text_stream]))
        await session.aclose()


asyncio.run(main(*sys.argv[1:] or ["openai"]))
