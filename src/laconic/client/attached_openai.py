"""Connections of the official `openai` SDK, attached by attaching the WebSocket they stand on.

The SDK keeps it in `_connection`, in every release since it has had Realtime connections, and everything it sends and
receives goes over that: `recv`, `recv_bytes`, iteration, `on()` and `dispatch_events()`, `session.update` and its
siblings. So its own objects, types and exceptions stay what they are. Where the SDK reconnects by itself
(`on_reconnecting`), the new session is attached in the same way; it begins empty, as the service's conversation does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection
from websockets.sync.client import ClientConnection as SyncClientConnection

from laconic.client.attached_websockets import attach_async, attach_sync

if TYPE_CHECKING:
    from laconic.client.attach import Making

__all__ = ["attach_openai"]


def attach_openai(connection: Any, within: ClientConnection | SyncClientConnection, making: Making) -> Any:
    """The SDK's connection, attached."""
    dial = getattr(connection, "_make_ws", None)
    if isinstance(within, ClientConnection):
        connection.laconic = attach_async(within, making).laconic
        again: Any = _again_async(connection, dial, making)
    else:
        connection.laconic = attach_sync(within, making).laconic
        again = _again_sync(connection, dial, making)
    if dial is not None:
        connection._make_ws = again
    return connection


def _again_async(connection: Any, dial: Any, making: Making) -> Callable[..., Awaitable[ClientConnection]]:
    async def dialled(*args: Any, **kwargs: Any) -> ClientConnection:
        attached = attach_async(await dial(*args, **kwargs), making)
        connection.laconic = attached.laconic
        return attached

    return dialled


def _again_sync(connection: Any, dial: Any, making: Making) -> Callable[..., SyncClientConnection]:
    def dialled(*args: Any, **kwargs: Any) -> SyncClientConnection:
        attached = attach_sync(dial(*args, **kwargs), making)
        connection.laconic = attached.laconic
        return attached

    return dialled
