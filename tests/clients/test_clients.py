"""Unmodified client libraries talk with the stand-in. Marked `clients`: each needs an environment of its own."""

from __future__ import annotations

import pytest
import run


@pytest.mark.clients
@pytest.mark.parametrize("name", list(run.versions()))
def test_a_client_nobody_here_wrote_holds_a_spoken_conversation(name: str) -> None:
    assert "OK" in run.talk(name)
