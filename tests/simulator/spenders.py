"""Callers who spend: generated sessions with a budget, joined in memory with the stand-in, and the stand-in's own bill.

A world holds one session or several on one purse. Each has an app of its own kind, from one that behaves to one that
asks for responses all the time, undoes what it is told, and sends whole books. Messages travel for a while, so that
words cross. What is counted at the end is what the service says it used, at the rates of the list.
"""

from __future__ import annotations

import base64
import json
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from doubles import Ears, LoudTurns, Yes, quiet, say
from playbook import counter

from laconic import events as ev
from laconic.budget import Budget, Limit, Unit
from laconic.items import Item
from laconic.laws import Laws, prior
from laconic.meter import price
from laconic.rates import Rates, load
from laconic.session import (
    BudgetEnded,
    BudgetWarned,
    Hangup,
    Lease,
    Session,
    Summarise,
    ToApp,
    ToService,
)
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.minds.reply import Reply
from laconic.simulator.service import Service
from laconic.simulator.speech import Spoken, Word, split_words
from laconic.usage import TranscriptionUsage, Usage

__all__ = ["Caller", "Purse", "Witness", "World", "generated"]

RATES = load()
MODELS = ["gpt-realtime", "gpt-realtime", "gpt-realtime-mini", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"]
TRANSCRIBERS = [None, "gpt-4o-mini-transcribe", "whisper-1", "gpt-realtime-whisper", "our-deployment"]
_WORDS = ("and", "then", "we", "walked", "along", "the", "river", "until it was late and nobody said a word about it")
_TEXTS = [random.Random(number).choices(_WORDS, k=2_000) for number in range(4)]
_STEP_S = 0.2


class Witness(Bill):
    """The stand-in's bill, which can also say what a prompt would cost."""

    def whole(self, service: Service) -> Usage:
        """What a response would read that was created now."""
        session = service.session
        items = [item for item in service.conversation if not item.in_progress]
        tokens = [part.tokens for part in self._layout.whole(session["instructions"], session["tools"], items)]
        text, audio = sum(count.text for count in tokens), sum(count.audio for count in tokens)
        return Usage(text_in=text, audio_in=audio, image_in=sum(count.image for count in tokens))


class LongVoice:
    """A steady tone, 300 ms a word; silence costs the same and is quicker to make."""

    def say(self, text: str, lang: str = "en", **_: Any) -> Spoken:
        words = split_words(text, lang)
        timed = tuple(Word(word, 300 * n, 300 * (n + 1)) for n, word in enumerate(words))
        return Spoken(bytes(48 * 300 * len(words)), timed)


@dataclass
class Purse:
    """What several sessions share."""

    left: int
    leased: int = 0

    def lease(self, amount: int) -> tuple[int, bool]:
        granted = min(amount, self.left)
        self.left -= granted
        self.leased += granted
        return granted, self.left == 0


@dataclass(frozen=True)
class Nature:
    """How an app behaves: how often in a second it does each thing."""

    asks: float = 0.0
    asks_aside: float = 0.0
    reopens: float = 0.0
    writes: float = 0.0
    tools: float = 0.1
    barges_in: float = 0.1
    pauses: float = 0.1
    commits: bool = False


class Caller:
    """One session, its service and its app."""

    def __init__(self, draws: random.Random, budget: Budget, purse: Purse | None, **fixed: Any) -> None:
        self.draws = draws
        self.model: str = fixed.get("model") or draws.choice(MODELS)
        self.laws: Laws = fixed.get("laws") or _laws(draws, self.model)
        self.nature: Nature = fixed.get("nature") or _nature(draws)
        self.faults: Faults = fixed.get("faults") or _faults(draws)
        rates = RATES.find(self.model)
        assert rates is not None
        self.rates: Rates = rates
        self.limit = budget.limits
        self.purse = purse
        self.now = 0.0
        hit_rate = self.laws.hit_rate
        hits = random.Random(draws.random())
        self.bill = Witness(replace(self.laws, hit_rate=hit_rate), hits=hits.random)
        self.mind = Yes()
        self.lengths: tuple[int, int] = fixed.get("lengths") or draws.choice([(1, 8), (3, 40), (20, 120)])
        self.service = Service(
            Habits(model=self.model, dialect=draws.choice(["ga", "ga", "ga", "beta"])),
            ids=Ids(draws.randrange(1_000_000)),
            turns=LoudTurns,
            hearing=Ears(),
            composer=MindAndVoice(self.mind, LongVoice()),
            bill=self.bill,
            faults=self.faults,
        )
        memory = fixed.get("memory") or draws.choice(["everything", "last:4", "written", "summary:60:20", "auto"])
        self.session = Session(memory=memory, ids=counter(), budget=budget, model=self.model)
        self.delay = fixed.get("delay", draws.choice([0, 0, 1, 2]))  # steps a message travels
        self.steps = 0
        self.to_session: deque[tuple[int, str]] = deque()
        self.to_service: deque[tuple[int, str]] = deque()
        self.transcribed: list[Usage | TranscriptionUsage] = []
        self.calls: list[str] = []
        self.warned = 0
        self.ended: BudgetEnded | None = None
        self.hung_up = False
        self.refusals = 0
        self.left_at_end: int | None = None
        self.worst_at_end = 0
        self.sound = b""
        self.unheard_ms = 0
        self.unbilled: dict[str, int] = {}  # sound that is written down, and whose bill the session has not seen
        self.transcriber: str | None = fixed["transcriber"] if "transcriber" in fixed else draws.choice(TRANSCRIBERS)
        self.heard: list[str] = []
        self.service.connected(0.0)
        self._carry()
        self._configure(fixed.get("settings"))

    # --- the wire ----------------------------------------------------------------------------------------------

    def app(self, type: str, **fields: Any) -> None:
        self.session.from_app(json.dumps({"type": type, **fields}), self.now)
        self._act()

    def _act(self) -> None:
        for action in self.session.actions():
            match action:
                case ToService(raw):
                    self.to_service.append((self.steps + self.delay, raw if isinstance(raw, str) else raw.decode()))
                case ToApp(event=event):
                    self._hear(event)
                case Summarise(id=ask_id):
                    self.session.summarised(ask_id, "They talked.", self.now, usage=Usage(text_in=300, text_out=20))
                    self._act()
                case BudgetWarned():
                    self.warned += 1
                case BudgetEnded():
                    self.ended = action
                case Hangup():
                    self.hung_up = True
                case Lease(unit=unit, amount=amount):
                    assert self.purse is not None
                    granted, last = self.purse.lease(amount)
                    self.session.leased(unit, granted, self.now, last=last)
                    self._act()
                case _:
                    pass
        if self.session.over is not None and self.left_at_end is None:
            self._at_the_end()

    def _at_the_end(self) -> None:
        """How much was left when the session would not go on, and what one reply could have cost at most."""
        bound = self.limit[0].amount if self.limit else 0
        unit: Unit = self.limit[0].unit if self.limit else "nanodollars"
        self.left_at_end = bound - self.spent(unit)
        cap = self.service.session["max_output_tokens"]
        longest = cap if isinstance(cap, int) else self.rates.max_output or 4096
        reads = self.bill.whole(self.service)
        text = reads.text_in + sum(len(message) for _, message in self.to_service if "input_text" in message) // 4
        audio = reads.audio_in + self.unheard_ms // self.laws.user_audio_ms_per_token
        # The engine's margins for what it cannot know: an eighth of the text, 464 tokens, sound twice at first, and
        # replies of which no report has shown that their sound is dropped.
        replies = [item.audio_ms for item in self.service.conversation if item.role == "assistant"]
        audio += sum(replies[-2:]) // self.laws.assistant_audio_ms_per_token
        usage = replace(reads, text_in=text * 9 // 8 + 464, audio_in=2 * audio, audio_out=longest)
        goodbye = Usage(text_in=600, audio_out=200)
        if unit == "tokens":
            hearing = sum(ms // 50 + 30 for ms in (self.unheard_ms, *self.unbilled.values()))
            self.worst_at_end = usage.total_tokens + goodbye.total_tokens + hearing
        else:
            hearing = sum(ms * 17_000_000 // 60_000 + 300_000 for ms in (self.unheard_ms, *self.unbilled.values()))
            self.worst_at_end = price(usage + goodbye, self.rates).nanodollars + (hearing if self.transcriber else 0)

    def _hear(self, event: ev.Event) -> None:
        match event:
            case ev.ResponseFunctionCallArgumentsDone(call_id=str() as call_id):
                self.calls.append(call_id)
            case ev.Error(error=error):
                self.refusals += error.code == "budget_exceeded"
            case (
                ev.InputAudioTranscriptionCompleted(item_id=item_id) | ev.InputAudioTranscriptionFailed(item_id=item_id)
            ):
                self.unbilled.pop(item_id, None)
            case ev.ResponseOutputAudioTranscriptDelta(delta=delta):
                self.heard.append(delta)
            case _:
                pass

    def _carry(self) -> None:
        """Bring what has arrived."""
        moved = True
        while moved:
            moved = False
            for message in self.service.outbox():
                self._overhear(json.loads(message))
                self.to_session.append((self.steps + self.delay, message))
            while self.to_session and self.to_session[0][0] <= self.steps:
                moved = True
                self.session.from_service(self.to_session.popleft()[1], self.now)
                self._act()
            while self.to_service and self.to_service[0][0] <= self.steps:
                moved = True
                self.service.receive(self.to_service.popleft()[1], self.now)

    def _overhear(self, event: dict[str, Any]) -> None:
        """The service's word for what transcription used, and for what sound is in an item."""
        if event["type"] == "input_audio_buffer.committed":
            self.unbilled[event["item_id"]] = self.unheard_ms
            self.unheard_ms = 0
        if event["type"] == "conversation.item.input_audio_transcription.completed":
            usage = TranscriptionUsage.from_wire(event["usage"])
            assert usage is not None
            self.transcribed.append(usage)

    @property
    def busy(self) -> bool:
        """Whether something is under way, here or there."""
        return bool(self.to_session or self.to_service or self.service.pending is not None)

    # --- the bill ----------------------------------------------------------------------------------------------

    def spent(self, unit: Unit) -> int:
        """What the service has used, by its own account and the list's rates."""
        if unit == "ms":
            return int(self.now * 1000)
        usages = [usage for usage in self.service.usages.values() if usage is not None]
        if unit == "tokens":
            heard = [usage for usage in self.transcribed if isinstance(usage, TranscriptionUsage)]
            return sum(usage.total_tokens for usage in usages) + sum(
                usage.audio_in + usage.text_in + usage.text_out for usage in heard
            )
        money = sum(price(usage, self.rates).nanodollars for usage in usages)
        return money + sum(self._transcription(usage) for usage in self.transcribed)

    def _transcription(self, usage: Usage | TranscriptionUsage) -> int:
        assert isinstance(usage, TranscriptionUsage)
        rates = RATES.find(self.transcriber or "") or RATES.find("gpt-realtime-whisper")
        assert rates is not None
        if usage.duration_ms is not None:
            return usage.duration_ms * (rates.per_minute or 0) // 60_000
        if rates.per_minute is not None:
            return usage.audio_in * 100 * rates.per_minute // 60_000
        return usage.audio_in * (rates.audio_in or 0) + usage.text_out * (rates.text_out or 0)

    # --- what the app does ---------------------------------------------------------------------------------------

    def _configure(self, settings: dict[str, Any] | None) -> None:
        draws = self.draws
        detection: dict[str, Any] | None = {"type": "server_vad", "silence_duration_ms": 200}
        if draws.random() < 0.2:
            detection = draws.choice(
                [
                    {"type": "semantic_vad"},
                    {"type": "server_vad", "silence_duration_ms": 200, "interrupt_response": False},
                    {"type": "server_vad", "silence_duration_ms": 200, "idle_timeout_ms": 5000},
                    {"type": "server_vad", "silence_duration_ms": 200, "create_response": False},
                ]
            )
        if self.nature.commits:
            detection = None
        sound = {"turn_detection": detection}
        if self.transcriber:
            sound["transcription"] = {"model": self.transcriber}
        session: dict[str, Any] = {"type": "realtime", "audio": {"input": sound}}
        if settings is None:
            cap = draws.choice([None, None, 60, 300, 1500])
            if cap is not None:
                session["max_output_tokens"] = cap
            if draws.random() < 0.5:
                session["instructions"] = _text(draws, draws.choice([20, 200, 1500]))
            if draws.random() < 0.3:
                session["tools"] = [{"type": "function", "name": "get_weather", "description": "Tells the weather."}]
        else:
            session |= settings
        self.app("session.update", session=session)
        self._carry()

    def _speak(self) -> None:
        """Begin to say something."""
        draws = self.draws
        ms = draws.choice([400, 1200, 3000, 9000])
        self.mind._replies[:] = [self._reply()]  # pyright: ignore[reportPrivateUsage]
        pcm = say("Tell me.", ms)
        if draws.random() < self.nature.pauses:
            pcm += quiet(300) + say("Tell me.", ms)
        self.sound = pcm + quiet(1400)

    def _reply(self) -> Reply:
        draws = self.draws
        if draws.random() < self.nature.tools:
            return Reply(text="", calls=(("get_weather", {"city": "London"}),))
        return Reply(text=" ".join(draws.choices(_WORDS, k=draws.randint(*self.lengths))) + ".")

    def advance(self) -> None:
        """A fifth of a second passes, in which the app does nothing."""
        self.steps += 1
        self.now += _STEP_S
        self.service.tick(self.now)
        self._carry()
        if self.session.deadline is not None and self.session.deadline <= self.now:
            self.session.tick(self.now)
            self._act()
        self._carry()

    def step(self) -> None:
        """A fifth of a second passes, and the app does what is in its nature."""
        draws, nature = self.draws, self.nature
        self.advance()
        if self.hung_up:
            return
        quiet_now = not self.service.responses_active
        if self.sound:
            length = int(48_000 * _STEP_S)
            chunk, self.sound = self.sound[:length], self.sound[length:]
            self.unheard_ms += len(chunk) // 48
            self.app("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
            if not self.sound and nature.commits:
                self.app("input_audio_buffer.commit")
                self.app("response.create")
        elif (quiet_now and draws.random() < 0.5) or (not quiet_now and draws.random() < nature.barges_in * _STEP_S):
            self._speak()
        if draws.random() < nature.asks * _STEP_S:
            self._ask()
        if draws.random() < nature.asks_aside * _STEP_S:
            for _ in range(draws.choice([1, 1, 5])):
                self._ask_aside()
        if draws.random() < nature.reopens * _STEP_S:
            self._reopen()
        if draws.random() < nature.writes * _STEP_S:
            content = [{"type": "input_text", "text": _text(draws, draws.choice([5, 50, 2000]))}]
            self.app("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        for call_id in self.calls:
            output = {"type": "function_call_output", "call_id": call_id, "output": "Fog. " * draws.choice([1, 300])}
            self.app("conversation.item.create", item=output)
            self.app("response.create")
        self.calls.clear()
        self._carry()

    def _ask(self) -> None:
        draws = self.draws
        own: dict[str, Any] = {}
        if draws.random() < 0.3:
            own["max_output_tokens"] = draws.choice([20, 1000, "inf"])
        if draws.random() < 0.2:
            own["instructions"] = _text(draws, 800)
        if draws.random() < 0.2:
            own["output_modalities"] = ["text"]
        fields: dict[str, Any] = {"response": own} if own else {}
        if draws.random() < 0.5:
            fields["event_id"] = f"ask_{self.steps}"
        self.app("response.create", **fields)

    def _ask_aside(self) -> None:
        draws = self.draws
        own: dict[str, Any] = {"conversation": "none", "metadata": {"topic": "aside"}}
        kind = draws.random()
        if kind < 0.5:
            content = [{"type": "input_text", "text": _text(draws, draws.choice([10, 1000]))}]
            own["input"] = [{"type": "message", "role": "user", "content": content}]
        elif kind < 0.6:
            sound = base64.b64encode(say("Listen.", 8000)).decode()
            content = [{"type": "input_audio", "audio": sound}]
            own["input"] = [{"type": "message", "role": "user", "content": content}]
        elif kind < 0.7 and self.service.conversation:
            item: Item = self.service.conversation[0]
            own["input"] = [{"type": "item_reference", "id": item.id}] * 20
        self.app("response.create", response=own, event_id=f"aside_{self.steps}_{draws.random()}")

    def _reopen(self) -> None:
        """Whatever it may be told, it wants the service to answer everything at any length."""
        update: dict[str, Any] = {"type": "realtime", "max_output_tokens": self.draws.choice(["inf", 500])}
        if not self.nature.commits:
            detection = {"type": "server_vad", "silence_duration_ms": 200, "create_response": True}
            update["audio"] = {"input": {"turn_detection": detection}}
        self.app("session.update", session=update)


class World:
    """Sessions side by side, until none of them goes on or nobody has time any more."""

    def __init__(self, callers: Sequence[Caller], limit: Limit) -> None:
        self.callers, self.limit = callers, limit

    def run(self, steps: int) -> None:
        for _ in range(steps):
            for caller in self.callers:
                caller.step()
            if all(caller.ended is not None and caller.steps > 5 for caller in self.callers):
                break
        for caller in self.callers:
            self.settle(caller)

    def settle(self, caller: Caller) -> None:
        """Let what is under way come to its end, whatever the app goes on to do."""
        caller.sound = b""
        for number in range(60):
            caller.step()
            if number >= 20 and caller.ended is not None and not caller.busy:
                break

    @property
    def spent(self) -> int:
        return sum(caller.spent(self.limit.unit) for caller in self.callers)

    @property
    def overshoot(self) -> float:
        """What was spent beyond the limit, as a share of it."""
        return self.spent / self.limit.amount - 1


def _text(draws: random.Random, words: int) -> str:
    """One of a few, since counting a text that was never seen takes longer than all that becomes of it."""
    return " ".join(draws.choice(_TEXTS)[:words])


def _laws(draws: random.Random, model: str) -> Laws:
    """How the service counts: sometimes as the prior says, sometimes not."""
    laws = replace(prior("openai", model), hit_rate=draws.choice([0.0, 0.5, 0.9, 1.0]))
    if draws.random() < 0.5:
        laws = replace(
            laws,
            keeps_reply_audio=draws.random() < 0.5,
            user_audio_framing=draws.choice([0, 8, 20]),
            reply_framing=draws.choice([0, 2, 9]),
            base_text=draws.choice([0, 5, 40]),
            tools_framing=draws.choice([12, 100, 292]),
            user_audio_ms_per_token=draws.choice([100, 80, 50]),
        )
    return laws


def _nature(draws: random.Random) -> Nature:
    kind = draws.random()
    if kind < 0.4:
        return Nature(commits=draws.random() < 0.2)
    if kind < 0.6:
        return Nature(asks=draws.choice([0.2, 3.0]), asks_aside=draws.choice([0.0, 0.5, 3.0]))
    if kind < 0.8:
        return Nature(reopens=draws.choice([0.2, 2.0]), writes=0.3, barges_in=0.5, pauses=0.4)
    return Nature(
        asks=2.0, asks_aside=1.0, reopens=2.0, writes=1.0, tools=0.4, barges_in=0.8, pauses=0.5,
        commits=draws.random() < 0.3,
    )  # fmt: skip


def _faults(draws: random.Random) -> Faults:
    if draws.random() < 0.7:
        return Faults()
    return Faults(
        null_error_event_id=draws.random() < 0.5,
        null_usage=draws.random() < 0.2,
        transcription=draws.choice(["works", "works", "fails", "never"]),
    )


def generated(seed: int) -> World:
    """A world made from a seed: mostly one session, sometimes a few on one purse."""
    draws = random.Random(f"spenders/{seed}")
    model = draws.choice(MODELS)
    # What lasts for half a minute or less of most apps; a world that never comes near its limit shows nothing.
    amount = draws.choice([40_000_000, 60_000_000, 100_000_000, 200_000_000, 300_000_000])
    amount = amount // 3 if model.endswith("mini") else amount
    goodbye: bool | str = draws.choice([True, True, False])
    end: Any = draws.choice(["stay", "stay", "close"])
    kind = draws.random()
    if kind < 0.15:
        purse = Purse(amount)
        shared = Budget(shared=frozenset({"nanodollars"}), goodbye=goodbye, end=end)
        callers = [Caller(draws, shared, purse, model=model) for _ in range(draws.choice([2, 3]))]
        return World(callers, Limit("nanodollars", amount))
    limit = Limit("tokens", draws.choice([3_000, 15_000])) if kind < 0.3 else Limit("nanodollars", amount)
    return World([Caller(draws, Budget(limits=(limit,), goodbye=goodbye, end=end), None, model=model)], limit)
