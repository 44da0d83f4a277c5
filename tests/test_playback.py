"""From what the speaker reports to the edits that follow."""

from __future__ import annotations

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.edits import Delete, Truncate
from laconic.items import Item, Part
from laconic.playback import Playback


def holding(item: Item, *lengths_ms: int) -> Conversation:
    conversation = Conversation()
    conversation.read(ev.ConversationItemAdded(item=item.to_wire()))
    held = conversation.get(item.id)
    assert held is not None
    held.parts = [Part("output_audio", "words", ms) for ms in lengths_ms]
    return conversation


def reply(status: str = "completed") -> Item:
    return Item("a", role="assistant", status=status)


def test_a_reply_is_cut_where_it_stopped_being_heard_and_only_once() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.stopped("a", 0, 1500)
    assert playback.cuts(conversation) == [Truncate("a", 0, 1500)]
    assert playback.cuts(conversation) == []


def test_what_was_not_heard_at_all_is_deleted() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.stopped("a", 0, -3)
    assert playback.cuts(conversation) == [Delete("a", "not heard")]


def test_what_was_heard_to_its_end_or_beyond_is_left_alone() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.stopped("a", 0, 4020)
    assert playback.cuts(conversation) == []


def test_a_cut_waits_until_the_item_is_complete() -> None:
    playback, conversation = Playback(), holding(reply("in_progress"), 4000)
    playback.stopped("a", 0, 1500)
    assert playback.cuts(conversation) == []
    held = conversation.get("a")
    assert held is not None
    held.status = "incomplete"
    assert playback.cuts(conversation) == [Truncate("a", 0, 1500)]


def test_parts_are_cut_apart_and_a_part_nobody_spoke_of_counts_as_heard() -> None:
    playback, conversation = Playback(), holding(reply(), 1000, 2000)
    playback.stopped("a", 1, 0)
    assert playback.cuts(conversation) == [Truncate("a", 1, 1)]
    playback.stopped("a", 1, 500)
    assert playback.cuts(conversation) == [Truncate("a", 1, 500)]


def test_an_item_that_left_needs_no_cut() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.stopped("a", 0, 100)
    playback.forget("a")
    playback.stopped("gone", 0, 100)
    assert playback.cuts(conversation) == []
    assert playback.cuts(conversation) == []
