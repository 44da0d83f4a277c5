"""The outside witness: the stand-in, told what recorded apps told the real service, says what that one said.

The minds differ and so do lengths and ids; names, order and the shape of every event must not.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from doubles import Line, names, quiet, say

from laconic.simulator.habits import Habits
from laconic.simulator.minds.reply import Reply

WEATHER = Reply(text="", calls=(("get_weather", {"city": "London"}),))
CHECKING = Reply(text="I will check.", calls=WEATHER.calls)
SESSIONS: dict[str, tuple[str, list[Reply | str]]] = {
    "openai-ga-text-in-audio-out": ("gpt-realtime", ["Hello there, my friend."]),
    "openai-ga-history-seeding": ("gpt-realtime", ["Your name is Alice."]),
    "openai-2.1-history-seeding": ("gpt-realtime-2.1", ["Your name is Alice."]),
    "openai-ga-tool-call": ("gpt-realtime", [WEATHER, "It is foggy."]),
    "openai-2.1-tool-call": ("gpt-realtime-2.1", [CHECKING, "It is foggy."]),
    "openai-ga-speech-turn": ("gpt-realtime", ["Hello, Marcelo! Great to meet you."]),
}


def recorded(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def again(messages: list[dict[str, Any]], model: str, replies: list[Reply | str]) -> list[dict[str, Any]]:
    """Let the stand-in hear what the recorded app said; what it says. Sound is ours: recordings hold stubs of it."""
    line = Line(*replies, habits=Habits(model=model))
    spoken = False
    for message in messages[1:]:
        event = message["event"]
        if message["from"] == "service":
            continue
        if event["type"] == "input_audio_buffer.append":
            if not spoken:
                line.append(quiet(640) + say("Hello, my name is Marcelo.") + quiet(320), paced=False)
            spoken = True
            continue
        if event["type"] == "response.create":
            line.finish()
        if event.get("item", {}).get("type") == "function_call_output":
            line.until("response.function_call_arguments.done")
            event["item"]["call_id"] = line.service.conversation[-1].call_id
        line.send(event.pop("type"), **event)
    line.finish()
    return line.log


def story(events: list[dict[str, Any]]) -> list[str]:
    """Names in order. Deltas interleave as they like, transcripts of the user come when they come, and the service
    left `rate_limits.updated` out now and then."""
    loose = ("input_audio_transcription", "rate_limits")
    told = [event for event in events if not any(word in event["type"] for word in loose)]
    kinds = names(told)
    return [kind for n, kind in enumerate(kinds) if not kind.endswith(".delta") or kind not in kinds[:n]]


@pytest.mark.parametrize("name", SESSIONS)
def test_the_same_events_in_the_same_order(recordings: Path, name: str) -> None:
    model, replies = SESSIONS[name]
    messages = recorded(recordings, name)
    theirs = [message["event"] for message in messages if message["from"] == "service"]
    assert story(again(messages, model, replies)) == story(theirs)


def shape(value: Any) -> Any:
    """A value with everything forgotten but its fields and the kind of each. `reasoning_tokens` was there in one of
    three recorded responses of 2.1; the stand-in does not reason."""
    if isinstance(value, Mapping):
        loose = ("metadata", "properties", "reasoning_tokens")
        return {key: shape(inner) for key, inner in value.items() if key not in loose}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def shapes(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for event in events:
        one = shape({key: value for key, value in event.items() if key != "tools"})
        if one not in (kept := found.setdefault(event["type"], [])):
            kept.append(one)
    return found


@pytest.mark.parametrize("name", SESSIONS)
def test_every_event_has_the_recorded_fields(recordings: Path, name: str) -> None:
    model, replies = SESSIONS[name]
    messages = recorded(recordings, name)
    theirs = shapes([message["event"] for message in messages if message["from"] == "service"])
    ours = shapes(again(messages, model, replies))
    assert set(theirs) - {"rate_limits.updated"} == set(ours) - {"rate_limits.updated"}
    for kind, kept in ours.items():
        for one in kept:
            assert kind not in theirs or one in theirs[kind], kind


def test_the_clips_own_length_decides_the_edges(recordings: Path) -> None:
    """Recorded edges are multiples of 32 ms, the padding added to the first; ours are."""
    line = Line()
    line.append(quiet(333) + say("Hello.", 777) + quiet(640))
    edges = {event["type"]: event for event in line.log if "speech" in event["type"]}
    assert (edges["input_audio_buffer.speech_started"]["audio_start_ms"] + 300) % 32 == 0
    assert edges["input_audio_buffer.speech_stopped"]["audio_end_ms"] % 32 == 0
    theirs = [m["event"] for m in recorded(recordings, "openai-ga-speech-turn") if "speech" in m["event"]["type"]]
    assert (theirs[0]["audio_start_ms"] + 300) % 32 == theirs[1]["audio_end_ms"] % 32 == 0


def test_a_delta_of_sound_is_base64() -> None:
    line = Line("One two.")
    line.send("response.create")
    deltas = [event["delta"] for event in line.finish() if event["type"] == "response.output_audio.delta"]
    assert all(len(base64.b64decode(delta, validate=True)) % 48 == 0 for delta in deltas)
