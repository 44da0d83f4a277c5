"""Counting exchanges as a human does, through barge-ins, pauses and tools."""

from __future__ import annotations

from laconic.exchanges import Exchanges
from laconic.items import Item, Part


def user(item_id: str) -> Item:
    return Item(item_id, role="user", status="completed", parts=[Part("input_audio", None, 2000)])


def reply(item_id: str, audio_ms: int = 3000) -> Item:
    return Item(item_id, role="assistant", status="completed", parts=[Part("output_audio", "Well.", audio_ms)])


def exchange(exchanges: Exchanges, n: int, heard_ms: int = 3000) -> None:
    """The user speaks, a reply is made and heard."""
    exchanges.entered(user(f"u{n}"), None, None)
    exchanges.replying(f"r{n}", f"a{n}")
    exchanges.entered(reply(f"a{n}"), None, None)
    exchanges.sounded(f"a{n}")
    exchanges.heard(f"a{n}", heard_ms, False)
    exchanges.responded(f"r{n}", "completed", [reply(f"a{n}")])


def test_an_exchange_is_complete_once_its_reply_is_heard() -> None:
    exchanges = Exchanges()
    assert exchanges.count == 0
    exchanges.entered(user("u1"), None, None)
    assert exchanges.count == 0
    exchanges.replying("r1", "a1")
    exchanges.entered(reply("a1"), user("u1"), None)
    exchanges.sounded("a1")
    assert exchanges.heard("a1", 0, False) is None
    assert exchanges.count == 0
    assert exchanges.heard("a1", 20, False) is None
    assert exchanges.count == 1
    assert (exchanges.number("u1"), exchanges.number("a1"), exchanges.number("x")) == (1, 1, None)


def test_each_exchange_has_its_own_number() -> None:
    exchanges = Exchanges()
    for n in (1, 2, 3):
        exchange(exchanges, n)
    assert exchanges.count == 3
    assert [exchanges.number(f"u{n}") for n in (1, 2, 3)] == [1, 2, 3]
    assert [exchanges.number(f"a{n}") for n in (1, 2, 3)] == [1, 2, 3]
    exchanges.left("u1")
    assert exchanges.number("u1") is None


def test_a_turn_cancelled_before_any_sound_is_a_ghost_and_ends_nothing() -> None:
    """The user pauses, the service answers, the user goes on: one exchange."""
    exchanges = Exchanges()
    exchanges.entered(user("u1"), None, None)
    exchanges.replying("r1", "a1")
    assert exchanges.responded("r1", "cancelled", [])
    exchanges.entered(user("u2"), None, None)
    assert exchanges.number("u2") == 1
    assert exchanges.ghost_turns == 1
    assert exchanges.count == 0


def test_a_ghost_without_response_created_is_counted_too() -> None:
    """`response.done` may come without `response.created` (livekit)."""
    exchanges = Exchanges()
    exchanges.entered(user("u1"), None, None)
    assert exchanges.responded("r1", "cancelled", [])
    assert exchanges.ghost_turns == 1


def test_a_reply_stopped_before_it_was_heard_is_a_ghost_whichever_comes_first() -> None:
    """The speaker's report may come before or after the end of the response."""
    for speaker_first in (True, False):
        exchanges = Exchanges()
        exchanges.entered(user("u1"), None, None)
        exchanges.replying("r1", "a1")
        exchanges.sounded("a1")
        ghosts: list[object] = []
        if speaker_first:
            ghosts.append(exchanges.heard("a1", 0, True))
        ghosts.append(exchanges.responded("r1", "completed", [reply("a1")]))
        if not speaker_first:
            ghosts.append(exchanges.heard("a1", 0, True))
        assert ghosts == ([None, True] if speaker_first else [False, "r1"])
        assert exchanges.ghost_turns == 1
        exchanges.entered(user("u2"), None, None)
        assert exchanges.number("u2") == 1


def test_a_ghost_is_counted_once() -> None:
    exchanges = Exchanges()
    exchanges.entered(user("u1"), None, None)
    exchanges.replying("r1", "a1")
    exchanges.sounded("a1")
    exchanges.responded("r1", "cancelled", [reply("a1")])
    assert exchanges.heard("a1", 0, True) == "r1"
    assert exchanges.heard("a1", 0, True) is None
    assert exchanges.ghost_turns == 1


def test_a_barge_in_after_some_words_is_no_ghost() -> None:
    exchanges = Exchanges()
    exchange(exchanges, 1, heard_ms=700)
    assert exchanges.heard("a1", 700, True) is None
    assert exchanges.ghost_turns == 0
    assert exchanges.count == 1


def test_where_nobody_reports_a_completed_reply_was_heard() -> None:
    exchanges = Exchanges()
    exchanges.entered(user("u1"), None, None)
    exchanges.replying("r1", "a1")
    assert not exchanges.responded("r1", "completed", [reply("a1")])
    assert exchanges.count == 1


def test_a_written_reply_counts_as_read() -> None:
    exchanges = Exchanges()
    exchange(exchanges, 1)
    exchanges.entered(user("u2"), None, None)
    written = Item("a2", role="assistant", status="completed", parts=[Part("output_text", "Well.")])
    assert not exchanges.responded("r2", "completed", [written])
    assert exchanges.count == 2


def test_a_response_that_only_calls_a_function_answers_nobody() -> None:
    exchanges = Exchanges()
    exchanges.entered(user("u1"), None, None)
    exchanges.replying("r1", "f1")
    assert not exchanges.responded("r1", "completed", [Item("f1", "function_call", call_id="c")])
    assert exchanges.count == 0
    assert exchanges.ghost_turns == 0


def test_the_reply_of_an_earlier_exchange_does_not_answer_the_present_one() -> None:
    exchanges = Exchanges()
    exchange(exchanges, 1)
    exchanges.entered(user("u2"), None, None)
    exchanges.heard("a1", 3000, False)
    assert exchanges.count == 1


def test_what_is_written_into_the_past_belongs_to_its_neighbour() -> None:
    exchanges = Exchanges()
    exchange(exchanges, 1)
    exchange(exchanges, 2)
    exchanges.entered(Item("n1", role="system"), user("u1"), reply("a1"))
    exchanges.entered(Item("n0", role="user"), None, user("u1"))
    exchanges.entered(Item("n9", role="user"), None, Item("stranger"))
    assert [exchanges.number(item_id) for item_id in ("n1", "n0", "n9")] == [1, 1, 0]
    exchanges.entered(user("u1"), None, None)
    assert exchanges.number("u1") == 1


def test_only_the_latest_replies_are_followed() -> None:
    exchanges = Exchanges()
    for n in range(70):
        exchange(exchanges, n)
    assert exchanges.heard("a0", 0, True) is None
    assert exchanges.heard("a69", 10, True) is None
    assert exchanges.count == 70


def test_sound_of_items_nobody_announced_is_let_be() -> None:
    exchanges = Exchanges()
    exchanges.sounded("stranger")
    assert exchanges.heard("stranger", 0, True) is None


def test_two_items_of_one_reply_belong_to_it() -> None:
    """A reply is unheard only if all of it was."""
    exchanges = Exchanges()
    exchanges.entered(user("u1"), None, None)
    for item_id in ("a1", "a2"):
        exchanges.replying("r1", item_id)
        exchanges.sounded(item_id)
    exchanges.responded("r1", "completed", [reply("a1"), reply("a2")])
    assert exchanges.heard("a1", 0, True) is None
    assert exchanges.heard("a2", 0, True) == "r1"


def test_an_exchange_is_over_once_it_is_answered() -> None:
    exchanges = Exchanges()
    exchanges.entered(Item("s", role="system"), None, None)
    assert not exchanges.over("s"), "nobody has spoken yet"
    exchanges.entered(user("u1"), None, None)
    assert exchanges.over("s")
    assert not exchanges.over("u1")
    exchanges.replying("r1", "a1")
    exchanges.heard("a1", 20, False)
    assert exchanges.over("u1")
    exchanges.entered(user("u2"), None, None)
    assert exchanges.over("u1")
    assert not exchanges.over("u2")
    assert exchanges.over("stranger")


def test_what_we_write_belongs_to_the_exchange_of_what_it_stands_for() -> None:
    """Although it enters at the end, behind a turn that is under way."""
    exchanges = Exchanges()
    exchange(exchanges, 1)
    exchanges.entered(user("u2"), None, None)
    exchanges.written("w1", "u1")
    exchanges.entered(Item("w1", role="user"), user("u2"), None)
    exchanges.written("w2", "stranger")
    assert [exchanges.number(item_id) for item_id in ("w1", "w2", "u2")] == [1, 0, 2]


def test_ghosts_without_items_are_not_followed_for_ever() -> None:
    exchanges = Exchanges()
    for n in range(200):
        exchanges.responded(f"g{n}", "cancelled", [])
    exchanges.replying("r1", "a1")
    assert len(exchanges._replies) == 64  # pyright: ignore[reportPrivateUsage]


def test_a_reply_of_which_the_speaker_never_said_a_word_was_heard_if_the_caller_goes_on() -> None:
    """An app that reported once may stop reporting; a careful one reports a stop before the next turn enters."""
    exchanges = Exchanges()
    exchange(exchanges, 1)
    exchanges.entered(user("u2"), None, None)
    exchanges.replying("r2", "a2")
    exchanges.sounded("a2")
    exchanges.responded("r2", "completed", [reply("a2")])
    assert exchanges.count == 1
    exchanges.entered(user("u3"), None, None)
    assert exchanges.number("u3") == 3
    assert exchanges.latest == 3
    assert exchanges.over("u2")
    assert not exchanges.over("u3")
