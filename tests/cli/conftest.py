"""Commands keep what they learn in the user's data folder; here that is a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def nobodys_data(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setattr("laconic.client.laws_file.user_data_dir", lambda *_, **__: str(folder / "laconic"))
    return folder
