"""Asking for responses: sent if the worst case can be paid, held while that may come to be, refused if it will not.

What a response can cost at most is kept aside from the moment it is asked for. Where all of it does not fit, the reply
is capped at what does; where not even a short one would, it waits for the bill of what is under way, or for more to be
leased, in the order in which they were asked for. When no turn at all could be answered any more, the talk ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from laconic import events as ev
from laconic.actions import Action
from laconic.affording import Affording
from laconic.budget import shown
from laconic.gate import NUMBER_AT_MOST
from laconic.items import Wire
from laconic.leasing import Leasing
from laconic.parting import End, Parting, refusal
from laconic.under_way import Create, Kind, UnderWay
from laconic.unheard import Unheard

__all__ = ["Asking"]

_SHORT = 200
"""Tokens of a reply worth making: seven seconds of sound."""
_HELD_S, _TURN_S = 10.0, 60.0
"""How long a response may have to wait: one that is asked for, and the answer to a turn."""
_HELD_AT_MOST = 8


class Asking:
    """One session's. `send` puts a `response.create` on the wire, `end` ends the talk."""

    def __init__(
        self,
        can: Affording,
        parting: Parting,
        leasing: Leasing,
        under_way: UnderWay,
        unheard: Unheard,
        ids: Callable[[], str],
        actions: deque[Action],
        *,
        send: Callable[[ev.Raw, float], None],
        end: Callable[[End, float], None],
    ) -> None:
        self.named: set[str] = set()
        """Event ids we gave to what the app sent without."""
        self._can, self._parting, self._leasing = can, parting, leasing
        self._under_way, self._unheard = under_way, unheard
        self._ids, self._actions, self._send, self._end = ids, actions, send, end
        self._held: deque[Create] = deque()

    @property
    def deadline(self) -> float | None:
        """When to `go_on`, whatever happens."""
        return min((create.until for create in self._held), default=None)

    def ask(self, raw: ev.Raw, now: float, kind: Kind) -> bool:
        """A response is wished for: send it, hold it, or refuse it. False if it was refused."""
        create = Create(raw=raw, kind=kind, until=now + (_TURN_S if kind == "turn" else _HELD_S))
        if self._parting.why is not None:
            self._refuse(create, self._parting.why)
            return False
        if kind == "turn":  # it stands for the turns before it
            self._held = deque(held for held in self._held if held.kind != "turn")
        if not self._held and self._sent_if_paid(create, now):
            return True
        if len(self._held) < _HELD_AT_MOST and (self._held or self.waits(now)):
            self._held.append(create)
            return True
        self._deny(create, now)
        return False

    def at_once(self, raw: ev.Raw, now: float) -> bool:
        """A response is wished for now or not at all. False if it cannot be paid, or others wait."""
        may = self._parting.why is None and not self._held
        return may and self._sent_if_paid(Create(raw=raw, kind="ours", until=now), now)

    def goodbye(self, raw: ev.Raw, now: float) -> bool:
        """The last response is wished for, at once or not at all. False if it cannot be paid."""
        return self._sent_if_paid(Create(raw=raw, kind="goodbye", until=now), now)

    def go_on(self, now: float) -> None:
        """Something was settled: what was held may fit now, or never will."""
        while self._held and self._parting.why is None:
            create = self._held.popleft()
            if self._sent_if_paid(create, now):
                continue
            if create.until > now and self.waits(now):
                self._held.appendleft(create)
                return
            self._deny(create, now)

    def give_up(self, why: str) -> None:
        """Nothing that is held will be sent."""
        while self._held:
            self._refuse(self._held.popleft(), why)

    def waits(self, now: float) -> bool:
        """Whether there may be more soon: a response under way costs less than its worst, or a lease comes."""
        return bool(self._under_way) or self._leasing.ask(self._can.worst, now) or self._can.untold

    def _sent_if_paid(self, create: Create, now: float) -> bool:
        """Send it, capped if need be, and keep its worst case aside; False if even a short reply does not fit."""
        if self._can.unpriced:
            return False
        event = ev.wire(create.raw)
        own: Wire = event.get("response") or {}
        spoken, cap = self._can.spoken(own), self._can.longest(own.get("max_output_tokens"))
        unheard_ms = 0 if "input" in own else self._unheard.ms(now)
        reads = self._can.reads(own, unheard_ms)
        room = self._can.room(reads, self._parting.kept(self._can), unheard_ms, spoken=spoken)
        if room < cap:
            if room < min(cap, _SHORT):
                return False
            cap = min(room, NUMBER_AT_MOST)
            event["response"] = own | {"max_output_tokens": cap}
        if event.get("event_id") is None:  # so that its refusal can be told from that of an answer nobody asked for
            event["event_id"] = self._ids()
            self.named.add(event["event_id"])
        aside = own.get("conversation") == "none"
        self._under_way.ask(
            Create(
                raw=create.raw,
                kind=create.kind,
                until=now,
                event_id=event["event_id"],
                out_of_band=aside,
                plain=not aside and not own.keys() & {"input", "instructions", "tools"},
                reads=reads,
            ),
            self._can.spend(reads, cap, spoken=spoken),
            now,
        )
        self._send(msgspec.json.encode(event).decode(), now)
        return True

    def _deny(self, create: Create, now: float) -> None:
        """It will not be: refuse it, and if no turn at all can be answered any more, end the talk."""
        own: Wire = ev.wire(create.raw).get("response") or {}
        kept = self._parting.kept(self._can)
        plain = self._can.room(self._can.reads({}), kept, spoken=self._can.spoken({}))
        unit = self._can.account.tightest
        budget = shown(self._can.account.limit(unit), unit)
        self._refuse(create, f"What is left of the budget of {budget} does not suffice for this response.")
        short = min(self._can.longest(), _SHORT)
        if plain < short and own.get("conversation") != "none" and not self.waits(now):
            self._end(End(unit, f"The budget of {budget} is used up."), now)

    def _refuse(self, create: Create, why: str) -> None:
        if create.kind == "app":
            self._actions.append(refusal(why, ev.read(create.raw).event_id, self._ids()))
