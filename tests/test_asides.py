"""Summaries made in the session itself: asked beside the conversation, hidden from the app, not waited for for long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playbook import counter

from laconic import events as ev
from laconic.asides import Asides, Ended

Wire = dict[str, Any]


class Desk:
    def __init__(self) -> None:
        self.asides = Asides(counter())
        self.asked = self.asides.ask(7, "User: My name is Marco.", "Sum it up.", 0.0)

    def says(self, type: str, **fields: Any) -> bool:
        return self.asides.read(ev.read(json.dumps({"type": type, **fields})))

    def response(self, status: str, *texts: str, metadata: Any = ...) -> Wire:
        content = [{"type": "output_text", "text": text} for text in texts]
        items = [{"id": "s1", "type": "message", "role": "assistant", "content": content}] if texts else []
        mark = self.asked["response"]["metadata"] if metadata is ... else metadata
        return {"id": "r9", "status": status, "output": items, "metadata": mark}


def test_the_model_is_asked_for_text_outside_the_conversation() -> None:
    asked = Desk().asked
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "User: My name is Marco."}]}
    assert asked == {
        "type": "response.create",
        "event_id": "ours_1",
        "response": {
            "conversation": "none",
            "output_modalities": ["text"],
            "instructions": "Sum it up.",
            "input": [said],
            "tools": [],
            "metadata": {"laconic": "ours_1"},
        },
    }


def test_its_summary_comes_with_its_response() -> None:
    desk = Desk()
    assert desk.asides.deadline == 30.0
    assert desk.says("response.done", response=desk.response("completed", "The user", "is Marco. "))
    assert desk.asides.ended() == [Ended(7, "The user is Marco.")]
    assert desk.asides.ended() == []
    assert desk.asides.deadline is None


def test_everything_about_it_is_hidden_and_nothing_else() -> None:
    desk = Desk()
    assert desk.says("response.created", response=desk.response("in_progress"))
    about = {"response_id": "r9", "item_id": "s1"}
    assert desk.says("response.output_item.added", response_id="r9", item={"id": "s1", "type": "message"})
    assert desk.says("response.content_part.added", part={"type": "text"}, **about)
    assert desk.says("response.output_text.delta", delta="The", **about)
    assert not desk.says("response.output_text.delta", delta="The", response_id="r1", item_id="a1")
    assert not desk.says("rate_limits.updated", rate_limits=[])
    assert desk.says("response.done", response=desk.response("completed", "The user is Marco."))
    assert not desk.says("input_audio_buffer.speech_started", item_id="u2")
    assert desk.says("rate_limits.updated", rate_limits=[]), "told for our response"
    assert not desk.says("rate_limits.updated", rate_limits=[])
    assert not desk.says("error", error={"message": "no"})


@pytest.mark.parametrize("metadata", [None, {}, {"topic": "x"}, {"laconic": "somebody else's"}])
def test_the_apps_own_responses_are_the_apps(metadata: Any) -> None:
    desk = Desk()
    assert not desk.says("response.created", response=desk.response("in_progress", metadata=metadata))
    assert not desk.says("response.done", response=desk.response("completed", "Hi.", metadata=metadata))
    assert desk.asides.ended() == []


@pytest.mark.parametrize(("status", "texts"), [("incomplete", ["The us"]), ("completed", []), ("completed", [" "])])
def test_one_that_was_cut_off_or_empty_is_none(status: str, texts: list[str]) -> None:
    desk = Desk()
    assert desk.says("response.done", response=desk.response(status, *texts))
    assert desk.asides.ended() == [Ended(7, None, f"no summary: the service's own ended as {status}")]


def test_a_service_that_refuses_is_quoted() -> None:
    desk = Desk()
    assert desk.says("error", error={"message": "not here", "event_id": "ours_1"})
    assert desk.asides.ended() == [Ended(7, None, "no summary: the service refused to write one (not here)")]


def test_one_that_does_not_come_is_not_waited_for_and_stays_hidden_if_it_comes_after_all() -> None:
    desk = Desk()
    desk.asides.expire(29.0)
    assert desk.asides.ended() == []
    desk.asides.expire(30.0)
    assert desk.asides.ended() == [Ended(7, None, "no summary: the service wrote none within 30 s")]
    assert desk.says("response.done", response=desk.response("completed", "The user is Marco."))
    assert desk.asides.ended() == []
