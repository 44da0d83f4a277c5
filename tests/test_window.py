"""A window of tokens with two marks: one deep cut instead of many shallow ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pasts import World, called, heard, output, spoken, typed

from laconic.edits import Delete
from laconic.laws import Laws
from laconic.rates import load
from laconic.window import Window, low_mark

# By these laws a text of n words is n tokens, and so many to frame it.
LAWS = Laws(user_text_framing=0)


def of_tokens(item_id: str, count: int):
    return typed(item_id, " ".join(["word"] * count))


def talk(*lengths: int) -> World:
    """Texts of so many tokens, each an exchange of its own."""
    world = World(laws=LAWS)
    for number, length in enumerate(lengths, 1):
        world.enter(of_tokens(str(number), length), number)
    return world


def test_up_to_the_high_mark_nothing_is_cut() -> None:
    world = talk(40, 30, 30)
    assert world.follow(Window(100, 50)) == []


def test_beyond_it_the_oldest_leave_until_the_low_mark_and_then_nothing_for_long() -> None:
    world = talk(40, 30, 20, 11)
    window = Window(100, 50)
    world.follow(window)
    assert world.ids == ["3", "4"], "31 are left: 61 would have been too many"
    assert world.edits == [Delete("1", "memory"), Delete("2", "memory")]
    assert world.follow(window) == []


@pytest.mark.parametrize(("hit_rate", "left"), [(0.0, 7), (1.0, 1)])
def test_the_better_the_cache_the_deeper_the_cut_where_no_low_mark_is_given(hit_rate: float, left: int) -> None:
    """Each of 10 tokens: three quarters of a hundred stay at a dead cache, a tenth at a perfect one."""
    world = talk(*[10] * 11)
    world.past.laws = replace(LAWS, hit_rate=hit_rate)
    world.follow(Window(100))
    assert len(world.ids) == left


def test_sound_counts_as_it_is_billed() -> None:
    """A second of the user is ten tokens, a second of reply twenty, and each is framed."""
    world = World(spoken("u", ms=2000), heard("a", None, ms=3000), laws=LAWS)
    assert world.plans(Window(20 + 8 + 60 + 8, 30)) == []
    assert world.follow(Window(20 + 8 + 60 + 7, 30)) != []


def test_pinned_items_are_neither_cut_nor_counted() -> None:
    """A long pinned instruction must not make the window cut everything else at every turn."""
    world = talk(500, 30, 30, 30)
    world.pinned = {"1"}
    assert world.follow(Window(100, 50)) == []
    world.enter(of_tokens("5", 20), 5)
    world.follow(Window(100, 50))
    assert world.ids == ["1", "4", "5"]


def test_what_is_pinned_later_counts_no_more() -> None:
    world, window = talk(70, 20), Window(100, 50)
    assert world.follow(window) == []
    world.pinned = {"1"}
    world.enter(of_tokens("3", 40), 3)
    assert world.follow(window) == [], "60 tokens are left to count"


def test_the_exchange_under_way_is_never_cut() -> None:
    """A question longer than the window is still to be answered."""
    world = talk(10, 500)
    world.underway = {"2"}
    world.follow(Window(100, 50))
    assert world.ids == ["2"]


def test_a_call_and_its_output_are_cut_together_and_an_open_call_stays() -> None:
    world = World(called("f1"), output("o1"), called("f2", "d"), of_tokens("x", 200), laws=LAWS)
    assert world.follow(Window(100, 50)) == [frozenset({"f1", "o1"}), frozenset({"x"})]
    assert world.kinds == ["delete o1", "delete f1", "delete x"]
    assert world.ids == ["f2"]


def test_where_nothing_can_be_deleted_nothing_is_planned() -> None:
    world = talk(500)
    world.unsupported = {"delete"}
    assert world.follow(Window(100)) == []


def test_a_window_is_named_as_it_was_asked_for() -> None:
    assert Window(100).name == "window:100"
    assert Window(100, 50).name == "window:100:50"
    assert "100" in Window(100).why()


@pytest.mark.parametrize("hit_rate", [1.0, 0.9, 0.75, 0.5])
@pytest.mark.parametrize("kept", [True, False])
def test_the_low_mark_is_the_highest_that_pays_before_the_next_cut(hit_rate: float, kept: bool) -> None:
    """What is read anew behind the cut costs no more than what is deleted saves until HIGH is reached again."""
    rates = load().find("gpt-realtime-2.1")
    assert rates is not None
    laws = Laws(keeps_reply_audio=kept, hit_rate=hit_rate)
    low = low_mark(8_000, laws, rates)
    exchange = 30 + (160 if kept else 0) + 45
    again = hit_rate * 400 + (1 - hit_rate) * 32_000

    def pays(mark: int) -> bool:
        turns = (8_000 - mark) / exchange
        return mark * (32_000 - again) <= (8_000 - mark) * again * turns

    assert pays(low) or low == 800
    assert not pays(low + 2) or low == 6_000
    assert low_mark(8_000, laws, None) == low, "the usual prices where none are known"


def test_exchanges_that_shall_last_are_not_cut() -> None:
    """However long they are; what is older goes first and alone."""
    world = talk(40, 30, 60, 61)
    world.past.lasting = 2
    window = Window(100, 50)
    world.follow(window)
    assert world.ids == ["3", "4"]
    assert world.follow(window) == []
