"""Scripts, driven by hand."""

from __future__ import annotations

import json

from laconic import events as ev
from laconic.probing.notes import Notes
from laconic.probing.script import Listen, Running, Say, Script, pause

CREATED = json.dumps({"type": "session.created", "session": {"type": "realtime", "audio": {}}})
BETA = json.dumps({"type": "session.created", "session": {"modalities": ["text", "audio"]}})
CLEARED = json.dumps({"type": "input_audio_buffer.cleared"})


def asks() -> Script[str]:
    yield Say({"type": "input_audio_buffer.clear"})
    event = yield Listen(lambda event: isinstance(event, ev.InputAudioBufferCleared), 2.0)
    yield Say({"type": "response.create", "response": {"output_modalities": ["text"]}})
    return "nothing" if event is None else "cleared"


def test_it_says_what_comes_before_a_wait_and_goes_on_at_what_it_waits_for() -> None:
    running = Running(asks(), Notes(None))
    running.start(1.0)
    assert [json.loads(raw)["type"] for raw in running.outbox()] == ["input_audio_buffer.clear"]
    assert running.outbox() == []
    assert running.deadline == 3.0
    running.receive(CREATED, 1.5)
    assert not running.over
    running.receive(CLEARED, 2.0)
    assert running.over
    assert running.result == "cleared"
    assert running.deadline is None
    assert [json.loads(raw)["type"] for raw in running.outbox()] == ["response.create"]


def test_it_goes_on_without_when_time_is_up() -> None:
    running = Running(asks(), Notes(None))
    running.start(0.0)
    running.tick(1.9)
    assert not running.over
    running.tick(2.0)
    assert running.result == "nothing"


def test_a_service_of_the_beta_dialect_is_spoken_to_in_its_own() -> None:
    running = Running(asks(), Notes(None))
    running.start(0.0)
    running.receive(BETA, 0.1)
    running.receive(CLEARED, 0.2)
    *_, last = running.outbox()
    assert json.loads(last)["response"] == {"modalities": ["text"]}


def test_a_pause_hears_nothing() -> None:
    running = Running(pause(5.0), Notes(None))
    running.start(0.0)
    running.receive(CREATED, 1.0)
    assert not running.over
    running.tick(5.0)
    assert running.over


def test_no_pause_takes_no_time() -> None:
    running = Running(pause(0.0), Notes(None))
    running.start(0.0)
    assert running.over
