"""`laconic ledger`, run as its command is run, on a ledger on disk."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gateway.bookkeeping import PRICES
from gateway.bookkeeping import reply as booked

from laconic.cli import main
from laconic.gateway.books import Row
from laconic.gateway.database import open_database
from laconic.gateway.keys import Keys
from laconic.gateway.ledger import Ledger
from laconic.usage import Usage

TODAY = datetime.now(UTC).replace(hour=0, minute=1)


def reply(id_: str, at: datetime = TODAY, tokens: int = 1_000_000, **other: Any) -> Row:
    """So many generated audio tokens on gpt-realtime-2.1, $64 a million."""
    usage = Usage(text_in=tokens, cached_text=tokens // 2, audio_out=tokens)
    return booked("3f2504e0-4f89-11d3-9a0c-0305e82c3301", id_, at, counts=usage, **other)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger with one key and five rows."""
    path = tmp_path / "ledger.db"

    async def write() -> None:
        async with open_database(f"sqlite:///{path}") as database:
            key, _ = await Keys(database).create("kiosk")
            version = await Ledger(database).keep_prices(PRICES)
            unknown: dict[str, Any] = {"usage": None, "charges": (), "unknown": 1}
            rows = [
                reply("a", key=key.id, labels={"team": "応援"}),
                reply("b", TODAY - timedelta(days=40), tokens=10, user="ann"),
                reply("c", **unknown, key=key.id, at_most={"nanodollars": 500_000_000, "tokens": 900, "ms": 60_000}),
                reply("d", **unknown, model=""),
                reply("e", tokens=30_000_000, model="my-own", labels={"team": "x"}, charges=(), unknown=1),
            ]
            await Ledger(database).write([replace(row, rates_version=version) for row in rows])

    asyncio.run(write())
    return path


def run(file: Path, action: str, *argv: str) -> int:
    return main(["ledger", action, "--ledger", f"sqlite:///{file}", *argv])


def test_sums_by_day_fit_eighty_columns(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, "show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["day", "rows", "tokens", "in", "cached", "out", "cost", "unknown"]
    assert lines[1].split()[0] == f"{TODAY - timedelta(days=40):%Y-%m-%d}"
    assert lines[2].split() == [f"{TODAY:%Y-%m-%d}", "4", "31.0M", "15.5M", "31.0M", "$66.20", "3"]
    assert lines[3].split()[:3] == ["in", "all", "5"]
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines}) == 1


def test_long_names_stand_above_their_numbers(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(file, "show", "--by", "session")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    assert lines[2].split()[0] == "5"


def test_sums_by_key_show_its_name_and_by_label_its_value(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(file, "show", "--by", "key")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["key", "–", "kiosk", "in"]
    run(file, "show", "--by", "label:team")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["team", "–", "x", "応援", "in"]


def test_only_what_was_asked_for_is_summed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def count(*argv: str) -> int:
        run(file, "show", "--json", *argv)
        return sum(one["rows"] for one in json.loads(capsys.readouterr().out)["sums"])

    assert count() == 5
    assert count("--key", "kiosk") == 2
    assert count("--user", "ann") == count("--since", "41d", "--until", "39d") == 1
    assert count("--since", "today") == count("--since", f"{TODAY:%Y-%m-%d}") == 4
    assert count("--model", "my-own", "--label", "team=x") == 1
    assert count("--session", "another") == 0


def test_where_nothing_is_found_it_says_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, "show", "--session", "another") == 0
    assert capsys.readouterr().out == "There are no such rows.\n"


def test_what_is_unknown_is_listed_until_it_is_resolved(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(file, "show", "--unknown")
    said = capsys.readouterr().out
    assert "3f2504e0-4f89-11d3-9a0c-0305e82c3301 'c'" in said
    assert "$0.5000, 900 tokens, 1.0 min at most, which its key's budgets count as used" in said
    session = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    for id_, used in (("c", "$0.12, 300 tokens"), ("d", "nothing"), ("e", "$1")):
        assert run(file, "resolve", session, id_, "--used", used) == 0
    capsys.readouterr()
    run(file, "show", "--unknown")
    assert capsys.readouterr().out == "Nothing is unknown.\n"
    run(file, "show", "--since", "today", "--by", "kind")
    correction = capsys.readouterr().out.splitlines()[1].split()
    assert (correction[0], correction[-2], correction[-1]) == ("correction", "$1.12", "-3")
    assert run(file, "verify") == 0


def test_a_right_ledger_is_told_in_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, "verify") == 0
    assert capsys.readouterr().out == (
        "right: 5 rows, $66.20; every charge follows from its usage, every sum from its rows; "
        "3 of them leave something unknown\n"
    )


def test_a_wrong_ledger_is_told_row_by_row(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TRIGGER laconic_rows_stay")
        connection.execute(
            """UPDATE laconic_rows SET charges = replace(charges, '"token",64000,', '"token",63000,') WHERE id = 'a'"""
        )
    connection.close()
    assert run(file, "verify") == 1
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Row a of session 3f2504e0") and "its line audio_out says" in line for line in said)
    assert said[-1].startswith("WRONG: ")


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("x.csv", "session,id,kind,utc"),
        ("x.json", '[\n{"session": "3f2'),
        ("x.jsonl", '{"session": "3f2'),
        ("x.ndjson", '{"session": "3f2'),
        ("x.parquet", "PAR1"),
    ],
)
def test_export_takes_its_format_from_the_file_s_name(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, begins: str
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("duckdb")
    assert run(file, "export", "-o", str(tmp_path / name)) == 0
    assert capsys.readouterr().out == f"5 rows in {tmp_path / name}\n"
    assert (tmp_path / name).read_bytes().startswith(begins.encode())


def test_export_goes_to_standard_output_otherwise(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, "export", "--format", "jsonl", "--user", "ann") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["id"] == "b"
    assert run(file, "export", "--format", "json", "--user", "ann") == 0
    assert json.loads(capsys.readouterr().out) == [json.loads(line)]
    run(file, "export")
    assert len(capsys.readouterr().out.splitlines()) == 6


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["show", "--by", "weather"], "sums cannot be made by 'weather'"),
        (["show", "--since", "yesterday"], "'yesterday' is no day"),
        (["show", "--since", "99999999999d"], "is no day"),
        (["show", "--key", "nobody"], "there is no key 'nobody'"),
        (["show", "--label", "team"], "has no value"),
        (["export", "-o", "rows.xlsx"], "its name; say --format csv, json, jsonl or parquet"),
        (["export", "-o", "/nowhere/rows.csv"], "/nowhere/rows.csv cannot be written: No such file"),
        (["export", "--format", "parquet"], "cannot be written to standard output"),
        (["resolve", "s", "r", "--used", "nothing"], "there is no row r of session s"),
        (["resolve", "s", "r", "--used", "$1/day"], "without a day or month"),
        (["resolve", "s", "r", "--used", "much"], "budget 'much' is not understood"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    file: Path, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    assert run(file, *argv) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_what_apps_call_themselves_gives_the_terminal_no_orders(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def write() -> None:
        async with open_database(f"sqlite:///{file}") as database:
            await Ledger(database).write([reply("\x1b[2J", user="\x1b]0;mine\x07", usage=None, charges=(), unknown=1)])

    asyncio.run(write())
    run(file, "show", "--by", "user")
    run(file, "show", "--unknown")
    said = capsys.readouterr().out
    assert "]0;mine" in said
    assert not any(sign in said for sign in ("\x1b", "\x07"))


def test_without_a_ledger_there_is_nothing_to_show(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["ledger", "show"]) == 2
    assert "there is no ledger" in capsys.readouterr().err
    assert run(tmp_path / "none.db", "verify") == 2
    assert not (tmp_path / "none.db").exists()


def test_the_environment_names_the_ledger(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LACONIC_LEDGER", f"sqlite:///{file}")
    assert main(["ledger", "verify"]) == 0


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("mysql://me:hunter2@host/x", 2, "not at mysql:…"),
        ("postgresql://me:hunter2@127.0.0.1:1/x", 5, "the ledger postgresql://me@127.0.0.1:1/x cannot be used"),
    ],
)
def test_a_ledger_nobody_can_open_is_told_without_its_password(
    capsys: pytest.CaptureFixture[str], url: str, code: int, told: str
) -> None:
    assert main(["ledger", "verify", "--ledger", url]) == code
    said = capsys.readouterr().err
    assert told in said
    assert "hunter2" not in said
