"""Asking for responses: sent if the worst case can be paid, held while that may come to be, refused if it will not.

What a response can cost at most is kept aside from the moment it is asked for. Where all of it does not fit, the reply
is capped at what does; where not even a short one would, it waits for the bill of what is under way, or for more to be
leased, in the order in which they were asked for. What is shared may be held by others, who give back what they do not
need: a response that has waited for that in vain is refused, and the talk goes on. It ends when no turn at all could be
answered any more, whatever others give back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import msgspec

from laconic import events as ev
from laconic.actions import Action
from laconic.affording import SHORT, Affording
from laconic.budget import Unit
from laconic.gate import NUMBER_AT_MOST
from laconic.items import Wire
from laconic.leasing import Leasing
from laconic.parting import End, Parting, not_enough, refusal, used_up
from laconic.under_way import Create, Kind, UnderWay
from laconic.unheard import Unheard
from laconic.worst_case import Spend

__all__ = ["Asking"]

_HELD_S, _TURN_S = 10.0, 60.0
"""How long a response may have to wait: one that is asked for, and the answer to a turn."""
_HELD_AT_MOST = 8
_NAMED_AT_MOST = 100
_AGAIN_S = 0.5


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
        self.named: deque[str] = deque(maxlen=_NAMED_AT_MOST)
        """Event ids we gave to what the app sent without; the latest of them, since what is refused is so at once."""
        self._can, self._parting, self._leasing = can, parting, leasing
        self._under_way, self._unheard = under_way, unheard
        self._ids, self._actions, self._send, self._end = ids, actions, send, end
        self._held: deque[Create] = deque()
        self._again_at = 0.0  # to see whether others have given back what is missing

    @property
    def deadline(self) -> float | None:
        """When to `go_on`, whatever happens."""
        return min(self._again_at, *(create.until for create in self._held)) if self._held else None

    def ask(self, raw: ev.Raw, now: float, kind: Kind) -> bool:
        """A response is wished for: send it, hold it, or refuse it. False if it was refused."""
        create = Create(raw=raw, kind=kind, until=now + (_TURN_S if kind == "turn" else _HELD_S))
        if self._parting.why is not None:
            self._refuse(create, self._parting.why)
            return False
        before = next((held for held in self._held if held.kind == "turn"), None)
        if kind == "turn" and before is not None:  # it stands for the turns before it, and has no more time than they
            self._held.remove(before)
            create = replace(create, until=before.until)
        if not self._held and self._sent_if_paid(create, now):
            return True
        if len(self._held) < _HELD_AT_MOST and (self._held or self._may_come(create, now)):
            self._held.append(create)
            self._again_at = now + _AGAIN_S
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
        """Something was settled, or it is late: what was held may fit now, or never will."""
        while self._held and self._parting.why is None:
            create = self._held.popleft()
            if self._sent_if_paid(create, now):
                continue
            if create.until > now and self._may_come(create, now):
                self._held.appendleft(create)
                self._again_at = now + _AGAIN_S
                break
            self._deny(create, now)
        while (late := next((held for held in self._held if held.until <= now), None)) is not None:  # behind the first
            self._held.remove(late)
            self._deny(late, now)

    def give_up(self, why: str) -> None:
        """Nothing that is held will be sent."""
        while self._held:
            self._refuse(self._held.popleft(), why)

    def waits(self, now: float) -> bool:
        """Whether there may be more soon: a response under way costs less than its worst, or a lease comes."""
        if self._under_way:
            return True
        kept = self._parting.kept(self._can)
        return self._leasing.ask(self._can.worst, now, kept=kept, least=self._can.least) or self._can.untold

    def hopes(self, spend: Spend) -> bool:
        """Whether others hold what is missing for this, and may give it back."""
        return self._can.hopes(spend, self._parting.kept(self._can))

    def _may_come(self, create: Create, now: float) -> bool:
        """Whether it is worth while to hold it."""
        return self.waits(now) or self.hopes(self._short(_own(create)))

    def _short(self, own: Wire) -> Spend:
        """What a reply worth making costs at most."""
        cap = min(self._can.longest(own.get("max_output_tokens")), SHORT)
        return self._can.spend(self._can.reads(own), cap, spoken=self._can.spoken(own))

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
            if room < min(cap, SHORT):
                return False
            cap = min(room, NUMBER_AT_MOST)
            event["response"] = own | {"max_output_tokens": cap}
        if event.get("event_id") is None:  # so that its refusal can be told from that of an answer nobody asked for
            event["event_id"] = self._ids()
            self.named.append(event["event_id"])
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
        own, kept, account = _own(create), self._parting.kept(self._can), self._can.account
        wanted, plain = self._short(own), self._short({})
        unit = (*self._can.lacking(wanted, kept), account.tightest)[0]
        why = not_enough(account, unit, "this response", held=self.hopes(wanted))
        self._refuse(create, why)
        gone: list[Unit] = [unit for unit in self._can.lacking(plain, kept) if account.final(unit)]
        if gone and own.get("conversation") != "none" and not self.waits(now):
            self._end(used_up(account, gone[0]), now)
        elif create.kind == "turn":  # nobody asked for it in so many words, and nothing else says why it has no answer
            self._actions.append(refusal(why, None, self._ids()))

    def _refuse(self, create: Create, why: str) -> None:
        if create.kind == "app":
            self._actions.append(refusal(why, ev.read(create.raw).event_id, self._ids()))


def _own(create: Create) -> Wire:
    """Its settings of its own."""
    return ev.wire(create.raw).get("response") or {}
