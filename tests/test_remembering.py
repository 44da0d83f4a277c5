"""Memories at work, as scripts: what is written, folded and taken back, when, and what the app hears of it.

What a memory wishes is in the tests of the memories; how edits end is in test_edits.py. Here they come together.
"""

# A script is an expression until it is asserted.
# pyright: reportUnusedExpression=false

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest
from keeps import Shelf
from limited_talk import CHEAP, Talk, usage
from noted import ADDED, SAID, Noted, noted
from playbook import (
    Expected,
    Playbook,
    Step,
    app,
    call,
    counter,
    heard,
    notice,
    reply_begins,
    service,
    to_service,
    user_turn,
    wait,
)

from laconic.dialects import client_to_beta
from laconic.folding import HEADING, Summary
from laconic.memory import Memory
from laconic.session import (
    Charged,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    MemoryTold,
    Session,
    Summarise,
    ToApp,
    ToService,
    Transcribed,
    Unsupported,
)
from laconic.simulator.minds.reply import HeardItem
from laconic.simulator.minds.summing_up import summary
from laconic.usage import Usage

Wire = dict[str, Any]

QUESTION, ANSWER = "Where is the lighthouse?", "On the island, behind the old harbour."
DETECTION: Wire = {"type": "server_vad", "create_response": True}
AUDIO: Wire = {"input": {"turn_detection": DETECTION, "transcription": {"model": "whisper-1"}}}
SETTINGS: Wire = {"type": "realtime", "model": "gpt-realtime", "audio": AUDIO}
BETA: Wire = {
    "modalities": ["text", "audio"],
    "model": "gpt-realtime",
    "turn_detection": DETECTION,
    "input_audio_transcription": {"model": "whisper-1"},
}
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def script(memory: str = "written", *, session: Wire = SETTINGS, **options: Any) -> Playbook:
    """A conversation that has just begun."""
    return Playbook(Session(memory=memory, ids=counter(), **options)) >> service("session.created", session=session)


def play(book: Playbook, *steps: Step | Expected) -> Playbook:
    for step in steps:
        book = book >> step if isinstance(step, Step) else book << step
    return book


# --- what is said -------------------------------------------------------------------------------------------------


def asked(book: Playbook, n: int, previous: str | None, question: str | None = QUESTION) -> Playbook:
    """The user speaks (u1, u2, …), and it is written down unless `question` is None."""
    book = user_turn(book, f"u{n}", previous)
    return book if question is None else play(book, *transcript(n, question))


def transcript(n: int, question: str = QUESTION) -> list[Step | Expected]:
    return [service(TRANSCRIBED, item_id=f"u{n}", transcript=question), notice(Transcribed, item_id=f"u{n}")]


def answering(book: Playbook, n: int) -> Playbook:
    """A reply of two seconds comes (a1, a2, …), its words ahead of its sound."""
    book = reply_begins(book, f"r{n}", f"a{n}", f"u{n}", 0)
    where: Wire = {"response_id": f"r{n}", "item_id": f"a{n}", "output_index": 0, "content_index": 0}
    return play(
        book,
        service("response.output_audio_transcript.delta", delta=ANSWER, **where),
        service("response.output_audio.delta", delta="A" * (2000 * 64), **where),
    )


def answered(n: int, status: str = "completed") -> list[Step | Expected]:
    """The end of that reply."""
    part = {"type": "output_audio", "transcript": ANSWER}
    form = "completed" if status == "completed" else "incomplete"
    item = {"id": f"a{n}", "type": "message", "role": "assistant", "status": form, "content": [part]}
    response: Wire = {"id": f"r{n}", "status": status, "conversation_id": "conv", "output": [item]}
    return [
        service("conversation.item.done", item=item, previous_item_id=None),
        service("response.done", response=response),
        notice(Charged, response_id=f"r{n}"),
    ]


def exchange(book: Playbook, n: int, previous: str | None, question: str | None = QUESTION) -> Playbook:
    """A question and a reply heard to its end; when this ends the moment for edits has come."""
    return play(answering(asked(book, n, previous, question), n), heard(f"a{n}", 2000), *answered(n))


# --- what is expected ---------------------------------------------------------------------------------------------


def text_item(item_id: str, role: str, words: str) -> Wire:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": words}]}


def writes(item_id: str, role: str, words: str, behind: str) -> Expected:
    return to_service("conversation.item.create", item=text_item(item_id, role, words), previous_item_id=behind)


def stands(item_id: str, role: str, words: str, previous: str | None) -> list[Step]:
    """The service says that what we wrote is there, and the app hears nothing of it."""
    item = text_item(item_id, role, words) | {"status": "completed"}
    return [
        service("conversation.item.added", hidden=True, item=item, previous_item_id=previous),
        service("conversation.item.done", hidden=True, item=item, previous_item_id=previous),
    ]


def deletes(item_id: str) -> Expected:
    return to_service("conversation.item.delete", item_id=item_id)


def gone(item_id: str, **forgot: Any) -> list[Step | Expected]:
    return [
        service("conversation.item.deleted", hidden=True, item_id=item_id),
        notice(Forgot, item_id=item_id, **forgot),
    ]


WRITES = [writes("ours_1", "user", QUESTION, "u1"), writes("ours_2", "assistant", ANSWER, "a1")]
STANDS = [*stands("ours_1", "user", QUESTION, "u1")], [*stands("ours_2", "assistant", ANSWER, "a1")]


def words(book: Playbook) -> list[str]:
    """The conversation as the mirror shows it, sound marked."""
    return [
        ("♪ " if any(part.is_audio for part in item.parts) else "") + (item.text or "")
        for item in book.session.conversation
    ]


# --- written ------------------------------------------------------------------------------------------------------


def test_words_are_inserted_first_and_the_sound_goes_when_all_of_them_stand() -> None:
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[0])
    added, done = STANDS[1]
    book = play(
        book,
        added,
        deletes("u1"),
        deletes("a1"),
        done,
        *gone("u1", role="user", text=QUESTION, why="written", left=3),
        *gone("a1", role="assistant", text=ANSWER, why="written", left=2),
    )
    assert book
    assert words(book) == [QUESTION, ANSWER]
    assert book.session.deadline is None


def test_the_next_exchange_is_written_behind_it() -> None:
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[0], STANDS[1][0], deletes("u1"), deletes("a1"))
    book = play(book, *gone("u1"), *gone("a1"))
    book = exchange(book, 2, "ours_2", "And now?")
    book = play(book, writes("ours_7", "user", "And now?", "u2"), writes("ours_8", "assistant", ANSWER, "a2"))
    assert book
    assert [book.session.exchanges.number(item.id) for item in book.session.conversation] == [1, 1, 2, 2]


def test_nothing_is_written_before_the_reply_was_heard_to_its_end() -> None:
    book = play(answering(asked(script(), 1, None), 1), heard("a1", 100), *answered(1), heard("a1", 1800))
    assert play(book, heard("a1", 1950), *WRITES)


def test_where_nobody_reports_playback_a_completed_reply_counts_as_heard() -> None:
    assert play(answering(asked(script(), 1, None), 1), *answered(1), *WRITES)


def test_what_is_not_reported_to_its_end_is_over_when_the_caller_has_gone_on() -> None:
    """An app that stops reporting: the next exchange shows that the last one is over."""
    book = play(answering(asked(script(), 1, None), 1), heard("a1", 500), *answered(1))
    book = play(answering(user_turn(book, "u2", "a1"), 2), *answered(2), *WRITES)
    assert book


def test_a_reply_that_still_plays_is_not_written_although_the_app_goes_on() -> None:
    """It writes a message of the user's while the reply sounds; the caller may yet interrupt it."""
    book = play(answering(asked(script(), 1, None), 1), heard("a1", 100), *answered(1))
    item = text_item("mine", "user", "Hello.")
    book = play(book, service("conversation.item.added", item=item, previous_item_id="a1"))
    book = play(book, heard("a1", 900, stopped=True), to_service("conversation.item.truncate", audio_end_ms=900))
    assert play(book, writes("ours_2", "user", QUESTION, "u1"))


def test_a_late_transcript_is_written_late() -> None:
    book = exchange(script(), 1, None, None)
    book = play(book, writes("ours_1", "assistant", ANSWER, "a1"), *stands("ours_1", "assistant", ANSWER, "a1")[:1])
    book = play(book, deletes("a1"), *gone("a1"))
    book = play(book, *transcript(1), writes("ours_4", "user", QUESTION, "u1"))
    book = play(book, *stands("ours_4", "user", QUESTION, "u1")[:1], deletes("u1"), *gone("u1"))
    assert book
    assert words(book) == [QUESTION, ANSWER]


def test_a_refused_insert_leaves_the_sound_and_the_app_hears_nothing_of_it() -> None:
    """The user's words are refused, the reply's stand: they are taken back. Two tries, and no more."""
    book = exchange(script(), 1, None)
    for ids in (("ours_1", "ours_2", "ours_3"), ("ours_6", "ours_7", "ours_8")):
        refusal = {"code": "invalid_value", "message": "not these words", "event_id": ids[2]}
        book = play(
            book,
            writes(ids[0], "user", QUESTION, "u1"),
            writes(ids[1], "assistant", ANSWER, "a1"),
            service("error", hidden=True, error=refusal),
            notice(EditFailed, kind="create", item_id=ids[0], why="not these words"),
            *stands(ids[1], "assistant", ANSWER, "a1")[:1],
            deletes(ids[1]),
            *gone(ids[1], why="undone"),
        )
    book = play(book, service("rate_limits.updated", rate_limits=[]))
    assert book
    assert words(book) == [f"♪ {QUESTION}", f"♪ {ANSWER}"]


def test_where_assistant_text_is_refused_notes_are_written() -> None:
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[0])
    refusal = {"code": "invalid_value", "message": "assistant messages cannot be created", "event_id": "ours_4"}
    note = f"User: {QUESTION}\nAssistant: {ANSWER}"
    book = play(
        book,
        service("error", hidden=True, error=refusal),
        notice(EditFailed, kind="create", item_id="ours_2"),
        deletes("ours_1"),
        *gone("ours_1", why="undone"),
        writes("ours_6", "system", note, "a1"),
        *stands("ours_6", "system", note, "a1")[:1],
        deletes("u1"),
        deletes("a1"),
    )
    assert book
    assert book.session.memory.name == "written:notes"


def test_as_notes_an_exchange_becomes_one_system_message() -> None:
    note = f"User: {QUESTION}\nAssistant: {ANSWER}"
    book = play(exchange(script("written:notes"), 1, None), writes("ours_1", "system", note, "a1"))
    book = play(book, *stands("ours_1", "system", note, "a1")[:1], deletes("u1"), deletes("a1"))
    assert book


def test_a_server_that_appends_is_found_out_and_said_once() -> None:
    """LocalAI ignores `previous_item_id`. What it wrote at the end is taken back, and a window remembers instead."""
    book = exchange(script(), 1, None)
    told = "this service writes our words in the wrong place; keeping a window of 8,000 tokens instead"
    book = play(
        book,
        *WRITES,
        service("conversation.item.added", hidden=True, item=text_item("ours_1", "user", QUESTION),
                previous_item_id="a1"),
        notice(EditFailed, kind="create", item_id="ours_1"),
        service("conversation.item.added", hidden=True, item=text_item("ours_2", "assistant", ANSWER),
                previous_item_id="ours_1"),
        notice(EditFailed, kind="create", item_id="ours_2"),
        notice(MemoryTold, text=told),
        deletes("ours_1"),
        deletes("ours_2"),
        *gone("ours_1", why="undone"),
        *gone("ours_2", why="undone"),
    )  # fmt: skip
    book = exchange(book, 2, "a1")
    assert book
    assert len(words(book)) == 4
    assert book.session.why().startswith("this service writes our words in the wrong place")


def test_without_transcription_it_is_said_once_and_nothing_is_lost() -> None:
    audio = {"input": {"turn_detection": DETECTION, "transcription": None}}
    book = script(session=SETTINGS | {"audio": audio})
    book = exchange(book, 1, None, None)
    book = play(book, notice(MemoryTold), writes("ours_1", "assistant", ANSWER, "a1"))
    book = play(book, *stands("ours_1", "assistant", ANSWER, "a1")[:1], deletes("a1"), *gone("a1"))
    book = exchange(book, 2, "ours_1", None)
    book = play(book, writes("ours_4", "assistant", ANSWER, "a2"))
    assert book
    assert words(book)[:2] == ["♪ ", ANSWER]
    assert book.session.why().startswith("nobody writes down what you say")


def test_transcription_that_is_switched_on_later_is_used() -> None:
    """The app configures the session when it has begun."""
    audio = {"input": {"turn_detection": DETECTION, "transcription": None}}
    book = play(script(session=SETTINGS | {"audio": audio}), service("session.updated", session=SETTINGS))
    assert play(exchange(book, 1, None), *WRITES)


def test_an_interrupted_reply_is_written_as_far_as_it_was_heard_and_marked() -> None:
    book = play(answering(asked(script(), 1, None), 1), heard("a1", 200), *answered(1))
    cut = "On the island, behind…"
    book = play(
        book,
        service("input_audio_buffer.speech_started", item_id="u2", audio_start_ms=9000),
        heard("a1", 1200, stopped=True),
        to_service("conversation.item.truncate", item_id="a1", audio_end_ms=1200),
        writes("ours_2", "user", QUESTION, "u1"),
        *stands("ours_2", "user", QUESTION, "u1")[:1],
        deletes("u1"),
        service("conversation.item.truncated", hidden=True, item_id="a1", content_index=0, audio_end_ms=1200),
        notice(CutOff, item_id="a1", heard_ms=1200),
        writes("ours_5", "assistant", cut, "a1"),
    )
    assert book


def test_a_reply_the_app_cut_itself_is_written_as_far_as_it_was_heard() -> None:
    """Most clients truncate on their own; the transcript is gone then, and the words heard are known all the same."""
    book = play(
        answering(asked(script(), 1, None), 1),
        heard("a1", 200),
        *answered(1),
        app("conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=1200),
        to_service("conversation.item.truncate"),
        service("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=1200),
        heard("a1", 1200),
        writes("ours_1", "user", QUESTION, "u1"),
        writes("ours_2", "assistant", "On the island, behind…", "a1"),
    )
    assert book


def test_a_reply_nobody_heard_is_not_written() -> None:
    book = play(answering(asked(script(), 1, None), 1), *answered(1)[:1])
    book = play(book, heard("a1", 0, stopped=True), *answered(1, "cancelled")[1:], notice(GhostTurn), deletes("a1"))
    book = play(book, *gone("a1", why="not heard"))
    assert book
    assert words(book) == [f"♪ {QUESTION}"], "its exchange goes on"


def test_pinned_sound_is_not_written() -> None:
    book = play(asked(script(), 1, None), call("u1 is pinned", lambda session, _: session.pin("u1")))
    assert play(answering(book, 1), heard("a1", 2000), *answered(1), writes("ours_1", "assistant", ANSWER, "a1"))


# --- when ---------------------------------------------------------------------------------------------------------


def test_nothing_is_written_while_a_response_runs_or_is_about_to() -> None:
    """The transcript of the first turn comes when the second is committed, and when its reply is coming."""
    book = exchange(script(), 1, None, None)
    book = play(book, writes("ours_1", "assistant", ANSWER, "a1"), *stands("ours_1", "assistant", ANSWER, "a1")[:1])
    book = play(book, deletes("a1"), *gone("a1"))
    book = user_turn(book, "u2", "ours_1")
    book = play(book, *transcript(1))
    book = play(answering(book, 2), heard("a2", 2000), *answered(2))
    assert play(book, writes("ours_4", "user", QUESTION, "u1"), writes("ours_5", "assistant", ANSWER, "a2"))


def test_sound_whose_words_stand_goes_after_the_response_if_that_came_between() -> None:
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[0])
    book = user_turn(book, "u2", "a1")
    book = play(book, *STANDS[1])
    book = play(answering(book, 2), heard("a2", 100), *answered(2))
    assert play(book, deletes("u1"), deletes("a1"))


def test_words_that_come_after_we_gave_them_up_are_taken_back() -> None:
    """An insert is not sent twice; where its late answer says it stands, the sound is still there too."""
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[1])
    book = play(book, wait(5), notice(EditFailed, item_id="ours_1", why="no answer"), deletes("ours_2"))
    book = play(
        book, *gone("ours_2"), writes("ours_6", "user", QUESTION, "u1"), writes("ours_7", "assistant", ANSWER, "a1")
    )
    late, done = stands("ours_1", "user", QUESTION, "u1")
    assert play(book, late, deletes("ours_1"), done, *gone("ours_1", why="undone"))


def test_words_that_come_late_and_in_the_wrong_place_are_taken_back_too() -> None:
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[1])
    book = play(book, wait(5), notice(EditFailed, item_id="ours_1"), deletes("ours_2"), *gone("ours_2"))
    book = play(book, writes("ours_6", "user", QUESTION, "u1"), writes("ours_7", "assistant", ANSWER, "a1"))
    late = service(
        "conversation.item.added", hidden=True, item=text_item("ours_1", "user", QUESTION), previous_item_id="a1"
    )
    assert play(book, late, notice(EditFailed, item_id="ours_1"), deletes("ours_1"))


def test_when_the_conversation_ends_plans_are_closed_and_nothing_more_is_sent() -> None:
    book = play(exchange(script(), 1, None), *WRITES)
    book = play(book, call("it ends", lambda session, now: session.end(now)), *STANDS[0], *STANDS[1])
    assert book
    assert book.session.deadline is None


# --- the app's view of it -----------------------------------------------------------------------------------------


def test_on_a_beta_service_words_are_written_in_beta_and_hidden_as_well() -> None:
    book = Playbook(Session(memory="written", ids=counter())) >> service("session.created", session=BETA)
    question = {"id": "u1", "type": "message", "role": "user", "status": "completed"}
    reply = {"id": "a1", "type": "message", "role": "assistant", "status": "completed"}
    began = reply | {"status": "in_progress", "content": []}
    ended = reply | {"content": [{"type": "audio", "transcript": ANSWER}]}
    sound = {"content": [{"type": "input_audio", "transcript": None}]}
    where: Wire = {"response_id": "r1", "item_id": "a1", "content_index": 0}
    response = {"id": "r1", "status": "completed", "output": [ended]}

    def created(item_id: str, role: str, text: str, behind: str) -> tuple[Expected, Step]:
        event = {"type": "conversation.item.create", "item": text_item(item_id, role, text)}
        item = client_to_beta(event)["item"]
        shown = service("conversation.item.created", hidden=True, item=item, previous_item_id=behind)
        return to_service("conversation.item.create", item=item, previous_item_id=behind), shown

    first, second = created("ours_1", "user", QUESTION, "u1"), created("ours_2", "assistant", ANSWER, "a1")
    book = play(
        book,
        service("conversation.item.created", item=question | sound, previous_item_id=None),
        *transcript(1),
        service("response.created", response={"id": "r1", "status": "in_progress", "conversation_id": "c"}),
        service("response.output_item.added", response_id="r1", item=began),
        service("conversation.item.created", item=began, previous_item_id="u1"),
        service("response.content_part.added", part={"type": "audio"}, **where),
        service("response.audio.delta", delta="A" * 6400, **where),
        service("response.output_item.done", response_id="r1", item=ended),
        service("response.done", response=response),
        notice(Charged),
        first[0],
        second[0],
        first[1],
        second[1],
        deletes("u1"),
        deletes("a1"),
        *gone("u1"),
        *gone("a1"),
    )
    assert book
    assert words(book) == [QUESTION, ANSWER]
    written = book.session.conversation.get("ours_2")
    assert written is not None
    assert written.parts[0].kind == "output_text"


def test_what_the_app_writes_itself_it_does_hear_of() -> None:
    item = text_item("mine", "user", "Hello.")
    book = play(
        script(),
        app("conversation.item.create", item=item),
        to_service("conversation.item.create"),
        service("conversation.item.added", item=item, previous_item_id=None),
        service("conversation.item.deleted", item_id="mine"),
    )
    assert book


# --- the rest of it -----------------------------------------------------------------------------------------------


def test_an_edit_of_ours_leaves_open_who_holds_what() -> None:
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[0], STANDS[1][0], deletes("u1"), deletes("a1"))
    assert book
    assert book.session.unsettled("u1")
    assert not book.session.unsettled("ours_1")


def test_what_is_asked_for_by_the_app_is_selected_only_where_the_memory_selects() -> None:
    for memory, response, wanted in (
        ("select:1", {}, {"input": []}),
        ("select:1", {"input": [1]}, {"input": [1]}),
        ("select:1", {"conversation": "none"}, {"conversation": "none"}),
        ("everything", {}, {}),
    ):
        session = Session(memory=memory, ids=counter())
        session.from_app(json.dumps({"type": "response.create", "response": response}), 0.0)
        [sent] = [json.loads(action.raw) for action in session.actions() if isinstance(action, ToService)]
        assert sent["response"] == wanted


def test_words_of_a_reply_nobody_holds_are_let_be() -> None:
    delta = service("response.output_audio_transcript.delta", response_id="r", item_id="x", content_index=0, delta="?")
    assert play(script(), delta)


def test_a_reply_stopped_unheard_after_its_end_is_a_ghost_turn_at_once() -> None:
    book = play(answering(asked(script(), 1, None), 1), heard("a1", 0), *answered(1))
    assert play(book, heard("a1", 0, stopped=True), notice(GhostTurn, response_id="r1"), deletes("a1"))


def test_an_empty_reply_is_swept_unless_it_is_pinned_or_gone() -> None:
    empty = {"id": "a1", "type": "message", "role": "assistant", "status": "incomplete", "content": []}
    cancelled = {"id": "r1", "status": "cancelled", "conversation_id": "c", "output": [empty]}
    ends = [service("response.done", response=cancelled), notice(Charged), notice(GhostTurn)]
    enters = service("conversation.item.added", item=empty, previous_item_id=None)
    assert play(script(), enters, *ends, deletes("a1"))
    pinned = call("a1 is pinned", lambda session, _: session.pin("a1"))
    assert play(script(), pinned, enters, *ends)
    book = play(script(), enters, app("response.create"), to_service("response.create"), *ends)
    assert play(book, service("conversation.item.deleted", item_id="a1"), wait(5))


def test_an_item_the_service_does_not_know_is_gone() -> None:
    error = {"code": "item_delete_invalid_item_id", "message": "no item u1", "event_id": None}
    book = play(
        script("last:1"),
        service("conversation.item.added", item=text_item("u1", "user", "Hm?"), previous_item_id=None),
        service("conversation.item.added", item=text_item("u2", "user", "Hm?"), previous_item_id="u1"),
        deletes("u1"),
        service("error", hidden=True, error=error),
        notice(Forgot, item_id="u1", left=1),
    )
    assert book


def test_an_item_that_left_before_its_delete_was_answered_tells_nothing() -> None:
    book = play(
        script("last:1"),
        service("conversation.item.added", item=text_item("u1", "user", "Hm?"), previous_item_id=None),
        service("conversation.item.added", item=text_item("u2", "user", "Hm?"), previous_item_id="u1"),
        deletes("u1"),
        call("it is gone already", lambda session, _: session.conversation.remove("u1")),
        service("conversation.item.deleted", hidden=True, item_id="u1"),
    )
    assert book


def test_a_kind_of_edit_that_is_never_answered_is_said_once_and_left() -> None:
    book = script("last:1")
    enters = [
        service("conversation.item.added", item=text_item(f"u{n}", "user", "Hm?"), previous_item_id=previous)
        for n, previous in ((1, None), (2, "u1"), (3, "u2"), (4, "u3"))
    ]
    book = play(book, enters[0], enters[1], deletes("u1"), enters[2], deletes("u2"))
    book = play(book, wait(5), deletes("u1"), deletes("u2"), wait(5), notice(EditFailed, item_id="u1"))
    book = play(book, notice(Unsupported, kind="delete"), notice(EditFailed, item_id="u2"), enters[3])
    assert book
    assert words(book) == ["Hm?"] * 4


def test_a_second_cut_while_the_first_is_under_way_is_not_sent() -> None:
    book = play(answering(asked(script("everything"), 1, None), 1), heard("a1", 200), *answered(1))
    book = play(book, heard("a1", 1200, stopped=True), to_service("conversation.item.truncate", audio_end_ms=1200))
    assert play(book, heard("a1", 900, stopped=True))


# --- drift --------------------------------------------------------------------------------------------------------


def drifting(
    n: int, previous: str, status: str = "completed", *, seen: Wire | None = None, **response: Any
) -> list[Step | Expected]:
    """A reply that is text alone."""
    item = text_item(f"a{n}", "assistant", "As I wrote.") | {"status": status}
    began = {"id": f"r{n}", "status": "in_progress", "conversation_id": "conv"}
    ended = began | {"status": status, "output": [item], "output_modalities": ["audio"], **response}
    return [
        service("response.created", response=began),
        service("response.output_item.added", response_id=f"r{n}", item=item),
        service("conversation.item.added", item=item, previous_item_id=previous, seen=seen),
        service("response.done", response=ended),
        notice(Charged, response_id=f"r{n}"),
    ]


def written_once() -> Playbook:
    book = play(exchange(script(), 1, None), *WRITES, *STANDS[0], STANDS[1][0], deletes("u1"), deletes("a1"))
    return asked(play(book, *gone("u1"), *gone("a1")), 2, "ours_2")


def test_a_reply_in_writing_is_taken_back_the_dialogue_noted_and_the_reply_asked_for_again_once() -> None:
    note = f"User: {QUESTION}\nAssistant: {ANSWER}"
    book = play(
        written_once(),
        *drifting(2, "u2"),
        notice(MemoryTold),
        deletes("a2"),
        *gone("a2", why="drift"),
        writes("ours_8", "system", note, "ours_2"),
        *stands("ours_8", "system", note, "ours_2")[:1],
        deletes("ours_1"),
        deletes("ours_2"),
        *gone("ours_1"),
        service("conversation.item.deleted", hidden=True, item_id="ours_2"),
        notice(Forgot, item_id="ours_2"),
        to_service("response.create"),
        *drifting(3, "u2", seen={"previous_item_id": "a2"}),  # which the app was told and believes in
        writes("ours_12", "system", f"User: {QUESTION}", "u2"),
    )
    assert book
    assert book.session.memory.name == "written:notes"


@pytest.mark.parametrize(
    "response",
    [{"output_modalities": ["text"]}, {"status": "cancelled"}, {"output": []}],
    ids=["text was asked for", "it was cancelled", "nothing was said"],
)
def test_what_is_no_drift_is_let_be(response: Wire) -> None:
    """A written answer that was wanted, or none at all."""
    book = play(script("everything"), service("conversation.item.added", item=text_item("u1", "user", "Hm?")))
    assert play(book, *drifting(2, "u1", **response))


def test_a_memory_without_forms_has_the_reply_asked_for_again_all_the_same() -> None:
    book = play(script("everything"), service("conversation.item.added", item=text_item("u1", "user", "Hm?")))
    book = play(book, *drifting(2, "u1"), notice(MemoryTold), deletes("a2"))
    book = play(
        book,
        service("conversation.item.deleted", hidden=True, item_id="a2"),
        notice(Forgot, why="drift"),
        to_service("response.create"),
    )
    assert book


def test_what_is_asked_for_again_is_what_was_asked_for() -> None:
    own = {"instructions": "Answer in French.", "tool_choice": "none", "metadata": {"request": "42"}}
    book = play(script("everything"), service("conversation.item.added", item=text_item("u1", "user", "Hm?")))
    book = play(book, app("response.create", event_id="app_1", response=own), to_service("response.create"))
    book = play(book, *drifting(2, "u1"), notice(MemoryTold), deletes("a2"))
    book = play(book, *gone("a2", why="drift"))
    seen: list[Wire] = []
    book = book << Expected("the same again", lambda action: isinstance(action, ToService)
                            and seen.append(json.loads(action.raw)) is None)  # fmt: skip
    assert book
    assert seen == [{"type": "response.create", "response": own}]


def test_a_reply_in_writing_is_not_asked_for_again_once_the_caller_has_gone_on() -> None:
    """Its deletion is answered after he has; what he says now is answered, and nothing else."""
    book = play(written_once(), *drifting(2, "u2"), notice(MemoryTold), deletes("a2"))
    book = user_turn(book, "u3", "a2")
    book = play(book, *gone("a2", why="drift"))
    book = play(reply_begins(book, "r3", "a3", "u3", 2000))
    item = {"id": "a3", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_audio", "transcript": ANSWER}]}  # fmt: skip
    book = play(book, service("conversation.item.done", item=item, previous_item_id=None))
    done = {"id": "r3", "status": "completed", "conversation_id": "conv", "output": [item]}
    book = play(book, service("response.done", response=done), notice(Charged, response_id="r3"))
    assert play(book, to_service("conversation.item.create"))


def test_words_of_ours_that_enter_are_nobody_going_on() -> None:
    """Those of the exchange before, written as the user's."""
    book = asked(play(exchange(script(), 1, None), *WRITES), 2, "a1")
    book = play(book, *drifting(2, "u2"), notice(MemoryTold), deletes("a2"), *STANDS[0])
    assert play(book, *gone("a2", why="drift"), to_service("response.create"))


def test_under_a_budget_a_reply_is_asked_for_again_when_it_can_be_paid() -> None:
    """Not later than that: by then he has gone on."""
    for goes_on in (False, True):
        talk = Talk("$0.2", None, memory="everything")
        talk.service("conversation.item.added", item=text_item("u1", "user", "Hm?"), previous_item_id=None)
        talk.app("response.create", response=CHEAP | {"instructions": "Sing."})
        talk.begins("r1")
        talk.app("response.create", response={"conversation": "none"})
        talk.service("response.created", response={"id": "r2", "conversation_id": None})
        talk.sent("response.create")
        item = text_item("a1", "assistant", "As I wrote.") | {"status": "completed"}
        talk.service("conversation.item.added", item=item, previous_item_id="u1")
        response = {"id": "r1", "conversation_id": "c", "status": "completed", "output": [item]}
        talk.service("response.done", response=response | {"output_modalities": ["audio"], "usage": usage()})
        talk.service("conversation.item.deleted", item_id="a1")
        assert talk.sent("response.create") == [], "what runs beside the conversation keeps it all aside"
        if goes_on:
            talk.app("conversation.item.create", item=text_item("u2", "user", "Or rather:"))
        talk.ends("r2", usage(), conversation_id=None)
        instructions = [create["response"]["instructions"] for create in talk.sent("response.create")]
        assert instructions == ([] if goes_on else ["Sing."])


def test_what_a_selected_reply_waits_for_may_yet_enter() -> None:
    """Under a memory that selects, it waits for the app's items like any other, and is asked for once."""
    session = Session(memory="select:1", ids=counter())
    sent: list[Wire] = []
    times = iter(range(99))

    def says(type: str, **fields: Any) -> None:
        session.from_service(json.dumps({"type": type, **fields}), float(next(times)))
        sent.extend(json.loads(action.raw) for action in session.actions() if isinstance(action, ToService))

    item = text_item("a1", "assistant", "As I wrote.") | {"status": "completed"}
    response = {"id": "r1", "conversation_id": "c", "status": "completed", "output": [item]}
    says("conversation.item.added", item=text_item("u1", "user", "Hm?"), previous_item_id=None)
    says("response.created", response=response | {"status": "in_progress", "output": []})
    says("conversation.item.added", item=item, previous_item_id="u1")
    output = {"type": "function_call_output", "call_id": "c", "output": "fog"}
    session.from_app(json.dumps({"type": "conversation.item.create", "item": output}), 0.0)
    says("response.done", response=response | {"output_modalities": ["audio"]})
    says("conversation.item.deleted", item_id="a1")
    assert session.deadline == 4.0 + 5.0
    says("rate_limits.updated", rate_limits=[])
    assert session.deadline == 4.0 + 5.0, "and not without end"
    assert not [event for event in sent if event["type"] == "response.create"]
    says("conversation.item.added", item=output | {"id": "o"}, previous_item_id="u1")
    [asked] = [event for event in sent if event["type"] == "response.create"]
    assert [entry["id"] for entry in asked["response"]["input"]] == ["u1", "o"]


# --- summary ------------------------------------------------------------------------------------------------------


class Obedient:
    """A service that does every edit at once, and a driver that carries its words; a conversation to fold."""

    def __init__(self, memory: str | Memory, **options: Any) -> None:
        ids = counter("item_of_ours_with_a_long_name_")
        self.session = Session(memory=memory, ids=ids, **options)
        self.now = 0.0
        self.inbox: deque[Wire] = deque()
        self.sent: list[Wire] = []
        self.app: list[Wire] = []
        self.asks: list[Summarise] = []
        self.notices: list[object] = []
        self.refused: set[str] = set()
        self.said = 0
        self.tell(
            "session.created",
            session=SETTINGS | {"audio": AUDIO | {"input": AUDIO["input"] | {"turn_detection": None}}},
        )

    def tell(self, type: str, **fields: Any) -> None:
        self.inbox.append({"type": type, **fields})
        while self.inbox:
            self.session.from_service(json.dumps(self.inbox.popleft()), self.now)
            self.act()

    def act(self) -> None:
        for action in self.session.actions():
            match action:
                case ToService(raw):
                    self.sent.append(json.loads(raw))
                    self.obey(self.sent[-1])
                case ToApp(raw):
                    self.app.append(json.loads(raw))
                case Summarise():
                    self.asks.append(action)
                case _:
                    self.notices.append(action)

    def obey(self, event: Wire) -> None:
        kind = event["type"].rsplit(".", 1)[1]
        if kind in self.refused:
            error = {"code": "server_error", "message": "no", "event_id": event["event_id"]}
            self.inbox.append({"type": "error", "error": error})
        elif kind == "delete":
            self.inbox.append({"type": "conversation.item.deleted", "item_id": event["item_id"]})
        elif kind == "create":
            previous = event["previous_item_id"]
            where = None if previous == "root" else previous
            item = event["item"] | {"status": "completed"}
            self.inbox.append({"type": "conversation.item.added", "item": item, "previous_item_id": where})
            self.inbox.append({"type": "conversation.item.done", "item": item, "previous_item_id": where})

    @property
    def last(self) -> str | None:
        return next((item.id for item in reversed(self.session.conversation)), None)

    def enter(self, item: Wire) -> None:
        self.tell("conversation.item.added", item=item, previous_item_id=self.last)

    def exchange(self, question: str, answer: str = "I see.") -> None:
        """A spoken question and a spoken answer."""
        self.said += 1
        n = self.said
        sound = {"type": "input_audio", "transcript": question}
        self.enter({"id": f"u{n}", "type": "message", "role": "user", "status": "completed", "content": [sound]})
        item: Wire = {"id": f"a{n}", "type": "message", "role": "assistant", "content": []}
        began = {"id": f"r{n}", "status": "in_progress", "conversation_id": "conv"}
        self.tell("response.created", response=began)
        self.tell("response.output_item.added", response_id=f"r{n}", item=item | {"status": "in_progress"})
        self.enter(item | {"status": "in_progress"})
        self.tell(
            "response.output_audio.delta", response_id=f"r{n}", item_id=f"a{n}", content_index=0, delta="A" * 6400
        )
        item |= {"status": "completed", "content": [{"type": "output_audio", "transcript": answer}]}
        self.tell("conversation.item.done", item=item)
        self.tell("response.done", response=began | {"status": "completed", "output": [item]})

    def summarised(self, text: str | None, **given: Any) -> None:
        """The summary asked for first comes."""
        self.session.summarised(self.asks.pop(0).id, text, self.now, **given)
        self.act()
        self.tell("rate_limits.updated", rate_limits=[])

    @property
    def texts(self) -> list[str | None]:
        return [item.text for item in self.session.conversation]


def test_beyond_the_high_mark_a_summary_is_asked_for_and_takes_the_place_of_what_it_covers() -> None:
    talk = Obedient("summary:60:20")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    [ask] = talk.asks
    assert ask.text.startswith("User: My number is 0.\nAssistant: I see.")
    talk.summarised("Numbers were told.")
    assert talk.texts[0] == f"{HEADING}\nNumbers were told."
    assert "My number is 0." not in talk.texts
    assert talk.texts[-2:] == ["My number is 5.", "I see."]
    inserted = [event for event in talk.sent if event["type"].endswith("create")][-1]
    assert inserted["previous_item_id"] == "root"
    after = talk.sent[talk.sent.index(inserted) + 1 :]
    assert [event["type"] for event in after] == ["conversation.item.delete"] * (ask.text.count("\n") + 1)


def test_of_all_that_the_app_hears_nothing_and_ids_are_short_enough() -> None:
    talk = Obedient("summary:60:20")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    talk.summarised("Numbers were told.")
    ours = {event["item"]["id"] for event in talk.sent if event["type"].endswith("create")}
    named = {event.get("item", event).get("id") for event in talk.app} | {event.get("item_id") for event in talk.app}
    assert len(ours) > 6
    assert not ours & named
    assert not [event for event in talk.app if event["type"] in ("conversation.item.deleted", "error")]
    for event in talk.sent:
        assert len(event["event_id"]) <= 32
        assert len(event.get("item", event).get("id", "")) <= 32


def test_near_the_end_of_a_budget_no_summary_is_asked_for() -> None:
    talk = Obedient("summary:60:20", budget="10000 tokens")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    assert talk.asks == []


def test_while_a_summary_is_being_made_the_conversation_goes_on() -> None:
    talk = Obedient("summary:60:20")
    for n in range(12):
        talk.exchange(f"My number is {n}.")
    assert len(talk.asks) == 1
    assert talk.texts[0] == "My number is 0."
    assert talk.texts[-2:] == ["My number is 11.", "I see."]
    talk.summarised("Numbers were told.")
    assert "My number is 5." in talk.texts, "what was said meanwhile is in no summary yet"
    assert len(talk.asks) == 1, "and is folded next"
    assert talk.asks[0].text.startswith(f"{HEADING}\nNumbers were told.")


@pytest.mark.parametrize("answer", [None, ""])
def test_a_summary_that_fails_deletes_nothing_and_the_next_try_comes_later(answer: str | None) -> None:
    """When the writing has grown by half a span, here 75 tokens."""
    talk = Obedient("summary:200:50")
    while not talk.asks:
        talk.exchange(f"My number is {talk.said}.")
    before, tried = talk.texts, talk.said
    talk.summarised(answer)
    assert talk.texts == before
    while not talk.asks:
        talk.exchange(f"My number is {talk.said}.")
    assert tried + 3 <= talk.said <= tried + 5
    assert talk.asks[0].text.startswith("User: My number is 0.")


def test_a_summary_that_never_comes_is_not_waited_for_for_ever() -> None:
    """A minute; what comes after that changes nothing, and the next try is free to be made."""
    talk = Obedient("summary:60:20")
    while not talk.asks:
        talk.exchange(f"My number is {talk.said}.")
    late, before = talk.asks.pop(), talk.texts
    talk.now = 59.0
    assert talk.session.deadline == 60.0
    talk.session.tick(talk.now)
    talk.now = 60.0
    talk.session.tick(talk.now)
    assert talk.session.deadline is None
    talk.session.summarised(late.id, "Too late.", talk.now)
    talk.act()
    assert talk.texts == before
    while not talk.asks:
        talk.exchange(f"My number is {talk.said}.")
    talk.summarised("Numbers were told.")
    assert talk.texts[0] == f"{HEADING}\nNumbers were told."


@pytest.mark.parametrize("memory", ["written", "written:notes", "summary:60:20", "auto"])
def test_a_service_that_deletes_nothing_is_written_into_once_and_that_is_the_reason_given(memory: str) -> None:
    talk = Obedient(memory)
    talk.refused = {"delete"}
    talk.exchange("My number is 0.")
    written = len(talk.session.conversation)
    for n in range(1, 12):
        talk.exchange(f"My number is {n}.")
    assert len(talk.session.conversation) == written + 2 * 11
    assert talk.asks == []
    assert sum(isinstance(note, Unsupported) for note in talk.notices) == 1
    assert talk.session.why() == "this service does not let go of items"


def test_a_summary_that_cannot_be_written_deletes_nothing() -> None:
    talk = Obedient("summary:60:20")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    talk.refused = {"create"}
    before = talk.texts
    talk.summarised("Numbers were told.")
    assert talk.texts == before
    assert [note.kind for note in talk.notices if isinstance(note, EditFailed)] == ["create"]


def test_a_summary_that_comes_when_all_is_over_changes_nothing_but_the_bill() -> None:
    talk = Obedient("summary:60:20")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    talk.session.end(9.0)
    before, sent = talk.texts, len(talk.sent)
    talk.summarised("Too late.", usage=Usage(text_in=100, text_out=10), model="gpt-realtime")
    assert (talk.texts, len(talk.sent)) == (before, sent)
    assert talk.session.meter.responses[-1].kind == "summary"


def test_a_summary_that_comes_during_a_response_waits_for_its_end() -> None:
    talk = Obedient("summary:60:20")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    talk.tell("response.created", response={"id": "r", "status": "in_progress", "conversation_id": "conv"})
    sent = len(talk.sent)
    talk.summarised("Numbers were told.")
    assert len(talk.sent) == sent
    talk.tell("response.done", response={"id": "r", "status": "completed", "output": []})
    assert talk.texts[0] == f"{HEADING}\nNumbers were told."


def test_what_a_summary_cost_is_on_the_meter() -> None:
    """1,000 tokens read and 100 written at gpt-realtime's prices of text, $4 and $16 a million."""
    talk = Obedient("summary:60:20")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    talk.summarised("Numbers.", usage=Usage(text_in=1000, text_out=100), model="gpt-realtime")
    [entry] = [entry for entry in talk.session.meter.responses if entry.kind == "summary"]
    assert entry.cost.nanodollars == 1000 * 4_000 + 100 * 16_000
    charged = [note for note in talk.notices if isinstance(note, Charged)][-1]
    assert (charged.cost, charged.usage) == (entry.cost, entry.usage)


def test_a_summary_without_usage_is_unknown_and_one_that_never_was_costs_nothing() -> None:
    talk = Obedient("summary:60:20", summary_model="gpt-realtime-mini")
    for n in range(6):
        talk.exchange(f"My number is {n}.")
    entries = len(talk.session.meter.responses)
    talk.summarised(None)
    assert len(talk.session.meter.responses) == entries
    for n in range(6, 12):
        talk.exchange(f"My number is {n}.")
    talk.summarised("Numbers.")
    assert talk.session.meter.responses[-1].cost.unknown == 1
    for n in range(12, 30):
        talk.exchange(f"My number is {n}.")
    talk.summarised(None, usage=Usage(text_in=1000))
    assert talk.session.meter.responses[-1].cost.nanodollars == 1000 * 600, (
        "a failed one may be billed, at mini's price"
    )


def test_over_twenty_folds_names_and_pinned_facts_are_not_washed_out_and_open_calls_stay() -> None:
    """The summaries are those of the stand-in's mind, which sums up what it is given and knows nothing else."""
    talk = Obedient("summary:120:40")
    talk.session.pin("u2")
    talk.session.pin("fact")
    talk.exchange("Hello, my name is Marco and my locker is number 4711.")
    talk.exchange("My allergy is nuts.")
    talk.enter(text_item("fact", "system", "The caller is a member since 1998."))
    open_call = {
        "id": "f",
        "type": "function_call",
        "status": "completed",
        "call_id": "c",
        "name": "look",
        "arguments": "{}",
    }
    talk.enter(open_call)
    closed = open_call | {"id": "g", "call_id": "d"}
    talk.enter(closed)
    talk.enter({"id": "o", "type": "function_call_output", "call_id": "d", "output": "fog"})
    folds = 0
    while folds < 20:
        talk.exchange(f"My boat number {talk.said} is blue, I think.", "How nice, tell me more about it, please.")
        while talk.asks:
            folds += 1
            text = talk.asks[0].text
            assert folds == 1 or text.startswith(HEADING)
            talk.summarised(summary([HeardItem("system", text, "text")], "en", 400))
    fronts = [text or "" for text in talk.texts if (text or "").startswith(HEADING)]
    assert len(fronts) == 1, "folds are folded"
    assert "The user's name is Marco." in fronts[0]
    assert "number 4711" in fronts[0]
    assert talk.texts.count("My allergy is nuts.") == 1
    assert talk.texts.count("The caller is a member since 1998.") == 1
    held = [item.id for item in talk.session.conversation]
    assert "f" in held
    assert "g" not in held
    assert "o" not in held
    output_gone, call_gone = [
        index
        for item_id in ("o", "g")
        for index, event in enumerate(talk.sent)
        if event["type"] == "conversation.item.delete" and event["item_id"] == item_id
    ]
    assert output_gone < call_gone
    assert not [note for note in talk.notices if isinstance(note, (EditFailed, Unsupported))]
    assert len(held) < 40


def test_nothing_of_a_long_talk_stays_behind_in_us() -> None:
    """After hundreds of exchanges what we keep of plans, edits and items is what the conversation holds."""
    talk = Obedient("summary:120:40")
    for _ in range(200):
        talk.exchange("My boat is blue.")
        while talk.asks:
            talk.summarised("A boat is blue.")
    remembering: Any = talk.session._remembering  # pyright: ignore[reportPrivateUsage]
    held = len(talk.session.conversation)
    assert held < 30
    assert len(remembering._planner) == 0
    assert len(remembering.edits) == 0
    assert len(remembering.edits._given_up) == 0
    assert len(remembering._ours) <= held
    assert len(remembering._playback._heard) <= 64
    assert len(talk.session.exchanges._numbers) <= held  # pyright: ignore[reportPrivateUsage]


# --- pinned late --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pinned", ["u1", "a1", "ours"])
@pytest.mark.parametrize("form", ["dialogue", "notes"])
def test_what_is_pinned_when_it_has_been_written_down_survives_every_fold(form: str, pinned: str) -> None:
    """By the id the app knows, or by that of what stands for it. A note of the exchange stays whole."""
    talk = Obedient(Summary(high=60, low=20, notes=form == "notes"))
    talk.exchange("My allergy is nuts.", "Nuts it is.")
    [stands, *_] = [item for item in talk.session.conversation if pinned != "a1" or item.role != "user"]
    kept = stands.text
    assert talk.session.pin(stands.id if pinned == "ours" else pinned)
    folds = 0
    while folds < 20:
        talk.exchange(f"My number is {talk.said}.")
        while talk.asks:
            folds += 1
            talk.summarised("Numbers were told.")
    assert talk.texts.count(kept) == 1
    assert len(talk.texts) < 12


def test_what_is_pinned_while_its_summary_is_made_survives_that_fold_and_all_others() -> None:
    talk = Obedient("summary:60:20")
    while talk.said < 40:
        talk.exchange(f"My number is {talk.said}.")
        if talk.asks and talk.said < 10:
            assert talk.session.pin("u1")
        while talk.asks:
            talk.summarised("Numbers were told.")
    assert talk.texts.count("My number is 0.") == 1
    assert talk.session.pin("u1"), "it is still known where it stands"


def test_what_is_in_a_summary_can_be_pinned_no_more_and_that_is_answered() -> None:
    talk = Obedient("summary:60:20")
    while not talk.asks:
        talk.exchange(f"My number is {talk.said}.")
    talk.summarised("Numbers were told.")
    assert talk.session.pin("u1") is False
    while not talk.asks:
        talk.exchange(f"My number is {talk.said}.")
    assert talk.asks[0].text.startswith(HEADING), "the summary was not pinned in its stead"


@pytest.mark.parametrize("memory", ["written", "written:notes"])
def test_what_is_pinned_while_its_words_are_on_their_way_is_not_there_twice(memory: str) -> None:
    talk = Noted(memory)
    assert talk.session.pin("u")
    talk.answer()
    words = ["Where is it?", SAID] if memory == "written" else [f"User: Where is it?\nAssistant: {SAID}"]
    assert talk.held == words
    assert talk.session.pin("u"), "its words stay in its stead"


def test_what_is_pinned_while_words_are_on_their_way_that_will_be_refused_stays_sound() -> None:
    talk = Noted("written")
    talk.session.pin("u")
    first, second = talk.sent
    talk.sent.clear()
    talk.says(ADDED, item=first["item"], previous_item_id="u")
    talk.says("error", error={"code": "invalid_value", "message": "no", "event_id": second["event_id"]})
    talk.answer()
    assert talk.held[0] == "Where is it?"
    assert talk.session.conversation.get("u") is not None
    assert sum("Where is it?" in (text or "") for text in talk.held) == 1


def test_what_the_app_deletes_goes_though_it_was_pinned_with_its_neighbour() -> None:
    talk = noted("written:notes")
    assert talk.session.pin("u")
    assert talk.session.pin("a")
    talk.app(DELETE, item_id="u")
    talk.answer()
    assert talk.held == [f"Assistant: {SAID}"]
    assert talk.session.pin("a"), "it has moved to the note that was written anew"


def test_what_is_being_deleted_is_pinned_too_late() -> None:
    talk = noted("last:2")
    talk.enters("later")
    assert [sent["item_id"] for sent in talk.sent] == ["u"]
    assert not talk.session.pin("u")
    assert talk.session.pin("a")


# --- select -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["entered", "refused", "never"])
def test_a_response_waits_for_the_turn_it_is_to_answer_but_not_for_ever(how: str) -> None:
    """Push to talk: the app asks right after the commit, before the service has said which item that made."""
    session = Session(memory="select:1", ids=counter())
    session.from_app('{"type":"input_audio_buffer.commit"}', 0.0)
    session.from_app('{"type":"response.create"}', 0.0)
    assert session.deadline == 5.0
    assert sum(isinstance(action, ToService) for action in session.actions()) == 1
    reply = {"id": "a0", "type": "message", "role": "assistant", "status": "in_progress"}
    session.from_service(json.dumps({"type": "conversation.item.added", "item": reply}), 1.0)
    assert not any(isinstance(action, ToService) for action in session.actions()), "what a response makes is not it"
    if how == "entered":
        item = {"id": "u1", "type": "message", "role": "user", "status": "completed"}
        session.from_service(json.dumps({"type": "conversation.item.added", "item": item}), 1.0)
    elif how == "refused":
        session.from_service('{"type":"error","error":{"code":"input_audio_buffer_commit_empty"}}', 1.0)
    else:
        session.tick(5.0)
    [asked] = [json.loads(action.raw) for action in session.actions() if isinstance(action, ToService)]
    assert asked["type"] == "response.create"
    shown = [reference["id"] for reference in asked["response"]["input"]]
    assert ("u1" in shown) == (how == "entered")


# --- what the app changes in our notes --------------------------------------------------------------------------------

DELETE, TRUNCATE = "conversation.item.delete", "conversation.item.truncate"


def test_a_note_of_which_a_line_is_unwanted_is_written_anew() -> None:
    talk = noted("written:notes")
    talk.app(DELETE, item_id="u")
    talk.answer()
    assert talk.held == [f"Assistant: {SAID}"]
    assert [notice.why for notice in talk.noticed if isinstance(notice, Forgot)] == ["written", "written", "unwanted"]


def test_a_note_that_cannot_be_written_anew_in_its_place_stays() -> None:
    talk = noted("written:notes")
    talk.enters("later")
    talk.app(DELETE, item_id="u")
    talk.answer(appends=True)
    assert talk.held == [f"User: Where is it?\nAssistant: {SAID}", "Later."]


def test_a_note_is_left_in_peace_while_the_app_changes_what_stands_in_it() -> None:
    """And an item the app is deleting is not deleted by us as well."""
    talk = noted("last:2")
    talk.app(DELETE, item_id="u")
    talk.enters("later")
    assert [sent.get("event_id") for sent in talk.sent if sent["type"] == DELETE] == [None]


def test_words_of_what_the_app_deletes_meanwhile_are_taken_back() -> None:
    """It is deleted while its words are under way to the service."""
    talk = Noted("written")
    talk.app(DELETE, item_id="u")
    talk.answer()
    assert talk.held == [SAID]


def test_words_the_app_did_away_with_say_nothing_about_the_form() -> None:
    """A service that refuses written replies is another matter."""
    talk = Noted("written")
    talk.app(DELETE, item_id="a")
    talk.answer()
    assert talk.held == ["Where is it?"]
    assert talk.session.memory.name == "written"


def test_what_is_unwanted_goes_at_once_though_a_response_is_running() -> None:
    talk = Noted("written")
    talk.says("response.created", response={"id": "r2", "conversation_id": "conv"})
    talk.answer()
    talk.app(DELETE, item_id="u", event_id="app_1")
    assert len(talk.sent) == 2, "the item, and its words"
    talk.answer()
    assert talk.held == [SAID, SAID]


def test_a_summary_of_what_the_app_has_deleted_meanwhile_is_not_inserted() -> None:
    talk = noted("summary:5:1")
    [asked] = [action for action in talk.noticed if isinstance(action, Summarise)]
    talk.app(DELETE, item_id="u")
    talk.answer()
    talk.session.summarised(asked.id, "They talked of where it is.", 0.0)
    talk.act()
    talk.answer()
    assert talk.held == [SAID]
    failed = [notice for notice in talk.noticed if isinstance(notice, EditFailed)]
    assert not failed, "nothing was tried"


def test_what_a_summary_was_asked_for_is_known_until_it_comes() -> None:
    talk = noted("summary:5:1")
    remembering = talk.session._remembering  # pyright: ignore[reportPrivateUsage]
    wanted = remembering.wanted(1)
    assert wanted is not None
    assert wanted.text == "User: Where is it?"
    remembering.summarised(1, None)
    assert remembering.wanted(1) is None


def test_a_note_that_may_not_be_written_anew_stays_as_it_is() -> None:
    talk = noted("written:notes")
    talk.app(DELETE, item_id="u")
    error = {"code": "item_delete_invalid_item_id", "message": "no", "event_id": talk.sent.pop(0)["event_id"]}
    talk.says("error", error=error)
    [insert] = talk.sent
    talk.says("error", error={"code": "invalid_value", "message": "not here", "event_id": insert["event_id"]})
    assert talk.held == [f"User: Where is it?\nAssistant: {SAID}"]


def test_an_item_of_ours_may_be_written_at_any_moment() -> None:
    talk = noted("everything")
    talk.says("response.created", response={"id": "r2", "conversation_id": "conv"})
    remembering = talk.session._remembering  # pyright: ignore[reportPrivateUsage]
    remembering.restore({"id": "c", "type": "function_call", "call_id": "k", "name": "f", "arguments": "{}"}, "a", 0.0)
    talk.act()
    talk.answer()
    assert talk.held == ["Where is it?", SAID, "f({})"]


def test_before_a_deletion_what_it_would_lose_is_asked_for() -> None:
    item = {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": "Yes."}]}
    (
        book := script("last:1", keep=Shelf())
        >> service("conversation.item.added", item=item, previous_item_id=None)
        >> service("conversation.item.added", item=item | {"id": "b"}, previous_item_id="a")
        << to_service("conversation.item.retrieve", item_id="a")
        << to_service("conversation.item.delete", item_id="a")
    )
    assert book
