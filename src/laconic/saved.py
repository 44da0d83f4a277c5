"""The line under a talk: what it has cost, what this reply did, what was saved against doing nothing, and the pace.

Numbers only; whoever shows them has the words. The forecast is the recent pace carried on for an hour: the money of
the last ten minutes, or of the talk while it is shorter. Before half a minute there is none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from laconic.alternatives import Alternatives
from laconic.currencies import DOLLARS, Currency
from laconic.meter import Meter

__all__ = ["Pace", "SavedLine", "saved_line"]

_DOING_NOTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLine:
    """Sums in 10⁻⁹ of `currency`; None where one cannot be known."""

    currency: str
    cost: int
    """So far, without what is unknown."""
    unknown: int
    """Things the cost leaves out because nobody knows their price or size."""
    reply: int | None
    """Of the latest response."""
    saved: int | None
    """Less than doing nothing would have cost; below zero where it cost more."""
    floor: int
    """The least this conversation can cost."""
    multiple: float | None
    """The cost as a multiple of the floor."""
    per_hour: int | None
    """What an hour costs at this pace."""


class Pace:
    """How fast money goes. Holds ten minutes of sums, one a second at most."""

    def __init__(self, window_s: float = 600.0, least_s: float = 30.0) -> None:
        self._window_s = window_s
        self._least_s = least_s
        self._sums: deque[tuple[float, int]] = deque()

    def note(self, nano: int, now: float) -> None:
        """So much had been spent in all at this time, in seconds; call it at the start too."""
        if self._sums and now - self._sums[-1][0] < 1 and len(self._sums) > 1:
            self._sums.pop()
        self._sums.append((now, nano))
        while len(self._sums) > 2 and self._sums[1][0] <= now - self._window_s:
            self._sums.popleft()

    def per_hour(self, now: float) -> int | None:
        """What an hour costs at this pace; None until there is one."""
        if not self._sums:
            return None
        began, before = self._sums[0]
        passed_ms = round((now - began) * 1000)
        if passed_ms < self._least_s * 1000:
            return None
        return (self._sums[-1][1] - before) * 3_600_000 // passed_ms


def saved_line(
    alternatives: Alternatives, meter: Meter, pace: Pace, now: float, currency: Currency = DOLLARS
) -> SavedLine:
    """The line as it stands now. `pace` is told the present sum.

    Nothing is said to be saved where costs are unknown for want of prices, or where `alternatives` does not reckon
    `everything`. Sums that are not in dollars stay in their currency.
    """
    total = meter.total
    pace.note(total.nanodollars, now)
    per_hour = pace.per_hour(now)
    floor = alternatives.floor
    saved = None
    if _DOING_NOTHING in alternatives.names and meter.rates is not None and alternatives.rates is not None:
        nothing = alternatives.cost(_DOING_NOTHING)
        saved = nothing.nanodollars - total.nanodollars if nothing.currency == total.currency else None
    replies = [entry for entry in meter.responses if entry.kind == "reply"]
    latest = replies[-1].cost if replies else None
    in_dollars = total.currency == "USD"
    shown = currency if in_dollars else Currency(total.currency)
    return SavedLine(
        currency=shown.name,
        cost=shown.converted(total.nanodollars),
        unknown=total.unknown,
        reply=shown.converted(latest.nanodollars) if latest is not None and not latest.unknown else None,
        saved=None if saved is None else shown.converted(saved),
        floor=shown.converted(floor.nanodollars),
        multiple=alternatives.multiple(total),
        per_hour=None if per_hour is None else shown.converted(per_hour),
    )
