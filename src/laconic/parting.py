"""How a talk ends whose budget is used up: a goodbye, the reason, and if so wished the socket closed.

The goodbye is a response of its own that reads nothing of the conversation and says one sentence. Money and time are
kept aside for it from the beginning. It waits for a reply under way to end. When it is over, or cannot be had, the app
is told why nothing happens any more; where the socket is to be closed, that waits until the goodbye can have been
heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from laconic import events as ev
from laconic.actions import Action, BudgetEnded, Hangup, ToApp, ToService
from laconic.affording import Affording
from laconic.budget import Budget, Unit
from laconic.items import Wire
from laconic.spending import Account
from laconic.tokens import text_tokens
from laconic.worst_case import Spend

__all__ = ["End", "Parting", "goodbye", "not_enough", "refusal", "used_up"]

_REPLY_S = 60.0
"""How long a reply under way is waited for."""
_GOODBYE_S = 20.0
"""How long the goodbye may take."""
_KEPT_S = 10.0
"""Kept of a limited time for the goodbye; a tenth of it if that is less."""
_CODE, _CLOSE = "budget_exceeded", 1008

State = Literal["talking", "waiting", "saying", "over"]


@dataclass(frozen=True, slots=True)
class End:
    """A talk has to end."""

    unit: Unit
    """There is no more of it."""
    why: str
    silent: bool = False
    """Without a goodbye."""


def goodbye(words: str) -> Wire:
    """Settings of a response that says this sentence and reads nothing but that it shall."""
    # A word takes 400 ms to say, a token is 50 ms of sound, and the words are billed as text besides.
    return {
        "input": [],
        "instructions": f"Say exactly this sentence, warmly, and nothing else: {words}",
        "tools": [],
        "tool_choice": "none",
        "max_output_tokens": min(300, 10 * text_tokens(words) + 30),
    }


def used_up(account: Account, unit: Unit) -> End:
    """There is no more of this unit, for a reply or for anything."""
    if account.untouched(unit):
        return End(unit, f"The {account.named(unit)} does not suffice for one reply.")
    return End(unit, f"The {account.named(unit)} is used up.")


def not_enough(account: Account, unit: Unit, what: str, *, held: bool) -> str:
    """Why `what` is refused. `held`: others hold what is missing, and may give it back."""
    if held:
        return f"What is left of the {account.named(unit)} is held by other sessions; try again in a moment."
    return f"What is left of the {account.named(unit)} does not suffice for {what}."


def refusal(why: str, event_id: str | None, own_id: str, code: str = _CODE) -> ToApp:
    """What tells the app that something will not be. `event_id`: the app's event that is refused, if one is."""
    error: Wire = {"type": "invalid_request_error", "code": code, "message": why, "param": None, "event_id": event_id}
    raw = msgspec.json.encode({"type": "error", "event_id": own_id, "error": error}).decode()
    return ToApp(raw, ev.read(raw))


class Parting:
    """One session on its way out. What has to be done goes to `actions`."""

    def __init__(self, budget: Budget, account: Account, ids: Callable[[], str], actions: deque[Action]) -> None:
        self.state: State = "talking"
        self.why: str | None = None
        """Why, once it has begun."""
        self._budget, self._account, self._ids, self._actions = budget, account, ids, actions
        self._unit: Unit = "nanodollars"
        self._until = 0.0
        self._end_of_time: float | None = None
        self._told = self._close = False
        self._playing_s = 0.0
        self._hangup_at: float | None = None

    @property
    def deadline(self) -> float | None:
        """When to `wind_up` again, once it has begun."""
        if self.state in ("waiting", "saying"):
            return self._until
        return self._hangup_at

    @property
    def due_at(self) -> float | None:
        """When a talk of limited time has to end, so that the goodbye is over when the time is."""
        time_up_at = self._account.time_up_at
        if time_up_at is None or not self._budget.farewell:
            return time_up_at
        return time_up_at - min(_KEPT_S, self._account.limit("ms") / 10_000)

    def kept(self, can: Affording) -> Spend:
        """What is kept aside for the goodbye: nothing where that would take more than a quarter of a limit."""
        words = self._budget.farewell
        if words is None or self.state != "talking":
            return Spend()
        own = goodbye(words)
        spend = can.spend(can.reads(own), own["max_output_tokens"], spoken=can.spoken({})) + can.lasting(_GOODBYE_S)
        dear = any(4 * spend.of(unit) > self._account.limit(unit) for unit in self._account.units)
        return Spend() if dear else spend

    def begin(self, end: End, now: float, *, close: bool = False) -> None:
        """It ends. Where time is up, nothing may run beyond that moment. `close`: the socket is not left open, whatever
        the budget says."""
        self._close = close or self._budget.end == "close"
        self.why, self._unit = end.why, end.unit
        self._end_of_time = self._account.time_up_at if end.unit == "ms" else None
        self.state = "over" if end.silent or self._budget.farewell is None else "waiting"
        self._wait(now, _REPLY_S)

    def said(self, played_ms: int = 0) -> None:
        """The goodbye has been made, so long a sound; or there will be none."""
        self.state = "over"
        self._playing_s = played_ms / 1000

    def _wait(self, now: float, seconds: float) -> None:
        self._until = now + seconds if self._end_of_time is None else min(now + seconds, self._end_of_time)

    def wind_up(self, now: float, *, responding: bool, running: Iterable[str], say: Callable[[str], bool]) -> None:
        """Go on with the end as far as it can go now. `say` asks for the goodbye; False where that cannot be paid."""
        if self.state in ("waiting", "saying") and self._until <= now:
            self.state = "over"
        words = self._budget.farewell
        if self.state == "waiting" and words is not None and not responding:
            event = {"type": "response.create", "event_id": self._ids(), "response": goodbye(words)}
            self.state = "saying" if say(msgspec.json.encode(event).decode()) else "over"
            self._wait(now, _GOODBYE_S)
        if self.state == "over" and not self._told:
            self._tell(now, running)
        if self._hangup_at is not None and self._hangup_at <= now:
            self._hangup_at = None
            self._actions.append(Hangup(_CLOSE, self.why or ""))

    def _tell(self, now: float, running: Iterable[str]) -> None:
        self._told = True
        why, unit = self.why or "", self._unit
        if self._end_of_time is not None:
            for response_id in running:
                cancel = {"type": "response.cancel", "event_id": self._ids(), "response_id": response_id}
                self._actions.append(ToService(msgspec.json.encode(cancel).decode()))
        self._actions.append(BudgetEnded(unit, self._account.spent(unit), self._account.limit(unit), why))
        self._actions.append(refusal(why, None, self._ids()))
        if self._close:
            self._hangup_at = now + self._playing_s
