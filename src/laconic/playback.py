"""How much of a reply has been heard, and what follows from it for the conversation.

The service makes speech several times faster than it plays and believes that all of it was heard. Only the
speaker knows better. When playback is stopped the reply is truncated where the sound stopped leaving the
speaker, so that the model does not remember words nobody heard; where nothing left it, the item is deleted,
because truncating to 0 ms is refused (livekit#6157, agents-python#4122). So is truncating beyond the sound
received: the cut is clamped.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from laconic.conversation import Conversation
from laconic.edits import Delete, Edit, Truncate

__all__ = ["Playback"]


@dataclass(slots=True)
class Playback:
    """What the speaker reported, for items whose playback was stopped and not yet settled."""

    _heard: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])

    def stopped(self, item_id: str, content_index: int, ms: int) -> None:
        """Playback of this part ended here for good, `ms` of it heard."""
        self._heard.setdefault(item_id, {})[content_index] = max(0, ms)

    def forget(self, item_id: str) -> None:
        """The item left the conversation, or its cut is settled."""
        self._heard.pop(item_id, None)

    def cuts(self, conversation: Conversation) -> list[Edit]:
        """The edits due for stopped items that are complete now. Each is returned once."""
        due: list[Edit] = []
        for item_id, parts in list(self._heard.items()):
            item = conversation.get(item_id)
            if item is not None and item.in_progress:
                continue
            del self._heard[item_id]
            if item is None:
                continue
            received = {index: part.audio_ms for index, part in enumerate(item.parts) if part.kind == "output_audio"}
            if not any(parts.get(index, ms) for index, ms in received.items()):
                due.append(Delete(item_id, "not heard"))
                continue
            # A later part of an item that was heard in part cannot be deleted; one millisecond is the least cut.
            due.extend(
                Truncate(item_id, index, max(1, ms)) for index, ms in parts.items() if ms < received.get(index, 0)
            )
        return due
