"""Who asks for the answer to a turn, and what the app sees of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playbook import counter

from laconic import events as ev
from laconic.dialects import server_to_beta
from laconic.gate import Force, Gate
from laconic.items import Wire

VAD: Wire = {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": None, "create_response": True}
CLOSED = Force(closed=True)


def session(detection: Wire | None = VAD, **fields: Any) -> Wire:
    sound: Wire = {"turn_detection": detection, "transcription": {"model": "whisper-1"}}
    return {"type": "realtime", "max_output_tokens": "inf", **fields, "audio": {"input": sound, "output": {}}}


def message(name: str, wire: Wire, **fields: Any) -> tuple[str, Any]:
    raw = json.dumps({"type": name, "session": wire, **fields})
    return raw, ev.read(raw)


class Line:
    """A gate between an app and a service that takes every update as OpenAI does."""

    def __init__(self, begun: Wire | None = None, dialect: str = "ga") -> None:
        self.gate = Gate(counter(), 5.0)
        self.dialect = dialect
        self.session = session() if begun is None else begun
        self.gate.created(message("session.created", self.session)[1])
        self.waiting: list[Wire] = []

    def want(self, force: Force, now: float = 0.0) -> Wire | None:
        update = self.gate.want(force, now, self.dialect)
        if update is not None:
            self.waiting.append(update["session"])
        return update

    def app(self, wire: Wire, **fields: Any) -> Wire:
        """The app updates the session; what the service gets to hear."""
        raw, event = message("session.update", {"type": "realtime", **wire}, **fields)
        rewritten = self.gate.rewrite(raw, event, 0.0)
        sent = ev.wire(raw) if rewritten is None else rewritten
        self.waiting.append(sent["session"])
        return sent

    def accept(self) -> Wire | None:
        """The service takes the oldest update over; the session the app is shown."""
        self._merge(self.waiting.pop(0))
        wire: Wire = {"type": "session.updated", "session": self.session}
        said = (server_to_beta(wire) or {}) if self.dialect == "beta" else wire
        raw = json.dumps(said)
        event = ev.read(raw)
        assert isinstance(event, ev.SessionUpdated)
        told = self.gate.updated(raw, event)
        return None if told is None else (told if isinstance(told, dict) else json.loads(told))["session"]

    def _merge(self, update: Wire) -> None:
        if "max_output_tokens" in update:
            self.session = self.session | {"max_output_tokens": update["max_output_tokens"]}
        given = (update.get("audio") or {}).get("input") or {}
        before = self.session["audio"]["input"]
        merged = before | given
        old, new = before["turn_detection"], given.get("turn_detection")
        if new and old and new["type"] == old["type"]:
            merged["turn_detection"] = old | new
        elif new:
            merged["turn_detection"] = {"create_response": True} | new
        self.session = self.session | {"audio": self.session["audio"] | {"input": merged}}

    @property
    def detection(self) -> Wire:
        return self.session["audio"]["input"]["turn_detection"]


def shown_detection(wire: Wire | None) -> Wire:
    assert wire is not None
    return wire["audio"]["input"]["turn_detection"]


def test_nothing_is_sent_while_nothing_is_to_change() -> None:
    line = Line()
    assert line.want(Force()) is None
    assert line.gate.answers
    assert line.gate.cap == "inf"
    assert line.gate.deadline is None


def test_the_gate_closes_by_an_update_the_app_hears_nothing_of() -> None:
    line = Line()
    update = line.want(CLOSED)
    assert update is not None
    assert update["session"]["audio"]["input"]["turn_detection"] == {
        "type": "server_vad", "threshold": 0.5, "create_response": False,
    }  # fmt: skip
    assert line.gate.deadline == 5.0
    assert line.gate.force == Force()
    assert line.accept() is None
    assert line.gate.force == CLOSED
    assert line.gate.answers, "as far as the app is concerned"
    assert line.want(CLOSED) is None
    line.want(Force())
    assert line.accept() is None
    assert line.detection["create_response"] is True


def test_what_the_app_updates_keeps_the_gate_closed_and_shows_what_it_asked_for() -> None:
    line = Line()
    line.want(CLOSED)
    line.accept()
    sent = line.app({"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}})
    assert sent["session"]["audio"]["input"]["turn_detection"]["create_response"] is False
    shown = shown_detection(line.accept())
    assert shown["create_response"] is True
    assert shown["threshold"] == 0.5
    line.app({"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}})
    assert shown_detection(line.accept())["create_response"] is False
    assert not line.gate.answers
    line.app({"instructions": "Be brief."})
    assert shown_detection(line.accept())["create_response"] is False


def test_another_way_of_detecting_turns_answers_unless_told_not_to() -> None:
    line = Line(session(VAD | {"create_response": False}))
    line.want(Force(closed=True, ceiling=4096))
    assert line.detection["create_response"] is False
    line.accept()
    line.app({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    assert shown_detection(line.accept())["create_response"] is True
    assert line.detection == {"type": "semantic_vad", "create_response": False}


def test_without_turn_detection_there_is_no_gate() -> None:
    line = Line(session(None))
    assert line.want(CLOSED) is None
    assert not line.gate.answers
    line.app({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
    assert shown_detection(line.accept())["create_response"] is True
    assert line.gate.force.closed


def test_where_the_app_answers_turns_itself_there_is_no_gate_either() -> None:
    line = Line(session(VAD | {"create_response": False}))
    assert line.want(CLOSED) is None
    line.app({"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}})
    line.accept()
    assert line.gate.force.closed
    assert line.detection["create_response"] is False
    line.app({"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}})
    line.accept()
    assert line.want(Force()) is None
    line.app({"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}})
    line.accept()
    assert not line.gate.force.closed
    assert line.detection["create_response"] is True


def test_an_update_of_the_app_that_is_on_its_way_is_waited_for() -> None:
    """Else ours might put back what it has just changed."""
    line = Line()
    line.app({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    assert line.want(CLOSED) is None
    line.accept()
    update = line.want(CLOSED)
    assert update is not None
    assert update["session"]["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"


def test_a_ceiling_limits_replies_and_the_app_sees_its_own_number() -> None:
    line = Line()
    update = line.want(Force(ceiling=4096))
    assert update is not None
    assert update["session"] == {"type": "realtime", "max_output_tokens": 4096}
    line.accept()
    assert line.app({"max_output_tokens": 9000})["session"]["max_output_tokens"] == 4096
    assert line.gate.cap == "inf"
    shown = line.accept()
    assert shown is not None
    assert shown["max_output_tokens"] == 9000
    assert line.app({"max_output_tokens": 50})["session"]["max_output_tokens"] == 50
    assert line.gate.cap == 9000
    line.accept()
    assert line.gate.cap == 50
    update = line.want(Force())
    assert update is not None
    assert update["session"] == {"type": "realtime", "max_output_tokens": 50}


def test_what_the_app_may_get_is_known_before_it_has_it() -> None:
    line = Line(session(max_output_tokens=100))
    line.app({"instructions": "Talk at length.", "max_output_tokens": "inf"})
    assert [wish["instructions"] for wish in line.gate.pending] == ["Talk at length."]
    assert line.gate.cap == "inf"


def test_in_the_end_turns_and_transcription_are_off_whatever_the_app_wants() -> None:
    line = Line()
    line.want(Force(off=True))
    line.accept()
    assert (line.detection, line.session["audio"]["input"]["transcription"]) == (None, None)
    assert line.want(Force(off=True)) is None
    sound = {"turn_detection": {"type": "server_vad", "threshold": 0.9}, "transcription": {"model": "whisper-2"}}
    sent = line.app({"audio": {"input": sound}})
    assert sent["session"]["audio"]["input"] == {"turn_detection": None, "transcription": None}
    shown = line.accept()
    assert shown_detection(shown)["threshold"] == 0.9
    assert shown is not None
    assert shown["audio"]["input"]["transcription"] == {"model": "whisper-2"}
    line.app({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}, "transcription": None}}})
    shown = line.accept()
    assert shown_detection(shown) == {"type": "semantic_vad"}
    assert line.app({"instructions": "x"})["session"] == {"type": "realtime", "instructions": "x"}


def test_a_beta_service_hears_and_says_it_in_its_own_words() -> None:
    line = Line(dialect="beta")
    update = line.want(Force(closed=True, ceiling=4096))
    assert update is not None
    assert update["session"]["turn_detection"]["create_response"] is False
    assert update["session"]["max_response_output_tokens"] == 4096
    line.waiting[0] = {
        "max_output_tokens": 4096,
        "audio": {"input": {"turn_detection": update["session"]["turn_detection"]}},
    }
    line.accept()
    line.app({"instructions": "x"})
    shown = line.accept()
    assert shown is not None
    assert shown["turn_detection"]["create_response"] is True
    assert shown["max_response_output_tokens"] == "inf"


def test_an_update_nobody_asked_for_is_shown() -> None:
    line = Line()
    line.waiting.append({})
    assert shown_detection(line.accept()) == VAD


def test_an_error_that_answers_our_update_is_hidden_and_no_more_is_tried() -> None:
    line = Line()
    line.want(CLOSED)
    assert not line.gate.failed(ev.ErrorDetail(code="invalid_value", event_id="app_1"))
    assert line.gate.failed(ev.ErrorDetail(code="unknown_parameter", event_id="ours_1"))
    assert line.gate.failed(ev.ErrorDetail(code="unknown_parameter", event_id="ours_1")), "said twice"
    assert line.gate.refused
    assert line.want(CLOSED) is None
    assert not line.gate.failed(ev.ErrorDetail(code="invalid_value"))


def test_an_error_that_answers_the_app_is_shown_and_its_wish_forgotten() -> None:
    line = Line()
    line.want(CLOSED)
    line.accept()
    line.app({"audio": {"input": {"turn_detection": {"type": "nonsense"}}}})
    line.waiting.clear()
    assert not line.gate.failed(ev.ErrorDetail(code="invalid_value", param="session.audio.input.turn_detection.type"))
    assert not line.gate.refused
    assert line.gate.pending == []
    line.app({"max_output_tokens": 10}, event_id="app_2")
    line.app({"max_output_tokens": 20}, event_id="app_3")
    assert not line.gate.failed(ev.ErrorDetail(code="invalid_value", event_id="app_2"))
    assert [wish["max_output_tokens"] for wish in line.gate.pending] == [20]


@pytest.mark.parametrize("ours", [True, False])
def test_what_is_not_answered_in_time_was_not_done(ours: bool) -> None:
    line = Line()
    if ours:
        line.want(CLOSED)
    else:
        line.app({"instructions": "x"})
    line.gate.expire(4.0)
    assert line.gate.deadline == 5.0
    line.gate.expire(5.0)
    assert line.gate.deadline is None
    assert line.gate.refused == ours
