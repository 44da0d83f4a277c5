"""Commands keep what they learn in the user's data folder; here that is a folder of the test's own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nobodys_data(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.delenv("LACONIC_LEDGER", raising=False)
