"""What somebody may try at the gateway's door who means no good, and what it costs the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import make_mocked_request
from test_gateway_server import ask, closing, hear, open_door, to_stand_in, until
from websockets.typing import Subprotocol

from laconic.budget import limits
from laconic.client.laws_file import load_laws
from laconic.events import Raw
from laconic.gateway.admission import Admission
from laconic.gateway.asked import asked, keys_offered, same_origin, subprotocol
from laconic.gateway.calls import CALL_ID
from laconic.gateway.learning import Learning
from laconic.gateway.ledger import Wanted
from laconic.gateway.office import open_office
from laconic.gateway.relay import Batch, Relay
from laconic.gateway.secrets import Secrets
from laconic.rates import load


async def spoken(port: int, text: bytes, *, seconds: float = 5.0) -> bytes:
    """What the gateway answers to these bytes, until it closes or says no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    async with asyncio.timeout(seconds):
        answer = await reader.read()
    writer.close()
    return answer


def request(path: str = "/v1/realtime", **headers: str) -> Any:
    return make_mocked_request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


# --- keys --------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_no_text_is_a_wrong_key(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        admission = Admission(office.keys, Secrets(b"s" * 32))
        async with open_door("ws://127.0.0.1:9/v1/realtime", admission=admission, office=office) as door:
            knock = b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer lk-\xff\xfe\r\n"
            answer = await spoken(door.port, knock + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_nobody_comes_in_while_keys_cannot_be_looked_up(tmp_path: Path) -> None:
    """Nor does a gateway without keys take that for a word that there are none."""
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        _, key = await office.keys.create("it")
    for until_keyed in (True, False):
        admission = Admission(office.keys, Secrets(b"s" * 32), until_keyed=until_keyed)
        async with to_stand_in(admission=admission) as (door, _), ClientSession() as http:
            headers = {"Authorization": f"Bearer {key}"}
            async with http.get(f"http://{door.base}/v1/realtime?model=m", headers=headers) as answer:
                assert answer.status == 503
                assert (await answer.json())["error"]["code"] == "gateway_unavailable"
            assert len(door.told) == 1
            assert "ledger.db cannot be used" in door.told[0]


async def test_a_header_that_is_no_text_shuts_nobody_out() -> None:
    async with to_stand_in() as (door, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(
            b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"X-Name: \xff\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        async with asyncio.timeout(5):
            assert (await reader.readline()).split()[1] == b"101"
        writer.close()


@pytest.mark.parametrize("shown", ["Bearer lk-a", "bearer lk-a", "BEARER  lk-a ", "lk-a"])
def test_a_key_is_a_key_however_its_scheme_is_written(shown: str) -> None:
    assert keys_offered(request(Authorization=shown)) == ["lk-a"]


def test_few_keys_are_looked_at_however_many_are_shown() -> None:
    shown = ", ".join(f"openai-insecure-api-key.lk-{n}" for n in range(1_000))
    assert keys_offered(request(Authorization="Bearer lk-a", Sec_WebSocket_Protocol=f"realtime, {shown}")) == [
        "lk-a",
        "lk-0",
        "lk-1",
        "lk-2",
    ]


async def test_a_secret_speaks_for_whom_it_was_minted_and_nobody_else(tmp_path: Path) -> None:
    """Each user of the key has a budget: whoever holds a secret cannot spend another's."""
    async with open_office(f"sqlite:///{tmp_path}/ledger.db", load()) as office:
        _, key = await office.keys.create("shop", user_budgets=limits("$5"))
        admission = Admission(office.keys, Secrets(b"s" * 32))
        async with to_stand_in("Yes.", admission=admission, office=office) as (door, _), ClientSession() as http:
            secrets = list[str]()
            for user in ({"OpenAI-Safety-Identifier": "ann"}, {}):
                headers = {"Authorization": f"Bearer {key}", **user}
                async with http.post(f"http://{door.base}/v1/realtime/client_secrets", headers=headers) as answer:
                    secrets.append((await answer.json())["value"])
            for_ann, for_nobody = ({"Authorization": f"Bearer {secret}", "Laconic-User": "bob"} for secret in secrets)
            async with door.connect(additional_headers=for_ann) as ws:
                await ask(ws, "Hello?")
            await door.empty()
            async with door.connect(additional_headers=for_nobody) as ws:
                events, code, _ = await closing(ws)
        assert (events[0]["error"]["code"], code) == ("insufficient_quota", 3000)
        assert {row.user async for row in office.ledger.rows(Wanted())} == {"ann"}


def test_a_subprotocol_with_a_key_in_it_is_never_the_connections() -> None:
    for offered in ("openai-insecure-api-key.k", "realtime2, openai-beta", "", "openai-insecure-api-key.realtime"):
        assert subprotocol(request(Sec_WebSocket_Protocol=offered)) is None
        assert asked(request(Sec_WebSocket_Protocol=offered)).dialect == "ga"


# --- names -------------------------------------------------------------------------------------------------------


def test_what_could_not_stand_in_a_ledger_is_not_kept() -> None:
    labels = ",".join(f"l{n}=v" for n in range(500))
    wants = asked(request("/v1/realtime?model=a%00b", Laconic_User="u\x07" + "x" * 500, Laconic_Labels=labels))
    assert wants.model == "a\ufffdb"
    assert wants.user is not None
    assert (wants.user[:3], len(wants.user)) == ("u\ufffdx", 64)
    assert len(wants.labels) == 16
    json.dumps([wants.model, wants.user, dict(wants.labels)]).encode()


@pytest.mark.parametrize("call_id", ["..", ".", "../../files", "rtc_1/../x", "rtc 1", "é", "", "x" * 129])
def test_what_would_lead_to_another_address_is_no_call(call_id: str) -> None:
    assert CALL_ID.fullmatch(call_id) is None


async def test_no_call_id_leads_to_another_address_of_the_service() -> None:
    async with to_stand_in() as (door, stand_in):
        for path in ("/v1/realtime/calls/../hangup", "/v1/realtime/calls/%2e%2e/hangup"):
            knock = f"POST {path} HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            assert (await spoken(door.port, knock.encode())).startswith(b"HTTP/1.1 404 ")
        assert not stand_in.services


# --- pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "open", "let_in"),
    [
        ("127.0.0.1:8766", True, True),
        ("[::1]:8766", True, True),
        ("localhost:8766", True, True),
        ("evil.example:8766", True, False),
        ("evil.example:8766", False, True),
    ],
)
def test_where_no_key_is_wanted_a_name_does_not_make_a_page_ours(host: str, open: bool, let_in: bool) -> None:
    """A page's owner can have its name lead to this machine once the page is loaded."""
    page = request(Host=host, Origin=f"http://{host}")
    assert same_origin(page, frozenset(), open=open) is let_in
    assert same_origin(page, frozenset({f"http://{host}"}), open=open)


@pytest.mark.parametrize("origin", ["null", "http://[", "file://"])
def test_an_origin_that_is_none_is_elsewhere(origin: str) -> None:
    assert not same_origin(request(Host="127.0.0.1:8766", Origin=origin), frozenset(), open=True)


# --- slowness ----------------------------------------------------------------------------------------------------


async def test_who_does_not_say_what_they_want_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laconic.gateway.server._HEADERS_S", 0.1)
    async with to_stand_in() as (door, _):
        assert await spoken(door.port, b"GET /v1/realtime HTTP/1.1\r\nHost: g\r\nX-Slow: ") == b""


@pytest.mark.parametrize("path", ["client_secrets", "calls", "calls/rtc_1/accept", "calls/rtc_1/refer"])
@pytest.mark.parametrize("kind", ["application/json", "application/sdp", "multipart/form-data; boundary=b"])
async def test_a_body_that_never_ends_is_not_waited_for(path: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laconic.gateway.asked._BODY_S", 0.05)
    async with to_stand_in() as (door, _):
        knock = f"POST /v1/realtime/{path} HTTP/1.1\r\nHost: g\r\nContent-Type: {kind}\r\nContent-Length: 99\r\n\r\n--b"
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(knock.encode())
        async with asyncio.timeout(5):
            status = await reader.readline()
        writer.close()
        await writer.wait_closed()
        wanted = b"400" if path == "calls" and "json" in kind else b"408"
        assert status.split()[1] == wanted


# --- too many ----------------------------------------------------------------------------------------------------


async def test_when_all_seats_are_taken_the_next_is_told_so_until_one_is_free() -> None:
    async with to_stand_in(sessions=1) as (door, _):
        async with door.connect() as first:
            await hear(first, "session.created")
            async with door.connect() as second:
                events, code, reason = await closing(second)
            assert events[0]["error"]["code"] == "rate_limit_exceeded"
            assert "its 1 sessions" in events[0]["error"]["message"]
            assert (code, reason) == (3000, "invalid_request_error.rate_limit_exceeded")
        await door.empty()
        async with door.connect() as third:
            await hear(third, "session.created")


# --- mistakes of ours ----------------------------------------------------------------------------------------------


async def test_a_mistake_of_ours_ends_one_session_in_one_line_without_a_word_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(relay: Relay, raw: Raw, now: float) -> Batch | None:
        raise KeyError(raw)

    monkeypatch.setattr(Relay, "from_app", mistaken)
    async with to_stand_in() as (door, _):
        async with door.connect() as ws:
            await hear(ws, "session.created")
            await ws.send(json.dumps({"type": "session.update", "session": {"instructions": "my PIN is 1234"}}))
            events, code, _ = await closing(ws)
        await door.empty()
        assert (events[-1]["error"]["code"], code) == ("gateway_error", 1011)
        (line,) = door.told
        assert "KeyError at test_strangers.py:" in line
        assert "1234" not in line
        assert caplog.records == []


# --- what is learned -----------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_what_a_session_has_learned_the_next_one_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Mapping[str, object]] = []

    class Watched(Learning):
        async def laws(self, service: str, model: str) -> Any:
            laws = await super().laws(service, model)
            loaded.append({"service": service, "model": model, "known": laws is not None})
            return laws

    told: list[str] = []
    async with to_stand_in("Yes.", "No.", "Perhaps.", learning=Watched(told.append)) as (door, _):
        for _ in range(2):
            async with door.connect() as ws:
                for text in ("How high is it?", "And how far?", "Then we go."):
                    await ask(ws, text)
            await until(lambda: load_laws("127.0.0.1", "gpt-realtime") is not None)
            await door.empty()
    assert loaded == [
        {"service": "127.0.0.1", "model": "gpt-realtime", "known": False},
        {"service": "127.0.0.1", "model": "gpt-realtime", "known": True},
    ]
    assert told == []


async def test_a_browser_shows_its_secret_among_few_keys() -> None:
    """The secret counts though other protocols stand before it."""
    protocols = [Subprotocol("realtime"), Subprotocol("openai-agents-sdk"), Subprotocol("openai-insecure-api-key.any")]
    async with to_stand_in() as (door, _), door.connect(subprotocols=protocols) as ws:
        await hear(ws, "session.created")
