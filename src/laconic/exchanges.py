"""Exchanges as a human counts them, and the ghost turns among them.

An exchange is what the human says until a reply is heard, plus that reply. Voice detection does not know this:
a pause in mid-sentence ends the turn, the service answers, the human goes on, and the answer is cancelled or cut
before anything was heard. Such a ghost turn does not end an exchange; what the human said before and after it
belongs together. In the recordings of the origin six of eight responses were of this kind.

A reply is heard once any of its sound has left the speaker. Where nobody reports what the speaker does (a
client that does not tell us), a completed reply is taken as heard; a text reply counts as read when complete.
A response that only calls functions answers nobody.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from laconic.items import Item

__all__ = ["Exchanges"]

_REPLIES_KEPT = 64


@dataclass(slots=True)
class _Reply:
    response_id: str
    exchange: int
    sounding: set[str] = field(default_factory=set[str])  # items with sound
    silenced: set[str] = field(default_factory=set[str])  # stopped with nothing heard
    heard: bool = False
    ghost: bool = False
    over: bool = False
    whole: bool = False  # completed, with sound


class Exchanges:
    """Gives every item the number of its exchange as it enters, counted from 1; 0 is before anybody spoke."""

    def __init__(self) -> None:
        self.ghost_turns = 0
        self._current = 0
        self._answered_for_sure = False
        self._answered_unless_reported = False
        self._reported = False
        self._numbers: dict[str, int] = {}
        self._replies: OrderedDict[str, _Reply] = OrderedDict()
        self._reply_of: dict[str, str] = {}

    @property
    def _answered(self) -> bool:
        return self._answered_for_sure or (self._answered_unless_reported and not self._reported)

    @property
    def _unreported(self) -> bool:
        """Whether a reply of this exchange ended of which the speaker never said a word, not even that it stopped.

        The caller goes on after it: it was heard. (An app that reported once may have stopped reporting.)
        """
        return any(
            reply.exchange == self._current and reply.whole and not reply.heard and not reply.silenced
            for reply in self._replies.values()
        )

    @property
    def count(self) -> int:
        """Exchanges that are complete: something was said and a reply to it was heard."""
        return self._current if self._answered else max(0, self._current - 1)

    @property
    def latest(self) -> int:
        """The number of the exchange under way, or of the last one if nobody has gone on."""
        return self._current

    def over(self, item_id: str) -> bool:
        """Whether an item's exchange is answered. That its reply has been heard to the end is another question."""
        number = self._numbers.get(item_id, 0)
        return number < self._current or self._answered

    def number(self, item_id: str) -> int | None:
        """Which exchange an item belongs to; None for an item never seen."""
        return self._numbers.get(item_id)

    def entered(self, item: Item, before: Item | None, after: Item | None) -> None:
        """An item entered the conversation between these neighbours."""
        if item.id in self._numbers:
            return
        if after is not None:  # written into the past: it belongs where it stands
            beside = before if before is not None else after
            self._numbers[item.id] = self._numbers.get(beside.id, 0)
            return
        if (
            item.type == "message"
            and item.role == "user"
            and (self._answered or self._unreported or self._current == 0)
        ):
            self._current += 1
            self._answered_for_sure = self._answered_unless_reported = False
        self._numbers[item.id] = self._current

    def written(self, item_id: str, of: str) -> None:
        """An item of ours will enter in place of another: it belongs to the same exchange."""
        self._numbers[item_id] = self._numbers.get(of, 0)

    def left(self, item_id: str) -> None:
        """An item left the conversation."""
        self._numbers.pop(item_id, None)

    def replying(self, response_id: str, item_id: str) -> None:
        """A response of the conversation began this item."""
        if response_id not in self._replies:
            self._replies[response_id] = _Reply(response_id, self._current)
            while len(self._replies) > _REPLIES_KEPT:  # ghosts that made no item entered uncounted
                dropped, _ = self._replies.popitem(last=False)
                self._reply_of = {item: reply for item, reply in self._reply_of.items() if reply != dropped}
        self._reply_of[item_id] = response_id

    def sounded(self, item_id: str) -> None:
        """The first sound of a reply's item arrived."""
        reply = self._reply(item_id)
        if reply is not None:
            reply.sounding.add(item_id)

    def heard(self, item_id: str, ms: int, stopped: bool) -> str | None:
        """The speaker played this much of an item. The response's id if this shows it to be a ghost turn."""
        self._reported = True
        reply = self._reply(item_id)
        if reply is None:
            return None
        if ms > 0:
            self._answer(reply)
        elif stopped:
            reply.silenced.add(item_id)
        return reply.response_id if self._haunted(reply) else None

    def responded(self, response_id: str, status: str, items: list[Item]) -> bool:
        """A response of the conversation is over, with these items. True if it was a ghost turn."""
        reply = self._replies.setdefault(response_id, _Reply(response_id, self._current))
        reply.over = True
        spoken = [item for item in items if item.type == "message" and any(part.is_audio for part in item.parts)]
        written = [item for item in items if item.type == "message" and item not in spoken and item.text]
        reply.sounding |= {item.id for item in spoken if item.audio_ms}
        if status == "completed" and written:
            self._answer(reply)
        elif status == "completed" and spoken and reply.exchange == self._current:
            self._answered_unless_reported = reply.whole = True
        if status == "cancelled" and not reply.sounding and not written:
            return self._ghost(reply)
        return self._haunted(reply)

    def _answer(self, reply: _Reply) -> None:
        reply.heard = True
        if reply.exchange == self._current:
            self._answered_for_sure = True

    def _haunted(self, reply: _Reply) -> bool:
        """A reply is a ghost turn once it is over and everything that sounded was stopped unheard."""
        unheard = reply.over and bool(reply.sounding) and reply.sounding <= reply.silenced
        return not reply.heard and unheard and self._ghost(reply)

    def _ghost(self, reply: _Reply) -> bool:
        if reply.ghost:
            return False
        reply.ghost = True
        self.ghost_turns += 1
        return True

    def _reply(self, item_id: str) -> _Reply | None:
        return self._replies.get(self._reply_of.get(item_id, ""))
