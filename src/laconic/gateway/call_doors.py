"""The addresses of calls: what apps ask over HTTP, and what they are told. What is done about it is in calls.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from aiohttp import web

from laconic import events as ev
from laconic.errors import LaconicError
from laconic.gateway.admission import Guest
from laconic.gateway.asked import Asked, asked, in_time
from laconic.gateway.calls import CALL_ID, Answer, Calls, Dial, offered
from laconic.gateway.refusing import turn_away
from laconic.gateway.serving import Serving
from laconic.gateway.sockets import Socket
from laconic.items import Wire

__all__ = ["CallDoors", "House"]

_PATHS = ("/v1/realtime/calls", "/openai/v1/realtime/calls")
_STATUS = {"insufficient_quota": 429, "rate_limit_exceeded": 429, "model_not_found": 404, "missing_model": 400}


class House(Protocol):
    """What the gateway does for whoever comes in by these doors."""

    async def enter(self, request: web.Request) -> Guest | web.Response:
        """Who this is, or the refusal."""
        ...

    def allows(self, request: web.Request) -> str | None:
        """The origin of another page, if it may use the gateway."""
        ...


class CallDoors:
    """See the module."""

    def __init__(self, house: House, calls: Calls, serving: Serving) -> None:
        self._house = house
        self._serving = serving
        self._calls = calls

    def add_to(self, application: web.Application) -> None:
        """Open them."""
        for path in _PATHS:
            application.router.add_post(path, self._offer)
            application.router.add_post(path + "/{call}/accept", self._accept)
            application.router.add_post(path + "/{call}/{verb:hangup|refer|reject}", self._about)
            application.router.add_route("OPTIONS", path, self._ask)

    async def joined(self, app: Socket, wants: Asked, guest: Guest) -> bool:
        """An app joins a call of ours from the side, until it leaves. False: that is not what it wants.

        A call that is not ours was made elsewhere, by telephone for instance, and may be joined as any session."""
        call_id = wants.beside.get("call_id")
        if call_id is None:
            return False
        try:
            call = self._calls.find(call_id, _key(guest))
        except KeyError:
            await turn_away(app, "invalid_value", f"No call '{call_id}' is running.")
            return True
        if call is not None and call.sideline.full:
            await turn_away(app, "rate_limit_exceeded", "Too many have joined this call.")
        elif call is not None:
            await call.sideline.join(app)
        return call is not None

    async def _ask(self, request: web.Request) -> web.Response:
        """A browser asks for a page of another origin whether it may."""
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "authorization, content-type",
        }
        return web.Response(status=204, headers=self._shared(request) and {**self._shared(request), **allowed})

    async def _offer(self, request: web.Request) -> web.Response:
        """An app makes a call."""
        guest = await self._house.enter(request)
        if isinstance(guest, web.Response):
            return guest
        try:
            offer, settings = await offered(request)
        except ValueError as wrong:
            return _told(400, str(wrong), headers=self._shared(request))
        granted = (guest.grant.session or {}) if guest.grant is not None else {}
        answer = await self._begin(request, guest, {**granted, **settings}, offer=offer)
        if isinstance(answer, web.Response):
            return answer
        headers = self._shared(request)
        if answer.status < 300:
            headers["Location"] = f"{request.path}/{answer.location.rstrip('/').rpartition('/')[2]}"
        return _handed_on(answer, headers)

    async def _accept(self, request: web.Request) -> web.Response:
        """A telephone call that waits is taken, and joined."""
        guest = await self._house.enter(request)
        if isinstance(guest, web.Response):
            return guest
        call_id = request.match_info["call"]
        try:
            settings = ev.wire(await in_time(request.read()))
        except ValueError:
            return _told(400, "The body is not a JSON object.")
        if not CALL_ID.fullmatch(call_id):
            return _told(404, f"No call with id '{call_id}' is waiting.")
        answer = await self._begin(request, guest, settings, taken=call_id)
        return answer if isinstance(answer, web.Response) else _handed_on(answer, {})

    async def _begin(
        self, request: web.Request, guest: Guest, settings: Wire, *, offer: str = "", taken: str | None = None
    ) -> Answer | web.Response:
        wants = asked(request)
        named: object = settings.get("model") or wants.model
        model = named if isinstance(named, str) else None
        wants = replace(wants, model=model, dialect="ga", user=guest.user(wants.user))
        bare = replace(guest, grant=None)  # its settings are in the call already

        async def serve(app: Socket, dial: Dial) -> None:
            await self._serving.serve(app, wants, bare, dial)

        kept = "?webrtcfilter=on" if request.query.get("webrtcfilter") == "on" else ""  # Azure: what a browser may see
        answer = await self._calls.begin(serve, key=_key(guest), offer=offer, session=settings, taken=taken, query=kept)
        if isinstance(answer, Answer):
            return answer
        detail = answer.error if answer is not None else ev.ErrorDetail(message="The call ended before it began.")
        status = 502 if detail.type == "server_error" else _STATUS.get(detail.code or "", 400)
        return _told(status, detail.message, detail.code, headers=self._shared(request))

    async def _about(self, request: web.Request) -> web.Response:
        """`hangup`, `refer`, `reject`: the service's to do."""
        guest = await self._house.enter(request)
        if isinstance(guest, web.Response):
            return guest
        call_id, verb = request.match_info["call"], request.match_info["verb"]
        try:
            call, model = self._calls.find(call_id, _key(guest)), request.query.get("model")
            if call is None and guest.key is not None and not guest.key.allows(model or ""):
                raise KeyError(call_id)  # whoever may use some models only has to say that it is one of them
            there = call.there if call is not None else self._serving.endpoint(model)
            if there is None or not CALL_ID.fullmatch(call_id):
                raise KeyError(call_id)
            body, kind = await in_time(request.read()), request.headers.get("Content-Type", "")
            return _handed_on(await self._calls.pass_on(there, call_id, verb, body, kind), {})
        except KeyError:
            return _told(404, f"No call with id '{call_id}' is running.")
        except LaconicError:
            return _told(502, "The gateway could not reach the service behind it. Please try again later.")

    def _shared(self, request: web.Request) -> dict[str, str]:
        """What lets a page of another origin read the answer, if it may."""
        origin = self._house.allows(request)
        if origin is None:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Location", "Vary": "Origin"}


def _key(guest: Guest) -> str | None:
    return guest.key.id if guest.key is not None else None


def _handed_on(answer: Answer, headers: Mapping[str, str]) -> web.Response:
    kind = {"Content-Type": answer.content_type} if answer.content_type else {}
    return web.Response(status=answer.status, body=answer.body, headers={**headers, **kind})


def _told(
    status: int, message: str, code: str | None = "invalid_value", *, headers: Mapping[str, str] | None = None
) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)
