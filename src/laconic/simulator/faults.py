"""What can go wrong with a service, on purpose.

Each of these has been met: rejected edits and null event ids (livekit#7073, #3344), an edit that is silently not
done and never answered (Hugging Face speech-to-speech), a place that is not heeded (LocalAI), late answers,
duplicated items (livekit#4657), null usage, transcription that fails or never comes (recordings), the beta shape
refused (PROTOCOL.md section 2), a connection that drops, and something at the other end that speaks no Realtime at
all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

from laconic.errors import BadInput

__all__ = ["EDITS", "Fate", "Faults"]

EDITS = {
    "create": "conversation.item.create",
    "delete": "conversation.item.delete",
    "truncate": "conversation.item.truncate",
    "create-assistant": "conversation.item.create",
    "create-image": "conversation.item.create",
}
"""The edits a service may be unable to do. `create-assistant` is the creation of an assistant's words alone,
`create-image` that of items with a picture."""
Fate = Literal["done", "refuse", "ignore"]


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong in one connection. The default is nothing. Tests may change it while it runs."""

    refuse: set[str] = field(default_factory=set[str])
    """Edits, by the names of `EDITS`, answered with an error and not done."""
    ignore: set[str] = field(default_factory=set[str])
    """Edits neither done nor answered."""
    script: list[tuple[str, Fate]] = field(default_factory=list[tuple[str, Fate]])
    """The fates of the next edits, by kind, in order; each is used up. They come before `refuse` and `ignore`."""
    append_inserts: bool = False
    """`previous_item_id` is not heeded: every item is put at the end (LocalAI @82c191a)."""
    ack_late_ms: int = 0
    """The edit is done at once, its answer comes this much later."""
    null_error_event_id: bool = False
    """`error.event_id` says nothing about which event it answers."""
    duplicate_added: bool = False
    """Every `conversation.item.added` comes twice."""
    null_usage: bool = False
    transcription: Literal["works", "fails", "never"] = "works"
    drop_after: int | None = None
    """The connection is lost after so many events from the service."""
    refuse_beta_shape: bool = False
    """The connection is accepted, then turned away as one of the beta dialect."""
    stranger: bool = False
    """The far end speaks something else."""

    def fate(self, kind: str) -> Fate:
        """What happens to an edit of this kind."""
        for index, (scripted, fate) in enumerate(self.script):
            if scripted == kind:
                del self.script[index]
                return fate
        return "refuse" if kind in self.refuse else "ignore" if kind in self.ignore else "done"

    @classmethod
    def named(cls, names: Sequence[str]) -> Faults:
        """Read faults as the command line spells them: `refuse=delete`, `ack-late-ms=300`, `null-usage`. BadInput."""
        faults = cls()
        for name in names:
            key, _, value = name.partition("=")
            faults._set(key.replace("-", "_"), value, name)
        return faults

    def _set(self, key: str, value: str, name: str) -> None:
        if key in ("refuse", "ignore") and value in EDITS:
            getattr(self, key).add(value)
        elif key in ("ack_late_ms", "drop_after") and value.isdecimal():
            setattr(self, key, int(value))
        elif key == "transcription" and value in ("fails", "never"):
            self.transcription = value
        elif not value and key in {one.name for one in fields(self) if one.default is False}:
            setattr(self, key, True)
        else:
            raise BadInput(
                f"There is no fault '{name}'; choose refuse=EDIT, ignore=EDIT (EDIT is {'|'.join(EDITS)}), "
                "append-inserts, ack-late-ms=N, drop-after=N, transcription=fails|never, null-error-event-id, "
                "duplicate-added, null-usage, refuse-beta-shape or stranger"
            )
