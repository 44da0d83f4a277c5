"""One session of the gateway, from its 101 to its end.

A seat is taken, the route found that leads to the model, a share of the budgets opened, the service dialled; then the
two sockets are carried by a pump until one side ends. Whoever cannot be served is told as services tell it, by an
`error` event and the close (PROTOCOL.md section 2); the gateway's owner is told what is wrong, in a line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

from laconic.client.chat_endpoints import ChatEndpoint
from laconic.client.endpoints import Endpoint, provider
from laconic.client.ring import ring
from laconic.errors import LaconicError, Refused
from laconic.gateway.admission import Guest
from laconic.gateway.asked import Asked
from laconic.gateway.books import NO_BOOKS, UNLIMITED, Allowance
from laconic.gateway.calls import Dial
from laconic.gateway.eyes import Eyes, Look
from laconic.gateway.learning import Learning
from laconic.gateway.limits import Share
from laconic.gateway.office import Office
from laconic.gateway.pump import Pump, error_event
from laconic.gateway.recordings import Recordings
from laconic.gateway.refusing import place, turn_away
from laconic.gateway.relay import Entry, Recorder, Relay
from laconic.gateway.routes import Route, Routes
from laconic.gateway.seats import Seats
from laconic.gateway.secrets import preset
from laconic.gateway.sockets import Closed, Socket, sendable
from laconic.gateway.upstream import MOST_BYTES
from laconic.laws import Laws
from laconic.rates import RateTable
from laconic.session import Session
from laconic.translation import AppSide

__all__ = ["Serving", "Told"]

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

    @property
    def key(self) -> str | None:
        """The id of the key they came with."""
        return self.guest.key.id if self.guest.key is not None else None


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a visit leads: the service, who writes its summaries, and under what name its laws are kept."""

    there: Endpoint
    chat: ChatEndpoint | None
    learned_as: tuple[str, str]


class Serving:
    """What all sessions of a gateway share; its arguments are those of `server.Gateway`."""

    def __init__(
        self,
        routes: Routes,
        seats: Seats,
        *,
        env: Mapping[str, str],
        rates: RateTable,
        eyes: Eyes,
        tell: Told,
        office: Office | None,
        recordings: Recordings | None,
        learning: Learning | None,
        simulator: str | None,
        keep_sound: int,
    ) -> None:
        self._routes, self._seats = routes, seats
        self._env = env
        self._rates = rates
        self._eyes, self._tell = eyes, tell
        self._office = office
        self._recordings = recordings
        self._learning = learning
        self._simulator = simulator
        self._keep_sound = keep_sound
        self._not_kept: set[str] = set()  # why, each told once

    def endpoint(self, model: str | None) -> Endpoint | None:
        """Where this model is served; None for one that is not. Raises LaconicError."""
        route = self._routes.find(model)
        return None if route is None else route.endpoint(model, env=self._env, simulator=self._simulator)

    async def serve(self, app: Socket, wants: Asked, guest: Guest, dial: Dial) -> None:
        """One session; `dial` connects to the service."""
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
                await self._granted(name, app, wants, guest, dial)
            except Exception as error:  # noqa: BLE001 - it ends one session, in one line; its words may be a caller's
                self._tell(f"a mistake of ours ended session {name}: {place(error)}; please report it")
                await app.close(1011, "gateway error")

    async def _granted(self, name: str, app: Socket, wants: Asked, guest: Guest, dial: Dial) -> None:
        """See whether there is such a model and a budget for it."""
        if wants.model is None and guest.grant is not None:
            wants = replace(wants, model=guest.grant.model)
        route = self._routes.find(wants.model)
        if wants.model is None and not wants.beside and (route is None or route.model is None):
            self._eyes.refused("model")
            await turn_away(app, "missing_model", "You must provide a model parameter.")
            return
        if route is None or not (guest.key is None or guest.key.allows(wants.model or route.model or "")):
            self._eyes.refused("model")
            what = f"The model '{wants.model}'" if wants.model is not None else "A session that names no model"
            message = f"{what} does not exist or you do not have access to it."
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
        """What was leased goes back. If it cannot, `Limits` tries again for as long as the gateway runs; after that it
        expires, and counts as used."""
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
        try:
            way = self._way(visit)
            laws = await self._learning.laws(*way.learned_as) if self._learning is not None else None
            session = self._session(visit, way, laws)  # before anything is open: it may not want this budget
            began = time.monotonic()
            service = await dial(way.there)
            connect_s = time.monotonic() - began
        except LaconicError as error:
            await self._fail(app, error)
            return
        try:
            opened = await preset(service, visit.route.opening(visit.guest.grant and visit.guest.grant.session))
            with self._recordings.of(visit.name) if self._recordings is not None else nullcontext() as record:
                look = self._look(visit, way, connect_s)
                relay = self._relay(visit, way, session, record)
                pump = Pump(
                    look.app(app),
                    look.service(opened),
                    relay,
                    books=self._office.ledger if self._office is not None else NO_BOOKS,
                    allowance=visit.share,
                    writer=visit.route.writer(way.chat),
                    bounds=visit.route.bounds,
                    now=asyncio.get_running_loop().time,
                    watch=look.noticed,
                )
                await self._carried(visit.name, pump, look)
        except Closed as closed:  # before it had begun
            self._eyes.refused("service")
            await app.close(sendable(closed.code), way.there.hide_keys(closed.reason))
        finally:
            await service.close(1000, "")
            if self._learning is not None:
                await self._learning.keep(*way.learned_as, session)

    async def _carried(self, name: str, pump: Pump, look: Look) -> None:
        """To the session's end."""
        self._seats.seated(name, pump)
        closed: Closed | None = None
        try:
            closed = await pump.run()
        except LaconicError as error:
            self._tell(error.sentence)
        finally:
            look.closed(closed)

    # --- what a session is made of ---------------------------------------------------------------------------

    def _way(self, visit: _Visit) -> _Way:
        route, wants = visit.route, visit.wants
        there = route.endpoint(wants.model, env=self._env, simulator=self._simulator, beside=wants.beside)
        return _Way(there, route.chat(there, self._env), route.learned_as(there.model or wants.model, self._env))

    def _session(self, visit: _Visit, way: _Way, laws: Laws | None) -> Session:
        route, key, numbers = visit.route, visit.guest.key, count(1)
        prefix = f"laconic_{visit.name[-12:]}"
        return Session(
            ids=lambda: f"{prefix}_{next(numbers)}",
            memory=(key and key.memory) or route.memory,
            model=way.there.model,
            rates=self._rates,
            laws=laws,
            service=provider(way.there.url),
            summary_model=way.chat.model if way.chat is not None else way.there.model,
            budget=route.allowed(key.session_budget if key is not None else (), visit.share.units),
            keep=ring(self._keep_sound, receives=MOST_BYTES, tell=self._cannot_keep),
        )

    def _cannot_keep(self, why: str) -> None:
        if why not in self._not_kept:
            self._not_kept.add(why)
            self._tell(why)

    def _look(self, visit: _Visit, way: _Way, connect_s: float) -> Look:
        return self._eyes.session(
            visit.name,
            route=visit.route.name,
            model=way.there.model or visit.wants.model or "",
            provider=provider(way.there.url),
            key=visit.key,
            connect_s=connect_s,
        )

    def _relay(self, visit: _Visit, way: _Way, session: Session, record: Recorder | None) -> Relay:
        wants, key = visit.wants, visit.guest.key
        entry = Entry(
            session=visit.name,
            route=visit.route.name,
            model=way.there.model or wants.model or "",
            summary_model=way.chat.model if way.chat is not None else None,
            rates_version=self._office.rates_version if self._office is not None else "",
            key=visit.key,
            labels={**wants.labels, **(key.labels if key is not None else {})},
            user=wants.user,
        )
        return Relay(
            session,
            entry,
            utc=lambda: datetime.now(UTC),
            translation=AppSide(wants.dialect, way.there.dialect or "ga"),
            hide=way.there.hide_keys,
            record=record,
        )
