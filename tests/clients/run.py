"""Real client libraries, unmodified, each in an environment of its own, hold the conversation of conversation.toml.

    python tests/clients/run.py                  # all of versions.toml, with the stand-in directly
    python tests/clients/run.py openai agents    # these

For each: the environment is made if it is not there, a stand-in is started as a process, and the client's script is
run with a base URL and a folder: the conversation, and what is said in it as sound. The script checks what the client
heard, and tells which events it saw. Environments lie under .venvs/, named for what is in them, and are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
import wave
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from laconic.simulator.speech import RATE, Speech

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BEFORE_MS, BEHIND_MS = 200, 800
LATENCY_MS = 20
FAST = ("--transcription-latency-ms", "60", "--speedup", "20", "--voice-engine", "espeak")


@dataclass(frozen=True)
class Told:
    """What a client saw."""

    events: dict[str, int] | None
    """How many events of which type, where the client shows them."""
    more: dict[str, Any]
    took_s: float


def versions() -> dict[str, dict[str, Any]]:
    """The clients, by name."""
    return _toml("versions.toml")


def environment(name: str) -> Path:
    """The folder of a client's environment, made now if need be. Raises CalledProcessError."""
    client = versions()[name]
    packages: list[str] = client.get("pip") or client["npm"]
    mark = hashlib.blake2b("\n".join(packages).encode(), digest_size=4).hexdigest()
    folder = ROOT / ".venvs" / f"client-{name}-{mark}"
    made = folder / "made"
    if not made.exists():
        if "pip" in client:
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages], check=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text('{"private": true, "type": "module"}')
            quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
            subprocess.run(["npm", "install", *quiet, *packages], cwd=folder, check=True)
        made.touch()
    return folder


def talk(name: str) -> Told:
    """One client with the stand-in. Raises AssertionError with its words if anything was not as written."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_conversation(folder)
        with stand_in(name, folder) as base_url:
            return run(name, base_url, folder)


def run(name: str, base_url: str, folder: Path) -> Told:
    """One client with whatever stands at a URL."""
    client = versions()[name]
    place = environment(name)
    script = HERE / client["script"]
    if "pip" in client:
        strict = ["-W", "error"] if client.get("strict_warnings") else []
        command: Sequence[str | Path] = [place / "bin" / "python", *strict, script]
    else:  # modules are looked for beside the script
        for module in HERE.glob("*.mjs"):
            shutil.copy(module, place)
        command = ["node", place / client["script"]]
    began = time.monotonic()
    result = subprocess.run([*command, base_url, folder], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, f"{name}: {result.stdout[-4000:]}{result.stderr[-4000:]}"
    told = json.loads(result.stdout.splitlines()[-1])
    return Told(told.pop("events"), told, time.monotonic() - began)


@contextmanager
def stand_in(name: str, folder: Path) -> Generator[str]:
    """A stand-in for this client, a process of its own; its base URL. `write_conversation` has written to `folder`."""
    latency = str(versions()[name].get("latency_ms", LATENCY_MS))
    said = ("--mind", str(folder / "mind.toml"), "--clips", str(folder))
    with process("simulate", "--port", "0", "--latency-ms", latency, *said, *FAST) as line:
        yield line.split("?")[0].removesuffix("/realtime")


@contextmanager
def process(*command: str) -> Generator[str]:
    """A command of ours, until the block is left; its first line, which says where it listens."""
    with subprocess.Popen([sys.executable, "-m", "laconic", *command], stdout=subprocess.PIPE, text=True) as running:
        try:
            line: str = cast("Any", running.stdout).readline()
            assert line, f"{command[0]} did not start"
            yield line
        finally:
            running.terminate()


def write_conversation(folder: Path) -> None:
    """For the caller: conversation.json, and its sound as .pcm. For the stand-in: mind.toml, and the words as .wav."""
    voice = Speech("espeak", voice="cedar")
    talk: list[dict[str, Any]] = []
    for nth, line in enumerate(_toml("conversation.toml")["exchange"], start=1):
        clip = f"{nth:02}.pcm"
        pcm = voice.say(line["say"]).pcm
        (folder / clip).write_bytes(bytes(BEFORE_MS * 48) + pcm + bytes(BEHIND_MS * 48))
        with wave.open(str(folder / f"{nth:02}.wav"), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            wav.writeframes(pcm)
        (folder / f"{nth:02}.txt").write_text(line["say"], encoding="utf-8")
        standing = {"reply": line.get("reply") or line["know"], "clip": clip}
        plain = {"typed": False, "tool": None, "cut_in_ms": 0}
        talk.append({key: value for key, value in (plain | line | standing).items() if key != "know"})
    (folder / "conversation.json").write_text(json.dumps(talk), encoding="utf-8")
    (folder / "mind.toml").write_text(_mind(_toml("conversation.toml")["exchange"]), encoding="utf-8")


def _mind(talk: list[dict[str, Any]]) -> str:
    """The script of the stand-in's mind. The newest question stands first: it may follow one that was not answered."""
    replies: list[dict[str, Any]] = [
        {"output_of": "get_weather", "text": "It is {sky} and {degrees} degrees in {city}, so {advice}."}
    ]
    for line in reversed(talk):
        if "tool" in line:
            replies.append({"call": "get_weather", "arguments": {"city": line["tool"]["city"]}})
        elif "reply" in line:
            replies.append({"text": line["reply"]})
        else:
            continue
        replies[-1]["when"] = re.escape(line["say"])
    tables = ["\n".join(f"{key} = {_value(value)}" for key, value in reply.items()) for reply in replies]
    return "\n\n".join(['otherwise = "facts"', *(f"[[reply]]\n{table}" for table in tables)])


def _value(value: Any) -> str:
    """A value in TOML; its strings are JSON's."""
    if isinstance(value, str):
        return json.dumps(value)
    return "{" + ", ".join(f"{key} = {json.dumps(one)}" for key, one in value.items()) + "}"


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def main() -> int:
    for name in sys.argv[1:] or versions():
        told = talk(name)
        print(f"{name}: {told.took_s:.1f} s, {sum((told.events or {}).values())} events, {told.more}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
