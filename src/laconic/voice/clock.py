"""The clock by which files stand in for devices; it may run faster than life.

A microphone made of a file delivers 20 ms every 20 ms of this clock, and so does a speaker made of a file. At
`speed=20` a minute's conversation takes three seconds, and every sample still falls on the same place. Real
devices bring their own clock and do not ask this one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

__all__ = ["Clock"]


class Clock:
    """Seconds since the clock was made, counted `speed` times as fast as life."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed is above zero, not {speed}")
        self.speed = speed
        self._start = time.monotonic()

    def now(self) -> float:
        """Clock seconds since the start; never goes back."""
        return (time.monotonic() - self._start) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Waits `seconds` of clock time; zero or less only lets others run."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def sleep_until(self, moment: float) -> None:
        """Waits until `now()` is at least `moment` (clock seconds)."""
        await self.sleep(moment - self.now())

    def ticks(self, period: float) -> AsyncGenerator[int, None]:
        """0, 1, 2, … one per `period` clock seconds, counted from this call; the first comes after one period.

        Ticks that are late come at once, so the count always catches up with the clock, as a device's does.
        """
        return self._ticks(period, self.now())

    async def _ticks(self, period: float, start: float) -> AsyncGenerator[int, None]:
        count = 0
        while True:
            await self.sleep_until(start + (count + 1) * period)
            yield count
            count += 1
