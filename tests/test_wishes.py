"""What the app asks of items that are gone: translated, answered from our copy, or put off until it is clear."""

# A script is an expression until it is asserted.
# pyright: reportUnusedExpression=false

from __future__ import annotations

import json
from typing import Any

import pytest
from noted import SAID, Noted, noted
from playbook import Placeholder, Playbook, app, call, counter, notice, service, to_app, to_service, wait

from laconic.session import EditFailed, Forgot, Session, ToApp, ToService

Wire = dict[str, Any]
SESSION: Wire = {"type": "realtime", "model": "gpt-realtime", "audio": {"input": {"turn_detection": None}}}
CREATE, DELETE, TRUNCATE, RETRIEVE = (
    f"conversation.item.{verb}" for verb in ("create", "delete", "truncate", "retrieve")
)
ADDED, DELETED = "conversation.item.added", "conversation.item.deleted"


def text_item(item_id: str, text: str = "Hm?", role: str = "user") -> Wire:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def new(item_id: str | None = "new") -> Wire:
    item = text_item(item_id or "", "New.")
    return item if item_id else {key: value for key, value in item.items() if key != "id"}


def forgotten(*kept: str, gone: str = "a", item: Wire | None = None, **session: Any) -> Playbook:
    """`last:N` has let go of the first item; the others are held. The app knows of all."""
    book = Playbook(Session(memory=f"last:{len(kept)}", ids=counter(), **session))
    book = book >> service("session.created", session=SESSION)
    previous = None
    for item_id in (gone, *kept):
        entering = item if item is not None and item_id == gone else text_item(item_id)
        book = book >> service(ADDED, item=entering, previous_item_id=previous)
        previous = item_id
    return (
        book
        << to_service(DELETE, item_id=gone)
        >> service(DELETED, hidden=True, item_id=gone)
        << notice(Forgot, item_id=gone)
    )


def refused(event_id: str, item_id: str = "a", verb: str = "delete") -> Any:
    error = {"code": f"item_{verb}_invalid_item_id", "message": f"no '{item_id}'", "event_id": event_id}
    return service("error", hidden=True, error=error)


# --- answered from our copy ----------------------------------------------------------------------------------------


def test_what_is_gone_is_deleted_when_the_service_says_that_it_does_not_know_it() -> None:
    (
        book := forgotten("b")
        >> app(DELETE, item_id="a", event_id="app_1")
        << to_service(DELETE, item_id="a", event_id="ours_2")
        >> refused("ours_2")
        << to_app(DELETED, item_id="a")
        >> app(DELETE, item_id="a", event_id="app_2")
        << to_service(DELETE, item_id="a", event_id="app_2")
    )
    assert book


def test_it_is_deleted_once_however_fast_the_app_asks_again() -> None:
    (
        book := forgotten("b")
        >> app(DELETE, item_id="a", event_id="app_1")
        << to_service(DELETE, event_id="ours_2")
        >> app(DELETE, item_id="a", event_id="app_2")
        << to_service(DELETE, event_id="app_2")
        >> app(RETRIEVE, item_id="a", event_id="app_3")
        << to_service(RETRIEVE, event_id="app_3")
        >> app(CREATE, item=new("a"))
        << to_service(CREATE, item=new("a"))
        >> app(CREATE, item=new("c"), previous_item_id="a")
        << to_service(CREATE, item=new("c"), previous_item_id="a")
    )
    assert book


def test_what_is_gone_is_retrieved_as_we_knew_it() -> None:
    item = text_item("a", SAID) | {"status": "completed", "phase": "final_answer"}
    (
        book := forgotten("b", item=item)
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE, item_id="a", event_id="ours_2")
        >> refused("ours_2", verb="retrieve")
        << to_app("conversation.item.retrieved", item=item)
        >> app(RETRIEVE, item_id="b")
        << to_service(RETRIEVE, item_id="b")
    )
    assert book


def test_a_beta_service_is_stood_in_for_in_beta() -> None:
    beta = {"modalities": ["text", "audio"], "turn_detection": None}
    book = Playbook(Session(memory="last:1", ids=counter())) >> service("session.created", session=beta)
    created = "conversation.item.created"
    (
        book := book
        >> service(created, item=text_item("a", SAID, "assistant"), previous_item_id=None)
        >> service(created, item=text_item("b"), previous_item_id="a")
        << to_service(DELETE, item_id="a")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE, item_id="a")
        >> refused("ours_2", verb="retrieve")
        << to_app("conversation.item.retrieved", item=text_item("a") | {
            "role": "assistant", "content": [{"type": "text", "text": SAID}],
        })
    )  # fmt: skip
    assert book


def test_an_id_the_app_still_believes_in_cannot_be_used_again() -> None:
    (
        book := forgotten("b")
        >> app(CREATE, item=new("a"), event_id="app_1")
        << to_service(RETRIEVE, item_id="a", event_id="ours_2")
        >> refused("ours_2", verb="retrieve")
        << to_app("error", error={"code": "item_create_duplicate_item_id", "event_id": "app_1"})
    )
    assert book


def test_a_service_that_says_nothing_is_not_waited_for() -> None:
    (
        book := forgotten("b")
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE, item_id="a")
        >> wait(5)
        << to_app("conversation.item.retrieved", item={"id": "a"})
        >> app(RETRIEVE, item_id="a")
        << to_app("conversation.item.retrieved", item={"id": "a"})
    )
    assert book
    assert book.session.deadline is None


# --- truncating what is gone ---------------------------------------------------------------------------------------


def reply(item_id: str) -> list[Any]:
    """A reply of two seconds, as the service makes it."""
    item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    done = item | {"status": "completed", "content": [{"type": "output_audio", "transcript": SAID}]}
    where: Wire = {"response_id": "r1", "item_id": item_id, "content_index": 0}
    return [
        service(ADDED, item=item, previous_item_id=None),
        service("response.output_audio.delta", delta="A" * 128_000, **where),
        service("conversation.item.done", item=done, previous_item_id=None),
    ]


def reply_gone() -> Playbook:
    book = Playbook(Session(memory="last:1", ids=counter())) >> service("session.created", session=SESSION)
    for step in reply("a"):
        book = book >> step
    return (
        book
        >> service(ADDED, item=text_item("b"), previous_item_id="a")
        << to_service(DELETE, item_id="a")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
    )


def cut(ms: Any, item_id: str = "a", content_index: int = 0) -> Any:
    return app(TRUNCATE, item_id=item_id, content_index=content_index, audio_end_ms=ms, event_id="app_1")


def test_what_is_gone_is_cut_and_stays_cut() -> None:
    shorter = {"code": "invalid_value", "message": "Audio content of 700ms is already shorter than 701ms"}
    (
        book := reply_gone()
        >> cut(700)
        << to_service(TRUNCATE, item_id="a", content_index=0, audio_end_ms=700, event_id="ours_2")
        >> refused("ours_2", verb="truncate")
        << to_app("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=700)
        >> cut(701)
        << to_service(TRUNCATE, event_id="ours_4")
        >> refused("ours_4", verb="truncate")
        << to_app("error", error=shorter | {"event_id": "app_1"})
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE)
        >> refused("ours_6", verb="retrieve")
        << to_app("conversation.item.retrieved", item={"content": [{"type": "output_audio", "transcript": None}]})
    )
    assert book


@pytest.mark.parametrize(("ms", "content_index"), [(0, 0), (100, 1)], ids=["at 0", "a part that is not there"])
def test_what_the_service_would_not_cut_is_not_cut(ms: int, content_index: int) -> None:
    (
        book := reply_gone()
        >> cut(ms, content_index=content_index)
        << to_service(TRUNCATE)
        >> refused("ours_2", verb="truncate")
        << to_app("error", error={"message": "Only model output audio messages can be truncated"})
    )
    assert book


def test_what_is_no_sound_of_the_models_is_not_cut() -> None:
    (
        book := forgotten("b")
        >> cut(100)
        << to_service(TRUNCATE)
        >> refused("ours_2", verb="truncate")
        << to_app("error", error={"message": "Only model output audio messages can be truncated"})
    )
    assert book


@pytest.mark.parametrize("fields", [{"content_index": 0}, {"content_index": -1, "audio_end_ms": 5}])
def test_the_service_says_itself_what_is_missing(fields: Wire) -> None:
    assert reply_gone() >> app(TRUNCATE, item_id="a", **fields) << to_service(TRUNCATE, item_id="a", **fields)


# --- creating behind what is gone ----------------------------------------------------------------------------------


def test_behind_what_is_gone_is_behind_its_nearest_surviving_predecessor_or_at_the_front() -> None:
    (
        book := forgotten("b")
        >> app(CREATE, item=new(), previous_item_id="a")
        << to_service(CREATE, item=new(), previous_item_id="root")
        >> service(ADDED, item=new(), previous_item_id=None, seen={"previous_item_id": "a"})
        << to_service(DELETE, item_id="new")
    )
    assert book


def test_the_nearest_that_is_left_is_found_however_far_and_what_is_lost_is_passed_once() -> None:
    """2,000 items of which the first and the last are left, and an app that writes behind the others ever again."""
    session = Session(memory="last:1", ids=counter())
    session.from_service(json.dumps({"type": "session.created", "session": SESSION}), 0.0)
    session.pin("i0")
    for n in range(2_000):
        previous = f"i{n - 1}" if n else None
        added = {"type": ADDED, "item": text_item(f"i{n}"), "previous_item_id": previous}
        session.from_service(json.dumps(added), float(n))
        for action in session.actions():
            if isinstance(action, ToService):
                gone = json.loads(action.raw)["item_id"]
                session.from_service(json.dumps({"type": DELETED, "item_id": gone}), float(n))
    assert [item.id for item in session.conversation] == ["i0", "i1999"]
    looked: list[str] = []
    standing = session.wishes._standing  # pyright: ignore[reportPrivateUsage]
    holder = standing.holder
    standing.holder = lambda item_id: looked.append(item_id) or holder(item_id)  # pyright: ignore[reportAttributeAccessIssue]
    order = [f"i{n}" for n in range(2_000)]
    for n in range(1_000):
        if n % 100 == 0:
            session.pin(f"new{n}")  # some of what is written among them stays
        far = order[1 + n * 37 % 1_998]
        before = order[: order.index(far) + 1]
        nearest = next(one for one in reversed(before) if one in session.conversation)
        create = {"type": CREATE, "item": new(f"new{n}"), "previous_item_id": far}
        session.from_app(json.dumps(create), 2_000.0)
        [sent] = [json.loads(action.raw) for action in session.actions() if isinstance(action, ToService)]
        assert sent["previous_item_id"] == nearest
        added = {"type": ADDED, "item": new(f"new{n}"), "previous_item_id": nearest}
        session.from_service(json.dumps(added), 2_000.0)
        order.insert(len(before), f"new{n}")
        for action in session.actions():
            if isinstance(action, ToApp):
                assert json.loads(action.raw)["previous_item_id"] == far
            elif isinstance(action, ToService):
                gone = json.loads(action.raw)["item_id"]
                session.from_service(json.dumps({"type": DELETED, "item_id": gone}), 2_000.0)
    assert len(looked) < 5_000


def test_what_the_app_is_just_deleting_is_not_the_nearest_that_is_left() -> None:
    book = Playbook(Session(memory="last:1", ids=counter())) >> service("session.created", session=SESSION)
    book = book >> call("two are pinned", lambda session, now: (session.pin("o"), session.pin("p"), None)[2])
    for item_id, previous in (("o", None), ("p", "o"), ("a", "p"), ("b", "a")):
        book = book >> service(ADDED, item=text_item(item_id), previous_item_id=previous)
    (
        book := book
        << to_service(DELETE, item_id="a")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot, item_id="a")
        >> app(DELETE, item_id="p")
        << to_service(DELETE, item_id="p")
        >> app(CREATE, item=new(), previous_item_id="a")
        << to_service(CREATE, item=new(), previous_item_id="o")
    )
    assert book


def test_an_item_without_a_name_gets_one_where_it_has_to_be_recognised() -> None:
    name = Placeholder("name")
    (
        book := forgotten("b")
        >> app(CREATE, item=new(None), previous_item_id="a")
        << to_service(CREATE, item=new(None) | {"id": name}, previous_item_id="root")
        >> app(CREATE, item=new(None), previous_item_id="root")
        << to_service(CREATE, item=new(None) | {"id": "ours_3"}, previous_item_id="root")
    )
    assert book
    assert name.value == "ours_2"


def test_where_all_is_held_nothing_is_changed() -> None:
    book = Playbook(Session(ids=counter())) >> service("session.created", session=SESSION)
    book = book >> service(ADDED, item=text_item("a"), previous_item_id=None)
    for fields in ({}, {"previous_item_id": None}, {"previous_item_id": "root"}, {"previous_item_id": "a"}):
        raw = json.dumps({"type": CREATE, "item": new(None), **fields})
        assert book
        book.session.from_app(raw, 0.0)
        assert list(book.session.actions()) == [ToService(raw)]
    assert book >> app(CREATE, item=new(), previous_item_id="x") << to_service(CREATE, previous_item_id="x")


def test_what_we_are_deleting_is_no_place_to_follow() -> None:
    """The app writes behind an item that is gone while the one before it is on its way out."""
    book = forgotten("b", "c", "d")
    (
        book := book
        >> service(ADDED, item=text_item("e"), previous_item_id="d")
        << to_service(DELETE, item_id="b")
        >> app(CREATE, item=new(), previous_item_id="a")
        << to_service(CREATE, previous_item_id="root")
    )
    assert book


def test_behind_what_the_app_deletes_itself_the_service_has_the_word() -> None:
    (
        book := forgotten("b")
        >> app(DELETE, item_id="b")
        << to_service(DELETE, item_id="b")
        >> app(CREATE, item=new(), previous_item_id="b")
        << to_service(CREATE, previous_item_id="b")
    )
    assert book


# --- put off -------------------------------------------------------------------------------------------------------


def deleting() -> Playbook:
    """We have asked the service to delete an item, and it has not answered."""
    book = Playbook(Session(memory="last:1", ids=counter())) >> service("session.created", session=SESSION)
    return (
        book
        >> service(ADDED, item=text_item("a"), previous_item_id=None)
        >> service(ADDED, item=text_item("b"), previous_item_id="a")
        << to_service(DELETE, item_id="a", event_id="ours_1")
    )


def test_what_the_app_says_of_an_item_we_are_deleting_waits_and_so_does_what_follows() -> None:
    (
        book := deleting()
        >> app(RETRIEVE, item_id="a")
        >> app("input_audio_buffer.append", audio="AAAA")
        >> app(RETRIEVE, item_id="b")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
        << to_service(RETRIEVE, item_id="a", event_id="ours_2")
        << to_service("input_audio_buffer.append")
        << to_service(RETRIEVE, item_id="b")
    )
    assert book


def test_if_our_edit_is_refused_the_app_asks_the_service() -> None:
    (
        book := deleting()
        >> app(CREATE, item=new(), previous_item_id="a")
        >> service("error", hidden=True, error={"code": "invalid_value", "message": "no", "event_id": "ours_1"})
        << notice(EditFailed)
        << to_service(CREATE, previous_item_id="a")
    )
    assert book


def test_a_service_that_does_not_answer_our_edit_holds_the_app_up_for_a_while_only() -> None:
    (
        book := deleting()
        >> app(DELETE, item_id="a", event_id="app_1")
        >> wait(5)
        << to_service(DELETE, item_id="a", event_id="ours_2")
        >> wait(5)
        << notice(EditFailed)
        << to_service(DELETE, item_id="a", event_id="app_1")
    )
    assert book


# --- references ----------------------------------------------------------------------------------------------------


def asks(*entries: Any) -> Any:
    return app("response.create", response={"metadata": {"k": "v"}, "input": list(entries)})


def reads(*entries: Any) -> Any:
    return to_service("response.create", response={"metadata": {"k": "v"}, "input": list(entries)})


def ref(item_id: str) -> Wire:
    return {"type": "item_reference", "id": item_id}


def words(text: str, role: str = "user") -> Wire:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_a_reference_to_what_is_forgotten_is_read_in_its_words(role: str) -> None:
    book = forgotten("b", item=text_item("a", SAID, role))
    assert book >> asks(ref("b"), ref("a"), words("?")) << reads(ref("b"), words(SAID, role), words("?"))


CALL: Wire = {"type": "function_call", "call_id": "k", "name": "f", "arguments": "{}"}
OUTPUT: Wire = {"type": "function_call_output", "call_id": "k", "output": "Foggy."}


def call_forgotten() -> Playbook:
    """A call and its output are gone, an item is held."""
    book = Playbook(Session(memory="last:1", ids=counter())) >> service("session.created", session=SESSION)
    return (
        book
        >> service(ADDED, item=CALL | {"id": "c", "status": "completed"}, previous_item_id=None)
        >> service(ADDED, item=OUTPUT | {"id": "o"}, previous_item_id="c")
        >> service(ADDED, item=text_item("b"), previous_item_id="o")
        << to_service(DELETE, item_id="o")
        >> service(DELETED, hidden=True, item_id="o")
        << notice(Forgot)
        << to_service(DELETE, item_id="c")
        >> service(DELETED, hidden=True, item_id="c")
        << notice(Forgot)
    )


def test_a_reference_to_a_call_is_read_as_a_note() -> None:
    """The service would refuse an output whose call it does not hold."""
    (
        book := call_forgotten()
        >> asks(ref("c"), ref("o"))
        << reads(words("Function called: f({})", "system"), words("Function answered: Foggy.", "system"))
    )
    assert book


def test_an_output_of_a_call_that_is_gone_brings_the_call_back() -> None:
    """The service accepts no output without its call, and the app believes that the call is there."""
    (
        book := call_forgotten()
        >> app(CREATE, item=OUTPUT)
        << to_service(CREATE, item=CALL | {"id": "ours_3"}, previous_item_id="b")
        << to_service(CREATE, item=OUTPUT)
        >> service(ADDED, hidden=True, item=CALL | {"id": "ours_3"}, previous_item_id="b")
        << to_service(DELETE, item_id="b")
        >> service(ADDED, item=OUTPUT | {"id": "new"}, previous_item_id="ours_3", seen={"previous_item_id": "b"})
    )
    assert book


def test_into_a_conversation_of_nothing_the_call_is_brought_back_at_its_front() -> None:
    (
        book := call_forgotten()
        >> app(DELETE, item_id="b")
        << to_service(DELETE, item_id="b")
        >> service(DELETED, item_id="b")
        >> app(CREATE, item=OUTPUT)
        << to_service(CREATE, item=CALL | {"id": "ours_3"}, previous_item_id="root")
        << to_service(CREATE, item=OUTPUT)
    )
    assert book


def test_an_output_of_a_call_nobody_knows_is_the_services_to_judge() -> None:
    assert forgotten("b") >> app(CREATE, item=OUTPUT) << to_service(CREATE, item=OUTPUT)


def test_what_nobody_wrote_down_cannot_be_read() -> None:
    sound = {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    assert forgotten("b", item=sound) >> asks(ref("a"), ref("b")) << reads(ref("b"))


def test_a_request_that_will_be_refused_keeps_its_places() -> None:
    """The service names the place of what is wrong in the list: it must be the place in the app's."""
    sound = {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    (
        book := forgotten("b", item=sound)
        >> asks(ref("a"), ref("x"))
        << reads(words(""), ref("x"))
        >> asks(ref("a"), 7)
        << reads(words(""), 7)
    )
    assert book


@pytest.mark.parametrize(
    "response",
    [{}, {"input": None}, {"input": [ref("b"), words("?")]}, {"input": [{"type": "item_reference", "id": 7}]}],
)
def test_a_request_that_refers_to_nothing_gone_is_untouched(response: Wire) -> None:
    book = forgotten("b")
    assert book
    raw = json.dumps({"type": "response.create", "response": response})
    book.session.from_app(raw, 0.0)
    assert list(book.session.actions()) == [ToService(raw)]


# --- notes ---------------------------------------------------------------------------------------------------------


def test_what_the_app_deletes_is_deleted_where_it_is_written() -> None:
    talk = noted("written")
    assert talk.held == ["Where is it?", SAID]
    talk.app(DELETE, item_id="u")
    [sent] = talk.sent
    note_id = sent["item_id"]
    assert note_id not in ("u", "a")
    assert talk.session.wishes.disputed(note_id), "no memory may touch it now"
    talk.answer()
    assert [(event["type"], event["item_id"]) for event in talk.told] == [(DELETED, "u")]
    assert talk.held == [SAID]


def test_what_the_app_deletes_is_taken_out_of_a_note() -> None:
    talk = noted("written:notes")
    assert talk.held == [f"User: Where is it?\nAssistant: {SAID}"]
    talk.app(DELETE, item_id="u")
    talk.answer()
    assert [(event["type"], event["item_id"]) for event in talk.told] == [(DELETED, "u")]
    assert talk.held == [f"Assistant: {SAID}"]
    talk.app(DELETE, item_id="a")
    talk.answer()
    assert talk.held == []


@pytest.mark.parametrize(
    ("memory", "held"),
    [
        ("written", ["Where is it?", "On the island,…"]),
        ("written:notes", ["User: Where is it?\nAssistant: On the island,…"]),
    ],
)
def test_what_the_app_cuts_is_cut_where_it_is_written(memory: str, held: list[str]) -> None:
    talk = noted(memory)
    talk.app(TRUNCATE, item_id="a", content_index=0, audio_end_ms=750)
    talk.answer()
    assert [event["type"] for event in talk.told] == ["conversation.item.truncated"]
    assert talk.held == held


def test_what_was_cut_before_its_first_word_is_written_no_more() -> None:
    talk = noted("written")
    talk.app(TRUNCATE, item_id="a", content_index=0, audio_end_ms=10)
    talk.answer()
    assert talk.held == ["Where is it?"]


def test_behind_what_is_written_is_behind_its_words_and_a_reference_is_to_them() -> None:
    talk = noted("written:notes")
    [written] = talk.session.conversation
    talk.app(CREATE, item=new(), previous_item_id="u")
    talk.app("response.create", response={"input": [ref("u"), ref("a"), ref("u")]})
    assert talk.sent[0]["previous_item_id"] == written.id
    assert talk.sent[1]["response"]["input"] == [ref(written.id)]
    talk.sent.pop()
    talk.answer()
    assert talk.told[0]["previous_item_id"] == "u"


def test_a_deletion_while_it_is_written_down_waits_and_the_words_are_taken_back() -> None:
    talk = Noted("written:notes")
    talk.app(DELETE, item_id="u", event_id="app_1")
    assert [sent["type"] for sent in talk.sent] == [CREATE]
    talk.answer()
    assert [event["item_id"] for event in talk.told if event["type"] == DELETED] == ["u"]
    assert talk.held == [f"Assistant: {SAID}"]


def test_a_deletion_between_writing_down_and_deleting_takes_both() -> None:
    """The words stand, and the sound is still there, since a response began in between."""
    talk = Noted("written")
    talk.says("response.created", response={"id": "r2", "conversation_id": "conv"})
    talk.answer()
    talk.app(DELETE, item_id="u", event_id="app_1")
    talk.answer()
    assert talk.held == [SAID, SAID]
    talk.says("response.done", response={"id": "r2", "conversation_id": "conv", "status": "completed", "output": []})
    talk.answer()
    assert talk.held == [SAID]


def test_a_cut_between_writing_down_and_deleting_cuts_both() -> None:
    talk = Noted("written")
    talk.says("response.created", response={"id": "r2", "conversation_id": "conv"})
    talk.answer()
    talk.app(TRUNCATE, item_id="a", content_index=0, audio_end_ms=10, event_id="app_1")
    talk.answer()
    talk.says("response.done", response={"id": "r2", "conversation_id": "conv", "status": "completed", "output": []})
    talk.answer()
    assert talk.held == ["Where is it?"]


def test_what_the_service_still_owes_the_app_is_counted() -> None:
    owed: list[int] = []
    count = call("count", lambda session, _: owed.append(session.wishes.backlog))
    asked = forgotten("b") >> app(DELETE, item_id="a", event_id="app_1") << to_service(DELETE, event_id="ours_2")
    book = asked >> count >> refused("ours_2") << to_app(DELETED, item_id="a") >> count
    assert book
    assert owed == [1, 0]
