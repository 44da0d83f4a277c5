"""What an attached connection gives beside what it always gave: `connection.laconic`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from laconic.client.desk import Desk
from laconic.conversation import Conversation
from laconic.meter import Meter
from laconic.session import Notice, Session

__all__ = ["Attached", "Line"]


class Line(Protocol):
    """Whoever carries messages to and from the desk."""

    @property
    def desk(self) -> Desk: ...

    def stir(self) -> None: ...


class Attached:
    """The engine under a connection. Call it from where the connection may be called: its event loop, or any thread."""

    def __init__(self, line: Line) -> None:
        self._line = line

    @property
    def session(self) -> Session:
        """The session itself: laws, alternatives, memory, and whatever else it knows. Not to be fed."""
        return self._line.desk.session

    @property
    def meter(self) -> Meter:
        """What it has cost, as it accrues."""
        return self.session.meter

    @property
    def conversation(self) -> Conversation:
        """What the service holds now."""
        return self.session.conversation

    def why(self) -> str:
        """Why the conversation is remembered the way it is, in a sentence."""
        with self._line.desk.lock:
            return self.session.why()

    def pin(self, item_id: str) -> bool:
        """Never forget this item, whatever the memory; also where its words have taken its place. False if it is not
        held: still to come, then it is pinned as it enters; or forgotten, or in a summary by now."""
        with self._line.desk.lock:
            return self.session.pin(item_id)

    def heard(self, item_id: str, ms: int, *, stopped: bool = False, content_index: int = 0) -> None:
        """The speaker has played so much of a reply; `stopped`: and will play no more of it.

        Then what was not heard is cut off without a word of the app's. An app that says nothing here and truncates by
        itself is understood as well.
        """
        self._line.desk.heard(item_id, ms, stopped=stopped, content_index=content_index)
        self._line.stir()

    def on_notice(self, listener: Callable[[Notice], None]) -> None:
        """Have `listener` called with every notice: what was forgotten, what a response cost, … (actions.py).

        It is called in the middle of the app's receiving or sending and has to return soon. What it raises comes out
        there.
        """
        self._line.desk.listeners.append(listener)

    def __repr__(self) -> str:
        return f"<laconic: {self.session.memory.name}, {len(self.conversation)} items held, {self.meter.total}>"
