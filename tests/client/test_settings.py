"""Settings of a session: from a file and from flags, checked, and as the session.update they become."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from laconic.cli.session_flags import add_session_flags, session_settings
from laconic.client.settings import DEFAULT_TRANSCRIPTION, SETTINGS, SessionSettings, read_settings
from laconic.currencies import DOLLARS, Currency
from laconic.errors import BadInput
from laconic.memory import memory

EXAMPLES = Path(__file__).parents[2] / "examples"
PCM = {"type": "audio/pcm", "rate": 24000}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def asked(settings: SessionSettings) -> dict[str, Any]:
    """The session object of the update these settings become."""
    event = settings.update_event()
    assert event["type"] == "session.update"
    assert event["session"]["type"] == "realtime"
    return event["session"]


def complaint(file: Path | None, **flags: str) -> str:
    """The sentence about it; one, in both languages."""
    with pytest.raises(BadInput) as caught:
        read_settings(None if file is None else str(file), flags)
    assert caught.value.ja
    assert "\n" not in caught.value.sentence + caught.value.ja
    return caught.value.sentence


def test_nothing_asked_asks_only_for_the_sound_format_and_a_transcript():
    assert asked(SessionSettings()) == {
        "type": "realtime",
        "audio": {
            "input": {"format": PCM, "transcription": {"model": DEFAULT_TRANSCRIPTION}},
            "output": {"format": PCM},
        },
    }


def test_everything_asked():
    session = asked(
        SessionSettings(
            instructions="Be brief.",
            voice="cedar",
            speed=1.2,
            output_modality="audio",
            max_output_tokens="inf",
            reasoning_effort="low",
            turn_detection="server_vad",
            threshold=0.4,
            prefix_padding_ms=250,
            silence_duration_ms=700,
            idle_timeout_ms=6000,
            transcription="gpt-realtime-whisper",
            transcription_language="ja",
            transcription_prompt="名前",
            noise_reduction="far_field",
        )
    )
    assert session == {
        "type": "realtime",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "reasoning": {"effort": "low"},
        "audio": {
            "input": {
                "format": PCM,
                "transcription": {"model": "gpt-realtime-whisper", "language": "ja", "prompt": "名前"},
                "noise_reduction": {"type": "far_field"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.4,
                    "prefix_padding_ms": 250,
                    "silence_duration_ms": 700,
                    "idle_timeout_ms": 6000,
                },
            },
            "output": {"format": PCM, "voice": "cedar", "speed": 1.2},
        },
    }


def test_what_shall_not_be_is_null():
    """Push to talk, no transcript, no noise reduction: null switches a thing off, absence leaves it as it is."""
    settings = SessionSettings(turn_detection="none", transcription="none", noise_reduction="none")
    assert settings.transcription_model is None
    assert asked(settings)["audio"]["input"] == {
        "format": PCM,
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": None,
    }


def test_semantic_vad_and_a_custom_voice():
    session = asked(SessionSettings(turn_detection="semantic_vad", eagerness="high", voice="voice_123"))
    assert session["audio"]["input"]["turn_detection"] == {"type": "semantic_vad", "eagerness": "high"}
    assert session["audio"]["output"]["voice"] == {"id": "voice_123"}


def test_flags_win_over_the_file(file: Path):
    file.write_text('voice = "alloy"\nspeed = 1\nmemory = "last:5"\nservice = "azure"\n')
    got = read_settings(str(file), {"voice": "marin", "max_output_tokens": "200"})
    assert got == SessionSettings(voice="marin", speed=1.0, memory="last:5", service="azure", max_output_tokens=200)


def test_the_memory_is_auto_unless_another_is_asked_for():
    assert SessionSettings().memory_name == "auto"
    assert SessionSettings(memory="last:5").memory_name == "last:5"


@pytest.mark.parametrize(("remember", "name"), [("words", "auto:words"), ("gist", "auto"), ("9", "auto:9")])
def test_what_shall_be_remembered_is_what_auto_chooses_by(remember: str, name: str):
    assert memory(SessionSettings(remember=remember).memory_name).name == name
    assert memory(SessionSettings(memory="auto", remember=remember).memory_name).name == name


def test_what_shall_be_remembered_is_nothing_to_another_memory():
    with pytest.raises(BadInput, match=r"remember \(words\) is for the memory auto, .* not for last:5"):
        _ = SessionSettings(memory="last:5", remember="words").memory_name


@pytest.mark.parametrize("rate", ["155", "155.25", "0.0065", "0.000012"])
def test_money_is_shown_at_exactly_the_rate_given(rate: str):
    assert read_settings(None, {"currency": "jpy", "per_usd": rate}).money == Currency("JPY", Fraction(rate))


def test_money_is_dollars_unless_said_otherwise():
    assert SessionSettings().money == DOLLARS
    with pytest.raises(BadInput, match="--per-usd"):
        _ = SessionSettings(currency="JPY").money


def test_fine_tuning_tells_the_turn_detection(file: Path):
    assert read_settings(None, {"threshold": "0.7"}).turn_detection == "server_vad"
    assert read_settings(None, {"eagerness": "low"}).turn_detection == "semantic_vad"
    assert read_settings(None, {}).turn_detection is None


def test_another_turn_detection_by_flag_leaves_the_files_fine_tuning_behind(file: Path):
    file.write_text('turn_detection = "server_vad"\nthreshold = 0.5\n')
    assert read_settings(str(file), {"turn_detection": "none"}) == SessionSettings(turn_detection="none")
    kept = read_settings(str(file), {"turn_detection": "server_vad"})
    assert kept == SessionSettings(turn_detection="server_vad", threshold=0.5)


def test_empty_instructions_put_the_services_own_back():
    assert asked(read_settings(None, {"instructions": ""}))["instructions"] == ""


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('voise = "alloy"', "did you mean voice?"),
        ("zzz = 1", "there are service, model"),
        ('api_key = "sk-1"', "environment"),
        ("[session]\nvoice = 'alloy'", "no setting session"),
        ("speed = 3", "speed in {file} has to be a number from 0.25 to 1.5, not 3"),
        ("speed = true", "not True"),
        ('voice = ""', "text that is not empty, not ''"),
        ("voice = 5", "text that is not empty, not 5"),
        ("voice = ['alloy']", "not a list"),
        ('threshold = "loud"', "threshold in {file} has to be a number from 0 to 1, not 'loud'"),
        ("silence_duration_ms = 0.5", "a whole number from 0 to 60000, not 0.5"),
        ("idle_timeout_ms = -1", "a whole number of at least 0, not -1"),
        ("max_output_tokens = 0", "a whole number from 1 to 32768 or inf, not 0"),
        ('turn_detection = "vad"', "one of server_vad, semantic_vad, none, not 'vad'"),
        ('turn_detection = "none"\nthreshold = 0.5', "threshold in {file} belongs to server_vad"),
        ("threshold = 0.5\neagerness = 'low'", "eagerness in {file} belongs to semantic_vad"),
        ("voice = alloy", "not valid TOML"),
        ("voice = alloy", "line 1"),
    ],
)
def test_a_wrong_file_is_one_sentence(file: Path, toml: str, words: str):
    file.write_text(toml)
    sentence = complaint(file)
    assert words.format(file=file) in sentence
    assert str(file) in sentence
    assert "sk-1" not in sentence


def test_a_file_that_cannot_be_read(file: Path):
    assert "cannot be read" in complaint(file)
    file.write_bytes(b"voice = '\xff'")
    assert "UTF-8" in complaint(file)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"speed": "fast"}, "--speed has to be a number from 0.25 to 1.5, not 'fast'"),
        ({"speed": "nan"}, "--speed"),
        ({"idle_timeout_ms": "soon"}, "--idle-timeout-ms has to be a whole number"),
        ({"eagerness": "low", "turn_detection": "none"}, "--eagerness belongs to semantic_vad"),
    ],
)
def test_a_wrong_flag_is_one_sentence(flags: dict[str, str], words: str):
    assert words in complaint(None, **flags)


def test_flags_come_from_the_same_list(file: Path):
    file.write_text('voice = "alloy"')
    parser = argparse.ArgumentParser()
    add_session_flags(parser)
    args = parser.parse_args(["--settings", str(file), "--silence-duration-ms", "400", "--service", "azure"])
    got = session_settings(args)
    assert got == SessionSettings(voice="alloy", service="azure", turn_detection="server_vad", silence_duration_ms=400)
    assert session_settings(parser.parse_args([])) == SessionSettings()
    text = parser.format_help()
    assert all(setting.flag in text for setting in SETTINGS)


def test_every_setting_is_a_field_and_every_field_a_setting():
    assert {setting.name for setting in SETTINGS} == set(SessionSettings.__dataclass_fields__)


@pytest.mark.parametrize("name", ["english.toml", "kansai.toml"])
def test_the_examples_are_valid(name: str):
    path = EXAMPLES / name
    got = read_settings(str(path), {})
    assert got.instructions
    assert got.memory
    assert asked(got)["audio"]["input"]["turn_detection"]["type"] == got.turn_detection


def test_the_kansai_example_is_the_origins_experiment():
    got = read_settings(str(EXAMPLES / "kansai.toml"), {})
    assert (got.voice, got.threshold, got.memory) == ("alloy", 0.5, "last:5")
    assert got.instructions is not None
    assert "関西弁" in got.instructions
    assert "名前" in got.instructions
