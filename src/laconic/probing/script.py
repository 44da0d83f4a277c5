"""A conversation as a generator: it yields what to say and what to wait for, and gets what was heard.

    yield Say({"type": "response.create"})
    event = yield Listen(lambda event: isinstance(event, ResponseDone), within_s=30)  # None: it never came

`Running` drives one without a clock or a socket: messages go in by `receive`, time by `tick`, what to send comes out
of `outbox`, and `deadline` says when to come back. What is heard while the script waits for something else is noted
all the same (notes.py), and the script never sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from laconic import events as ev
from laconic.items import Wire
from laconic.probing.notes import Notes

__all__ = ["Listen", "Running", "Say", "Script", "pause"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Say:
    """Send this, in GA's spelling."""

    event: Wire


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for an event, so many seconds at most."""

    until: Callable[[ev.Event], bool]
    within_s: float


Script = Generator[Say | Listen, ev.Event | None, T]


def pause(seconds: float) -> Script[None]:
    """Let time pass."""
    if seconds > 0:
        yield Listen(lambda event: False, seconds)


class Running(Generic[T]):
    """One script under way. `start` it; it is over when `over` is True, and then `result` is what it returned."""

    def __init__(self, script: Script[T], notes: Notes) -> None:
        self.over = False
        self.result: T | None = None
        self.deadline: float | None = None
        self._script, self._notes = script, notes
        self._listening: Listen | None = None
        self._outbox: list[str] = []

    def start(self, now: float) -> None:
        """Say what the script begins with."""
        self._go_on(None, now)

    def receive(self, raw: ev.Raw, now: float) -> None:
        """A message from the service."""
        event = self._notes.heard(raw, now)
        if self._listening is not None and self._listening.until(event):
            self._go_on(event, now)

    def tick(self, now: float) -> None:
        """The deadline may have passed."""
        if self.deadline is not None and self.deadline <= now:
            self._notes.at(now)
            self._go_on(None, now)

    def outbox(self) -> list[str]:
        """Messages to send, in order; taken by asking."""
        messages, self._outbox = self._outbox, []
        return messages

    def _go_on(self, heard: ev.Event | None, now: float) -> None:
        self._notes.at(now)
        try:
            step = self._script.send(heard)
            while isinstance(step, Say):
                self._outbox.append(self._notes.said(step.event, now))
                step = next(self._script)
        except StopIteration as returned:
            self.over, self.result = True, returned.value
            self._listening = self.deadline = None
            return
        self._listening, self.deadline = step, now + step.within_s
