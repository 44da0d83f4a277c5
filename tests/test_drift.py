"""A reply in writing: taken back, and asked for again as it was asked for, unless the conversation has gone on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pasts import World, heard, spoken, typed

from laconic import events as ev
from laconic.drift import Drift
from laconic.edits import Delete
from laconic.items import Wire
from laconic.memory import Everything
from laconic.plans import Memory, Plan
from laconic.written import Written

VOICE: Wire = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
PUSHED: Wire = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
REQUEST: Wire = {"instructions": "In French.", "tool_choice": "none", "metadata": {"request": "42"}}
PLAIN: Wire = {"type": "response.create"}


class Talk:
    """A question that is about to be answered. Plans wait in `plans` until they are done."""

    def __init__(self, memory: Memory | None = None, settings: Wire = VOICE) -> None:
        self.world = World(spoken("u1", "Where?"))
        self.now = 0.0
        self.plans: list[Plan] = []
        self.drift = Drift(memory or Everything(), self.world.past, self.plans.append)
        self.hears(ev.SessionUpdated(session=settings))

    def hears(self, event: ev.Event) -> None:
        self.world.conversation.read(event)
        self.drift.read(event, self.now)

    def asks(self, response: Wire | None = REQUEST, **fields: Any) -> None:
        """The app does, and it goes out."""
        event = {**PLAIN, **({"response": response} if response else {}), **fields}
        self.drift.asked(json.dumps(event), self.now)

    def begins(self, response_id: str = "r1", **fields: Any) -> None:
        self.hears(ev.ResponseCreated(response={"id": response_id, "conversation_id": "c", **fields}))

    def writes(self, item_id: str = "a1", response_id: str = "r1", number: int = 1, **fields: Any) -> None:
        """The reply comes, in writing."""
        item = typed(item_id, "As I wrote.", "assistant")
        self.world.enter(item, number)
        response: Wire = {"id": response_id, "status": "completed", "output_modalities": ["audio"], **fields}
        self.hears(ev.ResponseDone(response=response | {"output": [item.to_wire()]}))
        self.drift.responded(response, [item])

    def does(self) -> None:
        """What was planned is done."""
        for plan in self.plans:
            self.world.do(plan)
        self.plans.clear()

    def drifts(self) -> None:
        self.begins()
        self.writes()
        self.does()


# --- what is asked for again -----------------------------------------------------------------------------------------


def test_it_is_taken_back_said_and_asked_for_again() -> None:
    talk = Talk()
    talk.begins()
    assert not talk.drift.pending
    talk.writes()
    [plan] = talk.plans
    assert plan.item_ids == {"a1"}
    assert plan.steps.send(None) == [Delete("a1", "drift")]
    assert talk.world.told == [
        "a reply came in writing though sound was asked for; it is taken back, and asked for again unless you go on"
    ]
    assert talk.drift.pending
    assert talk.drift.due() is None, "it is still there"


def test_what_the_service_answered_by_itself_is_asked_for_plainly() -> None:
    talk = Talk()
    talk.drifts()
    assert talk.world.ids == ["u1"]
    assert talk.drift.due() == talk.drift.due() == PLAIN, "until it is asked"
    talk.asks(None)
    assert talk.drift.due() is None
    assert not talk.drift.pending


def test_what_was_asked_for_in_words_is_asked_for_in_the_same_words() -> None:
    talk = Talk()
    talk.asks(event_id="e1")
    talk.drifts()
    assert talk.drift.due() == {**PLAIN, "response": REQUEST}


def test_the_dialogue_that_led_to_it_is_noted_first() -> None:
    written = Written()
    talk = Talk(written)
    talk.world.follow(written)
    talk.drifts()
    assert talk.world.words == ["system: User: Where?"]
    assert talk.drift.due() == PLAIN


def test_it_happens_once_in_an_exchange() -> None:
    talk = Talk()
    talk.drifts()
    talk.asks(None)
    talk.begins("r2")
    talk.writes("a2", "r2")
    assert talk.plans == []
    talk.world.enter(spoken("u2"), 2)
    talk.begins("r3")
    talk.writes("a3", "r3", 2)
    assert len(talk.plans) == 1


@pytest.mark.parametrize(
    "fields",
    [{"output_modalities": ["text"]}, {"output_modalities": None}, {"status": "cancelled"}],
    ids=["text was asked for", "nobody knows what was asked for", "it was cancelled"],
)
def test_what_is_no_drift_is_let_be(fields: Wire) -> None:
    talk = Talk()
    talk.begins()
    talk.writes(**fields)
    assert talk.plans == []


def test_nothing_and_sound_are_no_drift() -> None:
    talk = Talk()
    response: Wire = {"id": "r1", "status": "completed", "modalities": ["audio", "text"]}
    talk.drift.responded(response, [])
    talk.drift.responded(response, [heard("a1")])
    assert talk.plans == []
    talk.world.enter(typed("a2", "Hm.", "assistant"))
    talk.drift.responded(response, [typed("a2", "Hm.", "assistant")])
    assert len(talk.plans) == 1


# --- which request it was --------------------------------------------------------------------------------------------


def test_requests_are_answered_in_order_and_those_beside_the_conversation_are_none_of_them() -> None:
    talk = Talk()
    talk.asks({"instructions": "One."})
    talk.asks({"instructions": "Two."})
    talk.begins("aside", conversation_id=None)
    talk.begins("r0")
    talk.begins("r1")
    talk.writes()
    talk.does()
    again = talk.drift.due()
    assert again is not None
    assert again["response"] == {"instructions": "Two."}


@pytest.mark.parametrize(
    "error",
    [
        {"event_id": "e1", "code": "invalid_value"},
        {"code": "conversation_already_has_active_response"},
        {"param": "response.voice"},
    ],
)
def test_a_request_that_was_refused_is_not_the_one(error: Wire) -> None:
    talk = Talk()
    talk.asks({"instructions": "Refused."}, event_id="e1")
    talk.hears(ev.Error(error=ev.ErrorDetail(**error)))
    talk.drifts()
    assert talk.drift.due() == PLAIN


@pytest.mark.parametrize("error", [{"event_id": "other"}, {"code": "item_delete_invalid_item_id"}])
def test_what_is_refused_is_not_always_a_request(error: Wire) -> None:
    talk = Talk()
    talk.asks(event_id="e1")
    talk.hears(ev.Error(error=ev.ErrorDetail(**error)))
    talk.drifts()
    assert talk.drift.due() == {**PLAIN, "response": REQUEST}


def test_a_request_that_nobody_answered_is_forgotten() -> None:
    talk = Talk()
    talk.asks()
    talk.now = 10.0
    talk.drifts()
    assert talk.drift.due() == PLAIN


def test_what_reads_items_is_asked_for_again_only_while_they_are_there() -> None:
    reference: Wire = {"type": "item_reference", "id": "u1"}
    own: Wire = {"input": [reference, {"type": "message", "role": "user", "content": []}, "?"]}
    talk = Talk()
    talk.asks(own)
    talk.drifts()
    assert talk.drift.due() == {**PLAIN, "response": own}
    talk.world.conversation.remove("u1")
    assert talk.drift.due() is None
    assert not talk.drift.pending


# --- when the conversation goes on -----------------------------------------------------------------------------------

USER: Wire = {"id": "u2", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Now?"}]}
NOTE: Wire = {"id": "n", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "Rain."}]}
GOES_ON = [
    ev.InputAudioBufferSpeechStarted(item_id="u2", audio_start_ms=9_000),
    ev.InputAudioBufferCommitted(item_id="u2"),
    ev.ConversationItemAdded(item=USER, previous_item_id="u1"),
    ev.ResponseCreated(response={"id": "r2", "conversation_id": "c"}),
    ev.InputAudioBufferCommit(),
    ev.ResponseCancel(),
    ev.ConversationItemCreate(item=USER),
]
STAYS = [
    ev.ConversationItemAdded(item=NOTE, previous_item_id="u1"),
    ev.ResponseCreated(response={"id": "r2", "conversation_id": None}),
    ev.ConversationItemCreate(item=NOTE),
    ev.InputAudioBufferCleared(),
]
BEFORE, MEANWHILE, THEN = "before it has ended", "while it is taken back", "then"
MOMENTS = [(event, when) for event in GOES_ON for when in (BEFORE, MEANWHILE, THEN)]
MOMENTS.remove((GOES_ON[3], BEFORE))  # no response begins while another runs
BY_APP = (ev.InputAudioBufferCommit, ev.ResponseCancel, ev.ConversationItemCreate)


def happens(talk: Talk, event: ev.Event) -> None:
    if isinstance(event, BY_APP):
        talk.drift.said(event)
    else:
        talk.hears(event)


@pytest.mark.parametrize(("event", "when"), MOMENTS, ids=lambda given: getattr(given, "type", given))
def test_once_the_conversation_has_gone_on_it_is_not_asked_for_again(event: ev.Event, when: str) -> None:
    talk = Talk()
    talk.asks()
    talk.begins()
    if when == BEFORE:
        happens(talk, event)
    talk.writes()
    if when == MEANWHILE:
        talk.plans[0].steps.send(None)
    else:
        talk.does()
    if when != BEFORE:
        happens(talk, event)
    if when == MEANWHILE:
        assert talk.drift.pending, "it is taken back all the same"
        with pytest.raises(StopIteration):
            talk.plans[0].steps.send([])
    assert talk.drift.due() is None
    assert not talk.drift.pending


@pytest.mark.parametrize("event", STAYS, ids=lambda event: event.type)
def test_what_is_not_the_caller_going_on_changes_nothing(event: ev.Event) -> None:
    talk = Talk()
    talk.drifts()
    happens(talk, event)
    assert talk.drift.due() == PLAIN


def test_it_is_not_asked_for_while_the_caller_speaks() -> None:
    talk = Talk()
    talk.hears(ev.InputAudioBufferSpeechStarted(item_id="u2", audio_start_ms=9_000))
    talk.drifts()
    assert talk.drift.due() is None
    assert not talk.drift.pending


def test_where_nobody_says_when_he_speaks_it_waits_while_his_sound_does() -> None:
    """He holds the key, and lets go of it without having said anything."""
    talk = Talk(settings=PUSHED)
    talk.drifts()
    talk.world.conversation.input.appended(4_800)
    assert talk.drift.due() is None
    assert talk.drift.pending
    talk.world.conversation.said(ev.InputAudioBufferClear())
    assert talk.drift.due() == PLAIN
    talk = Talk()
    talk.drifts()
    talk.world.conversation.input.appended(4_800)
    assert talk.drift.due() == PLAIN, "this one listens all the time"
