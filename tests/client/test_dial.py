"""Dialling real local servers that misbehave in each way we know, and what the caller is told."""

from __future__ import annotations

import asyncio
import http
import json
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidProxy
from websockets.http11 import Request, Response

from laconic.client import refusals
from laconic.client.dial import dial
from laconic.client.endpoints import Endpoint
from laconic.errors import BadInput, Dropped, LaconicError, Refused, Unreachable

KEY = "sk-a-key-nobody-may-see"
CREATED = '{"type":"session.created","session":{"type":"realtime","model":"gpt-realtime"}}'

Behaviour = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two seconds an error may take to prove harmless, or a dead peer to hang up, are long for a test."""
    monkeypatch.setattr("laconic.client.dial._AFTER_ERROR_S", 0.05)
    monkeypatch.setattr("laconic.client.dial._CLOSE_S", 0.05)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def server(behaviour: Behaviour, **how: Any) -> AsyncGenerator[Endpoint, None]:
    """A WebSocket server that behaves so, and the endpoint to dial it by."""
    async with serve(behaviour, "127.0.0.1", 0, **how) as running:
        yield local(running.sockets[0].getsockname()[1])


def local(port: int, *, path: str = "/v1/realtime?model=gpt-nine", service: str = "url") -> Endpoint:
    headers = {"Authorization": f"Bearer {KEY}"}
    return Endpoint(service, f"ws://127.0.0.1:{port}{path}", headers, model="gpt-nine", key_from="LACONIC_API_KEY")


@asynccontextmanager
async def answering(status: int, body: bytes = b"", **headers: str) -> AsyncGenerator[Endpoint, None]:
    """A server that answers the handshake with an HTTP status."""

    def refuse(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(http.HTTPStatus(status), "")
        response.body = body
        del response.headers["Content-Length"]
        response.headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            response.headers[name] = value
        return response

    async with server(never, process_request=refuse) as endpoint:
        yield endpoint


async def never(connection: ServerConnection) -> None:
    raise AssertionError("no connection should have been made")


def says(*messages: str | bytes, close: tuple[int, str] | None = None) -> Behaviour:
    """Say these, then close so, or wait for the other side to."""

    async def behave(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        if close is not None:
            await connection.close(*close)
        await connection.wait_closed()

    return behave


def error(code: str | None, message: str = "no", kind: str = "invalid_request_error") -> str:
    return json.dumps({"type": "error", "error": {"type": kind, "code": code, "message": message}})


async def told(endpoint: Endpoint, kind: type[LaconicError], **how: Any) -> str:
    """The sentence a caller gets who dials this."""
    with pytest.raises(kind) as caught:
        async with dial(endpoint, **how):
            raise AssertionError("the connection was given")
    return checked(caught.value)


def checked(error: LaconicError) -> str:
    assert error.ja
    for sentence in (error.sentence, error.ja):
        assert "\n" not in sentence
        assert KEY not in sentence
        assert "None" not in sentence
    return error.sentence


# --- a connection that stands ------------------------------------------------------------------------------------


async def test_first_message_is_seen_and_still_delivered():
    async with server(says(CREATED, '{"type":"x"}')) as endpoint, dial(endpoint) as connection:
        assert connection.first == CREATED
        assert await connection.recv() == CREATED
        assert await connection.recv() == '{"type":"x"}'


async def test_everything_is_sent_as_text_with_our_headers():
    seen: list[str | bytes] = []

    async def listen(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(connection.request.headers["Authorization"])
        seen.append(connection.request.headers["User-Agent"].partition("/")[0])
        await connection.send(CREATED)
        async for message in connection:
            seen.append(message)

    async with server(listen) as endpoint, dial(endpoint) as connection:
        await connection.send("one")
        await connection.send(b"two")
        await connection.close()
        await connection.close()
    assert seen == [f"Bearer {KEY}", "laconic", "one", "two"]


async def test_binary_messages_arrive_as_text():
    async with server(says(CREATED.encode(), b'{"type":"\xff"}')) as endpoint, dial(endpoint) as connection:
        assert await connection.recv() == CREATED
        assert await connection.recv() == '{"type":"\ufffd"}'


async def test_large_messages_fit():
    large = json.dumps({"type": "x", "audio": "A" * 16 * 2**20})
    async with server(says(CREATED, large)) as endpoint, dial(endpoint) as connection:
        await connection.recv()
        assert await connection.recv() == large


async def test_silence_at_the_start_is_waited_out():
    async def listen(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())

    async with server(listen) as endpoint, dial(endpoint, first_message_s=0.02) as connection:
        assert connection.first is None
        await connection.send("hello")
        assert await connection.recv() == "hello"


async def test_a_sideband_is_not_waited_for():
    async with server(says()) as endpoint:
        sideband = local(int(endpoint.url.split(":")[2].partition("/")[0]), path="/v1/realtime?call_id=rtc_1")
        async with asyncio.timeout(2), dial(sideband, first_message_s=60) as connection:
            assert connection.first is None


async def test_an_error_that_is_followed_by_more_is_not_fatal():
    first = error("invalid_value")
    async with server(says(first, CREATED)) as endpoint, dial(endpoint) as connection:
        assert [await connection.recv(), await connection.recv()] == [first, CREATED]


async def test_a_known_event_in_an_odd_shape_is_no_other_language():
    async with server(says('{"type":"session.created"}')) as endpoint, dial(endpoint) as connection:
        assert connection.first == '{"type":"session.created"}'


# --- the service says no -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("invalid_api_key", f"Incorrect API key provided: {KEY}.", "did not accept the key in LACONIC_API_KEY"),
        ("beta_api_shape_disabled", "The beta is gone.", "leave out --dialect beta"),
        ("model_not_found", "no such model", "gpt-nine"),
        (None, "The model `gpt-nine` does not exist or you do not have access to it.", "choose another with --model"),
        ("insufficient_quota", "You exceeded your current quota.", "billing"),
        ("rate_limit_exceeded", "Slow down.", "wait a minute"),
        ("something_new", "We would rather not.", "We would rather not"),
    ],
)
@pytest.mark.parametrize("closing", [3000, 4000])
async def test_error_and_close_is_a_refusal(code: str | None, message: str, words: str, closing: int):
    async with server(says(error(code, message), close=(closing, f"invalid_request_error.{code}"))) as endpoint:
        assert words in await told(endpoint, Refused)


async def test_a_code_in_the_place_of_the_type():
    async with server(says(error(None, "Pay.", kind="insufficient_quota"))) as endpoint:
        assert "billing" in await told(endpoint, Refused)


async def test_an_error_and_nothing_more_is_a_refusal():
    async with server(says(error("invalid_value", "No such voice."))) as endpoint:
        assert "No such voice" in await told(endpoint, Refused)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (3000, "invalid_request_error.invalid_api_key", "did not accept the key"),
        (4000, "invalid_request_error.beta_api_shape_disabled", "beta dialect"),
        (4001, "", "code 4001"),
        (1008, "not today", "not today"),
    ],
)
async def test_close_without_a_word_but_with_a_reason(code: int, reason: str, words: str):
    async with server(says(close=(code, reason))) as endpoint:
        assert words in await told(endpoint, Refused)


@pytest.mark.parametrize("code", [1000, 1011])
async def test_close_without_a_word_or_a_reason(code: int):
    async with server(says(close=(code, ""))) as endpoint:
        assert f"code {code}" in await told(endpoint, Unreachable)


BODY = b'{"error":{"code":"%s","message":"%s"}}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b"", Refused, "did not accept the key in LACONIC_API_KEY"),
        (401, BODY % (b"401", b"Access denied due to invalid subscription key"), Refused, "invalid subscription key"),
        (403, b"", Refused, "rights"),
        (404, b"<html>no</html>", Refused, "check its path"),
        (404, BODY % (b"DeploymentNotFound", b"no deployment"), Refused, "gpt-nine"),
        (429, b"", Refused, "wait a minute"),
        (429, BODY % (b"insufficient_quota", b"out of money"), Refused, "billing"),
        (400, b'{"error":"bad query"}', Refused, "bad query"),
        (400, b"[1]", Refused, "HTTP 400"),
        (400, b'{"error":[]}', Refused, "HTTP 400"),
        (500, b"", Unreachable, "in trouble"),
        (503, b"", Unreachable, "try again"),
        (200, b"<html>welcome</html>", Unreachable, "web server"),
    ],
)
async def test_http_answers(status: int, body: bytes, kind: type[LaconicError], words: str):
    async with answering(status, body) as endpoint:
        assert words in await told(endpoint, kind)


async def test_redirects_are_not_followed():
    """Keys must not travel to a host nobody named."""
    async with server(never) as elsewhere:
        where = elsewhere.url.replace("ws:", "http:").replace("?", f"?api-key={KEY}&")
        async with answering(302, Location=where) as endpoint:
            assert "sends us on to http://127.0.0.1" in await told(endpoint, Unreachable)


async def test_a_server_without_a_key_asks_for_one():
    async with answering(401) as endpoint:
        bare = Endpoint("url", endpoint.url)
        assert "set LACONIC_API_KEY" in await told(bare, Refused)


async def test_a_404_of_a_known_service_is_about_the_model():
    async with answering(404) as endpoint:
        openai = Endpoint("openai", endpoint.url, endpoint.headers, key_from="OPENAI_API_KEY")
        assert "gpt-nine" in await told(openai, Refused)


def azure(url: str) -> Endpoint:
    return Endpoint("azure", url, {"api-key": KEY}, "ga", key_from="AZURE_OPENAI_API_KEY")


def test_azure_says_deployment_and_api_version():
    """Two mistakes only Azure's customers can make get their own sentence."""
    missing = refusals.refused(
        azure("wss://r.openai.azure.com/openai/v1/realtime?model=voice"), event("DeploymentNotFound")
    )
    assert "AZURE_OPENAI_DEPLOYMENT" in checked(missing)
    assert "voice" in missing.sentence
    mixed = refusals.refused(
        azure("wss://r.openai.azure.com/openai/v1/realtime?api-version=2025-04-01-preview&model=voice"), event("401")
    )
    assert "take it out" in checked(mixed)


def event(code: str) -> Any:
    from laconic.events import read

    return read(error(code))


# --- nothing there, or something else ----------------------------------------------------------------------------


async def test_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: the port refuses and nobody else can take it
        assert "connection refused" in await told(local(held.getsockname()[1]), Unreachable)


async def test_nobody_answers():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        sentence = await told(local(silent.getsockname()[1]), Unreachable, timeout_s=0.05)
        assert "did not answer within 0.05 s" in sentence


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b""])
async def test_another_kind_of_server(greeting: bytes):
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        assert "no WebSocket server" in await told(local(port), Unreachable)


async def test_tls_with_a_server_that_has_none():
    async def shrug(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(shrug, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        sentence = await told(Endpoint("url", f"wss://127.0.0.1:{port}/"), Unreachable)
        assert "no secure connection to 127.0.0.1" in sentence


@pytest.mark.parametrize(
    "message", ["hello", '{"op":10,"d":{}}', '{"type":"session.start.v2"}', "[]", b"\xff\xfe"], ids=repr
)
async def test_another_protocol(message: str | bytes):
    async with server(says(message)) as endpoint:
        assert "does not speak the Realtime protocol" in await told(endpoint, Unreachable)


@pytest.mark.parametrize(
    ("problem", "kind", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), Unreachable, "cannot be resolved"),
        (UnicodeError("label too long"), Unreachable, "cannot be resolved"),
        (ssl.SSLCertVerificationError(1, "bad certificate"), Unreachable, "no secure connection"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111]"), Unreachable, "refused"),
        (OSError(113, "No route to host"), Unreachable, "No route to host"),
        (InvalidProxy("socks9://", "no"), Unreachable, "proxy"),
    ],
)
def test_troubles_of_the_network(problem: Exception, kind: type[LaconicError], words: str):
    """Those that cannot be staged on one machine."""
    found = refusals.handshake(Endpoint("openai", "wss://api.openai.com/v1/realtime"), problem, 10)
    assert isinstance(found, kind)
    assert words in checked(found)


async def test_a_host_no_resolver_takes():
    assert "cannot be resolved" in await told(Endpoint("url", f"wss://{'a' * 64}.example/"), Unreachable)


async def test_an_address_no_library_takes():
    assert "wss://HOST" in await told(Endpoint("url", "http://127.0.0.1/"), BadInput)


async def test_our_own_mistakes_are_not_explained_away():
    wrong: Any = 5
    async with server(never) as running:
        with pytest.raises((TypeError, ConnectionClosed)):  # websockets 17 lets it through, 15 wraps it
            async with dial(Endpoint("url", running.url, wrong)):
                raise AssertionError("the connection was given")


# --- a connection that ends --------------------------------------------------------------------------------------


async def drop(behaviour: Behaviour) -> str:
    """The sentence `recv` and `send` give once the connection has ended."""
    async with server(behaviour) as endpoint, dial(endpoint) as connection:
        await connection.recv()
        with pytest.raises(Dropped) as on_recv:
            await connection.recv()
        with pytest.raises(Dropped) as on_send:
            await connection.send("{}")
        assert checked(on_send.value) == checked(on_recv.value)
        return on_recv.value.sentence


async def test_a_drop_tells_code_and_reason():
    sentence = await drop(says(CREATED, close=(1001, f"going away, {KEY}.")))
    assert "code 1001, going away, …" in sentence


async def test_a_drop_without_a_reason():
    assert "code 1000;" in await drop(says(CREATED, close=(1000, "")))


async def test_a_drop_without_a_word():
    async def vanish(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.abort()

    assert "without a word" in await drop(vanish)


async def test_a_service_that_stops_answering(monkeypatch: pytest.MonkeyPatch):
    """It keeps the connection and answers no ping."""
    monkeypatch.setattr("laconic.client.dial._PING_S", 0.03)

    async def freeze(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from websockets.server import ServerProtocol

        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        request: Any = protocol.events_received()[0]
        protocol.send_response(protocol.accept(request))
        protocol.send_text(CREATED.encode())
        writer.write(b"".join(protocol.data_to_send()))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(freeze, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        async with dial(local(port)) as connection:
            await connection.recv()
            with pytest.raises(Dropped) as caught:
                await connection.recv()
            assert "no longer answers" in checked(caught.value)


async def test_leaving_hangs_up():
    closed = asyncio.Event()

    async def listen(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.wait_closed()
        closed.set()

    async with server(listen) as endpoint:
        async with dial(endpoint):
            pass
        await asyncio.wait_for(closed.wait(), 2)
