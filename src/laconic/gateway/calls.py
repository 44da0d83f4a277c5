"""Calls: somebody else carries the sound, and the gateway joins from the side.

    POST /v1/realtime/calls                  an app's WebRTC offer: 201, the answer, the call's address in `Location`
    POST /v1/realtime/calls/rtc_…/accept     a telephone call that waits (SIP) is taken
    POST /v1/realtime/calls/rtc_…/hangup     … and /refer, /reject: passed on as they are

(PROTOCOL.md section 6.2.) The offer goes to the service with the service's key in the app's place; sound never
crosses us. Before the app has its answer, the gateway stands in the call's sideband as a session like any other: its
memory is kept, its bill counted, its budget held. Where there is no app on that side, a `Sideline` stands in for its
socket; an app that joins the call itself (`?call_id=rtc_…`) comes in there, so that both are one session. When the
session ends, the call is hung up, after what is being said has been heard: nobody would count it any longer.

OpenAI takes offer and settings in one multipart body; Azure wants a client secret made with the settings first, and
then the offer alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, FormData, web

from laconic import events as ev
from laconic.client.endpoints import Endpoint, provider
from laconic.errors import Refused, Unreachable
from laconic.events import Raw
from laconic.gateway.asked import in_time
from laconic.gateway.sockets import Closed, Socket, WebSocket
from laconic.gateway.upstream import connect
from laconic.items import Wire

__all__ = ["CALL_ID", "Answer", "Call", "Calls", "Dial", "Serve", "Sideline", "offered"]

CALL_ID = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
"""It becomes part of an address: `..` would be another one."""
_HTTP_S = 15.0
_HEARD_S = 30.0
"""How long a call may last after its session has ended, so that a goodbye is heard to its end."""
_ASK: Wire = {"type": "session.update", "event_id": "laconic_settings", "session": {"type": "realtime"}}
"""A sideband is not greeted (recorded). An update that changes nothing is answered with all settings."""
_TAKEN_S = 5.0
"""How long an app that joined may take to take a message. The sound of the call is not held back meanwhile."""
_WAITING = 64
"""Messages of apps that joined, which wait for the session."""
_JOINED_AT_MOST = 8
"""Apps that may be on a call at once. It has one seat, however many of them there are."""

Dial = Callable[[Endpoint], Awaitable[Socket]]
"""Connects to the service a route leads to. Raises LaconicError."""
Serve = Callable[[Socket, Dial], Awaitable[None]]
"""Has a session between an app's socket and the service it dials, from beginning to end."""


class Sideline:
    """The app's side of a call: nobody, or those who joined from the side. The session ends with neither; nobody who
    joined and does not read shall keep it from going on."""

    def __init__(self, *, heard_s: float = _HEARD_S, taken_s: float = _TAKEN_S) -> None:
        self._heard_s, self._taken_s = heard_s, taken_s
        self._pen = asyncio.Lock()  # whoever is slow must not get two messages in another order
        self.refusal: ev.Error | None = None
        """The last error the session told of: why it never began, if it did not."""
        self._joined: dict[Socket, asyncio.Task[None]] = {}
        self._said = asyncio.Queue[Raw](_WAITING)
        self._closed: Closed | None = None
        self._gone = asyncio.Event()
        self._asked = True
        self._sounding = False
        self._silent = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether nobody else may join."""
        return len(self._joined) >= _JOINED_AT_MOST

    async def join(self, app: Socket) -> None:
        """An app joins from the side, until it leaves or the session ends."""
        if self._closed is not None:
            await app.close(self._closed.code, self._closed.reason)
            return
        reading = self._joined[app] = asyncio.create_task(self._listen(app), name="gateway: sideband")
        try:
            await asyncio.wait([reading])
        finally:
            self._joined.pop(app, None)
            reading.cancel()
        if self._closed is not None:
            await self._gone.wait()  # whoever leaves this would cut the goodbye short
        elif reading.cancelled():
            await app.close(1008, "too slow")
        if not reading.cancelled():
            reading.result()  # a mistake of ours must not pass for a goodbye

    async def _listen(self, app: Socket) -> None:
        with suppress(Closed):
            while True:
                await self._said.put(await app.recv())

    async def recv(self) -> Raw:
        return await self._said.get()

    async def send(self, raw: Raw) -> None:
        match ev.read(raw):
            case ev.SessionUpdated() if self._asked:  # the answer to `_ASK`, which no app has said
                self._asked = False
                return
            case ev.Error(error=error) if error.event_id == _ASK["event_id"]:
                self._asked = False
                return
            case ev.OutputAudioBufferStarted():
                self._sounding = True
                self._silent.clear()
            case ev.OutputAudioBufferStopped() | ev.OutputAudioBufferCleared():
                self._sounding = False
                self._silent.set()
            case ev.Error() as error:
                self.refusal = error
            case _:
                pass
        async with self._pen:
            for app, reading in list(self._joined.items()):
                try:
                    async with asyncio.timeout(self._taken_s):
                        await app.send(raw)
                except TimeoutError:
                    self._joined.pop(app, None)
                    reading.cancel()

    def lost(self) -> None:
        """The service has ended the session: whatever was being said is heard or not, nobody will tell."""
        self._sounding = False
        self._silent.set()

    async def close(self, code: int, reason: str) -> None:
        """The session is over. Returns when what is being said has been heard."""
        if self._closed is not None:
            return
        self._closed = Closed(code, reason)
        if self._sounding:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._silent.wait(), self._heard_s)
        joined, self._joined = self._joined, {}
        for app, reading in joined.items():
            reading.cancel()  # aiohttp does not wait for the other side's goodbye where somebody still reads
            await asyncio.wait([reading])
            await app.close(code, reason)
        self._gone.set()


class _Sideband:
    """The service's side of a call, which tells the other when it has gone."""

    def __init__(self, service: Socket, sideline: Sideline) -> None:
        self._service = service
        self._sideline = sideline

    async def recv(self) -> Raw:
        try:
            return await self._service.recv()
        except Closed:
            self._sideline.lost()
            raise

    async def send(self, raw: Raw) -> None:
        await self._service.send(raw)

    async def close(self, code: int, reason: str) -> None:
        await self._service.close(code, reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said to a request, as it is handed on."""

    status: int
    body: bytes
    content_type: str
    location: str = ""


_NOT_THEIRS = Answer(
    502,
    b'{"error":{"message":"The service behind the gateway did not accept its key.","type":"server_error",'
    b'"param":null,"code":"service_unreachable"}}',
    "application/json",
)
"""What the app hears where the gateway's key is the wrong one: it would take it for its own."""


class Call:
    """One call from its offer to its end."""

    def __init__(
        self, http: ClientSession, *, offer: str, session: Wire, taken: str | None = None, query: str = ""
    ) -> None:
        """`offer`: the SDP. `taken`: the id of a call that waits already, and has no offer. `query`: what goes with
        the offer's address, `?webrtcfilter=on` for instance."""
        self.sideline = Sideline()
        self.id = taken
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        """What the app is told: known once the gateway stands in the sideband, or the service has refused."""
        self._http, self._offer, self._session = http, offer, session
        self._taken = taken
        self._query = query
        self.there: Endpoint | None = None
        """Where it was made, once it was."""

    async def dial(self, there: Endpoint) -> Socket:
        """Make the call, or take it, and join it. Raises Refused or Unreachable."""
        self._session = {"type": "realtime", **self._session, "model": _model(there)}
        answer = await (self._take(there) if self._taken else self._make(there))
        if answer.status >= 300:
            self.answer.set_result(_NOT_THEIRS if answer.status in (401, 403) else answer)
            why = there.hide_keys(_said(answer))
            raise Refused(f"{there.shown} refused a call with HTTP {answer.status}: {why}")
        self.id = self._taken or answer.location.rstrip("/").rpartition("/")[2]
        if not CALL_ID.fullmatch(self.id):
            raise Unreachable(f"{there.shown} made a call and did not say where it is")
        self.there = there
        service = _Sideband(WebSocket(await connect(self._http, _sideband(there, self.id))), self.sideline)
        await service.send(msgspec.json.encode(_ASK))
        self.answer.set_result(answer)
        return service

    async def hang_up(self) -> None:
        """End the call, if it was ever made. One that has ended already is not there to be hung up, which is well."""
        if self.there is not None and self.id is not None:
            with suppress(Unreachable):  # then it ends by itself when the service's hour is over
                await _post(self._http, self.there, f"/{self.id}/hangup")

    async def _make(self, there: Endpoint) -> Answer:
        if provider(there.url) == "azure":
            secret = await self._client_secret(there)
            if isinstance(secret, Answer):
                return secret
            there = replace(there, headers={"Authorization": f"Bearer {secret}"})
            offer = self._offer.encode()
            return await _post(self._http, there, self._query, data=offer, content_type="application/sdp")
        form = FormData(default_to_multipart=True)
        form.add_field("sdp", self._offer, content_type="application/sdp")
        form.add_field("session", msgspec.json.encode(self._session).decode(), content_type="application/json")
        return await _post(self._http, there, self._query, data=form)

    async def _client_secret(self, there: Endpoint) -> str | Answer:
        wanted = msgspec.json.encode({"session": self._session})
        answer = await _post(self._http, there, "", data=wanted, content_type="application/json", leaf="client_secrets")
        if answer.status >= 300:
            return answer
        try:
            return str(ev.wire(answer.body)["value"])
        except (ValueError, KeyError):
            raise Unreachable(f"{there.shown} answered a request for a client secret without one") from None

    async def _take(self, there: Endpoint) -> Answer:
        settings = msgspec.json.encode(self._session)
        return await _post(self._http, there, f"/{self._taken}/accept", data=settings, content_type="application/json")


class Calls:
    """The calls of one gateway."""

    def __init__(self, http: ClientSession) -> None:
        self._http = http
        self._known: dict[str, tuple[Call, str | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self,
        serve: Serve,
        *,
        key: str | None,
        offer: str = "",
        session: Wire,
        taken: str | None = None,
        query: str = "",
    ) -> Answer | ev.Error | None:
        """Make a call (or take one that waits) and carry its session. What the app is to be told: the service's
        answer, or why there is no session; None where nobody said why."""
        call = Call(self._http, offer=offer, session=session, taken=taken, query=query)
        task = asyncio.create_task(self._carry(call, serve, key), name="gateway: call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait((task, call.answer), return_when=asyncio.FIRST_COMPLETED)
        if not call.answer.done():
            task.result()  # a mistake of ours must not pass for a refusal
            return call.sideline.refusal
        answer = call.answer.result()
        if answer.status < 300 and call.id is not None and not task.done():
            self._known[call.id] = (call, key)
        return answer

    async def _carry(self, call: Call, serve: Serve, key: str | None) -> None:
        try:
            await serve(call.sideline, call.dial)
        finally:
            try:
                await call.hang_up()
            finally:  # last, so that `begin` cannot make it known after it was forgotten
                if call.id is not None:
                    self._known.pop(call.id, None)

    def find(self, call_id: str, key: str | None) -> Call | None:
        """The call of ours with this id, for whoever has the key it was made with. Raises KeyError for anybody else;
        None if it is none of ours, but may be one all the same."""
        call, owner = self._known.get(call_id, (None, key))
        if owner != key:
            raise KeyError(call_id)
        return call

    async def pass_on(self, there: Endpoint, call_id: str, verb: str, body: bytes, content_type: str) -> Answer:
        """Ask the service for what the app asked: `hangup`, `refer`, `reject`. Raises Unreachable."""
        return await _post(self._http, there, f"/{call_id}/{verb}", data=body or None, content_type=content_type)

    async def close(self) -> None:
        """Once all sessions have ended: wait until their calls are hung up."""
        if self._tasks:
            await asyncio.wait(self._tasks)


async def offered(request: web.BaseRequest) -> tuple[str, Wire]:
    """The SDP and the settings in an app's request. Raises ValueError, one sentence for the app."""
    if request.content_type == "application/sdp":
        try:
            return (await in_time(request.read())).decode(), {}
        except UnicodeDecodeError:
            raise ValueError("The offer is not text in UTF-8.") from None
    if request.content_type != "multipart/form-data":
        raise ValueError("Send the offer as application/sdp, or as multipart/form-data with 'sdp' and 'session'.")
    fields = {name: _text(value) for name, value in (await in_time(request.post())).items()}
    if "sdp" not in fields:
        raise ValueError("Missing required parameter: 'sdp'.")
    try:
        return fields["sdp"], ev.wire(fields.get("session") or "{}")
    except ValueError:
        raise ValueError("'session' is not a JSON object.") from None


def _text(value: str | bytes | bytearray | web.FileField) -> str:
    if isinstance(value, web.FileField):
        return value.file.read().decode(errors="replace")
    return value if isinstance(value, str) else value.decode(errors="replace")


async def _post(
    http: ClientSession,
    there: Endpoint,
    path: str,
    *,
    data: FormData | bytes | None = None,
    content_type: str = "",
    leaf: str = "calls",
) -> Answer:
    headers = {name: value for name, value in there.headers.items() if name != "OpenAI-Beta"}
    if content_type:
        headers["Content-Type"] = content_type
    try:
        async with http.post(
            _address(there, leaf) + path,
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=ClientTimeout(total=_HTTP_S),
        ) as response:
            body = await response.read()
            if response.status >= 400:
                body = _without_keys(there, body)
            return Answer(
                response.status,
                body,
                response.content_type if response.headers.get("Content-Type") else "",
                response.headers.get("Location", ""),
            )
    except (ClientError, OSError, TimeoutError) as error:
        why = there.hide_keys(str(error)) or type(error).__name__
        raise Unreachable(f"{there.shown} cannot be asked for calls ({why}); check the network and the route") from None


def _without_keys(there: Endpoint, body: bytes) -> bytes:
    """A refusal as it may be handed on."""
    try:
        whole = ev.wire(body)
    except ValueError:
        return there.hide_keys(body.decode(errors="replace")).encode()
    error: object = whole.get("error")
    said: object = cast(Wire, error).get("message") if isinstance(error, dict) else None
    if not isinstance(said, str):
        return body
    return msgspec.json.encode(whole | {"error": cast(Wire, error) | {"message": there.hide_keys(said)}})


def _address(there: Endpoint, leaf: str) -> str:
    parts = urlsplit(there.url)
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/{leaf}"


def _sideband(there: Endpoint, call_id: str) -> Endpoint:
    parts = urlsplit(there.url)
    return replace(there, url=parts._replace(query=f"call_id={quote(call_id, safe='')}").geturl())


def _model(there: Endpoint) -> str | None:
    """The service's name for the model; for Azure a deployment's."""
    return next(iter(parse_qs(urlsplit(there.url).query).get("model", ())), there.model)


def _said(answer: Answer) -> str:
    """The service's own words, for the gateway's owner."""
    try:
        error: object = ev.wire(answer.body).get("error")
    except ValueError:
        return "no reason given"
    message: object = cast("Mapping[str, Any]", error).get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) else "no reason given"
