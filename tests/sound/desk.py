"""A virtual microphone and speaker for a machine without a sound card, headless, as root too.

PipeWire with its PulseAudio door runs in a folder of its own and is found through two environment variables, so the
sound of whoever runs the tests is left alone. What laconic plays on the default output goes to the sink `spk`, whose
monitor we record; what we play into the sink `micfeed` is what the default input hears. With the echo switched on,
the speaker is also fed into the microphone, 60 ms later and 13 dB quieter: two devices on one desk.

PulseAudio itself will not do: PortAudio stalls on its ALSA plugin. Debian: dbus pipewire pipewire-bin pipewire-pulse
pipewire-alsa wireplumber pulseaudio-utils, and libportaudio2 for the second back end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from laconic.scenarios import load
from laconic.voice.files import read_wav
from laconic.voice.playout import BYTES_PER_FRAME, RATE

__all__ = ["Desk", "ProgramsMissing", "Sound", "a_desk", "find", "samples", "spoken", "steady", "until"]

Sound = npt.NDArray[np.float64]

_PROGRAMS = ["dbus-daemon", "pipewire", "wireplumber", "pipewire-pulse", "pactl", "pw-metadata", "paplay", "parec"]


class ProgramsMissing(Exception):
    """Names what the virtual devices need and this machine does not have."""


@contextmanager
def a_desk() -> Generator[Desk]:
    """The virtual devices, found by every sound library in this process and its children while open."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise ProgramsMissing(f"the virtual microphone and speaker need {', '.join(missing)}")
    with TemporaryDirectory(prefix="laconic-sound-") as folder:
        before = dict(os.environ)
        os.environ |= {
            "PIPEWIRE_RUNTIME_DIR": folder,
            "PULSE_RUNTIME_PATH": f"{folder}/pulse",
            "PULSE_SERVER": f"unix:{folder}/pulse/native",
        }
        desk = Desk(Path(folder))
        try:
            desk.start()
            yield desk
        finally:
            desk.end()
            os.environ.clear()
            os.environ.update(before)


class Desk:
    """One virtual microphone, one virtual speaker, and the air between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemons = list[subprocess.Popen[bytes]]()
        self._heard = folder / "spk.pcm"

    def start(self) -> None:
        bus = self.folder / "bus"
        self._daemon("dbus-daemon", "--session", f"--address=unix:path={bus}", "--nofork", "--nopidfile")
        until(bus.exists)
        self._daemon("pipewire")
        until((self.folder / "pipewire-0").exists)
        self._daemon("wireplumber")
        self._daemon("pipewire-pulse")
        until(lambda: subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode == 0)
        pactl("load-module", "module-null-sink", "sink_name=spk", "rate=48000", "channels=2")
        pactl("load-module", "module-null-sink", "sink_name=micfeed", "rate=48000", "channels=1", "channel_map=mono")
        pactl(
            "load-module",
            "module-remap-source",
            "master=micfeed.monitor",
            "source_name=mic",
            "channels=1",
            "channel_map=mono",
            "source_properties=device.description=desk-microphone",
        )
        until(lambda: "\tmic\t" in pactl("list", "short", "sources"))
        # A larger period: 10 ms ones miss their deadline on a small virtual machine.
        for setting in ("clock.min-quantum", "clock.quantum"):
            subprocess.run(["pw-metadata", "-n", "settings", "0", setting, "1024"], check=True, capture_output=True)
        pactl("set-default-sink", "spk")
        pactl("set-default-source", "mic")

    def end(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            daemon.wait(timeout=10)

    @contextmanager
    def echo(self) -> Generator[None]:
        """While open, the microphone hears the speaker, later and quieter."""
        module = pactl("load-module", "module-loopback", "source=spk.monitor", "sink=micfeed", "latency_msec=60")
        time.sleep(1)
        stream = pactl("list", "short", "sink-inputs").splitlines()[-1].split("\t")[0]
        pactl("set-sink-input-volume", stream, "60%")  # a cubic scale: −13 dB
        try:
            yield
        finally:
            pactl("unload-module", module)

    def speak(self, wav: Path) -> subprocess.Popen[bytes]:
        """The user says this into the microphone."""
        return subprocess.Popen(["paplay", "-d", "micfeed", str(wav)])

    @contextmanager
    def listen(self) -> Generator[Callable[[], Sound]]:
        """Records the speaker while open; calling what it gives ends the recording and returns it, 24 kHz."""
        command = ["parec", "-d", "spk.monitor", "--rate=24000", "--channels=1", "--format=s16le", "--latency-msec=20"]
        with self._heard.open("wb") as out:  # a pipe nobody reads is full after 1.3 s, and parec drops the rest
            recorder = subprocess.Popen(command, stdout=out)
        time.sleep(0.3)

        def recorded() -> Sound:
            time.sleep(0.3)
            recorder.terminate()
            recorder.wait(timeout=10)
            return self.heard()

        try:
            yield recorded
        finally:
            recorder.terminate()
            recorder.wait(timeout=10)

    def heard(self, from_frame: int = 0) -> Sound:
        """What `listen` has recorded so far; the last fractions of a second are still on their way."""
        with self._heard.open("rb") as file:
            file.seek(from_frame * BYTES_PER_FRAME)
            return samples(file.read())

    @property
    def heard_frames(self) -> int:
        """How long that recording is by now."""
        return self._heard.stat().st_size // BYTES_PER_FRAME

    def _daemon(self, *command: str) -> None:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = os.environ | {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(self.folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.folder}/bus",
        }
        with (self.folder / f"{command[0]}.log").open("wb") as log:
            self._daemons.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            )


def pactl(*arguments: str) -> str:
    done = subprocess.run(["pactl", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {seconds} s")
        time.sleep(0.05)


def samples(pcm: bytes) -> Sound:
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float64)


def find(part: Sound, whole: Sound) -> tuple[int, float]:
    """Where `part` is in `whole` (frame) and how well it fits there (correlation, 1 is exact)."""
    size = 1 << int(np.ceil(np.log2(len(whole) + len(part))))
    match = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole)]
    at = int(np.argmax(match))
    there = whole[at : at + len(part)]
    here = part[: len(there)]
    return at, float(here @ there / (np.linalg.norm(here) * np.linalg.norm(there) + 1e-9))


def spoken(scenario: str, at_least_s: float) -> bytes:
    """That much of a scenario's recorded caller without a break, PCM16 24 kHz: real speech, a voice per scenario."""
    said = b"".join(read_wav(line.clip_path) for line in load(scenario).lines)
    size = int(at_least_s * RATE) * BYTES_PER_FRAME
    return (said * (size // len(said) + 1))[:size]


def steady(seconds: float) -> bytes:
    """A sound that never rests, PCM16 24 kHz: where it is cut can be seen to the millisecond."""
    rng = np.random.default_rng(3)
    t = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(130 + 40 * np.sin(4.4 * t) + 20 * np.sin(19.5 * t)) / RATE
    voice = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 25)) + 0.3 * rng.standard_normal(len(t))
    return np.asarray(np.rint(12000 * voice / np.abs(voice).max())).astype("<i2").tobytes()
