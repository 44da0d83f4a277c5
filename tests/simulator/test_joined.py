"""Engine and stand-in, joined in memory: one infers the conversation, the other decides it, and they must agree.

No sockets, no clock. Hypothesis makes up conversations: speech, pauses, text, tools, barge-ins, ghost turns, edits by
the app, out-of-band responses, refused and ignored edits, answers that come late, twice or without a word about which
question they answer. After every step the mirror must equal what the service holds, the meter must equal its bill,
and what memory lets go must be gone as soon as there is a moment for it. In half of the runs messages travel slowly,
so that the two sides' words cross; there they must agree whenever nothing is on its way.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from typing import Any

from doubles import Ears, LoudTurns, Voice, Yes, quiet, say
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from playbook import counter

from laconic import events as ev
from laconic.items import Item
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
from laconic.usage import Usage

SENTENCES = ["Hello there.", "My name is Marco.", "Tell me a story, and take your time.", "What now?"]
DETECTION: list[dict[str, Any] | None] = [
    {"type": "server_vad", "silence_duration_ms": 200},
    {"type": "server_vad", "silence_duration_ms": 200, "create_response": False},
    {"type": "server_vad", "silence_duration_ms": 200, "interrupt_response": False},
    {"type": "server_vad", "silence_duration_ms": 200, "idle_timeout_ms": 5000},
    None,
]

MEMORIES = [
    "everything",
    "last:1",
    "last:3",
    "last:5",
    "exchanges:1",
    "exchanges:2",
    "window:60:20",
    "written",
    "written:notes",
    "summary:60:20",
    "summary",
    "auto",
]
KINDS = ["create", "delete", "truncate"]

faults = st.builds(
    Faults,
    refuse=st.sets(st.sampled_from(KINDS), max_size=1),
    ignore=st.sets(st.sampled_from(KINDS), max_size=2),
    script=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["refuse", "ignore"])), max_size=3),
    ack_late_ms=st.sampled_from([0, 0, 300, 6000]),
    null_error_event_id=st.booleans(),
    duplicate_added=st.booleans(),
    null_usage=st.booleans(),
    transcription=st.sampled_from(["works", "fails", "never"]),
)


class Speaker:
    """Plays replies in real time and reports as a careful app does."""

    def __init__(self) -> None:
        self.queue: deque[list[Any]] = deque()  # [item_id, received ms, heard ms]

    def received(self, item_id: str, ms: float) -> None:
        for entry in self.queue:
            if entry[0] == item_id:
                entry[1] += ms
                return
        self.queue.append([item_id, ms, 0.0])

    def play(self, ms: float) -> list[tuple[str, int]]:
        """Time passes; what was heard of each item that sounded in it."""
        heard: list[tuple[str, int]] = []
        while self.queue and ms > 0:
            item_id, received, played = self.queue[0]
            taken = min(ms, received - played)
            self.queue[0][2] += taken
            ms -= taken
            heard.append((item_id, int(self.queue[0][2])))
            if self.queue[0][2] < received:
                break
            self.queue.popleft()
        return heard

    def stop(self) -> list[tuple[str, int]]:
        stopped = [(item_id, int(played)) for item_id, _, played in self.queue]
        self.queue.clear()
        return stopped


class Joined(RuleBasedStateMachine):
    """One conversation."""

    Mind: type[Yes] = Yes
    Speaker: type[Speaker] = Speaker

    @initialize(
        dialect=st.sampled_from(["ga", "ga", "beta"]),
        memory=st.sampled_from(MEMORIES),
        detection=st.sampled_from(DETECTION),
        faults=st.one_of(st.builds(Faults), faults),
        empty_item=st.booleans(),
        ghost_usage_null=st.booleans(),
        model=st.sampled_from(["gpt-realtime", "gpt-realtime-2.1"]),
        slow=st.booleans(),
    )
    def begin(
        self,
        dialect: Any,
        memory: str,
        detection: dict[str, Any] | None,
        faults: Faults,
        empty_item: bool,
        ghost_usage_null: bool,
        model: str,
        slow: bool,
    ) -> None:
        self.now = 0.0
        self.slow = slow
        self.habits = Habits(
            model=model, dialect=dialect, ghost_usage_null=ghost_usage_null, pace=Pace(empty_item=empty_item)
        )
        self.mind = self.Mind()
        self.service = Service(
            self.habits,
            ids=Ids(1),
            turns=LoudTurns,
            hearing=Ears(),
            composer=MindAndVoice(self.mind, Voice()),
            bill=Bill(prior("openai", model), hits=lambda: 1.0),
            faults=faults,
        )
        self.session = Session(memory=memory, ids=counter())
        self.speaker = self.Speaker()
        self.to_session: deque[str] = deque()
        self.to_service: deque[str] = deque()
        self.calls: list[str] = []
        self.asked: list[tuple[int, str]] = []
        self.counted = counter()
        self.may_lose_creates = ("create", "ignore") in faults.script
        self.ids: list[str] = []
        self.service.connected(self.now)
        self.move_all()
        audio = {"input": {"turn_detection": detection, "transcription": {"model": "gpt-4o-mini-transcribe"}}}
        self.app("session.update", session={"type": "realtime", "audio": audio})
        self.move_all()
        assert self.session.conversation.dialect == dialect

    # --- the wire ----------------------------------------------------------------------------------------------

    def app(self, type: str, **fields: Any) -> None:
        self.session.from_app(json.dumps({"type": type, **fields}), self.now)
        self.act()

    def act(self) -> None:
        """Do what the session wants done."""
        for action in self.session.actions():
            match action:
                case ToService(raw):
                    self.to_service.append(raw if isinstance(raw, str) else raw.decode())
                case ToApp(event=event):
                    self.hear(event)
                case Summarise(id=ask_id, text=text):
                    self.asked.append((ask_id, text))
                case _:
                    pass

    def hear(self, event: ev.Event) -> None:
        """What a careful app does with an event."""
        match event:
            case ev.ResponseOutputAudioDelta(item_id=item_id, delta=delta):
                self.speaker.received(item_id, ev.payload_bytes(delta) / 48)
            case ev.InputAudioBufferSpeechStarted():
                for item_id, ms in self.speaker.stop():
                    self.session.heard(item_id, ms, self.now, stopped=True)
            case ev.ResponseFunctionCallArgumentsDone(call_id=str() as call_id):
                self.calls.append(call_id)
            case ev.ConversationItemAdded(item=item):
                self.ids.append(item["id"])
            case _:
                pass

    def move(self, limit: int) -> bool:
        """Carry some messages each way; whether there were any."""
        self.to_session.extend(self.service.outbox())
        moved = False
        for _ in range(limit):
            if self.to_session:
                moved = True
                self.session.from_service(self.to_session.popleft(), self.now)
                self.act()
        for _ in range(limit):
            if self.to_service:
                moved = True
                self.service.receive(self.to_service.popleft(), self.now)
        self.to_session.extend(self.service.outbox())
        return moved

    def move_all(self) -> None:
        while self.move(100):
            pass

    def moved(self) -> None:
        if not self.slow:
            self.move_all()

    # --- what happens --------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.03, 0.2, 0.5, 1.5, 6.0]))
    def time_passes(self, seconds: float) -> None:
        """In small steps, each side woken when it asked to be."""
        end = self.now + seconds
        while self.now < end:
            step = min(0.1, end - self.now)
            self.now += step
            self.service.tick(self.now)
            self.moved()
            for item_id, ms in self.speaker.play(step * 1000):
                self.session.heard(item_id, ms, self.now)
            if self.session.deadline is not None and self.session.deadline <= self.now:
                self.session.tick(self.now)
            self.act()
            self.moved()

    @rule(sentence=st.sampled_from(SENTENCES), ms=st.sampled_from([200, 960]), pause=st.sampled_from([100, 240, 700]))
    def the_user_speaks(self, sentence: str, ms: int, pause: int) -> None:
        """Sound and then a pause, which may end the turn or may not."""
        pcm = say(sentence, ms) + quiet(pause)
        for at in range(0, len(pcm), 96 * 48):
            chunk = pcm[at : at + 96 * 48]
            self.app("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
            self.moved()
            self.time_passes(len(chunk) / 48_000)

    @rule()
    def the_app_commits(self) -> None:
        self.app("input_audio_buffer.commit")
        self.moved()

    @rule()
    def the_app_clears(self) -> None:
        self.app("input_audio_buffer.clear")
        self.moved()

    @rule(
        text=st.sampled_from(SENTENCES),
        role=st.sampled_from(["user", "system", "assistant"]),
        place=st.sampled_from(["end", "root", "some", "nowhere"]),
        at=st.integers(0, 30),
        named=st.booleans(),
    )
    def the_app_writes(self, text: str, role: str, place: str, at: int, named: bool) -> None:
        kind = "output_text" if role == "assistant" else "input_text"
        item: dict[str, Any] = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
        if named or self.creates_are_lost:
            item["id"] = f"mine_{at}"  # sometimes twice: refused
        where = {"end": None, "root": "root", "nowhere": "item_never_was", "some": self.some_id(at)}[place]
        self.app("conversation.item.create", item=item, previous_item_id=where, event_id=f"e{at}")
        self.moved()

    @rule(ms=st.sampled_from([100, 1234]), at=st.integers(0, 3))
    def the_app_sends_a_recording(self, ms: int, at: int) -> None:
        sound = base64.b64encode(say(SENTENCES[at], ms)).decode()
        content = [{"type": "input_audio", "audio": sound}]
        item: dict[str, Any] = {"type": "message", "role": "user", "content": content}
        if self.creates_are_lost:
            item["id"] = f"recording_{self.counted()}"
        self.app("conversation.item.create", item=item)
        self.moved()

    @rule(at=st.integers(0, 30))
    def the_app_deletes(self, at: int) -> None:
        self.app("conversation.item.delete", item_id=self.some_id(at) or "item_never_was")
        self.moved()

    @rule(at=st.integers(0, 30), ms=st.sampled_from([0, 150, 100_000]))
    def the_app_truncates(self, at: int, ms: int) -> None:
        item_id = self.some_id(at) or "item_never_was"
        self.app("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=ms)
        self.moved()

    @rule(modalities=st.sampled_from([None, ["text"]]), most=st.sampled_from([None, 20]))
    def the_app_asks_for_a_response(self, modalities: list[str] | None, most: int | None) -> None:
        response: dict[str, Any] = {}
        if modalities:
            response["output_modalities"] = modalities
        if most:
            response["max_output_tokens"] = most
        self.app("response.create", response=response)
        self.moved()

    @rule(own_input=st.booleans())
    def the_app_asks_beside_the_conversation(self, own_input: bool) -> None:
        response: dict[str, Any] = {"conversation": "none", "metadata": {"topic": "aside"}}
        if own_input:
            content = [{"type": "input_text", "text": "Aside."}]
            response["input"] = [{"type": "message", "role": "user", "content": content}]
        self.app("response.create", response=response)
        self.moved()

    @rule()
    def the_app_cancels(self) -> None:
        self.app("response.cancel")
        self.moved()

    @rule()
    def the_mind_will_call_a_function(self) -> None:
        self.mind._replies.append(Reply(text="", calls=(("get_weather", {"city": "London"}),)))  # pyright: ignore[reportPrivateUsage]

    @precondition(lambda self: bool(self.calls))
    @rule()
    def the_app_answers_the_call(self) -> None:
        call_id = self.calls.pop(0)
        item = {"type": "function_call_output", "call_id": call_id, "output": "It is foggy."}
        self.app("conversation.item.create", item=item)
        self.app("response.create")
        self.moved()

    @rule(at=st.integers(0, 30))
    def an_item_is_pinned(self, at: int) -> None:
        item_id = self.some_id(at)
        if item_id is not None:
            self.session.pin(item_id)

    @precondition(lambda self: bool(self.asked))
    @rule(comes=st.booleans())
    def a_summary_comes_or_fails(self, comes: bool) -> None:
        ask_id, text = self.asked.pop(0)
        self.session.summarised(ask_id, f"They spoke of {len(text)} letters." if comes else None, self.now)
        self.act()
        self.moved()

    @rule(limit=st.sampled_from([1, 3, 100]))
    def messages_arrive(self, limit: int) -> None:
        self.move(limit)

    @property
    def creates_are_lost(self) -> bool:
        """Whether the service may drop a create without a word: then nobody can tell two unnamed ones apart."""
        faults = self.service.faults
        return self.may_lose_creates or "create" in faults.ignore

    def some_id(self, at: int) -> str | None:
        return self.ids[at % len(self.ids)] if self.ids else None

    # --- what must hold --------------------------------------------------------------------------------------------

    @property
    def nothing_on_its_way(self) -> bool:
        """No message travels, and the service has told of everything it did."""
        self.to_session.extend(self.service.outbox())
        late = self.service.faults.ack_late_ms and self.service.pending is not None
        return not self.to_session and not self.to_service and not late

    @invariant()
    def they_agree(self) -> None:
        if hasattr(self, "session") and self.nothing_on_its_way:
            self.the_mirror_is_right()
            self.the_bill_is_right()
            self.what_memory_lets_go_is_gone()

    def the_mirror_is_right(self) -> None:
        assert [told(item) for item in self.session.conversation] == [told(item) for item in self.service.conversation]
        assert self.session.unknown_events == 0

    def the_bill_is_right(self) -> None:
        billed = self.service.usages
        replies = [entry for entry in self.session.meter.responses if entry.kind != "summary"]
        assert len(replies) == len(billed)
        known = [usage for usage in billed.values() if usage is not None]
        if self.service.faults.null_usage:
            assert self.session.meter.total.unknown >= len(billed)
        else:
            assert self.session.meter.usage == sum(known, Usage())
            assert self.session.meter.total.unknown >= len(billed) - len(known)

    def what_memory_lets_go_is_gone(self) -> None:
        """At a quiet moment nothing is left that might go, unless the service does not do our edits."""
        session = self.session
        if session.deadline is not None or session.conversation.responding or self.asked:
            return
        assert list(session.memory.plans(session._remembering.past)) == []  # pyright: ignore[reportPrivateUsage]

    def teardown(self) -> None:
        """Let everything settle; then all of it must hold without exception."""
        if not hasattr(self, "session"):
            return
        self.slow = False
        self.move_all()
        self.time_passes(90.0)
        self.move_all()
        assert self.nothing_on_its_way
        self.they_agree()


def told(item: Item) -> tuple[Any, ...]:
    """What of an item the service has told in full; arguments only once they are complete."""
    arguments = None if item.in_progress else item.arguments
    parts = [(part.kind, part.text, part.audio_ms) for part in item.parts]
    return (item.id, item.type, item.role, item.status, parts, item.call_id, item.name, arguments, item.output)


Joined.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestJoined = Joined.TestCase
