"""Which items stay because the app pinned them, or one whose words stand in them."""

from __future__ import annotations

import pytest

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.edits import Delete, Insert
from laconic.pins import Pins
from laconic.standing import Standing
from laconic.written import dialogue, message, note


class Talk:
    """Items that are held, notes that stand for others, and pins."""

    def __init__(self, *item_ids: str) -> None:
        self.conversation, self.standing, self.leaving = Conversation(), Standing(), set[str]()
        self.pins = Pins(self.conversation, self.standing, self.leaving.__contains__)
        for item_id in item_ids:
            self.enter(item_id)

    def enter(self, item_id: str) -> None:
        self.conversation.read(ev.ConversationItemAdded(item=message("user", "Hm.", item_id), previous_item_id=None))

    def leave(self, *item_ids: str) -> None:
        for item_id in item_ids:
            self.conversation.remove(item_id)
            self.standing.left(item_id)

    def insert(self, insert: Insert) -> None:
        self.enter(insert.item_id)
        self.standing.inserted(insert)


def summary(item_id: str, *of: str) -> Insert:
    return Insert(message("system", "They talked.", item_id), "root", of)


def both(item_id: str, *of: str) -> Insert:
    return note(tuple((one, f"User: {one}") for one in of), item_id, of[-1], of)


def test_nothing_is_pinned_at_first() -> None:
    assert "a" not in Talk("a").pins


def test_what_is_held_is_pinned_and_nothing_else() -> None:
    talk = Talk("a", "b")
    assert talk.pins.add("a")
    assert "a" in talk.pins
    assert "b" not in talk.pins
    assert None not in talk.pins


def test_what_is_still_to_come_is_pinned_as_it_enters_and_until_then_the_answer_is_no() -> None:
    talk = Talk()
    assert not talk.pins.add("a")
    talk.enter("a")
    assert "a" in talk.pins
    assert talk.pins.add("a")


def test_what_is_leaving_is_pinned_too_late_unless_its_words_stand() -> None:
    talk = Talk("a", "b")
    talk.leaving |= {"a", "b"}
    talk.insert(dialogue("b", "user", "Hello.", "n"))
    assert not talk.pins.add("a")
    assert talk.pins.add("b")


@pytest.mark.parametrize("pinned_by", ["a", "n"])
def test_a_pin_follows_an_item_to_the_note_that_stands_for_it_and_to_the_next(pinned_by: str) -> None:
    talk = Talk("a", "b")
    talk.insert(both("n", "a", "b"))
    talk.leave("a", "b")
    assert talk.pins.add(pinned_by)
    assert "n" in talk.pins
    talk.insert(Insert(message("system", "User: a", "m"), "n", ("n",), (("a", "User: a"),)))
    talk.leave("n")
    assert "m" in talk.pins
    assert talk.pins.add("a")


def test_a_note_stays_for_each_of_its_items() -> None:
    for pinned in "ab":
        talk = Talk("a", "b")
        talk.insert(both("n", "a", "b"))
        talk.leave("a", "b")
        talk.pins.add(pinned)
        assert "n" in talk.pins


def test_a_summary_stays_for_none_of_its_items_but_can_be_pinned_itself() -> None:
    talk = Talk("a")
    talk.insert(summary("s", "a"))
    talk.leave("a")
    assert not talk.pins.add("a")
    assert "s" not in talk.pins
    assert talk.pins.add("s")
    assert "s" in talk.pins


# --- what a pin holds back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["memory", "folded", "written", "not heard", "empty", "drift"])
def test_what_is_pinned_is_not_forgotten_whatever_the_reason(why: str) -> None:
    talk = Talk("a", "b")
    talk.pins.add("a")
    assert talk.pins.hold(Delete("a", why))
    assert not talk.pins.hold(Delete("b", why))


@pytest.mark.parametrize("why", ["undone", "unwanted"])
def test_words_that_stand_twice_or_that_the_app_does_not_want_go_all_the_same(why: str) -> None:
    talk = Talk("a")
    talk.insert(dialogue("a", "user", "Hello.", "n"))
    talk.pins.add("a")
    assert not talk.pins.hold(Delete("n", why))


def test_sound_whose_words_stand_goes_and_they_stay() -> None:
    talk = Talk("a", "b")
    talk.insert(dialogue("a", "user", "Hello.", "n"))
    talk.insert(summary("s", "b"))
    talk.pins.add("a")
    talk.pins.add("b")
    assert not talk.pins.hold(Delete("a", "written"))
    assert talk.pins.hold(Delete("n", "memory"))
    assert talk.pins.hold(Delete("b", "folded")), "a summary has no words of its own for it"
