"""What may be forgotten: by number of items, by exchanges, and what never may."""

from __future__ import annotations

import json

import pytest
from playbook import counter

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.edits import Outcome
from laconic.errors import BadInput
from laconic.exchanges import Exchanges
from laconic.items import Item
from laconic.laws import Laws
from laconic.memory import Everything, LastExchanges, LastItems, memory
from laconic.plans import Memory, Past


def holding(*items: Item) -> Conversation:
    conversation = Conversation()
    for item in items:
        message = {"type": "conversation.item.added", "item": item.to_wire()}
        conversation.read(ev.read(json.dumps(message)))
    return conversation


def message(item_id: str, role: str = "user", status: str = "completed") -> Item:
    return Item(item_id, role=role, status=status)


def function_call(item_id: str, call_id: str) -> Item:
    return Item(item_id, "function_call", status="completed", call_id=call_id, name="f", arguments="{}")


def function_output(item_id: str, call_id: str) -> Item:
    return Item(item_id, "function_call_output", call_id=call_id, output="x")


def past(conversation: Conversation, exchanges: Exchanges, *kept: str) -> Past:
    return Past(
        conversation=conversation,
        exchanges=exchanges,
        laws=Laws(),
        rates=None,
        summary_rates=None,
        ids=counter(),
        kept=lambda item: item.id in kept,
        pinned=lambda item: False,
        words=lambda item: item.text,
        cut_off=lambda item: False,
        over=lambda item: True,
        say=lambda *_: None,
        supports=lambda kind: True,
    )


def leaving(policy: Memory, what: Past) -> list[list[str]]:
    """The items of each plan, in the order in which the plan deletes them."""
    order: list[list[str]] = []
    for plan in policy.plans(what):
        order.append([])
        answer: list[Outcome] | None = None
        try:
            while True:
                wish = plan.steps.send(answer)
                assert isinstance(wish, list)
                order[-1] += [edit.item_id for edit in wish]
                answer = [Outcome(edit, "done") for edit in wish]
        except StopIteration:
            assert plan.item_ids == set(order[-1])
    return order


def going(conversation: Conversation, n: int, *kept: str) -> list[list[str]]:
    return leaving(LastItems(n), past(conversation, Exchanges(), *kept))


@pytest.mark.parametrize(
    "spec",
    [
        "everything",
        "last:5",
        "exchanges:12",
        "window:8000",
        "window:8000:2000",
        "written",
        "written:notes",
        "summary",
        "summary:900:300",
        "auto",
        "auto:words",
        "select:3",
    ],
)
def test_a_memory_is_named_as_it_is_written(spec: str) -> None:
    assert memory(spec).name == spec
    given = memory(spec)
    assert memory(given) is given
    assert given.why()


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "last",
        "last:",
        "last:0",
        "last:-1",
        "last:x",
        "last:٣",
        "all",
        "everything:3",
        "window",
        "window:1:2",
        "window:9:9",
        "summary:5",
        "written:x",
        "summary:a:b",
        "summary:1:2",
        "select",
        "select:0",
        "auto:gist:words",
    ],
)
def test_anything_else_is_refused_in_one_sentence(spec: str) -> None:
    with pytest.raises(BadInput, match="everything, last:N") as refused:
        memory(spec)
    assert "everything" in refused.value.say("ja")


def test_what_auto_shall_remember_is_said_behind_it() -> None:
    assert memory("auto:gist").name == "auto"
    assert memory("auto:7").name == "auto:7"
    with pytest.raises(BadInput, match="cannot remember"):
        memory("auto:elephants")


def test_everything_keeps_all() -> None:
    conversation = holding(*(message(str(n)) for n in range(9)))
    assert leaving(Everything(), past(conversation, Exchanges())) == []


@pytest.mark.parametrize("n", [1, 5, 8, 9, 20])
def test_of_the_items_the_n_latest_stay_n_of_them(n: int) -> None:
    """The origin's queue kept one fewer than it was told."""
    conversation = holding(*(message(str(k)) for k in range(9)))
    left = 9 - sum(map(len, going(conversation, n)))
    assert left == min(n, 9)
    assert going(conversation, n) == [[str(k)] for k in range(9 - n)] if n < 9 else going(conversation, n) == []


def test_what_is_in_progress_or_kept_or_strange_stays() -> None:
    strange = Item("d", "mcp_list_tools", status="completed")
    conversation = holding(message("a", "assistant", "in_progress"), message("b"), message("c"), strange, message("e"))
    assert going(conversation, 1, "b") == [["c"]]


def test_a_call_leaves_after_its_output_and_never_alone() -> None:
    conversation = holding(message("a"), function_call("f", "c1"), function_output("o", "c1"), message("b"))
    assert going(conversation, 3) == [["a"]]
    assert going(conversation, 2) == [["a"]], "the output is among the two latest, so the call stays with it"
    assert going(conversation, 1) == [["a"], ["o", "f"]]


def test_a_call_waits_for_its_output() -> None:
    conversation = holding(function_call("f", "c1"), message("a"), message("b"))
    assert going(conversation, 1) == [["a"]]


def test_an_output_whose_call_is_gone_leaves_like_any_item() -> None:
    conversation = holding(function_output("o", "c1"), message("b"))
    assert going(conversation, 1) == [["o"]]


def test_a_call_stays_while_its_output_is_kept() -> None:
    conversation = holding(function_call("f", "c1"), function_output("o", "c1"), message("b"))
    assert going(conversation, 1, "o") == []
    assert going(conversation, 1, "f") == []


def test_exchanges_are_kept_whole_and_ghost_turns_do_not_count() -> None:
    """Three exchanges of which the second had a pause: u2 and u2b belong together."""
    exchanges = Exchanges()
    items = list[Item]()

    def enter(item: Item) -> None:
        items.append(item)
        exchanges.entered(item, None, None)

    for n, turns in ((1, ["u1"]), (2, ["u2", "u2b"]), (3, ["u3"])):
        for turn in turns:
            enter(message(turn))
        exchanges.replying(f"r{n}", f"a{n}")
        enter(message(f"a{n}", "assistant"))
        exchanges.heard(f"a{n}", 500, False)
    conversation = holding(*items)

    def surplus(n: int) -> list[str]:
        return [item_id for group in leaving(LastExchanges(n), past(conversation, exchanges)) for item_id in group]

    assert surplus(1) == ["u1", "a1", "u2", "u2b", "a2"]
    assert surplus(2) == ["u1", "a1"]
    assert surplus(3) == []
    enter(message("u4"))
    conversation = holding(*items)
    assert surplus(2) == ["u1", "a1"], "an exchange under way does not push one out"


def test_all_exchanges_may_be_surplus_and_strangers_count_as_old() -> None:
    conversation = holding(message("stranger"), message("u1"))
    exchanges = Exchanges()
    exchanges.entered(message("u1"), None, None)
    exchanges.replying("r1", "a1")
    exchanges.heard("a1", 100, False)
    exchanges.entered(message("u2"), None, None)
    exchanges.replying("r2", "a2")
    exchanges.heard("a2", 100, False)
    assert leaving(LastExchanges(1), past(conversation, exchanges)) == [["stranger"], ["u1"]]


@pytest.mark.parametrize("policy", [LastItems(1), LastExchanges(1)])
def test_where_nothing_can_be_deleted_nothing_is_walked(policy: Memory) -> None:
    """However many items pile up, a message then costs nothing here."""
    what = past(holding(*(message(str(n)) for n in range(9))), Exchanges())
    what.supports = lambda kind: kind != "delete"
    assert leaving(policy, what) == []
