"""What of each limit is spent, what is spoken for, and what is left.

Spent is what the meter says, and beside it an estimate for whatever nobody reported: unknown is never zero. Spoken for
is the worst case of every response under way and of every sound whose transcription has not been billed. Of what is
shared with others there is only as much as has been leased.
"""

from __future__ import annotations

from collections.abc import Iterable

from laconic.budget import Limit, Unit, shown
from laconic.meter import Meter
from laconic.worst_case import Spend

__all__ = ["Account"]


class Account:
    """One session's. How long it has lasted it knows from `passed`."""

    def __init__(self, limits: Iterable[Limit], shared: Iterable[Unit], meter: Meter) -> None:
        self._limits: dict[Unit, int] = {limit.unit: limit.amount for limit in limits}
        self._granted: dict[Unit, int] = dict.fromkeys(shared, 0)
        self._last: set[Unit] = set()
        self._of: dict[Unit, Limit] = {}
        self._meter = meter
        self._began: float | None = None
        self._ms = self._tokens = 0
        self._estimated = Spend()
        self._reserved: dict[str, Spend] = {}
        self._spoken_for = Spend()

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units there is a limit in."""
        return tuple(dict.fromkeys((*self._limits, *self._granted)))

    def limit(self, unit: Unit) -> int:
        """How much there is in all. KeyError for a unit without any limit."""
        bounds = [bound[unit] for bound in (self._limits, self._granted) if unit in bound]
        if not bounds:
            raise KeyError(unit)
        return min(bounds)

    def final(self, unit: Unit) -> bool:
        """Whether that limit will not be raised by leasing more."""
        return unit not in self._granted or unit in self._last or self.limit(unit) == self._limits.get(unit)

    def last(self, unit: Unit) -> bool:
        """Whether that is so only because the last lease was said to be all there is, for now."""
        return unit in self._last and self.limit(unit) != self._limits.get(unit)

    def untouched(self, unit: Unit) -> bool:
        """Whether all that there is, for whomever, is there and nothing of it was ever spent."""
        whole = self._of[unit].amount if self._leased_only(unit) and unit in self._of else self._limits.get(unit)
        return not self.spent(unit) and self.limit(unit) == whole

    def named(self, unit: Unit) -> str:
        """The budget that bounds this unit, for a human: `budget of $2.00`, `shared budget of $20/day`."""
        if not self._leased_only(unit):
            return f"budget of {shown(self.limit(unit), unit)}"
        return f"shared budget of {self._of[unit]}" if unit in self._of else "shared budget"

    def _leased_only(self, unit: Unit) -> bool:
        return unit in self._granted and self.limit(unit) != self._limits.get(unit)

    def unspent(self, unit: Unit) -> int:
        """What was leased and is neither spent nor spoken for."""
        return self._granted.get(unit, 0) - self.spent(unit) - self._spoken_for.of(unit)

    def spent(self, unit: Unit) -> int:
        if unit == "nanodollars":
            return self._meter.nanodollars + self._estimated.nanodollars
        return self._tokens + self._estimated.tokens if unit == "tokens" else self._ms

    def left(self, unit: Unit) -> int:
        """What is neither spent nor spoken for; below zero where it was not enough."""
        return self.limit(unit) - self.spent(unit) - self._spoken_for.of(unit)

    @property
    def tightest(self) -> Unit:
        """The unit of which the largest share is spent."""
        return max(self.units, key=lambda unit: self.spent(unit) / max(1, self.limit(unit)))

    @property
    def time_up_at(self) -> float | None:
        """When a limit in time is reached; None where there is none, or no time has passed yet."""
        if self._began is None or "ms" not in self.units:
            return None
        return self._began + self.limit("ms") / 1000

    @property
    def estimated(self) -> Spend:
        """What nobody reported, as far as it was estimated."""
        return self._estimated

    @property
    def spoken_for(self) -> Spend:
        """The worst case of everything under way."""
        return self._spoken_for

    # --- what happens ----------------------------------------------------------------------------------------

    def passed(self, now: float) -> None:
        """Time has come to `now`; the session began when this was said first."""
        if self._began is None:
            self._began = now
        self._ms = max(self._ms, int((now - self._began) * 1000))
        self._meter.elapsed(self._ms)  # which some services bill, though nobody says anything

    def reserve(self, key: str, spend: Spend) -> None:
        """Keep so much for something under way, in place of what was kept for it before."""
        self.release(key)
        self._reserved[key] = spend
        self._spoken_for += spend

    def release(self, key: str) -> Spend:
        """It is over, and counted or not to be counted. What had been kept for it; nothing for an unknown key."""
        kept = self._reserved.pop(key, Spend())
        self._spoken_for += Spend(-kept.nanodollars, -kept.tokens)
        return kept

    def used(self, tokens: int) -> None:
        """So many tokens were reported; the money is on the meter."""
        self._tokens += tokens

    def estimate(self, spend: Spend) -> None:
        """Something was used that nobody reported, or that has no price."""
        self._estimated += spend

    def leased(self, unit: Unit, amount: int, *, last: bool, of: Limit | None = None) -> None:
        """More of what is shared may be used; `last`: this is all there is, as long as nobody says otherwise; `of`: the
        whole that it is a part of."""
        self._granted[unit] = self._granted.get(unit, 0) + amount
        (self._last.add if last else self._last.discard)(unit)
        if of is not None:
            self._of[unit] = of

    def gave(self, unit: Unit, amount: int) -> None:
        """So much of what was leased is others' again, and may come back."""
        self._granted[unit] -= amount
        self._last.discard(unit)
