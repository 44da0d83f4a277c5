"""What the items held come to in tokens, kept as sums that follow each change.

A memory asks how large the conversation is after nearly every event. Adding it up anew would make each event of a
long conversation dearer than the one before. So each item is counted when it enters, when it changes and when it
leaves. Where a law says what an item is framed by, the framed items are numbered and not their tokens added, so that
another number for that law needs no second look at any item. Laws about sound change once in a talk, if ever; then
all are counted anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from laconic.items import Item
from laconic.laws import Laws
from laconic.plans import Past
from laconic.tokens import FRAMINGS, framing, item_tokens

__all__ = ["Tally"]

_UNCOUNTED = {"hit_rate": 0.0, "cache_block": 64, "context_tokens": 0, "unverified": ()} | dict.fromkeys(FRAMINGS, 0)
"""Laws that no number here depends on, framings being counted by how often they occur."""


@dataclass(frozen=True, slots=True)
class _Counted:
    kind: str
    tokens: int
    """Framing apart."""
    framing: str | None
    exchange: int | None


@dataclass(slots=True)
class _Sum:
    tokens: int = 0
    framings: Counter[str] = field(default_factory=Counter[str])
    exchanges: dict[int | None, int] = field(default_factory=dict[int | None, int])

    def add(self, one: _Counted, times: int) -> None:
        self.tokens += times * one.tokens
        if one.framing is not None:
            self.framings[one.framing] += times
        items = self.exchanges.get(one.exchange, 0) + times
        if items:
            self.exchanges[one.exchange] = items
        else:
            del self.exchanges[one.exchange]


class Tally:
    """Sums over the items held, each under the kind that `kind_of` gives it; None: it is not counted."""

    def __init__(self, kind_of: Callable[[Item, Past], str | None]) -> None:
        self._kind_of = kind_of
        self._laws = self._counting = Laws()
        self._changes = 0
        self._sure = False
        self._held: dict[str, _Counted] = {}
        self._sums: dict[str, _Sum] = {}

    def follow(self, past: Past) -> None:
        """Take in what has changed since the last time."""
        changed = past.conversation.changes.since(self._changes)
        if changed is None or not self._same_counting(past.laws):
            self._count_all(past)
            return
        self._changes = past.conversation.changes.count
        for item_id in changed:
            self._count(item_id, past.conversation.get(item_id), past)

    def tokens(self, kind: str | None = None) -> int:
        """Of one kind, or of all."""
        return sum(map(self._tokens, self._sums.values() if kind is None else filter(None, [self._sums.get(kind)])))

    def exchanges(self, kind: str) -> int:
        """How many exchanges the items of this kind belong to."""
        return len(self._sums[kind].exchanges) if kind in self._sums else 0

    def of(self, item_id: str) -> int | None:
        """Tokens of one item; None if it is not counted."""
        one = self._held.get(item_id)
        return None if one is None else one.tokens + self._framed(one.framing)

    def passes(self, mark: int, past: Past) -> bool:
        """Whether all of it comes to more than `mark`.

        Items that were pinned meanwhile may count no more, and nobody tells us of pins. So they are looked for
        once, when the mark is passed.
        """
        if self.tokens() <= mark:
            self._sure = False
        elif not self._sure:
            self._count_all(past)
            self._sure = True
        return self.tokens() > mark

    def _same_counting(self, laws: Laws) -> bool:
        """Whether what is counted still holds by these laws, which are in force from now on."""
        if laws is self._laws:
            return True
        self._laws, before, self._counting = laws, self._counting, replace(laws, **_UNCOUNTED)
        return before == self._counting

    def _count_all(self, past: Past) -> None:
        self._held.clear()
        self._sums.clear()
        self._changes = past.conversation.changes.count
        for item in past.conversation:
            self._count(item.id, item, past)

    def _count(self, item_id: str, item: Item | None, past: Past) -> None:
        before = self._held.pop(item_id, None)
        if before is not None:
            self._sums[before.kind].add(before, -1)
        kind = self._kind_of(item, past) if item is not None else None
        if item is None or kind is None:
            return
        law, size = framing(item), item_tokens(item, past.laws)
        tokens = size.text + size.audio + size.image - self._framed(law)
        one = self._held[item_id] = _Counted(kind, tokens, law, past.exchanges.number(item_id))
        self._sums.setdefault(kind, _Sum()).add(one, 1)

    def _tokens(self, of: _Sum) -> int:
        return of.tokens + sum(self._framed(law) * count for law, count in of.framings.items())

    def _framed(self, law: str | None) -> int:
        return getattr(self._laws, law) if law is not None else 0
