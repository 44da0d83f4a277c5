"""A written conversation over the official SDK, with its memory and its bill looked after. The two lines are marked.

    OPENAI_API_KEY=… python examples/attach_openai.py

`OPENAI_BASE_URL` names another service, such as `http://127.0.0.1:8765/v1` after `laconic simulate`.
"""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI

import laconic  # 1

QUESTIONS = ("Hello. My name is Marco.", "How is the weather today?", "Tell me something.", "What is my name?")


async def main() -> None:
    async with AsyncOpenAI().realtime.connect(model="gpt-realtime") as connection:
        connection = laconic.attach(connection, memory="summary", budget="$2")  # 2
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        for question in QUESTIONS:
            print("you:  ", question)
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
            )
            await connection.response.create()
            async for event in connection:
                if event.type == "response.output_text.done":
                    print("reply:", event.text)
                elif event.type == "response.done":
                    break
        print(f"{connection.laconic.meter.total}; {connection.laconic.why()}")


asyncio.run(main())
