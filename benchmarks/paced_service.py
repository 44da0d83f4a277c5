"""A service that does nothing but keep time: twenty pieces of sound a second to every caller, and a conversation.

The stand-in listens and speaks, which costs a hundred times what a relay does; to measure a relay the far end must be
nearly free. So everything here is a script: each turn of the caller enters and is written down, each reply is pieces
of sound at their pace, closed with a usage. Items can be created, deleted, and retrieved with two seconds of sound,
since a gateway that remembers in writing does all three. Every piece bears the moment of its sending in its `event_id`;
those of the caller are read.

A `response.create` with `metadata: {"flood": N}` gets N pieces of sound as fast as they are taken.
"""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

__all__ = ["APPEND", "INTERVAL_S", "PacedService", "sent_at"]

INTERVAL_S = 0.05
_SOUND = b64encode(bytes(3_600)).decode()
"""75 ms of sound: 4,800 characters, so that a message is about 5 kB."""
_KEPT = b64encode(bytes(96_000)).decode()
"""Two seconds of sound: what an item is retrieved with."""
APPEND = '{"type":"input_audio_buffer.append","event_id":"%s","audio":"' + _SOUND + '"}'
"""A piece of the caller's sound; its event id says when it was sent."""
_EXCHANGE_S = 8.0
"""A turn is committed and answered that often; the reply sounds for three quarters of it."""
_CACHED, _NEW, _OUT = 400, 60, 150

Wire = dict[str, Any]


def sent_at(message: bytes) -> int:
    """The moment in a piece's event id, in ns; 0 where it has none."""
    at = message.find(b'"t_', 0, 400)
    return int(message[at + 3 : message.index(b'"', at + 3)]) if at >= 0 else 0


@dataclass
class _Call:
    socket: web.WebSocketResponse
    number: int
    items: list[str] = field(default_factory=list[str])
    count: int = 0
    paused: bool = False

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.number}_{self.count}"

    async def say(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": self.name("event"), **fields}
        await self.socket.send_str(json.dumps(event, separators=(",", ":")))


class PacedService:
    """`latencies` are the caller's pieces, one way, in ns, while `measuring`. `deltas` counts pieces sent."""

    def __init__(self) -> None:
        self.latencies: list[int] = []
        self.measuring = False
        self.deltas = 0
        self._calls = 0

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One call. A model whose name ends in `-idle` gets no sound by itself."""
        socket = web.WebSocketResponse(compress=False, max_msg_size=0, decode_text=False)
        await socket.prepare(request)
        self._calls += 1
        call = _Call(socket, self._calls)
        model = request.query.get("model", "gpt-realtime")
        await call.say("session.created", session=_session(model, call.number))
        talking = None if "idle" in model else asyncio.create_task(self._talk(call))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                await self._read(call, message.data)
        finally:
            if talking is not None:
                talking.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await talking
        return socket

    async def _read(self, call: _Call, raw: bytes) -> None:
        if raw.find(b"input_audio_buffer.append", 0, 100) >= 0:
            if self.measuring:
                self.latencies.append(time.perf_counter_ns() - sent_at(raw))
            return
        event: Wire = json.loads(raw)
        match event["type"]:
            case "session.update":
                await call.say("session.updated", session=_session("gpt-realtime", call.number))
            case "conversation.item.create":
                item: Wire = event["item"]
                item.setdefault("id", call.name("item"))
                behind = event.get("previous_item_id")
                place = call.items.index(behind) + 1 if behind in call.items else 0 if behind == "root" else None
                call.items.insert(len(call.items) if place is None else place, item["id"])
                await self._enter(call, item)
            case "conversation.item.delete":
                with suppress(ValueError):
                    call.items.remove(event["item_id"])
                await call.say("conversation.item.deleted", item_id=event["item_id"])
            case "conversation.item.retrieve" if event["item_id"] in call.items:
                part = {"type": "input_audio", "transcript": "what is it", "audio": _KEPT, "format": "pcm16"}
                item = {"id": event["item_id"], "type": "message", "role": "user", "content": [part]}
                await call.say("conversation.item.retrieved", item={"object": "realtime.item", **item})
            case "conversation.item.retrieve":
                missing = f"Error retrieving item: the item with id '{event['item_id']}' does not exist."
                error = {"type": "invalid_request_error", "code": "item_retrieve_invalid_item_id", "message": missing}
                await call.say("error", error={**error, "param": None, "event_id": event.get("event_id")})
            case "response.create":
                flood = (event.get("response", {}).get("metadata") or {}).get("flood")
                if flood:
                    await self._flood(call, int(flood))
            case _:
                pass

    async def _enter(self, call: _Call, item: Wire, *, done: bool = True) -> None:
        place = call.items.index(item["id"])
        behind = call.items[place - 1] if place else None
        whole = {"object": "realtime.item", "status": "completed", **item}
        await call.say("conversation.item.added", previous_item_id=behind, item=whole)
        if done:
            await call.say("conversation.item.done", previous_item_id=behind, item=whole)

    async def _talk(self, call: _Call) -> None:
        """Turn after turn, begun at a moment of its own so that callers do not act in step."""
        due = time.monotonic() + (call.number * 0.618) % 1 * INTERVAL_S
        shift = int((call.number * 0.618) % 1 * _EXCHANGE_S / INTERVAL_S)
        pieces = int(_EXCHANGE_S * 0.75 / INTERVAL_S)
        while True:
            await self._turn(call)
            reply, response = call.name("item"), call.name("resp")
            head = await self._begin(call, reply, response)
            for number in range(int(_EXCHANGE_S / INTERVAL_S)):
                due += INTERVAL_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await call.socket.send_frame(
                    b'{"type":"response.output_audio.delta","event_id":"t_%d"%b' % (time.perf_counter_ns(), head),
                    WSMsgType.TEXT,
                )
                self.deltas += 1
                if number == pieces - shift % pieces // 4:
                    await call.say(
                        "response.output_audio_transcript.delta",
                        item_id=reply,
                        response_id=response,
                        output_index=0,
                        content_index=0,
                        delta="one two three four five six seven",
                    )
            await self._end(call, reply, response)

    async def _turn(self, call: _Call) -> None:
        item = call.name("item")
        await call.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item)
        await call.say("input_audio_buffer.speech_stopped", audio_end_ms=2_000, item_id=item)
        behind = call.items[-1] if call.items else None
        await call.say("input_audio_buffer.committed", item_id=item, previous_item_id=behind)
        call.items.append(item)
        content = [{"type": "input_audio", "transcript": None}]
        await self._enter(call, {"id": item, "type": "message", "role": "user", "content": content})
        await call.say(
            "conversation.item.input_audio_transcription.completed",
            item_id=item,
            content_index=0,
            transcript="what is it that we are talking about",
            usage={"type": "duration", "seconds": 2},
        )

    async def _begin(self, call: _Call, item: str, response: str) -> bytes:
        """A reply begins; what stands behind the event id in each piece of its sound."""
        await call.say("response.created", response=_response(response, "in_progress"))
        wire: Wire = {"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        await call.say("response.output_item.added", response_id=response, output_index=0, item=wire)
        call.items.append(item)
        await self._enter(call, wire, done=False)
        part = {"type": "audio", "transcript": ""}
        await call.say(
            "response.content_part.added",
            response_id=response,
            item_id=item,
            output_index=0,
            content_index=0,
            part=part,
        )
        return _tail(item, response)

    async def _end(self, call: _Call, item: str, response: str) -> None:
        content = [{"type": "output_audio", "transcript": "one two three four five six seven"}]
        wire: Wire = {"id": item, "type": "message", "role": "assistant", "status": "completed", "content": content}
        place = call.items.index(item) if item in call.items else 0
        behind = call.items[place - 1] if place else None
        await call.say("conversation.item.done", previous_item_id=behind, item=wire)
        await call.say("response.output_item.done", response_id=response, output_index=0, item=wire)
        await call.say("response.done", response=_response(response, "completed", [wire]))

    async def _flood(self, call: _Call, messages: int) -> None:
        item, response = call.name("item"), call.name("resp")
        piece = b'{"type":"response.output_audio.delta","event_id":"t_0"%b' % await self._begin(call, item, response)
        for _ in range(messages):
            await call.socket.send_frame(piece, WSMsgType.TEXT)
        await self._end(call, item, response)


def _tail(item: str, response: str) -> bytes:
    return (
        f',"response_id":"{response}","item_id":"{item}","output_index":0,"content_index":0,"delta":"{_SOUND}"}}'
    ).encode()


def _session(model: str, number: int) -> Wire:
    shape = {"type": "audio/pcm", "rate": 24_000}
    detection = {"type": "server_vad", "create_response": True, "interrupt_response": True}
    hears = {"format": shape, "transcription": {"model": "gpt-4o-mini-transcribe"}, "turn_detection": detection}
    return {
        "type": "realtime", "object": "realtime.session", "id": f"sess_{number}", "model": "gpt-realtime",
        "output_modalities": ["audio"], "instructions": "Be brief.", "tools": [], "max_output_tokens": "inf",
        "audio": {"input": hears, "output": {"format": shape, "voice": "marin"}},
    }  # fmt: skip


def _response(response: str, status: str, output: list[Wire] | None = None) -> Wire:
    usage: Wire | None = None
    if output is not None:
        cached = {"text_tokens": _CACHED, "audio_tokens": 0, "image_tokens": 0}
        usage = {
            "total_tokens": _CACHED + _NEW + _OUT, "input_tokens": _CACHED + _NEW, "output_tokens": _OUT,
            "input_token_details": {"text_tokens": _CACHED + 40, "audio_tokens": 20, "image_tokens": 0,
                                    "cached_tokens": _CACHED, "cached_tokens_details": cached},
            "output_token_details": {"text_tokens": 30, "audio_tokens": 120},
        }  # fmt: skip
    return {
        "object": "realtime.response", "id": response, "status": status, "conversation_id": "conv_1",
        "output": output or [], "output_modalities": ["audio"], "usage": usage, "metadata": None,
    }  # fmt: skip
