"""A budget inside a session: what goes through and what does not, the turns we ask for, the bills, the goodbye."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from limited_talk import CHEAP, VAD, Talk, usage

from laconic.actions import BudgetEnded, BudgetWarned, Charged, GiveBack, Hangup, Lease
from laconic.budget import Budget, limits
from laconic.errors import BadInput
from laconic.rates import load

# --- far and near ------------------------------------------------------------------------------------------------


def test_while_the_end_is_far_nothing_is_changed() -> None:
    talk = Talk("$2")
    talk.app("session.update", session={"type": "realtime", "instructions": "Be kind."})
    [update] = talk.accept()
    assert update["session"] == {"type": "realtime", "instructions": "Be kind."}
    talk.sound(500)
    talk.sound(20)
    talk.speaks("u1")
    talk.app("response.create", event_id="e1", response={"metadata": {"a": "b"}})
    talk.app("conversation.item.delete", item_id="u1")
    assert [message["type"] for message in talk.sent()] == [
        "input_audio_buffer.append",
        "input_audio_buffer.append",
        "response.create",
        "conversation.item.delete",
    ]
    assert talk.session.over is None
    account = talk.session.account
    assert account is not None
    assert account.left("nanodollars") < 1_800_000_000, "the reply's worst case is kept aside"
    talk.begins("r1")
    talk.ends("r1", usage(), 1_000)
    assert account.left("nanodollars") == 2_000_000_000 - 100 * 4_000 - 10 * 16_000 - 40 * 64_000


def test_with_less_than_three_worst_cases_left_we_ask_for_the_answer_to_a_turn() -> None:
    talk = Talk("$0.5")
    [update] = talk.accept()
    assert update["session"]["audio"]["input"]["turn_detection"]["create_response"] is False
    assert talk.told("session.updated") == []
    talk.speaks("u1")
    [create] = talk.sent("response.create")
    assert "response" not in create


def test_a_turn_is_not_answered_twice_nor_where_the_app_answers_itself() -> None:
    talk = Talk("$0.5", VAD | {"create_response": False})
    assert talk.accept() == []
    talk.speaks("u1")
    assert talk.sent("response.create") == []
    open_still = Talk("$0.5")
    open_still.speaks("u1")  # the update is on its way: the service answers this one itself
    assert open_still.sent("response.create") == []
    open_still.accept()


# --- what the service refuses ------------------------------------------------------------------------------------


def test_what_is_refused_by_the_service_frees_what_was_kept_for_it() -> None:
    talk = Talk("$0.2", None)
    talk.app("response.create")
    [create] = talk.sent("response.create")
    error = {"type": "invalid_request_error", "code": "invalid_value", "event_id": create["event_id"]}
    talk.service("error", error=error)
    [told] = talk.told()
    assert told["error"]["event_id"] is None, "the app had not named it"
    account = talk.session.account
    assert account is not None
    assert account.left("nanodollars") == 200_000_000


def test_the_service_may_refuse_an_answer_of_ours_because_another_runs() -> None:
    talk = Talk("$0.5")
    talk.accept()
    talk.speaks("u1")
    [create] = talk.sent("response.create")
    code = "conversation_already_has_active_response"
    talk.service("error", error={"type": "invalid_request_error", "code": code, "event_id": create["event_id"]})
    assert talk.told() == []


# --- what costs besides ------------------------------------------------------------------------------------------


def test_null_usage_is_spent_as_estimated() -> None:
    talk = Talk("$2")
    talk.begins("r1")
    talk.ends("r1", None, 1_000)
    account = talk.session.account
    assert account is not None
    assert account.spent("nanodollars") > 20 * 64_000
    assert account.spent("tokens") > 20
    talk.service("response.done", response={"id": "r2", "status": "cancelled", "output": [], "usage": None})
    assert account.spent("nanodollars") > 21 * 64_000, "even where nobody saw it begin"


def test_null_usage_of_a_response_beside_the_conversation_is_estimated_with_its_sound() -> None:
    talk = Talk("$2")
    talk.app("response.create", response={"conversation": "none", "input": []})
    talk.service("response.created", response={"id": "r1", "conversation_id": None})
    item = {"id": "x", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    talk.service("response.output_item.added", response_id="r1", item=item)
    sound = base64.b64encode(bytes(48_000)).decode()
    talk.service("response.output_audio.delta", response_id="r1", item_id="x", content_index=0, delta=sound)
    content = [{"type": "output_audio", "transcript": "Yes."}]
    output = [item | {"status": "completed", "content": content}]
    response = {"id": "r1", "conversation_id": None, "status": "completed", "output": output, "usage": None}
    talk.service("response.done", response=response)
    account = talk.session.account
    assert account is not None
    assert account.spent("nanodollars") > 20 * 64_000


def test_a_commit_that_could_not_be_written_down_is_refused() -> None:
    talk = Talk("$0.02", None, transcription="gpt-realtime-whisper")
    talk.sound(100_000)
    talk.app("input_audio_buffer.commit", event_id="e1")
    assert talk.sent("input_audio_buffer.commit") == []
    assert talk.told()[0]["error"]["event_id"] == "e1"
    talk.app("input_audio_buffer.clear")
    talk.sound(1_000)
    talk.app("input_audio_buffer.commit")
    assert len(talk.sent("input_audio_buffer.commit")) == 1


def test_messages_that_are_charged_one_by_one_are_refused_when_they_do_not_fit() -> None:
    table = load().merged('[models.talker]\nper_minute = "0.05"\nper_message = "0.004"')
    talk = Talk("$0.011", None, model="talker", rates=table)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    for n in range(4):
        talk.app("conversation.item.create", item=item, event_id=f"e{n}")
    assert len(talk.sent("conversation.item.create")) == 2
    assert [told["error"]["event_id"] for told in talk.told()] == ["e2", "e3"]
    free = Talk("$0.011", None)
    free.app("conversation.item.create", item=item)
    assert len(free.sent("conversation.item.create")) == 1


# --- the end -----------------------------------------------------------------------------------------------------


def until_the_end(**options: Any) -> Talk:
    """A talk whose caller has said something that can no longer be answered."""
    talk = Talk(Budget(limits=limits("$1"), **options), transcription="whisper-1")
    talk.accept()
    talk.spend(0.978 if options.get("goodbye", True) else 0.988)
    talk.accept()
    talk.came.clear()
    talk.speaks("u1")
    return talk


def test_the_end_is_a_goodbye_that_was_paid_for_in_advance() -> None:
    talk = until_the_end()
    account = talk.session.account
    assert account is not None
    update, create = talk.sent()
    assert update["session"]["audio"]["input"] == {"turn_detection": None, "transcription": None}
    assert create["response"]["input"] == []
    assert "Goodbye" in create["response"]["instructions"]
    assert talk.session.over == "The budget of $1.00 is used up."
    talk.begins("bye")
    talk.ends("bye", usage(60, 0, 20, 90), 4_000)
    assert [charged.kind for charged in talk.take(Charged)] == ["goodbye"]
    [ended] = talk.take(BudgetEnded)
    assert (ended.unit, ended.limit) == ("nanodollars", 1_000_000_000)
    assert talk.told()[0]["error"]["message"] == talk.session.over
    assert account.spent("nanodollars") < 1_000_000_000
    talk.wait(100.0)
    assert talk.take(Hangup) == []


def test_after_the_end_nothing_is_sent_that_bills() -> None:
    talk = until_the_end(goodbye=False)
    talk.accept()
    talk.came.clear()
    talk.sound(1_000)
    talk.app("input_audio_buffer.commit")
    talk.app("response.create", event_id="e1")
    assert [told["error"]["code"] for told in talk.told()] == ["budget_exceeded"] * 2
    assert talk.sent() == []
    talk.speaks("u9")
    assert talk.sent() == []
    talk.app("conversation.item.delete", item_id="u1")
    sound = {"turn_detection": VAD, "transcription": {"model": "whisper-1"}}
    talk.app("session.update", session={"type": "realtime", "audio": {"input": sound}})
    delete, update = talk.sent()
    assert delete["type"] == "conversation.item.delete"
    assert update["session"]["audio"]["input"] == {"turn_detection": None, "transcription": None}
    assert talk.session.deadline is None or talk.session.deadline > talk.now


def test_the_socket_can_be_closed_at_the_end() -> None:
    talk = until_the_end(goodbye=False, end="close")
    [hangup] = talk.take(Hangup)
    assert (hangup.code, hangup.reason) == (1008, talk.session.over)


def test_a_goodbye_the_service_refuses_is_not_waited_for() -> None:
    talk = until_the_end()
    create = talk.sent("response.create")[0]
    talk.service("error", error={"type": "invalid_request_error", "code": "x", "event_id": create["event_id"]})
    assert len(talk.take(BudgetEnded)) == 1


# --- services that do not play along -----------------------------------------------------------------------------


def test_a_service_that_answers_although_it_should_not_has_no_gate() -> None:
    talk = Talk("$0.7")
    talk.accept()
    for n in range(2):
        talk.begins(f"r{n}")
        talk.ends(f"r{n}", usage())
    assert talk.session.over is None
    talk.spend(0.2)
    assert talk.session.over is not None


def test_a_model_priced_in_another_currency_is_refused_at_once() -> None:
    with pytest.raises(BadInput, match="in CNY") as refused:
        Talk("$2", model="qwen-omni-turbo-realtime")
    assert "トークン" in refused.value.say("ja")
    assert Talk("9000 tokens", model="qwen-omni-turbo-realtime").session.over is None


# --- the rest of the engine --------------------------------------------------------------------------------------


def test_near_the_end_nothing_is_done_that_is_no_reply() -> None:
    near, far = Talk("$0.5"), Talk("$5")
    for talk, frugal in ((near, True), (far, False)):
        assert talk.session._limiting.near == frugal  # pyright: ignore[reportPrivateUsage]


def test_what_is_leased_may_be_spent_at_once() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"})), None)
    talk.app("response.create")
    talk.leased("nanodollars", 290_000_000)
    assert len(talk.sent("response.create")) == 1
    talk.begins("r1")
    talk.ends("r1", usage(0, 0, 17_800, 0))
    assert talk.session.over is None
    talk.leased("nanodollars", 0, last=True)
    assert talk.take(BudgetWarned) == [BudgetWarned("nanodollars", 284_800_000, 290_000_000)]


def test_who_is_pressed_gives_back_and_asks_for_it_again_when_a_response_needs_it() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"})), None, **CHEAP)
    talk.take(Lease)
    talk.leased("nanodollars", 30_000_000)
    for _ in range(3):
        talk.pressed("nanodollars")
    given = sum(gift.amount for gift in talk.take(GiveBack))
    account = talk.session.account
    assert account is not None
    assert account.limit("nanodollars") == 30_000_000 - given
    assert talk.take(Lease) == [], "whoever needs it shall have it before"
    talk.wait(1.5)
    talk.app("response.create")
    [lease] = talk.take(Lease)
    assert lease.urgent
    talk.leased("nanodollars", given)
    assert len(talk.sent("response.create")) == 1


def test_sound_does_not_pass_while_others_hold_what_its_writing_down_may_cost() -> None:
    talk = Talk(Budget(shared=frozenset({"nanodollars"})), transcription="gpt-realtime-whisper", **CHEAP)
    talk.leased("nanodollars", 0)
    talk.sound(500)
    talk.sent()
    talk.sound(500)
    assert talk.sent() == []
    talk.wait(1.0)
    talk.sound(500)
    talk.leased("nanodollars", 100_000_000)
    talk.sound(500)
    assert len(talk.sent("input_audio_buffer.append")) == 1


def test_what_is_written_down_is_billed() -> None:
    talk = Talk("$2", transcription="whisper-1")
    talk.speaks("u1")
    done = "conversation.item.input_audio_transcription.completed"
    talk.service(done, item_id="u1", transcript="Hi", usage={"type": "duration", "seconds": 2})
    account = talk.session.account
    assert account is not None
    assert account.left("nanodollars") == 2_000_000_000 - 200_000


def test_an_answer_the_engine_wishes_for_is_limited_too_and_refused_without_a_word() -> None:
    talk = until_the_end(goodbye=False)
    talk.came.clear()
    limiting = talk.session._limiting  # pyright: ignore[reportPrivateUsage]
    assert not limiting.ours(json.dumps({"type": "response.create"}), talk.now)
    short = {"max_output_tokens": 1}
    assert not limiting.at_once(json.dumps({"type": "response.create", "response": short}), talk.now)
    assert list(talk.session.actions()) == []


def test_laws_learned_are_laws_reckoned_with() -> None:
    talk = Talk("$2", None)
    talk.speaks("u1", 0, 60_000)
    limiting = talk.session._limiting  # pyright: ignore[reportPrivateUsage]
    assert limiting.laws == talk.session.laws


@pytest.mark.parametrize("budget", ["$2", "20000 tokens", "30 min", "$2, 20000 tokens, 30 min"])
def test_a_budget_of_any_kind_lets_a_talk_begin(budget: str) -> None:
    talk = Talk(budget)
    talk.accept()
    talk.speaks("u1")
    talk.app("response.create", response={"max_output_tokens": 20})
    assert len(talk.sent("response.create")) >= 1


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage",
        b'{"type":"response.create","x":NaN}',
        b'{"type":"response.create","event_id":5}',
        b'{"type":"response.create","response":{"tools":["f"]}}',
        b'{"type":"session.update","session":5}',
    ],
)
def test_what_cannot_be_read_cannot_be_reckoned_and_does_not_reach_a_service_that_might_read_it(raw: bytes) -> None:
    talk = Talk("$1")
    talk.accept()
    talk.session.from_app(raw, talk.now)
    talk.came += talk.session.actions()
    assert talk.sent() == []
    (error,) = talk.told()
    assert error["error"]["code"] == "invalid_value"
    assert "cannot be read" in error["error"]["message"]


def test_an_event_that_nobody_knows_yet_passes_under_a_budget_too() -> None:
    talk = Talk("$1")
    talk.accept()
    talk.app("response.ponder", depth=3)
    assert [event["type"] for event in talk.sent()] == ["response.ponder"]


def test_a_response_that_waits_for_an_item_is_refused_aloud_where_it_cannot_be_paid() -> None:
    """The memory that selects holds it until the app's item has entered; it is the app's wish all the same."""
    talk = Talk("$0.01", detection=None, memory="select:1", max_output_tokens=400)
    talk.accept()
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello. " * 900}]}
    talk.app("conversation.item.create", item=item)
    talk.app("response.create", event_id="mine")
    assert talk.told() == [], "it waits"
    talk.service("conversation.item.added", item=item | {"status": "completed"})
    assert "response.create" not in [message["type"] for message in talk.sent()]
    assert [told["error"]["event_id"] for told in talk.told()][:1] == ["mine"]
