"""Sound that passes unread is taken in as if it had been read, and nothing else passes."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playbook import counter

from laconic import events as ev
from laconic.passing import Stream
from laconic.payload import payload_bytes
from laconic.session import Session, ToService


def piece(payload: str, *, event_id: str | None = "event_1", item: str = "item_1", part: int = 0, **more: Any) -> bytes:
    named = {} if event_id is None else {"event_id": event_id}
    head = {"type": "response.output_audio.delta", **named, "response_id": "resp_1", "item_id": item}
    return json.dumps({**head, "content_index": part, "delta": payload, **more}, separators=(",", ":")).encode()


def append(payload: str, **more: Any) -> bytes:
    return json.dumps({"type": "input_audio_buffer.append", **more, "audio": payload}).encode()


def following(raw: bytes) -> Stream:
    stream = Stream()
    event = ev.read(raw)
    assert isinstance(event, ev.ResponseOutputAudioDelta | ev.InputAudioBufferAppend)
    stream.follow(raw, bytes(event.delta if isinstance(event, ev.ResponseOutputAudioDelta) else event.audio))
    return stream


@pytest.mark.parametrize("event_id", ["event_1", None])
def test_a_piece_like_the_last_is_measured(event_id: str | None) -> None:
    stream = following(piece("QUJD" * 10, event_id=event_id))
    for payload, size in (("QUJD" * 7, 21), ("QUI=", 2), ("QQ==", 1)):
        assert stream.measured(piece(payload, event_id=event_id and "event_22")) == size


@pytest.mark.parametrize(
    "other",
    [
        piece("QUJD", item="item_2"),
        piece("QUJD", part=1),
        piece("QUJD", obfuscation="x"),
        piece("QUJD", event_id=None),
        piece(""),
        piece("QUJD").replace(b"QUJD", b'QUJD\\"'),
        piece("QUJD").replace(b"event_1", b'event_1","item_id":"item_1'),
        piece("QUJD")[:-3],
        piece("QUJD") + b" ",
        append("QUJD"),
        b"{}",
        b"",
    ],
)
def test_any_other_message_is_not(other: bytes) -> None:
    assert following(piece("QUJD")).measured(other) is None


def test_nothing_is_like_a_piece_that_was_not_seen_or_came_as_text() -> None:
    assert Stream().measured(piece("QUJD")) is None
    stream = following(piece("QUJD"))
    assert stream.measured(piece("QUJD").decode()) is None
    stream.follow(piece("QUJD").decode(), b'"QUJD"')
    assert stream.measured(piece("QUJD")) is None
    stream.follow(piece("QUJD"), b'"elsewhere"')
    assert stream.measured(piece("QUJD")) is None


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 1), st.binary(max_size=40), st.booleans())))
def test_what_passes_is_taken_in_as_if_it_had_been_read(pieces: list[tuple[str, int, bytes, bool]]) -> None:
    """Whichever way they come, the mirror holds as much sound."""
    passed, read = session(), session()
    for number, (item, part, sound, named) in enumerate(pieces):
        payload = b64encode(sound).decode()
        raw = piece(payload, event_id=f"event_{number}" if named else None, item=item, part=part)
        if not passed.passing.from_service(raw):
            passed.from_service(raw, 0.0)
        read.from_service(raw, 0.0)
    for one, other in zip(passed.conversation, read.conversation, strict=True):
        assert one == other
    assert passed.exchanges.count == read.exchanges.count


def test_the_apps_sound_passes_while_nothing_of_it_has_to_be_looked_at() -> None:
    talk = session()
    assert not talk.passing.from_app(append("QUJD" * 16))
    talk.from_app(append("QUJD" * 16), 0.0)
    assert [type(action) for action in talk.actions()] == [ToService]
    assert talk.passing.from_app(append("QUJD" * 16))
    assert talk.conversation.input.ms == 2
    counted = session(budget="$1")
    counted.from_app(append("QUJD" * 16), 0.0)
    assert not counted.passing.from_app(append("QUJD" * 16))


def session(**more: Any) -> Session:
    """One with a reply of two items under way."""
    talk = Session(ids=counter(), model="gpt-realtime", **more)
    for event in (
        {"type": "session.created", "session": {"type": "realtime", "model": "gpt-realtime"}},
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
        *({"type": "conversation.item.added", "item": held(name)} for name in ("a", "b", "item_1")),
    ):
        talk.from_service(json.dumps(event), 0.0)
    list(talk.actions())
    return talk


def held(name: str) -> dict[str, Any]:
    return {"id": name, "type": "message", "role": "assistant", "status": "in_progress", "content": []}


def test_a_piece_is_measured_as_it_would_be_read() -> None:
    raw = piece("QUJDRA==")
    event = ev.read(raw)
    assert isinstance(event, ev.ResponseOutputAudioDelta)
    assert following(raw).measured(raw) == payload_bytes(event.delta) == 4
