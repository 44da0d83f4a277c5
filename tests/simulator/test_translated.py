"""App, session and stand-in, joined in memory: an app of one dialect on a service of the other.

It must hear, event for event, what it would have heard from a service of its own dialect.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from doubles import Line, quiet, say
from playbook import counter
from spelling import spoken

from laconic.dialects import Dialect
from laconic.session import Session, ToApp, ToService
from laconic.simulator.habits import Habits
from laconic.simulator.minds.reply import Reply
from laconic.translation import AppSide

Wire = dict[str, Any]


class Through(Line):
    """An app's end of a line that goes through a session, each side in a dialect of its own."""

    def __init__(self, app: Dialect, service: Dialect, *replies: Reply | str, memory: str = "everything") -> None:
        self.session = Session(ids=counter(), memory=memory)
        self.side = AppSide(app, service)
        super().__init__(*replies, habits=Habits(dialect=service))

    def send(self, name: str, **fields: Any) -> list[Wire]:
        self.session.from_app(self.side.to_session(json.dumps({"type": name, **fields})), self.now)
        return self._take()

    def _take(self) -> list[Wire]:
        found: list[Wire] = []
        while True:
            for message in self.service.outbox():
                self.session.from_service(message, self.now)
            actions = list(self.session.actions())
            if not actions:
                break
            for action in actions:
                if isinstance(action, ToService):
                    self.service.receive(action.raw, self.now)
                elif isinstance(action, ToApp):
                    found += [json.loads(raw) for raw in self.side.to_app(action.raw)]
        self.log += found
        return found


TOOLS = [{"type": "function", "name": "get_weather", "parameters": {}}]
CALL = Reply(text="", calls=(("get_weather", {"city": "Oslo"}),))


def talked(line: Line, app: Dialect) -> list[Wire]:
    """A conversation as an app of that dialect holds it: speech, a tool, a barge-in, edits, mistakes; what it hears."""
    if app == "ga":
        line.update(tools=TOOLS, audio={"input": {"transcription": {"model": "whisper-1"}}})
    else:
        line.send("session.update", session={"tools": TOOLS, "input_audio_transcription": {"model": "whisper-1"}})
    line.append(say("Hello there.") + quiet(800))
    line.finish()
    [reply] = [event["item"] for event in line.log if event["type"] == "response.output_item.done"]
    line.send("conversation.item.truncate", item_id=reply["id"], content_index=0, audio_end_ms=300)
    line.send("conversation.item.retrieve", item_id=reply["id"])
    kind = "output_text" if app == "ga" else "text"
    earlier = {"id": "earlier", "type": "message", "role": "assistant", "content": [{"type": kind, "text": "Hm."}]}
    line.send("conversation.item.create", item=earlier, previous_item_id="root")
    line.send("response.create")
    line.finish()
    calls = [event for event in line.log if event["type"] == "response.function_call_arguments.done"]
    output = {"type": "function_call_output", "call_id": calls[0]["call_id"], "output": "Foggy."}
    line.send("conversation.item.create", item=output)
    modalities = {"output_modalities": ["text"]} if app == "ga" else {"modalities": ["text"]}
    line.send("response.create", response=modalities)
    line.finish()
    line.send("response.create")
    line.wait(0.4)
    line.append(say("What now?"))  # over the reply
    line.append(quiet(800))
    line.finish()
    line.send("response.create", response={"conversation": "none", "metadata": {"a": "b"}})
    line.finish()
    line.send("conversation.item.delete", item_id="earlier")
    line.send("conversation.item.delete", item_id="nobody")
    line.send("conversation.item.create", item={"type": "message"})
    line.send("nonsense")
    return line.log


REPLIES: list[Reply | str] = [
    "Nice to meet you.",
    CALL,
    "It is foggy.",
    "Let me tell you a long story.",
    "What?",
    "Aside.",
]


@pytest.mark.parametrize("memory", ["everything", "written", "last:1"])
@pytest.mark.parametrize(("app", "service"), [("ga", "beta"), ("beta", "ga")])
def test_an_app_hears_the_same_from_a_service_of_the_other_dialect(app: Dialect, service: Dialect, memory: str) -> None:
    """The very same conversation, event for event, with a service of the app's own dialect and of the other.

    With `everything` it is held against an app that talks straight to the service; where items are written down or
    dropped meanwhile, against one whose session does the same.
    """
    if memory == "everything":
        direct = talked(Line(*REPLIES, habits=Habits(dialect=app)), app)
    else:
        direct = talked(Through(app, app, *REPLIES, memory=memory), app)
    through = talked(Through(app, service, *REPLIES, memory=memory), app)
    assert [spoken(event) for event in through] == [spoken(event) for event in direct]
    heard = {event["type"] for event in direct}
    assert {"response.function_call_arguments.done", "conversation.item.truncated", "error"} <= heard
    assert len([event for event in direct if event["type"] == "response.done"]) == 6


def test_sound_itself_arrives() -> None:
    """What the app appends is heard, and what it hears is the reply's sound, to the byte."""
    direct, through = Line("Fine.", habits=Habits(dialect="ga")), Through("ga", "beta", "Fine.")
    sounds: list[bytes] = []
    for line in (direct, through):
        line.append(say("How are you?") + quiet(800))
        line.finish()
        deltas = [event["delta"] for event in line.log if event["type"] == "response.output_audio.delta"]
        sounds.append(b"".join(base64.b64decode(delta) for delta in deltas))
    assert sounds[0] == sounds[1]
    assert len(sounds[0]) > 10_000
