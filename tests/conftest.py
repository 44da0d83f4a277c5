"""What every test shares: playbooks must be asserted, and where the recorded sessions are."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["playbook"]


@pytest.fixture
def recordings() -> Path:
    """The folder of sessions recorded with real services; it lies beside the checkout, not in it."""
    folder = Path(__file__).parents[2] / "shared" / "recordings"
    if not folder.is_dir():
        pytest.skip("no recordings of real services beside this checkout")
    return folder
