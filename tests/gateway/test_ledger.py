"""The ledger: written once, for good, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from bookkeeping import NOON, PRICES, reply

from laconic.errors import BadInput, Unreachable
from laconic.gateway.books import Row
from laconic.gateway.database import Database, Steps, Transaction, follow, open_database
from laconic.gateway.ledger import Ledger, Wanted, open_ledger
from laconic.gateway.prices import write_prices
from laconic.gateway.rows import COLUMNS, Spent, to_columns
from laconic.rates import load


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


async def read(ledger: Ledger, wanted: Wanted = Wanted()) -> list[Row]:  # noqa: B008 - frozen
    return [row async for row in ledger.rows(wanted)]


async def spending(database: Database) -> list[tuple[str, str, str, int, int, int]]:
    async with database.reading() as transaction:
        return [
            (key, user, day, nano, tokens, ms)
            for key, user, day, nano, tokens, ms in await transaction.fetch(
                "SELECT * FROM laconic_spending ORDER BY key_id, user_label, day"
            )
        ]


async def test_a_row_is_read_as_it_was_written(ledger: Ledger) -> None:
    row = reply("s1", "resp_1", labels={"team": "応援"}, user="ann", key="key_1", at_most={"tokens": 5}, unknown=1)
    await ledger.write([row])
    assert await read(ledger) == [row]


async def test_the_same_row_again_changes_nothing(ledger: Ledger, database: Database) -> None:
    row = reply("s1", "resp_1", key="key_1")
    await ledger.write([row])
    await ledger.write([row, replace(row, status="failed"), reply("s1", "resp_2", key="key_1")])
    assert [(row.id, row.status) for row in await read(ledger)] == [("resp_1", "completed"), ("resp_2", "completed")]
    assert await spending(database) == [("key_1", "", "2026-11-22", 200 * 64_000, 200, 0)]


async def test_one_id_in_two_sessions_is_two_rows(ledger: Ledger) -> None:
    await ledger.write([reply("s1", "resp_1"), reply("s2", "resp_1")])
    assert [row.session for row in await read(ledger)] == ["s1", "s2"]


async def test_what_is_written_is_there_when_the_books_are_opened_again(books_url: str) -> None:
    async with open_ledger(books_url) as ledger:
        await ledger.write([reply("s1", "resp_1")])
    async with open_ledger(books_url) as ledger:
        assert [row.id for row in await read(ledger)] == ["resp_1"]


async def test_of_a_batch_all_rows_are_written_or_none(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laconic.gateway.ledger._PAUSES", ())
    with pytest.raises(Unreachable):
        await ledger.write([reply("s1", "resp_1"), reply("s1", "resp_2", kind=None)])
    assert await read(ledger) == []


async def test_rows_that_come_together_are_written_together_and_a_bad_one_fails_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laconic.gateway.ledger._PAUSES", ())
    rows = [reply("s1", f"r{n}", kind=None if n == 7 else "reply") for n in range(20)]
    outcomes = await asyncio.gather(*(ledger.write([row]) for row in rows), return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if outcome is not None] == [7]
    assert isinstance(outcomes[7], Unreachable)
    assert {row.id for row in await read(ledger)} == {f"r{n}" for n in range(20)} - {"r7"}


async def test_a_row_is_written_though_nobody_waits_for_it_any_more(ledger: Ledger) -> None:
    waiting = asyncio.create_task(ledger.write([reply("s1", "a")]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await ledger.write([reply("s1", "b")])
    assert [row.id for row in await read(ledger)] == ["a", "b"]


async def test_a_row_is_written_though_the_database_restarts(
    new_postgresql: str, restart_postgresql: Callable[[], None]
) -> None:
    async with open_ledger(new_postgresql) as ledger:
        await ledger.write([reply("s1", "a")])
        restart_postgresql()
        await ledger.write([reply("s1", "b")])
        assert [row.id for row in await read(ledger)] == ["a", "b"]


async def test_a_write_that_may_have_succeeded_is_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The answer to COMMIT is lost: nobody knows whether the row is there, and it is written again, once."""
    monkeypatch.setattr("laconic.gateway.ledger._PAUSES", (0.0,))

    class Mute:
        """A database whose first answer is lost."""

        def __init__(self, database: Database) -> None:
            self.where = database.where
            self.reading = database.reading
            self._writing = database.writing
            self.lost = 0

        @asynccontextmanager
        async def writing(self, *locks: str) -> AsyncGenerator[Transaction, None]:
            async with self._writing(*locks) as transaction:
                yield transaction
            self.lost += 1
            if self.lost == 1:
                raise Unreachable("connection lost")

        async def write(self, steps: Steps, *locks: str) -> None:
            async with self.writing(*locks) as transaction:
                await follow(steps, transaction)

    async with open_database(f"sqlite:///{tmp_path / 'l.db'}") as database:
        ledger = Ledger(Mute(database))
        await ledger.write([reply("s1", "a", key="key_1")])
        assert [row.id for row in await read(ledger)] == ["a"]
        assert await spending(database) == [("key_1", "", "2026-11-22", 100 * 64_000, 100, 0)]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE laconic_rows SET nanodollars = 0",
        "DELETE FROM laconic_rows",
        "UPDATE laconic_rates SET prices = ''",
        "DELETE FROM laconic_rates",
    ],
)
async def test_the_database_itself_refuses_to_change_what_is_written(
    ledger: Ledger, database: Database, sql: str
) -> None:
    await ledger.write([reply("s1", "resp_1")])
    await ledger.keep_prices(PRICES)
    with pytest.raises(Unreachable, match="the ledger is append-only"):
        async with database.writing() as transaction:
            await transaction.fetch(sql)
    assert len(await read(ledger)) == 1


COPY = (
    "session, id, kind, at, 'failed', route, model, usage, charges, 7, tokens, ms, unknown, at_most, currency,"
    " rates_version, laws, memory, key_id, labels, user_label FROM laconic_rows"
)


async def put_in_its_place(database: Database, sql: str) -> None:
    """Somebody tries, who may or may not be told that it was in vain: what is there is what was written."""
    ledger, row = Ledger(database), reply("s1", "resp_1")
    await ledger.write([row])
    version = await ledger.keep_prices(PRICES)
    with suppress(Unreachable):
        async with database.writing() as transaction:
            await transaction.fetch(sql)
    async with database.reading() as transaction:
        assert await transaction.fetch(f"SELECT {COLUMNS} FROM laconic_rows") == [to_columns(row)]
        assert await transaction.fetch("SELECT * FROM laconic_rates") == [(version, write_prices(PRICES))]


@pytest.mark.parametrize(
    "sql",
    [
        f"INSERT INTO laconic_rows SELECT {COPY} WHERE true ON CONFLICT (session, id) DO UPDATE SET ms = 7",
        "INSERT INTO laconic_rates SELECT version, '[]' FROM laconic_rates WHERE true"
        " ON CONFLICT (version) DO UPDATE SET prices = '[]'",
    ],
)
async def test_nor_does_it_let_anybody_put_something_else_in_its_place(database: Database, sql: str) -> None:
    await put_in_its_place(database, sql)


@pytest.mark.parametrize(
    "sql",
    [
        f"INSERT OR REPLACE INTO laconic_rows SELECT {COPY}",
        f"REPLACE INTO laconic_rows (rowid, {COLUMNS}) SELECT rowid, {COPY}",
        f"REPLACE INTO laconic_rows (rowid, {COLUMNS}) SELECT rowid, 's9', {COPY.partition(', ')[2]}",
        "UPDATE OR REPLACE laconic_rows SET ms = 7",
        "REPLACE INTO laconic_rates SELECT version, '[]' FROM laconic_rates",
        "REPLACE INTO laconic_rates (rowid, version, prices) SELECT rowid, 'x', '[]' FROM laconic_rates",
        "UPDATE OR REPLACE laconic_rates SET prices = '[]'",
    ],
)
async def test_nor_does_sqlite_which_replaces_behind_the_back_of_what_forbids_deleting(
    tmp_path: Path, sql: str
) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'ledger.db'}") as database:
        await put_in_its_place(database, sql)


async def test_spending_is_counted_by_key_by_user_and_by_day(ledger: Ledger, database: Database) -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    await ledger.write(
        [
            reply("s1", "a", key="key_1", user="ann"),
            reply("s1", "b", key="key_1", user="ann", at=midnight),
            reply("s2", "c", key="key_1", user="bob", at=midnight - timedelta(microseconds=1)),
            reply("s3", "d", key="key_2"),
            reply("s4", "e"),
            reply("s3", "end", key="key_2", kind="session", usage={"duration_ms": 60_000, "messages": 0}, charges=()),
        ]
    )
    each = 100 * 64_000
    assert await spending(database) == [
        ("key_1", "", "2026-11-22", 2 * each, 200, 0),
        ("key_1", "", "2026-11-23", each, 100, 0),
        ("key_1", "ann", "2026-11-22", each, 100, 0),
        ("key_1", "ann", "2026-11-23", each, 100, 0),
        ("key_1", "bob", "2026-11-22", each, 100, 0),
        ("key_2", "", "2026-11-22", each, 100, 60_000),
    ]


async def test_rows_are_found_by_what_stands_in_them(ledger: Ledger) -> None:
    await ledger.write(
        [
            reply("s1", "a", key="key_1", user="ann", labels={"team": "x", "room": "1"}),
            reply("s2", "b", key="key_2", model="gpt-realtime", at=NOON + timedelta(days=1), labels={"team": "x"}),
            reply("s3", "c", at=NOON + timedelta(days=2)),
        ]
    )

    async def ids(wanted: Wanted) -> str:
        return "".join([row.id for row in await read(ledger, wanted)])

    assert await ids(Wanted()) == "abc"
    assert await ids(Wanted(key="key_1")) == "a"
    assert await ids(Wanted(user="ann", session="s1")) == "a"
    assert await ids(Wanted(model="gpt-realtime")) == "b"
    assert await ids(Wanted(labels=(("team", "x"),))) == "ab"
    assert await ids(Wanted(labels=(("team", "x"), ("room", "1")))) == "a"
    assert await ids(Wanted(since=date(2026, 11, 23))) == "bc"
    assert await ids(Wanted(since=date(2026, 11, 23), until=date(2026, 11, 23))) == "b"


async def test_more_rows_than_a_page_are_read_in_order(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one moment too: the order goes on by session and id."""
    monkeypatch.setattr("laconic.gateway.ledger._PAGE", 10)
    await ledger.write([reply(f"s{n % 7}", f"r{n:04}", NOON + timedelta(seconds=n // 30)) for n in range(105)])
    rows = await read(ledger)
    assert len({row.id for row in rows}) == 105
    assert [row.at for row in rows] == sorted(row.at for row in rows)


async def test_the_price_list_is_kept_under_a_name_made_of_its_prices(ledger: Ledger) -> None:
    version = await ledger.keep_prices(PRICES)
    assert await ledger.keep_prices(load()) == version
    dearer = PRICES.merged('[models.gpt-realtime]\naudio_in = "33"\n')
    other = await ledger.keep_prices(dearer)
    assert other != version
    kept, kept_dearer = await ledger.prices(version), await ledger.prices(other)
    assert kept is not None
    assert kept_dearer is not None
    assert [rates.audio_in for rates in kept] == [rates.audio_in for rates in sorted(PRICES, key=lambda r: r.name)]
    found = kept_dearer.find("gpt-realtime-2025-08-28")
    assert found is not None
    assert (found.audio_in, found.aliases) == (33_000, ("gpt-realtime-2025-08-28",))
    assert await ledger.prices("never") is None


async def test_a_correction_takes_the_place_of_what_was_unknown(ledger: Ledger, database: Database) -> None:
    unknown = reply(
        "s1", "a", key="key_1", usage=None, charges=(), unknown=1, at_most={"nanodollars": 900, "tokens": 9}
    )
    await ledger.write([unknown])
    assert await spending(database) == [("key_1", "", "2026-11-22", 900, 9, 0)]
    row = await ledger.correct("s1", "a", Spent(nanodollars=250, tokens=4))
    assert (row.kind, row.unknown, row.charges[0].nanodollars) == ("correction", -1, 250)
    assert await spending(database) == [("key_1", "", "2026-11-22", 250, 4, 0)]
    assert [row.id for row in await read(ledger)] == ["a", "correction of a"]


async def test_a_correction_needs_something_to_correct(ledger: Ledger) -> None:
    await ledger.write([reply("s1", "known"), reply("s1", "unknown", usage=None, charges=(), unknown=1)])
    with pytest.raises(BadInput, match="there is no row b of session s1"):
        await ledger.correct("s1", "b", Spent())
    with pytest.raises(BadInput, match="leaves nothing unknown"):
        await ledger.correct("s1", "known", Spent())
    await ledger.correct("s1", "unknown", Spent())
    with pytest.raises(BadInput, match="was corrected already"):
        await ledger.correct("s1", "unknown", Spent())
    with pytest.raises(BadInput, match="leaves nothing unknown"):
        await ledger.correct("s1", "correction of unknown", Spent())


async def test_books_of_a_later_version_are_left_alone(books_url: str) -> None:
    async with open_database(books_url) as database, database.writing() as transaction:
        await transaction.fetch("INSERT INTO laconic_migrations VALUES (999, 'later')")
    with pytest.raises(BadInput, match="made by a later laconic"):
        async with open_database(books_url):
            pass
