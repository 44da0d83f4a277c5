"""What the service has yet to bill: whoever hangs up before that has used something that no row tells of.

A bill may be on its way before there is anything to see of it. A `response.create` the service has not got round to, a
turn it has heard the end of and will answer by itself, sound it has been told to take and will write down: each counts
from the moment somebody said it. What runs is in the mirror (`Conversation.responses`).

What is not answered is not waited for without end. What is answered in a way nobody recognises is waited for a while in
vain, which costs a moment at the end of a session; the other way round it would cost a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from laconic import events as ev
from laconic.conversation import Conversation

__all__ = ["Outstanding"]

_RESPONSE_S = 10.0
"""How late a service may be to begin a response, or to take the sound it was told to."""
_TRANSCRIPT_S = 60.0
"""How late it may be to have written down what was said."""

_What = Literal["response", "aside", "commit"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Something asked for that the service has not answered. `aside`: a response beside the conversation."""

    what: _What
    event_id: str | None
    until: float


class Outstanding:
    """One session's. True while a bill may yet come."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._asked: list[_Asked] = []
        self._turns: dict[str, float] = {}  # that the service answers by itself
        self._unwritten: dict[str, float] = {}  # items that are being transcribed

    def __bool__(self) -> bool:
        return self.responding or bool(self._asked or self._unwritten)

    @property
    def responding(self) -> bool:
        """Whether a response runs or is about to, in the conversation or beside it."""
        about_to = self._turns or any(asked.what != "commit" for asked in self._asked)
        return bool(self._conversation.responses or about_to)

    @property
    def deadline(self) -> float | None:
        """When the next of it is late."""
        waits = (*(asked.until for asked in self._asked), *self._turns.values(), *self._unwritten.values())
        return min(waits, default=None)

    def said(self, event: ev.Event, now: float) -> None:
        """The app's words, or ours, go to the service."""
        match event:
            case ev.ResponseCreate(response=own):
                what = "aside" if (own or {}).get("conversation") == "none" else "response"
                self._asked.append(_Asked(what, event.event_id, now + _RESPONSE_S))
            case ev.InputAudioBufferCommit() if self._conversation.transcription_model is not None:
                self._asked.append(_Asked("commit", event.event_id, now + _RESPONSE_S))
            case _:
                pass

    def read(self, event: ev.Event, now: float) -> None:
        """The service said this. To be told before the mirror is."""
        match event:
            case ev.ResponseCreated(response=response) | ev.ResponseDone(response=response):
                if response.get("id", "") not in self._conversation.responses:  # some services tell of the end alone
                    aside = "conversation_id" in response and response["conversation_id"] is None
                    self._answered("aside" if aside else "response")
            case (
                ev.InputAudioBufferSpeechStopped(item_id=item_id) | ev.InputAudioBufferTimeoutTriggered(item_id=item_id)
            ):
                if self._conversation.answers_by_itself:
                    self._turns[item_id] = now + _RESPONSE_S
            case ev.InputAudioBufferCommitted(item_id=item_id):
                self._answered("commit")
                if self._conversation.transcription_model is not None:
                    self._unwritten[item_id] = now + _TRANSCRIPT_S
            case ev.InputAudioTranscriptionCompleted(item_id=item_id, status=status):
                if status != "in_progress":
                    self._unwritten.pop(item_id, None)
            case ev.InputAudioTranscriptionFailed(item_id=item_id):
                self._unwritten.pop(item_id, None)
            case ev.Error(error=error):
                self._refused(error)
            case _:
                pass

    def expire(self, now: float) -> None:
        """What has not come by now will not come."""
        self._asked = [asked for asked in self._asked if asked.until > now]
        for waiting in (self._turns, self._unwritten):
            for item_id in [item_id for item_id, until in waiting.items() if until <= now]:
                del waiting[item_id]

    def _answered(self, what: _What) -> None:
        """The oldest of its kind has its answer. The service's own idea comes before what it was asked for: if both
        were to be, the second is refused."""
        if what == "response" and self._turns:
            del self._turns[next(iter(self._turns))]
            return
        asked = next((asked for asked in self._asked if asked.what == what), None)
        if asked is not None:
            self._asked.remove(asked)

    def _refused(self, error: ev.ErrorDetail) -> None:
        """An error answers what it names. One that names nothing may be about a response, or about a commit."""
        if error.event_id is not None:
            self._asked = [asked for asked in self._asked if asked.event_id != error.event_id]
        elif error.code == "input_audio_buffer_commit_empty":
            self._answered("commit")
        elif error.code == "conversation_already_has_active_response" or (error.param or "").startswith("response"):
            self._answered("response")
