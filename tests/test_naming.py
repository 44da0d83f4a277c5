"""A message's name is read from its first bytes, and parsed for only where it does not stand there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laconic.naming import named


@pytest.mark.parametrize(
    ("raw", "name", "at"),
    [
        ('{"type":"response.done","x":1}', "response.done", 9),
        (' { "event_id" : "event_a-1.b" , "type" : "error" }', "error", 42),
        ('{"type":"response.audio.delta","delta":"no end', "response.audio.delta", 9),
        ('{"delta":"AAAA","type":"response.audio.delta"}', "response.audio.delta", -1),
        ('{"event_id":"\\"type\\":\\"x\\"","type":"y"}', "y", -1),
        ('{"type":"häßlich"}', "häßlich", -1),
        ("{}", "", -1),
        ('{"type":7}', "", -1),
        ("[]", "", -1),
        ("", "", -1),
        ('{"a":' * 4000, "", -1),
    ],
)
def test_where_a_name_stands(raw: str, name: str, at: int) -> None:
    assert named(raw) == (name, at)
    assert named(raw.encode()) == (name, at)
    if at >= 0:
        assert raw[at:].startswith(name + '"')


def test_bytes_that_are_no_text_have_no_name() -> None:
    assert named(b'{"x":"\xff"}') == ("", -1)
    assert named("\ud800") == ("", -1)


def test_all_recorded_sound_is_known_by_its_beginning(recordings: Path) -> None:
    """And nearly everything else: xAI writes some session objects with the type last."""
    late: set[str] = set()
    for file in recordings.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            event = json.loads(line)["event"]
            name, at = named(json.dumps(event))
            assert name == event["type"]
            if at < 0:
                late.add(name)
    assert late <= {"session.created", "session.updated", "conversation.created"}
