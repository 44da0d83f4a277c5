"""Connections of aiohttp's client, attached: the object stays the one it was, and its class becomes a subclass.

As with `websockets` (attached_websockets.py): only what carries messages is overridden, and all the other ways of
receiving and sending are built on that by the library itself. Messages keep their type, text or bytes as the
connection was opened with; what is no message of the protocol (pings, closing, errors) passes as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientWebSocketResponse, WSMessage, WSMsgType

from laconic.client.attached import Attached
from laconic.client.lines import AsyncLine
from laconic.events import Raw

if TYPE_CHECKING:
    from laconic.client.attach import Making

__all__ = ["AttachedClientWebSocketResponse", "attach_aiohttp"]

_OVER = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)
_GONE = (ClientError, ConnectionError)
_RECEIVES = 4 * 2**20
"""Bytes of the largest message a connection takes unless it was told otherwise, which it keeps to itself."""


class AttachedClientWebSocketResponse(ClientWebSocketResponse):  # pyright: ignore[reportMissingTypeArgument] # generic since 3.14
    """`laconic` is what the engine has to say."""

    laconic: Attached
    _line: AsyncLine
    _gives_bytes = False

    async def receive(self, timeout: float | None = None) -> Any:
        line = self._line
        while not line.desk.inbox:
            await self._hang_up_if_due()
            message: Any = await line.next(lambda: ClientWebSocketResponse.receive(self, timeout))
            if message is None:
                self._close_code = None  # so the library notes that its receiving was broken off: it was not the end
            elif message.type in _OVER:
                line.end()
                return message
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._gives_bytes = isinstance(message.data, bytes)
                line.came(message.data)
                if line.desk.inbox and line.desk.inbox[0] is message.data:
                    line.desk.inbox.popleft()
                    return message
            else:
                return message
        return self._as_message(line.desk.inbox.popleft())

    async def send_str(self, data: str, compress: int | None = None) -> None:
        if not isinstance(data, str):  # pyright: ignore[reportUnnecessaryIsInstance] # of the library's own checks
            await super().send_str(data, compress)
        await self._line.send(data, (WSMsgType.TEXT, compress))
        await self._hang_up_if_due()

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]
            await super().send_bytes(data, compress)
        await self._line.send(bytes(data), (WSMsgType.BINARY, compress))
        await self._hang_up_if_due()

    async def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> None:
        if opcode is WSMsgType.TEXT:
            await self._line.send(bytes(message), (WSMsgType.TEXT, compress))
            await self._hang_up_if_due()
        else:
            await super().send_frame(message, opcode, compress)

    async def close(self, *, code: int = 1000, message: bytes = b"") -> bool:
        self._line.end()
        return await super().close(code=code, message=message)

    async def laconic_carries(self, raw: Raw, how: Any) -> None:
        """Send one message. `how`: the kind of frame and its compression; None for ours, which is text."""
        kind, compress = how or (WSMsgType.TEXT, None)
        if kind is WSMsgType.BINARY:
            await super().send_bytes(raw if isinstance(raw, bytes) else raw.encode(), compress)
        else:
            await super().send_str(raw if isinstance(raw, str) else raw.decode(), compress)

    def _as_message(self, raw: Raw) -> WSMessage:
        """A message the engine made, or gave back later, in the shape the others come in."""
        if self._gives_bytes and isinstance(raw, str):
            raw = raw.encode()
        elif not self._gives_bytes and isinstance(raw, bytes):
            raw = raw.decode()
        return WSMessage(WSMsgType.TEXT, raw, None)

    async def _hang_up_if_due(self) -> None:
        if self._line.desk.hangup is not None and not self._line.desk.inbox:
            (code, reason), self._line.desk.hangup = self._line.desk.hangup, None
            await self.close(code=code, message=reason.encode())


def attach_aiohttp(connection: Any, making: Making) -> AttachedClientWebSocketResponse:
    """The same object, attached."""
    made = making(*_dialled(connection), _RECEIVES)
    known: type[Any] = type(connection)
    plain = known is ClientWebSocketResponse
    mixed = AttachedClientWebSocketResponse
    connection.__class__ = mixed if plain else type(known.__name__, (mixed, known), {})
    attached: AttachedClientWebSocketResponse = connection
    line = AsyncLine(made.desk, attached.laconic_carries, gone=_GONE, writer=made.writer)
    attached._line = line  # pyright: ignore[reportPrivateUsage] # of our own class
    attached.laconic = Attached(line)
    return attached


def _dialled(connection: Any) -> tuple[str, Mapping[str, str]]:
    """The address and what was sent along. There is no public way to either; without, `model=` has to be given."""
    response = getattr(connection, "_response", None)
    asked = getattr(response, "request_info", None)
    return ("", {}) if asked is None else (str(asked.url), dict(asked.headers))
