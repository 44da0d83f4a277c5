"""Whatever a client sends, the stand-in answers with events and never breaks."""

from __future__ import annotations

import json
from typing import Any

from doubles import Line
from hypothesis import given, settings
from hypothesis import strategies as st

from laconic import events
from laconic.simulator.habits import Habits

words = st.sampled_from(["item_1", "root", "", "x" * 40, "AAAA", "%", "message", "user", "assistant", "none", "inf"])
leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | words
keys = st.sampled_from(
    [
        "id",
        "type",
        "role",
        "content",
        "text",
        "audio",
        "call_id",
        "output",
        "input",
        "format",
        "turn_detection",
        "voice",
    ]
)
junk = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))
names = st.sampled_from(
    [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.truncate",
        "conversation.item.retrieve",
        "response.create",
        "response.cancel",
        "nonsense",
    ]
)
fields = st.sampled_from(
    ["session", "item", "item_id", "previous_item_id", "response", "response_id", "audio", "audio_end_ms", "event_id"]
)
messages = st.builds(
    lambda name, rest: {**rest, "type": name}, st.one_of(names, junk), st.dictionaries(fields, junk, max_size=4)
)
items = st.builds(
    lambda kind, role, content: {"type": kind, "role": role, "content": content},
    st.sampled_from(["message", "function_call", "function_call_output", "mcp_call", "mcp_list_tools"]),
    st.sampled_from(["user", "assistant", "system"]) | junk,
    junk,
)
creations = st.builds(lambda item: {"type": "conversation.item.create", "item": item}, items)


@settings(max_examples=150, deadline=None)
@given(st.lists(messages | creations, max_size=6), st.sampled_from(["ga", "beta"]))
def test_junk_is_answered(said: list[dict[str, Any]], dialect: Any) -> None:
    line = Line(habits=Habits(dialect=dialect))
    for message in said:
        line.service.receive(json.dumps(message), line.now)
        line.wait(0.1)
    line.finish()
    line.send("input_audio_buffer.clear")
    assert line.log[-1]["type"] in ("input_audio_buffer.cleared", "response.done", "rate_limits.updated")
    assert not [event for event in line.log if isinstance(events.read(json.dumps(event)), events.Unknown)]
