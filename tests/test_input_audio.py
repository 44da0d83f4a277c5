"""Measuring the user's sound: by voice detection, by commit, by create."""

from __future__ import annotations

import base64
import json

import pytest

from laconic import events as ev
from laconic.input_audio import InputAudio
from laconic.items import Item, Part


def sound(ms: int) -> str:
    return base64.b64encode(bytes(48 * ms)).decode()


def append(ms: int) -> ev.Event:
    return ev.read(json.dumps({"type": "input_audio_buffer.append", "audio": sound(ms)}))


def create(ms: int, item_id: str | None = None, event_id: str | None = None) -> ev.Event:
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound(ms)}]}
    if item_id:
        item["id"] = item_id
    return ev.read(json.dumps({"type": "conversation.item.create", "event_id": event_id, "item": item}))


def spoken(item_id: str, status: str = "completed") -> Item:
    return Item(item_id, role="user", status=status, parts=[Part("input_audio")])


def measured(audio: InputAudio, item: Item) -> int:
    audio.measure(item)
    return item.audio_ms


def test_voice_detection_states_where_speech_lay() -> None:
    audio = InputAudio()
    audio.started("a", 1460)
    assert audio.stopped("a", 4256) == 2796
    audio.committed("a")
    assert measured(audio, spoken("a")) == 2796


def test_speech_committed_before_it_stopped_reaches_to_what_was_sent() -> None:
    audio = InputAudio()
    audio.said(append(500))
    audio.started("a", 200)
    audio.committed("a")
    assert audio.ms == 500
    assert measured(audio, spoken("a")) == 300


def test_a_stop_without_a_start_measures_nothing() -> None:
    assert InputAudio().stopped("a", 100) is None


def test_a_commit_takes_what_was_sent_since_the_last_commit_or_clear() -> None:
    audio = InputAudio()
    audio.said(append(100))
    audio.said(ev.InputAudioBufferClear())
    audio.said(append(250))
    audio.said(ev.InputAudioBufferCommit())
    audio.committed("a")
    audio.said(append(80))
    audio.said(ev.InputAudioBufferCommit())
    audio.committed("b")
    assert [measured(audio, spoken("a")), measured(audio, spoken("b"))] == [250, 80]


def test_a_refused_commit_is_not_waited_for() -> None:
    audio = InputAudio()
    audio.said(ev.InputAudioBufferCommit())
    audio.refused(ev.ErrorDetail(code="input_audio_buffer_commit_empty"))
    audio.refused(ev.ErrorDetail(code="input_audio_buffer_commit_empty"))
    audio.said(append(100))
    audio.said(ev.InputAudioBufferCommit())
    audio.committed("a")
    assert measured(audio, spoken("a")) == 100


def test_a_created_item_is_measured_from_its_own_sound() -> None:
    """By its id where the app chose one, else in order."""
    audio = InputAudio()
    audio.said(create(100))
    audio.said(create(200, "mine"))
    assert measured(audio, spoken("mine")) == 200
    assert measured(audio, spoken("theirs")) == 100
    assert measured(audio, spoken("unasked")) == 0


@pytest.mark.parametrize(
    "error",
    [
        ev.ErrorDetail(event_id="e1"),
        ev.ErrorDetail(code="item_create_duplicate_item_id"),
        ev.ErrorDetail(message="Error creating item: no."),
        ev.ErrorDetail(param="item.content[0].audio"),
        ev.ErrorDetail(param="previous_item_id"),
    ],
    ids=["by event id", "by code", "by message", "by field", "by place"],
)
def test_a_refused_create_is_not_waited_for(error: ev.ErrorDetail) -> None:
    """Where the service leaves the event id out, the oldest create is the one an error about creating answers."""
    audio = InputAudio()
    audio.said(create(100, event_id="e1"))
    audio.said(create(200, event_id="e2"))
    audio.refused(error)
    assert measured(audio, spoken("a")) == 200


@pytest.mark.parametrize(
    "error",
    [
        ev.ErrorDetail(),
        ev.ErrorDetail(event_id="somebody's"),
        ev.ErrorDetail(code="item_delete_invalid_item_id", param="item_id"),
        ev.ErrorDetail(code="conversation_already_has_active_response", message="Wait before creating a new one."),
        ev.ErrorDetail(code="invalid_tool_call_id", param="item.call_id"),
    ],
)
def test_other_errors_leave_creates_alone(error: ev.ErrorDetail) -> None:
    """A refused output too: outputs are answered late, out of order."""
    audio = InputAudio()
    audio.said(create(100))
    audio.refused(error)
    assert measured(audio, spoken("a")) == 100


def test_a_reply_that_begins_answers_no_create() -> None:
    audio = InputAudio()
    audio.said(create(100))
    audio.measure(Item("reply", role="assistant", status="in_progress"))
    assert measured(audio, spoken("a")) == 100


def test_an_item_still_being_spoken_is_measured_when_it_stops() -> None:
    """xAI adds the user's item as soon as speech begins."""
    audio = InputAudio()
    audio.started("a", 100)
    assert measured(audio, spoken("a", "in_progress")) == 0
    assert audio.stopped("a", 400) == 300


def test_formats_differ_in_bytes_per_millisecond() -> None:
    audio = InputAudio()
    audio.bytes_per_ms = 8.0
    audio.said(append(100))
    assert audio.ms == 600


def test_text_and_shapeless_content_measure_nothing() -> None:
    audio = InputAudio()
    audio.said(
        ev.read('{"type":"conversation.item.create","item":{"content":[{"type":"input_text","text":"x"},{"audio":3}]}}')
    )
    audio.said(ev.Ping())
    item = Item("a", role="user", parts=[Part("input_text", "x")])
    assert measured(audio, item) == 0


def send(sound: InputAudio, type: str, **fields: object) -> None:
    sound.said(ev.read(json.dumps({"type": type, **fields})))


def test_what_is_on_its_way_into_items_is_known() -> None:
    """Sound that was committed or created, or is being spoken, and will be read by the next response."""
    audio = InputAudio()
    send(audio, "input_audio_buffer.append", audio=base64.b64encode(bytes(48 * 1_000)).decode())
    assert (audio.uncommitted_ms, audio.entering_ms) == (1_000, 0)
    send(audio, "input_audio_buffer.commit")
    assert (audio.uncommitted_ms, audio.entering_ms) == (0, 1_000)
    content = [{"type": "input_audio", "audio": base64.b64encode(bytes(48 * 500)).decode()}]
    send(audio, "conversation.item.create", item={"id": "mine", "role": "user", "content": content})
    assert [item.id for item in audio.entering] == ["mine"]
    assert audio.entering_ms == 1_500
    audio.committed("u1")
    audio.measure(Item("u1", role="user", parts=[Part("input_audio")]))
    assert audio.entering_ms == 500


def test_speech_counts_while_it_goes_on_and_stops_counting_where_its_detection_was_changed() -> None:
    audio = InputAudio()
    send(audio, "input_audio_buffer.append", audio=base64.b64encode(bytes(48 * 1_000)).decode())
    audio.started("u1", 400)
    assert (audio.speaking, audio.entering_ms) == (True, 600)
    audio.retuned()
    send(audio, "input_audio_buffer.append", audio=base64.b64encode(bytes(48 * 1_000)).decode())
    audio.retuned()
    assert (audio.speaking, audio.entering_ms) == (False, 600)
    audio.started("u2", 1_900)
    assert (audio.speaking, audio.entering_ms) == (True, 100), "the first was given up"
    audio.stopped("u2", 1_950)
    assert (audio.speaking, audio.entering_ms) == (False, 50)
