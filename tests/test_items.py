"""Items: read from either dialect, written in GA's spelling, nothing lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from laconic.items import Item, Part


@pytest.mark.parametrize(
    ("role", "wire_type", "kind"),
    [
        ("assistant", "audio", "output_audio"),
        ("assistant", "output_audio", "output_audio"),
        ("assistant", "text", "output_text"),
        ("user", "input_audio", "input_audio"),
        ("user", "audio", "input_audio"),
        ("system", "text", "input_text"),
        ("user", "input_image", "input_image"),
        ("user", "hologram", "hologram"),
    ],
)
def test_content_types_of_both_dialects_become_ga_kinds(role: str, wire_type: str, kind: str) -> None:
    item = Item.from_wire({"id": "a", "type": "message", "role": role, "content": [{"type": wire_type}]})
    assert [part.kind for part in item.parts] == [kind]


@pytest.mark.parametrize(
    "wire",
    [
        {
            "id": "a",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        },
        {
            "id": "b",
            "type": "message",
            "role": "assistant",
            "status": "incomplete",
            "content": [{"type": "output_audio", "transcript": "Hel"}, {"type": "output_text", "text": "lo"}],
            "phase": "final_answer",
        },
        {"id": "c", "type": "message", "role": "user", "content": [{"type": "input_image"}]},
        {
            "id": "d",
            "type": "function_call",
            "status": "completed",
            "name": "get_weather",
            "call_id": "call_1",
            "arguments": "{}",
        },
        {"id": "e", "type": "function_call_output", "call_id": "call_1", "output": "fog"},
        {"id": "f", "type": "mcp_list_tools", "server_label": "docs", "tools": [{"name": "x"}]},
        {"id": "g", "type": "of_tomorrow", "shape": {"round": True}},
    ],
)
def test_an_item_comes_out_as_it_went_in(wire: dict[str, Any]) -> None:
    """Types and fields we do not know included."""
    assert Item.from_wire(wire).to_wire() == wire


def test_the_words_of_an_item() -> None:
    """Transcripts and texts, arguments and outputs; None where nothing is known."""
    reply = Item("a", role="assistant", parts=[Part("output_audio", "One."), Part("output_text", "Two.")])
    call = Item("b", "function_call", name="look", arguments=' {"x": 1} \n', call_id="c")
    output = Item("d", "function_call_output", output="fog", call_id="c")
    unheard = Item("e", role="user", parts=[Part("input_audio")])
    assert [item.text for item in (reply, call, output, unheard)] == ["One. Two.", 'look({"x": 1})', "fog", None]


def test_the_sound_of_an_item_is_the_sum_of_its_parts() -> None:
    item = Item("a", parts=[Part("output_audio", None, 300), Part("output_audio", None, 200)], status="in_progress")
    assert item.audio_ms == 500
    assert item.in_progress
    assert all(part.is_audio for part in item.parts)
    assert not Part("input_text").is_audio
