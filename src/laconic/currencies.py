"""Money in any currency, at a rate the user gives: exact integers all the way, rounded once.

Services charge dollars (Qwen's yuan stay yuan). Who pays in something else says how many of it a dollar is, and
every sum is shown so; nobody looks up a rate for him.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from laconic.errors import BadInput
from laconic.meter import Cost, dollars

__all__ = ["DOLLARS", "Currency", "Sums", "currency", "money"]

_SIGNS = {"JPY": "¥", "EUR": "€", "GBP": "£", "KRW": "₩", "INR": "₹"}
_WHOLE = ("JPY", "KRW", "VND", "CLP")
"""Currencies nobody counts in hundredths."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency, and how many of it one dollar is."""

    name: str = "USD"
    per_usd: Fraction = Fraction(1)

    def converted(self, nano: int) -> int:
        """10⁻⁹ dollars in 10⁻⁹ of this currency, rounded half up."""
        exact = nano * self.per_usd
        return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)

    def show(self, cost: Cost) -> str:
        """A cost for people, in this currency; one that is not in dollars stays as it is."""
        return self.amount(cost.nanodollars, cost.currency)

    def amount(self, nano: int, charged_in: str) -> str:
        """The same of a bare sum, 10⁻⁹ of the currency it is charged in."""
        return money(self.converted(nano), self.name) if charged_in == "USD" else dollars(nano, charged_in)


DOLLARS = Currency()


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of money and what they are for, as a sentence has them that may be told in another currency."""

    by_name: Mapping[str, int]
    """10⁻⁹ of `charged_in`."""
    charged_in: str = "USD"

    def told(self, currency: Currency) -> str:
        return ", ".join(f"{name} {currency.amount(nano, self.charged_in)}" for name, nano in self.by_name.items())

    def __str__(self) -> str:
        return self.told(DOLLARS)


def currency(name: str, per_usd: str | None) -> Currency:
    """The currency of that code at that rate (`155`, `0.92`). BadInput where either means nothing."""
    code = name.upper()
    if not re.fullmatch("[A-Z]{3}", code):
        raise BadInput(
            f"{name!r} is no currency; give its code of three letters, such as JPY or EUR",
            f"通貨 {name!r} は使えません。JPY、EUR のような 3 文字の通貨コードを指定してください",
        )
    if per_usd is None:
        if code == "USD":
            return DOLLARS
        raise BadInput(
            f"how many {code} is a dollar? say so with --per-usd",
            f"1 ドルが何 {code} かを --per-usd で指定してください",
        )
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", per_usd, re.ASCII) or not (rate := Fraction(Decimal(per_usd))):
        raise BadInput(
            f"{per_usd!r} {code} to the dollar cannot be reckoned with; give a number above zero, such as 155 or 0.92",
            f"レート {per_usd!r} は使えません。155 や 0.92 のような 0 より大きい数を指定してください",
        )
    if code == "USD" and rate != 1:
        raise BadInput("a dollar is one dollar; leave --per-usd out, or name another --currency", None)
    return Currency(code, rate)


def money(nano: int, name: str) -> str:
    """10⁻⁹ of a currency for people. Where hundredths are unknown, whole ones from a hundred up: `¥1,234`, `¥12.3`."""
    if name not in _WHOLE:
        return dollars(nano, name).replace(f"{name} ", _SIGNS.get(name, f"{name} "))
    sign = _SIGNS.get(name, f"{name} ")
    if nano < 0:
        return "-" + money(-nano, name)
    if 0 < nano < 10_000_000:
        return f"<{sign}0.01"
    if nano < 10**9:
        return f"{sign}{(nano + 5_000_000) // 10_000_000 / 100:.2f}"
    if nano < 10**11:
        return f"{sign}{(nano + 50_000_000) // 100_000_000 / 10:.1f}"
    return f"{sign}{(nano + 500_000_000) // 1_000_000_000:,}"
