"""What has not the shape it should have is Unknown, and the engine goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from laconic import events as ev
from laconic.rates import load
from laconic.session import Session

Place = tuple[str | int, ...]

MISSHAPEN: dict[str, dict[str, Any]] = {
    "session.created": {"session": {"audio": 5}},
    "session.updated": {"session": {"audio": {"input": {"format": {"rate": "fast"}}}}},
    "conversation.item.added": {"item": {"id": 7, "type": "message"}},
    "conversation.item.done": {"item": {"id": "a", "type": "message", "content": ["hello"]}},
    "response.created": {"response": {"id": ["r"]}},
    "response.done": {"response": {"id": "r", "output": [1]}},
    "response.create": {"response": {"instructions": 1.5}},
    "session.update": {"session": {"tools": [{"name": "f", "parameters": "none"}]}},
    "response.content_part.added": {"item_id": "a", "part": {"type": ["audio"]}},
}


@pytest.mark.parametrize(("name", "fields"), MISSHAPEN.items())
def test_a_thing_of_the_wrong_shape_makes_the_event_unknown_with_the_reason(name: str, fields: dict[str, Any]) -> None:
    event = ev.read(json.dumps({"type": name} | fields))
    assert isinstance(event, ev.Unknown)
    assert event.name == name
    assert event.reason


def test_fields_nobody_reads_may_be_anything() -> None:
    item = {"id": "a", "type": "message", "content": [{"type": "audio", "format": 5}], "phase": [1, {}]}
    response = {"id": "r", "output": None, "max_output_tokens": [3]}
    assert isinstance(ev.read(json.dumps({"type": "conversation.item.added", "item": item})), ev.ConversationItemAdded)
    assert isinstance(ev.read(json.dumps({"type": "response.done", "response": response})), ev.ResponseDone)


def places(value: object, here: Place = ()) -> Iterator[Place]:
    """Every place inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield (*here, key)
        yield from places(child, (*here, key))


def with_junk(event: dict[str, Any], place: Place, junk: object) -> str:
    """The event with something else in one place."""
    copy = json.loads(json.dumps(event))
    holder = copy
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = junk
    return json.dumps(copy)


@pytest.mark.parametrize("junk", [None, -1, "x", [1], {"a": 1}], ids=repr)
def test_junk_anywhere_in_a_recorded_event_breaks_nothing(recordings: Path, junk: object) -> None:
    """One event of each type that real services sent, junk in every place of it, one place at a time."""
    lines = (json.loads(line) for path in sorted(recordings.glob("*.jsonl")) for line in path.read_text().splitlines())
    events = {line["event"]["type"]: line["event"] for line in lines if line["from"] == "service"}
    assert len(events) > 25
    rates, numbers = load(), count()
    for event in events.values():
        for place in places(event):
            session = Session(ids=lambda: f"n{next(numbers)}", memory="last:1", model="gpt-realtime", rates=rates)
            user = {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
            session.from_service(json.dumps({"type": "conversation.item.added", "item": user}), 0.0)
            session.from_service(with_junk(event, place, junk), 0.1)
            session.tick(100.0)
            assert session.meter.total.nanodollars >= 0, (event["type"], place)
            assert [item.text for item in session.conversation], (event["type"], place)
