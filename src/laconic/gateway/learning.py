"""What sessions of the gateway learn about services, kept for those that come after (client/laws_file.py).

The file is read and written in another thread, so that nobody's sound waits for a disk, and written by one session at
a time: of many that end together each adds what it has learned, and none undoes another's entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from laconic.client.laws_file import load_laws, save_laws
from laconic.laws import Laws
from laconic.session import Session

__all__ = ["Learning"]


class Learning:
    """`tell` takes a sentence for the gateway's owner where something cannot be kept; each is told once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()
        self._writing = asyncio.Lock()

    async def laws(self, service: str, model: str) -> Laws | None:
        """What earlier sessions have learned of a model at a service; None if they have not."""
        return await asyncio.to_thread(load_laws, service, model)

    async def keep(self, service: str, model: str, session: Session) -> None:
        """A session has ended: what it has learned is kept, if it has learned anything."""
        if session.learned_from <= 0:
            return
        async with self._writing:
            wrong = await asyncio.to_thread(save_laws, service, model, session.laws, session.learned_from)
        if wrong is not None and wrong.sentence not in self._told:
            self._told.add(wrong.sentence)
            self._tell(wrong.sentence)
