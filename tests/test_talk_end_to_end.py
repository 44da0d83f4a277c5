"""The main job, whole: a recorded caller talks over a real WebSocket with the stand-in, ten times faster than life.

Among it the experiment this project began with: a caller gives a name, talks about other things, and asks for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import StringIO
from itertools import count
from typing import Any

import pytest

from laconic import recording, scenarios
from laconic.client.dial import dial
from laconic.client.endpoints import endpoint
from laconic.client.settings import SessionSettings
from laconic.session import Session
from laconic.simulator.habits import Habits
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.server import serve
from laconic.simulator.speech import Speech
from laconic.terminal.bill import Bill
from laconic.terminal.lines import Lines
from laconic.terminal.page import Page
from laconic.terminal.words import Words
from laconic.voice.caller import Caller
from laconic.voice.clock import Clock
from laconic.voice.duplex import join
from laconic.voice.files import WavSpeaker
from laconic.voice.talk import Talk

PACE = 10.0
Wire = dict[str, Any]


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(hearing=Hearing.of_scenarios(), voice=Speech())


@dataclass
class Talked:
    """What a talk left behind."""

    session: Session
    page: Page
    printed: str
    sent: list[Wire]
    held: list[str]
    """Ids of the items the service holds at the end, in order."""

    def answer_to(self, question: str) -> str:
        """The reply that follows these words."""
        lines = [line for line in self.page.lines if line.kind != "notice"]
        asked = next(number for number, line in enumerate(lines) if line.words == question)
        return lines[asked + 1].words


async def talked(parts: Parts, scenario: str, memory: str, dialect: str = "ga") -> Talked:
    """One talk from the first word to the last reply heard."""
    clock, numbers, printed = Clock(PACE), count(1), StringIO()
    session = Session(ids=lambda: f"ours_{next(numbers)}", memory=memory, model="gpt-realtime")
    page = Page(session.conversation, Words("en"))
    view = Lines(page, Bill(session, page.words, clock.now), printed)
    speaker = WavSpeaker(None, clock)
    caller = Caller(scenarios.load(scenario).lines, speaker.playout, clock)
    recorded: list[str] = []
    habits = Habits(model="gpt-realtime", dialect="beta" if dialect == "beta" else "ga")
    async with (
        serve(parts=parts, clock=clock, habits=habits) as stand_in,
        dial(endpoint("simulator", model="gpt-realtime", url=stand_in.url, env={})) as connection,
    ):
        talk = Talk(
            session,
            connection,
            join(caller, speaker),
            view,
            clock,
            settings=SessionSettings(turn_detection="server_vad", silence_duration_ms=500).update_event()["session"],
            record=lambda raw, sender, now: recorded.append(recording.line(raw, sender, now)),
        )
        await talk.run()
        view.close(printed)
        held = [item.id for item in stand_in.services[-1].conversation]
    assert caller.finished
    assert caller.unanswered == []
    sent = [record["event"] for record in map(json.loads, recorded) if record["from"] != "service"]
    return Talked(session, page, printed.getvalue(), sent, held)


def deleted(talk: Talked) -> list[str]:
    return [event["item_id"] for event in talk.sent if event["type"] == "conversation.item.delete"]


@pytest.mark.slow
async def test_who_remembers_everything_knows_the_name(parts: Parts) -> None:
    talk = await talked(parts, "introduction", "everything")
    assert "Marco" in talk.answer_to("Do you know my name?")
    assert "Marco" in talk.answer_to("What is my name?")
    assert deleted(talk) == []
    assert [item.id for item in talk.session.conversation] == talk.held
    assert len(talk.held) == 16
    assert talk.session.exchanges.count == 8


@pytest.mark.slow
async def test_who_keeps_five_items_does_not_and_the_transcript_shows_why(parts: Parts) -> None:
    talk = await talked(parts, "introduction", "last:5")
    assert "Marco" in talk.answer_to("Do you know my name?")  # asked at once, the name is still there
    assert "Marco" not in talk.answer_to("What is my name?")
    forgotten = talk.printed.index("· forgotten: you, “Hello. My name is Marco.” · 5 stay")
    assert forgotten < talk.printed.index("What is my name?")
    assert [item.id for item in talk.session.conversation] == talk.held
    assert len(talk.held) == 5
    assert len(deleted(talk)) == 11
    assert talk.session.errors == 0


@pytest.mark.slow
async def test_a_story_cut_off_is_remembered_as_far_as_it_was_heard(parts: Parts) -> None:
    """In both dialects alike; the Japanese caller cuts in too."""
    talk = await talked(parts, "jikoshoukai", "exchanges:2", dialect="beta")
    truncations = [event for event in talk.sent if event["type"] == "conversation.item.truncate"]
    assert len(truncations) == 1
    cut = next(line for line in talk.page.lines if line.item_id == truncations[0]["item_id"])
    assert cut.heard_ms == truncations[0]["audio_end_ms"]
    assert 2_000 < cut.heard_ms < cut.received_ms
    assert [item.id for item in talk.session.conversation] == talk.held
    assert deleted(talk)[:2] == [line.item_id for line in talk.page.lines if line.item_id][:2]
    assert talk.session.errors == 0
