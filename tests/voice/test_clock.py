"""The clock of file devices: monotonic, and as many times faster than life as asked."""

from __future__ import annotations

import time

import pytest

from laconic.voice.clock import Clock


async def test_sleep_takes_clock_time_not_life_time() -> None:
    """Ten clock seconds at speed 1000 pass in about ten milliseconds, and `now` agrees."""
    clock, start = Clock(speed=1000), time.monotonic()
    before = clock.now()
    await clock.sleep(10)
    assert clock.now() - before >= 10
    assert time.monotonic() - start < 1


async def test_sleep_until_a_moment_already_past_returns() -> None:
    """A moment already past is no reason to wait."""
    clock = Clock()
    await clock.sleep_until(clock.now() - 5)
    assert clock.now() < 1


async def test_sleep_until_reaches_the_moment() -> None:
    """After waiting, the moment has come."""
    clock = Clock(speed=1000)
    await clock.sleep_until(3.0)
    assert clock.now() >= 3.0


def test_a_clock_that_stands_still_is_refused() -> None:
    """A speed of zero would wait forever."""
    with pytest.raises(ValueError, match="above zero"):
        Clock(speed=0)


class ByHand(Clock):
    """A clock that stands still between sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = 0.0
        self.slept = list[float]()

    def now(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.moment += max(0.0, seconds)


async def test_ticks_count_from_the_call_and_catch_up() -> None:
    """Whoever was blocked for five periods gets five ticks at once, not five periods later than everybody else."""
    clock = ByHand()
    ticks = clock.ticks(0.1)
    clock.moment = 0.55
    assert [await anext(ticks) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert max(clock.slept) <= 0
    assert await anext(ticks) == 5
    assert clock.slept[-1] == 0.05
    await ticks.aclose()
