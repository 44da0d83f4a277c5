"""Which of the items before one is left, however far back it stands.

Items are in an order and carry a mark each, until it is taken off. An app may ask a thousand times a second for the
last marked one before an item that an hour of unmarked ones separates from it; so they stand in a balanced tree (a
treap), in which each node knows whether anything beneath it has a mark. Placing, removing, unmarking and looking cost
O(log n), expected. Its balance comes from weights that look random and are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Survivors"]

_64_BITS = 2**64 - 1


@dataclass(slots=True, eq=False)
class _Node:
    item_id: str
    weight: int
    marked: bool = True
    any: bool = True
    """Whether it or anything beneath it has a mark."""
    above: _Node | None = None
    left: _Node | None = None
    right: _Node | None = None

    def look(self) -> None:
        left, right = self.left, self.right
        self.any = self.marked or (left is not None and left.any) or (right is not None and right.any)


class Survivors:
    """Items by id, each in it at most once."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._root: _Node | None = None
        self._placed = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def place(self, item_id: str, behind: str | None) -> None:
        """Put a new item, marked, behind one that is here; None: at the front. KeyError if that is not here."""
        self._placed += 1
        node = self._nodes[item_id] = _Node(item_id, _weight(self._placed))
        over = self._nodes[behind] if behind is not None else None
        if over is not None and over.right is None:
            over.right, node.above = node, over
        else:
            under = over.right if over is not None else self._root
            while under is not None and under.left is not None:
                under = under.left
            if under is None:
                self._root = node
            else:
                under.left, node.above = node, under
        while node.above is not None and node.weight < node.above.weight:
            self._raise(node)
        self._look_up(node)

    def remove(self, item_id: str) -> None:
        """Nothing happens if it is not here."""
        node = self._nodes.pop(item_id, None)
        if node is None:
            return
        while node.left is not None and node.right is not None:
            self._raise(node.left if node.left.weight < node.right.weight else node.right)
        above = node.above
        self._hang(node, node.left or node.right, above)
        self._look_up(above)

    def mark(self, item_id: str, marked: bool) -> None:
        """KeyError if it is not here."""
        node = self._nodes[item_id]
        node.marked = marked
        self._look_up(node)

    def before(self, item_id: str) -> str | None:
        """The last marked item before this one; None if there is none. KeyError if it is not here."""
        node = self._nodes[item_id]
        if node.left is not None and node.left.any:
            return _last(node.left)
        while node.above is not None:
            node, came_from = node.above, node
            if node.left is came_from:
                continue
            if node.marked:
                return node.item_id
            if node.left is not None and node.left.any:
                return _last(node.left)
        return None

    def _raise(self, node: _Node) -> None:
        """Swap a node with the one above it; the order stays."""
        over = node.above
        assert over is not None
        self._hang(over, node, over.above)
        if over.left is node:
            over.left, node.right, moved = node.right, over, node.right
        else:
            over.right, node.left, moved = node.left, over, node.left
        if moved is not None:
            moved.above = over
        over.above = node
        over.look()
        node.look()

    def _hang(self, node: _Node, instead: _Node | None, above: _Node | None) -> None:
        """Hang another in the place of a node."""
        if above is None:
            self._root = instead
        elif above.left is node:
            above.left = instead
        else:
            above.right = instead
        if instead is not None:
            instead.above = above

    def _look_up(self, node: _Node | None) -> None:
        while node is not None:
            node.look()
            node = node.above


def _last(node: _Node) -> str:
    """The last marked item of a part of the tree that has one."""
    while True:
        if node.right is not None and node.right.any:
            node = node.right
        elif node.marked:
            return node.item_id
        else:
            assert node.left is not None
            node = node.left


def _weight(number: int) -> int:
    """Splitmix64's mixing of a running number (Steele, Lea, Flood, 2014)."""
    mixed = number * 0x9E3779B97F4A7C15 & _64_BITS
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _64_BITS
    return mixed ^ mixed >> 27
