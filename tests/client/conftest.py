"""A client that never lets go fails its test; it does not hold up all that come after it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator

import pytest

LONG_S = 20
"""Nothing here takes more than a second or two on a machine that is not busy."""


@pytest.fixture(autouse=True)
def comes_to_an_end() -> Generator[None, None, None]:
    """An alarm and not `asyncio.timeout`: what goes round and round without waiting lets no timeout of a loop pass. It
    rings every second from then on, since whatever it breaks into may be in the middle of catching something."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: object) -> None:
        pytest.fail(f"no end in {LONG_S} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LONG_S, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
