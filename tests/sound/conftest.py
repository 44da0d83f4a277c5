"""The virtual devices as a fixture; what they are made of is in desk.py."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from desk import PROGRAMS, Desk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the virtual devices."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("sound")


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    """The virtual devices, started once; skips with the names of what is missing."""
    with a_desk() as desk:
        yield desk


@pytest.fixture
def doomed_desk() -> Iterator[Desk]:
    """Virtual devices for one test alone, to be broken by it."""
    with a_desk() as desk:
        yield desk


@contextmanager
def a_desk() -> Generator[Desk]:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"the virtual microphone and speaker need {', '.join(missing)} (see tests/sound/desk.py)")
    with TemporaryDirectory(prefix="laconic-sound-") as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("PIPEWIRE_RUNTIME_DIR", folder)
        environment.setenv("PULSE_RUNTIME_PATH", f"{folder}/pulse")
        environment.setenv("PULSE_SERVER", f"unix:{folder}/pulse/native")
        desk = Desk(Path(folder))
        try:
            desk.start()
            yield desk
        finally:
            desk.end()
