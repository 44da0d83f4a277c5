"""Asking for more of what is shared with others, not twice for the same and not all the time."""

from __future__ import annotations

from collections import deque

from laconic.actions import Action, Lease
from laconic.budget import Unit
from laconic.spending import Account
from laconic.worst_case import Spend

__all__ = ["Leasing"]

_AGAIN_S, _GAVE_S = 1.0, 1.5
"""How long nothing is asked where something waits for it, and where some was given to others who were in need of it:
they ask in that time, or two would take the same turn after turn from each other and neither have enough."""
_NEVER, _NOTHING = float("-inf"), Spend()
_AT_HAND, _FILLED, _MINUTE_MS = 5, 7, 60_000
"""What there should always be: so many worst cases, filled up to so many when there is less; and a minute. Little more
is asked for than is needed: nobody else has it meanwhile, and with the gateway it would be lost."""


class Leasing:
    """One session's. What is asked for goes to `actions`. `timeout_s`: how long an answer is waited for, and how long
    nothing is asked after a no."""

    def __init__(self, account: Account, actions: deque[Action], timeout_s: float) -> None:
        self._account, self._actions, self._timeout_s = account, actions, timeout_s
        self._until: dict[Unit, float] = {}
        self._answered: dict[Unit, tuple[float, bool]] = {}  # when, and whether there was any
        self._gave: dict[Unit, float] = {}

    @property
    def deadline(self) -> float | None:
        return min(self._until.values(), default=None)

    def awaits(self, unit: Unit) -> bool:
        """Whether an answer is still to come."""
        return unit in self._until

    @property
    def more_time_at(self) -> float | None:
        """When to `ask_for_time`; None where that is not known, or it was, or there is no more."""
        up_at = self._account.time_up_at
        if up_at is None or self.awaits("ms") or self._account.final("ms"):
            return None
        # A millisecond later, so that what is left has become a minute, however that is rounded.
        return max(up_at - (_MINUTE_MS - 1) / 1000, self._again_at("ms", urgent=False))

    def ask(self, worst: Spend, now: float, *, kept: Spend = _NOTHING, least: Spend | None = None) -> bool:
        """Ask for more if less is left than there should be of responses that cost so much at worst, and there may be
        more. True if an answer is still to come.

        `kept`: what is kept aside whatever comes. `least`: something waits for it, and with less than this, besides
        what is kept, there is no use in waiting. Then it is asked again sooner; and once more where there was said to
        be no more, since a new day may have begun."""
        for unit in self._account.units:
            self._ask_for(unit, worst, now, kept, least)
        return bool(self._until)

    def ask_for_time(self, now: float, *, urgent: bool) -> bool:
        """The same for time alone, whatever else there is: it runs out by itself."""
        self._ask_for("ms", _NOTHING, now, _NOTHING, _NOTHING if urgent else None)
        return self.awaits("ms")

    def _ask_for(self, unit: Unit, worst: Spend, now: float, kept: Spend, least: Spend | None) -> None:
        urgent = least is not None
        if unit in self._until or not self._may_ask(unit, now, urgent):
            return
        missing = self._missing(unit, worst)
        if missing > 0:
            needs = (least + kept).of(unit) if least is not None else 0
            self._actions.append(Lease(unit, missing, urgent, needs, kept.of(unit)))
            self._until[unit] = now + self._timeout_s

    def _may_ask(self, unit: Unit, now: float, urgent: bool) -> bool:
        if self._account.final(unit) and not (urgent and self._account.last(unit)):
            return False
        return self._again_at(unit, urgent) <= now

    def _again_at(self, unit: Unit, urgent: bool) -> float:
        at, some = self._answered.get(unit, (_NEVER, True))
        again_at = at + (_AGAIN_S if urgent or some else self._timeout_s)
        return max(again_at, self._gave.get(unit, _NEVER) + _GAVE_S)

    def _missing(self, unit: Unit, worst: Spend) -> int:
        """How much more there should be of it: nothing as long as there is enough at hand."""
        left = self._account.left(unit)
        if unit == "ms":
            return _MINUTE_MS if left <= _MINUTE_MS else 0
        return _FILLED * worst.of(unit) - left if left < _AT_HAND * worst.of(unit) else 0

    def answered(self, unit: Unit, amount: int, now: float) -> None:
        """So much was granted, perhaps nothing."""
        if self._until.pop(unit, None) is not None:
            self._answered[unit] = now, amount > 0

    def gave(self, unit: Unit, now: float) -> None:
        """Some was given back: whoever needs it shall have it before we ask for it again."""
        self._answered[unit] = now, False
        self._gave[unit] = now

    def expire(self, now: float) -> None:
        """No answer is an answer."""
        for unit, until in list(self._until.items()):
            if until <= now:
                self.answered(unit, 0, now)
