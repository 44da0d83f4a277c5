"""The front door: one conversation between an app and a service, with the engine in the middle.

What arrives is fed in (`from_service`, `from_app`), what the speaker does is reported (`heard`), time passes
(`tick`); what must happen in the world comes out of `actions()`, and `deadline` says when to come back. Nothing
here waits, reads a clock or opens anything. A driver is this short:

    session.from_service(await connection.recv(), now)
    for action in session.actions():
        match action:
            case ToService(raw): await connection.send(raw)
            case ToApp(raw, event): ...
            case Notice(): ...

Order of work: said (events), remembered (conversation, exchanges), heard (playback), counted and priced
(counting: expectation, meter), limited (limiting), forgotten (remembering: memory, plans, edits).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from laconic import events as ev
from laconic.actions import (
    Action,
    BudgetEnded,
    BudgetWarned,
    Charged,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    GiveBack,
    Hangup,
    Lease,
    MemoryTold,
    Notice,
    Summarise,
    ToApp,
    ToService,
    Transcribed,
    Unsupported,
)
from laconic.asides import Asides
from laconic.budget import Budget, Limit, Unit
from laconic.budget import budget as read_budget
from laconic.conversation import Conversation
from laconic.counting import Counting
from laconic.dialects import client_to_beta, server_to_beta
from laconic.edits import Delete
from laconic.exchanges import Exchanges
from laconic.items import Wire
from laconic.keeping import Keep, Keeping
from laconic.laws import Laws
from laconic.limiting import Limiting
from laconic.memory import Memory
from laconic.memory import memory as read_memory
from laconic.outstanding import Outstanding
from laconic.owed import Owed
from laconic.passing import Passing
from laconic.rates import RateTable, load
from laconic.remembering import Remembering, text
from laconic.spending import Account
from laconic.unlimited import Unlimited
from laconic.usage import Usage
from laconic.view import View
from laconic.wishes import Wishes

__all__ = [
    "Action",
    "BudgetEnded",
    "BudgetWarned",
    "Charged",
    "CutOff",
    "EditFailed",
    "Forgot",
    "GhostTurn",
    "GiveBack",
    "Hangup",
    "Lease",
    "MemoryTold",
    "Notice",
    "Session",
    "Summarise",
    "ToApp",
    "ToService",
    "Transcribed",
    "Unsupported",
]

_SHAPED_BY_DIALECT = (ev.SessionUpdate, ev.ConversationItemCreate, ev.ResponseCreate)


class Session:
    """One conversation. See the module for how to drive it.

    `memory`: a policy or its name. `model`: for the price list, where the service does not say or says a
    deployment's name. `ids` makes ids for the events we send, at most 32 characters, never the same twice.
    `ack_timeout_s`: how long the service may take to answer an edit before it is tried again, then given up.
    `laws`: how the service counts and caches, where it is known; else the prior of `service` and model.
    `budget`: what the session may use, `"$2"` for instance; BadInput where that cannot hold.
    `keep`: where the sound and the images are kept of what we delete, for an app that retrieves it; None: nowhere.
    """

    def __init__(
        self,
        *,
        ids: Callable[[], str],
        memory: str | Memory = "everything",
        model: str | None = None,
        rates: RateTable | None = None,
        laws: Laws | None = None,
        service: str = "openai",
        summary_model: str | None = None,
        ack_timeout_s: float = 5.0,
        budget: str | Budget | None = None,
        keep: Keep | None = None,
    ) -> None:
        self.conversation = Conversation()
        self.exchanges = Exchanges()
        self.outstanding = Outstanding(self.conversation)
        """What the service has yet to bill. It is not in `deadline`: when something of it is late nothing is due."""
        self.unknown_events = 0
        self.errors = 0
        self.ended = False
        rates = rates or load()
        self._counting = Counting(
            self.conversation, rates, model=model, service=service, laws=laws, summary_model=summary_model
        )
        self.meter = self._counting.meter
        self.alternatives = self._counting.alternatives
        """What this conversation would have cost under other memories, and its floor."""
        self._ack_timeout_s = ack_timeout_s
        self._awaited_until: float | None = None
        self._actions: deque[Action] = deque()
        told = lambda why: self._actions.append(MemoryTold(why))  # noqa: E731
        self._keeping = Keeping(keep, self.conversation, ids=ids, tell=told)
        self._remembering = Remembering(
            self.conversation,
            self.exchanges,
            read_memory(memory),
            laws=self.laws,
            ids=ids,
            ack_timeout_s=ack_timeout_s,
            actions=self._actions,
            keeping=self._keeping,
            wrote=self.meter.message,
        )
        self._remembering.past.rates = self.meter.rates
        self._remembering.past.summary_rates = self.alternatives.summary_rates
        self._remembering.past.typical = self._counting.averages.typical
        self._ids = ids
        self._asides = Asides(ids)
        self._missed: set[str] = set()  # why there was no summary, each told once
        self._view = View(self.conversation, self._remembering.standing)
        self._keeping.known, self._view.removed = self._view, self._keeping.drop
        self._owed = Owed(ids, ack_timeout_s, self._tell)
        self.wishes = Wishes(
            self._view,
            self.conversation,
            self._remembering.standing,
            self._remembering.edits,
            self._owed,
            self._keeping,
            ids=ids,
            send=lambda event: self._actions.append(ToService(text(event))),
            remove=self._remembering.remove,
            restore=self._remembering.restore,
            spell=text,
        )
        self._remembering.disputed = self.wishes.disputed
        unbound = lambda: self._limiting.account is None and not self.wishes.waiting  # noqa: E731
        self.passing = Passing(self.conversation, self.exchanges, self._remembering.sounded, open=unbound)
        self._limiting: Limiting | Unlimited = Unlimited(self.laws, self._create)
        if budget is not None:
            ours = (self.conversation, self.meter, rates, self.laws, ids, self._actions)
            self._limiting = Limiting(read_budget(budget), *ours, send=self._create, timeout_s=ack_timeout_s)
        self._remembering.respond, self._remembering.respond_now = self._limiting.ask, self._limiting.at_once

    @property
    def laws(self) -> Laws:
        """How this service counts, caches and forgets, as learned so far."""
        return self._counting.expectation.laws

    @property
    def learned_from(self) -> int:
        """How many responses the laws have learned from."""
        return self._counting.expectation.responses

    @property
    def account(self) -> Account | None:
        """What is spent and left of the budget; None where there is none."""
        return self._limiting.account

    @property
    def over(self) -> str | None:
        """Why nothing that bills is sent any more; None while it is."""
        return self._limiting.over

    @property
    def memory(self) -> Memory:
        """The policy in force."""
        return self._remembering.memory

    # --- what arrives ----------------------------------------------------------------------------------------

    def from_service(self, raw: ev.Raw, now: float) -> None:
        """A message arrived from the service."""
        self.passing.settle()
        event = ev.read(raw)
        self._counting.begin(now)
        if isinstance(event, ev.ResponseOutputAudioDelta):  # most of the traffic, and it changes no decision
            self.passing.delta(raw, event)
            self._actions.append(ToApp(raw, event))
            return
        if self._keeping.read(raw, event):
            return
        if self._owed.read(event):
            if isinstance(event, ev.Error):  # it was expected, and says nothing else
                self._remembering.reconsider()
                self._go_on(now)
                return
            hidden, outcome = True, None
        else:
            outcome = self._remembering.answer(event)
            ours = self._remembering.is_ours(event) or self._remembering.answers_again(event)
            hidden = outcome is not None or ours or self._asides.read(event)
        entering = event.item.get("id", "") if isinstance(event, ev.ConversationItemAdded) else ""
        entering = "" if entering in self.conversation else entering
        item = self.conversation.get(outcome.edit.item_id) if outcome is not None else None
        self.outstanding.read(event, now)
        self.conversation.read(event)
        if not hidden and (told := self._limiting.shown(raw, event)) is not None:
            self._actions.append(ToApp(*self._view.tell(told, event if told is raw else ev.read(told))))
        if entering and not self._remembering.is_ours(event):
            self._counting.entered(entering)
        self._counting.read(event)
        self._remembering.past.laws = self._limiting.laws = self.laws
        self._take_in(event, now, hidden=hidden)
        self._remembering.followed(event, now)
        self._counting.elapsed(now)
        self._limiting.follow(event, now)
        if outcome is not None:
            if isinstance(outcome.edit, Delete) and outcome.edit.why in ("not heard", "empty", "drift"):
                self.alternatives.left(outcome.edit.item_id)
            self._remembering.settle(outcome, item)
            self._view.left(outcome.edit.item_id)
        self._go_on(now)

    def from_app(self, raw: ev.Raw, now: float) -> None:
        """A message arrived from the app, in GA's spelling; a beta service gets it in its own."""
        self.passing.settle()
        event = ev.read(raw)
        if self.passing.append(raw, event):  # most of the traffic
            self._actions.append(ToService(raw))
            return
        for message in self.wishes.said(raw, event, now):
            self._pass_on(*message, now)

    def _pass_on(self, raw: ev.Raw, event: ev.Event, now: float) -> None:
        if isinstance(event, ev.ResponseCreate):
            self._expect_response(now)
            selected = self._remembering.select(raw, event, now)
            if selected is None:
                return
            if not self._limiting.ask(selected, now):
                self._awaited_until = None
            return
        allowed = self._limiting.from_app(raw, event, now)
        if allowed is None:
            return
        self.conversation.said(event)
        self.outstanding.said(event, now)
        self._remembering.asked(event, now)
        self._counting.said(event)
        self._keeping.said(raw, event)
        self._limiting.watch(event, now)
        self._actions.append(ToService(self._spelled(allowed, event)))

    def _create(self, raw: ev.Raw, now: float) -> None:
        """Ask the service for a response."""
        event = ev.read(raw)
        self._counting.said(event)
        self.outstanding.said(event, now)
        if not isinstance(event, ev.ResponseCreate) or (event.response or {}).get("conversation") != "none":
            self._expect_response(now)
            self._remembering.drift.asked(raw, now)
        self._actions.append(ToService(self._spelled(raw, event)))

    def _spelled(self, raw: ev.Raw, event: ev.Event) -> ev.Raw:
        if self.conversation.dialect == "beta" and isinstance(event, _SHAPED_BY_DIALECT):
            return text(client_to_beta(ev.wire(raw)))
        return raw

    def _tell(self, event: Wire) -> None:
        """Tell the app something that the service did not say."""
        if event["type"] == "conversation.item.retrieved":
            event = event | {"item": self._keeping.whole(event["item"])}
        said = {"type": event["type"], "event_id": self._ids(), **event}
        raw = text(server_to_beta(said) or said if self.conversation.dialect == "beta" else said)
        self._actions.append(ToApp(raw, ev.read(raw)))

    def _go_on(self, now: float) -> None:
        """Something happened: what waited for it goes on."""
        for ended in self._asides.ended():
            if ended.why and ended.why not in self._missed:
                self._missed.add(ended.why)
                self._actions.append(MemoryTold(ended.why))
            self._remembering.summarised(ended.ask_id, ended.summary)
        if self.wishes.waiting:
            for message in self.wishes.go_on(now):
                self._pass_on(*message, now)
        self._edit(now)

    def leased(self, unit: Unit, amount: int, now: float, *, last: bool = False, of: Limit | None = None) -> None:
        """So much more may be used of what is shared with others; `last`: there is no more than this; `of`: the limit
        that it is a part of, for those who are told that it is used up."""
        self._limiting.leased(unit, amount, now, last=last, of=of)
        self._edit(now)

    def pressed(self, unit: Unit, now: float) -> None:
        """Others are in need of what is shared: give back what can be spared (`GiveBack`)."""
        self._limiting.pressed(unit, now)
        self._edit(now)

    def heard(self, item_id: str, ms: int, now: float, *, stopped: bool = False, content_index: int = 0) -> None:
        """The speaker has played this much of an item; `stopped`: and will play no more of it."""
        self.passing.settle()
        if self._remembering.heard(item_id, ms, stopped=stopped, content_index=content_index):
            self._edit(now)

    def tick(self, now: float) -> None:
        """The deadline passed."""
        self.passing.settle()
        self._remembering.expire(now)
        self._owed.expire(now)
        self._asides.expire(now)
        self.outstanding.expire(now)
        if self._awaited_until is not None and self._awaited_until <= now:
            self._awaited_until = None
        self._limiting.tick(now)
        self._go_on(now)

    def pin(self, item_id: str) -> bool:
        """Never forget this item, whatever the memory: neither its sound nor the words that have taken its place.

        True if it is held, in one form or the other. False if it is not: an item that is still to come is pinned as it
        enters; one that was forgotten, or is in a summary by now, is not to be had any more.
        """
        return self._remembering.pins.add(item_id)

    def summarised(
        self,
        ask_id: int,
        summary: str | None,
        now: float,
        *,
        usage: Usage | None = None,
        model: str | None = None,
        unreported: bool = False,
    ) -> None:
        """The summary asked for by `Summarise` came; None: it could not be had, and nothing is deleted. `unreported`:
        though it could not, it may have cost something that nobody will tell; it is on the bill as unknown."""
        asked = self._remembering.unanswered.pop(ask_id, None)
        charged = self._counting.summarised(ask_id, summary, usage, model, unreported=unreported)
        if charged is not None:
            self._actions.append(charged)
            if self.account is not None:
                self.account.used(charged.usage.total_tokens if charged.usage is not None else 0)
                self.account.estimate(self._counting.missing(charged, asked))
        self._remembering.summarised(ask_id, summary)
        self._edit(now)

    def summarise_inside(self, ask_id: int, instructions: str, now: float) -> None:
        """Have the summary asked for by `Summarise` made by the realtime model itself, beside the conversation; the app
        hears nothing of it. Where it cannot be had a notice says why, once, and nothing is deleted."""
        ask = self._remembering.wanted(ask_id)
        self._remembering.unanswered.pop(ask_id, None)  # a response of the session's own is kept for and billed as one
        if ask is not None and self._limiting.near:
            self._remembering.summarised(ask_id, None)
        elif ask is not None:
            self._limiting.ours(text(self._asides.ask(ask_id, ask.text, instructions, now)), now)

    def why(self) -> str:
        """Why the conversation is remembered the way it is."""
        return self.memory.why()

    def end(self, now: float) -> None:
        """The conversation is over: nothing more will be sent."""
        self.passing.settle()
        self.ended = True
        self._remembering.abandon()
        self._keeping.close()
        self._counting.elapsed(now)

    # --- what goes out ---------------------------------------------------------------------------------------

    def actions(self) -> Iterator[Action]:
        """What must happen now, in order. Drain it before waiting again."""
        while self._actions:
            yield self._actions.popleft()

    @property
    def deadline(self) -> float | None:
        """When to call `tick` next; None if there is nothing to wait for."""
        if self.ended:
            return None
        parts = (self._remembering, self._owed, self._asides, self._limiting)
        waits = (self._awaited_until, *(part.deadline for part in parts))
        return min((wait for wait in waits if wait is not None), default=None)

    def unsettled(self, item_id: str) -> bool:
        """Whether an edit of this item is under way: until it is answered, who holds what is open."""
        return self._remembering.unsettled(item_id)

    # --- remembered and counted ------------------------------------------------------------------------------

    def _take_in(self, event: ev.Event, now: float, *, hidden: bool) -> None:
        match event:
            case ev.Unknown():
                self.unknown_events += 1
            case ev.Error():
                self.errors += 1
                self._awaited_until = self._awaited_until if hidden else None
            case ev.SessionCreated() | ev.SessionUpdated():
                self._remembering.past.rates = self.meter.rates
            case ev.ConversationItemAdded(item=wire) | ev.ConversationItemDone(item=wire):
                item = self.conversation.get(wire.get("id", ""))
                if item is not None:
                    self.exchanges.entered(item, *self.conversation.neighbours(item.id))
            case ev.InputAudioBufferCommitted():
                if self.conversation.answers_by_itself:
                    self._expect_response(now)
            case ev.InputAudioTranscriptionCompleted():
                self._transcribed(event)
            case ev.ResponseCreated() if not hidden:
                self._awaited_until = None
            case ev.ResponseOutputItemAdded(response_id=response_id, item=wire):
                response = self.conversation.responses.get(response_id)
                if response is None or not response.out_of_band:
                    self.exchanges.replying(response_id, wire.get("id", ""))
            case ev.ResponseDone():
                self._responded(event)
            case _:
                pass

    def _expect_response(self, now: float) -> None:
        self._awaited_until = now + self._ack_timeout_s

    def _transcribed(self, event: ev.InputAudioTranscriptionCompleted) -> None:
        told = self._counting.transcribed(event)
        if told is not None:
            self._actions.append(told)
            self._limiting.transcribed(told.item_id, told.usage, priced=not told.cost.unknown)

    def _responded(self, event: ev.ResponseDone) -> None:
        response = event.response
        out_of_band = "conversation_id" in response and response["conversation_id"] is None
        made = (self.conversation.get(item.get("id", "")) for item in response.get("output") or ())
        items = None if out_of_band else [item for item in made if item is not None]
        charged = self._counting.responded(event, items, self._limiting.kind(response.get("id") or ""))
        self._actions.append(charged)
        self._limiting.counted(event, charged.usage)
        if items is None:
            return
        if self.exchanges.responded(charged.response_id, charged.status, items):
            self._actions.append(GhostTurn(charged.response_id))
        self._remembering.responded(response, items)

    # --- forgotten -------------------------------------------------------------------------------------------

    def _edit(self, now: float) -> None:
        awaited, frugal = self._awaited_until is not None, self._limiting.near
        if not self.ended and self._remembering.edit(now, awaited=awaited, frugal=frugal):
            self._expect_response(now)
