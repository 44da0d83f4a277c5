"""A stand-in whose laws and manners are drawn at random and told to nobody, for probes to find them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.doubles import Ears, LoudTurns, Voice, say

from laconic.laws import Laws, prior
from laconic.probing.asking import Clip, Limits, conversation
from laconic.probing.notes import Notes
from laconic.probing.plan import Turn, plan
from laconic.probing.script import Running
from laconic.rates import load
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.minds.reply import HeardItem, Reply
from laconic.simulator.service import Service

__all__ = ["CLIPS", "Hidden", "held"]

CLIPS = [
    Clip(say(text, ms), text)
    for text, ms in (
        ("Hello. My name is Marco.", 2060),
        ("Do you know my name?", 1383),
        ("What should I cook?", 1548),
        ("How is the weather?", 1677),
        ("What is my name?", 1101),
        ("Thank you. Goodbye.", 1553),
    )
]

_REPLIES = (
    "Rain is on the way today.",
    "Birds sing before dawn.",
    "Bread and soup taste best in winter.",
    "The sea was calm this morning.",
    "Apples are in season right now here.",
    "Wind moves the tall grass.",
    "Tea warms cold hands well.",
)


class Brief:
    """A mind that says short things of several lengths."""

    def __init__(self) -> None:
        self._said = 0

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        self._said += 1
        return Reply(text=_REPLIES[self._said % len(_REPLIES)])


@dataclass
class Hidden:
    """One stand-in's secrets."""

    model: str
    laws: Laws
    habits: Habits
    faults: Faults
    seed: int
    hits: list[bool] = field(default_factory=list[bool])
    """Whether the bill let each response read from cache, in order."""

    @classmethod
    def drawn(cls, seed: int) -> Hidden:
        """Everything at random."""
        draw = random.Random(seed)
        model = draw.choice(["gpt-realtime", "gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-4o-realtime-preview"])
        laws = replace(
            prior("openai", model),
            keeps_reply_audio=draw.random() < 0.5,
            hit_rate=draw.choice([0.0, 0.5, 0.75, 1.0, 1.0]),
            cache_block=draw.choice([16, 32, 64, 64, 128]),
            user_audio_ms_per_token=draw.choice([100, 100, 80, 50, 40, 20, 8]),
            assistant_audio_ms_per_token=draw.choice([50, 50, 40, 80, 100, 25]),
            user_text_framing=draw.randrange(8),
            user_audio_framing=draw.randrange(14),
            reply_framing=draw.randrange(8),
            truncated_reply_text=draw.randrange(2, 14),
            base_text=draw.randrange(20),
            tools_framing=draw.randrange(320),
            image_tokens=draw.randrange(50, 1_400),
        )
        habits = Habits(
            model=model,
            ghost_usage_null=draw.random() < 0.5,
            drift_after=draw.choice([None, None, 1, 3]),
            update_drops_cache=draw.random() < 0.3,
        )
        faults = Faults(
            append_inserts=draw.random() < 0.25,
            null_error_event_id=draw.random() < 0.5,
            ignore=draw.choice([set[str](), set[str](), set[str](), {"delete"}, {"truncate"}]),
        )
        return cls(model, laws, habits, faults, seed)

    def service(self, kind: type[Service] = Service) -> Service:
        draw = random.Random(f"{self.seed} hits")

        def hits() -> float:
            drawn = draw.random()
            self.hits.append(drawn < self.laws.hit_rate)
            return drawn

        return kind(
            self.habits,
            ids=Ids(self.seed),
            turns=LoudTurns,
            hearing=Ears(),
            composer=MindAndVoice(Brief(), Voice(), drift_after=self.habits.drift_after),
            bill=Bill(self.laws, hits=hits),
            faults=self.faults,
        )


def held(
    service: Service,
    *,
    model: str = "gpt-realtime",
    turns: Sequence[Turn] = (),
    limits: Limits | None = None,
    clips: Sequence[Clip] = CLIPS,
) -> tuple[Notes, str | None, list[str]]:
    """Hold a probe with a service, in memory and without waiting: the notes, why it stopped, the turns told."""
    notes = Notes(load().find(model))
    told: list[str] = []
    script = conversation(notes, turns or plan(), clips, limits or Limits(), lambda turn: told.append(turn.name))
    running = Running(script, notes)
    now = 0.0
    service.connected(now)
    running.start(now)
    while not running.over:
        for raw in running.outbox():
            service.receive(raw, now)
        heard = service.outbox()
        for raw in heard:
            running.receive(raw, now)
        if heard or running.over:
            continue
        assert running.deadline is not None
        due = service.deadline
        if due is not None and due < running.deadline:
            now = max(now, due)
            service.tick(now)
        else:
            now = max(now, running.deadline)
            running.tick(now)
    return notes, running.result, told
