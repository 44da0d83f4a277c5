"""What the gateway adds to a message's way, beside a bare relay and another proxy, all in one run.

python benchmarks/gateway.py [--sessions 1,50,200] [--seconds 10] [--rounds 3] [--variants direct,bare,…] [--quick]
    [--without-litellm] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from between import KEY, LITELLM, Between, awake, between
from paced_service import APPEND, INTERVAL_S, Pace, PacedService, goodbye, sent_at
from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

VARIANTS = ("direct", "splice", "bare", "everything", "auto", "litellm")
IDLE = 100
FLOOD, FLOODED = 12_000, 8

_METHOD = f"""\
Method. One process is the service and all callers, on core 0, and does not sleep while sound is paced; what is
measured stands between them in a process of its own, on core 1, which a process of the lowest priority keeps awake: a
virtual core that sleeps may take longer to wake up than what is measured here. Every session carries
{1 / INTERVAL_S:g} messages of 5 kB a second each way, at moments of its own, and an exchange every eight seconds:
turns, transcripts, replies, usage. Each message of sound bears the moment of its sending; latency is until it is read
at the other end, both ways together. 'Added' is the difference to the same percentile without anything between.
Variants take turns within each round; the median of the rounds counts.
CPU: the process's own time over a paced run, by session-hour. Peak: {FLOODED} sessions are sent {FLOOD:,} messages each
as fast as they are taken. Connect: until the first message, one after another. Memory: resident, before the first
session and by each of {IDLE} silent ones.
direct: nothing between. splice: bytes copied by the event loop, which knows nothing of WebSockets: hardly more than
what the kernel takes for it. bare: frames copied by the WebSocket library our gateway uses, on the same event loop
(uvloop where it is installed). everything, auto: our gateway with that memory, ledger on. litellm:
{LITELLM} with one model and no database.
Machines are noisy: read ratios, and the spread of the rounds (--json has each).
"""


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


# --- callers ---------------------------------------------------------------------------------------------------------


class Caller(WSListener):
    """One session: sends a piece of sound every 50 ms, reads what comes, notes how long the service's took."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """The first message."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: WSTransport | None = None
        self.latencies: list[int] = []
        self.received = 0
        self.measuring = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.transport = None
        self.ended.set_result(None)
        if not self.begun.done():
            self.begun.set_result(b"")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = time.perf_counter_ns()
        if goodbye(transport, frame):
            return
        raw = frame.get_payload_as_bytes()
        if not self.begun.done():
            self.begun.set_result(raw)
        if raw.find(b"output_audio.delta", 0, 60) >= 0:
            self.received += 1
            if self.measuring and (sent := sent_at(raw)):
                self.latencies.append(now - sent)

    def say(self, message: str) -> None:
        """Raises RuntimeError where the connection has ended."""
        if self.transport is None:
            raise RuntimeError("the connection has ended")
        self.transport.send(WSMsgType.TEXT, message)

    def speak(self) -> None:
        """A piece of sound."""
        self.say(APPEND % f"t_{time.perf_counter_ns()}")


@asynccontextmanager
async def _caller(it: Between, model: str) -> AsyncGenerator[Caller]:
    """Raises RuntimeError, WSError, OSError, TimeoutError."""
    headers = {"Authorization": f"Bearer {KEY}"}
    transport, caller = await ws_connect(Caller, f"{it.url}?model={model}", extra_headers=headers)
    assert isinstance(caller, Caller)
    try:
        first = await asyncio.wait_for(caller.begun, 30)
        if b"session.created" not in first:
            raise RuntimeError(f"{it.url} began with {first!r:.300}")
        yield caller
    finally:
        transport.send_close(WSCloseCode.OK)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(caller.ended), 10)
        transport.disconnect()


async def paced(service: PacedService, it: Between, sessions: int, seconds: float) -> Paced:
    """So many sessions for so many seconds, after a second of getting under way."""
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(_caller(it, "gpt-realtime")) for _ in range(sessions)]
        for number, caller in enumerate(callers):
            stack.enter_context(service.pace.beating(caller.speak, (number * 0.382) % 1))
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
        service.pace.check()
    return run


async def peak(it: Between) -> float:
    """Messages a second when the service sends as fast as it is read."""
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(_caller(it, "gpt-realtime-idle")) for _ in range(FLOODED)]
        ask = {"type": "response.create", "response": {"metadata": {"flood": str(FLOOD)}}}
        began = time.monotonic()
        for caller in callers:
            caller.say(json.dumps(ask))
        while any(caller.received < FLOOD for caller in callers):
            await asyncio.sleep(0.01)
            if time.monotonic() - began > 120 or any(caller.transport is None for caller in callers):
                return float("nan")
        took = time.monotonic() - began
    return FLOODED * FLOOD / took


async def connect_ms(it: Between, times: int) -> float:
    """The median time until the service's first message."""
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        async with _caller(it, "gpt-realtime-idle"):
            took.append((time.perf_counter() - began) * 1000)
    return median(took)


async def kilobytes_each(it: Between, sessions: int) -> float:
    """Resident memory by silent session."""
    before = it.kilobytes()
    async with AsyncExitStack() as stack:
        for _ in range(sessions):
            await stack.enter_async_context(_caller(it, "gpt-realtime-idle"))
        await asyncio.sleep(0.5)
        return (it.kilobytes() - before) / sessions


# --- the run --------------------------------------------------------------------------------------------------------


async def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Every figure of every variant, as objects."""
    service = PacedService(Pace())
    listening = await service.listen(args.port)
    upstream = f"ws://127.0.0.1:{args.port}/v1/realtime"
    found: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if args.cores > 1:
            stack.enter_context(awake(1))
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
            note(name, "connect_ms", value=await connect_ms(it, 10 if args.quick else 30))
        for turn in range(args.rounds):
            for sessions in args.sessions:
                for name, it in variants.items():
                    _tell(f"round {turn + 1}: {sessions} sessions, {name} …")
                    try:
                        run = await paced(service, it, sessions, args.seconds)
                    except (RuntimeError, WSError, OSError) as error:
                        print(f"{name} with {sessions} sessions: {error}", file=sys.stderr)
                        continue
                    note(name, "paced", sessions=sessions, p50_us=run.percentile(0.5), p99_us=run.percentile(0.99),
                         messages=len(run.latencies), cpu_s=run.cpu_s / run.seconds / sessions * 3600)  # fmt: skip
            for name, it in variants.items():
                _tell(f"round {turn + 1}: peak, {name} …")
                note(name, "peak", value=await peak(it))
        for name, it in variants.items():
            if it.process is not None:
                _tell(f"{name}: memory …")
                each = await kilobytes_each(it, IDLE)
                note(name, "memory", rest_mb=it.rest_kb / 1024, kb_per_session=each)
    listening.close()
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
    args.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if args.cores > 1:
        os.sched_setaffinity(0, {0})
    logging.getLogger("aiofastnet").setLevel(logging.ERROR)  # it tells of pieces that were sent while somebody hung up
    print(_METHOD, file=sys.stderr if args.json else sys.stdout)
    found = asyncio.run(measure(args))
    if not args.json:
        print(table(found, args.sessions))
    return 0


if __name__ == "__main__":
    sys.exit(main())
