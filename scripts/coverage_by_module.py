"""Checks that every root module of the engine is fully covered by its own test file, lines and branches.

`src/laconic/edits.py` by `tests/test_edits.py` alone, and so on. If a module cannot be covered that way it has two
jobs. Prints one line a module, and the missing lines of those that fail.

    python scripts/coverage_by_module.py [MODULE …]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXEMPT = {
    "__init__": "names only",
    "__main__": "one call",
}


def covered(module: Path) -> tuple[str, bool, str]:
    """Run one module's tests under coverage: its name, whether it is fully covered, what was missing."""
    test = ROOT / "tests" / f"test_{module.stem}.py"
    if not test.exists():
        return module.stem, False, f"{test.name} does not exist"
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"COVERAGE_FILE": str(Path(folder) / "coverage")}
        coverage = [sys.executable, "-m", "coverage"]
        tests = subprocess.run(
            [*coverage, "run", "-m", "pytest", str(test)],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if tests.returncode:
            return module.stem, False, tests.stdout[-2000:]
        report = subprocess.run(
            [*coverage, "report", f"--include={module}", "--show-missing", "--fail-under=100"],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return module.stem, report.returncode == 0, report.stdout


def main() -> int:
    found = {path.stem: path for path in sorted((ROOT / "src" / "laconic").glob("*.py")) if path.stem not in EXEMPT}
    parser = argparse.ArgumentParser(description="Is every root module fully covered by its own test file?")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as edits; all of them unless some are named")
    names: list[str] = parser.parse_args().modules
    if unknown := [name for name in names if name not in found]:
        parser.error(f"there is no root module {unknown[0]}")
    modules = [found[name] for name in names or found]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        results = list(pool.map(covered, modules))
    for name, ok, missing in results:
        print(f"{'covered' if ok else 'NOT    '}  {name}")
        if not ok:
            print(missing)
    return 0 if all(ok for _, ok, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
