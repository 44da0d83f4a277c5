"""What the app believes is there, and what it is told of it: its own order, whatever became of the real one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.standing import Standing
from laconic.view import View
from laconic.written import dialogue, note

Wire = dict[str, Any]
ADDED, DONE, DELETED = (f"conversation.item.{what}" for what in ("added", "done", "deleted"))
KEPT = object()


class Desk:
    """A mirror, a view, and the service that both follow."""

    def __init__(self) -> None:
        self.mirror, self.standing = Conversation(), Standing()
        self.view = View(self.mirror, self.standing)

    def says(self, type: str, *, ours: bool = False, **fields: Any) -> Wire:
        """The service says something; what the app is told."""
        raw = json.dumps({"type": type, **fields})
        event = ev.read(raw)
        self.mirror.read(event)
        if isinstance(event, ev.ConversationItemDeleted):
            self.standing.left(event.item_id)
        if ours:
            return {}
        told, read = self.view.tell(raw, event)
        assert ev.read(told) == read
        if json.loads(told) == json.loads(raw):
            assert told is raw, "what is not changed is not written anew"
        return json.loads(told)

    def enters(self, item_id: str, previous: Any = KEPT, *, ours: bool = False, **fields: Any) -> Any:
        """An item enters, behind the last one held unless said otherwise; what the app is told to be before it."""
        last = next(reversed(self.mirror), None)
        if previous is KEPT:
            previous = last.id if last is not None else None
        item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_audio"}], **fields}
        return self.says(ADDED, ours=ours, item=item, previous_item_id=previous).get("previous_item_id")

    def replies(self, item_id: str, done_says: Any = KEPT) -> tuple[Any, Any]:
        """A response makes an item; what the app is told to be before it, when it begins and when it is done."""
        item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
        added = self.enters(item_id, role="assistant", content=[], status="in_progress")
        if done_says is KEPT:
            before, _ = self.mirror.neighbours(item_id)
            done_says = before.id if before is not None else None
        done = self.says(DONE, item=item | {"status": "completed"}, previous_item_id=done_says)
        return added, done["previous_item_id"]

    def commits(self, previous: Any) -> Any:
        return self.says("input_audio_buffer.committed", item_id="next", previous_item_id=previous)["previous_item_id"]

    def goes(self, *item_ids: str) -> None:
        """We delete items."""
        for item_id in item_ids:
            self.says("conversation.item.deleted", ours=True, item_id=item_id)

    def written(self, item_id: str, note_id: str) -> None:
        """We write an item down and delete it."""
        self.enters(note_id, item_id, ours=True)
        self.standing.inserted(dialogue(item_id, "user", "Hello.", note_id))
        self.goes(item_id)

    @property
    def believed(self) -> list[str]:
        return [item.id for item in self.view]


def talk(*item_ids: str) -> Desk:
    desk = Desk()
    for item_id in item_ids:
        desk.enters(item_id)
    return desk


# --- what it believes ----------------------------------------------------------------------------------------------


def test_what_the_service_lets_go_of_at_our_wish_stays_with_the_app() -> None:
    desk = talk("a", "b")
    desk.goes("a")
    assert desk.believed == ["a", "b"]
    assert desk.view.vanished("a")
    assert not desk.view.vanished("b")
    assert not desk.view.vanished("c")
    assert "a" in desk.view
    assert desk.view.get("c") is None


def test_what_the_app_deletes_is_gone() -> None:
    desk = talk("a", "b")
    desk.says("conversation.item.deleted", item_id="a")
    assert desk.believed == ["b"]
    desk.view.remove("b")
    assert desk.believed == []


def test_a_copy_has_what_came_to_be_known_of_the_item() -> None:
    desk = talk("a")
    completed = "conversation.item.input_audio_transcription.completed"
    desk.says(completed, item_id="a", content_index=0, transcript="Hello")
    item = desk.view.get("a")
    assert item is not None
    assert item.text == "Hello"
    desk.goes("a")
    desk.says(completed, item_id="a", content_index=0, transcript="Hello there.")
    desk.says(completed, item_id="a", content_index=3, transcript="?")
    assert item.text == "Hello there.", "words that come late come to the copy"


def test_a_reply_that_a_response_never_finished_does_not_exist() -> None:
    """The mirror's rule: neither completed nor in the response's output (a cancelled response's empty item)."""
    desk = talk("a")
    response = {"id": "r1", "conversation_id": "conv", "status": "in_progress"}
    desk.says("response.created", response=response)
    for item_id in ("lost", "kept"):
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        desk.says("response.output_item.added", response_id="r1", item=item)
        desk.says(ADDED, item=item, previous_item_id="a")
    kept = {"id": "kept", "type": "message", "role": "assistant", "status": "incomplete", "content": []}
    desk.says("response.done", response=response | {"status": "cancelled", "output": [kept]})
    assert set(desk.believed) == {"a", "kept"}
    desk.goes("kept")
    desk.says("response.done", response=response)
    assert "kept" in desk.view, "beta has no `done`; it was finished all the same"


def test_while_a_response_runs_its_items_are_not_missed() -> None:
    desk = talk("a")
    desk.enters("b", role="assistant", content=[], status="in_progress")
    desk.says("response.done", response={"id": "another", "status": "completed"})
    assert desk.believed == ["a", "b"]


# --- the app's order -----------------------------------------------------------------------------------------------


def test_without_edits_nothing_is_changed() -> None:
    desk = Desk()
    assert desk.enters("a") is None
    assert desk.enters("b") == "a"
    assert desk.replies("c") == ("b", "b")
    assert desk.enters("front", None) is None
    assert desk.commits("c") == "c"
    assert desk.believed == ["front", "a", "b", "c"]
    assert desk.says("session.updated", session={})["type"] == "session.updated"


def test_a_new_item_follows_the_apps_last_one_though_the_service_holds_a_note() -> None:
    desk = talk("a", "b")
    desk.written("b", "note")
    assert desk.commits("note") == "b"
    assert desk.enters("c") == "b"
    assert desk.believed == ["a", "b", "c"]


def test_a_new_item_follows_the_apps_last_one_though_the_service_holds_nothing() -> None:
    desk = talk("a")
    desk.goes("a")
    assert desk.commits(None) == "a"
    assert desk.enters("b") == "a"


def test_the_first_item_has_none_before_it_though_a_note_stands_there() -> None:
    desk = Desk()
    desk.enters("note", ours=True)
    assert desk.commits("note") is None
    assert desk.enters("a") is None


def test_an_item_told_of_twice_stays_where_it_is() -> None:
    """A server that says it twice, or again after a reconnect."""
    desk = talk("a", "b")
    assert desk.enters("a", "b") is None
    assert desk.believed == ["a", "b"]


def test_what_has_no_name_or_place_is_passed_on() -> None:
    desk = talk("a")
    assert desk.says(ADDED, item={"type": "message"}, previous_item_id="x")["previous_item_id"] == "x"
    assert "previous_item_id" not in desk.says(ADDED, item={"id": "b", "type": "message"})
    assert desk.believed == ["a", "b"]


def test_a_service_that_writes_null_on_everything_is_let_be() -> None:
    """xAI's."""
    desk = Desk()
    desk.says("ping")
    desk.enters("a", None)
    assert desk.enters("b", None) is None
    assert desk.commits(None) is None
    item = {"id": "b", "type": "message", "role": "user", "content": []}
    assert desk.says(DONE, item=item, previous_item_id=None)["previous_item_id"] is None
    assert desk.believed == ["a", "b"]


@pytest.mark.parametrize(
    ("between", "expected"), [("a", ["a", "new", "b", "c"]), ("note", ["a", "b", "new", "c"])], ids=["behind", "noted"]
)
def test_an_item_in_the_middle_stands_where_the_service_put_it(between: str, expected: list[str]) -> None:
    desk = talk("a", "b", "c")
    desk.written("b", "note")
    assert desk.enters("new", between) == expected[expected.index("new") - 1]
    assert desk.believed == expected


def test_behind_a_note_of_several_is_behind_the_last_of_them() -> None:
    desk = talk("a", "b", "c", "d")
    desk.enters("note", "c", ours=True)
    desk.standing.inserted(note((("a", "User: a"),), "note", "c", ("a", "b", "c")))
    desk.goes("a", "b", "c")
    desk.view.remove("c")
    assert desk.enters("new", "note") == "b"


def test_behind_a_note_of_which_the_app_knows_nothing_is_behind_what_stands_before_it() -> None:
    desk = talk("a", "b")
    desk.enters("note", "a", ours=True)
    assert desk.enters("new", "note") == "a"
    desk.enters("first", None, ours=True)
    assert desk.enters("newer", "first") is None


# --- where the app wants it ----------------------------------------------------------------------------------------


def test_an_item_stands_where_the_app_wanted_it_if_the_service_put_it_where_we_asked() -> None:
    desk = talk("a", "b", "c", "d")
    desk.goes("b", "c")
    desk.view.expect("new", "b", "a")
    assert desk.enters("new", "a") == "b"
    assert desk.believed == ["a", "b", "new", "c", "d"]


def test_at_the_front_of_a_conversation_that_is_empty_is_at_the_apps_front() -> None:
    desk = talk("a")
    desk.goes("a")
    desk.view.expect("new", "root", "root")
    assert desk.enters("new", None) is None
    assert desk.believed == ["new", "a"]


def test_a_service_that_puts_it_elsewhere_is_believed() -> None:
    """LocalAI always appends."""
    desk = talk("a", "b", "c")
    desk.view.expect("new", "a", "a")
    assert desk.enters("new", "c") == "c"


def test_behind_what_the_app_has_deleted_meanwhile_there_is_no_place() -> None:
    desk = talk("a", "b", "c")
    desk.goes("b")
    desk.view.expect("new", "b", "a")
    desk.view.remove("b")
    assert desk.enters("new", "a") == "a"


def test_wishes_that_nobody_answers_are_forgotten() -> None:
    desk = talk("a", "b")
    for number in range(65):
        desk.view.expect(f"new_{number}", "root", "a")
    assert desk.enters("new_0", "a") == "a"
    assert desk.enters("new_64", "a") is None


# --- `done`, and what it says of the second item -------------------------------------------------------------------


def test_the_null_of_a_second_item_is_passed_on() -> None:
    desk = talk("a")
    assert desk.replies("b", None) == ("a", None)


def test_an_item_that_is_no_longer_second_gets_its_predecessor() -> None:
    """The service holds two items and says null; the app believes in four."""
    desk = talk("a", "b", "c")
    desk.goes("a", "b")
    assert desk.replies("d", None) == ("c", "c")


@pytest.mark.parametrize(("learned", "expected"), [(None, None), ("a", "a")], ids=["it does so", "it does not"])
def test_the_second_item_of_the_app_gets_what_this_service_says_of_second_items(learned: Any, expected: Any) -> None:
    desk = talk("a")
    desk.replies("b", learned)
    for item_id in ("a", "b"):
        desk.says("conversation.item.deleted", item_id=item_id)
    desk.enters("note", ours=True)
    desk.enters("c")
    assert desk.replies("d") == ("c", None if expected is None else "c")


def test_of_a_service_nobody_has_seen_do_it_null_is_assumed() -> None:
    desk = Desk()
    desk.enters("note", ours=True)
    desk.enters("a")
    assert desk.replies("b", "a") == ("a", None)


def test_an_item_of_the_apps_or_the_users_has_its_predecessor_in_done_as_in_added() -> None:
    desk = talk("a", "b")
    desk.written("b", "note")
    desk.enters("c")
    item = {"id": "c", "type": "message", "role": "user", "content": []}
    assert desk.says(DONE, item=item, previous_item_id="note")["previous_item_id"] == "b"
    assert "previous_item_id" not in desk.says(DONE, item=item)


def test_a_done_without_an_added_is_how_the_item_enters() -> None:
    desk = talk("a")
    desk.goes("a")
    item = {"id": "b", "type": "message", "role": "user", "content": []}
    assert desk.says(DONE, item=item, previous_item_id=None)["previous_item_id"] == "a"
    assert desk.believed == ["a", "b"]


def test_a_done_of_what_is_gone_is_passed_on() -> None:
    desk = talk("a", "b")
    desk.goes("a", "b")
    item = {"id": "b", "type": "message", "role": "user", "content": []}
    assert desk.says(DONE, item=item, previous_item_id="a")["previous_item_id"] == "a"


def test_the_apps_items_are_found_by_the_call_they_share() -> None:
    desk = talk("a")
    desk.enters("f", type="function_call", call_id="c1", role=None)
    desk.enters("o", type="function_call_output", call_id="c1", role=None)
    desk.goes("f", "o")
    assert [item.id for item in desk.view.sharing("c1")] == ["f", "o"]


def test_there_are_gaps_once_something_left_that_the_app_believes_in() -> None:
    desk = talk("a", "b")
    desk.view.left("a")
    assert not desk.view.gaps
    desk.goes("a")
    desk.view.left("a")
    assert desk.view.gaps
    desk.view.left("b")
    assert desk.view.gaps


def test_what_is_lost_is_passed_over_until_it_is_here_again() -> None:
    desk = Desk()
    for item_id in "abc":
        desk.enters(item_id)
    assert desk.view.survivor_before("c") == "b"
    desk.says(DELETED, ours=True, item_id="b")
    desk.view.lost("b")
    assert desk.view.survivor_before("c") == "a"
    desk.enters("b", "a")
    assert desk.view.survivor_before("c") == "b"
    desk.says(DELETED, item_id="b")
    assert desk.view.survivor_before("c") == "a"
    assert desk.view.survivor_before("a") is None
