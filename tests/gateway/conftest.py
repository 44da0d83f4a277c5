"""Books to test with: a SQLite file, and a PostgreSQL server of the test's own where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import asyncpg
import pytest

from laconic.gateway.database import Database, open_database


@pytest.fixture(autouse=True)
def nobodys_data(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The user's data folder is one of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.delenv("LACONIC_LEDGER", raising=False)


@pytest.fixture(scope="session")
def postgresql(postgresql_server: tuple[str, Callable[[], None]]) -> str:
    """The URL of a server that lives as long as the tests."""
    return postgresql_server[0]


@pytest.fixture
def restart_postgresql(postgresql_server: tuple[str, Callable[[], None]]) -> Callable[[], None]:
    """Stops the server at once, as a crash would, and starts it again."""
    return postgresql_server[1]


@pytest.fixture(scope="session")
def postgresql_server() -> Generator[tuple[str, Callable[[], None]], None, None]:
    """Its URL, on a socket in a folder of its own; and how to restart it."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    # Its name must be short: a socket's path has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="lpg"))
    # Without waiting for the disk: that a row survives the power is PostgreSQL's to prove, and 2 ms a row here.
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
    try:
        _as_somebody(folder, [str(programs[-1]), "-D", str(folder / "data"), "-U", "app", "-A", "trust", "--no-sync"])
        control = [str(programs[-1].with_name("pg_ctl")), "-D", str(folder / "data")]
        start = [*control, "-w", "-l", str(folder / "log"), "-o", options, "start"]
        stop = [*control, "-m", "immediate", "stop"]
        _as_somebody(folder, start)

        def restart() -> None:
            _as_somebody(folder, stop)
            _as_somebody(folder, start)

        try:
            yield f"postgresql://app@/postgres?host={folder}", restart
        finally:
            _as_somebody(folder, stop)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_somebody(folder: Path, command: list[str]) -> None:
    """Run as we are, or as nobody in particular where we are root, which PostgreSQL refuses to be."""
    who: dict[str, str | int] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid}
    # Its output goes to a file: the server inherits it, and a pipe would stay open as long as it lives.
    with (folder / "said").open("a+") as said:
        done = subprocess.run(command, stdout=said, stderr=said, cwd=folder, timeout=120, check=False, **who)  # type: ignore[call-overload]
        said.seek(0)
        assert done.returncode == 0, said.read()


@pytest.fixture
async def new_postgresql(postgresql: str) -> str:
    """The URL of an empty schema at that server, which takes a moment less than a database of its own."""
    name = f"books_{os.urandom(6).hex()}"
    connection = await asyncpg.connect(postgresql)
    await connection.execute(f"CREATE SCHEMA {name}")
    await connection.close()
    return f"{postgresql}&search_path={name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def books_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Empty books of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("new_postgresql")
    return url


@pytest.fixture
async def database(books_url: str) -> AsyncGenerator[Database, None]:
    async with open_database(books_url) as opened:
        yield opened
