"""What leaves the service at our wish leaves its sound with us: asked for unseen, given back whole or as it was cut."""

# A script is an expression until it is asserted.
# pyright: reportUnusedExpression=false

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from keeps import Shelf
from playbook import Playbook, app, call, counter, notice, service, to_app, to_service, wait

from laconic.conversation import Conversation
from laconic.keeping import Keeping
from laconic.session import EditFailed, Forgot, MemoryTold, Session, ToApp, ToService, Transcribed

Wire = dict[str, Any]
SESSION: Wire = {"type": "realtime", "model": "gpt-realtime", "audio": {"input": {"turn_detection": None}}}
CREATE, DELETE, TRUNCATE, RETRIEVE = (
    f"conversation.item.{verb}" for verb in ("create", "delete", "truncate", "retrieve")
)
ADDED, DELETED, TRUNCATED, RETRIEVED = (
    f"conversation.item.{verb}" for verb in ("added", "deleted", "truncated", "retrieved")
)
SOUND = bytes(range(240)) * 100  # 500 ms
LONG = base64.b64encode(SOUND).decode()


def said(item_id: str = "a", words: str | None = "Yes.", role: str = "assistant", **part: Any) -> Wire:
    kind = "output_audio" if role == "assistant" else "input_audio"
    content = [{"type": kind, "transcript": words, **part}]
    return {"id": item_id, "type": "message", "role": role, "status": "completed", "content": content}


def text_item(item_id: str, **fields: Any) -> Wire:
    content = [{"type": "input_text", "text": "Hm?"}]
    return {"id": item_id, "type": "message", "role": "user", "content": content, **fields}


def session(keep: Shelf, **how: Any) -> Session:
    return Session(memory="last:1", ids=counter(), keep=keep, **how)


def entering(keep: Shelf, item: Wire, settings: Wire = SESSION, **how: Any) -> Playbook:
    """An item with 500 ms of sound, which the memory lets go of as soon as another has entered."""
    book = Playbook(session(keep, **how)) >> service("session.created", session=settings)
    book = book >> service(ADDED, item=item, previous_item_id=None)
    if item["role"] == "assistant":
        book = book >> service("response.output_audio.delta", item_id=item["id"], response_id="r", delta=LONG)
    return book >> service(ADDED, item=text_item("b"), previous_item_id=item["id"])


def kept(keep: Shelf, item: Wire | None = None, answer: Wire | None = None, **how: Any) -> Playbook:
    """It has left, and the service has told what it was."""
    item = item or said()
    answer = answer or item | {"content": [item["content"][0] | {"audio": LONG, "format": "pcm16"}]}
    return (
        entering(keep, item, **how)
        << to_service(RETRIEVE, item_id=item["id"], event_id="ours_1")
        << to_service(DELETE, item_id=item["id"], event_id="ours_2")
        >> service(RETRIEVED, hidden=True, item=answer)
        >> service(DELETED, hidden=True, item_id=item["id"])
        << notice(Forgot, item_id=item["id"])
    )


def refused(event_id: str | None, verb: str = "retrieve", item_id: str = "a", *, hidden: bool = True) -> Any:
    error = {"code": f"item_{verb}_invalid_item_id", "message": f"no '{item_id}'", "event_id": event_id}
    return service("error", hidden=hidden, error=error)


def given_back(book: Playbook, item: Wire, number: int = 3) -> Playbook:
    return (
        book
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE, item_id="a", event_id=f"ours_{number}")
        >> refused(f"ours_{number}")
        << to_app(RETRIEVED, item=item)
    )


# --- kept and given back -------------------------------------------------------------------------------------------


def test_before_a_reply_is_deleted_the_service_is_asked_for_it_and_the_app_gets_it_when_it_asks() -> None:
    keep = Shelf()
    item = said(phase="spoken")
    book = given_back(kept(keep), item | {"content": [{"type": "output_audio", "transcript": "Yes.", "audio": LONG,
                                                       "format": "pcm16"}]})  # fmt: skip
    assert book
    assert json.loads(keep.kept["a"])["item"]["id"] == "a"


def test_a_users_sound_is_kept_with_the_words_that_came_later() -> None:
    keep = Shelf()
    item = said(role="user", words=None)
    transcribed: Wire = {"item_id": "a", "content_index": 0, "transcript": "What?", "usage": None}
    book = kept(keep, item) >> service("conversation.item.input_audio_transcription.completed", **transcribed)
    book = book << notice(Transcribed)
    assert given_back(book, said(role="user", words="What?", audio=LONG, format="pcm16"))


def test_an_image_is_kept() -> None:
    image: Wire = {"id": "a", "type": "message", "role": "user", "status": "completed",
                   "content": [{"type": "input_text", "text": "See?"}, {"type": "input_image"}]}  # fmt: skip
    whole = image | {"content": [image["content"][0], {"type": "input_image", "image_url": "data:…", "detail": "low"}]}
    assert given_back(kept(Shelf(), image, whole | {"object": "realtime.item"}), whole | {"object": "realtime.item"})


def test_what_has_more_parts_for_us_than_for_the_service_keeps_them() -> None:
    item = said()
    item["content"].append({"type": "output_text", "text": "Yes."})
    whole = item | {"content": [item["content"][0] | {"audio": LONG}, item["content"][1]]}
    assert given_back(kept(Shelf(), item, whole | {"content": whole["content"][:1]}), whole)


def test_words_are_not_asked_for_nor_what_nobody_wants_kept() -> None:
    book = Playbook(session(Shelf())) >> service("session.created", session=SESSION)
    (
        book := book
        >> service(ADDED, item=text_item("a"), previous_item_id=None)
        >> service(ADDED, item=text_item("b"), previous_item_id="a")
        << to_service(DELETE, item_id="a", event_id="ours_1")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE)
        >> refused("ours_2")
        << to_app(RETRIEVED, item=text_item("a"))
    )
    assert book
    without: Any = None
    assert entering(without, said()) << to_service(DELETE, item_id="a", event_id="ours_1")


def test_what_the_app_cut_after_it_had_left_is_given_as_far_as_it_was_heard() -> None:
    book = (
        kept(Shelf())
        >> app(TRUNCATE, item_id="a", content_index=0, audio_end_ms=200)
        << to_service(TRUNCATE, event_id="ours_3")
        >> refused("ours_3", "truncate")
        << to_app(TRUNCATED, item_id="a", content_index=0, audio_end_ms=200)
    )
    short = base64.b64encode(SOUND[: 200 * 48]).decode()
    assert given_back(book, said(words=None, audio=short, format="pcm16"), 5)


def test_a_telephones_sound_is_cut_by_its_own_measure() -> None:
    shape = {"format": {"type": "audio/pcmu"}}
    settings = SESSION | {"audio": {"input": {"turn_detection": None}, "output": shape}}
    answer = said(audio=base64.b64encode(SOUND[:4000]).decode())
    book = (
        kept(Shelf(), answer=answer, settings=settings)
        >> app(TRUNCATE, item_id="a", content_index=0, audio_end_ms=200)
        << to_service(TRUNCATE)
        >> refused("ours_3", "truncate")
        << to_app(TRUNCATED)
    )
    assert given_back(book, said(words=None, audio=base64.b64encode(SOUND[:1600]).decode()), 5)


def test_sound_that_cannot_be_cut_is_not_given() -> None:
    book = (
        kept(Shelf(), answer=said(audio="abcde"))
        >> app(TRUNCATE, item_id="a", content_index=0, audio_end_ms=200)
        << to_service(TRUNCATE)
        >> refused("ours_3", "truncate")
        << to_app(TRUNCATED)
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE)
        >> refused("ours_5")
    )
    assert book << to_app(RETRIEVED, item={"content": [{"type": "output_audio", "transcript": None}]})


def test_what_the_app_deletes_is_kept_no_longer() -> None:
    keep = Shelf()
    (
        book := kept(keep)
        >> app(DELETE, item_id="a")
        << to_service(DELETE, event_id="ours_3")
        >> refused("ours_3", "delete")
        << to_app(DELETED, item_id="a")
    )
    assert book
    assert keep.kept == {}


def test_a_store_that_has_forgotten_costs_the_sound_alone() -> None:
    keep = Shelf()
    book = kept(keep)
    assert book
    keep.kept.clear()
    assert given_back(book, said())


# --- whose answer it is --------------------------------------------------------------------------------------------


def test_what_the_app_asked_before_us_is_answered_first() -> None:
    """Two questions of the app's about one item are open when ours goes out."""
    keep = Shelf()
    book = Playbook(session(keep)) >> service("session.created", session=SESSION)
    mine = said(audio=LONG)
    (
        book := book
        >> service(ADDED, item=said(), previous_item_id=None)
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE)
        >> app(RETRIEVE, item_id="a", event_id="second")
        << to_service(RETRIEVE)
        >> service(ADDED, item=text_item("b"), previous_item_id="a")
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> service(RETRIEVED, item=mine)
        >> service(RETRIEVED, item=mine)
        >> service(RETRIEVED, hidden=True, item=mine)
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
    )
    assert book
    assert list(keep.kept) == ["a"]


def test_what_the_app_asks_while_we_do_waits_and_is_answered_from_here() -> None:
    (
        book := entering(Shelf(), said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> app(RETRIEVE, item_id="a")
        >> service(RETRIEVED, hidden=True, item=said(audio=LONG))
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
        << to_service(RETRIEVE, event_id="ours_3")
        >> refused("ours_3")
        << to_app(RETRIEVED, item=said(audio=LONG))
    )
    assert book


def test_the_apps_own_questions_and_mistakes_are_its_own() -> None:
    other = {"code": "invalid_value", "message": "Hm.", "event_id": None}
    (
        book := Playbook(session(Shelf()))
        >> service("session.created", session=SESSION)
        >> service(ADDED, item=said(), previous_item_id=None)
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE)
        >> service(RETRIEVED, item=said(audio=LONG))
        >> app(RETRIEVE, item_id="never")
        << to_service(RETRIEVE)
        >> refused(None, item_id="never", hidden=False)
        >> refused(None, item_id="nor this", hidden=False)
        >> service("error", error=other)
        >> service(RETRIEVED, item=said("nobody's"))
    )
    assert book


# --- services that will not ----------------------------------------------------------------------------------------


def second(book: Playbook) -> Playbook:
    """Another item with sound has come and is let go of."""
    return (
        book
        >> service(ADDED, item=said("c"), previous_item_id="b")
        << to_service(DELETE, item_id="b")
        >> service(DELETED, hidden=True, item_id="b")
        << notice(Forgot, item_id="b")
        >> service(ADDED, item=text_item("d"), previous_item_id="c")
    )


@pytest.mark.parametrize(
    "error",
    [
        {"code": "invalid_value", "message": "Invalid value: 'conversation.item.retrieve'.", "event_id": "ours_1"},
        {"code": "invalid_value", "message": "Invalid value: 'conversation.item.retrieve'.", "event_id": None},
        {"code": None, "message": "not implemented", "event_id": "ours_1"},
        {"code": "item_retrieve_failed", "message": "cannot retrieve 'a'", "event_id": "made up"},
    ],
)
def test_a_service_that_cannot_retrieve_is_not_asked_again_and_the_app_hears_nothing_of_it(error: Wire) -> None:
    (
        book := entering(Shelf(), said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> service("error", hidden=True, error=error)
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot, item_id="a")
    )
    assert second(book) << to_service(DELETE, item_id="c")


def test_a_service_that_does_not_know_the_item_is_asked_for_the_next() -> None:
    (
        book := entering(Shelf(), said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> refused("ours_1")
        >> refused("ours_2", "delete")
        << notice(Forgot)
    )
    assert second(book) << to_service(RETRIEVE, item_id="c") << to_service(DELETE, item_id="c")


def test_a_refusal_of_the_deletion_is_none_of_the_question() -> None:
    error = {"code": "item_delete_invalid_item_id", "message": "no 'a'", "event_id": None}
    (
        book := entering(Shelf(), said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> service("error", hidden=True, error=error)
        << notice(Forgot)
        >> service("error", hidden=True, error={"code": None, "message": "cannot find a", "event_id": None})
    )
    assert book


def test_a_service_that_lets_go_without_a_word_is_not_asked_again() -> None:
    book = (
        entering(Shelf(), said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
    )
    assert second(book) << to_service(DELETE, item_id="c")


@pytest.mark.parametrize("says", ["no", "yes"])
def test_what_it_says_later_is_hidden_too_and_if_it_is_an_answer_it_is_asked_again(says: str) -> None:
    keep = Shelf()
    late = refused("ours_1") if says == "no" else service(RETRIEVED, hidden=True, item=said(audio=LONG))
    (
        book := entering(keep, said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
        >> late
    )
    book = second(book)
    if says == "yes":
        book = book << to_service(RETRIEVE, item_id="c")
    assert book << to_service(DELETE, item_id="c")
    assert list(keep.kept) == (["a"] if says == "yes" else [])


def test_a_deletion_tried_again_asks_for_nothing_again_and_is_waited_for_as_long_as_the_sound_needs() -> None:
    """500 ms and the second around them are 96 kB, at 250 kB a second 0.4 s."""
    (
        book := entering(Shelf(), said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> wait(5.3)
        >> wait(0.1)
        << to_service(DELETE, event_id="ours_3")
        >> service(RETRIEVED, hidden=True, item=said(audio=LONG))
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
        >> refused("ours_3", "delete")
    )
    assert given_back(book, said(audio=LONG), 4)


def test_while_sound_is_on_its_way_answers_to_the_apps_questions_are_waited_for_longer_too() -> None:
    (
        book := second(kept(Shelf()))
        << to_service(RETRIEVE, item_id="c", event_id="ours_4")
        << to_service(DELETE, item_id="c", event_id="ours_5")
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE, item_id="a", event_id="ours_6")
        >> wait(5.1)
        >> service(RETRIEVED, hidden=True, item=said("c"))
        >> service(DELETED, hidden=True, item_id="c")
        << notice(Forgot)
        >> refused("ours_6")
        << to_app(RETRIEVED, item=said(audio=LONG, format="pcm16"))
    )
    assert book


def test_what_a_refused_deletion_leaves_may_be_cut_and_leave_late() -> None:
    keep = Shelf()
    error = {"code": "busy", "message": "not now, a", "event_id": "ours_2"}
    short = base64.b64encode(SOUND[: 200 * 48]).decode()
    (
        book := entering(keep, said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> service(RETRIEVED, hidden=True, item=said(audio=LONG))
        >> service("error", hidden=True, error=error)
        << notice(EditFailed)
        >> app(TRUNCATE, item_id="a", content_index=0, audio_end_ms=200)
        << to_service(TRUNCATE)
        >> service(TRUNCATED, item_id="a", content_index=0, audio_end_ms=200)
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
    )
    assert given_back(book, said(words=None, audio=short))


# --- what does not fit, and stores that break ----------------------------------------------------------------------


@pytest.mark.parametrize(("largest", "asks"), [(2**24, True), (220_000, True), (150_000, False)])
def test_what_may_be_too_large_for_the_connection_is_not_asked_for(largest: int, asks: bool) -> None:
    book = entering(Shelf(largest), said())
    assert (book << to_service(RETRIEVE) if asks else book) << to_service(DELETE)


@pytest.mark.parametrize(("minutes", "asks"), [(5, True), (10, False)])
def test_a_turn_of_many_pieces_may_be_too_large_for_any_connection(minutes: int, asks: bool) -> None:
    mirror = Conversation()
    mirror.read(_event(ADDED, item=said(role="user"))[1])
    [item] = mirror
    item.parts[0].audio_ms = minutes * 60_000
    keeping = Keeping(Shelf(2**25), mirror, ids=counter(), tell=print)
    keeping.known = ["a"]
    assert (keeping.ask("a") is not None) is asks


@pytest.mark.parametrize(("largest", "asks"), [(2**24, True), (2**20, False)])
def test_sound_of_unknown_length_is_asked_for_where_anything_fits(largest: int, asks: bool) -> None:
    book = entering(Shelf(largest), said(role="user"))
    assert (book << to_service(RETRIEVE) if asks else book) << to_service(DELETE)


@pytest.mark.parametrize(("size", "asks"), [(2_000, True), (200_000, False)])
def test_an_image_is_no_larger_than_what_the_app_has_sent(size: int, asks: bool) -> None:
    image: Wire = {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_image"}]}
    whole = image | {"content": [{"type": "input_image", "image_url": "x" * size}]}
    (
        book := Playbook(session(Shelf(100_000)))
        >> service("session.created", session=SESSION)
        >> app(CREATE, item=whole)
        << to_service(CREATE)
        >> service(ADDED, item=image, previous_item_id=None)
        >> service(ADDED, item=text_item("b"), previous_item_id="a")
    )
    assert (book << to_service(RETRIEVE) if asks else book) << to_service(DELETE)


def test_a_store_that_fails_is_told_of_once_and_nothing_more_is_asked_for() -> None:
    keep = Shelf()
    book = (
        entering(keep, said())
        << to_service(RETRIEVE, event_id="ours_1")
        << to_service(DELETE, event_id="ours_2")
        >> call("the disk is full", lambda session, now: setattr(keep, "broken", "The disk is full."))
        >> service(RETRIEVED, hidden=True, item=said(audio=LONG))
        << notice(MemoryTold, text="The disk is full.")
        >> service(DELETED, hidden=True, item_id="a")
        << notice(Forgot)
    )
    assert second(given_back(book, said())) << to_service(DELETE, item_id="c")


def test_a_store_that_cannot_be_read_any_more_is_told_of_once() -> None:
    keep = Shelf()
    book = (
        kept(keep)
        >> call("it breaks", lambda session, now: setattr(keep, "broken", "Gone."))
        >> app(RETRIEVE, item_id="a")
        << to_service(RETRIEVE)
        >> refused("ours_3")
        << notice(MemoryTold, text="Gone.")
        << to_app(RETRIEVED, item=said())
    )
    assert given_back(book, said(), 5)


def test_answers_on_their_way_when_a_store_fails_are_the_apps_no_more_than_before() -> None:
    keep = Shelf()
    keeping = _keeping(keep)
    asked = [keeping.ask("a"), keeping.ask("b")]
    assert all(asked)
    keep.broken = "Full."
    for item_id in "ab":
        assert keeping.read(*_event(RETRIEVED, item=said(item_id)))
    assert keep.kept == {}


# --- the rest ------------------------------------------------------------------------------------------------------


def _event(type: str, **fields: Any) -> tuple[str, Any]:
    from laconic import events as ev

    raw = json.dumps({"type": type, **fields})
    return raw, ev.read(raw)


def _keeping(keep: Shelf | None, known: str = "abc") -> Keeping:
    mirror = Conversation()
    for item_id in ("a", "b", "ab", "ours"):
        mirror.read(_event(ADDED, item=said(item_id))[1])
    told: list[str] = []
    keeping = Keeping(keep, mirror, ids=counter(), tell=told.append)
    keeping.known = [*known, "ab"]
    return keeping


def test_only_what_the_app_knows_is_kept_and_each_item_asked_for_once_at_a_time() -> None:
    keeping = _keeping(Shelf())
    assert keeping.ask("ours") is None
    assert keeping.ask("c") is None, "the service does not hold it"
    assert keeping.ask("a") == {"event_id": "ours_1", "type": RETRIEVE, "item_id": "a"}
    assert keeping.ask("a") is None
    assert keeping.transfer_s == pytest.approx(0.256)


def test_a_cut_of_what_is_not_kept_is_nothing_to_remember() -> None:
    keeping = _keeping(Shelf())
    assert not keeping.read(*_event(TRUNCATED, item_id="a", content_index=0, audio_end_ms=200))
    assert keeping.ask("a")
    assert keeping.read(*_event(RETRIEVED, item=said(audio=LONG)))
    assert keeping.whole(said()) == said(audio=LONG)


def test_what_the_app_deleted_meanwhile_is_not_kept() -> None:
    keep = Shelf()
    keeping = _keeping(keep)
    assert keeping.ask("a")
    keeping.known = ()
    assert keeping.read(*_event(RETRIEVED, item=said()))
    assert keep.kept == {}


def test_an_id_that_another_begins_with_is_not_that_other() -> None:
    keeping = _keeping(Shelf())
    assert keeping.ask("a")
    assert not keeping.read(*_event("error", error={"code": "x", "message": "cannot retrieve 'ab'", "event_id": None}))
    assert keeping.ask("ab")
    assert keeping.read(*_event("error", error={"code": "x", "message": "cannot retrieve 'ab'", "event_id": None}))
    assert keeping.read(*_event(RETRIEVED, item=said("a")))


def test_questions_of_the_app_that_nobody_answers_are_counted_no_further_than_some() -> None:
    keeping = _keeping(Shelf())
    for number in range(1_000):
        keeping.said(*_event(RETRIEVE, item_id=f"i{number}"))
    assert len(keeping._of_app) == 256  # pyright: ignore[reportPrivateUsage]


def test_a_refusal_of_one_of_the_apps_questions_that_names_no_event_leaves_the_others_before_ours() -> None:
    keeping = _keeping(Shelf())
    for _ in range(2):
        keeping.said(*_event(RETRIEVE, item_id="a"))
    assert keeping.ask("a")
    no = _event("error", error={"code": "item_retrieve_x", "message": "not 'a'", "event_id": None})
    assert not keeping.read(*no)
    assert not keeping.read(*_event(RETRIEVED, item=said()))
    assert keeping.read(*no)


def test_without_a_store_it_says_and_does_nothing() -> None:
    keeping = _keeping(None)
    keeping.said(*_event(RETRIEVE, item_id="a"))
    assert keeping.ask("a") is None
    assert not keeping.read(*_event(RETRIEVED, item=said()))
    assert keeping.whole(said()) == said()
    keeping.drop("a")
    keeping.close()


def test_an_item_without_content_is_given_what_the_service_had_beside() -> None:
    keeping = _keeping(Shelf())
    assert keeping.ask("a")
    assert keeping.read(*_event(RETRIEVED, item=said() | {"object": "realtime.item"}))
    assert keeping.whole({"id": "a", "type": "message"}) == said() | {"object": "realtime.item"}


def test_when_the_session_ends_the_store_is_closed() -> None:
    keep = Shelf()
    one = session(keep)
    one.end(1.0)
    assert keep.closed


def test_a_beta_service_is_stood_in_for_in_beta_with_its_sound() -> None:
    beta = {"modalities": ["text", "audio"], "turn_detection": None}
    spelled = said() | {"content": [{"type": "audio", "transcript": "Yes."}]}
    one = session(Shelf())
    told: list[Wire] = []

    def service_says(type: str, **fields: Any) -> None:
        one.from_service(json.dumps({"type": type, **fields}), 0.0)
        for action in one.actions():
            if isinstance(action, ToApp):
                told.append(json.loads(action.raw))
            elif isinstance(action, ToService):
                asked.append(json.loads(action.raw))

    asked: list[Wire] = []
    service_says("session.created", session=beta)
    service_says("conversation.item.created", item=spelled, previous_item_id=None)
    service_says("conversation.item.created", item=text_item("b"), previous_item_id="a")
    kept = spelled | {"content": [spelled["content"][0] | {"audio": LONG}]}
    service_says(RETRIEVED, item=kept)
    service_says(DELETED, item_id="a")
    one.from_app(json.dumps({"type": RETRIEVE, "item_id": "a"}), 0.0)
    service_says("error", error={"code": "item_retrieve_invalid_item_id", "message": "no", "event_id": "ours_3"})
    assert [one["type"] for one in asked] == [RETRIEVE, DELETE, RETRIEVE]
    assert told[-1]["item"] == kept | {"object": "realtime.item"}
