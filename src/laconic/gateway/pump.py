"""Two sockets and a relay between them: everything that is read goes in, everything that comes out is written.

Whoever reads writes, too, and reads on when the other side has taken it: so a slow app holds the service back, a slow
service the app, and nothing piles up here. Rows of the ledger are durable before the app learns of what they are the
bill for. What comes out without anybody having spoken (an edit, a deadline, a summary that is ready) is sent by a
third task, so that an edit that the service is slow to take stops nobody who reads.

A session ends when one side does. What the service says at the end, code and reason, is the app's to see. An app that
hangs up in the middle of a reply still pays for it, as for one it has asked for and for what is being written down of
what it said: replies are cancelled and the bills waited for, for a moment. What is not reported by then stays taken
from the budgets it shares, at its worst case, until somebody knows better.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import msgspec

from laconic.actions import GiveBack, Lease, Notice
from laconic.budget import Unit
from laconic.client.summaries import Summaries, Writer
from laconic.errors import LaconicError
from laconic.events import Raw
from laconic.gateway.books import NO_BOOKS, UNLIMITED, Allowance, Books, Row
from laconic.gateway.relay import Batch, Relay
from laconic.gateway.rows import spent
from laconic.gateway.sockets import Closed, Socket, sendable

__all__ = ["Bounds", "Pump", "error_event"]

_SETTLE_S = 5.0
"""How long we wait, after the app has gone, for the usage of the reply it was in."""

_SUMMARY_S = 60.0
"""How long we wait for a summary that somebody is writing: whoever writes it gives up after half of that."""

_BACKLOG = 256
"""So many messages of the app may wait for the service's answers; then it is held back."""

_POLICY, _GOING_AWAY, _BROKEN = 1008, 1001, 1011


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an app may do. 0: without bound."""

    messages_s: float = 1_000
    """Messages a second from the app, over a longer time."""
    burst: int = 20_000
    """Messages it may send at once: a minute of sound in pieces of 20 ms is 3,000."""
    bytes_s: float = 2**20
    """Bytes a second from the app, over a longer time: sound is 64,000."""
    burst_bytes: int = 2**27
    """Bytes it may send at once, its largest message among them."""
    idle_s: float = 3_600
    """How long neither side may say anything."""


class _Room:
    """What an app may still send. Time adds to it, which is not reckoned before there is none left."""

    __slots__ = ("_at", "_bounds", "bytes", "messages")

    def __init__(self, bounds: Bounds, now: float) -> None:
        self._bounds, self._at = bounds, now
        self.messages = float(bounds.burst) if bounds.messages_s else math.inf
        self.bytes = float(bounds.burst_bytes) if bounds.bytes_s else math.inf

    def renewed(self, now: float) -> bool:
        """Whether there is room again, with what time has added."""
        passed, self._at, most = now - self._at, now, self._bounds
        if most.messages_s:
            self.messages = min(self.messages + passed * most.messages_s, most.burst)
        if most.bytes_s:
            self.bytes = min(self.bytes + passed * most.bytes_s, most.burst_bytes)
        return self.messages >= 0 and self.bytes >= 0


class _Lane:
    """Messages to one socket, in the order in which they were put there."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._waiting: deque[Raw] = deque()

    def put(self, raws: Sequence[Raw]) -> None:
        self._waiting.extend(raws)

    def pass_on(self, raw: Raw) -> Awaitable[None]:
        """Put one there and flush, the short way."""
        if not self._waiting:
            return self._socket.send(raw)
        self._waiting.append(raw)
        return self.flush()

    async def flush(self) -> None:
        """Send what waits here. Sockets keep the order, so nobody has to wait for another who flushes."""
        while self._waiting:
            await self._socket.send(self._waiting.popleft())


class Pump:
    """One session from its first message to its end. `writer` writes summaries; None: the service does, in
    the session.

    `watch` is told of every batch, after it was carried out."""

    def __init__(
        self,
        app: Socket,
        service: Socket,
        relay: Relay,
        *,
        books: Books = NO_BOOKS,
        allowance: Allowance = UNLIMITED,
        writer: Writer | None = None,
        bounds: Bounds | None = None,
        now: Callable[[], float],
        watch: Callable[[Sequence[Notice]], None] | None = None,
    ) -> None:
        self._app, self._service, self._relay = app, service, relay
        self._books = books
        self._allowance = allowance
        allowance.heed(self._pressed)
        self._leasing: set[asyncio.Task[None]] = set()
        self._given_back = False
        self._bounds = bounds or Bounds()
        self._now = now
        self._watch = watch
        self._to_app, self._to_service = _Lane(app), _Lane(service)
        self._behind = 0  # batches that wait for the ledger, in order
        self._left: list[Row] = []  # what could not be written before the end
        self._writing = asyncio.Lock()
        self._stirred = asyncio.Event()
        self._moved = asyncio.Event()  # something was carried out since somebody asked
        self._awake_at: float | None = None  # when the third task wakes by itself
        self._last = now()
        self._leaving: _Ours | None = None
        self._settled: asyncio.Event | None = None  # set when the app has gone and the last reply is over
        self._over: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()
        self._summaries = Summaries(relay.session, writer=writer, tell=self._tell, done=self._stirred.set, now=now)

    async def run(self) -> Closed:
        """Until one side ends, or we do; both sockets are closed then. How it ended.

        Raises what kept us from going on: Unreachable, where the books could not be written."""
        reading = asyncio.create_task(self._read_service(), name="gateway: service")
        listening = asyncio.create_task(self._read_app(), name="gateway: app")
        keeping = asyncio.create_task(self._keep_time(), name="gateway: time")
        tasks = (reading, listening, keeping)
        try:
            await asyncio.wait((*tasks, self._over), return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                closed: Closed = self._over.result()
            else:
                closed = next(ending for task in tasks if (ending := _ending(task)) is not None)
            if reading.done() and not isinstance(closed, _Ours):
                await self._lost(closed)
            else:
                await self._finish(reading, closed)
            if closed.__cause__ is not None:
                raise closed.__cause__
            return closed
        finally:
            await self._written()
            tasks = (*tasks, *self._leasing)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            try:
                await self._last_rows()
            except BaseException:
                self._left += self._late_rows()
                with suppress(LaconicError):  # whoever closes it again need not know what is lost
                    await self._allowance.close(lost=self._unwritten())
                raise
            await self._allowance.close(lost=self._relay.unreported)

    async def _last_rows(self) -> None:
        """Write down what is not yet, the session itself and the summaries that are still being written."""
        try:
            self._left += self._late_rows()
            if (last := self._relay.end(self._now())) is not None:
                self._left.append(last)
            await self._write_left()
            await self._summed_up()
            self._left += self._late_rows()
            await self._write_left()
        finally:
            await self._summaries.close()

    async def _write_left(self) -> None:
        if self._left:
            await self._books.write([*self._left])
            self._left = []

    def _unwritten(self) -> Mapping[str, int]:
        """How much may have been used, by unit, of which there is no row: by what is under way, and by what could not
        be written."""
        lost = Counter(self._relay.unreported)
        for row in self._left:
            lost.update(asdict(spent(row)))
        return lost

    def _late_rows(self) -> list[Row]:
        """Of what was told when nobody was left to take it: a summary that has come, or has not."""
        batch = self._relay.drain(self._now())
        if batch.notices and self._watch is not None:
            self._watch(batch.notices)
        return batch.rows

    async def _summed_up(self) -> None:
        """Until what is being summed up is, since it is billed; no app and no service is kept for it. Whoever is told
        to hang up waits for a moment only. What has not come by then has an unknown price."""
        written = asyncio.create_task(self._summaries.written(), name="gateway: summaries")
        await asyncio.wait((written, self._over), timeout=_SUMMARY_S, return_when=asyncio.FIRST_COMPLETED)
        await self._summaries.close(_SETTLE_S)
        await written

    async def _written(self) -> None:
        """Until the rows that are being written are written; not for ever, if nobody writes them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S), self._writing:
                pass

    def leave(self, code: int, reason: str) -> None:
        """End at the next quiet moment."""
        self._leaving = _Ours(code, reason)
        self._stirred.set()

    def hang_up(self, code: int, reason: str) -> None:
        """End now."""
        if not self._over.done():
            self._over.set_result(_Ours(code, reason))

    # --- reading ---------------------------------------------------------------------------------------------

    async def _read_service(self) -> None:
        while True:
            raw = await self._service.recv()
            self._last = self._now()
            if self._relay.reply.passes(raw):
                await (self._to_app.pass_on(raw) if not self._behind else self._queue(raw))
                continue
            batch = self._relay.from_service(raw, self._last)
            await self._carry(batch)
            if batch.to_service:
                self._stirred.set()
            if batch.to_app:
                await self._to_app.flush()

    async def _read_app(self) -> None:
        room = _Room(self._bounds, self._now())
        while True:
            raw = await self._app.recv()
            self._last = self._now()
            room.messages -= 1
            room.bytes -= len(raw)
            if (room.messages < 0 or room.bytes < 0) and not room.renewed(self._last):
                raise _Ours(_POLICY, "too many messages" if room.messages < 0 else "too many bytes")
            if self._relay.speech.passes(raw):
                await self._to_service.pass_on(raw)
                continue
            batch = self._relay.from_app(raw, self._last)
            await self._carry(batch)
            if batch.to_service:
                await self._to_service.flush()
            if batch.to_app:
                await self._to_app.flush()
            while self._relay.backlog > _BACKLOG:
                self._moved.clear()
                await self._moved.wait()

    async def _keep_time(self) -> None:
        """Ticks, edits, summaries, and the end of what has gone on long enough."""
        while True:
            now = self._now()
            due = self._relay.deadline
            if due is not None and due <= now:
                await self._carry(self._relay.tick(now))
            else:
                await self._carry(self._relay.drain(now))
            await self._to_service.flush()
            await self._to_app.flush()
            await self._give_back()
            if self._leaving is not None and self._relay.quiet and not self._behind:
                raise self._leaving
            idle_at = self._last + self._bounds.idle_s if self._bounds.idle_s else None
            if idle_at is not None and idle_at <= now:
                raise _Ours(_GOING_AWAY, "idle")
            due = self._relay.deadline
            self._awake_at = min((at for at in (due, idle_at) if at is not None), default=None)
            await self._sleep()

    async def _sleep(self) -> None:
        """Until somebody stirs us or it is time. Everybody else has a turn before, whatever the time."""
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(None if self._awake_at is None else max(0.0, self._awake_at - self._now())):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()

    # --- carrying out ----------------------------------------------------------------------------------------

    async def _carry(self, batch: Batch) -> None:
        """Put what is to be sent where it is sent from; rows first."""
        self._moved.set()
        if self._allowance.live or self._given_back or self._over.done():
            self._to_service.put(batch.to_service)
        elif batch.to_service:  # this machine has slept, or lost sight of the database
            self.hang_up(_BROKEN, "the share of the budget was lost")
        if batch.rows or (batch.to_app and self._behind):
            self._stirred.set()  # what goes to the service goes at once
            await self._behind_the_books(batch)
        else:
            self._to_app.put(batch.to_app)
        for ask in () if self._settled is not None else batch.asks:  # nobody is left to remember anything
            self._summaries.ask(ask)
        for shared in (*map(self._lease, batch.leases), *map(self._hand_back, batch.gives)):
            task = asyncio.create_task(shared, name="gateway: lease")
            self._leasing.add(task)
            task.add_done_callback(self._leased)
        if batch.hangup is not None:
            self.hang_up(batch.hangup.code, batch.hangup.reason)
        if batch.notices and self._watch is not None:
            self._watch(batch.notices)
        due = self._relay.deadline
        sooner = due is not None and (self._awake_at is None or due < self._awake_at)
        if sooner or self._to_give_back or (self._leaving is not None and self._relay.quiet and not self._behind):
            self._stirred.set()
        if self._settled is not None and self._relay.settled:
            self._settled.set()

    async def _behind_the_books(self, batch: Batch) -> None:
        self._behind += 1
        try:
            async with self._writing:
                if batch.rows:
                    await self._books.write(batch.rows)
                self._to_app.put(batch.to_app)
        except BaseException:  # our turn is over, or the database away: the end tries once more
            self._left += batch.rows  # a row that was written after all is not written twice
            raise
        finally:
            self._behind -= 1

    async def _lease(self, wanted: Lease) -> None:
        """Ask for more of what is shared. No answer is a no, for a while."""
        granted, last = 0, False
        with suppress(LaconicError):  # the rows' writing fails too, and tells
            granted, last = await self._allowance.lease(
                wanted.unit, wanted.amount, urgent=wanted.urgent, needs=wanted.needs, kept=wanted.kept
            )
        limit = self._allowance.tightest(wanted.unit)
        self._relay.session.leased(wanted.unit, granted, self._now(), last=last, of=limit)

    async def _hand_back(self, given: GiveBack) -> None:
        with suppress(LaconicError):  # it is given back when the session ends
            await self._allowance.give_back(given.unit, given.amount)

    def _pressed(self, unit: Unit) -> None:
        """Others are in need of what is shared."""
        self._relay.session.pressed(unit, self._now())
        self._stirred.set()

    @property
    def _to_give_back(self) -> bool:
        """Whether the budget has ended and what is left of the share is for others, however long the app stays."""
        done = self._relay.spent and not self._behind and not self._leasing and not self._summaries.busy
        rates = self._relay.session.meter.rates
        # Time goes on for as long as the app stays, and with it what it costs.
        passing: set[Unit] = {"ms", "nanodollars"} if rates is not None and rates.by_time else {"ms"}
        return done and not self._given_back and self._allowance.units.isdisjoint(passing)

    async def _give_back(self) -> None:
        if self._to_give_back:
            self._given_back = True
            with suppress(LaconicError):  # it is tried again when the session ends, and that tells
                await self._allowance.close()

    def _leased(self, task: asyncio.Task[None]) -> None:
        """A lease was answered. Where a mistake of ours kept it from being, the session would wait for ever."""
        self._leasing.discard(task)
        self._stirred.set()
        if not task.cancelled() and task.exception() is not None and not self._over.done():
            ending = _ending(task)
            assert ending is not None
            self._over.set_result(ending)

    async def _queue(self, raw: Raw) -> None:
        """Sound that has to wait for the ledger: it comes after what its reply's beginning is the bill for."""
        await self._carry(Batch(to_app=[raw]))
        await self._to_app.flush()

    def _tell(self, notice: Notice) -> None:
        if self._watch is not None:
            self._watch([notice])

    # --- ending ----------------------------------------------------------------------------------------------

    async def _lost(self, closed: Closed) -> None:
        """The service has ended the session: the app gets everything up to there, and its words."""
        if closed.code == 1006:
            lost = "The connection to the service was lost."
            self._to_app.put([error_event("server_error", "service_connection_lost", lost)])
            closed = Closed(_BROKEN, "the connection to the service was lost")
        await self._last_words()
        await self._app.close(sendable(closed.code), self._relay.shown(closed.reason))

    async def _finish(self, reading: asyncio.Task[None], closed: Closed) -> None:
        """The app has gone, or is sent away: the service is asked for the last bill."""
        if isinstance(closed, _Ours):
            if closed.__cause__ is not None:
                self._to_app.put([error_event("server_error", "gateway_error", "The gateway cannot go on.")])
            await self._last_words()
            await self._app.close(closed.code, closed.reason)
        if not self._relay.settled and not reading.done():
            await self._settle(reading)
        await self._service.close(1000, "")

    async def _last_words(self) -> None:
        """What waits for the app. One that does not read shall not keep us."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await self._to_app.flush()

    async def _settle(self, reading: asyncio.Task[None]) -> None:
        """Cancel what is being answered, and read on until whatever will be billed is over and written down."""
        self._settled = asyncio.Event()
        await self._carry(self._relay.leave(self._now()))
        with suppress(TimeoutError):  # a service that does not read tells no usage either
            async with asyncio.timeout(_SETTLE_S):
                await self._to_service.flush()
        settled = asyncio.create_task(self._settled.wait(), name="gateway: settled")
        await asyncio.wait((reading, settled), timeout=_SETTLE_S, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()


class _Ours(Closed):
    """We end it."""


def error_event(kind: str, code: str, message: str) -> bytes:
    """An `error` event as services send them."""
    error = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
    return msgspec.json.encode({"type": "error", "event_id": "event_gateway", "error": error})


def _ending(task: asyncio.Task[None]) -> Closed | None:
    """How this task ended the session, if it did. What broke it from within is the cause."""
    if not task.done() or task.cancelled():
        return None
    error = task.exception()
    if isinstance(error, Closed):
        return error
    broken = _Ours(_BROKEN, "gateway error")
    broken.__cause__ = error
    return broken
