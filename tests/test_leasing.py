"""Asking for more of what is shared."""

from __future__ import annotations

from laconic.actions import Lease
from laconic.budget import limits
from laconic.leasing import Leasing
from laconic.meter import Meter
from laconic.spending import Account


def shared(*, last: bool = False) -> tuple[Account, Leasing]:
    account = Account(limits("30 min"), ["tokens"], Meter(None))
    account.leased("tokens", 100, last=last)
    return account, Leasing(account, 5.0)


def test_more_is_asked_for_once_when_too_little_is_left() -> None:
    _, leasing = shared()
    assert leasing.ask({"tokens": 100, "ms": 10**9, "nanodollars": 5}, 0.0) == []
    assert leasing.ask({"tokens": 101}, 0.0) == [Lease("tokens", 101)]
    assert leasing.awaited
    assert leasing.deadline == 5.0
    assert leasing.ask({"tokens": 101}, 1.0) == []


def test_after_some_came_a_second_must_pass_and_after_a_no_longer() -> None:
    account, leasing = shared()
    leasing.ask({"tokens": 500}, 0.0)
    account.leased("tokens", 50, last=False)
    leasing.answered("tokens", 50, 0.1)
    assert leasing.ask({"tokens": 500}, 0.5) == []
    assert leasing.ask({"tokens": 500}, 1.2) == [Lease("tokens", 500)]
    leasing.answered("tokens", 0, 1.3)
    assert leasing.ask({"tokens": 500}, 6.0) == []
    assert leasing.ask({"tokens": 500}, 6.4) == [Lease("tokens", 500)]


def test_what_comes_unasked_is_no_answer() -> None:
    _, leasing = shared()
    leasing.answered("tokens", 100, 0.0)
    assert leasing.ask({"tokens": 500}, 0.0) == [Lease("tokens", 500)]


def test_no_answer_is_a_no() -> None:
    _, leasing = shared()
    leasing.ask({"tokens": 500}, 0.0)
    leasing.expire(4.0)
    assert leasing.awaited
    leasing.expire(5.0)
    assert not leasing.awaited
    assert leasing.deadline is None


def test_where_there_will_never_be_more_nothing_is_asked() -> None:
    _, leasing = shared(last=True)
    assert leasing.ask({"tokens": 500}, 0.0) == []
