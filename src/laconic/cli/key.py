"""`laconic key`: make, list and revoke the keys apps show the gateway. A key is shown once, when it is made."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from laconic.budget import Limit, limits
from laconic.cli import Commands
from laconic.cli.books import add_ledger_flag, label, ledger_url
from laconic.errors import BadInput
from laconic.memory import memory
from laconic.meter import dollars
from laconic.terminal.columns import plain

if TYPE_CHECKING:
    from laconic.gateway.keys import Key
    from laconic.gateway.limits import Standing

__all__ = ["add_parser", "run"]

_PURPOSE = "make, list and revoke the keys apps show the gateway"


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("key", help=_PURPOSE, description=_PURPOSE, allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)

    create = actions.add_parser(
        "create",
        help="make a key and show it, this once",
        description="Budgets: $2, $5/day, $100/month, 50000 tokens, 30 min; several with commas. A key's services are "
        "paid by the gateway; the app never sees their keys.",
        allow_abbrev=False,
    )
    add_ledger_flag(create)
    create.add_argument("name", metavar="NAME", help="whose it is: an app, a team, a person")
    create.add_argument("--budget", metavar="LIMITS", help="for all its sessions together, by day, by month, or ever")
    create.add_argument("--session-budget", metavar="LIMITS", help="for each session")
    create.add_argument("--user-budget", metavar="LIMITS", help="for each of its users, by day, by month, or ever")
    create.add_argument(
        "--model", action="append", metavar="PATTERN", help="models it may ask for (gpt-realtime*); may be repeated"
    )
    create.add_argument("--memory", metavar="MEMORY", help="what its sessions remember (the gateway's if not given)")
    create.add_argument(
        "--label", action="append", default=[], metavar="NAME=VALUE", help="stands in each of its rows; may be repeated"
    )
    create.add_argument("--expires", metavar="WHEN", help="2027-01-31 (its end, UTC), 30d, or 12h")
    create.add_argument("--print", action="store_true", help="show it though the output is no terminal")
    create.set_defaults(act=_create)

    listing = actions.add_parser("list", help="all keys and how their budgets stand", allow_abbrev=False)
    add_ledger_flag(listing)
    listing.set_defaults(act=_list)

    revoke = actions.add_parser("revoke", help="let no session begin with a key any more", allow_abbrev=False)
    add_ledger_flag(revoke)
    revoke.add_argument("key", metavar="KEY", help="its name or id")
    revoke.set_defaults(act=_revoke)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    code: int = asyncio.run(args.act(args))
    return code


async def _create(args: argparse.Namespace) -> int:
    from laconic.gateway.database import open_database
    from laconic.gateway.keys import Keys

    if not (args.print or sys.stdout.isatty()):
        raise BadInput("a key is shown once, and this output is no terminal; say --print if it shall go there")
    if args.memory is not None:
        memory(args.memory)  # complains of one that does not exist
    expires = _expires(args.expires)
    async with open_database(ledger_url(args, there=False)) as database:
        key, secret = await Keys(database).create(
            args.name,
            session_budget=_limits(args.session_budget),
            budgets=_limits(args.budget),
            user_budgets=_limits(args.user_budget),
            models=tuple(args.model) if args.model else None,
            memory=args.memory,
            labels=dict(label(text) for text in args.label),
            expires=expires,
        )
    print(secret)
    print(f"This is {key.name} ({key.id}). It is shown this once; only its hash is kept.", file=sys.stderr)
    return 0


async def _list(args: argparse.Namespace) -> int:
    from laconic.gateway.database import open_database
    from laconic.gateway.keys import Keys
    from laconic.gateway.limits import Limits

    now = datetime.now(UTC)
    async with open_database(ledger_url(args)) as database:
        keys = await Keys(database).list()
        standings = {key.id: await Limits(database).standings(key) for key in keys}
    if not keys:
        print("There are no keys yet; `laconic key create NAME` makes one.")
        return 0
    for key in keys:
        first, *below = map(plain, _lines(key, standings[key.id], now))
        print("\n  ".join([first, *below]))
    return 0


async def _revoke(args: argparse.Namespace) -> int:
    from laconic.gateway.database import open_database
    from laconic.gateway.keys import Keys

    async with open_database(ledger_url(args)) as database:
        key = await Keys(database).revoke(args.key)
    print(f"{key.name} ({key.id}) begins no session any more; those under way go on until they end.")
    return 0


def _lines(key: Key, standings: list[Standing], now: datetime) -> Iterator[str]:
    """A key, and then all that was said of it."""
    if key.revoked is not None:
        state = f"revoked {key.revoked:%Y-%m-%d}"
    elif key.expires is not None:
        state = f"{'expires' if now < key.expires else 'expired'} {key.expires:%Y-%m-%d %H:%M} UTC"
    else:
        state = "good"
    yield f"{key.name} ({key.id}) {state}"
    for standing in standings:
        limit = standing.pool.limit
        used, held, left = (_amount(limit, amount) for amount in (standing.used, standing.held, max(standing.left, 0)))
        yield f"{limit}: {used} used, {held} held by running sessions, {left} left"
    for limit in key.user_budgets:
        yield f"{limit} for each user"
    for limit in key.session_budget:
        yield f"{limit} for each session"
    if key.models is not None:
        yield f"models: {', '.join(key.models)}"
    if key.memory is not None:
        yield f"memory: {key.memory}"
    if key.labels:
        yield f"labels: {', '.join(f'{name}={value}' for name, value in key.labels.items())}"


def _amount(limit: Limit, amount: int) -> str:
    if limit.unit == "nanodollars":
        return dollars(amount)
    return f"{amount:,} tokens" if limit.unit == "tokens" else f"{amount / 60_000:.1f} min"


def _limits(text: str | None) -> tuple[Limit, ...]:
    return limits(text) if text else ()


def _expires(text: str | None) -> datetime | None:
    """The moment a key ends: after the day that was named, or so many days or hours from now."""
    if text is None:
        return None
    now = datetime.now(UTC)
    try:
        if match := re.fullmatch(r"(\d{1,5})([dh])", text, re.ASCII):
            much = int(match[1])
            when = now + (timedelta(days=much) if match[2] == "d" else timedelta(hours=much))
        else:
            when = datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"--expires {text!r} is no time; write 2027-01-31, 30d or 12h") from None
    if when <= now:
        raise BadInput(f"--expires {text!r} is over already")
    return when
