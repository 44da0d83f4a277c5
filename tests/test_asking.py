"""Responses that are asked for: sent whole or capped, held, refused."""

from __future__ import annotations

import json

from limited_talk import CHEAP, Talk, usage

from laconic.actions import BudgetEnded, Lease
from laconic.budget import Budget, Limit

BOOK = "a very long book about the sea " * 2_000  # 14,000 tokens: $0.056
SHARED = Budget(shared=frozenset({"nanodollars"}))


def test_the_app_asks_and_gets_as_long_a_reply_as_is_left() -> None:
    talk = Talk("$0.2", None)
    talk.app("response.create", response={"instructions": "Sing."})
    [create] = talk.sent("response.create")
    assert create["response"]["instructions"] == "Sing."
    assert 2_000 < create["response"]["max_output_tokens"] < 3_000
    short = Talk("$0.2", None)
    short.app("response.create", event_id="e1", response={"max_output_tokens": 50})
    assert short.sent("response.create")[0]["response"] == {"max_output_tokens": 50}


def test_what_does_not_fit_beside_what_is_under_way_waits_for_its_bill() -> None:
    talk = Talk("$0.2", None)
    talk.app("response.create")
    talk.app("response.create", response={"conversation": "none"})
    talk.app("response.create", response={"conversation": "none", "metadata": {"second": "yes"}})
    assert len(talk.sent("response.create")) == 1
    talk.begins("r1")
    talk.ends("r1", usage(), 500)
    [create] = talk.sent("response.create")
    assert create["response"]["conversation"] == "none"
    talk.service("response.created", response={"id": "r2", "conversation_id": None})
    talk.ends("r2", usage(), conversation_id=None)
    assert talk.sent("response.create")[0]["response"]["metadata"] == {"second": "yes"}
    assert talk.told() == []


def at_once(talk: Talk, **own: int) -> bool:
    limiting = talk.session._limiting  # pyright: ignore[reportPrivateUsage]
    sent = limiting.at_once(json.dumps({"type": "response.create", "response": own}), talk.now)
    talk.came += talk.session.actions()
    assert len(talk.sent("response.create")) == sent
    return sent


def test_what_must_not_come_late_is_sent_at_once_or_not_at_all() -> None:
    talk = Talk("$0.2", None)
    talk.app("response.create")
    whole: int = talk.sent("response.create")[0]["response"]["max_output_tokens"]
    assert not at_once(talk), "what is under way keeps all of it aside"
    talk.begins("r1")
    talk.ends("r1", usage(), 500)
    talk.wait(11.0)
    assert talk.sent("response.create") == [], "nothing was held"
    assert at_once(talk)
    talk = Talk("$0.2", None)
    talk.app("response.create", response={"max_output_tokens": whole - 150})
    talk.sent("response.create")
    talk.app("response.create")
    assert not at_once(talk, max_output_tokens=20), "those who wait come first"
    talk = Talk("$0.2", None)
    talk.app("response.create", response={"max_output_tokens": whole - 150})
    talk.sent("response.create")
    assert at_once(talk, max_output_tokens=20), "nobody waits"


def test_no_more_than_eight_wait_and_none_for_ever() -> None:
    talk = Talk("$0.2", None)
    for n in range(11):
        talk.app("response.create", event_id=f"e{n}")
    [early, later] = talk.told()
    assert early["error"]["code"] == "budget_exceeded"
    assert [told["error"]["event_id"] for told in (early, later)] == ["e9", "e10"]
    talk.begins("r1")
    talk.wait(11.0)
    assert len(talk.told()) == 8
    assert talk.session.over is None, "what runs may cost less than its worst"


def test_of_turns_that_wait_only_the_latest_is_answered() -> None:
    talk = Talk("$0.27", max_output_tokens=4_096)
    talk.accept()
    talk.app("response.create", response={"conversation": "none"})
    talk.speaks("u1")
    talk.speaks("u2", 4_000)
    assert len(talk.sent("response.create")) == 1
    talk.service("response.created", response={"id": "r1", "conversation_id": None})
    talk.ends("r1", usage(), conversation_id=None)
    assert len(talk.sent("response.create")) == 1


def test_a_response_too_dear_is_refused_and_the_talk_goes_on_if_a_plain_one_is_not() -> None:
    talk = Talk("$0.05", None, **CHEAP)
    talk.app("response.create", event_id="e1", response={"instructions": BOOK})
    [told] = talk.told()
    assert told["error"]["event_id"] == "e1"
    assert "$0.0500" in told["error"]["message"]
    talk.app("response.create")
    assert len(talk.sent("response.create")) == 1


def test_for_very_little_money_no_goodbye_is_kept_aside() -> None:
    talk = Talk("$0.03", None, **CHEAP)
    talk.spend(0.025)
    talk.app("response.create")
    assert talk.sent("response.create") == []
    assert len(talk.take(BudgetEnded)) == 1


def test_what_waits_is_refused_when_the_end_comes() -> None:
    talk = Talk("$0.2, 0.2 min", None)
    talk.wait(5.0)
    talk.app("response.create")
    talk.begins("r1")
    talk.app("response.create", event_id="e1")
    talk.wait(6.5)
    assert talk.session.over == "The 0.2 min of this talk are over."
    assert [told["error"]["event_id"] for told in talk.told()] == ["e1"]


def test_a_turn_that_waits_is_dropped_without_a_word_and_after_the_end_nothing_waits() -> None:
    talk = Talk("$0.27, 0.2 min", max_output_tokens=4_096)
    talk.accept()
    talk.app("response.create", response={"conversation": "none"})
    talk.service("response.created", response={"id": "r1", "conversation_id": None})
    talk.speaks("u1")
    assert len(talk.sent("response.create")) == 1
    talk.wait(11.0)
    assert talk.session.over == "The 0.2 min of this talk are over."
    assert talk.told() == []
    talk.app("response.create", event_id="e1")
    assert [told["error"]["event_id"] for told in talk.told()] == ["e1"]


def test_what_is_asked_before_the_model_is_known_waits_for_that() -> None:
    talk = Talk("$2", model="our-deployment", begin=False)
    talk.app("response.create")
    talk.app("conversation.item.delete", item_id="none")
    assert talk.sent("response.create") == []
    talk.service("session.created", session=talk.settings | {"model": "gpt-realtime"})
    assert len(talk.sent("response.create")) == 1


def test_a_response_waits_for_the_lease_and_is_refused_when_there_is_no_more() -> None:
    talk = Talk(SHARED, None)
    [_] = talk.take(Lease)
    talk.app("response.create")
    assert talk.sent("response.create") == []
    talk.leased("nanodollars", 290_000_000)
    assert len(talk.sent("response.create")) == 1
    talk.begins("r1")
    talk.app("response.create", response={"conversation": "none"})
    talk.leased("nanodollars", 0, last=True)
    talk.ends("r1", usage(0, 0, 17_800), 500)
    assert talk.told()[0]["error"]["code"] == "budget_exceeded"


def test_where_nobody_answers_what_waits_is_refused_and_the_talk_goes_on() -> None:
    talk = Talk(SHARED, None)
    talk.app("response.create", event_id="e1")
    assert talk.told() == []
    talk.wait(9.0)
    assert talk.told() == []
    talk.wait(2.0)
    assert [told["error"]["event_id"] for told in talk.told()] == ["e1"]
    assert talk.session.over is None


def test_what_others_hold_is_asked_for_again_as_long_as_something_waits_for_it() -> None:
    talk = Talk(SHARED, None)
    talk.take(Lease)
    talk.leased("nanodollars", 0, of=Limit("nanodollars", 10**9, "day"))
    talk.app("response.create", event_id="e1")
    asked = 0
    for _ in range(9):
        talk.wait(1.0)
        leases = talk.take(Lease)
        assert all(lease.urgent for lease in leases)
        asked += len(leases)
        if leases:
            talk.leased("nanodollars", 0)
    assert asked >= 5
    talk.wait(1.1)
    [told] = talk.told()
    assert (told["error"]["event_id"], told["error"]["code"]) == ("e1", "budget_exceeded")
    assert told["error"]["message"] == (
        "What is left of the shared budget of $1/day is held by other sessions; try again in a moment."
    )
    talk.app("response.create", event_id="e2")
    talk.leased("nanodollars", 300_000_000)
    assert [create["event_id"] for create in talk.sent("response.create")] == ["e2"]
    assert talk.session.over is None


def waits_for_others(talk: Talk, seconds: float) -> None:
    """Time passes in which others give nothing back."""
    end = talk.now + seconds
    while talk.now < end:
        talk.wait(0.5)
        for _ in talk.take(Lease):
            talk.leased("nanodollars", 0)


def test_turns_that_others_leases_keep_waiting_are_told_of_within_a_minute_of_the_first() -> None:
    talk = Talk(SHARED, **CHEAP)
    talk.leased("nanodollars", 0, of=Limit("nanodollars", 10**9, "day"))
    talk.accept()
    talk.speaks("u1")
    waits_for_others(talk, 40)
    talk.speaks("u2", 41_000)
    waits_for_others(talk, 19)
    assert talk.told() == []
    waits_for_others(talk, 2)
    [told] = talk.told()
    assert (told["error"]["event_id"], told["error"]["code"]) == (None, "budget_exceeded")
    assert told["error"]["message"] == (
        "What is left of the shared budget of $1/day is held by other sessions; try again in a moment."
    )
    talk.speaks("u3", 62_000)
    waits_for_others(talk, 30)
    assert (talk.told(), talk.sent("response.create"), talk.session.over) == ([], [], None)
    talk.leased("nanodollars", 300_000_000)
    assert len(talk.sent("response.create")) == 1, "the last turn is answered"


def test_what_waits_behind_a_turn_is_refused_when_its_own_time_is_up() -> None:
    talk = Talk(SHARED, **CHEAP)
    talk.leased("nanodollars", 0, of=Limit("nanodollars", 10**9, "day"))
    talk.accept()
    talk.speaks("u1")
    talk.app("response.create", event_id="e1")
    talk.wait(9.9)
    assert talk.told() == []
    talk.now = 10.0
    talk.session.tick(talk.now)
    assert (talk.session.deadline or 0.0) > talk.now, "or whoever drives the session would never come to rest"
    talk.wait(1.0)
    assert [told["error"]["event_id"] for told in talk.told()] == ["e1"]
    talk.leased("nanodollars", 300_000_000)
    assert len(talk.sent("response.create")) == 1, "the turn goes on waiting"


def test_a_turn_with_which_the_talk_ends_is_told_of_by_the_end_alone() -> None:
    talk = Talk(SHARED, **CHEAP)
    talk.leased("nanodollars", 0, of=Limit("nanodollars", 10**9, "day"))
    talk.accept()
    talk.speaks("u1")
    talk.leased("nanodollars", 0, last=True)
    assert [told["error"]["message"] for told in talk.told()] == ["The shared budget of $1/day is used up."]


def test_it_ends_when_others_hold_nothing_any_more() -> None:
    talk = Talk(SHARED, None)
    talk.leased("nanodollars", 0)
    talk.app("response.create", event_id="e1")
    talk.wait(1.5)
    assert len(talk.take(Lease)) == 2
    talk.leased("nanodollars", 0, last=True, of=Limit("nanodollars", 10**9, "day"))
    assert talk.session.over == "The shared budget of $1/day is used up."


def test_it_does_not_end_with_yesterday_s_last_lease() -> None:
    talk = Talk(SHARED, None, **CHEAP)
    talk.leased("nanodollars", 50_000_000, last=True)
    talk.take(Lease)
    talk.spend(0.045)
    assert talk.take(Lease) == []
    talk.wait(60.0)
    talk.app("response.create", event_id="e1")
    [lease] = talk.take(Lease)
    talk.leased("nanodollars", lease.amount)
    assert [create["event_id"] for create in talk.sent("response.create")] == ["e1"]
    assert talk.session.over is None


def test_a_budget_too_small_for_a_reply_is_not_said_to_be_used_up() -> None:
    talk = Talk("$0.0040", None)
    talk.app("response.create")
    assert talk.session.over == "The budget of $0.0040 does not suffice for one reply."


def test_of_the_ids_given_to_what_came_without_one_the_latest_are_known() -> None:
    talk = Talk("$20", None, **CHEAP)
    for n in range(150):
        talk.app("response.create")
        talk.begins(f"r{n}")
        talk.ends(f"r{n}", usage())
    talk.app("response.create")
    event_id = talk.sent("response.create")[-1]["event_id"]
    talk.told()
    talk.service("error", error={"type": "invalid_request_error", "code": "no", "message": "no", "event_id": event_id})
    assert [told["error"]["event_id"] for told in talk.told()] == [None]
    named = talk.session._limiting._asking.named  # pyright: ignore
    assert len(named) == 100
