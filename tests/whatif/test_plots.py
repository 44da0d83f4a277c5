"""Plots: round numbers on the axes, labels that do not overlap, lines that stay inside."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.whatif.plots import Line, apart, line_plot, nice_steps, thinned


def drawn(*lines: Line, y_top: float = 10.0, x_most: float = 60.0) -> str:
    return line_plot(
        lines,
        title="cost & more",
        x_label="minutes",
        x_most=x_most,
        y_top=y_top,
        show_y=lambda y: f"{y:g}",
        show_x=lambda x: f"{x:g}",
    )


@pytest.mark.parametrize(
    ("most", "about", "steps"),
    [
        (60.0, 6, [0, 10, 20, 30, 40, 50, 60]),
        (1.0, 4, [0, 0.25, 0.5, 0.75, 1.0]),
        (15.6, 4, [0, 5, 10, 15, 20]),
        (0.003, 4, [0, 0.001, 0.002, 0.003]),
        (7.0, 4, [0, 2, 4, 6, 8]),
    ],
)
def test_steps_are_round_numbers(most: float, about: int, steps: list[float]) -> None:
    """And reach the most."""
    assert nice_steps(most, about) == pytest.approx(steps)


@given(st.floats(1e-6, 1e12), st.integers(2, 8))
def test_steps_reach_and_are_few(most: float, about: int) -> None:
    """Whatever the size."""
    steps = nice_steps(most, about)
    assert steps[-1] >= most * 0.999
    assert 2 <= len(steps) <= 2 * about + 2


@given(st.lists(st.floats(0, 300), max_size=14).map(sorted))
def test_labels_keep_apart_and_inside(wanted: list[float]) -> None:
    """In their order, a label's height apart, above the bottom."""
    places = apart(wanted, 0.0, 300.0)
    assert all(after - before >= 14.999 for before, after in pairwise(places))
    assert all(place <= 300.0 for place in places)


def test_a_label_alone_is_where_it_belongs() -> None:
    """Nothing is moved without need."""
    assert apart([40.0, 90.0], 0.0, 300.0) == [40.0, 90.0]
    assert apart([], 0.0, 300.0) == []


def test_long_lines_are_thinned_and_end_where_they_end() -> None:
    """First and last stay."""
    points = [(float(x), float(x * x)) for x in range(1_000)]
    few = thinned(points, 100)
    assert len(few) <= 101
    assert (few[0], few[-1]) == (points[0], points[-1])
    assert thinned(points[:50], 100) == points[:50]


def test_a_plot_is_whole_xml_with_every_line_named() -> None:
    """Names are escaped; nothing lies outside the frame."""
    svg = drawn(
        Line("a<b", "c0", ((0.0, 0.0), (60.0, 10.0)), "a<b 10"),
        Line("other", "quiet", ((0.0, 3.0), (60.0, 12.0)), "", dashed=True),
        Line("none", "c2", (), "none"),
    )
    root = ET.fromstring(svg)
    texts = [element.text for element in root.iter() if element.tag == "text"]
    assert "a<b 10" in texts
    assert "none" not in texts
    assert [title.text for title in root.iter("title")] == ["a<b", "other", "none"]
    for points in re.findall(r' points="([^"]*)"', svg):
        for x, y in (pair.split(",") for pair in points.split()):
            assert 0 <= float(x) <= 600
            assert 0 <= float(y) <= 320


def test_an_empty_plot_is_still_a_plot() -> None:
    """Nothing was said, and it shows."""
    ET.fromstring(drawn(y_top=0.0, x_most=0.0))
