"""Makes .venv beside this checkout and installs laconic into it with everything: extras, tests, checks.

Needs Python 3.11 or newer and a package registry, nothing else. Run again it does nothing unless pyproject.toml
or constraints.txt changed. Prints the path of the environment's Python; what it does meanwhile goes to stderr.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
WANTED = ("pyproject.toml", "constraints.txt")

# How pip and the libraries below it say that nothing answered.
NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|Name or service not known|"
    r"Network is unreachable|ConnectTimeout|ReadTimeout|ProxyError|Connection refused"
)


def say(words: str, end: str = "\n") -> None:
    print(words, file=sys.stderr, flush=True, end=end)


def run(what: str, *command: str | Path) -> None:
    """One step: named as it begins, its time when it is done, its output only if it failed.

    On a terminal the step's latest line stands behind its name meanwhile, so that a slow network does not look
    like a stand-still.
    """
    began, latest = time.monotonic(), deque[str](maxlen=60)
    terminal = sys.stderr.isatty()
    width = shutil.get_terminal_size().columns - len(what) - 8
    say(f"  {what} …", end="" if terminal else "\n")
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as step:
        assert step.stdout is not None
        for line in step.stdout:
            latest.append(line)
            if terminal and width > 10:
                say(f"\r\033[K  {what} … \033[2m{line.strip()[:width]}\033[0m", end="")
    took = f"{time.monotonic() - began:.0f} s"
    say(f"\r\033[K  {what}: {took}" if terminal else f"    {took}")
    if step.returncode:
        output = "".join(latest)
        if NO_NETWORK.search(output):
            say("".join(list(latest)[-2:]))
            sys.exit(
                "laconic: the package registry does not answer; check the network (behind a proxy, HTTPS_PROXY has to "
                "be set) and run this again"
            )
        say(output)
        sys.exit(f"laconic: {what} failed; what it said stands above")


def needs_newer_python() -> None:
    """Start again under a Python that is new enough, or say that there is none."""
    newer = next((found for minor in range(14, 10, -1) if (found := shutil.which(f"python3.{minor}"))), None)
    if newer is None:
        sys.exit(
            f"laconic: Python 3.11 or newer is needed, and {sys.executable} is {sys.version.split()[0]}; install one, "
            "or name it: PYTHON=/path/to/python3 scripts/talk"
        )
    os.execv(newer, [newer, *sys.argv])


def make_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None:  # Debian and Ubuntu keep it in a package of its own
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.exit(
            f"laconic: this Python cannot make environments; run: sudo apt install python{version}-venv "
            "(on systems other than Debian and Ubuntu, install Python's venv and ensurepip), then this again"
        )
    run("making .venv", sys.executable, "-m", "venv", VENV)


def has_pip() -> bool:
    """Whether .venv is whole: a Python that starts, with pip. Breaking off while it is made leaves less."""
    if not PYTHON.exists():
        return False
    return subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this runs before anything has checked it
        needs_newer_python()
    stamp = VENV / "laconic-installed"
    state = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in WANTED) + str(ROOT).encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == state and PYTHON.exists()):
        say("Setting up laconic in .venv (about a minute, once; everything stays in this folder):")
        if not has_pip():
            make_venv()
        pip = (PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off")
        run("bringing pip up to date", *pip, "--upgrade", "pip>=25.1")
        run(
            "installing laconic, its extras and its tests",
            *pip,
            "-c",
            "constraints.txt",
            "-e",
            ".[all]",
            "--group",
            "dev",
        )
        stamp.write_text(state)
    print(PYTHON)


if __name__ == "__main__":
    main()
