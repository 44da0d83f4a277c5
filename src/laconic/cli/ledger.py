"""`laconic ledger`: what everything cost, by whatever one asks; all of it for other programs; and the proof of it."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from laconic.budget import limits
from laconic.cli import Commands
from laconic.cli.books import add_ledger_flag, label, ledger_url
from laconic.errors import BadInput
from laconic.meter import dollars
from laconic.terminal.columns import plain, width_of

if TYPE_CHECKING:
    from laconic.gateway.books import Row
    from laconic.gateway.export import Sum
    from laconic.gateway.keys import Keys
    from laconic.gateway.ledger import Ledger, Wanted
    from laconic.gateway.rows import Spent

__all__ = ["add_parser", "run"]

_PURPOSE = "show, export and prove what the gateway has written down"
_UNRESOLVED = 1  # exit code of verify for a ledger that is wrong


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("ledger", help=_PURPOSE, description=_PURPOSE, allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)

    show = actions.add_parser("show", help="sums by day, key, model, …", allow_abbrev=False)
    _add_selection(show)
    show.add_argument(
        "--by",
        default="day",
        metavar="WHAT",
        help="day (default), month, key, user, model, route, session, memory, kind or label:NAME",
    )
    show.add_argument("--json", action="store_true", help="for machines: sums in 10^-9 of the currency")
    show.add_argument("--unknown", action="store_true", help="instead, list what nobody knows the cost of yet")
    show.set_defaults(act=_show)

    export = actions.add_parser("export", help="every row, for other programs", allow_abbrev=False)
    _add_selection(export)
    export.add_argument(
        "--format",
        choices=("csv", "json", "jsonl", "parquet"),
        help="of the file: json is one array, jsonl a row a line; told from its name if not given",
    )
    export.add_argument("--output", "-o", type=Path, metavar="FILE", help="where to (standard output if not given)")
    export.set_defaults(act=_export)

    verify = actions.add_parser("verify", help="prove every charge and every sum", allow_abbrev=False)
    add_ledger_flag(verify)
    verify.set_defaults(act=_verify)

    resolve = actions.add_parser(
        "resolve",
        help="say what an unknown row turned out to have used",
        description="A row whose usage nobody reported counts against budgets with the most it can have used. "
        "When the service's bill says what it was, say so here.",
        allow_abbrev=False,
    )
    add_ledger_flag(resolve)
    resolve.add_argument("session", metavar="SESSION")
    resolve.add_argument("row", metavar="ROW", help="its id; `laconic ledger show --unknown` lists both")
    resolve.add_argument("--used", required=True, metavar="WHAT", help='"$0.12, 900 tokens", or "nothing"')
    resolve.set_defaults(act=_resolve)
    parser.set_defaults(run=run)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    add_ledger_flag(parser)
    parser.add_argument("--since", metavar="DAY", help="first day (UTC): 2026-11-22, today, or 7d for seven days ago")
    parser.add_argument("--until", metavar="DAY", help="last day (UTC)")
    parser.add_argument("--key", metavar="KEY", help="rows of this key, by its name or id")
    parser.add_argument("--model", help="rows of this model")
    parser.add_argument("--user", help="rows of this user")
    parser.add_argument("--session", help="rows of this session")
    parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="rows with this label")


def run(args: argparse.Namespace) -> int:
    """Do one action. Exit code 1 where `verify` finds something wrong; LaconicError for what cannot be done."""
    code: int = asyncio.run(args.act(args))
    return code


# --- show --------------------------------------------------------------------------------------------------------


async def _show(args: argparse.Namespace) -> int:
    from laconic.gateway.database import open_database
    from laconic.gateway.export import GROUPS, sums
    from laconic.gateway.keys import Keys
    from laconic.gateway.ledger import Ledger

    if args.by not in GROUPS and not args.by.startswith("label:"):
        raise BadInput(f"sums cannot be made by {args.by!r}; choose {', '.join(GROUPS)} or label:NAME")
    async with open_database(ledger_url(args)) as database:
        ledger, keys = Ledger(database), Keys(database)
        wanted = await _wanted(args, keys)
        if args.unknown:
            _print_unknown(await _unknown(ledger, wanted))
            return 0
        found = await sums(ledger.rows(wanted), args.by)
        names = {key.id: key.name for key in await keys.list()} if args.by == "key" else {}
    for one in found:
        one.group = names.get(one.group, one.group)
    if args.json:
        print(json.dumps({"by": args.by, "sums": [dataclasses.asdict(one) for one in found]}, ensure_ascii=False))
    else:
        print("\n".join(_sums_table(found, args.by)) if found else "There are no such rows.")
    return 0


def _sums_table(found: list[Sum], by: str) -> list[str]:
    rows = [_sums_row(one.group or "–", one) for one in found]
    for currency in sorted({one.currency for one in found}):
        of = [one for one in found if one.currency == currency]
        if len(of) > 1:
            rows.append(_sums_row("in all", _together(of)))
    names = (by.removeprefix("label:"), "rows", "tokens in", "cached", "out", "cost", "unknown")
    return _table(names, rows)


_NAME_WIDTH = 18  # leaves 62 of 80 columns for the numbers; a longer name stands above them


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Names to the left, numbers to the right."""
    needed = [max(map(width_of, column)) for column in zip(names, *rows, strict=True)]
    needed[0] = min(needed[0], _NAME_WIDTH)
    lines: list[str] = []
    for name, *numbers in (names, *rows):
        if width_of(name) > _NAME_WIDTH:
            lines.append(name)
            name = ""
        cells = [f"{number:>{wide}}" for number, wide in zip(numbers, needed[1:], strict=True)]
        lines.append("  ".join([name + " " * (needed[0] - width_of(name)), *cells]))
    return lines


def _sums_row(name: str, one: Sum) -> list[str]:
    counts = [_count(count) for count in (one.rows, one.tokens_in, one.cached, one.tokens_out)]
    return [plain(name), *counts, dollars(one.nanodollars, one.currency), _count(one.unknown)]


def _count(count: int) -> str:
    """In full up to seven digits: 1,234,567; then 12.3M."""
    return f"{count:,}" if count < 10**7 else f"{count / 10**6:,.1f}M"


def _together(sums: list[Sum]) -> Sum:
    whole = dataclasses.replace(sums[0])
    for one in sums[1:]:
        for name in ("rows", "tokens_in", "cached", "tokens_out", "nanodollars", "unknown"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    return whole


async def _unknown(ledger: Ledger, wanted: Wanted) -> list[Row]:
    """Rows that leave something unknown, without those that were corrected."""
    found: dict[tuple[str, str], Row] = {}
    corrected: set[tuple[str, str]] = set()
    async for row in ledger.rows(wanted):
        if row.kind == "correction":
            corrected.add((row.session, row.id.removeprefix("correction of ")))
        elif row.unknown:
            found[row.session, row.id] = row
    return [row for name, row in found.items() if name not in corrected]


def _print_unknown(rows: list[Row]) -> None:
    if not rows:
        print("Nothing is unknown.")
    for row in rows:
        at_most = [
            _amount(unit, row.at_most[unit]) for unit in ("nanodollars", "tokens", "ms") if row.at_most.get(unit)
        ]
        key = f"  key {row.key}" if row.key else ""
        print(plain(f"{row.at:%Y-%m-%d %H:%M} {row.kind} {row.model or '–'}{key}"))
        print(f"  {plain(row.session)} '{plain(row.id)}'")
        if at_most:
            print(f"  {', '.join(at_most)} at most, which its key's budgets count as used")


def _amount(unit: str, amount: int) -> str:
    if unit == "nanodollars":
        return dollars(amount)
    return f"{amount:,} tokens" if unit == "tokens" else f"{amount / 60_000:.1f} min"


# --- export ------------------------------------------------------------------------------------------------------


async def _export(args: argparse.Namespace) -> int:
    from laconic.gateway.database import open_database
    from laconic.gateway.export import write_csv, write_json, write_json_lines, write_parquet
    from laconic.gateway.keys import Keys
    from laconic.gateway.ledger import Ledger

    path: Path | None = args.output
    kind = args.format or _format_of(path)
    async with open_database(ledger_url(args)) as database:
        rows: AsyncIterator[Row] = Ledger(database).rows(await _wanted(args, Keys(database)))
        if kind == "parquet":
            if path is None:
                raise BadInput("Parquet cannot be written to standard output; name a file with --output")
            count = await write_parquet(rows, path)
        else:
            with ExitStack() as files:
                file = sys.stdout if path is None else files.enter_context(_opened(path))
                write = {"csv": write_csv, "json": write_json, "jsonl": write_json_lines}[kind]
                count = await write(rows, file)
    if path is not None:
        print(f"{count:,} rows in {path}")
    return 0


def _format_of(path: Path | None) -> str:
    ending = path.suffix.lower() if path is not None else ".csv"
    known = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    if ending not in known:
        raise BadInput(f"what {path} shall be cannot be told from its name; say --format csv, json, jsonl or parquet")
    return known[ending]


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from None


# --- verify and resolve --------------------------------------------------------------------------------------------


async def _verify(args: argparse.Namespace) -> int:
    from laconic.gateway.database import open_database
    from laconic.gateway.proof import prove

    async with open_database(ledger_url(args)) as database:
        proof = await prove(database)
    for sentence in proof.wrong:
        print(plain(sentence))
    total = ", ".join(dollars(nano, currency) for currency, nano in proof.totals) or dollars(0)
    unknown = f"; {proof.unknown:,} of them leave something unknown" if proof.unknown else ""
    if proof.wrong:
        print(f"WRONG: {len(proof.wrong):,} things in {proof.rows:,} rows, {total}{unknown}")
        return _UNRESOLVED
    print(f"right: {proof.rows:,} rows, {total}; every charge follows from its usage, every sum from its rows{unknown}")
    return 0


async def _resolve(args: argparse.Namespace) -> int:
    from laconic.gateway.ledger import open_ledger

    found = _used(args.used)
    async with open_ledger(ledger_url(args)) as ledger:
        row = await ledger.correct(args.session, args.row, found)
    print(f"row '{args.row}' of session {args.session} counts as {dollars(found.nanodollars)} now: '{row.id}'")
    return 0


def _used(text: str) -> Spent:
    from laconic.gateway.rows import Spent

    if text.strip() == "nothing":
        return Spent()
    amounts = limits(text)
    if any(amount.period is not None for amount in amounts):
        raise BadInput(f"{text!r}: what was used is an amount, without a day or month")
    return Spent(**{amount.unit: amount.amount for amount in amounts})


# --- what was asked for ------------------------------------------------------------------------------------------


async def _wanted(args: argparse.Namespace, keys: Keys) -> Wanted:
    from laconic.gateway.ledger import Wanted

    key = None
    if args.key is not None:
        found = await keys.get(args.key)
        if found is None:
            raise BadInput(f"there is no key {args.key!r}; `laconic key list` shows all")
        key = found.id
    return Wanted(
        since=_day(args.since, "--since"),
        until=_day(args.until, "--until"),
        key=key,
        model=args.model,
        user=args.user,
        session=args.session,
        labels=tuple(label(text) for text in args.label),
    )


def _day(text: str | None, flag: str) -> date | None:
    if text is None:
        return None
    today = datetime.now(UTC).date()
    if text == "today":
        return today
    try:
        if text.endswith("d"):
            return today - timedelta(days=int(text[:-1]))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise BadInput(f"{flag} {text!r} is no day; write 2026-11-22, today, or 7d for seven days ago") from None
