"""What the stand-in service answers, and out of what: only what its conversation holds at that moment."""

from __future__ import annotations

from laconic.errors import BadInput
from laconic.simulator.minds.facts import Facts
from laconic.simulator.minds.reply import Echo, HeardItem, Mind, Reply
from laconic.simulator.minds.scripted import BUILT_IN, Scripted
from laconic.simulator.minds.small_talk import SmallTalk

__all__ = ["Echo", "Facts", "HeardItem", "Mind", "Reply", "Scripted", "SmallTalk", "mind"]


def mind(name: str) -> Mind:
    """A mind by its name (`echo`, `small_talk`, `facts`), or one that follows the script at a path (`….toml`)."""
    if name in BUILT_IN:
        return BUILT_IN[name]()
    if name.endswith(".toml"):
        return Scripted(name)
    raise BadInput(f"There is no mind '{name}'; choose one of {', '.join(BUILT_IN)}, or give a script (a .toml file)")
