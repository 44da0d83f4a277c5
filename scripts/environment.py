"""Makes .venv beside this checkout and installs laconic into it with everything: extras, tests, checks.

Needs Python 3.11 or newer and a package registry, nothing else. Run again it does nothing unless pyproject.toml
or constraints.txt changed. Prints the path of the environment's Python; what it does meanwhile goes to stderr.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
WANTED = ("pyproject.toml", "constraints.txt")


def run(what: str, *command: str | Path) -> None:
    """One step, named as it begins; its output only if it fails."""
    print(f"  {what} …", file=sys.stderr, flush=True)
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
        sys.exit(f"laconic: {what} failed; what it said stands above")


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this runs before anything has checked it
        sys.exit(f"laconic needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    stamp = VENV / "laconic-installed"
    state = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in WANTED) + str(ROOT).encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == state and PYTHON.exists()):
        print("Setting up laconic (about a minute, once):", file=sys.stderr)
        if not PYTHON.exists():
            run("making .venv", sys.executable, "-m", "venv", VENV)
        pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run("bringing pip up to date", *pip, "--upgrade", "pip>=25.1")
        run("installing laconic and all its extras", *pip, "-c", "constraints.txt", "-e", ".[all]", "--group", "dev")
        stamp.write_text(state)
    print(PYTHON)


if __name__ == "__main__":
    main()
