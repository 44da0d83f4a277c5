"""Reading messages: every event of the protocol, in both dialects, and everything that is none."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from laconic import events as ev
from laconic.dialects import GA_NAMES

SAMPLES: dict[str, dict[str, object]] = {
    "item": {"id": "item_1", "type": "message", "role": "user", "content": []},
    "session": {"type": "realtime"},
    "response": {"id": "resp_1"},
    "part": {"type": "audio"},
}
STRINGS = {"item_id": "item_1", "delta": "QUJD", "audio": "QUJD", "transcript": "hi", "text": "hi", "arguments": "{}"}


def sample(cls: type[ev.Event]) -> dict[str, object]:
    """A message with every field of this class that a service would fill."""
    fields = {field.name for field in msgspec.structs.fields(cls)}
    message: dict[str, object] = {"type": cls.type, "event_id": "event_1"}
    message |= {name: value for name, value in SAMPLES.items() if name in fields}
    message |= {name: value for name, value in STRINGS.items() if name in fields}
    if "error" in fields:
        message["error"] = {"type": "invalid_request_error", "code": "x", "message": "m"}
    return message


@pytest.mark.parametrize("cls", ev.EVENTS.values(), ids=lambda cls: cls.type)
def test_every_event_is_read_as_its_own_class(cls: type[ev.Event]) -> None:
    """Found by reflection: a class that cannot be read from a plausible message is a mistake."""
    event = ev.read(json.dumps(sample(cls)))
    assert type(event) is cls
    assert event.event_id == "event_1"


def test_a_class_is_named_as_the_wire_names_the_event() -> None:
    """`response.done` is ResponseDone; input transcription drops the words that repeat its prefix."""
    for name, cls in ev.EVENTS.items():
        words = name.replace("conversation.item.input_audio_transcription", "input_audio_transcription")
        assert cls.__name__ == "".join(word.capitalize() for word in words.replace(".", "_").split("_"))


@pytest.mark.parametrize(("beta", "ga"), GA_NAMES.items())
def test_beta_names_are_read_as_their_ga_counterparts(beta: str, ga: str) -> None:
    message = sample(ev.EVENTS[ga]) | {"type": beta}
    assert type(ev.read(json.dumps(message))) is ev.EVENTS[ga]


def test_bytes_and_text_read_alike_and_the_type_may_stand_anywhere() -> None:
    text = '{"event_id":"e","previous_item_id":null,"item_id":"i","type":"conversation.item.deleted"}'
    assert ev.read(text) == ev.read(text.encode()) == ev.ConversationItemDeleted(event_id="e", item_id="i")


@pytest.mark.parametrize("raw", ["", "nonsense", "[]", "42", "{", '{"type": 3}', b"\xff\xfe", '"response.done"'])
def test_what_is_no_event_is_unknown_and_nothing_breaks(raw: ev.Raw) -> None:
    event = ev.read(raw)
    assert isinstance(event, ev.Unknown)
    assert event.name == ""


def test_bytes_that_are_no_text_are_no_event() -> None:
    """Wherever they stand: the service would not take them either."""
    event = ev.read(b'{"type":"input_audio_buffer.commit","note":"\xff"}')
    assert isinstance(event, ev.Unknown)
    assert event.name == ""


def test_an_event_of_tomorrow_is_unknown_by_name() -> None:
    assert ev.read('{"type":"response.hologram.delta"}') == ev.Unknown(name="response.hologram.delta")


def test_a_known_event_in_another_shape_is_unknown_with_the_reason() -> None:
    event = ev.read('{"type":"conversation.item.deleted","item_id":7}')
    assert isinstance(event, ev.Unknown)
    assert event.name == "conversation.item.deleted"
    assert "item_id" in (event.reason or "")


def test_what_is_nested_without_end_is_unknown_and_no_dict() -> None:
    """Nobody means it, and Python's own stack is shorter than such a message."""
    endless = '{"type":"response.done","response":{"id":' + "[" * 100_000 + "]" * 100_000 + "}}"
    assert isinstance(ev.read(endless), ev.Unknown)
    with pytest.raises(ValueError, match="it is"):
        ev.wire(endless)


def test_absent_and_null_predecessors_are_told_apart() -> None:
    item = {"id": "a", "type": "message"}
    absent = ev.read(json.dumps({"type": "conversation.item.added", "item": item}))
    null = ev.read(json.dumps({"type": "conversation.item.added", "item": item, "previous_item_id": None}))
    assert isinstance(absent, ev.ConversationItemAdded)
    assert isinstance(null, ev.ConversationItemAdded)
    assert absent.previous_item_id is msgspec.UNSET
    assert null.previous_item_id is None


def test_long_sound_is_read_and_measured_though_its_payload_is_stepped_over() -> None:
    payload = "QUJD" * 2_000
    delta = ev.read(json.dumps({"type": "response.output_audio.delta", "item_id": "i", "delta": payload}))
    assert isinstance(delta, ev.ResponseOutputAudioDelta)
    assert (delta.item_id, ev.payload_bytes(delta.delta)) == ("i", 6_000)
    append = ev.read(json.dumps({"type": "input_audio_buffer.append", "audio": payload}).encode())
    assert isinstance(append, ev.InputAudioBufferAppend)
    assert ev.payload_bytes(append.audio) == 6_000
    text = ev.read(json.dumps({"type": "response.output_text.delta", "delta": payload}))
    assert text == ev.ResponseOutputTextDelta(delta=payload)


def test_a_number_no_machine_holds_makes_a_message_unreadable_wherever_it_stands() -> None:
    """Also where nobody needs it: somebody may want the whole message, and there would be none."""
    for raw in ('{"type":"response.create","response":{"max_output_tokens":1e999}}', '{"type":"x","y":[-1e999]}'):
        assert ev.read(raw) == ev.read(raw.encode()) == ev.Unknown(name="", reason="it is not a JSON object")


def test_of_a_field_that_stands_twice_the_last_counts_as_it_does_for_every_parser() -> None:
    assert isinstance(ev.read('{"type":7,"type":"response.cancel"}'), ev.ResponseCancel)
    assert ev.read('{"type":"response.cancel","type":7}') == ev.Unknown(name="", reason="its type is not a string")


def test_a_payload_that_stands_further_in_is_not_taken_for_the_sound() -> None:
    inner = '{"type":"input_audio_buffer.append","x":{"audio":"' + "QUJD" * 2_000 + '"},"audio":"QUJD"}'
    event = ev.read(inner)
    assert isinstance(event, ev.InputAudioBufferAppend)
    assert ev.payload_bytes(event.audio) == 3
    inner = inner.replace("input_audio_buffer.append", "response.output_audio.delta").replace('"audio"', '"delta"')
    delta = ev.read(inner)
    assert isinstance(delta, ev.ResponseOutputAudioDelta)
    assert ev.payload_bytes(delta.delta) == 3


def test_every_recorded_message_is_known(recordings: Path) -> None:
    """Real services, July and August 2026: OpenAI, Azure, Voice Live, xAI, the sideband of a WebRTC call."""
    lines = [json.loads(line) for path in sorted(recordings.glob("*.jsonl")) for line in path.read_text().splitlines()]
    strangers = {e.name for line in lines if isinstance(e := ev.read(json.dumps(line["event"])), ev.Unknown)}
    assert len(lines) > 700
    assert strangers == set()


def test_bytes_that_are_no_text_are_unknown_wherever_in_the_message_they_stand() -> None:
    for raw in (b'{"type":"response.create","response":{"x":"\xff"}}', b'{"type":"response.cancel","\xfe":1}'):
        event = ev.read(raw)
        assert isinstance(event, ev.Unknown)
        assert event.name == ""
        assert event.reason
