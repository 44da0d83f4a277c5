"""Brings a model back that has fallen into answering in writing.

Some models, once their history holds written answers of their own, go on answering in writing although sound is
asked for (openai-realtime-console#464, livekit#2471). Such a reply is taken back, the memory is made to write notes
instead of a dialogue, and the reply is asked for again, once, in the words in which it was asked for the first time.

All that takes a moment, in which the caller may go on. Then what he says now is to be answered and not what he said
before: the second asking is dropped as soon as a turn of his begins, or is being closed, or any other response is
asked for or begins. Where the service does not say when he speaks (no voice detection) nothing is asked for while
sound of his is waiting to be committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from laconic import events as ev
from laconic.edits import Delete
from laconic.items import Item, Wire
from laconic.plans import Memory, Past, Plan, Steps

__all__ = ["Drift"]

_UNANSWERED_S = 10.0
"""A request that began no response for so long began none at all."""


class Drift:
    """One conversation's. `begin` takes a plan."""

    def __init__(self, memory: Memory, past: Past, begin: Callable[[Plan], None]) -> None:
        self._memory, self._past, self._begin = memory, past, begin
        self._asked: deque[tuple[float, Wire]] = deque(maxlen=16)  # what went out and has begun nothing yet
        self._running: dict[str, Wire] = {}  # by response of the conversation: what asked for it
        self._again: Wire | None = None  # what is to be asked for again
        self._taking_back = False
        self._gone_on = False  # whether the caller or the app has gone on since the latest response began
        self._redone = 0  # the exchange whose reply was asked for again

    @property
    def pending(self) -> bool:
        """Whether a reply is being taken back or is to be asked for again: until then nothing else is forgotten, since
        the question has not been answered."""
        return self._taking_back or self._again is not None

    # --- who asked for what ------------------------------------------------------------------------------------

    def asked(self, raw: ev.Raw, now: float) -> None:
        """This `response.create` goes to the service; it is for the conversation."""
        self.drop()
        self._asked.append((now + _UNANSWERED_S, ev.wire(raw)))

    def said(self, event: ev.Event) -> None:
        """The app says this: perhaps it closes a turn, or calls a reply off."""
        match event:
            case ev.InputAudioBufferCommit() | ev.ResponseCancel():
                self.drop()
            case ev.ConversationItemCreate(item=item) if item.get("role") == "user":
                self.drop()
            case _:
                pass

    def read(self, event: ev.Event, now: float) -> None:
        """The service says this, of nothing that we wrote."""
        match event:
            case ev.ResponseCreated(response=response):
                if "conversation_id" not in response or response["conversation_id"] is not None:
                    self.drop()
                    self._gone_on = False
                    self._running[response.get("id") or ""] = self._request(now)
            case ev.InputAudioBufferSpeechStarted() | ev.InputAudioBufferCommitted():
                self.drop()
            case ev.ConversationItemAdded(item=item) if item.get("role") == "user":
                self.drop()
            case ev.Error(error=error):
                self._refused(error)
            case _:
                pass

    def _request(self, now: float) -> Wire:
        """What asked for the response that begins; a plain request for one that the service makes by itself."""
        while self._asked:
            until, request = self._asked.popleft()
            if until > now:
                return request
        return {}

    def _refused(self, error: ev.ErrorDetail) -> None:
        """By event id; an error that names none may be about a response, and is then about the oldest."""
        about = error.code == "conversation_already_has_active_response" or (error.param or "").startswith("response")
        for asked in self._asked:
            named = asked[1].get("event_id") == error.event_id
            if named if error.event_id is not None else about:
                self._asked.remove(asked)
                return

    # --- a reply that drifted ------------------------------------------------------------------------------------

    def responded(self, response: Wire, items: list[Item]) -> None:
        """A response of the conversation is over, with these items."""
        request = self._running.pop(response.get("id") or "", {})
        asked = response.get("output_modalities") or response.get("modalities") or ()
        if "audio" not in asked or response.get("status") != "completed" or not items:
            return
        number = self._past.exchanges.number(items[-1].id) or 0
        if number != self._redone and all(map(_is_written_reply, items)):
            self._begin(Plan(frozenset(item.id for item in items), self._take_back(items, number, request)))

    def _take_back(self, items: list[Item], number: int, request: Wire) -> Steps:
        """Delete a written reply and stop writing dialogues; then it may be asked for again."""
        self._past.say(
            "a reply came in writing though sound was asked for; it is taken back, and asked for again unless you go on"
        )
        self._redone, self._taking_back = number, True
        self._again = None if self._gone_on or self._past.conversation.user_speaking else request
        yield [Delete(item.id, "drift") for item in items]
        switch: Callable[[Past], Steps] | None = getattr(self._memory, "to_notes", None)
        if switch is not None:
            yield from switch(self._past)
        self._taking_back = False

    def drop(self) -> None:
        """It is not asked for again: the conversation has gone on."""
        self._again, self._gone_on = None, True

    def due(self) -> Wire | None:
        """What is to be asked for again now. It stays due until it is `asked`, or dropped."""
        conversation = self._past.conversation
        if self._taking_back or self._again is None:
            return None
        if not conversation.hears_turns and conversation.input.uncommitted_ms:
            return None
        own: Wire = self._again.get("response") or {}
        if not all(item_id in conversation for item_id in _references(own)):
            self.drop()  # it was to read what is not there any more
            return None
        return {"type": "response.create"} | ({"response": own} if own else {})


def _references(own: Wire) -> list[Any]:
    """The items that the input of a response refers to."""
    entries = cast("list[Any]", own.get("input") or [])
    return [entry.get("id") for entry in entries if isinstance(entry, dict) and entry.get("type") == "item_reference"]


def _is_written_reply(item: Item) -> bool:
    return item.type == "message" and bool(item.parts) and all(part.kind == "output_text" for part in item.parts)
