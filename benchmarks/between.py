"""What may stand between callers and a service: nothing, relays that know little, our gateway, another proxy.

Each is a process on core 1, and is asked for its memory and its CPU time from outside.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KEY", "LITELLM", "Between", "awake", "between"]

ROOT = Path(__file__).resolve().parents[1]
LITELLM = "litellm[proxy]==1.106.2"
KEY = "sk-benchmark"


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


@contextmanager
def awake(core: int) -> Generator[None]:
    """Keep this core from sleeping, with what only runs where nothing else wants to."""
    if not hasattr(os, "SCHED_IDLE"):
        yield
        return
    spin = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"
    process = subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", spin])
    try:
        yield
    finally:
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
