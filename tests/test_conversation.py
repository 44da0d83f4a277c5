"""The mirror, message by message. What it makes of whole recorded sessions is in test_recorded_sessions.py."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.items import Item

Wire = dict[str, Any]


def tell(conversation: Conversation, type: str, **fields: Any) -> None:
    """The service says this."""
    conversation.read(ev.read(json.dumps({"type": type, **fields})))


def message(item_id: str, role: str = "user", **fields: Any) -> Wire:
    return {"id": item_id, "type": "message", "role": role, "status": "completed", "content": [], **fields}


def added(conversation: Conversation, item_id: str, previous: str | None, **fields: Any) -> None:
    tell(conversation, "conversation.item.added", item=message(item_id, **fields), previous_item_id=previous)


def ids(conversation: Conversation) -> list[str]:
    return [item.id for item in conversation]


def held(conversation: Conversation, item_id: str) -> Item:
    item = conversation.get(item_id)
    assert item is not None
    return item


def sound(ms: int, bytes_per_ms: int = 48) -> str:
    return base64.b64encode(bytes(ms * bytes_per_ms)).decode()


def begin_reply(conversation: Conversation, item_id: str = "a", previous: str | None = None) -> None:
    tell(conversation, "response.created", response={"id": "r", "conversation_id": "c", "status": "in_progress"})
    item = message(item_id, "assistant", status="in_progress")
    tell(conversation, "response.output_item.added", response_id="r", item=item)
    tell(conversation, "conversation.item.added", item=item, previous_item_id=previous)


def test_items_stand_where_added_says() -> None:
    """Null is the front, root too, an id its follower, an unknown id the end (it may just have been deleted)."""
    conversation = Conversation()
    added(conversation, "b", None)
    added(conversation, "c", "b")
    added(conversation, "a", None)
    added(conversation, "r", "root")
    added(conversation, "e", "deleted a moment ago")
    added(conversation, "b2", "b")
    assert ids(conversation) == ["r", "a", "b", "b2", "c", "e"]
    assert [item.id for item in reversed(conversation)] == ids(conversation)[::-1]
    assert len(conversation) == 6
    assert "b2" in conversation
    assert [item.id for item in conversation.neighbours("b2") if item] == ["b", "c"]


def test_done_does_not_move_an_item() -> None:
    """Its predecessor is null for most second items, and that is not where they stand."""
    conversation = Conversation()
    added(conversation, "a", None)
    added(conversation, "b", "a", role="assistant", status="in_progress")
    tell(conversation, "conversation.item.done", item=message("b", "assistant"), previous_item_id=None)
    assert ids(conversation) == ["a", "b"]
    assert held(conversation, "b").status == "completed"


def test_done_alone_adds_an_item_that_was_never_added_but_not_one_that_left() -> None:
    conversation = Conversation()
    added(conversation, "a", None)
    tell(conversation, "conversation.item.done", item=message("b"), previous_item_id=None)
    tell(conversation, "conversation.item.deleted", item_id="a")
    tell(conversation, "conversation.item.done", item=message("a"), previous_item_id=None)
    assert ids(conversation) == ["b"]


def test_an_id_may_be_used_again_after_a_delete() -> None:
    conversation = Conversation()
    added(conversation, "a", None)
    tell(conversation, "conversation.item.deleted", item_id="a")
    tell(conversation, "conversation.item.deleted", item_id="a")
    added(conversation, "a", None)
    assert ids(conversation) == ["a"]


def test_an_item_said_twice_is_one_item() -> None:
    conversation = Conversation()
    content = [{"type": "input_text", "text": "hello"}]
    added(conversation, "a", None, content=content)
    added(conversation, "b", "a")
    added(conversation, "a", "b", content=content)
    tell(conversation, "conversation.item.added", item={"type": "message"})
    assert ids(conversation) == ["a", "b"]


def test_beta_and_ga_settings_read_alike() -> None:
    flat = {"modalities": ["text", "audio"], "turn_detection": {"type": "server_vad"}, "model": "m"}
    nested = {"type": "realtime", "model": "m", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
    for session, dialect in ((flat, "beta"), (nested, "ga")):
        conversation = Conversation()
        tell(conversation, "session.created", session=session)
        assert (conversation.dialect, conversation.model) == (dialect, "m")
        assert conversation.answers_by_itself
        assert conversation.hears_turns
        assert conversation.transcription_model is None


@pytest.mark.parametrize("detection", [None, {"type": "server_vad", "create_response": False}])
def test_without_turn_detection_nobody_answers_by_itself(detection: Wire | None) -> None:
    conversation = Conversation()
    audio = {"input": {"turn_detection": detection, "transcription": {"model": "whisper-1"}}}
    tell(conversation, "session.updated", session={"type": "realtime", "audio": audio})
    assert not conversation.answers_by_itself
    assert conversation.hears_turns == (detection is not None)
    assert conversation.transcription_model == "whisper-1"


def test_a_spoken_turn_has_the_length_voice_detection_stated() -> None:
    conversation = Conversation()
    tell(conversation, "input_audio_buffer.speech_started", item_id="u", audio_start_ms=1460)
    assert conversation.user_speaking
    tell(conversation, "input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=4256)
    assert not conversation.user_speaking
    tell(conversation, "input_audio_buffer.committed", item_id="u", previous_item_id=None)
    added(conversation, "u", None, content=[{"type": "input_audio", "transcript": None}])
    assert held(conversation, "u").audio_ms == 2796
    tell(conversation, "conversation.item.input_audio_transcription.completed", item_id="u", transcript="Hello.")
    assert held(conversation, "u").text == "Hello."
    tell(conversation, "conversation.item.input_audio_transcription.completed", item_id="nobody", transcript="x")


def test_an_idle_timeout_makes_a_silent_item_of_the_length_stated() -> None:
    conversation = Conversation()
    tell(conversation, "input_audio_buffer.timeout_triggered", item_id="u", audio_start_ms=13216, audio_end_ms=19232)
    tell(conversation, "input_audio_buffer.committed", item_id="u")
    added(conversation, "u", None, content=[{"type": "input_audio"}])
    assert held(conversation, "u").audio_ms == 6016


def test_push_to_talk_measures_what_was_committed() -> None:
    conversation = Conversation()
    for event in (
        {"type": "input_audio_buffer.append", "audio": sound(300)},
        {"type": "input_audio_buffer.commit"},
    ):
        conversation.said(ev.read(json.dumps(event)))
    tell(conversation, "input_audio_buffer.committed", item_id="u")
    added(conversation, "u", None, content=[{"type": "input_audio"}])
    assert held(conversation, "u").audio_ms == 300


def test_a_refused_commit_is_forgotten() -> None:
    conversation = Conversation()
    conversation.said(ev.InputAudioBufferCommit())
    tell(conversation, "error", error={"code": "input_audio_buffer_commit_empty", "message": "empty"})
    tell(conversation, "input_audio_buffer.committed", item_id="u")
    added(conversation, "u", None, content=[{"type": "input_audio"}])
    assert held(conversation, "u").audio_ms == 0


def test_xai_adds_the_user_item_while_he_speaks_and_writes_null_everywhere() -> None:
    """Order and wording of the recordings of July 2026."""
    conversation = Conversation()
    tell(conversation, "ping", timestamp=1)
    added(conversation, "first", None)
    tell(conversation, "input_audio_buffer.speech_started", item_id="u", audio_start_ms=227)
    added(conversation, "u", None, status="in_progress", content=[{"type": "input_audio", "transcript": ""}])
    assert ids(conversation) == ["first", "u"]
    name = "conversation.item.input_audio_transcription.completed"
    tell(conversation, name, item_id="u", transcript="Hello?", status="in_progress")
    tell(conversation, "input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=432)
    assert held(conversation, "u").in_progress
    tell(conversation, name, item_id="u", transcript="Hello, my name is Marcelo.", status="completed")
    assert (held(conversation, "u").status, held(conversation, "u").audio_ms) == ("completed", 205)


def test_a_reply_fills_while_it_comes() -> None:
    conversation = Conversation()
    begin_reply(conversation)
    assert conversation.responding
    where: Wire = {"response_id": "r", "item_id": "a", "content_index": 0}
    tell(conversation, "response.content_part.added", part={"type": "audio", "transcript": ""}, **where)
    tell(conversation, "response.output_audio_transcript.delta", delta="Hel", **where)
    tell(conversation, "response.output_audio.delta", delta=sound(100), **where)
    tell(conversation, "response.output_audio_transcript.delta", delta="lo", **where)
    tell(conversation, "response.output_audio.delta", delta=sound(50), **where)
    reply = held(conversation, "a")
    assert (reply.text, reply.audio_ms, reply.in_progress) == ("Hello", 150, True)
    done = message("a", "assistant", content=[{"type": "output_audio", "transcript": "Hello."}])
    tell(conversation, "conversation.item.done", item=done)
    tell(conversation, "response.output_item.done", response_id="r", item=done)
    tell(conversation, "response.done", response={"id": "r", "status": "completed", "output": [done]})
    assert (reply.text, reply.audio_ms, reply.status) == ("Hello.", 150, "completed")
    assert not conversation.responding


def test_deltas_may_come_without_a_part_being_announced() -> None:
    conversation = Conversation()
    begin_reply(conversation)
    tell(conversation, "response.output_text.delta", item_id="a", content_index=1, delta="x")
    assert [part.kind for part in held(conversation, "a").parts] == ["output_text", "output_text"]


def test_g711_has_eight_bytes_a_millisecond() -> None:
    conversation = Conversation()
    audio = {"output": {"format": {"type": "audio/pcmu"}}, "input": {"format": {"type": "audio/pcmu"}}}
    tell(conversation, "session.updated", session={"type": "realtime", "audio": audio})
    begin_reply(conversation)
    tell(conversation, "response.output_audio.delta", item_id="a", content_index=0, delta=sound(100, 8))
    assert held(conversation, "a").audio_ms == 100
    assert conversation.input.bytes_per_ms == 8.0


def test_what_is_said_of_items_not_held_changes_nothing() -> None:
    """Out-of-band replies, and what came late."""
    conversation = Conversation()
    where: Wire = {"response_id": "r", "item_id": "x", "content_index": 0}
    tell(conversation, "response.output_item.added", response_id="r", item=message("x", "assistant"))
    tell(conversation, "response.content_part.added", part={"type": "audio"}, **where)
    for name in ("output_audio", "output_audio_transcript", "output_text"):
        tell(conversation, f"response.{name}.delta", delta="AAAA", **where)
    tell(conversation, "response.function_call_arguments.done", arguments="{}", **where)
    tell(conversation, "response.output_item.done", response_id="r", item=message("x", "assistant"))
    tell(conversation, "conversation.item.truncated", item_id="x", audio_end_ms=1)
    tell(conversation, "input_audio_buffer.speech_stopped", item_id="x", audio_end_ms=1)
    assert len(conversation) == 0


def test_what_a_response_made_is_told_with_its_sound_though_it_is_not_held() -> None:
    conversation = Conversation()
    tell(conversation, "response.created", response={"id": "aside", "conversation_id": None})
    tell(conversation, "response.output_item.added", response_id="aside", item=message("x", "assistant"))
    where = {"response_id": "aside", "item_id": "x", "content_index": 0}
    for _ in range(2):
        tell(conversation, "response.output_audio.delta", delta=sound(300), **where)
    tell(conversation, "response.output_audio.delta", delta=sound(5), **where | {"content_index": 1})
    content = [{"type": "output_audio", "transcript": "Yes."}]
    response = {"id": "aside", "output": [message("x", "assistant", content=content)]}
    tell(conversation, "response.done", response=response)
    [item] = conversation.made(response)
    assert (item.text, item.audio_ms) == ("Yes.", 600)
    begin_reply(conversation)
    tell(conversation, "response.done", response={"id": "r", "output": [message("a", "assistant")]})
    assert conversation.made({"output": [message("a")]}) == [held(conversation, "a")]
    assert [item.audio_ms for item in conversation.made(response)] == [0], "only of the last is it known"


def test_the_sound_of_a_reply_that_is_deleted_while_it_is_made_is_known_at_its_end() -> None:
    conversation = Conversation()
    begin_reply(conversation)
    where = {"response_id": "r", "item_id": "a", "content_index": 0}
    tell(conversation, "response.output_audio.delta", delta=sound(300), **where)
    tell(conversation, "conversation.item.deleted", item_id="a")
    tell(conversation, "response.output_audio.delta", delta=sound(300), **where)
    content = [{"type": "output_audio", "transcript": "Yes."}]
    response = {"id": "r", "output": [message("a", "assistant", content=content)]}
    tell(conversation, "response.done", response=response)
    assert [item.audio_ms for item in conversation.made(response)] == [600]


def test_an_out_of_band_response_is_not_a_response_of_the_conversation() -> None:
    conversation = Conversation()
    tell(conversation, "response.created", response={"id": "r", "conversation_id": None})
    assert not conversation.responding
    assert conversation.responses["r"].out_of_band
    tell(conversation, "response.done", response={"id": "r", "status": "completed", "output": []})
    assert conversation.responses == {}


@pytest.mark.parametrize(
    ("listed", "status", "expected"),
    [(True, "cancelled", "incomplete"), (True, "completed", "completed"), (False, "cancelled", None)],
)
def test_an_item_a_response_left_unfinished_exists_only_if_its_output_says_so(
    listed: bool, status: str, expected: str | None
) -> None:
    conversation = Conversation()
    begin_reply(conversation)
    output = [message("a", "assistant", status="in_progress")] if listed else []
    tell(conversation, "response.done", response={"id": "r", "status": status, "output": output})
    item = conversation.get("a")
    assert (item.status if item else None) == expected


def test_a_truncation_takes_the_transcript_and_shortens_the_sound() -> None:
    conversation = Conversation()
    begin_reply(conversation)
    tell(conversation, "response.output_audio.delta", item_id="a", content_index=0, delta=sound(4000))
    tell(conversation, "response.output_audio_transcript.delta", item_id="a", content_index=0, delta="Words.")
    tell(conversation, "conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=1500)
    tell(conversation, "conversation.item.truncated", item_id="a", content_index=7, audio_end_ms=1)
    assert (held(conversation, "a").audio_ms, held(conversation, "a").text) == (1500, None)


def test_calls_and_outputs_find_each_other() -> None:
    conversation = Conversation()
    call = {
        "id": "f",
        "type": "function_call",
        "call_id": "c",
        "name": "look",
        "arguments": "",
        "status": "in_progress",
    }
    tell(conversation, "conversation.item.added", item=call, previous_item_id=None)
    tell(conversation, "response.function_call_arguments.done", item_id="f", arguments='{"x":1}')
    tell(conversation, "conversation.item.done", item=call | {"arguments": '{"x":1}', "status": "completed"})
    output = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "fog"}
    tell(conversation, "conversation.item.added", item=output, previous_item_id="f")
    tell(conversation, "conversation.item.done", item=output)
    assert held(conversation, "f").arguments == '{"x":1}'
    assert held(conversation, "o").output == "fog"
    assert [item.id for item in conversation.partners(held(conversation, "f"))] == ["o"]
    assert [item.id for item in conversation.sharing("c")] == ["f", "o"]


def test_what_we_do_not_follow_passes() -> None:
    conversation = Conversation()
    tell(conversation, "rate_limits.updated", rate_limits=[])
    tell(conversation, "of.tomorrow")
    assert len(conversation) == 0


def test_a_reply_deleted_while_it_comes_stays_away() -> None:
    """Its response goes on; nothing of it brings the item back."""
    conversation = Conversation()
    begin_reply(conversation)
    tell(conversation, "conversation.item.deleted", item_id="a")
    done = message("a", "assistant")
    tell(conversation, "response.output_item.done", response_id="r", item=done)
    tell(conversation, "conversation.item.done", item=done)
    tell(conversation, "response.done", response={"id": "r", "status": "completed", "output": [done]})
    assert ids(conversation) == []


def test_a_completed_item_is_not_touched_by_the_end_of_its_response() -> None:
    conversation = Conversation()
    begin_reply(conversation)
    tell(conversation, "conversation.item.done", item=message("a", "assistant"))
    incomplete = message("a", "assistant", status="incomplete")
    tell(conversation, "response.done", response={"id": "r", "status": "completed", "output": [incomplete]})
    assert held(conversation, "a").status == "completed"


def test_what_an_item_says_again_keeps_what_was_known() -> None:
    """A statement without the transcript or with fewer words does not take them away."""
    conversation = Conversation()
    added(conversation, "u", None, content=[{"type": "input_audio", "transcript": None}])
    tell(conversation, "conversation.item.input_audio_transcription.completed", item_id="u", transcript="Hello.")
    item = message("u", content=[{"type": "input_audio", "transcript": None}, {"type": "input_text", "text": "x"}])
    tell(conversation, "conversation.item.done", item=item)
    assert held(conversation, "u").text == "Hello. x"


def test_the_output_of_a_response_completes_an_item_too() -> None:
    conversation = Conversation()
    begin_reply(conversation)
    output = [message("a", "assistant", content=[{"type": "output_audio", "transcript": "Hi."}])]
    tell(conversation, "response.done", response={"id": "r", "status": "completed", "output": output})
    assert (held(conversation, "a").status, held(conversation, "a").text) == ("completed", "Hi.")


def test_what_sounds_is_told_in_the_order_of_its_entering_until_it_is_gone() -> None:
    """Complete items with sound: not text, not what is in progress, not what may yet get some."""
    conversation = Conversation()
    speech = [{"type": "input_audio", "transcript": None}]
    text = [{"type": "input_text", "text": "Hm?"}]
    added(conversation, "u1", None, content=speech)
    added(conversation, "t", "u1", content=text)
    added(conversation, "u0", None, content=speech)
    begin_reply(conversation, "a1", "t")
    assert [item.id for item in conversation.sounding()] == ["u1", "u0"]
    spoken = message("a1", "assistant", content=[{"type": "output_audio", "transcript": "Well."}])
    tell(conversation, "conversation.item.done", item=spoken)
    assert [item.id for item in conversation.sounding()] == ["u1", "u0", "a1"]
    tell(conversation, "conversation.item.deleted", item_id="u1")
    assert [item.id for item in conversation.sounding()] == ["u0", "a1"]


def test_a_reply_that_turns_out_to_be_text_does_not_sound() -> None:
    conversation = Conversation()
    begin_reply(conversation, "a1")
    written = message("a1", "assistant", content=[{"type": "output_text", "text": "Well."}])
    tell(conversation, "conversation.item.done", item=written)
    added(conversation, "u1", "a1", content=[{"type": "input_audio"}])
    for _ in range(2):
        assert [item.id for item in conversation.sounding()] == ["u1"]
