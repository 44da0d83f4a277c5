"""The `openai` SDK: every event it receives must be the SDK's own class, and valid as such.

Two checks on each event: the class the SDK chose is the one of that event's name (it falls back to something else
in silence when nothing fits), and the raw message satisfies the SDK's model, required fields and all.

Run as: python talk_openai.py BASE_URL FOLDER
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pydantic
from caller import CUT_IN_PACE_S, DETECTION, PATIENCE_S, Exchange, begun, exchanges, settled, tell, weather
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent

ANY_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SESSION: Any = {
    "type": "realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "tools": [TOOL],
    "audio": {
        "input": {"turn_detection": DETECTION, "transcription": {"model": "gpt-4o-transcribe"}},
        "output": {"voice": "cedar", "speed": 1.0},
    },
}


class Caller:
    """One connection, and what came over it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.seen: Counter[str] = Counter()

    async def hear(self) -> Any:
        raw = await asyncio.wait_for(self.connection.recv_bytes(), PATIENCE_S)
        event = self.connection.parse_event(raw)
        strict = ANY_EVENT.validate_json(raw)
        assert type(event) is type(strict), f"{json.loads(raw)['type']} became {type(event).__name__}"
        assert type(event).__module__.startswith("openai.types.realtime."), type(event)
        self.seen[event.type] += 1
        return event

    async def until(self, name: str) -> list[Any]:
        """Events up to the first of this name."""
        found: list[Any] = []
        while not found or found[-1].type != name:
            found.append(await self.hear())
            if found[-1].type == "error" and name != "error":
                raise AssertionError(found[-1].error)
        return found

    async def say(self, line: Exchange, pace_s: float = 0.0) -> None:
        if line.typed:
            text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": line.say}]}
            await self.connection.conversation.item.create(item=text)
            await self.connection.response.create()
        else:
            for pcm in line.pieces():
                await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())
                await asyncio.sleep(pace_s)

    async def give(self, call: Any, output: str) -> None:
        item = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        await self.connection.conversation.item.create(item=item)
        await self.connection.response.create(response={"metadata": {"topic": "weather"}})

    async def interrupted(self, line: Exchange, cut_in: Exchange) -> None:
        """Listen to a part of a reply, speak into it, and tell the service how much was heard."""
        item_id, heard_ms = "", 0
        speaking = ended = cut = None
        while ended is None or cut is None:
            event = await self.hear()
            if event.type == "response.output_audio.delta":
                item_id = event.item_id
                heard_ms += len(base64.b64decode(event.delta)) // 48
                if heard_ms >= line.cut_in_ms and speaking is None:
                    speaking = asyncio.create_task(self.say(cut_in, CUT_IN_PACE_S))
            elif event.type == "input_audio_buffer.speech_started" and speaking is not None:
                await self.connection.conversation.item.truncate(
                    item_id=item_id, content_index=0, audio_end_ms=line.cut_in_ms
                )
            elif event.type == "response.done":
                ended = event.response
            elif event.type == "conversation.item.truncated":
                cut = event
            assert event.type != "error", event.error
        assert speaking is not None
        await speaking
        assert (ended.status, ended.output[0].id) == ("cancelled", item_id), ended
        assert (cut.item_id, cut.audio_end_ms) == (item_id, line.cut_in_ms), cut


def words(response: Any) -> str:
    return response.output[-1].content[0].transcript


async def talk(base_url: str, talk: list[Exchange], model: str, count: int) -> Counter[str]:
    client = AsyncOpenAI(base_url=base_url.replace("ws://", "http://"), api_key="any")
    async with client.realtime.connect(model=model) as connection:
        caller = Caller(connection)
        await caller.until("session.created")
        await connection.session.update(session=SESSION)
        await caller.until("session.updated")
        first: list[str] = []
        said = False
        for line, following in zip(talk, [*talk[1:], None], strict=True):
            begun(line)
            if not said:
                await caller.say(line)
            said = bool(line.cut_in_ms)
            if line.cut_in_ms and following is not None:
                await caller.interrupted(line, following)
                continue
            found = await caller.until("response.done")
            reply = found[-1].response
            if line.tool is not None:
                *comments, call = reply.output
                assert len(comments) == ("2.1" in model)
                await caller.give(call, weather(talk, json.loads(call.arguments)["city"]))
                found = await caller.until("response.done")
                reply = found[-1].response
                assert reply.metadata == {"topic": "weather"}
            assert words(reply) == line.reply, words(reply)
            assert reply.status == "completed", reply.status
            sound = [base64.b64decode(event.delta) for event in found if event.type == "response.output_audio.delta"]
            assert reply.usage.output_token_details.audio_tokens == sum(map(len, sound)) // 2400
            first = first or [event.item.id for event in found if event.type == "conversation.item.done"]
            count -= 1
            if not count:
                break
        await afterwards(caller, first, next(line for line in talk if line.typed))
        while not settled(caller.seen):
            await caller.hear()
        return caller.seen


async def afterwards(caller: Caller, first: list[str], typed: Exchange) -> None:
    """What a client may do with items from long ago, a response beside the conversation, and an error of its own."""
    item = caller.connection.conversation.item
    for item_id in first:
        await item.retrieve(item_id=item_id)
        assert (await caller.until("conversation.item.retrieved"))[-1].item.id == item_id
    heard, said = first[0], first[-1]
    await item.truncate(item_id=said, content_index=0, audio_end_ms=500)
    assert (await caller.until("conversation.item.truncated"))[-1].item_id == said
    await item.delete(item_id=said)
    assert (await caller.until("conversation.item.deleted"))[-1].item_id == said
    note = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be kind."}]}
    await item.create(item=note, previous_item_id=heard)
    assert (await caller.until("conversation.item.done"))[-1].previous_item_id == heard
    await caller.connection.response.create(
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Give me a riddle."}]}
            ],
        }
    )
    beside = (await caller.until("response.done"))[-1].response
    assert beside.output[0].content[0].text.startswith("What has a neck"), beside
    await caller.connection.input_audio_buffer.clear()
    await caller.until("input_audio_buffer.cleared")
    await caller.connection.response.cancel()
    assert (await caller.until("error"))[-1].error.code == "response_cancel_not_active"


async def main(base_url: str, folder: Path) -> None:
    script = exchanges(folder)
    seen = await talk(base_url, script, "gpt-realtime", len(script))
    seen += await talk(base_url, script, "gpt-realtime-2.1", 5)
    tell(seen)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
