"""The bill, in one line while the talk runs and in full when it is over.

All figures are the meter's. What is not known is said to be unknown and never shown as nothing: a sum that leaves
something out is "at least", and a sum of nothing but unknown things is no sum. Against the stand-in service the
figures are what the real service would have charged, and every line says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from laconic.meter import Charge, Cost, Metered, dollars
from laconic.session import Session
from laconic.terminal.columns import clip, width_of
from laconic.terminal.page import Page
from laconic.terminal.words import Words, minutes, seconds

__all__ = ["amount", "bill_line", "charge_rows", "summary"]

_FORGOTTEN_SHOWN = 8
_QUOTED = 50


def amount(cost: Cost, words: Words) -> str:
    """A cost for people: exact, at least so much, or unknown."""
    sum_ = dollars(cost.nanodollars, cost.currency)
    if not cost.unknown:
        return sum_
    return words("at_least", cost=sum_) if cost.charges else words("unknown_cost")


def bill_line(session: Session, words: Words, *, pretend: bool = False) -> str:
    """One line: cost so far, the latest reply's, tokens, items held, exchanges. `pretend`: nothing is really billed."""
    meter = session.meter
    usage = meter.usage
    latest: Metered | None = meter.responses[-1] if meter.responses else None
    line = words(
        "bill",
        cost=amount(meter.total, words),
        reply=amount(latest.cost, words) if latest else "–",
        tokens_in=f"{usage.input_tokens:,}",
        cached=f"{usage.cached_tokens:,}",
        tokens_out=f"{usage.output_tokens:,}",
        items=len(session.conversation),
        exchanges=session.exchanges.count,
    )
    return f"{words('not_billed')} {line}" if pretend else line


def summary(session: Session, page: Page, duration_s: float, *, model: str, pretend: bool = False) -> list[str]:
    """What is printed when the talk is over: how long, what was forgotten, tokens, cost and what it is made of."""
    words, meter = page.words, session.meter
    usage = meter.usage
    rows = [
        words(
            "sum_talk",
            duration=minutes(duration_s),
            exchanges=session.exchanges.count,
            ghosts=session.exchanges.ghost_turns,
            items=len(session.conversation),
            forgotten=len(page.forgotten),
        )
    ]
    rows += _forgotten(page)
    rows.append(
        words(
            "sum_tokens",
            replies=len(meter.responses),
            tokens_in=f"{usage.input_tokens:,}",
            cached=f"{usage.cached_tokens:,}",
            tokens_out=f"{usage.output_tokens:,}",
        )
    )
    total = meter.total
    key = ("sum_cost" if total.charges else "sum_cost_bare") + ("_pretend" if pretend else "")
    rows.append(words(key, cost=amount(total, words), model=model))
    rows += charge_rows(total, words)
    if meter.rates is None and meter.responses:
        rows.append(words("sum_no_price", model=model))
    elif total.unknown:
        rows.append(words("sum_unknown", count=total.unknown))
    if session.errors:
        rows.append(words("sum_errors", count=session.errors))
    return rows


def _forgotten(page: Page) -> Iterator[str]:
    words = page.words
    by_memory = [notice for notice in page.forgotten if notice.why == "memory"]
    for notice in by_memory[:_FORGOTTEN_SHOWN]:
        quoted = page.quoted(notice) or words("unit_minute", seconds=seconds(notice.audio_ms))
        yield "  " + words("sum_forgotten", who=page.who(notice.role), words=clip(quoted, _QUOTED))
    if len(by_memory) > _FORGOTTEN_SHOWN:
        yield "  " + words("sum_more", more=len(by_memory) - _FORGOTTEN_SHOWN)


def charge_rows(total: Cost, words: Words) -> Iterator[str]:
    """One row for each kind of charge, in columns."""
    table = [
        (words(charge.what), _count(charge, words), dollars(charge.nanodollars, total.currency))
        for charge in total.charges
    ]
    first, second, third = (max(map(width_of, column)) for column in zip(*table, strict=True)) if table else (0, 0, 0)
    for what, count, sum_ in table:
        yield f"  {what}{_gap(what, first)}  {_gap(count, second)}{count}  {_gap(sum_, third)}{sum_}"


def _gap(text: str, width: int) -> str:
    return " " * (width - width_of(text))


def _count(charge: Charge, words: Words) -> str:
    return words(f"unit_{charge.unit}", count=f"{charge.count:,}", seconds=seconds(charge.count))
