"""How fast the sound obeys: from `speech_started` to silence, from a reply's first delta to its first sound.

python benchmarks/talk.py [--n 50] [--real] [--backend miniaudio|sounddevice] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from io import StringIO
from itertools import count, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from laconic import events as ev
from laconic.client.dial import Connection, dial
from laconic.client.endpoints import endpoint
from laconic.client.settings import SessionSettings
from laconic.events import Raw
from laconic.session import Session
from laconic.terminal.lines import Lines
from laconic.terminal.page import Page
from laconic.terminal.words import Words
from laconic.voice.clock import Clock
from laconic.voice.devices import DeviceMicrophone, DeviceSpeaker
from laconic.voice.duplex import join
from laconic.voice.echo import EchoCanceller, Reference
from laconic.voice.talk import Talk

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_HERE = Path(__file__).parent
_TARGETS = {"silence_ms": 30, "sound_ms": 40}
_SLOWEST_ROUND_S = 3.0

_AUDIBLE = 50
"""A sample beyond this is sound; the scripted replies reach 8000 and never rest for a millisecond."""

_METHOD = """\
Method. The real talk loop with its real devices, echo cancellation on, over a real WebSocket. The far end is a
scripted service in a process of its own (interrupted_service.py), because only a script can say at which moment it
sent what: the moment of sending is written into each event, so the way over loopback and whatever the client was
doing when the event came are part of the figures. The end is where the device takes its sound from us: each buffer
is looked at as it is handed over, and its first sample that can be heard, or its last, dates the sound or the
silence: the moment of the call plus the sample's place in the buffer. So the wait until the device asks for its
next buffer is included, and our resampler, and the few milliseconds in which a reply that is cut fades away. Left
out is the device's own buffer: whatever was handed over it plays, that much later. That it does, and to within
how many milliseconds, is tested on recordings of the speaker (tests/sound).
"""


@dataclass(slots=True)
class _Marks:
    """When what was sent, and when what was handed to the speaker; nanoseconds of the monotonic clock."""

    interruptions: list[int] = field(default_factory=list[int])
    replies: dict[str, int] = field(default_factory=dict[str, int])
    """By item: when its first sound was sent."""
    sounds: list[int] = field(default_factory=list[int])
    silences: list[int] = field(default_factory=list[int])

    def silence_ms(self) -> list[float]:
        """From each interruption to the silence after it."""
        return _taken(self.interruptions, self.silences)

    def sound_ms(self) -> list[float]:
        """From each reply's first delta to its first sound."""
        return _taken(list(self.replies.values()), self.sounds)


def _taken(causes: list[int], effects: list[int]) -> list[float]:
    """Milliseconds from each cause to the first effect between it and the next cause."""
    taken = list[float]()
    for cause, following in pairwise([*causes, sys.maxsize]):
        taken += [(effect - cause) / 1e6 for effect in effects if cause < effect < following][:1]
    return taken


class _WatchedSpeaker(DeviceSpeaker):
    """A speaker that notes when sound begins and ends in what it hands over."""

    def __init__(self, marks: _Marks, *, reference: Reference, backend: str | None) -> None:
        super().__init__(reference=reference, backend=backend)
        self._marks = marks
        self._sounding = False

    def _supply(self, frames: int) -> bytes:
        now = time.monotonic_ns()
        handed = super()._supply(frames)
        audible = np.flatnonzero(np.abs(np.frombuffer(handed, np.int16)) > _AUDIBLE)
        first, last = (int(audible[0]), int(audible[-1])) if len(audible) else (0, 0)
        if len(audible) and not self._sounding:
            self._marks.sounds.append(now + first * 10**9 // self._rate)
            self._sounding = True
        if self._sounding and last < frames - self._rate // 1000:
            self._marks.silences.append(now + last * 10**9 // self._rate)
            self._sounding = False
        return handed


class _Watched:
    """A connection that notes when the events were sent that we measure from."""

    def __init__(self, connection: Connection, marks: _Marks) -> None:
        self.endpoint = connection.endpoint
        self.send = connection.send
        self._connection = connection
        self._marks = marks

    async def recv(self) -> Raw:
        raw = await self._connection.recv()
        event = ev.read(raw)
        if isinstance(event, ev.InputAudioBufferSpeechStarted):
            self._marks.interruptions.append(_sent(raw))
        elif isinstance(event, ev.ResponseOutputAudioDelta) and event.item_id not in self._marks.replies:
            self._marks.replies[event.item_id] = _sent(raw)
        return raw


def _sent(raw: Raw) -> int:
    return int(json.loads(raw)["event_id"])


@contextmanager
def _service() -> Generator[str]:
    """The scripted service; its address."""
    command = [sys.executable, str(_HERE / "interrupted_service.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            yield service.stdout.readline().strip()
        finally:
            service.terminate()


async def _measure(url: str, n: int, backend: str | None) -> tuple[_Marks, DeviceSpeaker]:
    """Talk until `n` interruptions have come and the last has been obeyed."""
    marks, numbers, reference = _Marks(), count(1), Reference()
    speaker = _WatchedSpeaker(marks, reference=reference, backend=backend)
    duplex = join(DeviceMicrophone(cancellation=EchoCanceller(), reference=reference, backend=backend), speaker)
    session = Session(ids=lambda: f"laconic_{next(numbers)}", model="gpt-realtime")
    view = Lines(Page(session.conversation, Words("en")), lambda: "", StringIO())
    settings = SessionSettings().update_event()["session"]
    async with dial(endpoint(url, env={})) as connection:
        talk = Talk(session, _Watched(connection, marks), duplex, view, Clock(), settings=settings)
        running = asyncio.create_task(talk.run())
        deadline = time.monotonic() + n * _SLOWEST_ROUND_S
        try:
            while len(marks.silence_ms()) < n and time.monotonic() < deadline and not running.done():  # noqa: ASYNC110
                await asyncio.sleep(0.25)
        finally:
            talk.end()
            await running
    return marks, speaker


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=50, help="interruptions (default %(default)s)")
    parser.add_argument("--real", action="store_true", help="the machine's own devices instead of virtual ones")
    parser.add_argument("--backend", choices=("miniaudio", "sounddevice"), help="instead of the first that works")
    parser.add_argument("--json", action="store_true", help="figures as one JSON object")
    args = parser.parse_args()
    if not args.json:
        print(_METHOD, flush=True)
    with _devices(args.real), _service() as url:
        marks, speaker = asyncio.run(_measure(url, args.n, args.backend))
    taken = {"silence_ms": marks.silence_ms()[: args.n], "sound_ms": marks.sound_ms()[: args.n]}
    if min(map(len, taken.values())) < args.n:
        print(f"only {len(taken['silence_ms'])} of {args.n} rounds came to an end", file=sys.stderr)
        return 1
    _report(args, taken, speaker)
    return 0


def _devices(real: bool) -> AbstractContextManager[object]:
    if real:
        return nullcontext()
    sys.path.insert(0, str(_HERE.parent / "tests" / "sound"))
    from desk import a_desk  # pyright: ignore[reportMissingImports]

    return a_desk()


def _report(args: argparse.Namespace, taken: dict[str, list[float]], speaker: DeviceSpeaker) -> None:
    where = "real devices" if args.real else "virtual devices"
    figures = {
        name: {"median": round(median(values), 1), "worst": round(max(values), 1), "to_reach": _TARGETS[name]}
        for name, values in taken.items()
    }
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if args.json:
        rows = {name: [round(value, 1) for value in values] for name, values in taken.items()}
        print(json.dumps({"n": args.n, "devices": where, "machine": machine, **figures, "all": rows}))
        return
    print(f"{where}, n = {args.n}; {machine}; the device's own buffer, left out: {speaker.device_latency_ms} ms\n")
    for name, title in (
        ("silence_ms", "from speech_started to silence at the speaker"),
        ("sound_ms", "from a reply's first delta to its first sound"),
    ):
        row = figures[name]
        print(f"{title:<46} median {row['median']:5.1f} ms   worst {row['worst']:5.1f} ms   to reach {row['to_reach']}")


if __name__ == "__main__":
    sys.exit(main())
