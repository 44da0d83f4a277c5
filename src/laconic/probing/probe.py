"""A probe on a connection: the script driven, message by message, until it is over.

Time comes from a clock, so that against a stand-in which runs faster than life the waits do too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from laconic.client.dial import Connection
from laconic.probing.asking import Clip, Limits, conversation
from laconic.probing.notes import Notes
from laconic.probing.plan import Turn
from laconic.probing.script import Running
from laconic.scenarios import load

__all__ = ["Clock", "clips", "probe"]

_SAID = ((0, 2080), (1, 1380), (4, 1520), (5, 1680), (6, 1120), (7, 1560))
"""Lines of the scenario that ask for something short, and the length each is brought to, milliseconds: whole ones, and
such that together they tell 99, 100 and 102 ms a token apart without one of them standing on an edge."""


class Clock(Protocol):
    """Seconds from any origin."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


def clips() -> list[Clip]:
    """What a probe says aloud: lines of a scenario that comes with the package."""
    lines = load("introduction").lines
    return [Clip(_at_24_khz(lines[at].pcm(), ms), lines[at].text) for at, ms in _SAID]


def _at_24_khz(pcm: bytes, ms: int) -> bytes:
    """Three samples for two (clips have 16 kHz), on straight lines between them, cut or filled up with silence.

    A probe needs sound of a known length, not of beauty.
    """
    samples = memoryview(pcm).cast("h")
    made = bytearray()
    for at in range(0, len(samples) - 2, 2):
        one, two, three = samples[at], samples[at + 1], samples[at + 2]
        for sample in (one, (one + 2 * two) // 3, (2 * two + three) // 3):
            made += sample.to_bytes(2, "little", signed=True)
    return bytes(made[: 48 * ms]).ljust(48 * ms, b"\0")


async def probe(
    connection: Connection,
    notes: Notes,
    turns: Sequence[Turn],
    spoken: Sequence[Clip],
    clock: Clock,
    *,
    limits: Limits,
    told: Callable[[Turn], None],
) -> str | None:
    """Hold the conversation. None if all was asked, else why it stopped. Raises Dropped.

    `told` hears of each turn as it begins; `notes` fill as it goes, and are good for what they hold whatever happens.
    """
    running = Running(conversation(notes, turns, spoken, limits, told), notes)
    running.start(clock.now())
    hearing = asyncio.create_task(connection.recv(), name="probe hears")
    try:
        while True:
            for raw in running.outbox():
                await connection.send(raw)
            if running.over:
                return running.result
            assert running.deadline is not None
            waiting = asyncio.create_task(clock.sleep(running.deadline - clock.now()), name="probe waits")
            await asyncio.wait([hearing, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if hearing.done():
                running.receive(hearing.result(), clock.now())
                hearing = asyncio.create_task(connection.recv(), name="probe hears")
            else:
                running.tick(clock.now())
    finally:
        if not hearing.cancel() and not hearing.cancelled():
            hearing.exception()  # it ended with the connection; whoever wanted to know has been told
