"""A spoken conversation over aiohttp's WebSocket. The two lines are marked.

    OPENAI_API_KEY=… python examples/attach_aiohttp.py wss://api.openai.com/v1/realtime?model=gpt-realtime

The caller is a recorded one; give the address that `laconic simulate` prints, and nothing is billed.
"""

from __future__ import annotations

import asyncio
import os
import sys

import aiohttp
from speech import PAUSE_S, SETTINGS, said

import laconic  # 1


async def speak(connection: aiohttp.ClientWebSocketResponse, sentence: int) -> None:
    for message in said(sentence):
        await connection.send_str(message)
        await asyncio.sleep(PAUSE_S)


async def main(url: str) -> None:
    key = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'any')}"}
    async with aiohttp.ClientSession(headers=key) as http, http.ws_connect(url, max_msg_size=0) as connection:
        connection = laconic.attach(connection, memory="last:5", budget="$2")  # 2
        await connection.send_str(SETTINGS)
        for sentence in range(3):
            speaking = asyncio.create_task(speak(connection, sentence))
            async for message in connection:
                event = message.json()
                if event["type"] == "response.output_audio_transcript.done":
                    print("reply:", event["transcript"])
                elif event["type"] == "response.done":
                    break
            await speaking
        print(f"{connection.laconic.meter.total}; {connection.laconic.why()}")


if len(sys.argv) != 2:
    sys.exit(__doc__)
asyncio.run(main(sys.argv[1]))
