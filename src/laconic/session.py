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

Order of work: said (events), remembered (conversation, exchanges), heard (playback), counted and priced (meter),
forgotten (memory, plans, edits).

When edits are sent. Never while a response is in progress, nor while one is about to be (the user's turn was
committed and the service answers by itself, or the app asked for one): what a delete does in the middle of a
response is undocumented. A cut of what was not heard does not wait for the second of these, since the answer to
the interruption must already know it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from laconic import events as ev
from laconic.actions import (
    Action,
    Charged,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    MemoryTold,
    Notice,
    Summarise,
    ToApp,
    ToService,
    Transcribed,
    Unsupported,
)
from laconic.conversation import Conversation
from laconic.dialects import client_to_beta
from laconic.edits import Delete, Edit, Edits, Insert, Outcome, Truncate
from laconic.exchanges import Exchanges
from laconic.items import Item, Wire
from laconic.laws import Laws, prior
from laconic.memory import Memory, memory
from laconic.meter import Meter
from laconic.planning import Planner
from laconic.plans import Past, Plan, deletions
from laconic.playback import Playback
from laconic.rates import Rates, RateTable, load
from laconic.usage import TranscriptionUsage, Usage

__all__ = [
    "Action",
    "Charged",
    "CutOff",
    "EditFailed",
    "Forgot",
    "GhostTurn",
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
    ) -> None:
        self.conversation = Conversation()
        self.exchanges = Exchanges()
        self.memory = _memory(memory)
        self.unknown_events = 0
        self.errors = 0
        self.ended = False
        self._rates = rates or load()
        self._model = model
        self.meter = Meter(self._find(model))
        self._playback = Playback()
        self._edits = Edits(ids, ack_timeout_s)
        self._planner = Planner()
        self._ids = ids
        self._service = service
        self._laws = laws
        self._summary_rates = self._find(summary_model)
        self._pinned: set[str] = set()
        self._ours: set[str] = set()  # items we wrote, which the app never asked for
        self._unsupported: set[str] = set()
        self._awaited_until: float | None = None
        self._began: float | None = None
        self._actions: deque[Action] = deque()

    def _find(self, model: str | None) -> Rates | None:
        return self._rates.find(model) if model else None

    @property
    def laws(self) -> Laws:
        """How this service counts, caches and forgets, as far as we know."""
        return self._laws or prior(self._service, self._model or self.conversation.model or "")

    @property
    def _past(self) -> Past:
        return Past(
            conversation=self.conversation,
            exchanges=self.exchanges,
            laws=self.laws,
            rates=self.meter.rates,
            summary_rates=self._summary_rates,
            ids=self._ids,
            kept=self._stays,
            pinned=lambda item: item.id in self._pinned,
            words=self._words,
            cut_off=lambda item: self._playback.words(item.id) is not None,
            transcribes=self.conversation.transcription_model is not None,
            over=self._over,
            say=lambda text: self._actions.append(MemoryTold(text)),
            supports=self._edits.supports,
        )

    def _words(self, item: Item) -> str | None:
        heard = self._playback.words(item.id)
        return item.text if heard is None else heard

    def _over(self, item: Item) -> bool:
        return self.exchanges.over(item.id) and not self._playback.playing(item.id, self.conversation)

    # --- what arrives ----------------------------------------------------------------------------------------

    def from_service(self, raw: ev.Raw, now: float) -> None:
        """A message arrived from the service."""
        event = ev.read(raw)
        if self._began is None:
            self._began = now
        if isinstance(event, ev.ResponseOutputAudioDelta):  # most of the traffic, and it changes no decision
            self.conversation.read(event)
            self.exchanges.sounded(event.item_id)
            self._playback.sounded(event.item_id)
            self._actions.append(ToApp(raw, event))
            return
        outcome = self._edits.answer(event)
        item = self.conversation.get(outcome.edit.item_id) if outcome is not None else None
        if outcome is not None and isinstance(outcome.edit, Insert):
            self._entering(outcome.edit)
        self.conversation.read(event)
        if outcome is None and not self._is_about_ours(event):
            self._actions.append(ToApp(raw, event))
        self._take_in(event, now)
        self.meter.elapsed(int((now - self._began) * 1000))
        if outcome is not None:
            self._settle(outcome, item, now)
        self._edit(now)

    def from_app(self, raw: ev.Raw, now: float) -> None:
        """A message arrived from the app, in GA's spelling; a beta service gets it in its own."""
        event = ev.read(raw)
        self.conversation.said(event)
        self._edits.asked(event)
        if isinstance(event, ev.ResponseCreate):
            self._expect_response(now)
        elif isinstance(event, ev.ConversationItemCreate) and _is_text(event.item):
            self.meter.message()
        if self.conversation.dialect == "beta" and isinstance(event, _SHAPED_BY_DIALECT):
            raw = _text(client_to_beta(ev.wire(raw)))
        self._actions.append(ToService(raw))

    def heard(self, item_id: str, ms: int, now: float, *, stopped: bool = False, content_index: int = 0) -> None:
        """The speaker has played this much of an item; `stopped`: and will play no more of it."""
        playing = self._playback.playing(item_id, self.conversation)
        if stopped:
            self._playback.stopped(item_id, content_index, ms)
        else:
            self._playback.heard(item_id, content_index, ms)
        complete = self.exchanges.count
        ghost = self.exchanges.heard(item_id, ms, stopped)
        if ghost is not None:
            self._actions.append(GhostTurn(ghost))
        ended = playing and not self._playback.playing(item_id, self.conversation)
        if stopped or ended or self.exchanges.count != complete:
            self._edit(now)

    def tick(self, now: float) -> None:
        """The deadline passed."""
        again, ended = self._edits.expire(now)
        self._actions.extend(ToService(_text(event)) for event in again)
        for outcome in ended:
            self._settle(outcome, self.conversation.get(outcome.edit.item_id), now)
        if self._awaited_until is not None and self._awaited_until <= now:
            self._awaited_until = None
        self._edit(now)

    def pin(self, item_id: str) -> None:
        """Never forget this item, whatever the memory."""
        self._pinned.add(item_id)

    def summarised(
        self, ask_id: int, summary: str | None, now: float, *, usage: Usage | None = None, model: str | None = None
    ) -> None:
        """The summary asked for by `Summarise` came; None: it could not be had, and nothing is deleted."""
        if usage is not None or summary is not None:
            rates = self._find(model) or self._summary_rates
            cost = self.meter.aside(f"summary {ask_id}", "summary", usage, rates)
            self._actions.append(Charged(f"summary {ask_id}", "completed", usage, cost))
        self._planner.summarised(ask_id, summary)
        self._edit(now)

    def why(self) -> str:
        """Why the conversation is remembered the way it is."""
        return self.memory.why()

    def end(self, now: float) -> None:
        """The conversation is over: nothing more will be sent."""
        self.ended = True
        self._planner.abandon()
        if self._began is not None:
            self.meter.elapsed(int((now - self._began) * 1000))

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
        waits = [wait for wait in (self._edits.deadline, self._awaited_until) if wait is not None]
        return min(waits, default=None)

    def unsettled(self, item_id: str) -> bool:
        """Whether an edit of this item is under way: until it is answered, who holds what is open."""
        return item_id in self._edits

    # --- remembered and counted ------------------------------------------------------------------------------

    def _take_in(self, event: ev.Event, now: float) -> None:
        match event:
            case ev.Unknown():
                self.unknown_events += 1
            case ev.Error():
                self.errors += 1
                self._awaited_until = None
            case ev.SessionCreated() | ev.SessionUpdated():
                self._know_model()
            case ev.ConversationItemAdded(item=wire) | ev.ConversationItemDone(item=wire):
                item = self.conversation.get(wire.get("id", ""))
                if item is not None:
                    self.exchanges.entered(item, *self.conversation.neighbours(item.id))
            case ev.ConversationItemDeleted(item_id=item_id):
                self._left(item_id)
            case ev.ResponseOutputAudioTranscriptDelta(item_id=item_id):
                item = self.conversation.get(item_id)
                if item is not None:
                    self._playback.worded(item_id, item.audio_ms, len(item.text or ""))
            case ev.InputAudioBufferCommitted():
                if self.conversation.answers_by_itself:
                    self._expect_response(now)
            case ev.InputAudioTranscriptionCompleted():
                self._count_transcription(event)
            case ev.ResponseCreated():
                self._awaited_until = None
            case ev.ResponseOutputItemAdded(response_id=response_id, item=wire):
                response = self.conversation.responses.get(response_id)
                if response is None or not response.out_of_band:
                    self.exchanges.replying(response_id, wire.get("id", ""))
            case ev.ResponseDone():
                self._count_response(event)
            case _:
                pass

    def _expect_response(self, now: float) -> None:
        self._awaited_until = now + self._edits.ack_timeout_s

    def _know_model(self) -> None:
        """Once the service names its model, price by it, unless the user's own name for it has prices."""
        if self.meter.rates is None:
            self.meter.rates = self._find(self._model) or self._find(self.conversation.model)
        transcription = self.conversation.transcription_model
        if transcription is not None:
            self.meter.transcription_rates = self._find(transcription)

    def _count_transcription(self, event: ev.InputAudioTranscriptionCompleted) -> None:
        if event.status == "in_progress":  # xAI repeats the event until the transcript is final
            return
        item = self.conversation.get(event.item_id)
        usage = TranscriptionUsage.from_wire(event.usage)
        cost = self.meter.transcription(event.item_id, usage, item.audio_ms if item else 0)
        self._actions.append(Transcribed(event.item_id, cost))

    def _count_response(self, event: ev.ResponseDone) -> None:
        response = event.response
        response_id, status = response.get("id") or "", response.get("status") or "completed"
        out_of_band = "conversation_id" in response and response["conversation_id"] is None
        usage = Usage.from_wire(response.get("usage"), top_level=event.usage)
        cost = self.meter.response(response_id, status, usage, kind="out_of_band" if out_of_band else "reply")
        self._actions.append(Charged(response_id, status, usage, cost))
        if out_of_band:
            return
        made = (self.conversation.get(item.get("id", "")) for item in response.get("output") or ())
        items = [item for item in made if item is not None]
        if self.exchanges.responded(response_id, status, items):
            self._actions.append(GhostTurn(response_id))
        for item in items:
            if _empty(item):
                self._planner.begin(Plan(frozenset({item.id}), deletions([item], "empty")))

    # --- forgotten -------------------------------------------------------------------------------------------

    def _edit(self, now: float) -> None:
        """Send the edits that are due, if this is a moment for it."""
        if self.ended or self.conversation.responding:
            return
        for cut in self._playback.cuts(self.conversation):
            self._send(cut, now)
        if self._awaited_until is not None:
            return
        for plan in self.memory.plans(self._past):
            self._planner.begin(plan)
        for edit in self._planner.unsent():
            self._send(edit, now)
        for ask_id, ask in self._planner.asks():
            self._actions.append(Summarise(ask_id, ask.text, ask.max_tokens))

    def _stays(self, item: Item) -> bool:
        """Whether an item stays as it is now, whatever the memory wishes."""
        busy = item.id in self._edits or self._planner.busy(item.id) or self._edits.tried(item.id)
        return busy or item.id in self._pinned or not self._edits.supports("delete")

    def _send(self, edit: Edit, now: float) -> None:
        """Send an edit, or settle it at once where there is nothing to send."""
        if not isinstance(edit, Insert) and edit.item_id not in self.conversation:
            self._planner.settle(Outcome(edit, "gone"))
        elif edit.item_id in self._edits or self._edits.tried(edit.item_id) or not self._edits.supports(edit.kind):
            self._planner.settle(Outcome(edit, "refused", "not possible here"))
        elif isinstance(edit, Delete) and edit.item_id in self._pinned:
            self._planner.settle(Outcome(edit, "refused", "pinned"))
        else:
            event = self._edits.send(edit, now)
            if isinstance(edit, Insert):
                self._ours.add(edit.item_id)
                self.conversation.said(ev.read(_text(event)))
                self.meter.message()
                if self.conversation.dialect == "beta":
                    event = client_to_beta(event)
            self._actions.append(ToService(_text(event)))

    def _entering(self, insert: Insert) -> None:
        """What we wrote is about to enter: it belongs to the exchange of what it stands for."""
        if insert.behind != "root":
            self.exchanges.written(insert.item_id, insert.behind)

    def _is_about_ours(self, event: ev.Event) -> bool:
        """Whether an event speaks of an item that we wrote: the app need not know."""
        match event:
            case ev.ConversationItemAdded(item=item) | ev.ConversationItemDone(item=item):
                return item.get("id") in self._ours
            case ev.ConversationItemDeleted(item_id=item_id):
                return item_id in self._ours
            case _:
                return False

    def _left(self, item_id: str) -> None:
        self.exchanges.left(item_id)
        self._playback.forget(item_id)
        self._ours.discard(item_id)

    def _settle(self, outcome: Outcome, item: Item | None, now: float) -> None:
        """An edit ended: tell the caller, and let the plan it belongs to go on."""
        edit = outcome.edit
        if outcome.result == "gone":
            self.conversation.remove(edit.item_id)
            self._left(edit.item_id)
        match edit, outcome.result:
            case Delete(), "done" | "gone":
                self._tell_forgotten(edit, item)
            case Truncate(), "done":
                self._actions.append(CutOff(edit.item_id, edit.audio_end_ms))
            case _, "refused" | "unanswered" | "misplaced":
                self._actions.append(EditFailed(edit.kind, edit.item_id, outcome.why))
            case _:
                pass
        if not self._edits.supports(edit.kind) and edit.kind not in self._unsupported:
            self._unsupported.add(edit.kind)
            self._actions.append(Unsupported(edit.kind))
        if isinstance(edit, Insert) and outcome.result == "done" and not self._planner.waits_for(edit.item_id):
            # It came after we had given it up: what it was to replace is still there.
            undo = Plan(frozenset({edit.item_id}), deletions([Item(edit.item_id)], "undone"))
            self._planner.begin(undo)
        self._planner.settle(outcome)

    def _tell_forgotten(self, edit: Delete, item: Item | None) -> None:
        if item is not None:
            left = len(self.conversation)
            self._actions.append(Forgot(item.id, item.role, item.text, item.audio_ms, left, edit.why))


def _memory(spec: str | Memory) -> Memory:
    return memory(spec)


def _is_text(item: Wire) -> bool:
    """Whether a created item is one that xAI bills as a message: calls' outputs and sound are not."""
    parts = item.get("content") or ()
    return item.get("type", "message") == "message" and all(part.get("type") != "input_audio" for part in parts)


def _empty(item: Item) -> bool:
    """Left by a cancelled response, with nothing in it."""
    return item.type == "message" and item.role == "assistant" and not item.audio_ms and not item.text


def _text(event: Wire) -> str:
    return msgspec.json.encode(event).decode()
