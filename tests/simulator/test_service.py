"""The stand-in decides a conversation as PROTOCOL.md says the real service does."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import Line, names, only, quiet, say

from laconic import events
from laconic.simulator.habits import Habits
from laconic.simulator.minds.reply import Reply
from laconic.simulator.responding import Pace
from laconic.simulator.session_settings import DEFAULT_INSTRUCTIONS
from laconic.usage import Usage

PTT: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}
TEXT: dict[str, Any] = {"output_modalities": ["text"]}
TOOL: dict[str, Any] = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
WEATHER = Reply(text="", calls=(("get_weather", {"city": "London"}),))


def error(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    [event] = found
    assert event["type"] == "error"
    return event["error"]


# --- a turn -----------------------------------------------------------------------------------------------------------


def test_a_spoken_turn_has_the_recorded_order() -> None:
    line = Line("Nice to meet you.")
    line.append(quiet(500) + say("Hello.") + quiet(300))
    line.finish()
    assert names(line.log) == [
        "session.created",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert line.texts == [None, "Nice to meet you."]
    assert [item.status for item in line.service.conversation] == ["completed", "completed"]
    assert not line.service.responses_active


def test_every_event_is_one_the_engine_knows() -> None:
    line = Line(WEATHER, "It is foggy.", tools=[TOOL], audio={"input": {"transcription": {"model": "whisper-1"}}})
    line.append(quiet(320) + say("How is the weather?") + quiet(300))
    line.finish()
    for event in line.log:
        assert not isinstance(events.read(json.dumps(event)), events.Unknown), event["type"]


def test_the_turns_edges_are_in_sample_time_and_the_item_is_as_long() -> None:
    line = Line()
    line.append(quiet(640) + say("Hello.", 960) + quiet(320))
    started = only(line.log, "input_audio_buffer.speech_started")[0]
    stopped = only(line.log, "input_audio_buffer.speech_stopped")[0]
    assert started["audio_start_ms"] == 340
    assert stopped["audio_end_ms"] == 640 + 960 + 224
    assert line.service.conversation[0].audio_ms == stopped["audio_end_ms"] - started["audio_start_ms"]
    assert started["item_id"] == stopped["item_id"] == line.service.conversation[0].id


def test_the_mind_is_shown_what_was_heard() -> None:
    line = Line("Hello, Marco.")
    line.append(say("My name is Marco.") + quiet(300))
    line.finish()
    line.append(say("Who am I?") + quiet(300))
    assert [(item.role, item.text) for item in line.mind.shown[1]] == [
        ("user", "My name is Marco."),
        ("assistant", "Hello, Marco."),
        ("user", "Who am I?"),
    ]


def test_transcript_and_padding_make_sixteen_and_sound_comes_faster_than_it_plays() -> None:
    line = Line("One two three four five six seven eight nine ten.")
    line.send("response.create")
    line.finish()
    deltas = only(line.log, "response.output_audio_transcript.delta")
    assert {len(delta["delta"]) + len(delta["obfuscation"]) for delta in deltas} == {16}
    assert "".join(delta["delta"] for delta in deltas) == "One two three four five six seven eight nine ten."
    sounds = [len(base64.b64decode(delta["delta"])) // 48 for delta in only(line.log, "response.output_audio.delta")]
    assert (sounds[0], sounds[1], sum(sounds)) == (100, 200, 3000)
    assert line.now == pytest.approx(0.35 + 3.0 / 5)


def test_words_run_ahead_of_their_sound() -> None:
    line = Line("One two three four five six seven eight nine ten.")
    line.append(say("Hello.") + quiet(224))
    line.finish()
    order = [event["type"] for event in line.log if "delta" in event]
    last_word = len(order) - 1 - order[::-1].index("response.output_audio_transcript.delta")
    assert set(order[:3]) == {"response.output_audio_transcript.delta"}
    assert (
        0.4 < order[:last_word].count("response.output_audio.delta") / order.count("response.output_audio.delta") < 0.6
    )


def test_item_done_tells_null_where_the_predecessor_is_the_first_item() -> None:
    line = Line()
    line.append(say("Hello.") + quiet(300))
    line.finish()
    line.append(say("And you?") + quiet(300))
    line.finish()
    done = [event["previous_item_id"] for event in only(line.log, "conversation.item.done")]
    added = [event["previous_item_id"] for event in only(line.log, "conversation.item.added")]
    ids = [item.id for item in line.service.conversation]
    assert added == [None, *ids[:3]]
    assert done == [None, None, ids[1], ids[2]]


# --- interruptions ----------------------------------------------------------------------------------------------------


def test_speech_cuts_the_reply_in_progress() -> None:
    line = Line("word " * 30)
    line.append(say("Tell me a story.") + quiet(224))
    line.wait(0.8)
    line.append(say("Stop."))
    done = only(line.log, "response.done")[0]["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    reply = line.service.conversation[1]
    assert reply.status == done["output"][0]["status"] == "incomplete"
    assert 0 < reply.audio_ms < 9000
    assert done["usage"]["output_tokens"] > 0
    tail = names(line.log)[names(line.log).index("response.output_audio.done") :]
    assert tail[:6] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


def test_a_reply_already_made_is_not_cancelled() -> None:
    line = Line("Short.")
    line.append(say("Hello.") + quiet(224))
    line.finish()
    line.append(say("Wait."))
    assert only(line.log, "response.done")[0]["response"]["status"] == "completed"
    assert len(only(line.log, "response.done")) == 1


def test_interrupt_response_false_lets_the_reply_go_on_and_the_next_turn_is_refused_an_answer() -> None:
    line = Line("word " * 60)
    line.turn_detection(type="server_vad", interrupt_response=False)
    line.append(say("Hello.") + quiet(224) + quiet(320) + say("Yes.", 320) + quiet(224))
    assert error(only(line.log, "error"))["code"] == "conversation_already_has_active_response"
    line.finish()
    assert only(line.log, "response.done")[0]["response"]["status"] == "completed"


def test_create_response_false_only_listens_but_still_cancels() -> None:
    line = Line("word " * 30)
    line.turn_detection(type="server_vad", create_response=False)
    line.append(say("Hello.") + quiet(300))
    assert not line.service.responses_active
    line.send("response.create")
    line.wait(0.6)
    line.append(say("Stop."))
    assert only(line.log, "response.done")[0]["response"]["status"] == "cancelled"


@pytest.mark.parametrize(("null", "usage"), [(False, Usage().to_wire()), (True, None)])
def test_a_ghost_turn_leaves_nothing_and_costs_nothing(null: bool, usage: object) -> None:
    line = Line(habits=Habits(ghost_usage_null=null))
    line.append(say("I wanted to", 320) + quiet(224) + say("ask something.", 320))
    done = only(line.log, "response.done")[0]["response"]
    assert (done["status"], done["output"], done["usage"]) == ("cancelled", [], usage)
    line.append(quiet(224))
    assert [item.role for item in line.service.conversation] == ["user", "user"]


def test_a_ghost_turn_may_leave_an_empty_item() -> None:
    line = Line(habits=Habits(pace=Pace(empty_item=True)))
    line.append(say("I wanted to", 320) + quiet(224) + say("ask something.", 320))
    done = only(line.log, "response.done")[0]["response"]
    assert [(item["status"], item["content"]) for item in done["output"]] == [("incomplete", [])]
    assert [item.role for item in line.service.conversation] == ["user", "assistant"]
    assert done["usage"]["total_tokens"] == 0


def test_cancel_by_the_client() -> None:
    line = Line("word " * 30)
    line.append(say("Hello.") + quiet(224))
    line.wait(0.8)
    found = line.send("response.cancel")
    assert found[-2]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert error(line.send("response.cancel", event_id="c9")) == {
        "type": "invalid_request_error",
        "code": "response_cancel_not_active",
        "message": "Cancellation failed: no active response found",
        "param": None,
        "event_id": "c9",
    }


def test_what_was_generated_is_billed_when_the_client_hangs_up() -> None:
    line = Line("word " * 30)
    line.append(say("Hello.") + quiet(224))
    line.wait(0.8)
    [response_id] = line.service.responses_active
    line.service.disconnected()
    usage = line.service.usages[response_id]
    assert usage is not None
    assert usage.audio_out > 0
    assert not line.service.responses_active


# --- push to talk, semantic detection, idle --------------------------------------------------------------------------


def test_push_to_talk() -> None:
    line = Line(**PTT)
    line.append(say("Hello.", 640))
    assert names(line.log) == ["session.created", "session.updated"]
    committed, added, done = line.send("input_audio_buffer.commit")
    assert committed["type"] == "input_audio_buffer.committed"
    assert added["item"]["id"] == done["item"]["id"] == committed["item_id"]
    assert line.service.conversation[0].audio_ms == 640
    assert not line.service.responses_active
    line.send("response.create")
    assert line.service.responses_active


def test_an_empty_commit_is_refused() -> None:
    line = Line(**PTT)
    assert error(line.send("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"
    line.append(say("Hm.", 96))
    no = error(line.send("input_audio_buffer.commit"))
    assert "only has 96.00ms" in no["message"]


def test_with_voice_detection_on_an_extra_commit_finds_nothing() -> None:
    line = Line()
    line.append(say("Hello.") + quiet(300))
    assert error(line.send("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"


def test_a_commit_amid_speech_takes_the_turn_so_far() -> None:
    line = Line()
    line.append(quiet(320) + say("Hello.", 640))
    committed = line.send("input_audio_buffer.commit")[0]
    assert committed["item_id"] == only(line.log, "input_audio_buffer.speech_started")[0]["item_id"]
    line.append(quiet(640))
    assert len(line.service.conversation) == 1


def test_clear_forgets_the_turn() -> None:
    line = Line()
    line.append(say("Hello.", 640))
    assert names(line.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    line.append(quiet(640))
    assert line.service.conversation == []


def test_semantic_detection_waits_for_the_end_of_the_sentence() -> None:
    line = Line()
    line.turn_detection(type="semantic_vad", eagerness="low")
    line.append(say("I was at the", 320) + quiet(640))
    assert line.service.conversation == []
    line.append(say("market.", 320) + quiet(320))
    assert len(line.service.conversation) == 1


def test_an_idle_caller_is_prompted_once() -> None:
    line = Line("Hello.", "Still there?", "Yes?")
    line.turn_detection(type="server_vad", idle_timeout_ms=6000)
    line.append(say("Hello.") + quiet(224))
    line.finish()
    ended = line.now
    found = line.until("input_audio_buffer.timeout_triggered")
    assert line.now - ended == pytest.approx(6.0 + 0.3)
    assert names(found) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    silent = line.service.conversation[-1]
    assert (silent.role, silent.audio_ms) == ("user", 6000)
    assert found[0]["audio_end_ms"] - found[0]["audio_start_ms"] == 6000
    line.finish()
    line.wait(60)
    assert len(only(line.log, "input_audio_buffer.timeout_triggered")) == 1


def test_speech_stops_the_idle_clock() -> None:
    line = Line()
    line.turn_detection(type="server_vad", idle_timeout_ms=6000)
    line.append(say("Hello.") + quiet(224))
    line.finish()
    line.append(say("Let me think.", 320))
    line.wait(20)
    assert not only(line.log, "input_audio_buffer.timeout_triggered")


# --- items ------------------------------------------------------------------------------------------------------------


def test_creating_items_anywhere() -> None:
    line = Line()
    one = line.create("one")
    line.create("two", previous_item_id=None)
    line.create("zero", "system", previous_item_id="root")
    line.create("one and a half", "assistant", previous_item_id=one)
    assert line.texts == ["zero", "one", "one and a half", "two"]
    added = only(line.log, "conversation.item.added")
    ids = [item.id for item in line.service.conversation]
    assert [event["previous_item_id"] for event in added] == [None, one, None, one]
    assert added[3]["item"]["id"] == ids[2]
    assert added[3]["item"]["content"] == [{"type": "output_text", "text": "one and a half"}]


def test_a_client_may_choose_the_id_but_not_twice_nor_too_long() -> None:
    line = Line()
    assert line.create("one", item={"id": "mine"}) == "mine"
    item = {"id": "mine", "type": "message", "role": "user", "content": []}
    no = error(line.send("conversation.item.create", item=item, event_id="c1"))
    assert (no["code"], no["event_id"]) == ("item_create_duplicate_item_id", "c1")
    no = error(line.send("conversation.item.create", item=item | {"id": "x" * 33}))
    assert (no["code"], no["param"]) == ("string_above_max_length", "item.id")
    assert "maximum length 32" in no["message"]
    line.send("conversation.item.delete", item_id="mine")
    assert line.create("again", item={"id": "mine"}) == "mine"


def test_behind_an_unknown_item_nothing_is_added() -> None:
    line = Line()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}]}
    no = error(line.send("conversation.item.create", item=item, previous_item_id="item_gone"))
    assert "item_gone" in no["message"]
    assert line.service.conversation == []


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (None, "item"),
        ({"type": "banana"}, "item.type"),
        ({"type": "message", "role": "nobody", "content": []}, "item.role"),
        ({"type": "message", "role": "user"}, "item.content"),
        ({"type": "message", "role": "user", "content": ["text"]}, "item.content[0].type"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, "item.content[0].text"),
        ({"type": "message", "role": "system", "content": [{"type": "input_audio"}]}, "item.content[0].type"),
        ({"type": "message", "role": "assistant", "content": [{"type": "output_audio"}]}, "item.content[0].type"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "%%"}]},
            "item.content[0].audio",
        ),
        ({"type": "function_call_output", "output": "x"}, "item.call_id"),
        ({"type": "function_call_output", "call_id": "a b", "output": "x"}, "item.call_id"),
    ],
)
def test_items_that_cannot_be(item: object, param: str) -> None:
    line = Line()
    assert error(line.send("conversation.item.create", item=item))["param"] == param
    assert line.service.conversation == []


def test_a_users_sound_can_be_created_and_is_heard() -> None:
    line = Line()
    audio = base64.b64encode(say("My name is Ann.", 1200)).decode()
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
    line.send("conversation.item.create", item=item)
    assert line.service.conversation[0].audio_ms == 1200
    line.send("response.create")
    assert line.mind.shown[0][0].text == "My name is Ann."


def test_delete_takes_one_item_and_only_one() -> None:
    line = Line()
    ids = [line.create(word) for word in ("one", "two", "three")]
    assert line.send("conversation.item.delete", item_id=ids[1])[0]["item_id"] == ids[1]
    assert line.texts == ["one", "three"]
    no = error(line.send("conversation.item.delete", item_id=ids[1], event_id="d"))
    assert (no["code"], no["event_id"]) == ("item_delete_invalid_item_id", "d")
    assert ids[1] in no["message"]
    assert error(line.send("conversation.item.delete"))["code"] == "missing_required_parameter"
    assert error(line.send("conversation.item.delete", item_id=7))["code"] == "invalid_value"


def test_what_was_deleted_is_forgotten() -> None:
    line = Line()
    name = line.create("My name is Marco.")
    line.create("Who am I?")
    line.send("conversation.item.delete", item_id=name)
    line.send("response.create")
    assert [item.text for item in line.mind.shown[0]] == ["Who am I?"]


def spoken(line: Line) -> str:
    line.append(say("Hello.") + quiet(224))
    line.finish()
    return line.service.conversation[-1].id


def test_truncate_keeps_what_was_heard_and_no_transcript() -> None:
    line = Line("One two three four five.")
    reply = spoken(line)
    [event] = line.send("conversation.item.truncate", item_id=reply, content_index=0, audio_end_ms=700)
    assert {key: event[key] for key in ("type", "item_id", "content_index", "audio_end_ms")} == {
        "type": "conversation.item.truncated",
        "item_id": reply,
        "content_index": 0,
        "audio_end_ms": 700,
    }
    part = line.service.conversation[-1].parts[0]
    assert (part.text, part.audio_ms) == (None, 700)
    line.send("response.create")
    assert line.mind.shown[-1][-1].text == "One two"


def test_truncations_that_are_refused() -> None:
    line = Line("One two.")
    reply = spoken(line)
    user = line.service.conversation[0].id

    def refusal(item_id: str, end_ms: int, content_index: int = 0) -> tuple[str | None, str]:
        no = error(
            line.send("conversation.item.truncate", item_id=item_id, content_index=content_index, audio_end_ms=end_ms)
        )
        return no["code"], no["message"]

    only_audio = (None, "Only model output audio messages can be truncated")
    assert refusal(user, 100) == refusal(reply, 0) == refusal(reply, 100, 1) == only_audio
    assert refusal(reply, 601) == ("invalid_value", "Audio content of 600ms is already shorter than 601ms")
    assert refusal("item_gone", 100)[0] == "item_truncate_invalid_item_id"
    assert error(line.send("conversation.item.truncate", item_id=reply, content_index=0))["param"] == "audio_end_ms"
    assert error(line.send("conversation.item.truncate", item_id=reply, content_index="x"))["code"] == "invalid_value"
    assert line.service.conversation[-1].audio_ms == 600


def test_an_item_in_progress_is_not_truncated_but_may_be_deleted() -> None:
    line = Line("word " * 20)
    line.append(say("Hello.") + quiet(224))
    line.wait(0.8)
    reply = line.service.conversation[-1].id
    found = line.send("conversation.item.truncate", item_id=reply, content_index=0, audio_end_ms=10)
    assert error(found)["message"] == "Only model output audio messages can be truncated"
    line.send("conversation.item.delete", item_id=reply)
    found = line.finish()
    assert "conversation.item.done" not in names(found)
    assert "response.output_item.done" in names(found)
    assert len(line.service.conversation) == 1


def test_retrieve_brings_the_sound() -> None:
    line = Line("One two.", audio={"input": {"transcription": {"model": "whisper-1"}}})
    reply = spoken(line)
    [event] = line.send("conversation.item.retrieve", item_id=reply)
    assert event["type"] == "conversation.item.retrieved"
    content = event["item"]["content"][0]
    assert (content["type"], content["transcript"]) == ("output_audio", "One two.")
    assert len(base64.b64decode(content["audio"])) == 600 * 48
    user = line.send("conversation.item.retrieve", item_id=line.service.conversation[0].id)[0]["item"]
    assert user["content"][0]["transcript"] == "Hello."
    assert error(line.send("conversation.item.retrieve", item_id="x"))["code"] == "item_retrieve_invalid_item_id"


# --- functions --------------------------------------------------------------------------------------------------------


def test_a_function_call_and_its_output() -> None:
    line = Line(WEATHER, "It is foggy.", tools=[TOOL], **TEXT)
    line.create("How is the weather in London?")
    line.send("response.create")
    found = line.finish()
    assert names(found) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    [done] = only(found, "response.function_call_arguments.done")
    assert done["arguments"] == '{  \n  "city": "London" \n} \n'
    assert "".join(d["delta"] for d in only(found, "response.function_call_arguments.delta")) == done["arguments"]
    call = line.service.conversation[-1]
    assert call.call_id is not None
    assert (len(call.call_id), call.name, call.status) == (21, "get_weather", "completed")
    item = {"type": "function_call_output", "call_id": call.call_id, "output": "foggy"}
    added = line.send("conversation.item.create", item=item)[0]
    assert "status" not in added["item"]
    line.send("response.create")
    line.finish()
    assert line.texts[-1] == "It is foggy."
    assert (line.mind.shown[-1][-1].kind, line.mind.shown[-1][-1].name) == ("output", "get_weather")


def test_an_output_sent_before_the_response_is_done_is_announced_after_it() -> None:
    line = Line(WEATHER, tools=[TOOL], **TEXT)
    line.create("How is the weather in London?")
    line.send("response.create")
    line.wait(0.36)
    call_id = line.service.conversation[-1].call_id
    item = {"type": "function_call_output", "call_id": call_id, "output": "foggy"}
    assert line.send("conversation.item.create", item=item) == []
    assert names(line.finish())[-4:] == [
        "response.done",
        "rate_limits.updated",
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_an_output_whose_call_is_gone_is_refused() -> None:
    line = Line(WEATHER, tools=[TOOL], **TEXT)
    line.create("How is the weather in London?")
    line.send("response.create")
    line.finish()
    call = line.service.conversation[-1]
    line.send("conversation.item.delete", item_id=call.id)
    item = {"type": "function_call_output", "call_id": call.call_id, "output": "foggy"}
    no = error(line.send("conversation.item.create", item=item))
    assert no["code"] == "invalid_tool_call_id"


def test_a_waiting_output_is_refused_if_its_call_was_deleted_meanwhile() -> None:
    line = Line(WEATHER, tools=[TOOL], **TEXT)
    line.create("How is the weather in London?")
    line.send("response.create")
    line.wait(0.36)
    call = line.service.conversation[-1]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "foggy"}
    line.send("conversation.item.create", item=output, event_id="late")
    line.send("conversation.item.delete", item_id=call.id)
    no = only(line.finish(), "error")[0]["error"]
    assert (no["code"], no["event_id"]) == ("invalid_tool_call_id", "late")


def test_a_call_and_its_output_can_be_put_back_by_the_client() -> None:
    line = Line()
    call = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
    line.send("conversation.item.create", item=call)
    output = {"type": "function_call_output", "call_id": "call_1"}
    assert error(line.send("conversation.item.create", item=output))["param"] == "item.output"
    line.send("conversation.item.create", item=output | {"output": "found"})
    assert [item.type for item in line.service.conversation] == ["function_call", "function_call_output"]
    assert error(line.send("conversation.item.create", item={"type": "function_call"}))["param"] == "item.call_id"


def test_two_outputs_overlap_and_carry_their_phases_on_2_1() -> None:
    line = Line(WEATHER, "It is foggy.", habits=Habits(model="gpt-realtime-2.1"), tools=[TOOL], **TEXT)
    line.create("How is the weather in London?")
    line.send("response.create")
    found = line.finish()
    assert [event["item"].get("phase") for event in only(found, "response.output_item.added")] == ["commentary", None]
    order = names(found)
    assert order.index("response.function_call_arguments.delta") < order.index("response.output_text.done")
    assert order.index("response.output_text.done") < order.index("response.function_call_arguments.done")
    assert only(found, "response.function_call_arguments.done")[0]["arguments"] == '{"city":"London"}'
    call = line.service.conversation[-1].call_id
    output = {"type": "function_call_output", "call_id": call, "output": "foggy"}
    line.send("conversation.item.create", item=output)
    line.send("response.create")
    line.finish()
    assert line.service.conversation[-1].extra == {"phase": "final_answer"}


def test_without_commentary_2_1_only_calls() -> None:
    line = Line(WEATHER, habits=Habits(model="gpt-realtime-2.1"), commentary=False, tools=[TOOL])
    line.create("How is the weather in London?")
    line.send("response.create")
    line.finish()
    assert [item.type for item in line.service.conversation] == ["message", "function_call"]


# --- responses --------------------------------------------------------------------------------------------------------


def test_only_one_response_writes_to_the_conversation() -> None:
    line = Line("word " * 20)
    line.send("response.create")
    no = error(line.send("response.create", event_id="r2"))
    assert (no["code"], no["event_id"]) == ("conversation_already_has_active_response", "r2")
    assert line.service.responses_active[0] in no["message"]


def test_out_of_band_runs_beside_it_and_leaves_no_trace() -> None:
    line = Line("word " * 20, "A summary.")
    line.create("Hello.")
    line.send("response.create")
    created = line.send("response.create", response={"conversation": "none", "metadata": {"topic": "t"}, **TEXT})[0]
    assert created["response"]["conversation_id"] is None
    assert created["response"]["metadata"] == {"topic": "t"}
    assert len(line.service.responses_active) == 2
    outside = line.service.responses_active[1]
    found = line.finish()
    [done] = [e["response"] for e in only(found, "response.done") if e["response"]["id"] == outside]
    assert done["output"][0]["content"] == [{"type": "output_text", "text": "A summary."}]
    assert done["metadata"] == {"topic": "t"}
    assert done["usage"]["input_tokens"] > 0
    assert len(line.service.conversation) == 2
    assert len(only(found, "conversation.item.added")) == 1


def test_out_of_band_can_be_cancelled_by_its_id_alone() -> None:
    line = Line("word " * 20)
    line.send("response.create", response={"conversation": "none"})
    [outside] = line.service.responses_active
    assert error(line.send("response.cancel"))["code"] == "response_cancel_not_active"
    assert line.send("response.cancel", response_id=outside)[0]["response"]["status"] == "cancelled"


def test_a_response_reads_the_input_it_is_given() -> None:
    line = Line("Both.", "Nothing.")
    line.create("My name is Marco.")
    color = line.create("I like teal.")
    inline = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What do I like?"}]}
    line.send("response.create", response={"input": [{"type": "item_reference", "id": color}, inline]})
    line.finish()
    assert [item.text for item in line.mind.shown[0]] == ["I like teal.", "What do I like?"]
    assert line.texts == ["My name is Marco.", "I like teal.", "Both."]
    line.send("response.create", response={"input": []})
    line.finish()
    assert line.mind.shown[1] == []
    assert line.texts[-1] == "Nothing."
    found = line.send("response.create", response={"input": [{"type": "item_reference", "id": "gone"}]})
    assert error(found)["param"] == "response.input[0].id"


def test_settings_of_one_response() -> None:
    line = Line("In writing.", "In speech.")
    created = line.send("response.create", response={**TEXT, "instructions": "Write.", "max_output_tokens": 99})[0]
    assert created["response"]["output_modalities"] == ["text"]
    assert created["response"]["max_output_tokens"] == 99
    assert names(line.finish())[2:5] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
    ]
    created = line.send("response.create")[0]
    assert created["response"]["output_modalities"] == ["audio"]
    assert created["response"]["max_output_tokens"] == "inf"


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"colour": "blue"}, "unknown_parameter", "response.colour"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "response.output_modalities"),
        ({"metadata": {"k": 1}}, "invalid_value", "response.metadata.k"),
        ({"metadata": {str(n): "" for n in range(17)}}, "invalid_value", "response.metadata"),
        ("now", "invalid_value", "response"),
    ],
)
def test_responses_that_cannot_be(response: object, code: str, param: str) -> None:
    no = error(Line().send("response.create", response=response))
    assert (no["code"], no["param"]) == (code, param)


@pytest.mark.parametrize("limit", [1, 20, 40])
@pytest.mark.parametrize("modality", ["text", "audio"])
def test_max_output_tokens_is_never_passed(limit: int, modality: str) -> None:
    line = Line("word " * 60, max_output_tokens=limit, output_modalities=[modality])
    line.send("response.create")
    done = only(line.finish(), "response.done")[0]["response"]
    assert done["status"] == "incomplete"
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["output"][0]["status"] == line.service.conversation[-1].status == "incomplete"
    assert done["usage"]["output_tokens"] <= limit or limit == 1  # an opened part is not free


def test_max_output_tokens_cuts_arguments_too() -> None:
    line = Line(Reply(text="", calls=(("f", {"text": "word " * 40}),)), max_output_tokens=20)
    line.update(tools=[TOOL | {"name": "f"}])
    line.send("response.create")
    done = only(line.finish(), "response.done")[0]["response"]
    assert done["status"] == "incomplete"
    assert done["usage"]["output_tokens"] <= 20


def test_a_model_may_answer_in_writing_although_asked_to_speak() -> None:
    line = Line(Reply(text="Drifted.", text_only=True))
    line.send("response.create")
    line.finish()
    assert line.service.conversation[0].parts[0].kind == "output_text"


def test_a_mind_may_take_its_time() -> None:
    line = Line(Reply(text="Hm.", delay_ms=2000))
    line.send("response.create")
    assert line.wait(2.3) == []
    assert names(line.wait(0.1))[:1] == ["response.output_item.added"]


def test_japanese_is_written_without_blanks() -> None:
    line = Line(Reply(text="はい、覚えました。", lang="ja"))
    line.send("response.create")
    line.finish()
    assert line.texts == ["はい、覚えました。"]


def test_telephone_sound_goes_both_ways() -> None:
    ulaw = {"type": "audio/pcmu"}
    line = Line("One two.", audio={"input": {"format": ulaw, "turn_detection": None}, "output": {"format": ulaw}})
    line.send("input_audio_buffer.append", audio=base64.b64encode(b"\x20" * 8 * 500).decode())
    line.send("input_audio_buffer.commit")
    assert line.service.conversation[0].audio_ms == 500
    line.send("response.create")
    deltas = only(line.finish(), "response.output_audio.delta")
    assert sum(len(base64.b64decode(delta["delta"])) for delta in deltas) == 600 * 8
    assert line.service.conversation[1].audio_ms == 600


# --- transcription ----------------------------------------------------------------------------------------------------


def transcribed(model: str, latency_s: float = 0.7) -> Line:
    line = Line(
        "Nice to meet you, Marco.",
        habits=Habits(transcription_latency_s=latency_s),
        audio={"input": {"transcription": {"model": model}}},
    )
    line.append(say("Hello, my name is Marco.", 1920) + quiet(224))
    return line


def test_a_transcript_comes_late_in_pieces_and_then_whole() -> None:
    line = transcribed("gpt-realtime-whisper")
    assert line.service.conversation[0].text is None
    line.finish()
    deltas = only(line.log, "conversation.item.input_audio_transcription.delta")
    [completed] = only(line.log, "conversation.item.input_audio_transcription.completed")
    assert [delta["delta"] for delta in deltas] == [" Hello", ",", " my", " name", " is", " Marco", "."]
    assert {len(delta["delta"]) + len(delta["obfuscation"]) for delta in deltas} == {16}
    assert completed["transcript"] == line.service.conversation[0].text == "Hello, my name is Marco."
    assert completed["usage"] == {"type": "duration", "seconds": 3}
    order = names(line.log)
    assert order.index("response.created") < order.index("conversation.item.input_audio_transcription.completed")


def test_transcription_billed_by_tokens() -> None:
    line = transcribed("gpt-4o-transcribe")
    line.finish()
    [completed] = only(line.log, "conversation.item.input_audio_transcription.completed")
    ms = line.service.conversation[0].audio_ms
    assert completed["usage"]["input_token_details"] == {"text_tokens": 0, "audio_tokens": ms // 100}
    assert completed["usage"]["total_tokens"] == ms // 100 + completed["usage"]["output_tokens"]


def test_a_transcript_may_come_after_the_reply_and_after_the_item_was_deleted() -> None:
    line = transcribed("whisper-1", latency_s=30.0)
    line.until("response.done")
    assert line.service.conversation[0].text is None
    line.send("conversation.item.delete", item_id=line.service.conversation[0].id)
    line.finish()
    assert only(line.log, "conversation.item.input_audio_transcription.completed")[0]["transcript"]


def test_without_transcription_nothing_is_written() -> None:
    line = Line()
    line.append(say("Hello.") + quiet(300))
    line.finish()
    line.wait(10)
    assert not [event for event in line.log if "transcription" in event["type"]]


def test_silence_is_transcribed_as_nothing() -> None:
    line = Line(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    line.append(quiet(320))
    line.send("input_audio_buffer.commit")
    line.finish()
    assert only(line.log, "conversation.item.input_audio_transcription.completed")[0]["transcript"] == ""


# --- session ----------------------------------------------------------------------------------------------------------


def test_a_session_begins_as_recorded(recordings: Path) -> None:
    for name, model in (("openai-ga-speech-turn", "gpt-realtime"), ("openai-2.1-tool-call", "gpt-realtime-2.1")):
        recorded = json.loads((recordings / f"{name}.jsonl").read_text().splitlines()[0])["event"]["session"]
        session = Line(habits=Habits(model=model)).log[0]["session"]
        varying = {"id": "", "expires_at": 0}
        assert session | varying == recorded | varying
        assert list(session) == list(recorded)


def test_an_update_is_merged_as_recorded(recordings: Path) -> None:
    _, update, updated = [
        json.loads(text)["event"] for text in (recordings / "openai-2.1-tool-call.jsonl").read_text().splitlines()[:3]
    ]
    session = Line(habits=Habits(model="gpt-realtime-2.1")).send(name=update.pop("type"), **update)[0]["session"]
    varying = {"id": "", "expires_at": 0}
    assert session | varying == updated["session"] | varying


def test_empty_instructions_bring_the_default_back() -> None:
    line = Line(instructions="Be brief.")
    assert line.service.session["instructions"] == "Be brief."
    assert line.update(instructions="")[0]["session"]["instructions"] == DEFAULT_INSTRUCTIONS


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"type": "realtime", "max_output_tokens": -5}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "tools": {}}, "invalid_value", "session.tools"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1.5}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "unknown_parameter",
            "session.audio.output.format.rate",
        ),
        ({"type": "realtime", "audio": 1}, "invalid_value", "session.audio"),
        ({"type": "realtime", "instructions": 1}, "invalid_value", "session.instructions"),
        ({"type": "realtime", "audio": {"output": {"voice": 1}}}, "invalid_value", "session.audio.output.voice"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": 1}}}},
            "invalid_value",
            "session.audio.input.turn_detection.create_response",
        ),
        (None, "missing_required_parameter", "session"),
    ],
)
def test_one_bad_key_discards_the_whole_update(session: object, code: str, param: str) -> None:
    line = Line()
    before = json.dumps(line.service.session)
    if isinstance(session, dict):
        session = {"tool_choice": "none", **session}
    no = error(line.send("session.update", session=session))
    assert (no["code"], no["param"]) == (code, param)
    assert json.dumps(line.service.session) == before


def test_turn_detection_is_merged_within_its_type() -> None:
    line = Line()
    line.turn_detection(type="server_vad", silence_duration_ms=700)
    line.turn_detection(type="server_vad", threshold=0.6)
    detection = line.service.session["audio"]["input"]["turn_detection"]
    assert (detection["silence_duration_ms"], detection["threshold"]) == (700, 0.6)
    line.turn_detection(type="semantic_vad")
    assert line.service.session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    line.turn_detection(type="server_vad")
    assert line.service.session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200


def test_the_voice_is_fixed_once_it_was_heard() -> None:
    line = Line("Hello.")
    line.update(audio={"output": {"voice": "cedar"}})
    line.send("response.create")
    line.finish()
    assert error(line.update(audio={"output": {"voice": "marin"}}))["code"] == "cannot_update_voice"
    assert names(line.update(instructions="x", audio={"output": {"voice": "cedar"}})) == ["session.updated"]


def test_an_update_amid_speech_keeps_the_turn_unless_it_changes_turn_detection() -> None:
    line = Line()
    line.append(say("Hello.", 640))
    line.update(instructions="Be brief.")
    line.append(quiet(320))
    assert len(line.service.conversation) == 1
    line.append(say("Hello again.", 640))
    line.turn_detection(type="server_vad", silence_duration_ms=300)
    line.append(quiet(640))
    assert len(line.service.conversation) == 1


def test_a_session_expires() -> None:
    line = Line(habits=Habits(epoch=1_000_000))
    assert line.log[0]["session"]["expires_at"] == 1_003_600
    assert line.service.deadline == 3600
    assert error(line.wait(3600))["code"] == "session_expired"
    assert line.service.closing is not None
    assert line.service.deadline is None
    assert line.send("response.create") == []


def test_what_is_not_understood_is_answered_with_an_error() -> None:
    line = Line()
    line.service.receive("not json", 0.0)
    line.service.receive(b"[1]", 0.0)
    line.service.receive('{"type": "response.banana", "event_id": "e1"}', 0.0)
    found = [json.loads(message)["error"] for message in line.service.outbox()]
    assert [no["code"] for no in found] == ["invalid_event", "invalid_event", "invalid_value"]
    assert found[2]["event_id"] == "e1"
    assert error(line.send("input_audio_buffer.append", audio="%"))["param"] == "audio"


def test_late_ticks_change_nothing_but_the_moment() -> None:
    def heard(step: float) -> list[dict[str, Any]]:
        line = Line("One two three.", "Four five.", audio={"input": {"transcription": {"model": "whisper-1"}}})
        line.append(say("Hello.") + quiet(224))
        for _ in range(round(4 / step)):
            line.wait(step)
        return line.log

    assert heard(0.01) == heard(4.0)


# --- sample time ------------------------------------------------------------------------------------------------------


def said_in_sample_time(chunk_ms: int) -> list[dict[str, Any]]:
    line = Line("word " * 30, "Sorry.", habits=Habits(sample_time=True))
    pcm = say("Hello.", 960) + quiet(1000) + say("Stop.", 640) + quiet(3000)
    for at in range(0, len(pcm), chunk_ms * 48):
        line.send("input_audio_buffer.append", audio=base64.b64encode(pcm[at : at + chunk_ms * 48]).decode())
    return line.log


def test_in_sample_time_neither_pace_nor_chunks_change_anything() -> None:
    whole = said_in_sample_time(10_000)
    assert "cancelled" in [event["response"]["status"] for event in only(whole, "response.done")]
    assert said_in_sample_time(20) == said_in_sample_time(37) == whole


def test_in_sample_time_a_silent_client_is_answered_by_jumping_ahead() -> None:
    line = Line("Hello.", habits=Habits(sample_time=True))
    line.send("response.create")
    assert line.service.pending == pytest.approx(0.35)
    while (due := line.service.pending) is not None:
        line.service.tick(due)
    line.append(quiet(320), paced=False)
    assert names(line.log)[-2:] == ["response.done", "rate_limits.updated"]
    assert line.service.deadline == 3600.0


# --- the bill ---------------------------------------------------------------------------------------------------------


def test_the_whole_input_is_billed_again_and_cached_tokens_are_told() -> None:
    line = Line("One two three four.", "Five six.", hits=lambda: 0.0)
    line.append(say("Hello.", 1280) + quiet(224))
    line.finish()
    line.append(say("And now?", 1280) + quiet(224))
    line.finish()
    first, second = (event["response"]["usage"] for event in only(line.log, "response.done"))
    assert first["input_token_details"]["audio_tokens"] == line.service.conversation[0].audio_ms // 100
    assert second["input_tokens"] > first["input_tokens"]
    assert second["input_token_details"]["cached_tokens_details"]["text_tokens"] == 128
    assert [usage.to_wire() for usage in line.service.usages.values() if usage] == [first, second]


def test_the_input_is_billed_as_it_stood_when_the_response_began() -> None:
    line = Line("word " * 10, "Yes.", **TEXT)
    story = line.create("word " * 200)
    line.send("response.create")
    line.send("conversation.item.delete", item_id=story)
    done = only(line.finish(), "response.done")[0]["response"]
    assert done["usage"]["input_tokens"] > 200


def test_azure_sends_no_rate_limits() -> None:
    line = Line(habits=Habits(rate_limits=False))
    line.send("response.create")
    assert "rate_limits.updated" not in names(line.finish())


# --- beta -------------------------------------------------------------------------------------------------------------


def test_the_beta_dialect() -> None:
    line = Line(WEATHER, "Foggy.", habits=Habits(dialect="beta"))
    session = line.log[0]["session"]
    assert session["modalities"] == ["text", "audio"]
    assert session["input_audio_format"] == "pcm16"
    assert "audio" not in session
    flat = {"tools": [TOOL], "temperature": 0.8, "input_audio_transcription": {"model": "whisper-1"}}
    assert line.send("session.update", session=flat)[0]["session"]["input_audio_transcription"]["model"] == "whisper-1"
    line.append(say("How is the weather?") + quiet(224))
    line.finish()
    output = {"type": "function_call_output", "call_id": line.service.conversation[-1].call_id, "output": "x"}
    line.send("conversation.item.create", item=output)
    line.send("response.create", response={"modalities": ["text", "audio"]})
    line.finish()
    seen = set(names(line.log))
    assert {"conversation.item.created", "response.audio.delta", "response.audio_transcript.done"} <= seen
    assert not {"conversation.item.added", "conversation.item.done", "response.output_audio.delta"} & seen
    assert not [event for event in line.log if "obfuscation" in event]
    assert only(line.log, "response.done")[-1]["response"]["output"][0]["content"][0]["type"] == "audio"
    assert line.texts[-1] == "Foggy."
