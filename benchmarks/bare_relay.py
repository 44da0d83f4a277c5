"""The least a gateway could do: copy text frames both ways, with the WebSocket library our gateway uses.

    python benchmarks/bare_relay.py [--splice] PORT UPSTREAM_URL

No look inside, no compression, back-pressure as the library has it. The measure for benchmarks/gateway.py. `--splice`
copies the bytes of the two connections and knows nothing of WebSockets: what is left is the event loop and the kernel,
which is the least that anything written in Python can add.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast
from urllib.parse import urlsplit

from aiohttp import ClientSession, TCPConnector, WSMsgType, web

TEXT = WSMsgType.TEXT  # looked up once: in Python 3.11 that takes as long as the rest of the loop


async def copy(source: Any, sink: Any) -> None:
    async for message in source:
        if message.type is not TEXT:
            return
        await sink.send_frame(message.data, TEXT)


class Splice(asyncio.Protocol):
    """One of two connections; what is read from it is written to the other."""

    def __init__(self, upstream: str, other: Splice | None = None) -> None:
        self.upstream, self.other = upstream, other
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []
        """Read before there was another."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self.other is None:
            self.dialling = asyncio.create_task(self._dial())
        else:
            self.other.other = self
            self.transport.writelines(self.other.early)

    async def _dial(self) -> None:
        to = urlsplit(self.upstream)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Splice(self.upstream, self), to.hostname or "", to.port or 80)

    def data_received(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self.early.append(data)
        else:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


async def splice(port: int, upstream: str) -> None:
    await asyncio.get_running_loop().create_server(lambda: Splice(upstream), "127.0.0.1", port)
    await asyncio.Event().wait()


async def main(port: int, upstream: str) -> None:
    async with ClientSession(connector=TCPConnector(limit=0)) as client:

        async def relay(request: web.Request) -> web.WebSocketResponse:
            app = web.WebSocketResponse(compress=False, max_msg_size=0, decode_text=False)
            await app.prepare(request)
            url = f"{upstream}?{request.query_string}"
            async with client.ws_connect(url, compress=0, max_msg_size=0, decode_text=False) as service:
                ways = [asyncio.create_task(copy(app, service)), asyncio.create_task(copy(service, app))]
                _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in left:
                    way.cancel()
            return app

        application = web.Application()
        application.router.add_get("/v1/realtime", relay)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"ws://127.0.0.1:{port}/v1/realtime", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    # The event loop is the gateway's too: uvloop where it is installed.
    run = import_module("uvloop").run if find_spec("uvloop") else asyncio.run
    relay = splice if sys.argv[1] == "--splice" else main
    run(relay(int(sys.argv[-2]), sys.argv[-1]))
