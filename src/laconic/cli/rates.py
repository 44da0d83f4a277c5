"""`laconic rates`: the price list as the meter uses it, the user's own prices included.

In full it fits a terminal of 80 columns; for one model it says everything known, the source and date of its prices
above all; with `--json` it is the exact integers the engine reckons with.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from platformdirs import user_config_dir

from laconic.cli import Commands
from laconic.errors import BadInput
from laconic.rates import Rates, RateTable, load

__all__ = ["add_parser", "rate_table", "run"]

_COLUMNS = (
    "text_in",
    "text_cached",
    "text_out",
    "audio_in",
    "audio_cached",
    "audio_out",
    "image_in",
    "image_cached",
)
_NAME_WIDTH, _PRICE_WIDTH, _FIELD_WIDTH = 24, 7, 24  # 24 + 8 × 7 = 80; longer names stand above their prices


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("rates", help="print the price list")
    parser.add_argument("model", nargs="?", metavar="MODEL", help="everything about one model, its sources included")
    parser.add_argument("--json", action="store_true", help="for machines: prices in 10^-9 of the currency per unit")
    parser.add_argument(
        "--rates", type=Path, metavar="FILE", help="your own prices, in place of rates.toml in the configuration folder"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list, or one model. Raises BadInput for an unknown model or a file that cannot be used."""
    table = rate_table(args.rates)
    chosen: Iterable[Rates] = table
    if args.model is not None:
        chosen = [_found(table, args.model)]
    if args.json:
        print(json.dumps({"unit": _UNIT, "rates": [dataclasses.asdict(rates) for rates in chosen]}, default=str))
    elif args.model is not None:
        print("\n".join(_detail(*chosen)))
    else:
        print("\n".join(_listing(table, datetime.now(UTC).date())))
    return 0


_UNIT = "10^-9 of the currency per token, minute or message"


def rate_table(path: Path | None = None) -> RateTable:
    """The shipped prices with the user's own over them: from `path`, or the configuration folder's rates.toml if any.

    Raises BadInput for a file that is named and missing, or cannot be read or understood.
    """
    named = path is not None
    path = path or Path(user_config_dir("laconic", appauthor=False)) / "rates.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not named:
            return load()
        raise BadInput(
            f"There is no price list {path}; check the name given with --rates.",
            ja=f"料金表 {path} がありません。--rates で指定した名前を確認してください。",
        ) from None
    except OSError as error:
        raise BadInput(f"The price list {path} cannot be read: {error.strerror}; check its permissions.") from None
    except UnicodeDecodeError:
        raise BadInput(f"The price list {path} is not UTF-8 text; save it as UTF-8.") from None
    return load().merged(text, str(path))


def _found(table: RateTable, model: str) -> Rates:
    if (rates := table.find(model)) is not None:
        return rates
    raise BadInput(
        f'No price is known for "{model}"; `laconic rates` lists the models, and a file given with --rates can add it.',
        ja=f"「{model}」の料金は不明です。`laconic rates` で一覧を見るか、--rates のファイルで追加してください。",
    )


def _listing(table: RateTable, today: date) -> Iterator[str]:
    """The whole list, in groups."""
    by_token = [rates for rates in table if rates.kind == "models" and not rates.by_time and rates.priced]
    for service, currency in dict.fromkeys((rates.service, rates.currency) for rates in by_token):
        group = [rates for rates in by_token if (rates.service, rates.currency) == (service, currency)]
        yield f"{service}, {currency} for 1M tokens"
        yield _row("", ["text", "", "", "audio", "", "", "image", ""])
        yield _row("", ["in", "cached", "out", "in", "cached", "out", "in", "cached"])
        for rates in group:
            name = _name(rates, today)
            if len(name) > _NAME_WIDTH:
                yield name
                name = ""
            yield _row(name, [_per_million(getattr(rates, column)) for column in _COLUMNS])
        yield ""
    yield from _by_time("Billed by time", [rates for rates in table if rates.kind == "models" and rates.by_time], today)
    yield from _by_time("Input transcription", [rates for rates in table if rates.kind == "transcription"], today)
    yield from _by_time("Summaries", [rates for rates in table if rates.kind == "text"], today)
    if unpriced := [rates.name for rates in table if not rates.priced]:
        yield f"Without a known price: {', '.join(unpriced)}"
    yield "† shut down. `laconic rates MODEL` gives sources, dates and remarks."


def _by_time(title: str, group: Sequence[Rates], today: date) -> Iterator[str]:
    """Models whose price needs a sentence rather than a column."""
    yield title
    for rates in group:
        words = [
            f"{_each(price)} {rates.currency} {unit}"
            for price, unit in (
                (rates.per_minute, "a minute"),
                (rates.standby_per_minute, "on standby"),
                (rates.per_message, "a message"),
            )
            if price is not None
        ]
        if rates.text_in is not None:
            named = ("text", rates.text_in), ("cached", rates.text_cached), ("audio", rates.audio_in)
            columns = (*named, ("out", rates.text_out))
            words = [", ".join(f"{name} {_per_million(price)}" for name, price in columns if price is not None)]
            words[0] += f" {rates.currency} for 1M tokens"
        yield f"{_name(rates, today):{_NAME_WIDTH}}  {', '.join(words)}"
    yield ""


def _detail(rates: Rates) -> Iterator[str]:
    """Everything known of one model, one field a line."""
    kind = {"transcription": ", input transcription", "text": ", summaries"}.get(rates.kind, "")
    yield f"{rates.name} ({rates.service}{kind})"
    for field in dataclasses.fields(Rates):
        value = getattr(rates, field.name)
        if value in (None, (), "") or field.name in ("name", "kind", "service", "currency"):
            continue
        if field.name in ("per_minute", "standby_per_minute", "per_message"):
            shown = f"{_each(value)} {rates.currency}"
        elif field.type == "int | None" and field.name not in ("context", "max_output"):
            shown = f"{_per_million(value)} {rates.currency} for 1M tokens"
        elif field.name in ("context", "max_output"):
            shown = f"{value:,} tokens"
        elif field.name == "aliases":
            shown = ", ".join(value)
        else:
            shown = str(value)
        # Addresses are never broken: they are there to be copied.
        yield textwrap.fill(
            shown,
            80,
            initial_indent=f"  {field.name.replace('_', ' '):{_FIELD_WIDTH - 2}} ",
            subsequent_indent=" " * (_FIELD_WIDTH + 1),
            break_long_words=False,
            break_on_hyphens=False,
        )


def _name(rates: Rates, today: date) -> str:
    return f"{rates.name} †" if rates.shutdown is not None and rates.shutdown <= today else rates.name


def _row(name: str, prices: Sequence[str]) -> str:
    return f"{name:{_NAME_WIDTH}}{''.join(f'{price:>{_PRICE_WIDTH}}' for price in prices)}".rstrip()


def _per_million(nano: int | None) -> str:
    return "–" if nano is None else _decimal(Decimal(nano) / 1000)


def _each(nano: int) -> str:
    return _decimal(Decimal(nano) / 10**9)


def _decimal(value: Decimal) -> str:
    """At least two decimals where there are any: 4, 0.40, 0.0045."""
    shown = f"{value.normalize():f}"
    whole, point, decimals = shown.partition(".")
    return f"{whole}.{decimals:0<2}" if point else whole
