"""A gateway inside your own program, for libraries that take an address and nothing else.

    with laconic.local_gateway(service="openai", memory="auto", budget="$2") as url:
        client = AsyncOpenAI(websocket_base_url=url)      # url is ws://127.0.0.1:PORT/v1
        websockets.connect(f"{url}/realtime?model=gpt-realtime-2.1")  # who adds no path of its own has to

It listens on a free port of this machine alone, in a thread with a loop of its own, so that it runs beside programs
that are asynchronous and such that are not, and a busy loop of theirs does not hold up the sound. Any key opens it;
the service's key is read from the environment, as everywhere. When the block is left, sessions under way are ended.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from importlib.util import find_spec
from types import TracebackType

from laconic.client.ring import KEEP_SOUND_MB, ring
from laconic.errors import BadInput

__all__ = ["local_gateway"]

_HOST = "127.0.0.1"
_LOGGER = logging.getLogger("laconic.gateway")
"""Gets what a gateway of its own would tell its owner: no speech, no keys."""


class local_gateway:  # noqa: N801 - used as a function, in `with` and in `async with`
    """A gateway for the length of a block; the block gets its base URL.

    `service`: `openai`, `azure`, `simulator` (no key, no bill) or an address. `model`: which to ask for there; None:
    the one the app asks for. `memory`, `budget`: of each session. `keep_sound`: megabytes of each session's temporary
    file with the sound of what has left it; 0: none. `env`: where keys are, `os.environ` if not given.
    Raises BadInput or NoKey on entering, before anything listens.
    """

    def __init__(
        self,
        service: str = "openai",
        *,
        model: str | None = None,
        deployment: str | None = None,
        memory: str = "auto",
        budget: str | None = None,
        summary_model: str | None = None,
        keep_sound: int = KEEP_SOUND_MB,
        env: Mapping[str, str] | None = None,
    ) -> None:
        if find_spec("aiohttp") is None:
            raise BadInput("a local gateway needs the gateway extra; install it with: pip install 'laconic[gateway]'")
        from laconic.gateway.routes import Route

        self._route = Route(
            service=service,
            model=model,
            deployment=deployment,
            memory=memory,
            budget=budget,
            summary_model=summary_model,
        )
        ring(keep_sound)  # BadInput before anything listens
        self._keep_sound = keep_sound
        self._env = os.environ if env is None else env
        self._thread: threading.Thread | None = None
        self._listening: Future[str] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None

    def __enter__(self) -> str:
        if self._thread is not None:
            raise BadInput("this gateway has been used already; make another with local_gateway(...)")
        self._thread = threading.Thread(target=self._run, name="laconic gateway", daemon=True)
        self._thread.start()
        return self._listening.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        if self._loop is not None and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def __aenter__(self) -> str:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._listening.done():
                raise
            self._listening.set_exception(error)

    async def _serve(self) -> None:
        from laconic.gateway.discretion import discreet_loop
        from laconic.gateway.learning import Learning
        from laconic.gateway.routes import Routes
        from laconic.gateway.server import Gateway
        from laconic.gateway.standin import standing_in

        routes = Routes([self._route])
        routes.check(self._env)
        discreet_loop(_tell)
        async with AsyncExitStack() as open_things:
            simulator = await open_things.enter_async_context(standing_in()) if routes.wants_simulator else None
            learning = Learning(_tell)
            gateway = Gateway(
                routes,
                env=self._env,
                tell=_tell,
                simulator=simulator,
                learning=learning,
                keep_sound=self._keep_sound,
            )
            port = await open_things.enter_async_context(gateway.listening(_HOST, 0))
            self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
            self._listening.set_result(f"ws://{_HOST}:{port}/v1")
            await self._over.wait()


def _tell(line: str) -> None:
    _LOGGER.warning("%s", line)
