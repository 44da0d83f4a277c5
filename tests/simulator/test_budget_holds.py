"""No budget is exceeded by more than a hundredth, and none ends while one more reply could have been paid for.

Sessions are generated from seeds (spenders.py): several models, laws that are not what we assume, caches that always
hit and never do, tools, responses beside the conversation, transcription, barge-ins, ghost turns, several sessions on
one purse, and apps that do as they please. The bill is the stand-in's own.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import pytest
from spenders import Caller, Nature, Purse, World, generated

from laconic.budget import Budget, Limit, limits

EVERY_DAY, IN_ALL = 24, 2_000


@dataclass(frozen=True)
class Played:
    """One world, at its end."""

    seed: int
    overshoot: float
    ended: bool
    early: bool
    """Whether a session ended while it had a reply's worst case left."""


def played(seed: int) -> Played:
    world = generated(seed)
    world.run(300)
    early = any(
        caller.left_at_end > caller.worst_at_end
        for caller in world.callers
        # Where nothing is reported, what is left is our estimate and not the stand-in's.
        if caller.left_at_end is not None and caller.limit and not caller.faults.null_usage
    )
    return Played(seed, world.overshoot, any(caller.ended is not None for caller in world.callers), early)


def all_hold(worlds: Iterable[Played]) -> None:
    worlds = list(worlds)
    ended = sum(world.ended for world in worlds)
    print(f"{len(worlds)} worlds, {ended} at their end; at worst {max(world.overshoot for world in worlds):+.2%}")
    assert [world for world in worlds if world.overshoot > 0.01 or world.early] == []
    assert 4 * ended > 3 * len(worlds), "too many worlds never came near their limits"


def test_budgets_hold_whatever_the_app_does() -> None:
    all_hold(map(played, range(EVERY_DAY)))


@pytest.mark.generated
def test_two_thousand_budgets_hold() -> None:
    """On all cores. Each process begins anew, since a fork of one that has threads may hang."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        all_hold(processes.map(played, range(IN_ALL), chunksize=20))


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
