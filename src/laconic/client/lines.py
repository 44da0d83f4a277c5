"""The two ways of standing between an app and its open connection: among tasks of asyncio, and among threads.

Both do the same. What the app asks to receive is read from the connection, goes over the desk, and is given to the app
if it is the app's; what the app sends goes over the desk, and leaves in the order in which the session decided. What is
ours to send in between, deadlines and summaries never make the app wait.

A deadline counts once the app has waited for the service a moment in vain: what is to come by then may have come long
ago and be waiting to be received, since nobody here receives but when the app does.

asyncio: timers and short tasks of the running loop; all calls from that loop, as with the connection itself. Receiving
may be cancelled without loss. Threads: any thread may send, and one receive, as with the connection itself; a summary
is written by a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from laconic.actions import Summarise
from laconic.client.desk import Desk
from laconic.client.summaries import Writer
from laconic.client.summarise import Summary
from laconic.errors import SummaryFailed
from laconic.events import Raw

__all__ = ["AsyncLine", "ThreadLine"]

Message = TypeVar("Message")

_MOMENT_S = 0.1
"""Nothing came for so long: then nothing is on its way that came before."""

_SLICE_S = 0.05
"""How long a thread waits for the service before it looks whether another one's sending has left it something."""


class AsyncLine:
    """`carry(raw, how)` sends to the service; `gone` is what it raises when the connection has ended."""

    def __init__(
        self,
        desk: Desk,
        carry: Callable[[Raw, object], Awaitable[None]],
        *,
        gone: tuple[type[Exception], ...],
        writer: Writer | None,
    ) -> None:
        self.desk = desk
        self._carry, self._gone, self._writer = carry, gone, writer
        self._pen = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Timeout | None = None
        self._waiting_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._overdue = False
        self._flushing: asyncio.Task[None] | None = None
        self._writing: set[asyncio.Task[None]] = set()
        if writer is not None:
            desk.written_elsewhere()

    async def next(self, read: Callable[[], Awaitable[Message]]) -> Message | None:
        """What `read` gives. None: there is something for the app without it, or it is to be hung up."""
        self._loop = asyncio.get_running_loop()
        self.stir()
        if self.desk.inbox or self.desk.hangup is not None:
            return None
        outer = self._waiting
        self._waiting_since = self._loop.time()
        if self._overdue:
            self._overdue, self._timer = False, self._loop.call_later(_MOMENT_S, self._tick)
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await read()
        except TimeoutError:
            if self._waiting is None or not self._waiting.expired():
                raise
            return None
        finally:
            self._waiting = outer

    def came(self, raw: Raw) -> None:
        """The service said this."""
        self.desk.from_service(raw)
        self.stir()

    async def send(self, raw: Raw, how: object) -> None:
        """The app says this. Returns when it has been sent, if it is to be."""
        self._loop = asyncio.get_running_loop()
        self.desk.from_app(raw, how)
        self.stir(flush=False)
        await self._flush()

    def stir(self, *, flush: bool = True) -> None:
        """Something may have come of something: see to it. Before anything was received or sent it can wait."""
        self.desk.tell()
        loop = self._loop
        if loop is None or self.desk.session.ended:
            return
        while self._writer is not None and self.desk.summaries:
            task = loop.create_task(
                self._summarise(self._writer, self.desk.summaries.popleft()), name="laconic summary"
            )
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        if flush and self.desk.outgoing and self._flushing is None:
            self._flushing = loop.create_task(self._flush_quietly(), name="laconic edits")
        wanted = self.desk.inbox or self.desk.hangup is not None
        if wanted and self._waiting is not None and self._waiting.when() is None:
            self._waiting.reschedule(loop.time())
        if self.desk.deadline != self._due:
            self._set_timer(loop, self.desk.deadline)

    def end(self) -> None:
        """The connection is closed."""
        self.desk.end()
        self.desk.tell()
        if self._timer is not None:
            self._timer.cancel()
        for task in self._writing:
            task.cancel()

    def _set_timer(self, loop: asyncio.AbstractEventLoop, due: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._overdue = due, False
        self._timer = None if due is None else loop.call_later(max(0.0, due - self.desk.now()), self._tick)

    def _tick(self) -> None:
        """The deadline has come: it counts if the app waits, and has for a moment."""
        assert self._loop is not None
        self._timer = None
        if self._waiting is None:
            self._overdue = True
        elif (left_s := self._waiting_since + _MOMENT_S - self._loop.time()) > 0:
            self._timer = self._loop.call_later(left_s, self._tick)
        else:
            self._due = None
            self.desk.tick()
            self.stir()

    async def _flush(self) -> None:
        async with self._pen:
            while self.desk.outgoing:
                await self._carry(*self.desk.outgoing.popleft())

    async def _flush_quietly(self) -> None:
        try:
            await self._flush()
        except self._gone:
            pass  # the app learns of it when it next receives or sends
        finally:
            self._flushing = None

    async def _summarise(self, writer: Writer, asked: Summarise) -> None:
        made = await _written(writer, asked)
        if not self.desk.session.ended:
            self.desk.summarised(asked, made)
            self.stir()


class ThreadLine:
    """The same among threads. `gone` as above."""

    def __init__(
        self,
        desk: Desk,
        carry: Callable[[Raw, object], None],
        *,
        gone: tuple[type[Exception], ...],
        writer: Writer | None,
    ) -> None:
        self.desk = desk
        self._carry, self._gone, self._writer = carry, gone, writer
        self._pen = threading.Lock()
        if writer is not None:
            desk.written_elsewhere()

    def came(self, raw: Raw) -> None:
        """The service said this."""
        self.desk.from_service(raw)
        self.stir()

    def send(self, raw: Raw, how: object) -> None:
        """The app says this. Returns when it has been sent, if it is to be."""
        self.desk.from_app(raw, how)
        with self._pen:
            self._flush()
        self.stir()

    def wait_s(self, left_s: float | None) -> float:
        """How long to wait for the service at most, of the time the app has left."""
        return _SLICE_S if left_s is None else max(0.0, min(_SLICE_S, left_s))

    def idle(self) -> None:
        """Nothing came while the app waited."""
        self.desk.tick()
        self.stir()

    def stir(self) -> None:
        """Something may have come of something: see to it."""
        self.desk.tell()
        while self._writer is not None and self.desk.summaries:
            args = (self._writer, self.desk.summaries.popleft())
            threading.Thread(target=self._summarise, args=args, name="laconic summary", daemon=True).start()
        # Whoever is sending already sends ours too; nobody who receives waits for one who is held up sending.
        while self.desk.outgoing and self._pen.acquire(blocking=False):
            try:
                self._flush()
            except self._gone:
                pass  # the app learns of it when it next receives or sends
            finally:
                self._pen.release()

    def end(self) -> None:
        """The connection is closed."""
        self.desk.end()
        self.desk.tell()

    def _flush(self) -> None:
        while self.desk.outgoing:
            self._carry(*self.desk.outgoing.popleft())

    def _summarise(self, writer: Writer, asked: Summarise) -> None:
        made = asyncio.run(_written(writer, asked))
        if not self.desk.session.ended:
            self.desk.summarised(asked, made)
            self.stir()


async def _written(writer: Writer, asked: Summarise) -> Summary | SummaryFailed:
    try:
        return await writer(asked.text, asked.max_tokens)
    except SummaryFailed as error:
        return error
