"""Responses asked for and responses that run, and what is kept aside for them."""

from __future__ import annotations

from laconic.budget import limits
from laconic.events import ErrorDetail
from laconic.meter import Meter
from laconic.spending import Account
from laconic.under_way import Create, UnderWay
from laconic.worst_case import Spend

LATE = "conversation_already_has_active_response"


def begun() -> tuple[Account, UnderWay]:
    account = Account(limits("1000 tokens"), (), Meter(None))
    return account, UnderWay(account)


def create(event_id: str, *, out_of_band: bool = False, kind: str = "app") -> Create:
    assert kind in ("app", "ours", "turn", "goodbye")
    return Create(raw="", kind=kind, until=0.0, event_id=event_id, out_of_band=out_of_band)


def test_the_worst_case_is_kept_aside_from_the_asking_to_the_bill() -> None:
    account, under_way = begun()
    assert not under_way
    under_way.ask(create("c1", kind="goodbye"), Spend(0, 300), 0.0)
    assert under_way
    assert account.left("tokens") == 700
    assert under_way.created({"id": "r1"}) == under_way.done("r1")
    assert account.left("tokens") == 1_000
    assert not under_way


def test_creates_are_answered_in_order_those_beside_the_conversation_apart() -> None:
    account, under_way = begun()
    under_way.ask(create("c1"), Spend(0, 100), 0.0)
    under_way.ask(create("c2", out_of_band=True), Spend(0, 200), 0.0)
    asked = under_way.created({"id": "r2", "conversation_id": None})
    assert asked is not None
    assert asked.event_id == "c2"
    assert under_way.running == ("r2",)
    assert under_way.kind("r2") == "app"
    assert under_way.kind("r1") is None
    under_way.done("r2")
    assert account.left("tokens") == 900
    assert under_way.created({"id": "r3", "conversation_id": None}) is None


def test_an_answer_nobody_asked_for_is_counted_as_well() -> None:
    account, under_way = begun()
    under_way.run("r1", create(""), Spend(0, 400))
    assert account.left("tokens") == 600


def test_an_error_that_names_the_event_ends_it() -> None:
    account, under_way = begun()
    under_way.ask(create("c1"), Spend(0, 100), 0.0)
    under_way.ask(create("c2"), Spend(0, 200), 0.0)
    assert under_way.failed(ErrorDetail(code="invalid_value", event_id="c9"), alone=True) is None
    ended = under_way.failed(ErrorDetail(code="invalid_value", event_id="c2"), alone=False)
    assert ended is not None
    assert ended.event_id == "c2"
    assert account.left("tokens") == 900


def test_an_error_without_a_name_is_about_the_oldest_if_only_what_was_asked_for_answers() -> None:
    """Else it may be about the answer to a turn, which nobody asked for."""
    _, under_way = begun()
    under_way.ask(create("aside", out_of_band=True), Spend(), 0.0)
    under_way.ask(create("c1"), Spend(), 0.0)
    assert under_way.failed(ErrorDetail(code=LATE), alone=False) is None
    ended = under_way.failed(ErrorDetail(code=LATE), alone=True)
    assert ended is not None
    assert ended.event_id == "c1"
    ended = under_way.failed(ErrorDetail(code="invalid_value", param="response.input"), alone=False)
    assert ended is not None
    assert ended.event_id == "aside"


def test_what_is_never_answered_is_given_up_after_ten_seconds() -> None:
    account, under_way = begun()
    under_way.ask(create("c1", kind="turn"), Spend(0, 100), 0.0)
    assert under_way.deadline == 10.0
    assert under_way.asked_by_us("c1")
    under_way.expire(9.0)
    assert account.left("tokens") == 900
    under_way.expire(10.0)
    assert account.left("tokens") == 1_000
    assert not under_way.asked_by_us("c1")
    assert under_way.deadline is None
