"""Asking for more of what is shared."""

from __future__ import annotations

from collections import deque

import pytest

from laconic.actions import Action, Lease
from laconic.budget import Budget, limits
from laconic.leasing import Leasing
from laconic.meter import Meter
from laconic.spending import Account
from laconic.worst_case import Spend


class Borrower:
    """Tokens are shared with others, time is not; a hundred tokens have been leased."""

    def __init__(self, *, last: bool = False) -> None:
        self.account = Account(limits("30 min"), ["tokens"], Meter(None))
        self.account.leased("tokens", 100, last=last)
        self.actions: deque[Action] = deque()
        self.leasing = Leasing(self.account, self.actions, 5.0)

    def asks(self, worst: int, now: float, *, urgent: bool = False) -> list[Action]:
        """What is asked for where a response costs so many tokens at worst, and the least of one a quarter of it."""
        self.leasing.ask(Spend(1, worst), now, least=Spend(1, worst // 4) if urgent else None)
        asked = list(self.actions)
        self.actions.clear()
        return asked


def test_more_is_asked_for_once_when_less_than_five_worst_cases_are_left_and_up_to_seven() -> None:
    borrower = Borrower()
    assert borrower.asks(20, 0.0) == []
    assert not borrower.leasing.ask(Spend(0, 20), 0.0)
    assert borrower.asks(21, 0.0) == [Lease("tokens", 47)], "seven of them are enough"
    assert borrower.leasing.deadline == 5.0
    assert borrower.asks(21, 1.0) == []
    assert borrower.leasing.ask(Spend(0, 20), 1.0), "the answer is still to come"


def test_of_shared_time_there_should_be_a_minute() -> None:
    budget = Budget(shared=frozenset({"ms"}))
    actions: deque[Action] = deque()
    account = Account(budget.limits, budget.shared, Meter(None))
    assert Leasing(account, actions, 5.0).ask(Spend(), 0.0)
    assert list(actions) == [Lease("ms", 60_000)]


def test_after_some_came_a_second_must_pass_and_after_a_no_longer() -> None:
    borrower = Borrower()
    borrower.asks(100, 0.0)
    borrower.account.leased("tokens", 50, last=False)
    borrower.leasing.answered("tokens", 50, 0.1)
    assert borrower.asks(100, 0.5) == []
    assert borrower.asks(100, 1.2) == [Lease("tokens", 550)]
    borrower.leasing.answered("tokens", 0, 1.3)
    assert borrower.asks(100, 6.0) == []
    assert borrower.asks(100, 6.4) == [Lease("tokens", 550)]


def test_what_comes_unasked_is_no_answer() -> None:
    borrower = Borrower()
    borrower.leasing.answered("tokens", 100, 0.0)
    assert borrower.asks(100, 0.0) == [Lease("tokens", 600)]


def test_no_answer_is_a_no() -> None:
    borrower = Borrower()
    borrower.asks(100, 0.0)
    borrower.leasing.expire(4.0)
    assert borrower.leasing.deadline == 5.0
    borrower.leasing.expire(5.0)
    assert borrower.leasing.deadline is None
    assert not borrower.leasing.ask(Spend(0, 100), 5.0)


def test_where_there_will_never_be_more_nothing_is_asked() -> None:
    assert Borrower(last=True).asks(100, 0.0) == []


def test_where_something_waits_for_it_a_second_is_enough_after_a_no() -> None:
    borrower = Borrower()
    borrower.asks(100, 0.0)
    borrower.leasing.answered("tokens", 0, 0.1)
    assert borrower.asks(100, 1.0, urgent=True) == []
    assert borrower.asks(100, 1.1, urgent=True) == [Lease("tokens", 600, urgent=True, needs=25)]


def test_where_something_waits_for_it_a_last_lease_is_asked_about_again() -> None:
    """It may have been the last of yesterday."""
    borrower = Borrower(last=True)
    assert borrower.asks(100, 0.0, urgent=True) == [Lease("tokens", 600, urgent=True, needs=25)]
    borrower.account.leased("tokens", 50, last=False)
    borrower.leasing.answered("tokens", 50, 0.1)
    assert borrower.asks(100, 1.2) == [Lease("tokens", 550)]
    account = Account(limits("100 tokens"), ["tokens"], Meter(None))
    account.leased("tokens", 100, last=True)
    assert not Leasing(account, deque(), 5.0).ask(Spend(0, 100), 0.0, least=Spend(0, 1)), "its own limit is no day's"


def test_what_is_kept_is_said_and_needed_besides() -> None:
    leasing, actions = (borrower := Borrower()).leasing, borrower.actions
    leasing.ask(Spend(1, 100), 0.0, kept=Spend(9, 30), least=Spend(1, 25))
    assert list(actions) == [Lease("tokens", 600, urgent=True, needs=55, kept=30)]


def test_what_was_given_back_is_not_asked_for_at_once() -> None:
    """And even where something waits for it later than whoever was in need of it asks again."""
    borrower = Borrower()
    borrower.leasing.gave("tokens", 0.0)
    assert borrower.asks(100, 4.9) == []
    assert borrower.asks(100, 5.0) == [Lease("tokens", 600)]
    in_need = Borrower()
    in_need.leasing.gave("tokens", 0.0)
    assert in_need.asks(100, 1.4, urgent=True) == []
    assert in_need.asks(100, 1.5, urgent=True) == [Lease("tokens", 600, urgent=True, needs=25)]


def test_time_runs_out_by_itself_so_it_is_known_when_to_ask() -> None:
    actions: deque[Action] = deque()
    account = Account((), ["ms"], Meter(None))
    leasing = Leasing(account, actions, 5.0)
    assert leasing.more_time_at is None, "it has not begun"
    account.passed(0.0)
    assert leasing.more_time_at == -59.999
    assert leasing.ask_for_time(0.0, urgent=False)
    assert leasing.more_time_at is None, "an answer is to come"
    account.leased("ms", 90_000, last=False)
    leasing.answered("ms", 90_000, 0.1)
    at = leasing.more_time_at or 0.0
    assert at == pytest.approx(30.001)
    assert not leasing.ask_for_time(30.0, urgent=False)
    account.passed(at)
    assert leasing.ask_for_time(at, urgent=False)
    leasing.answered("ms", 0, at)
    assert leasing.more_time_at == at + 5.0
    account.leased("ms", 0, last=True)
    assert leasing.more_time_at is None
    assert leasing.ask_for_time(at + 1.0, urgent=True)
