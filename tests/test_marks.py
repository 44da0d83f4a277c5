"""Where folding costs least."""

from __future__ import annotations

from dataclasses import replace

import pytest

from laconic.laws import Laws
from laconic.marks import average_exchange, fold_marks, summary_room
from laconic.rates import Rates, load

RATES, SMALL = load().find("gpt-realtime"), load().find("gpt-realtime-mini")


def span(hit_rate: float, *, exchange: int = 60, summary: int = 0, summary_rates: Rates | None = None) -> int:
    high, low = fold_marks(exchange, summary, Laws(hit_rate=hit_rate), RATES, summary_rates)
    assert low == 2 * exchange
    return high - low - summary


def test_the_better_the_cache_the_longer_the_span() -> None:
    """D = sqrt(2 · w · (K · (p_full - p) + C) / p) at $4.00 and $0.40 a million, K = 120 + 200."""
    assert span(1.0) == 636
    assert span(1.0) > span(0.5) > span(0.0) == 77


def test_it_is_the_cheapest_span() -> None:
    """By the cost of an exchange that the module states, ten percent more or less of it are no better."""

    def cost(tokens: float, hit_rate: float) -> float:
        again = hit_rate * 400 + (1 - hit_rate) * 4000
        kept = 120 + summary_room(Laws(hit_rate=hit_rate)) * 2 // 3
        return (kept + tokens / 2) * again + (kept * (4000 - again) + 200_000) * 60 / tokens

    for hit_rate in (1.0, 0.9, 0.75, 0.5, 0.0):
        best = span(hit_rate)
        assert cost(best, hit_rate) <= min(cost(0.9 * best, hit_rate), cost(1.1 * best, hit_rate))


def test_a_dear_summary_is_made_more_seldom() -> None:
    assert span(0.0, summary_rates=RATES) > span(0.0, summary_rates=SMALL) > span(0.0)


def test_a_long_summary_does_not_pass_the_mark_by_itself() -> None:
    high, low = fold_marks(60, 1000, Laws(), RATES, None)
    assert high - low > 1000
    assert span(0.9, summary=1000) > span(0.9)


def test_where_more_exchanges_shall_last_more_is_left_and_the_span_is_longer() -> None:
    """What is left is read anew behind each fold."""
    high, low = fold_marks(60, 0, Laws(), RATES, None, lasting=20)
    assert low == 20 * 60
    assert high - low > span(Laws().hit_rate)
    assert fold_marks(60, 0, Laws(), RATES, None, lasting=1) == fold_marks(60, 0, Laws(), RATES, None)


def test_a_span_is_an_exchange_at_least() -> None:
    assert span(0.0, exchange=500) == 500


def test_without_prices_text_costs_what_it_does_on_gpt_realtime_uncached() -> None:
    assert fold_marks(60, 0, Laws(hit_rate=0.0), None, None) == (120 + 77, 120)


@pytest.mark.parametrize(("tokens", "exchanges", "each"), [(0, 0, 60), (500, 2, 60), (300, 3, 100), (30, 3, 20)])
def test_exchanges_are_measured_once_there_are_three(tokens: int, exchanges: int, each: int) -> None:
    assert average_exchange(tokens, exchanges) == each


def test_the_more_the_cache_hits_the_longer_a_summary_may_be() -> None:
    room = [summary_room(replace(Laws(), hit_rate=hits)) for hits in (1.0, 0.8, 0.75, 0.0)]
    assert room == [300, 220, 200, 200]
