"""Which items entered, changed or left, so that whoever keeps sums over them need not look at all of them again."""

from __future__ import annotations

from collections import deque
from itertools import islice

__all__ = ["Changes"]

_REMEMBERED = 1024


class Changes:
    """A list that only its end is kept of. Remember `count`, and later ask what came `since`."""

    def __init__(self) -> None:
        self.count = 0
        """How many were noted, ever."""
        self._latest: deque[str] = deque(maxlen=_REMEMBERED)

    def note(self, item_id: str) -> None:
        """Something happened to this item."""
        self._latest.append(item_id)
        self.count += 1

    def since(self, count: int) -> set[str] | None:
        """The items noted after the first `count`; None where that is too long ago to tell (1,024 notes)."""
        new = self.count - count
        return set(islice(reversed(self._latest), new)) if new <= len(self._latest) else None
