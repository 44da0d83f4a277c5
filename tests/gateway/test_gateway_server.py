"""The gateway on a real port, before a real stand-in: the door, the addresses, the close codes, draining."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web
from openai import AsyncOpenAI
from simulator.doubles import Ears, LoudTurns, Voice, Yes
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from laconic.budget import limits
from laconic.errors import Unreachable
from laconic.gateway.admission import Admission
from laconic.gateway.keys import Key
from laconic.gateway.ledger import Wanted
from laconic.gateway.office import Office, open_office
from laconic.gateway.pump import Bounds
from laconic.gateway.routes import Route, Routes
from laconic.gateway.secrets import Secrets
from laconic.gateway.server import Gateway
from laconic.rates import load
from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve


@asynccontextmanager
async def standing_in(*replies: str, **settings: Any) -> AsyncGenerator[StandIn]:
    parts = Parts(hearing=Ears(), voice=Voice(), mind=Yes(*replies), turns=LoudTurns)
    async with serve(parts=parts, **settings) as stand_in:
        yield stand_in


class Door:
    """A gateway that listens, and what it told its owner."""

    def __init__(self, gateway: Gateway, port: int, told: list[str]) -> None:
        self.gateway, self.port, self.told = gateway, port, told

    @property
    def base(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connect(
        self, path: str = "/v1/realtime?model=gpt-realtime", **settings: Any
    ) -> AbstractAsyncContextManager[ClientConnection]:
        return connect(f"ws://{self.base}{path}", **settings)

    async def empty(self) -> None:
        """Until no session is under way."""
        await until(lambda: not self.gateway.sessions)


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_door(address: str, *, memory: str = "everything", **settings: Any) -> AsyncGenerator[Door]:
    told: list[str] = []
    route = Route(service=address, memory=memory, **settings.pop("route", {}))
    gateway = Gateway(
        Routes([route, *settings.pop("routes", ())]), env=settings.pop("env", {}), tell=told.append, **settings
    )
    async with gateway.listening("127.0.0.1", 0) as port:
        yield Door(gateway, port, told)


@asynccontextmanager
async def to_stand_in(*replies: str, **settings: Any) -> AsyncGenerator[tuple[Door, StandIn]]:
    keys = settings.pop("service_keys", None)
    async with standing_in(*replies, keys=keys) as stand_in:
        address = f"ws://127.0.0.1:{stand_in.port}{settings.pop('service_path', '/v1/realtime')}"
        async with open_door(address, **settings) as door:
            yield door, stand_in


async def hear(ws: ClientConnection, name: str) -> dict[str, Any]:
    """The next event of this name."""
    async with asyncio.timeout(10):
        while True:
            event: dict[str, Any] = json.loads(await ws.recv())
            if event["type"] == name:
                return event


async def ask(ws: ClientConnection, text: str) -> dict[str, Any]:
    """Write, and hear the answer out; its `response.done`."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await ws.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await ws.send(json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}}))
    return await hear(ws, "response.done")


async def closing(ws: ClientConnection) -> tuple[list[dict[str, Any]], int, str]:
    """What is still said, and the close."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            while True:
                events.append(json.loads(await ws.recv()))
    assert ws.close_code is not None
    return events, ws.close_code, ws.close_reason or ""


# --- conversations -----------------------------------------------------------------------------------------------


async def test_the_official_client_talks_through_it() -> None:
    async with to_stand_in("Good day to you.") as (door, _):
        client = AsyncOpenAI(api_key="any", base_url=f"http://{door.base}/v1")
        async with client.realtime.connect(model="gpt-realtime") as connection:
            assert (await connection.recv()).type == "session.created"
            await connection.response.create(response={"output_modalities": ["text"], "instructions": "Greet."})
            async for event in connection:
                if event.type == "response.done":
                    assert event.response.status == "completed"
                    break
        await door.empty()


async def test_an_app_of_the_beta_is_answered_in_the_beta() -> None:
    async with to_stand_in("Good day.") as (door, _):
        for path, headers in (
            ("/v1/realtime?model=gpt-realtime", {"OpenAI-Beta": "realtime=v1"}),
            ("/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime", {}),
        ):
            async with door.connect(path, additional_headers=headers) as ws:
                created = json.loads(await ws.recv())
                assert "modalities" in created["session"]
                await ws.send(json.dumps({"type": "response.create", "response": {"modalities": ["text"]}}))
                assert (await hear(ws, "response.text.delta"))["delta"]


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        (("realtime", "openai-insecure-api-key.any", "openai-beta.realtime-v1"), "realtime"),
        (("openai-beta.realtime-v1", "realtime"), "realtime"),
        (("openai-insecure-api-key.any", "openai-beta.realtime-v1"), "openai-beta.realtime-v1"),
    ],
)
async def test_a_browser_of_the_beta_says_so_among_its_subprotocols(offered: tuple[str, ...], answered: str) -> None:
    async with to_stand_in("Good day.") as (door, _):
        protocols = [Subprotocol(one) for one in offered]
        for headers in ({}, {"OpenAI-Beta": "realtime=v1"}):
            async with door.connect(subprotocols=protocols, additional_headers=headers) as ws:
                assert ws.subprotocol == answered
                assert "modalities" in json.loads(await ws.recv())["session"]


async def test_an_app_of_ga_is_served_by_a_beta_service() -> None:
    async with to_stand_in(
        "Good day.", service_path="/voice-live/realtime?api-version=2025-10-01", route={"dialect": "beta"}
    ) as (door, stand_in):
        async with door.connect() as ws:
            created = json.loads(await ws.recv())
            assert created["session"]["type"] == "realtime"
            await ask(ws, "Hello.")
        assert stand_in.services[-1].conversation


async def test_azures_address_is_ours_too() -> None:
    async with to_stand_in() as (door, _), door.connect("/openai/v1/realtime?model=gpt-realtime") as ws:
        assert (await hear(ws, "session.created"))["session"]


async def test_a_conversation_is_written_down_behind_the_apps_back() -> None:
    async with to_stand_in(*["Yes."] * 5, memory="last:2") as (door, stand_in):
        async with door.connect() as ws:
            for _ in range(3):
                await ask(ws, "Is it?")
            await until(lambda: len(stand_in.services[-1].conversation) == 2)
        await door.empty()


async def retrieved_when_gone(door: Door, stand_in: StandIn, *, ms: int = 300) -> str | None:
    """The sound of an item that the memory `last:1` has let go of, as the app gets it."""
    sound = b64encode(bytes(range(48)) * ms).decode()
    spoken = {"id": "spoken", "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound}]}
    async with door.connect(max_size=None) as ws:
        await ws.send(json.dumps({"type": "conversation.item.create", "item": spoken}))
        await ask(ws, "Is it?")
        await until(lambda: len(stand_in.services[-1].conversation) == 1)
        await ws.send(json.dumps({"type": "conversation.item.retrieve", "item_id": "spoken"}))
        found: str | None = (await hear(ws, "conversation.item.retrieved"))["item"]["content"][0].get("audio")
    await door.empty()
    assert found in (sound, None)
    return found


@pytest.mark.parametrize(("megabytes", "kept"), [(64, True), (1, True), (0, False)])
async def test_the_sound_of_what_has_gone_is_kept_in_megabytes(megabytes: int, kept: bool) -> None:
    async with to_stand_in("Yes.", memory="last:1", keep_sound=megabytes) as (door, stand_in):
        assert (await retrieved_when_gone(door, stand_in) is not None) is kept


async def test_sound_larger_than_what_is_kept_is_not_asked_for() -> None:
    async with to_stand_in("Yes.", memory="last:1", keep_sound=1) as (door, stand_in):
        assert await retrieved_when_gone(door, stand_in, ms=20_000) is None


async def test_where_sound_cannot_be_kept_the_owner_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    async with to_stand_in("Yes.", "Yes.", memory="last:1") as (door, stand_in):
        for _ in range(2):
            assert await retrieved_when_gone(door, stand_in) is None
        assert len(door.told) == 1
        assert "/nowhere/at/all" in door.told[0]


# --- the door ----------------------------------------------------------------------------------------------------


async def test_without_a_key_of_ours_nobody_comes_in(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        key, secret = await office.keys.create("ann", models=("gpt-realtime*",), labels={"team": "a"})
        admission = Admission(office.keys, Secrets(b"x" * 32))
        async with to_stand_in("Yes.", "Yes.", admission=admission, office=office) as (door, _):
            for headers in ({}, {"Authorization": "Bearer sk-wrong"}, {"api-key": "lk-wrong"}):
                with pytest.raises(InvalidStatus) as refused:
                    async with door.connect(additional_headers=headers):
                        pass
                assert refused.value.response.status_code == 401
                error = json.loads(refused.value.response.body or b"")["error"]
                assert error["code"] == "invalid_api_key"
            ways: tuple[dict[str, Any], ...] = (
                {"additional_headers": {"Authorization": f"Bearer {secret}"}},
                {"additional_headers": {"api-key": secret}},
                {"subprotocols": [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{secret}")]},
            )
            for settings in ways:
                async with door.connect(**settings) as ws:
                    assert ws.subprotocol == ("realtime" if "subprotocols" in settings else None)
                    await hear(ws, "session.created")
            async with door.connect(f"/v1/realtime?model=gpt-realtime&api-key={secret}") as ws:
                await ask(ws, "Is it?")
            await door.empty()
            rows = [row async for row in office.ledger.rows(Wanted())]
            assert {row.key for row in rows} == {key.id}
            assert {"reply", "session"} == {row.kind for row in rows}
            assert rows[0].labels == {"team": "a"}
            assert secret not in repr(rows)


async def test_a_key_may_ask_for_some_models_only(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        _, secret = await office.keys.create("ann", models=("gpt-4o*",))
        admission = Admission(office.keys, Secrets(b"x" * 32))
        async with to_stand_in(admission=admission, office=office) as (door, _):
            async with door.connect(additional_headers={"Authorization": f"Bearer {secret}"}) as ws:
                events, code, reason = await closing(ws)
            assert events[0]["error"]["code"] == "model_not_found"
            assert (code, reason) == (3000, "invalid_request_error.model_not_found")


async def test_whose_key_is_for_some_models_has_to_name_one(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        _, secret = await office.keys.create("ann", models=("gpt-realtime*",))
        admission = Admission(office.keys, Secrets(b"x" * 32))
        async with to_stand_in(admission=admission, office=office) as (door, _):
            headers = {"Authorization": f"Bearer {secret}"}
            async with door.connect("/v1/realtime?intent=transcription", additional_headers=headers) as ws:
                events, code, _ = await closing(ws)
        error = events[0]["error"]
        assert (error["code"], code) == ("model_not_found", 3000)
        assert error["message"] == "A session that names no model does not exist or you do not have access to it."


async def test_a_used_up_budget_is_told_as_services_do(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        key, secret = await office.keys.create("ann", budgets=limits("10 tokens/day"))
        share = await office.limits.open("other", key)
        await share.lease("tokens", 10)
        await share.close(lost={"tokens": 10})
        admission = Admission(office.keys, Secrets(b"x" * 32))
        async with to_stand_in(admission=admission, office=office) as (door, _):
            async with door.connect(additional_headers={"Authorization": f"Bearer {secret}"}) as ws:
                events, code, _ = await closing(ws)
            assert events[0]["error"]["code"] == "insufficient_quota"
            assert "used up" in events[0]["error"]["message"]
            assert code == 3000


async def test_a_keys_budget_holds_through_the_door(tmp_path: Path) -> None:
    """What a session takes of it is leased, and given back; then there is no more."""
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        key, secret = await office.keys.create("ann", budgets=limits("20000 tokens/day"), session_budget=limits("$1"))
        admission = Admission(office.keys, Secrets(b"x" * 32))
        async with to_stand_in(*["Yes."] * 5, admission=admission, office=office) as (door, _):
            async with door.connect(additional_headers={"Authorization": f"Bearer {secret}"}) as ws:
                assert (await ask(ws, "Is it?"))["response"]["status"] == "completed"
            await door.empty()
            await until_none_is_held(office, key)
        [standing] = await office.limits.standings(key)
        assert 0 < standing.used < 1_000


async def test_an_app_that_asks_for_a_reply_and_hangs_up_at_once_pays_for_it(tmp_path: Path) -> None:
    """There is not a word of it yet, and the service is to answer all the same."""
    async with (
        open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office,
        to_stand_in("A long story.", office=office) as (door, _),
    ):
        async with door.connect() as ws:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Tell me."}]}
            await ws.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await ws.send(json.dumps({"type": "response.create"}))
        await door.empty()
        rows = [(row.kind, row.status) async for row in office.ledger.rows()]
    assert sorted(rows) == [("reply", "cancelled"), ("session", "completed")]


async def until_none_is_held(office: Office, key: Key) -> None:
    async with asyncio.timeout(10):
        while (await office.limits.standings(key))[0].held:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


async def test_a_routes_budget_ends_a_conversation_and_says_why() -> None:
    route = {"budget": "600 tokens", "budget_end": "close", "goodbye": "Bye."}
    async with to_stand_in(*["Yes."] * 50, route=route) as (door, _), door.connect() as ws:
        with suppress(ConnectionClosed):
            for _ in range(50):
                await ask(ws, "Is it?")
        assert ws.close_code is not None
        await door.empty()


async def test_client_secrets_open_the_door_for_a_browser() -> None:
    async with to_stand_in() as (door, _), ClientSession() as http:
        wanted = {"session": {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}}
        async with http.post(f"http://{door.base}/v1/realtime/client_secrets", json=wanted) as answer:
            assert answer.status == 200
            value = (await answer.json())["value"]
        assert value.startswith("ek_")
        protocols = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{value}")]
        async with door.connect("/v1/realtime", subprotocols=protocols, origin=None) as ws:
            created = await hear(ws, "session.created")
            assert created["session"]["instructions"] == "Be brief."
        headers = {"Authorization": f"Bearer {value}"}
        async with http.post(f"http://{door.base}/v1/realtime/client_secrets", headers=headers) as answer:
            assert answer.status == 401  # a secret makes no secrets


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        ((), None, 101),
        ((), "http://127.0.0.1:{port}", 101),
        ((), "https://evil.example", 403),
        (("https://app.example",), "https://app.example", 101),
        (("https://app.example",), "https://evil.example", 403),
        (("*",), "https://evil.example", 101),
    ],
)
async def test_pages_from_elsewhere_stay_outside(origins: tuple[str, ...], origin: str | None, status: int) -> None:
    async with to_stand_in(origins=origins) as (door, _), ClientSession() as http:
        headers = {"Origin": origin.format(port=door.port)} if origin is not None else {}
        try:
            async with http.ws_connect(f"http://{door.base}/v1/realtime?model=gpt-realtime", headers=headers):
                found = 101
        except WSServerHandshakeError as refused:
            found = refused.status
        assert found == status


async def test_what_is_no_websocket_and_what_is_nowhere_is_told_in_json() -> None:
    async with to_stand_in() as (door, _), ClientSession() as http:
        for method, path, status in (
            ("GET", "/v1/realtime?model=gpt-realtime", 426),
            ("GET", "/v1/nowhere", 404),
            ("PUT", "/healthz", 405),
        ):
            async with http.request(method, f"http://{door.base}{path}") as answer:
                assert answer.status == status
                assert (await answer.json())["error"]["message"]


@pytest.mark.parametrize(
    ("path", "code"), [("/v1/realtime", "missing_model"), ("/v1/realtime?model=nothing", "model_not_found")]
)
async def test_models_nobody_serves_are_told_as_services_do(path: str, code: str) -> None:
    """After the 101, by an error and close 3000."""
    async with to_stand_in(route={"models": ("gpt-*",)}) as (door, _), door.connect(path) as ws:
        events, closed, reason = await closing(ws)
        assert [event["error"]["code"] for event in events] == [code]
        assert (closed, reason) == (3000, f"invalid_request_error.{code}")


async def test_a_route_may_name_the_model_an_app_leaves_out() -> None:
    async with to_stand_in(route={"model": "gpt-realtime"}) as (door, _), door.connect("/v1/realtime") as ws:
        assert (await hear(ws, "session.created"))["session"]["model"] == "gpt-realtime"


# --- services that fail ------------------------------------------------------------------------------------------


async def test_a_service_nobody_reaches_is_told_in_an_error() -> None:
    """The app learns no address; the owner does."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with open_door(f"ws://127.0.0.1:{port}/v1/realtime") as door, door.connect() as ws:
            events, code, _ = await closing(ws)
            assert events[0]["error"]["code"] == "service_unreachable"
            assert str(port) not in json.dumps(events)
            assert code == 1011
            assert str(port) in door.told[0]


async def test_a_key_the_service_refuses_is_the_owners_to_hear_of() -> None:
    async with to_stand_in(service_keys=["right"], env={"LACONIC_API_KEY": "sk-secret-wrong"}) as (door, _):
        async with door.connect() as ws:
            events, code, _ = await closing(ws)
        assert (events[0]["error"]["code"], code) == ("service_unreachable", 1011)
        assert "LACONIC_API_KEY" in door.told[0]
        assert "sk-secret-wrong" not in door.told[0]


async def test_the_services_own_refusal_is_the_apps_to_see() -> None:
    """An unknown model at the service: its error and its close pass through."""
    async with to_stand_in() as (door, _), door.connect("/v1/realtime?model=stranger") as ws:
        events, code, reason = await closing(ws)
        assert events[0]["error"]["code"] == "model_not_found"
        assert (code, reason) == (3000, "invalid_request_error.model_not_found")


async def test_a_service_that_vanishes_is_told_in_an_error() -> None:
    async def vanish(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_json({"type": "session.created", "session": {"type": "realtime"}})
        assert request.transport is not None
        request.transport.abort()
        return ws

    async with service(vanish) as address, open_door(address) as door, door.connect() as ws:
        events, code, _ = await closing(ws)
        assert [event["type"] for event in events] == ["session.created", "error"]
        assert events[1]["error"]["code"] == "service_connection_lost"
        assert code == 1011


async def test_a_budget_the_models_prices_do_not_suit_is_the_owners_mistake() -> None:
    """In words for the owner, before a service is dialled that nobody would hang up on."""
    dialled: list[web.Request] = []

    async def answered(request: web.Request) -> web.Response:
        dialled.append(request)
        return web.Response()

    async with (
        service(answered) as address,
        open_door(address, route={"budget": "$1"}) as door,
        door.connect("/v1/realtime?model=qwen-omni-turbo-realtime") as ws,
    ):
        events, code, _ = await closing(ws)
        assert (events[0]["error"]["code"], code) == ("service_unreachable", 1011)
        assert "priced in CNY" in door.told[0]
        assert not dialled


async def test_a_mistake_of_ours_leaves_no_connection_to_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()

    async def waiting(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for _ in ws:
            pass
        gone.set()
        return ws

    async def broken(*_: Any) -> Any:
        raise KeyError("something nobody thought of")

    monkeypatch.setattr("laconic.gateway.serving.preset", broken)
    async with service(waiting) as address, open_door(address) as door, door.connect() as ws:
        _, code, _ = await closing(ws)
        assert code == 1011
        assert "a mistake of ours" in door.told[0]
        await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize("begun", [True, False])
async def test_a_goodbye_that_quotes_the_services_key_is_passed_on_without_it(begun: bool) -> None:
    """Whether the session had begun or its first settings were still under way."""

    async def quoting(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if begun:
            await ws.send_json({"type": "session.created", "session": {"type": "realtime"}})
        await ws.close(code=3000, message=f"wrong: {request.headers['Authorization'][7:]}".encode())
        return ws

    route = {} if begun else {"transcription": "gpt-transcribe"}
    async with (
        service(quoting) as address,
        open_door(address, env={"LACONIC_API_KEY": "sk-of-ours"}, route=route) as door,
        door.connect() as ws,
    ):
        _, code, reason = await closing(ws)
        assert (code, reason) == (3000, "wrong: …")


@asynccontextmanager
async def service(answer: Callable[[web.Request], Any]) -> AsyncGenerator[str]:
    """Some other service; its address."""
    application = web.Application()
    application.router.add_get("/v1/realtime", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime"
    finally:
        await runner.cleanup()


async def test_books_that_cannot_be_read_let_nobody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what is left of a budget then."""
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:

        async def out_of_reach(*_: Any) -> Any:
            raise Unreachable("the ledger at nowhere does not answer; look after it")

        monkeypatch.setattr(office.limits, "open", out_of_reach)
        async with to_stand_in(office=office) as (door, _), door.connect() as ws:
            events, code, _ = await closing(ws)
            assert (events[0]["error"]["code"], code) == ("service_unreachable", 1011)
            assert "does not answer" in door.told[0]


# --- bounds ------------------------------------------------------------------------------------------------------


async def test_a_frame_beyond_every_append_is_ended_with_1009() -> None:
    async with to_stand_in() as (door, _), door.connect() as ws:
        await hear(ws, "session.created")
        with suppress(ConnectionClosed):  # we may hear of it while we still speak
            await ws.send("x" * (21 * 2**20))
        _, code, _ = await closing(ws)
        assert code == 1009
        await door.empty()


async def test_binary_messages_are_ended_with_1003() -> None:
    async with to_stand_in() as (door, _), door.connect() as ws:
        await hear(ws, "session.created")
        await ws.send(b"\x00\x01")
        _, code, _ = await closing(ws)
        assert code == 1003


async def test_an_app_that_is_gone_without_a_word_is_found_out() -> None:
    """It answers no ping, so its session ends, and the service's with it."""
    async with to_stand_in(ping_s=0.2) as (door, _), ClientSession() as http:
        address = f"http://{door.base}/v1/realtime?model=gpt-realtime"
        async with http.ws_connect(address, autoping=False) as ws:
            assert (await ws.receive()).type is WSMsgType.TEXT
            assert door.gateway.sessions == 1
            await door.empty()


async def test_a_flood_is_ended_with_1008() -> None:
    bounds = Bounds(messages_s=10, burst=100)
    async with to_stand_in(route={"bounds": bounds}) as (door, _), door.connect() as ws:
        await hear(ws, "session.created")
        with suppress(ConnectionClosed):
            for _ in range(150):
                await ws.send('{"type":"input_audio_buffer.append","audio":"AAAA"}')
        _, code, reason = await closing(ws)
        assert (code, reason) == (1008, "too many messages")


async def test_an_app_that_does_not_read_holds_the_service_back() -> None:
    """Kilobytes wait in between, however much the service would like to say."""
    sent = 0

    async def talkative(request: web.Request) -> web.WebSocketResponse:
        nonlocal sent
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        await ws.send_json({"type": "session.created", "session": {"type": "realtime"}})
        delta = json.dumps({"type": "response.output_audio.delta", "item_id": "item_1", "delta": "A" * 100_000})
        for _ in range(2_000):
            await ws.send_str(delta)
            sent += 1
        return ws

    async with service(talkative) as address, open_door(address) as door, ClientSession() as http:
        async with http.ws_connect(f"http://{door.base}/v1/realtime?model=m", max_msg_size=0) as ws:
            assert ws.get_extra_info("socket") is not None
            await ws.receive()
            reached = -1
            while reached != sent:
                reached = sent
                await asyncio.sleep(0.2)
            assert reached < 600  # of 2,000: what the kernel and three programs keep
            message = await ws.receive()
            assert message.type is WSMsgType.TEXT
        await door.empty()


# --- draining and health -----------------------------------------------------------------------------------------


async def test_draining_hears_the_reply_out_and_lets_nobody_in() -> None:
    async with (
        to_stand_in("It is a long answer, and it goes on for a while.") as (door, _),
        ClientSession() as http,
        door.connect() as ws,
    ):
        await hear(ws, "session.created")
        await ws.send('{"type":"response.create"}')
        await hear(ws, "response.created")
        draining = asyncio.create_task(door.gateway.drain(10))
        await asyncio.sleep(0)
        async with http.get(f"http://{door.base}/readyz") as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"]
        with pytest.raises(InvalidStatus) as refused:
            async with door.connect():
                pass
        assert refused.value.response.status_code == 503
        async with http.post(f"http://{door.base}/v1/realtime/client_secrets", json={}) as answer:
            assert answer.status == 503  # a secret for a gateway that takes nobody
        events, code, reason = await closing(ws)
        assert "response.done" in [event["type"] for event in events]
        assert (code, reason) == (1001, "the gateway is closing")
        await draining
        assert door.gateway.sessions == 0


async def test_draining_ends_when_the_grace_is_over() -> None:
    async with to_stand_in("It is a long answer, " * 20) as (door, _), door.connect() as ws:
        await hear(ws, "session.created")
        await ws.send('{"type":"response.create"}')
        await hear(ws, "response.created")
        await door.gateway.drain(0.05)
        _, code, _ = await closing(ws)
        assert code == 1001


async def test_health_is_told() -> None:
    async with to_stand_in() as (door, _), ClientSession() as http:
        for path in ("/healthz", "/readyz"):
            async with http.get(f"http://{door.base}{path}") as answer:
                assert (await answer.json())["status"] == "ok"
