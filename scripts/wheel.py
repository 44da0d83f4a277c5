"""Builds the wheel, looks into it, installs it alone in a fresh environment and tries the commands there.

    .venv/bin/python scripts/wheel.py

What works in a checkout may be missing from what users install: a price list, a recorded caller, py.typed. And
whoever installs laconic without extras has to be told, in one sentence, which extra a command wants.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TRIED: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("--version",), 0, "laconic "),
    (("rates", "gpt-realtime"), 0, "audio cached"),
    (("talk",), 2, "pip install 'laconic["),
    (("simulate",), 2, "pip install 'laconic[simulator]'"),
    (("replay", "nothing.jsonl"), 2, "cannot be read"),
    (("attach", "--call-id", "rtc_1"), 3, "OPENAI_API_KEY is not set"),
    (("doctor",), 1, "voice packages"),
)
"""Arguments, exit code, and words that must be in what is printed, without any extra."""


def missing(wheel: Path) -> list[str]:
    """Files of the package that git knows and the wheel lacks."""
    listed = subprocess.run(
        ["git", "ls-files", "src/laconic"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    wanted = {Path(name).relative_to("src").as_posix() for name in listed if (ROOT / name).exists()}
    return sorted(wanted - set(zipfile.ZipFile(wheel).namelist()))


def tried(laconic: Path, folder: Path) -> list[str]:
    """What is wrong with the commands, one sentence each."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "AZURE", "LC_", "PYTHON"))
    }
    wrong: list[str] = []
    for arguments, code, words in TRIED:
        done = subprocess.run(
            [laconic, *arguments], cwd=folder, env=env | {"LANG": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        said = done.stdout + done.stderr
        ok = done.returncode == code and words in said and "Traceback" not in said
        print(f"  laconic {' '.join(arguments)}: {said.strip().splitlines()[0] if said.strip() else 'nothing'}")
        if not ok:
            wrong.append(f"laconic {' '.join(arguments)} left with {done.returncode} and said:\n{said}")
    return wrong


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
        wheel = next(folder.glob("laconic-*.whl"))
        wrong = [f"{file} is not in the wheel" for file in missing(wheel)]
        venv.create(folder / "fresh")
        scripts = folder / "fresh" / ("Scripts" if os.name == "nt" else "bin")
        install = [*pip, "--python", str(scripts / "python"), "install", "-q", "-c", "constraints.txt", str(wheel)]
        subprocess.run(install, cwd=ROOT, check=True)
        wrong += tried(scripts / "laconic", folder)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {time.monotonic() - began:.0f} s")
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
