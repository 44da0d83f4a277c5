"""Answers that we owe the app, because the service no longer holds what it asked about.

They must come when the service's own would have come: behind the answers to what the app asked before, before those to
what it asked after. So the service is asked all the same, under an event id of ours. It refuses, since it does not know
the item, and its refusal is the moment to give ours. A service that says nothing is not waited for beyond a deadline,
and after that not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from laconic import events as ev
from laconic.items import Wire

__all__ = ["Answer", "Owed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app is to be told, and what follows from it once it is."""

    event: Wire
    """In GA's spelling, without an event id."""
    then: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class _Question:
    event_id: str
    verb: str
    item_id: str
    answer: Answer
    until: float


_VERBS = {
    ev.ConversationItemDeleted: "delete",
    ev.ConversationItemTruncated: "truncate",
}


class Owed:
    """`give` tells the app. `ids` makes event ids."""

    def __init__(self, ids: Callable[[], str], patience_s: float, give: Callable[[Wire], None]) -> None:
        self._ids, self._patience_s, self._give = ids, patience_s, give
        self._questions: list[_Question] = []
        self._silent = False

    def __len__(self) -> int:
        return len(self._questions)

    def __contains__(self, item_id: object) -> bool:
        """Whether the service is being asked about this item."""
        return any(question.item_id == item_id for question in self._questions)

    @property
    def deadline(self) -> float | None:
        return min((question.until for question in self._questions), default=None)

    def ask(self, question: Wire, answer: Answer, now: float) -> Wire | None:
        """The message to send, about one item; its answer will be ours. None if the answer was given at once."""
        if self._silent and not self._questions:
            self._tell(answer)
            return None
        event_id = self._ids()
        verb = question["type"].rpartition(".")[2]
        until = now + (0.0 if self._silent else self._patience_s)
        self._questions.append(_Question(event_id, verb, question["item_id"], answer, until))
        return question | {"event_id": event_id}

    def read(self, event: ev.Event) -> bool:
        """Whether this event of the service answers a question of ours; then the app has been told."""
        question = self._answered(event)
        if question is None:
            return False
        self._silent = False
        self._questions.remove(question)
        self._tell(question.answer)
        return True

    def expire(self, now: float) -> None:
        """Wait no longer for what the service does not say."""
        for question in [question for question in self._questions if question.until <= now]:
            self._silent = True
            self._questions.remove(question)
            self._tell(question.answer)

    def _answered(self, event: ev.Event) -> _Question | None:
        match event:
            case ev.Error(error=error) if error.event_id is not None:
                return next((one for one in self._questions if one.event_id == error.event_id), None)
            case ev.Error(error=error):
                quoted = (one for one in self._questions if one.item_id in error.message)
                return next((one for one in quoted if f"item_{one.verb}" in (error.code or "")), None)
            case ev.ConversationItemRetrieved(item=item):
                return self._about("retrieve", item.get("id"))
            case ev.ConversationItemDeleted(item_id=item_id) | ev.ConversationItemTruncated(item_id=item_id):
                return self._about(_VERBS[type(event)], item_id)
            case _:
                return None

    def _about(self, verb: str, item_id: str | None) -> _Question | None:
        return next((one for one in self._questions if (one.verb, one.item_id) == (verb, item_id)), None)

    def _tell(self, answer: Answer) -> None:
        self._give(answer.event)
        answer.then()
