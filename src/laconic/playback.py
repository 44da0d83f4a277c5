"""How much of a reply has been heard, and what follows from it for the conversation.

The service makes speech several times faster than it plays and believes that all of it was heard. Only the
speaker knows better. When playback is stopped the reply is truncated where the sound stopped leaving the
speaker, so that the model does not remember words nobody heard; where nothing left it, the item is deleted,
because truncating to 0 ms is refused (livekit#6157, agents-python#4122). So is truncating beyond the sound
received: the cut is clamped.

A truncation takes the whole transcript with it, so the words that were heard are kept here. Which ones they are is
an estimate: words are taken to be spread evenly over the sound, and never further than the words that had come when
that much sound had come (a transcript runs ahead of its sound in every recording). Only whole words count.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from laconic.conversation import Conversation
from laconic.edits import Delete, Edit, Truncate

__all__ = ["Playback", "heard_words"]

_NEARLY_ALL_MS = 100
"""A reply heard up to here before its end is heard: its last frames may still be in the device."""


@dataclass(slots=True)
class Playback:
    """What the speaker reported of replies that are still in the conversation."""

    reported: bool = False
    """Whether anybody reports what the speaker does."""
    _stopped: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    _heard: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])  # of replies still playing
    _came: dict[str, list[tuple[int, int]]] = field(default_factory=dict[str, list[tuple[int, int]]])
    _words: dict[str, str] = field(default_factory=dict[str, str])

    def sounded(self, item_id: str) -> None:
        """Sound of this item arrived: it will play."""
        self._heard.setdefault(item_id, {})

    def worded(self, item_id: str, received_ms: int, length: int) -> None:
        """When this much sound had come, so many characters of the transcript had."""
        self._came.setdefault(item_id, []).append((received_ms, length))

    def heard(self, item_id: str, content_index: int, ms: int) -> None:
        """The speaker has played this much of a part."""
        self.reported = True
        if item_id in self._heard:
            self._heard[item_id][content_index] = ms

    def stopped(self, item_id: str, content_index: int, ms: int) -> None:
        """Playback of this part ended here for good, `ms` of it heard."""
        self.reported = True
        self._heard.pop(item_id, None)
        self._stopped.setdefault(item_id, {})[content_index] = max(0, ms)

    def playing(self, item_id: str, conversation: Conversation) -> bool:
        """Whether a reply is still sounding, or its cut is still to be made."""
        if item_id in self._stopped:
            return True
        item = conversation.get(item_id)
        if item_id not in self._heard or item is None or not self.reported:
            return False
        heard = self._heard[item_id]
        left = [part.audio_ms - heard.get(index, 0) for index, part in enumerate(item.parts) if part.is_audio]
        if any(ms > _NEARLY_ALL_MS for ms in left):
            return True
        del self._heard[item_id]
        return False

    def words(self, item_id: str) -> str | None:
        """The words heard of a reply that was cut; None if it was not."""
        return self._words.get(item_id)

    def forget(self, item_id: str) -> None:
        """The item left the conversation."""
        for known in (self._stopped, self._heard, self._came, self._words):
            known.pop(item_id, None)

    def cuts(self, conversation: Conversation) -> list[Edit]:
        """The edits due for stopped items that are complete now. Each is returned once."""
        due: list[Edit] = []
        for item_id, parts in list(self._stopped.items()):
            item = conversation.get(item_id)
            if item is not None and item.in_progress:
                continue
            del self._stopped[item_id]
            if item is None:
                continue
            received = {index: part.audio_ms for index, part in enumerate(item.parts) if part.kind == "output_audio"}
            if not any(parts.get(index, ms) for index, ms in received.items()):
                due.append(Delete(item_id, "not heard"))
                continue
            for index, ms in parts.items():
                if ms >= received.get(index, 0):
                    continue
                came = self._came.get(item_id, [])
                self._words[item_id] = heard_words(item.parts[index].text or "", came, ms, received[index])
                # A later part of an item that was heard in part cannot be deleted; one millisecond is the least cut.
                due.append(Truncate(item_id, index, max(1, ms)))
        return due


def heard_words(text: str, came: list[tuple[int, int]], heard_ms: int, received_ms: int) -> str:
    """The whole words of a transcript that were heard in `heard_ms` of `received_ms` of its sound.

    `came`: how many characters had come when how much sound had, in order of arrival.
    """
    length = len(text) * heard_ms // max(1, received_ms)
    later = bisect_right(came, (heard_ms, len(text)))
    if later:
        length = min(length, came[later - 1][1])
    if length >= len(text):
        return text
    if length and not text[length].isspace() and text[:length].isascii():
        length = text.rfind(" ", 0, length) + 1  # no half words, where words have blanks between them
    return text[:length].rstrip()
