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
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

from aiohttp import ClientSession, web

from laconic.client.chat_endpoints import ChatEndpoint
from laconic.client.endpoints import Endpoint, provider
from laconic.client.ring import KEEP_SOUND_MB, ring
from laconic.errors import LaconicError, Refused
from laconic.gateway.admission import Admission, Guest
from laconic.gateway.asked import BETA_PATHS, PATHS, Asked, asked, in_time, keys_offered, same_origin
from laconic.gateway.books import NO_BOOKS, UNLIMITED, Allowance
from laconic.gateway.call_doors import CallDoors
from laconic.gateway.calls import Calls, Dial
from laconic.gateway.eyes import Eyes, Look
from laconic.gateway.learning import Learning
from laconic.gateway.limits import Share
from laconic.gateway.office import Office
from laconic.gateway.pump import Pump, error_event
from laconic.gateway.recordings import Recordings
from laconic.gateway.refusing import json_errors, place, refusal, turn_away
from laconic.gateway.relay import Entry, Recorder, Relay
from laconic.gateway.routes import Route, Routes
from laconic.gateway.seats import Seats
from laconic.gateway.secrets import HEADER_BYTES, Secrets, preset
from laconic.gateway.sockets import Closed, Socket, WebSocket, sendable
from laconic.gateway.upstream import MOST_BYTES, connect, dialler
from laconic.laws import Laws
from laconic.rates import RateTable, load
from laconic.session import Session
from laconic.translation import AppSide

__all__ = ["Gateway", "Told"]

_LARGEST_MESSAGE = 15 * 2**20 * 4 // 3 + 2**16
"""From an app: 15 MiB of sound in base64, and what stands around it."""
_PING_S = 20.0
_RETRY_S = "10"
_HEADERS_S = 15.0
"""How long a connection may take to say what it wants."""
_SESSIONS = 1_000

Told = Callable[[str], None]
"""Takes a line for the gateway's owner."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody who came in: what for, and what they may use."""

    name: str
    """The session's."""
    route: Route
    wants: Asked
    guest: Guest
    share: Allowance


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
        ping_s: float = _PING_S,
        sessions: int = _SESSIONS,
        sessions_per_key: int = 0,
        learning: Learning | None = None,
        keep_sound: int = KEEP_SOUND_MB,
    ) -> None:
        self._routes = routes
        self._env = env
        self._admission = admission or Admission(None, Secrets.from_environment(env), open=True)
        self._office = office
        self._rates = rates or load()
        self._origins = frozenset(origins)
        self._recordings = recordings
        self._tell = tell or _silence
        self._eyes = eyes or Eyes(time.monotonic)
        self._simulator = simulator
        self._ping_s = ping_s
        self._dialler: ClientSession | None = None
        self._call_doors: CallDoors | None = None
        self._seats = Seats(sessions, sessions_per_key)
        self._learning = learning
        self._keep_sound = keep_sound
        self._not_kept: set[str] = set()  # why, each told once

    # --- a port ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def listening(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
        """Listen until the block is left; yields the port, a free one for 0. Raises OSError if it is taken."""
        async with AsyncExitStack() as open_things:
            self._dialler = await open_things.enter_async_context(dialler())
            calls = Calls(self._dialler)
            open_things.push_async_callback(calls.close)
            self._call_doors = CallDoors(self, calls)
            runner = web.AppRunner(
                self.application(),
                access_log=None,
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
        guest = await self._admission.admit(keys_offered(request))
        if guest is None or guest.grant is not None:
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
        if not same_origin(request, self._origins, open=self._admission.open):
            self._eyes.refused("origin")
            return refusal(403, "origin_not_allowed", "Pages of this origin may not use this gateway.")
        guest = await self._admission.admit(keys_offered(request))
        if guest is None:
            self._eyes.refused("key")
            return refusal(401, "invalid_api_key", "Incorrect API key provided.")
        return guest

    def allows(self, request: web.Request) -> str | None:
        """The origin of another page, if it may use the gateway."""
        origin = request.headers.get("Origin")
        return origin if origin in self._origins or "*" in self._origins else None

    def endpoint(self, model: str | None) -> Endpoint | None:
        """Where this model is served; None for one that is not. Raises LaconicError."""
        route = self._routes.find(model)
        return None if route is None else route.endpoint(model, env=self._env, simulator=self._simulator)

    async def _knock(self, request: web.Request) -> web.StreamResponse:
        """Before the 101: who may not come in is told so here."""
        guest = await self.enter(request)
        if isinstance(guest, web.Response):
            return guest
        ws = web.WebSocketResponse(
            protocols=("realtime",),
            compress=False,
            max_msg_size=_LARGEST_MESSAGE,
            heartbeat=self._ping_s,
            autoclose=False,
            timeout=3.0,
            decode_text=False,
        )
        if not ws.can_prepare(request):
            return refusal(426, "upgrade_required", "This address speaks WebSocket.", {"Upgrade": "websocket"})
        await ws.prepare(request)
        app, wants = WebSocket(ws), asked(request)
        if self._call_doors is None or not await self._call_doors.joined(app, wants, guest):
            await self.serve(app, wants, guest, self._dial)
        return ws

    async def _dial(self, there: Endpoint) -> Socket:
        assert self._dialler is not None
        return WebSocket(await connect(self._dialler, there))

    async def serve(self, app: Socket, wants: Asked, guest: Guest, dial: Dial) -> None:
        """One session, from its 101 to its end; `dial` connects to the service."""
        name = f"sess_{uuid4().hex}"
        wants = replace(wants, user=guest.user(wants.user))
        with ExitStack() as seat:
            try:
                seat.enter_context(self._seats.taken(name, guest.key.id if guest.key is not None else None))
            except Refused as full:
                self._eyes.refused("full")
                await turn_away(app, "rate_limit_exceeded", full.sentence)
                return
            try:
                await self._serve(name, app, wants, guest, dial)
            except Exception as error:  # noqa: BLE001 - it ends one session, in one line; its words may be a caller's
                self._tell(f"a mistake of ours ended session {name}: {place(error)}; please report it")
                await app.close(1011, "gateway error")

    async def _serve(self, name: str, app: Socket, wants: Asked, guest: Guest, dial: Dial) -> None:
        if wants.model is None and guest.grant is not None:
            wants = replace(wants, model=guest.grant.model)
        route = self._routes.find(wants.model)
        if wants.model is None and not wants.beside and (route is None or route.model is None):
            self._eyes.refused("model")
            await turn_away(app, "missing_model", "You must provide a model parameter.")
            return
        if route is None or not (guest.key is None or guest.key.allows(wants.model or route.model or "")):
            self._eyes.refused("model")
            message = f"The model '{wants.model}' does not exist or you do not have access to it."
            await turn_away(app, "model_not_found", message)
            return
        try:
            share = await self._office.limits.open(name, guest.key, wants.user) if self._office is not None else None
        except Refused as refused:
            self._eyes.refused("budget")
            await turn_away(app, "insufficient_quota", refused.sentence)
            return
        except LaconicError as error:  # the books cannot be read: nobody knows what is left
            await self._fail(app, error)
            return
        try:
            await self._relayed(app, dial, _Visit(name, route, wants, guest, share or UNLIMITED))
        finally:
            if share is not None:
                await self._give_back(share)

    async def _give_back(self, share: Share) -> None:
        """What was leased goes back; if it cannot, it expires."""
        try:
            await share.close()
        except LaconicError as error:
            self._tell(error.sentence)

    async def _fail(self, app: Socket, error: LaconicError) -> None:
        """The owner is told what is wrong, the app that something is."""
        self._eyes.refused("service")
        self._tell(error.sentence)
        message = "The gateway could not reach the service behind it. Please try again later."
        await app.send(error_event("server_error", "service_unreachable", message))
        await app.close(1011, "service unreachable")

    async def _relayed(self, app: Socket, dial: Dial, visit: _Visit) -> None:
        """One session for which everything is granted: dial, and carry."""
        route, wants = visit.route, visit.wants
        try:
            there = route.endpoint(wants.model, env=self._env, simulator=self._simulator, beside=wants.beside)
            chat = route.chat(there, self._env)
            learned_as = route.learned_as(there.model or wants.model, self._env)
            laws = await self._learning.laws(*learned_as) if self._learning is not None else None
            session = self._session(visit, there, chat, laws)  # before anything is open: it may not want this budget
            began = time.monotonic()
            service = await dial(there)
            connect_s = time.monotonic() - began
        except LaconicError as error:
            await self._fail(app, error)
            return
        try:
            await self._carried(app, service, session, visit, there, chat, connect_s)
        except Closed as closed:  # before it had begun
            self._eyes.refused("service")
            await app.close(sendable(closed.code), there.hide_keys(closed.reason))
        finally:
            await service.close(1000, "")
            if self._learning is not None:
                await self._learning.keep(*learned_as, session)

    async def _carried(
        self,
        app: Socket,
        service: Socket,
        session: Session,
        visit: _Visit,
        there: Endpoint,
        chat: ChatEndpoint | None,
        connect_s: float,
    ) -> None:
        """A session whose service was reached, to its end."""
        name, route, guest = visit.name, visit.route, visit.guest
        granted = guest.grant.session if guest.grant is not None else None
        service = await preset(service, route.opening(granted))
        with self._recordings.of(name) if self._recordings is not None else nullcontext() as record:
            look = self._eyes.session(
                name,
                route=route.name,
                model=there.model or visit.wants.model or "",
                provider=provider(there.url),
                key=guest.key.id if guest.key is not None else None,
                connect_s=connect_s,
            )
            pump = self._pump(look.app(app), look.service(service), session, visit, there, chat, look, record)
            await self._sit(name, pump, look)

    async def _sit(self, name: str, pump: Pump, look: Look) -> None:
        """Carry a session to its end."""
        self._seats.seated(name, pump)
        closed: Closed | None = None
        try:
            closed = await pump.run()
        except LaconicError as error:
            self._tell(error.sentence)
        finally:
            look.closed(closed)

    def _session(self, visit: _Visit, there: Endpoint, chat: ChatEndpoint | None, laws: Laws | None) -> Session:
        route, guest, numbers = visit.route, visit.guest, count(1)
        prefix = f"laconic_{visit.name[-12:]}"
        return Session(
            ids=lambda: f"{prefix}_{next(numbers)}",
            memory=(guest.key and guest.key.memory) or route.memory,
            model=there.model,
            rates=self._rates,
            laws=laws,
            service=provider(there.url),
            summary_model=chat.model if chat is not None else there.model,
            budget=route.allowed(guest.key.session_budget if guest.key is not None else (), visit.share.units),
            keep=ring(self._keep_sound, receives=MOST_BYTES, tell=self._cannot_keep),
        )

    def _cannot_keep(self, why: str) -> None:
        if why not in self._not_kept:
            self._not_kept.add(why)
            self._tell(why)

    def _pump(
        self,
        app: Socket,
        service: Socket,
        session: Session,
        visit: _Visit,
        there: Endpoint,
        chat: ChatEndpoint | None,
        look: Look,
        record: Recorder | None,
    ) -> Pump:
        name, route, wants, guest = visit.name, visit.route, visit.wants, visit.guest
        entry = Entry(
            session=name,
            route=route.name,
            model=there.model or wants.model or "",
            summary_model=chat.model if chat is not None else None,
            rates_version=self._office.rates_version if self._office is not None else "",
            key=guest.key.id if guest.key is not None else None,
            labels={**wants.labels, **(guest.key.labels if guest.key is not None else {})},
            user=wants.user,
        )
        relay = Relay(
            session,
            entry,
            utc=_utc,
            translation=AppSide(wants.dialect, there.dialect or "ga"),
            hide=there.hide_keys,
            record=record,
        )
        loop = asyncio.get_running_loop()
        return Pump(
            app,
            service,
            relay,
            books=self._office.ledger if self._office is not None else NO_BOOKS,
            allowance=visit.share,
            writer=route.writer(chat),
            bounds=route.bounds,
            now=loop.time,
            watch=look.noticed,
        )


def _utc() -> datetime:
    return datetime.now(UTC)


def _silence(line: str) -> None: ...
