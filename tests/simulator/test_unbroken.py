"""The app sees one unbroken conversation, whatever memory works underneath.

One app, twice: once it talks straight to the stand-in, once through a session whose memory deletes, writes down and
folds. It does the same things at the same moments in both: speaks, writes, retrieves, cuts and deletes items that may
be long gone, uses ids of its own, sends garbage, several messages at a time. It must receive the same events in the
same order. Ids are compared by what they name (the third item met, the second response); usage, rate limits, padding
and the sound of a retrieved item are left out, and the mind says the same in both.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from doubles import Ears, LoudTurns, Voice, Yes, quiet, say
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playbook import counter

from laconic.laws import prior
from laconic.session import Session, Summarise, ToApp, ToService
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.minds.reply import Reply
from laconic.simulator.responding import Pace
from laconic.simulator.service import Service

Wire = dict[str, Any]
Step = tuple[Any, ...]

MEMORIES = [
    "everything",
    "last:1",
    "last:2",
    "exchanges:1",
    "window:60:20",
    "written",
    "written:notes",
    "summary:60:20",
    "summary:30:10",
]
SENTENCES = ["Hello there.", "My name is Marco.", "Tell me a story, and take your time.", "What now?"]
PARTS = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


class App:
    """One client, and what it was told. Items are named by their place in the order in which it met them."""

    def __init__(self, service: Service, mind: Yes, session: Session | None) -> None:
        self.service, self.mind, self.session = service, mind, session
        self.now = 0.0
        self.log: list[Wire] = []
        self.items: list[str] = []
        self.calls: list[str] = []
        self.summaries: list[tuple[int, str]] = []
        self._names: dict[str, str] = {}
        self._outgoing: list[str] = []
        self.service.connected(0.0)
        self.move()

    # --- the wire ----------------------------------------------------------------------------------------------

    def send(self, type: str, **fields: Any) -> None:
        self.send_raw(json.dumps({"type": type, **fields}))

    def send_raw(self, raw: str) -> None:
        self._outgoing.append(raw)

    def move(self) -> None:
        """What the app has to say goes out, all at once; then everything travels until nothing does."""
        outgoing, self._outgoing = self._outgoing, []
        for raw in outgoing:
            if self.session is None:
                self.service.receive(raw, self.now)
            else:
                self.session.from_app(raw, self.now)
        while self._travel():
            pass

    def _travel(self) -> bool:
        moved = False
        if self.session is not None:
            for action in self.session.actions():
                moved = True
                match action:
                    case ToService(raw):
                        self.service.receive(raw, self.now)
                    case ToApp(raw):
                        self.hear(raw)
                    case Summarise(id=ask_id, text=text):
                        self.summaries.append((ask_id, text))
                    case _:
                        pass
        for raw in self.service.outbox():
            moved = True
            if self.session is None:
                self.hear(raw)
            else:
                self.session.from_service(raw, self.now)
        return moved

    def hear(self, raw: str | bytes) -> None:
        event = json.loads(raw)
        match event["type"]:
            case "conversation.item.added" | "conversation.item.created":
                if event["item"]["id"] not in self.items:
                    self.items.append(event["item"]["id"])
            case "response.function_call_arguments.done":
                self.calls.append(event["call_id"])
            case _:
                pass
        self.log.append(self.named(event))

    # --- comparing ---------------------------------------------------------------------------------------------

    def named(self, event: Wire) -> Wire:
        """The event with its ids told by what they name, without what may differ."""
        for field in ("event_id", "obfuscation", "rate_limits"):
            event.pop(field, None)
        if self.service.faults.null_error_event_id:  # ours tell it all the same
            event.get("error", {}).pop("event_id", None)
        event.get("response", {}).pop("usage", None)
        event.get("session", {}).pop("id", None)
        event.get("session", {}).pop("expires_at", None)
        if event["type"] == "conversation.item.retrieved":
            for part in event["item"].get("content", ()):
                part.pop("audio", None)
        event.pop("usage", None)
        found: Any = self._renamed(event)
        return found

    def _renamed(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self._renamed(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._renamed(inner, key) for inner in value]
        if isinstance(value, str) and key in ("id", "item_id", "previous_item_id", "response_id", "call_id",
                                              "conversation_id"):  # fmt: skip
            return self._names.setdefault(value, f"{key if key != 'previous_item_id' else 'id'}#{len(self._names)}")
        if isinstance(value, str) and key == "message":
            for one in sorted(self._names, key=len, reverse=True):
                value = value.replace(one, self._names[one])
        return value

    # --- what it does ------------------------------------------------------------------------------------------

    def item(self, at: int) -> str:
        return self.items[at % len(self.items)] if self.items else "item_never_was"

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += min(0.1, end - self.now)
            self.service.tick(self.now)
            if self.session is not None and self.session.deadline is not None and self.session.deadline <= self.now:
                self.session.tick(self.now)
            self.move()

    def speak(self, sentence: int, ms: int, pause: int) -> None:
        pcm = say(SENTENCES[sentence], ms) + quiet(pause)
        for at in range(0, len(pcm), 96 * 48):
            chunk = pcm[at : at + 96 * 48]
            self.send("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
            self.wait(len(chunk) / 48_000)

    def exchange(self, sentence: int) -> None:
        self.speak(sentence, 960, 700)
        self.wait(3.0)

    def write(self, role: str, place: str, at: int, own_id: str) -> None:
        item: Wire = {"type": "message", "role": role, "content": [{"type": PARTS[role], "text": SENTENCES[at % 4]}]}
        if own_id != "none":
            item["id"] = {"new": f"mine_{at}", "known": self.item(at), "long": "x" * 33}[own_id]
        where: Wire = {"null": None, "root": "root", "some": self.item(at), "never": "item_never_was"}
        behind = {"previous_item_id": where[place]} if place in where else {}
        self.send("conversation.item.create", item=item, event_id=f"e{at}", **behind)

    def record(self, at: int) -> None:
        sound = base64.b64encode(say(SENTENCES[at % 4], 500)).decode()
        self.send("conversation.item.create", item={"type": "message", "role": "user",
                                                    "content": [{"type": "input_audio", "audio": sound}]})  # fmt: skip

    def delete(self, at: int) -> None:
        self.send("conversation.item.delete", item_id=self.item(at), event_id=f"d{at}")

    def truncate(self, at: int, ms: int) -> None:
        self.send("conversation.item.truncate", item_id=self.item(at), content_index=0, audio_end_ms=ms)

    def retrieve(self, at: int) -> None:
        self.send("conversation.item.retrieve", item_id=self.item(at))

    def ask(self, kind: str, at: int) -> None:
        response: Wire = {"metadata": {"at": str(at)}} if at % 2 else {}
        if kind == "text":
            response["output_modalities"] = ["text"]
        elif kind == "beside":
            response["conversation"] = "none"
        elif kind == "referring":
            response["input"] = [{"type": "item_reference", "id": self.item(one)} for one in (at, at + 1, at)]
        elif kind == "nowhere":
            response["input"] = [{"type": "item_reference", "id": one} for one in (self.item(at), "item_never_was")]
        self.send("response.create", response=response)

    def cancel(self) -> None:
        self.send("response.cancel")

    def commit(self) -> None:
        self.send("input_audio_buffer.commit")

    def clear(self) -> None:
        self.send("input_audio_buffer.clear")

    def call(self) -> None:
        self.mind._replies.append(Reply(text="", calls=(("get_weather", {"city": "London"}),)))  # pyright: ignore[reportPrivateUsage]

    def answer(self, at: int) -> None:
        if self.calls:
            item = {"type": "function_call_output", "call_id": self.calls[at % len(self.calls)], "output": "Foggy."}
            self.send("conversation.item.create", item=item)

    def update(self, detection: bool) -> None:
        turns = {"type": "server_vad", "silence_duration_ms": 200, "create_response": detection}
        self.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": turns}}})

    def garbage(self, at: int) -> None:
        self.send_raw(GARBAGE[at % len(GARBAGE)].replace("ITEM", self.item(at)))

    def sum_up(self, comes: bool) -> None:
        """Only where there is a memory that wants it: the app knows nothing of this."""
        if self.session is None or not self.summaries:
            return
        ask_id, text = self.summaries.pop(0)
        if comes:
            self.session.summarise_inside(ask_id, "Sum it up.", self.now)
        else:
            self.session.summarised(ask_id, f"They spoke of {len(text)} letters.", self.now)


GARBAGE = [
    "not json",
    "[]",
    '{"type": 7}',
    '{"type": "conversation.item.of.tomorrow", "item_id": "ITEM"}',
    '{"type": "conversation.item.delete"}',
    '{"type": "conversation.item.delete", "item_id": 7}',
    '{"type": "conversation.item.truncate", "item_id": "ITEM"}',
    '{"type": "conversation.item.truncate", "item_id": "ITEM", "content_index": -1, "audio_end_ms": 100}',
    '{"type": "conversation.item.truncate", "item_id": "ITEM", "content_index": 7, "audio_end_ms": 100}',
    '{"type": "conversation.item.truncate", "item_id": "ITEM", "content_index": 0, "audio_end_ms": true}',
    '{"type": "conversation.item.create", "previous_item_id": "ITEM"}',
    '{"type": "conversation.item.create", "item": {"id": "ITEM"}}',
    '{"type": "conversation.item.create", "item": {"id": "ITEM", "type": "message", "role": "nobody"}}',
    '{"type": "conversation.item.create", "item": {"id": 7}, "previous_item_id": "ITEM"}',
    '{"type": "conversation.item.create", "previous_item_id": 7, "item": {"type": "message", "role": "user"}}',
    '{"type": "conversation.item.retrieve", "item_id": null}',
    '{"type": "response.create", "response": {"input": [{"type": "item_reference"}]}}',
    '{"type": "response.create", "response": {"input": "ITEM"}}',
    '{"type": "response.create", "response": {"input": [7, {"type": "item_reference", "id": "ITEM"}]}}',
    '{"type": "response.create", "response": {"colour": "red"}}',
]

places = st.integers(0, 40)
steps = st.one_of(
    st.tuples(st.just("exchange"), st.integers(0, 3)),
    st.tuples(st.just("exchange"), st.integers(0, 3)),
    st.tuples(st.just("speak"), st.integers(0, 3), st.sampled_from([200, 960]), st.sampled_from([100, 240, 700])),
    st.tuples(st.just("wait"), st.sampled_from([0.03, 0.5, 2.0, 6.0])),
    st.tuples(
        st.just("write"),
        st.sampled_from(["user", "system", "assistant"]),
        st.sampled_from(["end", "null", "root", "some", "some", "never"]),
        places,
        st.sampled_from(["none", "none", "new", "known", "long"]),
    ),
    st.tuples(st.just("record"), places),
    st.tuples(st.just("delete"), places),
    st.tuples(st.just("truncate"), places, st.sampled_from([0, 150, 300, 100_000])),
    st.tuples(st.just("retrieve"), places),
    st.tuples(st.just("ask"), st.sampled_from(["plain", "text", "beside", "referring", "nowhere"]), places),
    st.tuples(st.sampled_from(["cancel", "commit", "clear", "call"])),
    st.tuples(st.just("answer"), places),
    st.tuples(st.just("update"), st.booleans()),
    st.tuples(st.just("garbage"), places),
    st.tuples(st.just("sum_up"), st.booleans()),
)


def arms(memory: str, habits: Habits, faults: Callable[[], Faults], detection: Wire | None) -> tuple[App, App]:
    """The app without us, and the app with us between."""
    made: list[App] = []
    for session in (None, Session(memory=memory, ids=counter())):
        mind = Yes()
        service = Service(
            habits,
            ids=Ids(1),
            turns=LoudTurns,
            hearing=Ears(),
            composer=MindAndVoice(mind, Voice()),
            bill=Bill(prior("openai", habits.model), hits=lambda: 1.0),
            faults=faults(),
        )
        app = App(service, mind, session)
        audio = {"input": {"turn_detection": detection, "transcription": {"model": "gpt-4o-mini-transcribe"}}}
        app.send("session.update", session={"type": "realtime", "audio": audio})
        app.move()
        made.append(app)
    return made[0], made[1]


def compare(direct: App, through: App) -> None:
    for number, (one, other) in enumerate(zip(direct.log, through.log, strict=False)):
        if one != other:
            before = "\n".join(json.dumps(event)[:200] for event in direct.log[max(0, number - 12) : number])
            pytest.fail(f"{before}\ndirect:  {json.dumps(one)}\nthrough: {json.dumps(other)}", pytrace=False)
    longer = max(direct.log, through.log, key=len)
    rest = longer[min(len(direct.log), len(through.log)) :]
    whose = "direct" if longer is direct.log else "through"
    assert not rest, f"{whose} alone: {rest[:3]}"


@given(
    memory=st.sampled_from(MEMORIES),
    dialect=st.sampled_from(["ga", "ga", "beta"]),
    model=st.sampled_from(["gpt-realtime", "gpt-realtime-2.1"]),
    empty_item=st.booleans(),
    null_ids=st.booleans(),
    detection=st.sampled_from(
        [
            {"type": "server_vad", "silence_duration_ms": 200},
            {"type": "server_vad", "silence_duration_ms": 200, "interrupt_response": False},
            None,
        ]
    ),
    script=st.lists(st.tuples(st.booleans(), steps), min_size=4, max_size=30),
)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_the_app_sees_one_unbroken_conversation(
    memory: str,
    dialect: Any,
    model: str,
    empty_item: bool,
    null_ids: bool,
    detection: Wire | None,
    script: list[tuple[bool, Step]],
) -> None:
    habits = Habits(model=model, dialect=dialect, pace=Pace(empty_item=empty_item))
    direct, through = arms(memory, habits, lambda: Faults(null_error_event_id=null_ids), detection)
    for at_once, (name, *how) in script:
        for app in (direct, through):
            getattr(app, name)(*how)
            if not at_once:  # else it goes out together with what follows
                app.move()
    for app in (direct, through):
        app.wait(8.0)
    compare(direct, through)
    assert through.session is not None
    assert not through.session._wishes.waiting  # pyright: ignore[reportPrivateUsage]
