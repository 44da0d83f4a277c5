"""Whether the other side is still there: asked in silence, found out without an answer, but only while we listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestServer

from laconic.gateway.sockets import Closed, WebSocket

PING_S = 0.1


Other = web.WebSocketResponse[bool] | ClientWebSocketResponse[bool]
"""The other side, which sees pings as they come."""


@asynccontextmanager
async def both(side: Literal["server", "client"]) -> AsyncGenerator[tuple[WebSocket, Other]]:
    """The two ends of a connection; ours is this side of it."""
    seen: asyncio.Future[web.WebSocketResponse[bool]] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def take(request: web.Request) -> web.WebSocketResponse[bool]:
        ws: web.WebSocketResponse[bool] = web.WebSocketResponse(
            autoclose=False, autoping=False, decode_text=False, timeout=0.1
        )
        await ws.prepare(request)
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
        there = await client.ws_connect(server.make_url("/"), autoclose=False, autoping=False, decode_text=False)
        here = await seen
        stack.callback(over.set)
        ours, other = (here, there) if side == "server" else (there, here)
        socket = WebSocket(ours, ping_s=PING_S)
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


@sides
async def test_pings_are_answered(side: Literal["server", "client"]) -> None:
    async with both(side) as (ours, other):
        reading = asyncio.create_task(ours.recv())
        await other.ping(b"you?")
        message = await other.receive()
        while message.type is WSMsgType.PING:  # ours
            message = await other.receive()
        assert (message.type, bytes(message.data)) == (WSMsgType.PONG, b"you?")
        await other.close(code=3000)
        with pytest.raises(Closed) as ended:
            await reading
        assert ended.value.code == 3000
