"""`laconic key`, run as its command is run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from laconic.cli import main
from laconic.gateway.database import open_database
from laconic.gateway.keys import Key, Keys


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "folder" / "ledger.db"
    monkeypatch.setenv("LACONIC_LEDGER", f"sqlite:///{path}")
    return path


def found(file: Path, secret: str) -> Key | None:
    async def find() -> Key | None:
        async with open_database(f"sqlite:///{file}") as database:
            return await Keys(database).find(secret)

    return asyncio.run(find())


def test_a_key_is_made_and_shown_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--budget", "$5/day, $100/month", "--session-budget", "$2", "--user-budget", "30 min/day"]
    argv += ["--model", "gpt-realtime*", "--model", "grok*", "--memory", "summary", "--label", "team=front"]
    assert main(["key", "create", "kiosk", "--print", *argv, "--expires", "30d"]) == 0
    said = capsys.readouterr()
    secret = said.out.strip()
    assert secret.startswith("lk-")
    assert secret not in said.err
    key = found(file, secret)
    assert key is not None
    assert (key.name, key.models, key.memory, key.labels) == (
        "kiosk",
        ("gpt-realtime*", "grok*"),
        "summary",
        {"team": "front"},
    )
    assert main(["key", "list"]) == 0
    listed = capsys.readouterr().out
    assert secret not in listed
    for line in (
        f"kiosk ({key.id}) expires ",
        "  $5/day: $0.00 used, $0.00 held by running sessions, $5.00 left",
        "  $100/month: $0.00 used, $0.00 held by running sessions, $100.00 left",
        "  30 min/day for each user",
        "  $2 for each session",
        "  models: gpt-realtime*, grok*",
        "  memory: summary",
        "  labels: team=front",
    ):
        assert f"\n{line}" in f"\n{listed}"
    assert max(map(len, listed.splitlines())) <= 80


def test_the_ledger_s_file_is_nobody_else_s_to_read(file: Path) -> None:
    main(["key", "create", "kiosk", "--print"])
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_does_not_go_where_nobody_sees_it_unless_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "create", "kiosk"]) == 2
    assert "say --print" in capsys.readouterr().err
    assert not file.exists()


def test_on_a_terminal_it_is_shown(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["key", "create", "kiosk"]) == 0
    assert found(file, capsys.readouterr().out.strip()) is not None


def test_a_revoked_key_is_listed_as_such(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "create", "kiosk", "--print", "--budget", "50000 tokens, 30 min"])
    secret = capsys.readouterr().out.strip()
    assert main(["key", "revoke", "kiosk"]) == 0
    assert "begins no session any more" in capsys.readouterr().out
    key = found(file, secret)
    assert key is not None
    assert key.revoked is not None
    main(["key", "list"])
    first, tokens, minutes = capsys.readouterr().out.splitlines()
    assert "revoked 20" in first
    assert tokens.strip().startswith("50000 tokens: 0 tokens used")
    assert minutes.strip().endswith("30.0 min left")


def test_a_list_without_keys_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "list"]) == 2
    main(["key", "create", "kiosk", "--print"])
    main(["key", "create", "short", "--print", "--expires", "9999-01-01"])
    capsys.readouterr()
    assert main(["key", "list"]) == 0
    kiosk, short = capsys.readouterr().out.splitlines()
    assert kiosk.endswith("good")
    assert short.endswith("expires 9999-01-02 00:00 UTC")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["revoke", "nobody"], "there is no key 'nobody'"),
        (["create", "it", "--print", "--budget", "much"], "budget 'much' is not understood"),
        (["create", "it", "--print", "--session-budget", "$1/day"], "has no period"),
        (["create", "it", "--print", "--memory", "elephant"], "elephant"),
        (["create", "it", "--print", "--label", "team"], "has no value"),
        (["create", "it", "--print", "--expires", "soon"], "'soon' is no time"),
        (["create", "it", "--print", "--expires", "2020-01-01"], "is over already"),
        (["create", "it", "--print", "--expires", "0h"], "is over already"),
        (["create", "other", "--print"], "there is a key 'other' already"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(capsys: pytest.CaptureFixture[str], argv: list[str], told: str) -> None:
    main(["key", "create", "other", "--print"])
    capsys.readouterr()
    assert main(["key", *argv]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
