"""The gateway's side towards the services: dialling them, and saying why one could not be reached.

An app learns of a failure as services tell of theirs, by an `error` event and the close. What it is told names no
address and no key of ours: the gateway's owner finds those in the log.
"""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import (
    ClientConnectorDNSError,
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    TCPConnector,
    WSServerHandshakeError,
)

from laconic import __version__
from laconic.client.endpoints import Endpoint
from laconic.errors import LaconicError, Refused, Unreachable
from laconic.gateway.sockets import heartbeat

__all__ = ["MOST_BYTES", "connect", "dialler"]

MOST_BYTES = 32 * 2**20
"""Of one message. An item retrieved with its sound is the largest; an append may hold 15 MiB, so a reply may too."""
_DIAL_S = 15.0


def dialler(verify: ssl.SSLContext | None = None) -> ClientSession:
    """What all sessions dial with. The library's own default would stop at a hundred connections."""
    connector = TCPConnector(limit=0, ssl=verify or True)
    return ClientSession(connector=connector, headers={"User-Agent": f"laconic/{__version__}"}, trust_env=True)


async def connect(dialler: ClientSession, there: Endpoint) -> ClientWebSocketResponse[bool]:
    """Connect. Raises Refused or Unreachable, in words for the gateway's owner."""
    try:
        async with asyncio.timeout(_DIAL_S):
            return await dialler.ws_connect(
                there.url,
                headers=dict(there.headers),
                compress=0,
                max_msg_size=MOST_BYTES,
                heartbeat=heartbeat(),
                autoclose=False,
                decode_text=False,
            )
    except (ClientError, OSError, TimeoutError) as error:
        raise _why(there, error) from None


def _why(there: Endpoint, error: Exception) -> LaconicError:
    where = there.shown
    if isinstance(error, WSServerHandshakeError):
        if error.status in (401, 403):
            named = f" in {there.key_from}" if there.key_from else ""
            return Refused(f"{where} did not accept the gateway's key{named} (HTTP {error.status}); check it")
        if error.status == 429:
            return Refused(f"{where} has had enough of our requests for now (HTTP 429); look at the account's limits")
        return Refused(f"{where} refused the connection with HTTP {error.status}; check the route's address and model")
    if isinstance(error, TimeoutError):
        return Unreachable(f"{where} did not answer within {_DIAL_S:g} s; check the network and the route's address")
    if isinstance(error, ClientConnectorDNSError):
        return Unreachable(f"the name {there.host} cannot be resolved; check the route's address and the network")
    why = there.hide_keys(str(error)) or type(error).__name__
    return Unreachable(f"{where} cannot be reached ({why}); check the network and the route's address")
