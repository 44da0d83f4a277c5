"""An edit from the wish to its end: done, unknown to the service, refused, or never answered."""

from __future__ import annotations

import msgspec
import pytest
from playbook import counter

from laconic import events as ev
from laconic.edits import Delete, Edits, Insert, Outcome, Truncate


def edits() -> Edits:
    return Edits(counter(), 5.0)


def refusal(code: str | None = None, message: str = "", event_id: str | None = None) -> ev.Error:
    return ev.Error(error=ev.ErrorDetail(code=code, message=message, event_id=event_id))


def test_an_acknowledged_edit_is_done_and_no_longer_under_way() -> None:
    under_way = edits()
    delete = Delete("a", "memory")
    assert under_way.send(delete, 0.0) == {
        "event_id": "ours_1",
        "type": "conversation.item.delete",
        "item_id": "a",
    }
    assert "a" in under_way
    assert len(under_way) == 1
    assert under_way.deadline == 5.0
    assert under_way.answer(ev.ConversationItemDeleted(item_id="a")) == Outcome(delete, "done")
    assert "a" not in under_way
    assert under_way.deadline is None


def test_what_we_are_deleting_is_told_from_what_we_are_cutting() -> None:
    under_way = edits()
    under_way.send(Delete("a", "memory"), 0.0)
    under_way.send(Truncate("b", 0, 1500), 0.0)
    assert [item_id for item_id in "abc" if under_way.deleting(item_id)] == ["a"]


def test_what_the_service_is_known_to_lack_is_not_supported_from_the_start() -> None:
    under_way = Edits(counter(), 5.0, ("truncate", "place"))
    assert [kind for kind in ("delete", "truncate", "create", "place") if under_way.supports(kind)] == [
        "delete",
        "create",
    ]
    assert edits().supports("place")


def test_a_truncation_is_acknowledged_by_its_own_event_only() -> None:
    under_way = edits()
    cut = Truncate("a", 0, 1500)
    assert under_way.send(cut, 0.0)["audio_end_ms"] == 1500
    assert under_way.answer(ev.ConversationItemDeleted(item_id="a")) is None
    assert under_way.answer(ev.ConversationItemTruncated(item_id="a", audio_end_ms=1500)) == Outcome(cut, "done")


def test_what_is_about_something_else_is_not_ours() -> None:
    under_way = edits()
    under_way.send(Delete("a", "memory"), 0.0)
    assert under_way.answer(ev.ConversationItemDeleted(item_id="b")) is None
    assert under_way.answer(refusal("invalid_value", "no such voice", "theirs")) is None
    assert under_way.answer(ev.Ping()) is None


@pytest.mark.parametrize(
    "error",
    [
        refusal("item_delete_invalid_item_id", "Error deleting item: item with item_id not found", "ours_1"),
        refusal("item_delete_invalid_item_id", "the item 'item_long_enough' does not exist"),
        refusal("item_delete_invalid_item_id", "unknown"),
    ],
    ids=["by event id", "by the item id quoted", "by kind alone"],
)
def test_an_unknown_item_is_gone_however_the_error_is_matched(error: ev.Error) -> None:
    under_way = edits()
    under_way.send(Delete("item_long_enough", "memory"), 0.0)
    outcome = under_way.answer(error)
    assert outcome is not None
    assert outcome.result == "gone"


def test_an_error_that_could_mean_either_of_two_edits_is_not_guessed() -> None:
    under_way = edits()
    under_way.send(Delete("a1", "memory"), 0.0)
    under_way.send(Delete("b2", "memory"), 0.0)
    assert under_way.answer(refusal("item_delete_failed", "unknown")) is None


def test_a_refused_edit_is_not_tried_again() -> None:
    under_way = edits()
    under_way.send(Delete("a", "memory"), 0.0)
    outcome = under_way.answer(refusal("server_busy", "not now", "ours_1"))
    assert outcome == Outcome(Delete("a", "memory"), "refused", "not now")
    assert under_way.tried("a")
    assert under_way.supports("delete")


def test_an_unanswered_edit_is_sent_once_more_and_then_given_up() -> None:
    under_way = edits()
    under_way.send(Delete("a", "memory"), 0.0)
    assert under_way.expire(4.9) == ([], [])
    again, ended = under_way.expire(5.0)
    assert [event["event_id"] for event in again] == ["ours_2"]
    assert ended == []
    again, ended = under_way.expire(10.0)
    assert again == []
    assert [outcome.result for outcome in ended] == ["unanswered"]
    assert under_way.tried("a")


def test_an_answer_to_the_first_try_settles_the_second() -> None:
    under_way = edits()
    under_way.send(Delete("a", "memory"), 0.0)
    under_way.expire(5.0)
    outcome = under_way.answer(refusal("odd", "", "ours_1"))
    assert outcome is not None
    assert outcome.result == "refused"


def test_a_very_late_acknowledgement_still_counts() -> None:
    under_way = edits()
    under_way.send(Delete("a", "memory"), 0.0)
    under_way.expire(5.0)
    under_way.expire(10.0)
    assert under_way.answer(ev.ConversationItemTruncated(item_id="a")) is None
    assert under_way.answer(ev.ConversationItemDeleted(item_id="a")) == Outcome(Delete("a", "memory"), "done")
    assert not under_way.tried("a")


def test_a_service_that_never_answers_is_taken_not_to_support_it() -> None:
    """Two edits of a kind unanswered, none ever done. Other kinds are judged apart."""
    under_way = edits()
    for item_id in ("a", "b"):
        assert under_way.supports("delete")
        under_way.send(Delete(item_id, "memory"), 0.0)
        under_way.expire(5.0)
        under_way.expire(10.0)
    assert not under_way.supports("delete")
    assert under_way.supports("truncate")


def test_a_service_that_refuses_thrice_is_taken_not_to_support_it() -> None:
    under_way = edits()
    for number, item_id in enumerate("abc", 1):
        under_way.send(Delete(item_id, "memory"), 0.0)
        under_way.answer(refusal("unknown_event", "what?", f"ours_{number}"))
    assert not under_way.supports("delete")


def test_one_success_outweighs_later_failures() -> None:
    under_way = edits()
    under_way.send(Delete("z", "memory"), 0.0)
    under_way.answer(ev.ConversationItemDeleted(item_id="z"))
    for item_id in "abc":
        under_way.send(Delete(item_id, "memory"), 0.0)
    under_way.expire(5.0)
    under_way.expire(10.0)
    assert under_way.supports("delete")


def test_an_error_that_may_answer_the_apps_own_edit_is_not_taken_for_ours() -> None:
    under_way = edits()
    under_way.asked(ev.ConversationItemTruncate(item_id="x"), 0.0)
    under_way.asked(ev.ConversationItemDelete(item_id="y"), 0.0)
    under_way.asked(ev.Ping(), 0.0)
    under_way.send(Truncate("a", 0, 100), 0.0)
    unclear = refusal("item_truncate_invalid_item_id", "no item")
    assert under_way.answer(unclear) is None, "it answers the app, which asked first"
    outcome = under_way.answer(unclear)
    assert outcome is not None
    assert outcome.result == "gone"


def test_an_acknowledgement_settles_the_apps_edit_of_that_item() -> None:
    under_way = edits()
    under_way.asked(ev.ConversationItemDelete(item_id="y"), 0.0)
    assert under_way.answer(ev.ConversationItemDeleted(item_id="y")) is None
    under_way.send(Delete("a", "memory"), 0.0)
    outcome = under_way.answer(refusal("item_delete_invalid_item_id", "no item"))
    assert outcome is not None


def test_answers_to_what_the_app_did_not_ask_are_let_be() -> None:
    under_way = edits()
    under_way.asked(ev.ConversationItemTruncate(item_id="x"), 0.0)
    assert under_way.answer(ev.ConversationItemDeleted(item_id="x")) is None
    assert under_way.answer(refusal("item_delete_invalid_item_id", "x")) is None
    assert under_way.answer(ev.ConversationItemTruncated(item_id="x")) is None


def words(item_id: str = "w") -> dict[str, str]:
    return {"id": item_id, "type": "message", "role": "system"}


def entered(item_id: str, previous: str | msgspec.UnsetType | None = msgspec.UNSET) -> ev.ConversationItemAdded:
    return ev.ConversationItemAdded(item={"id": item_id}, previous_item_id=previous)


def test_an_insert_says_what_and_where() -> None:
    under_way = edits()
    assert under_way.send(Insert(words(), "a"), 0.0) == {
        "event_id": "ours_1",
        "type": "conversation.item.create",
        "previous_item_id": "a",
        "item": words(),
    }
    assert "w" in under_way


@pytest.mark.parametrize(
    ("behind", "previous", "result"),
    [
        ("a", "a", "done"),
        ("a", "b", "misplaced"),
        ("a", None, "misplaced"),
        ("a", msgspec.UNSET, "done"),
        ("root", None, "done"),
        ("root", "root", "done"),
        ("root", "b", "misplaced"),
    ],
)
def test_an_insert_is_done_where_it_was_asked_for(
    behind: str, previous: str | msgspec.UnsetType | None, result: str
) -> None:
    """A server that says nothing about the place is believed; one that appends says so."""
    under_way = edits()
    under_way.send(Insert(words(), behind), 0.0)
    outcome = under_way.answer(entered("w", previous))
    assert outcome is not None
    assert outcome.result == result
    assert under_way.supports("create")


def test_what_somebody_else_wrote_is_not_ours() -> None:
    under_way = edits()
    under_way.send(Insert(words(), "a"), 0.0)
    assert under_way.answer(entered("theirs")) is None
    assert under_way.answer(ev.ConversationItemAdded(item={})) is None
    assert "w" in under_way


def test_the_apps_own_unnamed_item_is_answered_by_whatever_enters() -> None:
    """Then an unclear error about a create can only be ours."""
    under_way = edits()
    under_way.asked(ev.ConversationItemCreate(item={"type": "message"}), 0.0)
    under_way.send(Insert(words(), "a"), 0.0)
    assert under_way.answer(entered("named_by_the_service", "a")) is None
    outcome = under_way.answer(refusal("item_create_failed", "no"))
    assert outcome is not None
    assert outcome.result == "refused"


def test_an_insert_is_not_sent_twice_but_may_come_late() -> None:
    """Written twice would be there twice."""
    under_way = edits()
    insert = Insert(words(), "a")
    under_way.send(insert, 0.0)
    assert under_way.expire(5.0) == ([], [Outcome(insert, "unanswered", "no answer")])
    assert under_way.tried("w")
    assert under_way.answer(entered("w", "a")) == Outcome(insert, "done")
    assert not under_way.tried("w")


@pytest.mark.parametrize(
    "error",
    [
        refusal("invalid_value", "no assistant text", "ours_1"),
        refusal("invalid_value", "item 'written_1' is not welcome"),
        refusal("item_create_invalid_previous_item_id", "there is no item 'item_before'"),
        refusal("item_create_failed", "no"),
    ],
    ids=["by event id", "by its own id", "by the item before it", "by kind alone"],
)
def test_an_insert_that_is_refused_is_refused_however_the_error_is_matched(error: ev.Error) -> None:
    """Even where it says that something does not exist: what we wrote cannot be gone."""
    under_way = edits()
    under_way.send(Insert(words("written_1"), "item_before"), 0.0)
    outcome = under_way.answer(error)
    assert outcome is not None
    assert outcome.result == "refused"
    assert not under_way.tried("written_1"), "nothing is kept of an id that nobody will use again"


def test_of_two_inserts_the_item_before_tells_which_was_refused() -> None:
    under_way = edits()
    first, second = Insert(words("w1"), "item_u1"), Insert(words("w2"), "item_a1")
    under_way.send(first, 0.0)
    under_way.send(second, 0.0)
    outcome = under_way.answer(refusal("item_create_invalid_previous_item_id", "no item 'item_a1'"))
    assert outcome is not None
    assert outcome.edit is second
    assert under_way.answer(refusal("item_delete_invalid_item_id", "no item 'item_u1'")) is None, "a delete's error"


def test_what_was_given_up_is_forgotten_with_its_item() -> None:
    """The app deletes a reply that we could not cut."""
    under_way = edits()
    under_way.send(Truncate("a", 0, 100), 0.0)
    under_way.answer(refusal("odd", "", "ours_1"))
    assert under_way.tried("a")
    assert under_way.answer(ev.ConversationItemDeleted(item_id="a")) is None
    assert not under_way.tried("a")


# --- beside the app's own edits ------------------------------------------------------------------------------------


def test_an_item_is_touched_by_what_changes_it_follows_it_or_writes_it_down() -> None:
    under_way = edits()
    under_way.send(Delete("a", "memory"), 0.0)
    under_way.send(Insert(words(), "b", ("b", "c")), 0.0)
    assert [under_way.touches(item_id) for item_id in ("a", "b", "c", "ours", "x")] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (ev.ConversationItemDelete(item_id="x"), ev.ConversationItemDeleted(item_id="x")),
        (ev.ConversationItemDelete(item_id="x"), refusal("item_delete_invalid_item_id", "no item 'x'")),
        (ev.ConversationItemDelete(item_id="x", event_id="e"), refusal("odd", "no", "e")),
        (ev.ConversationItemTruncate(item_id="x"), ev.ConversationItemTruncated(item_id="x")),
        (ev.ConversationItemTruncate(item_id="x"), refusal(None, "Only model output audio messages can be truncated")),
        (ev.ConversationItemTruncate(item_id="x"), refusal("invalid_value", "Audio content is already shorter")),
    ],
)
def test_what_the_app_is_changing_is_known_until_that_is_answered(asked: ev.Event, answer: ev.Event) -> None:
    under_way = edits()
    under_way.asked(asked, 1.0)
    assert under_way.asked_of("x")
    assert not under_way.asked_of("y")
    assert under_way.deadline == 6.0
    assert under_way.answer(refusal("odd", "about something else")) is None
    assert under_way.asked_of("x")
    assert under_way.answer(answer) is None
    assert not under_way.asked_of("x")


def test_what_the_app_is_changing_is_not_waited_for_for_ever() -> None:
    under_way = edits()
    under_way.asked(ev.ConversationItemDelete(item_id="x"), 0.0)
    assert under_way.expire(4.9) == ([], [])
    assert under_way.asked_of("x")
    assert under_way.expire(5.0) == ([], [])
    assert not under_way.asked_of("x")
    assert under_way.deadline is None
    under_way.send(Delete("a", "memory"), 6.0)
    assert under_way.answer(refusal("item_delete_invalid_item_id", "no")) is None, "a late answer is the app's"


def test_what_the_app_creates_is_nothing_to_wait_for() -> None:
    under_way = edits()
    under_way.asked(ev.ConversationItemCreate(item={"id": "x"}), 0.0)
    assert not under_way.asked_of("x")
    assert under_way.deadline is None


# --- second answers ------------------------------------------------------------------------------------------------


def sent_twice(edit: Delete | Truncate) -> Edits:
    under_way = edits()
    under_way.send(edit, 0.0)
    under_way.expire(5.0)
    return under_way


DELETED, CUT = ev.ConversationItemDeleted(item_id="a"), ev.ConversationItemTruncated(item_id="a", audio_end_ms=500)


@pytest.mark.parametrize("second", [refusal("x", "no", "ours_2"), refusal("x", "no 'a'"), DELETED])
def test_the_second_answer_to_an_edit_sent_twice_is_ours_too(second: ev.Event) -> None:
    under_way = sent_twice(Delete("a", "memory"))
    assert under_way.answer(DELETED) is not None
    assert not under_way.late(ev.Ping())
    assert under_way.answer(second) is None
    assert under_way.late(second)


def test_a_cut_is_answered_twice_likewise() -> None:
    under_way = sent_twice(Truncate("a", 0, 500))
    assert under_way.answer(CUT) is not None
    assert not under_way.late(DELETED)
    assert under_way.late(CUT)
    assert not under_way.late(CUT), "a third one is somebody else's"
    assert not under_way.late(refusal("x", "no 'a'"))


def test_an_edit_that_was_given_up_may_be_answered_twice_yet() -> None:
    under_way = sent_twice(Delete("a", "memory"))
    under_way.expire(10.0)
    assert under_way.answer(DELETED) is not None
    assert under_way.late(refusal("x", "no 'a'"))


def test_second_answers_that_never_come_are_not_remembered_for_ever() -> None:
    under_way = edits()
    for number in range(65):
        under_way.send(Delete(f"a{number}.", "memory"), 0.0)
    under_way.expire(5.0)
    for number in range(65):
        under_way.answer(ev.ConversationItemDeleted(item_id=f"a{number}."))
    assert not under_way.late(refusal("x", "no 'a0.'"))
    assert under_way.late(refusal("x", "no 'a64.'"))
