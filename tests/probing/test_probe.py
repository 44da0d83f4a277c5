"""Whole probes over a real WebSocket, on a clock that runs faster than life."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest
from hidden import CLIPS, Hidden
from simulator.doubles import Ears, Voice

from laconic.client.dial import dial
from laconic.client.endpoints import endpoint
from laconic.errors import Dropped
from laconic.laws import prior
from laconic.probing.asking import Limits
from laconic.probing.notes import Notes
from laconic.probing.plan import plan
from laconic.probing.probe import probe
from laconic.probing.questions import findings
from laconic.rates import load
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.parts import Parts
from laconic.simulator.responding import Pace
from laconic.simulator.server import serve
from laconic.simulator.service import Service
from laconic.voice.clock import Clock


@dataclass(slots=True, kw_only=True)
class Secretive(Parts):
    """Parts of a stand-in whose bill keeps its own laws."""

    hidden: Hidden

    def service(self, habits: Habits, *, faults: Faults | None = None, provider: str = "openai") -> Service:
        return self.hidden.service()


async def probed(hidden: Hidden, notes: Notes) -> str | None:
    clock = Clock(100)
    # Long enough for a cancel to come before the first sound, on a machine that has other things to do.
    hidden.habits = replace(hidden.habits, pace=Pace(latency_s=4.0))
    parts = Secretive(hearing=Ears(), voice=Voice(), hidden=hidden)
    async with (
        asyncio.timeout(20),
        serve(habits=hidden.habits, parts=parts, clock=clock) as standin,
        dial(endpoint("simulator", url=standin.url, env={})) as connection,
    ):
        # An edit that is never answered is given up after fifty milliseconds of life; a busy machine needs as many.
        return await probe(connection, notes, plan(), CLIPS, clock, limits=Limits(edit_s=30.0), told=lambda turn: None)


@pytest.mark.parametrize("seed", range(100, 104))
async def test_hidden_laws_are_found_over_a_real_connection(seed: int) -> None:
    hidden = Hidden.drawn(seed)
    notes = Notes(load().find(hidden.model))
    assert await probed(hidden, notes) is None
    found, reckoned = findings(notes, plan(), prior("openai", hidden.model))
    value = {finding.key: finding.value for finding in found}
    laws, mine = hidden.laws, reckoned.laws
    names = ["keeps_reply_audio", "user_audio_ms_per_token", "assistant_audio_ms_per_token", "user_audio_framing"]
    names += ["user_text_framing", "reply_framing", "base_text"]
    assert {name: getattr(mine, name) for name in names} == {name: getattr(laws, name) for name in names}
    assert value["block"] in (None, laws.cache_block)
    assert value["cancelled"] == ("null" if hidden.habits.ghost_usage_null else "zero")
    assert value["deletes"] == ("unanswered" if "delete" in hidden.faults.ignore else "done")
    assert value["drift"] is (hidden.habits.drift_after is not None)
    assert value["inserts"] == ("elsewhere" if hidden.faults.append_inserts else "honoured")
    assert value["fit"] == (0, 0)


async def test_a_connection_that_drops_leaves_what_was_noted() -> None:
    hidden = Hidden.drawn(0)
    hidden.faults.drop_after = 200
    notes = Notes(load().find(hidden.model))
    with pytest.raises(Dropped):
        await probed(hidden, notes)
    assert notes.answers
    assert findings(notes, plan(), prior("openai", hidden.model))[0]
