"""The bill, in one line while the talk runs and in full when it is over.

All figures are the meter's. What is not known is said to be unknown and never shown as nothing: a sum that leaves
something out is "at least", and a sum of nothing but unknown things is no sum. Against the stand-in service the
figures are what the real service would have charged, and every line says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from laconic.budget import shown as amount_of
from laconic.choosing import Auto
from laconic.currencies import DOLLARS, Currency, money
from laconic.meter import Charge, Cost, Metered
from laconic.saved import Pace, saved_line
from laconic.session import Session
from laconic.terminal.columns import clip, width_of
from laconic.terminal.page import Page
from laconic.terminal.reasons import reason
from laconic.terminal.words import Words, minutes, seconds

__all__ = ["Bill", "amount", "charge_rows", "summary"]

_FORGOTTEN_SHOWN = 8
_QUOTED = 50


def amount(cost: Cost, words: Words, currency: Currency = DOLLARS) -> str:
    """A cost for people: exact, at least so much, or unknown."""
    sum_ = currency.show(cost)
    if not cost.unknown:
        return sum_
    return words("at_least", cost=sum_) if cost.charges else words("unknown_cost")


class Bill:
    """The bill while the talk runs. Made when it begins: the pace is counted from there.

    `now`: the time, in the talk's own seconds. `pretend`: nothing is really billed.
    """

    def __init__(
        self,
        session: Session,
        words: Words,
        now: Callable[[], float],
        *,
        currency: Currency = DOLLARS,
        pretend: bool = False,
    ) -> None:
        self._session, self._words, self._now = session, words, now
        self._currency, self._pretend = currency, pretend
        self._pace = Pace()
        self._pace.note(0, now())

    def __call__(self) -> str:
        """Two rows: money, and what it is money for."""
        return f"{self.money()}\n{self.tokens()}"

    def money(self) -> str:
        """Cost so far, the latest reply's, what was saved against doing nothing, and what an hour would cost."""
        words, meter = self._words, self._session.meter
        line = saved_line(self._session.alternatives, meter, self._pace, self._now(), self._currency)
        replies = [entry for entry in meter.responses if entry.kind == "reply"]
        latest = amount(replies[-1].cost, words, self._currency) if replies else "–"
        row = [words("bill", cost=amount(meter.total, words, self._currency), reply=latest)]
        if replies and line.saved is not None:
            row.append(words("bill_saved", saved=money(line.saved, line.currency)))
        account = self._session.account
        if account is not None:
            unit = account.tightest
            row.append(words("bill_left", left=amount_of(max(0, account.limit(unit) - account.spent(unit)), unit)))
        if line.per_hour is not None and not line.unknown:
            row.append(words("bill_pace", per_hour=money(line.per_hour, line.currency)))
        shown = words("between").join(row)
        return f"{words('not_billed')} {shown}" if self._pretend else shown

    def tokens(self) -> str:
        """Tokens so far, items held, exchanges."""
        usage = self._session.meter.usage
        return self._words(
            "tokens",
            tokens_in=f"{usage.input_tokens:,}",
            cached=f"{usage.cached_tokens:,}",
            tokens_out=f"{usage.output_tokens:,}",
            items=len(self._session.conversation),
            exchanges=self._session.exchanges.count,
        )


def summary(
    session: Session,
    page: Page,
    duration_s: float,
    *,
    model: str,
    currency: Currency = DOLLARS,
    pretend: bool = False,
) -> list[str]:
    """What is printed when the talk is over: how long, how it was remembered, what was forgotten, tokens, cost, what
    that is made of, and what other memories would have cost."""
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
    if page.written or page.folded:
        rows.append(words("sum_kept", written=page.written, folded=page.folded))
    rows.append(words("sum_memory", name=_memory_name(session), why=_why(session, words, currency)))
    rows.append(
        words(
            "sum_tokens",
            replies=len(_of_kind(session, "reply")),
            tokens_in=f"{usage.input_tokens:,}",
            cached=f"{usage.cached_tokens:,}",
            tokens_out=f"{usage.output_tokens:,}",
        )
    )
    total = meter.total
    key = ("sum_cost" if total.charges else "sum_cost_bare") + ("_pretend" if pretend else "")
    rows.append(words(key, cost=_both(total, words, currency), model=model))
    rows += charge_rows(total, words, currency)
    if summaries := _of_kind(session, "summary"):
        cost = sum((entry.cost for entry in summaries), Cost(currency=total.currency))
        rows.append("  " + words("sum_summaries", count=len(summaries), cost=amount(cost, words, currency)))
    if meter.rates is None and meter.responses:
        rows.append(words("sum_no_price", model=model))
    elif total.unknown:
        rows.append(words("sum_unknown", count=total.unknown))
    rows += _instead(session, words, currency)
    if session.errors:
        rows.append(words("sum_errors", count=session.errors))
    return rows


def _memory_name(session: Session) -> str:
    memory = session.memory
    return f"{memory.name} ({memory.chosen})" if isinstance(memory, Auto) else memory.name


def _why(session: Session, words: Words, currency: Currency) -> str:
    memory = session.memory
    return reason(session.why(), words.lang, memory.sums if isinstance(memory, Auto) else None, currency)


def _of_kind(session: Session, kind: str) -> list[Metered]:
    return [entry for entry in session.meter.responses if entry.kind == kind]


def _both(cost: Cost, words: Words, currency: Currency) -> str:
    """In the user's currency, with the dollars that were charged."""
    shown = amount(cost, words, currency)
    if currency.name == "USD" or cost.currency != "USD" or not cost.charges:
        return shown
    return f"{shown} ({amount(replace(cost, unknown=0), words)})"


def _instead(session: Session, words: Words, currency: Currency) -> Iterator[str]:
    """The floor, and what the same talk would have cost under other memories; nothing where that is not known."""
    total, others = session.meter.total, session.alternatives
    multiple = others.multiple(total)
    rates = session.meter.rates
    if multiple is None or total.unknown or rates is None or rates.by_time:
        return
    yield words("sum_floor", floor=currency.show(others.floor), multiple=f"{multiple:.2f}")
    yield words("sum_instead")
    costs = others.costs()
    table = [
        (_other(name, words), currency.show(cost), f"{others.multiple(cost) or 0:.2f}") for name, cost in costs.items()
    ]
    first, second = (max(map(width_of, column)) for column in list(zip(*table, strict=True))[:2])
    for what, cost, times in table:
        yield f"  {what}{_gap(what, first)}  {_gap(cost, second)}" + words("sum_other", cost=cost, multiple=times)


def _other(name: str, words: Words) -> str:
    """A memory the talk is compared with, in words."""
    kind, _, number = name.partition(":")
    match kind:
        case "everything":
            return words("nothing_done")
        case "last":
            return words("last_items", count=number)
        case "service":
            return words("service_cuts")
        case _:
            return name


def _forgotten(page: Page) -> Iterator[str]:
    words = page.words
    by_memory = [notice for notice in page.forgotten if notice.why == "memory"]
    for notice in by_memory[:_FORGOTTEN_SHOWN]:
        quoted = page.quoted(notice) or words("unit_minute", seconds=seconds(notice.audio_ms))
        yield "  " + words("sum_forgotten", who=page.who(notice.role), words=clip(quoted, _QUOTED))
    if len(by_memory) > _FORGOTTEN_SHOWN:
        yield "  " + words("sum_more", more=len(by_memory) - _FORGOTTEN_SHOWN)


def charge_rows(total: Cost, words: Words, currency: Currency = DOLLARS) -> Iterator[str]:
    """One row for each name of a charge, in columns."""
    table = [
        (words(charge.what), _count(charge, words), currency.show(Cost((charge,), currency=total.currency)))
        for charge in _by_name(total.charges)
    ]
    first, second, third = (max(map(width_of, column)) for column in zip(*table, strict=True)) if table else (0, 0, 0)
    for what, count, sum_ in table:
        yield f"  {what}{_gap(what, first)}  {_gap(count, second)}{count}  {_gap(sum_, third)}{sum_}"


def _by_name(charges: Sequence[Charge]) -> Iterator[Charge]:
    """Charges of one name and unit together, whatever their prices: a transcription's are for what it heard and what it
    wrote."""
    joined: dict[tuple[str, str], Charge] = {}
    for charge in charges:
        key = charge.what, charge.unit
        known = joined.get(key)
        count, nano = (known.count, known.nanodollars) if known is not None else (0, 0)
        joined[key] = replace(charge, count=count + charge.count, nanodollars=nano + charge.nanodollars)
    yield from joined.values()


def _gap(text: str, width: int) -> str:
    return " " * (width - width_of(text))


def _count(charge: Charge, words: Words) -> str:
    return words(f"unit_{charge.unit}", count=f"{charge.count:,}", seconds=seconds(charge.count))
