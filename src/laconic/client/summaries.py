"""Summaries of a talk, made while it goes on.

A memory that folds asks for one now and then. A cheap text model writes it where there is one; else the session has the
realtime model do it. Nobody waits for either: what comes is handed to the session, what does not come is told once, and
then nothing is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from laconic.client.chat_endpoints import ChatEndpoint
from laconic.client.summarise import Summary, summarise
from laconic.errors import SummaryFailed
from laconic.session import MemoryTold, Notice, Session, Summarise
from laconic.summary_prompt import summary_instructions

__all__ = ["Summaries", "Writer", "written_by"]

Writer = Callable[[str, int], Awaitable[Summary]]
"""Makes a summary of a text, at most so many tokens long. Raises SummaryFailed."""


class Summaries:
    """The summaries under way. `writer` makes them; None: the realtime model does.

    `done` is called when the session was given one (or none) and may have something to do. `lang`: in which language
    to ask for it, and to tell that there is none.
    """

    def __init__(
        self,
        session: Session,
        *,
        writer: Writer | None,
        tell: Callable[[Notice], None],
        done: Callable[[], None],
        now: Callable[[], float],
        lang: str = "en",
    ) -> None:
        self._session, self._writer = session, writer
        self._tell, self._done, self._now = tell, done, now
        self._lang = lang
        self._tasks: list[asyncio.Task[None]] = []
        self._told: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return not all(task.done() for task in self._tasks)

    def ask(self, asked: Summarise) -> None:
        """Have this summary made. Returns at once."""
        if self._writer is not None:
            self._tasks = [task for task in self._tasks if not _well_done(task)]
            self._tasks.append(asyncio.create_task(self._make(self._writer, asked), name=f"summary {asked.id}"))
            return
        instructions = summary_instructions(self._lang, asked.max_tokens)
        self._session.summarise_inside(asked.id, instructions, self._now())
        self._done()

    async def written(self) -> None:
        """Until none is being written any more."""
        if self.busy:
            await asyncio.wait(self._tasks)

    async def close(self, patience_s: float = 0.0) -> None:
        """The talk is over: what is not there yet is not wanted any more. It is waited for so long, for its bill; one
        that has not come by then is on the bill as unknown."""
        if patience_s and self.busy:
            await asyncio.wait(self._tasks, timeout=patience_s)
        for task in self._tasks:
            task.cancel()  # one that has not begun has cost nothing
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _make(self, write: Writer, asked: Summarise) -> None:
        try:
            made = await write(asked.text, asked.max_tokens)
        except SummaryFailed as error:
            sentence = error.say(self._lang)
            if sentence not in self._told:
                self._told.add(sentence)
                self._tell(MemoryTold(sentence))
            now, unreported = self._now(), error.unreported
            self._session.summarised(asked.id, None, now, usage=error.usage, model=error.model, unreported=unreported)
        except asyncio.CancelledError:
            self._session.summarised(asked.id, None, self._now(), unreported=True)  # whoever writes it goes on
            raise
        else:
            self._session.summarised(asked.id, made.text, self._now(), usage=made.usage, model=made.model)
        self._done()


def _well_done(task: asyncio.Task[None]) -> bool:
    """Whether there is nothing to come of it any more, not even an error."""
    return task.done() and not task.cancelled() and task.exception() is None


def written_by(chat: ChatEndpoint, lang: str = "en") -> Writer:
    """Summaries by the text model at this endpoint."""

    async def write(text: str, max_tokens: int) -> Summary:
        instructions = summary_instructions(lang, max_tokens)
        return await summarise(chat, text=text, instructions=instructions, max_tokens=max_tokens)

    return write
