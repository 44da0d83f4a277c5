"""The play-out queue: what is heard is what left the speaker, under any order of play, pull and stop."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from laconic.voice.playout import Played, PlayOut

MS = 24  # frames


def tone(frames: int, level: int = 1000) -> bytes:
    return struct.pack("<h", level) * frames


def levels(pcm: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(pcm) // 2}h", pcm))


def test_an_empty_queue_is_silence_of_the_asked_length() -> None:
    """A device always gets exactly what it asked for."""
    out = PlayOut()
    assert out.pull(480) == bytes(960)
    assert out.heard() == []
    assert not out.playing


def test_sound_comes_out_as_it_went_in_then_silence() -> None:
    """Chunk borders of deltas and of device buffers need not meet."""
    out = PlayOut()
    out.play("a", 0, tone(100, 1) + tone(100, 2))
    out.play("a", 0, tone(50, 3))
    got = b"".join(out.pull(60) for _ in range(5))
    assert got == tone(100, 1) + tone(100, 2) + tone(50, 3) + bytes(100)


def test_heard_lags_behind_pulled_by_the_latency_of_the_device() -> None:
    """Frames inside the device do not count until they sound."""
    out = PlayOut()
    out.latency_frames = 40 * MS
    out.play("a", 0, tone(100 * MS))
    out.pull(60 * MS)
    assert out.heard() == [Played("a", 0, 20, 100)]
    out.pull(60 * MS)
    assert out.heard() == [Played("a", 0, 80, 100)]
    assert out.playing, "the last 20 ms are still inside the device"
    out.pull(60 * MS)
    assert out.heard() == [Played("a", 0, 100, 100)]
    assert not out.playing
    assert out.heard() == [], "no news is an empty list"


def test_stop_counts_what_is_inside_the_device_as_heard() -> None:
    """It cannot be taken back: it will sound. What was only queued will not."""
    out = PlayOut()
    out.latency_frames = 40 * MS
    out.play("a", 0, tone(100 * MS))
    out.play("b", 0, tone(30 * MS))
    out.pull(60 * MS)
    assert out.stop() == [Played("a", 0, 60, 100), Played("b", 0, 0, 30)]
    assert not out.playing
    assert out.sounded_ms == 60


def test_after_stop_a_short_fade_and_then_silence() -> None:
    """Under 5 ms of the wave falls to nothing, steadily; the rest of that very pull is silent."""
    out = PlayOut()
    out.play("a", 0, tone(1000))
    out.pull(100)
    out.stop()
    got = levels(out.pull(480))
    fade = got[: 5 * MS]
    assert fade[0] > 900
    assert fade == sorted(fade, reverse=True)
    assert not any(got[5 * MS :])


def test_a_fade_longer_than_the_buffer_goes_on_in_the_next() -> None:
    """Tiny device buffers get the same fade in pieces."""
    whole, split = PlayOut(), PlayOut()
    for out in (whole, split):
        out.play("a", 0, tone(1000))
        out.pull(100)
        out.stop()
    assert b"".join(split.pull(10) for _ in range(20)) == whole.pull(200)


def test_the_fade_reaches_over_the_border_of_two_deltas() -> None:
    """Deltas may be shorter than the fade."""
    out = PlayOut()
    for _ in range(20):
        out.play("a", 0, tone(30))
    out.pull(100)
    out.stop()
    assert sum(1 for level in levels(out.pull(480)) if level) > 90


def test_nothing_fades_when_nothing_sounded() -> None:
    """A reply that never started leaves no trace in the speaker."""
    out = PlayOut()
    out.play("a", 0, tone(1000))
    assert out.stop() == [Played("a", 0, 0, 1000 // MS)]
    assert out.pull(480) == bytes(960)
    assert out.stop() == [], "there is nothing left to stop"


def test_sound_that_comes_after_its_stop_is_dropped() -> None:
    """Deltas already on their way when the caller cut in must not start the reply again."""
    out = PlayOut()
    out.play("a", 0, tone(1000))
    out.stop()
    out.play("a", 0, tone(1000))
    out.play("b", 0, tone(10, 7))
    assert out.pull(20) == tone(10, 7) + bytes(20)


def test_a_reply_wholly_heard_is_not_among_the_stopped() -> None:
    """There is nothing to truncate in it."""
    out = PlayOut()
    out.play("a", 0, tone(48))
    out.pull(48)
    out.play("b", 0, tone(96))
    out.pull(48)
    assert out.stop() == [Played("b", 0, 2, 4)]


def test_an_item_that_ran_dry_goes_on_counting() -> None:
    """A slow service leaves a hole; the count takes up where it was."""
    out = PlayOut()
    out.play("a", 0, tone(10 * MS))
    out.pull(20 * MS)
    assert out.heard() == [Played("a", 0, 10, 10)]
    out.play("a", 0, tone(10 * MS))
    out.pull(5 * MS)
    assert out.heard() == [Played("a", 0, 15, 20)]


def test_interleaved_pieces_play_one_after_the_other() -> None:
    """The first item's late delta plays before the second item, although it came after it."""
    out = PlayOut()
    out.play("a", 0, tone(10, 1))
    out.play("b", 0, tone(10, 3))
    out.play("a", 1, tone(10, 2))
    out.play("a", 0, tone(10, 1))
    assert levels(out.pull(40)) == [1] * 20 + [3] * 10 + [2] * 10


def test_a_piece_that_is_sounding_is_not_cut_by_an_earlier_one() -> None:
    """A late delta of the first item waits until the second has run dry, rather than cut its word."""
    out = PlayOut()
    out.play("a", 0, tone(10, 1))
    out.play("b", 0, tone(20, 2))
    out.pull(20)
    out.play("a", 0, tone(10, 1))
    assert levels(out.pull(20)) == [2] * 10 + [1] * 10


def test_a_sample_split_between_two_deltas_is_made_whole() -> None:
    """Base64 chunks of some servers break in the middle of a sample."""
    out = PlayOut()
    sound = tone(10, 0x1234)
    out.play("a", 0, sound[:7])
    out.play("a", 0, sound[7:])
    assert out.pull(10) == sound


def test_growing_latency_never_takes_back_what_was_heard() -> None:
    """A device may report more latency later; heard stays."""
    out = PlayOut()
    out.play("a", 0, tone(100 * MS))
    out.pull(50 * MS)
    out.latency_frames = 40 * MS
    out.pull(10 * MS)
    assert out.heard() == [Played("a", 0, 50, 100)]


def test_finished_pieces_are_forgotten_once_reported() -> None:
    """An hour's replies leave no more than a handful of counters behind."""
    out = PlayOut()
    for n in range(1000):
        out.play(f"item_{n}", 0, tone(2))
        out.pull(2)
        out.heard()
    assert len(out._pieces) < 50  # pyright: ignore[reportPrivateUsage]


def test_what_the_speaker_takes_back_was_not_heard() -> None:
    """It was pulled but never handed over; the speaker fades by itself, so the queue does not."""
    out = PlayOut()
    out.latency_frames, out.recallable_frames = 50 * MS, 10 * MS
    out.play("a", 0, tone(55 * MS))
    out.play("b", 0, tone(100 * MS))
    out.pull(60 * MS)
    assert out.stop() == [Played("a", 0, 50, 55), Played("b", 0, 0, 100)]
    assert out.stops == 1
    assert out.pull(60 * MS) == bytes(120 * MS)
    assert (out.heard(), out.sounded_ms) == ([], 50)
    assert (out.stop(), out.stops) == ([], 1)


def test_pieces_taken_back_are_forgotten_like_others() -> None:
    out = PlayOut()
    out.recallable_frames = 5
    for n in range(1000):
        out.play(f"item_{n}", 0, tone(20))
        out.pull(10)
        out.stop()
        out.heard()
    assert len(out._pieces) < 50  # pyright: ignore[reportPrivateUsage]


class AnyOrder(RuleBasedStateMachine):
    """Plays, pulls, stops and asks in any order, and keeps its own simple books beside the queue's."""

    def __init__(self) -> None:
        super().__init__()
        self.out = PlayOut(rate=1000)  # a frame is a millisecond
        self.given: dict[tuple[str, int], int] = {}
        self.stopped: set[tuple[str, int]] = set()
        self.heard: dict[tuple[str, int], int] = {}
        self.pulled_sound = 0

    @rule(item=st.sampled_from("abc"), index=st.integers(0, 1), frames=st.integers(0, 50))
    def play(self, item: str, index: int, frames: int) -> None:
        self.out.play(item, index, tone(frames))
        if (item, index) not in self.stopped:
            self.given[item, index] = self.given.get((item, index), 0) + frames

    @rule(frames=st.integers(1, 60))
    def pull(self, frames: int) -> None:
        was_playing = self.out.playing
        pcm = self.out.pull(frames)
        assert len(pcm) == frames * 2
        sound = sum(1 for level in levels(pcm) if level == 1000)
        assert was_playing or sound == 0
        self.pulled_sound += sound

    @rule(frames=st.integers(0, 40))
    def latency(self, frames: int) -> None:
        self.out.latency_frames = frames

    @rule()
    def ask(self) -> None:
        for played in self.out.heard():
            self.note(played)

    @rule()
    def stop(self) -> None:
        self.ask()
        for played in self.out.stop():
            self.note(played, strictly=False)
            self.stopped.add((played.item_id, played.content_index))
        assert not self.out.playing
        assert sum(self.heard.values()) == self.pulled_sound, "after stop all that was pulled is heard, and no more"
        assert max(levels(self.out.pull(30))) < 1000, "at most the fade, then silence"
        assert not any(levels(self.out.pull(30)))
        self.ask()
        assert sum(self.heard.values()) == self.pulled_sound

    def note(self, played: Played, strictly: bool = True) -> None:
        key = (played.item_id, played.content_index)
        before = self.heard.get(key, 0)
        assert played.heard_ms > before if strictly else played.heard_ms >= before
        assert played.heard_ms <= played.received_ms == self.given[key]
        self.heard[key] = played.heard_ms

    @invariant()
    def books_agree(self) -> None:
        """Heard in all never exceeds what was pulled, nor pulled what was given."""
        assert sum(self.heard.values()) <= self.out.sounded_ms <= self.pulled_sound <= sum(self.given.values())


TestAnyOrder: Any = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
