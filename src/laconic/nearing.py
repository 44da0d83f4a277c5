"""What is done as the end of a budget comes nearer: a warning, a lease, shorter replies, a closed gate, the end.

As long as three worst cases are left nothing is done. With less the longest replies become shorter, and where that is
not enough the gate is closed (gate.py), so that no response starts which could not be paid for. Of what is shared with
others more is asked for in good time, and half of what can be spared is given back when they are in need. The talk ends
when its time is up, when what is said could no longer even be written down, and where a service has no gate, before it
could start what is too dear. Where others hold what is missing it is only deaf until they give it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from laconic.actions import Action, BudgetWarned, ToService
from laconic.affording import Affording
from laconic.asking import Asking
from laconic.budget import Unit, shown
from laconic.conversation import Conversation
from laconic.gate import NUMBER_AT_MOST, Force, Gate
from laconic.leasing import Leasing
from laconic.parting import End, Parting, not_enough, refusal, used_up
from laconic.tokens import Tokens
from laconic.unheard import Unheard
from laconic.worst_case import Spend

__all__ = ["Nearing"]

_LOOK_S, _LOOK_AT_MOST_S = 1.0, 60.0
"""How often it is looked at how much is left of a budget that time itself uses up: by the second near its end."""
_FAR = 3
"""So many worst cases must be left for the service to be let answer by itself; one more to open a closed gate."""


class Nearing:
    """One session's. `asking` knows whether there may be more soon."""

    def __init__(
        self,
        can: Affording,
        gate: Gate,
        leasing: Leasing,
        parting: Parting,
        asking: Asking,
        unheard: Unheard,
        conversation: Conversation,
        ids: Callable[[], str],
        actions: deque[Action],
    ) -> None:
        self._can, self._account, self._conversation = can, can.account, conversation
        self._gate, self._leasing, self._parting, self._asking = gate, leasing, parting, asking
        self._unheard, self._actions = unheard, actions
        self._ids = ids
        self._warned = False
        self._again_at: float | None = None  # where the connection itself costs
        self.deaf = False
        """Nothing of the app's sound may pass until others have given back what they hold."""

    def look(self, now: float) -> End | None:
        """See how much is left, and do what is due. Why the talk has to end, if it has."""
        unit = self._account.tightest
        self._again_at = None
        self._warn(unit)
        if (end := self._time_up(now)) is not None:
            return end
        if self._can.unpriced:
            return None if self._can.untold else self._no_price()
        unheard_ms = self._unheard.ms(now)
        reads, kept = self._can.reads({}, unheard_ms), self._parting.kept(self._can)
        cap = self._can.longest()
        number = min(cap, NUMBER_AT_MOST)
        force = self._force(reads, cap, kept, unheard_ms)
        speaking = self._conversation.input.speaking
        if force == self._gate.wanted or not speaking or not self._can.covers(2, reads, number, kept):
            # A service may give up a turn whose detection is changed: while there is enough, it is let come to its end.
            self.put_in_force(force, now)
        if not self._can.covers(_FAR + 2, reads, number, kept, unheard_ms):
            self._leasing.ask(self._can.worst, now, kept=kept)
        ungated = self._gate.refused and self._gate.answers and not self._can.covers(2, reads, number, kept, unheard_ms)
        # Speech goes on being written down, whether or not it can be answered.
        hearing = self._can.hearing(self._conversation.input.entering_ms + unheard_ms)
        room = self._can.room(reads, kept, unheard_ms, spoken=self._can.spoken({}))
        worst = self._can.spend(reads, number if ungated else 0, spoken=self._can.spoken({})) + hearing
        worst = worst + worst if ungated else worst
        if self._can.ticking:
            second = self._can.lasting(_LOOK_S)
            lasts_s = (self._can.free("nanodollars", kept) - worst.nanodollars) / second.nanodollars - _LOOK_S
            self._again_at = now + min(max(lasts_s, _LOOK_S), _LOOK_AT_MOST_S)
            return self._run_out(worst + second, kept, now) if ungated or room < 0 or lasts_s < 0 else None
        if not ungated and (room >= 0 or not (self.deaf or hearing != Spend())):
            self.deaf = False
            return None
        if not self.deaf and self._asking.waits(now):
            return None
        return self._nothing_left(worst, kept, now)

    @property
    def deadline(self) -> float | None:
        """When to `look` because of the time: to ask for more of it, or since it is up, or has used up the money."""
        if self._parting.state != "talking":
            return None
        due = (self._parting.due_at, self._leasing.more_time_at) if not self._leasing.awaits("ms") else ()
        return min((at for at in (self._again_at, *due) if at is not None), default=None)

    def _time_up(self, now: float) -> End | None:
        """Time runs out by itself: so more of what is shared is asked for before, and once more when it is due. The end
        when none has come; time that others hold passes, too, and is not waited for."""
        due_at, more_at = self._parting.due_at, self._leasing.more_time_at
        if more_at is not None and more_at <= now:
            self._leasing.ask_for_time(now, urgent=False)
        if due_at is None or due_at > now or self._leasing.ask_for_time(now, urgent=True):
            return None
        if not self._account.final("ms"):
            return End("ms", not_enough(self._account, "ms", "", held=True))
        if self._account.last("ms"):
            return used_up(self._account, "ms")
        return End("ms", f"The {shown(self._account.limit('ms'), 'ms')} of this talk are over.")

    def _nothing_left(self, spend: Spend, kept: Spend, now: float) -> End | None:
        """So much would be needed, and is not there: the end, unless others hold it."""
        if self._can.hopes(spend, kept):
            if not self.deaf:
                unit = self._can.lacking(spend, kept)[0]
                self._actions.append(refusal(not_enough(self._account, unit, "", held=True), None, self._ids()))
            self.deaf = True
        if self.deaf and (self._asking.waits(now) or self._can.hopes(spend, kept)):
            return None
        unit = (*self._can.lacking(spend, kept), self._account.tightest)[0]
        return used_up(self._account, unit)

    def _run_out(self, spend: Spend, kept: Spend, now: float) -> End | None:
        """So much would be needed, and is not there, and the connection goes on costing: so nobody waits until others
        give something back, nor longer for a reply than there is money."""
        left = self._account.limit("nanodollars") - self._account.spent("nanodollars")
        gone = left <= 2 * self._can.lasting(_LOOK_S).nanodollars
        if self._asking.waits(now) and (not gone or self._leasing.awaits("nanodollars")):
            return None
        held = self._can.hopes(spend, kept)
        unit = (*self._can.lacking(spend, kept), self._account.tightest)[0]
        why = not_enough(self._account, unit, "", held=True) if held else used_up(self._account, unit).why
        return End(unit, why, silent=gone)

    def spare(self, unit: Unit, now: float) -> int:
        """What of this can be given to others who are in need of it: half of what is not kept for what may happen next,
        or all of it where half is too little for a reply."""
        keep = self._parting.kept(self._can)
        keep += self._can.hearing(self._conversation.input.entering_ms + self._unheard.ms(now))
        if self._gate.answers and not self._gate.force.closed:  # the service may begin whenever it likes
            keep += self._can.worst + self._can.worst
        spare = self._account.unspent(unit) - keep.of(unit)
        return max(0, spare if spare < 2 * self._can.least.of(unit) else spare // 2)

    def put_in_force(self, force: Force, now: float) -> None:
        """See to it that this of the session's settings is ours."""
        update = self._gate.want(force, now, self._conversation.dialect)
        if update is not None:
            self._actions.append(ToService(msgspec.json.encode(update).decode()))

    def _warn(self, unit: Unit) -> None:
        """Say once that four fifths are used."""
        limit, spent = self._account.limit(unit), self._account.spent(unit)
        if not self._warned and self._account.final(unit) and 5 * spent >= 4 * limit:
            self._warned = True
            self._actions.append(BudgetWarned(unit, spent, limit))

    def _no_price(self) -> End:
        model = self._conversation.model or "This model"
        why = f"{model} has no price in dollars, so no budget in dollars can hold: give its prices, or write "
        return End("nanodollars", why + "the budget in tokens.", silent=True)

    def _force(self, reads: Tokens, cap: int, kept: Spend, unheard_ms: int) -> Force:
        """As little as suffices, where the next response reads so much and writes `cap` at most."""
        wanted, number = self._gate.wanted, min(cap, NUMBER_AT_MOST)
        if self._can.covers(_FAR + (wanted != Force()), reads, cap, kept, unheard_ms):
            return Force()
        if cap > number and self._can.covers(_FAR + wanted.closed, reads, number, kept, unheard_ms):
            return Force(ceiling=number)
        return Force(closed=True, ceiling=number if cap > number else None)
