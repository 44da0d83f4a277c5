"""The stand-in service on a socket: a server on loopback that answers where the real ones answer.

    async with serve() as standin:
        ...  # connect to standin.url

Addresses: `/v1/realtime?model=` (OpenAI), `/openai/v1/realtime?model=` (Azure, GA), and in the beta dialect
`/openai/realtime?api-version=&deployment=` (Azure preview) and `/voice-live/realtime?api-version=&model=`. A wrong key
is HTTP 401; everything else that is wrong with a connection is an `error` event after the 101 and then the close
(PROTOCOL.md section 2). One `Service` per connection, woken at its deadline.

Beside them, on the same port, calls that are made by POST and joined from the side (calls.py), and a chat endpoint
that writes summaries: POST to `/v1/chat/completions` (OpenAI), `/openai/v1/chat/completions` or
`/openai/deployments/NAME/chat/completions?api-version=` (Azure).

Mind and ears work where they are called, on the event loop; the voice has until its sound is due.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio import server as websockets_server
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from laconic.dialects import Dialect
from laconic.simulator import calls
from laconic.simulator.calls import CALLS_PATH, HANGUP_PATH, Calls
from laconic.simulator.chat import Chat
from laconic.simulator.door import Door
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.hearing import Hearing
from laconic.simulator.ids import Ids
from laconic.simulator.parts import Parts
from laconic.simulator.rejected import Rejected
from laconic.simulator.running import Clock, Running
from laconic.simulator.service import Service
from laconic.simulator.speech import Speech

__all__ = ["KNOWN_MODELS", "Clock", "StandIn", "WallClock", "serve"]

KNOWN_MODELS = ("gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime")
"""Models the OpenAI address knows, by how their names begin. An Azure deployment may be called anything."""
_BETA_PATHS = ("/openai/realtime", "/voice-live/realtime")
_PATHS = ("/v1/realtime", "/openai/v1/realtime", *_BETA_PATHS)
_CHAT_PATH = re.compile(r"/v1/chat/completions|/openai/(?:v1|deployments/(?P<deployment>[^/]+))/chat/completions")
_KEY_PROTOCOL = "openai-insecure-api-key."
_PING_S = 20
"""Measured: 20.26 s (PROTOCOL.md section 2)."""
_LARGEST_MESSAGE = 24 * 1024 * 1024
"""15 MiB of sound are 20 MiB of base64."""


class WallClock:
    """Life's own pace."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


@dataclass(slots=True)
class StandIn:
    """A stand-in that is listening."""

    host: str
    port: int
    model: str
    services: deque[Service] = field(default_factory=lambda: deque[Service](maxlen=100))
    """One for each connection, newest last, for looking inside; they stay when the connection has gone."""
    chat: Chat = field(default_factory=Chat)
    """The chat endpoint: how it behaves, and what it was asked."""
    calls: Calls = field(default_factory=Calls)
    """The sessions that may be joined from the side."""

    @property
    def url(self) -> str:
        """Where to connect, model included."""
        return f"{self.base_url}/realtime?model={self.model}"

    @property
    def base_url(self) -> str:
        """What client libraries call the base URL."""
        return f"ws://{self.host}:{self.port}/v1"

    @property
    def chat_url(self) -> str:
        """Where to POST chat requests."""
        return f"http://{self.host}:{self.port}/v1/chat/completions"


@asynccontextmanager
async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    habits: Habits | None = None,
    parts: Parts | None = None,
    clock: Clock | None = None,
    faults: Callable[[], Faults] = Faults,
    keys: Collection[str] | None = None,
    models: Sequence[str] = KNOWN_MODELS,
    chat: Chat | None = None,
) -> AsyncGenerator[StandIn]:
    """Listen until the block is left. Port 0 takes a free one. Raises OSError if the port is taken.

    `faults` is asked once for each connection. `keys` are the keys it accepts, None for any key or none at all.
    """
    habits = habits or Habits()
    parts = parts or Parts(hearing=Hearing.of_scenarios(), voice=Speech())
    standin = StandIn(host, port, habits.model, chat=chat or Chat())
    switchboard = _Switchboard(standin, habits, parts, clock or WallClock(), faults, keys, models)
    async with websockets_server.serve(
        switchboard.answer,
        host,
        port,
        process_request=switchboard.admit,
        select_subprotocol=_subprotocol,
        create_connection=Door,
        open_timeout=None,  # the door has its own; an answer of the chat endpoint takes what it takes
        ping_interval=_PING_S,
        max_size=_LARGEST_MESSAGE,
        compression=None,
    ) as listening:
        standin.port = next(iter(listening.sockets)).getsockname()[1]
        try:
            yield standin
        finally:
            switchboard.closing.set()
            await switchboard.end_calls()


@dataclass(slots=True)
class _Switchboard:
    """What all connections of one server share."""

    standin: StandIn
    habits: Habits
    parts: Parts
    clock: Clock
    faults: Callable[[], Faults]
    keys: Collection[str] | None
    models: Sequence[str]
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody waits any longer."""
    _chats: Ids = field(default_factory=lambda: Ids("chat"))
    _calls: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before the 101: only wrong addresses and wrong keys are turned away here, and chat requests answered."""
        path, query = _address(request)
        posted = connection.body if isinstance(connection, Door) else None
        chat, hangup = _CHAT_PATH.fullmatch(path), HANGUP_PATH.fullmatch(path)
        if not (path in _PATHS if posted is None else chat or hangup or CALLS_PATH.fullmatch(path)):
            return _refusal(connection, HTTPStatus.NOT_FOUND, "not_found", f"Nothing answers at {path}.")
        if path == "/openai/v1/realtime" and "api-version" in query:  # so does Azure (PROTOCOL.md section 2)
            message = "Access denied: api-version is not allowed on the v1 path."
            return _refusal(connection, HTTPStatus.UNAUTHORIZED, "401", message)
        if self.keys is not None and not set(_keys(request)) & set(self.keys):
            message = "Incorrect API key provided."
            return _refusal(connection, HTTPStatus.UNAUTHORIZED, "invalid_api_key", message)
        if posted is None:
            return None
        if chat is not None:
            return _json(connection, *await self._chat(posted, chat["deployment"]))
        try:
            if hangup is not None:
                self.standin.calls.hang_up(hangup["call"])
                return connection.respond(HTTPStatus.OK, "")
            return self._call(connection, request, posted)
        except Rejected as no:
            status = HTTPStatus.NOT_FOUND if hangup is not None else HTTPStatus.BAD_REQUEST
            return _refusal(connection, status, no.code, no.message)

    async def _chat(self, posted: bytes, deployment: str | None) -> tuple[int, dict[str, Any]]:
        chat = self.standin.chat
        deployment = None if deployment is None else unquote(deployment)
        answer = chat.answer(posted, self._chats, deployment=deployment, epoch=int(time.time()))
        if chat.fault == "never":
            await self.closing.wait()
        elif not self.habits.sample_time:
            await self.clock.sleep(chat.latency_s)
        return answer

    def _call(self, connection: ServerConnection, request: Request, posted: bytes) -> Response:
        """A call is made: its session begins. Raises Rejected."""
        path, query = _address(request)
        offer, settings = calls.offered(request.headers.get("Content-Type", ""), posted)
        model = str((settings or {}).get("model") or query.get("model") or self.standin.model)
        if (no := self._unservable(path.removesuffix("/calls"), model)) is not None:
            raise no
        habits = replace(self._habits(path.removesuffix("/calls"), model, "ga"), plays=True)
        running = self._running(habits, self.faults(), path)
        running.service.connected(self.clock.now(), settings)
        call_id = self.standin.calls.open(running)
        task = asyncio.create_task(running.run(), name="stand-in carries a call")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        response = connection.respond(HTTPStatus.CREATED, calls.answer_to(offer))
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/sdp"
        response.headers["Location"] = f"{path}/{call_id}"
        return response

    async def end_calls(self) -> None:
        """Nobody is there any more who could be called."""
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def answer(self, connection: ServerConnection) -> None:
        """One connection, from its 101 to its end."""
        request = connection.request
        assert request is not None
        path, query = _address(request)
        try:
            if "call_id" in query:
                call = self.standin.calls.find(query["call_id"])
                await call.join(connection, aside=query.get("leg") != "caller")
                return
            dialect: Dialect = "beta" if path in _BETA_PATHS else self.habits.dialect
            model = query.get("model") or query.get("deployment") or ""
            no = self._unservable(path, model, transcription="intent" in query)
            if no is not None:
                raise no
        except Rejected as no:
            await connection.send(json.dumps({"type": "error", "event_id": "event_0", "error": no.to_wire(None)}))
            await connection.close(3000, f"invalid_request_error.{no.code}")
            return
        faults = self.faults()
        if dialect == "ga" and request.headers.get("OpenAI-Beta"):
            faults.refuse_beta_shape = True
        await self._running(self._habits(path, model, dialect), faults, path).held_by(connection)

    def _habits(self, path: str, model: str, dialect: Dialect) -> Habits:
        return replace(
            self.habits,
            model=model if model.startswith(tuple(self.models)) else self.habits.model,
            dialect=dialect,
            epoch=int(time.time() - (0.0 if self.habits.sample_time else self.clock.now())),
            rate_limits=self.habits.rate_limits and path == "/v1/realtime",
        )

    def _running(self, habits: Habits, faults: Faults, path: str) -> Running:
        provider = "openai" if path.startswith("/v1/") else "azure"
        service = self.parts.service(habits, faults=faults, provider=provider)
        self.standin.services.append(service)
        return Running(service, self.clock, self.standin.calls)

    def _unservable(self, path: str, model: str, *, transcription: bool = False) -> Rejected | None:
        if transcription:
            return Rejected("invalid_value", "The stand-in has no transcription sessions.")
        if not model:
            return Rejected("missing_model", "You must provide a model parameter.", "model")
        if path == "/v1/realtime" and not model.startswith(tuple(self.models)):
            message = f"The model '{model}' does not exist or you do not have access to it."
            return Rejected("model_not_found", message, "model")
        return None


def _address(request: Request) -> tuple[str, dict[str, str]]:
    parts = urlsplit(request.path)
    return parts.path, {key: values[-1] for key, values in parse_qs(parts.query).items()}


def _keys(request: Request) -> list[str]:
    """Every key the client offers: header, Azure's header or query, or the subprotocol of browsers."""
    offered = [request.headers.get("Authorization", "").removeprefix("Bearer ").strip()]
    offered += [request.headers.get("api-key", ""), _address(request)[1].get("api-key", "")]
    protocols = ",".join(request.headers.get_all("Sec-WebSocket-Protocol")).split(",")
    offered += [one.strip().removeprefix(_KEY_PROTOCOL) for one in protocols if one.strip().startswith(_KEY_PROTOCOL)]
    return [key for key in offered if key]


def _refusal(connection: ServerConnection, status: HTTPStatus, code: str | None, message: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return _json(connection, status, {"error": error})


def _json(connection: ServerConnection, status: int, content: dict[str, Any]) -> Response:
    response = connection.respond(status, json.dumps(content, ensure_ascii=False))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol("realtime") if "realtime" in offered else None
