"""A budget inside a session: what is asked for, capped, held, refused; the gate, the leases, the end."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from playbook import counter

from laconic.actions import BudgetEnded, BudgetWarned, Charged, Hangup, Lease, ToApp, ToService
from laconic.budget import Budget, limits
from laconic.errors import BadInput
from laconic.rates import load
from laconic.session import Session

Wire = dict[str, Any]
VAD: Wire = {"type": "server_vad", "create_response": True}
BOOK = "a very long book about the sea " * 2_000  # 14,000 tokens: $0.056
CHEAP: Wire = {"max_output_tokens": 100}
"""A reply of this length costs $0.0064 at most on gpt-realtime."""


def usage(text_in: int = 100, audio_in: int = 0, text_out: int = 10, audio_out: int = 40) -> Wire:
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {"text_tokens": text_in, "audio_tokens": audio_in},
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


class Talk:
    """A session with a budget, and both ends of it in the hand of the test."""

    def __init__(
        self,
        budget: str | Budget,
        detection: Wire | None = VAD,
        model: str = "gpt-realtime",
        transcription: str | None = None,
        begin: bool = True,
        **fields: Any,
    ) -> None:
        self.now = 0.0
        options = {key: fields.pop(key) for key in ("rates", "memory") if key in fields}
        self.session = Session(ids=counter(), budget=budget, model=model, **options)
        self.came: list[Any] = []
        sound: Wire = {"turn_detection": detection, "transcription": transcription and {"model": transcription}}
        self.settings: Wire = {"type": "realtime", "model": model, "max_output_tokens": "inf"} | fields
        self.settings["audio"] = {"input": sound}
        if begin:
            self.service("session.created", session=self.settings)

    # --- both ends -----------------------------------------------------------------------------------------------

    def service(self, type: str, **fields: Any) -> None:
        self.session.from_service(json.dumps({"type": type, **fields}), self.now)
        self.came += self.session.actions()

    def app(self, type: str, **fields: Any) -> None:
        self.session.from_app(json.dumps({"type": type, **fields}), self.now)
        self.came += self.session.actions()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.session.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.tick(self.now)
            self.came += self.session.actions()
        self.now = end

    def leased(self, unit: Any, amount: int, *, last: bool = False) -> None:
        self.session.leased(unit, amount, self.now, last=last)
        self.came += self.session.actions()

    def take(self, kind: type[Any]) -> list[Any]:
        """The actions of this kind that have come; each is given out once."""
        found = [action for action in self.came if isinstance(action, kind)]
        self.came = [action for action in self.came if not isinstance(action, kind)]
        return found

    def sent(self, name: str | None = None) -> list[Wire]:
        """What went to the service."""
        messages = [json.loads(action.raw) for action in self.take(ToService)]
        return [message for message in messages if name in (None, message["type"])]

    def told(self, name: str = "error") -> list[Wire]:
        """What the app was told."""
        messages = [json.loads(action.raw) for action in self.take(ToApp)]
        return [message for message in messages if message["type"] == name]

    # --- what usually happens ------------------------------------------------------------------------------------

    def accept(self) -> list[Wire]:
        """The service takes the updates that were sent."""
        updates = self.sent("session.update")
        for update in updates:
            given = update["session"].get("audio", {}).get("input", {})
            self.settings = self.settings | {
                key: value for key, value in update["session"].items() if key not in ("audio", "type")
            }
            self.settings["audio"] = {"input": self.settings["audio"]["input"] | given}
            self.service("session.updated", session=self.settings)
        return updates

    def speaks(self, item_id: str, start: int = 1_000, ms: int = 2_000) -> None:
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}
        self.service("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=start)
        self.service("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=start + ms)
        self.service("input_audio_buffer.committed", item_id=item_id)
        self.service("conversation.item.added", item=item)
        self.service("conversation.item.done", item=item)

    def begins(self, response_id: str, **fields: Any) -> None:
        self.service("response.created", response={"id": response_id, "conversation_id": "c", **fields})

    def ends(self, response_id: str, used: Wire | None, ms: int = 0, **fields: Any) -> None:
        output: list[Wire] = []
        if ms:
            where = {"response_id": response_id, "item_id": f"{response_id}_item", "content_index": 0}
            item: Wire = {"id": f"{response_id}_item", "type": "message", "role": "assistant", "content": []}
            self.service("response.output_item.added", response_id=response_id, item=item | {"status": "in_progress"})
            self.service("conversation.item.added", item=item | {"status": "in_progress"})
            self.service("response.output_audio.delta", delta=base64.b64encode(bytes(48 * ms)).decode(), **where)
            content = [{"type": "output_audio", "transcript": "Yes."}]
            output.append(item | {"status": "completed", "content": content})
        response = {"id": response_id, "status": "completed", "conversation_id": "c", "output": output, "usage": used}
        self.service("response.done", response=response | fields)

    def spend(self, dollars: float) -> None:
        """A response costs so much."""
        self.begins(f"spends {dollars}")
        self.ends(f"spends {dollars}", usage(text_in=0, text_out=round(dollars * 62_500), audio_out=0))

    def sound(self, ms: int) -> None:
        self.app("input_audio_buffer.append", audio=base64.b64encode(bytes(48 * ms)).decode())


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
    talk.begins("r1")
    talk.ends("r1", usage(), 1_000)
    talk.service("input_audio_buffer.timeout_triggered", item_id="u2", audio_start_ms=5_000, audio_end_ms=6_000)
    talk.service("input_audio_buffer.committed", item_id="u2")
    talk.service("conversation.item.added", item={"id": "u2", "type": "message", "role": "user", "content": []})
    assert len(talk.sent("response.create")) == 1, "as the service answers a timeout, too"


def test_an_item_that_enters_before_its_commit_is_answered_at_the_commit() -> None:
    talk = Talk("$0.5")
    talk.accept()
    talk.service("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    content = [{"type": "input_audio"}]
    item = {"id": "u1", "type": "message", "role": "user", "status": "in_progress", "content": content}
    talk.service("conversation.item.added", item=item)
    talk.service("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=900)
    assert talk.sent("response.create") == []
    talk.service("input_audio_buffer.committed", item_id="u1")
    assert len(talk.sent("response.create")) == 1


def test_a_turn_is_not_answered_twice_nor_where_the_app_answers_itself() -> None:
    talk = Talk("$0.5", VAD | {"create_response": False})
    assert talk.accept() == []
    talk.speaks("u1")
    assert talk.sent("response.create") == []
    open_still = Talk("$0.5")
    open_still.speaks("u1")  # the update is on its way: the service answers this one itself
    assert open_still.sent("response.create") == []
    open_still.accept()


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


def test_the_app_asks_and_gets_as_long_a_reply_as_is_left() -> None:
    talk = Talk("$0.2", None)
    talk.app("response.create", response={"instructions": "Sing."})
    [create] = talk.sent("response.create")
    assert create["response"]["instructions"] == "Sing."
    assert 2_000 < create["response"]["max_output_tokens"] < 3_000
    short = Talk("$0.2", None)
    short.app("response.create", event_id="e1", response={"max_output_tokens": 50})
    assert short.sent("response.create")[0]["response"] == {"max_output_tokens": 50}


# --- held and refused --------------------------------------------------------------------------------------------


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


def test_a_response_too_dear_is_refused_and_the_talk_goes_on_if_a_plain_one_is_not() -> None:
    talk = Talk("$0.05", None, **CHEAP)
    talk.app("response.create", event_id="e1", response={"instructions": BOOK})
    [told] = talk.told()
    assert told["error"]["event_id"] == "e1"
    assert "$0.0500" in told["error"]["message"]
    talk.app("response.create")
    assert len(talk.sent("response.create")) == 1


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


def test_sound_that_will_be_written_down_is_kept_aside_until_it_is_billed() -> None:
    talk = Talk("$2", transcription="whisper-1")
    account = talk.session.account
    assert account is not None
    for item_id in ("u1", "u2", "u3"):
        talk.speaks(item_id)
    assert account.left("nanodollars") == 2_000_000_000 - 3 * 300_001
    done = "conversation.item.input_audio_transcription.completed"
    talk.service(done, item_id="u1", transcript="Hi", usage={"type": "duration", "seconds": 2})
    assert account.spent("nanodollars") == 200_000
    talk.service("conversation.item.input_audio_transcription.failed", item_id="u2")
    assert account.left("nanodollars") == 2_000_000_000 - 200_000 - 300_001
    talk.service(done, item_id="u3", transcript="Hi")
    assert account.spent("nanodollars") == 500_001, "nobody said what it used"
    assert account.spent("tokens") == 65


def test_tokens_of_a_transcription_without_a_price_are_counted_and_the_money_estimated() -> None:
    talk = Talk("$2", transcription="our-deployment")
    talk.speaks("u1")
    tokens = {"type": "tokens", "input_tokens": 20, "output_tokens": 5, "input_token_details": {"audio_tokens": 20}}
    done = "conversation.item.input_audio_transcription.completed"
    talk.service(done, item_id="u1", transcript="Hi", usage=tokens)
    account = talk.session.account
    assert account is not None
    assert account.spent("tokens") == 25
    assert account.spent("nanodollars") > 800_000


def test_a_caller_who_goes_on_speaking_until_even_the_writing_down_is_too_dear_is_stopped() -> None:
    talk = Talk(Budget(limits=limits("$0.02"), goodbye=False), transcription="gpt-realtime-whisper", **CHEAP)
    talk.accept()
    talk.service("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    for _ in range(200):
        talk.sound(500)
    assert talk.session.over is not None
    assert len(talk.sent("input_audio_buffer.append")) < 120


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


# --- warned, ended -----------------------------------------------------------------------------------------------


def test_the_user_is_warned_once_when_four_fifths_are_used() -> None:
    talk = Talk("$1, 30 min", **CHEAP)
    talk.spend(0.79)
    assert talk.take(BudgetWarned) == []
    talk.spend(0.02)
    assert talk.take(BudgetWarned) == [BudgetWarned("nanodollars", 810_000_000, 1_000_000_000)]
    talk.spend(0.01)
    assert talk.take(BudgetWarned) == []


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


def test_what_the_app_commits_itself_the_app_has_answered() -> None:
    talk = Talk("$0.5")
    talk.accept()
    talk.sound(1_000)
    talk.app("input_audio_buffer.commit")
    talk.service("input_audio_buffer.committed", item_id="u1")
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    talk.service("conversation.item.added", item=item)
    assert talk.sent("response.create") == []


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


# --- services that do not play along -----------------------------------------------------------------------------


def test_a_service_that_refuses_the_gate_is_left_a_little_earlier() -> None:
    talk = Talk("$0.7")
    [update] = talk.sent("session.update")
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "event_id": update["event_id"]}
    talk.service("error", error=error)
    assert talk.told() == []
    assert talk.session.over is None
    talk.spend(0.2)
    assert talk.session.over == "The budget of $0.7000 is used up."


def test_a_service_that_answers_although_it_should_not_has_no_gate() -> None:
    talk = Talk("$0.7")
    talk.accept()
    for n in range(2):
        talk.begins(f"r{n}")
        talk.ends(f"r{n}", usage())
    assert talk.session.over is None
    talk.spend(0.2)
    assert talk.session.over is not None


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


def test_a_model_priced_in_another_currency_is_refused_at_once() -> None:
    with pytest.raises(BadInput, match="in CNY") as refused:
        Talk("$2", model="qwen-omni-turbo-realtime")
    assert "トークン" in refused.value.say("ja")
    assert Talk("9000 tokens", model="qwen-omni-turbo-realtime").session.over is None


def test_what_is_asked_before_the_model_is_known_waits_for_that() -> None:
    talk = Talk("$2", model="our-deployment", begin=False)
    talk.app("response.create")
    talk.app("conversation.item.delete", item_id="none")
    assert talk.sent("response.create") == []
    talk.service("session.created", session=talk.settings | {"model": "gpt-realtime"})
    assert len(talk.sent("response.create")) == 1


# --- shared with others ------------------------------------------------------------------------------------------

SHARED = Budget(shared=frozenset({"nanodollars"}))


def test_of_what_is_shared_more_is_asked_for_while_there_is_some_left() -> None:
    talk = Talk(SHARED, None, begin=False)
    talk.leased("nanodollars", 2_000_000_000)
    talk.service("session.created", session=talk.settings)
    assert talk.take(Lease) == []
    talk.spend(0.9)
    [lease] = talk.take(Lease)
    assert lease.unit == "nanodollars"
    assert 1_300_000_000 < lease.amount < 1_400_000_000
    talk.leased("nanodollars", lease.amount)
    assert talk.take(Lease) == []
    assert talk.take(BudgetWarned) == []


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


def test_a_lease_nobody_answers_is_a_no() -> None:
    talk = Talk(SHARED, None)
    talk.app("response.create", event_id="e1")
    assert talk.told() == []
    talk.wait(11.0)
    assert "e1" in [told["error"]["event_id"] for told in talk.told()]
    assert talk.session.over is not None


# --- the rest of the engine --------------------------------------------------------------------------------------


def test_near_the_end_nothing_is_done_that_is_no_reply() -> None:
    near, far = Talk("$0.5"), Talk("$5")
    for talk, frugal in ((near, True), (far, False)):
        assert talk.session._limiting.near == frugal  # pyright: ignore[reportPrivateUsage]


def test_an_answer_the_engine_wishes_for_is_limited_too_and_refused_without_a_word() -> None:
    talk = until_the_end(goodbye=False)
    talk.came.clear()
    limiting = talk.session._limiting  # pyright: ignore[reportPrivateUsage]
    assert not limiting.ours(json.dumps({"type": "response.create"}), talk.now)
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
