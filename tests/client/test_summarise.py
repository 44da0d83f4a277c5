"""Summaries over real sockets of loopback: from the stand-in's endpoint, and from servers that get it wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from laconic.client.chat_endpoints import ChatEndpoint
from laconic.client.summarise import Summary, summarise
from laconic.errors import SummaryFailed
from laconic.simulator.chat import Chat, ChatFault
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve
from laconic.simulator.speech import Speech
from laconic.summary_prompt import summary_instructions
from laconic.tokens import text_tokens
from laconic.usage import Usage

TALK = "User: My name is Marco.\nAssistant: Nice to meet you!"


@asynccontextmanager
async def standing_in(
    fault: ChatFault | None = None, latency_s: float = 0.0, **settings: Any
) -> AsyncGenerator[tuple[StandIn, ChatEndpoint]]:
    parts = Parts(hearing=Hearing(()), voice=Speech("tones"))  # nobody speaks here
    async with serve(parts=parts, chat=Chat(fault=fault, latency_s=latency_s), **settings) as standin:
        yield standin, ChatEndpoint("url", standin.chat_url)


async def ask(endpoint: ChatEndpoint, *, max_tokens: int = 100, timeout_s: float = 10.0) -> Summary:
    instructions = summary_instructions("en", max_tokens)
    return await summarise(endpoint, text=TALK, instructions=instructions, max_tokens=max_tokens, timeout_s=timeout_s)


async def failed(endpoint: ChatEndpoint, **limits: Any) -> SummaryFailed:
    """The one sentence, in both languages."""
    with pytest.raises(SummaryFailed) as caught:
        await ask(endpoint, **limits)
    error = caught.value
    assert error.sentence.startswith("no summary: ")
    assert (error.ja or "").startswith("要約できません。")
    assert "\n" not in error.sentence
    return error


@asynccontextmanager
async def answering(*answers: bytes | None) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A server that says these things, one a connection; its host and port, and what it was asked. None: hangs up."""
    asked: list[bytes] = []
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        asked.append(head + await reader.readexactly(int(length.split(b":")[1])))
        if (said := left.pop(0)) is not None:
            writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


def http(status: str, content: Any, *headers: str) -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chat(text: Any, **more: Any) -> bytes:
    return http("200 OK", {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], **more})


# --- the stand-in's --------------------------------------------------------------------------------------------------


async def test_a_summary_and_what_it_took() -> None:
    async with standing_in() as (standin, endpoint):
        found = await ask(endpoint)
        assert (found.text, found.model) == ("The user's name is Marco.", "gpt-5.4-nano")
        read = text_tokens(summary_instructions("en", 100)) + text_tokens(TALK) + 11
        assert found.usage == Usage(text_in=read, text_out=text_tokens(found.text))
        [request] = standin.chat.asked
        assert request["max_completion_tokens"] == 100
        assert [message["role"] for message in request["messages"]] == ["system", "user"]


async def test_the_conversation_goes_on_meanwhile() -> None:
    async with standing_in(latency_s=0.2) as (_, endpoint):
        asking = asyncio.create_task(ask(endpoint))
        ticks = 0
        while not asking.done():
            await asyncio.sleep(0.01)
            ticks += 1
        assert (await asking).text
        assert ticks >= 5


async def test_an_older_server_is_asked_again_in_its_own_words() -> None:
    async with standing_in("old") as (standin, endpoint):
        there = ChatEndpoint("url", endpoint.url, model="gpt-4o-mini")
        assert (await ask(there)).text == "The user's name is Marco."
        assert [request.get("max_tokens") for request in standin.chat.asked] == [100]


async def test_a_server_in_trouble() -> None:
    async with standing_in("error") as (_, endpoint):
        error = await failed(endpoint)
        assert "127.0.0.1 is in trouble (The server had an error while processing your request" in error.sentence
        assert (error.usage, error.unreported) == (None, False)


async def test_one_that_never_answers() -> None:
    async with standing_in("never") as (_, endpoint):
        error = await failed(endpoint, timeout_s=0.05)
        assert "did not answer within 0.05 s" in error.sentence
        assert error.unreported, "it may have been written all the same"


async def test_giving_up_waits_for_nobody() -> None:
    async with standing_in("never") as (_, endpoint):
        asking = asyncio.create_task(ask(endpoint))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


@pytest.mark.parametrize(("fault", "words"), [("empty", "wrote nothing"), ("cut", "was cut off at 100 tokens")])
async def test_no_summary_may_have_cost_something(fault: ChatFault, words: str) -> None:
    async with standing_in(fault) as (_, endpoint):
        error = await failed(endpoint)
        assert words in error.sentence
        assert error.model == "gpt-5.4-nano"
        assert error.usage is not None
        assert error.usage.text_in > 0
        assert not error.unreported


async def test_a_key_that_is_not_accepted_is_not_said_again() -> None:
    async with standing_in(keys=["good"]) as (_, endpoint):
        assert "wants a key" in (await failed(endpoint)).sentence
        headers = {"Authorization": "Bearer bad-key"}
        error = await failed(ChatEndpoint("url", endpoint.url, headers, key_from="LACONIC_SUMMARY_KEY"))
        assert "did not accept the key in LACONIC_SUMMARY_KEY" in error.sentence
        assert "bad-key" not in error.sentence
        good = ChatEndpoint("url", endpoint.url, {"api-key": "good"})
        assert (await ask(good)).text


async def test_a_model_that_is_no_text_model() -> None:
    async with standing_in() as (_, endpoint):
        error = await failed(ChatEndpoint("url", endpoint.url, model="gpt-realtime"))
        assert "no text model called gpt-realtime" in error.sentence


# --- others ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words", "unreported"),
    [
        (http("429 Too Many", {"error": {"message": "Rate limit."}}), "has had enough of our requests", False),
        (http("400 Bad", {"error": "context too long"}), "refused (context too long)", False),
        (http("302 Found", b"", "Location: http://127.0.0.1:1/"), "refused (HTTP 302)", False),
        (http("200 OK", b"<html>Hello</html>"), "is no chat endpoint (it began with '<html>Hello</html>')", False),
        (http("200 OK", []), "is no chat endpoint", False),
        (http("200 OK", {"choices": []}), "is no chat endpoint", False),
        (chat(None), "wrote nothing", True),
        (chat("<think>Hm.</think>\n"), "wrote nothing", True),
        (http("200 OK", {"choices": [{"message": {"content": "Ann"}, "finish_reason": "length"}]}), "cut off", True),
        (b"220 mail.example ESMTP\r\n", "is no web server", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{", "hung up before its answer was complete", True),
        (None, "hung up before its answer was complete", True),
    ],
)  # fmt: skip
async def test_what_can_come_instead_of_a_summary(answer: bytes | None, words: str, unreported: bool) -> None:
    """And whether somebody may have been at work, without saying how much."""
    async with answering(answer) as (place, _):
        error = await failed(ChatEndpoint("url", f"http://{place}/v1/chat/completions"))
    assert words in error.sentence
    assert (error.usage, error.unreported) == (None, unreported)


async def test_nobody_there_no_such_name_and_no_tls() -> None:
    async with answering() as (place, _):
        pass
    nobody = await failed(ChatEndpoint("url", f"http://{place}/"))
    assert "nothing can be reached" in nobody.sentence
    assert not nobody.unreported
    assert "cannot be resolved" in (await failed(ChatEndpoint("url", "http://no.such.name.invalid/"))).sentence
    async with standing_in() as (standin, _):
        there = ChatEndpoint("url", standin.chat_url.replace("http:", "https:"))
        assert "no secure connection" in (await failed(there)).sentence


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (None, None),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(text_in=5, text_out=2)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 9},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            Usage(text_in=5, cached_text=5, text_out=2, reasoning=1),
        ),
    ],
)
async def test_usage_as_told_or_not(wire: Any, usage: Usage | None) -> None:
    async with answering(chat("<think>Well.</think> Anna likes tea.", usage=wire)) as (place, _):
        found = await ask(ChatEndpoint("url", f"http://{place}/", model="qwen3"))
        assert found == Summary("Anna likes tea.", usage, "qwen3")


async def test_the_servers_name_for_the_model_is_kept() -> None:
    async with answering(chat("Yes.", model="gpt-5.4-nano-2026-03-17")) as (place, _):
        assert (await ask(ChatEndpoint("url", f"http://{place}/"))).model == "gpt-5.4-nano-2026-03-17"


async def test_proxies_of_the_environment_are_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(chat("By proxy."), chat("Directly.")) as (place, asked):
        monkeypatch.setenv("http_proxy", f"http://{place}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert (await ask(ChatEndpoint("url", "http://text.example/v1"))).text == "By proxy."
        assert asked[0].startswith(b"POST http://text.example/v1 ")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert (await ask(ChatEndpoint("url", f"http://{place}/v1"))).text == "Directly."


def test_a_loop_that_has_gone_is_no_trouble() -> None:
    """The thread outlives whoever asked; it says nothing to nobody."""

    async def give_up() -> None:
        async with answering() as (place, _):
            pass
        asking = asyncio.ensure_future(ask(ChatEndpoint("url", f"http://{place}/")))
        await asyncio.sleep(0)
        asking.cancel()

    run: Callable[[Any], None] = asyncio.run
    run(give_up())
