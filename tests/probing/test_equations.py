"""Equations over whole tokens."""

from __future__ import annotations

from fractions import Fraction

from laconic.probing.equations import Equations


def test_unknowns_are_settled_by_differences() -> None:
    equations = Equations()
    assert equations.add("one", {"head": 1, "spoken": 1}, 20)
    assert equations.solved == {}
    assert equations.add("two", {"head": 1, "spoken": 2}, 28)
    assert equations.solved == {"head": 12, "spoken": 8}
    assert equations.misfits == []


def test_what_says_nothing_new_is_a_check() -> None:
    equations = Equations()
    equations.add("one", {"spoken": 2}, 16)
    assert not equations.add("two", {"spoken": 1}, 8)
    assert not equations.add("three", {"spoken": 3}, 26)
    assert equations.checks == 2
    assert equations.misfits == [("three", Fraction(2))]


def test_the_earlier_is_believed() -> None:
    equations = Equations()
    equations.add("one", {"a": 1}, 4)
    equations.add("two", {"a": 1}, 5)
    assert equations.solved == {"a": 4}


def test_an_open_unknown_settles_when_another_does() -> None:
    equations = Equations()
    equations.add("sum", {"a": 1, "b": -1, "c": 1}, 5)
    equations.add("pair", {"b": 1, "c": 1}, 3)
    assert equations.solved == {}
    equations.add("last", {"c": 2}, 3)
    assert equations.solved == {"c": Fraction(3, 2), "b": Fraction(3, 2), "a": 5}


def test_counts_of_zero_are_no_unknowns() -> None:
    equations = Equations()
    assert not equations.add("nothing", {"a": 0}, 0)
    assert equations.misfits == []
