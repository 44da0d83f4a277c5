"""The scripts that set laconic up: versions that are pinned, and what is said where something is missing."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def required() -> set[str]:
    """Every package pyproject.toml asks for, whoever wants it."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    names = {re.split(r"[\s<>=!~;\[(]", line)[0] for group in lists for line in group}
    return {_normal(name) for name in names - {"laconic"}}


def _normal(name: str) -> str:
    """A package's name as the registry compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_we_ask_for_has_a_version_that_was_tried() -> None:
    """Names and versions only: no addresses, no machine's paths."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", line)] == []
    assert required() <= {_normal(line.split("==")[0]) for line in lines}


def test_a_python_without_venv_is_told_what_to_install(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)  # as on Debian without python3-venv
    with pytest.raises(SystemExit, match=r"apt install python3\.\d+-venv"):
        environment.make_venv()


def test_an_old_python_without_a_newer_one_beside_it_is_told_so(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed"):
        environment.needs_newer_python()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("NewConnectionError: Connection refused", "the package registry does not answer"),
        ("ERROR: no wheel for this machine", "making it failed; what it said stands above"),
    ],
)
def test_a_step_that_fails_ends_in_a_sentence(
    environment: ModuleType, capsys: pytest.CaptureFixture[str], said: str, sentence: str
) -> None:
    with pytest.raises(SystemExit, match=sentence):
        environment.run("making it", sys.executable, "-c", f"import sys; sys.exit({said!r})")
    assert said in capsys.readouterr().err
