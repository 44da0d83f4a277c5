"""Asking for more of what is shared with others, not twice for the same and not all the time."""

from __future__ import annotations

from laconic.actions import Lease
from laconic.budget import Unit
from laconic.spending import Account

__all__ = ["Leasing"]

_AGAIN_S = 1.0


class Leasing:
    """One session's. `timeout_s`: how long an answer is waited for, and how long nothing is asked after a no."""

    def __init__(self, account: Account, timeout_s: float) -> None:
        self._account, self._timeout_s = account, timeout_s
        self._until: dict[Unit, float] = {}
        self._not_before: dict[Unit, float] = {}

    @property
    def awaited(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._until)

    @property
    def deadline(self) -> float | None:
        return min(self._until.values(), default=None)

    def ask(self, amounts: dict[Unit, int], now: float) -> list[Lease]:
        """What to ask for, if less than these amounts is left and there may be more."""
        asked: list[Lease] = []
        for unit, amount in amounts.items():
            if unit not in self._account.units or self._account.final(unit) or unit in self._until:
                continue
            if self._account.left(unit) < amount and self._not_before.get(unit, now) <= now:
                asked.append(Lease(unit, amount))
                self._until[unit] = now + self._timeout_s
        return asked

    def answered(self, unit: Unit, amount: int, now: float) -> None:
        """So much was granted, perhaps nothing."""
        if self._until.pop(unit, None) is not None:
            self._not_before[unit] = now + (_AGAIN_S if amount else self._timeout_s)

    def expire(self, now: float) -> None:
        """No answer is an answer."""
        for unit, until in list(self._until.items()):
            if until <= now:
                self.answered(unit, 0, now)
