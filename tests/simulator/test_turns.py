"""Voice activity on real samples: where turns begin and end, in sample time, whatever the chunks."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from laconic import scenarios
from laconic.simulator.turns import InputBuffer, SpeechStarted, SpeechStopped, Turns

Event = SpeechStarted | SpeechStopped
RATE = 24_000


@functools.cache
def clip(name: str, nth: int) -> NDArray[np.float32]:
    pcm = np.frombuffer(scenarios.load(name).lines[nth].pcm(), "<i2").astype(np.float32) / 32768
    return soxr.resample(pcm, scenarios.CLIP_RATE, RATE)


def silence(ms: int) -> NDArray[np.float32]:
    """A quiet room: noise 60 dB below full scale."""
    return (np.random.default_rng(ms).standard_normal(ms * RATE // 1000) * 0.001).astype(np.float32)


def pcm(*pieces: NDArray[np.float32]) -> bytes:
    return (np.clip(np.concatenate(pieces), -1, 1) * 32767).astype("<i2").tobytes()


def heard(sound: bytes, chunk: int = 4800, silence_duration_ms: int = 500) -> list[Event]:
    turns = Turns(silence_duration_ms=silence_duration_ms)
    return [event for at in range(0, len(sound), chunk) for event in turns.hear(sound[at : at + chunk])]


TAIL_MS = 224
"""The detector lets speech ring out for up to seven windows after its last loud sample."""

TWO_TURNS = pcm(silence(1000), clip("introduction", 1), silence(1200), clip("introduction", 6), silence(1000))
EXPECTED = heard(TWO_TURNS, len(TWO_TURNS))


@given(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=12))
@settings(max_examples=8, deadline=None)
def test_chunking_does_not_matter(sizes: list[int]) -> None:
    turns, at, nth, found = Turns(), 0, 0, list[Event]()
    while at < len(TWO_TURNS):
        size = sizes[nth % len(sizes)] if nth < 200 else 20_000
        found += turns.hear(TWO_TURNS[at : at + size])
        at, nth = at + size, nth + 1
    assert found == EXPECTED
    assert turns.audio_ms == len(TWO_TURNS) // 48


def test_a_turn_begins_with_its_padding_and_ends_with_its_silence() -> None:
    """Speech lies at 1050 ms, after the clip's own 50 ms of silence; edges are on the 32 ms grid, as recorded."""
    start, stop = EXPECTED[0], EXPECTED[1]
    assert isinstance(start, SpeechStarted)
    assert isinstance(stop, SpeechStopped)
    end_of_speech = 1000 + len(clip("introduction", 1)) * 1000 // RATE - 50
    assert start.audio_start_ms == pytest.approx(1050 - 300, abs=64)
    assert 0 <= stop.audio_end_ms - (end_of_speech + 500) <= TAIL_MS
    assert (start.audio_start_ms + 300) % 32 == 0
    assert stop.audio_end_ms % 32 == 0


def test_a_longer_silence_to_wait_for_moves_the_end_and_nothing_else() -> None:
    short, long = heard(TWO_TURNS, silence_duration_ms=200), heard(TWO_TURNS, silence_duration_ms=500)
    assert short[0] == long[0]
    assert [event for event in short if isinstance(event, SpeechStarted)][1:] != []
    assert isinstance(short[1], SpeechStopped)
    assert isinstance(long[1], SpeechStopped)
    assert long[1].audio_end_ms - short[1].audio_end_ms == 288  # as between the recordings with 200 and 500 ms


@pytest.mark.parametrize("name", scenarios.names())
def test_every_line_is_one_turn_and_one_more_for_each_pause(name: str) -> None:
    for nth, line in enumerate(scenarios.load(name).lines):
        events = heard(pcm(silence(500), clip(name, nth), silence(900)), 48_000)
        assert len(events) == 2 * (1 + line.pauses.count("|")), line.text
        assert [type(event) for event in events[:2]] == [SpeechStarted, SpeechStopped]


def test_turns_do_not_overlap() -> None:
    """The padding of a turn never reaches into the turn before."""
    events = heard(pcm(silence(500), clip("pauses", 2), silence(700)))
    edges = [e.audio_start_ms if isinstance(e, SpeechStarted) else e.audio_end_ms for e in events]
    assert edges == sorted(edges)


def room(kind: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    if kind == "digital silence":
        return np.zeros(4 * RATE, np.float32)
    if kind == "white noise":
        return (rng.standard_normal(4 * RATE) * 0.05).astype(np.float32)
    if kind == "hum":
        t = np.arange(4 * RATE) / RATE
        return np.asarray(sum(np.sin(2 * np.pi * 100 * k * t) / k for k in range(1, 8)) * 0.05, np.float32)
    sound = rng.standard_normal(4 * RATE) * 0.001
    for at in range(RATE // 2, 4 * RATE - RATE // 10, RATE // 3):
        sound[at : at + 480] += rng.standard_normal(480) * np.exp(-np.arange(480) / 60) * 0.4
    return sound.astype(np.float32)


@pytest.mark.parametrize("kind", ["digital silence", "white noise", "hum", "clicks"])
def test_what_is_not_speech_starts_no_turn(kind: str) -> None:
    assert heard(pcm(room(kind))) == []


def test_speech_still_going_on_has_started_and_not_stopped() -> None:
    turns = Turns()
    events = turns.hear(pcm(silence(500), clip("introduction", 2)))
    assert [type(event) for event in events] == [SpeechStarted]
    assert turns.speaking
    assert SpeechStarted(turns.needed_from_ms) == events[0]


def test_settings_change_in_mid_stream() -> None:
    turns = Turns(silence_duration_ms=500)
    first = turns.hear(pcm(silence(500), clip("introduction", 1)))
    turns.configure(threshold=0.5, prefix_padding_ms=0, silence_duration_ms=1000)
    assert turns.hear(pcm(silence(800))) == []
    late = turns.hear(pcm(silence(400)))
    assert [type(event) for event in first + late] == [SpeechStarted, SpeechStopped]


def test_an_abandoned_turn_does_not_stop_and_lends_no_padding() -> None:
    turns = Turns()
    turns.hear(pcm(silence(500), clip("introduction", 6)[: RATE // 2]))
    assert turns.speaking
    turns.abandon()
    assert not turns.speaking
    again = turns.hear(pcm(silence(100), clip("introduction", 6), silence(600)))
    assert isinstance(again[0], SpeechStarted)
    assert again[0].audio_start_ms >= 1000


@pytest.mark.parametrize(("finished", "waited_ms"), [(True, 320), (False, 4000)])
def test_semantic_detection_waits_for_the_rest_of_a_sentence(finished: bool, waited_ms: int) -> None:
    asked: list[tuple[int, int]] = []

    def judge(start_ms: int, end_ms: int) -> bool:
        asked.append((start_ms, end_ms))
        return finished

    turns = Turns(mode="semantic_vad", eagerness="medium", finished=judge)
    events = turns.hear(pcm(silence(500), clip("introduction", 6), silence(5000)))
    speech_end = 500 + len(clip("introduction", 6)) * 1000 // RATE - 50
    assert isinstance(events[1], SpeechStopped)
    assert 0 <= events[1].audio_end_ms - (speech_end + waited_ms) <= TAIL_MS
    assert len(asked) == 1
    assert isinstance(events[0], SpeechStarted)
    assert asked[0][0] == events[0].audio_start_ms


@pytest.mark.parametrize(("eagerness", "waited_ms"), [("low", 2000), ("auto", 1000), ("high", 500)])
def test_semantic_detection_without_a_judge_waits_a_quarter(eagerness: str, waited_ms: int) -> None:
    turns = Turns(mode="semantic_vad", eagerness=eagerness)
    events = turns.hear(pcm(silence(500), clip("introduction", 6), silence(2500)))
    speech_end = 500 + len(clip("introduction", 6)) * 1000 // RATE - 50
    assert isinstance(events[1], SpeechStopped)
    assert 0 <= events[1].audio_end_ms - (speech_end + waited_ms) <= TAIL_MS


def test_the_buffer_hands_out_a_turn_and_forgets_it() -> None:
    buffer = InputBuffer()
    buffer.append(bytes(48 * 100) + b"\1\0" * 24 * 50 + bytes(48 * 50))
    assert (buffer.start_ms, buffer.end_ms, buffer.audio_ms) == (0, 200, 200)
    assert buffer.sound(100, 150) == b"\1\0" * 24 * 50
    assert buffer.commit(90, 160) == bytes(480) + b"\1\0" * 24 * 50 + bytes(480)
    assert (buffer.start_ms, buffer.end_ms) == (160, 200)
    assert buffer.sound(0, 170) == bytes(480)


def test_the_buffer_commits_everything_when_told_no_edges() -> None:
    buffer = InputBuffer()
    buffer.append(bytes(4801))
    assert len(buffer.commit()) == 4801
    assert len(buffer) == 0
    buffer.append(bytes(480))
    assert (buffer.end_ms, buffer.audio_ms) == (110, 10)
    buffer.clear()
    assert (len(buffer), buffer.end_ms) == (0, 110)


def test_memory_stays_bounded_while_nobody_speaks() -> None:
    """What `needed_from_ms` allows to forget leaves half a second, not an hour."""
    turns, buffer = Turns(), InputBuffer()
    for _ in range(20):
        sound = pcm(silence(250))
        buffer.append(sound)
        turns.hear(sound)
        buffer.forget_before(turns.needed_from_ms)
        assert buffer.audio_ms <= 400
    assert buffer.end_ms == 5000
