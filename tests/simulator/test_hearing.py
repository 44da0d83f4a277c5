"""Which clip a sound is: every clip under every distortion we could think of, and what must not be taken for one."""

from __future__ import annotations

import functools
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from laconic import scenarios
from laconic.errors import BadInput
from laconic.simulator.hearing import Hearing, pocketsphinx
from laconic.simulator.speech import Speech
from laconic.simulator.turns import InputBuffer, SpeechStarted, Turns

Sound = NDArray[np.float64]
LINES = [line for name in scenarios.names() for line in scenarios.load(name).lines]
HEARING = Hearing.of_scenarios()


@functools.cache
def clip(nth: int) -> Sound:
    samples = np.frombuffer(LINES[nth].pcm(), "<i2").astype(np.float64) / 32768
    return soxr.resample(samples, scenarios.CLIP_RATE, 24_000)


def pcm(sound: Sound) -> bytes:
    return (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


def quiet(ms: int) -> Sound:
    return np.zeros(24 * ms)


def padded(sound: Sound) -> Sound:
    """As voice detection cuts it: 300 ms before, 500 ms after, not on our frames' grid."""
    return np.concatenate((quiet(297), sound, quiet(513)))


def noisy(sound: Sound) -> Sound:
    """White noise 15 dB below the speech."""
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-15 / 20)
    return sound + np.random.default_rng(7).standard_normal(len(sound)) * level


def through_48k(sound: Sound) -> Sound:
    return soxr.resample(soxr.resample(sound, 24_000, 48_000), 48_000, 24_000)


def coloured(sound: Sound) -> Sound:
    """What echo cancellation leaves: a tilted, rippled spectrum and a gain that ducks by up to 9 dB now and then."""
    spectrum = np.fft.rfft(sound)
    place = np.linspace(0, 1, len(spectrum))
    filtered = np.fft.irfft(spectrum * 10 ** ((6 * np.sin(9 * place) - 14 * place) / 20), len(sound))
    ducking = 10 ** (-np.random.default_rng(3).uniform(0, 9, len(sound) // 2400 + 1) / 20)
    return filtered * np.convolve(np.repeat(ducking, 2400)[: len(sound)], np.ones(480) / 480, "same")


def over_the_telephone(sound: Sound) -> Sound:
    """8 kHz, eight bits by the µ-law."""
    narrow = soxr.resample(sound / 2, 24_000, 8_000)
    small = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 128) / 128
    return soxr.resample(np.sign(small) * (256 ** np.abs(small) - 1) / 255, 8_000, 24_000)


def in_a_room(sound: Sound) -> Sound:
    """With 0.3 s of reverberation."""
    echoes = np.random.default_rng(4).standard_normal(7200) * np.exp(-np.arange(7200) / 1000) * 0.05
    return np.convolve(sound, np.concatenate(([1.0], echoes))) * 0.7


DISTORTIONS: dict[str, Callable[[Sound], Sound]] = {
    "as it is": lambda sound: sound,
    "through 48 kHz": through_48k,
    "12 dB louder, clipping": lambda sound: sound * 4,
    "12 dB softer": lambda sound: sound / 4,
    "noise": noisy,
    "padded": padded,
    "padded, in noise": lambda sound: noisy(padded(sound)),
    "cut by 300 ms in front": lambda sound: sound[7200:],
    "cut by 300 ms behind": lambda sound: sound[:-7200],
    "coloured by an echo canceller": coloured,
    "over the telephone": over_the_telephone,
    "in a room": in_a_room,
    "on a clock 0.1 % off": lambda sound: soxr.resample(sound, 24_000, 24_024),
    "all at once": lambda sound: noisy(coloured(padded(through_48k(sound))) * 0.3),
}


@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_every_clip_is_recognised(distortion: str) -> None:
    for nth, line in enumerate(LINES):
        heard = HEARING.hear(pcm(DISTORTIONS[distortion](clip(nth))))
        assert (heard.text, heard.how) == (line.text, "clip"), f"{line.text} was heard as {heard}"
        assert heard.confidence > 0.75
        assert heard.complete


def test_two_clips_in_one_turn_are_both_heard() -> None:
    for nth in range(0, len(LINES) - 1, 2):
        heard = HEARING.hear(pcm(np.concatenate((quiet(200), clip(nth), quiet(120), clip(nth + 1), quiet(400)))))
        assert heard.text in (f"{LINES[nth].text} {LINES[nth + 1].text}", LINES[nth].text + LINES[nth + 1].text)


@pytest.mark.parametrize("line", [line for line in LINES if "|" in line.pauses], ids=lambda line: line.text)
def test_a_clip_cut_in_two_by_a_pause_gives_each_turn_its_words(line: scenarios.Line) -> None:
    """Cut by the voice detection itself; only the last part sounds finished."""
    room = np.random.default_rng(2).standard_normal(24_000) * 0.001
    sound = pcm(np.concatenate((room[:12_000], clip(LINES.index(line)), room)))
    turns, buffer, start_ms, heard = Turns(), InputBuffer(), 0, list[tuple[str | None, bool]]()
    buffer.append(sound)
    for event in turns.hear(sound):
        if isinstance(event, SpeechStarted):
            start_ms = event.audio_start_ms
        else:
            understood = HEARING.hear(buffer.commit(start_ms, event.audio_end_ms))
            heard.append((understood.text, understood.complete))
    parts = [part.strip() for part in line.pauses.split("|")]
    assert heard == [(part, part is parts[-1]) for part in parts]


OTHER_SENTENCES = [
    "The train leaves at nine from the old station.",
    "My name is Anna.",
    "Hello.",
    "Please tell me about the history of the town where you were born.",
    "It is raining again.",
]


@pytest.mark.parametrize("text", OTHER_SENTENCES)
@pytest.mark.parametrize("voice", ["marin", "cedar"])
def test_other_sentences_are_not_taken_for_a_clip_even_in_the_same_voice(text: str, voice: str) -> None:
    said = Speech().say(text, voice=voice)
    heard = HEARING.hear(bytes(4800) + said.pcm + bytes(4800))
    assert (heard.text, heard.how) == (None, None)
    assert 0.4 * said.ms < heard.voiced_ms <= said.ms + 64
    assert heard.transcript == f"({heard.voiced_ms / 1000:.1f} s of speech)"


def test_silence_noise_and_nothing_are_not_understood() -> None:
    hiss = np.random.default_rng(1).standard_normal(48_000) * 0.1
    for sound, voiced in ((b"", False), (bytes(10), False), (bytes(96_000), False), (pcm(hiss), True)):
        heard = HEARING.hear(sound)
        assert heard.text is None
        assert (heard.voiced_ms > 0) == voiced


def test_a_recogniser_is_asked_only_about_unknown_speech() -> None:
    asked: list[int] = []

    def recognise(sound: bytes) -> str | None:
        asked.append(len(sound))
        return "something" if len(asked) == 1 else None

    hearing = Hearing([(LINES[0].text, LINES[0].pcm())], recognise)
    assert hearing.hear(pcm(clip(0))).how == "clip"
    assert hearing.hear(bytes(48_000)).how is None
    assert asked == []
    heard = hearing.hear(pcm(clip(3)))
    assert (heard.text, heard.how, heard.confidence, heard.complete) == ("something", "recogniser", 0.5, True)
    assert asked == [pytest.approx(len(LINES[3].pcm()), abs=4)]
    assert hearing.hear(pcm(clip(3))).text is None


def test_pocketsphinx_understands_a_little() -> None:
    recognise = pocketsphinx()
    if recognise is None:
        pytest.skip("pocketsphinx is not installed")
    assert "my name" in (recognise(LINES[1].pcm()) or "")
    assert recognise(bytes(320)) is None


def test_who_knows_no_clip_hears_only_that_somebody_spoke() -> None:
    assert Hearing([]).hear(pcm(clip(0))).transcript.endswith("s of speech)")


def test_a_turn_is_understood_fast() -> None:
    sound = pcm(padded(clip(2)))
    HEARING.hear(sound)
    best = min(_timed(sound) for _ in range(5))
    assert best < 0.05


def _timed(sound: bytes) -> float:
    began = time.perf_counter()
    HEARING.hear(sound)
    return time.perf_counter() - began


def _write(path: Path, sound: Sound, rate: int, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as wav:
        wav.setparams((channels, 2, rate, 0, "NONE", ""))
        wav.writeframes(pcm(sound))


def test_clips_of_ones_own_from_a_folder(tmp_path: Path) -> None:
    said = Speech().say("The train leaves at nine.")
    _write(tmp_path / "train.wav", np.frombuffer(said.pcm, "<i2") / 32768, 24_000)
    (tmp_path / "train.txt").write_text("The train leaves at nine.\n", encoding="utf-8")
    hearing = Hearing.of_scenarios(tmp_path)
    assert hearing.hear(said.pcm).text == "The train leaves at nine."
    assert hearing.hear(pcm(clip(0))).text == LINES[0].text


def test_a_folder_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no \.wav files"):
        Hearing.of_scenarios(tmp_path)
    _write(tmp_path / "a.wav", quiet(100), 24_000, channels=2)
    with pytest.raises(BadInput, match=r"write them into a\.txt"):
        Hearing.of_scenarios(tmp_path)
    (tmp_path / "a.txt").write_text("Hello.", encoding="utf-8")
    with pytest.raises(BadInput, match="not mono"):
        Hearing.of_scenarios(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"not a wav")
    with pytest.raises(BadInput, match="cannot be read"):
        Hearing.of_scenarios(tmp_path)
