"""Whoever looks on sees a whole session: its lines, its figures, its spans; and no word that was said in it."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from simulator.doubles import quiet, say
from test_gateway_calls import hear, standing_in, until
from test_metrics import figures

from laconic.actions import Forgot
from laconic.events import Raw
from laconic.gateway.eyes import Eyes, Look
from laconic.gateway.log import Log
from laconic.gateway.metrics import Metrics
from laconic.gateway.routes import Route, Routes
from laconic.gateway.server import Gateway
from laconic.gateway.sockets import Closed
from laconic.gateway.spans import Spans

MODEL = "gpt-realtime"
SOUND = {"type": "response.output_audio.delta", "delta": "AAAA"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """A socket in memory: what is put into `says` is received."""

    def __init__(self, *says: dict[str, Any]) -> None:
        self.says = [json.dumps(event).encode() for event in says]
        self.told: list[Raw] = []
        self.closed: tuple[int, str] | None = None

    async def recv(self) -> Raw:
        return self.says.pop(0)

    async def send(self, raw: Raw) -> None:
        self.told.append(raw)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def looked(clock: Clock, **eyes: Any) -> Look:
    return Eyes(clock, **eyes).session("sess_1", route="main", model=MODEL, provider="openai", key=None, connect_s=0.1)


def test_who_does_not_look_costs_nothing() -> None:
    """The sockets are the very same."""
    socket = Wire()
    lines: list[str] = []
    for look in (looked(Clock()), looked(Clock(), log=Log(lines.append, clock=lambda: datetime.now(UTC)))):
        assert look.app(socket) is socket
        assert look.service(socket) is socket
    look = looked(Clock())
    look.noticed([Forgot("item_1", None, None, 0, 1, "memory")])
    look.closed(None)
    Eyes(Clock()).refused("key")
    assert len(lines) == 1


async def test_a_socket_that_is_looked_at_is_the_same_to_use() -> None:
    look, socket = looked(Clock(), metrics=Metrics()), Wire({"type": "session.created"})
    seen = look.service(socket)
    assert json.loads(await seen.recv()) == {"type": "session.created"}
    await seen.send(b'{"type":"response.create"}')
    await seen.close(1000, "bye")
    assert (socket.told, socket.closed) == ([b'{"type":"response.create"}'], (1000, "bye"))


@pytest.mark.parametrize(
    ("asks", "seconds"),
    [
        ([("app", {"type": "response.create"})], 0.5),
        ([("app", {"type": "response.create"}), ("service", {"type": "response.created", "response": {}})], 0.5),
        ([("service", {"type": "input_audio_buffer.committed"})], 0.5),
        ([("app", {"type": "input_audio_buffer.commit"}), ("app", {"type": "response.create"})], 0.25),
        ([("app", {"type": "input_audio_buffer.append"})], None),
        ([("app", {"type": "response.create"}), ("service", {"type": "response.done"})], None),
    ],
)
async def test_how_long_people_wait(asks: list[tuple[str, dict[str, Any]]], seconds: float | None) -> None:
    clock, metrics = Clock(), Metrics()
    look = looked(clock, metrics=metrics)
    app, service = Wire(), Wire()
    seen = {"app": look.app(app), "service": look.service(service)}
    for side, event in asks:
        clock.now += 0.25
        (app if side == "app" else service).says.append(json.dumps(event).encode())
        await seen[side].recv()
    clock.now = 0.75
    for _ in range(2):  # the second sound is not the first
        await seen["app"].send(json.dumps(SOUND))
    found = figures(metrics)
    assert found.get(("laconic_first_sound_seconds_count", MODEL, "main"), 0) == (seconds is not None)
    if seconds is not None:
        assert found["laconic_first_sound_seconds_sum", MODEL, "main"] == pytest.approx(seconds)


async def test_a_response_without_a_shape_is_no_span() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    look = looked(Clock(), spans=Spans(provider, clock_ns=lambda: 1))
    created: dict[str, Any] = {"type": "response.created", "response": 7}
    service = look.service(Wire(created, created | {"response": {}}, created | {"response": {"id": "resp_1"}}))
    app = look.app(Wire({"type": "response.create"}))
    await app.recv()
    for _ in range(3):
        await service.recv()
    await app.send(json.dumps(SOUND))
    look.closed(Closed(1000))
    response, whole = spans.get_finished_spans()
    assert (response.name, whole.name) == (f"chat {MODEL}", f"realtime {MODEL}")
    assert (response.attributes or {})["laconic.first_sound_s"] == 0


SPOKEN = ("My account number is seventeen.", "Seventeen, I have written that down.")
KEY = "sk-a-key-nobody-may-see"


async def test_a_whole_session_is_seen_and_nothing_of_what_was_said() -> None:
    """Spoken, transcribed, written, complained of: every line of every form is searched for the words and the keys."""
    lines: list[str] = []
    metrics, spans = Metrics(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    for form in ("text", "json"):
        log = Log(lines.append, clock=lambda: datetime.now(UTC), form=form, messages=True)
        eyes = Eyes(
            asyncio.get_running_loop().time, log=log, metrics=metrics, spans=Spans(provider, clock_ns=lambda: 1)
        )
        async with standing_in(SPOKEN[1], keys=[KEY]) as standin:
            route = Route(name="main", service=f"ws://127.0.0.1:{standin.port}/v1/realtime", memory="last:1")
            gateway = Gateway(Routes([route]), env={"LACONIC_API_KEY": KEY}, eyes=eyes, tell=log.line)
            async with gateway.listening("127.0.0.1", 0) as port, ClientSession() as http:
                address = f"http://127.0.0.1:{port}"
                headers = {"Authorization": f"Bearer {KEY}"}
                async with http.ws_connect(f"{address}/v1/realtime?model={MODEL}", headers=headers) as ws:
                    await talk(ws)
                async with http.ws_connect(f"{address}/v1/realtime") as ws:  # no model
                    await hear(ws, "error")
                await until(lambda gateway=gateway: not gateway.sessions)
                async with http.get(f"{address}/metrics") as answer:
                    assert answer.headers["Content-Type"].startswith("text/plain")
                    assert b"laconic_sessions_total" in await answer.read()
    for line in lines:
        assert not any(word in line for word in ("eventeen", "account", "written that", KEY, "AAAA")), line
    for glyph in "⇢→←⇠+-$~!":
        assert any(f" {glyph} " in line or f'"{glyph}"' in line for line in lines), glyph
    found = figures(metrics)
    assert found["laconic_sessions_total", MODEL, "ended", "main"] == 2
    assert found["laconic_sessions_open", MODEL, "main"] == 0
    assert found["laconic_exchanges_total", MODEL, "main"] == 2
    assert found["laconic_first_sound_seconds_count", MODEL, "main"] == 2
    assert found["laconic_refusals_total", "model"] == 2
    assert found["laconic_responses_total", "transcription", MODEL, "main", "completed"] == 2
    assert found["laconic_edits_total", "memory", MODEL, "main"] >= 2
    told = [str(dict(span.attributes or {})) for span in spans.get_finished_spans()]
    assert len(told) == 4
    assert not any("eventeen" in text or KEY in text for text in told)


async def talk(ws: Any) -> None:
    await ws.send_json(
        {
            "type": "session.update",
            "session": {
                "type": "realtime",
                "instructions": "The account number is secret.",
                "audio": {"input": {"transcription": {"model": "whisper-1"}}},
            },
        }
    )
    sound = base64.b64encode(say(SPOKEN[0]) + quiet(800)).decode()
    await ws.send_json({"type": "input_audio_buffer.append", "audio": sound})
    heard = await hear(ws, "response.done")
    if not any(event["type"] == "conversation.item.input_audio_transcription.completed" for event in heard):
        await hear(ws, "conversation.item.input_audio_transcription.completed")
    item = {
        "id": "seventeen",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": SPOKEN[0]}],
    }
    await ws.send_json({"type": "conversation.item.create", "item": {**item, "id": "item_mine"}})
    await hear(ws, "conversation.item.done")
    await ws.send_json({"type": "seventeen"})
    await hear(ws, "error")
