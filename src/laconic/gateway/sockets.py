"""The two WebSockets of a session, as the pump sees them: messages in, messages out, and one way of ending.

aiohttp's sockets of server and client behave alike and are wrapped alike. Messages stay bytes both ways: nothing is
decoded that is only passed on. Sending waits when the other side does not read, which is what holds the sender back.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.http import WSMessageNoDecodeText
from aiohttp.web import WebSocketResponse

from laconic.events import Raw

__all__ = ["Closed", "Socket", "WebSocket", "sendable"]

_CLOSE_S = 3.0
"""How long the other side may take to say goodbye, too."""

_PING_S = 20.0

_UNSUPPORTED, _LOST = 1003, 1011

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
    """An aiohttp socket of either side, opened with `decode_text=False`, `autoclose=False`, `autoping=False` and
    without a heartbeat.

    `ping_s`: one that says nothing for that long, while we listen, is asked whether it is still there, and taken for
    lost (1006) if it says nothing for half as long again. The library's own heartbeat does something by each message,
    a tenth of all that a relay does by it, and counts time in which nobody listens: whoever is held back by the other
    side of a session would be taken for lost, its answer unread."""

    def __init__(self, ws: WebSocketResponse[bool] | ClientWebSocketResponse[bool], *, ping_s: float = _PING_S) -> None:
        self._ws = ws
        self._ping_s = ping_s
        self._listening, self._heard, self._asked, self._lost = False, False, False, False
        self._asking: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(ping_s, self._look_after)

    async def recv(self) -> bytes:
        while True:
            self._listening = True
            message = await self._ws.receive()
            self._listening, self._heard = False, True
            kind = message.type
            if kind is _TEXT:
                return message.data
            if kind is WSMsgType.PING:
                with suppress(ConnectionError):
                    await self._ws.pong(message.data)
            elif kind is not WSMsgType.PONG:
                raise await self._ended(message)

    async def _ended(self, message: WSMessageNoDecodeText) -> Closed:
        kind = message.type
        if kind is WSMsgType.BINARY:
            await self.close(_UNSUPPORTED, "messages are text")
            return Closed(_UNSUPPORTED, "messages are text")
        if kind is WSMsgType.CLOSE:
            code, reason = message.data or 1005, message.extra or ""
            await self.close(sendable(code), reason)
            return Closed(code, reason)
        if self._lost:
            return Closed(1006)
        error = self._ws.exception() if kind is not WSMsgType.ERROR else message.data
        return Closed(self._ws.close_code or 1006, str(error) if error is not None else "")

    def _look_after(self) -> None:
        """Whether the other side is still there, now and then."""
        if self._ws.closed:
            return
        wait_s = self._ping_s
        if self._heard or not self._listening:
            self._heard = self._asked = False
        elif not self._asked:
            self._asked, wait_s = True, wait_s / 2
            self._asking = asyncio.create_task(self._ask(), name="gateway: ping")
        else:
            self._lost = True
            self._asking = asyncio.create_task(self.close(_LOST, ""), name="gateway: lost")
            return
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._look_after)

    async def _ask(self) -> None:
        with suppress(ConnectionError):
            await self._ws.ping()

    async def send(self, raw: Raw) -> None:
        try:
            await self._ws.send_frame(raw if isinstance(raw, bytes) else raw.encode(), _TEXT)
        except ConnectionError:
            return

    async def close(self, code: int, reason: str) -> None:
        self._timer.cancel()
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
