"""What the gateway adds to a message's way, beside a bare relay and another proxy, all in one run.

python benchmarks/gateway.py [--sessions 1,50,200] [--seconds 10] [--rounds 3] [--variants direct,bare,…] [--quick]
    [--without-litellm] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web
from paced_service import APPEND, INTERVAL_S, PacedService, sent_at

_Socket = ClientWebSocketResponse[Literal[False]]  # gives bytes for text
ROOT = Path(__file__).resolve().parents[1]
LITELLM = "litellm[proxy]==1.106.2"
VARIANTS = ("direct", "splice", "bare", "everything", "auto", "litellm")
KEY = "sk-benchmark"
IDLE = 100
FLOOD, FLOODED = 4_000, 8

_METHOD = f"""\
Method. One process is the service and all callers, on core 0; what is measured stands between them in a process of
its own, on core 1. Every session carries {1 / INTERVAL_S:g} messages of 5 kB a second each way, an exchange every
eight seconds: turns, transcripts, replies, usage. Each message of sound bears the moment of its sending; latency is
until it is read at the other end, both ways together. 'Added' is the difference to the same percentile without
anything between. Variants take turns within each round; the median of the rounds counts.
CPU: the process's own time over a run of 50 sessions, by session-hour. Peak: {FLOODED} sessions are sent {FLOOD:,}
messages each as fast as they are taken, and speak meanwhile. Connect: until the first message, one after another.
Memory: resident, before the first session and by each of {IDLE} silent ones.
direct: nothing between. splice: bytes copied by the event loop, which knows nothing of WebSockets: nothing in Python
can add less. bare: frames copied by the WebSocket library our gateway uses, on the same event loop
(uvloop where it is installed). everything, auto: our gateway with that memory, ledger on. litellm: {LITELLM}
with one model and no database.
Machines are noisy: read ratios, and the spread of the rounds (--json has each).
"""


@dataclass
class Between:
    """What stands between: where callers connect, and its process."""

    url: str
    process: subprocess.Popen[str] | None = None
    rest_kb: int = 0

    def kilobytes(self) -> int:
        """Resident memory of the process and its children."""
        return sum(_status(pid, "VmRSS:") for pid in _family(self.process.pid)) if self.process else 0

    def cpu_s(self) -> float:
        """CPU time so far, children included."""
        return sum(_cpu(pid) for pid in _family(self.process.pid)) if self.process else 0.0


@dataclass
class Paced:
    """One run at a pace."""

    latencies: list[int] = field(default_factory=list[int])
    cpu_s: float = 0.0
    seconds: float = 0.0

    def percentile(self, share: float) -> float:
        """In µs."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000 if ordered else float("nan")


def _family(pid: int) -> list[int]:
    found = [pid]
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        if int(fields[1]) == pid:
            found += _family(int(path.parent.name))
    return found


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- what stands between -----------------------------------------------------------------------------------------


@contextmanager
def _process(command: list[str], url: str, core: int, patience_s: float, **env: str) -> Generator[Between]:
    """A process that is ready when it takes connections at `url`."""
    with tempfile.TemporaryFile("w+") as said:
        pinned = ["taskset", "-c", str(core), *command] if core else command
        process = subprocess.Popen(pinned, stdout=said, stderr=said, text=True, env=os.environ | env)
        try:
            host, port = url.removeprefix("ws://").split("/")[0].split(":")
            if not _listening(host, int(port), process, patience_s):
                said.seek(0)
                raise RuntimeError(f"{command[0]} does not listen: {said.read()[-2000:]}")
            yield Between(url, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listening(host: str, port: int, process: subprocess.Popen[str], patience_s: float) -> bool:
    import socket

    until = time.monotonic() + patience_s
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


@contextmanager
def between(name: str, port: int, upstream: str, folder: Path) -> Generator[Between]:
    """The variant of this name, listening at `port` for the service at `upstream` (…/v1/realtime)."""
    url = f"ws://127.0.0.1:{port}/v1/realtime"
    core = 1 if (os.cpu_count() or 1) > 1 else 0
    if name == "direct":
        yield Between(upstream)
        return
    if name in ("bare", "splice"):
        command = [sys.executable, str(ROOT / "benchmarks" / "bare_relay.py"), str(port), upstream]
        if name == "splice":
            command.insert(2, "--splice")
        with _process(command, url, core, 20) as found:
            yield found
        return
    if name == "litellm":
        python, config = _litellm(), folder / "litellm.yaml"
        config.write_text(_LITELLM_CONFIG.format(base=upstream.replace("ws://", "http://").removesuffix("/realtime")))
        command = [str(python.parent / "litellm"), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
        with _process(command, url, core, 120, LITELLM_LOCAL_MODEL_COST_MAP="True") as found:
            yield found
        return
    ledger = folder / f"{name}.sqlite"
    command = [sys.executable, "-m", "laconic", "gateway", "--service", upstream, "--port", str(port)]
    command += ["--memory", name, "--ledger", f"sqlite:///{ledger}"]
    with _process(command, url, core, 30, LACONIC_API_KEY="none") as found:
        yield found


_LITELLM_CONFIG = """\
model_list:
  - model_name: gpt-realtime
    litellm_params: {{model: openai/gpt-realtime, api_base: "{base}", api_key: none}}
  - model_name: gpt-realtime-idle
    litellm_params: {{model: openai/gpt-realtime-idle, api_base: "{base}", api_key: none}}
general_settings: {{master_key: sk-benchmark}}
"""


def _litellm() -> Path:
    """The interpreter of LiteLLM's own environment, made now if need be. Raises CalledProcessError."""
    folder = ROOT / ".venvs" / "benchmark-litellm-1.106.2"
    python, made = folder / "bin" / "python", folder / "made"
    if not made.exists():
        print("installing LiteLLM into an environment of its own (half a gigabyte) …", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", LITELLM], check=True)
        made.touch()
    return python


# --- callers ---------------------------------------------------------------------------------------------------------


class Caller:
    """One session: sends a piece of sound every 50 ms, reads what comes, notes how long the service's took."""

    def __init__(self, socket: _Socket, number: int) -> None:
        self.socket, self.number = socket, number
        self.latencies: list[int] = []
        self.received = 0
        self.measuring = False

    async def listen(self) -> None:
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                return
            raw: bytes = message.data
            if raw.find(b"output_audio.delta", 0, 60) >= 0:
                self.received += 1
                if self.measuring and (sent := sent_at(raw)):
                    self.latencies.append(time.perf_counter_ns() - sent)

    async def speak(self) -> None:
        due = time.monotonic() + (self.number * 0.382) % 1 * INTERVAL_S
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += INTERVAL_S
            await self.socket.send_str(APPEND % f"t_{time.perf_counter_ns()}")


@asynccontextmanager
async def _socket(client: ClientSession, url: str, model: str) -> AsyncGenerator[_Socket]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with client.ws_connect(
        f"{url}?model={model}", compress=0, max_msg_size=0, decode_text=False, headers=headers
    ) as socket:
        first = await socket.receive(30)
        if first.type is not WSMsgType.TEXT or b"session.created" not in first.data:
            raise RuntimeError(f"{url} began with {first!r:.300}")
        yield socket


async def paced(client: ClientSession, service: PacedService, it: Between, sessions: int, seconds: float) -> Paced:
    """So many sessions for so many seconds, after a second of getting under way."""
    async with AsyncExitStack() as stack:
        callers = [
            Caller(await stack.enter_async_context(_socket(client, it.url, "gpt-realtime")), number)
            for number in range(sessions)
        ]
        tasks = [asyncio.create_task(do) for caller in callers for do in (caller.listen(), caller.speak())]
        await asyncio.sleep(1)
        service.latencies.clear()
        cpu, began = it.cpu_s(), time.monotonic()
        service.measuring = True
        for caller in callers:
            caller.measuring = True
        await asyncio.sleep(seconds)
        service.measuring = False
        run = Paced(list(service.latencies), it.cpu_s() - cpu, time.monotonic() - began)
        for caller in callers:
            caller.measuring = False
            run.latencies += caller.latencies
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
    return run


async def peak(client: ClientSession, it: Between) -> float:
    """Messages a second when the service sends as fast as it is read."""
    async with AsyncExitStack() as stack:
        callers = [
            Caller(await stack.enter_async_context(_socket(client, it.url, "gpt-realtime-idle")), number)
            for number in range(FLOODED)
        ]
        tasks = [asyncio.create_task(caller.listen()) for caller in callers]
        ask = {"type": "response.create", "response": {"metadata": {"flood": str(FLOOD)}}}
        began = time.monotonic()
        for caller in callers:
            await caller.socket.send_str(json.dumps(ask))
        while any(caller.received < FLOOD for caller in callers):
            await asyncio.sleep(0.01)
            if time.monotonic() - began > 120 or any(task.done() for task in tasks):
                return float("nan")
        took = time.monotonic() - began
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return FLOODED * FLOOD / took


async def connect_ms(client: ClientSession, it: Between, times: int) -> float:
    """The median time until the service's first message."""
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        async with _socket(client, it.url, "gpt-realtime-idle"):
            took.append((time.perf_counter() - began) * 1000)
    return median(took)


async def kilobytes_each(client: ClientSession, it: Between, sessions: int) -> float:
    """Resident memory by silent session."""
    before = it.kilobytes()
    async with AsyncExitStack() as stack:
        for _ in range(sessions):
            await stack.enter_async_context(_socket(client, it.url, "gpt-realtime-idle"))
        await asyncio.sleep(0.5)
        return (it.kilobytes() - before) / sessions


# --- the run --------------------------------------------------------------------------------------------------------


async def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Every figure of every variant, as objects."""
    service = PacedService()
    application = web.Application()
    application.router.add_get("/v1/realtime", service.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", args.port).start()
    upstream = f"ws://127.0.0.1:{args.port}/v1/realtime"
    found: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        client = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        variants: dict[str, Between] = {}
        for number, name in enumerate(args.variants):
            try:
                it = await asyncio.to_thread(
                    stack.enter_context, between(name, args.port + 1 + number, upstream, folder)
                )
            except (subprocess.CalledProcessError, RuntimeError, FileNotFoundError) as error:
                if name != "litellm":
                    raise
                print(f"LiteLLM is left out: {str(error)[-300:]}", file=sys.stderr)
                continue
            it.rest_kb = it.kilobytes()
            variants[name] = it

        def note(name: str, what: str, **figures: Any) -> None:
            found.append({"variant": name, "what": what, **figures})
            if args.json:
                print(json.dumps(found[-1]), flush=True)

        for name, it in variants.items():
            _tell(f"{name}: connecting …")
            note(name, "connect_ms", value=await connect_ms(client, it, 10 if args.quick else 30))
        for turn in range(args.rounds):
            for sessions in args.sessions:
                for name, it in variants.items():
                    _tell(f"round {turn + 1}: {sessions} sessions, {name} …")
                    try:
                        run = await paced(client, service, it, sessions, args.seconds)
                    except (RuntimeError, ClientError, TimeoutError) as error:
                        print(f"{name} with {sessions} sessions: {error}", file=sys.stderr)
                        continue
                    note(name, "paced", sessions=sessions, p50_us=run.percentile(0.5), p99_us=run.percentile(0.99),
                         messages=len(run.latencies), cpu_s=run.cpu_s / run.seconds / sessions * 3600)  # fmt: skip
            for name, it in variants.items():
                _tell(f"round {turn + 1}: peak, {name} …")
                note(name, "peak", value=await peak(client, it))
        for name, it in variants.items():
            if it.process is not None:
                _tell(f"{name}: memory …")
                each = await kilobytes_each(client, it, IDLE)
                note(name, "memory", rest_mb=it.rest_kb / 1024, kb_per_session=each)
    await runner.cleanup()
    _tell("\n")
    return found


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _mid(found: list[dict[str, Any]], key: str, **match: Any) -> float:
    values = [row[key] for row in found if all(row.get(name) == value for name, value in match.items())]
    return median(values) if values else float("nan")


def table(found: list[dict[str, Any]], sessions: list[int]) -> str:
    """What was found, one line a variant."""
    names = list(dict.fromkeys(row["variant"] for row in found))
    lines: list[str] = []
    for count in sessions:
        lines.append(f"{count} sessions{'':<7} p50 µs  added   ×bare     p99 µs  added   CPU s by session-hour")
        direct = {q: _mid(found, f"{q}_us", variant="direct", sessions=count) for q in ("p50", "p99")}
        bare = _mid(found, "p50_us", variant="bare", sessions=count) - direct["p50"]
        for name in names:
            p50, p99 = (_mid(found, f"{q}_us", variant=name, sessions=count) for q in ("p50", "p99"))
            cpu = _mid(found, "cpu_s", variant=name, sessions=count)
            added = p50 - direct["p50"]
            times = f"{added / bare:7.2f}" if name != "direct" else f"{'':7}"
            worst = f"{p99:7.0f} {p99 - direct['p99']:6.0f}"
            lines.append(f"  {name:<16} {p50:7.0f} {added:6.0f} {times}    {worst}   {cpu:6.1f}")
        lines.append("")
    lines.append(f"{'':<19}peak msg/s  ×bare   connect ms   at rest MB   kB by idle session")
    bare = _mid(found, "value", variant="bare", what="peak")
    for name in names:
        fast = _mid(found, "value", variant=name, what="peak")
        connect = _mid(found, "value", variant=name, what="connect_ms")
        rest, each = (_mid(found, key, variant=name, what="memory") for key in ("rest_mb", "kb_per_session"))
        lines.append(f"  {name:<16} {fast:10,.0f}  {fast / bare:5.2f}   {connect:10.1f}   {rest:10.1f}   {each:10.0f}")
    return "\n".join(lines).replace("nan", "  –")


def main() -> int:
    parser = argparse.ArgumentParser(description="What the gateway adds to a message's way.")
    parser.add_argument("--sessions", type=lambda text: [int(n) for n in text.split(",")], default=[1, 50, 200])
    parser.add_argument("--variants", type=lambda text: text.split(","), default=list(VARIANTS))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=18_700, help="the service's; the next ones are taken too")
    parser.add_argument("--quick", action="store_true", help="one round, no LiteLLM: under a minute")
    parser.add_argument("--without-litellm", action="store_true")
    parser.add_argument("--json", action="store_true", help="one object a line")
    args = parser.parse_args()
    if args.quick:
        args.sessions, args.seconds, args.rounds = [50], 5.0, 1
    if args.quick or args.without_litellm:
        args.variants = [name for name in args.variants if name != "litellm"]
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {0})
    print(_METHOD, file=sys.stderr if args.json else sys.stdout)
    found = asyncio.run(measure(args))
    if not args.json:
        print(table(found, args.sessions))
    return 0


if __name__ == "__main__":
    sys.exit(main())
