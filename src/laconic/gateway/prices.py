"""The price list a row was priced by, kept beside the rows under the name that stands in each of them.

The name is made from the prices themselves: two lists with the same prices have one name, and a name means the same
prices for ever, whoever edits which file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from typing import Any

from laconic.rates import Rates, RateTable

__all__ = ["read_prices", "version_of", "write_prices"]

_REMARKS = ("source", "date", "note", "released", "shutdown", "context", "max_output")


def write_prices(table: RateTable) -> str:
    """The list as text, without what is not a price: equal lists give equal texts."""
    entries = [
        {name: value for name, value in asdict(rates).items() if name not in _REMARKS and value not in (None, ())}
        for rates in sorted(table, key=lambda rates: rates.name)
    ]
    return json.dumps(entries, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def version_of(table: RateTable) -> str:
    """The list's name: the last day one of its prices was read, and twelve digits of the SHA-256 of the prices."""
    digest = hashlib.sha256(write_prices(table).encode()).hexdigest()[:12]
    last = max((rates.date for rates in table if rates.date is not None), default=None)
    return f"{last}-{digest}" if last is not None else digest


def read_prices(text: str) -> RateTable:
    """The list as it was written; fields a later laconic may have added are left out."""
    known = {field.name for field in fields(Rates)}
    entries: list[dict[str, Any]] = json.loads(text)
    table: dict[str, Rates] = {}
    for entry in entries:
        values = {name: value for name, value in entry.items() if name in known}
        values["aliases"] = tuple(entry.get("aliases", ()))
        table[entry["name"]] = Rates(**values)
    return RateTable(table)
