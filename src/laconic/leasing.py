"""Asking for more of what is shared with others, not twice for the same and not all the time."""

from __future__ import annotations

from collections import deque

from laconic.actions import Action, Lease
from laconic.budget import Unit
from laconic.spending import Account
from laconic.worst_case import Spend

__all__ = ["Leasing"]

_AGAIN_S = 1.0
_AT_HAND, _AT_HAND_MS = 5, 60_000
"""What there should always be: so many worst cases, and a minute."""


class Leasing:
    """One session's. What is asked for goes to `actions`. `timeout_s`: how long an answer is waited for, and how long
    nothing is asked after a no."""

    def __init__(self, account: Account, actions: deque[Action], timeout_s: float) -> None:
        self._account, self._actions, self._timeout_s = account, actions, timeout_s
        self._until: dict[Unit, float] = {}
        self._not_before: dict[Unit, float] = {}

    @property
    def deadline(self) -> float | None:
        return min(self._until.values(), default=None)

    def ask(self, worst: Spend, now: float) -> bool:
        """Ask for more if less is left than there should be of responses that cost so much at worst, and there may be
        more. True if an answer is still to come."""
        tokens, nanodollars = _AT_HAND * worst.tokens, _AT_HAND * worst.nanodollars
        amounts: dict[Unit, int] = {"nanodollars": nanodollars, "tokens": tokens, "ms": _AT_HAND_MS}
        for unit, amount in amounts.items():
            if unit not in self._account.units or self._account.final(unit) or unit in self._until:
                continue
            if self._account.left(unit) < amount and self._not_before.get(unit, now) <= now:
                self._actions.append(Lease(unit, amount))
                self._until[unit] = now + self._timeout_s
        return bool(self._until)

    def answered(self, unit: Unit, amount: int, now: float) -> None:
        """So much was granted, perhaps nothing."""
        if self._until.pop(unit, None) is not None:
            self._not_before[unit] = now + (_AGAIN_S if amount else self._timeout_s)

    def expire(self, now: float) -> None:
        """No answer is an answer."""
        for unit, until in list(self._until.items()):
            if until <= now:
                self.answered(unit, 0, now)
