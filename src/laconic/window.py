"""`window:HIGH:LOW`: let the conversation grow to HIGH tokens, then cut it to LOW in one go.

Two marks and not one: a boundary that moves with every turn breaks the cached prefix with every turn, which at
today's prices costs more than forgetting saves (COST.md section 7). A deep cut breaks it once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from laconic.conversation import Conversation
from laconic.items import Item
from laconic.laws import Laws
from laconic.plans import Past, Plan, forget, forgettable
from laconic.tokens import item_tokens

__all__ = ["Sizes", "Window"]


class Sizes:
    """How many tokens each item is in the input, by the laws in force, reply sound included. Counted once an item:
    a memory asks for all of them whenever something happened."""

    def __init__(self) -> None:
        self._laws: Laws | None = None
        self._counting: Laws | None = None
        self._known: dict[str, tuple[object, int]] = {}

    def of(self, item: Item, past: Past) -> int:
        if past.laws is not self._laws:
            self._relearn(past.laws)
        # What may still change: a reply grows, a cut shortens it.
        form = (item.status, item.audio_ms, len(item.parts))
        known = self._known.get(item.id)
        if known is None or known[0] != form:
            tokens = item_tokens(item, past.laws)
            known = form, tokens.text + tokens.audio + tokens.image
            self._known[item.id] = known
            self._sweep(past.conversation)
        return known[1]

    def _relearn(self, laws: Laws) -> None:
        """Other laws; a hit rate changes the price of tokens and not their number."""
        counting = replace(laws, hit_rate=0.0, unverified=())
        if counting != self._counting:
            self._known.clear()
        self._laws, self._counting = laws, counting

    def _sweep(self, conversation: Conversation) -> None:
        if len(self._known) > 2 * len(conversation) + 64:
            self._known = {item_id: known for item_id, known in self._known.items() if item_id in conversation}


@dataclass(slots=True)
class Window:
    """Let the conversation grow to HIGH tokens, then cut it to LOW in one go: one broken cache prefix, not many.

    Pinned items are not counted, and the exchange under way is never cut.
    """

    high: int
    low: int | None = None
    """None: what the laws advise; a third of HIGH at a perfect cache, half of it where nothing is cached."""
    _sizes: Sizes = field(default_factory=Sizes, repr=False, compare=False)

    @property
    def name(self) -> str:
        return f"window:{self.high}" + (f":{self.low}" if self.low is not None else "")

    def plans(self, past: Past) -> Iterator[Plan]:
        if not past.supports("delete"):
            return
        sizes = [(item, self._sizes.of(item, past)) for item in past.conversation if not past.pinned(item)]
        total = sum(tokens for _, tokens in sizes)
        if total <= self.high:
            return
        low = self._low(past)
        surplus: list[Item] = []
        for item, tokens in sizes:
            if total <= low or not past.over(item):
                break
            total -= tokens
            surplus.append(item)
        yield from forget(forgettable(iter(surplus), past.conversation, past.kept))

    def _low(self, past: Past) -> int:
        """Where to cut to. The deeper the cut, the rarer it is; the more the cache hits, the more a cut costs and the
        rarer it should be (COST.md section 7: 79 turns to break even at a perfect cache, none at a dead one)."""
        if self.low is not None:
            return self.low
        return int(self.high * (1 / 2 - past.laws.hit_rate / 6))

    def why(self) -> str:
        return f"at {self.high} tokens the oldest are cut, as asked"
