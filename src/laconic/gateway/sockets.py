"""The two WebSockets of a session, as the pump sees them: messages in, messages out, and one way of ending.

aiohttp's sockets of server and client behave alike and are wrapped alike. Messages stay bytes both ways: nothing is
decoded that is only passed on. Sending waits when the other side does not read, which is what holds the sender back.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.web import WebSocketResponse

from laconic.events import Raw

__all__ = ["Closed", "Socket", "WebSocket", "sendable"]

_CLOSE_S = 3.0
"""How long the other side may take to say goodbye, too."""

_UNSUPPORTED = 1003

_TEXT = WSMsgType.TEXT  # Python 3.11 takes a third of a microsecond to look it up, twice a message


class Closed(Exception):
    """The connection has ended. 1005: without a code; 1006: without a word."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Socket(Protocol):
    """One side of a session."""

    async def recv(self) -> Raw:
        """The next message. Raises Closed."""
        ...

    async def send(self, raw: Raw) -> None:
        """Send it, and wait while the other side does not read. Messages arrive in the order of the calls, though one
        begins while another waits. A connection that has ended takes it and forgets it: `recv` tells of that."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End the connection; nothing happens if it has ended."""
        ...


class WebSocket:
    """An aiohttp socket of either side, opened with `decode_text=False` and `autoclose=False`."""

    def __init__(self, ws: WebSocketResponse[bool] | ClientWebSocketResponse[bool]) -> None:
        self._ws = ws

    async def recv(self) -> bytes:
        message = await self._ws.receive()
        kind = message.type
        if kind is _TEXT:
            return message.data
        if kind is WSMsgType.BINARY:
            await self.close(_UNSUPPORTED, "messages are text")
            raise Closed(_UNSUPPORTED, "messages are text")
        if kind is WSMsgType.CLOSE:
            code, reason = message.data or 1005, message.extra or ""
            await self.close(sendable(code), reason)
            raise Closed(code, reason)
        error = self._ws.exception() if kind is not WSMsgType.ERROR else message.data
        raise Closed(self._ws.close_code or 1006, str(error) if error is not None else "")

    async def send(self, raw: Raw) -> None:
        try:
            await self._ws.send_frame(raw if isinstance(raw, bytes) else raw.encode(), _TEXT)
        except ConnectionError:
            return

    async def close(self, code: int, reason: str) -> None:
        with suppress(TimeoutError):  # then aiohttp has dropped the connection
            async with asyncio.timeout(_CLOSE_S):
                await self._ws.close(code=code, message=_short(reason))


def sendable(code: int) -> int:
    """A close code as it may stand in a frame: those that only say how a connection was lost may not."""
    if code in (1005, 0):
        return 1000
    return code if (1000 <= code <= 1014 and code not in (1004, 1006)) or 3000 <= code <= 4999 else 1011


def _short(reason: str) -> bytes:
    """A control frame holds 125 bytes, two of them the code."""
    return reason.encode()[:123].decode(errors="ignore").encode()
