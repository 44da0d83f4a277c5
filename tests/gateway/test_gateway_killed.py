"""The real gateway, killed (`kill -9`) while clients talk through it: every response they saw has its row, and whatever
they heard is paid for."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import signal
from collections import Counter
from datetime import timedelta

import pytest
from commands import command
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from laconic.budget import limits as read_limits
from laconic.gateway.database import open_database, utc_now
from laconic.gateway.keys import Keys
from laconic.gateway.ledger import Ledger
from laconic.gateway.limits import Limits
from laconic.gateway.proof import prove

SESSIONS = 4


class Apps:
    """Some apps that talk, in writing, for as long as there is a gateway; and what they have seen."""

    def __init__(self, address: str, secret: str) -> None:
        self._address = f"{address}?model=gpt-realtime"
        self._headers = {"Authorization": f"Bearer {secret}"}
        self.seen = Counter[str]()
        self.enough: asyncio.Event = asyncio.Event()
        self._until = 0

    async def talk(self, responses: int) -> None:
        """Until all of them together have seen so many more responses, and the gateway is gone."""
        self._until = self.seen.total() + responses
        self.enough.clear()
        await asyncio.gather(*(self._app() for _ in range(SESSIONS)))

    async def _app(self) -> None:
        try:
            async with connect(self._address, additional_headers=self._headers) as connection:
                while True:
                    await self._exchange(connection)
        except (ConnectionClosed, OSError):
            return

    async def _exchange(self, connection: ClientConnection) -> None:
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello there."}]}
        await connection.send(json.dumps({"type": "conversation.item.create", "item": said}))
        await connection.send(json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}}))
        while True:
            event = json.loads(await connection.recv())
            if event["type"] == "response.done":
                self.seen[event["response"]["id"]] += 1
                if self.seen.total() >= self._until:
                    self.enough.set()
                return


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.soak)])
async def test_nothing_an_app_has_seen_is_missing_from_the_ledger(books_url: str, kills: int) -> None:
    chance = random.Random(4)
    async with open_database(books_url) as database:
        key, secret = await Keys(database).create("it")
    async with command("simulate", "--mind", "echo", "--latency-ms", "0", "--speedup", "1000") as (_, service):
        seen = Counter[str]()
        for number in range(kills):
            async with command("gateway", "--service", service, "--ledger", books_url) as (gateway, address):
                apps = Apps(address, secret)
                talking = asyncio.create_task(apps.talk(chance.randint(1, 60)))
                await apps.enough.wait()
                gateway.send_signal(signal.SIGKILL)
                await talking
                seen += apps.seen
            async with open_database(books_url) as database:
                rows = [row async for row in Ledger(database).rows()]
                proof = await prove(database)
            written = Counter(row.id for row in rows)
            assert seen - written == Counter()
            # What is written beside it was on its way to an app when the gateway died: a response for each of them.
            assert (written - seen).total() <= SESSIONS * (number + 1)
            assert proof.wrong == ()
            assert {row.key for row in rows} == {key.id}
            assert {row.status for row in rows} == {"completed"}
            assert all(row.charges and not row.unknown for row in rows)
            # Nothing that was said, and no key.
            assert not any(word in repr(rows) for word in ("Hello", secret, secret.removeprefix("lk-")[:10]))


async def hear(address: str, secret: str, seconds: float) -> float:
    """A calm app: when a short reply in writing is over it asks for a spoken one, and listens for so long. How many
    seconds it heard."""
    heard = 0
    headers = {"Authorization": f"Bearer {secret}"}
    async with connect(f"{address}?model=gpt-realtime", additional_headers=headers, max_size=None) as connection:

        async def ask(text: str, **settings: object) -> None:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
            await connection.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await connection.send(json.dumps({"type": "response.create", "response": settings}))

        await ask("Hello there.", output_modalities=["text"])
        while heard < seconds * 48_000:
            event = json.loads(await connection.recv())
            assert event["type"] != "error", event
            if event["type"] == "response.done":
                assert not heard, "so short a reply shows nothing"
                await asyncio.sleep(0.3)  # whatever the gateway has to say to its database is said
                await ask("and then? " * 40)
            if event["type"] == "response.output_audio.delta":
                heard += len(base64.b64decode(event["delta"]))
    return heard / 48_000


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.soak)])
async def test_what_was_heard_of_replies_in_which_the_gateway_died_is_paid_for(books_url: str, kills: int) -> None:
    """One app at a time and one reply: the last word its gateway wrote down was that of the reply before it."""
    chance, used = random.Random(8), 0
    (limit,) = read_limits("$30")
    async with open_database(books_url) as database:
        key, secret = await Keys(database).create("it", budgets=(limit,))
    async with command("simulate", "--mind", "echo", "--latency-ms", "0", "--speedup", "200") as (_, service):
        for _ in range(kills):
            async with command("gateway", "--service", service, "--ledger", books_url) as (gateway, address):
                heard = await hear(address, secret, chance.uniform(1, 5))
                gateway.send_signal(signal.SIGKILL)
                await gateway.wait()
            async with open_database(books_url) as database:
                await Limits(database, lambda: utc_now() + timedelta(minutes=3)).renew()  # its lease has expired
                (standing,) = await Limits(database).standings(key)
                assert (await prove(database)).wrong == ()
            # A second of sound is 20 tokens of $0.000064.
            assert 0 < heard * 20 * 64_000 <= standing.used - used
            used = standing.used
            assert used <= limit.amount
            assert standing.held == 0
