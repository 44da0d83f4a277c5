"""Sound in messages: what is read around it is what would be read with it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic import events as ev
from laconic.payload import payload_bytes, stepped_over


@given(st.binary(max_size=200))
def test_sound_is_measured_from_its_encoded_length(sound: bytes) -> None:
    """The length of base64 tells the length of what it encodes, padding included."""
    encoded = msgspec.json.encode({"type": "input_audio_buffer.append", "audio": sound})  # msgspec writes base64
    event = ev.read(encoded)
    assert isinstance(event, ev.InputAudioBufferAppend)
    assert payload_bytes(event.audio) == len(sound)


@pytest.mark.parametrize("raw", [b"null", b"12345678", b'""', b'"A="'])
def test_what_is_no_sound_measures_zero(raw: bytes) -> None:
    assert payload_bytes(msgspec.Raw(raw)) == 0


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta", "input_audio_buffer.append"])
@given(
    head=st.dictionaries(st.sampled_from(["event_id", "item_id", "note"]), st.text(max_size=9)),
    size=st.integers(0, 9_000),
)
def test_long_sound_is_read_around_and_measured_as_ever(kind: str, head: dict[str, str], size: int) -> None:
    """Whether the parser runs over the payload or not, what is read is the same."""
    field = "audio" if kind.startswith("input") else "delta"
    for separators in ((",", ":"), (", ", ": ")):
        message = json.dumps({**head, "type": kind, field: "QUJD" * (size // 4), "z": 1}, separators=separators)
        for raw in (message, message.encode()):
            event = ev.read(raw)
            assert isinstance(event, ev.ResponseOutputAudioDelta | ev.InputAudioBufferAppend)
            assert event.event_id == head.get("event_id")
            sound = event.delta if isinstance(event, ev.ResponseOutputAudioDelta) else event.audio
            assert bytes(sound) == f'"{"QUJD" * (size // 4)}"'.encode()
            assert payload_bytes(sound) == size // 4 * 3


@pytest.mark.parametrize(
    "raw",
    [
        '{"type":"response.output_audio.delta","delta":"' + "A" * 5_000,  # never ends
        '{"type":"response.output_audio.delta","delta":"' + "A" * 5_000 + '\\", "item_id":"x"}',  # ends elsewhere
    ],
)
def test_long_messages_that_are_not_what_they_seem_are_read_whole(raw: str) -> None:
    assert isinstance(ev.read(raw), ev.Unknown)
    assert ev.read(raw.encode()) == ev.read(raw)


@pytest.mark.parametrize("odd", ["\x01", "\\q", "\\u0041", "é", "\ud800"])
def test_what_no_base64_holds_is_left_to_the_parser(odd: str) -> None:
    """It may be no JSON at all: then the message is no event, be it long or short."""
    text = '{"type":"input_audio_buffer.append","audio":"' + "A" * 5_000 + odd + '"}'
    for raw in (text, text.encode(errors="surrogatepass")):
        assert stepped_over(raw) is None
        assert isinstance(ev.read(raw), ev.InputAudioBufferAppend if odd in ("\\u0041", "é") else ev.Unknown)


def test_long_messages_that_are_no_sound_are_read_as_ever() -> None:
    long = "word " * 2_000
    text = json.dumps({"type": "response.output_text.delta", "item_id": "i", "delta": long})
    assert ev.read(text) == ev.ResponseOutputTextDelta(item_id="i", delta=long)
    done = ev.read(json.dumps({"type": "response.output_text.done", "item_id": "i", "text": long}).encode())
    assert isinstance(done, ev.ResponseOutputTextDone)


def test_short_messages_and_those_without_a_payload_are_left_alone() -> None:
    assert stepped_over('{"type":"input_audio_buffer.append","audio":"QUJD"}') is None
    assert stepped_over("x" * 5_000) is None
    twice = '{"audio":"","other":"' + "A" * 5_000 + '"}'
    assert stepped_over(twice) is None
