"""Where the books are kept: a SQLite file, or PostgreSQL by its URL, behind one small seam.

Statements are written once, in the SQL both speak, with `?1`, `?2` for their arguments. Two things differ and are
here: how a connection is had, and how a writing transaction keeps others out. SQLite lets one writer in at a time
(BEGIN IMMEDIATE); on PostgreSQL a transaction names what it is about to change, a key for instance, and waits for
whoever is changing the same (advisory locks, which live as long as the transaction).

A transaction whose statements depend on nothing but each other is a generator of them (`Steps`), and on SQLite one call
of its thread: to go there and back for each statement takes longer than what is done there.

A transaction is on disk when its block ends: SQLite runs with WAL and synchronous=FULL, PostgreSQL with
synchronous_commit=on whatever its server's default. The tables are made, and later changed, by the numbered files
of `sql/`, each applied once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

from platformdirs import user_data_dir

from laconic.errors import BadInput, LaconicError, Unreachable

__all__ = [
    "Clock",
    "Database",
    "Rows",
    "Steps",
    "Transaction",
    "Value",
    "as_text",
    "as_time",
    "follow",
    "open_database",
    "utc_now",
]

T = TypeVar("T")
Value = str | int | None
Clock = Callable[[], datetime]
"""Gives the time, in UTC."""

_BUSY_MS = 30_000  # how long a writer waits for another process at the same SQLite file


def utc_now() -> datetime:
    return datetime.now(UTC)


def as_text(at: datetime) -> str:
    """A time as the tables hold it: `2026-11-22T11:40:57.123456Z`, which sorts."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


Rows = list[tuple[Any, ...]]
Statement = tuple[str, tuple[Value, ...]]
"""SQL and its arguments."""
Steps = Generator[Statement, Rows, None]
"""Yields statements, gets their rows."""


class Transaction(Protocol):
    async def fetch(self, sql: str, *args: Value) -> Rows:
        """Run one statement and return its rows, none for a statement that has none."""
        ...


async def follow(steps: Steps, transaction: Transaction) -> None:
    """Run these statements as part of a transaction."""
    with suppress(StopIteration):
        sql, args = next(steps)
        while True:
            sql, args = steps.send(await transaction.fetch(sql, *args))


class Database(Protocol):
    where: str
    """For complaints; no password in it."""

    def writing(self, *locks: str) -> AbstractAsyncContextManager[Transaction]:
        """A transaction nobody else interferes with, as far as they name one of the same `locks`.

        Durable when the block ends, undone when it raises. Raises Unreachable if the database does not answer.
        """
        ...

    async def write(self, steps: Steps, *locks: str) -> None:
        """A transaction of its own for these statements, as `writing` makes one."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that sees one moment of the books, however long it reads."""
        ...


@asynccontextmanager
async def open_database(url: str | None = None) -> AsyncGenerator[Database, None]:
    """The books at `sqlite:///PATH` (four slashes begin an absolute path) or `postgresql://…`, tables made if need be.

    None: `ledger.db` in the user's data folder. Raises BadInput for a URL that means nothing or books of a later
    version of laconic, Unreachable where nothing answers.
    """
    async with _opened(url) as database:
        yield database


def _opened(url: str | None) -> AbstractAsyncContextManager[Database]:
    if not url:
        return _sqlite(Path(user_data_dir("laconic", appauthor=False)) / "ledger.db")
    scheme = url.partition(":")[0].lower()
    if scheme in ("postgresql", "postgres"):
        return _postgresql(url)
    if scheme == "sqlite" and url.lower().startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return _sqlite(Path(url[len("sqlite:///") :]))
    # The URL may hold a password: only its scheme is repeated.
    raise BadInput(f"a ledger is kept at sqlite:///PATH or postgresql://USER@HOST/NAME, not at {scheme}:…")


# --- SQLite --------------------------------------------------------------------------------------------------


class _Sqlite:
    """One connection; its own thread does one thing at a time, so a lock keeps transactions apart."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, where: str) -> None:
        self.where = where
        self._connection, self._thread = connection, thread
        self._alone = asyncio.Lock()

    async def fetch(self, sql: str, *args: Value) -> Rows:
        """Part of the transaction that is open."""
        return await self._do(lambda: self._connection.execute(sql, args).fetchall())

    def writing(self, *locks: str) -> AbstractAsyncContextManager[Transaction]:
        return self._transaction("BEGIN IMMEDIATE")

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self._transaction("BEGIN")

    async def write(self, steps: Steps, *locks: str) -> None:
        async with self._alone:
            with _told(self.where, (sqlite3.Error, ValueError)):
                await self._do(lambda: self._whole(steps))

    def _whole(self, steps: Steps) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            with suppress(StopIteration):
                statement = next(steps)
                while True:
                    statement = steps.send(connection.execute(*statement).fetchall())
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncGenerator[Transaction, None]:
        async with self._alone:
            with _told(self.where, (sqlite3.Error, ValueError)):
                try:
                    await self.fetch(begin)
                    yield self
                    await self.fetch("COMMIT")
                except BaseException:
                    # Its thread takes calls in order: whatever was under way when we were cancelled has ended
                    # before this, and whoever comes next begins after it. After a COMMIT it does nothing.
                    await asyncio.shield(self._do(self._connection.rollback))
                    raise

    async def _do(self, call: Callable[[], T]) -> T:
        try:
            done = asyncio.get_running_loop().run_in_executor(self._thread, call)
        except RuntimeError as error:  # its thread has ended
            raise sqlite3.ProgrammingError("it is closed") from error
        return await done


@asynccontextmanager
async def _sqlite(path: Path) -> AsyncGenerator[Database, None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else's to read; SQLite gives the files beside it the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise BadInput(f"the ledger {path} cannot be opened ({error.strerror}); name another with --ledger") from None
    where = f"sqlite:///{path}"
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
    opened: list[sqlite3.Connection] = []
    try:
        with _told(where, (sqlite3.Error,)):
            connection = await loop.run_in_executor(thread, _opened_file, path, opened)
        database = _Sqlite(connection, thread, where)
        async with database.writing() as transaction:
            await _migrate(transaction, "sqlite", where)
        yield database
    finally:
        # In its thread, after whatever that still does: opening, if we were cancelled meanwhile.
        closed = loop.run_in_executor(thread, _close, opened)
        thread.shutdown(wait=False)
        await asyncio.shield(closed)


def _opened_file(path: Path, opened: list[sqlite3.Connection]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    opened.append(connection)
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _close(opened: list[sqlite3.Connection]) -> None:
    for connection in opened:
        connection.close()


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Have the file write ahead (WAL).

    A file that does not yet refuses the change at once, whatever the busy_timeout, while somebody else writes to it
    (seen with SQLite 3.40: four who open one new file at the same moment). To begin writing does wait for them.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")


# --- PostgreSQL ----------------------------------------------------------------------------------------------


class _PostgresqlTransaction:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Value) -> Rows:
        return [tuple(record) for record in await self._connection.fetch(_numbered(sql), *args)]


class _Postgresql:
    def __init__(self, pool: Any, where: str, errors: tuple[type[Exception], ...]) -> None:
        self.where = where
        self._pool = pool
        self._errors = errors

    @asynccontextmanager
    async def writing(self, *locks: str) -> AsyncGenerator[Transaction, None]:
        with _told(self.where, self._errors):
            async with self._pool.acquire() as connection, connection.transaction():
                # In one order for everybody, so that two never wait for each other.
                for lock in sorted(map(_lock_number, set(locks))):
                    await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
                yield _PostgresqlTransaction(connection)

    async def write(self, steps: Steps, *locks: str) -> None:
        async with self.writing(*locks) as transaction:
            await follow(steps, transaction)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Transaction, None]:
        with _told(self.where, self._errors):
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield _PostgresqlTransaction(connection)


@asynccontextmanager
async def _postgresql(url: str) -> AsyncGenerator[Database, None]:
    try:
        import asyncpg
    except ImportError:
        raise _extra_missing("a ledger in PostgreSQL") from None
    where = _without_password(url)
    errors = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
    settings = {"application_name": "laconic", "synchronous_commit": "on"}
    with _told(where, (*errors, ValueError)):
        pool = await asyncpg.create_pool(
            url, min_size=1, max_size=10, timeout=10, command_timeout=60, server_settings=settings
        )
    try:
        database = _Postgresql(pool, where, errors)
        async with database.writing("migrations") as transaction:
            await _migrate(transaction, "postgresql", where)
        yield database
    finally:
        await pool.close()


def _lock_number(name: str) -> int:
    """A lock's name as the 64-bit number PostgreSQL wants. Two names with one number would only wait more."""
    return int.from_bytes(hashlib.sha256(f"laconic {name}".encode()).digest()[:8], "big", signed=True)


def _numbered(sql: str) -> str:
    return re.sub(r"\?(\d+)", r"$\1", sql)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, "", ""))


# --- both ----------------------------------------------------------------------------------------------------


@contextmanager
def _told(where: str, errors: tuple[type[Exception], ...]) -> Generator[None, None, None]:
    """A driver's error as one sentence; ours pass."""
    try:
        yield
    except LaconicError:
        raise
    except errors as error:
        raise Unreachable(
            f"the ledger {where} cannot be used: {error or type(error).__name__}",
            ja=f"台帳 {where} が使えません: {error or type(error).__name__}",
        ) from error


def _extra_missing(what: str) -> BadInput:
    return BadInput(f"{what} needs the gateway extra; install it with: pip install 'laconic[gateway]'")


async def _migrate(transaction: Transaction, dialect: str, where: str) -> None:
    """Apply the numbered files of `sql/` that were not yet, in order."""
    await transaction.fetch(
        "CREATE TABLE IF NOT EXISTS laconic_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)"
    )
    applied = {number for (number,) in await transaction.fetch("SELECT number FROM laconic_migrations")}
    files = dict(_migrations(dialect))
    if later := applied - {int(name[:3]) for name in files}:
        raise BadInput(f"the ledger {where} was made by a later laconic (step {max(later)}); use that one")
    for name, text in sorted(files.items()):
        if (number := int(name[:3])) in applied:
            continue
        for statement in _statements(text):
            await transaction.fetch(statement)
        await transaction.fetch("INSERT INTO laconic_migrations VALUES (?1, ?2)", number, name)


def _migrations(dialect: str) -> Iterator[tuple[str, str]]:
    """`001_name.sql` for both, `002_name.sqlite.sql` for one of them."""
    for file in resources.files("laconic.gateway").joinpath("sql").iterdir():
        parts = file.name.split(".")
        if parts[-1] == "sql" and (len(parts) == 2 or parts[1] == dialect):
            yield file.name, file.read_text(encoding="utf-8")


def _statements(text: str) -> Iterator[str]:
    """A file's statements, which stand with an empty line between them."""
    for block in re.split(r"\n\s*\n", text):
        statement = "\n".join(line for line in block.splitlines() if not line.startswith("--")).strip()
        if statement:
            yield statement
