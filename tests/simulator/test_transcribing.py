"""Input transcription comes late, beside the conversation, with a bill of its own."""

from __future__ import annotations

from doubles import Line, names, only, quiet, say

from laconic.simulator.habits import Habits


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
