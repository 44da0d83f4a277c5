"""Plans under way: wishes out, answers back, one plan to an item."""

from __future__ import annotations

from laconic.edits import Delete, Outcome, Truncate
from laconic.planning import Planner
from laconic.plans import Ask, Plan, Steps

A, B, C = Delete("a", "memory"), Delete("b", "memory"), Delete("c", "memory")


class Told:
    """Steps that write down what they are told."""

    def __init__(self, *wishes: list[Delete] | Ask) -> None:
        self.wishes = wishes
        self.answers: list[object] = []
        self.over = False

    def plan(self, *item_ids: str) -> Plan:
        return Plan(frozenset(item_ids), self._steps())

    def _steps(self) -> Steps:
        try:
            for wish in self.wishes:
                answer = yield wish
                self.answers.append([outcome.result for outcome in answer] if isinstance(answer, list) else answer)
        finally:
            self.over = True


def test_a_wish_is_answered_when_the_last_of_its_edits_is() -> None:
    planner, told = Planner(), Told([A, B], [C])
    planner.begin(told.plan("a", "b", "c"))
    assert list(planner.unsent()) == [A, B]
    assert list(planner.unsent()) == [], "each edit is given out once"
    assert planner.waits_for("a")
    planner.settle(Outcome(B, "refused"))
    assert (told.answers, list(planner.unsent())) == ([], [])
    planner.settle(Outcome(A, "done"))
    assert told.answers == [["refused", "done"]]
    assert not planner.waits_for("a")
    assert list(planner.unsent()) == [C]
    planner.settle(Outcome(C, "gone"))
    assert told.over
    assert len(planner) == 0


def test_an_item_belongs_to_one_plan_until_that_is_over() -> None:
    planner, first, second = Planner(), Told([A]), Told([B])
    planner.begin(first.plan("a", "b"))
    assert planner.busy("b")
    planner.begin(second.plan("b", "c"))
    assert len(planner) == 1
    assert not planner.busy("c")
    list(planner.unsent())
    planner.settle(Outcome(A, "done"))
    assert not planner.busy("b")
    planner.begin(Told([B]).plan("b", "c"))
    assert list(planner.unsent()) == [B]


def test_the_answer_to_another_edit_of_the_same_item_is_not_taken_for_the_plans() -> None:
    """A cut of a reply that is being deleted is turned down at once; the delete is still on its way."""
    planner, told = Planner(), Told([A])
    planner.begin(told.plan("a"))
    list(planner.unsent())
    planner.settle(Outcome(Truncate("a", 0, 100), "refused"))
    planner.settle(Outcome(Delete("stranger", "memory"), "done"))
    assert told.answers == []
    planner.settle(Outcome(A, "done"))
    assert told.answers == [["done"]]


def test_two_plans_may_reach_for_one_item_and_each_gets_its_own_answer() -> None:
    mine, other = Delete("a", "written"), Delete("a", "folded")
    planner, first, second = Planner(), Told([mine]), Told([other])
    planner.begin(first.plan("a"))
    planner.begin(second.plan("z"))
    assert list(planner.unsent()) == [mine, other]
    planner.settle(Outcome(other, "refused"))
    assert planner.waits_for("a")
    planner.settle(Outcome(mine, "done"))
    assert (first.answers, second.answers) == ([["done"]], [["refused"]])


def test_a_wish_for_nothing_is_answered_at_once() -> None:
    planner, told = Planner(), Told([], [], [A], [])
    planner.begin(told.plan("a"))
    assert told.answers == [[], []]
    list(planner.unsent())
    planner.settle(Outcome(A, "done"))
    assert told.over


def test_a_summary_is_asked_for_once_and_waited_for() -> None:
    planner, told = Planner(), Told(Ask("long talk", 300), [A])
    planner.begin(told.plan("a"))
    [(ask_id, ask)] = planner.asks()
    assert (ask.text, ask.max_tokens) == ("long talk", 300)
    assert list(planner.asks()) == []
    planner.summarised(ask_id + 1, "of nobody")
    assert list(planner.unsent()) == []
    planner.summarised(ask_id, "short")
    assert told.answers == ["short"]
    assert list(planner.unsent()) == [A]
    planner.summarised(ask_id, "again")
    assert told.answers == ["short"]


def test_when_the_conversation_is_over_plans_are_closed_and_nothing_is_left() -> None:
    planner, waiting, asking, unsent = Planner(), Told([A]), Told(Ask("talk", 9)), Told([C])
    planner.begin(waiting.plan("a"))
    list(planner.unsent())
    planner.begin(asking.plan("b"))
    planner.begin(unsent.plan("c"))
    planner.abandon()
    assert waiting.over
    assert asking.over
    assert unsent.over
    assert (len(planner), list(planner.unsent()), list(planner.asks())) == (0, [], [])
    assert not planner.busy("a")
    planner.settle(Outcome(A, "done"))
    planner.summarised(1, "late")
    assert waiting.answers == []


def test_an_edit_that_is_not_to_be_sent_yet_waits_and_others_go_ahead() -> None:
    planner, told = Planner(), Told([A, B])
    planner.begin(told.plan("a", "b"))
    assert list(planner.unsent(lambda edit: edit is not A)) == [B]
    assert not planner.waits_for("a")
    assert list(planner.unsent()) == [A]
