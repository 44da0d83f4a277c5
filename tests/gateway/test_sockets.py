"""Whether the other side is still there: asked in silence, found out without an answer, but only while we listen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Literal

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestServer

from laconic.gateway.sockets import Closed, WebSocket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is the library that looks")

PING_S = 0.1


Other = web.WebSocketResponse[bool] | ClientWebSocketResponse[bool]
"""The other side, which sees pings as they come."""


@asynccontextmanager
async def both(side: Literal["server", "client"]) -> AsyncGenerator[tuple[WebSocket, Other]]:
    """The two ends of a connection; ours is this side of it."""
    seen: asyncio.Future[web.WebSocketResponse[bool]] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()
    transports: list[asyncio.Transport | None] = []

    async def take(request: web.Request) -> web.WebSocketResponse[bool]:
        ws: web.WebSocketResponse[bool] = web.WebSocketResponse(
            autoclose=False, autoping=side == "server", decode_text=False, timeout=0.1
        )
        await ws.prepare(request)
        transports.append(request.transport)
        seen.set_result(ws)
        await over.wait()
        return ws

    application = web.Application()
    application.router.add_get("/", take)
    async with AsyncExitStack() as stack:
        server = TestServer(application)
        await server.start_server()
        stack.push_async_callback(server.close)
        client = await stack.enter_async_context(ClientSession())
        there = await client.ws_connect(
            server.make_url("/"), autoclose=False, autoping=side == "client", decode_text=False
        )
        here = await seen
        stack.callback(over.set)
        ours, other = (here, there) if side == "server" else (there, here)
        abort = transports[0].abort if side == "server" and transports[0] is not None else None
        socket = WebSocket(ours, ping_s=PING_S, abort=abort)
        yield socket, other
        await asyncio.gather(socket.close(1000, ""), other.close())


sides = pytest.mark.parametrize("side", ["server", "client"])


@sides
async def test_who_answers_pings_stays(side: Literal["server", "client"]) -> None:
    async with both(side) as (ours, other):
        reading = asyncio.create_task(ours.recv())
        for _ in range(2):
            message = await other.receive()
            assert message.type is WSMsgType.PING
            await other.pong(message.data)
        await other.send_str("here")
        assert await reading == b"here"


@sides
async def test_who_does_not_is_lost(side: Literal["server", "client"]) -> None:
    async with both(side) as (ours, other):
        reading = asyncio.create_task(ours.recv())
        assert (await other.receive()).type is WSMsgType.PING
        with pytest.raises(Closed) as ended:
            await reading
        assert ended.value.code == 1006


@sides
async def test_who_is_not_listened_to_is_not_taken_for_lost(side: Literal["server", "client"]) -> None:
    """Our side is held back by somebody else: what it does not read cannot be missed."""
    async with both(side) as (ours, other):
        await other.send_str("one")
        assert await ours.recv() == b"one"
        await asyncio.sleep(PING_S * 3)
        await other.send_str("two")
        assert await ours.recv() == b"two"
        await ours.send("three")
        message = await other.receive()
        assert (message.type, message.data) == (WSMsgType.TEXT, b"three")


@asynccontextmanager
async def a_bare_peer() -> AsyncGenerator[tuple[WebSocket, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Ours is the server's side; the other is bytes, after the handshake."""
    seen: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def take(request: web.Request) -> web.WebSocketResponse[bool]:
        ws: web.WebSocketResponse[bool] = web.WebSocketResponse(autoclose=False, decode_text=False, timeout=0.1)
        await ws.prepare(request)
        assert request.transport is not None
        seen.set_result(WebSocket(ws, ping_s=PING_S, abort=request.transport.abort))
        await over.wait()
        return ws

    application = web.Application()
    application.router.add_get("/", take)
    async with TestServer(application) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**10)
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        writer.write(f"GET / HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n{key}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        yield await seen, reader, writer
        over.set()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_message_that_takes_long_to_come_is_a_sign_of_life() -> None:
    """A large one on a slow line: no pong can come before it is whole."""
    async with a_bare_peer() as (ours, _, writer):
        reading = asyncio.create_task(ours.recv())
        writer.write(bytes([0x81, 0x80 | 40, 0, 0, 0, 0]))
        for _ in range(40):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(PING_S / 10)
        assert await reading == b"x" * 40


async def test_who_is_gone_while_we_speak_is_lost_too() -> None:
    """Nobody reads what we say, so that goodbye cannot be said either."""
    async with a_bare_peer() as (ours, _, _writer):
        reading = asyncio.create_task(ours.recv())

        async def speak() -> None:
            while not reading.done():
                await ours.send("x" * 100_000)
                await asyncio.sleep(0)  # what is sent to who is gone is forgotten at once

        speaking = asyncio.create_task(speak())
        with pytest.raises(Closed) as ended:
            await reading
        assert ended.value.code == 1006
        await speaking
