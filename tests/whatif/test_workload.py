"""Conversations made up: the same from the same seed, and as ragged as COST.md section 10 says people's are."""

from __future__ import annotations

import random
from statistics import fmean, median

import pytest
from talks import talk

from laconic.tokens import text_tokens
from laconic.whatif.turns import Configured, Cut, Left, Replied, Said, Transcribed
from laconic.whatif.workload import Workload, generate


def test_the_same_seed_makes_the_same_conversation() -> None:
    """To the last word; another seed makes another."""
    one, again, other = (generate(Workload(minutes=5), random.Random(seed).random) for seed in (3, 3, 4))
    assert one == again
    assert one.happenings != other.happenings


def test_lengths_and_pace_are_those_of_people() -> None:
    """Medians, means and shares over ten hours; the ghosts heard nothing."""
    hours = generate(Workload(minutes=600, ghosts=0), random.Random(7).random)
    said = [one.item.audio_ms for one in hours.happenings if isinstance(one, Said)]
    replies = [one.items[0].audio_ms for one in hours.happenings if isinstance(one, Replied)]
    assert median(said) == pytest.approx(2_000, rel=0.06)
    assert fmean(said) == pytest.approx(3_000, rel=0.06)
    assert fmean(replies) == pytest.approx(8_000, rel=0.06)
    assert 4 < hours.exchanges / 600 < 5
    assert hours.cuts / hours.exchanges == pytest.approx(0.10, abs=0.02)
    assert hours.ghosts == 0


def test_every_fact_is_told_once_and_in_time() -> None:
    """Twenty in ten minutes as in three hours; none in the last minutes, so that there is something to forget."""
    for minutes in (10.0, 180.0):
        told = [one.at_ms for one in talk(minutes).happenings if isinstance(one, Said) and one.facts]
        assert len(told) == talk(minutes).facts == 20
        assert told[-1] < 0.97 * talk(minutes).length_ms
        written = [one.words or "" for one in talk(minutes).happenings if isinstance(one, Transcribed)]
        assert len({words for words in written if "remember" in words}) == 20


def test_a_ghost_turn_is_answered_too_early_and_heard_by_nobody() -> None:
    """Half of them made something and leave it; half were cancelled before, and free."""
    hour = generate(Workload(minutes=120, ghosts=0.5), random.Random(5).random)
    ghosts = [one for one in hour.happenings if isinstance(one, Replied) and one.response_id.startswith(("g", "resp"))]
    free = [one for one in ghosts if not one.items]
    assert all(one.usage is not None and not one.usage.total_tokens for one in free)
    left = {one.item_id for one in hour.happenings if isinstance(one, Left)}
    assert len(left) == hour.ghosts
    assert len(free) / (len(free) + len(left)) == pytest.approx(0.5, abs=0.1)
    assert left <= {one.items[0].id for one in ghosts if one.items}


def test_time_goes_on_and_cuts_fall_inside_their_reply() -> None:
    """A caller cannot hear more than was said."""
    made = {one.items[0].id: one.items[0] for one in talk().happenings if isinstance(one, Replied) and one.items}
    times = [one.at_ms for one in talk().happenings]
    assert times == sorted(times)
    assert talk().length_ms >= 10 * 60_000
    for cut in (one for one in talk().happenings if isinstance(one, Cut)):
        assert 0 < cut.heard_ms < made[cut.item_id].audio_ms


def test_instructions_are_as_long_as_reckoned_with() -> None:
    """600 tokens; people who never vary are allowed."""
    first = talk().happenings[0]
    assert isinstance(first, Configured)
    assert text_tokens(first.instructions) == pytest.approx(600, rel=0.1)
    steady = generate(Workload(minutes=1, user_mean_s=2.0, user_median_s=2.0, facts=0), random.Random(1).random)
    assert {one.item.audio_ms for one in steady.happenings if isinstance(one, Said)} <= {2_000, 1_000}
