"""What a conversation tells of the user."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Known"]


@dataclass(slots=True)
class Known:
    """Facts and notes, as far as the items still say them."""

    facts: dict[str, str] = field(default_factory=dict[str, str])
    """`name`, `favorite color`, `dog's name`, …, and `home`, `birthplace`, `age`, `work`. Japanese keys as said."""
    notes: list[str] = field(default_factory=list[str])
    """What the user asked to remember."""

    def __bool__(self) -> bool:
        return bool(self.facts or self.notes)

    def learn(self, other: Known) -> None:
        self.facts |= other.facts
        self.notes += [note for note in other.notes if note not in self.notes]
