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
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from doubles import Ears, LoudTurns, Voice, Yes, quiet, say
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from keeps import Shelf
from playbook import counter
from test_joined import told

from laconic.budget import Budget, limits
from laconic.folding import HEADING
from laconic.items import Item
from laconic.laws import prior
from laconic.session import Session, Summarise, ToApp, ToService
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.minds.reply import HeardItem, Reply
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
    "summary:20:5",
    "summary:20:5",
]
WRITTEN = [memory for memory in MEMORIES if memory.startswith(("written", "summary"))]
DETECTION = {"type": "server_vad", "silence_duration_ms": 200}
SUM_UP = "Sum it up."
PARTS = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


class Chatty(Yes):
    """Says something new each time, and of what it is to sum up every word."""

    said = 0

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        if instructions == SUM_UP:
            return Reply(text=items[-1].text or "")
        if self._replies:
            return self._replies.pop(0)
        self.said += 1
        return Reply(text=f"Reply{self.said}a reply{self.said}b.")


class App:
    """One client, and what it was told. Items are named by their place in the order in which it met them."""

    def __init__(self, service: Service, mind: Chatty, session: Session | None) -> None:
        self.service, self.mind, self.session = service, mind, session
        self.now = 0.0
        self.log: list[Wire] = []
        self.items: list[str] = []
        self.calls: list[str] = []
        self.summaries: list[tuple[int, str]] = []
        self.words: dict[str, set[str]] = {}
        """What it knows to have been said, by item."""
        self.unwanted: dict[str, bool] = {}
        """Words of items it deleted, and whether they were in a summary by then."""
        self.shortened: set[str] = set()
        self._said = 0
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
        self.service.tick(self.now)  # a message of ours may wake it earlier than it would wake by itself
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
                self.words[event["item"]["id"]] = unique(text_of(event["item"]))
            case "conversation.item.done" | "response.output_item.done" if event["item"]["id"] in self.words:
                self.words[event["item"]["id"]] |= unique(text_of(event["item"]))
            case "conversation.item.input_audio_transcription.completed" if event["item_id"] in self.words:
                self.words.setdefault(event["item_id"], set()).update(unique(event["transcript"]))
            case "conversation.item.truncated":
                self.shortened.add(event["item_id"])
            case "conversation.item.deleted":
                self.shortened.add(event["item_id"])  # used again, it may get a late transcript of its former self
                for word in self.words.pop(event["item_id"], ()):
                    self.unwanted[word] = any(word in unique(item.text) for item in self.held if is_summary(item))
            case "response.function_call_arguments.done":
                self.calls.append(event["call_id"])
            case _:
                pass
        self.log.append(self.named(event))

    @property
    def held(self) -> list[Item]:
        return self.service.conversation

    def sentence(self) -> str:
        self._said += 1
        return f"User{self._said}a user{self._said}b."

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

    def speak(self, ms: int, pause: int) -> None:
        pcm = say(self.sentence(), ms) + quiet(pause)
        for at in range(0, len(pcm), 96 * 48):
            chunk = pcm[at : at + 96 * 48]
            self.send("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
            self.wait(len(chunk) / 48_000)

    def exchange(self) -> None:
        self.speak(960, 700)
        self.wait(3.0)

    def write(self, role: str, place: str, at: int, own_id: str) -> None:
        item: Wire = {"type": "message", "role": role, "content": [{"type": PARTS[role], "text": self.sentence()}]}
        if own_id != "none":
            item["id"] = {"new": f"mine_{at}", "known": self.item(at), "long": "x" * 33}[own_id]
        where: Wire = {"null": None, "root": "root", "some": self.item(at), "never": "item_never_was"}
        behind = {"previous_item_id": where[place]} if place in where else {}
        self.send("conversation.item.create", item=item, event_id=f"e{at}", **behind)

    def record(self) -> None:
        sound = base64.b64encode(say(self.sentence(), 500)).decode()
        self.send("conversation.item.create", item={"type": "message", "role": "user",
                                                    "content": [{"type": "input_audio", "audio": sound}]})  # fmt: skip

    def show(self, at: int) -> None:
        picture = {"type": "input_image", "image_url": f"data:image/png;base64,{at}", "detail": "low"}
        content = [{"type": "input_text", "text": self.sentence()}, picture]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})

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

    def sum_up(self, inside: bool) -> None:
        """Only where there is a memory that wants it: the app knows nothing of this."""
        if self.session is None or not self.summaries:
            return
        ask_id, text = self.summaries.pop(0)
        if inside:
            self.session.summarise_inside(ask_id, SUM_UP, self.now)
        else:
            self.session.summarised(ask_id, text, self.now)


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
    '{"type": "response.create", "response": {"max_output_tokens": 1e999}}',
    '{"type": "response.create", "of tomorrow": 1e999}',
    '{"type": "conversation.item.retrieve", "item_id": "ITEM", "of tomorrow": -1E+400}',
    '{"type": "conversation.item.truncate", "item_id": "ITEM", "content_index": 0, "audio_end_ms": 100, "x": 1e999}',
    '{"type": "conversation.item.create", "previous_item_id": "ITEM", "x": NaN, "item": {"type": "message"}}',
    '{"type": "conversation.item.of.tomorrow", "x": 1e999}',
    '{"type": "session.update", "session": {"type": "realtime", "x": ' + "9" * 5_000 + "}}",
    '{"type": "session.update", "session": {"type": "realtime", "x": ' + "[" * 150 + "]" * 150 + "}}",
    '{"type": "conversation.item.delete", "item_id": "\\ud800"}',
    '{"type": "conversation.item.delete", "item_id": "\x01"}',
    '{"type": "conversation.item.delete", "item_id": "no such", "item_id": "ITEM"}',
    '{"type": "conversation.item.delete", "item_id": 7, "item_id": "no such"}',
    '\ufeff{"type": "input_audio_buffer.clear"}',
    '{"type": "input_audio_buffer.clear"} {}',
    '{"type": "input_audio_buffer.append", "audio": "' + "QUJD" * 1_200 + '", "x": 1e999}',
    '{"type": "input_audio_buffer.append", "audio": "' + "QUJD" * 1_200 + '\\q"}',
]


def text_of(item: Wire) -> str:
    return " ".join(part.get("text") or part.get("transcript") or "" for part in item.get("content") or ())


def unique(text: str | None) -> set[str]:
    return set(re.findall(r"(?:user|reply)\d+[ab]", (text or "").lower()))


def is_summary(item: Item) -> bool:
    return (item.text or "").startswith(HEADING)


places = st.integers(0, 40)
items = st.one_of(
    st.tuples(st.just("delete"), places),
    st.tuples(st.just("truncate"), places, st.sampled_from([0, 150, 300, 100_000])),
    st.tuples(st.just("retrieve"), places),
    st.tuples(
        st.just("write"),
        st.sampled_from(["user", "system", "assistant"]),
        st.sampled_from(["end", "null", "root", "some", "some", "never"]),
        places,
        st.sampled_from(["none", "none", "new", "known", "long"]),
    ),
    st.tuples(st.just("ask"), st.sampled_from(["plain", "text", "beside", "referring", "nowhere"]), places),
)
others = st.one_of(
    st.tuples(st.just("speak"), st.sampled_from([200, 960]), st.sampled_from([100, 240, 700])),
    st.tuples(st.just("wait"), st.sampled_from([0.03, 0.5, 2.0, 6.0])),
    st.tuples(st.just("record")),
    st.tuples(st.just("show"), places),
    st.tuples(st.sampled_from(["cancel", "commit", "clear", "call"])),
    st.tuples(st.just("answer"), places),
    st.tuples(st.just("update"), st.booleans()),
    st.tuples(st.just("garbage"), places),
    st.tuples(st.just("call")),
)
exchanges = st.tuples(st.just("exchange"))
summings = st.tuples(st.just("sum_up"), st.booleans())
steps = st.one_of(exchanges, exchanges, items, items, items, summings, summings, others)


def arms(
    memory: str, habits: Habits, faults: Callable[[], Faults], detection: Wire | None, own: Session | None = None
) -> tuple[App, App]:
    """The app without us, and the app with us between: with a session of this memory, or with this one."""
    made: list[App] = []
    for session in (None, own or Session(memory=memory, ids=counter(), keep=Shelf())):
        mind = Chatty()
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


def test_a_call_long_forgotten_may_be_answered_again() -> None:
    direct, through = arms("last:1", Habits(), Faults, DETECTION)
    for app in (direct, through):
        for step in ("exchange", "call", "exchange", "answer", "exchange", "exchange", "answer"):
            getattr(app, step)(*((0,) if step == "answer" else ()))
            app.move()
        app.wait(8.0)
    compare(direct, through)


@pytest.mark.parametrize("memory", ["everything", "last:1", "written", "summary:20:5"])
def test_every_piece_of_garbage_is_answered_as_the_service_answers_it(memory: str) -> None:
    """One after the other, and what is asked between them is answered as ever."""
    direct, through = arms(memory, Habits(), Faults, DETECTION)
    for at in range(len(GARBAGE)):
        for app in (direct, through):
            if at % 8 == 0:
                app.exchange()
            app.garbage(at)
            app.retrieve(at)
            app.move()
    for app in (direct, through):
        app.wait(8.0)
    compare(direct, through)
    assert sum(event["type"] == "error" for event in through.log) >= len(GARBAGE) - 6


@pytest.mark.parametrize("memory", ["everything", "select:2", "summary:20:5"])
@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_garbage_breaks_no_session_that_has_a_budget_or_selects(memory: str, dialect: Any) -> None:
    """What nobody can reckon is refused as a service refuses it, and the conversation goes on."""
    for budget in (None, Budget(limits=limits("$5"))):
        session = Session(memory=memory, ids=counter(), keep=Shelf(), budget=budget)
        _, app = arms(memory, Habits(dialect=dialect), Faults, DETECTION, session)
        for at in range(len(GARBAGE)):
            app.garbage(at)
            app.move()
        app.wait(8.0)
        assert sum(event["type"] == "error" for event in app.log) >= len(GARBAGE) - 9
        before = len(app.log)
        app.exchange()
        assert "response.done" in [event["type"] for event in app.log[before:]]


@pytest.mark.parametrize("memory", ["last:1", "written", "summary:20:5"])
@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_sound_and_pictures_long_gone_are_retrieved_to_the_byte(memory: str, dialect: Any) -> None:
    direct, through = arms(memory, Habits(dialect=dialect), Faults, DETECTION)
    steps: list[Step] = [("show", 1), ("record",), *[("exchange",)] * 3, ("sum_up", False), ("truncate", 3, 200)]
    steps += [("sum_up", False), *[("exchange",)] * 2, *[("retrieve", at) for at in range(8)]]
    for app in (direct, through):
        for name, *how in steps:
            getattr(app, name)(*how)
            app.move()
        app.wait(8.0)
    compare(direct, through)
    given = [event["item"] for event in through.log if event["type"] == "conversation.item.retrieved"]
    assert sum(bool(part.get("audio")) for item in given for part in item["content"]) == 7
    assert sum("image_url" in part for item in given for part in item["content"]) == 1
    assert sum(item_id not in {item.id for item in through.held} for item_id in through.items[:8]) >= 2


def what_was_deleted_is_gone(app: App) -> None:
    """What the app deleted comes back in no note, and in no summary that was made later."""
    for item in app.held:
        left = unique(item.text) & set(app.unwanted)
        assert not {word for word in left if not (is_summary(item) and app.unwanted[word])}


def what_was_said_is_there(app: App) -> None:
    """Every word the app knows of and has not taken back is held, as sound or in writing."""
    held = unique(" ".join(item.text or "" for item in app.held))
    for item_id, words in app.words.items():
        if item_id not in app.shortened:
            assert words <= held


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
    before=st.sampled_from([0, 2, 3, 4, 5, 6]),
    script=st.lists(st.tuples(st.sampled_from([False, False, True]), steps), min_size=4, max_size=24),
)
@settings(
    max_examples=30,
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
    before: int,
    script: list[tuple[bool, Step]],
) -> None:
    habits = Habits(model=model, dialect=dialect, pace=Pace(empty_item=empty_item))
    direct, through = arms(memory, habits, lambda: Faults(null_error_event_id=null_ids), detection)
    for at_once, (name, *how) in [(False, ("exchange",))] * before + script:
        for app in (direct, through):
            getattr(app, name)(*how)
            if not at_once:  # else it goes out together with what follows
                app.move()
    for app in (direct, through):
        app.wait(8.0)
    compare(direct, through)
    what_was_deleted_is_gone(through)
    if memory in WRITTEN and detection is not None:
        what_was_said_is_there(through)
    assert through.session is not None
    assert not through.session.wishes.waiting


# --- when words cross on the wire ------------------------------------------------------------------------------------


class Distant(App):
    """An app whose session is a long way from the service: what one says reaches the other when it is carried."""

    def __init__(self, service: Service, mind: Chatty, session: Session) -> None:
        self.to_service: deque[str | bytes] = deque()
        self.to_session: deque[str] = deque()
        self.told: list[Wire] = []
        self.asked: dict[str, str] = {}
        """By event id: the answer that is due."""
        super().__init__(service, mind, session)

    def send(self, type: str, **fields: Any) -> None:
        event_id = f"app_{len(self.asked)}"
        self.asked[event_id] = type.rpartition(".")[2]
        super().send(type, **fields | {"event_id": event_id})

    def _travel(self) -> bool:
        self.act()
        return False

    def act(self) -> None:
        assert self.session is not None
        for action in self.session.actions():
            match action:
                case ToService(raw):
                    self.to_service.append(raw)
                case ToApp(raw):
                    self.told.append(json.loads(raw))
                    self.hear(raw)
                case Summarise(id=ask_id, text=text):
                    self.summaries.append((ask_id, text))
                case _:
                    pass
        self.to_session.extend(self.service.outbox())

    def carry(self, limit: int) -> None:
        assert self.session is not None
        for _ in range(limit):
            if self.to_session:
                self.session.from_service(self.to_session.popleft(), self.now)
                self.act()
            if self.to_service:
                self.service.receive(self.to_service.popleft(), self.now)
                self.act()

    def exchange(self) -> None:
        super().exchange()
        self.carry(1000)

    def settle(self) -> None:
        self.move()
        for _ in range(5):
            while self.to_session or self.to_service:
                self.carry(1000)
            self.wait(8.0)

    def everything_is_answered_and_nothing_else(self) -> None:
        """The app may be told of its own items and its own mistakes."""
        assert not [event for event in self.told if "ours_" in json.dumps(event | {"event_id": ""})]
        errors = [event["error"]["event_id"] for event in self.told if event["type"] == "error"]
        assert set(errors) <= {*self.asked, None}
        assert len(set(errors)) == len(errors)
        for verb, answer in (("delete", "deleted"), ("truncate", "truncated"), ("retrieve", "retrieved")):
            answers = sum(event["type"] == f"conversation.item.{answer}" for event in self.told)
            refused = sum(self.asked.get(event_id) == verb for event_id in errors)
            assert answers + refused == sum(asked == verb for asked in self.asked.values())


carrying = st.tuples(st.just("carry"), st.sampled_from([1, 1, 2, 3, 5, 100]))


@given(
    memory=st.sampled_from(MEMORIES),
    dialect=st.sampled_from(["ga", "ga", "beta"]),
    before=st.sampled_from([0, 2, 3, 4]),
    script=st.lists(st.one_of(carrying, carrying, exchanges, items, items, summings), min_size=8, max_size=40),
)
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_whatever_crosses_on_the_wire_the_app_is_told_of_its_own(
    memory: str, dialect: Any, before: int, script: list[Step]
) -> None:
    mind, session = Chatty(), Session(memory=memory, ids=counter(), keep=Shelf())
    service = Service(
        Habits(dialect=dialect),
        ids=Ids(1),
        turns=LoudTurns,
        hearing=Ears(),
        composer=MindAndVoice(mind, Voice()),
        bill=Bill(prior("openai", "gpt-realtime"), hits=lambda: 1.0),
    )
    app = Distant(service, mind, session)
    audio = {"input": {"turn_detection": DETECTION, "transcription": {"model": "gpt-4o-mini-transcribe"}}}
    app.send("session.update", session={"type": "realtime", "audio": audio})
    app.move()
    app.carry(10)
    steps: list[Step] = [("exchange",)] * before + script
    for step in steps:
        # What the app writes has a name here: what has none is given one where it has to be recognised.
        name, *how = (*step[:-1], "new") if step[0] == "write" and step[-1] == "none" else step
        getattr(app, name)(*how)
        app.move()
    app.settle()
    app.everything_is_answered_and_nothing_else()
    what_was_deleted_is_gone(app)
    if memory in WRITTEN:
        what_was_said_is_there(app)
    assert [told(item) for item in session.conversation] == [told(item) for item in service.conversation]
