"""Sums over what is held: always what counting it all anew would give, and never the work of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasts import World, called, heard, output, spoken, typed

from laconic import tally as tallies
from laconic.items import Item
from laconic.laws import Laws
from laconic.plans import Past
from laconic.tally import Tally
from laconic.tokens import item_tokens


def kind_of(item: Item, past: Past) -> str | None:
    return None if past.pinned(item) else item.role or item.type


def anew(world: World) -> int:
    sizes = [item_tokens(item, world.past.laws) for item in world.conversation if not world.past.pinned(item)]
    return sum(size.text + size.audio + size.image for size in sizes)


def test_sums_by_kind() -> None:
    world = World(typed("t", "word word"), spoken("u", ms=3000), heard("a"), called("f"), output("o"))
    world.numbers |= {"t": 1, "u": 2, "a": 2}
    tally = Tally(kind_of)
    tally.follow(world.past)
    assert tally.of("t") == 2 + 4
    assert tally.of("u") == 30 + 8
    assert tally.tokens("user") == 44
    assert tally.tokens("nobody") == 0
    assert tally.tokens() == anew(world)
    assert (tally.exchanges("user"), tally.exchanges("assistant"), tally.exchanges("nobody")) == (2, 1, 0)


def test_what_left_or_is_pinned_is_not_counted() -> None:
    world = World(typed("1", "one"), typed("2", "two"))
    world.pinned = {"2"}
    tally = Tally(kind_of)
    tally.follow(world.past)
    world.conversation.remove("1")
    tally.follow(world.past)
    assert (tally.tokens(), tally.of("1"), tally.of("2")) == (0, None, None)


def test_a_pin_is_noticed_when_the_mark_is_passed() -> None:
    world, tally = World(typed("1", "one two three four")), Tally(kind_of)
    tally.follow(world.past)
    assert tally.passes(7, world.past)
    assert not tally.passes(8, world.past)
    world.pinned = {"1"}
    assert not tally.passes(7, world.past)


class Counted:
    """How many items were counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.items = 0

        def counting(item: Item, laws: Laws):
            self.items += 1
            return item_tokens(item, laws)

        monkeypatch.setattr(tallies, "item_tokens", counting)


def test_only_what_changed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    world, tally, counted = World(), Tally(kind_of), Counted(monkeypatch)
    for number in range(100):
        world.enter(typed(str(number), "word"))
        tally.follow(world.past)
    assert counted.items == 100


def test_other_framing_and_other_hits_are_taken_in_without_a_look_at_any_item(monkeypatch: pytest.MonkeyPatch) -> None:
    world, tally = World(typed("1", "one"), spoken("2"), heard("3"), heard("4", None), output("5")), Tally(kind_of)
    tally.follow(world.past)
    counted = Counted(monkeypatch)
    world.past.laws = Laws(hit_rate=0.1, user_text_framing=9, user_audio_framing=1, reply_framing=0)
    tally.follow(world.past)
    assert tally.tokens() == anew(world)
    world.past.laws = replace(world.past.laws, call_output_framing=50, truncated_reply_text=0)
    tally.follow(world.past)
    assert tally.tokens() == anew(world)
    assert counted.items == 0
    world.past.laws = replace(world.past.laws, user_audio_ms_per_token=50)
    tally.follow(world.past)
    assert tally.tokens() == anew(world)
    assert counted.items == 5


def test_after_a_long_absence_all_is_counted_anew() -> None:
    world, tally = World(), Tally(kind_of)
    tally.follow(world.past)
    for number in range(2000):
        world.enter(typed(str(number), "word"))
    tally.follow(world.past)
    assert tally.tokens() == anew(world)


steps = st.tuples(st.sampled_from(["enter", "leave", "cut", "laws", "follow"]), st.integers(0, 9))


@given(st.lists(steps, max_size=40))
def test_it_is_what_counting_all_anew_would_give(steps: list[tuple[str, int]]) -> None:
    world, tally = World(), Tally(kind_of)
    for step, (what, number) in enumerate(steps):
        ids = world.ids
        match what:
            case "enter":
                world.enter([typed, spoken, heard][number % 3](f"i{step}", "some words"), number)
            case "leave" if ids:
                world.conversation.remove(ids[number % len(ids)])
            case "cut" if ids:
                item = world.conversation.get(ids[number % len(ids)])
                assert item is not None
                item.parts[0].text, item.parts[0].audio_ms = None, 100 * number
                world.conversation.changes.note(item.id)
            case "laws":
                world.past.laws = Laws(reply_framing=number, assistant_audio_ms_per_token=50 + number // 9)
            case _:
                pass
        if what == "follow":
            tally.follow(world.past)
    tally.follow(world.past)
    assert tally.tokens() == anew(world)
    roles = {item.role for item in world.conversation}
    assert {role for role in ("user", "assistant") if tally.exchanges(role)} == roles


def test_what_nobody_can_frame_is_counted_by_its_words() -> None:
    world, tally = World(Item("t", type="mcp_list_tools")), Tally(kind_of)
    tally.follow(world.past)
    world.past.laws = Laws(reply_framing=9, user_text_framing=9)
    tally.follow(world.past)
    assert tally.tokens() == anew(world)


def test_a_mark_that_was_passed_stays_passed_without_another_look() -> None:
    world, tally = World(typed("1", "one two three four")), Tally(kind_of)
    tally.follow(world.past)
    assert tally.passes(7, world.past)
    world.pinned = {"1"}  # nobody tells of pins
    assert tally.passes(7, world.past)
