"""Proof that a ledger is right: every row's charges follow from its usage and prices, and all sums from the rows.

A row carries the price of each of its lines, so it can be reckoned anew from itself: the meter prices its usage at
those prices and must come to the same lines. The prices themselves must stand in the price list that the row names. A
charge whose list is not in the ledger, or does not have its model, is no proven charge, and is named as one that is
wrong. What the table repeats for the sake of SQL (a row's sums, what a key has used on a day) must agree with the rows.

What cannot be proven here: that the service reported the right counts, that its prices are those of the list, and that
no row is missing which never was written. For those there is the service's own bill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from laconic.gateway.books import Row
from laconic.gateway.database import Database, Transaction
from laconic.gateway.ledger import Wanted, correction_id, read_page
from laconic.gateway.prices import read_prices, version_of
from laconic.gateway.rows import Spent, from_columns, read_usage, spent, used
from laconic.meter import Charge, Cost, Meter, dollars, price
from laconic.rates import Rates, RateTable
from laconic.usage import TranscriptionUsage, Usage

__all__ = ["Proof", "prove", "wrong_with"]

_UNITS = {"token": 1, "minute": 60_000, "message": 1, "correction": 1}
"""How much of a line's count one price is for: prices of a minute, counts of milliseconds."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and one sentence for everything that is wrong."""

    rows: int
    unknown: int
    """Rows that leave something unknown and were not corrected; not wrong, but not the whole bill either."""
    totals: tuple[tuple[str, int], ...]
    """10⁻⁹ of each currency, all charges together."""
    wrong: tuple[str, ...]


async def prove(database: Database) -> Proof:
    """Look at the whole ledger, as it is at one moment."""
    async with database.reading() as transaction:
        lists = {
            version: read_prices(text)
            for version, text in await transaction.fetch("SELECT version, prices FROM laconic_rates")
        }
        wrong = [
            f"The price list {version} holds other prices than its name was made from."
            for version, table in lists.items()
            if version_of(table).rpartition("-")[2] != version.rpartition("-")[2]
        ]
        account = _Account()
        last: tuple[str, str, str] | None = None
        while page := await read_page(transaction, Wanted(), last):
            for columns in page:
                wrong += account.add(columns, lists)
            last = page[-1][3], page[-1][0], page[-1][1]
        wrong += account.corrections()
        wrong += await _sums(transaction, account.spending)
    return Proof(account.rows, sum(account.open.values()), tuple(sorted(account.totals.items())), tuple(wrong))


class _Account:
    """The rows, added up while they are read."""

    def __init__(self) -> None:
        self.rows = 0
        self.totals: defaultdict[str, int] = defaultdict(int)
        self.spending: defaultdict[tuple[str, str, str], Spent] = defaultdict(Spent)
        self.open: dict[tuple[str, str], int] = {}
        """What each row leaves unknown, where it does."""
        self._at_most: dict[tuple[str, str], Row] = {}
        self._corrections: list[Row] = []

    def add(self, columns: Sequence[Any], lists: dict[str, RateTable]) -> Iterator[str]:
        """Take in one row; a sentence for each thing that is wrong with it."""
        self.rows += 1
        try:
            row = from_columns(columns)
            takes = spent(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield f"Row {columns[1]} of session {columns[0]} cannot be read: {error}."
            return
        name = f"Row {row.id} of session {row.session}"
        sums = used(row)
        if (sums.nanodollars, sums.tokens, sums.ms) != tuple(columns[9:12]):
            yield f"{name} has other sums in its columns than its charges and usage make."
        for found in wrong_with(row, lists.get(row.rates_version)):
            yield f"{name}: {found}."
        self.totals[row.currency] += sums.nanodollars
        if row.kind == "correction":
            self._corrections.append(row)
        elif row.unknown:
            self.open[row.session, row.id] = 1
            self._at_most[row.session, row.id] = row
        if row.key is not None:
            for user in {"", row.user or ""}:
                self.spending[row.key, user, columns[3][:10]] += takes

    def corrections(self) -> Iterator[str]:
        """What is wrong with corrections: each is of one row, and takes back just what that row left unknown."""
        for row in self._corrections:
            of = row.session, row.id.removeprefix(correction_id(""))
            corrected = self._at_most.get(of)
            name = f"Row {row.id} of session {row.session}"
            if corrected is None or row.id != correction_id(corrected.id):
                yield f"{name} corrects a row that is not there, or that leaves nothing unknown."
                continue
            del self.open[of]
            back = {unit: -amount for unit, amount in corrected.at_most.items()}
            if row.unknown != -corrected.unknown or dict(row.at_most) != back or row.key != corrected.key:
                yield f"{name} takes back something else than its row had left unknown."


async def _sums(transaction: Transaction, spending: dict[tuple[str, str, str], Spent]) -> list[str]:
    """Where what a key has used on a day is not what its rows of that day add up to."""
    kept = {
        (key, user, day): Spent(nano, tokens, ms)
        for key, user, day, nano, tokens, ms in await transaction.fetch(
            "SELECT key_id, user_label, day, nanodollars, tokens, ms FROM laconic_spending"
        )
    }
    return [
        f"Key {key}{f', user {user},' if user else ''} has used {_said(kept.get((key, user, day), Spent()))} on {day}"
        f" by its account, {_said(spending.get((key, user, day), Spent()))} by its rows."
        for key, user, day in sorted(kept.keys() | spending.keys())
        if kept.get((key, user, day), Spent()) != spending.get((key, user, day), Spent())
    ]


def _said(amount: Spent) -> str:
    return f"{dollars(amount.nanodollars)}, {amount.tokens} tokens and {amount.ms} ms ({amount.nanodollars} nano)"


def wrong_with(row: Row, prices: RateTable | None) -> Iterator[str]:
    """What is wrong with one row; `prices` is the list it names, None where the ledger does not have it. A row that
    leaves its cost unknown and charges nothing needs no list."""
    for charge in row.charges:
        if charge.unit not in _UNITS:
            yield f"it has a line {charge.what} by the {charge.unit}, which is no unit"
        elif charge.nanodollars != _line(charge):
            yield (
                f"its line {charge.what} says {charge.nanodollars} nano for {charge.count} at {charge.price} a"
                f" {charge.unit}, which makes {_line(charge)}"
            )
    if row.kind == "lost":
        if row.charges or not row.unknown:
            yield "it stands for what nobody knows, and charges something all the same"
        return
    if row.kind == "correction":
        return
    yield from _wrong_with_totals(row)
    if row.charges and prices is None:
        named = f"the price list {row.rates_version}" if row.rates_version else "a price list without a name"
        yield f"it charges by {named}, which is not in the ledger, so its prices cannot be proven"
    elif row.charges and prices is not None and prices.find(row.model) is None:
        model = row.model or "a model without a name"
        yield f"it charges for {model}, which the price list {row.rates_version} does not have"
    if row.kind == "session":
        yield from _wrong_with_session(row, prices.find(row.model) if prices is not None else None)
        return
    own, listed = _from_own_prices(row), _from_list(row, prices) if prices is not None else None
    if own is not None and (own.charges, own.unknown) != (row.charges, row.unknown):
        yield f"its usage makes {_lines(own)} at its own prices, and it charges {_lines(_cost(row))}"
    elif listed is not None and (listed.charges, listed.unknown) != (row.charges, row.unknown):
        yield f"the price list {row.rates_version} makes it {_lines(listed)}, and it charges {_lines(_cost(row))}"
    elif own is None and listed is None:
        yield "it charges nothing for its tokens, and there is no price list that says why"


def _wrong_with_totals(row: Row) -> Iterator[str]:
    """Totals the usage states beside its parts, which alone are priced."""
    usage = read_usage(row)
    made, stated = usage.to_wire() if usage is not None else {}, row.usage or {}
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        if name in made and stated.get(name) != made[name]:
            yield f"its usage says {stated.get(name)} {name}, and its parts make {made[name]}"


def _line(charge: Charge) -> int:
    """The line's sum from its count and price; time is rounded half up, as the meter does."""
    each = _UNITS[charge.unit]
    return (2 * charge.count * charge.price + each) // (2 * each)


def _wrong_with_session(row: Row, rates: Rates | None) -> Iterator[str]:
    """A session's own lines: its time, and the messages some services charge one by one."""
    counts = {"time": (row.usage or {}).get("duration_ms"), "messages": (row.usage or {}).get("messages")}
    listed = {"time": rates.per_minute, "messages": rates.per_message} if rates is not None else {}
    for charge in row.charges:
        if charge.what not in counts:
            yield f"a session has no line {charge.what}"
        elif charge.count != counts[charge.what]:
            yield f"it charges {charge.count} for its {charge.what}, and reports {counts[charge.what]}"
        elif listed and charge.price != listed[charge.what]:
            yield f"its {charge.what} cost {charge.price} each, {listed[charge.what]} by the price list"


def _from_own_prices(row: Row) -> Cost | None:
    """What the row's usage costs at the prices that stand in its lines; None where that cannot be told."""
    usage = read_usage(row)
    if usage is None:
        return Cost(unknown=max(row.unknown, 1), currency=row.currency)
    if isinstance(usage, TranscriptionUsage):
        return _transcription(row, usage)
    by_what = {charge.what: charge.price for charge in row.charges}
    if not by_what and row.unknown:
        return Cost(unknown=row.unknown, currency=row.currency)
    if not by_what:
        # Nothing was used; or its model is billed by time, which only its price list can tell.
        return None if usage.total_tokens or usage.billable_ms else Cost(currency=row.currency)
    text_out = by_what.get("text_out")
    return price(
        usage,
        Rates(
            name=row.model,
            currency=row.currency,
            text_in=by_what.get("text_in"),
            text_cached=by_what.get("text_cached"),
            text_out=text_out,
            audio_in=by_what.get("audio_in"),
            audio_cached=by_what.get("audio_cached"),
            audio_out=by_what.get("audio_out"),
            image_in=by_what.get("image_in"),
            image_cached=by_what.get("image_cached"),
            per_minute=by_what.get("time"),
        ),
    )


def _from_list(row: Row, prices: RateTable) -> Cost | None:
    """What the row's usage costs by the price list; None where the list does not know the model."""
    usage, rates = read_usage(row), prices.find(row.model)
    if usage is None or rates is None:
        return None
    if rates.currency != row.currency:
        return Cost(unknown=1, currency=row.currency)  # it cannot be added to the session's bill
    if isinstance(usage, Usage):
        return price(usage, rates)
    meter = Meter(None, rates)
    # Where minutes are billed and tokens reported, the turn's own length was taken, which only the line knows.
    known_ms = next((charge.count for charge in row.charges if charge.unit == "minute"), None)
    return meter.transcription(row.id, usage, known_ms)


def _transcription(row: Row, usage: TranscriptionUsage) -> Cost:
    """A transcription's lines carry one name: its counts must follow one another as the meter writes them."""
    if row.unknown:
        return Cost(unknown=row.unknown, currency=row.currency)
    if row.charges and row.charges[0].unit == "minute":
        first = row.charges[0]
        ms = usage.duration_ms if usage.duration_ms is not None else first.count
        line = replace(first, what="transcription", count=ms)
        return Cost((replace(line, nanodollars=_line(line)),), currency=row.currency)
    counts = [count for count in (usage.text_in, usage.audio_in, usage.text_out) if count]
    lines = [
        Charge("transcription", count, "token", charge.price, count * charge.price)
        for count, charge in zip(counts, row.charges, strict=False)
    ]
    return Cost(tuple(lines), int(len(lines) != len(counts) or usage.duration_ms is not None), row.currency)


def _cost(row: Row) -> Cost:
    return Cost(row.charges, row.unknown, row.currency)


def _lines(cost: Cost) -> str:
    lines = ", ".join(f"{charge.count} {charge.what} at {charge.price}" for charge in cost.charges) or "nothing"
    return f"{lines}{f' and {cost.unknown} unknown' if cost.unknown else ''} ({cost.nanodollars} nano)"
