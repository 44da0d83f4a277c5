"""One unbroken conversation across dialects: an app hears what a service of its own dialect would have told it, though
the service speaks the other, and though a memory works underneath."""

from __future__ import annotations

import json
from typing import Any

from doubles import Ears, LoudTurns, Voice
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from keeps import Shelf
from playbook import counter
from spelling import spoken
from test_unbroken import DETECTION, App, Chatty, Step, compare, steps

from laconic.dialects import Dialect, client_to_beta
from laconic.laws import prior
from laconic.session import Session
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.service import Service
from laconic.translation import AppSide


class Speaking(App):
    """An app of a dialect of its own; with a session, on a service that may speak another."""

    def __init__(self, app: Dialect, service: Dialect, memory: str | None) -> None:
        self.dialect: Dialect = app
        self.side = AppSide(app, service)
        mind = Chatty()
        behind = Service(
            Habits(dialect=service),
            ids=Ids(1),
            turns=LoudTurns,
            hearing=Ears(),
            composer=MindAndVoice(mind, Voice()),
            bill=Bill(prior("openai", "gpt-realtime"), hits=lambda: 1.0),
        )
        super().__init__(behind, mind, None if memory is None else Session(memory=memory, ids=counter(), keep=Shelf()))

    def send_raw(self, raw: str) -> None:
        if self.dialect == "beta":
            try:
                event: Any = json.loads(raw)
            except ValueError:
                event = None
            if isinstance(event, dict):
                raw = json.dumps(client_to_beta(event))  # pyright: ignore[reportUnknownArgumentType]
        super().send_raw(raw if self.session is None else str(self.side.to_session(raw)))

    def hear(self, raw: str | bytes) -> None:
        for told in [raw] if self.session is None else self.side.to_app(raw):
            super().hear(told)


@given(
    app=st.sampled_from(["ga", "beta"]),
    memory=st.sampled_from(["everything", "last:2", "written", "summary:20:5"]),
    before=st.sampled_from([0, 2, 4]),
    script=st.lists(st.tuples(st.sampled_from([False, False, True]), steps), min_size=4, max_size=16),
)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_whatever_the_service_speaks_the_app_hears_its_own(
    app: Dialect, memory: str, before: int, script: list[tuple[bool, Step]]
) -> None:
    other: Dialect = "beta" if app == "ga" else "ga"
    direct, through = Speaking(app, app, None), Speaking(app, other, memory)
    for one in (direct, through):
        audio = {"input": {"turn_detection": DETECTION, "transcription": {"model": "gpt-4o-mini-transcribe"}}}
        one.send("session.update", session={"type": "realtime", "audio": audio})
        one.move()
    for at_once, (name, *how) in [(False, ("exchange",))] * before + script:
        for one in (direct, through):
            getattr(one, name)(*how)
            if not at_once:
                one.move()
    for one in (direct, through):
        one.wait(8.0)
        one.log = [spoken(event) for event in one.log]
    compare(direct, through)
