"""Where tests keep what leaves the service: in memory, without a bound."""

from __future__ import annotations

from laconic import events as ev
from laconic.keeping import NotKept

__all__ = ["Shelf"]


class Shelf:
    """`broken`: why neither putting nor getting works."""

    def __init__(self, largest: int = 2**30) -> None:
        self.largest = largest
        self.kept: dict[str, ev.Raw] = {}
        self.broken = ""
        self.closed = False

    def put(self, item_id: str, raw: ev.Raw) -> None:
        self._check()
        self.kept[item_id] = raw

    def get(self, item_id: str) -> ev.Raw | None:
        self._check()
        return self.kept.get(item_id)

    def drop(self, item_id: str) -> None:
        self.kept.pop(item_id, None)

    def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        assert not self.closed
        if self.broken:
            raise NotKept(self.broken)
