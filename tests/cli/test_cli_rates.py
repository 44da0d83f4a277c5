"""`laconic rates`, run as its command is run, with files on disk."""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

import pytest

from laconic.cli import rates
from laconic.errors import BadInput
from laconic.rates import load


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of our own, empty."""
    folder = tmp_path / "config"
    folder.mkdir()

    def here(appname: str, appauthor: bool) -> str:
        assert (appname, appauthor) == ("laconic", False)
        return str(folder)

    monkeypatch.setattr(rates, "user_config_dir", here)
    return folder


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    rates.add_parser(parser.add_subparsers())
    args = parser.parse_args(["rates", *argv])
    code: int = args.run(args)
    return code


def test_the_list_fits_eighty_columns_and_names_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert [entry.name for entry in load() if entry.name not in printed] == []


def test_the_list_shows_prices_in_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    lines = capsys.readouterr().out.splitlines()
    found = next(line.split() for line in lines if line.startswith("gpt-realtime-2.1 "))
    assert found == ["gpt-realtime-2.1", "4", "0.40", "24", "32", "0.40", "64", "5", "0.50"]
    assert "gpt-transcribe            0.0045 USD a minute" in lines
    assert "gpt-4o-transcribe         text 2.50, audio 6, out 10 USD for 1M tokens" in lines
    assert "gpt-5.4-nano              text 0.20, cached 0.02, out 1.25 USD for 1M tokens" in lines
    assert "grok-voice-latest         0.08 USD a minute, 0.004 USD a message" in lines
    assert "Without a known price: qwen-audio-3.0-realtime" in lines


def test_what_is_shut_down_is_marked_from_its_day_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        "[models.gone]\naudio_in = 1\nshutdown = 2020-01-01\n[models.here]\naudio_in = 1\nshutdown = 9999-01-01\n"
    )
    run("--rates", str(own))
    printed = capsys.readouterr().out
    assert "\ngone † " in printed
    assert "\nhere  " in printed


def test_one_model_with_its_source_and_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gpt-realtime-2025-08-28") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("gpt-realtime (OpenAI)\n")
    for part in ("32 USD for 1M tokens", "32,000 tokens", "LiteLLM", "2026-11-22", "2027-01-20", "aliases"):
        assert part in printed


def test_one_transcriber(capsys: pytest.CaptureFixture[str]) -> None:
    run("whisper-1")
    assert "(OpenAI, input transcription)\n  per minute             0.006 USD\n" in capsys.readouterr().out


def test_for_machines_prices_are_whole_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    run("--json", "gpt-realtime")
    told = json.loads(capsys.readouterr().out)
    assert told["rates"][0]["audio_in"] == 32_000
    assert date.fromisoformat(told["rates"][0]["date"]) == date(2026, 11, 22)
    run("--json")
    assert len(json.loads(capsys.readouterr().out)["rates"]) == len(load())


def test_the_user_s_file_is_read_from_the_configuration_folder(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config / "rates.toml").write_text('[models.mine]\ntext_in = "0.125"\n')
    run("mine")
    assert "0.125 USD for 1M tokens" in capsys.readouterr().out


def test_an_unknown_model_gets_one_sentence() -> None:
    with pytest.raises(BadInput, match='No price is known for "gpt-realtime-9"') as caught:
        run("gpt-realtime-9")
    assert "料金" in caught.value.say("ja")


def test_a_missing_file_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"There is no price list .*nowhere\.toml"):
        run("--rates", str(tmp_path / "nowhere.toml"))


def test_a_folder_in_place_of_a_file_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        run("--rates", str(tmp_path))


def test_a_file_that_is_no_text_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="is not UTF-8 text"):
        run("--rates", str(tmp_path / "bytes.toml"))


def test_a_broken_file_gets_its_name_and_line(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[models.a]\ntext_in = 0.00001\n")
    with pytest.raises(BadInput, match=r"own\.toml, line 2: a has text_in = 0\.00001"):
        run("--rates", str(tmp_path / "own.toml"))
