"""A talk on a budget, with both ends of it in the hand of the test: what the app says and what the service says."""

from __future__ import annotations

import base64
import json
from typing import Any

from playbook import counter

from laconic.actions import ToApp, ToService
from laconic.budget import Budget, Limit
from laconic.session import Session

__all__ = ["CHEAP", "VAD", "Talk", "Wire", "usage"]

Wire = dict[str, Any]
VAD: Wire = {"type": "server_vad", "create_response": True}
CHEAP: Wire = {"max_output_tokens": 100}
"""A reply of this length costs $0.0064 at most on gpt-realtime."""


def usage(text_in: int = 100, audio_in: int = 0, text_out: int = 10, audio_out: int = 40) -> Wire:
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {"text_tokens": text_in, "audio_tokens": audio_in},
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


class Talk:
    """A session with a budget, and both ends of it in the hand of the test."""

    def __init__(
        self,
        budget: str | Budget,
        detection: Wire | None = VAD,
        model: str = "gpt-realtime",
        transcription: str | None = None,
        begin: bool = True,
        **fields: Any,
    ) -> None:
        self.now = 0.0
        options = {key: fields.pop(key) for key in ("rates", "memory") if key in fields}
        self.session = Session(ids=counter(), budget=budget, model=model, **options)
        self.came: list[Any] = []
        sound: Wire = {"turn_detection": detection, "transcription": transcription and {"model": transcription}}
        self.settings: Wire = {"type": "realtime", "model": model, "max_output_tokens": "inf"} | fields
        self.settings["audio"] = {"input": sound}
        if begin:
            self.service("session.created", session=self.settings)

    # --- both ends -----------------------------------------------------------------------------------------------

    def service(self, type: str, **fields: Any) -> None:
        self.session.from_service(json.dumps({"type": type, **fields}), self.now)
        self.came += self.session.actions()

    def app(self, type: str, **fields: Any) -> None:
        self.session.from_app(json.dumps({"type": type, **fields}), self.now)
        self.came += self.session.actions()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.session.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.tick(self.now)
            self.came += self.session.actions()
        self.now = end

    def leased(self, unit: Any, amount: int, *, last: bool = False, of: Limit | None = None) -> None:
        self.session.leased(unit, amount, self.now, last=last, of=of)
        self.came += self.session.actions()

    def pressed(self, unit: Any) -> None:
        self.session.pressed(unit, self.now)
        self.came += self.session.actions()

    def take(self, kind: type[Any]) -> list[Any]:
        """The actions of this kind that have come; each is given out once."""
        found = [action for action in self.came if isinstance(action, kind)]
        self.came = [action for action in self.came if not isinstance(action, kind)]
        return found

    def sent(self, name: str | None = None) -> list[Wire]:
        """What went to the service."""
        messages = [json.loads(action.raw) for action in self.take(ToService)]
        return [message for message in messages if name in (None, message["type"])]

    def told(self, name: str = "error") -> list[Wire]:
        """What the app was told."""
        messages = [json.loads(action.raw) for action in self.take(ToApp)]
        return [message for message in messages if message["type"] == name]

    # --- what usually happens ------------------------------------------------------------------------------------

    def accept(self) -> list[Wire]:
        """The service takes the updates that were sent."""
        updates = self.sent("session.update")
        for update in updates:
            given = update["session"].get("audio", {}).get("input", {})
            self.settings = self.settings | {
                key: value for key, value in update["session"].items() if key not in ("audio", "type")
            }
            self.settings["audio"] = {"input": self.settings["audio"]["input"] | given}
            self.service("session.updated", session=self.settings)
        return updates

    def speaks(self, item_id: str, start: int = 1_000, ms: int = 2_000) -> None:
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}
        self.service("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=start)
        self.service("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=start + ms)
        self.service("input_audio_buffer.committed", item_id=item_id)
        self.service("conversation.item.added", item=item)
        self.service("conversation.item.done", item=item)

    def begins(self, response_id: str, **fields: Any) -> None:
        self.service("response.created", response={"id": response_id, "conversation_id": "c", **fields})

    def ends(self, response_id: str, used: Wire | None, ms: int = 0, **fields: Any) -> None:
        output: list[Wire] = []
        if ms:
            where = {"response_id": response_id, "item_id": f"{response_id}_item", "content_index": 0}
            item: Wire = {"id": f"{response_id}_item", "type": "message", "role": "assistant", "content": []}
            self.service("response.output_item.added", response_id=response_id, item=item | {"status": "in_progress"})
            self.service("conversation.item.added", item=item | {"status": "in_progress"})
            self.service("response.output_audio.delta", delta=base64.b64encode(bytes(48 * ms)).decode(), **where)
            content = [{"type": "output_audio", "transcript": "Yes."}]
            output.append(item | {"status": "completed", "content": content})
        response = {"id": response_id, "status": "completed", "conversation_id": "c", "output": output, "usage": used}
        self.service("response.done", response=response | fields)

    def spend(self, dollars: float) -> None:
        """A response costs so much."""
        self.begins(f"spends {dollars}")
        self.ends(f"spends {dollars}", usage(text_in=0, text_out=round(dollars * 62_500), audio_out=0))

    def sound(self, ms: int) -> None:
        self.app("input_audio_buffer.append", audio=base64.b64encode(bytes(48 * ms)).decode())
