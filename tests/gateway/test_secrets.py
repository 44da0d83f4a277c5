"""Client secrets: minted in the services' shape, checked by whoever shares the signing key, good for their time."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from openai.types.realtime import ClientSecretCreateResponse

from laconic.errors import BadInput
from laconic.events import Raw
from laconic.gateway.secrets import HEADER_BYTES, Grant, Secrets, preset
from laconic.gateway.sockets import Closed

SIGNING = "of at least thirty-two characters"
SESSION: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Sei kurz. 短く。",
    "audio": {"output": {"voice": "marin"}},
}


class Clock:
    def __init__(self) -> None:
        self.now = 1_785_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secrets(clock: Clock) -> Secrets:
    return Secrets(SIGNING.encode(), now=clock)


def minted(secrets: Secrets, **body: Any) -> dict[str, Any]:
    status, content = secrets.answer(json.dumps(body).encode(), "key_1")
    assert status == 200
    return content


def refused(secrets: Secrets, body: bytes) -> dict[str, Any]:
    status, content = secrets.answer(body, "key_1")
    assert status == 400
    assert content["error"]["type"] == "invalid_request_error"
    return content["error"]


# --- minting ---------------------------------------------------------------------------------------------------------


def test_a_secret_has_the_services_shape(secrets: Secrets) -> None:
    """The official SDK reads it as what it knows."""
    content = minted(secrets, expires_after={"anchor": "created_at", "seconds": 60}, session=SESSION)
    assert set(content) == {"value", "expires_at", "session"}
    assert content["value"].startswith("ek_")
    assert content["expires_at"] == 1_785_000_060
    assert content["session"] | SESSION == content["session"]
    assert content["session"]["expires_at"] == 0  # recorded
    assert content["session"]["id"].startswith("sess_")
    response = ClientSecretCreateResponse.model_validate(content)
    assert response.session.type == "realtime"


def test_it_says_whose_it_is_and_with_which_settings(secrets: Secrets) -> None:
    grant = secrets.verify(minted(secrets, session=SESSION)["value"])
    assert grant is not None
    assert grant == Grant("key_1", SESSION, 1_785_000_600)
    assert grant.model == "gpt-realtime"


def test_everything_may_be_left_out(secrets: Secrets) -> None:
    for body in (b"", b"{}", b' {"session":null,"expires_after":null}', b'{"expires_after":{}}'):
        status, content = secrets.answer(body, None)
        assert (status, content["expires_at"]) == (200, 1_785_000_600)
        grant = secrets.verify(content["value"])
        assert grant is not None
        assert grant == Grant(None, None, 1_785_000_600)
        assert grant.model is None


@pytest.mark.parametrize("seconds", [10, 7200])
def test_the_bounds_of_its_life_are_the_services(secrets: Secrets, seconds: int) -> None:
    assert minted(secrets, expires_after={"seconds": seconds})["expires_at"] == 1_785_000_000 + seconds


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b"\xff", None),
        (b'{"session":7}', "session"),
        (b'{"expires_after":7}', "expires_after"),
        (b'{"expires_after":{"anchor":"last_used_at"}}', "expires_after.anchor"),
        *((b'{"expires_after":{"seconds":%s}}' % bad, "expires_after.seconds")
          for bad in (b"9", b"7201", b"60.0", b"true", b'"60"', b"null")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_as_services_tell_it(secrets: Secrets, body: bytes, param: str | None) -> None:
    assert refused(secrets, body)["param"] == param


def test_settings_that_fit_into_no_header_are_refused(secrets: Secrets) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(20_000)).decode()
    for instructions in (noise, "a" * 2_000_000):
        no = refused(secrets, json.dumps({"session": {"instructions": instructions}}).encode())
        assert no["param"] == "session"
        assert "session.update" in no["message"]
    long = minted(secrets, session={"instructions": "Antworte in einem Satz. " * 2000})["value"]
    assert len(f"openai-insecure-api-key.{long}") < HEADER_BYTES


def test_it_may_stand_in_a_header_and_in_a_subprotocol(secrets: Secrets) -> None:
    """RFC 7230 tokens: letters, digits and a few signs."""
    for number in range(50):
        value = minted(secrets, session={"instructions": "x" * number})["value"]
        assert all(letter.isascii() and (letter.isalnum() or letter in "-_.") for letter in value)


# --- checking --------------------------------------------------------------------------------------------------------


def test_it_opens_no_door_once_it_has_expired(secrets: Secrets, clock: Clock) -> None:
    value = minted(secrets, expires_after={"seconds": 10})["value"]
    clock.now += 9
    assert secrets.verify(value) is not None
    clock.now += 1
    assert secrets.verify(value) is None


def test_what_was_changed_is_not_ours(secrets: Secrets) -> None:
    value = minted(secrets)["value"]
    for at in range(len(value)):
        changed = value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]
        assert secrets.verify(changed) is None or changed[-1] != value[-1]  # its last letter holds two bits to spare


@pytest.mark.parametrize("value", ["", "ek_", "ek_.", "ek_a.b", "sk-abc", "ek_é.é", "ek_" + "a" * 20_000 + ".b"])
def test_what_never_was_a_secret_of_ours(secrets: Secrets, value: str) -> None:
    assert secrets.verify(value) is None


def test_two_gateways_accept_each_others_where_they_share_the_signing_key(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SIGNING.replace(" ", "-"))
    file.chmod(0o600)
    one = Secrets.from_environment({"LACONIC_SIGNING_KEY": SIGNING.replace(" ", "-")})
    two = Secrets.from_environment({"LACONIC_SIGNING_KEY_FILE": str(file)})
    alone, another = Secrets.from_environment({}), Secrets.from_environment({})
    assert two.verify(one.mint()[0]) is not None
    assert alone.verify(alone.mint()[0]) is not None
    assert alone.verify(one.mint()[0]) is None
    assert another.verify(alone.mint()[0]) is None


def test_a_signing_key_anybody_could_guess_is_refused() -> None:
    with pytest.raises(BadInput, match="LACONIC_SIGNING_KEY is too short"):
        Secrets.from_environment({"LACONIC_SIGNING_KEY": "hunter2"})


def test_nobody_reads_the_signing_key_off_it(secrets: Secrets) -> None:
    assert SIGNING not in repr(secrets)
    assert SIGNING.encode() not in repr(vars(secrets)).encode()


# --- beginning with the settings -------------------------------------------------------------------------------------


class Service:
    """A socket with a script: what it says, and what it is told. `None` in the script waits for a message first."""

    def __init__(self, *script: dict[str, Any] | None) -> None:
        self.script = [None if event is None else json.dumps(event).encode() for event in script]
        self.told: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self._heard = asyncio.Event()

    async def recv(self) -> Raw:
        if self.script and self.script[0] is None:
            await self._heard.wait()
            self.script.pop(0)
        if not self.script:
            raise Closed(1000, "over")
        raw = self.script.pop(0)
        assert raw is not None
        return raw

    async def send(self, raw: Raw) -> None:
        self.told.append(json.loads(raw))
        self._heard.set()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


CREATED = {
    "type": "session.created",
    "event_id": "event_1",
    "session": {"type": "realtime", "id": "sess_1", "audio": {}},
}
UPDATED = {"type": "session.updated", "event_id": "event_2", "session": {"type": "realtime", "id": "sess_1", "x": 1}}


async def heard(socket: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        try:
            found.append(json.loads(await socket.recv()))
        except Closed:
            return found


async def test_the_greeting_shows_the_settings() -> None:
    service = Service(CREATED, None, {"type": "ping"}, UPDATED, {"type": "pong"})
    socket = await preset(service, SESSION)
    assert service.told == [
        {"type": "session.update", "session": {name: SESSION[name] for name in ("type", "instructions", "audio")}}
    ]
    assert await heard(socket) == [CREATED | {"session": UPDATED["session"]}, {"type": "ping"}, {"type": "pong"}]
    await socket.send(b'{"type":"x"}')
    await socket.close(1000, "bye")
    assert (service.told[-1], service.closed) == ({"type": "x"}, (1000, "bye"))


async def test_a_beta_service_is_told_in_its_own_spelling() -> None:
    flat = {"modalities": ["text"], "id": "sess_1"}
    service = Service({"type": "session.created", "session": flat}, None, UPDATED | {"session": flat})
    await preset(service, SESSION)
    assert service.told == [
        {"type": "session.update", "session": {"instructions": "Sei kurz. 短く。", "voice": "marin"}}
    ]


async def test_settings_the_service_refuses_are_told_to_the_app() -> None:
    error = {"type": "error", "error": {"code": "unknown_parameter", "message": "no", "event_id": None}}
    socket = await preset(Service(CREATED, None, error), SESSION)
    assert await heard(socket) == [CREATED, error]


@pytest.mark.parametrize("session", [None, {}, {"type": "realtime", "model": "gpt-realtime"}])
async def test_where_nothing_was_asked_for_nothing_is_sent(session: dict[str, Any] | None) -> None:
    service = Service(CREATED)
    assert await preset(service, session) is service
    assert service.told == []


async def test_a_service_that_greets_otherwise_is_left_alone() -> None:
    error = {"type": "error", "error": {"code": "invalid_api_key", "message": "no"}}
    service = Service(error)
    assert await heard(await preset(service, SESSION)) == [error]
    assert service.told == []


async def forget(raw: Raw) -> None: ...


async def test_a_service_that_never_answers_is_not_waited_for_long() -> None:
    service = Service(CREATED)

    service.script.append(None)
    service.send = forget
    socket = await preset(service, SESSION, patience_s=0.01)
    assert json.loads(await socket.recv()) == CREATED


async def test_a_service_that_hangs_up_is_heard_to_do_so() -> None:
    with pytest.raises(Closed):
        await preset(Service(), SESSION)
    socket = await preset(Service(CREATED), SESSION)
    assert await heard(socket) == [CREATED]
