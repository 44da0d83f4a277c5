"""Which microphone and which speaker a talk gets: devices, files, or a recorded caller.

Whoever names nothing gets the machine's own devices; against the stand-in, which understands the recorded callers
and little else, a recorded caller speaks. Where there is no speaker the replies go to a WAV file in the working
folder. Whatever was chosen for the user is said in a sentence.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from laconic.errors import BadInput
from laconic.terminal.columns import width_of
from laconic.terminal.words import Words
from laconic.voice.clock import Clock
from laconic.voice.duplex import Duplex, Microphone, Speaker, join

__all__ = ["Sound", "add_sound_flags", "choose_sound", "print_devices"]

_SCENARIO = "scenario:"
_OTHER_SOUND = {".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aiff", ".webm", ".mp4"}
_DEFAULT = "default"
_DEMO = {"en": "introduction", "ja": "jikoshoukai"}


@dataclass(slots=True)
class Sound:
    """Both ends of the sound, and what there is to say about them."""

    duplex: Duplex
    said: list[str] = field(default_factory=list[str])
    saved: str | None = None
    """Where the replies' sound is written."""
    recorded: bool = False
    """Nobody speaks but a recording: with push to talk its key is held from the start."""


def add_sound_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sound")
    group.add_argument(
        "--input",
        metavar="DEVICE|FILE.wav|scenario:NAME",
        help="a microphone by (part of) its name or `default`, a WAV file, or a recorded caller: introduction, pauses,"
        " jikoshoukai",
    )
    group.add_argument(
        "--output",
        metavar="DEVICE|FILE.wav|none",
        help="a speaker by (part of) its name or `default`, a WAV file, or no sound",
    )
    group.add_argument("--devices", action="store_true", help="list microphones and speakers, and leave")
    group.add_argument("--no-echo-cancellation", action="store_true", help="send the microphone's sound as it is")
    group.add_argument(
        "--pace",
        type=float,
        default=1.0,
        metavar="N",
        help="files, recorded callers and the stand-in N times faster than life",
    )


def choose_sound(args: argparse.Namespace, clock: Clock, words: Words, *, stand_in: bool, push_to_talk: bool) -> Sound:
    """The sound `args` ask for, or the best there is. Nothing is opened yet. Raises BadInput and NoDevice."""
    from laconic.voice import devices

    wanted_in = args.input or (f"{_SCENARIO}{_DEMO[words.lang]}" if stand_in else _DEFAULT)
    scenario = wanted_in.startswith(_SCENARIO)
    if scenario and push_to_talk:
        raise BadInput(
            "a recorded caller presses no keys; leave out --turn-detection none, or give a WAV file",
            ja="録音の話し手はキー操作ができません。--turn-detection none を外すか、WAV ファイルを指定してください。",
        )
    for flag, wanted in (("--input", args.input), ("--output", args.output)):
        _check_file(flag, wanted)
    hurried = args.pace != 1.0
    wav_in = wanted_in.lower().endswith(".wav")
    if hurried and not (scenario or wav_in):
        raise BadInput(
            "--pace is for files and recorded callers, people have their own; give --input FILE.wav or scenario:NAME",
            ja="--pace はファイルか録音の話し手にだけ使えます。--input FILE.wav か scenario:NAME を指定してください。",
        )
    wanted_out, saved, said = args.output, None, list[str]()
    if wanted_out is None and (hurried or not _has_speaker()):
        saved = datetime.now().astimezone().strftime("laconic-%Y%m%d-%H%M%S.wav")
        said.append(words("output_file" if hurried else "no_speaker", path=saved))
    elif wanted_out is not None and wanted_out.lower().endswith(".wav"):
        saved = wanted_out
    to_file = saved is not None or wanted_out == "none"
    if hurried and not to_file:
        raise BadInput(
            "a speaker cannot play faster than life; with --pace give --output FILE.wav or none",
            ja="--pace を使うときは --output に WAV ファイルか none を指定してください。",
        )
    if not to_file and not scenario and not wav_in:
        names = _name(wanted_in), _name(wanted_out or _DEFAULT)
        duplex = devices.open_devices(*names, echo_cancellation=not args.no_echo_cancellation)
        return Sound(duplex, said)
    speaker = _speaker(saved, wanted_out, clock)
    microphone = _microphone(wanted_in, clock, speaker)
    if scenario:
        said.insert(0, words("caller", name=wanted_in.removeprefix(_SCENARIO)))
    elif wav_in:
        said.insert(0, words("input_file", path=wanted_in))
    return Sound(join(microphone, speaker), said, saved, recorded=scenario or wav_in)


def print_devices(words: Words) -> None:
    """Every device on its own line: what it is, its name, its rate."""
    from laconic.voice.devices import list_devices

    found = list_devices()
    if not found:
        print(words("no_devices"))
    for device in found:
        kind = words(device.kind)
        print(f"{kind}{' ' * (11 - width_of(kind))} {device.name}  ({device.rate} Hz, {device.backend})")


def _has_speaker() -> bool:
    from laconic.voice.devices import list_devices

    return any(device.kind == "speaker" for device in list_devices())


def _speaker(saved: str | None, wanted: str | None, clock: Clock) -> Speaker:
    from laconic.voice.devices import DeviceSpeaker
    from laconic.voice.files import WavSpeaker

    if saved is not None or wanted == "none":
        return WavSpeaker(saved, clock)
    return DeviceSpeaker(_name(wanted or _DEFAULT))


def _name(wanted: str) -> str | None:
    """A device's name as the devices take it: None for the default one."""
    return None if wanted == _DEFAULT else wanted


def _check_file(flag: str, wanted: str | None) -> None:
    """Say at once what a file name given for a device cannot be: another kind of sound, or in no folder."""
    name = Path(wanted or "")
    if name.suffix.lower() in _OTHER_SOUND:
        raise BadInput(
            f"{flag} {wanted}: only WAV files are read and written; convert it first, for instance: "
            f"sox {name.name} {name.stem}.wav",
            ja=f"{flag} {wanted}: 使えるのは WAV ファイルだけです。先に変換してください。",
        )
    if flag == "--output" and name.suffix.lower() == ".wav" and not name.parent.is_dir():
        raise BadInput(
            f"{flag} {wanted}: there is no folder {name.parent}; make it, or give another place",
            ja=f"{flag} {wanted}: フォルダー {name.parent} がありません。作るか、別の場所を指定してください。",
        )


def _microphone(wanted: str, clock: Clock, speaker: Speaker) -> Microphone:
    from laconic import scenarios
    from laconic.voice.caller import Caller
    from laconic.voice.devices import DeviceMicrophone
    from laconic.voice.files import WavMicrophone

    if wanted.startswith(_SCENARIO):
        return Caller(scenarios.load(wanted.removeprefix(_SCENARIO)).lines, speaker.playout, clock)
    if wanted.lower().endswith(".wav"):
        if not Path(wanted).is_file():
            raise BadInput(
                f"there is no file {wanted}; give --input the path of a WAV file",
                ja=f"{wanted} というファイルはありません。--input に WAV ファイルのパスを指定してください。",
            )
        return WavMicrophone(wanted, clock, tail_silence_ms=0)
    return DeviceMicrophone(_name(wanted))
