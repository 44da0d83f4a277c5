"""A row of the ledger, between the gateway's hands and the table: its columns, and what it uses of a budget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from laconic.gateway.books import Row
from laconic.gateway.database import as_text, as_time
from laconic.meter import Charge
from laconic.usage import TranscriptionUsage, Usage

__all__ = ["COLUMNS", "Spent", "from_columns", "nanodollars", "read_usage", "spent", "to_columns", "used"]

COLUMNS = (
    "session, id, kind, at, status, route, model, usage, charges, nanodollars, tokens, ms, unknown, at_most, currency,"
    " rates_version, laws, memory, key_id, labels, user_label"
)


@dataclass(frozen=True, slots=True)
class Spent:
    """What is used of a budget, in each unit one can be given in."""

    nanodollars: int = 0
    tokens: int = 0
    ms: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.nanodollars + other.nanodollars, self.tokens + other.tokens, self.ms + other.ms)


def read_usage(row: Row) -> Usage | TranscriptionUsage | None:
    """The counts of a row; None where none were reported, and of a `session`, which has other ones."""
    if row.kind in ("session", "correction", "lost"):
        return None
    return (TranscriptionUsage if row.kind == "transcription" else Usage).from_wire(row.usage)


def used(row: Row) -> Spent:
    """What the row reports: its charges, its tokens (read, from cache or not, and generated), its time."""
    usage = read_usage(row)
    if isinstance(usage, TranscriptionUsage):
        tokens = usage.text_in + usage.audio_in + usage.text_out
    else:
        tokens = usage.total_tokens if usage is not None else 0
    if row.kind == "correction":
        tokens = int((row.usage or {}).get("tokens", 0))
    ms = int((row.usage or {}).get("duration_ms", 0)) if row.kind in ("session", "correction") else 0
    return Spent(nanodollars(row.charges), tokens, ms)


def spent(row: Row) -> Spent:
    """What the row takes from the budgets it is under: what it reports and what it may have used beside that.

    A budget is in dollars; charges in another currency count one for one. Yuan are the only ones there are, and worth
    less, so a budget is kept all the same.
    """
    return used(row) + Spent(**{unit: row.at_most.get(unit, 0) for unit in ("nanodollars", "tokens", "ms")})


def nanodollars(charges: Sequence[Charge]) -> int:
    return sum(charge.nanodollars for charge in charges)


def to_columns(row: Row) -> tuple[str | int | None, ...]:
    """The row's values in the order of COLUMNS."""
    reported = used(row)
    return (
        row.session,
        row.id,
        row.kind,
        as_text(row.at),
        row.status,
        row.route,
        row.model,
        None if row.usage is None else _json(row.usage),
        _json([list(astuple(charge)) for charge in row.charges]),
        reported.nanodollars,
        reported.tokens,
        reported.ms,
        row.unknown,
        _json(row.at_most),
        row.currency,
        row.rates_version,
        _json(row.laws),
        row.memory,
        row.key,
        _json(row.labels),
        row.user,
    )


def from_columns(columns: Sequence[Any]) -> Row:
    """The row as it was written. Its sums stand beside it in the table, for SQL, and are reckoned anew here.

    ValueError, KeyError or TypeError where somebody has written what no gateway writes.
    """
    session, id_, kind, at, status, route, model, usage, charges, _, _, _, unknown, at_most, *rest = columns
    currency, rates_version, laws, memory, key, labels, user = rest
    return Row(
        session=session,
        id=id_,
        kind=kind,
        at=as_time(at),
        status=status,
        route=route,
        model=model,
        usage=None if usage is None else json.loads(usage),
        charges=tuple(Charge(*charge) for charge in json.loads(charges)),
        unknown=unknown,
        currency=currency,
        rates_version=rates_version,
        laws=json.loads(laws),
        memory=memory,
        key=key,
        labels=json.loads(labels),
        user=user,
        at_most=json.loads(at_most),
    )


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    if isinstance(value, Mapping):
        value = dict(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
