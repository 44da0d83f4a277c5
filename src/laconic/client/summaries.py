"""Summaries of a talk, made while it goes on.

A memory that folds asks for one now and then. A cheap text model writes it where there is one; else the realtime model
itself, in a response that stays outside the conversation. Nobody waits for either: what comes is handed to the
session, what does not come is told once, and then nothing is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from laconic import events as ev
from laconic.client.chat_endpoints import ChatEndpoint
from laconic.client.summarise import Summary, summarise
from laconic.errors import SummaryFailed
from laconic.items import Item, Wire
from laconic.session import MemoryTold, Notice, Session, Summarise
from laconic.summary_prompt import summary_instructions
from laconic.usage import Usage

__all__ = ["Summaries", "Writer", "written_by"]

Writer = Callable[[str, int], Awaitable[Summary]]
"""Makes a summary of a text, at most so many tokens long. Raises SummaryFailed."""

_PATIENCE_S = 30.0
"""How long the realtime model may take, in real seconds."""


class Summaries:
    """The summaries under way. `writer` makes them; None: the realtime model does, asked with `say`.

    `done` is called when the session was given one (or none) and may have something to do. `lang`: in which language
    to ask for it, and to tell that there is none.
    """

    def __init__(
        self,
        session: Session,
        *,
        writer: Writer | None,
        say: Callable[[Wire], None],
        tell: Callable[[Notice], None],
        done: Callable[[], None],
        now: Callable[[], float],
        lang: str = "en",
    ) -> None:
        self._session = session
        self._writer = writer or self._beside
        self._say, self._tell, self._done, self._now = say, tell, done, now
        self._lang = lang
        self._tasks: list[asyncio.Task[None]] = []
        self._told: set[str] = set()
        self._asks = 0
        self._asked: dict[str, asyncio.Future[Wire]] = {}  # of the realtime model, by the id of our message

    def ask(self, asked: Summarise) -> None:
        """Have this summary made. Returns at once."""
        self._tasks.append(asyncio.create_task(self._make(asked), name=f"talk: summary {asked.id}"))

    def read(self, event: ev.Event) -> bool:
        """Whether this event is about a summary that the realtime model writes, and of no interest to others."""
        match event:
            case ev.ResponseDone(response=response):
                metadata = cast(Wire, response.get("metadata") or {})
                asked = self._asked.get(metadata.get("laconic") or "")
                if asked is not None and not asked.done():
                    asked.set_result(response)
                return asked is not None
            case ev.Error(error=error):
                asked = self._asked.get(error.event_id or "")
                if asked is not None and not asked.done():
                    asked.set_exception(_refused(error.message))
                return asked is not None
            case _:
                return False

    async def close(self) -> None:
        """The talk is over: what is not there yet is not wanted any more."""
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _make(self, asked: Summarise) -> None:
        try:
            made = await self._writer(asked.text, asked.max_tokens)
        except SummaryFailed as error:
            sentence = error.say(self._lang)
            if sentence not in self._told:
                self._told.add(sentence)
                self._tell(MemoryTold(sentence))
            self._session.summarised(asked.id, None, self._now(), usage=error.usage, model=error.model)
        else:
            self._session.summarised(asked.id, made.text, self._now(), usage=made.usage, model=made.model)
        self._done()

    async def _beside(self, text: str, max_tokens: int) -> Summary:
        """A summary by the realtime model, in a response of its own. What it costs is on the meter as that."""
        self._asks += 1
        ask_id = f"laconic_summary_{self._asks}"
        asked = self._asked[ask_id] = asyncio.get_running_loop().create_future()
        said: Wire = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        wanted: Wire = {
            "conversation": "none",
            "output_modalities": ["text"],
            "instructions": summary_instructions(self._lang, max_tokens),
            "input": [said],
            "tools": [],
            "metadata": {"laconic": ask_id},
        }
        try:
            self._say({"type": "response.create", "event_id": ask_id, "response": wanted})
            async with asyncio.timeout(_PATIENCE_S):
                response = await asked
        except TimeoutError:
            raise SummaryFailed(
                f"no summary: the service wrote none within {_PATIENCE_S:g} s",
                ja=f"要約できません。サービスが{_PATIENCE_S:g}秒以内に要約を書きませんでした。",
            ) from None
        finally:
            del self._asked[ask_id]
        items = [Item.from_wire(wire) for wire in response.get("output") or ()]
        words = " ".join(item.text for item in items if item.text)
        if response.get("status") != "completed" or not words.strip():
            raise SummaryFailed(
                f"no summary: the service's own ended as {response.get('status') or 'nothing'}",
                ja="要約できません。サービス自身の要約が最後まで書かれませんでした。",
            )
        return Summary(words, Usage(), self._session.conversation.model or "")


def written_by(chat: ChatEndpoint, lang: str = "en") -> Writer:
    """Summaries by the text model at this endpoint."""

    async def write(text: str, max_tokens: int) -> Summary:
        instructions = summary_instructions(lang, max_tokens)
        return await summarise(chat, text=text, instructions=instructions, max_tokens=max_tokens)

    return write


def _refused(said: str) -> SummaryFailed:
    return SummaryFailed(
        f"no summary: the service refused to write one ({said})",
        ja=f"要約できません。サービスに断られました（{said}）。",
    )
