"""One generated conversation, from the first word to the last: caller, session, WebSocket and stand-in.

The caller of `generated` talks to the stand-in service over loopback, with the engine in between as any app would
have it: replies are played out and what was heard of them is reported, a barge-in stops them, and when the session
wants a summary it is asked of the stand-in's chat endpoint over HTTP, with the instructions a real model gets. Time
is the amount of sound that was sent (the stand-in in sample time), so an hour takes as long as the machine needs to
carry and count it, and comes out the same every time.

Sound goes out in steps of 160 ms. Behind each step goes a question the stand-in must refuse; its refusal says that
everything caused by the sound has arrived. What the session wants sent goes out with the next step, so an edit is
answered 160 ms after it was wished for: about what a far service takes. A summary is handed over one second of sound
after it was asked for, however long its request took.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from generated import FACTS, LoudTurns, Sentences, ToneVoice, Turn, instructions, question, turns
from websockets.asyncio.client import ClientConnection, connect

from laconic import events as ev
from laconic.actions import Charged, EditFailed, Summarise, ToApp, ToService
from laconic.client.chat_endpoints import ChatEndpoint
from laconic.client.summarise import Summary, summarise
from laconic.laws import Laws, prior
from laconic.meter import Meter
from laconic.rates import Rates, RateTable
from laconic.session import Session
from laconic.simulator.habits import Habits
from laconic.simulator.minds import Facts
from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve
from laconic.summary_prompt import summary_instructions
from laconic.tokens import text_tokens
from laconic.usage import Usage

__all__ = ["Cell", "Hour", "talk"]

STEP_MS = 160
INSTRUCTIONS_TOKENS = 600
TRANSCRIBER = "gpt-4o-mini-transcribe"
_QUIET = base64.b64encode(bytes(48 * STEP_MS)).decode()
_SUMMARY_LATENCY_S = 1.0
_ASK_WITHIN_MS = 60_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One conversation to hold."""

    memory: str
    """A name the session knows; `seed`, or `service:TOKENS:RATIO`."""
    model: str = "gpt-realtime-2.1"
    keeps_reply_audio: bool = True
    hit_rate: float = 1.0
    minutes: float = 60.0
    seed: int = 1
    told: bool = True
    """Whether the session is told the laws the stand-in follows; else it has the prior of the model."""
    summary_model: str = "gpt-5.4-nano"

    @property
    def laws(self) -> Laws:
        """The laws the stand-in follows."""
        return replace(prior("openai", self.model), hit_rate=self.hit_rate, keeps_reply_audio=self.keeps_reply_audio)


@dataclass(slots=True)
class Hour:
    """How it went. Money in nano-dollars."""

    cost: int = 0
    """Everything on the meter when the time was up, before any question was asked."""
    unknown: int = 0
    """Things on the meter whose price or size is unknown: 0, or the figures mean nothing."""
    floor: int = 0
    lines: Counter[str] = field(default_factory=Counter[str])
    """Nano-dollars by kind of charge, summaries apart."""
    facts_kept: int = 0
    forgotten: list[str] = field(default_factory=list[str])
    """The facts that did not come back."""
    edits: int = 0
    failed_edits: int = 0
    exchanges: int = 0
    ghost_turns: int = 0
    cut_off: int = 0
    summaries: int = 0
    user_ms: int = 0
    reply_ms: int = 0
    largest_input: int = 0
    old_audio: int = 0
    """Audio tokens read that are not the newest user's turns: sound that stayed in the conversation."""
    inputs: list[Usage] = field(default_factory=list[Usage])

    @property
    def multiple(self) -> float:
        return self.cost / self.floor if self.floor else 0.0


class _Speaker:
    """Plays replies out as time passes."""

    def __init__(self) -> None:
        self._queue: deque[tuple[str, list[float]]] = deque()

    @property
    def playing(self) -> bool:
        return bool(self._queue)

    def receive(self, item_id: str, ms: float) -> None:
        if self._queue and self._queue[-1][0] == item_id:
            self._queue[-1][1][0] += ms
        else:
            self._queue.append((item_id, [ms, 0.0]))

    def play(self, ms: float) -> list[tuple[str, int]]:
        """What has been heard by now of each item that sounded in this time."""
        heard: list[tuple[str, int]] = []
        while self._queue and ms > 0:
            item_id, state = self._queue[0]
            taken = min(ms, state[0] - state[1])
            state[1] += taken
            ms -= taken
            heard.append((item_id, int(state[1])))
            if state[1] < state[0]:
                break
            self._queue.popleft()
        return heard

    def stop(self) -> list[tuple[str, int]]:
        stopped = [(item_id, int(state[1])) for item_id, state in self._queue]
        self._queue.clear()
        return stopped


class _Seed:
    """The rule of the sample client of October 2024, as it was coded: created items queue up, and on every event
    received, if five or more are queued, the oldest is deleted. It listened for `created`; GA says `added`."""

    def __init__(self) -> None:
        self._queue: deque[str] = deque()

    def received(self, event: ev.Event) -> str | None:
        """The item to delete now."""
        if isinstance(event, ev.ConversationItemAdded):
            self._queue.append(event.item["id"])
        return self._queue.popleft() if len(self._queue) >= 5 else None


class _Talk:
    """The app: drives one session and one caller."""

    def __init__(self, cell: Cell, socket: ClientConnection, standin: StandIn, sentences: Sentences, rates: RateTable):
        self._cell, self._socket, self._standin, self._sentences, self._rates = cell, socket, standin, sentences, rates
        numbers = count(1)
        foreign = cell.memory == "seed" or cell.memory.startswith("service:")
        self.session = Session(
            ids=lambda: f"laconic_{next(numbers)}",
            memory="everything" if foreign else cell.memory,
            model=cell.model,
            rates=rates,
            laws=cell.laws if cell.told and cell.memory != "auto" else None,
            summary_model=cell.summary_model,
        )
        self._seed = _Seed() if cell.memory == "seed" else None
        self._chat = ChatEndpoint("simulator", standin.chat_url, model=cell.summary_model)
        self._speaker = _Speaker()
        self.now = 0.0
        self._barriers = count(1)
        self._summaries: deque[tuple[float, int, asyncio.Task[Summary]]] = deque()
        self.hour = Hour()
        self._reply_done = False
        self._responding = False
        self._heard_ms = 0
        self._said = ""
        self._done: list[tuple[str, Usage | None]] = []

    # --- the wire ----------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        await self._from_service(await self._socket.recv())
        audio: dict[str, Any] = {
            "input": {
                "transcription": {"model": TRANSCRIBER},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
            }
        }
        settings: dict[str, Any] = {
            "type": "realtime",
            "instructions": instructions(INSTRUCTIONS_TOKENS, text_tokens),
            "audio": audio,
        }
        if self._cell.memory.startswith("service:"):
            _, tokens, ratio = self._cell.memory.split(":")
            settings["truncation"] = {
                "type": "retention_ratio",
                "retention_ratio": float(ratio),
                "token_limits": {"post_instructions": int(tokens)},
            }
        self.session.from_app(json.dumps({"type": "session.update", "session": settings}), self.now)
        await self._act()
        await self._step(None)

    async def _step(self, sound: bytes | None) -> None:
        """So much time passes, with this sound or with silence, and everything it causes is dealt with."""
        audio = _QUIET if sound is None else base64.b64encode(sound.ljust(48 * STEP_MS, b"\0")).decode()
        barrier = f"barrier_{next(self._barriers)}"
        await self._socket.send(f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}')
        await self._socket.send(f'{{"type":"response.cancel","event_id":"{barrier}","response_id":"none"}}')
        self.now += STEP_MS / 1000
        while True:
            raw = await self._socket.recv()
            if len(raw) < 500 and barrier in str(raw):
                break
            await self._from_service(raw)
        for item_id, ms in self._speaker.play(STEP_MS):
            self._heard_ms = ms
            self.session.heard(item_id, ms, self.now)
        await self._hand_over_summaries()
        if self.session.deadline is not None and self.session.deadline <= self.now:
            self.session.tick(self.now)
        await self._act()

    async def _from_service(self, raw: str | bytes) -> None:
        self.session.from_service(raw, self.now)
        await self._act()

    async def _act(self) -> None:
        for action in self.session.actions():
            match action:
                case ToService(raw):
                    text = raw if isinstance(raw, str) else raw.decode()
                    self.hour.edits += '"conversation.item.' in text[:120]
                    await self._socket.send(text)
                case ToApp(event=event):
                    self._hear(event)
                case Summarise():
                    making = asyncio.create_task(self._summary(action), name=f"summary {action.id}")
                    self._summaries.append((self.now + _SUMMARY_LATENCY_S, action.id, making))
                    self.hour.summaries += 1
                case Charged(response_id=response_id, usage=usage):
                    self._done.append((response_id, usage))
                case EditFailed():
                    self.hour.failed_edits += 1
                case _:
                    pass

    def _hear(self, event: ev.Event) -> None:
        match event:
            case ev.ResponseOutputAudioDelta(item_id=item_id, delta=delta):
                self._speaker.receive(item_id, ev.payload_bytes(delta) / 48)
            case ev.InputAudioBufferSpeechStarted():
                stopped = self._speaker.stop()
                self.hour.cut_off += any(ms for _, ms in stopped)
                for item_id, ms in stopped:
                    self.session.heard(item_id, ms, self.now, stopped=True)
            case ev.ResponseCreated():
                self._responding, self._said, self._heard_ms = True, "", 0
            case ev.ResponseOutputAudioTranscriptDelta(delta=delta):
                self._said += delta
            case ev.ResponseDone(response=response):
                self._responding = False
                self._reply_done = response.get("status") == "completed"
            case ev.Error(error=error) if self._seed is None:
                raise RuntimeError(f"the stand-in refused something: {error.message}")
            case _:
                pass
        if self._seed is not None and (item_id := self._seed.received(event)) is not None:
            self.session.from_app(json.dumps({"type": "conversation.item.delete", "item_id": item_id}), self.now)

    async def _summary(self, ask: Summarise) -> Summary:
        wanted = summary_instructions("en", ask.max_tokens)
        return await summarise(self._chat, text=ask.text, instructions=wanted, max_tokens=ask.max_tokens)

    async def _hand_over_summaries(self) -> None:
        """Give the session those whose time has come."""
        while self._summaries and self._summaries[0][0] <= self.now:
            _, ask_id, making = self._summaries.popleft()
            made = await making
            self.session.summarised(ask_id, made.text, self.now, usage=made.usage, model=made.model)

    # --- the caller --------------------------------------------------------------------------------------------

    async def take_turn(self, turn: Turn) -> None:
        """Wait as this turn wants it, say it, and stay until it has been answered."""
        if turn.cuts_in_after_ms is not None:
            await self._wait(lambda: self._heard_ms >= (turn.cuts_in_after_ms or 0) or not self._answering)
        else:
            await self._wait(lambda: not self._answering)
            await self._be_quiet(turn.gap_ms)
        self._reply_done = False
        if turn.pause_ms is None:
            await self._say(self._sentences.say(turn.words, turn.ms))
        else:
            (first, first_ms), (rest, rest_ms) = turn.halves()
            pause = bytes(48 * turn.pause_ms)
            await self._say(self._sentences.say(first, first_ms) + pause + self._sentences.say(rest, rest_ms))
        self._reply_done = False
        await self._wait(lambda: self._reply_done or (self._responding and self._heard_ms > 0))

    @property
    def _answering(self) -> bool:
        return self._responding or self._speaker.playing

    async def _say(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 48 * STEP_MS):
            await self._step(pcm[at : at + 48 * STEP_MS])

    async def _be_quiet(self, ms: int) -> None:
        for _ in range(0, ms, STEP_MS):
            await self._step(None)

    async def _wait(self, until: Callable[[], bool]) -> None:
        for _ in range(0, _ASK_WITHIN_MS, STEP_MS):
            if until():
                return
            await self._step(None)
        raise RuntimeError("nobody answered within a minute")

    async def hold(self) -> Hour:
        """The whole conversation, and then the questions."""
        for turn in turns(self._cell.minutes, self._cell.seed, lambda: self.now):
            await self.take_turn(turn)
        await self._wait(lambda: not self._answering)
        await self._be_quiet(2000)
        self._close_the_books()
        for fact, value in FACTS.items():
            await self.take_turn(question(fact))
            await self._wait(lambda: not self._answering)
            known = value.lower() in self._said.lower()
            self.hour.facts_kept += known
            self.hour.forgotten += [] if known else [fact]
        return self.hour

    def _close_the_books(self) -> None:
        """Take the cost now. What comes after is the examination."""
        hour, meter = self.hour, self.session.meter
        hour.cost, hour.unknown = meter.total.nanodollars, meter.total.unknown
        hour.exchanges, hour.ghost_turns = self.session.exchanges.count, self.session.exchanges.ghost_turns
        hour.user_ms = sum(_audio(entry.usage) for entry in meter.transcriptions) * 100
        rates = meter.rates
        assert rates is not None
        hour.floor, hour.lines = _floor(meter, rates), _lines(meter)
        replies = [entry.usage for entry in meter.responses if entry.kind == "reply"]
        hour.inputs = [usage for usage in replies if isinstance(usage, Usage) and usage.input_tokens]
        hour.largest_input = max((usage.input_tokens for usage in hour.inputs), default=0)
        hour.reply_ms = sum(usage.audio_out for usage in hour.inputs) * 50
        hour.old_audio = sum(usage.audio_in for usage in hour.inputs) - hour.user_ms // 100
        self._agree()

    def _agree(self) -> None:
        """The meter and the stand-in's own bill must say the same."""
        billed = [usage for usage in self._standin.services[-1].usages.values() if usage is not None]
        counted = sum((entry.usage for entry in self.session.meter.responses
                       if entry.kind == "reply" and isinstance(entry.usage, Usage)), Usage())  # fmt: skip
        if counted != sum(billed, Usage()):
            raise RuntimeError(f"the meter counted {counted}, the stand-in {sum(billed, Usage())}")


def _audio(usage: object) -> int:
    return getattr(usage, "audio_in", 0)


def _floor(meter: Meter, rates: Rates) -> int:
    """The user's new speech, everything generated, and the transcription: the least this can cost."""
    assert rates.audio_in is not None
    assert rates.audio_out is not None
    assert rates.text_out is not None
    spoken = sum(_audio(entry.usage) for entry in meter.transcriptions) * rates.audio_in
    made = sum(
        entry.usage.text_out * rates.text_out + entry.usage.audio_out * rates.audio_out
        for entry in meter.responses
        if entry.kind == "reply" and isinstance(entry.usage, Usage)
    )
    return spoken + made + sum(entry.cost.nanodollars for entry in meter.transcriptions)


def _lines(meter: Meter) -> Counter[str]:
    lines: Counter[str] = Counter()
    for entry in (*meter.responses, *meter.transcriptions):
        for charge in entry.cost.charges:
            lines["summary" if entry.kind == "summary" else charge.what] += charge.nanodollars
    return lines


@asynccontextmanager
async def _line(cell: Cell, sentences: Sentences) -> AsyncGenerator[tuple[ClientConnection, StandIn]]:
    parts = Parts(
        hearing=sentences,
        voice=ToneVoice(),
        mind=Facts(),
        turns=LoudTurns,
        hit_rate=cell.hit_rate,
        even_hits=True,
        keeps_reply_audio=cell.keeps_reply_audio,
        seed=cell.seed,
    )
    habits = Habits(model=cell.model, sample_time=True, session_s=cell.minutes * 60 + 3600)
    async with (
        serve(habits=habits, parts=parts) as standin,
        connect(standin.url, compression=None, max_size=None, ping_interval=None) as socket,
    ):
        yield socket, standin


async def talk(cell: Cell, rates: RateTable) -> Hour:
    """Hold the conversation of `cell`."""
    sentences = Sentences()
    async with _line(cell, sentences) as (socket, standin):
        conversation = _Talk(cell, socket, standin, sentences, rates)
        await conversation.begin()
        return await conversation.hold()
