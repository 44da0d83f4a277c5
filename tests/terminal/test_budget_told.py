"""What a caller is told of a budget: what is left, that it runs out, that it is used up."""

from __future__ import annotations

import json

import pytest
from playbook import counter

from laconic.actions import BudgetEnded, BudgetWarned
from laconic.conversation import Conversation
from laconic.session import Session
from laconic.terminal.bill import Bill
from laconic.terminal.page import Page
from laconic.terminal.words import Language, Words


def page(lang: Language = "en") -> Page:
    return Page(Conversation(), Words(lang))


@pytest.mark.parametrize(
    ("lang", "warned", "ended"),
    [
        ("en", "$1.60 of the budget of $2.00 are used", "the budget of $2.00 is used up"),
        ("ja", "予算$2.00のうち$1.60を使いました", "予算$2.00を使い切りました"),
    ],
)
def test_the_warning_and_the_end_are_told_in_the_callers_language(lang: Language, warned: str, ended: str) -> None:
    told = page(lang)
    told.notice(BudgetWarned("nanodollars", 1_600_000_000, 2_000_000_000))
    told.notice(BudgetEnded("nanodollars", 1_990_000_000, 2_000_000_000, "used up"))
    first, second = (line.words for line in told.lines)
    assert warned in first
    assert ended in second


def test_the_bill_says_what_is_left_of_the_tightest_limit() -> None:
    session = Session(ids=counter(), budget="$2, 30 min", model="gpt-realtime")
    session.from_service(json.dumps({"type": "session.created", "session": {"model": "gpt-realtime"}}), 0.0)
    session.from_service(json.dumps({"type": "rate_limits.updated", "rate_limits": []}), 600.0)
    assert "20 min left" in Bill(session, Words("en"), lambda: 600.0).money()
    assert "left" not in Bill(Session(ids=counter()), Words("en"), lambda: 0.0).money()
