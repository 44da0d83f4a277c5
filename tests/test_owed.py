"""Answers of ours come when the service's own would have come."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import counter

from laconic import events as ev
from laconic.owed import Answer, Owed

Wire = dict[str, Any]
DELETED: Wire = {"type": "conversation.item.deleted", "item_id": "a"}


class Desk:
    def __init__(self) -> None:
        self.told: list[Wire] = []
        self.owed = Owed(counter(), 5.0, self.told.append)
        self.followed: list[str] = []

    def ask(self, verb: str = "delete", item_id: str = "a", answer: Wire = DELETED, now: float = 0.0) -> Wire | None:
        question = {"type": f"conversation.item.{verb}", "item_id": item_id}
        return self.owed.ask(question, Answer(answer, lambda: self.followed.append(item_id)), now)


def refusal(verb: str = "delete", item_id: str = "a", event_id: str | None = None) -> ev.Error:
    code, message = f"item_{verb}_invalid_item_id", f"Error: the item with id '{item_id}' does not exist."
    return ev.Error(error=ev.ErrorDetail(code=code, message=message, event_id=event_id))


def test_the_services_refusal_is_the_moment_to_answer() -> None:
    desk = Desk()
    assert desk.ask() == {"type": "conversation.item.delete", "item_id": "a", "event_id": "ours_1"}
    assert "a" in desk.owed
    assert desk.owed.deadline == 5.0
    assert desk.told == []
    assert desk.owed.read(refusal(event_id="ours_1"))
    assert desk.told == [DELETED]
    assert desk.followed == ["a"]
    assert "a" not in desk.owed
    assert desk.owed.deadline is None


def test_a_refusal_that_does_not_say_whom_it_answers_is_known_by_the_item_and_the_verb() -> None:
    desk = Desk()
    desk.ask()
    assert not desk.owed.read(refusal("retrieve"))
    assert not desk.owed.read(refusal("delete", "b"))
    assert not desk.owed.read(refusal(event_id="the app's"))
    assert desk.owed.read(refusal())
    assert not desk.owed.read(refusal()), "the next one is the app's own"


@pytest.mark.parametrize(
    ("verb", "event"),
    [
        ("delete", ev.ConversationItemDeleted(item_id="a")),
        ("truncate", ev.ConversationItemTruncated(item_id="a")),
        ("retrieve", ev.ConversationItemRetrieved(item={"id": "a"})),
    ],
)
def test_a_service_that_does_know_the_item_has_answered_too(verb: str, event: ev.Event) -> None:
    desk = Desk()
    desk.ask(verb)
    assert desk.owed.read(event)
    assert desk.told == [DELETED]


def test_what_is_about_something_else_is_the_apps() -> None:
    desk = Desk()
    desk.ask()
    assert not desk.owed.read(ev.ConversationItemDeleted(item_id="b"))
    assert not desk.owed.read(ev.ConversationItemTruncated(item_id="a"))
    assert not desk.owed.read(ev.Ping())
    assert desk.told == []


def test_a_silent_service_is_not_waited_for_beyond_the_deadline_and_then_not_at_all() -> None:
    desk = Desk()
    desk.ask(item_id="a")
    desk.owed.expire(4.9)
    assert desk.told == []
    desk.owed.expire(5.0)
    assert desk.told == [DELETED]
    assert desk.ask(item_id="b", now=6.0) is None
    assert desk.followed == ["a", "b"]


def test_answers_keep_their_order_even_then() -> None:
    """One that is still waited for goes first."""
    desk = Desk()
    desk.ask(item_id="a", now=0.0)
    desk.ask(item_id="b", now=1.0)
    desk.owed.expire(5.0)
    assert desk.ask(item_id="c", now=5.5) is not None
    desk.owed.expire(6.0)
    assert desk.followed == ["a", "b", "c"]


def test_a_service_that_speaks_again_is_waited_for_again() -> None:
    desk = Desk()
    desk.ask(item_id="a", now=0.0)
    desk.ask(item_id="b", now=1.0)
    desk.owed.expire(5.0)
    assert desk.owed.read(refusal(item_id="b"))
    assert desk.ask(item_id="c") is not None
    assert desk.owed.deadline == 5.0


def test_what_is_owed_is_counted() -> None:
    desk = Desk()
    desk.ask(item_id="a")
    desk.ask(item_id="b")
    assert len(desk.owed) == 2
    desk.owed.read(refusal(item_id="a"))
    assert len(desk.owed) == 1
