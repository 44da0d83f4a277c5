"""Recordings read as what happened in them: real services', and one of ours with a memory's edits in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laconic.alternatives import Alternatives
from laconic.laws import prior
from laconic.meter import Cost
from laconic.usage import Usage
from laconic.whatif.recorded import talk_of
from laconic.whatif.turns import Beside, Configured, Cut, Left, Replied, Said, Transcribed

NAMES = [
    "azure-ga-speech-transcribed",
    "azure-ga-tool-call",
    "azure-voicelive-speech-turn",
    "azure-voicelive-tool-call",
    "openai-2.1-history-seeding",
    "openai-2.1-tool-call",
    "openai-ga-history-seeding",
    "openai-ga-speech-turn",
    "openai-ga-tool-call",
]


@pytest.mark.parametrize("name", NAMES)
def test_everything_reads_what_the_service_reported(recordings: Path, name: str) -> None:
    """Each response's input, within two tokens of text and none of sound, from what happened before it."""
    with (recordings / f"{name}.jsonl").open() as lines:
        talk, broken = talk_of(lines, name)
    assert broken is None
    vendor, _, rest = name.partition("-")
    service = "voicelive" if rest.startswith("voicelive") else vendor
    laws = prior(service, "gpt-realtime-2.1" if rest.startswith("2.1") else "gpt-realtime")
    told = Alternatives(laws, None, memories=["everything"])
    compared = 0
    for one in talk.happenings:
        match one:
            case Configured(instructions=instructions, tools=tools):
                told.configured(instructions, tools)
            case Said(item=item):
                told.said(item)
            case Transcribed(item_id=item_id, words=words):
                told.transcribed(item_id, words, Cost())
            case Replied(response_id=response_id, items=items, usage=Usage() as usage):
                told.replied(response_id, items, usage)
                latest = told.counts("everything").latest
                assert abs(latest.text - usage.text_in) <= 2
                assert latest.audio == usage.audio_in
                compared += 1
            case _:
                pass
    assert compared >= 1
    assert talk.exchanges >= 1
    assert talk.model


def test_a_recording_without_times_lasts_as_long_as_its_speech(recordings: Path) -> None:
    """Speech is all we know of it."""
    with (recordings / "openai-ga-speech-turn.jsonl").open() as lines:
        talk, _ = talk_of(lines, "turn")
    said = [one.item.audio_ms for one in talk.happenings if isinstance(one, Said)]
    assert talk.length_ms >= sum(said) > 0


def line(sender: str, at: int, kind: str, **fields: Any) -> str:
    return json.dumps({"at": at, "from": sender, "event": {"type": kind, **fields}})


def user(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


def reply(item_id: str, words: str | None = "Hi.") -> dict[str, Any]:
    content = [] if words is None else [{"type": "output_text", "text": words}]
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": content}


def response(response_id: str, *items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 9, "output_tokens": 3}
    return {"id": response_id, "status": "completed", "output": list(items), "usage": usage, **fields}


def entered(at: int, item: dict[str, Any]) -> list[str]:
    return [
        line("service", at, "conversation.item.added", item=item),
        line("service", at, "conversation.item.done", item=item),
    ]


def test_edits_of_a_memory_are_passed_over() -> None:
    """Notes it wrote and items it deleted; what nobody heard, and the user's turn cut off, are what happened."""
    note = {**user("note"), "role": "system"}
    session = {"instructions": "Be brief.", "tools": []}
    lines = [
        line("service", 1_000, "session.created", session=session),
        line("service", 1_001, "session.updated", session=session),
        *entered(2_000, user("u1")),
        line("service", 2_100, "response.created", response={"id": "r1", "status": "in_progress"}),
        *entered(2_500, reply("a1")),
        line("service", 3_000, "response.done", response=response("r1", reply("a1"))),
        line("laconic", 3_100, "conversation.item.create", item=note),
        *entered(3_200, note),
        *entered(4_000, user("u2")),
        line("laconic", 4_100, "conversation.item.delete", item_id="a1"),
        line("service", 4_200, "conversation.item.deleted", item_id="a1"),
        line("service", 4_300, "response.created", response={"id": "r2", "status": "in_progress"}),
        *entered(4_500, reply("a2")),
        line("service", 5_000, "response.done", response=response("r2", reply("a2"), reply("empty", None))),
        line("service", 5_100, "conversation.item.deleted", item_id="a2"),
        line("service", 6_000, "response.done", response=response("r3", conversation_id=None)),
        line("service", 6_100, "response.done", response=response("r4", conversation_id=None, usage=None)),
        line("service", 7_000, "conversation.item.truncated", item_id="a2", content_index=0, audio_end_ms=10),
    ]
    talk, broken = talk_of(lines, "ours")
    assert broken is None
    shown = [(type(one).__name__, one.at_ms) for one in talk.happenings]
    assert shown == [
        ("Configured", 0),
        ("Said", 1_000),
        ("Replied", 2_000),
        ("Said", 3_000),
        ("Replied", 4_000),
        ("Left", 4_100),
        ("Beside", 5_000),
        ("Cut", 6_000),
    ]
    replied = [one for one in talk.happenings if isinstance(one, Replied)]
    assert [[item.id for item in one.items] for one in replied] == [["a1"], ["a2"]]
    assert [one.item_id for one in talk.happenings if isinstance(one, Left)] == ["a2"]
    assert [one.usage.text_in for one in talk.happenings if isinstance(one, Beside)] == [9]
    assert [one.heard_ms for one in talk.happenings if isinstance(one, Cut)] == [10]
    assert talk.length_ms == 6_000


def test_a_transcript_belongs_to_its_turn() -> None:
    """With its length and usage; one that is still growing (xAI) is waited for."""
    completed = "conversation.item.input_audio_transcription.completed"
    lines = [
        line("service", 0, completed, item_id="u1", transcript="Hel", status="in_progress"),
        line("service", 5, completed, item_id="u1", transcript="", usage={"type": "duration", "seconds": 3}),
    ]
    talk, _ = talk_of(lines, "words")
    (transcribed,) = talk.happenings
    assert isinstance(transcribed, Transcribed)
    assert (transcribed.words, transcribed.audio_ms) == (None, 0)
    assert transcribed.usage is not None
    assert transcribed.usage.duration_ms == 3_000


def test_a_broken_recording_is_read_as_far_as_it_goes() -> None:
    """And where it breaks off is said."""
    talk, broken = talk_of([*entered(0, user("u1")), "{"], "broken")
    assert len(talk.happenings) == 1
    assert broken is not None
    assert "line 3" in broken.sentence
