"""`laconic replay`: recordings of real services, our own, and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playbook import USAGE

from laconic.cli import main
from laconic.cli.replay import Replay, rows, service_of
from laconic.recording import Sender, line
from laconic.terminal.columns import width_of

RECORDINGS = sorted((Path(__file__).parents[3] / "shared" / "recordings").glob("*.jsonl"))


# gpt-realtime: 43 × 4 + 32 × 32 + 64 × 0.40 + 18 × 16 + 43 × 64 millionths of a dollar
COST = 43 * 4_000 + 32 * 32_000 + 64 * 400 + 18 * 16_000 + 43 * 64_000


def item(id: str, role: str, *content: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    return {"id": id, "type": "message", "status": status, "role": role, "content": list(content)}


def conversation(model: str = "gpt-realtime") -> list[tuple[Sender, dict[str, Any]]]:
    """Two items, a function call, an unknown event, an error, one response with usage and one without."""
    user = item("u1", "user", {"type": "input_text", "text": "What is my name? " * 6})
    reply = item("a1", "assistant", {"type": "output_audio", "transcript": "Marcelo."})
    call = {"id": "f1", "type": "function_call", "status": "completed", "name": "look", "arguments": "{}"}
    session = {"type": "realtime", "model": model, "audio": {"input": {}, "output": {}}}
    sound = {"type": "response.output_audio.delta", "item_id": "a1", "content_index": 0, "delta": "AAAA" * 16_000}
    done = {"type": "response.done", "response": {"id": "r1", "status": "completed", "usage": USAGE, "output": []}}
    lost = {"type": "response.done", "response": {"id": "r2", "status": "failed", "usage": None, "output": []}}
    return [
        ("service", {"type": "session.created", "session": session}),
        ("app", {"type": "conversation.item.create", "item": user}),
        ("service", {"type": "conversation.item.added", "previous_item_id": None, "item": user}),
        ("service", {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}}),
        ("service", {"type": "response.output_item.added", "response_id": "r1", "item": {**reply, "content": []}}),
        ("service", {"type": "conversation.item.added", "previous_item_id": "u1", "item": {**reply, "content": []}}),
        ("service", sound),
        ("service", {"type": "conversation.item.done", "previous_item_id": "u1", "item": reply}),
        ("service", done),
        ("service", {"type": "conversation.item.added", "previous_item_id": "a1", "item": call}),
        ("service", lost),
        ("service", {"type": "response.telepathy"}),
        ("service", {"type": "error", "error": {"type": "invalid_request_error", "message": "No such voice."}}),
        ("laconic", {"type": "conversation.item.delete", "item_id": "u1"}),
        ("service", {"type": "conversation.item.deleted", "item_id": "u1"}),
    ]


def recorded(**how: Any) -> list[str]:
    return [line(json.dumps(event), who, n / 10) for n, (who, event) in enumerate(conversation(**how))]


@pytest.fixture(autouse=True)
def shipped_prices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may keep prices of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(recorded()), encoding="utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_json_is_exactly_this(file: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["replay", str(file), "--json"]) == 0
    shown = printed(capsys)
    usage = shown["responses"][0].pop("usage")
    assert shown == {
        "items": [
            {
                "id": "a1",
                "role": "assistant",
                "type": "message",
                "status": "completed",
                "text": "Marcelo.",
                "audio_ms": 1000,
            },
            {
                "id": "f1",
                "role": None,
                "type": "function_call",
                "status": "completed",
                "text": "look({})",
                "audio_ms": 0,
            },
        ],
        "unknown_events": 1,
        "errors": 1,
        "responses": [
            {
                "status": "completed",
                "cost_nanodollars": COST,
                # Six times "What is my name?", a blank, and the framing, under instructions of the service's own.
                "predicted": {"text_in": 111 + 31 + 4, "audio_in": 0, "cached_text": 0, "cached_audio": 0},
            },
            {"status": "failed", "usage": None, "cost_nanodollars": None, "predicted": None},
        ],
    }
    assert (usage["input_tokens"], usage["output_token_details"]["audio_tokens"]) == (139, 43)


@pytest.mark.skipif(not RECORDINGS, reason="the recordings of real services are not beside this checkout")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_of_real_services(path: Path, capsys: pytest.CaptureFixture[str]):
    """No unknown event, no error, and every response has its usage and what was predicted of it."""
    assert main(["replay", str(path), "--json"]) == 0
    shown = printed(capsys)
    assert (shown["unknown_events"], shown["errors"]) == (0, 0)
    assert shown["items"]
    assert all(response["usage"]["total_tokens"] > 0 for response in shown["responses"])
    for response in shown["responses"]:
        if path.stem == "xai-speech-turn":  # how xAI counts a spoken turn, nobody knows
            break
        predicted, read = response["predicted"], response["usage"]["input_token_details"]
        assert abs(predicted["text_in"] - read["text_tokens"]) <= 2
        assert predicted["audio_in"] == read["audio_tokens"]
        if read["cached_tokens"]:
            cached = read["cached_tokens_details"]
            assert (predicted["cached_text"], predicted["cached_audio"]) == (
                cached["text_tokens"],
                cached["audio_tokens"],
            )


@pytest.mark.parametrize(
    ("name", "service"),
    [("azure-ga-tool-call", "azure"), ("azure-voicelive-x", "voicelive"), ("xai-speech", "xai"), ("talk", "openai")],
)
def test_a_recording_s_name_may_say_whose_it_is(name: str, service: str):
    assert service_of(Path("somewhere") / f"{name}.jsonl") == service


@pytest.mark.skipif(not RECORDINGS, reason="the recordings of real services are not beside this checkout")
def test_predictions_are_by_the_laws_of_the_service_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Azure reads a call again without its blanks, which its messages do not tell."""
    path = tmp_path / "talk.jsonl"
    path.write_text(next(path for path in RECORDINGS if path.stem == "azure-ga-tool-call").read_text())

    def predicted(*how: str) -> int:
        assert main(["replay", str(path), "--json", *how]) == 0
        return printed(capsys)["responses"][1]["predicted"]["text_in"]

    assert (predicted(), predicted("--service", "azure")) == (102, 95)


def test_an_unpriced_model_costs_null_until_it_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(recorded(model="my-deployment")), encoding="utf-8")
    assert main(["replay", str(path), "--json"]) == 0
    assert printed(capsys)["responses"][0]["cost_nanodollars"] is None
    assert main(["replay", str(path), "--json", "--model", "gpt-realtime"]) == 0
    assert printed(capsys)["responses"][0]["cost_nanodollars"] == COST


def test_other_currencies_are_not_called_dollars(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '[models."gpt-realtime"]\ncurrency = "CNY"\ntext_in = 1\naudio_in = 1\ntext_out = 1\naudio_out = 1\n'
        'source = "https://example.org"\ndate = 2026-11-22\n'
    )
    assert main(["replay", str(file), "--json", "--rates", str(prices)]) == 0
    assert printed(capsys)["responses"][0]["cost_nanodollars"] is None


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_people_see_the_conversation_the_bill_and_the_surprises(lang: str):
    replay = Replay.of(recorded())
    shown = list(rows(replay, "talk.jsonl", "ja" if lang == "ja" else "en"))
    text = "\n".join(shown)
    assert all(width_of(row) <= 80 for row in shown)
    for words in ("talk.jsonl", "gpt-realtime", "Marcelo.", "1.0", "look({})", "139", "$0.0043", "failed"):
        assert words in text
    assert "response.telepathy" in text
    assert "No such voice." in text
    assert ("reply" in text) == (lang == "en")
    assert ("返事" in text) == (lang == "ja")


def test_long_texts_are_wrapped_under_their_speaker():
    lines = recorded()[:-2]  # before the user's item is deleted
    shown = list(rows(Replay.of(lines), "talk.jsonl", "en"))
    first = next(n for n, row in enumerate(shown) if row.startswith("  you "))
    assert shown[first + 1].startswith(" " * 9)
    assert "is my name?" in shown[first + 1]
    assert all(width_of(row) <= 80 for row in shown)


def test_an_item_in_progress_and_one_of_an_unknown_kind_say_so():
    strange = {"id": "x", "type": "video_call", "status": "completed"}
    added: dict[str, Any] = {"type": "conversation.item.added", "previous_item_id": None}
    lines = [
        line(json.dumps({**added, "item": strange}), "service", 0),
        line(json.dumps({**added, "item": item("u", "user", status="in_progress")}), "service", 0),
        line("not json at all", "service", 0),
    ]
    text = "\n".join(rows(Replay.of(lines), "x", "en"))
    assert "video_call" in text
    assert "you, in_progress" in text
    assert "model unknown" in text
    assert "unknown events: 1\n  ?" in text


def test_an_unpriced_model_tells_how_to_price_it():
    text = "\n".join(rows(Replay.of(recorded(model="my-deployment")), "x", "en"))
    assert "no price is known for my-deployment" in text
    assert "--rates" in text


def test_a_truncated_recording_shows_what_there_is(file: Path, capsys: pytest.CaptureFixture[str]):
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[: whole.index("response.telepathy")], encoding="utf-8")
    assert main(["replay", str(file), "--lang", "en"]) == 2
    seen = capsys.readouterr()
    assert "Marcelo." in seen.out
    assert "$0.0043" in seen.out
    assert seen.err == (
        f"laconic: {file}: the recording breaks off at line 12: it is not one whole JSON object; "
        "only what stands before it could be read\n"
    )
    assert main(["replay", str(file), "--lang", "ja", "--json"]) == 2
    seen = capsys.readouterr()
    assert len(json.loads(seen.out)["items"]) == 3
    assert "12 行目" in seen.err


def test_several_recordings_and_a_missing_one(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Each is shown; one that cannot be read is said, and the others are shown all the same."""
    missing = tmp_path / "missing.jsonl"
    assert main(["replay", str(file), str(missing), str(file), "--json"]) == 2
    seen = capsys.readouterr()
    assert len(seen.out.splitlines()) == 2
    assert seen.err.count("\n") == 1
    assert "missing.jsonl" in seen.err
    assert main(["replay", str(file), str(file)]) == 0
    assert capsys.readouterr().out.count("response.telepathy") == 2


def test_an_empty_recording_is_an_empty_conversation(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "empty.jsonl").write_text("")
    assert main(["replay", str(tmp_path / "empty.jsonl"), "--json"]) == 0
    assert printed(capsys) == {"items": [], "unknown_events": 0, "errors": 0, "responses": []}


def test_a_wrong_price_list_is_one_sentence(file: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["replay", str(file), "--rates", "nowhere.toml"]) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "nowhere.toml" in seen.err
    assert seen.err.count("\n") == 1
