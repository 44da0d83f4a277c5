"""`select:N`: forget without deleting. Each response is shown only the N latest exchanges; the rest stays unread.

`response.create` may bring its own `input`, references to items that the conversation holds: the response reads
those and nothing else, and what it says still joins the conversation (CONV, custom context). Nothing is ever
deleted, and everything can be shown again later. It needs turns that the app asks for itself: with voice detection
that answers on its own, nobody asks us what to show. What it does to the bill is not known for sure (one trace
reports no audio tokens at all, COST.md section 2), so it is never chosen unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laconic.items import Wire
from laconic.plans import Past, Plan

__all__ = ["Select"]


@dataclass(slots=True)
class Select:
    """Show the N latest complete exchanges and the one under way."""

    n: int
    _told: bool = False

    @property
    def name(self) -> str:
        return f"select:{self.n}"

    def why(self) -> str:
        return f"each response reads the {self.n} latest exchanges, as asked; nothing is deleted"

    def plans(self, past: Past) -> Iterator[Plan]:
        if past.conversation.answers_by_itself and not self._told:
            self._told = True
            past.say("this service answers by itself, so nothing can be selected; switch create_response off for that")
        return iter(())

    def input(self, past: Past) -> list[Wire]:
        """References to what the next response shall read, in order."""
        oldest = past.exchanges.count - self.n
        return [
            {"type": "item_reference", "id": item.id}
            for item in past.conversation
            if past.pinned(item) or (past.exchanges.number(item.id) or 0) > oldest
        ]
