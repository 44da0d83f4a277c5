"""Pytest fixtures around the stand-in service, for this project's tests and for anybody's.

    # conftest.py
    pytest_plugins = ["laconic.simulator.fixtures"]

    # test_my_client.py
    async def test_it_answers(stand_in):
        async with websockets.connect(stand_in.url) as ws:
            assert json.loads(await ws.recv())["type"] == "session.created"
        assert stand_in.services[-1].conversation == []

A chat endpoint that writes summaries is on the same port (`stand_in.chat_url`); `stand_in.chat` says how it behaves
and keeps what it was asked. What goes wrong, and when: `Faults`, `Habits(drift_after=…)` and `Chat(fault=…)`.

Needs pytest-asyncio. Import this module from tests only: nothing else in the package knows pytest.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import pytest_asyncio

from laconic.simulator.hearing import Hearing
from laconic.simulator.minds import Facts
from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve
from laconic.simulator.speech import Speech

__all__ = ["stand_in", "stand_in_parts", "stand_in_with"]

_shared: list[tuple[Hearing, Speech]] = []


@pytest.fixture
def stand_in_parts() -> Parts:
    """Real parts, with a mind that remembers what it was told. Ears and voice are made once for all tests."""
    if not _shared:
        _shared.append((Hearing.of_scenarios(), Speech()))
    hearing, voice = _shared[0]
    return Parts(hearing=hearing, voice=voice, mind=Facts())


@pytest.fixture
def stand_in_with(stand_in_parts: Parts) -> Callable[..., AbstractAsyncContextManager[StandIn]]:
    """Makes stand-ins with the settings of `serve`, such as `faults`, `habits`, `clock` and `chat`:
    `async with stand_in_with(faults=…) as stand_in:`."""

    def make(**settings: Any) -> AbstractAsyncContextManager[StandIn]:
        settings.setdefault("parts", stand_in_parts)
        return serve(**settings)

    return make


@pytest_asyncio.fixture
async def stand_in(stand_in_parts: Parts) -> AsyncGenerator[StandIn]:
    """A stand-in listening on a free port of loopback, in real time. Connect to `stand_in.url`, look inside with
    `stand_in.services[-1]`."""
    async with serve(parts=stand_in_parts) as standin:
        yield standin
