"""Client secrets: what a browser is given in place of a key, good for a few minutes and for one kind of session.

    POST /v1/realtime/client_secrets   {"expires_after": {"anchor": "created_at", "seconds": 600}, "session": {…}}
    200                                {"value": "ek_…", "expires_at": 1785781963, "session": {…}}

(PROTOCOL.md section 2.) A secret is a statement of ours with our signature: whose key it was minted for, until when
it opens a door, and the session's settings. Nothing is stored, so a gateway that was restarted, or another one, can
check it too, if they share a signing key: LACONIC_SIGNING_KEY, at least 32 characters, the same for all of them.
Without one each process makes its own and knows only its own secrets.

A secret is signed, not encrypted: who holds it can read the settings in it, as he could in `session.created`. It
opens doors until it expires; a session it opened may go on. Settings travel in a header, so there is a limit to
their length.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from laconic import events as ev
from laconic.client.endpoints import secret
from laconic.dialects import client_to_beta, client_to_ga, dialect_of
from laconic.errors import BadInput
from laconic.events import Raw
from laconic.gateway.sockets import Closed, Socket
from laconic.items import Wire

__all__ = ["HEADER_BYTES", "PREFIX", "Grant", "Secrets", "preset"]

PREFIX = "ek_"
"""How every client secret begins, OpenAI's and ours."""

HEADER_BYTES = 32_768
"""How long a header line the server must take, so that every secret fits into one."""

_LONGEST = 16_000
"""Of a secret, in characters. Proxies in front may take less: 8 kB is common."""

_SHORTEST_S, _LONGEST_S, _USUAL_S = 10, 7200, 600  # the services' bounds and default (SPEC)
_SIGNING_KEY = "LACONIC_SIGNING_KEY"
_PATIENCE_S = 10.0
_LARGEST_SETTINGS = 1_000_000  # bytes, before they are packed


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client secret is good for."""

    key: str | None
    """The id of the virtual key it was minted with; None where the gateway has none."""
    session: Wire | None
    """The settings to begin with, as they were given."""
    expires_at: int
    """Unix seconds."""
    user: str | None = None
    """Whom it was minted for, if the app said so then."""

    @property
    def model(self) -> str | None:
        """The model it was minted for, if one was named."""
        model: object = (self.session or {}).get("model")
        return model if isinstance(model, str) else None


class Secrets:
    """Mints and checks client secrets. `signing` is the key they are signed with, `now` tells Unix seconds."""

    def __init__(self, signing: bytes, *, now: Callable[[], float] = time.time) -> None:
        self._signing = hashlib.sha256(b"laconic client secrets\0" + signing).digest()
        self._now = now

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Secrets:
        """Signed with LACONIC_SIGNING_KEY (or what stands in the file LACONIC_SIGNING_KEY_FILE), or at random."""
        signing, source = secret(env, _SIGNING_KEY)
        if signing is None:
            return cls(secrets.token_bytes(32))
        if len(signing) < 32:
            raise BadInput(f"{source} is too short to sign with; give it 32 characters or more, made at random")
        return cls(signing.encode())

    def mint(
        self,
        key: str | None = None,
        session: Wire | None = None,
        seconds: int = _USUAL_S,
        *,
        user: str | None = None,
    ) -> tuple[str, int]:
        """A new secret, and when it expires. Raises ValueError if the settings are too long for one."""
        expires_at = int(self._now()) + seconds
        statement: Wire = {"id": secrets.token_hex(8), "until": expires_at, "key": key, "session": session}
        if user is not None:
            statement["user"] = user
        written = msgspec.json.encode(statement)
        body = _to_text(zlib.compress(written, 9))
        value = f"{PREFIX}{body}.{self._signature(body)}"
        if len(value) > _LONGEST or len(written) > _LARGEST_SETTINGS:
            raise ValueError(f"the session's settings make a secret of {len(value)} characters, {_LONGEST} at most")
        return value, expires_at

    def verify(self, value: str) -> Grant | None:
        """What this secret is good for; None if it is not one of ours, was changed, or has expired."""
        statement = self._statement(value)
        if statement is None or statement["until"] <= self._now():
            return None
        return Grant(statement["key"], statement["session"], statement["until"], statement.get("user"))

    def ours(self, value: str) -> bool:
        """Whether we have signed this, be it good for anything still or not."""
        return self._statement(value) is not None

    def _statement(self, value: str) -> Wire | None:
        body, dot, signature = value.removeprefix(PREFIX).partition(".")
        if not value.startswith(PREFIX) or not dot or len(value) > _LONGEST or not value.isascii():
            return None
        if not hmac.compare_digest(signature, self._signature(body)):
            return None
        # Signed by us: from here on it is what we wrote.
        return json.loads(zlib.decompress(_from_text(body)))

    def answer(self, body: bytes, key: str | None, *, user: str | None = None) -> tuple[int, Wire]:
        """The HTTP status and body for a request to mint one, of whoever holds this key, for this user."""
        try:
            seconds, session = _asked(body)
            value, expires_at = self.mint(key, session, seconds, user=user)
        except _Wrong as wrong:
            return 400, _error(wrong.message, wrong.param)
        except ValueError as long:
            message = f"{long}. Send what is long with session.update once you are connected."
            return 400, _error(message[0].upper() + message[1:], "session")
        shown: Wire = {"type": "realtime", "object": "realtime.session", "id": f"sess_{secrets.token_hex(10)}"}
        shown |= session or {}
        return 200, {"value": value, "expires_at": expires_at, "session": {**shown, "expires_at": 0}}

    def _signature(self, body: str) -> str:
        return _to_text(hmac.digest(self._signing, body.encode(), "sha256"))


# --- asking for one ----------------------------------------------------------------------------------------------


class _Wrong(Exception):
    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


def _asked(body: bytes) -> tuple[int, Wire | None]:
    try:
        found: Any = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _Wrong("The body is not a JSON object.", None)
    asked = cast(Wire, found)
    session: object = asked.get("session")
    if session is not None and not isinstance(session, dict):
        raise _Wrong("'session' is not an object.", "session")
    return _seconds(asked.get("expires_after")), cast("Wire | None", session)


def _seconds(expires: object) -> int:
    if expires is None:
        return _USUAL_S
    if not isinstance(expires, dict):
        raise _Wrong("'expires_after' is not an object.", "expires_after")
    wanted = cast(Wire, expires)
    if wanted.get("anchor", "created_at") != "created_at":
        raise _Wrong("'created_at' is the only anchor.", "expires_after.anchor")
    seconds: object = wanted.get("seconds", _USUAL_S)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not _SHORTEST_S <= seconds <= _LONGEST_S:
        message = f"'seconds' must be a whole number from {_SHORTEST_S} to {_LONGEST_S}."
        raise _Wrong(message, "expires_after.seconds")
    return seconds


def _error(message: str, param: str | None) -> Wire:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": "invalid_value"}}


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- beginning a session with its settings -----------------------------------------------------------------------


class _Begun:
    """A socket of which the first messages were read already."""

    def __init__(self, socket: Socket, waiting: deque[Raw]) -> None:
        self._socket = socket
        self._waiting = waiting

    async def recv(self) -> Raw:
        return self._waiting.popleft() if self._waiting else await self._socket.recv()

    async def send(self, raw: Raw) -> None:
        await self._socket.send(raw)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)


async def preset(service: Socket, session: Wire | None, *, patience_s: float = _PATIENCE_S) -> Socket:
    """The service's socket, its session begun with these settings: its `session.created` shows them.

    The settings are sent as soon as the service has greeted, and its `session.updated` becomes the greeting. If the
    service refuses them, or says nothing within `patience_s`, everything it did say is there to be read, in order:
    the app learns of the refusal as it would have from its own `session.update`. Raises Closed.
    """
    settings = {name: value for name, value in (session or {}).items() if name != "model"}  # that is in the address
    if not set(settings) - {"type"}:
        return service
    waiting = deque[Raw]()
    try:
        async with asyncio.timeout(patience_s):
            await _begin(service, settings, waiting)
    except TimeoutError:
        pass
    except Closed:
        if not waiting:
            raise  # else the app hears what was said, and then this again
    return _Begun(service, waiting)


async def _begin(service: Socket, settings: Wire, waiting: deque[Raw]) -> None:
    waiting.append(await service.recv())
    greeting = ev.read(waiting[0])
    if not isinstance(greeting, ev.SessionCreated):
        return
    update = client_to_ga({"type": "session.update", "session": settings})
    if dialect_of({"session": greeting.session}) == "beta":
        update = client_to_beta(update)
    await service.send(msgspec.json.encode(update))
    while True:
        raw = await service.recv()
        answer = ev.read(raw)
        if isinstance(answer, ev.SessionUpdated):
            waiting[0] = msgspec.json.encode(ev.wire(waiting[0]) | {"session": answer.session})
            return
        waiting.append(raw)
        if isinstance(answer, ev.Error):
            return
