"""One port for both: WebSockets, and the POST requests of the chat endpoint.

The websockets library reads requests without a body and no others. So a connection that begins with POST is read
here: its body is kept, and the library is handed the same request as a GET, which goes through the same checks and
is answered at the same place. Whatever begins otherwise passes through untouched.
"""

from __future__ import annotations

import asyncio
import re

from websockets.asyncio.server import ServerConnection

__all__ = ["Door"]

_PATIENCE_S = 10.0
"""How long a connection may take to say what it wants. As long as the library's own, which would count the time an
answer takes, too."""
_LARGEST_REQUEST = 4 * 1024 * 1024
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,9})[ \t]*$", re.IGNORECASE | re.MULTILINE)
_BODY_HEADERS = re.compile(rb"^(?:content-length|transfer-encoding|expect):.*\r\n", re.IGNORECASE | re.MULTILINE)


class Door(ServerConnection):
    """A connection that may turn out to be a POST request: then `body` is what was posted."""

    body: bytes | None = None
    _first = b""
    _passing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._patience = asyncio.get_running_loop().call_later(_PATIENCE_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._passing:
            self._first += data
            data = self._request()
        if data:
            self._passing = True
            super().data_received(data)
        if self.request is not None:
            self._patience.cancel()

    def _request(self) -> bytes:
        """What to hand on of what has come so far; nothing while it is not clear, or not all here."""
        first = self._first
        if not first.startswith(b"POST "):
            return b"" if b"POST ".startswith(first) else first
        head, end, body = first.partition(b"\r\n\r\n")
        length = _LENGTH.search(head.replace(b"\r", b""))
        wanted = int(length[1]) if length else 0  # a body in chunks is none: the endpoint will say that it misses one
        if len(first) > _LARGEST_REQUEST or wanted > _LARGEST_REQUEST:
            self.transport.abort()
            return b""
        if not end or len(body) < wanted:
            return b""
        self.body = body[:wanted]
        return b"GET " + _BODY_HEADERS.sub(b"", head.removeprefix(b"POST ") + b"\r\n") + b"\r\n"
