"""Learned laws between runs: kept whole, summed up, and never in the way of a talk."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from laconic.client import laws_file
from laconic.client.laws_file import Learned, laws_path, learned_laws, load_laws, save_laws
from laconic.laws import Laws, prior

HOST, MODEL = "api.openai.com", "gpt-realtime"
DAY = date(2026, 11, 22)


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's data folder, which does not exist yet."""

    def folder(*_: Any, **__: Any) -> str:
        return str(tmp_path / "data" / "laconic")

    monkeypatch.setattr(laws_file, "user_data_dir", folder)
    return tmp_path / "data" / "laconic" / "laws.json"


def test_what_is_saved_is_loaded(file: Path) -> None:
    laws = Laws(keeps_reply_audio=True, hit_rate=0.83, base_text=-7, unverified=("truncated_reply_text",))
    assert load_laws(HOST, MODEL) is None
    assert save_laws(HOST, MODEL, laws, 8, today=DAY) is None
    assert load_laws(HOST, MODEL) == laws
    assert load_laws(HOST, "another") is load_laws("elsewhere", MODEL) is None
    assert learned_laws() == ([Learned(HOST, MODEL, laws, 8, DAY)], None)
    assert laws_path() == file
    assert [path.name for path in file.parent.iterdir()] == ["laws.json"]


def test_every_law_survives_the_file() -> None:
    for model in ("gpt-realtime", "gpt-realtime-2.1", "gpt-4o-realtime-preview", "grok-voice", "somebody/else"):
        service = "xai" if model.startswith("grok") else "azure"
        save_laws(service, model, prior(service, model), 1)
        assert load_laws(service, model) == prior(service, model)


def test_the_latest_laws_replace_earlier_ones_and_responses_add_up() -> None:
    save_laws(HOST, MODEL, Laws(), 8, today=DAY)
    save_laws(HOST, "another", Laws(), 1)
    save_laws(HOST, MODEL, Laws(hit_rate=0.5), 34)
    entries, _ = learned_laws()
    assert [(entry.model, entry.responses, entry.laws.hit_rate) for entry in entries] == [
        ("another", 1, 0.9),
        (MODEL, 42, 0.5),
    ]
    assert entries[1].on >= DAY


def test_a_talk_that_taught_nothing_leaves_no_file(file: Path) -> None:
    assert save_laws(HOST, MODEL, Laws(), 0) is None
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"laws": {}}', '"laws"', "\x00\x01", "5"])
def test_a_broken_file_is_one_sentence_and_is_kept_beside_the_new_one(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(text)
    entries, wrong = learned_laws()
    assert entries == []
    assert wrong is not None
    assert str(file) in wrong.say("en")
    assert str(file) in wrong.say("ja")
    assert load_laws(HOST, MODEL) is None
    assert save_laws(HOST, MODEL, Laws(), 3) is None
    assert load_laws(HOST, MODEL) == Laws()
    assert learned_laws()[1] is None
    assert file.with_suffix(".broken.json").read_text() == text


def entry(**changes: Any) -> dict[str, Any]:
    return {"service": HOST, "model": MODEL, "learned": "2026-11-22", "responses": 3, "laws": {}} | changes


@pytest.mark.parametrize(
    "broken",
    [
        7,
        {},
        entry(service=None),
        entry(model=5),
        entry(responses=0),
        entry(responses="many"),
        entry(responses=True),
        entry(learned="yesterday"),
        entry(learned=7),
        entry(laws=[]),
        entry(laws={"hit_rate": 1.5}),
        entry(laws={"hit_rate": "often"}),
        entry(laws={"cache_block": 0}),
        entry(laws={"cache_block": 64.0}),
        entry(laws={"reply_framing": -1}),
        entry(laws={"keeps_reply_audio": 1}),
        entry(laws={"unverified": "all"}),
        entry(laws={"lacks": "delete"}),
    ],
)
def test_an_entry_that_is_none_costs_only_itself(file: Path, broken: Any) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"laws": [broken, entry(model="good")]}))
    entries, wrong = learned_laws()
    assert [one.model for one in entries] == ["good"]
    assert wrong is not None


def test_a_later_version_s_fields_are_passed_over(file: Path) -> None:
    file.parent.mkdir(parents=True)
    laws = {"hit_rate": 1, "read_minds": True, "unverified": ["hit_rate", "read_minds"], "lacks": ["swap", "delete"]}
    file.write_text(json.dumps({"version": 2, "laws": [entry(laws=laws, mood="good")]}))
    assert load_laws(HOST, MODEL) == Laws(hit_rate=1, lacks=("delete",), unverified=("hit_rate",))
    assert learned_laws()[1] is None


def test_a_folder_that_cannot_be_written_is_one_sentence(file: Path) -> None:
    file.parent.parent.mkdir(parents=True)
    file.parent.write_text("a file where the folder should be")
    said = save_laws(HOST, MODEL, Laws(), 3)
    assert said is not None
    assert str(file) in said.say("en")
    assert MODEL in said.say("ja")


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_laws(HOST, MODEL, Laws(), 3)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(laws_file.os, "replace", full)
    said = save_laws(HOST, MODEL, Laws(hit_rate=0.1), 3)
    assert said is not None
    assert "No space left on device" in said.say("en")
    assert load_laws(HOST, MODEL) == Laws()
    assert [path.name for path in file.parent.iterdir()] == ["laws.json"]


def test_whoever_reads_while_others_write_reads_a_whole_file() -> None:
    save_laws(HOST, MODEL, Laws(), 1)

    def write(number: int) -> None:
        save_laws(HOST, MODEL, Laws(base_text=number), 1)

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, number) for number in range(40)]
        for _ in range(200):
            entries, wrong = learned_laws()
            assert wrong is None
            assert len(entries) == 1
        for done in writing:
            done.result()
