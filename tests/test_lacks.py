"""What a service was found not to do, in an earlier talk or by a probe, is not tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playbook import counter

from laconic import events as ev
from laconic.laws import Laws
from laconic.session import Session, ToService

SESSION = {"type": "realtime", "model": "gpt-realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}


def talked(memory: str, *lacks: str) -> list[str]:
    """What a session asks of the service in six exchanges, the last of them cut short by the caller."""
    session = Session(ids=counter(), memory=memory, model="gpt-realtime", laws=Laws(lacks=lacks))
    sent: list[str] = []
    last: str | None = None

    def say(name: str, **fields: Any) -> None:
        session.from_service(json.dumps({"type": name, **fields}), 0.0)
        sent.extend(ev.wire(action.raw)["type"] for action in session.actions() if isinstance(action, ToService))

    def enter(item: dict[str, Any]) -> None:
        nonlocal last
        for name in ("added", "done"):
            say(f"conversation.item.{name}", previous_item_id=last, item=item)
        last = item["id"]

    say("session.created", session=SESSION)
    for number in range(6):
        user, reply, response = f"u{number}", f"a{number}", f"r{number}"
        message = {"type": "message", "status": "completed"}
        enter(message | {"id": user, "role": "user", "content": [{"type": "input_audio", "transcript": "Hello."}]})
        say("response.created", response={"id": response, "conversation_id": "c"})
        said = {"type": "output_audio", "transcript": "Hello to you."}
        item = message | {"id": reply, "role": "assistant", "content": [said]}
        say("response.output_item.added", response_id=response, item=item | {"status": "in_progress", "content": []})
        enter(item | {"status": "in_progress", "content": []})
        say("response.output_audio.delta", response_id=response, item_id=reply, content_index=0, delta="A" * 128_000)
        say("conversation.item.done", previous_item_id=user, item=item)
        say("response.done", response={"id": response, "status": "completed", "output": [item], "usage": None})
        session.heard(reply, 900, 0.0, stopped=number == 5)
    session.tick(0.0)
    sent.extend(ev.wire(action.raw)["type"] for action in session.actions() if isinstance(action, ToService))
    return sent


@pytest.mark.parametrize(
    ("memory", "lack", "edit"),
    [
        ("last:2", "delete", "conversation.item.delete"),
        ("last:2", "truncate", "conversation.item.truncate"),
        ("written", "create", "conversation.item.create"),
        ("written", "place", "conversation.item.create"),
        ("auto", "place", "conversation.item.create"),
    ],
)
def test_it_is_done_where_it_can_be_and_not_tried_where_it_cannot(memory: str, lack: str, edit: str) -> None:
    assert edit in talked(memory)
    assert edit not in talked(memory, lack)
