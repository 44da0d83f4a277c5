"""What may go, in which groups and in which order, and what a memory is told."""

from __future__ import annotations

from pasts import World, called, heard, output, typed

from laconic.edits import Delete, Edit, Outcome
from laconic.items import Item
from laconic.plans import Typical, all_done, deletions, forget, forgettable


def groups(world: World, *surplus: str) -> list[list[str]]:
    """The groups in which these items may leave."""
    items = [item for item in world.conversation if item.id in surplus]
    return [[item.id for item in group] for group in forgettable(iter(items), world.conversation, world.past.kept)]


def test_messages_leave_one_by_one() -> None:
    world = World(typed("a", "x"), typed("b", "y"), typed("c", "z"))
    assert groups(world, "a", "b") == [["a"], ["b"]]


def test_a_call_leaves_behind_all_of_its_outputs() -> None:
    world = World(called("f"), output("o1"), output("o2"), typed("c", "z"))
    assert groups(world, "f", "o1", "o2") == [["o1", "o2", "f"]]
    assert groups(world, "f", "o1") == [], "one of them is to stay"
    assert groups(world, "o1", "o2") == [], "an output does not leave its call"


def test_a_call_that_waits_for_its_output_stays_and_an_output_without_its_call_may_go() -> None:
    assert groups(World(called("f")), "f") == []
    assert groups(World(output("o")), "o") == [["o"]]


def test_what_is_strange_in_progress_or_kept_stays() -> None:
    world = World(Item("m", "mcp_list_tools"), Item("p", role="assistant", status="in_progress"), typed("k", "x"))
    world.kept = {"k"}
    assert groups(world, "m", "p", "k") == []


def test_each_group_is_a_plan_and_stops_where_an_item_cannot_go() -> None:
    world = World(called("f"), output("o"), heard("a"))
    items = forgettable(iter(list(world.conversation)), world.conversation, world.past.kept)
    plans = list(forget(items, "folded"))
    assert [plan.item_ids for plan in plans] == [{"f", "o"}, {"a"}]
    world.fate = lambda edit: "refused" if edit.item_id == "o" else "gone"
    for plan in plans:
        world.do(plan)
    assert world.edits == [Delete("o", "folded"), Delete("a", "folded")]
    assert world.ids == ["f", "o"]


def test_deletions_go_on_when_an_item_was_gone_already() -> None:
    world = World(called("f"), output("o"))
    world.fate = lambda edit: "gone"
    for plan in forget([list(reversed(list(world.conversation)))]):
        world.do(plan)
    assert world.kinds == ["delete o", "delete f"]
    assert list(deletions([], "memory")) == []


def test_a_wish_is_fulfilled_when_every_edit_of_it_is_done_or_not_needed() -> None:
    edit: Edit = Delete("a", "memory")
    assert all_done([])
    assert all_done([Outcome(edit, "done"), Outcome(edit, "gone")])
    for result in ("refused", "unanswered", "misplaced"):
        assert not all_done([Outcome(edit, "done"), Outcome(edit, result)])
    assert not all_done(None)
    assert not all_done("a summary")


def test_the_past_says_whether_somebody_transcribes_and_knows_an_average_exchange() -> None:
    assert World().past.transcribes
    assert not World(transcribes=False).past.transcribes
    assert World().past.typical() == Typical(user_ms=3000, user_words=8, reply_audio=160, reply_text=28)


def test_of_the_exchanges_that_are_over_the_latest_last_and_the_one_under_way() -> None:
    """None where none were asked for; what was never numbered is old."""
    world, stranger = World(), Item("stranger", role="user")
    for number in (1, 2, 3, 4):
        world.enter(typed(f"t{number}", "x"), number)

    def lasting() -> list[str]:
        return [item.id for item in (*world.conversation, stranger) if world.past.lasts(item)]

    assert lasting() == []
    world.past.lasting = 2
    assert lasting() == ["t3", "t4"]
    world.past.lasting = 9
    assert lasting() == ["t1", "t2", "t3", "t4"]
