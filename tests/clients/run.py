"""Real client libraries, unmodified, each in an environment of its own, hold the conversation of conversation.toml.

    python tests/clients/run.py                  # all of versions.toml
    python tests/clients/run.py openai agents    # these

For each: the environment is made if it is not there, a stand-in and a gateway in front of it are started as processes,
and the client's script is run with a base URL and a folder: the conversation, and what is said in it as sound. Once it
is given the stand-in's address, once the gateway's, which folds the conversation into summaries meanwhile. The script
checks what the client heard, and tells which events it saw. Environments lie under .venvs/, named for what is in them,
and are kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import select
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import venv
import wave
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from laconic.gateway.books import Row
from laconic.gateway.ledger import open_ledger
from laconic.gateway.tls import self_signed
from laconic.simulator.speech import RATE, Speech

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BEFORE_MS, BEHIND_MS = 200, 800
LATENCY_MS = 20
LONGEST_S = 120
MEMORY = "summary:600:200"
"""Low marks, so that thirty exchanges are folded more than once."""
FOLDS = 2
FAST = ("--chat-latency-ms", "200", "--transcription-latency-ms", "60", "--speedup", "20", "--voice-engine", "espeak")


@dataclass(frozen=True)
class Told:
    """What a client saw."""

    events: dict[str, int]
    """How many events of which type, as far as the client shows them."""
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
            assert shutil.which("npm"), f"{name} needs node and npm; install them with: apt install nodejs npm"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text('{"private": true, "type": "module"}')
            quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
            subprocess.run(["npm", "install", *quiet, *packages], cwd=folder, check=True)
        made.touch()
    return folder


@dataclass(frozen=True)
class Talks:
    """The same conversation twice."""

    straight: Told
    through_gateway: Told
    rows: list[Row]
    """The gateway's ledger."""
    log: str
    """The gateway's log."""


def both(name: str) -> Talks:
    """One client straight to the stand-in and through the gateway. Raises AssertionError, see `run`."""
    return Talks(straight(name), *through_gateway(name))


def check(talks: Talks) -> None:
    """To the client it was the same; the service had less to read; all of it is in the books, and no word in the log.

    Raises AssertionError.
    """
    alone, told, rows = talks.straight, talks.through_gateway, talks.rows
    assert counted(told.events) == counted(alone.events), _difference(alone.events, told.events)
    assert told.events.keys() == alone.events.keys()
    folds = [row for row in rows if row.kind == "summary" and row.status == "completed"]
    assert len(folds) >= FOLDS, f"{len(folds)} folds in {len(rows)} rows"
    assert not any(row.unknown for row in rows), "a row without a price"
    replies = [row for row in rows if row.kind == "reply"]
    assert [row.status for row in replies].count("cancelled") == 1, "the reply the caller cut into"
    lines: list[dict[str, Any]] = _toml("conversation.toml")["exchange"]
    assert not [line["say"] for line in lines if line["say"] in talks.log]
    if "cost_dollars" in told.more:
        reckoned = int(Decimal(told.more["cost_dollars"]) * 10**9)
        assert reckoned == sum(charge.nanodollars for row in replies for charge in row.charges)
        assert reckoned < int(Decimal(alone.more["cost_dollars"]) * 10**9)


def counted(events: Mapping[str, int]) -> dict[str, int]:
    """How many of which type. In how many pieces words and sound come depends on the moment they are cut short."""
    return {name: count for name, count in events.items() if not re.search(r"\.delta$|Delta", name)}


def _difference(alone: Mapping[str, int], told: Mapping[str, int]) -> str:
    names = sorted({*counted(alone), *counted(told)})
    found = [
        f"{name} {alone.get(name, 0)} → {told.get(name, 0)}" for name in names if alone.get(name) != told.get(name)
    ]
    return "straight → through the gateway: " + ", ".join(found)


def straight(name: str) -> Told:
    """One client with the stand-in. Raises AssertionError with its words if anything was not as written."""
    with conversation() as folder, stand_in(name, folder) as base_url:
        if not versions()[name].get("tls"):
            return run(name, base_url, folder)
        with tls_door(base_url, folder) as (secure, certificate):
            return run(name, secure, folder, certificate)


def through_gateway(name: str, memory: str = MEMORY) -> tuple[Told, list[Row], str]:
    """One client with a gateway before the stand-in; the gateway's ledger and its log. Raises AssertionError."""
    with conversation() as folder, stand_in(name, folder) as base_url:
        tls = bool(versions()[name].get("tls"))
        with gateway(base_url, folder, memory, tls=tls) as (url, certificate):
            told = run(name, url, folder, certificate)
        return told, ledger(folder), (folder / "gateway.log").read_text(encoding="utf-8")


def run(name: str, base_url: str, folder: Path, certificate: Path | None = None) -> Told:
    """One client with whatever stands at a URL. `certificate`: what Node has to trust."""
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
    env = os.environ | ({"NODE_EXTRA_CA_CERTS": str(certificate)} if certificate is not None else {})
    result = subprocess.run(
        [*command, base_url, folder], capture_output=True, text=True, env=env, timeout=LONGEST_S, check=False
    )
    if result.returncode:
        logs = "".join(f"\n{log.stem}: {log.read_text(encoding='utf-8')[-2000:]}" for log in folder.glob("*.log"))
        raise AssertionError(f"{name}: {result.stdout[-4000:]}{result.stderr[-4000:]}{logs}")
    told = json.loads(result.stdout.splitlines()[-1])
    return Told(told.pop("events"), told, time.monotonic() - began)


@contextmanager
def stand_in(name: str, folder: Path) -> Generator[str]:
    """A stand-in for this client, a process of its own; its base URL. `write_conversation` has written to `folder`."""
    latency = str(versions()[name].get("latency_ms", LATENCY_MS))
    said = ("--mind", str(folder / "mind.toml"), "--clips", str(folder))
    with process(folder, "simulate", "--port", "0", "--latency-ms", latency, *said, *FAST) as line:
        yield line.split("?")[0].removesuffix("/realtime")


@contextmanager
def process(folder: Path, *command: str, **env: str) -> Generator[str]:
    """A command of ours, until the block is left, its log in `folder`; its first line, which says where it listens."""
    whole = [sys.executable, "-m", "laconic", *command]
    with (
        (folder / f"{command[0]}.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | env) as running,
    ):
        try:
            line: str = cast("Any", running.stdout).readline()
            assert line, f"{command[0]} did not start"
            yield line
        finally:
            running.terminate()


@contextmanager
def gateway(service: str, folder: Path, memory: str, *, tls: bool) -> Generator[tuple[str, Path | None]]:
    """A gateway before a service, a process of its own, its ledger in `folder`: base URL and certificate."""
    books = ("--ledger", f"sqlite:///{folder / 'ledger.sqlite'}")
    door = ("--port", "0", "--open", *(["--tls-self-signed"] if tls else []))
    where = ("--service", f"{service}/realtime", "--memory", memory)
    with process(folder, "gateway", *door, *books, *where, XDG_DATA_HOME=str(folder)) as line:
        found = re.search(r"wss?://[^/]+/v1", line)
        assert found is not None, line
        yield found[0], next(folder.glob("**/certificate.pem"), None)


@contextmanager
def tls_door(base_url: str, folder: Path) -> Generator[tuple[str, Path]]:
    """TLS in front of a stand-in, which has none: base URL and certificate."""
    made = self_signed(folder)
    door = socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(_Door, urlsplit(base_url).port or 0, made.context))
    door.daemon_threads = True
    threading.Thread(target=door.serve_forever, daemon=True).start()
    try:
        yield f"wss://127.0.0.1:{door.server_address[1]}/v1", made.certificate
    finally:
        door.shutdown()
        door.server_close()


class _Door(socketserver.BaseRequestHandler):
    """One connection: bytes go through, unlocked on their way in."""

    def __init__(self, port: int, context: ssl.SSLContext, *request: Any) -> None:
        self._port, self._context = port, context
        super().__init__(*request)

    def handle(self) -> None:
        with (
            self._context.wrap_socket(self.request, server_side=True) as app,
            socket.create_connection(("127.0.0.1", self._port)) as service,
        ):
            sockets = {app: service, service: app}
            while True:
                ready = [app] if app.pending() else select.select(list(sockets), [], [])[0]
                for one in ready:
                    data = one.recv(65_536)
                    if not data:
                        return
                    sockets[one].sendall(data)


def ledger(folder: Path) -> list[Row]:
    """The rows of the gateway that kept its ledger in this folder, oldest first."""

    async def read() -> list[Row]:
        async with open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}") as books:
            return [row async for row in books.rows()]

    return asyncio.run(read())


@contextmanager
def conversation() -> Generator[Path]:
    """A folder with the conversation in it."""
    with tempfile.TemporaryDirectory() as folder:
        write_conversation(Path(folder))
        yield Path(folder)


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
        talks = both(name)
        check(talks)
        alone, told = talks.straight, talks.through_gateway
        seen = f"{sum(alone.events.values())} events, {len(talks.rows)} rows of the ledger {told.more or ''}"
        print(f"{name}: {alone.took_s:.1f} s straight, {told.took_s:.1f} s through the gateway; {seen}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
