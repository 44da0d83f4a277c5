"""Responses: functions, input of their own, limits, several at once, and what they are billed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from doubles import Line, error, names, only, quiet, say

from laconic.simulator.habits import Habits
from laconic.simulator.minds.reply import Reply

TEXT: dict[str, Any] = {"output_modalities": ["text"]}
TOOL: dict[str, Any] = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
WEATHER = Reply(text="", calls=(("get_weather", {"city": "London"}),))


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
    assert done["usage"]["output_tokens"] <= limit


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
