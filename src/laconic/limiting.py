"""The limiting half of a session: no response may start that the budget could not pay for at its worst.

Every `response.create` passes through `ask`, whoever wishes it: the app, for a turn, a tool's output or beside the
conversation, or the engine itself. What it can cost at most (worst_case.py) is kept aside until the bill is there, so
that whatever runs at the same time cannot spend it as well. Where all of it does not fit, the reply is capped at what
does; where not even a short one would, it waits for what is under way, or for more to be leased, and is then refused.

As long as three worst cases are left nothing else happens. With less the gate is closed (gate.py), and the answer to a
turn is asked for from here. When a turn can no longer be answered the talk ends: turns and transcription are switched
off, no more sound is passed on, the model says goodbye in a sentence for which the money was always kept aside
(parting.py), and from then on nothing is sent that bills.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from laconic import events as ev
from laconic.actions import Action, BudgetWarned, ToService
from laconic.affording import Affording
from laconic.budget import Budget, Unit, shown
from laconic.conversation import Conversation
from laconic.errors import BadInput
from laconic.gate import Force, Gate
from laconic.items import Wire
from laconic.laws import Laws
from laconic.leasing import Leasing
from laconic.meter import Meter, is_message
from laconic.parting import Parting, goodbye, refusal
from laconic.rates import RateTable
from laconic.spending import Account
from laconic.tokens import Tokens, generated_tokens
from laconic.under_way import Create, Kind, UnderWay
from laconic.unheard import Unheard
from laconic.usage import TranscriptionUsage, Usage
from laconic.worst_case import Reading, Spend

__all__ = ["Limiting"]

_FAR = 3
"""So many worst cases must be left for the service to be let answer by itself; one more to open a closed gate."""
_SHORT = 200
"""Tokens of a reply worth making: seven seconds of sound."""
_NUMBER_AT_MOST = 4_096
"""The largest number `max_output_tokens` may be; above it there is only `"inf"` (PROTOCOL.md section 3)."""
_HELD_S, _TURN_S = 10.0, 60.0
"""How long a response may have to wait: one that is asked for, and the answer to a turn."""
_HELD_AT_MOST = 8
_TELLING = (
    ev.SessionCreated,
    ev.SessionUpdated,
    ev.Error,
    ev.InputAudioBufferSpeechStarted,
    ev.InputAudioBufferSpeechStopped,
    ev.InputAudioBufferCommitted,
    ev.ConversationItemAdded,
    ev.ConversationItemDone,
    ev.ConversationItemDeleted,
    ev.InputAudioTranscriptionCompleted,
    ev.InputAudioTranscriptionFailed,
    ev.ResponseCreated,
    ev.ResponseDone,
)
"""Events after which there may be more or less left than before."""


class Limiting:
    """Makes one session's `budget` hold. `send` puts a `response.create` on the wire."""

    def __init__(
        self,
        budget: Budget,
        conversation: Conversation,
        meter: Meter,
        rates: RateTable,
        laws: Laws,
        ids: Callable[[], str],
        actions: deque[Action],
        *,
        send: Callable[[ev.Raw, float], None],
        timeout_s: float,
    ) -> None:
        self.account = Account(budget.limits, budget.shared, meter)
        self._budget, self._conversation = budget, conversation
        self._ids, self._actions, self._send = ids, actions, send
        priced = meter.rates
        if priced is not None and priced.currency != "USD" and "nanodollars" in self.account.units:
            why = f"{priced.name} is priced in {priced.currency}: a budget in dollars cannot hold, write it in tokens"
            raise BadInput(why, f"{priced.name}の料金は{priced.currency}です。予算はトークンで指定してください")
        self._gate = gate = Gate(ids, timeout_s)
        reading = Reading(conversation, laws)
        self._can = Affording(self.account, reading, conversation, meter, rates, lambda: gate.pending)
        self._parting = Parting(budget, self.account, ids, actions)
        self._leasing = Leasing(self.account, timeout_s)
        self._under_way = UnderWay(self.account)
        self._held: deque[Create] = deque()
        self._turns: set[str] = set()  # voice detection ended them, and their items are on the way
        self._commits: set[str] = set()  # items made of the input's sound, which are written down
        self._began: float | None = None
        self._unheard = Unheard()
        self._warned = False
        self._named: set[str] = set()  # event ids we gave to what the app sent without
        self._uninvited = 0

    @property
    def over(self) -> str | None:
        """Why nothing that bills is sent any more; None while it is."""
        return self._parting.why

    @property
    def near(self) -> bool:
        """Whether the end is so near that nothing is done that is no reply."""
        return self.over is not None or self._gate.wanted.closed or self._gate.refused

    @property
    def laws(self) -> Laws:
        return self._can.reading.laws

    @laws.setter
    def laws(self, laws: Laws) -> None:
        self._can.reading.laws = laws

    @property
    def deadline(self) -> float | None:
        """When to call `tick` next."""
        waits = [one.deadline for one in (self._gate, self._parting, self._leasing, self._under_way)]
        waits += [create.until for create in self._held]
        if self.over is None:
            waits.append(self._ends_at)
        return min((wait for wait in waits if wait is not None), default=None)

    def _kept(self) -> Spend:
        """What is kept aside for the goodbye: nothing where that would take more than a quarter of a limit."""
        words = self._budget.farewell
        if words is None or self._parting.state != "talking":
            return Spend()
        own = goodbye(words)
        spend = self._can.spend(self._can.reads(own), own["max_output_tokens"], spoken=self._can.spoken({}))
        parts: dict[Unit, int] = {"nanodollars": spend.nanodollars, "tokens": spend.tokens}
        dear = any(4 * parts.get(unit, 0) > self.account.limit(unit) for unit in self.account.units)
        return Spend() if dear else spend

    def _unheard_ms(self, now: float) -> int:
        """Sound of which the service may yet say that it was speech: the latest, if nobody is known to speak."""
        audio: Wire = self._conversation.settings.get("audio") or {}
        if not (audio.get("input") or {}).get("turn_detection") or self._conversation.input.speaking:
            return 0
        return self._unheard.ms(self._conversation.input.ms, now)

    # --- asking ----------------------------------------------------------------------------------------------

    def ask(self, raw: ev.Raw, now: float, kind: Kind = "app") -> bool:
        """A response is wished for: send it, hold it, or refuse it. False if it was refused."""
        create = Create(raw=raw, kind=kind, until=now + (_TURN_S if kind == "turn" else _HELD_S))
        if self.over is not None:
            self._refuse(create, self.over)
            return False
        if kind == "turn":  # it stands for the turns before it
            self._held = deque(held for held in self._held if held.kind != "turn")
        if not self._held and self._send_if_paid(create, now):
            return True
        if len(self._held) < _HELD_AT_MOST and (self._held or self._waits(now)):
            self._held.append(create)
            return True
        self._deny(create, now)
        return False

    def ours(self, raw: ev.Raw, now: float) -> bool:
        """The engine wishes for a response."""
        return self.ask(raw, now, "ours")

    def _waits(self, now: float) -> bool:
        """Whether there may be more soon: a response under way costs less than its worst, or a lease comes."""
        unknown = self._can.in_dollars and self._can.rates is None and not self._conversation.settings
        return bool(self._under_way) or self._lease(now) or unknown

    def _send_if_paid(self, create: Create, now: float) -> bool:
        """Send it, capped if need be, and keep its worst case aside; False if even a short reply does not fit."""
        if self._can.in_dollars and self._can.rates is None:
            return False
        event = ev.wire(create.raw)
        own: Wire = event.get("response") or {}
        spoken, cap = self._can.spoken(own), self._can.longest(own.get("max_output_tokens"), self._gate.cap)
        unheard_ms = 0 if "input" in own else self._unheard_ms(now)
        reads = self._can.reads(own, unheard_ms)
        room = self._can.room(reads, self._kept(), unheard_ms, spoken=spoken)
        if room < cap:
            if room < min(cap, _SHORT):
                return False
            cap = min(room, _NUMBER_AT_MOST)
            event["response"] = own | {"max_output_tokens": cap}
        if event.get("event_id") is None:  # so that its refusal can be told from that of an answer nobody asked for
            event["event_id"] = self._ids()
            self._named.add(event["event_id"])
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
        self._send(_text(event), now)
        return True

    def _deny(self, create: Create, now: float) -> None:
        """It will not be: refuse it, and if no turn at all can be answered any more, end the talk."""
        own: Wire = ev.wire(create.raw).get("response") or {}
        cap, spoken = self._can.longest(self._gate.cap), self._can.spoken({})
        plain = self._can.room(self._can.reads({}), self._kept(), spoken=spoken)
        unit = self.account.tightest
        budget = shown(self.account.limit(unit), unit)
        self._refuse(create, f"What is left of the budget of {budget} does not suffice for this response.")
        if plain < min(cap, _SHORT) and own.get("conversation") != "none" and not self._waits(now):
            self._end(unit, f"The budget of {budget} is used up.", now)

    def _refuse(self, create: Create, why: str) -> None:
        if create.kind == "app":
            self._tell(why, ev.read(create.raw).event_id)

    def _tell(self, why: str, event_id: str | None, code: str = "budget_exceeded") -> None:
        """Tell the app that something will not be."""
        self._actions.append(refusal(why, event_id, self._ids(), code))

    def _go_on(self, now: float) -> None:
        """Something was settled: what was held may fit now, or never will."""
        while self._held and self.over is None:
            create = self._held.popleft()
            if self._send_if_paid(create, now):
                continue
            if create.until > now and self._waits(now):
                self._held.appendleft(create)
                return
            self._deny(create, now)

    # --- what the app says -----------------------------------------------------------------------------------

    def from_app(self, raw: ev.Raw, event: ev.Event, now: float) -> ev.Raw | None:
        """Anything but a `response.create`: as it may go to the service, or None where it may not."""
        self._passed(now)
        match event:
            case ev.SessionUpdate():
                rewritten = self._gate.rewrite(raw, event, now)
                return raw if rewritten is None else _text(rewritten)
            case ev.InputAudioBufferAppend():
                return raw if self.over is None else None
            case ev.InputAudioBufferCommit():
                spend = self._can.hearing(self._conversation.input.uncommitted_ms)
            case ev.ConversationItemCreate(item=item) if is_message(item):
                rates = self._can.rates
                spend = Spend(rates.per_message if rates is not None and rates.per_message is not None else 0)
                if spend == Spend():
                    return raw
            case ev.Unknown(reason=str(reason)):  # nobody can reckon it, and a service might read it all the same
                return self._tell(f"The message cannot be read: {reason}", None, "invalid_value")
            case _:
                return raw
        kept, parts = self._kept(), {"nanodollars": spend.nanodollars, "tokens": spend.tokens}
        if self.over is None and all(self._can.free(unit, kept) >= parts.get(unit, 0) for unit in self.account.units):
            return raw
        unit = self.account.tightest
        why = f"What is left of the budget of {shown(self.account.limit(unit), unit)} does not suffice for this."
        self._tell(self.over or why, event.event_id)
        return None

    def watch(self, event: ev.Event, now: float) -> None:
        """The app's words are about to go out, and the conversation has taken note of them."""
        sound = isinstance(event, ev.InputAudioBufferAppend)
        if not sound or self._unheard.sent(self._conversation.input.ms, now):
            self._look(now)

    # --- what the service says -------------------------------------------------------------------------------

    def shown(self, raw: ev.Raw, event: ev.Event) -> ev.Raw | None:
        """A message of the service as the app is to see it; None if it is none of its business."""
        if isinstance(event, ev.SessionUpdated):
            told = self._gate.updated(raw, event)
            return _text(told) if isinstance(told, dict) else told
        if isinstance(event, ev.Error):
            error = event.error
            late = error.code == "conversation_already_has_active_response"
            if self._gate.failed(error) or (late and self._under_way.asked_by_us(error.event_id)):
                return None
            if error.event_id in self._named:
                told = ev.wire(raw)
                return _text(told | {"error": told["error"] | {"event_id": None}})
        return raw

    def kind(self, response_id: str) -> str | None:
        """`goodbye` for the response that is one."""
        return "goodbye" if self._under_way.kind(response_id) == "goodbye" else None

    def counted(self, event: ev.ResponseDone, usage: Usage | None) -> None:
        """A response ended and is on the meter."""
        response_id: str = event.response.get("id") or ""
        if response_id not in self._under_way.running:
            self._created(event.response)
        running = self._under_way.done(response_id)
        self._can.reading.done(event, usage)
        made = self._conversation.made(event.response)
        if usage is not None:
            self.account.used(usage.total_tokens)
        else:
            written = sum((generated_tokens(item, self.laws) for item in made), Tokens())
            spoken = bool(written.audio)
            self.account.estimate(self._can.spend(running.reads, written.text + written.audio, spoken=spoken))
        if running.kind == "goodbye":
            self._parting.said(sum(item.audio_ms for item in made))

    def transcribed(self, item_id: str, usage: TranscriptionUsage | None, *, priced: bool) -> None:
        """A turn was written down, and is on the meter as far as it could be priced."""
        kept = self.account.release(f"hearing {item_id}")
        if usage is not None:
            self.account.used(usage.text_in + usage.audio_in + usage.text_out)
        if not priced:
            self.account.estimate(kept if usage is None else Spend(kept.nanodollars))

    def follow(self, event: ev.Event, now: float) -> None:
        """The service said this; everything else has taken note of it."""
        self._passed(now)
        self._can.reading.follow(event)
        match event:
            case ev.SessionCreated():
                self._gate.created(event)
            case ev.Error(error=error):
                failed = self._under_way.failed(error, alone=self._gate.force.closed)
                if failed is not None and failed.kind == "goodbye":
                    self._parting.said()
            case ev.ResponseCreated(response=response):
                self._created(response)
            case ev.InputAudioBufferSpeechStopped(item_id=item_id):
                self._turns.add(item_id)
            case ev.InputAudioBufferTimeoutTriggered(item_id=item_id):
                self._turns.add(item_id)
            case ev.InputAudioBufferCommitted(item_id=item_id):
                self._commits.add(item_id)
                self._entered(item_id, now)
            case ev.ConversationItemAdded(item=wire):
                self._entered(wire.get("id", ""), now)
            case ev.InputAudioTranscriptionFailed(item_id=item_id):
                self.account.release(f"hearing {item_id}")
            case _:
                pass
        if isinstance(event, _TELLING):
            self._go_on(now)
            self._look(now)

    def _passed(self, now: float) -> None:
        """Time has come to `now`."""
        if self._began is None:
            self._began = now
        self.account.spent_ms = max(self.account.spent_ms, int((now - self._began) * 1000))

    def _created(self, response: Wire) -> None:
        """A response began: one that was asked for, or the service's own idea."""
        response_id: str = response.get("id") or ""
        aside = "conversation_id" in response and response["conversation_id"] is None
        asked = self._under_way.created(response)
        if asked is None:
            reads = self._can.reads({})
            cap = self._can.longest(self._gate.force.ceiling, self._gate.cap)
            create = Create(raw="", kind="app", until=0.0, reads=reads)
            self._under_way.run(response_id, create, self._can.spend(reads, cap, spoken=self._can.spoken({})))
            if self._gate.force.closed and self._gate.answers and not aside:
                # It answers by itself although it said that it would not; once may be a word that crossed ours.
                self._uninvited += 1
                self._gate.refused |= self._uninvited > 1
        if not aside and (asked is None or asked.plain):
            self._can.reading.created(response_id)

    def _entered(self, item_id: str, now: float) -> None:
        """What the user said may be in now: it will be written down and, where the service would have answered by
        itself, answered."""
        item = self._conversation.get(item_id)
        if item is None or item_id not in self._commits:
            return
        self._commits.discard(item_id)
        self.account.reserve(f"hearing {item_id}", self._can.hearing(item.audio_ms))
        if item_id not in self._turns:
            return
        self._turns.discard(item_id)
        answers = self._gate.force.closed and self._gate.answers and not self._conversation.responding
        if answers and self.over is None:
            self.ask(_text({"type": "response.create", "event_id": self._ids()}), now, "turn")

    # --- looking ahead ---------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        """See how much is left, and do what is due."""
        if self.over is not None:
            self._wind_up(now)
            return
        unit = self.account.tightest
        limit, spent = self.account.limit(unit), self.account.spent(unit)
        if not self._warned and self.account.final(unit) and 5 * spent >= 4 * limit:
            self._warned = True
            self._actions.append(BudgetWarned(unit, spent, limit))
        if self._ends_at is not None and self._ends_at <= now:
            self._end("ms", f"The {shown(self.account.limit('ms'), 'ms')} of this talk are over.", now)
            return
        if self._can.in_dollars and self._can.rates is None:
            if self._conversation.settings:
                model = self._conversation.model or "This model"
                why = f"{model} has no price in dollars, so no budget in dollars can hold: give its prices, or write "
                self._end("nanodollars", why + "the budget in tokens.", now, silent=True)
            return
        unheard_ms = self._unheard_ms(now)
        reads, kept = self._can.reads({}, unheard_ms), self._kept()
        cap = self._can.longest(self._gate.cap)
        number = min(cap, _NUMBER_AT_MOST)
        wanted = self._gate.wanted
        if self._can.covers(_FAR + (wanted != Force()), reads, cap, kept, unheard_ms):
            force = Force()
        elif cap > number and self._can.covers(_FAR + wanted.closed, reads, number, kept, unheard_ms):
            force = Force(ceiling=number)
        else:
            force = Force(closed=True, ceiling=number if cap > number else None)
        if force == wanted or not self._conversation.input.speaking or not self._can.covers(2, reads, number, kept):
            # A service may give up a turn whose detection is changed: while there is enough, it is let come to its end.
            self._put_in_force(force, now)
        if not self._can.covers(_FAR + 2, reads, number, kept, unheard_ms):
            self._lease(now)
        ungated = self._gate.refused and self._gate.answers and not self._can.covers(2, reads, number, kept, unheard_ms)
        ungated = ungated and not self._waits(now)
        # Speech goes on being written down, whether or not it can be answered.
        hearing = self._can.hearing(self._conversation.input.entering_ms + unheard_ms) != Spend()
        room = self._can.room(reads, kept, unheard_ms, spoken=self._can.spoken({}))
        if ungated or (hearing and room < 0 and not self._waits(now)):
            self._end(unit, f"The budget of {shown(limit, unit)} is used up.", now)

    def _put_in_force(self, force: Force, now: float) -> None:
        update = self._gate.want(force, now, self._conversation.dialect)
        if update is not None:
            self._actions.append(ToService(_text(update)))

    def _lease(self, now: float) -> bool:
        """Ask for more of what is shared, if there may be more. True if an answer is awaited."""
        cap = self._can.longest(self._gate.cap)
        worst = self._can.spend(self._can.reads({}), min(cap, _NUMBER_AT_MOST), spoken=self._can.spoken({}))
        amounts: dict[Unit, int] = {"nanodollars": 5 * worst.nanodollars, "tokens": 5 * worst.tokens, "ms": 60_000}
        self._actions.extend(self._leasing.ask(amounts, now))
        return self._leasing.awaited

    def leased(self, unit: Unit, amount: int, now: float, *, last: bool = False) -> None:
        """So much more of what is shared may be used; `last`: there will never be more than this."""
        self.account.leased(unit, amount, last=last)
        self._leasing.answered(unit, amount, now)
        self._go_on(now)
        self._look(now)

    @property
    def _ends_at(self) -> float | None:
        """When a talk of limited time has to say goodbye."""
        if "ms" not in self.account.units or self._began is None:
            return None
        return self._began + self.account.limit("ms") / 1000 - self._parting.lead_s

    def tick(self, now: float) -> None:
        """The deadline passed."""
        self._passed(now)
        self._gate.expire(now)
        self._leasing.expire(now)
        self._under_way.expire(now)
        self._go_on(now)
        self._look(now)

    # --- the end ---------------------------------------------------------------------------------------------

    def _end(self, unit: Unit, why: str, now: float, *, silent: bool = False) -> None:
        """Nothing more is heard and nothing answered; a goodbye is said unless it is to be `silent`."""
        began = self._began if unit == "ms" else None
        end_of_time = None if began is None else began + self.account.limit("ms") / 1000
        self._parting.begin(unit, why, now, end_of_time=end_of_time, silent=silent)
        self._put_in_force(Force(off=True), now)
        while self._held:
            self._refuse(self._held.popleft(), why)
        self._wind_up(now)

    def _wind_up(self, now: float) -> None:
        self._parting.wind_up(
            now,
            responding=self._conversation.responding,
            running=self._under_way.running,
            say=lambda raw: self._send_if_paid(Create(raw=raw, kind="goodbye", until=now), now),
        )


def _text(event: Wire) -> str:
    return msgspec.json.encode(event).decode()
