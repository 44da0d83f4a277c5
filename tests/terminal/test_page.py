"""The talk screen's content: order, streaming, cuts, notices and layout."""

from __future__ import annotations

import json

from playbook import counter
from said import Told

from laconic.currencies import Sums, currency
from laconic.session import EditFailed, Forgot, MemoryTold, Session, Unsupported
from laconic.terminal.columns import width_of
from laconic.terminal.page import Page
from laconic.terminal.words import Words


def shown(told: Told, width: int = 80) -> list[str]:
    return [row.text for row in told.page.rows(width)]


def test_the_user_stands_before_the_reply_although_his_words_come_later() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "Hello")
    assert shown(told) == ["you     …", "reply   Hello"]
    told.user_words("u", "Good morning.")
    told.reply_words("a", " there")
    assert shown(told) == ["you     Good morning.", "reply   Hello there"]


def test_words_stream_while_the_user_is_still_speaking() -> None:
    told = Told()
    told.says("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u")
    name = "conversation.item.input_audio_transcription.delta"
    told.says(name, item_id="u", content_index=0, delta="Good")
    told.says(name, item_id="u", content_index=0, delta=" mor")
    assert shown(told) == ["you     Good mor"]


def test_a_reply_that_comes_while_the_user_speaks_again_stands_before_his_new_words() -> None:
    """A pause in mid-sentence: the answer to the first half enters when the second half is being said."""
    told = Told()
    told.user_spoke("u1", None)
    told.says("input_audio_buffer.speech_started", audio_start_ms=2000, item_id="u2")
    told.reply_began("a1", "u1")
    told.reply_words("a1", "Well")
    assert [line.item_id for line in told.page.lines] == ["u1", "a1", "u2"]


def test_items_that_enter_in_the_past_stand_where_the_conversation_has_them() -> None:
    told = Told()
    last = told.exchange(1, None)
    told.user_spoke("u3", last)
    item = {"id": "u2", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "typed"}]}
    told.says("conversation.item.added", item=item, previous_item_id="a1")
    assert [line.item_id for line in told.page.lines] == ["u1", "a1", "u2", "u3"]
    assert shown(told)[2] == "you     typed"


def test_a_notice_that_comes_while_the_user_speaks_stays_behind_his_line() -> None:
    told = Told()
    after = told.exchange(1, None)
    told.says("input_audio_buffer.speech_started", audio_start_ms=9000, item_id="u2")
    told.page.note("forgotten: something")
    told.user_spoke("u2", after)
    told.user_words("u2", "And now?")
    assert [row.strip() for row in shown(told)[2:]] == ["you     And now?", "forgotten: something"]


def test_two_spoken_items_of_one_response_are_two_lines() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.user_words("u", "Go on.")
    told.reply_began("a", "u")
    told.reply_words("a", "One moment.")
    item = {"id": "b", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    told.says("response.output_item.added", response_id="r", item=item)
    told.says("conversation.item.added", item=item, previous_item_id="a")
    told.reply_words("b", "It is four.")
    assert shown(told) == ["you     Go on.", "reply   One moment.", "reply   It is four."]


def test_a_reply_in_text_is_shown() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.user_words("u", "Say it.")
    told.reply_began("a", "u")
    told.says("response.output_text.delta", response_id="r", item_id="a", content_index=0, delta="Writ")
    told.says("response.output_text.done", response_id="r", item_id="a", content_index=0, text="Written.")
    assert shown(told)[-1] == "reply   Written."
    assert not told.page.lines[-1].settled
    told.reply_done("a", "")
    assert told.page.lines[-1].settled


def test_words_that_only_the_finished_item_has_are_taken_from_it() -> None:
    """Voice Live sends empty `done` events and the text with the item."""
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_done("a", "All at once.")
    assert shown(told)[-1] == "reply   All at once."


def test_a_reply_is_settled_when_it_was_heard_to_its_end() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "Hello.")
    told.reply_sound("a", 1000)
    told.reply_done("a", "Hello.")
    line = told.page.lines[-1]
    told.heard("a", 999, of=1000)
    assert not line.settled
    told.heard("a", 1000)
    assert line.settled


def test_a_reply_cut_off_shows_the_words_that_were_heard() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "one two three four five six seven eight")
    told.reply_sound("a", 4000)
    told.heard("a", 2000, of=4000, stopped=True)
    assert shown(told)[-1] == "reply   one two three four [cut off after 2.0 s]"
    told.reply_words("a", " nine ten")  # still on its way when the speaker was emptied
    told.reply_done("a", "one two three four five", status="cancelled")
    assert shown(told)[-1] == "reply   one two three four [cut off after 2.0 s]"
    assert told.page.lines[-1].settled


def test_words_without_spaces_are_cut_between_characters() -> None:
    told = Told(lang="ja")
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "むかしむかし海のそばに")
    told.reply_sound("a", 1100)
    told.heard("a", 600, of=1100, stopped=True)
    assert shown(told)[-1].endswith("むかしむかし ［0.6秒で中断］")


def test_a_reply_stopped_before_a_word_was_heard_says_so() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "Well, well")
    told.reply_sound("a", 300)
    told.heard("a", 0, of=300, stopped=True)
    assert shown(told)[-1] == "reply   [cut off before it was heard]"


def test_a_cancelled_reply_without_sound_is_settled_by_its_response() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "Well")
    told.reply_done("a", "Well", status="cancelled")
    assert told.page.lines[-1].settled
    assert shown(told)[1] == "reply   [cut off before it was heard]"


def test_an_empty_reply_shows_nothing() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.user_words("u", "Hm.")
    told.reply_began("a", "u")
    assert shown(told) == ["you     Hm."]


def test_without_transcription_the_length_of_the_speech_is_shown() -> None:
    told = Told(transcription=False)
    told.user_spoke("u", None)
    assert shown(told) == ["you     (1.5 s spoken, no transcript)"]
    assert told.page.lines[0].complete


def test_without_transcription_and_without_a_length_it_just_was_spoken() -> None:
    told = Told()
    told.says("input_audio_buffer.committed", item_id="u")
    told.page.close()
    assert shown(told) == ["you     (spoken, no transcript)"]


def test_a_failed_transcription_says_why() -> None:
    told = Told()
    told.user_spoke("u", None)
    name = "conversation.item.input_audio_transcription.failed"
    told.says(name, item_id="u", content_index=0, error={"code": "DeploymentNotFound", "message": "no whisper here"})
    assert shown(told) == ["you     (spoken; the transcription failed: no whisper here)"]


def test_xai_repeats_a_transcript_until_it_is_final() -> None:
    told = Told()
    told.user_spoke("u", None)
    name = "conversation.item.input_audio_transcription."
    told.says(name + "updated", item_id="u", transcript="Good")
    told.says(name + "completed", item_id="u", transcript="Good mor", status="in_progress")
    assert shown(told) == ["you     Good mor"]
    assert not told.page.lines[0].complete
    told.says(name + "completed", item_id="u", transcript="Good morning.", status="completed")
    assert told.page.lines[0].complete


def test_an_item_that_leaves_is_announced_and_its_line_stays() -> None:
    told = Told(memory="last:2")
    after = told.exchange(1, None)
    told.exchange(2, after)
    told.says("conversation.item.deleted", item_id="u1")
    assert shown(told)[-1] == "        forgotten: you, “question 1” · 3 stay"
    assert [row.dim for row in told.page.rows(80)] == [True, False, False, False, True]
    assert [notice.item_id for notice in told.page.forgotten] == ["u1"]


def test_an_item_in_the_past_of_a_forgotten_one_keeps_the_order() -> None:
    """What enters after items were forgotten stands behind them and behind the notice."""
    told = Told(memory="last:2")
    after = told.exchange(1, None)
    after = told.exchange(2, after)
    told.says("conversation.item.deleted", item_id="u1")
    told.says("conversation.item.deleted", item_id="a1")
    told.exchange(3, after)
    kinds = [line.item_id or "notice" for line in told.page.lines]
    assert kinds == ["u1", "a1", "u2", "a2", "notice", "notice", "u3", "a3"]


def test_a_forgotten_cut_off_reply_is_named_by_what_was_heard() -> None:
    """Truncating took the service's transcript away; the page still has the words."""
    told = Told(memory="last:1")
    told.user_spoke("u", None)
    told.user_words("u", "Go.")
    told.reply_began("a", "u")
    told.reply_words("a", "one two three four")
    told.reply_sound("a", 4000)
    told.reply_done("a", "one two three four")
    told.heard("a", 2000, of=4000, stopped=True)
    told.says("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=2000)
    told.user_spoke("u2", "a")
    told.says("response.created", response={"id": "r2", "conversation_id": "c"})
    told.says("response.done", response={"id": "r2", "conversation_id": "c", "status": "completed", "output": []})
    told.says("conversation.item.deleted", item_id="u")
    told.says("conversation.item.deleted", item_id="a")
    assert "        forgotten: reply, “one two” · 1 stay" in shown(told)


def test_items_without_words_are_named_by_their_length() -> None:
    told = Told(memory="last:1", transcription=False)
    told.exchange(1, None)
    told.says("conversation.item.deleted", item_id="u1")
    assert shown(told)[-1] == "        forgotten: you, “question 1” · 1 stay"
    told = Told(memory="last:1", transcription=False)
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "Yes")
    told.reply_done("a", "Yes")
    told.says("conversation.item.deleted", item_id="u")
    assert shown(told)[-1] == "        forgotten: you, 1.5 s of speech · 1 stay"


def test_a_reply_swept_because_nobody_heard_it_is_announced_as_such() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "Well, well")
    told.reply_sound("a", 300)
    told.heard("a", 0, of=300, stopped=True)
    told.reply_done("a", "Well", status="cancelled")
    told.says("conversation.item.deleted", item_id="a")
    assert shown(told)[-1].strip() == "a reply nobody heard was taken out · 1 stay"


def test_items_nobody_ever_saw_are_announced_too() -> None:
    told = Told()
    told.page.notice(Forgot("x", "user", None, 0, 3, "memory"))
    told.page.notice(Forgot("x", None, "weather()", 0, 2, "memory"))
    assert [row.strip() for row in shown(told)] == [
        "forgotten: you, empty · 3 stay",
        "forgotten: tool, “weather()” · 2 stay",
    ]


def test_what_is_written_down_is_told_and_stays_undimmed() -> None:
    """Its words stand in the conversation now: it is not forgotten, and the words we wrote are no line of their own."""
    told = Told(memory="written")
    after = told.exchange(1, None)
    told.acknowledges()
    told.exchange(2, told.last_item())
    rows = told.page.rows(80)
    assert [row.text.strip() for row in rows] == [
        "you     question 1",
        "reply   answer 1",
        "written down: you, “question 1”",
        "written down: reply, “answer 1”",
        "you     question 2",
        "reply   answer 2",
    ]
    assert [row.dim for row in rows] == [False, False, True, True, False, False]
    assert told.page.forgotten == []
    assert told.page.written == 2
    assert after not in told.session.conversation


def test_a_turn_among_rewritten_ones_finds_its_place() -> None:
    """The items beside it are ours and have no lines: it goes by the nearest that have."""
    told = Told(memory="written")
    told.exchange(1, None)
    told.acknowledges()
    told.says("input_audio_buffer.speech_started", audio_start_ms=9000, item_id="u3")
    item = {"id": "u2", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "typed"}]}
    told.says("conversation.item.added", item=item, previous_item_id=told.last_item())
    assert [line.item_id for line in told.page.lines if line.item_id] == ["u1", "a1", "u2", "u3"]
    told.reply_began("a2", "u2", "r2")
    told.reply_words("a2", "Well", "r2")
    assert [line.item_id for line in told.page.lines if line.item_id] == ["u1", "a1", "u2", "a2", "u3"]


def test_sound_without_words_is_written_down_as_such() -> None:
    told = Told()
    told.page.notice(Forgot("x", "user", None, 1_500, 3, "written"))
    assert shown(told) == ["        written down: you, 1.5 s of speech"]


def test_a_fold_is_one_line_that_grows() -> None:
    told = Told()
    for _ in range(3):
        told.page.notice(Forgot("x", "user", "words", 0, 3, "folded"))
        told.page.tick()
    assert shown(told) == ["        folded 3 items into a summary"]
    assert not told.page.lines[-1].complete
    for _ in range(5):
        told.page.tick()
    assert told.page.lines[-1].complete
    told.page.notice(Forgot("y", "user", "words", 0, 3, "folded"))
    assert shown(told) == ["        folded 3 items into a summary", "        folded 1 items into a summary"]
    assert told.page.folded == 4
    assert told.page.forgotten == []


def test_a_fold_shows_how_its_summary_begins() -> None:
    told = Told()
    note = {"type": "input_text", "text": "Summary of the conversation so far:\nThe user is Marco."}
    item = {"id": "s", "type": "message", "role": "system", "content": [note]}
    told.session.from_service(json.dumps({"type": "conversation.item.added", "item": item}), 0.0)
    told.page.notice(Forgot("x", "user", "words", 0, 3, "folded"))
    assert shown(told) == ["        folded 1 items into a summary: “The user is Marco.”"]


def test_what_the_memory_says_is_told() -> None:
    told = Told(lang="ja")
    told.page.notice(MemoryTold("this service does not let go of items"))
    assert shown(told) == ["        このサービスでは項目を消せません"]


def test_what_the_memory_says_of_money_is_told_in_the_caller_s() -> None:
    told = Told()
    told.page = Page(told.session.conversation, Words("en"), currency("JPY", "155"))
    sums = Sums({"summary": 2_000_000_000})
    told.page.notice(MemoryTold(f"memory is now summary: an hour costs {sums} (and so on)", sums))
    assert shown(told) == ["        memory is now summary: an hour costs summary ¥310 (and so on)"]


def test_what_auto_chooses_anew_is_told_in_the_caller_s_money() -> None:
    """Once somebody writes down what is said, summaries are cheapest."""
    told = Told()
    told.session = Session(ids=counter(), memory="auto", model="gpt-realtime")
    told.page = Page(told.session.conversation, Words("en"), currency("JPY", "155"))
    told.says("session.created", session={"type": "realtime"})
    last = None
    for number in range(1, 9):
        if number == 8:
            audio = {"input": {"transcription": {"model": "whisper-1"}}}
            told.says("session.updated", session={"type": "realtime", "audio": audio})
        last = told.exchange(number, last)
    [row] = [row for row in shown(told) if "memory is now" in row]
    assert "memory is now summary: an hour costs summary ¥" in row


def test_words_of_ours_that_were_taken_back_are_not_told() -> None:
    """Nobody saw them. Of a reply that drifted the memory tells itself; it is dimmed."""
    told = Told()
    told.exchange(1, None)
    told.page.notice(Forgot("ours_1", "user", "words", 0, 3, "undone"))
    told.page.notice(Forgot("a1", "assistant", "answer 1", 0, 3, "drift"))
    assert shown(told) == ["you     question 1", "reply   answer 1"]
    assert told.page.rows(80)[1].dim


def test_a_ghost_turn_is_announced() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.says("response.created", response={"id": "r", "conversation_id": "c"})
    told.says("response.done", response={"id": "r", "conversation_id": "c", "status": "cancelled", "output": []})
    assert any("still the same exchange" in row for row in shown(told))


def test_trouble_is_told_dimly() -> None:
    told = Told()
    told.says("error", error={"type": "server_error", "message": "try again"})
    response = {"id": "r", "status": "failed", "status_details": {"error": {"code": "overloaded"}}, "output": []}
    told.says("response.done", response=response)
    for item_id in ("u", "a"):  # one of a kind is enough
        told.page.notice(EditFailed("delete", item_id, "no answer"))
    told.page.notice(Unsupported("delete"))
    assert [row.strip() for row in shown(told)] == [
        "the service reports: try again",
        "the service reports: overloaded",
        "the service would not delete an item: no answer",
        "this service does not delete items",
    ]
    assert all(row.dim for row in told.page.rows(80))


def test_a_function_call_is_told() -> None:
    told = Told()
    item = {"id": "f", "type": "function_call", "status": "in_progress", "name": "weather", "call_id": "c1"}
    told.says("conversation.item.added", item=item)
    assert shown(told) == ["tool    the model calls weather"]


def test_an_out_of_band_reply_is_no_line() -> None:
    told = Told()
    told.says("response.created", response={"id": "o", "conversation_id": None})
    told.reply_words("x", "aside", response_id="o")
    assert told.page.lines == []


def test_closing_settles_everything() -> None:
    told = Told()
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "one two three four")
    told.reply_sound("a", 2000)
    told.heard("a", 1000, of=2000)
    told.page.close()
    assert shown(told) == ["you     (1.5 s spoken, no transcript)", "reply   one two [cut off after 1.0 s]"]


def test_layout_in_eighty_columns_of_japanese() -> None:
    """Names stand in a column of their own, rows that follow are indented, wide characters count twice."""
    told = Told(lang="ja")
    told.user_spoke("u", None)
    told.user_words("u", "はじめまして、マルコと申します。" * 4)
    rows = shown(told)
    assert [row[:5] for row in rows] == ["あなた  ", "     "]
    assert all(width_of(row) <= 80 for row in rows)
    assert told.page.rows(80)[0].label == len("あなた") + 2
