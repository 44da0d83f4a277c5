"""The gateway on a port: the addresses services have, and behind each a session that is remembered and counted.

    gateway = Gateway(routes, env=os.environ)
    async with gateway.listening("127.0.0.1", 8766):
        ...

`/v1/realtime` (OpenAI), `/openai/v1/realtime` (Azure GA), and for apps that speak the beta `/openai/realtime` and
`/voice-live/realtime`; `/healthz`, `/readyz`, `/metrics`. A wrong key is HTTP 401 and a wrong address 404; what else is
wrong is told as services tell it, by an `error` event after the 101 and the close (PROTOCOL.md section 2).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Collection, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from aiohttp import ClientSession, web

from laconic.client.endpoints import Endpoint
from laconic.client.ring import KEEP_SOUND_MB
from laconic.errors import LaconicError
from laconic.gateway.admission import Admission, Guest
from laconic.gateway.asked import BETA_PATHS, PATHS, asked, in_time, keys_offered, same_origin, subprotocol
from laconic.gateway.call_doors import CallDoors
from laconic.gateway.calls import Calls
from laconic.gateway.discretion import discreet_logger
from laconic.gateway.eyes import Eyes
from laconic.gateway.learning import Learning
from laconic.gateway.office import Office
from laconic.gateway.recordings import Recordings
from laconic.gateway.refusing import json_errors, refusal
from laconic.gateway.routes import Routes
from laconic.gateway.seats import Seats
from laconic.gateway.secrets import HEADER_BYTES, Secrets
from laconic.gateway.serving import Serving, Told
from laconic.gateway.sockets import PING_S, Socket, WebSocket, heartbeat
from laconic.gateway.upstream import connect, dialler
from laconic.rates import RateTable, load

__all__ = ["Gateway"]

_LARGEST_MESSAGE = 15 * 2**20 * 4 // 3 + 2**16
"""From an app: 15 MiB of sound in base64, and what stands around it."""
_RETRY_S = "10"
_HEADERS_S = 15.0
"""How long a connection may take to say what it wants."""
_SESSIONS = 1_000


class Gateway:
    """All sessions of one process.

    `admission`: who may come in; None: anybody. `office`: where books are kept; None: they are not. `simulator`: where
    the stand-in is, if a route leads there. `ping_s`: how often an app is asked whether it is still there; it has half
    as long to answer. `recordings`: where sessions are recorded, `tell` takes lines for the
    gateway's owner, `eyes` look on. `sessions` at once, `sessions_per_key` with one key; 0: as many as come.
    `learning`: where what is learned of services is kept; None: nowhere. `keep_sound`: megabytes of each session's
    temporary file with the sound of what has left it; 0: none.
    """

    def __init__(
        self,
        routes: Routes,
        *,
        env: Mapping[str, str],
        admission: Admission | None = None,
        office: Office | None = None,
        rates: RateTable | None = None,
        origins: Collection[str] = (),
        recordings: Recordings | None = None,
        tell: Told | None = None,
        eyes: Eyes | None = None,
        simulator: str | None = None,
        ping_s: float = PING_S,
        sessions: int = _SESSIONS,
        sessions_per_key: int = 0,
        learning: Learning | None = None,
        keep_sound: int = KEEP_SOUND_MB,
    ) -> None:
        self._admission = admission or Admission(None, Secrets.from_environment(env), open=True)
        self._office = office
        self._origins = frozenset(origins)
        self._eyes = eyes or Eyes(time.monotonic)
        self._ping_s = ping_s
        self._tell = tell or _silence
        self._dialler: ClientSession | None = None
        self._call_doors: CallDoors | None = None
        self._seats = Seats(sessions, sessions_per_key)
        self._serving = Serving(
            routes,
            self._seats,
            env=env,
            rates=rates or load(),
            eyes=self._eyes,
            tell=self._tell,
            office=office,
            recordings=recordings,
            learning=learning,
            simulator=simulator,
            keep_sound=keep_sound,
        )

    # --- a port ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def listening(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
        """Listen until the block is left; yields the port, a free one for 0. Raises OSError if it is taken."""
        async with AsyncExitStack() as open_things:
            self._dialler = await open_things.enter_async_context(dialler())
            calls = Calls(self._dialler)
            open_things.push_async_callback(calls.close)
            self._call_doors = CallDoors(self, calls, self._serving)
            runner = web.AppRunner(
                self.application(),
                access_log=None,
                logger=discreet_logger("aiohttp.server", self._tell),
                shutdown_timeout=1.0,
                max_field_size=HEADER_BYTES,
                keepalive_timeout=_HEADERS_S,
            )
            await runner.setup()
            open_things.push_async_callback(runner.cleanup)
            if self._office is not None:
                open_things.enter_context(self._keeping(self._office))
            open_things.push_async_callback(self.drain, 0.0)
            site = web.TCPSite(runner, host, port, ssl_context=tls)
            await site.start()
            yield runner.addresses[0][1]

    @contextmanager
    def _keeping(self, office: Office) -> Generator[None]:
        """Renew what sessions have leased of shared budgets; who lost it is sent away."""
        task = asyncio.create_task(office.limits.keep(self._collected), name="gateway: leases")
        try:
            yield
        finally:
            task.cancel()

    def _collected(self, names: frozenset[str]) -> None:
        self._seats.hang_up(names, 1011, "the share of the budget was lost")

    def application(self) -> web.Application:
        """The addresses, and what answers there."""
        application = web.Application(middlewares=[json_errors])
        for path in (*PATHS, *BETA_PATHS):
            application.router.add_get(path, self._knock, allow_head=False)
            application.router.add_post(f"{path}/client_secrets", self._mint)
        if self._call_doors is not None:
            self._call_doors.add_to(application)
        if self._eyes.metrics is not None:
            application.router.add_get("/metrics", self._measured)
        application.router.add_get("/healthz", self._healthy)
        application.router.add_get("/readyz", self._ready)
        return application

    @property
    def sessions(self) -> int:
        """How many are under way."""
        return len(self._seats)

    async def drain(self, grace_s: float) -> None:
        """Take no new sessions, let those under way come to a quiet moment, and end them when the grace is over."""
        await self._seats.drain(grace_s)

    # --- who knocks ------------------------------------------------------------------------------------------

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "sessions": self.sessions})

    async def _ready(self, request: web.Request) -> web.Response:
        if self._seats.leaving:
            return web.json_response({"status": "closing"}, status=503, headers={"Retry-After": _RETRY_S})
        return web.json_response({"status": "ok"})

    async def _measured(self, request: web.Request) -> web.Response:
        assert self._eyes.metrics is not None
        text, kind = self._eyes.metrics.text()
        return web.Response(body=text, headers={"Content-Type": kind})

    async def _mint(self, request: web.Request) -> web.Response:
        """A client secret, for whoever has a key; a secret is not enough to make others."""
        guest = await self.enter(request)
        if isinstance(guest, web.Response):
            return guest
        if guest.grant is not None:
            return refusal(401, "invalid_api_key", "Incorrect API key provided.")
        key = guest.key.id if guest.key is not None else None
        body = await in_time(request.read())
        status, answer = self._admission.secrets.answer(body, key, user=asked(request).user)
        return web.json_response(answer, status=status)

    async def enter(self, request: web.Request) -> Guest | web.Response:
        """Who this is, or the refusal."""
        if self._seats.leaving:
            self._eyes.refused("closing")
            return refusal(503, "gateway_closing", "The gateway is closing.", {"Retry-After": _RETRY_S})
        try:
            if not same_origin(request, self._origins, open=await self._admission.anybody()):
                self._eyes.refused("origin")
                return refusal(403, "origin_not_allowed", "Pages of this origin may not use this gateway.")
            guest = await self._admission.admit(keys_offered(request))
        except LaconicError as error:  # the books cannot be read: nobody knows who this is
            self._eyes.refused("service")
            self._tell(error.sentence)
            return refusal(503, "gateway_unavailable", "Keys cannot be looked up now.", {"Retry-After": _RETRY_S})
        if guest is None:
            self._eyes.refused("key")
            return refusal(401, "invalid_api_key", "Incorrect API key provided.")
        return guest

    def allows(self, request: web.Request) -> str | None:
        """The origin of another page, if it may use the gateway."""
        origin = request.headers.get("Origin")
        return origin if origin in self._origins or "*" in self._origins else None

    async def _knock(self, request: web.Request) -> web.StreamResponse:
        """Before the 101: who may not come in is told so here."""
        guest = await self.enter(request)
        if isinstance(guest, web.Response):
            return guest
        chosen = subprotocol(request)
        answerable = _answerable(request, chosen)
        ws = web.WebSocketResponse(
            protocols=(chosen,) if chosen is not None else (),
            compress=False,
            max_msg_size=_LARGEST_MESSAGE,
            heartbeat=heartbeat(self._ping_s),
            autoclose=False,
            timeout=3.0,
            decode_text=False,
        )
        if not ws.can_prepare(answerable):
            return refusal(426, "upgrade_required", "This address speaks WebSocket.", {"Upgrade": "websocket"})
        await ws.prepare(answerable)
        transport = request.transport
        app = WebSocket(ws, ping_s=self._ping_s, abort=transport.abort if transport is not None else None)
        wants = asked(request)
        if self._call_doors is None or not await self._call_doors.joined(app, wants, guest):
            await self._serving.serve(app, wants, guest, self._dial)
        return ws

    async def _dial(self, there: Endpoint) -> Socket:
        assert self._dialler is not None
        return WebSocket(await connect(self._dialler, there))


def _answerable(request: web.Request, chosen: str | None) -> web.Request:
    """The request as aiohttp is to answer it. Of the subprotocols it sees what we have chosen among them, since it logs
    all of them where it knows none, and a browser's key is one. It cannot copy what is not ASCII, and needs none."""
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if value.isascii() and name.lower() != "sec-websocket-protocol"
    ]
    return request.clone(headers=headers if chosen is None else [*headers, ("Sec-WebSocket-Protocol", chosen)])


def _silence(line: str) -> None: ...
