"""Calls at the stand-in: made by POST, joined from the side, hung up; and sessions of a WebSocket joined as well."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import websockets
from simulator.doubles import names, only, quiet, say
from simulator.on_a_port import hear, standing_in, tell
from websockets.asyncio.client import connect

from laconic.simulator.calls import answer_to
from laconic.simulator.habits import Habits
from laconic.simulator.rejected import Rejected
from laconic.simulator.server import StandIn

OFFER = "\r\n".join([
    "v=0", "o=- 4 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
    "a=mid:0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "",
])  # fmt: skip
QUIET: Mapping[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


def multipart(**fields: str) -> tuple[str, bytes]:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in fields.items()]
    return "multipart/form-data; boundary=x", "\r\n".join([*parts, "--x--", ""]).encode()


async def post(standin: StandIn, path: str, content_type: str, body: bytes) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and body, whatever the status."""

    def work() -> tuple[int, Mapping[str, str], str]:
        headers = {"Content-Type": content_type, "Authorization": "Bearer good"}
        request = Request(f"http://127.0.0.1:{standin.port}{path}", body, headers, method="POST")
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except HTTPError as no:
            with no:
                return no.code, dict(no.headers), no.read().decode()

    return await asyncio.to_thread(work)


async def made(standin: StandIn, session: Mapping[str, Any] = QUIET) -> str:
    """A call's id."""
    posted = multipart(sdp=OFFER, session=json.dumps(session))
    status, headers, _ = await post(standin, "/v1/realtime/calls", *posted)
    assert status == 201
    return headers["Location"].rpartition("/")[2]


def leg(standin: StandIn, call_id: str, *, caller: bool = False) -> connect:
    return connect(f"{standin.base_url}/realtime?call_id={call_id}" + "&leg=caller" * caller, max_queue=None)


# --- making one ---------------------------------------------------------------------------------------------------


async def test_a_call_is_made_with_its_settings() -> None:
    async with standing_in(keys=["good"]) as standin:
        settings = {**QUIET, "model": "gpt-realtime-2.1", "instructions": "Be brief."}
        posted = multipart(sdp=OFFER, session=json.dumps(settings))
        status, headers, body = await post(standin, "/v1/realtime/calls", *posted)
        assert (status, headers["Content-Type"]) == (201, "application/sdp")
        assert headers["Location"].startswith("/v1/realtime/calls/rtc_")
        assert body == answer_to(OFFER)
        session = standin.services[0].session
        assert (session["model"], session["instructions"]) == ("gpt-realtime-2.1", "Be brief.")


async def test_azure_takes_the_offer_alone() -> None:
    async with standing_in() as standin:
        path = "/openai/v1/realtime/calls?webrtcfilter=on"
        status, headers, _ = await post(standin, path, "application/sdp", OFFER.encode())
        assert status == 201
        assert headers["Location"].startswith("/openai/v1/realtime/calls/rtc_")


def test_the_answer_takes_every_medium_of_the_offer() -> None:
    lines = answer_to(OFFER).splitlines()
    assert [line for line in lines if line[:2] in ("m=", "v=") or line.startswith(("a=mid", "a=group"))] == [
        "v=0", "a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1",
    ]  # fmt: skip
    assert "m=audio 9 RTP/AVP 0" in answer_to("v=0\nm=audio 5004 RTP/AVP 0\n").splitlines()


@pytest.mark.parametrize(
    ("posted", "code"),
    [
        (("application/sdp", b"not an offer"), "invalid_offer"),
        (multipart(session="{}"), "missing_required_parameter"),
        (("multipart/form-data; boundary=x", b"nothing"), "missing_required_parameter"),
        (multipart(sdp=OFFER, session="[]"), "invalid_value"),
        (multipart(sdp=OFFER, session="{"), "invalid_value"),
        (multipart(sdp=OFFER, session='{"type": "realtime", "voice": "cedar"}'), "unknown_parameter"),
        (multipart(sdp=OFFER, session='{"type": "realtime", "model": "gpt-5"}'), "model_not_found"),
    ],
)
async def test_what_is_no_call_is_refused_in_words(posted: tuple[str, bytes], code: str) -> None:
    async with standing_in() as standin:
        status, _, body = await post(standin, "/v1/realtime/calls", *posted)
        assert (status, json.loads(body)["error"]["code"]) == (400, code)


async def test_a_call_needs_the_key_too() -> None:
    async with standing_in(keys=["another"]) as standin:
        status, _, _ = await post(standin, "/v1/realtime/calls", "application/sdp", OFFER.encode())
        assert status == 401


# --- being on one -------------------------------------------------------------------------------------------------


async def test_the_caller_has_the_sound_and_the_sideband_has_the_rest() -> None:
    async with standing_in("Hello there.") as standin:
        call_id = await made(standin)
        async with leg(standin, call_id, caller=True) as caller, leg(standin, call_id) as aside:
            assert (await hear(caller, "session.created"))[0]["session"]["model"] == "gpt-realtime"
            await tell(aside, "response.create")
            theirs, ours = (
                await hear(caller, "output_audio_buffer.stopped"),
                await hear(aside, "output_audio_buffer.stopped"),
            )
            assert only(theirs, "response.output_audio.delta")
            assert [event for event in theirs if event["type"] != "response.output_audio.delta"] == ours
            assert "response.output_audio_transcript.delta" in names(ours)


async def test_a_sideband_hears_what_a_recorded_one_heard(recordings: Path) -> None:
    """Names and order of a sideband with OpenAI; deltas interleave as they like."""
    lines = (recordings / "openai-sideband-audio-turn.jsonl").read_text().splitlines()
    messages = [json.loads(line) for line in lines]
    async with standing_in("Hello there.") as standin:
        call_id = await made(standin)
        async with leg(standin, call_id) as aside:
            for message in messages:
                if message["from"] == "app":
                    await aside.send(json.dumps(message["event"]))
            ours = await hear(aside, "output_audio_buffer.stopped")
    assert names(ours) == names([message["event"] for message in messages if message["from"] == "service"])


async def test_who_speaks_into_a_reply_is_heard_by_all_and_the_service_truncates() -> None:
    async with standing_in("word " * 40, "Yes?") as standin:
        detection = {"type": "server_vad", "silence_duration_ms": 200}
        call_id = await made(standin, {"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
        async with leg(standin, call_id, caller=True) as caller, leg(standin, call_id) as aside:
            await tell(aside, "response.create")
            await hear(aside, "output_audio_buffer.started")
            for pcm in (say("Stop."), quiet(640)):
                await tell(caller, "input_audio_buffer.append", audio=base64.b64encode(pcm).decode())
            found = await hear(aside, "output_audio_buffer.cleared")
            assert found[-2]["type"] == "conversation.item.truncated"
            await hear(aside, "output_audio_buffer.stopped")
        assert [item.role for item in standin.services[0].conversation] == ["assistant", "user", "assistant"]


async def test_a_session_of_a_websocket_may_be_joined_by_its_id() -> None:
    async with standing_in("Hello.") as standin, connect(standin.url) as app:
        session_id = (await hear(app, "session.created"))[0]["session"]["id"]
        async with leg(standin, session_id) as aside:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
            await tell(aside, "conversation.item.create", item=item)
            assert await hear(app, "conversation.item.done") == await hear(aside, "conversation.item.done")
            await tell(app, "response.create", response={"output_modalities": ["text"]})
            await hear(aside, "response.done")
        await tell(app, "response.create")  # the session does not end with one that was aside
        await hear(app, "response.done")


# --- the end of one -----------------------------------------------------------------------------------------------


async def test_hanging_up_closes_every_socket_and_the_call_is_gone() -> None:
    async with standing_in() as standin:
        call_id = await made(standin)
        async with leg(standin, call_id, caller=True) as caller, leg(standin, call_id) as aside:
            await hear(caller, "session.created")
            assert (await post(standin, f"/v1/realtime/calls/{call_id}/hangup", "", b""))[0] == 200
            for socket in (caller, aside):
                with pytest.raises(websockets.ConnectionClosedOK):
                    await asyncio.wait_for(socket.recv(), 10)
        with pytest.raises(Rejected, match="No call with id"):
            standin.calls.find(call_id)
        assert (await post(standin, f"/v1/realtime/calls/{call_id}/hangup", "", b""))[0] == 404


async def test_a_call_ends_with_its_caller() -> None:
    async with standing_in() as standin:
        call_id = await made(standin)
        async with leg(standin, call_id) as aside:
            async with leg(standin, call_id, caller=True) as caller:
                await hear(caller, "session.created")
            with pytest.raises(websockets.ConnectionClosed):
                await hear(aside, "response.done")


async def test_in_sample_time_a_call_nobody_speaks_on_goes_on_all_the_same() -> None:
    async with standing_in("Hello.", habits=Habits(sample_time=True)) as standin:
        call_id = await made(standin)
        async with leg(standin, call_id) as aside:
            await tell(aside, "response.create")
            await hear(aside, "output_audio_buffer.stopped")
