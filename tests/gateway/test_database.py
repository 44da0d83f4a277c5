"""The seam between the books and their database: transactions that are whole, apart, and on disk; and complaints."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from laconic.errors import BadInput, Unreachable
from laconic.gateway.database import Database, Steps, as_text, as_time, open_database


async def rates(database: Database) -> list[str]:
    async with database.reading() as transaction:
        return [version for (version,) in await transaction.fetch("SELECT version FROM laconic_rates ORDER BY version")]


INSERT = "INSERT INTO laconic_rates (version, prices) VALUES (?1, '')"


async def test_what_a_block_wrote_is_there_for_everybody(database: Database, books_url: str) -> None:
    async with database.writing("it") as transaction:
        await transaction.fetch(INSERT, "a")
    async with open_database(books_url) as other:
        assert await rates(other) == ["a"]


async def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    async def write(then: str) -> None:
        async with database.writing() as transaction:
            await transaction.fetch(INSERT, "a")
            if not then:
                raise RuntimeError
            await transaction.fetch(then)

    with pytest.raises(RuntimeError):
        await write("")
    with pytest.raises(Unreachable):
        await write("nonsense")
    async with database.writing() as transaction:
        await transaction.fetch(INSERT, "c")
    assert await rates(database) == ["c"]


async def test_our_own_sentences_pass(database: Database) -> None:
    with pytest.raises(BadInput, match="as it is"):
        async with database.writing():
            raise BadInput("as it is")


async def test_a_block_that_is_cancelled_leaves_nothing_and_the_next_can_go_on(database: Database) -> None:
    """At whatever moment: each try is cancelled one step of the loop later."""

    async def write(version: str) -> None:
        async with database.writing("it") as transaction:
            await transaction.fetch(INSERT, f"{version} first")
            await transaction.fetch(INSERT, f"{version} second")

    for steps in range(40):
        task = asyncio.create_task(write(f"{steps:02}"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await write("end")
    found = await rates(database)
    assert found[-2:] == ["end first", "end second"]
    assert all(f"{version.split()[0]} second" in found for version in found)


def both(version: str, then: str | None = None) -> Steps:
    """Two rows, the second named after how many there were before it."""
    yield INSERT, (version,)
    ((count,),) = yield "SELECT COUNT(*) FROM laconic_rates", ()
    if then is not None:
        yield then, ()
    yield INSERT, (f"{version} {count}",)


async def test_statements_that_need_nobody_else_are_one_call(database: Database) -> None:
    await database.write(both("a"), "it")
    await database.write(both("b"), "it")
    assert await rates(database) == ["a", "a 1", "b", "b 3"]


async def test_statements_that_fail_leave_nothing(database: Database) -> None:
    with pytest.raises(Unreachable):
        await database.write(both("a", "nonsense"), "it")

    def breaks() -> Steps:
        yield INSERT, ("b",)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(breaks(), "it")
    await database.write(both("c"))
    assert await rates(database) == ["c", "c 1"]


async def test_statements_that_are_cancelled_are_done_all_or_none(database: Database) -> None:
    for steps in range(20):
        task = asyncio.create_task(database.write(both(f"{steps:02}"), "it"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await database.write(both("end"))
    found = await rates(database)
    assert len(found) % 2 == 0
    assert found[-2:] == ["end", f"end {len(found) - 1}"]


async def test_blocks_with_one_lock_never_overlap(database: Database, books_url: str) -> None:
    """Two connections count to 40 together, each reading the number and writing the next."""

    async def count(books: Database) -> None:
        for _ in range(10):
            async with books.writing("counter", "another") as transaction:
                ((number,),) = await transaction.fetch("SELECT nanodollars FROM laconic_spending")
                await asyncio.sleep(0)
                await transaction.fetch("UPDATE laconic_spending SET nanodollars = ?1", number + 1)

    async with database.writing() as transaction:
        await transaction.fetch("INSERT INTO laconic_spending VALUES ('k', '', '', 0, 0, 0)")
    async with open_database(books_url) as other:
        await asyncio.gather(*(count(books) for books in (database, other, database, other)))
    async with database.reading() as transaction:
        assert await transaction.fetch("SELECT nanodollars FROM laconic_spending") == [(40,)]


async def test_who_reads_sees_one_moment(database: Database, books_url: str) -> None:
    async with open_database(books_url) as other, database.reading() as transaction:
        before = await transaction.fetch("SELECT COUNT(*) FROM laconic_rates")
        async with other.writing() as writing:
            await writing.fetch(INSERT, "a")
        assert await transaction.fetch("SELECT COUNT(*) FROM laconic_rates") == before
    assert await rates(database) == ["a"]


async def test_several_may_open_new_books_at_once(books_url: str) -> None:
    async def look() -> list[str]:
        async with open_database(books_url) as database:
            return await rates(database)

    assert await asyncio.gather(*(look() for _ in range(4))) == [[]] * 4


async def test_a_new_file_somebody_writes_to_just_now_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses to write ahead while another writes, at once: whoever is refused waits for the writer's end."""
    writer = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")

    class Spied(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql.startswith("BEGIN") and writer.in_transaction:
                writer.execute("COMMIT")
            return super().execute(sql, *args)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Spied))
    async with open_database(f"sqlite:///{tmp_path / 'ledger.db'}") as database, database.reading() as transaction:
        assert await transaction.fetch("PRAGMA journal_mode") == [("wal",)]
    writer.close()


async def test_a_sqlite_ledger_waits_for_the_disk(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'l.db'}") as database, database.reading() as transaction:
        assert await transaction.fetch("PRAGMA journal_mode") == [("wal",)]
        assert await transaction.fetch("PRAGMA synchronous") == [(2,)]  # FULL


async def test_a_ledger_that_is_closed_says_so(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'l.db'}") as database:
        pass
    with pytest.raises(Unreachable, match="it is closed"):
        await rates(database)
    with pytest.raises(Unreachable, match="it is closed"):
        await database.write(both("a"))


async def test_without_a_url_it_is_a_file_in_the_user_s_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    async with open_database() as database:
        assert database.where == f"sqlite:///{tmp_path / 'laconic' / 'ledger.db'}"
    assert (tmp_path / "laconic" / "ledger.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["mysql://me:hunter2@h/x", "ledger.db", "sqlite:///", "sqlite://x", "/var/ledger.db"])
async def test_an_address_that_means_nothing_is_one_sentence(url: str) -> None:
    with pytest.raises(BadInput, match="is kept at sqlite:///PATH or postgresql://") as caught:
        async with open_database(url):
            pass
    assert "hunter2" not in caught.value.sentence


async def test_a_file_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be opened"):
        async with open_database(f"sqlite:///{tmp_path}"):
            pass
    (tmp_path / "x.db").write_bytes(b"no database" * 100)
    with pytest.raises(Unreachable, match="cannot be used: file is not a database"):
        async with open_database(f"sqlite:///{tmp_path / 'x.db'}"):
            pass


async def test_without_the_extra_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite comes with Python."""
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(BadInput, match=r"pip install 'laconic\[gateway\]'"):
        async with open_database("postgresql://h/x"):
            pass


def test_times_are_utc_and_sort_as_text() -> None:
    tokyo = timezone(timedelta(hours=9))
    at = datetime(2026, 11, 23, 8, 59, 59, 5, tzinfo=tokyo)
    assert as_text(at) == "2026-11-22T23:59:59.000005Z"
    assert as_time(as_text(at)) == at
    assert as_text(at) < as_text(at + timedelta(microseconds=1))
