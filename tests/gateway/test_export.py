"""The ledger for other programs, and its sums."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from bookkeeping import NOON, reply

from laconic.errors import BadInput
from laconic.gateway.books import Row
from laconic.gateway.export import Sum, sums, write_csv, write_json, write_json_lines, write_parquet
from laconic.usage import Usage

COUNTS = Usage(text_in=500, audio_in=900, cached_text=128, cached_audio=640, text_out=40, audio_out=120)
ROWS = [
    reply("s1", "a", counts=COUNTS, key="key_1", user="ann", labels={"team": "応援, A"}),
    reply("s1", "b", tokens=10, key="key_1", at=NOON + timedelta(days=9)),
    reply(
        "s1",
        "i",
        kind="transcription",
        model="whisper-1",
        usage={"type": "tokens", "input_tokens": 7, "output_tokens": 3},
        charges=(),
        unknown=1,
    ),
    reply("s2", "w", kind="transcription", model="whisper-1", usage={"type": "duration", "seconds": 2.5}, charges=()),
    reply("s2", "session", kind="session", usage={"duration_ms": 60_000, "messages": 0}, charges=(), currency="CNY"),
    reply("s2", "x", usage=None, charges=(), unknown=1, at_most={"tokens": 5}),
]


async def rows() -> AsyncIterator[Row]:
    for row in ROWS:
        yield row


async def test_sums_by_model() -> None:
    real, whisper = [one for one in await sums(rows(), "model") if one.currency == "USD"]
    cost = sum(charge.nanodollars for row in ROWS for charge in row.charges)
    assert real == Sum("gpt-realtime-2.1", "USD", 3, 1_400, 768, 170, cost, 1)
    assert whisper == Sum("whisper-1", "USD", 2, 7, 0, 3, 0, 1)


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("day", ["2026-11-22", "2026-12-01"]),
        ("month", ["2026-11", "2026-12"]),
        ("key", ["", "key_1"]),
        ("user", ["", "ann"]),
        ("session", ["s1", "s2"]),
        ("kind", ["reply", "session", "transcription"]),
        ("label:team", ["", "応援, A"]),
        ("label:room", [""]),
    ],
)
async def test_sums_by_anything(by: str, groups: list[str]) -> None:
    assert sorted({one.group for one in await sums(rows(), by)}) == groups


async def test_currencies_are_not_added_together() -> None:
    assert [(one.group, one.currency) for one in await sums(rows(), "session")] == [
        ("s1", "USD"),
        ("s2", "CNY"),
        ("s2", "USD"),
    ]


async def test_json_lines_hold_the_rows_as_they_are() -> None:
    file = io.StringIO()
    assert await write_json_lines(rows(), file) == len(ROWS)
    first, *_, last = [json.loads(line) for line in file.getvalue().splitlines()]
    assert first["labels"] == {"team": "応援, A"}
    assert first["usage"] == COUNTS.to_wire()
    assert first["nanodollars"] == sum(line["nanodollars"] for line in first["charges"]) > 0
    assert first["at"] == "2026-11-22T12:00:00.000000Z"
    assert (last["usage"], last["at_most"]) == (None, {"tokens": 5})


async def test_json_is_one_array_of_the_same_rows() -> None:
    lines, array, empty = io.StringIO(), io.StringIO(), io.StringIO()
    await write_json_lines(rows(), lines)
    assert await write_json(rows(), array) == len(ROWS)
    assert json.loads(array.getvalue()) == [json.loads(line) for line in lines.getvalue().splitlines()]
    assert array.getvalue().endswith("]\n")

    async def none() -> AsyncIterator[Row]:
        for row in ROWS[:0]:
            yield row

    assert await write_json(none(), empty) == 0
    assert empty.getvalue() == "[]\n"


async def test_csv_has_a_column_for_every_count() -> None:
    file = io.StringIO()
    assert await write_csv(rows(), file) == len(ROWS)
    a, _, i, w, session, x = csv.DictReader(io.StringIO(file.getvalue()))
    assert (a["audio_in"], a["cached_audio"], a["audio_out"], a["user"]) == ("900", "640", "120", "ann")
    assert json.loads(a["labels"]) == {"team": "応援, A"}
    assert (i["audio_in"], i["text_out"], i["audio_out"]) == ("7", "3", "")
    assert (w["duration_ms"], session["duration_ms"]) == ("2500", "60000")
    assert (x["audio_in"], x["unknown"], x["at_most"]) == ("", "1", '{"tokens": 5}')


async def test_parquet_has_the_same_columns_with_their_types(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "o'clock.parquet"
    assert await write_parquet(rows(), path) == len(ROWS)
    with duckdb.connect() as connection:
        quoted = str(path).replace("'", "''")
        read = f"FROM read_parquet('{quoted}')"
        types = {name: type_ for name, type_, *_ in connection.execute(f"DESCRIBE SELECT * {read}").fetchall()}
        (a,) = connection.execute(f"SELECT nanodollars, cached_audio, labels {read} WHERE id = 'a'").fetchall()
        (x,) = connection.execute(f"SELECT audio_in, key, epoch_us(utc) {read} WHERE id = 'x'").fetchall()
    assert (types["nanodollars"], types["utc"], types["labels"]) == ("BIGINT", "TIMESTAMP WITH TIME ZONE", "VARCHAR")
    cost = sum(charge.nanodollars for charge in ROWS[0].charges)
    assert a == (cost, 640, '{"team": "応援, A"}')
    assert x == (None, None, int(NOON.timestamp()) * 10**6)


async def test_a_parquet_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    with pytest.raises(BadInput, match="cannot be written"):
        await write_parquet(rows(), tmp_path / "nowhere" / "x.parquet")


async def test_parquet_without_its_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(BadInput, match=r"pip install 'laconic\[analysis\]'"):
        await write_parquet(rows(), tmp_path / "x.parquet")
