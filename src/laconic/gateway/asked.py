"""What an app asks for when it knocks: which model, in which dialect, with which key, and for whom.

Apps say it in as many ways as services have taught them (PROTOCOL.md section 2): the key as a bearer token, in Azure's
header or query, or, from a browser that can set no headers, among the subprotocols; the model as `model` or as Azure's
`deployment`; the dialect by the address, by the header of the beta, or by its subprotocol, which OpenAI's own client of
the beta sent from browsers (openai-realtime-api-beta, lib/api.js, 2024).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp.web import HTTPRequestTimeout, Request

from laconic.dialects import Dialect

__all__ = ["BETA_PATHS", "PATHS", "Asked", "asked", "in_time", "keys_offered", "same_origin", "subprotocol"]

PATHS = ("/v1/realtime", "/openai/v1/realtime")
BETA_PATHS = ("/openai/realtime", "/voice-live/realtime")
_PROTOCOL = "realtime"
_BETA_PROTOCOL = "openai-beta.realtime-v1"
_KEY_PROTOCOL = "openai-insecure-api-key."
_BEARER = re.compile(r"\s*bearer\s", re.IGNORECASE)
"""A scheme's name is one in any case of letters (RFC 9110, 11.1)."""
_BESIDE_A_MODEL = ("call_id", "intent")
_LONGEST = 64
"""Characters of a label or a user's name that are kept."""
_MOST_LABELS = 16
_MOST_KEYS = 4
"""That are looked at: an app has one, perhaps in two places, and each costs a look into the database."""
_BODY_S = 10.0
_Body = TypeVar("_Body")


@dataclass(frozen=True, slots=True)
class Asked:
    """An app's wishes. No key in it."""

    model: str | None
    dialect: Dialect
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    """`call_id` or `intent`, which stand in a model's place."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """`Laconic-Labels: team=support, app=kiosk`, for the ledger."""
    user: str | None = None
    """`Laconic-User`, or OpenAI's `OpenAI-Safety-Identifier`."""


def asked(request: Request) -> Asked:
    """What this request asks for. What could not stand in a ledger is not kept: no control characters, nothing that is
    no text; a model's name of that kind is a model that does not exist."""
    query = request.query
    beta = (
        request.path in BETA_PATHS
        or "realtime=v1" in request.headers.get("OpenAI-Beta", "")
        or _BETA_PROTOCOL in _subprotocols(request)
    )
    user = request.headers.get("Laconic-User") or request.headers.get("OpenAI-Safety-Identifier")
    return Asked(
        model=_clean(query.get("model") or query.get("deployment") or "") or None,
        dialect="beta" if beta else "ga",
        beside={name: query[name] for name in _BESIDE_A_MODEL if query.get(name)},
        labels=_labels(request.headers.get("Laconic-Labels", "")),
        user=_clean(user)[:_LONGEST] or None if user else None,
    )


def keys_offered(request: Request) -> list[str]:
    """The keys the app shows, in whichever place. What no key is made of is none."""
    offered = [_BEARER.sub("", request.headers.get("Authorization", "")).strip()]
    offered += [request.headers.get("api-key", ""), request.query.get("api-key", "")]
    offered += [one.removeprefix(_KEY_PROTOCOL) for one in _subprotocols(request) if one.startswith(_KEY_PROTOCOL)]
    return [key for key in offered if key and key.isascii()][:_MOST_KEYS]


def subprotocol(request: Request) -> str | None:
    """Which of the subprotocols a browser offers is the connection's; None: none, and a browser that has offered any
    hangs up. Never one with a key in it."""
    offered = _subprotocols(request)
    return next((one for one in (_PROTOCOL, _BETA_PROTOCOL) if one in offered), None)


def same_origin(request: Request, allowed: frozenset[str], *, open: bool) -> bool:
    """Whether the page a browser is on may talk to us: ours, one of the allowed, or none, where it is no browser.

    A page elsewhere could make its reader's browser connect to a gateway on the reader's own machine. `open`: no key
    is wanted, so the page's address is all there is to go by. Then a name does not do: its owner may have it lead to
    this machine once the page is loaded (DNS rebinding), and it would look like ours."""
    origin = request.headers.get("Origin")
    if origin is None or origin in allowed or "*" in allowed:
        return True
    try:
        page = urlsplit(origin)
        return page.netloc == request.host and (not open or _is_no_name(page.hostname or ""))
    except ValueError:
        return False


async def in_time(reading: Awaitable[_Body]) -> _Body:
    """A request's body. Whoever takes longer than ten seconds to send it is told so (HTTP 408)."""
    try:
        async with asyncio.timeout(_BODY_S):
            return await reading
    except TimeoutError:
        raise HTTPRequestTimeout from None


def _subprotocols(request: Request) -> list[str]:
    lines = request.headers.getall("Sec-WebSocket-Protocol", ())
    return [one.strip() for line in lines for one in line.split(",")]


def _is_no_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return True


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _labels(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in _clean(text).split(",") if "=" in pair][:_MOST_LABELS]
    return {name.strip()[:_LONGEST]: value.strip()[:_LONGEST] for name, _, value in pairs if name.strip()}
