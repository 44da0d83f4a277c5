"""Connections of the `websockets` library, attached: the object stays the one it was, and its class becomes a subclass.

So nothing has to be imitated: every attribute, `isinstance`, iteration and closing are the library's own, and whoever
else holds the connection goes through the engine too. Only what carries messages is overridden.

A message the app sends in fragments is sent whole: what it says is known only at its end. Likewise `recv_streaming`
gives every message in one piece.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection as SyncClientConnection

from laconic.client.attached import Attached
from laconic.client.lines import AsyncLine, ThreadLine
from laconic.events import Raw

if TYPE_CHECKING:
    from laconic.client.attach import Making

__all__ = ["AttachedClientConnection", "AttachedSyncClientConnection", "attach_async", "attach_sync", "dialled"]

_BYTES = (bytes, bytearray, memoryview)


class AttachedClientConnection(ClientConnection):
    """`laconic` is what the engine has to say."""

    laconic: Attached
    _line: AsyncLine

    async def recv(self, decode: bool | None = None) -> Any:
        line = self._line
        while not line.desk.inbox:
            await self._hang_up_if_due()
            try:
                raw = await line.next(super().recv)
            except ConnectionClosed:
                line.end()
                if not line.desk.inbox:
                    raise
                break
            if raw is not None:
                line.came(raw)
        return _as_asked(line.desk.inbox.popleft(), decode)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Any]:
        yield await self.recv(decode)

    async def send(self, message: Any, *, text: bool | None = None) -> None:
        if isinstance(message, AsyncIterable):
            message = _whole([fragment async for fragment in cast("AsyncIterable[Any]", message)])
        elif isinstance(message, Iterable) and not isinstance(message, (str, *_BYTES, Mapping)):
            message = _whole(list(cast("Iterable[Any]", message)))
        if not isinstance(message, (str, *_BYTES)):
            await super().send(message, text=text)  # says what is wrong with it
            return
        await self._line.send(_raw(message), _is_text(message, text))
        await self._hang_up_if_due()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._line.end()
        await super().close(code, reason)

    async def laconic_carries(self, raw: Raw, how: object) -> None:
        """Send one message. `how`: whether as text; None for ours, which always are."""
        await super().send(raw, text=how is not False)

    async def _hang_up_if_due(self) -> None:
        if self._line.desk.hangup is not None and not self._line.desk.inbox:
            (code, reason), self._line.desk.hangup = self._line.desk.hangup, None
            await self.close(code, reason)


class AttachedSyncClientConnection(SyncClientConnection):
    """`laconic` is what the engine has to say. Any thread may send, one at a time may receive."""

    laconic: Attached
    _line: ThreadLine

    def recv(  # pyright: ignore[reportIncompatibleMethodOverride] # the library's overloads, taken together
        self, timeout: float | None = None, decode: bool | None = None
    ) -> Any:
        line = self._line
        until = None if timeout is None else time.monotonic() + timeout
        while not line.desk.inbox:
            self._hang_up_if_due()
            line.stir()
            left_s = None if until is None else until - time.monotonic()
            try:
                raw = super().recv(line.wait_s(left_s))
            except TimeoutError:
                line.idle()
                if left_s is not None and left_s <= 0:
                    raise TimeoutError(f"timed out in {timeout:.1f}s") from None
                continue
            except ConnectionClosed:
                line.end()
                if not line.desk.inbox:
                    raise
                break
            line.came(raw)
        return _as_asked(line.desk.inbox.popleft(), decode)

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Any]:
        yield self.recv(decode=decode)

    def send(self, message: Any, *, text: bool | None = None) -> None:
        if isinstance(message, Iterable) and not isinstance(message, (str, *_BYTES, Mapping)):
            message = _whole(list(cast("Iterable[Any]", message)))
        if not isinstance(message, (str, *_BYTES)):
            super().send(message, text=text)  # says what is wrong with it
            return
        self._line.send(_raw(message), _is_text(message, text))
        self._hang_up_if_due()

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._line.end()
        super().close(code, reason)

    def laconic_carries(self, raw: Raw, how: object) -> None:
        """Send one message. `how`: whether as text; None for ours, which always are."""
        super().send(raw, text=how is not False)

    def _hang_up_if_due(self) -> None:
        if self._line.desk.hangup is not None and not self._line.desk.inbox:
            (code, reason), self._line.desk.hangup = self._line.desk.hangup, None
            self.close(code, reason)


def attach_async(connection: ClientConnection, making: Making) -> AttachedClientConnection:
    """The same object, attached."""
    made = making(*dialled(connection), _receives(connection))
    attached = _changed(connection, AttachedClientConnection)
    attached._line = AsyncLine(  # pyright: ignore[reportPrivateUsage] # of our own class
        made.desk, attached.laconic_carries, gone=(ConnectionClosed,), writer=made.writer
    )
    attached.laconic = Attached(attached._line)  # pyright: ignore[reportPrivateUsage]
    return attached


def attach_sync(connection: SyncClientConnection, making: Making) -> AttachedSyncClientConnection:
    """The same object, attached."""
    made = making(*dialled(connection), _receives(connection))
    attached = _changed(connection, AttachedSyncClientConnection)
    attached._line = ThreadLine(  # pyright: ignore[reportPrivateUsage] # of our own class
        made.desk, attached.laconic_carries, gone=(ConnectionClosed,), writer=made.writer
    )
    attached.laconic = Attached(attached._line)  # pyright: ignore[reportPrivateUsage]
    return attached


def dialled(connection: ClientConnection | SyncClientConnection) -> tuple[str, Mapping[str, str]]:
    """The address a connection was made to, as far as its request tells, and what was sent along."""
    request = connection.request
    if request is None:
        return "", {}
    if isinstance(connection, ClientConnection):
        secure = connection.transport.get_extra_info("ssl_object") is not None
    else:
        secure = isinstance(connection.socket, ssl.SSLSocket)
    host = request.headers.get("Host", "")
    return f"{'wss' if secure else 'ws'}://{host}{request.path}", dict(request.headers.raw_items())


def _receives(connection: ClientConnection | SyncClientConnection) -> int | None:
    """Bytes of the largest message it takes: a larger one ends it. None: of any."""
    protocol: Any = connection.protocol
    bounds = (getattr(protocol, name, None) for name in ("max_message_size", "max_fragment_size", "max_size"))
    return min((bound for bound in bounds if bound is not None), default=None)


def _changed(connection: Any, to: Any) -> Any:
    """The object with its class changed to `to`, or to a mixture with what somebody has made of the library's class."""
    known: type[Any] = type(connection)
    plain = known in (ClientConnection, SyncClientConnection)
    connection.__class__ = to if plain else type(known.__name__, (to, known), {})
    return connection


def _raw(message: Any) -> Raw:
    return message if isinstance(message, str | bytes) else bytes(message)


def _is_text(message: object, text: bool | None) -> bool:
    return isinstance(message, str) if text is None else text


def _whole(fragments: list[Any]) -> Any:
    """Fragments as one message; as they are where the library will refuse them."""
    if fragments and all(isinstance(fragment, str) for fragment in fragments):
        return "".join(fragments)
    if fragments and all(isinstance(fragment, _BYTES) for fragment in fragments):
        return b"".join(fragments)
    return fragments


def _as_asked(raw: Raw, decode: bool | None) -> Raw:
    if decode is True and isinstance(raw, bytes):
        return raw.decode()
    return raw.encode() if decode is False and isinstance(raw, str) else raw
