"""The stand-in's voice: every engine that is here speaks, the same each time, and says when which word comes."""

from __future__ import annotations

import runpy
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from laconic.errors import BadInput
from laconic.simulator import espeak, speech
from laconic.simulator.speech import Speech
from laconic.simulator.turns import SpeechStarted, SpeechStopped, Turns

SENTENCE = "Hello there, my friend. The weather is fine today."
ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(not here, reason=f"{name} is not installed"))
    for name, here in (
        ("flite", shutil.which("flite") is not None),
        ("espeak", espeak.installed()),
        ("tones", True),
    )
]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sentence_becomes_a_few_seconds_of_sound(engine: str) -> None:
    said = Speech(engine).say(SENTENCE)
    samples = np.frombuffer(said.pcm, "<i2")
    assert 2000 < said.ms < 6000
    assert 15_000 < np.abs(samples).max() <= 16_384


@pytest.mark.parametrize("engine", ENGINES)
def test_the_words_join_to_the_text_and_follow_one_another(engine: str) -> None:
    said = Speech(engine).say(f"  {SENTENCE}\n")
    assert "".join(word.text for word in said.words) == SENTENCE
    assert said.words[0].start_ms == 0
    assert said.words[-1].end_ms == said.ms
    assert all(
        a.end_ms == b.start_ms and a.start_ms < a.end_ms for a, b in zip(said.words, said.words[1:], strict=False)
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_words_give_the_same_samples_in_any_order(engine: str) -> None:
    one, other = Speech(engine), Speech(engine)
    other.say("Something else comes first.")
    assert one.say(SENTENCE) == other.say(SENTENCE)


@pytest.mark.parametrize("engine", ENGINES)
def test_speed_and_voice_are_heard(engine: str) -> None:
    voice = Speech(engine)
    usual, fast, low = voice.say(SENTENCE), voice.say(SENTENCE, speed=1.5), voice.say(SENTENCE, voice="cedar")
    assert fast.ms < 0.8 * usual.ms
    assert low.pcm != usual.pcm


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine.values != ("tones",)])
def test_voice_detection_takes_it_for_speech(engine: str) -> None:
    events = Turns(silence_duration_ms=900).hear(bytes(48_000) + Speech(engine).say(SENTENCE).pcm + bytes(96_000))
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]


def test_what_was_said_is_kept_and_the_oldest_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "_KEPT", 2)
    voice = Speech("tones")
    first = voice.say("one")
    assert voice.say("one") is first
    voice.say("two")
    voice.say("one")
    voice.say("three")
    assert voice.say("one") is first  # used lately, so "two" had to go
    assert voice.say("two") == Speech("tones").say("two")


def test_nothing_to_say_is_no_sound() -> None:
    assert Speech("tones").say(" \n") == speech.Spoken(b"", ())


@pytest.mark.skipif(not espeak.installed(), reason="espeakng-loader is not installed")
def test_espeak_tells_when_words_begin_unless_its_words_are_others() -> None:
    pcm, rate, starts = espeak.speak("Hello there, my friend.", "en-us")
    assert len(starts) == 4
    assert starts == sorted(starts)
    assert starts[-1] < len(pcm) // 2 * 1000 // rate
    assert espeak.speak("Well - yes", "en-us")[2] == []


@pytest.mark.skipif(not espeak.installed(), reason="espeakng-loader is not installed")
def test_japanese_is_read_from_its_kana_where_nothing_better_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyopenjtalk", None)
    text = "私の名前はハルカです。"
    with_reading = Speech("espeak").say(text, "ja", reading="わたしのなまえわ、はるかです。")
    assert with_reading.pcm != Speech("espeak").say(text, "ja").pcm
    assert "".join(word.text for word in with_reading.words) == text
    assert max(len(word.text) for word in with_reading.words) <= 5


def test_japanese_is_read_by_open_jtalk_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a package of 400 MB: it answers with a tone as long as the text, at its own rate."""

    def tts(text: str, speed: float) -> tuple[np.ndarray, int]:
        return np.sin(np.arange(4800 * len(text)) / 20) * 8000, 48_000

    monkeypatch.setitem(sys.modules, "pyopenjtalk", types.SimpleNamespace(tts=tts))
    assert Speech("flite" if shutil.which("flite") else None).say("はい。", "ja").ms == 300


def test_without_any_japanese_voice_there_are_tones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyopenjtalk", None)
    monkeypatch.setattr(espeak, "installed", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    voice = Speech()
    assert voice.engine == "tones"
    assert 500 < voice.say("こんにちは。", "ja").ms < 2000


def test_the_best_engine_that_is_here_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/flite")
    assert Speech().engine == "flite"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(espeak, "installed", lambda: True)
    assert Speech().engine == "espeak"


def test_an_engine_that_cannot_be_used_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="choose one of flite, espeak, tones"):
        Speech("parrot")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BadInput, match="needs the program flite"):
        Speech("flite")
    monkeypatch.setattr(espeak, "installed", lambda: False)
    with pytest.raises(BadInput, match="needs the package espeakng-loader"):
        Speech("espeak")


@pytest.mark.skipif(not espeak.installed(), reason="espeakng-loader is not installed")
def test_a_library_that_fails_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "__file__", "/nowhere/espeak.py")
    with pytest.raises(BadInput, match="'espeak' does not work here"):
        Speech("espeak").say("Hello.")


@pytest.mark.parametrize("module", ["speech", "hearing", "turns"])
def test_a_missing_extra_is_told_in_one_sentence(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(BadInput, match=r"pip install 'laconic\[simulator\]'"):
        runpy.run_path(str(Path(speech.__file__).with_name(f"{module}.py")))
