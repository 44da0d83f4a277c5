"""As the end of a budget comes nearer: warned, leased, capped, gated, ended."""

from __future__ import annotations

from itertools import pairwise

import pytest
from limited_talk import CHEAP, VAD, Talk, Wire

from laconic.actions import BudgetEnded, BudgetWarned, GiveBack, Hangup, Lease, ToService
from laconic.budget import Budget, Limit, limits


def test_a_turn_is_let_come_to_its_end_before_the_gate_closes_if_there_is_enough() -> None:
    talk = Talk("$1.2")
    talk.service("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    talk.spend(0.4)
    assert talk.sent("session.update") == []
    talk.spend(0.3)
    assert len(talk.sent("session.update")) == 1, "less than two worst cases"


def test_a_long_reply_of_a_large_model_is_capped_before_the_gate_is_closed() -> None:
    talk = Talk("$2", model="gpt-realtime-2.1")
    [update] = talk.accept()
    assert update["session"] == {"type": "realtime", "max_output_tokens": 4_096}
    talk.app("session.update", session={"type": "realtime", "instructions": "Be kind."})
    talk.accept()
    assert [told["session"]["max_output_tokens"] for told in talk.told("session.updated")] == ["inf"]
    talk.app("response.create")
    [create] = talk.sent("response.create")
    assert create["response"] == {"max_output_tokens": 4_096}


def test_a_caller_who_goes_on_speaking_until_even_the_writing_down_is_too_dear_is_stopped() -> None:
    talk = Talk(Budget(limits=limits("$0.02"), goodbye=False), transcription="gpt-realtime-whisper", **CHEAP)
    talk.accept()
    talk.service("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    for _ in range(200):
        talk.sound(500)
    assert talk.session.over is not None
    assert len(talk.sent("input_audio_buffer.append")) < 120


def test_the_user_is_warned_once_when_four_fifths_are_used() -> None:
    talk = Talk("$1, 30 min", **CHEAP)
    talk.spend(0.79)
    assert talk.take(BudgetWarned) == []
    talk.spend(0.02)
    assert talk.take(BudgetWarned) == [BudgetWarned("nanodollars", 810_000_000, 1_000_000_000)]
    talk.spend(0.01)
    assert talk.take(BudgetWarned) == []


def test_time_is_up_at_the_minute_and_the_goodbye_comes_before() -> None:
    talk = Talk("2 min")
    talk.wait(109.0)
    assert talk.session.over is None
    talk.wait(2.0)
    assert [create["response"]["input"] for create in talk.sent("response.create")] == [[]]
    talk.wait(9.5)
    assert [ended.unit for ended in talk.take(BudgetEnded)] == ["ms"]
    quick = Talk(Budget(limits=limits("1 min"), goodbye=False))
    quick.begins("r1")
    quick.wait(60.0)
    assert [cancel["response_id"] for cancel in quick.sent("response.cancel")] == ["r1"]


def minutes(granted: int, *, last: bool = False, text: str = "", begin: bool = True) -> Talk:
    """A talk that shares minutes with others, and was granted so many ms at its beginning."""
    own = limits(text) if text else ()
    talk = Talk(Budget(limits=own, shared=frozenset({"ms"}), goodbye=False), begin=begin)
    if begin:
        assert talk.take(Lease) == [Lease("ms", 60_000)]
        talk.leased("ms", granted, last=last, of=Limit("ms", 600_000, "day"))
    return talk


def test_of_shared_minutes_another_is_asked_for_before_the_last_is_over() -> None:
    talk = minutes(60_000)
    account = talk.session.account
    assert account is not None
    while talk.now < 500.0:
        talk.wait(1.0)
        for lease in talk.take(Lease):
            talk.leased(lease.unit, lease.amount)
        deadline = talk.session.deadline
        assert deadline is not None
        assert deadline > talk.now
        assert talk.session.over is None
        assert 59_000 < account.left("ms") <= 120_000
    while not talk.take(Lease):
        talk.wait(1.0)
    talk.leased("ms", 20_000, last=True, of=Limit("ms", 600_000, "day"))
    left = account.left("ms") / 1000
    talk.wait(left - 0.1)
    assert talk.session.over is None
    talk.wait(0.1)
    assert talk.take(Lease) == [Lease("ms", 60_000, urgent=True)], "a new day may have begun"
    talk.leased("ms", 0, last=True)
    assert talk.session.over == "The shared budget of 10 min/day is used up."
    talk.wait(10.0)
    assert talk.session.deadline is None


def test_a_talk_goes_on_where_a_new_day_of_minutes_has_begun() -> None:
    talk = minutes(30_000, last=True)
    talk.wait(30.0)
    assert talk.take(Lease) == [Lease("ms", 60_000, urgent=True)]
    assert talk.session.deadline == 35.0, "nothing is due before there is an answer"
    talk.leased("ms", 60_000)
    talk.wait(20.0)
    assert talk.session.over is None


def test_minutes_that_others_hold_pass_and_are_not_waited_for() -> None:
    talk = minutes(30_000)
    while talk.now < 29.0:
        talk.wait(0.5)
        for lease in talk.take(Lease):
            talk.leased(lease.unit, 0)
        assert talk.session.over is None
    talk.wait(1.5)
    talk.leased("ms", 0)
    assert talk.session.over is not None
    assert "of 10 min/day is held by other sessions" in talk.session.over


def test_a_database_that_does_not_answer_gives_no_minutes() -> None:
    talk = minutes(0, begin=False)
    talk.app("input_audio_buffer.clear")
    assert talk.take(Lease) == [Lease("ms", 60_000)]
    talk.wait(4.9)
    assert talk.session.over is None
    talk.wait(0.2)
    assert talk.session.over is not None


def test_minutes_of_its_own_end_a_talk_that_shares_others() -> None:
    talk = minutes(60_000, text="1 min")
    talk.wait(60.0)
    assert talk.session.over == "The 1 min of this talk are over."


def test_a_service_that_refuses_the_gate_is_left_a_little_earlier() -> None:
    talk = Talk("$0.7")
    [update] = talk.sent("session.update")
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "event_id": update["event_id"]}
    talk.service("error", error=error)
    assert talk.told() == []
    assert talk.session.over is None
    talk.spend(0.2)
    assert talk.session.over == "The budget of $0.7000 is used up."


def test_a_model_without_a_price_in_dollars_cannot_hold_a_budget_in_dollars() -> None:
    talk = Talk("$2", model="somebody-elses")
    assert talk.session.over is not None
    assert talk.session.over.startswith("somebody-elses has no price in dollars")
    talk.app("response.create")
    assert len(talk.told()) == 2
    tokens = Talk("50000 tokens", model="somebody-elses")
    tokens.app("response.create")
    assert len(tokens.sent("response.create")) == 1


def test_time_passes_too_while_a_service_does_not_say_which_model_it_is() -> None:
    """Else its end would be due for ever, and whoever waits for it would not wait at all."""
    talk = Talk("$2, 10 min", model="our-deployment", begin=False)
    talk.app("input_audio_buffer.clear")
    talk.wait(700)
    assert talk.session.over == "The 10 min of this talk are over."
    assert talk.session.deadline is None


def test_of_what_is_shared_more_is_asked_for_while_there_is_some_left() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"})), None, begin=False)
    talk.leased("nanodollars", 2_000_000_000)
    talk.service("session.created", session=talk.settings)
    assert talk.take(Lease) == []
    talk.spend(0.9)
    [lease] = talk.take(Lease)
    assert lease.unit == "nanodollars"
    assert 700_000_000 < lease.amount < 800_000_000
    talk.leased("nanodollars", lease.amount)
    assert talk.take(Lease) == []
    assert talk.take(BudgetWarned) == []


def test_where_others_hold_what_is_missing_it_is_deaf_until_they_give_it_back() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"})), transcription="gpt-realtime-whisper", **CHEAP)
    talk.accept()
    talk.leased("nanodollars", 0, of=Limit("nanodollars", 10**9, "day"))
    talk.accept()
    talk.service("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    for _ in range(8):
        talk.wait(0.5)
        talk.sound(500)
        for _lease in talk.take(Lease):
            talk.leased("nanodollars", 0)
    assert len(talk.sent("input_audio_buffer.append")) < 8
    [told] = talk.told()
    assert told["error"]["event_id"] is None
    assert "of $1/day is held by other sessions" in told["error"]["message"]
    assert talk.session.over is None
    talk.wait(1.0)
    talk.sound(500)
    [lease] = talk.take(Lease)
    assert lease.urgent
    assert talk.sent("input_audio_buffer.append") == []
    talk.leased("nanodollars", lease.amount)
    talk.sound(500)
    assert len(talk.sent("input_audio_buffer.append")) == 1
    assert talk.told() == []


def test_it_is_deaf_no_longer_when_there_is_nothing_any_more() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"})), transcription="gpt-realtime-whisper", **CHEAP)
    talk.leased("nanodollars", 0)
    talk.service("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    talk.sound(500)
    talk.wait(2.0)
    talk.sound(500)
    talk.wait(2.0)
    talk.sound(500)
    assert talk.session.over is None
    talk.leased("nanodollars", 0, last=True)
    assert talk.session.over == "The shared budget is used up."


def test_a_service_without_a_gate_is_not_left_where_others_hold_what_is_missing() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"})))
    talk.leased("nanodollars", 300_000_000)
    [update] = talk.sent("session.update")
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "event_id": update["event_id"]}
    talk.service("error", error=error)
    talk.wait(1.5)
    talk.take(Lease)
    talk.leased("nanodollars", 0)
    talk.sound(500)
    assert talk.sent("input_audio_buffer.append") == []
    assert talk.session.over is None
    talk.leased("nanodollars", 2_000_000_000)
    talk.sound(500)
    assert len(talk.sent("input_audio_buffer.append")) == 1


def test_half_of_what_can_be_spared_is_given_back_and_then_the_rest() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"}), goodbye=False), **CHEAP)
    talk.leased("nanodollars", 1_000_000_000)
    account = talk.session.account
    assert account is not None
    given: list[int] = []
    while True:
        talk.pressed("nanodollars")
        talk.accept()
        gifts = talk.take(GiveBack)
        if not gifts:
            break
        given += [gift.amount for gift in gifts]
    assert 450_000_000 < given[0] < 500_000_000, "the service may still answer by itself, twice"
    assert all(later < earlier for earlier, later in pairwise(given[:4]))
    assert account.left("nanodollars") == 1_000_000_000 - sum(given) == 0
    assert talk.session.over is None


def test_time_is_not_given_back_nor_anything_once_it_is_over() -> None:
    talk = Talk(Budget(limits=limits("10 min"), shared=frozenset({"ms", "nanodollars"})), None)
    talk.leased("ms", 60_000)
    talk.pressed("ms")
    talk.leased("nanodollars", 0, last=True)
    talk.app("response.create")
    assert talk.session.over is not None
    talk.pressed("nanodollars")
    assert talk.take(GiveBack) == []


# --- where the connection itself costs -------------------------------------------------------------------------------

GROK = "grok-voice-latest"
"""Eight cents a minute: a budget of 40 lasts five minutes."""


def hangs_up(talk: Talk, seconds: float = 600.0, said: list[str] | None = None) -> bool:
    """Wait for that, half a second at a time. `said`: what is said to the service meanwhile."""
    end = talk.now + seconds
    while talk.now < end:
        talk.wait(0.5)
        if said is not None:
            said += [str(action.raw) for action in talk.came if isinstance(action, ToService)]
        talk.accept()
        if talk.take(Hangup):
            return True
    return False


@pytest.mark.parametrize("detection", [None, VAD])
@pytest.mark.parametrize("goodbye", [True, False])
def test_silence_costs_too_and_is_ended_by_hanging_up(detection: Wire | None, goodbye: bool) -> None:
    talk = Talk(Budget(limits=limits("$0.4"), goodbye=goodbye), detection, model=GROK)
    assert not hangs_up(talk, 200.0)
    assert talk.session.over is None
    said: list[str] = []
    assert hangs_up(talk, said=said)
    assert 270.0 < talk.now < 300.5
    assert talk.session.over == "The budget of $0.4000 is used up."
    assert sum("response.create" in raw for raw in said) == goodbye
    assert talk.session.meter.nanodollars <= 400_000_000 + 700_000, "but for the half second in which we looked"
    assert talk.take(BudgetWarned) != []


def test_a_reply_is_waited_for_only_while_there_is_money() -> None:
    talk = Talk("$0.4", None, model=GROK)
    talk.app("response.create")
    talk.begins("r1")
    assert hangs_up(talk)
    assert 290.0 < talk.now < 300.5
    assert talk.session.meter.nanodollars <= 400_700_000
    assert talk.session.over == "The budget of $0.4000 is used up."


def shares_dollars(granted: int) -> Talk:
    talk = Talk(Budget(shared=frozenset({"nanodollars"}), goodbye=False), None, model=GROK)
    [lease] = talk.take(Lease)
    assert talk.session.over is None
    assert lease.amount > granted
    talk.leased("nanodollars", granted, of=Limit("nanodollars", 10**9, "day"))
    return talk


def test_of_shared_dollars_more_is_asked_for_before_time_has_used_them_up() -> None:
    talk = shares_dollars(80_000_000)
    while talk.now < 200.0:
        talk.wait(1.0)
        for lease in talk.take(Lease):
            talk.leased(lease.unit, 2_000_000)
    assert talk.session.over is None
    assert talk.session.account is not None
    assert talk.session.account.left("nanodollars") > 0


def test_dollars_that_others_hold_are_not_waited_for_while_time_uses_them_up() -> None:
    talk = shares_dollars(80_000_000)
    ended: list[float] = []
    while not ended and talk.now < 100.0:
        talk.wait(0.5)
        for lease in talk.take(Lease):
            talk.leased(lease.unit, 0)
        ended += [talk.now for _ in talk.take(Hangup)]
    assert 55.0 < ended[0] < 61.0
    assert talk.session.over is not None
    assert "of $1/day is held by other sessions" in talk.session.over
    assert talk.session.meter.nanodollars <= 80_700_000
