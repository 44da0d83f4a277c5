"""Sessions of two gateways that share the last of a budget never stand still: one of them can go on, or they end.

Engines, leases and ledger are the real ones; only the time is the test's. Every session wants a reply, and the next as
soon as it has that. Their prompts differ in length, and so does what a reply of theirs may cost.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bookkeeping import Watch, reply
from limited_talk import Talk, Wire, usage

from laconic.actions import GiveBack, Lease, ToService
from laconic.budget import Budget, Limit
from laconic.gateway.database import Database, open_database
from laconic.gateway.keys import Key
from laconic.gateway.ledger import Ledger
from laconic.gateway.limits import Limits, Share
from laconic.usage import Usage

_STEP_S = 0.125
_TEXT_IN, _AUDIO_OUT = 4_000, 64_000  # nano-dollars a token
_GOODBYE = 17_000_000


@dataclass
class Sharer:
    """One session: its engine and its share."""

    name: str
    talk: Talk
    share: Share
    reads: int
    """Text tokens of its prompt."""
    at: float = 0.0
    """When it does something next."""
    running: dict[str, int] = field(default_factory=dict[str, int])
    """Its replies under way, and what they read."""
    kept: int = 0
    """What it last said that it keeps for its goodbye, nano-dollars."""
    left: int = 0
    """What anybody could have used for a reply when it would not go on, with what it kept itself."""
    gone: bool = False

    @property
    def needs(self) -> int:
        """What a short reply may cost it, with the engine's margin for what it cannot know, and its goodbye."""
        return _TEXT_IN * (self.reads * 9 // 8 + 464) + 200 * _AUDIO_OUT + _GOODBYE


class Table:
    """Everybody, and the clock."""

    def __init__(self, database: Database, seed: int) -> None:
        self.chance, self.watch = random.Random(seed), Watch()
        self.amount = self.chance.randrange(500_000_000, 600_000_000)
        self.key = Key("key_it", "it", budgets=(Limit("nanodollars", self.amount),))
        self.ledger = Ledger(database)
        self.gateways = [Limits(database, self.watch, gateway=name) for name in ("one", "two")]
        self.sharers: list[Sharer] = []
        self.now = 0.0
        self.used = 0

    async def sit_down(self) -> None:
        budget = Budget(shared=frozenset({"nanodollars"}), goodbye=self.chance.random() < 0.8)
        for number in range(self.chance.choice([2, 4, 6])):
            name, reads = f"s{number}", self.chance.choice([500, 10_000, 20_000])
            share = await self.chance.choice(self.gateways).open(name, self.key)
            talk = Talk(budget, None, "gpt-realtime-2.1", instructions="word " * reads, max_output_tokens=300)
            share.heed(talk.pressed)
            self.sharers.append(Sharer(name, talk, share, reads))

    async def run(self, seconds: float) -> None:
        """Until all have ended, or so long."""
        while self.now < seconds and not all(sharer.gone for sharer in self.sharers):
            self.now += _STEP_S
            self.watch.passes(seconds=_STEP_S)
            for sharer in self.chance.sample(self.sharers, len(self.sharers)):
                if not sharer.gone:
                    await self._step(sharer)

    async def _step(self, sharer: Sharer) -> None:
        talk = sharer.talk
        talk.wait(self.now - talk.now)
        if sharer.at <= self.now:
            sharer.at = self.now + self.chance.choice([0.25, 0.5, 1.0])
            for response_id in list(sharer.running):
                await self._done(sharer, response_id)
            if talk.session.over is None:
                talk.app("response.create", event_id="ask")
        while talk.came:
            await self._carry(sharer)
        if talk.session.over is not None and not sharer.running:
            sharer.gone = True
            await sharer.share.close()

    async def _carry(self, sharer: Sharer) -> None:
        """What the engine wants done."""
        talk, share = sharer.talk, sharer.share
        came, talk.came = talk.came, []
        if talk.session.over is not None and not sharer.left:
            [standing] = await self.gateways[0].standings(self.key)
            sharer.left = standing.to_be_had + sharer.kept
        for action in came:
            match action:
                case ToService(raw):
                    self._serve(sharer, json.loads(raw))
                case Lease(unit, amount, urgent, needs, kept):
                    sharer.kept = kept
                    had, last = await share.lease(unit, amount, urgent=urgent, needs=needs, kept=kept)
                    talk.leased(unit, had, last=last, of=share.tightest(unit))
                case GiveBack(unit, amount):
                    await share.give_back(unit, amount)
                case _:
                    pass

    def _serve(self, sharer: Sharer, message: Wire) -> None:
        if message["type"] == "response.create":
            goodbye = message.get("response", {}).get("input") == []
            response_id = f"{sharer.name}_{self.now}_{len(sharer.running)}"
            sharer.running[response_id] = 40 if goodbye else sharer.reads
            sharer.talk.begins(response_id)
        elif message["type"] == "session.update":
            sharer.talk.service("session.updated", session=sharer.talk.settings)

    async def _done(self, sharer: Sharer, response_id: str) -> None:
        reads, written = sharer.running.pop(response_id), self.chance.choice([10, 60])
        counts = Usage(text_in=reads, text_out=written)
        row = reply(sharer.name, response_id, self.watch(), counts=counts, key=self.key.id)
        await self.ledger.write([row])
        self.used += sum(charge.nanodollars for charge in row.charges)
        sharer.talk.ends(response_id, usage(text_in=reads, text_out=written, audio_out=0))


async def end(database: Database, seed: int) -> None:
    """They all come to their end, and none before its time."""
    table = Table(database, seed)
    await table.sit_down()
    await table.run(240)
    assert table.used <= table.amount
    assert [sharer.name for sharer in table.sharers if not sharer.gone] == [], f"with seed {seed} they stand still"
    early = [sharer for sharer in table.sharers if sharer.left >= sharer.needs]
    assert early == [], f"with seed {seed} one ended before its time"


@pytest.mark.parametrize("seed", [1, 2, 92, 168])
async def test_they_end_and_none_before_its_time(tmp_path: Path, seed: int) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'ledger.db'}") as database:
        await end(database, seed)


@pytest.mark.generated
async def test_whoever_they_are(tmp_path: Path) -> None:
    for seed in range(200):
        async with open_database(f"sqlite:///{tmp_path / f'{seed}.db'}") as database:
            await end(database, seed)
