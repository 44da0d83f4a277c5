"""An exchange that is written down, and a service that does what it is told, for tests of what the app does then.

Actions are taken as they come: `sent` to the service, `told` to the app, `noticed` by the caller.
"""

from __future__ import annotations

import json
from typing import Any

from playbook import counter

from laconic.session import Action, Session, ToApp, ToService

__all__ = ["SAID", "Noted", "noted"]

Wire = dict[str, Any]
SAID = "On the island, behind the old harbour."
ADDED, DELETED = "conversation.item.added", "conversation.item.deleted"
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
LISTENS: Wire = {"type": "realtime", "audio": {"input": {"turn_detection": None, "transcription": {"model": "w"}}}}


class Noted:
    """A question and a reply of two seconds, about to be written down."""

    def __init__(self, memory: str, **options: Any) -> None:
        self.session = Session(memory=memory, ids=counter(), **options)
        self.sent: list[Wire] = []
        self.told: list[Wire] = []
        self.noticed: list[Action] = []
        self.says("session.created", session=LISTENS)
        question = {"id": "u", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        self.says(ADDED, item=question, previous_item_id=None)
        self.says(TRANSCRIBED, item_id="u", content_index=0, transcript="Where is it?")
        response = {"id": "r1", "conversation_id": "conv", "status": "in_progress"}
        self.says("response.created", response=response)
        item = {"id": "a", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.says("response.output_item.added", response_id="r1", item=item)
        self.says(ADDED, item=item, previous_item_id="u")
        where = {"response_id": "r1", "item_id": "a", "content_index": 0}
        self.says("response.output_audio.delta", delta="A" * 128_000, **where)
        done = item | {"status": "completed", "content": [{"type": "output_audio", "transcript": SAID}]}
        self.says("conversation.item.done", item=done, previous_item_id=None)
        self.says("response.done", response=response | {"status": "completed", "output": [done]})

    def says(self, type: str, **fields: Any) -> None:
        self.session.from_service(json.dumps({"type": type, **fields}), 0.0)
        self.act()

    def app(self, type: str, **fields: Any) -> None:
        self.session.from_app(json.dumps({"type": type, **fields}), 0.0)
        self.act()

    def enters(self, item_id: str) -> None:
        """The app writes something, and the service has it."""
        content = [{"type": "input_text", "text": "Later."}]
        last = next(reversed(self.session.conversation)).id
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        self.says(ADDED, item=item, previous_item_id=last)

    def act(self) -> None:
        for action in self.session.actions():
            if isinstance(action, ToService):
                self.sent.append(json.loads(action.raw))
            elif isinstance(action, ToApp):
                self.told.append(json.loads(action.raw))
            else:
                self.noticed.append(action)

    def answer(self, *, appends: bool = False) -> None:
        """The service does what was sent, and says so. `appends`: whatever place was asked for (LocalAI)."""
        while self.sent:
            sent = self.sent.pop(0)
            match sent["type"].rpartition(".")[2]:
                case "create":
                    behind = next(reversed(self.session.conversation)).id if appends else sent["previous_item_id"]
                    self.says(ADDED, item=sent["item"], previous_item_id=None if behind == "root" else behind)
                case "delete" if sent["item_id"] in self.session.conversation:
                    self.says(DELETED, item_id=sent["item_id"])
                case "truncate" if sent["item_id"] in self.session.conversation:
                    self.says("conversation.item.truncated", **{key: sent[key] for key in
                              ("item_id", "content_index", "audio_end_ms")})  # fmt: skip
                case verb:
                    error = {"code": f"item_{verb}_invalid_item_id", "message": "no", "event_id": sent["event_id"]}
                    self.says("error", error=error)

    @property
    def held(self) -> list[str | None]:
        return [item.text for item in self.session.conversation]


def noted(memory: str, **options: Any) -> Noted:
    """And written down."""
    talk = Noted(memory, **options)
    talk.answer()
    talk.told.clear()
    return talk
