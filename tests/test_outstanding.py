"""What the service has yet to bill, from the moment somebody said what it will be billed for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.outstanding import Outstanding

ACTIVE = {"code": "conversation_already_has_active_response"}


class Desk:
    """A session's mirror, and what is outstanding; `now` is set by the test."""

    def __init__(self, **hearing: Any) -> None:
        self.conversation = Conversation()
        self.outstanding = Outstanding(self.conversation)
        self.now = 0.0
        self.hears("session.created", session={"type": "realtime", "audio": {"input": hearing}})

    def hears(self, name: str, **fields: Any) -> bool:
        """The service says something. Whether a bill is outstanding then."""
        event = ev.read(json.dumps({"type": name, **fields}))
        self.outstanding.read(event, self.now)
        self.conversation.read(event)
        return bool(self.outstanding)

    def says(self, name: str, **fields: Any) -> bool:
        """The app does."""
        event = ev.read(json.dumps({"type": name, **fields}))
        self.outstanding.said(event, self.now)
        return bool(self.outstanding)

    def error(self, event_id: str | None = None, **fields: Any) -> bool:
        return self.hears("error", error={"message": "No.", "event_id": event_id, **fields})

    def created(self, response_id: str = "r1", **fields: Any) -> bool:
        return self.hears("response.created", response={"id": response_id, **fields})

    def done(self, response_id: str = "r1", **fields: Any) -> bool:
        return self.hears("response.done", response={"id": response_id, "output": [], **fields})


VOICE: dict[str, Any] = {"turn_detection": {"type": "server_vad"}}
WRITTEN: dict[str, Any] = {"transcription": {"model": "whisper-1"}}


def test_a_response_is_outstanding_from_its_asking_to_its_end() -> None:
    desk = Desk()
    assert not desk.outstanding
    assert desk.says("response.create")
    assert desk.outstanding.responding
    assert desk.created()
    assert desk.outstanding.deadline is None
    assert not desk.done()


@pytest.mark.parametrize("order", [(None, "conv_1"), ("conv_1", None)])
def test_one_beside_the_conversation_is_another_than_one_in_it(order: tuple[str | None, str | None]) -> None:
    desk = Desk()
    desk.says("response.create")
    desk.says("response.create", response={"conversation": "none"})
    first, second = order
    desk.created(conversation_id=first)
    assert desk.done(conversation_id=first)
    desk.created(conversation_id=second)
    assert not desk.done(conversation_id=second)


def test_a_service_may_tell_of_the_end_alone() -> None:
    desk = Desk()
    desk.says("response.create")
    assert not desk.done()


def test_what_somebody_else_asked_for_is_outstanding_once_it_runs() -> None:
    """A call may have more than one who asks."""
    desk = Desk()
    assert desk.created()
    assert not desk.done()


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        ({"event_id": "e1"}, True),
        ({"event_id": "e2"}, False),
        (ACTIVE, True),
        ({"param": "response.max_output_tokens"}, True),
        ({"code": "item_delete_invalid_item_id"}, False),
    ],
)
def test_an_error_ends_what_it_is_about(error: dict[str, Any], ends: bool) -> None:
    desk = Desk()
    desk.says("response.create", event_id="e1")
    assert desk.error(**error) is not ends


@pytest.mark.parametrize("told", ["input_audio_buffer.speech_stopped", "input_audio_buffer.timeout_triggered"])
def test_the_end_of_a_turn_is_outstanding_where_the_service_answers_by_itself(told: str) -> None:
    desk = Desk(**VOICE)
    assert desk.hears(told, item_id="u1")
    assert desk.outstanding.responding
    desk.hears("input_audio_buffer.committed", item_id="u1")
    assert desk.created()
    assert not desk.done()
    assert not Desk(turn_detection={"type": "server_vad", "create_response": False}).hears(told, item_id="u1")


def test_a_turn_that_cannot_be_answered_is_refused() -> None:
    desk = Desk(**VOICE)
    desk.hears("input_audio_buffer.speech_stopped", item_id="u1")
    assert not desk.error(**ACTIVE)


def test_of_a_turn_and_what_the_app_asked_for_one_is_refused() -> None:
    """Whichever was first: the service has answered one, and has told of the other."""
    desk = Desk(**VOICE)
    desk.hears("input_audio_buffer.speech_stopped", item_id="u1")
    desk.says("response.create")
    desk.created()
    desk.error(**ACTIVE)
    assert not desk.done()


def test_what_is_said_is_outstanding_until_it_is_written_down() -> None:
    desk = Desk(**WRITTEN)
    assert desk.says("input_audio_buffer.commit")
    assert desk.hears("input_audio_buffer.committed", item_id="u1")
    assert not desk.outstanding.responding
    told: dict[str, Any] = {"item_id": "u1", "content_index": 0}
    completed = "conversation.item.input_audio_transcription.completed"
    assert desk.hears(completed, **told, transcript="Hm", status="in_progress")
    assert not desk.hears(completed, **told, transcript="Hm?")
    assert not desk.hears(completed, **told, transcript="Hm?")


def test_or_cannot_be() -> None:
    desk = Desk(**WRITTEN)
    desk.hears("input_audio_buffer.committed", item_id="u1")
    assert not desk.hears("conversation.item.input_audio_transcription.failed", item_id="u1")
    desk.says("input_audio_buffer.commit")
    assert not desk.error(code="input_audio_buffer_commit_empty")


def test_where_nobody_writes_down_what_is_said_it_costs_nothing_by_itself() -> None:
    desk = Desk()
    assert not desk.says("input_audio_buffer.commit")
    assert not desk.hears("input_audio_buffer.committed", item_id="u1")
    assert not desk.says("input_audio_buffer.clear")


def test_nothing_is_waited_for_without_end() -> None:
    desk = Desk(**VOICE, **WRITTEN)
    desk.says("response.create")
    desk.now = 5.0
    desk.hears("input_audio_buffer.speech_stopped", item_id="u1")
    desk.hears("input_audio_buffer.committed", item_id="u1")
    waits: list[float] = []
    while (due := desk.outstanding.deadline) is not None:
        waits.append(due)
        desk.outstanding.expire(due)
    assert waits == [10.0, 15.0, 65.0]
    assert not desk.outstanding
