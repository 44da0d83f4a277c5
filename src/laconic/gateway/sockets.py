"""The two WebSockets of a session, as the pump sees them: messages in, messages out, and one way of ending.

aiohttp's sockets of server and client behave alike and are wrapped alike. Messages stay bytes both ways: nothing is
decoded that is only passed on. Sending waits when the other side does not read, which is what holds the sender back.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.web import WebSocketResponse

from laconic.events import Raw

__all__ = ["PING_S", "Closed", "Socket", "WebSocket", "heartbeat", "sendable"]

_CLOSE_S = 3.0
"""How long the other side may take to say goodbye, too."""

PING_S = 20.0
"""After how long a silence the other side is asked whether it is there."""

_LINUX = sys.platform == "linux"

_UNSUPPORTED, _GONE = 1003, 1011

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
    """An aiohttp socket of either side, opened with `decode_text=False`, `autoclose=False` and `heartbeat(ping_s)`.

    `ping_s`: one from which not a byte has come for that long, while we listen, is asked whether it is still there, and
    taken for lost (1006) if none comes for half as long again. The library's heartbeat does something by each message,
    a tenth of all that a relay does by it; Linux knows when the last byte came, and is asked now and then.
    It is dropped by `abort`; without one, as a client of aiohttp has none, it is closed, which does the same there once
    nobody answers."""

    def __init__(
        self,
        ws: WebSocketResponse[bool] | ClientWebSocketResponse[bool],
        *,
        ping_s: float = PING_S,
        abort: Callable[[], None] | None = None,
    ) -> None:
        self._ws = ws
        self._ping_s, self._abort = ping_s, abort
        self._listening, self._lost = False, False
        self._asked_at: float | None = None
        self._asking: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(ping_s, self._look) if _LINUX else None

    async def recv(self) -> bytes:
        self._listening = True
        message = await self._ws.receive()
        self._listening = False
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
        if self._lost:
            raise Closed(1006)
        error = self._ws.exception() if kind is not WSMsgType.ERROR else message.data
        raise Closed(self._ws.close_code or 1006, str(error) if error is not None else "")

    async def send(self, raw: Raw) -> None:
        try:
            await self._ws.send_frame(raw if isinstance(raw, bytes) else raw.encode(), _TEXT)
        except ConnectionError:
            return

    def _look(self) -> None:
        """Whether the other side is still there."""
        silent_s = None if self._ws.closed else _silent_s(self._ws.get_extra_info("socket"))
        if silent_s is None:
            return
        now, wait_s = self._loop.time(), self._ping_s
        since_s = 0.0 if self._asked_at is None else now - self._asked_at
        if not self._listening:  # an answer could not be read
            self._asked_at = None
        elif silent_s < max(self._ping_s, since_s):
            self._asked_at, wait_s = None, max(self._ping_s - silent_s, self._ping_s / 10)
        elif self._asked_at is None:
            self._asked_at, wait_s = now, self._ping_s / 2
            self._asking = asyncio.create_task(self._ask(), name="gateway: ping")
        else:
            self._lost = True
            if self._abort is not None:
                self._abort()
            else:
                self._asking = asyncio.create_task(self.close(_GONE, ""), name="gateway: lost")
            return
        self._timer = self._loop.call_later(wait_s, self._look)

    async def _ask(self) -> None:
        with suppress(ConnectionError):
            await self._ws.ping()

    async def close(self, code: int, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with suppress(TimeoutError):  # then aiohttp has dropped the connection
            async with asyncio.timeout(_CLOSE_S):
                await self._ws.close(code=code, message=_short(reason))


def heartbeat(ping_s: float = PING_S) -> float | None:
    """What a socket is to be opened with: the library's own heartbeat where we cannot look."""
    return None if _LINUX else ping_s


def _silent_s(peer: socket.socket | None) -> float | None:
    """For how long nothing has come from the other side; None if nobody knows any more. `tcpi_last_data_recv`, in ms,
    stands at byte 52 of `struct tcp_info` (linux/tcp.h); right to some milliseconds."""
    try:
        info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64) if peer is not None else b""
    except OSError:
        return None
    return struct.unpack_from("=I", info, 52)[0] / 1000 if len(info) >= 56 else None


def sendable(code: int) -> int:
    """A close code as it may stand in a frame: those that only say how a connection was lost may not."""
    if code in (1005, 0):
        return 1000
    return code if (1000 <= code <= 1014 and code not in (1004, 1006)) or 3000 <= code <= 4999 else 1011


def _short(reason: str) -> bytes:
    """A control frame holds 125 bytes, two of them the code."""
    return reason.encode()[:123].decode(errors="ignore").encode()
