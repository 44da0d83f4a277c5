"""The parts of the reckoning that can be tried without a conversation."""

from __future__ import annotations

from fractions import Fraction

import pytest

from laconic.probing.reckoning import Interval, overlap, roundest


def row(low: int, high: int) -> tuple[Fraction, Fraction]:
    return Fraction(low), Fraction(high)


def test_nothing_overlaps_without_rows() -> None:
    assert overlap([]) is None


def test_an_overlap_is_where_most_rows_agree() -> None:
    assert overlap([row(95, 101), row(98, 106), row(20, 30)]) == Interval(Fraction(98), Fraction(101), 2, 3)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (Fraction("98.8"), Fraction("101.3"), 100),
        (Fraction("79.8"), Fraction("81.3"), 80),
        (Fraction("19.96"), Fraction("20.1"), 20),
        (Fraction("7.98"), Fraction("8.02"), 8),
        (Fraction("33.1"), Fraction("33.4"), 33),
        (Fraction("0.1"), Fraction("0.2"), 1),
    ],
)
def test_of_several_lengths_a_human_would_have_chosen_this_one(low: Fraction, high: Fraction, expected: int) -> None:
    assert roundest(Interval(low, high, 3, 3)) == expected
