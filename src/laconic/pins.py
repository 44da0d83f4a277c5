"""What shall never be forgotten, wherever its words stand by now.

The app pins the items it knows. Some of them we have replaced by words of ours, whose ids it never learns: so a pin
holds for the note in which an item's words stand as lines of their own, and goes on to whatever note takes that one's
place. A note of several items stays as long as one of them is pinned. In a summary nobody can tell an item's words from
the others': what is in one already can be pinned no more.
"""

from __future__ import annotations

from collections.abc import Callable

from laconic.conversation import Conversation
from laconic.edits import Delete
from laconic.standing import Standing

__all__ = ["Pins"]


class Pins:
    """The pins of one conversation. `leaving`: whether an item is being deleted."""

    def __init__(self, conversation: Conversation, standing: Standing, leaving: Callable[[str], bool]) -> None:
        self._conversation, self._standing, self._leaving = conversation, standing, leaving
        self._ids: set[str] = set()

    def add(self, item_id: str) -> bool:
        """Pin an item by its id, or by that of a note. True if it is held, itself or in words of its own; an item that
        is not will be pinned as it enters."""
        words = self._standing.lines(item_id)
        self._ids.update(words or (item_id,))
        return any(
            place in self._conversation and place in self and not self._leaving(place)
            for place in self._standing.places(item_id)
        )

    def __contains__(self, item_id: object) -> bool:
        """Whether an item that is held must stay: it is pinned, or words of a pinned one stand in it."""
        if not isinstance(item_id, str) or not self._ids:
            return False
        return item_id in self._ids or not self._ids.isdisjoint(self._standing.lines(item_id))

    def hold(self, delete: Delete) -> bool:
        """Whether a deletion must not be. One may be that is none of forgetting: of words that stand twice, of what the
        app deleted; or of what has its words in its place by now, since those are pinned from then on."""
        if delete.why in ("undone", "unwanted") or delete.item_id not in self:
            return False
        return delete.why != "written" or not self._standing.replaced(delete.item_id)
