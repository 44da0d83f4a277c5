"""What both dialects can say, for tests that hold one against the other."""

from __future__ import annotations

from typing import Any

__all__ = ["spoken"]

ONLY_GA = ("truncation", "tracing", "prompt", "include", "reasoning", "parallel_tool_calls", "image_tokens")


def spoken(event: dict[str, Any]) -> Any:
    """What of an event both dialects can say. Of `item.done` the predecessor is not to be trusted (recorded)."""
    bare = _bare(event)
    if event["type"] == "conversation.item.done":
        bare.pop("previous_item_id", None)
    return bare


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    dropped = (*ONLY_GA, "event_id", "obfuscation")
    return {key: _bare(one) for key, one in value.items() if key not in dropped}
