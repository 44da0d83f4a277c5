"""The stand-in decides a conversation as PROTOCOL.md says the real service does: turns, time, dialects."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from doubles import Line, error, names, only, quiet, say

from laconic import events
from laconic.simulator.habits import Habits
from laconic.simulator.minds.reply import Reply
from laconic.simulator.responding import Pace
from laconic.usage import Usage

PTT: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}
TOOL: dict[str, Any] = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
WEATHER = Reply(text="", calls=(("get_weather", {"city": "London"}),))


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


# --- the session's life ------------------------------------------------------------


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
