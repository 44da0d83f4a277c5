"""Speak the clips of the scenarios from their texts.

    python scripts/record_scenarios.py            # all of them
    python scripts/record_scenarios.py pauses     # one

English needs the program flite. Japanese is spoken by pyopenjtalk where it is installed (`pip install
pyopenjtalk-plus`, 400 MB; the shipped clips were made with it), else by espeak-ng from the kana readings. The same
versions give the same files. A `|` in a text is a pause of the line's `pause_ms`.
"""

from __future__ import annotations

import sys
import wave

import numpy as np
import soxr
from numpy.typing import NDArray

from laconic import scenarios
from laconic.simulator import speech

EDGE_MS = 50
"""Silence left before and behind the speech of a clip."""


def main(wanted: list[str]) -> None:
    for name in wanted or scenarios.names():
        scenario = scenarios.load(name)
        for line in scenario.lines:
            clip = spoken(scenario, line)
            line.clip_path.parent.mkdir(exist_ok=True)
            with wave.open(str(line.clip_path), "wb") as wav:
                wav.setparams((1, 2, scenarios.CLIP_RATE, 0, "NONE", ""))
                wav.writeframes((clip * 32767).astype("<i2").tobytes())
            print(f"{line.clip_path.parent.name}/{line.clip_path.name}  {len(clip) / scenarios.CLIP_RATE:.2f} s")


def spoken(scenario: scenarios.Scenario, line: scenarios.Line) -> NDArray[np.float32]:
    """One clip: each part trimmed, pauses of exact length between, 50 ms of silence around, peak at half scale."""
    pause = np.zeros(line.pause_ms * scenarios.CLIP_RATE // 1000, np.float32)
    edge = np.zeros(EDGE_MS * scenarios.CLIP_RATE // 1000, np.float32)
    pieces: list[NDArray[np.float32]] = [edge]
    for nth, part in enumerate(line.pauses.split("|")):
        if nth:
            pieces.append(pause)
        pieces.append(trimmed(synthesised(part.strip(), line.reading, scenario)))
    return np.concatenate([*pieces, edge])


def synthesised(text: str, reading: str, scenario: scenarios.Scenario) -> NDArray[np.float32]:
    if scenario.lang != "ja":
        samples, rate = speech.flite(text, scenario.voice, 1.0)
    else:
        samples, rate = speech.japanese("espeak", text, reading, scenario.voice, 1.0)
    sound = soxr.resample(samples.astype(np.float32), rate, scenarios.CLIP_RATE)
    return (sound * (0.5 / np.abs(sound).max())).astype(np.float32)


def trimmed(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound from its first to its last sample above 1 % of its peak."""
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


if __name__ == "__main__":
    main(sys.argv[1:])
