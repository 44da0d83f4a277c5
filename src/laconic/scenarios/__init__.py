"""What a recorded caller says: short scripts with a sound clip for each line.

They stand in for a person at a microphone, so that a talk can be heard, shown and tested on a machine without one.
A scenario is a TOML file beside this one and a folder of WAV clips (16 kHz, mono, 16 bit) of the same name.
`scripts/record_scenarios.py` speaks the clips from the texts; the texts are ours, the voices synthetic.
"""

from __future__ import annotations

import tomllib
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from laconic.errors import BadInput

__all__ = ["CLIP_RATE", "Line", "Scenario", "load", "names"]

CLIP_RATE = 16_000
"""Samples per second of a clip."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the caller says, and when."""

    text: str
    clip_path: Path
    after: str = "reply"
    """`reply`: when the reply before it has been heard out (the first line: when the conversation stands).
    `barge_in`: into that reply, as soon as enough of it has been heard."""
    wait_ms: int = 600
    """After `reply`: the breath the caller takes first, milliseconds."""
    into_reply_ms: int = 0
    """After `barge_in`: how much of the reply the caller listens to before cutting in, milliseconds."""
    note: str = ""
    """What this line is there to show."""
    pauses: str = ""
    """The text with a `|` at each pause."""
    reading: str = ""
    """A Japanese text in kana, for a synthesiser that cannot read it."""
    pause_ms: int = 0
    """How long the silence at each `|` lasts, milliseconds."""

    def pcm(self) -> bytes:
        """The clip's sound: PCM16, mono, `CLIP_RATE`. Raises BadInput if the file is missing or in another shape."""
        try:
            with wave.open(str(self.clip_path)) as wav:
                if (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) != (1, 2, CLIP_RATE):
                    raise BadInput(f"The clip {self.clip_path} must be mono with 16 bits at {CLIP_RATE} Hz; convert it")
                return wav.readframes(wav.getnframes())
        except (OSError, EOFError, wave.Error) as error:
            raise BadInput(f"The clip {self.clip_path} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    lang: str
    """`en` or `ja`."""
    voice: str
    """The synthesiser's voice the clips were made with."""
    lines: tuple[Line, ...]


def names() -> list[str]:
    """The scenarios that come with the package, sorted."""
    return sorted(path.stem for path in _HERE.glob("*.toml"))


def load(name: str) -> Scenario:
    """A scenario by its name, or a file of your own by its path (`….toml`, clips in the folder named like it).

    Raises BadInput, in one sentence, for an unknown name, a broken file, or a clip that is missing.
    """
    path = Path(name) if name.endswith(".toml") else _HERE / f"{name}.toml"
    if not path.is_file():
        raise BadInput(f"There is no scenario '{name}'; choose one of {', '.join(names())}, or give a .toml file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The scenario {path} is not valid TOML: {error}") from error
    lines = table.get("line")
    if not isinstance(lines, list) or not lines:
        raise BadInput(f"The scenario {path} has no lines; write each as a [[line]] with a text and a clip")
    return Scenario(
        name=path.stem,
        title=str(table.get("title", path.stem)),
        lang=str(table.get("lang", "en")),
        voice=str(table.get("voice", "")),
        lines=tuple(_line(path, nth, line) for nth, line in enumerate(lines, start=1)),
    )


def _line(path: Path, nth: int, given: object) -> Line:
    where = f"line {nth} of the scenario {path}"
    table = cast("Mapping[str, Any]", given) if isinstance(given, dict) else {}
    known = {"text", "clip", "after", "wait_ms", "into_reply_ms", "note", "reading", "pause_ms"}
    if unknown := sorted(set(table) - known):
        raise BadInput(
            f"There is no setting '{unknown[0]}' in a scenario ({where}); known are {', '.join(sorted(known))}"
        )
    if not isinstance(table.get("text"), str) or not isinstance(table.get("clip"), str):
        raise BadInput(f"A text and a clip are needed in {where}")
    after = table.get("after", "reply")
    if after not in ("reply", "barge_in"):
        raise BadInput(f"'after' is 'reply' or 'barge_in', not {after!r}, in {where}")
    for name in ("wait_ms", "into_reply_ms", "pause_ms"):
        if not isinstance(table.get(name, 0), int) or table.get(name, 0) < 0:
            raise BadInput(f"'{name}' is a whole number of milliseconds, in {where}")
    clip_path = path.with_suffix("") / table["clip"]
    return Line(
        text=" ".join(table["text"].replace("|", " ").split()),
        clip_path=clip_path,
        after=after,
        wait_ms=table.get("wait_ms", 600),
        into_reply_ms=table.get("into_reply_ms", 0),
        note=str(table.get("note", "")),
        pauses=table["text"],
        reading=str(table.get("reading", "")),
        pause_ms=table.get("pause_ms", 0),
    )
