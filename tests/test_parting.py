"""How a talk ends: the goodbye, the reason, the socket."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest
from playbook import counter

from laconic.actions import Action, BudgetEnded, Hangup, ToApp, ToService
from laconic.affording import Affording
from laconic.budget import Budget, Limit, limits
from laconic.conversation import Conversation
from laconic.gate import Gate
from laconic.laws import Laws
from laconic.meter import Meter
from laconic.parting import End, Parting, goodbye, not_enough, refusal, used_up
from laconic.rates import Rates, load
from laconic.spending import Account
from laconic.worst_case import Reading, Spend


class Ending:
    """A talk that is to end, and what was done about it."""

    def __init__(self, text: str = "$2", **options: Any) -> None:
        budget = Budget(limits=limits(text), **options)
        meter, conversation = Meter(Rates(name="m", text_in=10, text_out=20)), Conversation()
        self.account = Account(budget.limits, (), meter)
        reading = Reading(conversation, Laws())
        self.can = Affording(self.account, reading, conversation, meter, load(), Gate(counter(), 5.0))
        self.actions: deque[Action] = deque()
        self.parting = Parting(budget, self.account, counter(), self.actions)
        self.asked: list[dict[str, Any]] = []
        self.can_pay = True

    def begin(self, now: float = 0.0, *, close: bool = False, **options: Any) -> None:
        how: dict[str, Any] = {"unit": "nanodollars", "why": "It is over."} | options
        self.parting.begin(End(**how), now, close=close)

    def go_on(self, now: float, *, responding: bool = False, running: tuple[str, ...] = ()) -> list[Action]:
        def say(raw: str) -> bool:
            self.asked.append(json.loads(raw))
            return self.can_pay

        self.parting.wind_up(now, responding=responding, running=running, say=say)
        came = list(self.actions)
        self.actions.clear()
        return came


def told(action: Action) -> dict[str, Any]:
    assert isinstance(action, ToApp)
    return json.loads(action.raw)


def test_the_goodbye_waits_for_the_reply_under_way_and_reads_nothing_of_the_talk() -> None:
    ending = Ending()
    ending.begin()
    assert ending.go_on(1.0, responding=True) == []
    assert ending.go_on(2.0) == []
    [asked] = ending.asked
    assert asked["response"]["input"] == []
    assert "Goodbye" in asked["response"]["instructions"]
    assert ending.parting.state == "saying"
    assert ending.go_on(3.0, responding=True) == []
    ending.parting.said(4_000)
    ended, why = ending.go_on(5.0)
    assert ended == BudgetEnded("nanodollars", 0, 2_000_000_000, "It is over.")
    assert told(why)["error"]["code"] == "budget_exceeded"
    assert ending.go_on(6.0) == []
    assert ending.parting.deadline is None


def test_the_socket_is_closed_when_the_goodbye_can_have_been_heard() -> None:
    ending = Ending(end="close")
    ending.begin()
    ending.go_on(0.0)
    ending.parting.said(4_000)
    assert len(ending.go_on(5.0)) == 2
    assert ending.parting.deadline == 9.0
    assert ending.go_on(8.0) == []
    assert ending.go_on(9.0) == [Hangup(1008, "It is over.")]
    assert ending.go_on(10.0) == []


def test_a_socket_may_have_to_be_closed_whatever_the_budget_says() -> None:
    ending = Ending(goodbye=False)
    ending.begin(close=True)
    assert ending.go_on(0.0)[-1] == Hangup(1008, "It is over.")


@pytest.mark.parametrize("responding", [True, False])
def test_neither_a_reply_nor_the_goodbye_is_waited_for_for_ever(responding: bool) -> None:
    ending = Ending()
    ending.begin()
    ending.go_on(0.0, responding=responding)
    due = ending.parting.deadline
    assert due is not None
    assert due == (60.0 if responding else 20.0)
    assert ending.go_on(due - 1, responding=True) == []
    assert len(ending.go_on(due, responding=True)) == 2


def test_what_cannot_be_paid_is_not_said() -> None:
    ending = Ending()
    ending.can_pay = False
    ending.begin()
    assert len(ending.go_on(0.0)) == 2


@pytest.mark.parametrize("options", [{"goodbye": False}, {}])
def test_an_end_may_be_silent(options: dict[str, Any]) -> None:
    ending = Ending(**options)
    ending.begin(silent=not options)
    assert len(ending.go_on(0.0)) == 2
    assert ending.asked == []


def test_when_time_is_up_nothing_runs_on() -> None:
    ending = Ending("1 min")
    assert ending.parting.due_at is None
    ending.account.passed(0.0)
    assert ending.parting.due_at == 54.0
    assert ending.parting.deadline is None, "it has not begun"
    ending.begin(54.0, unit="ms")
    ending.go_on(54.0)
    assert ending.parting.deadline == 60.0
    cancel, ended, why = ending.go_on(60.0, responding=True, running=("r1",))
    assert isinstance(cancel, ToService)
    assert json.loads(cancel.raw) == {"type": "response.cancel", "event_id": "ours_2", "response_id": "r1"}
    assert isinstance(ended, BudgetEnded)
    assert told(why)["error"]["message"] == "It is over."


def test_the_goodbye_begins_at_most_ten_seconds_before_the_end_of_time() -> None:
    for goodbye_s, ending in ((10.0, Ending("30 min")), (0.0, Ending("30 min", goodbye=False))):
        ending.account.passed(100.0)
        assert ending.parting.due_at == 1_900.0 - goodbye_s


def test_what_the_goodbye_costs_is_kept_until_it_is_due_unless_it_is_too_dear() -> None:
    ending = Ending("$0.1, 9000 tokens")
    kept = ending.parting.kept(ending.can)
    assert kept.tokens > 20
    assert kept.nanodollars > 400
    ending.begin()
    assert ending.parting.kept(ending.can) == Spend()
    for keeps_nothing in (Ending("$0.1, 1000 tokens"), Ending("$0.1", goodbye=False)):
        assert keeps_nothing.parting.kept(keeps_nothing.can) == Spend()


def test_a_refusal_names_the_event_it_refuses() -> None:
    event = told(refusal("No.", "e1", "ours_1"))
    assert event["event_id"] == "ours_1"
    assert event["error"]["event_id"] == "e1"
    assert event["error"]["message"] == "No."


def test_a_long_goodbye_gets_no_more_tokens_than_a_few_sentences_need() -> None:
    assert goodbye("Bye.")["max_output_tokens"] < 60
    assert goodbye("and so on " * 200)["max_output_tokens"] == 300


def test_why_it_ends_tells_what_was_too_little_from_what_is_used_up() -> None:
    account = Account(limits("$0.0040"), (), Meter(None))
    assert used_up(account, "nanodollars") == End(
        "nanodollars", "The budget of $0.0040 does not suffice for one reply."
    )
    account.estimate(Spend(1))
    assert used_up(account, "nanodollars") == End("nanodollars", "The budget of $0.0040 is used up.")


def test_what_is_refused_may_be_had_in_a_moment_where_others_hold_it() -> None:
    account = Account((), ["nanodollars"], Meter(None))
    account.leased("nanodollars", 0, last=False, of=Limit("nanodollars", 10**9, "day"))
    why = not_enough(account, "nanodollars", "this response", held=True)
    assert why == "What is left of the shared budget of $1/day is held by other sessions; try again in a moment."
    why = not_enough(account, "nanodollars", "this response", held=False)
    assert why == "What is left of the shared budget of $1/day does not suffice for this response."
