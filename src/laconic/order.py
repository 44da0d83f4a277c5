"""Items in their order, each found, placed and taken out at the same price however many there are.

A doubly linked list beside an index by id and one by `call_id`. It also remembers which ids left lately, because
a late message about an item that is gone must not bring it back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from laconic.items import Item

__all__ = ["Order"]

_REMEMBERED_DELETIONS = 1024


@dataclass(slots=True)
class _Node:
    item: Item
    before: _Node | None = None
    after: _Node | None = None


class Order:
    """Iterate forwards or backwards for the items; `in`, `len` and `get` by id."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._first: _Node | None = None
        self._last: _Node | None = None
        self._calls: dict[str, list[str]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def __iter__(self) -> Iterator[Item]:
        node = self._first
        while node is not None:
            yield node.item
            node = node.after

    def __reversed__(self) -> Iterator[Item]:
        node = self._last
        while node is not None:
            yield node.item
            node = node.before

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._nodes

    def get(self, item_id: str) -> Item | None:
        node = self._nodes.get(item_id)
        return node.item if node else None

    def gone(self, item_id: str) -> bool:
        """Whether this id was here and left, as far back as we remember (1,024 items)."""
        return item_id in self._gone

    def neighbours(self, item_id: str) -> tuple[Item | None, Item | None]:
        """The items before and after one that is held. KeyError if it is not."""
        node = self._nodes[item_id]
        return (node.before.item if node.before else None, node.after.item if node.after else None)

    def partners(self, item: Item) -> list[Item]:
        """The other items that share this one's `call_id`: a function call's outputs, an output's call."""
        return [other for other in self.sharing(item.call_id or "") if other.id != item.id]

    def sharing(self, call_id: str) -> Iterator[Item]:
        """The items of this `call_id`, in order of their entering."""
        return (self._nodes[item_id].item for item_id in self._calls.get(call_id, ()))

    def place(self, item: Item, previous: str | msgspec.UnsetType | None) -> None:
        """Put an item behind `previous`: None or "root" is the front, UNSET or an unknown id the end."""
        node = _Node(item)
        if previous is None or previous == "root":
            before = None
        else:
            before = self._nodes.get(previous, self._last) if isinstance(previous, str) else self._last
        after = before.after if before else self._first
        node.before, node.after = before, after
        self._join(before, node)
        self._join(node, after)
        self._nodes[item.id] = node
        self._gone.pop(item.id, None)
        if item.call_id:
            self._calls.setdefault(item.call_id, []).append(item.id)

    def remove(self, item_id: str) -> Item | None:
        """Take an item out and return it; None if it was not here."""
        node = self._nodes.pop(item_id, None)
        if node is None:
            return None
        self._join(node.before, node.after)
        shared = self._calls.get(node.item.call_id or "")
        if shared is not None:
            shared.remove(item_id)
            if not shared:
                del self._calls[node.item.call_id or ""]
        self._gone[item_id] = None
        if len(self._gone) > _REMEMBERED_DELETIONS:
            self._gone.popitem(last=False)
        return node.item

    def _join(self, before: _Node | None, after: _Node | None) -> None:
        if before is None:
            self._first = after
        else:
            before.after = after
        if after is None:
            self._last = before
        else:
            after.before = before
