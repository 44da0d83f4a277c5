"""Calls through the gateway: the offer passes, sound does not, and from the side a call is a session like any other."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, FormData, web
from simulator.doubles import quiet, say
from simulator.on_a_port import standing_in

from laconic.client.endpoints import endpoint
from laconic.gateway.admission import Admission
from laconic.gateway.calls import Answer, Calls, Dial, Sideline
from laconic.gateway.keys import Key
from laconic.gateway.office import Office, open_office
from laconic.gateway.routes import Route, Routes
from laconic.gateway.secrets import Secrets
from laconic.gateway.server import Gateway
from laconic.gateway.sockets import Closed, Socket
from laconic.rates import load
from laconic.simulator.server import StandIn

OFFER = "\r\n".join(
    ["v=0", "o=- 4 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", ""]
)
SETTINGS: dict[str, Any] = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}
HEARD = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}


@dataclass
class Door:
    """A gateway that listens, and an app that asks it for calls."""

    gateway: Gateway
    port: int
    http: ClientSession
    told: list[str] = field(default_factory=list[str])

    async def post(self, path: str, data: Any = None, key: str = "any", **headers: str) -> tuple[int, Any, str]:
        """Status, headers and body."""
        headers = {"Authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        async with self.http.post(f"http://127.0.0.1:{self.port}{path}", data=data, headers=headers) as answer:
            return answer.status, answer.headers, await answer.text()

    async def call(self, key: str = "any", settings: dict[str, Any] | None = None) -> str:
        """Make a call; its id."""
        status, headers, body = await self.post(
            "/v1/realtime/calls", form(session={**SETTINGS, **(settings or {})}), key
        )
        assert status == 201, body
        assert headers["Content-Type"] == "application/sdp"
        assert body.startswith("v=0")
        place, _, call_id = headers["Location"].rpartition("/")
        assert place == "/v1/realtime/calls"
        return call_id

    @asynccontextmanager
    async def side(self, call_id: str, key: str = "any") -> AsyncGenerator[ClientWebSocketResponse[bool]]:
        address = f"http://127.0.0.1:{self.port}/v1/realtime?call_id={call_id}"
        async with self.http.ws_connect(address, headers={"Authorization": f"Bearer {key}"}) as ws:
            yield ws

    async def over(self) -> None:
        """Until no session is under way."""
        await until(lambda: not self.gateway.sessions)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


def form(sdp: str | None = OFFER, session: Any = None) -> FormData:
    made = FormData(default_to_multipart=True)
    if sdp is not None:
        made.add_field("sdp", sdp)
    if session is not None:
        made.add_field("session", session if isinstance(session, str) else json.dumps(session))
    return made


@asynccontextmanager
async def door(
    address: str, *, office: Office | None = None, admission: Admission | None = None, **settings: Any
) -> AsyncGenerator[Door]:
    told: list[str] = []
    route = Route(service=address, memory=settings.pop("memory", "everything"))
    gateway = Gateway(
        Routes([route, *settings.pop("routes", ())]),
        env={},
        office=office,
        admission=admission,
        tell=told.append,
        **settings,
    )
    async with gateway.listening("127.0.0.1", 0) as port, ClientSession() as http:
        yield Door(gateway, port, http, told)


@asynccontextmanager
async def to_standin(
    *replies: str, keys: list[str] | None = None, **settings: Any
) -> AsyncGenerator[tuple[Door, StandIn]]:
    async with (
        standing_in(*replies, keys=keys) as standin,
        door(f"ws://127.0.0.1:{standin.port}/v1/realtime", **settings) as open_door,
    ):
        yield open_door, standin


@asynccontextmanager
async def caller(standin: StandIn, call_id: str) -> AsyncGenerator[ClientWebSocketResponse[bool]]:
    """Who carries the sound of the call; here it plays the part of WebRTC's media, straight to the service."""
    async with (
        ClientSession() as http,
        http.ws_connect(f"{standin.base_url}/realtime?call_id={call_id}&leg=caller") as ws,
    ):
        yield ws


async def speak(ws: ClientWebSocketResponse[bool], pcm: bytes) -> None:
    await ws.send_json({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})


async def hear(ws: ClientWebSocketResponse[bool], name: str) -> list[dict[str, Any]]:
    """Events up to the first of this name."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != name:
        found.append(json.loads(await asyncio.wait_for(ws.receive_str(), 10)))
    return found


# --- making one ------------------------------------------------------------------------------------------------------


async def test_an_offer_passes_with_its_settings_and_the_gateways_own_key() -> None:
    async with standing_in(keys=["the-services"]) as standin:
        env = {"LACONIC_API_KEY": "the-services"}
        routes = Routes([Route(service=f"ws://127.0.0.1:{standin.port}/v1/realtime")])
        gateway = Gateway(routes, env=env)
        async with gateway.listening("127.0.0.1", 0) as port, ClientSession() as http:
            await Door(gateway, port, http).call("the-apps", {"audio": {"output": {"voice": "cedar"}}})
            session = standin.services[0].session
            assert (session["model"], session["instructions"]) == ("gpt-realtime", "Be brief.")
            assert session["audio"]["output"]["voice"] == "cedar"
            assert gateway.sessions == 1


async def test_the_sound_of_a_call_is_remembered_and_billed_from_the_side(tmp_path: Path) -> None:
    """The caller speaks to the service; the gateway keeps two items of it, and a row for each reply."""
    rates = load()
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", rates) as office:
        async with to_standin("One.", "Two.", "Three.", office=office, memory="last:2") as (app, standin):
            call_id = await app.call(settings=HEARD)
            async with caller(standin, call_id) as ws:
                for words in ("Hello there.", "What now?", "Tell me more."):
                    await speak(ws, say(words) + quiet(800))
                    await hear(ws, "output_audio_buffer.stopped")
                await until(lambda: len(standin.services[0].conversation) <= 2)
            await app.over()
        rows = [row async for row in office.ledger.rows()]
        assert [row.kind for row in rows if row.kind == "reply"] == ["reply"] * 3
        assert all(row.charges and row.model == "gpt-realtime" for row in rows if row.kind == "reply")


async def test_an_app_joins_its_own_call_and_leaves_again() -> None:
    """It hears what a sideband hears and nothing of ours; the call goes on without it."""
    async with to_standin("Fine.", "Still here.") as (app, standin):
        call_id = await app.call()
        for reply in ("Fine.", "Still here."):
            async with app.side(call_id) as ws:
                await ws.send_json({"type": "response.create"})
                heard = await hear(ws, "output_audio_buffer.stopped")
                assert heard[0]["type"] == "response.created"
                done = [event for event in heard if event["type"] == "response.done"]
                assert done[0]["response"]["output"][0]["content"][0]["transcript"] == reply
                await ws.send_json({"type": "session.update", "session": {"type": "realtime", "instructions": "x"}})
                assert (await hear(ws, "session.updated"))[-1]["session"]["instructions"] == "x"
            assert app.gateway.sessions == 1
        assert len(standin.services) == 1


async def test_two_apps_may_join_a_call() -> None:
    async with to_standin("Fine.") as (app, _):
        call_id = await app.call()
        async with app.side(call_id) as one, app.side(call_id) as two:
            await one.send_json({"type": "conversation.item.delete", "item_id": "nothing"})
            await hear(one, "error")
            await two.send_json({"type": "response.create"})
            assert len(await hear(one, "response.done")) >= 5
            assert len(await hear(two, "response.done")) >= 5


async def test_a_call_is_not_joined_by_any_number() -> None:
    async with to_standin("Fine.") as (app, _), AsyncExitStack() as on_it:
        call_id = await app.call()

        async def answer() -> str:
            """What the next who comes is told when it asks for something."""
            async with app.side(call_id) as ws:
                await ws.send_json({"type": "conversation.item.delete", "item_id": "nothing"})
                return (await hear(ws, "error"))[-1]["error"]["message"]

        first = [await on_it.enter_async_context(app.side(call_id)) for _ in range(8)]
        for ws in first:  # when all are answered, all have arrived
            await ws.send_json({"type": "conversation.item.delete", "item_id": "nothing"})
            await hear(ws, "error")
        assert await answer() == "Too many have joined this call."
        await first[0].close()
        async with asyncio.timeout(10):
            while "joined" in await answer():  # until the gateway has noticed that one has left
                pass


async def test_when_the_call_ends_so_does_who_joined_it() -> None:
    async with to_standin() as (app, _):
        call_id = await app.call()
        async with app.side(call_id) as ws:
            await ws.send_json({"type": "response.create"})
            await hear(ws, "response.created")
            status, _, _ = await app.post(f"/v1/realtime/calls/{call_id}/hangup")
            assert status == 200
            while not ws.closed:
                await asyncio.wait_for(ws.receive(), 10)
            assert ws.close_code == 1000
        await app.over()
        status, _, body = await app.post(f"/v1/realtime/calls/{call_id}/hangup")
        assert (status, json.loads(body)["error"]["code"]) == (404, "invalid_value")


async def test_when_the_gateway_closes_its_calls_are_hung_up() -> None:
    async with standing_in() as standin:
        async with door(f"ws://127.0.0.1:{standin.port}/v1/realtime") as app:
            call_id = await app.call()
            assert standin.calls.find(call_id)
        assert standin.services[0].closing is not None
        with pytest.raises(Exception, match="No call"):
            standin.calls.find(call_id)


async def test_what_is_being_said_is_heard_before_the_call_is_hung_up() -> None:
    """A goodbye, for instance: it has long been written when it is still being spoken."""
    async with to_standin(" ".join(["Goodbye."] * 60)) as (app, standin):
        call_id = await app.call()
        async with caller(standin, call_id) as ws:
            await ws.send_json({"type": "response.create"})
            await hear(ws, "response.done")
            draining = asyncio.create_task(app.gateway.drain(10.0))
            names = [event["type"] for event in await hear(ws, "output_audio_buffer.stopped")]
            assert "output_audio_buffer.cleared" not in names
            await draining
            await ws.receive()
            assert ws.close_code == 1000


# --- whose it is -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def with_keys(tmp_path: Path, *replies: str) -> AsyncGenerator[tuple[Door, StandIn, Secrets, str, str, Key]]:
    """A gateway with two keys, `mine` and `theirs`."""
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", load()) as office:
        mine, secret = await office.keys.create("mine")
        _, theirs = await office.keys.create("theirs", models=("gpt-realtime-mini",))
        secrets = Secrets(b"x" * 32)
        admission = Admission(office.keys, secrets)
        async with to_standin(*replies, office=office, admission=admission) as (app, standin):
            yield app, standin, secrets, secret, theirs, mine


async def test_a_call_is_its_keys_alone(tmp_path: Path) -> None:
    async with with_keys(tmp_path) as (app, _, _, mine, theirs, _):
        call_id = await app.call(mine)
        async with app.side(call_id, theirs) as ws:
            assert (await hear(ws, "error"))[-1]["error"]["code"] == "invalid_value"
            await ws.receive()
            assert ws.close_code == 3000
        status, _, _ = await app.post(f"/v1/realtime/calls/{call_id}/hangup", key=theirs)
        assert status == 404
        assert app.gateway.sessions == 1
        for path in ("", f"/{call_id}/hangup", f"/{call_id}/accept"):
            status, _, _ = await app.post(f"/v1/realtime/calls{path}", form(), key="nobodys")
            assert status == 401


async def test_a_browser_calls_with_a_client_secret_and_its_settings(tmp_path: Path) -> None:
    """It sends the offer alone, and there is one spelling of it for Azure as well."""
    async with with_keys(tmp_path) as (app, standin, secrets, _, _, key):
        value, _ = secrets.mint(key.id, SETTINGS)
        path = "/openai/v1/realtime/calls?webrtcfilter=on"
        status, headers, _ = await app.post(path, OFFER, value, Content_Type="application/sdp")
        assert status == 201
        assert headers["Location"].startswith("/openai/v1/realtime/calls/rtc_")
        assert standin.services[0].session["instructions"] == "Be brief."


async def test_a_model_the_key_may_not_ask_for_is_refused_before_anybody_is_called(tmp_path: Path) -> None:
    async with with_keys(tmp_path) as (app, standin, _, _, theirs, _):
        status, _, body = await app.post("/v1/realtime/calls", form(session=SETTINGS), theirs)
        assert (status, json.loads(body)["error"]["code"]) == (404, "model_not_found")
        assert not standin.services


# --- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (OFFER, "text/plain", "application/sdp"),
        (form(sdp=None, session={}), None, "Missing required parameter: 'sdp'"),
        (form(session="[]"), None, "'session' is not a JSON object"),
        (form(session={}), None, "You must provide a model"),
        (form("nonsense", SETTINGS), None, "SDP offer could not be parsed"),  # the service's own words
        (form(session={**SETTINGS, "voice": "x"}), None, "voice"),
    ],
)
async def test_what_is_wrong_is_told_as_services_tell_it(data: Any, kind: str | None, words: str) -> None:
    async with to_standin() as (app, standin):
        headers = {} if kind is None else {"Content_Type": kind}
        status, _, body = await app.post("/v1/realtime/calls", data, **headers)
        assert status == 400
        assert words in json.loads(body)["error"]["message"]
        await app.over()
        assert not standin.calls._running  # pyright: ignore[reportPrivateUsage]


async def test_the_offer_may_come_as_a_file() -> None:
    """As a browser sends a Blob."""
    async with to_standin() as (app, _):
        made = form(sdp=None, session=SETTINGS)
        made.add_field("sdp", OFFER.encode(), filename="blob", content_type="application/sdp")
        status, _, _ = await app.post("/v1/realtime/calls", made)
        assert status == 201


async def test_who_wants_no_call_of_ours_has_a_session_of_its_own() -> None:
    """With a model; or in a call somebody made elsewhere, which the service knows or does not."""
    async with to_standin("Fine.") as (app, standin):
        async with app.http.ws_connect(f"http://127.0.0.1:{app.port}/v1/realtime?model=gpt-realtime") as ws:
            await hear(ws, "session.created")
            session_id = standin.services[0].session["id"]
            async with app.side(session_id) as side:
                await side.send_json({"type": "response.create"})
                assert [event["type"] for event in await hear(side, "response.created")] == ["response.created"]
        async with app.side("rtc_unknown") as ws:
            assert (await hear(ws, "error"))[-1]["error"]["param"] == "call_id"


async def test_a_service_that_cannot_be_reached_is_no_secret() -> None:
    async with door("ws://127.0.0.1:9/v1/realtime") as app:
        status, _, body = await app.post("/v1/realtime/calls", form(session=SETTINGS))
        assert status == 502
        assert "127.0.0.1" not in body
        assert "cannot be asked for calls" in app.told[0]
        status, _, _ = await app.post("/v1/realtime/calls/rtc_1/hangup")
        assert status == 502


async def test_a_page_of_an_allowed_origin_may_call_and_another_may_not() -> None:
    async with to_standin(origins=["https://kiosk.example"]) as (app, _):
        async with app.http.options(
            f"http://127.0.0.1:{app.port}/v1/realtime/calls", headers={"Origin": "https://kiosk.example"}
        ) as asked:
            assert asked.status == 204
            assert asked.headers["Access-Control-Allow-Origin"] == "https://kiosk.example"
            assert "authorization" in asked.headers["Access-Control-Allow-Headers"]
        async with app.http.options(
            f"http://127.0.0.1:{app.port}/v1/realtime/calls", headers={"Origin": "https://evil.example"}
        ) as asked:
            assert "Access-Control-Allow-Origin" not in asked.headers
        status, headers, _ = await app.post(
            "/v1/realtime/calls", form(session=SETTINGS), Origin="https://kiosk.example"
        )
        assert (status, headers["Access-Control-Expose-Headers"]) == (201, "Location")
        status, _, _ = await app.post("/v1/realtime/calls", form(session=SETTINGS), Origin="https://evil.example")
        assert status == 403


# --- services of other habits ----------------------------------------------------------------------------------------

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Elsewhere:
    """A service that only keeps what it was asked, and answers as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.answers: dict[str, web.Response] = {}
        self.sideband: list[dict[str, Any]] = []
        self.joined = asyncio.Event()
        self.port = 0

    async def http(self, request: web.Request) -> web.Response:
        leaf = request.path.rpartition("/")[2]
        self.asked.append((request.path_qs, request.headers.get("Authorization", ""), await request.read()))
        return self.answers.get(leaf) or web.Response(status=200)

    async def ws(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.joined.set()
        async for message in socket:
            event = json.loads(message.data)
            self.sideband.append(event)
            if event["type"] == "session.update":
                error = {"code": "invalid_value", "message": "no", "event_id": event.get("event_id")}
                await socket.send_json({"type": "error", "error": error})
            if event["type"] == "response.create":
                await socket.send_json({"type": "response.created", "response": {"id": "r"}})
                await socket.send_json({"type": "response.done", "response": {"id": "r"}})
        return socket


@asynccontextmanager
async def elsewhere() -> AsyncGenerator[Elsewhere]:
    service = Elsewhere()
    application = web.Application()
    application.router.add_get("/{path:.*}/realtime", service.ws)
    application.router.add_post("/{path:.*}", service.http)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.port = runner.addresses[0][1]
    try:
        yield service
    finally:
        await runner.cleanup()


def created(location: str = "/v1/realtime/calls/rtc_1") -> web.Response:
    return web.Response(status=201, text="v=0", content_type="application/sdp", headers={"Location": location})


async def test_a_telephone_call_that_waits_is_taken_and_joined() -> None:
    async with elsewhere() as service, door(f"ws://127.0.0.1:{service.port}/v1/realtime") as app:
        status, _, _ = await app.post("/v1/realtime/calls/rtc_sip/accept", json.dumps(SETTINGS))
        assert status == 200
        path, _, body = service.asked[0]
        assert (path, json.loads(body)) == ("/v1/realtime/calls/rtc_sip/accept", SETTINGS)
        assert app.gateway.sessions == 1
        async with app.side("rtc_sip") as ws:  # an update it refused is not the app's business
            await ws.send_json({"type": "response.create"})
            assert (await hear(ws, "response.created"))[0]["type"] == "response.created"
        status, _, _ = await app.post(
            "/v1/realtime/calls/rtc_sip/refer", b'{"target_uri":"tel:+1"}', Content_Type="application/json"
        )
        assert status == 200
        assert service.asked[1][0::2] == ("/v1/realtime/calls/rtc_sip/refer", b'{"target_uri":"tel:+1"}')


async def test_a_call_whose_session_ends_as_it_begins_is_forgotten() -> None:
    """Its app has not been answered yet, and hanging up takes a moment, too."""
    async with elsewhere() as service, ClientSession() as http:
        service.answers["calls"] = created()
        there = endpoint(f"ws://127.0.0.1:{service.port}/v1/realtime", env={"LACONIC_API_KEY": "none"})
        calls = Calls(http)

        async def serve(app: Any, dial: Dial) -> None:
            sockets.append(await dial(there))

        sockets: list[Socket] = []
        answer = await calls.begin(serve, key=None, offer="v=0", session={})
        assert isinstance(answer, Answer)
        assert answer.status == 201
        await calls.close()
        await sockets[0].close(1000, "")
        assert service.asked[-1][0].endswith("/rtc_1/hangup")
        assert calls.find("rtc_1", None) is None


async def test_a_call_made_elsewhere_may_be_turned_down_or_hung_up() -> None:
    async with elsewhere() as service, door(f"ws://127.0.0.1:{service.port}/v1/realtime") as app:
        for verb in ("reject", "hangup"):
            status, _, _ = await app.post(f"/v1/realtime/calls/rtc_9/{verb}")
            assert status == 200
            assert service.asked[-1][0] == f"/v1/realtime/calls/rtc_9/{verb}"
        for path in ("rtc%209/hangup", "rtc%209/accept"):
            status, _, _ = await app.post(f"/v1/realtime/calls/{path}", b"{}")
            assert status == 404
        status, _, _ = await app.post("/v1/realtime/calls/rtc_9/accept", b"[]")
        assert status == 400


async def test_who_may_use_some_models_only_says_which_one_the_call_uses(tmp_path: Path) -> None:
    """The gateway does not know what was agreed on elsewhere; a key for all models needs to say nothing."""
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", load()) as office, elsewhere() as service:
        _, anything = await office.keys.create("anything")
        _, mini = await office.keys.create("mini", models=("gpt-realtime-mini",))
        admission = Admission(office.keys, Secrets(b"x" * 32))
        async with door(f"ws://127.0.0.1:{service.port}/v1/realtime", office=office, admission=admission) as app:
            for key, query, wanted in (
                (mini, "", 404),
                (mini, "?model=gpt-realtime", 404),
                (mini, "?model=gpt-realtime-mini", 200),
                (anything, "", 200),
            ):
                status, _, _ = await app.post(f"/v1/realtime/calls/rtc_9/hangup{query}", key=key)
                assert status == wanted
    assert len(service.asked) == 2


async def test_azure_wants_a_client_secret_first() -> None:
    """Told by its address, which here is a name for this machine's own."""
    from dataclasses import replace

    from laconic.client.endpoints import Endpoint
    from laconic.gateway import calls

    async with elsewhere() as service, ClientSession() as http:
        azure = Endpoint(
            "azure", f"ws://res.openai.azure.com:{service.port}/openai/v1/realtime?model=deployed", {"api-key": "k"}
        )
        service.answers["client_secrets"] = web.json_response({"value": "ek_1"})
        service.answers["calls"] = created("/openai/v1/realtime/calls/rtc_1")
        call = calls.Call(
            resolving(http, service.port), offer=OFFER, session={"instructions": "x"}, query="?webrtcfilter=on"
        )
        socket = await call.dial(azure)
        minted, called = service.asked
        assert json.loads(minted[2]) == {"session": {"type": "realtime", "instructions": "x", "model": "deployed"}}
        assert called == ("/openai/v1/realtime/calls?webrtcfilter=on", "Bearer ek_1", OFFER.encode())
        assert call.id == "rtc_1"
        await socket.close(1000, "")
        for answer, words in (
            (web.json_response({"error": {"message": "no"}}, status=401), "HTTP 401: no"),
            (web.json_response({}), "without one"),
        ):
            service.answers["client_secrets"] = answer
            with pytest.raises(Exception, match=words):
                await calls.Call(resolving(http, service.port), offer=OFFER, session={}).dial(replace(azure))


def resolving(http: ClientSession, port: int) -> Any:
    """The same client, for which every name is this machine's."""

    class Here:
        def post(self, url: str, **settings: Any) -> Any:
            return http.post(url.replace("res.openai.azure.com", "127.0.0.1"), **settings)

        async def ws_connect(self, url: str, **settings: Any) -> Any:
            return await http.ws_connect(url.replace("res.openai.azure.com", "127.0.0.1"), **settings)

    return Here()


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (web.Response(status=201, text="v=0"), 502, "did not say where it is"),
        (web.Response(status=503, text="<html>"), 503, "no reason given"),
        (web.json_response({"error": "odd"}, status=418), 418, "no reason given"),
        (web.json_response({"error": {"message": "Wrong key: sk-****abcd"}}, status=401), 502, "Wrong key: …"),
    ],
)
async def test_a_service_of_odd_habits(answer: web.Response, status: int, told: str) -> None:
    async with elsewhere() as service, door(f"ws://127.0.0.1:{service.port}/v1/realtime") as app:
        service.answers["calls"] = answer
        found, _, _ = await app.post("/v1/realtime/calls", form(session=SETTINGS))
        assert found == status
        assert told in app.told[0]


# --- the sideline ----------------------------------------------------------------------------------------------------

STARTED = b'{"type":"output_audio_buffer.started","response_id":"r"}'
STOPPED = b'{"type":"output_audio_buffer.stopped","response_id":"r"}'


class App:
    """An app's socket in memory."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.closed: int | None = None
        self.says = asyncio.Queue[bytes]()

    async def recv(self) -> bytes:
        raw = await self.says.get()
        if not raw:
            raise Closed(1000)
        return raw

    async def send(self, raw: Any) -> None:
        self.heard.append(raw)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code


async def test_a_goodbye_is_heard_to_its_end() -> None:
    sideline = Sideline()
    await sideline.send(STARTED)
    closing = asyncio.create_task(sideline.close(1000, "budget"))
    await asyncio.sleep(0)
    await sideline.close(1000, "again")  # says nothing new
    assert not closing.done()
    await sideline.send(STOPPED)
    await asyncio.wait_for(closing, 1)


async def test_nobody_waits_for_ever_for_the_end_of_a_word() -> None:
    sideline = Sideline(heard_s=0.01)
    await sideline.send(STARTED)
    await asyncio.wait_for(sideline.close(1000, ""), 1)
    sideline = Sideline()
    await sideline.send(STARTED)
    sideline.lost()
    await asyncio.wait_for(sideline.close(1000, ""), 1)


async def test_who_comes_late_or_says_too_much_is_let_go() -> None:
    sideline, app = Sideline(), App()
    joining = asyncio.create_task(sideline.join(app))
    for _ in range(100):  # nobody reads
        await app.says.put(b"{}")
    await asyncio.sleep(0)
    assert await sideline.recv() == b"{}"
    await sideline.close(1001, "")
    await asyncio.wait_for(joining, 1)
    assert app.closed == 1001
    late = App()
    await sideline.join(late)
    assert late.closed == 1001


async def test_who_joined_and_does_not_read_is_let_go_and_the_call_goes_on() -> None:
    """Its sound does, anyhow, and what it costs has to be counted."""

    class Deaf(App):
        async def send(self, raw: Any) -> None:
            await asyncio.Event().wait()

    sideline, deaf, app = Sideline(taken_s=0.01), Deaf(), App()
    joining = asyncio.create_task(sideline.join(deaf))
    staying = asyncio.create_task(sideline.join(app))
    await asyncio.sleep(0)
    await asyncio.wait_for(sideline.send(STARTED), 1)
    await asyncio.wait_for(joining, 1)
    assert (deaf.closed, app.closed) == (1008, None)
    await sideline.send(STOPPED)
    assert len(app.heard) == 2
    await sideline.close(1000, "")
    await staying


async def test_all_who_joined_hear_everything_in_the_same_order() -> None:
    """Though one of them is slow, and two at a time speak."""

    taken = asyncio.Event()

    class Slow(App):
        async def send(self, raw: Any) -> None:
            await super().send(raw)
            if raw == STARTED:
                await taken.wait()

    sideline, slow, app = Sideline(), Slow(), App()
    joining = [asyncio.create_task(sideline.join(one)) for one in (slow, app)]
    await asyncio.sleep(0)
    later = asyncio.create_task(sideline.send(STARTED))
    await asyncio.sleep(0)
    sooner = asyncio.create_task(sideline.send(STOPPED))
    await asyncio.sleep(0)
    taken.set()
    await asyncio.gather(later, sooner)
    assert slow.heard == app.heard == [STARTED, STOPPED]
    await sideline.close(1000, "")
    await asyncio.gather(*joining)


async def test_a_mistake_of_ours_is_no_goodbye() -> None:
    class Broken(App):
        async def recv(self) -> bytes:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await Sideline().join(Broken())
