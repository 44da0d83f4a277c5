"""Conversations for these tests, and the prices they are reckoned at."""

from __future__ import annotations

import random
from functools import cache

from laconic.rates import Rates, load
from laconic.whatif.compare import Case, Story, cases, tell
from laconic.whatif.turns import Talk
from laconic.whatif.workload import Workload, generate

TABLE = load()


def rates(name: str) -> Rates:
    found = TABLE.find(name)
    assert found is not None
    return found


@cache
def talk(minutes: float = 10.0, seed: int = 1) -> Talk:
    return generate(Workload(minutes=minutes), random.Random(seed).random, f"seed {seed}")


def case(hit_rate: float = 1.0, reply_audio: str = "dropped", model: str = "gpt-realtime-2.1") -> Case:
    return next(
        cases(
            [rates(model)],
            [reply_audio],
            [hit_rate],
            transcription_rates=rates("gpt-transcribe"),
            summary_rates=rates("gpt-5.4-nano"),
        )
    )


@cache
def story(minutes: float = 10.0, hit_rate: float = 1.0, reply_audio: str = "dropped") -> Story:
    memories = ("everything", "last:5", "service:4000:0.8", "written", "summary")
    return tell(talk(minutes), case(hit_rate, reply_audio), memories)
