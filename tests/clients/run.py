"""Real client libraries, unmodified, each in an environment of its own, hold a spoken conversation with the stand-in.

    python tests/clients/run.py            # all of versions.toml
    python tests/clients/run.py openai     # one

For each: the environment is made if it is not there, a stand-in is started as a process, and the client's script is
run with the stand-in's base URL and a folder of recorded speech. The script says OK and leaves with 0, or tells why
not.
Environments lie under .venvs/, named for what is in them, and are kept.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import tomllib
import venv
import wave
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import soxr

from laconic import scenarios

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLIPS = {"name": "Hello. My name is Marco.", "weather": "How is the weather today?", "stop": "Wait, stop, please."}
RATE = 24_000


def versions() -> dict[str, dict[str, Any]]:
    """The clients, by name."""
    return tomllib.loads((HERE / "versions.toml").read_text(encoding="utf-8"))


def environment(name: str) -> Path:
    """The interpreter of a client's environment, made now if need be. Raises CalledProcessError."""
    packages: list[str] = versions()[name]["packages"]
    mark = hashlib.blake2b("\n".join(packages).encode(), digest_size=4).hexdigest()
    folder = ROOT / ".venvs" / f"client-{name}-{mark}"
    python = folder / "bin" / "python"
    made = folder / "made"
    if not made.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        made.touch()
    return python


def talk(name: str) -> str:
    """Run one client against a stand-in; what it printed. Raises AssertionError with its words if it failed."""
    client = versions()[name]
    python = environment(name)
    with tempfile.TemporaryDirectory() as folder, stand_in() as base_url:
        _clips(Path(folder))
        strict = ["-W", "error"] if client["strict_warnings"] else []
        command = [python, *strict, str(HERE / client["script"]), base_url, folder]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = f"{result.stdout}{result.stderr}"
    assert result.returncode == 0, said
    return said


@contextmanager
def stand_in(*options: str) -> Generator[str]:
    """A stand-in as a process of its own; its base URL."""
    command = [sys.executable, "-m", "laconic", "simulate", "--port", "0", "--mind", str(HERE / "mind.toml"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = cast("Any", process.stdout).readline()
            assert line.startswith("ws://"), line
            yield line.split("?")[0].removesuffix("/realtime")
        finally:
            process.terminate()


def _clips(folder: Path) -> None:
    """Recorded speech for the scripts: WAVs at 24 kHz with half a second before them and one behind."""
    lines = {line.text: line for line in scenarios.load("introduction").lines}
    for name, text in CLIPS.items():
        samples = np.frombuffer(lines[text].pcm(), "<i2").astype(np.float32)
        sound = soxr.resample(samples, scenarios.CLIP_RATE, RATE).astype("<i2").tobytes()
        with wave.open(str(folder / f"{name}.wav"), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            wav.writeframes(bytes(RATE) + sound + bytes(2 * RATE))


def main() -> int:
    for name in sys.argv[1:] or versions():
        print(f"{name}: {talk(name).strip()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
