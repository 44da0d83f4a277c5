"""Everything a gateway keeps in one database: the ledger, the keys, the limits, and the price list of its rows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from laconic.gateway.database import open_database
from laconic.gateway.keys import Keys
from laconic.gateway.ledger import Ledger
from laconic.gateway.limits import Limits
from laconic.rates import RateTable

__all__ = ["Office", "open_office"]


@dataclass(frozen=True, slots=True)
class Office:
    """See the module."""

    ledger: Ledger
    keys: Keys
    limits: Limits
    rates_version: str
    where: str
    """The database, as it may be shown."""


@asynccontextmanager
async def open_office(url: str | None, rates: RateTable) -> AsyncGenerator[Office]:
    """The office at `sqlite:///PATH` or `postgresql://…`; None: in the user's data folder. BadInput or Unreachable
    where it cannot be opened."""
    async with open_database(url) as database:
        ledger = Ledger(database)
        version = await ledger.keep_prices(rates)
        yield Office(ledger, Keys(database), Limits(database), version, database.where)
