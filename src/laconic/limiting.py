"""The limiting half of a session: no response may start that the budget could not pay for at its worst.

Here arrives what the session is told, on its way to whoever knows what it means for the budget. Every
`response.create` is asked for (asking.py), whoever wishes it: the app, for a turn, a tool's output or beside the
conversation, or the engine itself. What it can cost at most (worst_case.py) is kept aside until the bill is there, so
that whatever runs at the same time cannot spend it as well.

As long as three worst cases are left nothing else happens. With less (nearing.py) the gate is closed, and the answer to
a turn is asked for from here. When a turn can no longer be answered the talk ends: turns and transcription are switched
off, no more sound is passed on, the model says goodbye in a sentence for which the money was always kept aside
(parting.py), and from then on nothing is sent that bills.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from laconic import events as ev
from laconic.actions import Action, GiveBack
from laconic.affording import Affording
from laconic.asking import Asking
from laconic.budget import Budget, Limit, Unit
from laconic.conversation import Conversation
from laconic.errors import BadInput
from laconic.gate import Force, Gate
from laconic.heard import Heard
from laconic.items import Wire
from laconic.laws import Laws
from laconic.leasing import Leasing
from laconic.meter import Meter, is_message
from laconic.nearing import Nearing
from laconic.parting import End, Parting, not_enough, refusal
from laconic.rates import RateTable
from laconic.spending import Account
from laconic.tokens import Tokens, generated_tokens
from laconic.under_way import Create, UnderWay
from laconic.unheard import Unheard
from laconic.usage import TranscriptionUsage, Usage
from laconic.worst_case import Reading, Spend

__all__ = ["Limiting"]

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
        self._conversation, self._ids, self._actions = conversation, ids, actions
        priced = meter.rates
        if priced is not None and priced.currency != "USD" and "nanodollars" in self.account.units:
            why = f"{priced.name} is priced in {priced.currency}: a budget in dollars cannot hold, write it in tokens"
            raise BadInput(why, f"{priced.name}の料金は{priced.currency}です。予算はトークンで指定してください")
        self._gate = Gate(ids, timeout_s)
        self._can = Affording(self.account, Reading(conversation, laws), conversation, meter, rates, self._gate)
        self._parting = Parting(budget, self.account, ids, actions)
        self._leasing = Leasing(self.account, actions, timeout_s)
        self._under_way = UnderWay(self.account)
        self._unheard = Unheard(conversation)
        self._heard = Heard(self._can, conversation)
        self._asking = Asking(
            self._can, self._parting, self._leasing, self._under_way, self._unheard, ids, actions,
            send=send, end=self._end,
        )  # fmt: skip
        self._nearing = Nearing(
            self._can, self._gate, self._leasing, self._parting, self._asking, self._unheard, conversation, ids, actions
        )
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
        parts = (self._gate, self._nearing, self._parting, self._leasing, self._under_way, self._asking)
        waits = [part.deadline for part in parts]
        return min((wait for wait in waits if wait is not None), default=None)

    # --- what the app says -----------------------------------------------------------------------------------

    def ask(self, raw: ev.Raw, now: float) -> bool:
        """The app wishes for a response. False if it is refused."""
        return self._asking.ask(raw, now, "app")

    def ours(self, raw: ev.Raw, now: float) -> bool:
        """The engine wishes for a response. False if there will be none."""
        return self._asking.ask(raw, now, "ours")

    def at_once(self, raw: ev.Raw, now: float) -> bool:
        """The engine wishes for a response that must not come late. False if it cannot be paid now."""
        return self._asking.at_once(raw, now)

    def from_app(self, raw: ev.Raw, event: ev.Event, now: float) -> ev.Raw | None:
        """Anything but a `response.create`: as it may go to the service, or None where it may not."""
        self.account.passed(now)
        match event:
            case ev.SessionUpdate():
                rewritten = self._gate.rewrite(raw, event, now)
                return raw if rewritten is None else _text(rewritten)
            case ev.InputAudioBufferAppend():
                if self._nearing.deaf:  # nothing else may happen that shows whether others have given back
                    self._look(now)
                return raw if self.over is None and not self._nearing.deaf else None
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
        kept = self._parting.kept(self._can)
        if self.over is None and self._can.affords(spend, kept):
            return raw
        unit = (*self._can.lacking(spend, kept), self.account.tightest)[0]
        why = not_enough(self.account, unit, "this", held=self._can.hopes(spend, kept))
        self._tell(self.over or why, event.event_id)
        return None

    def _tell(self, why: str, event_id: str | None, code: str = "budget_exceeded") -> None:
        """Tell the app that something will not be."""
        self._actions.append(refusal(why, event_id, self._ids(), code))

    def watch(self, event: ev.Event, now: float) -> None:
        """The app's words are about to go out, and the conversation has taken note of them."""
        if not isinstance(event, ev.InputAudioBufferAppend) or self._unheard.sent(now):
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
            if error.event_id in self._asking.named:
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
        self._heard.transcribed(item_id, usage, priced=priced)

    def follow(self, event: ev.Event, now: float) -> None:
        """The service said this; everything else has taken note of it."""
        self.account.passed(now)
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
            case _:
                pass
        if self._heard.follow(event):
            self._answer(now)
        if isinstance(event, _TELLING):
            self._go_on(now)

    def _created(self, response: Wire) -> None:
        """A response began: one that was asked for, or the service's own idea."""
        response_id: str = response.get("id") or ""
        aside = "conversation_id" in response and response["conversation_id"] is None
        asked = self._under_way.created(response)
        if asked is None:
            reads = self._can.reads({})
            cap = self._can.longest(self._gate.force.ceiling)
            create = Create(raw="", kind="app", until=0.0, reads=reads)
            self._under_way.run(response_id, create, self._can.spend(reads, cap, spoken=self._can.spoken({})))
            if self._gate.force.closed and self._gate.answers and not aside:
                # It answers by itself although it said that it would not; once may be a word that crossed ours.
                self._uninvited += 1
                self._gate.refused |= self._uninvited > 1
        if not aside and (asked is None or asked.plain):
            self._can.reading.created(response_id)

    def _answer(self, now: float) -> None:
        """A turn is in: ask for its answer where the service would have answered by itself."""
        answers = self._gate.force.closed and self._gate.answers and not self._conversation.responding
        if answers and self.over is None:
            raw = msgspec.json.encode({"type": "response.create", "event_id": self._ids()})
            self._asking.ask(raw.decode(), now, "turn")

    # --- what becomes of it ----------------------------------------------------------------------------------

    def leased(self, unit: Unit, amount: int, now: float, *, last: bool = False, of: Limit | None = None) -> None:
        """So much more of what is shared may be used; `last`: there is no more than this; `of`: the whole of it."""
        self.account.leased(unit, amount, last=last, of=of)
        self._leasing.answered(unit, amount, now)
        self._go_on(now)

    def pressed(self, unit: Unit, now: float) -> None:
        """Others are in need of this, and there is no more of it than what sessions hold."""
        spare = self._nearing.spare(unit, now) if self.over is None and unit != "ms" else 0
        if spare:
            self.account.gave(unit, spare)
            self._leasing.gave(unit, now)
            self._actions.append(GiveBack(unit, spare))
            self._go_on(now)

    def tick(self, now: float) -> None:
        """The deadline passed."""
        self.account.passed(now)
        self._gate.expire(now)
        self._leasing.expire(now)
        self._under_way.expire(now)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        """There may be more or less left than before."""
        self._asking.go_on(now)
        self._look(now)

    def _look(self, now: float) -> None:
        if self.over is not None:
            self._wind_up(now)
        elif (end := self._nearing.look(now)) is not None:
            self._end(end, now)

    def _end(self, end: End, now: float) -> None:
        """Nothing more is heard and nothing answered, but for a goodbye."""
        # A connection that costs by itself would go on costing.
        self._parting.begin(end, now, close=self._can.ticking)
        self._nearing.put_in_force(Force(off=True), now)
        self._asking.give_up(end.why)
        self._wind_up(now)

    def _wind_up(self, now: float) -> None:
        self._parting.wind_up(
            now,
            responding=self._conversation.responding,
            running=self._under_way.running,
            say=lambda raw: self._asking.goodbye(raw, now),
        )


def _text(event: Wire) -> str:
    return msgspec.json.encode(event).decode()
