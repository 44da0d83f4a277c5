"""`laconic whatif`: the table, the objects, the page, and what cannot be reckoned said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laconic.cli import main
from laconic.terminal.columns import width_of


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["whatif", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_table_fits_eighty_columns(capsys: pytest.CaptureFixture[str], lang: str) -> None:
    """With every memory, four hit rates and both laws; also where money is long."""
    for more in ([], ["--currency", "JPY", "--per-usd", "155"], ["--hit-rate", "100,90,80,70,60,50,40"]):
        out = said(capsys, "--minutes", "4", "--lang", lang, *more)
        assert max(map(width_of, out.splitlines())) <= 80
        assert out.count("written ") >= 2


def test_the_table_says_cost_and_multiple_and_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Money beside multiples of the floor, which is the last row."""
    out = said(capsys, "--minutes", "10", "--memory", "everything,written", "--reply-audio", "dropped")
    rows = {row.split()[0]: row for row in out.splitlines() if row}
    assert rows["floor"].count("1.00×") == 4
    assert rows["written"].rstrip().endswith("100%")
    assert rows["everything"].count("×") == 4
    assert out.count("old reply audio") == 1


def test_it_says_what_auto_chose(capsys: pytest.CaptureFixture[str]) -> None:
    """At which hit rates, where it is not the same at all; for machines in a list, and on the page."""
    flags = ["--minutes", "5", "--memory", "auto,auto:words,written", "--reply-audio", "kept"]
    out = said(capsys, *flags)
    assert "\nauto chose summary\nauto:words chose written\n" in out
    assert "\nauto の選択：summary\n" in said(capsys, *flags, "--lang", "ja")
    found = [json.loads(line) for line in said(capsys, *flags, "--json").splitlines()]
    assert [one["chosen"] for one in found[:3]] == [["summary"], ["written"], []]


def test_it_says_at_which_hit_rates_auto_chose_what(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A talk nobody writes down."""
    events = [{"type": "session.created", "session": {"model": "gpt-realtime-2.1"}}]
    for n in range(3):
        sound = {"type": "input_audio", "audio": "A" * 64_000}
        item = {"id": f"u{n}", "type": "message", "role": "user", "status": "completed", "content": [sound]}
        response = {"id": f"r{n}", "status": "completed", "usage": {"input_tokens": 9, "output_tokens": 30}}
        events += [
            {"type": "conversation.item.added", "item": item},
            {"type": "response.created", "response": {"id": f"r{n}", "status": "in_progress"}},
            {"type": "response.done", "response": response | {"output": []}},
        ]
    file = tmp_path / "talk.jsonl"
    file.write_text("".join(json.dumps({"from": "service", "event": event}) + "\n" for event in events))
    out = said(capsys, str(file), "--memory", "auto:3", "--reply-audio", "kept", "--hit-rate", "100,50,0")
    assert "auto:3 chose window:8000 (100%), exchanges:3 (50%, 0%)" in out


def test_it_says_when_minutes_would_be_cheaper(capsys: pytest.CaptureFixture[str]) -> None:
    """Than all, than some (with the hit rates at which), than none."""
    out = said(capsys, "--minutes", "60", "--reply-audio", "dropped", "--memory", "everything,written")
    assert "cheaper than every memory above" in out
    assert "written (75%, 50%, 0%)" in out.replace("\n", " ")
    assert "dearer than every memory above" in said(capsys, "--minutes", "5", "--model", "gpt-realtime-2.1-mini")


def test_each_memory_of_each_case_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """With exact integers; the same from the same seed."""
    flags = ["--json", "--minutes", "5", "--seed", "4", "--memory", "everything,summary", "--hit-rate", "100,50"]
    out = said(capsys, *flags)
    assert out == said(capsys, *flags)
    found = [json.loads(line) for line in out.splitlines()]
    assert len(found) == 2 * 2 * 2
    assert {one["hit_rate"] for one in found} == {1.0, 0.5}
    for one in found:
        assert one["multiple"] == pytest.approx(one["cost_nanodollars"] / one["floor_nanodollars"], abs=1e-4)
        assert one["facts"] == 20
        assert one["facts_kept"] + one["facts_in_gist"] <= 20


def test_a_page_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And its place is said, but for machines."""
    file = tmp_path / "whatif.html"
    assert str(file) in said(capsys, "--minutes", "2", "--html", str(file))
    assert file.read_text().count("<section") == 8
    assert str(file) not in said(capsys, "--minutes", "2", "--json", "--html", str(file))


def recording(tmp_path: Path, model: str | None = "gpt-realtime-2.1") -> Path:
    usage = {"input_tokens": 9, "output_tokens": 30}
    answer = {"id": "a", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    asked = {"id": "u", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
    events = [
        {"type": "session.created", "session": {"model": model, "instructions": "Be brief."}},
        {"type": "conversation.item.added", "item": asked},
        {"type": "conversation.item.done", "item": asked},
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        {"type": "conversation.item.added", "item": answer},
        {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [answer], "usage": usage}},
    ]
    file = tmp_path / "talk.jsonl"
    file.write_text("".join(json.dumps({"from": "service", "event": event}) + "\n" for event in events))
    return file


def test_recordings_are_reckoned_by_the_model_they_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Or by the one asked for; a talk without any speech has no share of it to keep and no minutes to bill."""
    file = str(recording(tmp_path))
    out = said(capsys, file, "--hit-rate", "0", "--reply-audio", "prior")
    assert "gpt-realtime-2.1, old reply audio dropped" in out
    assert "talk.jsonl: 0.0 minutes, 1 exchanges" in out
    assert "by the minute" not in out
    assert "–" in out
    assert "gpt-realtime-mini" in said(capsys, file, "--model", "gpt-realtime-mini")


def test_unknown_usage_is_marked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By the minute per message too, in a table of the user's own, and null for machines."""
    own = tmp_path / "own.toml"
    own.write_text('[models."mine"]\ntext_in = "4"\n')
    out = said(capsys, str(recording(tmp_path)), "--model", "mine", "--rates", str(own))
    assert "?" in out
    objects = said(capsys, str(recording(tmp_path)), "--model", "mine", "--rates", str(own), "--json")
    assert json.loads(objects.splitlines()[0])["cost_nanodollars"] is None


@pytest.mark.parametrize(
    "words",
    [
        ["missing.jsonl"],
        ["--minutes", "0"],
        ["--minutes", "nan"],
        ["--minutes", "100000"],
        ["--memory", "forever"],
        ["--memory", " , "],
        ["--hit-rate", "101"],
        ["--hit-rate", "half"],
        ["--reply-audio", "loud"],
        ["--model", "whisper-1"],
        ["--model", "nobody"],
        ["--currency", "JPY"],
        ["--minutes", "1", "--html", "/nowhere/page.html"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_reckoned_is_a_sentence(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """On stderr, with exit code 2."""
    assert main(["whatif", *words]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("laconic: ")
    assert told.err.count("\n") == 1


def test_a_broken_recording_names_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And its file."""
    file = recording(tmp_path)
    file.write_text(file.read_text() + "{\n")
    assert main(["whatif", str(file)]) == 2
    assert "talk.jsonl" in (err := capsys.readouterr().err)
    assert "line 7" in err
