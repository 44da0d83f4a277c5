"""The last marked item before another: against a plain list, and quick however many there are."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.survivors import Survivors

ids = st.integers(0, 30).map(lambda n: f"i{n}")
changes = st.tuples(st.sampled_from(["place", "place", "place", "remove", "mark", "unmark"]), ids, st.one_of(ids))


@given(st.lists(changes, max_size=120))
def test_it_finds_what_a_walk_along_a_list_finds(steps: list[tuple[str, str, str]]) -> None:
    tree, order, marked = Survivors(), list[str](), set[str]()
    for what, item_id, other in steps:
        if what == "place" and item_id not in order:
            behind = other if other in order else None
            tree.place(item_id, behind)
            order.insert(order.index(other) + 1 if behind else 0, item_id)
            marked.add(item_id)
        elif what == "remove":
            tree.remove(item_id)
            marked.discard(item_id)
            if item_id in order:
                order.remove(item_id)
        elif what in ("mark", "unmark") and item_id in order:
            tree.mark(item_id, what == "mark")
            (marked.add if what == "mark" else marked.discard)(item_id)
        assert len(tree) == len(order)
        for at, one in enumerate(order):
            assert tree.before(one) == next((two for two in reversed(order[:at]) if two in marked), None)


def test_among_hundreds_too() -> None:
    tree, order, marked, some = Survivors(), list[str](), set[str](), Random(1)
    for number in range(400):
        at = some.randrange(len(order) + 1)
        tree.place(f"i{number}", order[at - 1] if at else None)
        order.insert(at, f"i{number}")
        marked.add(f"i{number}")
        for one in some.sample(order, len(order) // 50):
            tree.mark(one, False)
            marked.discard(one)
        if number % 5 == 4:
            gone = order.pop(some.randrange(len(order)))
            tree.remove(gone)
            marked.discard(gone)
        one = some.choice(order)
        left = [two for two in order[: order.index(one)] if two in marked]
        assert tree.before(one) == (left[-1] if left else None)


def test_what_is_not_here_has_nothing_before_it() -> None:
    tree = Survivors()
    tree.remove("a")
    for ask in (tree.before, lambda item_id: tree.mark(item_id, True), lambda item_id: tree.place("b", item_id)):
        with pytest.raises(KeyError):
            ask("a")


@pytest.mark.parametrize("way", ["behind the last", "at the front", "behind the first"])
def test_it_stays_flat_in_whatever_order_it_grows(way: str) -> None:
    """Twenty thousand items, none deeper than five times what a perfect tree would have."""
    tree = Survivors()
    tree.place("i0", None)
    for number in range(1, 20_000):
        behind = {"behind the last": f"i{number - 1}", "at the front": None, "behind the first": "i0"}[way]
        tree.place(f"i{number}", behind)
    deepest = 0
    for node in tree._nodes.values():  # pyright: ignore[reportPrivateUsage]
        depth, above = 0, node.above
        while above is not None:
            depth, above = depth + 1, above.above
        deepest = max(deepest, depth)
    assert deepest <= 5 * 15
