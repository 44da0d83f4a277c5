"""A service for benchmarks/talk.py: it speaks without being asked, and hears a caller who is not there.

Round after round: a reply of four seconds, its sound five times faster than it plays, as the real services send it;
somewhere in it, never at the same moment of the speaker's period, `input_audio_buffer.speech_started`; then the
response is cancelled. It runs in a process of its own, so that its work is not counted as the client's, and writes
the moment of sending into each event's id: `time.monotonic_ns()`, one clock for all processes of a machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from base64 import b64encode
from itertools import pairwise
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_DELTA_MS = 200
_FASTER = 5
_REPLY_MS = 4000
_GAP_S = 0.35
"""From one interruption to the next reply: longer than the speaker needs to fall silent."""


def _reply() -> list[str]:
    """A sound that never rests, in deltas: the first is half as long as the others, as recorded."""
    t = np.arange(_REPLY_MS * 24) / 24_000
    sound = np.rint(8000 * np.sin(2 * np.pi * (180 + 60 * np.sin(3 * t)) * t)).astype("<i2").tobytes()
    edges = [0, *range(_DELTA_MS // 2, _REPLY_MS, _DELTA_MS), _REPLY_MS]
    return [b64encode(sound[a * 48 : b * 48]).decode() for a, b in pairwise(edges)]


class _Line:
    """One connection. What the client sends is taken off the wire; a truncation is acknowledged."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._configured = asyncio.Event()

    async def run(self) -> None:
        reading = asyncio.create_task(self._read())
        try:
            await self._say("session.created", session={"type": "realtime", "model": "gpt-realtime"})
            await self._configured.wait()
            await asyncio.sleep(0.5)
            await self._rounds()
        except ConnectionClosed:
            return
        finally:
            reading.cancel()

    async def _rounds(self) -> None:
        moments, deltas, number = random.Random(11), _reply(), 0
        while True:
            number += 1
            await self._round(f"{number}", deltas, moments.uniform(0.4, 0.9))
            await asyncio.sleep(_GAP_S + moments.uniform(0, 0.05))

    async def _round(self, number: str, deltas: list[str], cut_s: float) -> None:
        item: dict[str, Any] = {"id": f"item_{number}", "type": "message", "role": "assistant", "content": []}
        response: dict[str, Any] = {"id": f"resp_{number}", "conversation_id": "conv_1", "status": "in_progress"}
        place = {"response_id": response["id"], "output_index": 0}
        await self._say("response.created", response=response)
        await self._say("response.output_item.added", **place, item=item | {"status": "in_progress"})
        await self._say("conversation.item.added", previous_item_id=None, item=item | {"status": "in_progress"})
        began = time.monotonic()
        speaking = asyncio.create_task(self._speak(deltas, place | {"item_id": item["id"], "content_index": 0}, began))
        await asyncio.sleep(cut_s)
        speaking.cancel()
        await self._say("input_audio_buffer.speech_started", item_id=f"user_{number}", audio_start_ms=0)
        ended = item | {"status": "incomplete", "content": [{"type": "output_audio", "transcript": "…"}]}
        await self._say("conversation.item.done", previous_item_id=None, item=ended)
        await self._say("response.output_item.done", **place, item=ended)
        await self._say("response.done", response=response | {"status": "cancelled", "output": [ended], "usage": None})
        await self._say("input_audio_buffer.speech_stopped", item_id=f"user_{number}", audio_end_ms=100)

    async def _speak(self, deltas: list[str], place: dict[str, Any], began: float) -> None:
        for nth, delta in enumerate(deltas):
            await asyncio.sleep(max(0.0, began + nth * _DELTA_MS / 1000 / _FASTER - time.monotonic()))
            await self._say("response.output_audio.delta", **place, delta=delta)

    async def _read(self) -> None:
        async for raw in self._socket:
            event = json.loads(raw)
            if event["type"] == "session.update":
                await self._say("session.updated", session={"model": "gpt-realtime", **event["session"]})
                self._configured.set()
            elif event["type"] == "conversation.item.truncate":
                place = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
                await self._say("conversation.item.truncated", **place)
            elif event["type"] == "conversation.item.delete":
                await self._say("conversation.item.deleted", item_id=event["item_id"])

    async def _say(self, type: str, **fields: Any) -> None:
        message = {"type": type, "event_id": "", **fields}
        message["event_id"] = str(time.monotonic_ns())
        await self._socket.send(json.dumps(message))


async def _serve() -> None:
    async def answer(socket: ServerConnection) -> None:
        await _Line(socket).run()

    async with serve(answer, "127.0.0.1", 0, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        print(f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime", flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until the benchmark lets go of us


if __name__ == "__main__":
    asyncio.run(_serve())
