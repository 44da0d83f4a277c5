"""Nothing is lost by an edit, and nothing is remembered that was not heard.

The two sides of test_joined.py, under the memories that write, with a summary that holds every word it was given.
Whatever is refused, ignored, late or interrupted: a word that was transcribed, or heard of a reply, is at the end
still in the conversation the stand-in holds, as sound or in writing, unless the app deleted its item. And where edits
are not interfered with, no word of a reply is in it that the caller did not hear, give or take one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from doubles import Yes
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_joined import SENTENCES, Joined, Speaker, faults

from laconic import events as ev
from laconic.simulator.faults import Faults
from laconic.simulator.minds.reply import HeardItem, Reply

Step = tuple[str, Any]
MEMORIES = ["written", "written:notes", "summary:60:20", "summary:200:60", "summary"]
WORD_MS = 300
"""How long the double's voice takes for a word."""


class Chatty(Yes):
    """Says something new each time, in words of equal length, so that none is mistaken for another."""

    def __init__(self) -> None:
        super().__init__()
        self.said = 0

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        if self._replies:
            return self._replies.pop(0)
        self.said += 1
        return Reply(text=" ".join(f"reply{self.said:03}{letter}" for letter in "abcdefgh") + ".")


class Loudspeaker(Speaker):
    """Remembers what was heard. What comes of a reply after it was stopped is thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self.heard_ms: dict[str, int] = {}
        self.stopped: set[str] = set()

    def received(self, item_id: str, ms: float) -> None:
        if item_id not in self.stopped:
            self.heard_ms.setdefault(item_id, 0)
            super().received(item_id, ms)

    def play(self, ms: float) -> list[tuple[str, int]]:
        heard = super().play(ms)
        self.heard_ms |= dict(heard)
        return heard

    def stop(self) -> list[tuple[str, int]]:
        stopped = super().stop()
        self.heard_ms |= dict(stopped)
        self.stopped |= {item_id for item_id, _ in stopped}
        return stopped


class Talk(Joined):
    """One conversation, and what was said and heard in it."""

    Mind = Chatty
    Speaker = Loudspeaker
    speaker: Loudspeaker

    def begins(self, **given: Any) -> None:
        self.turns = 0
        self.spoken: dict[str, str] = {}
        self.replied: dict[str, str] = {}
        self.deleted_by_app: set[str] = set()
        edits: Faults = given["faults"]
        self.interfered = bool(edits.refuse or edits.ignore or edits.script)
        self.begin(**given)

    # --- what is said and heard ------------------------------------------------------------------------------------

    def hear(self, event: ev.Event) -> None:
        match event:
            case ev.InputAudioTranscriptionCompleted(item_id=item_id, transcript=transcript):
                self.spoken[item_id] = transcript
            case ev.ConversationItemDone(item=item) | ev.ResponseOutputItemDone(item=item):
                part = next(iter(item.get("content") or ()), {})
                transcript = part.get("transcript") or ""
                if item["id"] in self.ids and transcript.startswith("reply"):  # what precedes a call is always the same
                    self.replied[item["id"]] = transcript
            case _:
                pass
        super().hear(event)
        if isinstance(event, ev.ResponseOutputAudioDelta):  # a careful app says at once that it will report
            self.session.heard(event.item_id, self.speaker.heard_ms[event.item_id], self.now)

    def turn(self, heard_s: float) -> None:
        """Something new is said and answered; whoever speaks next interrupts the answer, unless it was heard."""
        self.turns += 1
        self.the_user_speaks(f"User{self.turns}a user{self.turns}b user{self.turns}c.", 960, 240)
        if not self.session.conversation.answers_by_itself:
            self.the_app_commits()
            self.the_app_asks_for_a_response(None, None)
        self.time_passes(heard_s)

    def sum_up(self, comes: bool) -> None:
        """The summary asked for first comes, with all it was given, or fails."""
        if self.asked:
            ask_id, text = self.asked.pop(0)
            self.session.summarised(ask_id, text if comes else None, self.now)
            self.act()
            self.moved()

    def delete(self, at: int) -> None:
        self.deleted_by_app.add(self.some_id(at) or "")
        self.the_app_deletes(at)

    def call(self, at: int) -> None:
        """A function is called, and answered or not."""
        self.the_mind_will_call_a_function()
        self.turn(1.2)
        if self.calls and at % 2:
            self.the_app_answers_the_call()

    def write(self, at: int) -> None:
        place = ["end", "root", "some"][at % 3]
        self.the_app_writes(SENTENCES[at % 4], ["user", "system"][at % 2], place, at, True)

    # --- what must hold --------------------------------------------------------------------------------------------

    def nothing_is_lost(self) -> None:
        held = self.held
        for item_id, transcript in self.spoken.items():
            if self.is_due(item_id):
                assert words(transcript) <= held
        for item_id, text in self.replied.items():
            if self.is_due(item_id):
                known = text.split()
                if item_id in self.speaker.stopped:
                    known = known[: max(0, self.speaker.heard_ms[item_id] // WORD_MS - 1)]
                assert words(" ".join(known)) <= held

    def nothing_unheard_is_remembered(self) -> None:
        held = self.held
        for item_id in self.speaker.stopped:
            heard = self.speaker.heard_ms[item_id] // WORD_MS
            unheard = self.replied.get(item_id, "").split()[heard + 2 :]
            if item_id not in self.deleted_by_app:
                assert not words(" ".join(unheard)) & held

    def is_due(self, item_id: str) -> bool:
        """Whether an item's words have to stand somewhere else: it is gone, and not by the app's wish."""
        there = any(item.id == item_id for item in self.service.conversation)
        return not there and item_id not in self.deleted_by_app

    @property
    def held(self) -> set[str]:
        return words(" ".join(item.text or "" for item in self.service.conversation))


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


turns = st.tuples(st.just("turn"), st.sampled_from([0.4, 0.9, 1.5, 2.1, 4.0, 4.0]))
summings = st.tuples(st.just("sum_up"), st.sampled_from([True, True, True, False]))
others = st.one_of(
    st.tuples(st.sampled_from(["delete", "call", "write", "an_item_is_pinned"]), st.integers(0, 30)),
    st.tuples(st.just("time_passes"), st.sampled_from([0.2, 6.0])),
    st.tuples(st.just("messages_arrive"), st.sampled_from([1, 3, 100])),
)
ACCURATE = {"type": "server_vad", "silence_duration_ms": 200}


@given(
    memory=st.sampled_from(MEMORIES),
    dialect=st.sampled_from(["ga", "ga", "beta"]),
    detection=st.sampled_from([ACCURATE, ACCURATE, None]),
    faults=st.one_of(st.builds(Faults), faults),
    slow=st.sampled_from([False, False, True]),
    steps=st.lists(st.one_of(turns, turns, summings, others), min_size=6, max_size=24),
)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_nothing_heard_is_lost_and_nothing_else_remembered(
    memory: str, dialect: Any, detection: dict[str, Any] | None, faults: Faults, slow: bool, steps: list[Step]
) -> None:
    talk = Talk()
    talk.begins(
        memory=memory,
        dialect=dialect,
        detection=detection,
        faults=faults,
        slow=slow,
        empty_item=True,
        ghost_usage_null=False,
        model="gpt-realtime",
    )
    for name, how in steps:
        getattr(talk, name)(how)
    talk.teardown()
    talk.nothing_is_lost()
    if not talk.interfered:
        talk.nothing_unheard_is_remembered()
