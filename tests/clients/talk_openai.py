"""The `openai` SDK against a stand-in: every event it receives must be the SDK's own class, and valid as such.

Two checks on each event: the class the SDK chose is the one of that event's name (it falls back to something else
in silence when nothing fits), and the raw message satisfies the SDK's model, required fields and all.

Run as: python talk_openai.py BASE_URL CLIPS_FOLDER
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import wave
from pathlib import Path
from typing import Any

import pydantic
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent

ANY_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def talk(base_url: str, clips: Path, model: str) -> None:
    client = AsyncOpenAI(base_url=base_url.replace("ws://", "http://"), api_key="any")
    async with client.realtime.connect(model=model) as connection:
        seen: dict[str, int] = {}

        async def hear(name: str) -> list[Any]:
            """Events up to the first of this name."""
            found: list[Any] = []
            while not found or found[-1].type != name:
                raw = await asyncio.wait_for(connection.recv_bytes(), 20)
                event = connection.parse_event(raw)
                strict = ANY_EVENT.validate_json(raw)
                assert type(event) is type(strict), f"{json.loads(raw)['type']} became {type(event).__name__}"
                assert type(event).__module__.startswith("openai.types.realtime."), type(event)
                if event.type == "error" and name != "error":
                    raise AssertionError(event.error)
                seen[event.type] = seen.get(event.type, 0) + 1
                found.append(event)
            return found

        async def say(clip: str) -> None:
            with wave.open(str(clips / f"{clip}.wav")) as wav:
                pcm = wav.readframes(wav.getnframes())
            for at in range(0, len(pcm), 4800):
                await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 4800]).decode())

        await hear("session.created")
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "output_modalities": ["audio"],
                "tools": [TOOL],
                "audio": {
                    "input": {
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
                        "transcription": {"model": "gpt-4o-transcribe"},
                    },
                    "output": {"voice": "cedar", "speed": 1.0},
                },
            }
        )
        await hear("session.updated")

        await say("name")
        found = await hear("response.done")
        reply = found[-1].response
        sound = b"".join(
            base64.b64decode(event.delta) for event in found if event.type == "response.output_audio.delta"
        )
        assert len(sound) > 48_000, "less than a second of reply"
        assert reply.output[0].content[0].transcript == "Hello Marco, it is good to hear from you."
        assert reply.usage.input_token_details.audio_tokens > 10
        assert reply.usage.output_token_details.audio_tokens == len(sound) // 2400

        await say("weather")
        *comments, call = (await hear("response.done"))[-1].response.output
        assert len(comments) == ("2.1" in model)
        assert json.loads(call.arguments) == {"city": "London"}
        output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": json.dumps({"degrees": 12})}
        await connection.conversation.item.create(item=output)
        await connection.response.create(response={"metadata": {"topic": "weather"}})
        answer = (await hear("response.done"))[-1].response
        assert answer.output[0].content[0].transcript == "It is foggy and 12 degrees in London."
        assert answer.metadata == {"topic": "weather"}

        spoken = answer.output[0].id
        await connection.conversation.item.truncate(item_id=spoken, content_index=0, audio_end_ms=500)
        await hear("conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=spoken)
        await hear("conversation.item.retrieved")
        await connection.conversation.item.delete(item_id=spoken)
        await hear("conversation.item.deleted")
        text: Any = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be kind."}]}
        await connection.conversation.item.create(item=text, previous_item_id="root")
        await hear("conversation.item.done")
        await connection.response.create(response={"conversation": "none", "output_modalities": ["text"], "input": []})
        assert (await hear("response.done"))[-1].response.output[0].content[0].text == "I see."
        await connection.input_audio_buffer.clear()
        await hear("input_audio_buffer.cleared")
        await connection.response.cancel()
        assert (await hear("error"))[-1].error.code == "response_cancel_not_active"
        assert seen["conversation.item.input_audio_transcription.completed"] == 2, seen
        print(f"OK, {model}: {sum(seen.values())} events of {len(seen)} kinds")


if __name__ == "__main__":
    for model in ("gpt-realtime", "gpt-realtime-2.1"):
        asyncio.run(talk(sys.argv[1], Path(sys.argv[2]), model))
