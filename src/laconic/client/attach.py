"""Put the engine under a connection that is open already: two lines in a program that need not change otherwise.

    connection = laconic.attach(connection, memory="auto", budget="$2")
    ...                                             # as before
    print(connection.laconic.meter.total)

The connection may be one of the `openai` SDK (async or sync), of `websockets` (asyncio or sync) or of aiohttp. It is
the same object afterwards, with the same methods, messages and exceptions. What the engine says to the service, and
what the service answers to that, the program never sees.

Attach before anything is received, if you can: the service's first message tells the model and the settings. Later is
no mistake: what was said before stays as it is, since nobody here knows it, and is counted from its first bill on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from websockets.asyncio.client import ClientConnection
from websockets.sync.client import ClientConnection as SyncClientConnection

from laconic.budget import Budget, limits
from laconic.client.attached import Attached
from laconic.client.attached_websockets import (
    AttachedClientConnection,
    AttachedSyncClientConnection,
    attach_async,
    attach_sync,
)
from laconic.client.chat_endpoints import chat_endpoint
from laconic.client.desk import Desk
from laconic.client.endpoints import Endpoint, provider
from laconic.client.laws_file import load_laws
from laconic.client.ring import KEEP_SOUND_MB, ring
from laconic.client.summaries import Writer, written_by
from laconic.errors import BadInput
from laconic.keeping import Keep
from laconic.memory import Memory, memory
from laconic.rates import RateTable
from laconic.session import Notice, Session

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse
    from openai.resources.realtime.realtime import AsyncRealtimeConnection, RealtimeConnection

    from laconic.client.attached_aiohttp import AttachedClientWebSocketResponse

    class AttachedAsyncRealtimeConnection(AsyncRealtimeConnection):
        """For type checkers: the SDK's connection, and the engine."""

        laconic: Attached

    class AttachedRealtimeConnection(RealtimeConnection):
        """For type checkers: the SDK's connection, and the engine."""

        laconic: Attached


__all__ = ["Made", "Making", "attach"]

_SENT_ALONG = ("authorization", "api-key", "openai-organization", "openai-project")

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Made:
    """What stands between an app and a service."""

    desk: Desk
    writer: Writer | None


Making = Callable[[str, Mapping[str, str], int | None], Made]
"""Makes it for a connection to this address, dialled with these headers, that takes messages of so many bytes at most;
None: of any."""


@overload
def attach(
    connection: ClientConnection, *, memory: str | Memory = ..., budget: Budget | str | None = ...,
    model: str | None = ..., rates: RateTable | None = ..., summary_model: str | None = ...,
    on_notice: Callable[[Notice], None] | None = ..., lang: str = ..., keep_sound: int = ...,
) -> AttachedClientConnection: ...  # fmt: skip
@overload
def attach(
    connection: SyncClientConnection, *, memory: str | Memory = ..., budget: Budget | str | None = ...,
    model: str | None = ..., rates: RateTable | None = ..., summary_model: str | None = ...,
    on_notice: Callable[[Notice], None] | None = ..., lang: str = ..., keep_sound: int = ...,
) -> AttachedSyncClientConnection: ...  # fmt: skip
@overload
def attach(
    connection: AsyncRealtimeConnection, *, memory: str | Memory = ..., budget: Budget | str | None = ...,
    model: str | None = ..., rates: RateTable | None = ..., summary_model: str | None = ...,
    on_notice: Callable[[Notice], None] | None = ..., lang: str = ..., keep_sound: int = ...,
) -> AttachedAsyncRealtimeConnection: ...  # fmt: skip
@overload
def attach(
    connection: RealtimeConnection, *, memory: str | Memory = ..., budget: Budget | str | None = ...,
    model: str | None = ..., rates: RateTable | None = ..., summary_model: str | None = ...,
    on_notice: Callable[[Notice], None] | None = ..., lang: str = ..., keep_sound: int = ...,
) -> AttachedRealtimeConnection: ...  # fmt: skip
@overload
def attach(
    connection: ClientWebSocketResponse[Any], *, memory: str | Memory = ..., budget: Budget | str | None = ...,
    model: str | None = ..., rates: RateTable | None = ..., summary_model: str | None = ...,
    on_notice: Callable[[Notice], None] | None = ..., lang: str = ..., keep_sound: int = ...,
) -> AttachedClientWebSocketResponse: ...  # fmt: skip


def attach(
    connection: Any,
    *,
    memory: str | Memory = "auto",
    budget: Budget | str | None = None,
    model: str | None = None,
    rates: RateTable | None = None,
    summary_model: str | None = None,
    on_notice: Callable[[Notice], None] | None = None,
    lang: str = "en",
    keep_sound: int = KEEP_SOUND_MB,
) -> Any:
    """The connection, with the engine under it, and `laconic` (an `Attached`) as one more attribute.

    `memory`: what the service shall remember, by name (`auto`, `written`, `summary`, `last:N`, …) or as a policy.
    `budget`: what the session may cost at most, such as `"$2"`, `"30 min"`, `"50000 tokens"`, with a goodbye before it
    is used up and an error event for whatever is asked for afterwards; a `Budget` says otherwise. `model`: for the
    price list, where neither the address nor the service names it. `rates`: your own prices. `summary_model`: which
    text model writes summaries, over HTTP with the key of this connection and at its host (or as LACONIC_SUMMARY_URL,
    …_MODEL and …_KEY say); where there can be none, the session's own model writes them. `lang`: `en` or `ja`, in which
    summaries are asked for. `keep_sound`: megabytes of a temporary file in which the sound and the images are kept of
    what leaves the conversation, for programs that retrieve items; 0: none. Raises BadInput for a connection that is
    none of those known, not open, or attached already, and for a memory, budget or number of megabytes that is none.
    """

    def making(url: str, headers: Mapping[str, str], receives: int | None) -> Made:
        return make(
            url, headers, memory=memory, budget=budget, model=model, rates=rates, summary_model=summary_model,
            on_notice=on_notice, lang=lang, keep=ring(keep_sound, receives=receives),
        )  # fmt: skip

    if isinstance(getattr(connection, "laconic", None), Attached):
        raise BadInput("this connection is attached already; its engine is connection.laconic")
    if isinstance(connection, ClientConnection):
        return attach_async(connection, making)
    if isinstance(connection, SyncClientConnection):
        return attach_sync(connection, making)
    within = getattr(connection, "_connection", None)
    if isinstance(within, ClientConnection | SyncClientConnection):
        from laconic.client.attached_openai import attach_openai

        return attach_openai(connection, within, making)
    if any(known.__module__.startswith("aiohttp.") for known in type(connection).__mro__):
        from aiohttp import ClientWebSocketResponse

        if isinstance(connection, ClientWebSocketResponse):
            from laconic.client.attached_aiohttp import attach_aiohttp

            return attach_aiohttp(connection, making)
    known = type(connection)
    raise BadInput(
        f"{known.__module__}.{known.__qualname__} is no open connection that can be attached; give what `async with` "
        "(or `with`) yields: of openai's client.realtime.connect(), websockets' connect() or aiohttp's ws_connect(). "
        "Other clients are pointed at laconic.local_gateway()"
    )


def make(
    url: str,
    headers: Mapping[str, str],
    *,
    memory: str | Memory,
    budget: Budget | str | None,
    model: str | None,
    rates: RateTable | None,
    summary_model: str | None,
    on_notice: Callable[[Notice], None] | None,
    lang: str,
    keep: Keep | None = None,
) -> Made:
    """Session, desk and writer for a connection to `url`. BadInput for a memory or budget that is none."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    named = query.get("model") or query.get("deployment")
    sent = {name: value for name, value in headers.items() if name.lower() in _SENT_ALONG}
    writer, wrote = _writer(url, sent, model or named, summary_model, lang) if parts.hostname else (None, None)
    numbers, run_id = count(1), uuid4().hex[:12]
    session = Session(
        ids=lambda: f"laconic_{run_id}_{next(numbers)}",
        memory=_memory(memory),
        model=model or named,
        rates=rates,
        laws=load_laws(parts.hostname or "", model or named or ""),
        service=provider(url),
        summary_model=wrote or model or named,
        budget=Budget(limits=limits(budget), lang=lang) if isinstance(budget, str) else budget,
        keep=keep,
    )
    return Made(Desk(session, url=url, model=model or named, on_notice=on_notice, lang=lang), writer)


def _writer(
    url: str, headers: Mapping[str, str], model: str | None, summary_model: str | None, lang: str
) -> tuple[Writer | None, str | None]:
    """Who writes summaries, and with which model; None: the session's own does.

    A client secret opens nothing but its session, and a text model of Azure has a name nobody can guess.
    """
    keys = [value.removeprefix("Bearer ") for value in headers.values()]
    elsewhere = os.environ.get("LACONIC_SUMMARY_URL") or os.environ.get("LACONIC_SUMMARY_KEY")
    if any(key.startswith("ek_") for key in keys) and not elsewhere:
        return None, None
    try:
        chat = chat_endpoint(Endpoint("url", url, headers, None, model), env=os.environ, model=summary_model)
    except BadInput:
        if summary_model or elsewhere:
            raise
        return None, None
    return written_by(chat, lang), chat.model


def _memory(wanted: str | Memory) -> Memory:
    return memory(wanted)
