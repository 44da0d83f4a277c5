"""Limits as a user writes them: `$2`, `$5/day`, `50000 tokens`, `30 min`, several with commas.

A limit is a whole number of one unit, 10⁻⁹ dollars, tokens or milliseconds, so that spending adds up without
rounding. A period (a day, a month) makes sense only where several sessions are counted together. A budget is what one
session may use, and what becomes of the talk when it is used up; limiting.py makes it hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from laconic.errors import BadInput
from laconic.meter import dollars

__all__ = ["Budget", "Limit", "Period", "Unit", "budget", "limits", "shown"]

Unit = Literal["nanodollars", "tokens", "ms"]
Period = Literal["day", "month"]

_ONE = re.compile(
    r"(?:\$\s*(?P<dollars>[0-9_]*\.?[0-9_]+)"
    r"|(?P<tokens>[0-9_]+)\s*tokens?"
    r"|(?P<minutes>[0-9_]*\.?[0-9_]+)\s*min(?:utes?)?)"
    r"\s*(?:/\s*(?P<period>day|month))?",
    re.ASCII,
)
_PER: dict[Unit, int] = {"nanodollars": 10**9, "tokens": 1, "ms": 60_000}
_UNITS: dict[str, Unit] = {"dollars": "nanodollars", "tokens": "tokens", "minutes": "ms"}
_PERIODS: dict[str | None, Period] = {"day": "day", "month": "month"}
_FORMS = "$2, $5/day, 50000 tokens or 30 min, several with commas between them"


@dataclass(frozen=True, slots=True)
class Limit:
    """No more than `amount` of `unit`: 10⁻⁹ US dollars, tokens (read, from cache or not, and generated), or ms."""

    unit: Unit
    amount: int
    period: Period | None = None
    """None: in all, for one session or for the whole life of a key."""

    def __str__(self) -> str:
        """As a user would write it; `limits` reads it back."""
        number = _decimal(Fraction(self.amount, _PER[self.unit]))
        written = {"nanodollars": f"${number}", "tokens": f"{number} tokens", "ms": f"{number} min"}[self.unit]
        return written + (f"/{self.period}" if self.period else "")


_GOODBYE = {
    "en": "I am sorry, that is all the time we have for today. Goodbye, and take care!",
    "ja": "申し訳ありませんが、今日はここまでです。ありがとうございました。",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one session may use. BadInput for limits with a period, which a session alone cannot keep."""

    limits: tuple[Limit, ...] = ()
    shared: frozenset[Unit] = frozenset()
    """Units of which there is only what the driver has leased to this session: what others use as well."""
    end: Literal["stay", "close"] = "stay"
    """Whether the app's socket stays open at the end, saying why nothing happens, or is closed."""
    goodbye: bool | str = True
    """Whether the model says goodbye at the end; a text is said in these words."""
    lang: str = "en"
    """The language of the goodbye, `en` or `ja`."""

    def __post_init__(self) -> None:
        for limit in self.limits:
            if limit.period is not None:
                raise BadInput(
                    f"budget {limit} is for several sessions together; for one session leave out /{limit.period}",
                    f"予算 {limit} は複数の会話に対するものです。一つの会話では /{limit.period} を付けないでください",
                )

    @property
    def farewell(self) -> str | None:
        """What is said at the end; None if nothing is."""
        if isinstance(self.goodbye, str):
            return self.goodbye
        return _GOODBYE.get(self.lang, _GOODBYE["en"]) if self.goodbye else None


def budget(spec: str | Budget) -> Budget:
    """The budget a user wrote, or one already made. BadInput."""
    return spec if isinstance(spec, Budget) else Budget(limits=limits(spec))


def shown(amount: int, unit: Unit) -> str:
    """An amount for a human: `$1.23`, `1,234 tokens`, `12.5 min`."""
    if unit == "nanodollars":
        return dollars(amount)
    return f"{amount:,} tokens" if unit == "tokens" else f"{_decimal(Fraction(round(amount / 6_000), 10))} min"


def limits(text: str) -> tuple[Limit, ...]:
    """The limits a user wrote, in their order. BadInput for anything else, for zero, and for one said twice."""
    found: list[Limit] = []
    for written in text.split(","):
        limit = _one(written.strip())
        if limit is None:
            raise BadInput(
                f"budget {text!r} is not understood at {written.strip()!r}; write {_FORMS}",
                f"予算 {text!r} の {written.strip()!r} が読めません。$2、$5/day、50000 tokens、30 min と書けます",
            )
        if any((limit.unit, limit.period) == (other.unit, other.period) for other in found):
            raise BadInput(
                f"budget {text!r} limits the same thing twice; keep one of them",
                f"予算の指定 {text!r} に同じ種類の上限が二つあります。一つにしてください",
            )
        found.append(limit)
    return tuple(found)


def _one(written: str) -> Limit | None:
    match = _ONE.fullmatch(written)
    if match is None:
        return None
    unit = _UNITS[next(name for name in _UNITS if match[name] is not None)]
    digits = (match["dollars"] or match["tokens"] or match["minutes"]).replace("_", "")
    amount = Fraction(digits) * _PER[unit] if digits.strip("0.") else Fraction(0)
    if unit == "ms":
        amount = Fraction(round(amount))
    if amount == 0 or amount.denominator != 1:
        return None
    return Limit(unit, int(amount), _PERIODS.get(match["period"]))


def _decimal(number: Fraction) -> str:
    """A number in decimals, nine places at most: exact for dollars and tokens, near enough to a ms for minutes."""
    places = 10**9
    whole, rest = divmod(round(number * places), places)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
