"""Engine and stand-in, joined in memory: what a session foresees of each response is what the stand-in then bills.

The session's memory edits the conversation as it goes, the user interrupts, functions are called, the app asks for
responses beside the conversation. Nothing of the stand-in's bill reaches the session but the usage it reports.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import test_joined
from test_joined import DETECTION, SENTENCES, Joined

from laconic.client import laws_file
from laconic.expectation import Foreseen
from laconic.laws import Laws
from laconic.session import Charged, Summarise, ToApp, ToService
from laconic.simulator.bill import Bill
from laconic.simulator.faults import Faults


class Watched(Joined):
    """The joined conversation, and what was foreseen of each response in it."""

    def __init__(self) -> None:
        super().__init__()
        self.foreseen: list[Foreseen] = []

    def act(self) -> None:
        for action in self.session.actions():
            match action:
                case ToService(raw):
                    self.to_service.append(raw if isinstance(raw, str) else raw.decode())
                case ToApp(event=event):
                    self.hear(event)
                case Charged(response_id=response_id, expected=expected, usage=usage):
                    self.foreseen.append(Foreseen(response_id, expected, usage))
                case Summarise(id=ask_id):
                    self.session.summarised(ask_id, "They spoke of many things.", self.now)
                case _:
                    pass

    def start(self, memory: str, model: str) -> None:
        self.begin(
            dialect="ga",
            memory=memory,
            detection=DETECTION[0],
            faults=Faults(),
            empty_item=False,
            ghost_usage_null=False,
            model=model,
            slow=False,
        )

    def talk(self, random: Random, turns: int) -> None:
        for number in range(turns):
            self.the_user_speaks(random.choice(SENTENCES), 960, 240)
            self.time_passes(random.choice([0.5, 1.5, 6.0]))
            if random.random() < 0.2:
                self.the_app_writes("Hello there.", "user", "end", number, False)
                self.the_app_asks_for_a_response(None, None)
                self.time_passes(3.0)
            if random.random() < 0.15:
                self.the_mind_will_call_a_function()
            while self.calls:
                self.the_app_answers_the_call()
                self.time_passes(1.5)
            if random.random() < 0.15:
                self.the_app_asks_beside_the_conversation(random.random() < 0.5)
                self.time_passes(3.0)


def billed(hidden: Laws | None = None):
    """A maker of bills that always hits the cache, by hidden laws if there are any."""

    def make(laws: Laws, **_: object) -> Bill:
        return Bill(hidden or laws, hits=lambda: 0.0)

    return make


@pytest.mark.parametrize("memory", ["everything", "last:5", "window:60:20", "written", "written:notes"])
def test_every_response_is_foreseen_as_it_is_billed(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, audio and what is read from cache, to the token, whatever the memory does to the conversation."""
    monkeypatch.setattr(test_joined, "Bill", billed())
    talk = Watched()
    talk.start(memory, "gpt-realtime")
    talk.talk(Random(1), 12)
    assert len(talk.foreseen) > 12
    for foreseen in talk.foreseen:
        expected, usage = foreseen.expected, foreseen.usage
        assert expected is not None
        assert usage is not None
        if usage.input_tokens:  # else it was cancelled before it read anything
            assert (expected.text_in, expected.audio_in) == (usage.text_in, usage.audio_in)
            assert (expected.cached_text, expected.cached_audio) == (usage.cached_text, usage.cached_audio)


@pytest.mark.parametrize("limit", [60, 150])
@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0])
def test_what_the_service_lets_go_without_a_word_is_foreseen(
    limit: int, ratio: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Server truncation is told by no event; the items it takes are the oldest, until a share of the limit is left."""
    monkeypatch.setattr(test_joined, "Bill", billed())
    talk = Watched()
    talk.start("everything", "gpt-realtime")
    truncation = {"type": "retention_ratio", "retention_ratio": ratio, "token_limits": {"post_instructions": limit}}
    talk.app("session.update", session={"type": "realtime", "truncation": truncation})
    talk.move_all()
    talk.talk(Random(3), 16)
    sizes: list[int] = []
    for foreseen in talk.foreseen:
        expected, usage = foreseen.expected, foreseen.usage
        assert expected is not None
        assert usage is not None
        if usage.input_tokens:
            sizes.append(usage.input_tokens)
            assert (expected.text_in, expected.audio_in) == (usage.text_in, usage.audio_in)
    assert max(sizes) <= limit + 115
    assert sizes != sorted(sizes)


class Changing(Bill):
    """A bill whose laws may change."""

    def change(self, laws: Laws) -> None:
        self._laws = self._layout.laws = laws


@pytest.mark.parametrize("keeps", [True, False])
def test_laws_that_change_in_mid_session_are_kept_as_they_are_at_its_end(
    keeps: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(laws_file, "user_data_dir", lambda *_, **__: str(tmp_path))
    first = Laws(keeps_reply_audio=keeps, hit_rate=1.0)
    bill = Changing(first, hits=lambda: 0.0)
    monkeypatch.setattr(test_joined, "Bill", lambda *_, **__: bill)
    talk = Watched()
    talk.start("everything", "somebody/else")
    talk.talk(Random(2), 14)
    assert talk.session.laws.keeps_reply_audio == keeps
    bill.change(replace(first, keeps_reply_audio=not keeps))
    talk.talk(Random(3), 14)
    assert laws_file.save_laws("somebody", "else", talk.session.laws, talk.session.learned_from) is None
    kept = laws_file.load_laws("somebody", "else")
    assert kept is not None
    assert kept.keeps_reply_audio is not keeps
    assert (kept.user_audio_ms_per_token, kept.assistant_audio_ms_per_token) == (100, 50)
    last = talk.foreseen[-1]
    assert last.expected is not None
    assert last.usage is not None
    assert abs(last.expected.input_tokens - last.usage.input_tokens) < 0.03 * last.usage.input_tokens


@pytest.mark.parametrize("memory", ["everything", "written"])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_session_learns_the_laws_of_a_stranger(memory: str, keeps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After eight responses the next are within three percent, through edits of its own and the caller's barge-ins."""
    hidden = Laws(
        keeps_reply_audio=keeps,
        hit_rate=1.0,
        cache_block=32,
        user_audio_ms_per_token=40,
        assistant_audio_ms_per_token=80,
        user_text_framing=7,
        user_audio_framing=3,
        reply_framing=5,
        base_text=31,
    )
    monkeypatch.setattr(test_joined, "Bill", billed(hidden))
    talk = Watched()
    talk.start(memory, "somebody/else")
    talk.talk(Random(2), 20)
    for foreseen in talk.foreseen[8:]:
        assert foreseen.expected is not None
        assert foreseen.usage is not None
        reported = foreseen.usage.input_tokens
        assert not reported or abs(foreseen.expected.input_tokens - reported) < 0.03 * reported
    laws = talk.session.laws
    assert (laws.user_audio_ms_per_token, laws.cache_block, laws.keeps_reply_audio) == (
        40,
        32,
        keeps or memory == "written",
    )
