"""The forgetting half of a session: memory, playback and edits brought together, and sent at the right moments.

Edits go out only at quiet moments. Never while a response is in progress, nor while one is about to be (the user's
turn was committed and the service answers by itself, or the app asked for one): what a delete does in the middle of
a response is undocumented. A cut of what was not heard does not wait for the second of these, since the answer to
the interruption must already know it.

The memory is asked for plans only when something happened that could change its mind, so that most messages cost
nothing here however long the conversation is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from laconic import events as ev
from laconic.actions import (
    Action,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    MemoryTold,
    Summarise,
    ToService,
    Unsupported,
)
from laconic.conversation import Conversation
from laconic.dialects import client_to_beta
from laconic.drift import Drift
from laconic.edits import Delete, Edit, Edits, Insert, Outcome, Truncate
from laconic.exchanges import Exchanges
from laconic.items import Item, Wire
from laconic.keeping import Keeping
from laconic.laws import Laws
from laconic.pins import Pins
from laconic.planning import Planner
from laconic.plans import Ask, Memory, Past, Plan, Steps, all_done, deletions
from laconic.playback import Playback
from laconic.selecting import Select
from laconic.standing import Standing
from laconic.written import message

__all__ = ["Remembering", "text"]

_SUMMARY_S = 60.0
"""How long a summary may take before the fold is given up for now."""
_CONSIDERED = (
    ev.SessionUpdated,
    ev.ConversationItemAdded,
    ev.ConversationItemDone,
    ev.ConversationItemDeleted,
    ev.ConversationItemTruncated,
    ev.InputAudioTranscriptionCompleted,
    ev.ResponseDone,
    ev.Error,  # what the app was changing may be free again
)
"""Events after which a memory may wish something new."""


class Remembering:
    """Sees to it that the service remembers what the memory in force wants it to."""

    def __init__(
        self,
        conversation: Conversation,
        exchanges: Exchanges,
        memory: Memory,
        *,
        laws: Laws,
        ids: Callable[[], str],
        ack_timeout_s: float,
        actions: deque[Action],
        keeping: Keeping,
        wrote: Callable[[], None],
    ) -> None:
        self.memory = memory
        self._conversation, self._exchanges = conversation, exchanges
        self._playback = Playback()
        self.edits = Edits(ids, ack_timeout_s, laws.lacks)
        self.standing = Standing()
        self.disputed: Callable[[str], bool] = lambda _: False
        """Whether the app wants to change this item, or what stands in it, and has not got round to it."""
        self._keeping = keeping
        self._planner = Planner()
        self._actions = actions
        self._wrote = wrote
        self.respond: Callable[[ev.Raw, float], object] = lambda raw, _: actions.append(ToService(raw))
        """Asks the service for a response, if whoever watches over a budget lets it."""
        self.respond_now: Callable[[ev.Raw, float], bool] = lambda raw, now: bool(self.respond(raw, now))
        """The same, at once or not at all. True if it was asked for."""
        self.pins = Pins(conversation, self.standing, self.edits.deleting)
        self._ours: set[str] = set()  # items we wrote, which the app never asked for
        self._unsupported: set[str] = set()
        self._ack_timeout_s = ack_timeout_s
        self._entering = 0  # items and commits of the app that have not entered yet
        self._held_back: ev.Raw | None = None  # the app's wish for a response that waits for them
        self._held_until: float | None = None
        self.unanswered: dict[int, Summarise] = {}
        """Summaries asked for that nobody has said anything of, wanted or not: each may cost something."""
        self._summaries: dict[int, tuple[Ask, float]] = {}  # asked for, with the moment until which we wait
        self._changed = False
        self.past = Past(
            conversation=conversation,
            exchanges=exchanges,
            laws=laws,
            rates=None,
            summary_rates=None,
            ids=ids,
            kept=self._stays,
            pinned=lambda item: item.id in self.pins,
            words=self._words,
            cut_off=lambda item: self._playback.words(item.id) is not None,
            over=self._over,
            say=lambda words, sums=None: self._actions.append(MemoryTold(words, sums)),
            supports=self.edits.supports,
        )
        self.drift = Drift(memory, self.past, self._planner.begin)

    # --- what a memory may know --------------------------------------------------------------------------------

    def _stays(self, item: Item) -> bool:
        busy = item.id in self.edits or self._planner.busy(item.id) or self.edits.tried(item.id)
        busy = busy or self._being_changed(item.id)
        return busy or item.id in self.pins or not self.edits.supports("delete")

    def _being_changed(self, item_id: str) -> bool:
        """Whether the app is just changing an item, or one whose words stand in it."""
        return self.edits.asked_of(item_id) or item_id in self.standing.due or self.disputed(item_id)

    def _words(self, item: Item) -> str | None:
        heard = self._playback.words(item.id)
        return item.text if heard is None else heard

    def _over(self, item: Item) -> bool:
        """Answered, and no reply of its exchange still sounds or is still to be cut.

        Once the caller has gone on to another exchange, a reply he never reported of is taken as heard. One he does
        report of plays on: an app may write while it speaks.
        """
        if not self._exchanges.over(item.id):
            return False
        number = self._exchanges.number(item.id)
        past = number != self._exchanges.latest
        for reply_id in self._playback.unfinished():
            if self._exchanges.number(reply_id) != number:
                continue
            reported = self._playback.cutting(reply_id) or self._playback.followed(reply_id)
            if (reported or not past) and self._playback.playing(reply_id, self._conversation):
                return False
        return True

    # --- what happens -------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When an edit under way is to be tried again or given up, or a summary not to be waited for any longer."""
        waits = [*(until for _, until in self._summaries.values()), self.edits.deadline, self._held_until]
        return min((wait for wait in waits if wait is not None), default=None)

    def unsettled(self, item_id: str) -> bool:
        return item_id in self.edits

    def wanted(self, ask_id: int) -> Ask | None:
        """What a summary was asked for, if it is still waited for."""
        return self._summaries[ask_id][0] if ask_id in self._summaries else None

    def asked(self, event: ev.Event, now: float) -> None:
        """The app sent something; if it is an edit, its answers are the app's."""
        self.edits.asked(event, now)
        self.drift.said(event)
        if isinstance(event, ev.ConversationItemCreate | ev.InputAudioBufferCommit):
            self._entering += 1

    def select(self, raw: ev.Raw, event: ev.ResponseCreate, now: float) -> ev.Raw | None:
        """The app asks for a response: say what it shall read, if the memory selects and the app did not.

        None: it is held back until what the app sent before it has entered, since only then can it be referred to.
        """
        own = event.response or {}
        if not isinstance(self.memory, Select) or "input" in own or own.get("conversation") == "none":
            return raw
        if self._entering:
            self._held_back, self._held_until = raw, now + self._ack_timeout_s
            return None
        whole = ev.wire(raw)
        return text(whole | {"response": own | {"input": self.memory.input(self.past)}})

    def _entered(self, event: ev.Event, now: float) -> None:
        """What the app sent entered, or was refused: a response that waited for it may be asked for now."""
        ours = isinstance(event, ev.ConversationItemAdded) and event.item.get("id") in self._ours
        made = isinstance(event, ev.ConversationItemAdded) and event.item.get("status") == "in_progress"
        if not ours and not made:
            self._entering = max(0, self._entering - 1)
        if self._entering == 0:
            self._release(now)

    def _release(self, now: float) -> None:
        raw, self._held_back, self._held_until = self._held_back, None, None
        self._entering = 0
        event = ev.read(raw) if raw is not None else None
        if isinstance(event, ev.ResponseCreate) and raw is not None:
            self.respond(self.select(raw, event, now) or raw, now)

    def sounded(self, item_id: str) -> None:
        """Sound of a reply arrived."""
        self._playback.sounded(item_id)

    def answer(self, event: ev.Event) -> Outcome | None:
        """What an event says of an edit of ours, before the mirror follows it."""
        if isinstance(event, ev.ConversationItemTruncated):  # the app's cuts and the service's own too
            self._playback.truncated(event.item_id, event.content_index, event.audio_end_ms, self._conversation)
        outcome = self.edits.answer(event)
        if outcome is not None and isinstance(outcome.edit, Insert) and outcome.edit.behind != "root":
            # What we wrote belongs to the exchange of what it stands for.
            self._exchanges.written(outcome.edit.item_id, outcome.edit.behind)
        return outcome

    def answers_again(self, event: ev.Event) -> bool:
        """Whether an event is the second answer to an edit of ours. To be asked once of each event."""
        return self.edits.late(event)

    def is_ours(self, event: ev.Event) -> bool:
        """Whether an event speaks of an item that we wrote: the app need not know."""
        match event:
            case ev.ConversationItemAdded(item=item) | ev.ConversationItemDone(item=item):
                return item.get("id") in self._ours
            case ev.ConversationItemDeleted(item_id=item_id):
                return item_id in self._ours
            case _:
                return False

    def followed(self, event: ev.Event, now: float) -> None:
        """The mirror has followed an event of the service."""
        if isinstance(event, _CONSIDERED):
            self._changed = True
        if not self.is_ours(event):
            self.drift.read(event, now)
        match event:
            case ev.ConversationItemAdded() | ev.Error():
                self._entered(event, now)
            case ev.ConversationItemDeleted(item_id=item_id):
                self._left(item_id)
            case ev.ResponseOutputAudioTranscriptDelta(item_id=item_id):
                item = self._conversation.get(item_id)
                if item is not None:
                    self._playback.worded(item_id, item.audio_ms, len(item.text or ""))
            case _:
                pass

    def heard(self, item_id: str, ms: int, *, stopped: bool, content_index: int) -> bool:
        """The speaker reports. True if this is a moment for edits."""
        playing = self._playback.playing(item_id, self._conversation)
        if stopped:
            self._playback.stopped(item_id, content_index, ms)
        else:
            self._playback.heard(item_id, content_index, ms)
        complete = self._exchanges.count
        ghost = self._exchanges.heard(item_id, ms, stopped)
        if ghost is not None:
            self._actions.append(GhostTurn(ghost))
        ended = playing and not self._playback.playing(item_id, self._conversation)
        happened = stopped or ended or self._exchanges.count != complete
        self._changed = self._changed or happened
        return happened

    def responded(self, response: Wire, items: list[Item]) -> None:
        """A response of the conversation is over, with these items."""
        for item in items:
            if _is_empty(item):
                self._planner.begin(Plan(frozenset({item.id}), deletions([item], "empty")))
        self.drift.responded(response, items)

    def summarised(self, ask_id: int, summary: str | None) -> None:
        if self._summaries.pop(ask_id, None) is not None:
            self._planner.summarised(ask_id, summary)
            self._changed = True

    def expire(self, now: float) -> None:
        """Try unanswered edits again, or give them up; wait no longer for summaries that do not come."""
        if self._held_until is not None and self._held_until <= now:
            self._release(now)
        for ask_id in [ask_id for ask_id, (_, until) in self._summaries.items() if until <= now]:
            self.summarised(ask_id, None)
        self.reconsider()
        again, ended = self.edits.expire(now)
        self._actions.extend(ToService(text(event)) for event in again)
        for outcome in ended:
            self.settle(outcome, self._conversation.get(outcome.edit.item_id))

    def reconsider(self) -> None:
        """What the app was changing may be free again: the memory is asked anew."""
        self._changed = True

    def abandon(self) -> None:
        self._planner.abandon()
        self._summaries.clear()

    # --- what is done ---------------------------------------------------------------------------------------------

    def edit(self, now: float, *, awaited: bool, frugal: bool = False) -> bool:
        """Send what is due, if this is a moment for it. True if a response was asked for. `awaited`: one is coming.
        `frugal`: no summary is asked for now."""
        if self._conversation.responding:
            return False
        for cut in self._playback.cuts(self._conversation):
            self._send(cut, now)
        if awaited:
            return False
        if self._changed and not self.drift.pending:
            self._changed = False
            for plan in self.memory.plans(self.past):
                self._planner.begin(plan)
        for note_id in [one for one in self.standing.due if not self._planner.busy(one) and one not in self.edits]:
            del self.standing.due[note_id]
            self._planner.begin(Plan(frozenset({note_id}), self._rewrite(note_id)))
        for edit in self._planner.unsent(self._ready):
            self._send(edit, now)
        for ask_id, ask in () if frugal else self._planner.asks():
            self._summaries[ask_id] = ask, now + _SUMMARY_S
            self.unanswered[ask_id] = Summarise(ask_id, ask.text, ask.max_tokens)
            self._actions.append(self.unanswered[ask_id])
        again = self.drift.due() if self._held_back is None else None
        if again is None:
            return False
        raw = self.select(text(again), ev.ResponseCreate(response=again.get("response")), now)
        return raw is not None and self.respond_now(raw, now)

    def _ready(self, edit: Edit) -> bool:
        """Whether nobody else is just changing what an edit is about. An insert that came too late is not sent."""
        return isinstance(edit, Insert) or not self._being_changed(edit.item_id)

    def _rewrite(self, note_id: str) -> Steps:
        """Write a note anew, because the app deleted or cut something that stands in it."""
        role, lines = self.standing.rewritten(note_id)
        item = message(role, "\n".join(words for _, words in lines), self.past.ids())
        outcomes = yield [Insert(item, note_id, (note_id,), lines)]
        if all_done(outcomes):
            yield [Delete(note_id, "unwanted")]
        elif isinstance(outcomes, list) and outcomes[0].result == "misplaced":
            yield [Delete(item["id"], "undone")]

    def remove(self, item_id: str, now: float) -> None:
        """Delete a note of ours at once: the app deleted what stands in it."""
        self._send(Delete(item_id, "unwanted"), now)

    def restore(self, item: Wire, behind: str, now: float) -> None:
        """Write an item of ours at once, which nothing leaves for."""

        def steps() -> Steps:
            yield [Insert(item, behind)]

        self._planner.begin(Plan(frozenset({item["id"]}), steps()))
        for edit in self._planner.unsent(lambda edit: edit.item_id == item["id"]):
            self._send(edit, now)

    def _send(self, edit: Edit, now: float) -> None:
        """Send an edit, or settle it at once where there is nothing to send."""
        if not isinstance(edit, Insert) and edit.item_id not in self._conversation:
            self._planner.settle(Outcome(edit, "gone"))
        elif edit.item_id in self.edits or self.edits.tried(edit.item_id) or not self.edits.supports(edit.kind):
            self._planner.settle(Outcome(edit, "withheld", "not possible here"))
        elif isinstance(edit, Insert) and not all(self._unchanged(item_id) for item_id in edit.instead_of):
            self._planner.settle(Outcome(edit, "withheld", "the app changed what it was to stand for"))
        elif isinstance(edit, Delete) and self.pins.hold(edit):
            self._planner.settle(Outcome(edit, "withheld", "pinned"))
        else:
            later_s = self._keep(edit)
            event: dict[str, Any] = self.edits.send(edit, now + later_s)
            if isinstance(edit, Insert):
                self._ours.add(edit.item_id)
                self._conversation.said(ev.read(text(event)))
                self._wrote()
                if self._conversation.dialect == "beta":
                    event = client_to_beta(event)
            self._actions.append(ToService(text(event)))

    def _keep(self, edit: Edit) -> float:
        """Have kept what a deletion would lose. How much later the service may come to the edit, in seconds."""
        asked = self._keeping.ask(edit.item_id) if isinstance(edit, Delete) else None
        if asked is not None:
            self._actions.append(ToService(text(asked)))
        return self._keeping.transfer_s

    def _unchanged(self, item_id: str) -> bool:
        return item_id in self._conversation and not self._being_changed(item_id)

    def settle(self, outcome: Outcome, item: Item | None) -> None:
        """An edit ended (`item`: what it was about, if it was held): tell the caller, let its plan go on."""
        edit = outcome.edit
        self._changed = True
        if outcome.result == "gone":
            self._conversation.remove(edit.item_id)
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
        if not self.edits.supports(edit.kind) and edit.kind not in self._unsupported:
            self._unsupported.add(edit.kind)
            self._actions.append(Unsupported(edit.kind))
        if isinstance(edit, Insert):
            outcome = self._inserted(edit, outcome)
        self._planner.settle(outcome)

    def _inserted(self, edit: Insert, outcome: Outcome) -> Outcome:
        """A note of ours stands, or does not; or it must not, and then its plan is to know."""
        changed = outcome.result == "done" and any(map(self.disputed, edit.instead_of))
        if outcome.result == "refused":
            self._ours.discard(edit.item_id)
        elif outcome.result in ("done", "misplaced") and (changed or not self._planner.waits_for(edit.item_id)):
            # It came after we had given it up, or as the app was about to change what it stands for: that is still
            # there.
            undo = Plan(frozenset({edit.item_id}), deletions([Item(edit.item_id)], "undone"))
            self._planner.begin(undo)
        elif outcome.result == "done":
            self.standing.inserted(edit)
        return replace(outcome, result="withheld", why="the app changed it") if changed else outcome

    def _left(self, item_id: str) -> None:
        self._exchanges.left(item_id)
        self._playback.forget(item_id)
        self.standing.left(item_id)
        self._ours.discard(item_id)

    def _tell_forgotten(self, edit: Delete, item: Item | None) -> None:
        if item is not None:
            left = len(self._conversation)
            self._actions.append(Forgot(item.id, item.role, item.text, item.audio_ms, left, edit.why))


def _is_empty(item: Item) -> bool:
    """Left by a cancelled response, with nothing in it."""
    return item.type == "message" and item.role == "assistant" and not item.audio_ms and not item.text


def text(event: Wire) -> str:
    """A message of ours as it goes onto the wire."""
    return msgspec.json.encode(event).decode()
