"""Gateways that are killed at any moment (`kill -9`), and several that share one key.

The books must hold every response an app was told of, each once; `ledger verify` must find nothing; and what the
service billed, with the responses nobody was left to write down, must never be more than the budget.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from laconic.budget import limits as read_limits
from laconic.gateway.database import Database, open_database, utc_now
from laconic.gateway.keys import Key, Keys
from laconic.gateway.ledger import Ledger
from laconic.gateway.limits import Limits, Standing
from laconic.gateway.proof import prove
from laconic.gateway.rows import Spent

HERE = Path(__file__).parent
BUDGET = 2_000_000  # tokens
SMALL, LARGE = 200, 50_000  # the worst case of a response while gateways are killed, and when the budget shall end


class Service:
    """The service's own bill, and what apps were told, as the processes said before they died."""

    def __init__(self) -> None:
        self.billed: dict[tuple[str, str], int] = {}
        self.told: set[tuple[str, str]] = set()

    def hear(self, line: str) -> None:
        match line.split():
            case ["billed", session, number, tokens]:
                self.billed[session, number] = int(tokens)
            case ["told", session, number]:
                self.told.add((session, number))
            case _:
                assert line == "ready\n"

    @property
    def total(self) -> int:
        return sum(self.billed.values())


def started(url: str, key: Key, name: str, worst: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "teller.py"), url, key.id, name, "4", str(worst), "1"]
    env = os.environ | {"PYTHONPATH": str(HERE)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def killed_after(process: subprocess.Popen[str], lines: int, service: Service) -> None:
    """Hear so many lines, kill, and hear what was said before it was dead."""
    assert process.stdout is not None
    with process.stdout:
        for _ in range(lines):
            service.hear(process.stdout.readline())
        process.kill()
        for line in process.stdout:
            if line.endswith("\n"):
                service.hear(line)
    assert process.wait(30) == -9


def finished(process: subprocess.Popen[str], service: Service) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            service.hear(line)
    assert process.wait(30) == 0


async def made_key(url: str) -> Key:
    async with open_database(url) as database:
        key, _ = await Keys(database).create("it", budgets=read_limits(f"{BUDGET} tokens"))
    return key


async def standing(database: Database, key: Key) -> Standing:
    (found,) = await Limits(database).standings(key)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.soak)])
async def test_nothing_is_lost_and_nothing_overspent_when_gateways_are_killed(books_url: str, kills: int) -> None:
    """Two gateways on one ledger; one after the other is killed at a random moment and another takes its place."""
    service, chance = Service(), random.Random(20261122)
    key = await made_key(books_url)
    running = [started(books_url, key, f"g{number}", SMALL) for number in range(2)]
    for number in range(kills):
        killed_after(running.pop(0), chance.randint(1, 60), service)
        running.append(started(books_url, key, f"g{number + 2}", SMALL))
        async with open_database(books_url) as database:
            assert (await prove(database)).wrong == ()
    for process in running:
        killed_after(process, 1, service)
    async with open_database(books_url) as database:
        await Limits(database, lambda: utc_now() + timedelta(hours=1)).renew()  # all are dead: collect what they held
    # Those that come after them use up what is left.
    last = [started(books_url, key, f"last{number}", LARGE) for number in range(2)]
    for process in last:
        finished(process, service)

    async with open_database(books_url) as database:
        ledger = Ledger(database)
        rows = [row async for row in ledger.rows()]
        written = {(row.session, row.id): sum(charge.count for charge in row.charges) for row in rows if row.charges}
        lost = {row.session: row for row in rows if row.kind == "lost"}
        # Every response an app was told of has its row, with what the service billed for it.
        assert service.told <= written.keys()
        assert all(service.billed[name] == tokens for name, tokens in written.items())
        # No more was billed than there was, and the account never says less than the service's bill.
        now = await standing(database, key)
        assert service.total <= now.used
        assert service.total <= BUDGET
        assert now.held == 0
        # What has no row was under way when its gateway died: it is within what its session held.
        missing = Counter[str]()
        for (session, _), tokens in service.billed.items() - written.items():
            missing[session] += tokens
        assert all(missing[session] <= lost[session].at_most["tokens"] <= 3 * SMALL for session in missing)
        # The service's bill says what it really was; then the account is that bill, to the token.
        for session, row in lost.items():
            await ledger.correct(session, row.id, Spent(tokens=missing[session]))
        now = await standing(database, key)
        assert now.used == service.total
        assert (await prove(database)).wrong == ()


@pytest.mark.slow
@pytest.mark.parametrize("gateways", [2, pytest.param(6, marks=pytest.mark.soak)])
async def test_gateways_that_hammer_one_key_never_overspend_it(books_url: str, gateways: int) -> None:
    service = Service()
    key = await made_key(books_url)
    for process in [started(books_url, key, f"g{number}", LARGE) for number in range(gateways)]:
        finished(process, service)
    async with open_database(books_url) as database:
        now = await standing(database, key)
        # To the last token: nobody is killed, and everybody gives back what is left.
        assert (service.total, now.used, now.held) == (BUDGET, BUDGET, 0)
        assert service.told == service.billed.keys()
        assert (await prove(database)).wrong == ()
