"""Which microphone and speaker a talk gets, on machines with devices and without."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from laconic.cli.talk_sound import Sound, add_sound_flags, choose_sound, print_devices
from laconic.errors import BadInput
from laconic.terminal.words import Words
from laconic.voice import devices
from laconic.voice.backends import Device
from laconic.voice.caller import Caller
from laconic.voice.clock import Clock
from laconic.voice.devices import DeviceMicrophone, DeviceSpeaker
from laconic.voice.files import WavMicrophone, WavSpeaker

HELLO = str(Path(__file__).parents[2] / "src/laconic/scenarios/introduction/1-hello.wav")
DESK = [Device("Desk microphone", "microphone", "test", 48_000), Device("Desk speaker", "speaker", "test", 44_100)]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """The devices of this machine; empty it for a machine without any."""
    found = list(DESK)
    monkeypatch.setattr(devices, "list_devices", lambda: found)
    return found


def chosen(*flags: str, stand_in: bool = False, push_to_talk: bool = False, lang: str = "en") -> Sound:
    parser = argparse.ArgumentParser()
    add_sound_flags(parser)
    args = parser.parse_args(flags)
    words = Words("ja" if lang == "ja" else "en")
    return choose_sound(args, Clock(args.pace), words, stand_in=stand_in, push_to_talk=push_to_talk)


def ends(sound: Sound) -> tuple[type[object], type[object]]:
    return type(sound.duplex.microphone), type(sound.duplex.speaker)


def test_a_real_service_gets_the_machines_own_devices(here: list[Device]) -> None:
    sound = chosen()
    assert ends(sound) == (DeviceMicrophone, DeviceSpeaker)
    assert (sound.said, sound.saved, sound.recorded) == ([], None, False)


def test_without_a_speaker_the_replies_go_to_a_file_that_is_named(here: list[Device]) -> None:
    here.clear()
    sound = chosen()
    assert ends(sound) == (DeviceMicrophone, WavSpeaker)
    assert sound.saved is not None
    assert sound.saved.startswith("laconic-")
    assert sound.said == [f"There is no speaker here: the replies' sound goes to {sound.saved}."]


@pytest.mark.parametrize(("lang", "name"), [("en", "introduction"), ("ja", "jikoshoukai")])
def test_the_stand_in_gets_a_recorded_caller_in_the_users_language(here: list[Device], lang: str, name: str) -> None:
    sound = chosen(stand_in=True, lang=lang)
    assert ends(sound) == (Caller, DeviceSpeaker)
    assert sound.recorded
    assert name in sound.said[0]


def test_the_stand_in_may_be_talked_to_as_well(here: list[Device]) -> None:
    assert ends(chosen("--input", "default", stand_in=True)) == (DeviceMicrophone, DeviceSpeaker)
    assert ends(chosen("--input", "default", "--output", "none", stand_in=True)) == (DeviceMicrophone, WavSpeaker)


def test_files_replace_both_ends(here: list[Device]) -> None:
    sound = chosen("--input", HELLO, "--output", "out.wav")
    assert ends(sound) == (WavMicrophone, WavSpeaker)
    assert sound.saved == "out.wav"
    assert sound.said == [f"The caller is a recording: {HELLO}."]


def test_no_sound_at_all_may_be_asked_for(here: list[Device]) -> None:
    sound = chosen("--input", HELLO, "--output", "none")
    assert ends(sound) == (WavMicrophone, WavSpeaker)
    assert sound.saved is None


def test_a_hurried_talk_needs_files_and_takes_one_by_itself(here: list[Device]) -> None:
    sound = chosen("--input", HELLO, "--pace", "5")
    assert ends(sound) == (WavMicrophone, WavSpeaker)
    assert sound.saved is not None
    with pytest.raises(BadInput, match="--input"):
        chosen("--pace", "5")
    with pytest.raises(BadInput, match="--output"):
        chosen("--input", HELLO, "--pace", "5", "--output", "Desk speaker")


def test_a_recorded_caller_cannot_push_to_talk_a_file_can(here: list[Device]) -> None:
    assert chosen("--input", HELLO, push_to_talk=True).recorded
    with pytest.raises(BadInput, match="presses no keys"):
        chosen("--input", "scenario:introduction", push_to_talk=True)


def test_the_list_of_devices(here: list[Device], capsys: pytest.CaptureFixture[str]) -> None:
    print_devices(Words("en"))
    assert capsys.readouterr().out.splitlines() == [
        "microphone  Desk microphone  (48000 Hz, test)",
        "speaker     Desk speaker  (44100 Hz, test)",
    ]
    print_devices(Words("ja"))
    assert capsys.readouterr().out.splitlines()[0] == "マイク      Desk microphone  (48000 Hz, test)"
    here.clear()
    print_devices(Words("en"))
    assert "no microphone and no speaker" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--input", "song.mp3"], "only WAV files"),
        (["--output", "song.flac"], "only WAV files"),
        (["--input", HELLO, "--output", "no/such/folder/x.wav"], "there is no folder"),
    ],
)
def test_file_names_that_cannot_be_are_told_of_before_anything_is_opened(
    here: list[Device], given: list[str], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        chosen(*given)
