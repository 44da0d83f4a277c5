"""The front door, as scripts: what is said and heard on one side, what the session does on the other."""

# A script is an expression until it is asserted.
# pyright: reportUnusedExpression=false

from __future__ import annotations

import json
from collections.abc import Sized
from typing import Any

import pytest
from keeps import Shelf
from noted import SAID, Noted, noted
from playbook import (
    USAGE,
    Placeholder,
    Playbook,
    app,
    call,
    counter,
    heard,
    notice,
    reply_begins,
    reply_done,
    reply_item,
    service,
    to_app,
    to_service,
    user_item,
    user_turn,
    wait,
)

from laconic.budget import Budget
from laconic.errors import BadInput
from laconic.laws import Laws, prior
from laconic.plans import Ask
from laconic.session import (
    Charged,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    GiveBack,
    MemoryTold,
    Session,
    Summarise,
    ToApp,
    ToService,
    Transcribed,
    Unsupported,
)
from laconic.tokens import text_tokens
from laconic.usage import Usage

SESSION = {
    "type": "realtime",
    "model": "gpt-realtime",
    "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}, "transcription": None}},
}


def script(memory: str = "everything", **options: Any) -> Playbook:
    """A conversation that has just begun."""
    return Playbook(Session(memory=memory, ids=counter(), **options)) >> service("session.created", session=SESSION)


def say(book: Playbook, *steps: Any) -> Playbook:
    for step in steps:
        book = book >> step
    return book


def spoken_exchange(book: Playbook, n: int, previous: str | None, *, heard_ms: int = 2000) -> Playbook:
    """The user speaks (u1), a reply of two seconds is made (a1) and heard."""
    book = user_turn(book, f"u{n}", previous)
    book = reply_begins(book, f"r{n}", f"a{n}", f"u{n}", 2000)
    book = book >> heard(f"a{n}", heard_ms)
    return say(book, *reply_done(f"r{n}", f"a{n}", usage=USAGE)) << notice(Charged, response_id=f"r{n}")


def held(book: Playbook) -> list[str]:
    return [item.id for item in book.session.conversation]


# --- passing on ---------------------------------------------------------------------------------------------------


def test_what_either_side_says_reaches_the_other_untouched() -> None:
    session = Session(ids=counter())
    odd = '{ "type" : "of.tomorrow",  "x":1 }'
    session.from_service(odd, 0.0)
    session.from_app(b'{"type":"response.create" }', 0.0)
    raws = [getattr(action, "raw", None) for action in session.actions()]
    assert raws == [odd, b'{"type":"response.create" }']
    assert session.unknown_events == 1
    assert list(session.actions()) == []


def test_a_beta_service_is_spoken_to_in_beta() -> None:
    """Settings, items and responses are respelled; the rest is the same in both dialects and stays as it was."""
    book = Playbook(Session(ids=counter())) >> service(
        "session.created", session={"modalities": ["text", "audio"], "turn_detection": None}
    )
    settings = {"type": "realtime", "audio": {"output": {"voice": "alloy"}}, "output_modalities": ["audio"]}
    (
        book
        >> app("session.update", session=settings)
        << to_service("session.update", session={"voice": "alloy", "modalities": ["text", "audio"]})
        >> app("input_audio_buffer.clear")
        << to_service("input_audio_buffer.clear")
    )
    assert book


# --- barge-in -----------------------------------------------------------------------------------------------------


def test_a_reply_is_cut_where_the_caller_stopped_hearing_it() -> None:
    """The response is still running: the cut waits for its end, and its answer is hidden from the app."""
    book = user_turn(script(), "u1", None)
    book = reply_begins(book, "r1", "a1", "u1", 2000)
    book = (
        book
        >> heard("a1", 100)
        >> service("input_audio_buffer.speech_started", item_id="u2", audio_start_ms=4000)
        >> heard("a1", 740, stopped=True)
    )
    book = say(book, *reply_done("r1", "a1", "cancelled", usage=USAGE))
    (
        book
        << notice(Charged, status="cancelled")
        << to_service("conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=740)
        >> service("conversation.item.truncated", hidden=True, item_id="a1", content_index=0, audio_end_ms=740)
        << notice(CutOff, item_id="a1", heard_ms=740)
    )
    assert book
    reply = book.session.conversation.get("a1")
    assert reply is not None
    assert (reply.audio_ms, reply.text) == (740, None)


def test_a_reply_already_complete_is_cut_at_once() -> None:
    """Sound is made several times faster than it plays, so this is the usual case."""
    book = spoken_exchange(script(), 1, None, heard_ms=300)
    (book >> heard("a1", 500, stopped=True) << to_service("conversation.item.truncate", item_id="a1", audio_end_ms=500))
    assert book


def test_a_reply_nobody_heard_is_deleted_and_its_turn_was_a_ghost() -> None:
    book = user_turn(script(), "u1", None)
    book = reply_begins(book, "r1", "a1", "u1", 2000)
    book = say(book >> heard("a1", 0, stopped=True), *reply_done("r1", "a1", "cancelled"))
    (
        book
        << notice(Charged, usage=None)
        << notice(GhostTurn, response_id="r1")
        << to_service("conversation.item.delete", item_id="a1")
        >> service("conversation.item.deleted", hidden=True, item_id="a1")
        << notice(Forgot, item_id="a1", why="not heard", left=1)
    )
    assert book
    assert held(book) == ["u1"]
    assert book.session.exchanges.ghost_turns == 1


def test_a_cut_does_not_wait_for_the_answer_to_the_interruption() -> None:
    """The next turn is committed and its response about to come: the cut must be known to it."""
    book = user_turn(script(), "u1", None)
    book = reply_begins(book, "r1", "a1", "u1", 2000)
    book = say(book >> heard("a1", 500), *reply_done("r1", "a1", usage=USAGE)) << notice(Charged)
    book = user_turn(book, "u2", "a1")
    book = book >> heard("a1", 900, stopped=True) << to_service("conversation.item.truncate", audio_end_ms=900)
    assert book


# --- ghost turns ----------------------------------------------------------------------------------------------------


def test_an_empty_reply_left_by_a_cancelled_response_is_swept() -> None:
    book = user_turn(script(), "u1", None)
    book = reply_begins(book, "r1", "a1", "u1", 0)
    empty = reply_item("a1", status="incomplete") | {"content": []}
    cancelled = {"id": "r1", "status": "cancelled", "conversation_id": "c", "output": [empty], "usage": None}
    (
        book
        >> service("conversation.item.done", item=empty, previous_item_id=None)
        >> service("response.done", response=cancelled)
        << notice(Charged, usage=None)
        << notice(GhostTurn, response_id="r1")
        << to_service("conversation.item.delete", item_id="a1")
        >> service("conversation.item.deleted", hidden=True, item_id="a1")
        << notice(Forgot, why="empty")
    )
    assert book
    assert held(book) == ["u1"]


# --- memory -----------------------------------------------------------------------------------------------------------


def test_the_oldest_items_leave_after_the_reply_one_by_one() -> None:
    """`last:3` after two exchanges: three of four stay."""
    book = spoken_exchange(script("last:3"), 1, None)
    book = spoken_exchange(book, 2, "a1")
    (
        book
        << to_service("conversation.item.delete", item_id="u1", event_id=Placeholder("delete"))
        >> service("conversation.item.deleted", hidden=True, item_id="u1")
        << notice(Forgot, item_id="u1", role="user", audio_ms=2000, left=3, why="memory")
    )
    assert book
    assert held(book) == ["a1", "u2", "a2"]


def test_the_same_rule_works_on_a_beta_service() -> None:
    """`conversation.item.created` and the beta deltas; there is no `done`."""
    book = Playbook(Session(memory="last:1", ids=counter())) >> service(
        "session.created", session={"modalities": ["text", "audio"], "model": "gpt-realtime", "turn_detection": None}
    )
    item = reply_item("a1", status="in_progress")
    done = reply_item("a1", "Hi.") | {"content": [{"type": "audio", "transcript": "Hi."}]}
    where: dict[str, Any] = {"response_id": "r1", "item_id": "a1", "content_index": 0}
    (
        book
        >> service("conversation.item.created", item=user_item("u1"), previous_item_id=None)
        >> service("response.created", response={"id": "r1", "status": "in_progress", "conversation_id": "c"})
        >> service("response.output_item.added", response_id="r1", item=item)
        >> service("conversation.item.created", item=item, previous_item_id="u1")
        >> service("response.content_part.added", part={"type": "audio"}, **where)
        >> service("response.audio.delta", delta="A" * 6400, **where)
        >> service("response.audio_transcript.delta", delta="Hi.", **where)
        >> service("response.output_item.done", response_id="r1", item=done)
        >> service("response.done", response={"id": "r1", "status": "completed", "output": [done], "usage": USAGE})
        << notice(Charged)
        << to_service("conversation.item.delete", item_id="u1")
        >> service("conversation.item.deleted", hidden=True, item_id="u1")
        << notice(Forgot, item_id="u1", left=1)
    )
    assert book
    reply = book.session.conversation.get("a1")
    assert reply is not None
    assert (reply.text, reply.audio_ms) == ("Hi.", 100)


def test_exchanges_are_kept_whole() -> None:
    book = spoken_exchange(script("exchanges:1"), 1, None)
    book = spoken_exchange(book, 2, "a1")
    (
        book
        << to_service("conversation.item.delete", item_id="u1")
        << to_service("conversation.item.delete", item_id="a1")
    )
    assert book
    assert book.session.exchanges.count == 2


def test_a_call_leaves_only_after_its_output_is_gone() -> None:
    function_call = {"id": "f", "type": "function_call", "status": "completed", "call_id": "c", "name": "look"}
    output = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "fog"}
    (
        book := script("last:1")
        >> service("conversation.item.added", item=function_call | {"arguments": "{}"}, previous_item_id=None)
        >> service("conversation.item.added", item=output, previous_item_id="f")
        >> service("conversation.item.added", item=user_item("u"), previous_item_id="o")
        << to_service("conversation.item.delete", item_id="o")
        >> service("conversation.item.deleted", hidden=True, item_id="o")
        << notice(Forgot, item_id="o", text="fog")
        << to_service("conversation.item.delete", item_id="f")
        >> service("conversation.item.deleted", hidden=True, item_id="f")
        << notice(Forgot, item_id="f", text="look({})")
    )
    assert book


def test_if_the_output_stays_the_call_stays() -> None:
    function_call = {"id": "f", "type": "function_call", "status": "completed", "call_id": "c", "name": "look"}
    output = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "fog"}
    refusal = {"code": "odd", "message": "not now", "event_id": "ours_1"}
    book = (
        script("last:1")
        >> service("conversation.item.added", item=function_call, previous_item_id=None)
        >> service("conversation.item.added", item=output, previous_item_id="f")
        >> service("conversation.item.added", item=user_item("u"), previous_item_id="o")
        << to_service("conversation.item.delete", item_id="o")
        >> service("error", hidden=True, error=refusal)
        << notice(EditFailed, kind="delete", item_id="o", why="not now")
    )
    assert book
    assert held(book) == ["f", "o", "u"]


def test_nothing_is_deleted_while_a_response_runs_or_is_about_to() -> None:
    book = spoken_exchange(script("last:2"), 1, None)
    book = user_turn(book, "u2", "a1")  # answered by itself: a response is about to begin
    book = reply_begins(book, "r2", "a2", "u2", 100)
    book = book >> heard("a2", 100)
    book = say(book, *reply_done("r2", "a2", usage=USAGE)) << notice(Charged)
    book = (
        book
        << to_service("conversation.item.delete", item_id="u1")
        << to_service("conversation.item.delete", item_id="a1")
    )
    assert book


def test_a_response_the_app_asked_for_is_waited_for_but_not_for_ever() -> None:
    book = spoken_exchange(script("last:1"), 1, None) << to_service("conversation.item.delete", item_id="u1")
    (
        book
        >> app("response.create")
        << to_service("response.create")
        >> service("conversation.item.deleted", hidden=True, item_id="u1")
        << notice(Forgot, item_id="u1")
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="a1")
        >> wait(4.9)
        >> wait(0.2)
        << to_service("conversation.item.delete", item_id="a1")
    )
    assert book


def test_a_refused_response_is_no_longer_waited_for() -> None:
    book = (
        script("last:1")
        >> app("response.create")
        << to_service("response.create")
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        >> service("error", error={"code": "conversation_already_has_active_response", "message": "…"})
        << to_service("conversation.item.delete", item_id="u1")
    )
    assert book
    assert book.session.errors == 1


def test_pinned_items_stay() -> None:
    book = (
        script("last:1")
        >> call("u1 is pinned", lambda session, _: session.pin("u1"))
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        >> service("conversation.item.added", item=user_item("u3"), previous_item_id="u2")
        << to_service("conversation.item.delete", item_id="u2")
    )
    assert book


def test_an_unknown_memory_is_refused() -> None:
    with pytest.raises(BadInput):
        Session(memory="elephant", ids=counter())


# --- bad days of edits ----------------------------------------------------------------------------------------------


def test_an_item_the_service_does_not_know_is_not_in_the_mirror_either() -> None:
    """The error answers our edit; the app does not hear of it."""
    error = {"code": "item_delete_invalid_item_id", "message": "no item u1", "event_id": None}
    book = (
        script("last:1")
        >> service("conversation.item.added", item=user_item("u1", "Hello."), previous_item_id=None)
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        << to_service("conversation.item.delete", item_id="u1")
        >> service("error", hidden=True, error=error)
        << notice(Forgot, item_id="u1", text="Hello.", left=1)
    )
    assert book
    assert held(book) == ["u2"]


def test_a_service_that_does_not_delete_is_noticed_and_left_alone() -> None:
    """No acknowledgement: tried once more, given up; after two of them we say so once and stop."""
    book = (
        script("last:1")
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        << to_service("conversation.item.delete", item_id="u1", event_id="ours_1")
        >> wait(5)
        << to_service("conversation.item.delete", item_id="u1", event_id="ours_2")
        >> wait(5)
        << notice(EditFailed, item_id="u1")
        >> service("conversation.item.added", item=user_item("u3"), previous_item_id="u2")
        << to_service("conversation.item.delete", item_id="u2", event_id="ours_3")
        >> wait(5)
        << to_service("conversation.item.delete", item_id="u2", event_id="ours_4")
        >> wait(5)
        << notice(EditFailed, item_id="u2")
        << notice(Unsupported, kind="delete")
        >> service("conversation.item.added", item=user_item("u4"), previous_item_id="u3")
    )
    assert book
    assert held(book) == ["u1", "u2", "u3", "u4"]
    assert book.session.deadline is None


def test_a_late_acknowledgement_is_believed_and_hidden() -> None:
    book = (
        script("last:1")
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        << to_service("conversation.item.delete", item_id="u1")
        >> wait(5)
        << to_service("conversation.item.delete", item_id="u1")
        >> wait(5)
        << notice(EditFailed)
        >> service("conversation.item.deleted", hidden=True, item_id="u1")
        << notice(Forgot, item_id="u1")
    )
    assert book
    assert held(book) == ["u2"]


def test_the_apps_own_deletes_and_their_answers_are_its_own() -> None:
    book = (
        script("last:9")
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> app("conversation.item.delete", item_id="u1")
        << to_service("conversation.item.delete", item_id="u1")
        >> service("conversation.item.deleted", item_id="u1")
        >> app("conversation.item.delete", item_id="u1")
        << to_service("conversation.item.delete", item_id="u1")
        >> service("error", error={"code": "item_delete_invalid_item_id", "message": "no item u1"})
    )
    assert book
    assert held(book) == []


def test_nothing_is_sent_once_the_conversation_is_over() -> None:
    book = (
        script("last:1")
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> call("it ends", lambda session, now: session.end(now))
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
    )
    assert book
    assert book.session.deadline is None


def test_an_edit_under_way_leaves_open_who_holds_what() -> None:
    book = (
        script("last:1")
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        << to_service("conversation.item.delete", item_id="u1")
    )
    assert book
    assert book.session.unsettled("u1")
    assert not book.session.unsettled("u2")


# --- the bill (test_counting.py has the rest) ---


def test_transcription_is_a_bill_of_its_own() -> None:
    settings = SESSION | {"audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}}}
    name = "conversation.item.input_audio_transcription.completed"
    book = (
        script()
        >> service("session.updated", session=settings)
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service(name, item_id="u1", transcript="Hi", status="in_progress")
        >> service(name, item_id="u1", transcript="Hi there", usage={"type": "duration", "seconds": 3})
        << notice(Transcribed, item_id="u1")
    )
    assert book
    assert book.session.meter.total.nanodollars == 3 * 100_000


def test_an_out_of_band_response_is_billed_and_changes_nothing_else() -> None:
    response = {"id": "r9", "conversation_id": None, "output": [reply_item("x")]}
    book = (
        script()
        >> service("response.created", response=response | {"status": "in_progress"})
        >> service("response.output_item.added", response_id="r9", item=reply_item("x", status="in_progress"))
        >> service("response.done", response=response | {"status": "completed", "usage": USAGE})
        << notice(Charged, response_id="r9")
    )
    assert book
    assert held(book) == []
    assert book.session.exchanges.count == 0


def test_a_service_that_bills_time_is_charged_for_the_session() -> None:
    """gpt-live-1 at $0.05 a minute: 90 seconds are $0.075."""
    session = Session(ids=counter(), model="gpt-live-1")
    session.from_service(json.dumps({"type": "session.created", "session": {"type": "realtime"}}), 100.0)
    session.from_service(json.dumps({"type": "rate_limits.updated", "rate_limits": []}), 130.0)
    assert session.meter.total.nanodollars == 25_000_000
    session.end(190.0)
    assert session.meter.total.nanodollars == 75_000_000


def test_a_service_that_bills_text_messages_is_charged_for_each() -> None:
    """xAI: $0.004 for every item the client creates (PRICES §2)."""
    session = Session(ids=counter(), model="grok-voice-latest")
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    session.from_app(json.dumps({"type": "conversation.item.create", "item": text}), 0.0)
    session.end(0.0)
    assert session.meter.total.nanodollars == 4_000_000


def test_what_is_known_of_the_service_beforehand_is_counted_by() -> None:
    assert Session(ids=counter(), model="gpt-realtime", service="azure").laws == prior("azure", "gpt-realtime")
    given = Laws(hit_rate=0.123)
    session = Session(ids=counter(), laws=given, summary_model="gpt-realtime-2.1-mini")
    assert session.laws == given
    session.summarised(1, "short", 0.0, usage=Usage(text_in=1_000_000))
    assert session.meter.total.nanodollars == 600_000_000


def test_whatever_is_found_out_is_known_to_the_memory_too() -> None:
    """The price list, the laws as learned, and after four exchanges the average one."""
    book = script(summary_model="gpt-realtime-2.1-mini")
    previous = None
    for n in range(1, 5):
        book = spoken_exchange(book, n, previous)
        previous = f"a{n}"
    assert book
    session = book.session
    past = session._remembering.past  # pyright: ignore[reportPrivateUsage]
    assert session.learned_from == 4
    assert past.laws == session.laws != prior("openai", "gpt-realtime")
    assert past.rates is not None
    assert past.rates.name == "gpt-realtime"
    assert past.summary_rates is not None
    assert past.summary_rates.name == "gpt-realtime-2.1-mini"
    assert (past.typical().user_ms, past.typical().reply_audio) == (2000, 43)


# --- the rest ---


def test_what_is_neither_known_nor_due_passes_quietly() -> None:
    """Items without an id, replies of nobody, an item that came and went before its edit was due."""
    book = (
        script("last:9")
        >> service("conversation.item.added", item={"type": "message"})
        >> service("response.output_item.added", response_id="stranger", item=reply_item("x"))
        >> service("conversation.item.deleted", item_id="never was")
        >> heard("x", 100)
        >> wait(1)
    )
    assert book


def test_a_pinned_reply_is_cut_but_not_deleted() -> None:
    book = user_turn(script(), "u1", None)
    book = reply_begins(book, "r1", "a1", "u1", 2000)
    book = book >> call("a1 is pinned", lambda session, _: session.pin("a1")) >> heard("a1", 0, stopped=True)
    book = say(book, *reply_done("r1", "a1", "cancelled")) << notice(Charged) << notice(GhostTurn)
    assert book


def test_an_item_given_up_on_is_not_tried_again() -> None:
    """Its second edit of any kind is not sent either."""
    refusal = {"code": "odd", "message": "not now", "event_id": "ours_1"}
    book = spoken_exchange(script(), 1, None, heard_ms=300)
    (
        book
        >> heard("a1", 500, stopped=True)
        << to_service("conversation.item.truncate", item_id="a1")
        >> heard("a1", 400, stopped=True)
        >> service("error", hidden=True, error=refusal)
        << notice(EditFailed, kind="truncate")
        >> heard("a1", 400, stopped=True)
    )
    assert book


def test_a_truncation_of_what_is_gone_tells_nothing() -> None:
    error = {"code": "item_truncate_invalid_item_id", "message": "no item a1", "event_id": None}
    book = spoken_exchange(script(), 1, None, heard_ms=300)
    (
        book
        >> heard("a1", 500, stopped=True)
        << to_service("conversation.item.truncate", item_id="a1")
        >> service("error", hidden=True, error=error)
    )
    assert book
    assert held(book) == ["u1"]


def test_ending_before_it_began_is_possible() -> None:
    session = Session(ids=counter())
    session.end(5.0)
    session.tick(6.0)
    assert list(session.actions()) == []


def test_a_reply_stopped_unheard_after_it_was_complete_is_a_ghost_turn_at_once() -> None:
    book = user_turn(script(), "u1", None)
    book = reply_begins(book, "r1", "a1", "u1", 2000)
    book = say(book, *reply_done("r1", "a1", usage=USAGE)) << notice(Charged)
    (
        book
        >> heard("a1", 0, stopped=True)
        << notice(GhostTurn, response_id="r1")
        << to_service("conversation.item.delete", item_id="a1")
    )
    assert book


def test_push_to_talk_expects_no_answer_after_a_commit() -> None:
    """The app decides when to answer: a commit is a moment for edits."""
    settings = SESSION | {"audio": {"input": {"turn_detection": None}}}
    book = (
        script("last:1")
        >> service("session.updated", session=settings)
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service("input_audio_buffer.committed", item_id="u2", previous_item_id="u1")
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        << to_service("conversation.item.delete", item_id="u1")
    )
    assert book


def test_a_late_answer_about_an_item_that_left_meanwhile_tells_nothing() -> None:
    """The app deleted it itself while ours was given up."""
    book = (
        script("last:1")
        >> service("conversation.item.added", item=user_item("u1"), previous_item_id=None)
        >> service("conversation.item.added", item=user_item("u2"), previous_item_id="u1")
        << to_service("conversation.item.delete", item_id="u1")
        >> service("conversation.item.deleted", hidden=True, item_id="u1")
        << notice(Forgot, item_id="u1")
        >> service("conversation.item.added", item=user_item("u3"), previous_item_id="u2")
        << to_service("conversation.item.delete", item_id="u2")
        >> call("it is gone already", lambda session, _: session.conversation.remove("u2"))
        >> service("conversation.item.deleted", hidden=True, item_id="u2")
    )
    assert book


def test_a_summary_is_charged_once_wherever_it_was_made() -> None:
    """By another model, at its rates; in the session itself, where its response is on the meter; or not at all."""
    session = Session(ids=counter(), model="gpt-realtime")
    session.summarised(1, "short", 0.0, usage=Usage(text_in=1_000_000), model="gpt-realtime-2.1-mini")
    session.summarised(2, None, 0.0)
    assert [action.cost.nanodollars for action in session.actions() if isinstance(action, Charged)] == [600_000_000]
    own = {"id": "r9", "conversation_id": None, "status": "completed", "output": [], "usage": USAGE}
    done = {"type": "response.done", "response": own | {"metadata": {"laconic": "summary_2"}}}
    session.from_service(json.dumps(done), 0.0)
    assert [entry.kind for entry in session.meter.responses] == ["summary", "summary"]
    assert session.alternatives.costs()["everything"].nanodollars == 0


def test_the_memory_in_force_says_why() -> None:
    session = Session(ids=counter(), memory="last:3")
    assert session.memory.name == "last:3"
    assert "3 latest items" in session.why()


def test_a_response_that_waits_for_a_turn_is_not_passed_on_yet() -> None:
    session = Session(ids=counter(), memory="select:1")
    session.from_app('{"type":"input_audio_buffer.commit"}', 0.0)
    session.from_app('{"type":"response.create"}', 0.0)
    assert [json.loads(action.raw)["type"] for action in session.actions() if isinstance(action, ToService)] == [
        "input_audio_buffer.commit"
    ]


def test_a_reply_asked_for_again_is_waited_for() -> None:
    """Drift: the model answered in writing though sound was asked for."""
    written = reply_item("a1", "Well.") | {"content": [{"type": "output_text", "text": "Well."}]}
    response = {"id": "r1", "status": "completed", "conversation_id": "c", "output_modalities": ["audio"]}
    begun = response | {"status": "in_progress", "output": []}
    (
        book := user_turn(script(), "u1", None)
        >> service("response.created", response=begun)
        >> service("response.output_item.added", response_id="r1", item=reply_item("a1", status="in_progress"))
        >> service("conversation.item.added", item=reply_item("a1", status="in_progress"), previous_item_id="u1")
        >> service("conversation.item.done", item=written, previous_item_id=None)
        >> service("response.done", response=response | {"output": [written], "usage": USAGE})
        << notice(Charged)
        << notice(MemoryTold)
        << to_service("conversation.item.delete", item_id="a1")
        >> service("conversation.item.deleted", hidden=True, item_id="a1")
        << notice(Forgot, why="drift")
        << to_service("response.create")
    )
    assert book
    assert book.session.deadline == 5.0


# --- one unbroken conversation (test_view.py, test_wishes.py and tests/simulator/test_unbroken.py have the rest) -----


def test_what_is_gone_is_answered_for_and_the_services_refusal_is_nobodys_business() -> None:
    talk = noted("last:1")
    talk.enters("later")
    talk.answer()
    talk.told.clear()
    errors, awaited = talk.session.errors, talk.session.deadline
    talk.app("conversation.item.retrieve", item_id="a")
    talk.answer()
    assert [event["item"]["id"] for event in talk.told] == ["a"]
    assert (talk.session.errors, talk.session.deadline) == (errors, awaited)


def test_what_the_app_says_of_an_item_we_are_deleting_is_passed_on_once_that_is_settled() -> None:
    talk = noted("last:1")
    talk.enters("later")
    talk.app("conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=100)
    talk.app("input_audio_buffer.append", audio="AAAA")
    assert [sent["type"] for sent in talk.sent] == ["conversation.item.delete"]
    talk.says("conversation.item.deleted", item_id=talk.sent.pop()["item_id"])
    assert [sent["type"] for sent in talk.sent] == ["conversation.item.truncate", "input_audio_buffer.append"]


def test_a_note_deleted_for_the_app_is_followed_by_the_mirror() -> None:
    talk = noted("written")
    talk.app("conversation.item.delete", item_id="u")
    talk.answer()
    assert talk.held == [SAID]


def test_sound_of_the_app_goes_through_untouched_and_is_measured() -> None:
    session = Session(ids=counter())
    raw = b'{ "type":"input_audio_buffer.append", "audio":"' + b"A" * 6400 + b'" }'
    session.from_app(raw, 0.0)
    assert list(session.actions()) == [ToService(raw)]
    assert session.conversation.input.ms == 100


def summed_up(dialect: str = "ga") -> Noted:
    """A summary is wanted and asked of the realtime model itself."""
    talk = noted("summary:5:1")
    if dialect == "beta":
        talk.says("session.updated", session={"modalities": ["text", "audio"], "turn_detection": None})
    talk.told.clear()
    talk.session.summarise_inside(1, "Sum it up.", 0.0)
    talk.act()
    return talk


def test_a_summary_is_made_beside_the_conversation_and_the_app_hears_nothing_of_it() -> None:
    talk = summed_up()
    [asked] = talk.sent
    metadata = asked["response"]["metadata"]
    assert asked["response"]["input"][0]["content"][0]["text"] == "User: Where is it?"
    talk.sent.clear()
    said = {"id": "s1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Where."}]}
    response = {"id": "r9", "conversation_id": None, "metadata": metadata, "status": "in_progress", "output": []}
    talk.says("response.created", response=response)
    talk.says("response.output_text.delta", response_id="r9", item_id="s1", delta="Where.")
    talk.says("response.done", response=response | {"status": "completed", "output": [said], "usage": USAGE})
    talk.says("rate_limits.updated", rate_limits=[])
    talk.answer()
    assert talk.told == []
    assert talk.held == ["Summary of the conversation so far:\nWhere.", SAID]
    [charged] = [notice for notice in talk.noticed if isinstance(notice, Charged) and notice.kind == "summary"]
    assert charged.response_id == "r9"


def test_what_the_session_itself_sums_up_is_not_kept_for_another_models_bill() -> None:
    assert summed_up().session._remembering.unanswered == {}  # pyright: ignore[reportPrivateUsage]


def test_a_beta_service_is_asked_in_beta() -> None:
    [asked] = summed_up("beta").sent
    assert asked["response"]["modalities"] == ["text"]


def test_why_there_is_no_summary_is_told_once_and_nothing_is_deleted() -> None:
    talk = summed_up()
    held = talk.held
    refused = {"message": "not here", "event_id": talk.sent[0]["event_id"]}
    talk.says("error", error=refused)
    told = [notice.text for notice in talk.noticed if isinstance(notice, MemoryTold)]
    assert told == ["no summary: the service refused to write one (not here)"]
    assert talk.told == []
    assert talk.held == held
    talk.says("error", error=refused)
    assert len([notice for notice in talk.noticed if isinstance(notice, MemoryTold)]) == 1


def test_a_summary_nobody_waits_for_is_not_asked_for() -> None:
    session = Session(ids=counter())
    session.summarise_inside(1, "Sum it up.", 0.0)
    assert list(session.actions()) == []


def test_a_summary_that_does_not_come_is_given_up() -> None:
    talk = summed_up()
    assert talk.session.deadline == 30.0
    talk.session.tick(30.0)
    assert "no summary: the service wrote none within 30 s" in [
        notice.text for notice in talk.session.actions() if isinstance(notice, MemoryTold)
    ]


def test_a_response_of_ours_ends_no_wait_for_the_apps() -> None:
    """The app has asked for a response; a summary's begins before it."""
    talk = summed_up()
    talk.app("response.create")
    response = {"id": "r9", "conversation_id": None, "metadata": talk.sent[0]["response"]["metadata"]}
    talk.says("response.created", response=response | {"status": "in_progress"})
    assert talk.session.deadline == 5.0
    talk.says("response.created", response={"id": "r2", "conversation_id": "conv", "status": "in_progress"})
    assert talk.session.deadline == 30.0


@pytest.mark.parametrize("ended", [False, True])
def test_a_summary_by_another_model_is_taken_from_the_budget(ended: bool) -> None:
    """What it reports, or the most it can have used; also when nobody waits for it any more."""
    talk = noted("summary:5:1", budget="1000000 tokens, $5", model="gpt-realtime")
    [asked] = [action for action in talk.noticed if isinstance(action, Summarise)]
    session, account = talk.session, talk.session.account
    assert account is not None
    before = account.spent("tokens"), account.spent("nanodollars")
    if ended:
        session.end(1.0)
    session.summarised(asked.id, None, 1.0, unreported=True)
    assert account.spent("tokens") - before[0] > text_tokens(asked.text) + asked.max_tokens
    assert account.spent("nanodollars") > before[1]
    estimated = account.estimated
    spent = account.spent("tokens")
    session.summarised(7, "short", 1.0, usage=Usage(text_in=8_000, text_out=500), model="gpt-5.4-nano")
    assert account.spent("tokens") - spent == 8_500
    assert account.estimated == estimated


def test_a_budget_is_kept_and_what_is_left_can_be_asked() -> None:
    """How it is kept is in test_limiting.py."""
    book = script(budget="$2")
    assert book
    account = book.session.account
    assert account is not None
    assert account.left("nanodollars") == 2_000_000_000
    assert book.session.over is None
    assert Session(ids=counter()).account is None


def test_what_is_shared_is_leased_and_asked_for_by_the_session() -> None:
    session = Session(ids=counter(), model="gpt-realtime", budget=Budget(shared=frozenset({"tokens"})))
    session.leased("tokens", 50_000, 0.0)
    session.from_service(json.dumps({"type": "session.created", "session": SESSION}), 0.0)
    account = session.account
    assert account is not None
    assert account.limit("tokens") == 50_000
    session.pressed("tokens", 0.0)
    [given] = [action for action in session.actions() if isinstance(action, GiveBack)]
    assert account.limit("tokens") == 50_000 - given.amount


def test_what_the_budget_forbids_is_not_passed_on() -> None:
    session = Session(ids=counter(), model="no-such-model", budget="$2")
    session.from_service(json.dumps({"type": "session.created", "session": SESSION | {"model": "none"}}), 0.0)
    assert session.over is not None
    list(session.actions())
    session.from_app(json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA"}), 0.0)
    session.from_app(json.dumps({"type": "response.create"}), 0.0)
    [refusal] = session.actions()
    assert isinstance(refusal, ToApp)


def test_the_second_of_two_sessions_that_were_updated_is_shown_as_the_app_asked_for_it() -> None:
    session = Session(ids=counter(), model="gpt-realtime", budget="$0.10")
    session.from_service(json.dumps({"type": "session.created", "session": SESSION}), 0.0)
    sent = [json.loads(action.raw) for action in session.actions() if isinstance(action, ToService)]
    assert [message["type"] for message in sent] == ["session.update"]
    closed = {"type": "server_vad", "create_response": False}
    held = SESSION | {"audio": {"input": {"turn_detection": closed, "transcription": None}}}
    session.from_service(json.dumps({"type": "session.updated", "session": held}), 0.0)
    session.from_app(json.dumps({"type": "session.update", "session": {"type": "realtime", "speed": 1}}), 0.0)
    list(session.actions())
    session.from_service(json.dumps({"type": "session.updated", "session": held}), 0.0)
    [told] = [action for action in session.actions() if isinstance(action, ToApp)]
    assert json.loads(told.raw)["session"]["audio"]["input"]["turn_detection"]["create_response"] is True


def test_near_the_end_of_a_budget_the_model_writes_no_summary_either() -> None:
    book = script("summary:60:20", budget="9000 tokens", ack_timeout_s=60.0)
    remembering = book.session._remembering  # pyright: ignore[reportPrivateUsage]
    assert book << to_service("session.update")
    remembering._summaries[1] = (Ask("What was said.", 100), 60.0)  # pyright: ignore[reportPrivateUsage]
    book.session.summarise_inside(1, "Sum it up.", 0.0)
    assert remembering.wanted(1) is None
    assert list(book.session.actions()) == []


def test_what_comes_and_goes_leaves_nothing_behind_however_often() -> None:
    """An app that writes and deletes for hours costs no more memory than one that does it for a while."""
    session = Session(ids=counter())
    session.from_service(json.dumps({"type": "session.created", "session": {"model": "gpt-realtime"}}), 0.0)

    def kept() -> int:
        found = (session._counting.expectation, session.alternatives, session._view, session.conversation)  # pyright: ignore[reportPrivateUsage]
        held = (value for one in found for value in vars(one).values())
        return sum(len(value) for value in held if isinstance(value, Sized))

    def come_and_go(first: int, last: int) -> None:
        for n in range(first, last):
            item = {"id": f"i{n}", "type": "message", "role": "user", "content": []}
            for event in (
                {"type": "conversation.item.added", "item": item, "previous_item_id": None},
                {"type": "conversation.item.done", "item": item, "previous_item_id": None},
                {"type": "conversation.item.deleted", "item_id": f"i{n}"},
            ):
                session.from_service(json.dumps(event), 0.0)
            list(session.actions())

    come_and_go(0, 4_200)
    after_a_while = kept()
    come_and_go(4_200, 6_000)
    assert kept() == after_a_while


def test_what_a_deletion_would_lose_is_asked_for_and_given_to_an_app_that_retrieves_it() -> None:
    item = user_item("a") | {"content": [{"type": "input_audio", "transcript": "Yes."}]}
    whole = item | {"content": [item["content"][0] | {"audio": "AAAA"}]}
    book = Playbook(Session(memory="last:1", ids=counter(), keep=Shelf())) >> service("session.created", session={})
    (
        book := book
        >> service("conversation.item.added", item=item, previous_item_id=None)
        >> service("conversation.item.added", item=user_item("b"), previous_item_id="a")
        << to_service("conversation.item.retrieve", item_id="a", event_id="ours_1")
        << to_service("conversation.item.delete", item_id="a", event_id="ours_2")
        >> service("conversation.item.retrieved", hidden=True, item=whole)
        >> service("conversation.item.deleted", hidden=True, item_id="a")
        << notice(Forgot)
        >> app("conversation.item.retrieve", item_id="a")
        << to_service("conversation.item.retrieve", event_id="ours_3")
        >> service("error", hidden=True, error={"message": "no 'a'", "event_id": "ours_3"})
        << to_app("conversation.item.retrieved", item=whole)
    )
    assert book
    assert book.session.errors == 0
