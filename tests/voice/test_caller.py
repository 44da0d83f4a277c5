"""The scripted caller: he waits to be answered, cuts in where the script says, and gives up politely."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from laconic.errors import BadInput
from laconic.scenarios import Line, load
from laconic.voice.caller import Caller
from laconic.voice.clock import Clock
from laconic.voice.duplex import CHUNK_BYTES, CHUNK_MS, join
from laconic.voice.files import WavSpeaker
from laconic.voice.playout import PlayOut

FRAMES = CHUNK_MS * 24


class Room:
    """A caller and the speaker he hears, 20 ms at a time, without a clock."""

    def __init__(self, *lines: Line, patience_ms: int = 2000) -> None:
        self.playout = PlayOut()
        self.caller = Caller(lines, self.playout, Clock(), patience_ms=patience_ms)
        self.ms = 0

    def pass_ms(self, ms: int) -> list[int]:
        """Lets time pass; the levels he spoke at, 20 ms each, 0 for silence."""
        said: list[int] = []
        for _ in range(ms // CHUNK_MS):
            self.playout.pull(FRAMES)
            chunk = self.caller.next_chunk()
            assert len(chunk) == CHUNK_BYTES
            said.append(chunk[0])
            self.ms += CHUNK_MS
        return said

    def reply(self, ms: int, item_id: str) -> None:
        self.playout.play(item_id, 0, bytes(ms * 48))

    def until_he_speaks(self, limit_ms: int = 10_000) -> int:
        """Milliseconds until the next line begins; its level is then in `speaking`."""
        before = self.ms
        while not any(self.pass_ms(CHUNK_MS)):
            assert self.ms - before < limit_ms, "he never spoke"
        return self.ms - before


def line(
    level: int, folder: Path, ms: int = 100, *, after: str = "reply", wait_ms: int = 600, into_reply_ms: int = 0
) -> Line:
    """A line whose clip is `ms` of one level, so that it is known again when it is spoken."""
    path = folder / f"{level}.wav"
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, 24_000, 0, "NONE", ""))
        wav.writeframes(bytes([level, 0]) * 24 * ms)
    return Line(str(level), path, after=after, wait_ms=wait_ms, into_reply_ms=into_reply_ms)


def test_the_first_line_comes_after_its_breath_and_is_spoken_whole(tmp_path: Path) -> None:
    """Nobody has to greet him; a clip that ends within a chunk is filled up with silence."""
    room = Room(line(1, tmp_path, ms=110, wait_ms=400))
    said = room.pass_ms(1000)
    assert said == [0] * 19 + [1] * 6 + [0] * 25
    assert room.caller.speaking is None


def test_the_first_line_waits_for_a_greeting_to_end(tmp_path: Path) -> None:
    """If the far end speaks first he lets it finish."""
    room = Room(line(1, tmp_path, wait_ms=400))
    room.reply(1000, "greeting")
    assert room.until_he_speaks() == 1000 + 400 - CHUNK_MS


def test_the_next_line_comes_when_the_reply_has_been_heard_out(tmp_path: Path) -> None:
    """A breath after the reply's last millisecond, not after it was received."""
    room = Room(line(1, tmp_path), line(2, tmp_path, wait_ms=800))
    room.until_he_speaks()
    room.pass_ms(500)
    room.reply(3000, "a")
    assert room.caller.speaking is None
    assert room.until_he_speaks() == pytest.approx(3000 + 800, abs=40)
    assert room.caller.speaking is not None
    assert room.caller.speaking.text == "2"


def test_a_reply_that_stutters_is_not_over(tmp_path: Path) -> None:
    """A hole shorter than his breath, because sound comes slowly, does not make him speak."""
    room = Room(line(1, tmp_path), line(2, tmp_path, wait_ms=0))
    room.until_he_speaks()
    room.pass_ms(200)
    for _ in range(5):
        room.reply(400, "a")
        assert not any(room.pass_ms(600))
    assert room.until_he_speaks() <= 300


def test_he_cuts_in_when_enough_was_heard(tmp_path: Path) -> None:
    """So many milliseconds into the reply, counted by what sounded, not by what was received."""
    room = Room(line(1, tmp_path), line(2, tmp_path, after="barge_in", into_reply_ms=1500))
    room.until_he_speaks()
    room.pass_ms(300)
    room.reply(10_000, "a")
    assert room.until_he_speaks() == pytest.approx(1500, abs=40)
    [stopped] = room.playout.stop()
    assert stopped.heard_ms == pytest.approx(1500, abs=40)


def test_a_reply_too_short_to_cut_into_is_heard_out(tmp_path: Path) -> None:
    """The line still comes, as an ordinary one."""
    room = Room(line(1, tmp_path), line(2, tmp_path, after="barge_in", wait_ms=600, into_reply_ms=5000))
    room.until_he_speaks()
    room.pass_ms(300)
    room.reply(1000, "a")
    assert room.until_he_speaks() == pytest.approx(1000 + 600, abs=40)


def test_the_rest_of_an_interrupted_reply_is_not_the_answer(tmp_path: Path) -> None:
    """He cuts in, the old reply falls silent while he speaks, and he waits for the new one."""
    room = Room(line(1, tmp_path), line(2, tmp_path, ms=1000, after="barge_in", into_reply_ms=500), line(3, tmp_path))
    room.until_he_speaks()
    room.pass_ms(200)
    room.reply(10_000, "a")
    room.until_he_speaks()
    room.pass_ms(400)
    room.playout.stop()
    room.pass_ms(600)
    assert not any(room.pass_ms(1500)), "no answer yet: he waits"
    room.reply(400, "b")
    assert room.until_he_speaks() == pytest.approx(400 + 600, abs=40)


def test_without_an_answer_he_goes_on_after_a_while(tmp_path: Path) -> None:
    """And it is known which line was left unanswered."""
    room = Room(line(1, tmp_path), line(2, tmp_path), patience_ms=2000)
    room.until_he_speaks()
    room.pass_ms(80)
    assert room.until_he_speaks() == pytest.approx(2000, abs=40)
    assert [line.text for line in room.caller.unanswered] == ["1"]


def test_he_has_finished_when_the_last_reply_was_heard(tmp_path: Path) -> None:
    """A second of silence after it, then he hangs up."""
    room = Room(line(1, tmp_path))
    room.until_he_speaks()
    room.pass_ms(200)
    room.reply(500, "a")
    room.pass_ms(1400)
    assert not room.caller.finished
    room.pass_ms(200)
    assert room.caller.finished
    assert room.caller.unanswered == []


def test_he_finishes_even_if_the_last_line_is_not_answered(tmp_path: Path) -> None:
    """A dead service does not keep him forever."""
    room = Room(line(1, tmp_path), patience_ms=2000)
    room.pass_ms(5000)
    assert room.caller.finished
    assert [line.text for line in room.caller.unanswered] == ["1"]


def test_an_empty_script_is_over_at_once() -> None:
    """Nothing to say."""
    room = Room()
    room.pass_ms(1100)
    assert room.caller.finished


def test_a_clip_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """Before the conversation begins."""
    with pytest.raises(BadInput, match=r"cannot read .*gone\.wav"):
        Room(Line("gone", tmp_path / "gone.wav"))


async def test_a_whole_scenario_against_a_speaker_in_clock_time(tmp_path: Path) -> None:
    """The beginning of the shipped introduction, a hundred times faster, answered each time he falls silent."""
    clock, lines = Clock(speed=100), load("introduction").lines[:4]
    speaker = WavSpeaker(None, clock)
    caller = Caller(lines, speaker.playout, clock)
    said: list[str] = []
    answered = 0
    async with join(caller, speaker) as duplex:
        async for _ in duplex.chunks():
            if (now := caller.speaking) is not None and now.text not in said:
                said.append(now.text)
                if now.after == "barge_in":
                    speaker.playout.stop()
            if caller.speaking is None and answered < len(said):
                speaker.playout.play(f"reply_{answered}", 0, bytes(5000 * 48 if answered == 2 else 500 * 48))
                answered += 1
    assert said == [line.text for line in lines]
    assert caller.finished
    assert caller.unanswered == []
