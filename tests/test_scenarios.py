"""The recorded callers: every clip is there, in shape, and says what a caller would."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from laconic import scenarios
from laconic.errors import BadInput

ALL = scenarios.names()
CLIPS = [(name, nth) for name in ALL for nth in range(len(scenarios.load(name).lines))]


def test_the_three_callers_come_with_the_package() -> None:
    assert ALL == ["introduction", "jikoshoukai", "pauses"]


def test_all_clips_together_stay_small() -> None:
    folder = Path(scenarios.__file__).parent
    assert sum(path.stat().st_size for path in folder.rglob("*.wav")) < 2_500_000


@pytest.mark.parametrize(("name", "nth"), CLIPS)
def test_a_clip_is_short_mono_and_starts_and_ends_in_silence(name: str, nth: int) -> None:
    line = scenarios.load(name).lines[nth]
    with wave.open(str(line.clip_path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, scenarios.CLIP_RATE)
        assert 0.5 < wav.getnframes() / scenarios.CLIP_RATE < 4
    edge = 2 * 45 * scenarios.CLIP_RATE // 1000
    pcm = line.pcm()
    assert max(pcm[:edge] + pcm[-edge:]) == 0
    assert any(pcm)


@pytest.mark.parametrize("name", ALL)
def test_no_clip_lies_there_unused(name: str) -> None:
    scenario = scenarios.load(name)
    used = {line.clip_path for line in scenario.lines}
    assert used == set(scenario.lines[0].clip_path.parent.glob("*.wav"))


@pytest.mark.parametrize("name", ["introduction", "jikoshoukai"])
def test_the_introduction_interrupts_a_long_reply_once(name: str) -> None:
    lines = scenarios.load(name).lines
    assert [line.after for line in lines].count("barge_in") == 1
    assert [line.into_reply_ms for line in lines if line.after == "barge_in"] == [3000]
    assert lines[0].after == "reply"


def test_the_name_is_older_than_five_items_when_it_is_asked_for() -> None:
    """What makes the experiment: at least two exchanges (four items) and the question lie in between."""
    texts = [line.text for line in scenarios.load("introduction").lines]
    assert texts.index("What is my name?") - texts.index("Do you know my name?") >= 3


def test_pauses_are_in_the_sound_and_not_in_the_text() -> None:
    line = scenarios.load("pauses").lines[0]
    assert (line.text, line.pauses, line.pause_ms) == (
        "My favorite color is dark green.",
        "My favorite color is | dark green.",
        740,
    )


def test_japanese_lines_bring_their_reading() -> None:
    assert all(line.reading and not any("一" <= c <= "鿿" for c in line.reading) for line in _lines("jikoshoukai"))


def _lines(name: str) -> tuple[scenarios.Line, ...]:
    return scenarios.load(name).lines


def test_a_scenario_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[line]]\ntext = "Hello there."\nclip = "a.wav"\nwait_ms = 5\n', encoding="utf-8")
    scenario = scenarios.load(str(path))
    assert (scenario.name, scenario.title, scenario.lang) == ("mine", "mine", "en")
    assert scenario.lines[0].clip_path == tmp_path / "mine" / "a.wav"
    assert scenario.lines[0].wait_ms == 5


def test_a_missing_clip_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[line]]\ntext = "Hello."\nclip = "a.wav"\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"a\.wav .*cannot be read"):
        scenarios.load(str(path)).lines[0].pcm()


def test_a_clip_in_another_shape_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[line]]\ntext = "Hello."\nclip = "a.wav"\n', encoding="utf-8")
    (tmp_path / "mine").mkdir()
    with wave.open(str(tmp_path / "mine" / "a.wav"), "wb") as wav:
        wav.setparams((2, 2, 44_100, 0, "NONE", ""))
    with pytest.raises(BadInput, match="mono with 16 bits at 16000 Hz"):
        scenarios.load(str(path)).lines[0].pcm()


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("title = ", "not valid TOML"),
        ("title = 'x'", "has no lines"),
        ("[[line]]\nclip = 'a.wav'", "A text and a clip are needed in line 1"),
        ("[[line]]\ntext = 'a'\nclip = 'a.wav'\nvolume = 3", "no setting 'volume'"),
        ("[[line]]\ntext = 'a'\nclip = 'a.wav'\nafter = 'lunch'", "'after' is 'reply' or 'barge_in'"),
        ("[[line]]\ntext = 'a'\nclip = 'a.wav'\nwait_ms = 'soon'", "'wait_ms' is a whole number"),
        ("[[line]]\ntext = 'a'\nclip = 'a.wav'\ninto_reply_ms = -1", "'into_reply_ms' is a whole number"),
        ("line = [3]", "A text and a clip are needed in line 1"),
    ],
)
def test_a_broken_scenario_is_told_in_one_sentence(tmp_path: Path, toml: str, sentence: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(BadInput, match=sentence):
        scenarios.load(str(path))


def test_an_unknown_scenario_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="introduction, jikoshoukai, pauses"):
        scenarios.load("opera")
