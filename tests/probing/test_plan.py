"""What a probe will say, and its price."""

from __future__ import annotations

import re
from dataclasses import replace

from laconic.laws import prior
from laconic.probing.plan import INSTRUCTIONS, plan, reckon, time_limit_s
from laconic.probing.probe import clips
from laconic.rates import Rates, load
from laconic.tokens import text_tokens

CLIPS_MS = [clip.ms for clip in clips()]


def test_the_instructions_are_exactly_as_long_as_they_are_estimated() -> None:
    """Short common words: one token each, and one for each mark."""
    assert all(len(word) <= 6 for word in re.findall(r"\w+", INSTRUCTIONS))
    assert text_tokens(INSTRUCTIONS) == len(re.findall(r"\w+|[^\w\s]", INSTRUCTIONS)) > 128


def test_turns_have_names_of_their_own() -> None:
    names = [turn.name for turn in plan((5, 60))]
    assert len(set(names)) == len(names)
    assert "a gap of 60 s" in names


def test_clips_are_as_long_as_they_are_meant_to_be_and_have_words() -> None:
    for clip in clips():
        assert len(clip.pcm) == 48 * clip.ms
        assert 1000 < clip.ms < 2100
        assert clip.text
        assert any(clip.pcm)


def test_the_price_of_a_small_model_is_a_fraction() -> None:
    table = load()
    large, small = (
        reckon(plan(), CLIPS_MS, prior("openai", model), table.find(model))
        for model in ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")
    )
    assert large.most is not None
    assert large.likely is not None
    assert small.most is not None
    assert large.likely < large.most < 1_500_000_000
    assert small.most < large.most / 2


def test_a_model_without_a_price_is_told_in_tokens() -> None:
    price = reckon(plan(), CLIPS_MS, prior("url", "nobody's"), None)
    assert price.most is price.likely is None
    assert price.tokens > 10_000


def test_sound_nobody_has_measured_is_reckoned_at_the_most_ever_seen() -> None:
    rates = load().find("gpt-realtime")
    known = prior("openai", "gpt-realtime")
    stranger = replace(known, unverified=("user_audio_ms_per_token",))
    sure, unsure = (reckon(plan(), CLIPS_MS, laws, rates).tokens for laws in (known, stranger))
    assert unsure > 1.3 * sure


def test_minutes_and_messages_are_in_the_price_where_they_are_billed() -> None:
    rates = Rates(name="timed", per_minute=60_000_000, per_message=1_000_000)
    price = reckon(plan(), CLIPS_MS, prior("xai", "grok"), rates)
    turns = plan()
    written = sum(turn.clip is None for turn in turns) + 2 * len(turns)
    assert price.most == 1_000_000 * round(time_limit_s(turns)) + 1_000_000 * written


def test_gaps_take_the_time_they_take() -> None:
    assert time_limit_s(plan((60,))) - time_limit_s(plan()) > 60
