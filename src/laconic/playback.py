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
from typing import Any

from laconic.conversation import Conversation
from laconic.edits import Delete, Edit, Truncate
from laconic.items import Item

__all__ = ["Playback", "heard_words"]

_NEARLY_ALL_MS = 100
"""A reply heard up to here before its end is heard: its last frames may still be in the device."""
_REPLIES_FOLLOWED = 64
"""No speaker is further behind than that, even if it tells us nothing."""


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
        if item_id not in self._heard:
            self._heard[item_id] = {}
            _limit(self._heard)

    def worded(self, item_id: str, received_ms: int, length: int) -> None:
        """When this much sound had come, so many characters of the transcript had."""
        self._came.setdefault(item_id, []).append((received_ms, length))
        _limit(self._came)

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

    def followed(self, item_id: str) -> bool:
        """Whether the speaker has reported of this reply, not yet its end, and nothing newer has come to play."""
        return bool(self._heard.get(item_id)) and next(reversed(self._heard)) == item_id

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

    def unfinished(self) -> list[str]:
        """Replies that may still be playing, or are still to be cut."""
        return [*self._stopped, *self._heard]

    def cutting(self, item_id: str) -> bool:
        """Whether a reply was stopped and its cut is still to be made."""
        return item_id in self._stopped

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
            cut = {index: ms for index, ms in parts.items() if ms < received.get(index, 0)}
            self._keep_words(item, cut)
            # A later part of an item that was heard in part cannot be deleted; one millisecond is the least cut.
            due += [Truncate(item_id, index, max(1, ms)) for index, ms in cut.items()]
        return due

    def truncated(self, item_id: str, content_index: int, ms: int, conversation: Conversation) -> None:
        """The service is about to cut a reply, at our wish, the app's or its own: its words will be gone."""
        item = conversation.get(item_id)
        if item is not None and item_id not in self._words and content_index < len(item.parts):
            self._keep_words(item, {content_index: ms})

    def _keep_words(self, item: Item, cut: dict[int, int]) -> None:
        """Remember what was heard of a reply whose parts end at these milliseconds, if its words are known at all."""
        if not cut or not item.text:
            return
        # How words came is noted for the item as a whole, which has one part in every recording.
        came = self._came.get(item.id, []) if len(item.parts) == 1 else []
        heard = [
            heard_words(part.text or "", came, cut[index], part.audio_ms) if index in cut else part.text
            for index, part in enumerate(item.parts)
        ]
        self._words[item.id] = " ".join(words for words in heard if words)


def _limit(followed: dict[str, Any]) -> None:
    if len(followed) > _REPLIES_FOLLOWED:
        del followed[next(iter(followed))]


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
    while length and _within_word(text[length - 1]) and _within_word(text[length]):
        length -= 1
    return text[:length].rstrip()


def _within_word(letter: str) -> bool:
    """Whether words of this letter's script have blanks between them, so that a half one shows: not so from the
    Chinese radicals on, Japanese and Chinese among them."""
    return not letter.isspace() and letter < "\u2e80"
