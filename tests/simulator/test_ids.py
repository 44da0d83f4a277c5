"""Ids look like the service's and follow from the seed."""

from __future__ import annotations

import re

import pytest

from laconic.simulator.ids import Ids


@pytest.mark.parametrize(("kind", "length"), [("item", 21), ("event", 21), ("resp", 21), ("sess", 21), ("call", 16)])
def test_an_id_has_the_recorded_length(kind: str, length: int) -> None:
    assert re.fullmatch(rf"{kind}_[0-9A-Za-z]{{{length}}}", Ids()(kind))


def test_the_same_seed_gives_the_same_ids_and_another_seed_others() -> None:
    def made(seed: int) -> list[str]:
        ids = Ids(seed)
        return [ids("item") for _ in range(100)]

    assert made(1) == made(1)
    assert len(set(made(1) + made(2))) == 200


def test_draws_are_even() -> None:
    ids = Ids(3)
    drawn = [ids.draw() for _ in range(2000)]
    assert all(0 <= number < 1 for number in drawn)
    assert 0.47 < sum(drawn) / len(drawn) < 0.53


def test_padding_may_be_empty() -> None:
    assert Ids().letters(0) == ""
