"""A service that does nothing but keep time: twenty pieces of sound a second to every caller, and a conversation.

The stand-in listens and speaks, which costs a hundred times what a relay does; to measure a relay the far end must be
nearly free. So everything here is a script: each turn of the caller enters and is written down, each reply is pieces
of sound at their pace, closed with a usage. Items can be created, deleted, and retrieved with two seconds of sound,
since a gateway that remembers in writing does all three. Every piece bears the moment of its sending in its `event_id`;
those of the caller are read.

What measures must take less time than what it measures: messages are sent and read in callbacks, without tasks, and
`Pace` never sleeps, so that no piece waits for this process to wake up or for a timer of whole milliseconds.

A `response.create` with `metadata: {"flood": N}` gets N pieces of sound as fast as they are taken.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

__all__ = ["APPEND", "INTERVAL_S", "Pace", "PacedService", "goodbye", "sent_at"]

INTERVAL_S = 0.05
_SOUND = b64encode(bytes(3_600)).decode()
"""75 ms of sound: 4,800 characters, so that a message is about 5 kB."""
_KEPT = b64encode(bytes(96_000)).decode()
"""Two seconds of sound: what an item is retrieved with."""
APPEND = '{"type":"input_audio_buffer.append","event_id":"%s","audio":"' + _SOUND + '"}'
"""A piece of the caller's sound; its event id says when it was sent."""
_EXCHANGE_S = 8.0
"""A turn is committed and answered that often; the reply sounds for nearly all of it."""
_CACHED, _NEW, _OUT = 400, 60, 150

Wire = dict[str, Any]


def sent_at(message: bytes) -> int:
    """The moment in a piece's event id, in ns; 0 where it has none."""
    at = message.find(b'"t_', 0, 400)
    return int(message[at + 3 : message.index(b'"', at + 3)]) if at >= 0 else 0


def goodbye(transport: WSTransport, frame: WSFrame) -> bool:
    """Whether the other side says goodbye; then it is answered."""
    if frame.msg_type != WSMsgType.CLOSE:
        return False
    transport.send_close(frame.get_close_code())
    transport.disconnect()
    return True


class Pace:
    """Calls back every `INTERVAL_S`, whoever wants it; never sleeps meanwhile."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._left: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def beating(self, call: Callable[[], None], phase: float) -> Generator[None]:
        """Call it from now on, first after this share of the interval."""
        number = next(self._number)
        heapq.heappush(self._due, (time.perf_counter() + phase * INTERVAL_S, number, call))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            self._left.add(number)

    def check(self) -> None:
        """Raise what a callback has raised: nobody is called back after that."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def _beat(self) -> None:
        due = self._due
        while due:
            while due and due[0][0] <= time.perf_counter():
                at, number, call = due[0]
                if number in self._left:
                    heapq.heappop(due)
                    continue
                heapq.heapreplace(due, (at + INTERVAL_S, number, call))
                call()
            await asyncio.sleep(0)


class PacedService:
    """`latencies` are the caller's pieces, one way, in ns, while `measuring`."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.latencies: list[int] = []
        self.measuring = False
        self._numbers = count(1)

    async def listen(self, port: int) -> asyncio.Server:
        """Take calls on this port, any path."""
        return await ws_create_server(self._call, "127.0.0.1", port)

    def _call(self, request: WSUpgradeRequest) -> _Call:
        """A model whose name ends in `-idle` gets no sound by itself."""
        model = parse_qs(urlsplit(request.path.decode()).query).get("model", ["gpt-realtime"])[0]
        return _Call(self, next(self._numbers), model)


class _Call(WSListener):
    def __init__(self, service: PacedService, number: int, model: str) -> None:
        self._service, self._number, self._model = service, number, model
        self._socket: WSTransport | None = None
        self._items: list[str] = []
        self._count = count(1)
        self._flowing = True
        self._flooding: Iterator[bytes] | None = None
        self._reply: tuple[str, str] | None = None
        """Item and response of the reply that is sounding."""
        self._beating = ExitStack()

    # --- the socket ------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket = transport
        self._say("session.created", session=_session(self._model, self._number))
        if "idle" not in self._model:
            script = self._talk()
            pace = self._service.pace.beating(lambda: next(script), (self._number * 0.618) % 1)
            self._beating.enter_context(pace)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._socket, self._flooding = None, None
        self._beating.close()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = time.perf_counter_ns()
        if goodbye(transport, frame):
            return
        raw = frame.get_payload_as_bytes()
        if raw.find(b"input_audio_buffer.append", 0, 100) < 0:
            self._read(json.loads(raw))
        elif self._service.measuring:
            self._service.latencies.append(now - sent_at(raw))

    def pause_writing(self) -> None:
        self._flowing = False

    def resume_writing(self) -> None:
        self._flowing = True
        self._flood()

    def _send(self, raw: bytes) -> None:
        if self._socket is not None:
            self._socket.send(WSMsgType.TEXT, raw)

    def _say(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": self._name("event"), **fields}
        self._send(json.dumps(event, separators=(",", ":")).encode())

    def _name(self, kind: str) -> str:
        return f"{kind}_{self._number}_{next(self._count)}"

    # --- what the caller asks --------------------------------------------------------------------------------

    def _read(self, event: Wire) -> None:
        match event["type"]:
            case "session.update":
                self._say("session.updated", session=_session("gpt-realtime", self._number))
            case "conversation.item.create":
                item: Wire = event["item"]
                item.setdefault("id", self._name("item"))
                behind = event.get("previous_item_id")
                place = self._items.index(behind) + 1 if behind in self._items else 0 if behind == "root" else None
                self._items.insert(len(self._items) if place is None else place, item["id"])
                self._enter(item)
            case "conversation.item.delete":
                with suppress(ValueError):
                    self._items.remove(event["item_id"])
                self._say("conversation.item.deleted", item_id=event["item_id"])
            case "conversation.item.retrieve" if event["item_id"] in self._items:
                part = {"type": "input_audio", "transcript": "what is it", "audio": _KEPT, "format": "pcm16"}
                item = {"id": event["item_id"], "type": "message", "role": "user", "content": [part]}
                self._say("conversation.item.retrieved", item={"object": "realtime.item", **item})
            case "conversation.item.retrieve":
                missing = f"Error retrieving item: the item with id '{event['item_id']}' does not exist."
                error = {"type": "invalid_request_error", "code": "item_retrieve_invalid_item_id", "message": missing}
                self._say("error", error={**error, "param": None, "event_id": event.get("event_id")})
            case "response.create":
                flood = (event.get("response", {}).get("metadata") or {}).get("flood")
                if flood:
                    self._flooding = self._flood_of(int(flood))
                    self._flood()
            case "response.cancel" if self._reply is not None:  # who hangs up wants the bill, and then no more
                self._beating.close()
                self._end(*self._reply, status="cancelled")
            case _:
                pass

    def _enter(self, item: Wire, *, done: bool = True) -> None:
        place = self._items.index(item["id"])
        behind = self._items[place - 1] if place else None
        whole = {"object": "realtime.item", "status": "completed", **item}
        self._say("conversation.item.added", previous_item_id=behind, item=whole)
        if done:
            self._say("conversation.item.done", previous_item_id=behind, item=whole)

    # --- the script ------------------------------------------------------------------------------------------

    def _talk(self) -> Generator[None]:
        """Exchange after exchange, a beat for the turn, one for the end of its reply, and between them a piece of sound
        a beat; the first is shorter, so that callers are not in step."""
        beats = int(_EXCHANGE_S / INTERVAL_S)
        first = int((self._number * 0.618) % 1 * beats)
        while True:
            self._turn()
            yield
            self._reply = reply, response = self._name("item"), self._name("resp")
            tail = self._begin(reply, response)
            for number in range(first + 2, beats):
                head = b'{"type":"response.output_audio.delta","event_id":"t_%d"' % time.perf_counter_ns()
                self._send(head + tail)
                if number == beats // 2:
                    self._say(
                        "response.output_audio_transcript.delta",
                        item_id=reply,
                        response_id=response,
                        output_index=0,
                        content_index=0,
                        delta="one two three four five six seven",
                    )
                yield
            self._end(reply, response)
            yield
            first = 0

    def _turn(self) -> None:
        item = self._name("item")
        self._say("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item)
        self._say("input_audio_buffer.speech_stopped", audio_end_ms=2_000, item_id=item)
        behind = self._items[-1] if self._items else None
        self._say("input_audio_buffer.committed", item_id=item, previous_item_id=behind)
        self._items.append(item)
        content = [{"type": "input_audio", "transcript": None}]
        self._enter({"id": item, "type": "message", "role": "user", "content": content})
        self._say(
            "conversation.item.input_audio_transcription.completed",
            item_id=item,
            content_index=0,
            transcript="what is it that we are talking about",
            usage={"type": "duration", "seconds": 2},
        )

    def _begin(self, item: str, response: str) -> bytes:
        """A reply begins; what stands behind the event id in each piece of its sound."""
        self._say("response.created", response=_response(response, "in_progress"))
        wire: Wire = {"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self._say("response.output_item.added", response_id=response, output_index=0, item=wire)
        self._items.append(item)
        self._enter(wire, done=False)
        part = {"type": "audio", "transcript": ""}
        self._say(
            "response.content_part.added",
            response_id=response,
            item_id=item,
            output_index=0,
            content_index=0,
            part=part,
        )
        return _tail(item, response)

    def _end(self, item: str, response: str, status: str = "completed") -> None:
        self._reply = None
        content = [{"type": "output_audio", "transcript": "one two three four five six seven"}]
        wire: Wire = {"id": item, "type": "message", "role": "assistant", "status": "completed", "content": content}
        place = self._items.index(item) if item in self._items else 0
        behind = self._items[place - 1] if place else None
        self._say("conversation.item.done", previous_item_id=behind, item=wire)
        self._say("response.output_item.done", response_id=response, output_index=0, item=wire)
        self._say("response.done", response=_response(response, status, [wire]))

    def _flood_of(self, messages: int) -> Generator[bytes]:
        item, response = self._name("item"), self._name("resp")
        piece = b'{"type":"response.output_audio.delta","event_id":"t_0"%b' % self._begin(item, response)
        for _ in range(messages):
            yield piece
        self._end(item, response)

    def _flood(self) -> None:
        """As much of the flood as is taken now."""
        while self._flowing and self._flooding is not None:
            piece = next(self._flooding, None)
            if piece is None:
                self._flooding = None
            else:
                self._send(piece)


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
