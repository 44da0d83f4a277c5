"""Make docs/talk.svg: the talk screen as a user sees it, in the middle of a talk with the stand-in.

    python scripts/picture.py [docs/talk.svg]

The caller of the scenario `introduction` has given a name, talked about other things and asked for it; what is old was
written down and folded into a summary. The picture is taken while the last reply is being spoken.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from laconic import scenarios
from laconic.client.chat_endpoints import chat_endpoint
from laconic.client.dial import dial
from laconic.client.endpoints import DEFAULT_MODEL, endpoint
from laconic.client.settings import SessionSettings
from laconic.client.summaries import written_by
from laconic.session import Session
from laconic.simulator.habits import Habits
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.server import serve
from laconic.simulator.speech import Speech
from laconic.terminal.bill import Bill
from laconic.terminal.page import Page
from laconic.terminal.screen import Screen
from laconic.terminal.words import Words
from laconic.voice.caller import Caller
from laconic.voice.clock import Clock
from laconic.voice.duplex import join
from laconic.voice.files import WavSpeaker
from laconic.voice.talk import Talk

_SIZE = (100, 34)
_MEMORY = "summary:120:40"
"""So small that it folds twice in a minute; without numbers the marks follow from the laws."""
_LAST = "Thank you. Goodbye."


async def picture() -> str:
    """A talk at ten times the speed of life, as SVG."""
    clock, numbers = Clock(10), count(1)
    session = Session(ids=lambda: f"laconic_{next(numbers)}", memory=_MEMORY, model=DEFAULT_MODEL)
    page = Page(session.conversation, Words("en"))
    screen = Screen(page, Bill(session, page.words, clock.now, pretend=True))
    speaker = WavSpeaker(None, clock)
    caller = Caller(scenarios.load("introduction").lines, speaker.playout, clock)
    parts = Parts(hearing=Hearing.of_scenarios(), voice=Speech())
    async with (
        serve(parts=parts, clock=clock, habits=Habits(model=DEFAULT_MODEL)) as stand_in,
        dial(endpoint("simulator", model=DEFAULT_MODEL, url=stand_in.url, env={})) as connection,
        screen.run_test(size=_SIZE),
    ):
        settings = SessionSettings().update_event()["session"]
        writer = written_by(chat_endpoint(connection.endpoint, env={}))
        talk = Talk(session, connection, join(caller, speaker), screen, clock, settings=settings, writer=writer)
        running = asyncio.create_task(talk.run())
        while not (talk.status == "speaking" and any(line.words == _LAST for line in page.lines)):
            await asyncio.sleep(0.02)
            if running.done():
                raise SystemExit("the talk was over before the picture was taken")
        await asyncio.sleep(0.05)
        drawn = screen.export_screenshot(title=f"laconic talk --memory {_MEMORY}")
        talk.end()
        await running
        return drawn


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/talk.svg")
    path.parent.mkdir(exist_ok=True)
    path.write_text(asyncio.run(picture()), encoding="utf-8")
