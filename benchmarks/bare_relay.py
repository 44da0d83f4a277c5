"""The least a gateway could do: copy text frames both ways, with the WebSocket library our gateway uses.

    python benchmarks/bare_relay.py PORT UPSTREAM_URL

No look inside, no compression, back-pressure as the library has it. The measure for benchmarks/gateway.py.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from aiohttp import ClientSession, TCPConnector, WSMsgType, web


async def copy(source: Any, sink: Any) -> None:
    async for message in source:
        if message.type is not WSMsgType.TEXT:
            return
        await sink.send_frame(message.data, WSMsgType.TEXT)


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
    run(main(int(sys.argv[1]), sys.argv[2]))
