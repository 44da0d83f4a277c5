"""What a session begins with, and what an update may say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doubles import Line, error, names, quiet, say

from laconic.simulator.habits import Habits
from laconic.simulator.session_settings import DEFAULT_INSTRUCTIONS


def test_a_session_begins_as_recorded(recordings: Path) -> None:
    for name, model in (("openai-ga-speech-turn", "gpt-realtime"), ("openai-2.1-tool-call", "gpt-realtime-2.1")):
        recorded = json.loads((recordings / f"{name}.jsonl").read_text().splitlines()[0])["event"]["session"]
        session = Line(habits=Habits(model=model)).log[0]["session"]
        varying = {"id": "", "expires_at": 0}
        assert session | varying == recorded | varying
        assert list(session) == list(recorded)


def test_an_update_is_merged_as_recorded(recordings: Path) -> None:
    _, update, updated = [
        json.loads(text)["event"] for text in (recordings / "openai-2.1-tool-call.jsonl").read_text().splitlines()[:3]
    ]
    session = Line(habits=Habits(model="gpt-realtime-2.1")).send(name=update.pop("type"), **update)[0]["session"]
    varying = {"id": "", "expires_at": 0}
    assert session | varying == updated["session"] | varying


def test_empty_instructions_bring_the_default_back() -> None:
    line = Line(instructions="Be brief.")
    assert line.service.session["instructions"] == "Be brief."
    assert line.update(instructions="")[0]["session"]["instructions"] == DEFAULT_INSTRUCTIONS


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"type": "realtime", "max_output_tokens": -5}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "tools": {}}, "invalid_value", "session.tools"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1.5}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "unknown_parameter",
            "session.audio.output.format.rate",
        ),
        ({"type": "realtime", "audio": 1}, "invalid_value", "session.audio"),
        ({"type": "realtime", "instructions": 1}, "invalid_value", "session.instructions"),
        ({"type": "realtime", "audio": {"output": {"voice": 1}}}, "invalid_value", "session.audio.output.voice"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": 1}}}},
            "invalid_value",
            "session.audio.input.turn_detection.create_response",
        ),
        (None, "missing_required_parameter", "session"),
    ],
)
def test_one_bad_key_discards_the_whole_update(session: object, code: str, param: str) -> None:
    line = Line()
    before = json.dumps(line.service.session)
    if isinstance(session, dict):
        session = {"tool_choice": "none", **session}
    no = error(line.send("session.update", session=session))
    assert (no["code"], no["param"]) == (code, param)
    assert json.dumps(line.service.session) == before


def test_turn_detection_is_merged_within_its_type() -> None:
    line = Line()
    line.turn_detection(type="server_vad", silence_duration_ms=700)
    line.turn_detection(type="server_vad", threshold=0.6)
    detection = line.service.session["audio"]["input"]["turn_detection"]
    assert (detection["silence_duration_ms"], detection["threshold"]) == (700, 0.6)
    line.turn_detection(type="semantic_vad")
    assert line.service.session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    line.turn_detection(type="server_vad")
    assert line.service.session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200


def test_the_voice_is_fixed_once_it_was_heard() -> None:
    line = Line("Hello.")
    line.update(audio={"output": {"voice": "cedar"}})
    line.send("response.create")
    line.finish()
    assert error(line.update(audio={"output": {"voice": "marin"}}))["code"] == "cannot_update_voice"
    assert names(line.update(instructions="x", audio={"output": {"voice": "cedar"}})) == ["session.updated"]


def test_an_update_amid_speech_keeps_the_turn_unless_it_changes_turn_detection() -> None:
    line = Line()
    line.append(say("Hello.", 640))
    line.update(instructions="Be brief.")
    line.append(quiet(320))
    assert len(line.service.conversation) == 1
    line.append(say("Hello again.", 640))
    line.turn_detection(type="server_vad", silence_duration_ms=300)
    line.append(quiet(640))
    assert len(line.service.conversation) == 1
