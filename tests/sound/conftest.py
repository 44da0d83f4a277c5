"""The virtual devices as a fixture; what they are made of is in desk.py."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk import Desk, ProgramsMissing, a_desk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the virtual devices, and gets three takes.

    Sound is made in real time here by a sound server without a sound card. Where the machine is busy with something
    else for some tens of milliseconds, samples are lost before they reach us, and no code of ours can bring them back.
    What passes in one take of three is right; each further take is shown as an R.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("sound")
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    """The virtual devices, started once; skips with the names of what is missing."""
    with a_desk_or_skip() as desk:
        yield desk


@pytest.fixture
def doomed_desk() -> Iterator[Desk]:
    """Virtual devices for one test alone, to be broken by it."""
    with a_desk_or_skip() as desk:
        yield desk


@contextmanager
def a_desk_or_skip() -> Generator[Desk]:
    try:
        with a_desk() as desk:
            yield desk
    except ProgramsMissing as missing:
        pytest.skip(f"{missing} (see tests/sound/desk.py)")
