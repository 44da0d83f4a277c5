"""Dial a service and hold the line: one WebSocket, whose every way of failing becomes one sentence.

A service that refuses does so after the WebSocket stands: it sends an `error` event and then closes with 3000 or
4000 (recorded 2026-09-18; `beta_api_shape_disabled` since 2026-05-12). So dialling is not over when the handshake
is: we wait for the service's first message and look at it. Nothing is lost by looking, `recv` gives it again.
Some connections begin in silence, a sideband into somebody else's call for one; after `first_message_s` we stop
waiting and go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from laconic import __version__, events
from laconic.client import refusals
from laconic.client.endpoints import Endpoint, is_loopback
from laconic.events import Raw

__all__ = ["Connection", "dial"]

_MOST_BYTES = 32 * 2**20
"""Of one message. An item retrieved with its sound is the largest; an append may hold 15 MiB, so a reply may too."""

_PING_S = 20.0
"""How often we ask whether the service is still there, and how long we wait for its answer. It asks as often."""

_CLOSE_S = 2.0
"""How long hanging up may take: a person who has pressed Ctrl-C is waiting."""

_AFTER_ERROR_S = 2.0
"""How long a connection that began with an error may take to close, or to go on and show it was not fatal."""


class Connection:
    """A standing connection. `recv` and `send` raise Dropped once it has ended."""

    def __init__(self, socket: ClientConnection, endpoint: Endpoint, waiting: deque[str]) -> None:
        self.endpoint = endpoint
        self.first: str | None = waiting[0] if waiting else None
        """The service's first message, which `recv` delivers too; None when it began in silence."""
        self._socket = socket
        self._waiting = waiting

    async def recv(self) -> str:
        """The next message from the service."""
        if self._waiting:
            return self._waiting.popleft()
        try:
            return _text(await self._socket.recv())
        except ConnectionClosed as closed:
            raise refusals.dropped(self.endpoint, closed) from None

    async def send(self, raw: Raw) -> None:
        """Send one message, as a text frame whatever its type: services refuse binary ones."""
        try:
            await self._socket.send(raw, text=True)
        except ConnectionClosed as closed:
            raise refusals.dropped(self.endpoint, closed) from None

    @property
    def ended_well(self) -> bool:
        """Whether it was closed as one closes a connection that is no longer needed."""
        return self._socket.close_code in (1000, 1001)

    async def close(self) -> None:
        """Hang up. Does nothing when the connection has ended already."""
        await self._socket.close()


class _Connect(connect):
    """Does not follow redirects: the library drops `Authorization` on the way to another host, but not `api-key`."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@asynccontextmanager
async def dial(
    endpoint: Endpoint, *, timeout_s: float = 10.0, first_message_s: float = 5.0
) -> AsyncGenerator[Connection, None]:
    """Connect, hear the service's first message, and hang up at the end.

    `timeout_s` bounds name resolution, TCP, TLS and the handshake together; `first_message_s` the wait for the
    first message, after which the connection is given as it is. Raises Refused when the service says no, Unreachable
    when nothing answers or what answers speaks something else.
    """
    socket = await _open(endpoint, timeout_s)
    try:
        # A sideband gets no session.created (recorded: openai-sideband-audio-turn).
        sideband = "call_id" in dict(parse_qsl(urlsplit(endpoint.url).query))
        waiting = deque[str]() if sideband else await _first_messages(socket, endpoint, first_message_s)
        yield Connection(socket, endpoint, waiting)
    finally:
        await socket.close()


async def _open(endpoint: Endpoint, timeout_s: float) -> ClientConnection:
    try:
        return await _Connect(
            endpoint.url,
            additional_headers=endpoint.headers,
            user_agent_header=f"laconic/{__version__}",
            # Base64 hardly shrinks, and a compressor's window per connection is memory and delay for nothing.
            compression=None,
            max_size=_MOST_BYTES,
            open_timeout=timeout_s,
            ping_interval=_PING_S,
            ping_timeout=_PING_S,
            close_timeout=_CLOSE_S,
            proxy=None if is_loopback(endpoint.host) else True,
        )
    except Exception as error:
        told = refusals.handshake(endpoint, error, timeout_s)
        if told is None:
            raise
        raise told from None


async def _first_messages(socket: ClientConnection, endpoint: Endpoint, patience_s: float) -> deque[str]:
    """What the service said first, if it said something we know. Raises Refused or Unreachable."""
    waiting = deque[str]()
    try:
        async with asyncio.timeout(patience_s):
            waiting.append(_text(await socket.recv()))
    except TimeoutError:
        return waiting
    except ConnectionClosed as closed:
        raise refusals.closed_at_once(endpoint, closed) from None
    first = events.read(waiting[0])
    if isinstance(first, events.Unknown) and first.name not in events.EVENTS:
        raise refusals.another_language(endpoint, waiting[0])
    if isinstance(first, events.Error):
        await _after_error(socket, endpoint, first, waiting)
    return waiting


async def _after_error(socket: ClientConnection, endpoint: Endpoint, error: events.Error, waiting: deque[str]) -> None:
    """An error is not fatal by itself: it is if the service closes, or says nothing more, or we know its code."""
    if refusals.is_fatal(error):
        raise refusals.refused(endpoint, error)
    try:
        async with asyncio.timeout(_AFTER_ERROR_S):
            waiting.append(_text(await socket.recv()))
    except (TimeoutError, ConnectionClosed):
        raise refusals.refused(endpoint, error) from None


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode(errors="replace")
