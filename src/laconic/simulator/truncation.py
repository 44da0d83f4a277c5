"""Server truncation: which of the items a conversation holds the model still reads.

When what stands behind instructions and tools passes a limit, the oldest items leave the model's input for good, until
a share of the limit is left. They stay in the conversation, where they can be retrieved and deleted, and nothing is
reported: a client sees it only in the input tokens of the next response (PROTOCOL.md section 10). The limit is what the
model can take (`auto`), or what the session sets (`retention_ratio`), whichever is less.

Where the rules are unknown we chose: an output leaves together with the call it answers, the newest message is always
read, and a response that brings its own input is not truncated. Under `disabled` a response is refused; with which
code nobody has recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from laconic.items import Item, Wire
from laconic.simulator.rejected import Rejected

__all__ = ["Truncation"]


class Truncation:
    """What the model no longer reads of one conversation. `sizes` counts the tokens of items, in their order."""

    def __init__(self, sizes: Callable[[Sequence[Item]], Sequence[int]]) -> None:
        self._sizes = sizes
        self._left: set[str] = set()

    def read(self, items: Sequence[Item], setting: object, room: int) -> list[Item]:
        """The items a response reads now. `room`: how many tokens of items the model can take.

        Raises Rejected where they do not fit and truncation is disabled.
        """
        self._left.intersection_update(item.id for item in items)
        reads = [item for item in items if item.id not in self._left]
        limit, ratio = _marks(setting, room)
        sizes = self._sizes(reads)
        total = sum(sizes)
        if total <= limit:
            return reads
        if setting == "disabled":
            message = f"The conversation is {total} tokens long, {limit} fit, and truncation is disabled."
            raise Rejected(None, message, "truncation")
        calls: set[str] = set()
        for item, tokens in zip(reads[:-1], sizes, strict=False):
            orphan = item.type == "function_call_output" and item.call_id in calls
            if total <= limit * ratio and not orphan:
                continue
            self._left.add(item.id)
            total -= tokens
            if item.type == "function_call" and item.call_id is not None:
                calls.add(item.call_id)
        return [item for item in reads if item.id not in self._left]


def _marks(setting: object, room: int) -> tuple[int, float]:
    """The limit, and the share of it that stays."""
    if not isinstance(setting, dict):
        return room, 1.0
    given = cast(Wire, setting)
    limit = (given.get("token_limits") or {}).get("post_instructions")
    return room if limit is None else min(room, limit), given.get("retention_ratio", 1.0)
