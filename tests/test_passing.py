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
        stream.unread = 0
        assert stream.passes(piece(payload, event_id=event_id and "event_22"))
        assert stream.unread == size


def test_it_may_be_written_with_spaces() -> None:
    spaced = [json.dumps(json.loads(piece("QUJD" * 7, event_id=name))).encode() for name in ("event_1", "event_22")]
    stream = following(spaced[0])
    assert stream.passes(spaced[1])
    assert stream.unread == 21


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
    stream = following(piece("QUJD"))
    assert not stream.passes(other)
    assert stream.unread == 0


def test_nothing_is_like_a_piece_that_was_not_seen_or_came_as_text() -> None:
    assert not Stream().passes(piece("QUJD"))
    stream = following(piece("QUJD"))
    assert not stream.passes(piece("QUJD").decode())
    stream.follow(piece("QUJD").decode(), b'"QUJD"')
    assert not stream.passes(piece("QUJD"))
    stream.follow(piece("QUJD"), b'"elsewhere"')
    assert not stream.passes(piece("QUJD"))


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 1), st.binary(max_size=40), st.booleans())))
def test_what_passes_is_taken_in_as_if_it_had_been_read(pieces: list[tuple[str, int, bytes, bool]]) -> None:
    """Whichever way they come, the mirror holds as much sound."""
    passed, read = session(), session()
    for number, (item, part, sound, named) in enumerate(pieces):
        payload = b64encode(sound).decode()
        raw = piece(payload, event_id=f"event_{number}" if named else None, item=item, part=part)
        if not passed.passing.reply.passes(raw):
            passed.from_service(raw, 0.0)
        read.from_service(raw, 0.0)
    passed.passing.settle()
    for one, other in zip(passed.conversation, read.conversation, strict=True):
        assert one == other
    assert passed.exchanges.count == read.exchanges.count


def test_the_apps_sound_passes_while_nothing_of_it_has_to_be_looked_at() -> None:
    talk, sound = session(), append("QUJD" * 16)
    speech = talk.passing.speech
    assert not speech.passes(sound)
    talk.from_app(sound, 0.0)
    assert [type(action) for action in talk.actions()] == [ToService]
    assert speech.passes(sound)
    talk.tick(0.0)
    assert talk.conversation.input.ms == 2
    counted = session(budget="$1")
    counted.from_app(sound, 0.0)
    assert not counted.passing.speech.passes(sound)


def test_what_the_app_says_between_two_pieces_may_have_to_be_waited_for() -> None:
    talk, sound = session(), append("QUJD" * 16)
    talk.from_app(sound, 0.0)
    talk.from_app(b'{"type":"input_audio_buffer.commit"}', 0.0)
    assert not talk.passing.speech.passes(sound)
    talk.from_app(sound, 0.0)
    assert talk.passing.speech.passes(sound)


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
    stream = following(raw)
    assert stream.passes(raw)
    assert stream.unread == payload_bytes(event.delta) == 4
