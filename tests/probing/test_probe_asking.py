"""How a probe asks, and where it stops."""

from __future__ import annotations

import json
from dataclasses import replace

from hidden import CLIPS, Hidden, held

from laconic import events
from laconic.laws import prior
from laconic.probing.asking import Limits
from laconic.probing.plan import plan
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.responding import Pace
from laconic.simulator.service import Service

LAWS = replace(prior("openai", "gpt-realtime"), hit_rate=1.0)


def stand_in(**faults: object) -> Hidden:
    return Hidden("gpt-realtime", LAWS, Habits(model="gpt-realtime"), Faults(**faults), 3)  # pyright: ignore[reportArgumentType]


def test_turns_that_need_no_second_look_are_left_out() -> None:
    _, stopped, told = held(stand_in().service())
    assert stopped is None
    assert told == [turn.name for turn in plan() if not turn.when]


def test_a_miss_after_an_edit_is_looked_at_again() -> None:
    """The bill hits but for the responses right after the two deletions."""
    hidden = stand_in()
    hidden.laws = replace(LAWS, hit_rate=0.5)
    told = next(
        told
        for seed in range(40)
        for told in [held(replace(hidden, seed=seed).service())[2]]
        if "the front deleted, again" in told
    )
    assert told.index("the front deleted, again") == told.index("the front deleted") + 1


def test_gaps_are_kept_in_the_service_s_time() -> None:
    notes, _, _ = held(stand_in().service(), turns=plan((5, 60)))
    waited = {answer.name: answer.after_s for answer in notes.answers}
    assert 4.9 <= waited["a gap of 5 s"] < 6
    assert 59.9 <= waited["a gap of 60 s"] < 61
    assert waited["three replies"] < 4


def test_an_edit_that_is_never_answered_is_tried_once() -> None:
    notes, stopped, _ = held(stand_in(ignore={"delete"}).service())
    assert stopped is None
    assert [(edit.place, edit.result, edit.took_ms) for edit in notes.edits if edit.kind == "delete"] == [
        ("end", "unanswered", 5000)
    ]


def test_everything_that_sounds_is_written_down_in_its_place() -> None:
    hidden = stand_in()
    service = hidden.service()
    until = [turn for turn in plan() if turn.name not in ("after that", "in one note")]
    held(service, turns=until)
    texts = [item for item in service.conversation if any(part.kind.endswith("_text") for part in item.parts)]
    sounding = [item for item in service.conversation if item.audio_ms]
    # The reply that was cut short has no words any more; the other two are the last turn.
    assert [item.role for item in sounding] == ["assistant", "user", "assistant"]
    assert {item.role for item in texts} == {"user", "assistant"}
    words = [item.text for item in texts]
    assert words.index(CLIPS[1].text) < words.index(CLIPS[2].text) < words.index(CLIPS[3].text)


def test_a_refused_turn_ends_it_and_says_why() -> None:
    _, stopped, told = held(stand_in(refuse={"create"}).service())
    assert stopped == "the service took no written turn: Error creating item: the item could not be created."
    assert told[-1] == "that reply deleted too"


def refusing(name: str) -> Service:
    """A stand-in that refuses all client events of this name."""

    class Refusing(Service):
        def receive(self, raw: events.Raw, now: float) -> None:
            event = events.wire(raw)
            super().receive(json.dumps({"type": "no.such.event"}) if event["type"] == name else raw, now)

    return stand_in().service(Refusing)


def test_settings_that_are_refused_end_it() -> None:
    _, stopped, told = held(refusing("session.update"))
    assert stopped is not None
    assert stopped.startswith("the service refused the session's settings: ")
    assert told == []


def test_sound_that_is_refused_ends_it() -> None:
    _, stopped, told = held(refusing("input_audio_buffer.commit"))
    assert stopped is not None
    assert stopped.startswith("the service took no sound: ")
    assert told == ["the first"]


def test_a_service_that_says_nothing_is_not_waited_for_for_ever() -> None:
    _, stopped, told = held(stand_in(stranger=True).service())
    assert stopped == "the service did not answer session.update"
    assert told == []


def test_a_reply_that_never_comes_ends_it() -> None:
    hidden = stand_in()
    hidden.habits = replace(hidden.habits, pace=Pace(latency_s=100.0))
    _, stopped, _ = held(hidden.service(), limits=Limits(answer_s=2.0))
    assert stopped == "the service did not answer: it said nothing"


def test_it_stops_before_a_turn_that_might_pass_the_price() -> None:
    notes, stopped, told = held(stand_in().service(), limits=Limits(most=40_000_000))
    assert stopped == f"the turn '{plan()[len(told)].name}' might have passed the price that was named"
    assert 0 < notes.meter.total.nanodollars < 40_000_000


def test_it_stops_when_time_is_up() -> None:
    hidden = stand_in()
    hidden.habits = replace(hidden.habits, pace=Pace(latency_s=25.0))
    _, stopped, _ = held(hidden.service())
    assert stopped is not None
    assert stopped.startswith("time was up before the turn")


def test_a_cancel_that_comes_too_late_is_refused_and_nothing_else_is() -> None:
    """The refusal belongs to the cancel, not to the turn that follows."""

    class Quick(Service):
        """Answers before it reads the cancel."""

        late: events.Raw | None = None

        def receive(self, raw: events.Raw, now: float) -> None:
            if isinstance(events.read(raw), events.ResponseCancel):
                self.late = raw
            else:
                super().receive(raw, now)

        def outbox(self) -> list[str]:
            told = super().outbox()
            if self.late is not None and any(isinstance(events.read(raw), events.ResponseDone) for raw in told):
                super().receive(self.late, self._now)
                self.late = None
            return told

    notes, stopped, told = held(stand_in().service(Quick))
    assert stopped is None
    assert [error.code for error in notes.errors] == ["item_delete_invalid_item_id", "response_cancel_not_active"]
    [cancelled] = [answer for answer in notes.answers if answer.name == "cancelled"]
    assert cancelled.status == "completed"
    assert told[-1] == "after that"


def test_duplicated_and_late_answers_change_nothing() -> None:
    plain, _, _ = held(stand_in().service())
    late, _, _ = held(stand_in(duplicate_added=True, ack_late_ms=300).service())
    assert [answer.usage for answer in late.answers] == [answer.usage for answer in plain.answers]


def test_the_beta_dialect_is_spoken_as_well() -> None:
    hidden = stand_in()
    hidden.habits = replace(hidden.habits, dialect="beta")
    notes, stopped, _ = held(hidden.service())
    plain, _, _ = held(stand_in().service())
    assert stopped is None
    usages = [answer.usage and replace(answer.usage, image_in=0) for answer in plain.answers]  # beta counts no images
    assert [answer.usage for answer in notes.answers] == usages
