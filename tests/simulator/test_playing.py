"""Replies that the service plays itself: told when they begin and end to sound, truncated where somebody cuts in."""

from __future__ import annotations

from doubles import Line, error, names, only, quiet, say

from laconic.simulator.habits import Habits

PLAYS = Habits(plays=True)


def test_a_reply_is_told_to_begin_and_to_end() -> None:
    line = Line("word " * 10, habits=PLAYS)
    line.send("response.create")
    found = line.finish()
    told = names(found)
    assert told.index("response.output_audio.delta") < told.index("output_audio_buffer.started")
    assert told.index("output_audio_buffer.started") < told.index("response.output_audio.done")
    assert told[-1] == "output_audio_buffer.stopped"
    assert round(line.now, 6) == 0.35 + 3.0  # the latency, and ten words of 300 ms


def test_a_second_reply_begins_when_the_first_has_been_heard() -> None:
    line = Line("word " * 10, "two words", habits=PLAYS)
    line.send("response.create")
    line.until("response.done")
    line.send("response.create")
    told = names(line.finish())
    assert told.index("output_audio_buffer.stopped") < told.index("output_audio_buffer.started")
    assert told[-1] == "output_audio_buffer.stopped"
    assert round(line.now, 6) == 0.35 + 3.6


def test_who_cuts_in_has_the_reply_truncated_where_it_was_heard() -> None:
    line = Line("word " * 20, habits=PLAYS)
    line.send("response.create")
    line.until("response.done")
    line.wait(2.0)
    found = line.append(say("Stop."))
    told = names(found)
    assert told.index("input_audio_buffer.speech_started") < told.index("conversation.item.truncated")
    [truncated] = only(found, "conversation.item.truncated")
    assert truncated["audio_end_ms"] == line.service.conversation[0].parts[0].audio_ms
    assert 3000 < truncated["audio_end_ms"] < 4000  # made in 1.2 s, then two seconds went by
    assert len(only(found, "output_audio_buffer.cleared")) == 1
    line.append(quiet(2000))
    line.finish()
    assert len(only(line.log, "output_audio_buffer.stopped")) == 1  # of the answer, not of what was cut


def test_a_reply_that_waited_for_another_loses_all_but_its_first_millisecond() -> None:
    line = Line("word " * 20, "never heard", habits=PLAYS)
    line.send("response.create")
    line.until("response.done")
    line.send("response.create")
    line.until("response.done")
    found = line.send("output_audio_buffer.clear")
    assert [event["audio_end_ms"] for event in only(found, "conversation.item.truncated")][1:] == [1]
    assert len(only(found, "output_audio_buffer.cleared")) == 2
    line.finish()
    assert len(only(line.log, "output_audio_buffer.started")) == 1


def test_a_reply_still_being_made_is_only_silenced() -> None:
    line = Line("word " * 20, habits=PLAYS)
    line.send("response.create")
    line.until("response.output_audio.delta")
    assert names(line.send("output_audio_buffer.clear")) == ["output_audio_buffer.cleared"]


def test_what_was_deleted_meanwhile_is_no_longer_played() -> None:
    line = Line("word " * 20, habits=PLAYS)
    line.send("response.create")
    line.until("response.output_audio.delta")
    line.send("conversation.item.delete", item_id=line.service.conversation[0].id)
    line.finish()
    assert len(only(line.log, "output_audio_buffer.started")) == 1
    assert names(line.send("output_audio_buffer.clear")) == []


def test_on_a_websocket_nothing_of_it_is_there() -> None:
    line = Line("word " * 20)
    line.send("response.create")
    line.finish()
    line.append(say("Stop."))
    assert not [event for event in line.log if event["type"].startswith("output_audio_buffer")]
    assert not only(line.log, "conversation.item.truncated")
    assert error(line.send("output_audio_buffer.clear"))["code"] == "invalid_value"
