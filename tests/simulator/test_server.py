"""The stand-in on a real socket of loopback: addresses, keys, refusals, a conversation, and hanging up."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import soxr
import websockets
from simulator.doubles import quiet
from simulator.on_a_port import hear, standing_in, tell
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from laconic import scenarios
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.hearing import Hearing
from laconic.simulator.minds import Facts
from laconic.simulator.parts import Parts
from laconic.simulator.server import WallClock, serve
from laconic.simulator.speech import Speech


async def test_a_conversation_in_writing() -> None:
    async with standing_in("Hello, Marco.") as standin, connect(standin.url) as ws:
        assert (await hear(ws, "session.created"))[0]["session"]["model"] == "gpt-realtime"
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        await tell(ws, "conversation.item.create", item=item)
        await tell(ws, "response.create", response={"output_modalities": ["text"]})
        done = (await hear(ws, "response.done"))[-1]
        assert done["response"]["output"][0]["content"][0]["text"] == "Hello, Marco."
        assert len(standin.services[-1].conversation) == 2


async def test_the_service_wakes_at_its_deadlines_without_being_spoken_to() -> None:
    async with standing_in("word " * 20) as standin, connect(standin.url) as ws:
        await tell(ws, "response.create")
        deltas = [event for event in await hear(ws, "response.done") if event["type"] == "response.output_audio.delta"]
        assert sum(len(base64.b64decode(event["delta"])) for event in deltas) == 20 * 300 * 48


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/realtime?model=gpt-realtime-2.1", "ga"),
        ("/openai/v1/realtime?model=my-deployment", "ga"),
        ("/openai/realtime?api-version=2025-04-01-preview&deployment=my-deployment", "beta"),
        ("/voice-live/realtime?api-version=2026-07-15&model=gpt-realtime", "beta"),
    ],
)
async def test_every_address_speaks_its_dialect(path: str, dialect: str) -> None:
    async with standing_in() as standin, connect(f"ws://127.0.0.1:{standin.port}{path}") as ws:
        session = (await hear(ws, "session.created"))[0]["session"]
        assert ("audio" in session) == (dialect == "ga")
        assert session["model"] == ("gpt-realtime-2.1" if "2.1" in path else "gpt-realtime")
        await tell(ws, "response.create")
        await hear(ws, "response.done")
        if not path.startswith("/v1"):
            await tell(ws, "input_audio_buffer.clear")
            assert (await hear(ws, "input_audio_buffer.cleared"))[0]["type"] != "rate_limits.updated"


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer good"}, {"api-key": "good"}],
)
async def test_a_key_in_a_header(headers: Mapping[str, str]) -> None:
    async with standing_in(keys=["good"]) as standin, connect(standin.url, additional_headers=headers) as ws:
        await hear(ws, "session.created")


async def test_a_key_in_the_address_or_in_a_browsers_subprotocol() -> None:
    async with standing_in(keys=["good"]) as standin:
        async with connect(f"{standin.url}&api-key=good") as ws:
            await hear(ws, "session.created")
        protocols = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.good")]
        async with connect(standin.url, subprotocols=protocols) as ws:
            assert ws.subprotocol == "realtime"
            await hear(ws, "session.created")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/realtime?model=gpt-realtime", {}, 401),
        ("/v1/realtime?model=gpt-realtime", {"Authorization": "Bearer bad"}, 401),
        ("/openai/v1/realtime?model=d&api-version=2025-04-01-preview", {"api-key": "good"}, 401),
        ("/v2/other", {"api-key": "good"}, 404),
    ],
)
async def test_what_is_refused_at_the_handshake(path: str, headers: Mapping[str, str], status: int) -> None:
    async with standing_in(keys=["good"]) as standin:
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await connect(f"ws://127.0.0.1:{standin.port}{path}", additional_headers=headers)
        assert refusal.value.response.status_code == status
        assert json.loads(refusal.value.response.body or b"")["error"]["message"]
        assert refusal.value.response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("query", "headers", "code", "close"),
    [
        ("model=gpt-5", {}, "model_not_found", 3000),
        ("", {}, "missing_model", 3000),
        ("call_id=rtc_1", {}, "invalid_value", 3000),
        ("intent=transcription", {}, "invalid_value", 3000),
        ("model=gpt-realtime", {"OpenAI-Beta": "realtime=v1"}, "beta_api_shape_disabled", 4000),
    ],
)
async def test_what_is_refused_after_the_handshake(
    query: str, headers: Mapping[str, str], code: str, close: int
) -> None:
    async with (
        standing_in() as standin,
        connect(f"{standin.base_url}/realtime?{query}", additional_headers=headers) as ws,
    ):
        assert json.loads(await ws.recv())["error"]["code"] == code
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
        assert ws.close_code == close


async def test_a_lost_connection_is_simply_gone() -> None:
    async with standing_in(faults=lambda: Faults(drop_after=3)) as standin, connect(standin.url) as ws:
        await tell(ws, "response.create")
        with pytest.raises(websockets.ConnectionClosedError):
            await hear(ws, "response.done")
        assert ws.close_code == 1006


async def test_the_session_expires_with_an_error_and_a_close() -> None:
    async with standing_in(habits=Habits(session_s=5.0)) as standin, connect(standin.url) as ws:
        found = await hear(ws, "error")
        assert found[-1]["error"]["code"] == "session_expired"
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()


async def test_a_client_that_leaves_is_billed_for_what_was_generated() -> None:
    async with standing_in("word " * 400, clock=WallClock()) as standin:
        async with connect(standin.url, max_queue=None) as ws:
            await tell(ws, "response.create")
            await hear(ws, "response.output_audio.delta")
        async with asyncio.timeout(10):
            while not standin.services[0].usages:  # noqa: ASYNC110, nobody announces the end of a connection
                await asyncio.sleep(0.01)
        [usage] = standin.services[0].usages.values()
        assert usage is not None
        assert 0 < usage.audio_out < 400 * 6


async def test_connections_do_not_know_each_other() -> None:
    async with standing_in() as standin, connect(standin.url) as one, connect(standin.url) as two:
        item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
        await tell(one, "conversation.item.create", item=item)
        await hear(one, "conversation.item.done")
        await tell(two, "conversation.item.delete", item_id="mine")
        assert (await hear(two, "error"))[-1]["error"]["code"] == "item_delete_invalid_item_id"
        assert [len(service.conversation) for service in standin.services] == [1, 0]


async def heard_in_sample_time(pause_s: float, chunk_ms: int) -> list[dict[str, Any]]:
    habits = Habits(sample_time=True)
    async with standing_in("word " * 20, "Sorry.", habits=habits) as standin, connect(standin.url) as ws:
        pcm = clip("Hello. My name is Marco.") + quiet(700) + clip("Wait, stop, please.") + quiet(3000)
        for at in range(0, len(pcm), chunk_ms * 48):
            audio = base64.b64encode(pcm[at : at + chunk_ms * 48]).decode()
            await tell(ws, "input_audio_buffer.append", audio=audio)
            await asyncio.sleep(pause_s)
        await tell(ws, "input_audio_buffer.clear")
        return await hear(ws, "input_audio_buffer.cleared")


async def test_in_sample_time_the_pace_of_sending_changes_nothing() -> None:
    slow, fast = await heard_in_sample_time(0.002, 100), await heard_in_sample_time(0.0, 40)
    for event in slow + fast:
        event.get("session", {}).pop("expires_at", None)
    assert slow == fast
    assert "cancelled" in [event["response"]["status"] for event in slow if event["type"] == "response.done"]


@pytest.mark.slow
async def test_in_sample_time_a_client_without_sound_is_answered_after_a_second() -> None:
    async with standing_in("Hello.", habits=Habits(sample_time=True)) as standin, connect(standin.url) as ws:
        await tell(ws, "response.create")
        assert (await hear(ws, "response.done"))[-1]["response"]["status"] == "completed"


async def test_the_real_parts_hear_a_recorded_caller_and_answer_in_speech() -> None:
    """The name is told in sound and known in the answer: ears, mind, voice and voice detection are the real ones."""
    parts = Parts(hearing=Hearing.of_scenarios(), voice=Speech("tones"), mind=Facts())
    settings = {"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}
    async with serve(parts=parts, habits=Habits(sample_time=True)) as standin, connect(standin.url) as ws:
        await tell(ws, "session.update", session=settings)
        for text in ("Hello. My name is Marco.", "What is my name?"):
            pcm = quiet(500) + clip(text) + quiet(9000)
            for at in range(0, len(pcm), 4800):
                audio = base64.b64encode(pcm[at : at + 4800]).decode()
                await tell(ws, "input_audio_buffer.append", audio=audio)
            await hear(ws, "response.done")
        conversation = standin.services[0].conversation
        assert [item.role for item in conversation] == ["user", "assistant"] * 2
        assert [conversation[0].text, conversation[2].text] == ["Hello. My name is Marco.", "What is my name?"]
        assert "Marco" in (conversation[3].text or "")


def clip(text: str) -> bytes:
    """What the recorded caller says, at 24 kHz."""
    [line] = [line for line in scenarios.load("introduction").lines if line.text == text]
    samples = np.frombuffer(line.pcm(), "<i2").astype(np.float32)
    return soxr.resample(samples, scenarios.CLIP_RATE, 24_000).astype("<i2").tobytes()
