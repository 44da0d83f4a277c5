"""From what the speaker reports to the edits that follow."""

from __future__ import annotations

import pytest

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.edits import Delete, Truncate
from laconic.items import Item, Part
from laconic.playback import Playback, heard_words


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


# --- is it still playing? -----------------------------------------------------------------------------------------


def test_a_reply_plays_from_its_first_sound_until_nearly_its_end_was_heard() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.sounded("a")
    playback.sounded("a")
    playback.heard("a", 0, 100)
    assert playback.playing("a", conversation)
    playback.heard("a", 0, 3900)
    assert not playback.playing("a", conversation)
    playback.heard("a", 0, 4000)
    assert not playback.playing("a", conversation)


def test_every_part_must_have_been_heard() -> None:
    playback, conversation = Playback(), holding(reply(), 1000, 2000)
    playback.sounded("a")
    playback.heard("a", 0, 1000)
    assert playback.playing("a", conversation)
    playback.heard("a", 1, 2000)
    assert not playback.playing("a", conversation)


def test_a_stopped_reply_counts_as_playing_until_its_cut_is_made() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.sounded("a")
    playback.stopped("a", 0, 500)
    assert playback.playing("a", conversation)
    playback.cuts(conversation)
    assert not playback.playing("a", conversation)


def test_where_nobody_reports_nothing_is_taken_to_play() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.sounded("a")
    assert not playback.playing("a", conversation)
    playback.heard("somebody else", 0, 1)
    assert playback.playing("a", conversation)
    assert not playback.playing("never sounded", conversation)
    conversation.remove("a")
    assert not playback.playing("a", conversation)


def test_only_the_latest_replies_are_followed() -> None:
    """An app that reports nothing must not make us grow."""
    playback, conversation = Playback(), holding(reply(), 4000)
    for n in range(64):
        playback.sounded(f"a{n}")
        playback.worded(f"a{n}", 0, 1)
    playback.sounded("a")
    playback.worded("a", 0, 1)
    playback.heard("a0", 0, 1)
    assert playback.playing("a", conversation)
    assert len(playback._heard) == 64  # pyright: ignore[reportPrivateUsage]
    assert len(playback._came) == 64  # pyright: ignore[reportPrivateUsage]


# --- the words heard --------------------------------------------------------------------------------------------------


SENTENCE = "The lighthouse was built in 1811 by three brothers."


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [
        (0, ""),
        (10, ""),
        (500, "The"),
        (1400, "The lighthouse"),
        (2000, "The lighthouse was built"),
        (4000, SENTENCE),
        (9000, SENTENCE),
    ],
)
def test_words_are_spread_evenly_over_the_sound_and_only_whole_ones_count(heard_ms: int, words: str) -> None:
    assert heard_words(SENTENCE, [], heard_ms, 4000) == words


def test_nobody_has_heard_words_that_had_not_come() -> None:
    """The first half of the sound came with the first two words: a pause behind them."""
    came = [(100, 3), (2000, 14), (2100, 30), (2200, len(SENTENCE))]
    assert heard_words(SENTENCE, came, 2050, 4000) == "The lighthouse"
    assert heard_words(SENTENCE, came, 3000, 4000) == "The lighthouse was built in 1811 by"
    assert heard_words(SENTENCE, [(3000, 20)], 1400, 4000) == "The lighthouse", "nothing known of so early"


def test_words_without_blanks_between_them_are_cut_anywhere_and_others_in_the_same_sentence_are_not() -> None:
    assert heard_words("灯台は三人の兄弟が建てました。", [], 1000, 2000) == "灯台は三人の兄"
    assert heard_words("灯台はMarcoが建てた", [], 1000, 2000) == "灯台は"
    assert heard_words("Là-bas, déjà été", [], 900, 2000) == "Là-bas,"


def test_no_sound_no_words() -> None:
    assert heard_words("Well.", [], 0, 0) == ""


def cut(conversation: Conversation, playback: Playback, *stops: tuple[int, int]) -> str | None:
    for index, ms in stops:
        playback.stopped("a", index, ms)
    playback.cuts(conversation)
    return playback.words("a")


def test_the_words_heard_of_a_cut_reply_are_kept_until_it_leaves() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    held = conversation.get("a")
    assert held is not None
    held.parts = [Part("output_audio", SENTENCE, 4000)]
    playback.worded("a", 100, 14)
    playback.worded("a", 2000, len(SENTENCE))
    assert playback.words("a") is None
    assert cut(conversation, playback, (0, 1900)) == "The lighthouse"
    held.parts = [Part("output_audio", None, 1900)]
    assert playback.words("a") == "The lighthouse"
    assert cut(conversation, playback, (0, 300)) == "The lighthouse", "its transcript is gone, this is the best we know"
    playback.forget("a")
    assert playback.words("a") is None


def test_parts_heard_to_their_end_keep_all_their_words() -> None:
    playback, conversation = Playback(), holding(reply(), 1000, 1000)
    held = conversation.get("a")
    assert held is not None
    held.parts = [
        Part("output_text", "Aside:"),
        Part("output_audio", "First part.", 1000),
        Part("output_audio", "Then the second.", 1000),
        Part("output_audio", "Unheard.", 1000),
    ]
    assert cut(conversation, playback, (2, 600), (3, 0)) == "Aside: First part. Then the"


def test_of_a_reply_without_a_transcript_no_words_are_known() -> None:
    for text in (None, ""):
        playback, conversation = Playback(), holding(reply(), 4000)
        held = conversation.get("a")
        assert held is not None
        held.parts[0].text = text
        assert cut(conversation, playback, (0, 1500)) is None


def test_a_cut_by_the_app_or_the_service_keeps_the_words_too() -> None:
    """Asked just before the mirror forgets the transcript; ours came first and stay."""
    playback, conversation = Playback(), holding(reply(), 4000)
    held = conversation.get("a")
    assert held is not None
    held.parts = [Part("output_audio", SENTENCE, 4000)]
    playback.truncated("stranger", 0, 100, conversation)
    playback.truncated("a", 1, 100, conversation)
    assert playback.words("a") is None
    playback.truncated("a", 0, 1400, conversation)
    assert playback.words("a") == "The lighthouse"
    playback.truncated("a", 0, 4000, conversation)
    assert playback.words("a") == "The lighthouse"


def test_a_stopped_reply_is_being_cut_until_its_cut_is_made() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.stopped("a", 0, 1500)
    assert playback.cutting("a")
    assert playback.unfinished() == ["a"]
    playback.cuts(conversation)
    assert not playback.cutting("a")


def test_a_reply_is_followed_from_the_first_report_of_it_to_its_end_or_the_next_reply() -> None:
    playback, conversation = Playback(), holding(reply(), 4000)
    playback.sounded("a")
    assert not playback.followed("a")
    playback.heard("a", 0, 0)
    assert playback.followed("a")
    playback.sounded("b")
    assert not playback.followed("a")
    playback.forget("b")
    playback.heard("a", 0, 4000)
    assert not playback.playing("a", conversation)
    assert not playback.followed("a")
