"""The price list: what each model charges, exactly, with the source and date of every price.

The list is `rates.toml` beside this file, read through importlib.resources: the one place where a root file of
laconic touches anything outside its arguments, and it reads only what is shipped with it. A user's table has the
same shape and wins over ours. Prices are read as decimals and kept as integers of 10⁻⁹ of the currency (a
nano-dollar, where it is the dollar), because a bill of many small lines must add up: $4 for 1M tokens is 4000 a token.
A model we do not know has no price, and nobody guesses one.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import Any, cast

from laconic.errors import BadInput

__all__ = ["RateTable", "Rates", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one model charges. Token prices are in 10⁻⁹ of `currency` per token; None where there is no such price."""

    name: str
    kind: str = "models"
    """`models`, `transcription` for what writes down the user's turns, `text` for what writes summaries."""
    service: str = "yours"
    currency: str = "USD"
    """`USD` or `CNY`."""
    text_in: int | None = None
    text_cached: int | None = None
    text_out: int | None = None
    text_out_text_only: int | None = None
    """Text written in reply to nothing but text, where that is cheaper."""
    text_out_with_audio: int | None = None
    """Text written beside a spoken reply, where that is cheaper."""
    audio_in: int | None = None
    audio_cached: int | None = None
    audio_out: int | None = None
    image_in: int | None = None
    image_cached: int | None = None
    per_minute: int | None = None
    """10⁻⁹ of `currency` for a minute, of session or of sound as the service counts."""
    standby_per_minute: int | None = None
    per_message: int | None = None
    """10⁻⁹ of `currency` for a text item the client creates."""
    aliases: tuple[str, ...] = ()
    context: int | None = None
    """Tokens, input and output together."""
    max_output: int | None = None
    released: date | None = None
    shutdown: date | None = None
    source: str = "your own table"
    date: date | None = None
    """When the prices were read."""
    note: str = ""

    @property
    def by_time(self) -> bool:
        """True where minutes are billed and tokens are not."""
        return self.per_minute is not None

    @property
    def priced(self) -> bool:
        """False for a model whose price nobody could find."""
        return any(getattr(self, name) is not None for name in (*_PER_TOKEN, *_OTHER_PRICES))


_PER_TOKEN = (
    "text_in",
    "text_cached",
    "text_out",
    "text_out_text_only",
    "text_out_with_audio",
    "audio_in",
    "audio_cached",
    "audio_out",
    "image_in",
    "image_cached",
)
_OTHER_PRICES = ("per_minute", "standby_per_minute", "per_message")
_FIELDS = {field.name for field in fields(Rates)} - {"name", "kind"}
_KINDS = ("models", "transcription", "text")
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class RateTable:
    """A price list: the models in the order of its file, found by name."""

    def __init__(self, rates: Mapping[str, Rates]) -> None:
        self._rates = dict(rates)
        self._aliases = {alias: entry.name for entry in rates.values() for alias in entry.aliases}

    def __iter__(self) -> Iterator[Rates]:
        return iter(self._rates.values())

    def __len__(self) -> int:
        return len(self._rates)

    def find(self, model: str) -> Rates | None:
        """The rates of `model`: by its name, by an alias, or as a dated snapshot of a known one; else None."""
        if (name := self._aliases.get(model, model)) in self._rates:
            return self._rates[name]
        return self.find(stem) if (stem := _SNAPSHOT.sub("", model)) != model else None

    def merged(self, text: str, where: str = "rates.toml") -> RateTable:
        """This table with a user's own over it, field by field. `where` names the file in a complaint.

        Raises BadInput, one sentence with file and line, for a table that cannot be used.
        """
        return RateTable(self._rates | _read(text, where, self._rates))


def load(text: str | None = None) -> RateTable:
    """The table in `text`, or the shipped one. Raises BadInput for a table that cannot be used."""
    return _shipped() if text is None else RateTable(_read(text, "rates.toml", {}))


@functools.cache  # every session asks for it, and reading takes as long as all that a short one does besides
def _shipped() -> RateTable:
    text = resources.files("laconic").joinpath("rates.toml").read_text(encoding="utf-8")
    return RateTable(_read(text, "rates.toml", {}))


def _read(text: str, where: str, below: Mapping[str, Rates]) -> dict[str, Rates]:
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where} is not valid TOML: {error}; correct it or move it away.") from None
    read: dict[str, Rates] = {}
    for kind, models in tables.items():
        if kind not in _KINDS or not isinstance(models, dict):
            place = f"{where}, line {_line(text, kind)}"
            raise BadInput(
                f'{place}: "{kind}" is no table of prices; use [models."…"], [transcription."…"] or [text."…"].'
            )
        for name, entry in cast("dict[str, Any]", models).items():
            if not isinstance(entry, dict):
                place = f"{where}, line {_line(text, name)}"
                raise BadInput(f'{place}: write the prices of {name} under [{kind}."{name}"].')
            values = {
                key: _value(key, value, f"{where}, line {_line(text, name, key)}: {name}")
                for key, value in cast("dict[str, Any]", entry).items()
            }
            read[name] = replace(below.get(name, Rates(name=name)), kind=kind, **values)
    return read


def _value(key: str, value: Any, place: str) -> Any:
    """One field as `Rates` holds it; `place` begins the complaint."""
    if key in _PER_TOKEN:
        return _exact(value, 1_000, f"{place} has {key} = {value}", "with three decimals at most, for 1M tokens")
    if key in _OTHER_PRICES:
        return _exact(value, 10**9, f"{place} has {key} = {value}", "with nine decimals at most")
    if key not in _FIELDS:
        raise BadInput(f'{place} has a field "{key}" that means nothing here; fields are {", ".join(sorted(_FIELDS))}.')
    if key == "aliases":
        if isinstance(value, list) and all(isinstance(alias, str) for alias in cast("list[Any]", value)):
            return tuple(cast("list[str]", value))
        raise BadInput(f"{place} needs a list of names for {key}.")
    if key in ("context", "max_output"):
        if isinstance(value, int) and value > 0:
            return value
        raise BadInput(f"{place} needs a whole number of tokens for {key}.")
    if key in ("date", "released", "shutdown"):
        if isinstance(value, date):
            return value
        raise BadInput(f"{place} needs a date for {key}, such as 2026-11-22 without quotes.")
    if key == "currency" and value not in ("USD", "CNY"):
        raise BadInput(f'{place} has currency = {value}; it can be "USD" or "CNY".')
    if isinstance(value, str):
        return value
    raise BadInput(f"{place} needs a text in quotes for {key}.")


def _exact(value: Any, factor: int, said: str, how: str) -> int:
    """`value` times `factor`, if that is a whole number not below zero."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise InvalidOperation
        nano = Decimal(value) * factor
        if nano.is_finite() and nano >= 0 and nano == nano.to_integral_value():
            return int(nano)
    except InvalidOperation:
        pass  # the same sentence as for a price that is too fine
    raise BadInput(f"{said}; write a price {how}.")


def _line(text: str, name: str, key: str | None = None) -> int:
    """The line that first mentions `name`, or below it `key`; TOML's reader does not keep them. At least 1."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if name in line.split("#")[0]), 0)
    if key is None:
        return start + 1
    opens = re.compile(rf'\s*"?{re.escape(key)}"?\s*=')
    return next((number for number in range(start, len(lines)) if opens.match(lines[number])), start) + 1
