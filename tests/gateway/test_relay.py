"""The relay, joined in memory with the stand-in: what the service says reaches the app, and every bill is a row."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from simulator.doubles import Ears, LoudTurns, Voice, Yes, names, say

from laconic.client.endpoints import Endpoint
from laconic.events import Raw
from laconic.gateway.books import Row
from laconic.gateway.relay import Batch, Entry, Relay
from laconic.laws import prior
from laconic.recording import Sender
from laconic.session import Session, Summarise
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.service import Service
from laconic.tokens import text_tokens
from laconic.translation import AppSide
from laconic.usage import Usage

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEXT_ONLY = {"type": "realtime", "output_modalities": ["text"]}
HEARD: dict[str, Any] = {
    "audio": {"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-mini-transcribe"}}}
}


def numbered(prefix: str) -> Iterator[str]:
    return (f"{prefix}{number}" for number in count(1))


class Joined:
    """An app, the relay and the stand-in; the app keeps what it is told, the books what is written."""

    def __init__(
        self,
        *replies: str,
        memory: str = "everything",
        app: Any = "ga",
        dialect: Any = "ga",
        budget: str | None = None,
        **entry: Any,
    ) -> None:
        self.now = 0.0
        self.service = Service(
            Habits(dialect=dialect),
            ids=Ids(1),
            turns=LoudTurns,
            hearing=Ears(),
            composer=MindAndVoice(Yes(*replies), Voice()),
            bill=Bill(prior("openai", "gpt-realtime"), hits=lambda: 1.0),
        )
        ids = numbered("laconic_")
        self.session = Session(ids=lambda: next(ids), memory=memory, model="gpt-realtime", budget=budget)
        self.recorded: list[tuple[Sender, str]] = []
        self.relay = Relay(
            self.session,
            Entry("sess_1", "default", "gpt-realtime", rates_version="v1", **entry),
            utc=lambda: AT,
            translation=AppSide(app, "ga"),
            record=(lambda raw, sender, now: self.recorded.append((sender, json.loads(raw)["type"])))
            if entry.get("labels") == {"recorded": "yes"}
            else None,
        )
        self.told: list[dict[str, Any]] = []
        self.rows: list[Row] = []
        self.asks: list[Summarise] = []
        self.passed_on = 0
        self.to_service: deque[Raw] = deque()
        self.service.connected(self.now)
        self.move()

    def say(self, name: str, **fields: Any) -> None:
        """The app says something, and everything that follows at once happens."""
        raw = json.dumps({"type": name, **fields}).encode()
        if self.relay.speech.passes(raw):
            self.passed_on += 1
            self.to_service.append(raw)
        else:
            self.carry(self.relay.from_app(raw, self.now))
        self.move()

    def write(self, text: str) -> None:
        self.say(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
        )

    def ask(self, text: str) -> None:
        """Write, and hear the answer out."""
        self.write(text)
        self.say("response.create")
        self.finish()

    def finish(self) -> None:
        """Until nothing is under way."""
        while (due := self.service.pending) is not None:
            self.now = max(self.now, due)
            self.service.tick(self.now)
            self.move()

    def move(self) -> None:
        while True:
            for message in self.service.outbox():
                raw = message.encode()
                if self.relay.reply.passes(raw):
                    self.passed_on += 1
                    self.told.append(json.loads(raw))
                else:
                    self.carry(self.relay.from_service(raw, self.now))
            if not self.to_service:
                return
            self.service.receive(self.to_service.popleft(), self.now)

    def carry(self, batch: Batch) -> None:
        self.rows += batch.rows
        self.asks += batch.asks
        self.to_service.extend(batch.to_service)
        self.told += [json.loads(told) for told in batch.to_app]

    def drain(self) -> None:
        self.carry(self.relay.drain(self.now))
        self.move()


def test_the_app_is_told_what_the_service_said_unchanged() -> None:
    """With a memory that changes nothing, byte for byte the same."""
    joined = Joined("Good day to you.")
    joined.say("session.update", session=TEXT_ONLY)
    joined.ask("Hello.")
    assert names(joined.told) == [
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


def test_sound_like_the_last_passes_both_ways() -> None:
    """All but the first piece of each stream; nothing of it is missing."""
    joined = Joined("Good day to you, and to yours.")
    joined.say("session.update", session={"type": "realtime", **HEARD})
    for _ in range(3):
        joined.say("input_audio_buffer.append", audio="AAAA" * 16)
    assert joined.passed_on == 2
    joined.ask("Hello.")
    deltas = [event for event in joined.told if event["type"] == "response.output_audio.delta"]
    assert len(deltas) > 3
    assert joined.passed_on == 2 + len(deltas) - 1
    assert joined.session.conversation.input.ms == 3


def test_where_it_is_written_down_or_translated_nothing_passes() -> None:
    for joined in (Joined("Good day.", labels={"recorded": "yes"}), Joined("Good day.", app="beta")):
        joined.say("session.update", session={"type": "realtime", **HEARD})
        for _ in range(3):
            joined.say("input_audio_buffer.append", audio="AAAA" * 16)
        assert joined.passed_on == 0


def test_every_reply_is_a_row() -> None:
    joined = Joined("Good day.", "And good night.", key="key_1", labels={"team": "a"}, user="ann")
    joined.ask("Hello.")
    joined.ask("Goodbye.")
    assert [row.kind for row in joined.rows] == ["reply", "reply"]
    first = joined.rows[0]
    assert first.id == next(event["response"]["id"] for event in joined.told if event["type"] == "response.done")
    assert (first.session, first.route, first.model, first.status) == ("sess_1", "default", "gpt-realtime", "completed")
    assert (first.key, first.labels, first.user, first.at) == ("key_1", {"team": "a"}, "ann", AT)
    assert first.rates_version == "v1"
    assert first.memory == "everything"
    assert first.usage is not None
    assert Usage.from_wire(first.usage) == joined.session.meter.responses[0].usage
    assert first.charges == joined.session.meter.responses[0].cost.charges
    assert joined.rows[1].laws == asdict(joined.session.laws)


def test_what_was_transcribed_is_a_row_of_the_transcription_model() -> None:
    joined = Joined("Yes.")
    joined.say("session.update", session={"type": "realtime", **HEARD})
    joined.say("input_audio_buffer.append", audio=base64.b64encode(say("What is the time?")).decode())
    joined.say("input_audio_buffer.commit")
    joined.finish()
    [row] = joined.rows
    assert (row.kind, row.model) == ("transcription", "gpt-4o-mini-transcribe")
    assert row.id == joined.service.conversation[0].id
    assert row.charges


def test_a_summary_by_another_model_is_a_row_of_that_model() -> None:
    joined = Joined(*["Fine."] * 40, memory="summary:6:2", summary_model="gpt-5.4-nano")
    joined.say("session.update", session=TEXT_ONLY)
    while not joined.asks:
        joined.ask("And then?")
    joined.session.summarised(
        joined.asks[0].id, "They talked.", joined.now, usage=Usage(text_in=100, text_out=10), model="gpt-5.4-nano"
    )
    joined.drain()
    [row] = [row for row in joined.rows if row.kind == "summary"]
    assert row.model == "gpt-5.4-nano"
    assert row.usage is not None


def test_the_row_of_a_summary_that_nobody_reports_says_how_much_it_may_have_used() -> None:
    joined = Joined(*["Fine."] * 40, memory="summary:6:2", budget="1000000 tokens, $50", summary_model="gpt-5.4-nano")
    joined.say("session.update", session=TEXT_ONLY)
    while not joined.asks:
        joined.ask("And then?")
    [asked] = joined.asks
    joined.session.summarised(asked.id, None, joined.now, unreported=True)
    joined.drain()
    [row] = [row for row in joined.rows if row.kind == "summary"]
    assert row.at_most["tokens"] > text_tokens(asked.text) + asked.max_tokens
    assert row.at_most["nanodollars"] > 200 * row.at_most["tokens"]


def test_the_last_row_is_for_the_session_itself() -> None:
    joined = Joined("Yes.")
    joined.ask("Is it?")
    row = joined.relay.end(joined.now)
    assert row is not None
    assert (row.kind, row.id) == ("session", "session")
    assert row.usage == {"duration_ms": round(joined.now * 1000), "messages": 1}
    assert joined.relay.deadline is None


def test_a_service_that_never_greeted_leaves_no_row() -> None:
    ids = numbered("laconic_")
    relay = Relay(Session(ids=lambda: next(ids)), Entry("sess_1", "default", ""), utc=lambda: AT)
    assert relay.end(1.0) is None


def test_a_response_without_an_id_is_called_something() -> None:
    """Two of them are two rows."""
    ids = numbered("laconic_")
    relay = Relay(Session(ids=lambda: next(ids)), Entry("sess_1", "default", "some-model"), utc=lambda: AT)
    done = b'{"type":"response.done","response":{"status":"completed","output":[]}}'
    named: list[Row] = []
    for _ in range(2):
        batch = relay.from_service(done, 0.0)
        assert batch is not None
        named += batch.rows
    assert [row.id for row in named] == ["nameless 1", "nameless 2"]
    assert named[0].usage is None
    assert named[0].unknown == 1
    assert named[0].model == "some-model"


@pytest.mark.parametrize("raw", ['{"type":"input_audio_buffer.append","audio":"AAAA"}', b"nonsense"])
def test_text_and_bytes_are_both_messages(raw: Raw) -> None:
    ids = numbered("laconic_")
    relay = Relay(Session(ids=lambda: next(ids)), Entry("sess_1", "default", ""), utc=lambda: AT)
    batch = relay.from_app(raw, 0.0)
    assert batch.to_service == [raw]


def test_our_edits_are_recorded_as_ours() -> None:
    joined = Joined("One.", "Two.", "Three.", memory="last:2", labels={"recorded": "yes"})
    joined.say("session.update", session=TEXT_ONLY)
    joined.ask("First?")
    joined.ask("Second?")
    senders = {sender for sender, name in joined.recorded if name == "conversation.item.delete"}
    assert senders == {"laconic"}
    assert {sender for sender, name in joined.recorded if name == "response.create"} == {"app"}
    assert ("service", "session.created") in joined.recorded


def test_our_edits_are_not_told_to_the_app() -> None:
    joined = Joined("One.", "Two.", "Three.", memory="last:2")
    joined.say("session.update", session=TEXT_ONLY)
    for _ in range(3):
        joined.ask("And?")
    assert len(joined.service.conversation) == 2
    assert "conversation.item.deleted" not in names(joined.told)


def test_an_app_of_the_beta_is_spoken_to_in_the_beta() -> None:
    joined = Joined("Good day.", app="beta")
    joined.say("session.update", session={"modalities": ["text"], "instructions": "Be kind."})
    joined.ask("Hello.")
    assert set(joined.told[0]["session"]["modalities"]) == {"audio", "text"}
    told = names(joined.told)
    assert "conversation.item.created" in told
    assert "response.text.delta" in told
    assert joined.session.conversation.settings["instructions"] == "Be kind."


def test_a_moment_is_quiet_when_nobody_speaks() -> None:
    joined = Joined("Good day.")
    assert joined.relay.quiet
    joined.write("Hello.")
    joined.say("response.create")
    joined.service.tick(joined.service.pending or joined.now)
    joined.move()
    assert not joined.relay.quiet
    joined.finish()
    assert joined.relay.quiet


class Leaving(Joined):
    """An app that hangs up when so many messages of the service have arrived. What it said before is on its way, and
    the service is left once nothing is outstanding."""

    def __init__(self, at: int, *replies: str) -> None:
        self.at, self.arrived = at, 0
        self.gone = self.over = False
        super().__init__(*replies)

    def say(self, name: str, **fields: Any) -> None:
        if not self.gone:
            super().say(name, **fields)

    def finish(self) -> None:
        while not self.over and (due := self.service.pending) is not None:
            self.now = max(self.now, due)
            self.service.tick(self.now)
            self.move()

    def move(self) -> None:
        """Whatever moves, one message after the other."""
        coming: deque[str] = deque()
        while not self.over:
            coming.extend(self.service.outbox())
            if coming:
                self.arrives(coming.popleft().encode())
            elif self.to_service:
                self.service.receive(self.to_service.popleft(), self.now)
            else:
                return

    def arrives(self, raw: bytes) -> None:
        if self.arrived == self.at and not self.gone:
            self.gone = True
            if not self.relay.settled:
                self.carry(self.relay.leave(self.now))
        if not self.gone or not self.relay.settled:
            self.arrived += 1
            self.carry(self.relay.from_service(raw, self.now))
        if self.gone and self.relay.settled:
            self.over = True
            while self.to_service:
                self.service.receive(self.to_service.popleft(), self.now)
            self.service.disconnected()

    def talk(self) -> None:
        """Something said and answered, with its transcript; two replies at once; one more in writing."""
        self.say("session.update", session={**TEXT_ONLY, **HEARD})
        self.say("input_audio_buffer.append", audio=base64.b64encode(say("What is the time?")).decode())
        self.say("input_audio_buffer.commit")
        self.say("response.create")
        self.say("response.create", response={"conversation": "none", "input": []})
        self.finish()
        self.ask("And now?")

    @property
    def billed(self) -> list[str]:
        """What the service will want to be paid for: its responses, and turns it has written down."""
        spoken = [item.id for item in self.service.conversation if item.parts and item.parts[0].kind == "input_audio"]
        return sorted([*self.service.usages, *spoken])


def test_whenever_an_app_hangs_up_everything_that_is_billed_is_a_row() -> None:
    whole = Leaving(1_000, "Ten.", "Yes.", "Later.")
    whole.talk()
    assert len(whole.billed) == 4
    for at in range(whole.arrived):
        leaving = Leaving(at, "Ten.", "Yes.", "Later.")
        leaving.talk()
        assert leaving.over, f"after {at}"
        assert sorted(row.id for row in leaving.rows) == leaving.billed, f"after {at}"


def test_once_the_app_has_gone_whatever_is_answered_is_cancelled_once() -> None:
    """What runs, and what begins only then; and no longer than until it is settled."""
    joined = Joined(*["A long story, and not over for a while."] * 2, labels={"recorded": "yes"})
    joined.say("session.update", session={"type": "realtime", **HEARD})
    joined.write("Hello.")
    joined.say("response.create")
    joined.say("response.create", response={"conversation": "none", "output_modalities": ["text"]})
    assert names(joined.told)[-2:] == ["response.created", "response.created"]
    joined.carry(joined.relay.from_app(b'{"type":"response.create","response":{"conversation":"none"}}', joined.now))
    joined.carry(joined.relay.leave(joined.now))
    assert not joined.relay.settled
    joined.move()
    assert joined.relay.settled
    assert [(row.kind, row.status) for row in joined.rows] == [
        ("reply", "cancelled"),
        ("out_of_band", "cancelled"),
        ("out_of_band", "cancelled"),
    ]
    assert [one for one in joined.recorded if one[1] == "response.cancel"] == [("laconic", "response.cancel")] * 3


def test_time_passes_for_the_session() -> None:
    """A response.create that nobody answers holds edits back for a while, and its bill is awaited for another."""
    ids = numbered("laconic_")
    relay = Relay(Session(ids=lambda: next(ids), ack_timeout_s=2.0), Entry("s", "r", ""), utc=lambda: AT)
    relay.from_app(b'{"type":"response.create"}', 10.0)
    assert relay.deadline == 12.0
    assert relay.tick(12.0) == Batch()
    assert (relay.deadline, relay.settled, relay.quiet) == (20.0, False, False)
    assert relay.tick(20.0) == Batch()
    assert (relay.deadline, relay.settled, relay.quiet) == (None, True, True)


def test_an_error_that_quotes_the_services_key_is_told_without_it() -> None:
    ids = numbered("laconic_")
    there = Endpoint("openai", "wss://api.example/v1/realtime", {"Authorization": "Bearer sk-proj-whole-key"})
    session = Session(ids=lambda: next(ids))
    relay = Relay(session, Entry("sess_1", "default", "m"), utc=lambda: AT, hide=there.hide_keys)
    for quoted in ("sk-proj-whole-key", "sk-proj-****************abcd"):
        error = {
            "type": "invalid_request_error",
            "code": "invalid_api_key",
            "message": f"Wrong key: {quoted}. Mend it.",
        }
        batch = relay.from_service(json.dumps({"type": "error", "event_id": "e1", "error": error}), 0.0)
        assert batch is not None
        (told,) = (json.loads(raw) for raw in batch.to_app)
        assert told == {"type": "error", "event_id": "e1", "error": error | {"message": "Wrong key: …. Mend it."}}


@pytest.mark.parametrize("inside", ["a reply that failed", "a transcription that failed"])
def test_so_is_an_error_inside_another_event(inside: str) -> None:
    ids = numbered("laconic_")
    there = Endpoint("openai", "wss://api.example/v1/realtime", {"Authorization": "Bearer sk-proj-whole-key"})
    relay = Relay(Session(ids=lambda: next(ids)), Entry("s", "r", "m"), utc=lambda: AT, hide=there.hide_keys)

    def event(message: str) -> dict[str, Any]:
        error = {"type": "server_error", "message": message}
        if inside == "a reply that failed":
            status = {"type": "failed", "error": error}
            return {"type": "response.done", "response": {"id": "r1", "status": "failed", "status_details": status}}
        return {"type": "conversation.item.input_audio_transcription.failed", "item_id": "item_u1", "error": error}

    batch = relay.from_service(json.dumps(event("Wrong key: sk-proj-whole-key.")), 0.0)
    assert [json.loads(raw) for raw in batch.to_app] == [event("Wrong key: ….")]


def test_an_error_that_quotes_no_key_is_told_as_it_came() -> None:
    raw = json.dumps({"type": "error", "error": {"message": "2 ** 3 is no item", "type": "invalid_request_error"}})
    ids = numbered("laconic_")
    relay = Relay(Session(ids=lambda: next(ids)), Entry("s", "r", "m"), utc=lambda: AT, hide=lambda text: text)
    batch = relay.from_service(raw, 0.0)
    assert batch is not None
    assert batch.to_app == [raw]
