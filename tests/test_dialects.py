"""Both spellings mean the same, and nothing is lost on the way from one to the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.dialects import (
    GA_NAMES,
    client_to_beta,
    client_to_ga,
    dialect_of,
    server_to_beta,
    server_to_ga,
    session_to_ga,
)

GA_SESSION: dict[str, Any] = {
    "type": "realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": 200,
    "audio": {
        "input": {
            "transcription": {"model": "whisper-1"},
            "noise_reduction": None,
            "turn_detection": {"type": "server_vad", "threshold": 0.5},
            "format": {"type": "audio/pcm", "rate": 24000},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.1},
    },
}
BETA_SESSION: dict[str, Any] = {
    "instructions": "Be brief.",
    "modalities": ["text", "audio"],
    "tools": [],
    "tool_choice": "auto",
    "max_response_output_tokens": 200,
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": None,
    "turn_detection": {"type": "server_vad", "threshold": 0.5},
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "voice": "marin",
    "speed": 1.1,
}


def test_a_session_in_both_shapes() -> None:
    assert session_to_ga(BETA_SESSION) == GA_SESSION
    assert client_to_beta({"type": "session.update", "session": GA_SESSION})["session"] == BETA_SESSION
    assert session_to_ga(GA_SESSION) == GA_SESSION


def test_modalities_say_whether_sound_is_wanted() -> None:
    assert session_to_ga({"modalities": ["text"]})["output_modalities"] == ["text"]
    assert session_to_ga({"modalities": ["audio"]})["output_modalities"] == ["audio"]
    text = {"type": "response.create", "response": {"output_modalities": ["text"]}}
    assert client_to_beta(text)["response"]["modalities"] == ["text"]


def test_fields_of_one_dialect_only_are_dropped_and_unknown_ones_stay() -> None:
    session = {"temperature": 0.8, "input_audio_sampling_rate": 24000, "avatar": {}, "output_audio_format": None}
    assert session_to_ga(session) == {"type": "realtime", "avatar": {}}
    told = client_to_beta({"type": "session.update", "session": {"type": "realtime", "truncation": "auto", "x": 1}})
    assert told["session"] == {"x": 1}


def test_an_audio_object_among_flat_fields_keeps_what_it_says() -> None:
    mixed = {"modalities": ["text"], "audio": {"output": {"voice": "cedar"}}, "turn_detection": None}
    assert session_to_ga(mixed)["audio"] == {"input": {"turn_detection": None}, "output": {"voice": "cedar"}}
    assert "audio" not in session_to_ga({"modalities": ["text"], "audio": None})


@pytest.mark.parametrize(("beta", "ga"), sorted(GA_NAMES.items()))
def test_event_names(beta: str, ga: str) -> None:
    said = server_to_beta({"type": ga, "event_id": "event_1", "obfuscation": "xyz"})
    assert said == {"type": beta, "event_id": "event_1"}
    assert dialect_of({"type": beta}) == "beta"
    assert dialect_of({"type": ga}) == "ga"


def test_item_done_is_not_beta() -> None:
    assert server_to_beta({"type": "conversation.item.done", "item": {}}) is None


def test_an_items_content_types() -> None:
    ga_item = {
        "id": "item_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a"}, {"type": "output_audio", "transcript": "b"}, "odd"],
    }
    said = server_to_beta({"type": "conversation.item.added", "item": ga_item})
    assert said is not None
    beta_item = said["item"]
    assert beta_item["object"] == "realtime.item"
    assert [part["type"] for part in beta_item["content"][:2]] == ["text", "audio"]
    assert client_to_ga({"type": "conversation.item.create", "item": beta_item})["item"] == ga_item
    back = client_to_beta({"type": "conversation.item.create", "item": ga_item})["item"]
    assert back["content"] == beta_item["content"]
    assert "object" not in back
    user = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    assert client_to_ga({"type": "conversation.item.create", "item": user})["item"] == user


def test_a_response_in_beta_has_its_output_voice_and_usage_there() -> None:
    response = {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "completed",
        "output": [{"id": "i", "role": "assistant", "content": [{"type": "output_audio", "transcript": "x"}]}],
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
        "usage": {"total_tokens": 3, "input_token_details": {"text_tokens": 1, "image_tokens": 0}},
        "metadata": {"a": "b"},
    }
    said = server_to_beta({"type": "response.done", "response": response})
    assert said is not None
    assert said["response"] == {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "completed",
        "output": [
            {
                "object": "realtime.item",
                "id": "i",
                "role": "assistant",
                "content": [{"type": "audio", "transcript": "x"}],
            }
        ],
        "modalities": ["text", "audio"],
        "max_output_tokens": "inf",
        "output_audio_format": "pcm16",
        "voice": "alloy",
        "usage": {"total_tokens": 3, "input_token_details": {"text_tokens": 1}},
        "metadata": {"a": "b"},
    }
    empty = server_to_beta({"type": "response.created", "response": {"usage": None, "output": []}})
    assert empty is not None
    assert empty["response"]["usage"] is None


def test_a_session_event_in_beta() -> None:
    said = server_to_beta({"type": "session.created", "session": {"id": "sess_1", "object": "x", **GA_SESSION}})
    assert said is not None
    assert said["session"] == {"object": "realtime.session", "id": "sess_1", **BETA_SESSION}


def test_a_response_asked_for_in_beta() -> None:
    reference = {"type": "item_reference", "id": "item_1"}
    said = {"type": "assistant"}
    beta = {"modalities": ["text"], "voice": "alloy", "input": [reference, said], "metadata": {"a": "b"}}
    ga = client_to_ga({"type": "response.create", "response": beta})["response"]
    assert ga == {
        "output_modalities": ["text"],
        "audio": {"output": {"voice": "alloy"}},
        "input": [reference, said],
        "metadata": {"a": "b"},
    }
    assert client_to_beta({"type": "response.create", "response": ga})["response"] == beta
    assert client_to_ga({"type": "response.create"}) == {"type": "response.create"}
    odd = client_to_ga({"type": "response.create", "response": {"input": ["x"]}})
    assert odd["response"]["input"] == ["x"]


def test_an_update_of_either_name_becomes_a_session_update() -> None:
    update = {"type": "transcription_session.update", "session": {"input_audio_format": "pcm16"}}
    assert client_to_ga(update)["type"] == "session.update"
    assert client_to_ga({"type": "session.update", "session": None})["session"] is None


@pytest.mark.parametrize(
    ("event", "dialect"),
    [
        ({"type": "session.created", "session": {"type": "realtime"}}, "ga"),
        ({"type": "session.created", "session": {"audio": {}}}, "ga"),
        ({"type": "session.created", "session": {"modalities": ["text"]}}, "beta"),
        ({"type": "session.created", "session": {}}, None),
        ({"type": "error"}, None),
        ({}, None),
    ],
)
def test_what_betrays_a_dialect(event: dict[str, Any], dialect: str | None) -> None:
    assert dialect_of(event) == dialect


@pytest.mark.parametrize("name", ["openai-ga-tool-call", "openai-ga-speech-turn", "azure-voicelive-tool-call"])
def test_recorded_client_events_survive_both_ways(recordings: Path, name: str) -> None:
    """What an app said in either dialect says the same after going to the other and back."""
    for line in (recordings / f"{name}.jsonl").read_text().splitlines():
        message = json.loads(line)
        if message["from"] == "app":
            ga = client_to_ga(message["event"])
            assert client_to_ga(client_to_beta(ga)) == ga


def test_a_response_without_input_keeps_none() -> None:
    said = client_to_ga({"type": "response.create", "response": {"modalities": ["text"]}})
    assert said == {"type": "response.create", "response": {"output_modalities": ["text"]}}


# --- what a server said, in GA's spelling ------------------------------------------------------------------------


@pytest.mark.parametrize(("beta", "ga"), sorted(GA_NAMES.items()))
def test_a_servers_event_names(beta: str, ga: str) -> None:
    assert server_to_ga({"type": beta, "event_id": "event_1"}) == {"type": ga, "event_id": "event_1"}
    assert server_to_ga({"type": ga}) == {"type": ga}


def test_a_servers_session_item_and_response_in_ga() -> None:
    told = server_to_ga(
        {"type": "session.created", "session": {"object": "realtime.session", "id": "s", **BETA_SESSION}}
    )
    assert told["session"] == {"object": "realtime.session", "id": "s", **GA_SESSION}
    beta_item = {
        "object": "realtime.item",
        "id": "i",
        "role": "assistant",
        "content": [{"type": "audio", "transcript": "x"}],
    }
    ga_item = {"id": "i", "role": "assistant", "content": [{"type": "output_audio", "transcript": "x"}]}
    assert server_to_ga({"type": "conversation.item.retrieved", "item": beta_item})["item"] == ga_item
    response = {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "completed",
        "output": [beta_item],
        "modalities": ["text", "audio"],
        "max_output_tokens": "inf",
        "output_audio_format": "pcm16",
        "voice": {"name": "alloy", "type": "openai"},
        "temperature": None,
        "usage": {"total_tokens": 3},
        "metadata": None,
    }
    assert server_to_ga({"type": "response.done", "response": response})["response"] == {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "completed",
        "output": [ga_item],
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": {"name": "alloy", "type": "openai"}}
        },
        "usage": {"total_tokens": 3},
        "metadata": None,
    }


def test_a_session_that_only_transcribes_has_events_of_its_own_in_beta() -> None:
    """GA tells it by the session's type."""
    flat = {"input_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper-1"}}
    nested = {
        "type": "transcription",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": {"model": "whisper-1"}}},
    }
    update = {"type": "transcription_session.update", "session": flat}
    assert client_to_ga(update) == {"type": "session.update", "session": nested}
    assert client_to_beta(client_to_ga(update)) == update
    told = server_to_ga({"type": "transcription_session.updated", "session": flat})
    assert told == {"type": "session.updated", "session": nested}
    back = server_to_beta(told)
    assert back is not None
    assert back["type"] == "transcription_session.updated"


def test_what_only_beta_has_is_kept_on_the_way_to_a_beta_service() -> None:
    session = {"temperature": 0.8, "voice": "alloy", "output_audio_format": "pcm16-8000hz", "avatar": {}}
    update = {"type": "session.update", "session": session}
    kept = client_to_ga(update, keep=True)
    assert kept["session"]["temperature"] == 0.8
    assert kept["session"]["audio"] == {"output": {"voice": "alloy"}}
    assert client_to_beta(kept) == update
    asked = {"type": "response.create", "response": {"temperature": 0.8, "max_response_output_tokens": 5}}
    assert client_to_ga(asked, keep=True)["response"] == {"temperature": 0.8, "max_output_tokens": 5}
    assert client_to_beta(client_to_ga(asked, keep=True)) == asked


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["audio", "text", "assistant", "pcm16"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["audio", "input", "output", "format", "type", "role", "content", "modalities", "output_modalities",
                 "usage", "input_audio_format", "turn_detection", "item", "voice"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["session", "item", "response", "x"]), json_values))
def test_no_shape_is_too_odd_to_be_carried_over(fields: dict[str, Any]) -> None:
    """A number where an object belongs, an object where a string does: it passes, in some form, without an error."""
    for name in ("session.update", "transcription_session.update", "session.updated", "x.y"):
        event = {"type": name, **fields}
        assert server_to_ga(event)["type"]
        assert (server_to_beta(event) or {})["type"]
        assert client_to_ga(event, keep=True)["type"]
        assert client_to_beta(event)["type"]
