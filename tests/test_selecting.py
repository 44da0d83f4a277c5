"""Showing a response only the latest exchanges, without deleting anything."""

# A script is an expression until it is asserted.
# pyright: reportUnusedExpression=false

from __future__ import annotations

import json
from typing import Any

import pytest
from playbook import (
    Playbook,
    app,
    call,
    counter,
    heard,
    notice,
    reply_begins,
    reply_done,
    service,
    to_service,
    user_item,
    user_turn,
    wait,
)

from laconic.session import Charged, MemoryTold, Session, ToService

USAGE: dict[str, Any] = {"total_tokens": 2, "input_tokens": 1, "output_tokens": 1}


def script(*, create_response: bool = False) -> Playbook:
    detection = {"type": "server_vad", "create_response": create_response}
    settings = {"type": "realtime", "model": "gpt-realtime", "audio": {"input": {"turn_detection": detection}}}
    return Playbook(Session(memory="select:1", ids=counter())) >> service("session.created", session=settings)


def exchange(book: Playbook, n: int, previous: str | None) -> Playbook:
    book = user_turn(book, f"u{n}", previous)
    book = reply_begins(book, f"r{n}", f"a{n}", f"u{n}", 500) >> heard(f"a{n}", 500)
    for step in reply_done(f"r{n}", f"a{n}", usage=USAGE):
        book = book >> step
    return book << notice(Charged)


def references(*item_ids: str) -> dict[str, Any]:
    return {"input": [{"type": "item_reference", "id": item_id} for item_id in item_ids]}


def test_a_response_reads_the_latest_exchange_and_the_one_under_way() -> None:
    book = exchange(exchange(script(), 1, None), 2, "a1")
    book = (
        user_turn(book, "u3", "a2")
        >> app("response.create")
        << to_service("response.create", response=references("u2", "a2", "u3"))
    )
    assert book


def test_pinned_items_are_always_shown() -> None:
    book = exchange(exchange(script(), 1, None), 2, "a1")
    book = (
        book
        >> call("u1 is pinned", lambda session, _: session.pin("u1"))
        >> app("response.create", response={"metadata": {"topic": "x"}})
        << to_service("response.create", response=references("u1", "u2", "a2") | {"metadata": {"topic": "x"}})
    )
    assert book


def test_a_response_waits_for_the_turn_it_is_to_answer() -> None:
    """Push to talk: the app asks right after the commit, before the service has said which item that made."""
    book = exchange(exchange(script(), 1, None), 2, "a1")
    book = (
        book
        >> app("input_audio_buffer.commit")
        << to_service("input_audio_buffer.commit")
        >> app("response.create")
        >> service("input_audio_buffer.committed", item_id="u3", previous_item_id="a2")
        >> service("conversation.item.added", item=user_item("u3"), previous_item_id="a2")
        << to_service("response.create", response=references("u2", "a2", "u3"))
    )
    assert book


@pytest.mark.parametrize("refused", [True, False])
def test_a_response_does_not_wait_for_ever(refused: bool) -> None:
    """For a turn that is refused, or of which nobody says anything."""
    book = exchange(script(), 1, None) >> app("input_audio_buffer.commit") << to_service("input_audio_buffer.commit")
    book = book >> app("response.create")
    if refused:
        book = book >> service("error", error={"code": "input_audio_buffer_commit_empty", "message": "empty"})
    else:
        book = book >> wait(4.9) >> wait(0.2)
    assert book << to_service("response.create", response=references("u1", "a1"))


def test_what_the_app_selects_itself_stays_as_it_is() -> None:
    for response in ({"input": []}, {"conversation": "none"}):
        session = Session(memory="select:1", ids=counter())
        raw = json.dumps({"type": "response.create", "response": response})
        session.from_app(raw, 0.0)
        assert [action.raw for action in session.actions() if isinstance(action, ToService)] == [raw]


def test_where_the_service_answers_by_itself_it_says_once_that_it_cannot() -> None:
    book = script(create_response=True)
    settings = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
    (
        book
        >> service("session.updated", session=settings)
        << notice(MemoryTold)
        >> service("session.updated", session=settings)
    )
    assert book
    assert book.session.why()
    assert book.session.memory.name == "select:1"
