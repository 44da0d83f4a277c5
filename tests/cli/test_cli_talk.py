"""`laconic talk` as a command: what it says first and last, Ctrl-C, recording, and who is talked to by default."""

from __future__ import annotations

import os
import re
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from laconic.cli import main
from laconic.client.laws_file import learned_laws
from laconic.recording import read_lines

HELLO = str(Path(__file__).parents[2] / "src/laconic/scenarios/introduction/1-hello.wav")
HURRIED = ["--plain", "--pace", "10", "--output", "none"]


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "AZURE_OPENAI_ENDPOINT", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_without_a_key_it_talks_to_the_stand_in_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", *HURRIED, "--input", HELLO, "--record", "talk.jsonl"]) == 0
    captured = capsys.readouterr()
    rows = captured.out.splitlines()
    assert rows[0].strip().startswith("· No key is set: talking to the built-in stand-in; nothing is billed.")
    assert "you     Hello. My name is Marco." in rows
    assert "reply   Nice to meet you, Marco! What shall we talk about?" in rows
    assert any(row.startswith("cost: nothing was billed; gpt-realtime-2.1 would have charged $0.0") for row in rows)
    assert rows[-1] == "recorded in talk.jsonl"
    assert captured.err == ""


@pytest.mark.slow
def test_the_recording_holds_both_sides_and_no_sound(capsys: pytest.CaptureFixture[str]) -> None:
    main(["talk", *HURRIED, "--input", HELLO, "--record", "talk.jsonl"])
    lines = list(read_lines(Path("talk.jsonl").read_text(encoding="utf-8").splitlines()))
    assert {line.sender for line in lines} == {"service", "app", "laconic"}  # we write down what was said
    assert Path("talk.jsonl").stat().st_size < 200_000
    main(["talk", *HURRIED, "--input", HELLO, "--record", "loud.jsonl", "--record-sound"])
    assert Path("loud.jsonl").stat().st_size > 300_000


@pytest.mark.slow
def test_a_talk_is_summed_up_by_the_stand_in_and_teaches_laws(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever text model the environment names: against the stand-in nothing is sent or billed."""
    monkeypatch.setenv("LACONIC_SUMMARY_URL", "http://127.0.0.1:1/v1")
    flags = ["--memory", "summary:120:40", "--currency", "JPY", "--per-usd", "155"]
    assert main(["talk", *HURRIED, "--input", "scenario:introduction", *flags]) == 0
    out = capsys.readouterr().out
    assert "into a summary: “The user's name is Marco." in out
    assert "no summary" not in out
    assert "reply   Your name is Marco." in out.partition("What is my name?")[2]
    assert re.search(r"summaries among it, <?¥0\.\d\d", out)
    assert re.search(r"would have charged ¥\d+\.\d \(\$0\.\d{4}\), made of", out)
    assert re.search(r"everything kept +¥", out)
    [learned] = learned_laws()[0]
    assert (learned.service, learned.model, learned.responses) == ("simulator", "gpt-realtime-2.1", 8)
    assert main(["talk", *HURRIED, "--input", HELLO]) == 0
    assert f"cache hits {learned.laws.hit_rate:.0%}" in capsys.readouterr().out
    assert [entry.responses for entry in learned_laws()[0]] == [9]


def test_the_default_memory_says_what_it_chose_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", *HURRIED, "--input", HELLO, "--remember", "words"]) == 0
    out = capsys.readouterr().out
    assert "· memory is written: an hour costs written $" in out
    assert re.search(r"^memory auto:words \(written\): an hour costs", out, re.MULTILINE)


def test_why_a_memory_was_chosen_is_told_in_the_money_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", *HURRIED, "--input", HELLO, "--currency", "JPY", "--per-usd", "155"]) == 0
    reasons = [line for line in capsys.readouterr().out.splitlines() if "an hour costs" in line]
    assert len(reasons) >= 2
    assert all("summary ¥" in line and "$" not in line for line in reasons)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_recording_is_its_makers_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Speech is in it. A file that was there keeps the mode its owner gave it, and none of its old words."""
    Path("shared.jsonl").write_text("of before\n" * 10_000)
    Path("shared.jsonl").chmod(0o640)
    for name, mode in (("talk.jsonl", 0o600), ("shared.jsonl", 0o640)):
        assert main(["talk", *HURRIED, "--input", HELLO, "--record", name]) == 0
        assert stat.S_IMODE(Path(name).stat().st_mode) == mode
        assert "of before" not in Path(name).read_text(encoding="utf-8")


def test_a_key_in_the_environment_chooses_the_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing answers there, which shows who was dialled."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobodys")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert main(["talk", *HURRIED, "--input", HELLO]) == 5
    assert "127.0.0.1:1" in capsys.readouterr().err
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://nobody.openai.azure.com")
    assert main(["talk", *HURRIED, "--input", HELLO]) == 2
    assert "AZURE_OPENAI_DEPLOYMENT" in capsys.readouterr().err


def test_push_to_talk_with_a_file_is_one_turn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", *HURRIED, "--input", HELLO, "--turn-detection", "none"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert "you     Hello. My name is Marco." in rows
    assert "reply   Nice to meet you, Marco! What shall we talk about?" in rows


def test_japanese_from_the_first_line_to_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", "--lang", "ja", *HURRIED, "--input", HELLO]) == 0
    out = capsys.readouterr().out
    assert "キーが設定されていない" in out
    assert "あなた  Hello. My name is Marco." in out
    assert "料金: 課金なし。" in out


def interrupt_once_there_is(path: Path) -> threading.Thread:
    """Ctrl-C from another hand, as soon as the talk has opened its speaker."""

    def wait_and_press() -> None:
        for _ in range(1000):
            if path.exists():
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=wait_and_press, daemon=True)
    thread.start()
    return thread


def test_ctrl_c_ends_with_the_summary_and_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    pressing = interrupt_once_there_is(Path("out.wav"))
    assert main(["talk", "--plain", "--input", "scenario:introduction", "--output", "out.wav"]) == 0
    pressing.join()
    captured = capsys.readouterr()
    assert " talked · exchanges 0" in captured.out
    assert captured.out.splitlines()[-1] == "the replies' sound is in out.wav"
    assert captured.err == ""
