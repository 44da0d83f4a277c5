"""Counts as reported, whatever the shape they came in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.usage import TranscriptionUsage, Usage

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"

counts = st.integers(0, 100_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    text, audio, image, text_out = draw(counts), draw(counts), draw(counts), draw(counts)
    return Usage(
        text_in=text,
        audio_in=audio,
        image_in=image,
        cached_text=draw(st.integers(0, text)),
        cached_audio=draw(st.integers(0, audio)),
        cached_image=draw(st.integers(0, image)),
        text_out=text_out,
        audio_out=draw(counts),
        reasoning=draw(st.integers(0, text_out)),
        billable_ms=draw(st.none() | counts),
        output_audio_ms=draw(st.none() | counts),
    )


@given(usages())
def test_what_is_written_is_read_back(usage: Usage) -> None:
    assert Usage.from_wire(usage.to_wire()) == usage


@given(usages(), usages())
def test_addition_adds_every_count(one: Usage, other: Usage) -> None:
    both = one + other
    assert both.total_tokens == one.total_tokens + other.total_tokens
    assert both.cached_tokens == one.cached_tokens + other.cached_tokens
    assert both.reasoning == one.reasoning + other.reasoning
    assert (both.billable_ms or 0) == (one.billable_ms or 0) + (other.billable_ms or 0)
    assert (both.billable_ms is None) == (one.billable_ms is None and other.billable_ms is None)


numbers = st.none() | st.integers(-5, 5000) | st.floats() | st.just("many")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "input_tokens": numbers,
            "output_tokens": numbers,
            "input_token_details": st.none()
            | st.fixed_dictionaries(
                {},
                optional={
                    "text_tokens": numbers,
                    "audio_tokens": numbers,
                    "image_tokens": numbers,
                    "cached_tokens": numbers,
                    "cached_tokens_details": st.none()
                    | st.fixed_dictionaries({}, optional={"text_tokens": numbers, "audio_tokens": numbers}),
                },
            ),
            "output_token_details": st.none()
            | st.fixed_dictionaries(
                {}, optional={"text_tokens": numbers, "audio_tokens": numbers, "reasoning_tokens": numbers}
            ),
        },
    )
)
def test_cached_counts_never_exceed_their_gross_whatever_arrives(wire: dict[str, Any]) -> None:
    usage = Usage.from_wire(wire)
    if usage is not None:
        assert 0 <= usage.cached_text <= usage.text_in
        assert 0 <= usage.cached_audio <= usage.audio_in
        assert 0 <= usage.cached_image <= usage.image_in
        assert 0 <= usage.reasoning <= usage.text_out


@pytest.mark.parametrize("nothing", [None, {}])
def test_nothing_reported_is_unknown(nothing: dict[str, Any] | None) -> None:
    assert Usage.from_wire(nothing) is None
    assert TranscriptionUsage.from_wire(nothing) is None


def test_a_block_of_zeros_is_a_report() -> None:
    assert Usage.from_wire(Usage().to_wire()) == Usage()


def test_reasoning_is_inside_the_text() -> None:
    """gpt-realtime-2.1, 2026-08-23: 176 text of which 42 reasoning, 343 audio, 519 in all."""
    details = {"text_tokens": 176, "audio_tokens": 343, "reasoning_tokens": 42}
    usage = Usage.from_wire({"output_tokens": 519, "output_token_details": details})
    assert usage is not None
    assert (usage.output_tokens, usage.text_out, usage.reasoning) == (519, 176, 42)


def test_more_cached_than_there_was_is_clamped() -> None:
    """The published beta example: 384 cached of 127 tokens."""
    details = {
        "cached_tokens": 384,
        "text_tokens": 119,
        "audio_tokens": 8,
        "cached_tokens_details": {"text_tokens": 128, "audio_tokens": 256},
    }
    usage = Usage.from_wire({"input_tokens": 127, "input_token_details": details})
    assert usage is not None
    assert (usage.cached_text, usage.cached_audio) == (119, 8)


@pytest.mark.parametrize(
    ("cached", "text", "audio", "image", "dealt"),
    [
        (322, 152, 0, 194, (128, 0, 194)),  # litellm#39850: the split the same run on Azure reported
        (192, 100, 200, 0, (64, 128, 0)),
        (0, 50, 50, 0, (0, 0, 0)),
        (70, 40, 40, 0, (40, 30, 0)),
        (900, 40, 70, 5, (40, 70, 5)),
    ],
)
def test_a_plain_cached_total_goes_to_text_then_audio_then_images(
    cached: int, text: int, audio: int, image: int, dealt: tuple[int, int, int]
) -> None:
    details = {"text_tokens": text, "audio_tokens": audio, "image_tokens": image, "cached_tokens": cached}
    usage = Usage.from_wire({"input_tokens": text + audio + image, "input_token_details": details})
    assert usage is not None
    assert (usage.cached_text, usage.cached_audio, usage.cached_image) == dealt


def test_totals_without_details_are_text() -> None:
    assert Usage.from_wire({"input_tokens": 30, "output_tokens": 7}) == Usage(text_in=30, text_out=7)


def test_a_missing_text_count_is_what_the_total_leaves() -> None:
    wire = {"input_tokens": 30, "input_token_details": {"audio_tokens": 20}}
    assert Usage.from_wire(wire) == Usage(text_in=10, audio_in=20)


def test_a_block_beside_the_response_is_read_when_its_own_is_empty() -> None:
    """xAI; figures of the recording xai-speech-turn."""
    beside = {
        "input_tokens": 156,
        "input_token_details": {"text_tokens": 10, "audio_tokens": 146, "grok_tokens": 0},
        "output_tokens": 185,
        "output_token_details": {"text_tokens": 15, "audio_tokens": 170, "grok_tokens": 0},
        "output_audio_seconds": 3.38,
        "billable_audio_seconds": 5,
    }
    assert Usage.from_wire({}, top_level=beside) == Usage(
        text_in=10, audio_in=146, text_out=15, audio_out=170, billable_ms=5000, output_audio_ms=3380
    )


def test_transcription_by_tokens_and_by_seconds() -> None:
    by_tokens = {
        "type": "tokens",
        "total_tokens": 22,
        "input_tokens": 13,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 13},
        "output_tokens": 9,
    }
    usage = TranscriptionUsage.from_wire(by_tokens)
    assert usage == TranscriptionUsage(audio_in=13, text_out=9)
    assert TranscriptionUsage(audio_in=13, text_out=9).to_wire() == by_tokens
    seconds = {"type": "duration", "seconds": 3}
    usage = TranscriptionUsage.from_wire(seconds)
    assert usage == TranscriptionUsage(duration_ms=3000)
    assert TranscriptionUsage(duration_ms=3000).to_wire() == seconds
    assert TranscriptionUsage(duration_ms=2500).to_wire() == {"type": "duration", "seconds": 2.5}
    assert TranscriptionUsage.from_wire({"type": "duration"}) is None
    assert TranscriptionUsage.from_wire({"input_tokens": 5, "output_tokens": 2}) == TranscriptionUsage(
        audio_in=5, text_out=2
    )


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the shared recordings are not here")
def test_every_recorded_response_is_read_and_adds_up() -> None:
    """No recorded block is unknown, and the totals are those the service printed."""
    seen = 0
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            event = json.loads(line)["event"]
            if event["type"] != "response.done":
                continue
            reported = event["response"]["usage"] or event["usage"]
            usage = Usage.from_wire(event["response"]["usage"], top_level=event.get("usage"))
            assert usage is not None
            assert (usage.input_tokens, usage.output_tokens) == (reported["input_tokens"], reported["output_tokens"])
            seen += 1
    assert seen >= 16
