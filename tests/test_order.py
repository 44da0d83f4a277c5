"""The order of items: checked against a plain list, step by step, through arbitrary changes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.items import Item
from laconic.order import Order

ids = st.sampled_from([f"i{n}" for n in range(8)])
change = st.tuples(st.sampled_from(["place", "remove"]), ids, st.one_of(ids, st.sampled_from([None, "root", "end"])))


@given(st.lists(change, max_size=40))
def test_it_orders_as_a_list_would(changes: list[tuple[str, str, str | None]]) -> None:
    """Front, end, behind an item, behind one that is not there; neighbours, length, both directions."""
    order, model = Order(), list[str]()
    for what, item_id, previous in changes:
        if what == "remove":
            taken = order.remove(item_id)
            assert (taken is not None) == (item_id in model)
            if item_id in model:
                model.remove(item_id)
                assert order.gone(item_id)
        elif item_id not in model:
            order.place(Item(item_id), msgspec.UNSET if previous == "end" else previous)
            if previous in (None, "root"):
                model.insert(0, item_id)
            else:
                model.insert(model.index(previous) + 1 if previous in model else len(model), item_id)
            assert not order.gone(item_id)
        assert [item.id for item in order] == model
        assert [item.id for item in reversed(order)] == model[::-1]
        assert len(order) == len(model)
        for index, held in enumerate(model):
            before, after = order.neighbours(held)
            assert (before.id if before else None) == (model[index - 1] if index else None)
            assert (after.id if after else None) == (model[index + 1] if index + 1 < len(model) else None)


def test_a_call_knows_its_outputs_and_they_know_it() -> None:
    order = Order()
    call, output = Item("a", "function_call", call_id="c"), Item("b", "function_call_output", call_id="c")
    order.place(call, None)
    order.place(output, "a")
    order.place(Item("m"), "b")
    assert [item.id for item in order.sharing("c")] == ["a", "b"]
    assert [item.id for item in order.partners(call)] == ["b"]
    assert [item.id for item in order.partners(output)] == ["a"]
    order.remove("a")
    assert order.partners(output) == []
    order.remove("b")
    assert order.partners(output) == []
    assert order.partners(Item("m")) == []


def test_membership_and_lookup() -> None:
    order = Order()
    item = Item("a")
    order.place(item, None)
    assert "a" in order
    assert order.get("a") is item
    assert order.get("b") is None
    with pytest.raises(KeyError):
        order.neighbours("b")


def test_departures_are_remembered_only_so_far_back() -> None:
    order = Order()
    for n in range(1025):
        order.place(Item(str(n)), None)
        order.remove(str(n))
    assert not order.gone("0")
    assert order.gone("1")
    assert order.gone("1024")
