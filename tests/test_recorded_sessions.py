"""Whole sessions recorded with real services, played through the engine: the outside witness.

The mirror must end as the recording itself says: the items the service announced and did not delete, in the order
it announced, each with the content of its last full statement, and with the sound voice detection measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playbook import counter

from laconic.session import Charged, Session

Wire = dict[str, Any]

FILES = [
    "azure-ga-speech-transcribed",
    "azure-ga-tool-call",
    "azure-voicelive-speech-turn",
    "azure-voicelive-tool-call",
    "openai-2.1-history-seeding",
    "openai-2.1-tool-call",
    "openai-ga-history-seeding",
    "openai-ga-speech-turn",
    "openai-ga-text-in-audio-out",
    "openai-ga-tool-call",
    "openai-sideband-audio-turn",
    "xai-speech-turn",
    "xai-tool-call",
]


def play(path: Path, *, repeat: int = 1, as_bytes: bool = False) -> tuple[Session, list[Charged]]:
    """Everything said in a recording, in order; `repeat` says each item event that often."""
    session = Session(ids=counter())
    charged: list[Charged] = []
    for at, line in enumerate(path.read_text().splitlines()):
        message = json.loads(line)
        event: Wire = message["event"]
        raw: str | bytes = json.dumps(event)
        if as_bytes:
            raw = raw.encode()
        times = repeat if event["type"].startswith("conversation.item.") else 1
        for _ in range(times):
            if message["from"] == "service":
                session.from_service(raw, at / 10)
            else:
                session.from_app(raw, at / 10)
                break
        charged += [action for action in session.actions() if isinstance(action, Charged)]
    return session, charged


def announced(path: Path) -> list[Wire]:
    """What the recording itself says is there at the end, read without the engine."""
    order: list[str] = []
    items: dict[str, Wire] = {}
    transcripts: dict[str, str] = {}
    for line in path.read_text().splitlines():
        message = json.loads(line)
        event: Wire = message["event"]
        if message["from"] != "service":
            continue
        kind: str = event["type"]
        if kind in ("conversation.item.added", "conversation.item.created"):
            order.append(event["item"]["id"])
            items[event["item"]["id"]] = event["item"]
        elif kind in ("conversation.item.done", "response.output_item.done"):
            items[event["item"]["id"]] |= event["item"]
        elif kind.endswith("input_audio_transcription.completed"):
            transcripts[event["item_id"]] = event["transcript"]
        elif kind == "response.done":
            for item in event["response"]["output"]:
                items[item["id"]] |= item
    return [items[item_id] | {"transcript": transcripts.get(item_id)} for item_id in order]


def words(item: Wire) -> str | None:
    """The words of an item as the wire shows them."""
    if item["transcript"] is not None:
        return item["transcript"]
    if item["type"] == "function_call":
        return f"{item['name']}({item['arguments'].strip()})"
    if item["type"] == "function_call_output":
        return item["output"]
    return " ".join(part.get("text") or part.get("transcript") or "" for part in item.get("content") or ()) or None


@pytest.mark.parametrize("name", FILES)
def test_the_mirror_ends_as_the_recording_says(name: str, recordings: Path) -> None:
    path = recordings / f"{name}.jsonl"
    session, charged = play(path)
    expected = announced(path)
    assert session.unknown_events == 0
    assert session.errors == 0
    assert [item.id for item in session.conversation] == [item["id"] for item in expected]
    assert [item.type for item in session.conversation] == [item["type"] for item in expected]
    assert [item.role for item in session.conversation] == [
        item["role"] if item["type"] == "message" else None for item in expected
    ]
    assert [item.text for item in session.conversation] == [words(item) for item in expected]
    assert [item.status for item in session.conversation if item.type == "message"] == [
        "completed" for item in expected if item["type"] == "message"
    ]
    assert len(charged) == path.read_text().count('"response.done"')
    assert not session.conversation.responding


@pytest.mark.parametrize("name", FILES)
def test_events_said_twice_and_messages_as_bytes_change_nothing(name: str, recordings: Path) -> None:
    """Reconnecting makes some services say items again (livekit#4657)."""
    path = recordings / f"{name}.jsonl"
    once, charged = play(path)
    twice, charged_again = play(path, repeat=2, as_bytes=True)
    assert list(once.conversation) == list(twice.conversation)
    assert [notice.cost for notice in charged] == [notice.cost for notice in charged_again]


@pytest.mark.parametrize(
    ("name", "user_ms"),
    [
        ("openai-ga-speech-turn", 2796),
        ("azure-ga-speech-transcribed", 2668),
        ("azure-voicelive-speech-turn", 3056),
        ("xai-speech-turn", 205),
    ],
)
def test_spoken_turns_have_their_length(name: str, user_ms: int, recordings: Path) -> None:
    session, _ = play(recordings / f"{name}.jsonl")
    first = next(iter(session.conversation))
    assert first.audio_ms == user_ms


def test_all_recordings_are_played(recordings: Path) -> None:
    assert sorted(path.stem for path in recordings.glob("*.jsonl")) == FILES
