"""The law of the prompt cache against recorded rows, and what must hold for any prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.prompt_cache import PromptCache, Segment, common_prefix, promised
from laconic.tokens import Tokens

segments = st.builds(
    Segment,
    st.integers(0, 3),
    st.builds(Tokens, st.integers(0, 300), st.integers(0, 300), st.integers(0, 200)),
)
prompts = st.lists(segments, max_size=8)


def line(*tokens: Tokens) -> list[Segment]:
    return [Segment(index, count) for index, count in enumerate(tokens)]


def test_the_second_turn_of_three() -> None:
    """REC-3, August 2026: 7 of instructions, 27 tokens heard, 42 spoken, 27 heard: 64 audio of 96, no text of 43."""
    first = line(Tokens(7), Tokens(8, 27), Tokens(20, 42))
    assert promised(first, [*first, Segment("new", Tokens(8, 27))]) == Tokens(0, 64)


def test_the_third_turn_of_three() -> None:
    """REC-3: the first reply has lost its sound, so only one user turn is still the same: nothing in blocks."""
    second = line(Tokens(7), Tokens(8, 27), Tokens(20, 42), Tokens(8, 27), Tokens(20, 43))
    third = [*second[:2], Segment("reply without sound", Tokens(12)), *second[3:], Segment("new", Tokens(8, 27))]
    assert promised(second, third) == Tokens()


def test_what_was_generated_is_part_of_the_prefix() -> None:
    """Capture 2026-09-18: 128 cached where the prompt had 120, 7 were generated, and 2 frame them."""
    assert promised(line(Tokens(120), Tokens(9)), line(Tokens(120), Tokens(9), Tokens(12))) == Tokens(128)


def test_a_tool_round() -> None:
    """Recording openai-2.1-tool-call: 384 cached of 347 + 36 + 2."""
    assert promised(line(Tokens(347), Tokens(38)), line(Tokens(347), Tokens(38), Tokens(16))) == Tokens(384)


def test_a_change_at_the_front_loses_everything_behind_it() -> None:
    old = line(Tokens(600), Tokens(8, 200), Tokens(20, 400))
    assert promised(old, [Segment("other instructions", Tokens(600)), *old[1:]]) == Tokens()


def test_images_are_not_rounded() -> None:
    """litellm#39850: 128 of 152 text and all 194 of the image."""
    assert promised(line(Tokens(130, 0, 194)), line(Tokens(130, 0, 194), Tokens(22))) == Tokens(128, 0, 194)


@given(prompts, prompts, st.integers(1, 128))
def test_cached_never_exceeds_gross_and_comes_in_blocks(old: list[Segment], new: list[Segment], block: int) -> None:
    cached = promised(old, new, block)
    gross = sum((segment.tokens for segment in new), Tokens())
    assert cached.text <= gross.text
    assert cached.audio <= gross.audio
    assert cached.image <= gross.image
    assert cached.text % block == cached.audio % block == 0


@given(prompts, prompts)
def test_appending_loses_nothing(old: list[Segment], more: list[Segment]) -> None:
    assert common_prefix(old, [*old, *more]) == sum((segment.tokens for segment in old), Tokens())


@given(st.lists(prompts, max_size=5), prompts)
def test_the_best_remembered_line_counts(lines: list[list[Segment]], new: list[Segment]) -> None:
    cache = PromptCache()
    for remembered in lines:
        cache.remember(remembered)
    best = max((sum(_sizes(common_prefix(remembered, new))) for remembered in lines), default=0)
    cached = cache.promised(new)
    assert sum(_sizes(cached)) <= best < sum(_sizes(cached)) + 128


def test_only_the_latest_lines_are_remembered() -> None:
    cache = PromptCache(lines=2)
    for name in ("a", "b", "c"):
        cache.remember([Segment(name, Tokens(64))])
    assert cache.promised([Segment("a", Tokens(64))]) == Tokens()
    assert cache.promised([Segment("b", Tokens(64))]) == Tokens(64)


def test_what_is_forgotten_is_promised_no_more() -> None:
    cache = PromptCache()
    cache.remember(line(Tokens(200)))
    cache.forget()
    assert cache.promised(line(Tokens(200))) == Tokens()


@pytest.mark.parametrize("block", [64, 128])
def test_the_block_is_a_parameter(block: int) -> None:
    cache = PromptCache(block)
    cache.remember(line(Tokens(200)))
    assert cache.promised(line(Tokens(200))) == Tokens(200 // block * block)


def _sizes(tokens: Tokens) -> tuple[int, int, int]:
    return tokens.text, tokens.audio, tokens.image
