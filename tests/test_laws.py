"""The priors, and the one fitted rule, against what was recorded."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.laws import Laws, prior

MODELS = [
    "gpt-realtime",
    "gpt-realtime-1.5",
    "gpt-realtime-mini",
    "gpt-realtime-2",
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
    "gpt-4o-realtime-preview",
    "gpt-4o-realtime-preview-2024-10-01",
    "gpt-4o-mini-realtime-preview",
    "grok-voice-latest",
    "qwen-audio-3.0-realtime-plus",
    "somebody/else",
]


@pytest.mark.parametrize(("audio", "fell"), [(42, 8), (150, 14), (218, 16), (219, 16), (245, 18), (0, 0)])
def test_the_text_of_a_dropped_reply_falls_as_recorded(audio: int, fell: int) -> None:
    assert Laws().dropped_reply_discount(audio) == fell


@given(st.integers(1, 100_000))
def test_the_fall_is_even_and_grows_with_the_reply(audio: int) -> None:
    laws = Laws()
    assert laws.dropped_reply_discount(audio) % 2 == 0
    assert laws.dropped_reply_discount(audio + 1) >= laws.dropped_reply_discount(audio)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_unverified_are_fields_and_the_hit_rate_a_share(model: str) -> None:
    laws = prior("openai", model)
    assert set(laws.unverified) <= {field.name for field in fields(Laws)}
    assert 0 <= laws.hit_rate <= 1


def test_gpt_realtime_drops_old_sound_and_that_is_measured() -> None:
    laws = prior("openai", "gpt-realtime")
    assert not laws.keeps_reply_audio
    assert "keeps_reply_audio" not in laws.unverified


@pytest.mark.parametrize(
    "model",
    ["gpt-realtime-mini", "gpt-realtime-1.5", "gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"],
)
def test_its_siblings_are_assumed_to_do_the_same_and_say_so(model: str) -> None:
    laws = prior("openai", model)
    assert not laws.keeps_reply_audio
    assert "keeps_reply_audio" in laws.unverified


@pytest.mark.parametrize("model", ["gpt-4o-realtime-preview-2024-12-17", "gpt-4o-mini-realtime-preview"])
def test_the_previews_keep_everything(model: str) -> None:
    assert prior("openai", model).keeps_reply_audio


def test_a_snapshot_is_the_model_it_is_a_snapshot_of() -> None:
    assert prior("openai", "gpt-realtime-2025-08-28") == prior("openai", "gpt-realtime")
    assert prior("openai", "gpt-realtime-mini-2025-12-15") == prior("openai", "gpt-realtime-mini")
    assert prior("openai", "gpt-4o-realtime-preview-2024-10-01").hit_rate == 0


def test_azure_reads_calls_again_in_short() -> None:
    assert prior("azure", "gpt-realtime").compacts_arguments
    assert prior("voicelive", "gpt-realtime-global-standard").compacts_arguments
    assert not prior("openai", "gpt-realtime").compacts_arguments


def test_strangers_are_taken_for_dear() -> None:
    """Unknown servers: everything stays, nothing is cached, so that no budget is surprised."""
    laws = prior("wss://example.org", "some-model")
    assert laws.keeps_reply_audio
    assert laws.hit_rate == 0
    assert not prior("xai", "grok-voice-latest").bills_whole_input
    assert prior("dashscope", "qwen-audio-3.0-realtime-plus").user_audio_ms_per_token == 8
