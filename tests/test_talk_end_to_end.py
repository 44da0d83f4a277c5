"""The main job, whole: a recorded caller talks over a real WebSocket with the stand-in, ten times faster than life.

Among it the experiment this project began with: a caller gives a name, talks about other things, and asks for it. Who
keeps five items has forgotten it by then; who keeps the words, or what a summary says of them, has not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import StringIO
from itertools import count
from typing import Any

import pytest
import still_time

from laconic import recording, scenarios
from laconic.client.chat_endpoints import chat_endpoint
from laconic.client.dial import dial
from laconic.client.endpoints import endpoint
from laconic.client.settings import SessionSettings
from laconic.client.summaries import written_by
from laconic.dialects import Dialect
from laconic.session import Session, ToApp, ToService
from laconic.simulator.chat import Chat
from laconic.simulator.habits import Habits
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.server import serve
from laconic.simulator.service import Service
from laconic.simulator.speech import Speech
from laconic.terminal.bill import Bill
from laconic.terminal.lines import Lines
from laconic.terminal.page import Line, Page
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
    service: Service

    @property
    def held(self) -> list[str]:
        """Ids of the items the service holds at the end, in order."""
        return [item.id for item in self.service.conversation]

    @property
    def said(self) -> list[Line]:
        """What the page shows of both sides."""
        return [line for line in self.page.lines if line.kind != "notice"]

    @property
    def notices(self) -> list[str]:
        return [line.words for line in self.page.lines if line.kind == "notice"]

    def answer_to(self, question: str) -> str:
        """The reply that follows these words."""
        asked = next(number for number, line in enumerate(self.said) if line.words == question)
        return self.said[asked + 1].words


async def talked(
    parts: Parts,
    scenario: str,
    memory: str,
    dialect: Dialect = "ga",
    *,
    text_model: bool = True,
    clock: Clock | None = None,
    **habits: Any,
) -> Talked:
    """One talk from the first word to the last reply heard. `text_model`: whether one writes the summaries."""
    clock, numbers, printed = clock or Clock(PACE), count(1), StringIO()
    session = Session(ids=lambda: f"ours_{next(numbers)}", memory=memory, model="gpt-realtime")
    page = Page(session.conversation, Words("en"))
    view = Lines(page, Bill(session, page.words, clock.now), printed)
    speaker = WavSpeaker(None, clock)
    caller = Caller(scenarios.load(scenario).lines, speaker.playout, clock)
    recorded: list[str] = []
    async with (
        serve(
            parts=parts, clock=clock, habits=Habits(model="gpt-realtime", dialect=dialect, **habits), chat=Chat()
        ) as stand_in,
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
            writer=written_by(chat_endpoint(connection.endpoint, env={})) if text_model else None,
        )
        await talk.run()
        view.close(printed)
        service = stand_in.services[-1]
    assert caller.finished
    assert caller.unanswered == []
    sent = [record["event"] for record in map(json.loads, recorded) if record["from"] != "service"]
    return Talked(session, page, printed.getvalue(), sent, service)


def kinds(talk: Talked) -> list[str]:
    return [entry.kind for entry in talk.session.meter.responses]


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
async def test_who_keeps_the_words_knows_the_name_although_the_sound_is_gone(parts: Parts) -> None:
    talk = await talked(parts, "introduction", "written")
    assert "Marco" in talk.answer_to("What is my name?")
    written = talk.printed.index("· written down: you, “Hello. My name is Marco.”")
    assert written < talk.printed.index("What is my name?")
    assert "forgotten" not in talk.printed
    assert not any(part.is_audio for item in talk.service.conversation for part in item.parts)
    assert [item.id for item in talk.session.conversation] == talk.held
    assert [line.left for line in talk.said] == [True] * 16, "both sides as they spoke, and no copy of ours"
    assert not any(line.gone for line in talk.said)
    costs = talk.session.alternatives.costs()
    assert talk.session.meter.total.nanodollars < costs["everything"].nanodollars
    assert "· saved $0.0" in talk.printed
    assert talk.session.errors == 0


@pytest.mark.slow
@pytest.mark.parametrize("text_model", [True, False], ids=["by a text model", "by the service itself"])
async def test_who_folds_the_words_into_summaries_knows_the_name(parts: Parts, text_model: bool) -> None:
    talk = await talked(parts, "introduction", "summary:120:40", text_model=text_model)
    assert "Marco" in talk.answer_to("What is my name?")
    first = next(notice for notice in talk.notices if "into a summary" in notice)
    assert "Marco" in first
    assert talk.printed.index(first) < talk.printed.index("What is my name?")
    assert kinds(talk).count("summary") >= 2
    assert kinds(talk).count("out_of_band") == 0
    assert talk.session.meter.total.unknown == 0
    assert [item.id for item in talk.session.conversation] == talk.held
    assert len(talk.said) == 16
    assert talk.session.errors == 0


@pytest.mark.slow
async def test_a_service_that_falls_into_writing_is_cured_at_once(parts: Parts) -> None:
    """Two written replies in its conversation, and it writes the third. Written notes it does not take for its own."""
    talk = await talked(parts, "introduction", "written", drift_after=2)
    assert "Marco" in talk.answer_to("What is my name?")
    assert [notice for notice in talk.notices if "came in writing" in notice] == [
        "a reply came in writing though sound was asked for; it is taken back, and asked for again unless you go on"
    ]
    drifted = [line for line in talk.said if line.kind == "assistant" and not line.received]
    assert len(drifted) == 1
    assert drifted[0].gone
    assert sum(event["type"] == "response.create" for event in talk.sent) == 1
    assert not any(item.role == "assistant" for item in talk.service.conversation)
    assert kinds(talk) == ["reply"] * 9
    assert talk.session.exchanges.count == 8
    assert talk.session.errors == 0


async def test_who_shows_only_the_latest_exchanges_deletes_nothing(parts: Parts) -> None:
    """`select:2`, where the app asks for each response: what is not shown is not known, and still there."""
    numbers = count(1)
    session = Session(ids=lambda: f"ours_{next(numbers)}", memory="select:2", model="gpt-realtime")
    answers: list[str | None] = []
    async with (
        serve(parts=parts, clock=Clock(50), habits=Habits(model="gpt-realtime")) as stand_in,
        dial(endpoint("simulator", model="gpt-realtime", url=stand_in.url, env={})) as connection,
    ):

        async def say(event: Wire, until: str) -> None:
            session.from_app(json.dumps(event), 0.0)
            while True:
                for action in session.actions():
                    if isinstance(action, ToService):
                        await connection.send(action.raw)
                    elif isinstance(action, ToApp) and action.event.type == until:
                        return
                session.from_service(await connection.recv(), 0.0)

        for words in ["My name is Marco.", "Do you know my name?", *["How is the weather?"] * 2, "What is my name?"]:
            said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
            await say({"type": "conversation.item.create", "item": said}, "conversation.item.added")
            await say({"type": "response.create"}, "response.done")
            answers.append([item.text for item in session.conversation][-1])
        assert len(list(stand_in.services[-1].conversation)) == 10
    assert "Marco" in (answers[1] or "")
    assert "Marco" not in (answers[-1] or "")
    assert session.errors == 0


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


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "knows"), [("exchanges:3", False), ("exchanges:5", True)])
def test_who_pauses_in_mid_sentence_makes_ghost_turns_and_no_exchanges(parts: Parts, memory: str, knows: bool) -> None:
    """Five times the service takes a pause for the end, and nobody hears what it was about to say. What the caller said
    before and after the pause is one thing. On a loop whose clock stands still while somebody works, since a pause that
    is long enough on one machine must be so on all."""
    talk = still_time.run(talked(parts, "pauses", memory, clock=still_time.StillClock()))
    assert talk.session.exchanges.ghost_turns == 5
    assert talk.session.exchanges.count == 5
    cancelled = [entry for entry in talk.session.meter.responses if entry.status == "cancelled"]
    assert len(cancelled) == 5
    assert all(entry.cost.nanodollars == 0 for entry in cancelled)
    assert ("green" in talk.said[-1].words) is knows
