"""Tests that read as the script of a conversation.

    script = Playbook(Session(memory="last:1", ids=counter()))
    (
        script
        >> service("conversation.item.added", item=said("a"))
        >> service("conversation.item.added", item=said("b"), previous_item_id="a")
        << to_service("conversation.item.delete", item_id="a", event_id=Placeholder("delete"))
        >> service("conversation.item.deleted", item_id="a")
        << Forgot("a", ...)
    )
    assert script

`>>` something happens, `<<` we expect this action, in order and none besides. What the service says is expected
to reach the app unless a step is marked `hidden`, so that only what matters has to be written. A `Placeholder`
matches anything the first time and must be the same from then on; `...` matches anything. On failure the whole
conversation is shown, what was expected beside what came. A playbook nobody asserted is an error.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from laconic.session import Action, Notice, Session, ToApp, ToService

Wire = dict[str, Any]


def counter(prefix: str = "ours_") -> Callable[[], str]:
    """A maker of ids: ours_1, ours_2, …"""
    numbers = iter(range(1, 1_000_000))
    return lambda: f"{prefix}{next(numbers)}"


USAGE: dict[str, Any] = {
    "total_tokens": 200,
    "input_tokens": 139,
    "output_tokens": 61,
    "input_token_details": {
        "text_tokens": 43,
        "audio_tokens": 96,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 64},
    },
    "output_token_details": {"text_tokens": 18, "audio_tokens": 43},
}
"""What a reply reports, for scripts that need some usage."""


class Placeholder:
    """Stands for a value that is found out on the first match."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: Any = None

    def __eq__(self, other: object) -> bool:
        if self.value is None:
            self.value = other
        return self.value == other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self.name}={self.value!r}>"


class NotOurs:
    """Whatever the app is told, it is no id of an item of ours."""

    def __eq__(self, other: object) -> bool:
        return not (isinstance(other, str) and other.startswith("ours_"))

    def __hash__(self) -> int:
        return id(self)


# --- what happens ------------------------------------------------------------------------------------------------


@dataclass
class Step:
    """Something happens. `text` is how it is shown when the script fails."""

    text: str
    do: Callable[[Session, float], object]
    passed_on: Wire | None = None
    """The service's message that the app is to receive."""
    wait_s: float = 0.0


def service(type: str, *, hidden: bool = False, seen: Wire | None = None, **fields: Any) -> Step:
    """The service says this. `hidden`: and the app must not hear it; `seen`: fields that it is told otherwise. Where it
    names an item of ours (`ours_…`) as an item's predecessor, the app must be told another."""
    event: Wire = {"type": type, **fields}
    raw = json.dumps(event)
    told = event | (seen or {})
    if str(told.get("previous_item_id")).startswith("ours_"):
        told["previous_item_id"] = NotOurs()
    return Step(f"service says {_short(event)}", lambda s, now: s.from_service(raw, now), None if hidden else told)


def app(type: str, **fields: Any) -> Step:
    """The app says this."""
    raw = json.dumps({"type": type, **fields})
    return Step(f"app says {_short(json.loads(raw))}", lambda session, now: session.from_app(raw, now))


def heard(item_id: str, ms: int, *, stopped: bool = False) -> Step:
    """The speaker reports."""
    text = f"speaker has played {ms} ms of {item_id}{', and stopped' if stopped else ''}"
    return Step(text, lambda session, now: session.heard(item_id, ms, now, stopped=stopped))


def wait(seconds: float) -> Step:
    """Time passes; the session is ticked when its deadline has come."""

    def tick(session: Session, now: float) -> None:
        if session.deadline is not None and session.deadline <= now:
            session.tick(now)

    return Step(f"{seconds} s pass", tick, wait_s=seconds)


def call(text: str, do: Callable[[Session, float], object]) -> Step:
    """Anything else the session's owner does."""
    return Step(text, do)


# --- what is expected --------------------------------------------------------------------------------------------


@dataclass
class Expected:
    """One action. `match` says whether it is this one."""

    text: str
    match: Callable[[Action], bool]


def to_service(type: str, **fields: Any) -> Expected:
    """A message to the service with at least these fields."""
    wanted: Wire = {"type": type, **fields}

    def match(action: Action) -> bool:
        return isinstance(action, ToService) and _covers(wanted, json.loads(action.raw))

    return Expected(f"to service: {_short(wanted)}", match)


def to_app(type: str, **fields: Any) -> Expected:
    """A message to the app with at least these fields; only needed where the script says it is not `passed_on`."""
    wanted: Wire = {"type": type, **fields}

    def match(action: Action) -> bool:
        return isinstance(action, ToApp) and _covers(wanted, json.loads(action.raw))

    return Expected(f"to app: {_short(wanted)}", match)


def notice(kind: type[Notice], /, **fields: Any) -> Expected:
    """A notice of this kind with at least these fields."""

    def match(action: Action) -> bool:
        return isinstance(action, kind) and all(getattr(action, name) == value for name, value in fields.items())

    return Expected(f"notice: {kind.__name__} {fields}", match)


def _covers(wanted: Any, found: Any) -> bool:
    if wanted is ...:
        return True
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _covers(value, found[key]) for key, value in wanted.items())
    return wanted == found


# --- the script --------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Playbook:
    """Collects a script; `assert` plays it. Steps are taken in order, time moves by `wait` only."""

    session: Session
    steps: list[Step | Expected] = field(default_factory=list[Step | Expected])
    now: float = 0.0
    played: bool = False
    shown: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        _open.append(self)

    def __rshift__(self, step: Step) -> Playbook:
        self.steps.append(step)
        self.played = False
        return self

    def __lshift__(self, expected: Expected) -> Playbook:
        self.steps.append(expected)
        self.played = False
        return self

    def __bool__(self) -> bool:
        """Play what has been added since the last time."""
        self.played = True
        steps, self.steps = self.steps, []
        came: list[Action] = []
        for step in steps:
            if isinstance(step, Expected):
                self._expect(step, came)
                continue
            self._nothing_left(came)
            self.now += step.wait_s
            self.shown.append(f">> {step.text}")
            step.do(self.session, self.now)
            came = list(self.session.actions())
            if step.passed_on is not None:
                self._expect(to_app(**step.passed_on), came)
        self._nothing_left(came)
        return True

    def _expect(self, expected: Expected, came: list[Action]) -> None:
        if not came:
            self._fail(f"<< expected  {expected.text}\n   but nothing came")
        if not expected.match(came[0]):
            self._fail(f"<< expected  {expected.text}\n   but came  {_show(came[0])}")
        self.shown.append(f"<< {_show(came.pop(0))}")

    def _nothing_left(self, came: list[Action]) -> None:
        if came:
            self._fail("<< came, but was not expected:\n" + "\n".join(f"   {_show(action)}" for action in came))

    def _fail(self, last: str) -> None:
        held = "\n".join(f"   {item.id} {item.type} {item.role} {item.status}" for item in self.session.conversation)
        pytest.fail("\n".join(["", *self.shown, last, "the conversation:", held or "   (empty)"]), pytrace=False)


_open: list[Playbook] = []


@pytest.fixture(autouse=True)
def playbooks_are_asserted() -> Iterator[None]:
    """A script that was written and never played is a test that cannot fail."""
    _open.clear()
    yield
    forgotten = [script for script in _open if not script.played or script.steps]
    assert not forgotten, "a playbook was never asserted"


def _short(event: Wire) -> str:
    return " ".join([event["type"], *(f"{key}={value!r}" for key, value in event.items() if key != "type")])[:300]


def _show(action: Action) -> str:
    match action:
        case ToService(raw):
            return f"to service: {_short(json.loads(raw))}"
        case ToApp(raw):
            return f"to app: {_short(json.loads(raw))}"
        case _:
            return f"notice: {type(action).__name__} {dataclasses.asdict(action)}"


# --- the usual things said ------------------------------------------------------------------------------------------


def user_item(item_id: str, text: str | None = None, status: str = "completed") -> Wire:
    """A spoken user item, as `conversation.item.added` shows it."""
    return {
        "id": item_id,
        "type": "message",
        "role": "user",
        "status": status,
        "content": [{"type": "input_audio", "transcript": text}],
    }


def reply_item(item_id: str, text: str = "", status: str = "completed") -> Wire:
    """A spoken reply, complete."""
    content = [] if status == "in_progress" else [{"type": "output_audio", "transcript": text}]
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}


def user_turn(script: Playbook, item_id: str, previous: str | None) -> Playbook:
    """The user speaks for two seconds and is heard by the service."""
    return (
        script
        >> service("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=1000)
        >> service("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=3000)
        >> service("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
        >> service("conversation.item.added", item=user_item(item_id), previous_item_id=previous)
        >> service("conversation.item.done", item=user_item(item_id), previous_item_id=previous)
    )


def reply_begins(script: Playbook, response_id: str, item_id: str, previous: str, audio_ms: int) -> Playbook:
    """A response begins and sends this much sound (in ms; 100 ms is 4,800 bytes is 6,400 characters)."""
    response = {"id": response_id, "status": "in_progress", "conversation_id": "conv", "output": []}
    item = reply_item(item_id, status="in_progress")
    where: Wire = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
    script = (
        script
        >> service("response.created", response=response)
        >> service("response.output_item.added", response_id=response_id, item=item)
        >> service("conversation.item.added", item=item, previous_item_id=previous)
        >> service("response.content_part.added", part={"type": "audio", "transcript": ""}, **where)
    )
    if audio_ms:
        script = script >> service("response.output_audio.delta", delta="A" * (audio_ms * 64), **where)
    return script


def reply_done(response_id: str, item_id: str, status: str = "completed", **usage: Any) -> list[Step]:
    """The end of a response: the item, then the response itself (whose step may expect edits)."""
    item = reply_item(item_id, "Well.", "completed" if status == "completed" else "incomplete")
    response: Wire = {"id": response_id, "status": status, "conversation_id": "conv", "output": [item], **usage}
    return [
        service("conversation.item.done", item=item, previous_item_id=None),
        service("response.output_item.done", response_id=response_id, item=item),
        service("response.done", response=response),
    ]
