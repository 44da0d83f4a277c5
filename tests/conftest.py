"""What every test shares: playbooks must be asserted, and where the recorded sessions are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: a suite that is green today is green tomorrow. To look further, run a property test
# with `--hypothesis-profile=search`.
settings.register_profile("house", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile("house")

pytest_plugins = ["playbook"]


@pytest.fixture
def recordings() -> Path:
    """The folder of sessions recorded with real services; it lies beside the checkout, not in it."""
    folder = Path(__file__).parents[2] / "shared" / "recordings"
    if not folder.is_dir():
        pytest.skip("no recordings of real services beside this checkout")
    return folder
