"""A loop on which work takes no time: its clock moves only when nobody has anything left to do.

Sockets and waits are real, seconds are not. Whoever talks through them says the same at the same moments on every
machine, however busy it is.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from laconic.voice.clock import Clock

__all__ = ["StillClock", "run"]

T = TypeVar("T")

_ON_ITS_WAY_S = 0.0003
"""What was sent over loopback is there at once; this is for systems that take a moment."""


class _Selector(selectors.DefaultSelector):
    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(_ON_ITS_WAY_S)
        if not ready:
            self.passed_s += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._patient = _Selector()
        super().__init__(self._patient)

    def time(self) -> float:
        return self._patient.passed_s


class StillClock(Clock):
    """The time of the loop it is asked on."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)
