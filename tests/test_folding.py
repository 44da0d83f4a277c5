"""Folding: when, what, where to, and that nothing is deleted before its summary stands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasts import World, called, heard, output, spoken, typed

from laconic.edits import Delete, Edit, Insert
from laconic.folding import HEADING, Summary, line
from laconic.items import Item, Part
from laconic.laws import Laws
from laconic.marks import fold_marks
from laconic.plans import Ask, Plan
from laconic.rates import load
from laconic.tokens import text_tokens

# By these laws a text of n short words is n tokens.
LAWS = Laws(user_text_framing=0)


def said(number: int, count: int = 10) -> Item:
    """A turn of so many tokens, its number among them."""
    return typed(f"t{number}", " ".join([str(number), *["word"] * (count - 1)]))


def talk(turns: int, *, count: int = 10) -> World:
    """So many exchanges of one turn each."""
    world = World(laws=LAWS)
    world.summarise = lambda text: "short"
    more(world, *range(1, turns + 1), count=count)
    return world


def more(world: World, *numbers: int, count: int = 10) -> None:
    for number in numbers:
        world.enter(said(number, count), number)


def folded(world: World) -> str:
    """The note at the front."""
    front = next(iter(world.conversation))
    assert front.role == "system"
    return front.text or ""


def test_up_to_the_high_mark_nothing_is_folded() -> None:
    world = talk(10)
    assert world.follow(Summary(high=100, low=30)) == []


def test_beyond_it_all_but_the_newest_becomes_one_note_at_the_front() -> None:
    world = talk(11)
    summary = Summary(high=100, low=30)
    [about] = world.follow(summary)
    assert about == {f"t{n}" for n in range(1, 9)}
    assert folded(world) == f"{HEADING}\nshort"
    assert world.ids == ["w1", "t9", "t10", "t11"]
    assert [type(edit) for edit in world.edits] == [Insert] + [Delete] * 8
    assert {edit.why for edit in world.edits if isinstance(edit, Delete)} == {"folded"}
    assert world.follow(summary) == []
    assert summary.why().startswith("the newest exchange is heard")


def test_a_fold_reads_who_said_what() -> None:
    world = World(
        typed("s", "Be kind.", "system"),
        typed("u", "What is the weather?"),
        called("f"),
        output("o"),
        typed("a", "Foggy.", "assistant"),
        Item("x", role="critic", parts=[Part("input_text", "Hm.")]),
        typed("z", "word " * 200),
        laws=LAWS,
    )
    world.follow(Summary(high=20, low=5))
    assert world.asked[0].splitlines()[:6] == [
        "Be kind.",
        "User: What is the weather?",
        "Function called: look({})",
        "Function answered: fog",
        "Assistant: Foggy.",
        "User: Hm.",
    ]
    assert line(Item("e", role="user")) == "User: "


def test_a_fold_folds_the_summary_before_it_too() -> None:
    world, summary = talk(11), Summary(high=100, low=30)
    world.follow(summary)
    more(world, *range(12, 20))
    world.follow(summary)
    assert world.asked[1].splitlines()[:3] == [HEADING, "short", "User: 9 " + " ".join(["word"] * 9)]
    assert world.ids[1:] == ["t17", "t18", "t19"]


def test_sound_is_written_first_and_does_not_count_as_writing() -> None:
    world = World(spoken("u1", "word " * 200, ms=100_000), heard("a1"), laws=LAWS)
    world.underway = {"a1"}
    summary = Summary(high=100, low=30)
    assert world.follow(summary) == []
    world.underway = set()
    world.summarise = lambda text: "long talk"
    assert len(world.follow(summary)) == 2, "written, and since that is long already, folded"
    assert folded(world) == f"{HEADING}\nlong talk"


def test_what_is_pinned_or_under_way_is_not_folded_nor_counted() -> None:
    world, summary = talk(11), Summary(high=100, low=30)
    world.pinned = {"t1"}
    assert world.follow(summary) == [], "ten that are not pinned"
    more(world, 12)
    world.underway = {"t5"}
    world.follow(summary)
    assert world.ids == ["w1", "t1", *[f"t{n}" for n in range(5, 13)]]


def test_exchanges_that_shall_last_are_not_folded() -> None:
    """Though the low mark lies in the midst of them. Nothing is, before it comes to half a span."""
    world, summary = talk(11), Summary(high=100, low=30)
    world.past.lasting = 9
    assert world.follow(summary) == [], "20 tokens of 110 are older"
    more(world, 12)
    assert world.follow(summary) == []
    more(world, 13)
    [about] = world.follow(summary)
    assert about == {"t1", "t2", "t3", "t4"}
    assert world.ids == ["w1", *[f"t{n}" for n in range(5, 14)]]


TURNS = st.lists(st.tuples(st.integers(1, 90), st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(turns=TURNS, lasting=st.integers(1, 12), low=st.integers(1, 300), span=st.integers(1, 400), lawful=st.booleans())
def test_whatever_the_marks_the_latest_exchanges_stand_in_words(
    turns: list[tuple[int, bool, bool]], lasting: int, low: int, span: int, lawful: bool
) -> None:
    """Of whatever length; with calls among them, and summaries that do not come."""
    world = World(laws=LAWS)
    world.past.lasting = lasting
    summary = Summary() if lawful else Summary(high=low + span, low=low)
    for number, (count, calls, summarised) in enumerate(turns, 1):
        world.enter(said(number, count), number)
        if calls:
            world.enter(called(f"f{number}", f"c{number}"), number)
            world.enter(output(f"o{number}", f"c{number}"), number)
        world.summarise = lambda text, made=summarised: "short" if made else None
        world.follow(summary)
        latest = range(max(1, number - lasting + 1), number + 1)
        assert {f"t{n}" for n in latest} <= set(world.ids)
        assert {f"{kind}{n}" for n in latest if turns[n - 1][1] for kind in "fo"} <= set(world.ids)


def test_calls_are_folded_with_their_outputs_after_them_and_open_ones_stay() -> None:
    world = World(called("f", "open"), called("f1"), output("o1"), laws=LAWS)
    world.summarise = lambda text: "short"
    more(world, *range(2, 14))
    world.follow(Summary(high=100, low=30))
    assert world.ids[:2] == ["w1", "f"]
    assert world.kinds[-2:] == ["delete o1", "delete f1"]


@pytest.mark.parametrize("answer", [None, "", "  \n"])
def test_if_no_summary_comes_nothing_is_deleted_and_the_next_try_is_later(answer: str | None) -> None:
    """By half a span: here 35 tokens."""
    world, summary = talk(11), Summary(high=100, low=30)
    world.summarise = lambda text: answer
    world.follow(summary)
    assert world.edits == []
    assert len(world.ids) == 11
    more(world, 12, 13, 14)
    assert world.follow(summary) == []
    more(world, 15)
    world.summarise = lambda text: "short"
    world.follow(summary)
    assert folded(world) == f"{HEADING}\nshort"
    more(world, *range(16, 24))
    assert len(world.follow(summary)) == 1, "after a success the high mark holds again"


@pytest.mark.parametrize("result", ["refused", "unanswered"])
def test_if_the_summary_cannot_be_written_nothing_is_deleted(result: str) -> None:
    world, summary = talk(11), Summary(high=100, low=30)
    world.fate = lambda edit: result
    world.follow(summary)
    assert world.kinds == ["create w1"]
    assert len(world.ids) == 11
    assert world.follow(summary) == []


def test_a_server_that_does_not_write_at_the_front_writes_behind_what_is_folded() -> None:
    """speaches does not know `root`; what stood at the end is taken back, and the next fold knows better."""
    world, summary = talk(11), Summary(high=100, low=30)
    world.pinned = {"t1"}
    more(world, 12)
    world.fate = lambda edit: "misplaced" if isinstance(edit, Insert) and edit.behind == "root" else "done"
    world.follow(summary)
    assert world.kinds == ["create w1", "delete w1"]
    assert len(world.ids) == 12
    more(world, *range(13, 17))
    world.follow(summary)
    assert world.ids == ["t1", "w2", "t14", "t15", "t16"]


def test_while_a_summary_is_being_made_no_other_is_asked_for() -> None:
    world, summary = talk(11), Summary(high=100, low=30)
    [plan] = world.plans(summary)
    assert isinstance(plan.steps.send(None), Ask)
    more(world, *range(12, 30))
    assert world.plans(summary) == []
    plan.steps.close()
    assert len(world.plans(summary)) == 1, "a plan that was given up does not stand in the way"


def test_a_plan_that_was_never_begun_does_not_stand_in_the_way() -> None:
    world, summary = talk(11), Summary(high=100, low=30)
    [plan] = world.plans(summary)
    plan.steps.close()
    assert len(world.plans(summary)) == 1


def test_a_lone_summary_is_not_folded_again() -> None:
    world = World(typed("s", f"{HEADING}\n{'word ' * 200}", "system"), laws=LAWS)
    assert world.follow(Summary(high=100, low=30)) == []


def test_what_is_busy_is_let_be() -> None:
    world = talk(11)
    world.kept = set(world.ids)
    assert world.follow(Summary(high=100, low=30)) == []


def test_where_nothing_can_be_deleted_nothing_is_folded() -> None:
    world = talk(11)
    world.unsupported = {"delete"}
    assert world.follow(Summary(high=100, low=30)) == []


def test_where_nothing_can_be_written_a_window_remembers_and_says_why() -> None:
    world, summary = talk(11), Summary(high=100, low=30)
    world.unsupported = {"create"}
    assert world.follow(summary) == []
    assert "does not let us write" in summary.why()


def test_a_summary_of_what_the_service_holds_on_to_is_taken_back() -> None:
    """And if that stays as well, no other is asked for."""
    for held, told in (({"w1"}, []), (set[str](), ["this service does not let go of items"])):
        world, summary = talk(11), Summary(high=100, low=30)

        def fate(edit: Edit, held: set[str] = held) -> str:
            return "refused" if isinstance(edit, Delete) and edit.item_id not in held else "done"

        world.fate = fate
        world.follow(summary)
        assert ("w1" in world.ids) == bool(told)
        assert [text.partition(";")[0] for text in world.told] == told
        more(world, *range(12, 40))
        world.follow(summary)
        assert len(world.asked) == (1 if told else 2)


def test_what_is_pinned_while_its_summary_is_being_made_stays_and_the_summary_does_not_stand_for_it() -> None:
    world, summary = talk(11), Summary(high=100, low=30)

    def pin(*item_ids: str) -> str:
        world.pinned |= set(item_ids)
        return "short"

    world.summarise = lambda text: pin("t1")
    world.follow(summary)
    [insert] = [edit for edit in world.edits if isinstance(edit, Insert)]
    assert "t1" in world.ids
    assert "t1" not in insert.instead_of
    assert "t2" in insert.instead_of
    world, summary = talk(11), Summary(high=100, low=30)
    world.summarise = lambda text: pin(*world.ids)
    world.follow(summary)
    assert world.edits == [], "nothing is left to stand for"


# --- marks from the laws ------------------------------------------------------------------------------------------


def test_marks_are_those_of_what_is_held() -> None:
    """Exchanges measured, the summary that stands, laws and prices: see marks.py."""
    rates, small = load().find("gpt-realtime"), load().find("gpt-realtime-mini")
    world = World(laws=LAWS, rates=rates, summary_rates=small)
    summary = Summary()
    assert summary.marks(world.past) == fold_marks(60, 0, LAWS, rates, small)
    more(world, 1, 2, 3, count=100)
    world.enter(typed("s", f"{HEADING}\n{'word ' * 30}", "system"), 1, "root")
    assert summary.marks(world.past) == fold_marks(100, summary.size, LAWS, rates, small)
    assert summary.size == text_tokens(f"{HEADING}\n{'word ' * 30}")
    world.past.lasting = 20
    assert summary.marks(world.past) == fold_marks(100, summary.size, LAWS, rates, small, lasting=20)


def test_the_more_the_cache_hits_the_longer_a_summary_may_be() -> None:
    """It is read again at every reply."""
    room: list[int] = []
    for hit_rate in (1.0, 0.8, 0.5, 0.0):
        world = talk(11)
        world.past.laws = replace(LAWS, hit_rate=hit_rate)
        [plan] = world.plans(Summary(high=100, low=30))
        ask = plan.steps.send(None)
        assert isinstance(ask, Ask)
        room.append(ask.max_tokens)
    assert room[0] > room[1] > room[2] >= room[3] > 100


def test_it_is_named_as_it_was_asked_for_and_passes_on_what_concerns_writing() -> None:
    assert Summary().name == "summary"
    summary = Summary(high=900, low=300)
    assert summary.name == "summary:900:300"
    assert not summary.notes
    world = World(spoken("u1", "Hello?"), heard("a1"))
    world.follow(summary)
    world.do(Plan(frozenset(), summary.to_notes(world.past)))
    assert summary.notes
    assert world.words == ["system: User: Hello?\nAssistant: Well."]


def test_an_edit_that_fails_behind_a_summary_stops_nothing_but_its_own() -> None:
    world, summary = World(called("f1"), output("o1"), laws=LAWS), Summary(high=100, low=30)
    more(world, *range(2, 14))
    world.summarise = lambda text: "short"

    def fate(edit: Edit) -> str:
        return "refused" if edit.item_id in ("o1", "t3") else "done"

    world.fate = fate
    world.follow(summary)
    assert world.ids == ["w1", "f1", "o1", "t3", "t11", "t12", "t13"]
