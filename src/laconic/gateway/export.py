"""The ledger for other programs: CSV, JSON, Parquet; and its sums by day, key, model and what else one asks.

JSON holds a row as it is, all rows in one array or each in a line of its own. CSV and Parquet are flat: a column for
every count and sum, JSON where a value has parts. Money is whole numbers of 10⁻⁹ of the currency everywhere.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import AsyncIterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from laconic.errors import BadInput
from laconic.gateway.books import Row
from laconic.gateway.database import as_text
from laconic.gateway.rows import read_usage, used
from laconic.usage import TranscriptionUsage, Usage

__all__ = ["GROUPS", "Sum", "sums", "write_csv", "write_json", "write_json_lines", "write_parquet"]

GROUPS = ("day", "month", "key", "user", "model", "route", "session", "memory", "kind")
"""What sums can be made by; besides them `label:NAME`."""

_COUNTS = ("text_in", "audio_in", "image_in", "cached_text", "cached_audio", "cached_image", "text_out", "audio_out")
_TEXTS = ("session", "id", "kind", "utc", "status", "route", "model", "key", "user", "labels", "memory", "currency")
_NUMBERS = ("nanodollars", "unknown", *_COUNTS, "reasoning", "duration_ms")
_PARTS = ("charges", "at_most", "rates_version", "laws")


@dataclass(slots=True)
class Sum:
    """The rows of one group in one currency, added up."""

    group: str
    currency: str
    rows: int = 0
    tokens_in: int = 0
    cached: int = 0
    tokens_out: int = 0
    nanodollars: int = 0
    unknown: int = 0


async def sums(rows: AsyncIterable[Row], by: str) -> list[Sum]:
    """Sums by `day`, `key` … (GROUPS) or `label:NAME`, in order of the groups. Rows that have none stand under ``."""
    found: dict[tuple[str, str], Sum] = {}
    async for row in rows:
        group = _group(row, by)
        one = found.setdefault((group, row.currency), Sum(group, row.currency))
        usage = read_usage(row)
        one.rows += 1
        if isinstance(usage, TranscriptionUsage):
            one.tokens_in += usage.text_in + usage.audio_in
            one.tokens_out += usage.text_out
        elif usage is not None:
            one.tokens_in += usage.input_tokens
            one.cached += usage.cached_tokens
            one.tokens_out += usage.output_tokens
        one.nanodollars += used(row).nanodollars
        one.unknown += row.unknown
    return [found[group] for group in sorted(found)]


def _group(row: Row, by: str) -> str:
    if by.startswith("label:"):
        return row.labels.get(by.removeprefix("label:"), "")
    if by in ("day", "month"):
        return as_text(row.at)[: 10 if by == "day" else 7]
    return getattr(row, by) or ""


async def write_json_lines(rows: AsyncIterable[Row], file: TextIO) -> int:
    """One row a line, its parts as they are. Returns how many."""
    count = 0
    async for row in rows:
        file.write(_whole(row) + "\n")
        count += 1
    return count


async def write_json(rows: AsyncIterable[Row], file: TextIO) -> int:
    """One array of all rows, their parts as they are; never more than one of them in memory. Returns how many."""
    count = 0
    file.write("[")
    async for row in rows:
        file.write((",\n" if count else "\n") + _whole(row))
        count += 1
    file.write("\n]\n" if count else "]\n")
    return count


def _whole(row: Row) -> str:
    return json.dumps(asdict(row) | {"at": as_text(row.at), "nanodollars": used(row).nanodollars}, ensure_ascii=False)


async def write_csv(rows: AsyncIterable[Row], file: TextIO) -> int:
    """One row a line, below a line of names. What was not reported is empty. Returns how many rows."""
    columns: list[str] = [*_TEXTS, *_NUMBERS, *_PARTS]
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    count = 0
    async for row in rows:
        writer.writerow(_flat(row))
        count += 1
    return count


async def write_parquet(rows: AsyncIterable[Row], path: Path) -> int:
    """The columns of the CSV, typed. Returns how many rows. BadInput without duckdb or where nothing can be written."""
    try:
        import duckdb
    except ImportError:
        raise BadInput("Parquet needs the analysis extra; install it with: pip install 'laconic[analysis]'") from None
    types = dict.fromkeys((*_TEXTS, *_PARTS), "VARCHAR") | dict.fromkeys(_NUMBERS, "BIGINT") | {"utc": "TIMESTAMPTZ"}
    columns = ", ".join(f"'{name}': '{types[name]}'" for name in (*_TEXTS, *_NUMBERS, *_PARTS))
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            async for row in rows:
                file.write(json.dumps(_flat(row), ensure_ascii=False) + "\n")
                count += 1
        read = f"read_json('{lines}', format='newline_delimited', columns={{{columns}}})"
        target = str(path).replace("'", "''")
        try:
            with duckdb.connect() as connection:
                connection.execute(f"COPY (SELECT * FROM {read}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        except duckdb.Error as error:
            raise BadInput(f"{path} cannot be written: {error}") from None
    return count


def _flat(row: Row) -> dict[str, Any]:
    """A row as CSV and Parquet have it."""
    usage = read_usage(row)
    counts: dict[str, Any] = {}
    if isinstance(usage, Usage):
        counts = {name: getattr(usage, name) for name in (*_COUNTS, "reasoning")}
        counts["duration_ms"] = usage.billable_ms
    elif usage is not None:
        counts = {name: getattr(usage, name) for name in ("text_in", "audio_in", "text_out", "duration_ms")}
    elif row.kind == "session":
        counts = {"duration_ms": (row.usage or {}).get("duration_ms")}
    return {
        **{name: getattr(row, name) for name in _TEXTS if name != "utc"},
        **dict.fromkeys(_NUMBERS),
        "utc": as_text(row.at),  # not `at`, which DuckDB keeps for itself
        "labels": json.dumps(dict(row.labels), ensure_ascii=False),
        "nanodollars": used(row).nanodollars,
        "unknown": row.unknown,
        **counts,
        "charges": json.dumps([asdict(charge) for charge in row.charges]),
        "at_most": json.dumps(dict(row.at_most)),
        "rates_version": row.rates_version,
        "laws": json.dumps(row.laws),
    }
