"""A session that is running, and the sockets on it: one that holds it, or a call; and others that joined.

A message from any of them goes in at once, what the service says goes out to all, and it is woken when it asks. Who
joined from the side is told neither that the session was created nor any sound (recorded: openai-sideband-audio-turn).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from laconic import events
from laconic.simulator.service import Service

__all__ = ["Book", "Clock", "Running"]

_QUIET_S = 1.0
"""In sample time: after so long without a message, what is under way goes on without sound."""


class Clock(Protocol):
    """Time for the service, in seconds from any origin; it may run faster than life."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Book(Protocol):
    """Where it is known which sessions one may join."""

    def enter(self, name: str, running: Running) -> None: ...

    def strike(self, running: Running) -> None: ...


@dataclass(slots=True, eq=False)
class _Leg:
    """One socket on a session."""

    connection: ServerConnection
    aside: bool
    """It joined from the side: no sound, and no `session.created`."""

    async def send(self, message: str) -> None:
        if self.aside and isinstance(events.read(message), events.SessionCreated | events.ResponseOutputAudioDelta):
            return
        await self.connection.send(message)


class Running:
    """A service and its sockets. Somebody runs `run` as long as it lasts."""

    def __init__(self, service: Service, clock: Clock, book: Book) -> None:
        self.service = service
        self._clock, self._book = clock, book
        self._legs: list[_Leg] = []
        self._unheard: list[str] | None = []  # what was said before anybody was there to whom all is told
        self._stirred = asyncio.Event()
        self._ended = asyncio.Event()

    async def held_by(self, connection: ServerConnection) -> None:
        """The session of one socket, from its beginning to its end; it ends with that socket."""
        self.service.connected(self._clock.now())
        self._book.enter(str(self.service.session.get("id")), self)
        self._unheard = None
        self._legs.append(_Leg(connection, aside=False))
        reading = asyncio.create_task(self._read(self._legs[0]), name="stand-in reads")
        try:
            await self.run()
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled():
            reading.result()  # a mistake of ours must not pass for a hang-up

    async def join(self, connection: ServerConnection, *, aside: bool) -> None:
        """One more socket, until it goes or the session ends. The session ends with one that is not aside."""
        leg = _Leg(connection, aside)
        if not aside:
            while self._unheard:
                await leg.send(self._unheard.pop(0))
            self._unheard = None
        self._legs.append(leg)
        await self._read(leg)

    async def _read(self, leg: _Leg) -> None:
        try:
            async for raw in leg.connection:
                self.service.receive(raw, self._clock.now())
                self._stirred.set()
        except ConnectionClosed:
            pass
        finally:
            if leg in self._legs:
                self._legs.remove(leg)
            if not leg.aside:
                self.hang_up()

    def hang_up(self) -> None:
        """It is over: everybody is hung up on."""
        self._ended.set()
        self._stirred.set()

    async def run(self) -> None:
        """Let the service speak until it closes, or somebody hangs up."""
        code, reason = 1000, ""
        try:
            while not self._ended.is_set():
                self._stirred.clear()
                await self._speak()
                if self.service.closing is not None:
                    code, reason = self.service.closing
                    break
                if not self._stirred.is_set():
                    await self._wait()
        finally:
            self.hang_up()
            self.service.disconnected()
            self._book.strike(self)
            await self._close(code, reason)

    async def _speak(self) -> None:
        for message in self.service.outbox():
            if self._unheard is not None:
                self._unheard.append(message)
            for leg in list(self._legs):
                with suppress(ConnectionClosed):  # its reader notices, and takes it off
                    await leg.send(message)

    async def _close(self, code: int, reason: str) -> None:
        for leg in list(self._legs):
            if code == 1006:  # not a code one can send: the connection is simply gone
                leg.connection.transport.abort()
            else:
                await leg.connection.close(code, reason)

    async def _wait(self) -> None:
        """Until a message comes or the service's deadline does, and then let it go on."""
        if self.service.habits.sample_time:
            try:
                await asyncio.wait_for(self._stirred.wait(), _QUIET_S)
            except TimeoutError:
                while (due := self.service.pending) is not None and not self._stirred.is_set():
                    self.service.tick(due)
                    await self._speak()
            return
        due = self.service.deadline
        assert due is not None
        waiting = [
            asyncio.create_task(self._stirred.wait(), name="stand-in listens"),
            asyncio.create_task(self._clock.sleep(due - self._clock.now()), name="stand-in waits"),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        self.service.tick(self._clock.now())
