"""No budget is exceeded by more than a hundredth, and none ends while one more reply could have been paid for.

Sessions are generated from seeds (spenders.py): several models, laws that are not what we assume, caches that always
hit and never do, tools, responses beside the conversation, transcription, barge-ins, ghost turns, several sessions on
one purse, and apps that do as they please. The bill is the stand-in's own.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from spenders import Caller, Nature, Purse, World, generated

from laconic.budget import Budget, Limit, limits

EVERY_DAY, IN_ALL = 24, 2_000


def holds(seed: int) -> float:
    """Play one world; by how much its limit was exceeded, as a share of it."""
    world = generated(seed)
    world.run(300)
    assert world.overshoot <= 0.01, f"world {seed} spent {world.overshoot:+.2%} more than {world.limit}"
    for caller in world.callers:
        # Where nothing is reported, what is left is our estimate and not the stand-in's.
        if caller.left_at_end is not None and caller.limit and not caller.faults.null_usage:
            assert caller.left_at_end <= caller.worst_at_end, f"world {seed} ended with a reply's worst case left"
    return world.overshoot


def all_hold(seeds: Iterable[int]) -> None:
    worst = max(holds(seed) for seed in seeds)
    print(f"the worst of them spent {worst:+.2%} of its limit more than that")


def test_budgets_hold_whatever_the_app_does() -> None:
    all_hold(range(EVERY_DAY))


@pytest.mark.generated
@pytest.mark.parametrize("part", range(20))
def test_two_thousand_budgets_hold(part: int) -> None:
    size = IN_ALL // 20
    all_hold(range(part * size, (part + 1) * size))


def test_a_shared_purse_is_not_overdrawn_by_sessions_side_by_side() -> None:
    """Each has only what was leased to it, and together they have what there is."""
    purse = Purse(400_000_000)
    budget = Budget(shared=frozenset({"nanodollars"}))
    nature = Nature(asks=2.0, asks_aside=1.0, reopens=1.0)
    callers = [
        Caller(random.Random(n), budget, purse, model="gpt-realtime", nature=nature, lengths=(20, 120), delay=1)
        for n in range(3)
    ]
    world = World(callers, Limit("nanodollars", 400_000_000))
    world.run(300)
    assert world.overshoot <= 0.01
    assert all(caller.session.over for caller in callers)
    assert purse.left == 0


def test_a_calm_talk_is_warned_says_goodbye_and_stays_below_its_limit() -> None:
    caller = Caller(
        random.Random(7),
        Budget(limits=limits("$0.60")),
        None,
        model="gpt-realtime",
        nature=Nature(tools=0.0, barges_in=0.0, pauses=0.0),
        lengths=(40, 80),
        delay=0,
        transcriber=None,
        settings={},
    )
    world = World([caller], Limit("nanodollars", 600_000_000))
    world.run(1_500)
    assert caller.warned == 1
    assert caller.ended is not None
    assert 0.85 < world.spent / 600_000_000 <= 1.0
    kinds = [entry.kind for entry in caller.session.meter.responses]
    assert kinds.count("goodbye") == 1
    assert kinds[-1] == "goodbye"
