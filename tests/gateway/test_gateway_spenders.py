"""Two real gateways on one PostgreSQL, one key with a budget, and apps that take no notice of anything they are told.

They ask for responses all the time, several at once, of any length, and go on when they are refused. What the service
bills, by its own account and with the responses nobody was left to write down, is never over the budget by more than a
hundredth, though gateways are killed (`kill -9`) while it is being spent.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from commands import command
from simulator.doubles import Ears, LoudTurns, Voice, Yes
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from laconic.budget import limits as read_limits
from laconic.gateway.database import open_database, utc_now
from laconic.gateway.keys import Keys
from laconic.gateway.limits import Limits
from laconic.gateway.proof import prove
from laconic.meter import price
from laconic.rates import load
from laconic.simulator.habits import Habits
from laconic.simulator.minds.reply import Reply
from laconic.simulator.parts import Parts
from laconic.simulator.responding import Pace
from laconic.simulator.server import StandIn, serve

_TOLD_S = 120.0
APPS = 3
"""For each gateway."""
MODEL = "gpt-realtime"


class Talkative(Yes):
    """Says something of any length."""

    def __init__(self) -> None:
        super().__init__()
        self._chance = random.Random(11)

    def answer(self, *_: Any, **__: Any) -> Reply:
        return Reply(text="so it goes " * self._chance.choice([1, 4, 12]))


def billed(stand_in: StandIn) -> int:
    """Nano-dollars, by the service's own account."""
    rates = load().find(MODEL)
    assert rates is not None
    usages = [usage for service in stand_in.services for usage in service.usages.values() if usage is not None]
    return sum(price(usage, rates).nanodollars for usage in usages)


async def spending(stand_in: StandIn, until: int) -> None:
    """Until so much is billed, or nothing more is: those who were killed may hold all that is left."""
    bill, still = billed(stand_in), 0
    while bill < until and still < 40:
        await asyncio.sleep(0.05)
        before, bill = bill, billed(stand_in)
        still = still + 1 if bill == before else 0


class Flood:
    """Apps that ask and ask, until their gateway is gone."""

    def __init__(self, address: str, secret: str) -> None:
        self._address = f"{address}?model={MODEL}"
        self._headers = {"Authorization": f"Bearer {secret}"}
        self.refused = [asyncio.Event() for _ in range(APPS)]
        """Whether they were told that there is nothing any more."""
        self._tasks = [asyncio.create_task(self._app(number)) for number in range(APPS)]

    async def ended(self) -> None:
        await asyncio.gather(*self._tasks)

    async def over(self) -> None:
        """Until every app was told, and for a while after that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TOLD_S):
                await asyncio.gather(*(one.wait() for one in self.refused))
        assert all(one.is_set() for one in self.refused), "somebody is refused again and again, and never told the end"
        await asyncio.sleep(0.2)

    async def _app(self, number: int) -> None:
        try:
            async with connect(self._address, additional_headers=self._headers, max_size=None) as connection:
                asking = asyncio.create_task(self._ask(connection, random.Random(number)))
                try:
                    async for raw in connection:
                        event = json.loads(raw)
                        # Without an event's id it is no answer: the session as a whole is over, or was not let in.
                        if event["type"] == "error" and event["error"]["event_id"] is None:
                            assert event["error"]["code"] in ("budget_exceeded", "insufficient_quota")
                            self.refused[number].set()
                finally:
                    asking.cancel()
        except (ConnectionClosed, InvalidHandshake, OSError):
            return

    async def _ask(self, connection: ClientConnection, chance: random.Random) -> None:
        """Most of them a few hundred tokens at most, so that the sessions' leases are a part of the budget each."""
        session: dict[str, Any] = {"type": "realtime", "max_output_tokens": 300}
        try:
            await connection.send(json.dumps({"type": "session.update", "session": session}))
            for number in count():
                own = chance.choice(
                    [{}, {}, {"max_output_tokens": "inf"}, {"conversation": "none"}, {"output_modalities": ["text"]}]
                )
                event = {"type": "response.create", "event_id": f"ask_{number}", "response": own}
                if number % 3 == 0:
                    text = {"type": "input_text", "text": "And then? " * chance.choice([1, 300])}
                    item = {"type": "message", "role": "user", "content": [text]}
                    await connection.send(json.dumps({"type": "conversation.item.create", "item": item}))
                await connection.send(json.dumps(event))
                await asyncio.sleep(0.01)
        except ConnectionClosed:
            return


@asynccontextmanager
async def flooded(service: str, url: str, secret: str) -> AsyncGenerator[Flood]:
    """A gateway, and apps that flood it; it is killed at the end."""
    async with command("gateway", "--service", service, "--ledger", url, "--log", "off") as (gateway, address):
        flood = Flood(address, secret)
        yield flood
        gateway.kill()
        await flood.ended()


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "budget"), [(0, "$1"), pytest.param(12, "$12", marks=pytest.mark.soak)])
async def test_apps_that_take_no_notice_never_overspend_a_key(new_postgresql: str, kills: int, budget: str) -> None:
    chance = random.Random(7)
    (limit,) = read_limits(budget)
    async with open_database(new_postgresql) as database:
        key, secret = await Keys(database).create("it", budgets=(limit,))
    parts = Parts(hearing=Ears(), voice=Voice(), mind=Talkative(), turns=LoudTurns)
    pace = Pace(latency_s=0.02, speedup=200.0, piece_s=0.0005)
    async with serve(habits=Habits(model=MODEL, pace=pace), parts=parts) as stand_in:
        service = f"ws://127.0.0.1:{stand_in.port}/v1/realtime"
        if kills:
            # One stays, beside others that are killed one after the other.
            async with flooded(service, new_postgresql, secret):
                for _ in range(kills):
                    until = billed(stand_in) + chance.randint(1, limit.amount // (3 * kills))
                    async with flooded(service, new_postgresql, secret):
                        await spending(stand_in, until)
            async with open_database(new_postgresql) as database:
                assert (await prove(database)).wrong == ()
                # All are dead: collect what they held.
                await Limits(database, lambda: utc_now() + timedelta(hours=1)).renew()
        # Two use up what is left.
        async with AsyncExitStack() as last:
            flooding = (last.enter_async_context(flooded(service, new_postgresql, secret)) for _ in range(2))
            for flood in await asyncio.gather(*flooding):
                await flood.over()
        bill = billed(stand_in)
        print(f"{bill / limit.amount - 1:+.2%} of {budget}")
        assert bill <= 1.01 * limit.amount
        async with open_database(new_postgresql) as database:
            await Limits(database, lambda: utc_now() + timedelta(hours=1)).renew()
            (standing,) = await Limits(database).standings(key)
            assert bill <= standing.used <= limit.amount
            assert (await prove(database)).wrong == ()
        assert 2 * bill > limit.amount, "most of it was spent, and not only held"
