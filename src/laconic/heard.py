"""What the caller has said, from the end of a turn until it is written down.

A turn that voice detection has ended becomes an item of the conversation, after its commit or before. Then what its
transcription can cost is kept aside until that is billed; and the turn wants an answer. An item the app committed by
itself is written down as well, and answered when the app says so.
"""

from __future__ import annotations

from laconic import events as ev
from laconic.affording import Affording
from laconic.conversation import Conversation
from laconic.usage import TranscriptionUsage
from laconic.worst_case import Spend

__all__ = ["Heard"]


class Heard:
    """One session's. What is kept aside is kept in the account of `can`."""

    def __init__(self, can: Affording, conversation: Conversation) -> None:
        self._can, self._account, self._conversation = can, can.account, conversation
        self._turns: set[str] = set()  # voice detection ended them, and their items are on the way
        self._commits: set[str] = set()  # items made of the input's sound, which are written down

    def follow(self, event: ev.Event) -> bool:
        """The service said this, and the conversation has taken note of it. True if a turn is in that the service, if
        it answers turns by itself, answers now."""
        match event:
            case ev.InputAudioBufferSpeechStopped(item_id=item_id):
                self._turns.add(item_id)
            case ev.InputAudioBufferTimeoutTriggered(item_id=item_id):
                self._turns.add(item_id)
            case ev.InputAudioBufferCommitted(item_id=item_id):
                self._commits.add(item_id)
                return self._entered(item_id)
            case ev.ConversationItemAdded(item=wire):
                return self._entered(wire.get("id", ""))
            case ev.InputAudioTranscriptionFailed(item_id=item_id):
                self._account.release(_key(item_id))
            case _:
                pass
        return False

    def _entered(self, item_id: str) -> bool:
        item = self._conversation.get(item_id)
        if item is None or item_id not in self._commits:
            return False
        self._commits.discard(item_id)
        if (spend := self._can.hearing(item.audio_ms)) != Spend():  # what is not written down is never billed either
            self._account.reserve(_key(item_id), spend)
        turn = item_id in self._turns
        self._turns.discard(item_id)
        return turn

    def transcribed(self, item_id: str, usage: TranscriptionUsage | None, *, priced: bool) -> None:
        """An item was written down, and is on the meter as far as it could be priced."""
        kept = self._account.release(_key(item_id))
        if usage is not None:
            self._account.used(usage.text_in + usage.audio_in + usage.text_out)
        if not priced:
            self._account.estimate(kept if usage is None else Spend(kept.nanodollars))


def _key(item_id: str) -> str:
    return f"hearing {item_id}"
