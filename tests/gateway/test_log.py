"""The log tells what happens, which way, and how large; never what anybody said, and no key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from laconic import events as ev
from laconic.actions import (
    Charged,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    MemoryTold,
    Notice,
    Transcribed,
    Unsupported,
)
from laconic.gateway.log import GLYPHS, Log
from laconic.meter import Charge, Cost
from laconic.usage import Usage

COST = Cost((Charge("text_out", 10, "token", 24_000, 240_000),))
USAGE = Usage(text_in=300, audio_in=10, cached_text=256, text_out=21, audio_out=40)


def logged(form: Any = "text") -> tuple[Log, list[str]]:
    lines: list[str] = []
    return Log(
        lines.append, clock=lambda: datetime(2026, 11, 22, 12, 3, 11, 482_900, UTC), form=form, messages=True
    ), lines


def test_a_line_for_a_person() -> None:
    log, lines = logged()
    log.message(
        "sess_1", "service says", b'{"type":"conversation.item.deleted","event_id":"event_1","item_id":"item_9"}'
    )
    log.message("sess_1", "app told", '{"type":"response.output_audio.delta","delta":"' + "A" * 5152 + '"}')
    assert lines == [
        "12:03:11.482 sess_1 ← conversation.item.deleted 76 B event_id=event_1 item_id=item_9",
        "12:03:11.482 sess_1 ⇠ response.output_audio.delta 5.2 kB",
    ]


def test_a_line_for_a_machine() -> None:
    log, lines = logged("json")
    log.message("sess_1", "service told", '{"type":"response.create"}')
    assert json.loads(lines[0]) == {
        "at": "2026-11-22T12:03:11.482Z",
        "session": "sess_1",
        "glyph": "→",
        "what": "response.create",
        "bytes": 26,
    }


def test_each_way_has_a_glyph_of_its_own() -> None:
    assert len(set(GLYPHS.values())) == 4


@pytest.mark.parametrize(
    ("notice", "line"),
    [
        (Charged("resp_1", "completed", USAGE, COST, "reply"),
         "$ reply completed $0.0002 in=310 cached=256 out=61 nano=240000 unknown=0 response_id=resp_1"),
        (Charged("resp_1", "a word of theirs", None, Cost(unknown=1), "reply"),
         "$ reply ? $0.00 and 1 unknown nano=0 unknown=1 response_id=resp_1"),
        (Transcribed("item_1", None, COST), "$ transcription $0.0002 nano=240000 unknown=0 item_id=item_1"),
        (Forgot("item_1", "user", "my secret words", 1200, 5, "written"),
         "~ forgot (written) item_id=item_1 role=user audio_ms=1200 left=5"),
        (Forgot("my secret id", None, None, 0, 5, "memory"), "~ forgot (memory) audio_ms=0 left=5"),
        (CutOff("item_1", 700), "~ cut off item_id=item_1 heard_ms=700"),
        (EditFailed("delete", "item_1", "they said: my secret words"), "! edit failed (delete) item_id=item_1"),
        (Unsupported("truncate"), "! not supported here: truncate"),
        (GhostTurn("resp_1"), "· ghost turn response_id=resp_1"),
        (MemoryTold("my secret words"), "· memory told"),
    ],
)  # fmt: skip
def test_what_is_told_of_a_notice(notice: Notice, line: str) -> None:
    log, lines = logged()
    log.notice("sess_1", notice)
    assert lines == [f"12:03:11.482 sess_1 {line}"]


def test_a_sentence_for_the_owner_is_one_line() -> None:
    log, lines = logged()
    log.line("the ledger\ncannot be written")
    assert lines == ["12:03:11.482 gateway ! the ledger cannot be written"]


SECRET = "Meine Kontonummer ist siebzehn"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.item.create", "item": {"id": SECRET, "role": "user", "content": [{"text": SECRET}]}},
        {"type": "session.update", "session": {"instructions": SECRET}},
        {"type": "response.output_audio_transcript.delta", "delta": SECRET, "item_id": "item_1"},
        {"type": "error", "error": {"type": SECRET, "code": "invalid_api_key", "message": SECRET, "event_id": 7}},
        {"type": SECRET, "event_id": SECRET},
        {"type": "response.done", "response": {"id": "resp_1", "status": SECRET, "metadata": {"x": SECRET}}},
        {"type": "conversation.item.truncate", "item_id": "item_1", "audio_end_ms": SECRET, "item": SECRET},
    ],
)  # fmt: skip
def test_no_word_of_a_message_is_logged(event: dict[str, Any]) -> None:
    for form in ("text", "json"):
        log, lines = logged(form)
        log.message("sess_1", "app says", json.dumps(event))
        assert len(lines) == 1
        assert "siebzehn" not in lines[0]


@pytest.mark.parametrize("raw", ["", "[]", '{"type":"error"', "\ud800", b"\xff\n" + SECRET.encode()])
def test_what_cannot_be_read_is_logged_by_its_size(raw: ev.Raw) -> None:
    log, lines = logged()
    log.message("sess_1", "app says", raw)
    assert "siebzehn" not in lines[0]
    assert " B" in lines[0]


def test_of_recorded_sessions_only_what_machines_said_is_logged(recordings: Path) -> None:
    """No transcript, no arguments, no sound: not one word of four letters that was spoken or written."""
    for file in recordings.glob("*.jsonl"):
        log, lines = logged()
        words: set[str] = set()
        for line in file.read_text().splitlines():
            message = json.loads(line)
            raw = json.dumps(message["event"])
            log.message("sess_1", "service says" if message["from"] == "service" else "service told", raw)
            words |= {word for text in _spoken(message["event"]) for word in text.split() if len(word) > 3}
        text = "\n".join(lines)
        known = set(text.replace("=", " ").replace(".", " ").split())
        assert {word for word in words if word.isalpha()} & known <= {"session", "tool"}  # a part of a name, and a role


def _spoken(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for one in value for text in _spoken(one)]
    if isinstance(value, dict):
        found = [text for one in value.values() for text in _spoken(one)]
        return found + [
            value[name]
            for name in ("transcript", "text", "arguments", "instructions")
            if isinstance(value.get(name), str)
        ]
    return []
