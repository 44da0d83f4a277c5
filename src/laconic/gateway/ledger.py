"""The ledger: a row for every response, transcription and summary, written before anybody is told of it.

Rows are only ever added, and the database itself refuses anything else. `write` returns when they are on disk; the
same row again, by its session and id, changes nothing, so whoever is unsure whether a write succeeded repeats it.
What a row used is taken out of its session's lease and put on its key's account in the same transaction: there is no
moment at which money is in both, or in neither.

What turns out later about a row whose usage was unknown is a row too, a `correction`, as an accountant would do it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from laconic.errors import BadInput, Unreachable
from laconic.gateway.books import Row
from laconic.gateway.database import Database, Steps, Transaction, Value, as_text, follow, open_database
from laconic.gateway.prices import read_prices, version_of, write_prices
from laconic.gateway.rows import COLUMNS, Spent, from_columns, spent, to_columns
from laconic.meter import Charge
from laconic.rates import RateTable

__all__ = ["Ledger", "Wanted", "insert", "key_lock", "open_ledger"]

_PAUSES = (0.05, 0.5, 2.0)  # s, before a write that has failed is tried again
_PAGE = 500  # rows held in memory at once while reading
_INSERT = (
    f"INSERT INTO laconic_rows ({COLUMNS}) VALUES ({', '.join(f'?{n}' for n in range(1, 22))})"
    " ON CONFLICT (session, id) DO NOTHING RETURNING id"
)
_SPEND = (
    "INSERT INTO laconic_spending (key_id, user_label, day, nanodollars, tokens, ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (key_id, user_label, day) DO UPDATE SET"
    " nanodollars = laconic_spending.nanodollars + ?4, tokens = laconic_spending.tokens + ?5,"
    " ms = laconic_spending.ms + ?6"
)
_SETTLE = (
    "UPDATE laconic_leases SET"
    " nanodollars = CASE WHEN nanodollars > ?2 THEN nanodollars - ?2 ELSE 0 END,"
    " tokens = CASE WHEN tokens > ?3 THEN tokens - ?3 ELSE 0 END,"
    " ms = CASE WHEN ms > ?4 THEN ms - ?4 ELSE 0 END WHERE session = ?1"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to read; None: all."""

    since: date | None = None
    """The first day, UTC."""
    until: date | None = None
    """The last day, UTC."""
    key: str | None = None
    """A key's id."""
    model: str | None = None
    user: str | None = None
    session: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    """All of these."""

    def has(self, row: Row) -> bool:
        """Whether the row has the labels; the rest is asked of the database."""
        return all(row.labels.get(name) == value for name, value in self.labels)

    def where(self) -> tuple[list[str], list[str]]:
        """Conditions with `?1`, `?2` …, and their arguments."""
        equal = ("key_id", self.key), ("model", self.model), ("user_label", self.user), ("session", self.session)
        found = [(f"{column} = ", value) for column, value in equal if value is not None]
        if self.since is not None:
            found.append(("at >= ", self.since.isoformat()))
        if self.until is not None:
            found.append(("at < ", (self.until + timedelta(days=1)).isoformat()))
        return [f"{condition}?{n}" for n, (condition, _) in enumerate(found, 1)], [value for _, value in found]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one call of `write` brought."""

    rows: Sequence[Row]
    written: asyncio.Future[None]


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Entry] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, rows: Sequence[Row]) -> None:
        """Add these rows; they are on disk when this returns, all or none. Raises Unreachable if they are not.

        A row that is there already stays as it is.
        """
        if not rows:
            return
        entry = _Entry(rows, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting(), name="ledger: writing")
        await asyncio.shield(entry.written)  # whoever gives up waiting has the row written all the same

    async def _write_waiting(self) -> None:
        """While one transaction waits for the disk others gather; they share the next."""
        try:
            while self._waiting:
                entries, self._waiting = self._waiting, []
                await self._write_together(entries)
        finally:
            self._writer = None

    async def _write_together(self, entries: Sequence[_Entry]) -> None:
        try:
            await self._persist(entries)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for the row
            if len(entries) == 1:
                entries[0].written.set_exception(error)
                return
            for entry in entries:  # one of them may be to blame: it shall not take the others with it
                await self._write_together([entry])
        else:
            for entry in entries:
                entry.written.set_result(None)

    async def _persist(self, entries: Sequence[_Entry]) -> None:
        for pause in _PAUSES:
            try:
                await self._transact(entries)
                return
            except Unreachable:
                # A database that restarts is back in a moment, and a row that was written after all is not written
                # twice. Meanwhile the app waits for its `response.done`, which is better than losing the session.
                await asyncio.sleep(pause)
        await self._transact(entries)

    async def _transact(self, entries: Sequence[_Entry]) -> None:
        locks = {key_lock(row.key) for entry in entries for row in entry.rows if row.key is not None}
        await self._database.write(_all([row for entry in entries for row in entry.rows]), *locks)

    async def keep_prices(self, table: RateTable) -> str:
        """Keep the price list rows are going to be priced by, and return its name for them."""
        version = version_of(table)
        async with self._database.writing() as transaction:
            await transaction.fetch(
                "INSERT INTO laconic_rates (version, prices) VALUES (?1, ?2) ON CONFLICT (version) DO NOTHING",
                version,
                write_prices(table),
            )
        return version

    async def prices(self, version: str) -> RateTable | None:
        """The price list of that name; None where it was never kept."""
        async with self._database.reading() as transaction:
            found = await transaction.fetch("SELECT prices FROM laconic_rates WHERE version = ?1", version)
        return read_prices(found[0][0]) if found else None

    async def rows(self, wanted: Wanted = Wanted()) -> AsyncIterator[Row]:
        """The rows in order of time. What is written meanwhile may or may not be among them."""
        last: tuple[str, str, str] | None = None
        while True:
            async with self._database.reading() as transaction:
                page = await read_page(transaction, wanted, last)
            if not page:
                return
            for columns in page:
                row = from_columns(columns)
                if wanted.has(row):
                    yield row
            last = page[-1][3], page[-1][0], page[-1][1]

    async def correct(self, session: str, row_id: str, found: Spent) -> Row:
        """Say what an unknown row turned out to have used; what it was held to have used at most is given back.

        The correction stands at the time of the row it corrects, so that the sums of that day come right. Returns the
        row written. BadInput for a row that does not exist, leaves nothing unknown, or was corrected.
        """
        async with self._database.reading() as transaction:
            rows = await transaction.fetch(
                f"SELECT {COLUMNS} FROM laconic_rows WHERE session = ?1 AND id IN (?2, ?3) ORDER BY at",
                session,
                row_id,
                correction_id(row_id),
            )
        known = {row.id: row for row in map(from_columns, rows)}
        if (wrong := known.get(row_id)) is None:
            raise BadInput(f"there is no row {row_id} of session {session}; `laconic ledger show --unknown` lists them")
        if correction_id(row_id) in known:
            raise BadInput(f"row {row_id} of session {session} was corrected already")
        if not wrong.unknown or wrong.kind == "correction":
            raise BadInput(f"row {row_id} of session {session} leaves nothing unknown")
        charge = Charge("correction", 1, "correction", found.nanodollars, found.nanodollars)
        row = Row(
            session=session,
            id=correction_id(row_id),
            kind="correction",
            at=wrong.at,
            status="completed",
            route=wrong.route,
            model=wrong.model,
            usage={"tokens": found.tokens, "duration_ms": found.ms},
            charges=(charge,) if found.nanodollars else (),
            unknown=-wrong.unknown,
            currency=wrong.currency,
            rates_version=wrong.rates_version,
            laws={},
            memory=wrong.memory,
            key=wrong.key,
            labels=wrong.labels,
            user=wrong.user,
            at_most={unit: -amount for unit, amount in wrong.at_most.items()},
        )
        await self.write([row])
        return row


@asynccontextmanager
async def open_ledger(url: str | None = None) -> AsyncGenerator[Ledger, None]:
    """The ledger at `sqlite:///PATH` or `postgresql://…`; None: in the user's data folder."""
    async with open_database(url) as database:
        yield Ledger(database)


def key_lock(key: str) -> str:
    """What a transaction locks before it changes what a key has used or holds."""
    return f"key {key}"


def correction_id(row_id: str) -> str:
    return f"correction of {row_id}"


async def insert(transaction: Transaction, row: Row) -> None:
    """Add one row and settle it, unless it is there. The transaction holds the lock of the row's key."""
    await follow(_inserting(row, to_columns(row)), transaction)


def _all(rows: Sequence[Row]) -> Steps:
    written = [(row, to_columns(row)) for row in rows]  # here, where nobody waits for it

    def steps() -> Steps:
        for row, columns in written:
            yield from _inserting(row, columns)

    return steps()


def _inserting(row: Row, columns: tuple[Value, ...]) -> Steps:
    if not (yield _INSERT, columns) or row.key is None:
        return
    used = spent(row)
    amounts = (used.nanodollars, used.tokens, used.ms)
    for user in {"", row.user or ""}:
        yield _SPEND, (row.key, user, as_text(row.at)[:10], *amounts)
    if row.kind not in ("lost", "correction"):  # not what a running session spends of its lease
        yield _SETTLE, (row.session, *amounts)


async def read_page(
    transaction: Transaction, wanted: Wanted, last: tuple[str, str, str] | None
) -> list[tuple[Any, ...]]:
    """The next rows after `last` (its time, session and id), as columns, a page of them at most."""
    conditions, args = wanted.where()
    if last is not None:
        n = len(args)
        conditions.append(f"(at, session, id) > (?{n + 1}, ?{n + 2}, ?{n + 3})")
        args += last
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return await transaction.fetch(
        f"SELECT {COLUMNS} FROM laconic_rows{where} ORDER BY at, session, id LIMIT {_PAGE}", *args
    )
