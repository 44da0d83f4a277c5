"""The chat endpoint: on the stand-in's own port, and what it writes, counts and refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from doubles import Ears, Voice, Yes
from websockets.asyncio.client import connect

from laconic.simulator.chat import Chat, ChatFault
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.parts import Parts
from laconic.simulator.server import serve
from laconic.tokens import text_tokens

ASK = {"role": "system", "content": "Write a summary."}
TALK = {"role": "user", "content": "User: My name is Marco.\nAssistant: Nice to meet you!"}
REQUEST: dict[str, Any] = {"model": "gpt-5.4-nano", "messages": [ASK, TALK]}


def answered(chat: Chat | None = None, **changes: Any) -> tuple[int, dict[str, Any]]:
    return (chat or Chat()).answer(json.dumps(REQUEST | changes).encode(), Ids("t"), epoch=7)


def standing_in(chat: Chat | None = None, **settings: Any) -> Any:
    parts = Parts(hearing=Ears(), voice=Voice(), mind=Yes())
    return serve(parts=parts, chat=chat or Chat(latency_s=0), **settings)


async def post(port: int, raw: bytes, *, slowly: bool = False) -> tuple[int, dict[str, Any]]:
    """Send bytes as they are; status and JSON of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in [raw[at : at + 7] for at in range(0, len(raw), 7)] if slowly else [raw]:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, json.loads(body) if body else {}


def posted(path: str = "/v1/chat/completions", request: Any = None, *headers: str) -> bytes:
    body = json.dumps(request or REQUEST).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# --- what it answers --------------------------------------------------------------------------------------------------


def test_it_sums_up_what_it_is_given_and_counts_its_tokens() -> None:
    status, answer = answered()
    assert status == 200
    [choice] = answer["choices"]
    assert choice["message"]["content"] == "The user's name is Marco."
    assert choice["finish_reason"] == "stop"
    assert (answer["model"], answer["created"], answer["object"]) == ("gpt-5.4-nano", 7, "chat.completion")
    read = text_tokens(ASK["content"]) + text_tokens(TALK["content"]) + 4 + 4 + 3
    written = text_tokens("The user's name is Marco.")
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (
        read,
        written,
        read + written,
    )


@pytest.mark.parametrize("name", ["max_completion_tokens", "max_tokens"])
def test_it_writes_no_more_than_it_was_told(name: str) -> None:
    talk = {"role": "user", "content": "\n".join(f"User: My number{'x' * n} is {n}." for n in range(1, 30))}
    _, answer = answered(model="gpt-4o-mini", messages=[talk], **dict[str, Any]({name: 40}))
    assert 20 < answer["usage"]["completion_tokens"] <= 40


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "User: My name is Anna."}, {"type": "image_url"}]
    _, answer = answered(messages=[{"role": "user", "content": parts}, {"role": "user"}])
    assert answer["choices"][0]["message"]["content"] == "The user's name is Anna."


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"model": "gpt-realtime-2.1"}, 404, "model_not_found"),
        ({"model": None}, 400, None),
        ({"messages": []}, 400, "missing_required_parameter"),
        ({"messages": ["hello"]}, 400, "invalid_value"),
        ({"stream": True}, 400, "unsupported_value"),
        ({"max_tokens": 10}, 400, "unsupported_parameter"),
    ],
)
def test_what_it_says_no_to(changes: dict[str, Any], status: int, code: str | None) -> None:
    chat = Chat()
    found, answer = answered(chat, **changes)
    assert (found, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"type", "code", "message", "param"}
    assert not chat.asked


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff"])
def test_what_is_no_request_at_all(body: bytes) -> None:
    status, answer = Chat().answer(body, Ids("t"))
    assert status == 400
    assert "JSON body" in answer["error"]["message"]


def test_it_may_fail_say_nothing_or_stop_half_way() -> None:
    assert answered(Chat(fault="error"))[0] == 500
    _, empty = answered(Chat(fault="empty"))
    assert (empty["choices"][0]["message"]["content"], empty["usage"]["completion_tokens"]) == ("", 0)
    _, cut = answered(Chat(fault="cut"))
    assert (cut["choices"][0]["message"]["content"], cut["choices"][0]["finish_reason"]) == ("The user's n", "length")
    assert answered(Chat(fault="old"), max_completion_tokens=40)[0] == 400
    assert answered(Chat(fault="old"))[0] == 200


# --- on the socket ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/chat/completions", "gpt-5.4-nano"),
        ("/openai/v1/chat/completions", "gpt-5.4-nano"),
        ("/openai/deployments/my%20own/chat/completions?api-version=2025-04-01-preview", "my own"),
    ],
)
async def test_it_answers_where_the_real_ones_do(path: str, model: str) -> None:
    async with standing_in() as standin:
        status, answer = await post(standin.port, posted(path))
        assert (status, answer["model"]) == (200, model)
        assert standin.chat.asked[-1]["messages"] == [ASK, TALK]


async def test_one_port_for_both_at_the_same_time() -> None:
    async with standing_in() as standin, connect(standin.url) as ws:
        assert json.loads(await ws.recv())["type"] == "session.created"
        assert (await post(standin.port, posted()))[0] == 200
        await ws.send('{"type": "input_audio_buffer.clear"}')
        assert json.loads(await ws.recv())["type"] == "input_audio_buffer.cleared"


async def test_a_request_may_come_in_pieces() -> None:
    async with standing_in() as standin:
        assert (await post(standin.port, posted(), slowly=True))[0] == 200
        get = b"GET /v1/other HTTP/1.1\r\nHost: x\r\n\r\n"
        assert (await post(standin.port, get, slowly=True))[0] == 404


async def test_wrong_keys_and_wrong_addresses() -> None:
    async with standing_in(keys=["good"]) as standin:
        assert (await post(standin.port, posted()))[0] == 401
        key = "Authorization: Bearer good"
        assert (await post(standin.port, posted("/v1/chat/completions", None, key)))[0] == 200
        assert (await post(standin.port, posted("/v1/chat/completions", None, "api-key: good")))[0] == 200
        assert (await post(standin.port, posted("/v1/embeddings", None, key)))[0] == 404
        assert (await post(standin.port, posted("/v1/realtime", None, key)))[0] == 404
        get = f"GET /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n".encode()
        assert (await post(standin.port, get))[0] == 404


async def test_a_body_without_a_length_is_missed_and_one_too_large_is_not_read() -> None:
    async with standing_in() as standin:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        assert (await post(standin.port, chunked))[0] == 400
        assert await post(standin.port, head + b"Content-Length: 99999999\r\n\r\n{") == (0, {})


async def test_it_takes_its_time_but_not_in_sample_time() -> None:
    async with standing_in(Chat(latency_s=0.05)) as standin:
        began = asyncio.get_running_loop().time()
        await post(standin.port, posted())
        assert asyncio.get_running_loop().time() - began >= 0.05
    async with standing_in(Chat(latency_s=60), habits=Habits(sample_time=True)) as standin:
        assert (await post(standin.port, posted()))[0] == 200


async def test_one_that_never_answers_lets_go_when_the_stand_in_closes() -> None:
    async with standing_in(Chat(fault="never")) as standin:
        waiting = asyncio.create_task(post(standin.port, posted()))
        while not standin.chat.asked:  # noqa: ASYNC110, nobody announces a request
            await asyncio.sleep(0.01)
        assert not waiting.done()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize(("fault", "raised"), [(None, None), ("error", openai.InternalServerError)])
async def test_openais_own_client_is_served(fault: ChatFault | None, raised: type[Exception] | None) -> None:
    async with standing_in(Chat(latency_s=0, fault=fault)) as standin:
        base = standin.base_url.replace("ws:", "http:")
        async with openai.AsyncOpenAI(api_key="any", base_url=base, max_retries=0) as client:
            asking = client.chat.completions.create(**REQUEST, max_completion_tokens=50)
            if raised is not None:
                with pytest.raises(raised):
                    await asking
                return
            answer = await asking
            assert answer.choices[0].message.content == "The user's name is Marco."
            assert answer.usage is not None
            assert answer.usage.completion_tokens == text_tokens("The user's name is Marco.")
