"""Who sits in the gateway: how many sessions there may be, and how they leave when it closes.

A session takes its seat before anybody is dialled for it, and gives it back when its last row is written, so whoever
counts seats counts everything that costs memory, a connection, or money.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from laconic.errors import Refused
from laconic.gateway.pump import Pump

__all__ = ["Seats"]

_CLOSING = 1001, "the gateway is closing"


@dataclass(slots=True)
class _Seat:
    key: str | None
    task: asyncio.Task[object] | None
    """Whoever has the session."""
    pump: Pump | None = None
    """Once the service has been reached."""


class Seats:
    """`most` sessions at once, `most_of_a_key` with one key. 0: as many as come."""

    def __init__(self, most: int, most_of_a_key: int) -> None:
        self._most, self._most_of_a_key = most, most_of_a_key
        self._seats: dict[str, _Seat] = {}
        self._of_key: dict[str | None, int] = {}
        self.leaving = False
        """Whether the gateway is closing: nobody new sits down."""
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._seats)

    @contextmanager
    def taken(self, name: str, key: str | None) -> Generator[None]:
        """A seat for the length of the block. Raises Refused where none is free."""
        if self._most and len(self._seats) >= self._most:
            raise Refused(f"this gateway has its {self._most:,} sessions; try again when some have ended")
        if key is not None and self._most_of_a_key and self._of_key.get(key, 0) >= self._most_of_a_key:
            raise Refused(f"this key has its {self._most_of_a_key:,} sessions; try again when some have ended")
        self._seats[name] = _Seat(key, asyncio.current_task())
        self._of_key[key] = self._of_key.get(key, 0) + 1
        try:
            yield
        finally:
            del self._seats[name]
            self._of_key[key] -= 1
            if not self._of_key[key]:
                del self._of_key[key]
            if not self._seats:
                self._empty.set()

    def seated(self, name: str, pump: Pump) -> None:
        """Its session is under way."""
        self._seats[name].pump = pump
        if self.leaving:
            pump.leave(*_CLOSING)

    def hang_up(self, names: Collection[str], code: int, reason: str) -> None:
        """End these sessions now, as far as they are under way."""
        for name in names & self._seats.keys():
            pump = self._seats[name].pump
            if pump is not None:
                pump.hang_up(code, reason)

    async def drain(self, grace_s: float) -> None:
        """Seat nobody new, let sessions come to a quiet moment, and end them when the grace is over."""
        self.leaving = True
        for seat in self._seats.values():
            if seat.pump is not None:
                seat.pump.leave(*_CLOSING)
        try:
            async with asyncio.timeout(grace_s):
                await self._all_gone()
        except TimeoutError:
            for seat in self._seats.values():
                if seat.pump is not None:
                    seat.pump.hang_up(*_CLOSING)
                elif seat.task is not None:
                    seat.task.cancel()  # its service was not reached yet: nothing is owed to anybody
            await self._all_gone()

    async def _all_gone(self) -> None:
        while self._seats:
            self._empty.clear()
            await self._empty.wait()
