"""Seats: how many there are, and how whoever sits on them leaves."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from laconic.errors import Refused
from laconic.gateway.pump import Pump
from laconic.gateway.seats import Seats


class Leaver:
    """A pump that is asked to leave."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.gone = asyncio.Event()

    def leave(self, code: int, reason: str) -> None:
        self.asked.append(("leave", code))

    def hang_up(self, code: int, reason: str) -> None:
        self.asked.append(("hang up", code))
        self.gone.set()

    @property
    def pump(self) -> Pump:
        return cast(Pump, cast(Any, self))


async def test_a_seat_is_free_again_when_its_session_is_over() -> None:
    seats = Seats(2, 1)
    with seats.taken("a", "key_1"), seats.taken("b", None):
        assert len(seats) == 2
        with pytest.raises(Refused, match="this gateway has its 2 sessions"), seats.taken("c", None):
            pass
    with seats.taken("a", "key_1"):
        with pytest.raises(Refused, match="this key has its 1 session"), seats.taken("b", "key_1"):
            pass
        with seats.taken("c", "key_2"):
            pass
    assert len(seats) == 0


async def test_those_without_a_key_are_not_counted_as_one() -> None:
    seats = Seats(0, 1)
    with seats.taken("a", None), seats.taken("b", None):
        assert len(seats) == 2


async def test_at_the_end_of_the_grace_sessions_are_hung_up_and_what_only_dials_is_stopped() -> None:
    seats, leaver, sat = Seats(0, 0), Leaver(), asyncio.Event()

    async def talk() -> None:
        with seats.taken("talks", None):
            seats.seated("talks", leaver.pump)
            sat.set()
            await leaver.gone.wait()

    async def dial() -> None:
        with seats.taken("dials", None):
            await asyncio.Event().wait()

    talking, dialling = asyncio.create_task(talk()), asyncio.create_task(dial())
    await sat.wait()
    await asyncio.wait_for(seats.drain(0.0), 5)
    assert leaver.asked == [("leave", 1001), ("hang up", 1001)]
    assert len(seats) == 0
    await talking
    with pytest.raises(asyncio.CancelledError):
        await dialling


async def test_who_sits_down_while_the_gateway_closes_is_asked_to_leave() -> None:
    seats, leaver = Seats(0, 0), Leaver()
    with seats.taken("late", None):
        draining = asyncio.create_task(seats.drain(5.0))
        await asyncio.sleep(0)
        seats.seated("late", leaver.pump)
        assert leaver.asked == [("leave", 1001)]
    await asyncio.wait_for(draining, 5)


async def test_only_those_named_are_hung_up() -> None:
    seats, one, other = Seats(0, 0), Leaver(), Leaver()
    with seats.taken("one", None), seats.taken("other", None), seats.taken("dials", None):
        seats.seated("one", one.pump)
        seats.seated("other", other.pump)
        seats.hang_up(frozenset({"one", "dials", "unknown"}), 1011, "lost")
        assert (one.asked, other.asked) == ([("hang up", 1011)], [])
