"""A gateway's bookkeeping without its sockets, in a process of its own, to be killed while it works.

    python teller.py URL KEY NAME SESSIONS WORST SEED

Sessions lease, are billed by a service, write their rows and tell their app, all at once, until the budget is used up.
What the service bills and what the app was told goes to standard output, a line each, before anything else happens;
those lines outlive the process, as a service's bill would.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys

from bookkeeping import PRICES, reply

from laconic.errors import Refused
from laconic.gateway.database import open_database, utc_now
from laconic.gateway.keys import Key, Keys
from laconic.gateway.ledger import Ledger
from laconic.gateway.limits import Limits

LEASE_S = 3.0


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # one write: whole lines or none


async def talk(limits: Limits, ledger: Ledger, key: Key, session: str, worst: int, chance: random.Random) -> bool:
    """One session of a few responses, none of more than `worst` tokens. False when it was not let in."""
    try:
        share = await limits.open(session, key)
    except Refused:
        return False
    held = 0
    for number in range(chance.randint(1, 12)):
        if held < worst:
            granted, _ = await share.lease("tokens", 2 * worst)
            held += granted
        tokens = min(held, chance.randint(1, worst))
        if not (tokens and share.live):
            break
        held -= tokens
        say("billed", session, number, tokens)
        await ledger.write([reply(session, str(number), utc_now(), tokens=tokens, key=key.id)])
        say("told", session, number)
    await share.close()
    return True


async def work(url: str, key_id: str, name: str, sessions: int, worst: int, seed: int) -> None:
    async with open_database(url) as database:
        key = await Keys(database).get(key_id)
        assert key is not None
        limits, ledger = Limits(database, lease_s=LEASE_S, gateway=name), Ledger(database)
        await ledger.keep_prices(PRICES)  # by which the charges of its rows are proven
        keeping = asyncio.create_task(limits.keep(lambda lost: None))

        async def seat(number: int) -> None:
            chance, count = random.Random(f"{seed} {number}"), 0
            while await talk(limits, ledger, key, f"{name}-{number}-{count}", worst, chance):
                count += 1

        say("ready")
        await asyncio.gather(*(seat(number) for number in range(sessions)))
        keeping.cancel()


if __name__ == "__main__":
    url_, key_, name_, *numbers = sys.argv[1:]
    asyncio.run(work(url_, key_, name_, *map(int, numbers)))
