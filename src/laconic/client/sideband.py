"""Join a call that somebody else carries, WebRTC or SIP, and look after its memory and its budget from the side.

    async with laconic.attach_call("rtc_…", memory="summary", budget="$2") as call:
        async for event in call:
            ...                                   # or nothing: it is the receiving that does the work

The service lets a second WebSocket join by the id that was in the `Location` of the call's making. It is told all that
happens but neither that the session was created nor any sound (recorded: openai-sideband-audio-turn), and what it says
counts as much as what the caller's own program says. So what was said before it joined is not known here and stays as
it is. Settings, and which model it is, are asked for on joining by an update that changes nothing: there is no other
way. What was not heard the service truncates by itself; that is its duty in a call. Where a budget ends the session,
the call is hung up.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import msgspec

from laconic import __version__
from laconic import events as ev
from laconic.budget import Budget, limits
from laconic.client import refusals
from laconic.client.attach import make
from laconic.client.attached import Attached
from laconic.client.dial import Connection, dial
from laconic.client.endpoints import Endpoint, endpoint, is_loopback
from laconic.client.lines import AsyncLine
from laconic.errors import BadInput, Dropped, Refused
from laconic.events import Raw
from laconic.items import Wire
from laconic.memory import Memory
from laconic.rates import RateTable
from laconic.session import Notice

__all__ = ["Call", "attach_call", "call_endpoint"]

_CALL_ID = re.compile(r"[\w-]{1,200}", re.ASCII)
_TELL_SETTINGS = '{"type":"session.update","session":{"type":"realtime"}}'
_SETTINGS_S = 5.0
_HANGUP_S = 10.0
_NOT_FOR_CALLS = ("model", "deployment", "intent", "call_id")


class Call:
    """A call joined from the side. Iterate over it until it ends; what comes are the service's events, parsed.

    A budget holds as everywhere where the service answers by itself. A response that the caller's own program asks for
    cannot be held back from here: the call is hung up when the budget is used up, and the last reply may go beyond it.
    """

    laconic: Attached

    def __init__(self, call_id: str, connection: Connection, line: AsyncLine) -> None:
        self.id = call_id
        self.endpoint = connection.endpoint
        self._connection, self._line = connection, line
        self.laconic = Attached(line)
        self._hung_up = False

    async def __aiter__(self) -> AsyncIterator[Wire]:
        async for raw in self.messages():
            yield ev.wire(raw)

    async def messages(self) -> AsyncIterator[Raw]:
        """Every message until the call is over. Raises Dropped if the line broke, Refused if it was never ours."""
        inbox = self._line.desk.inbox
        refused: ev.Error | None = None
        await self._begin()
        if (why := self.laconic.session.over) is not None:
            raise BadInput(f"the call was left alone: {why}", ja=f"通話には手を付けていません（{why}）。")
        while True:
            while inbox:
                raw = inbox.popleft()
                event = ev.read(raw)
                refused = event if isinstance(event, ev.Error) else None
                yield raw
            if not self._hung_up and (self._line.desk.hangup is not None or self._used_up):
                await self.hang_up()
            self._line.desk.hangup = None
            try:
                raw = await self._line.next(self._connection.recv)
            except Dropped:
                self._line.end()
                if refused is not None:
                    raise refusals.refused(self.endpoint, refused) from None
                if self._connection.ended_well:
                    return
                raise
            if raw is not None:
                self._line.came(raw)

    @property
    def _used_up(self) -> bool:
        account = self.laconic.session.account
        return account is not None and any(account.spent(unit) >= account.limit(unit) for unit in account.units)

    async def _begin(self) -> None:
        """Learn the settings and the model before anything else: without them nothing has a price."""
        early: list[Raw] = []
        with suppress(Dropped, TimeoutError):  # what is to be said of that is read and raised later
            await self._line.send(_TELL_SETTINGS, None)
            async with asyncio.timeout(_SETTINGS_S):
                while not early or not isinstance(ev.read(early[-1]), ev.SessionUpdated | ev.Error):
                    early.append(await self._connection.recv())
        if early and isinstance(ev.read(early[-1]), ev.SessionUpdated):
            self._line.came(early.pop())
        for raw in early:
            self._line.came(raw)

    async def send(self, event: Wire) -> None:
        """Say something to the service, as the caller's program might."""
        await self._line.send(msgspec.json.encode(event), None)

    async def hang_up(self) -> None:
        """End the call itself, for everybody. Raises Refused."""
        self._hung_up = True
        await asyncio.to_thread(_hang_up, self.endpoint, self.id)


@asynccontextmanager
async def attach_call(
    call_id: str,
    *,
    service: str = "openai",
    memory: str | Memory = "auto",
    budget: Budget | str | None = None,
    model: str | None = None,
    rates: RateTable | None = None,
    summary_model: str | None = None,
    on_notice: Callable[[Notice], None] | None = None,
    lang: str = "en",
    env: Mapping[str, str] | None = None,
) -> AsyncGenerator[Call]:
    """Join the call, and leave it at the end of the block; the call itself goes on.

    `service`: `openai`, `azure`, or an address such as wss://…/v1/realtime; keys are read from `env` (os.environ).
    `budget`: what the call may cost from now on; where it ends, so does the call, after a goodbye. `model`: for the
    price list, where the service does not name it. The rest as for `attach`.
    Raises BadInput, NoKey, Refused or Unreachable.
    """
    if isinstance(budget, str):
        budget = Budget(limits=limits(budget), end="close", lang=lang)
    there = call_endpoint(call_id, service=service, model=model, env=os.environ if env is None else env)
    made = make(
        there.url, there.headers, memory=memory, budget=budget, model=model, rates=rates,
        summary_model=summary_model, on_notice=on_notice, lang=lang,
    )  # fmt: skip
    async with dial(there) as connection:

        async def carry(raw: Raw, how: object) -> None:
            await connection.send(raw)

        line = AsyncLine(made.desk, carry, gone=(Dropped,), writer=made.writer)
        try:
            yield Call(call_id, connection, line)
        finally:
            line.end()


def call_endpoint(call_id: str, *, service: str, model: str | None, env: Mapping[str, str]) -> Endpoint:
    """Where to join. Raises BadInput or NoKey."""
    if not _CALL_ID.fullmatch(call_id):
        raise BadInput(
            f"{call_id!r} is no call's id; it is the last part of the Location that POST /v1/realtime/calls answered "
            "with, such as rtc_…",
            ja=f"{call_id!r} は通話の ID ではありません。POST /v1/realtime/calls が返す Location の末尾（rtc_…）です。",
        )
    there = endpoint(service, model=model, deployment=model or "call", env=env)
    parts = urlsplit(there.url)
    kept = [f"{name}={quote(value, safe='')}" for name, value in parse_qsl(parts.query) if name not in _NOT_FOR_CALLS]
    query = "&".join([*kept, f"call_id={call_id}"])
    return replace(there, url=parts._replace(query=query).geturl(), model=model)


def _hang_up(there: Endpoint, call_id: str) -> None:
    """POST …/calls/ID/hangup, at the host and with the key of the sideband."""
    parts = urlsplit(there.url)
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    url = parts._replace(scheme=scheme, path=f"{parts.path}/calls/{call_id}/hangup", query="").geturl()
    request = Request(url, b"", {**there.headers, "User-Agent": f"laconic/{__version__}"}, method="POST")
    proxies = ProxyHandler({} if is_loopback(there.host) else None)
    try:
        with build_opener(proxies).open(request, timeout=_HANGUP_S):
            pass
    except OSError as error:  # HTTPError is one
        raise Refused(
            f"the call could not be hung up ({there.hide_keys(str(error))}); it goes on, and costs",
            ja=f"通話を切断できませんでした（{there.hide_keys(str(error))}）。通話と課金は続いています。",
        ) from None
