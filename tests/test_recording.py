"""Recordings: what is written, what is left out, and what a reader gets back."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from laconic.errors import BadInput
from laconic.events import ConversationItemCreate, InputAudioBufferAppend, ResponseOutputAudioDelta, payload_bytes, read
from laconic.recording import Line, line, read_lines

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"


def pcm(count: int) -> str:
    """`count` bytes of sound that is not silence, as the wire carries it."""
    return base64.b64encode(b"\x07" * count).decode()


def written(event: dict[str, Any], **how: Any) -> dict[str, Any]:
    """The line that `event` becomes, parsed."""
    return json.loads(line(json.dumps(event), "service", 1.5204, **how))


def back(*lines: str) -> list[Line]:
    return list(read_lines(lines))


def test_a_line_holds_time_sender_and_event():
    text = line('{"type": "response.cancel"}', "app", 1.5204)
    assert text.endswith("}\n")
    assert json.loads(text) == {"at": 1520, "from": "app", "event": {"type": "response.cancel"}}
    assert back(text) == [Line("app", b'{"type":"response.cancel"}', 1520)]


def test_speech_stays_readable_text():
    """Japanese is written as it is, not escaped, and on one line."""
    text = line('{"type":"x","delta":"\\u3053\\u3093\\n"}', "service", 0)
    assert "こん\\n" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("count", [1, 2, 3, 960, 4801])
@pytest.mark.parametrize("name", ["response.output_audio.delta", "response.audio.delta"])
def test_reply_sound_is_left_out_and_its_length_kept(name: str, count: int):
    event = {"type": name, "item_id": "i", "delta": pcm(count)}
    record = written(event)
    assert record["event"] == {"type": name, "item_id": "i", "delta": "", "sound_bytes": count}
    (got,) = back(json.dumps(record))
    delta = read(got.raw)
    assert isinstance(delta, ResponseOutputAudioDelta)
    assert payload_bytes(delta.delta) == count
    assert json.loads(got.raw)["delta"] == base64.b64encode(bytes(count)).decode()


def test_microphone_sound_is_left_out_and_its_length_kept():
    record = written({"type": "input_audio_buffer.append", "audio": pcm(960)})
    assert record["event"] == {"type": "input_audio_buffer.append", "audio": "", "sound_bytes": 960}
    (got,) = back(json.dumps(record))
    append = read(got.raw)
    assert isinstance(append, InputAudioBufferAppend)
    assert payload_bytes(append.audio) == 960


def test_sound_inside_items_is_left_out_and_its_length_kept():
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": pcm(48)}]}
    record = written({"type": "conversation.item.create", "item": item})
    assert record["event"]["item"]["content"] == [{"type": "input_audio", "audio": "", "sound_bytes": 48}]
    (got,) = back(json.dumps(record))
    create = read(got.raw)
    assert isinstance(create, ConversationItemCreate)
    assert create.item["content"] == [{"type": "input_audio", "audio": base64.b64encode(bytes(48)).decode()}]


def test_words_and_settings_are_not_taken_for_sound():
    """A transcript's `delta` and a session's `audio` settings stay as they are."""
    for event in (
        {"type": "response.output_audio_transcript.delta", "delta": "Hi"},
        {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": "alloy"}}}},
        {"type": "response.output_audio.delta", "delta": ""},
        {"type": "response.output_audio.delta", "delta": None},
    ):
        assert written(event)["event"] == event


def test_sound_stays_when_asked_for():
    event = {"type": "response.output_audio.delta", "item_id": "i", "delta": pcm(960)}
    text = line(json.dumps(event), "service", 0, sound=True)
    assert json.loads(text)["event"] == event
    assert json.loads(back(text)[0].raw) == event


@pytest.mark.parametrize("sound", [True, False])
def test_secrets_are_never_written(sound: bool):
    """MCP tools carry tokens to their servers, and sessions may carry client secrets."""
    tool = {"type": "mcp", "server_label": "s", "authorization": "tok-1", "headers": {"x": "tok-2"}}
    function = {"type": "function", "name": "f", "parameters": {"properties": {"headers": {"type": "string"}}}}
    event = {
        "type": "session.update",
        "session": {"tools": [tool, function], "client_secret": {"value": "ek_3"}},
    }
    record = written(event, sound=sound)
    assert "tok-" not in json.dumps(record)
    assert "ek_3" not in json.dumps(record)
    assert record["event"]["session"]["tools"] == [{"type": "mcp", "server_label": "s"}, function]


@pytest.mark.parametrize(
    "key", ["sk-proj-abcdefgh12", "ek_0123456789", "lk_abc-DEF_123", "0123456789abcdef" * 2, "sk-pr***********wxyz"]
)
def test_a_key_that_an_error_quotes_is_not_written_either(key: str):
    said = f"Incorrect API key provided: {key}. Item 'item_4B6HgqbURVZud2eVB9hRP' stays."
    record = written({"type": "error", "error": {"message": said, "code": "invalid_api_key"}})
    shown = record["event"]["error"]["message"]
    assert key not in shown
    assert key[-4:] not in shown
    assert "item_4B6HgqbURVZud2eVB9hRP" in shown
    assert record["event"]["error"]["code"] == "invalid_api_key"


def test_an_error_without_words_is_written_as_it_is():
    for event in ({"type": "error", "error": "odd"}, {"type": "error", "error": {"message": None}}, {"type": "error"}):
        assert written(event)["event"] == event


@pytest.mark.parametrize(
    ("raw", "kept"), [("hello", "hello"), ("[1]", "[1]"), (b"\xff!", "\ufffd!"), ("", ""), (b'{"a":', '{"a":')]
)
def test_what_is_no_event_is_kept_as_text(raw: str | bytes, kept: str):
    text = line(raw, "service", 0)
    assert json.loads(text)["event"] == kept
    assert back(text)[0].raw == kept


def test_lines_without_time_and_empty_lines_are_read():
    assert back("\n", '{"from":"service","event":{"type":"ping"}}', "  ") == [Line("service", b'{"type":"ping"}', None)]


GOOD = '{"at":1,"from":"app","event":{"type":"response.cancel"}}\n'


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (GOOD[:30], "whole JSON"),
        ("[]", '"from"'),
        ('{"from":"nobody","event":{}}', '"from"'),
        ('{"from":"app"}', '"event"'),
        ('{"from":"app","event":3}', '"event"'),
        ('{"from":"app","event":{},"at":"noon"}', '"at"'),
        ('{"from":"app","event":{},"at":true}', '"at"'),
        ('{"from":"app","event":{"type":"input_audio_buffer.append","sound_bytes":-1}}', '"sound_bytes"'),
        ('{"from":"app","event":{"type":"input_audio_buffer.append","sound_bytes":1e12}}', '"sound_bytes"'),
        ('{"from":"app","event":{"type":"input_audio_buffer.append","sound_bytes":99999999999}}', '"sound_bytes"'),
        ('{"from":"app","event":{"x":"\udcff"}}', "whole JSON"),
    ],
)
def test_a_broken_line_is_named_after_the_good_ones(broken: str, why: str):
    lines = read_lines([GOOD, "\n", broken, GOOD])
    assert next(lines).sender == "app"
    with pytest.raises(BadInput) as caught:
        next(lines)
    assert "line 3" in caught.value.sentence
    assert why in caught.value.sentence
    assert caught.value.ja is not None
    assert "3 行目" in caught.value.ja


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real services are not beside this checkout")
def test_recordings_of_real_services_survive_being_recorded_again():
    """Written by us without sound and read again, every message measures as it did."""
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            originals = list(read_lines(file))
        assert originals, path
        again = back(*[line(one.raw, one.sender, 2.0) for one in originals])
        assert [one.sender for one in again] == [one.sender for one in originals]
        for first, second in zip(originals, again, strict=True):
            before, after = read(first.raw), read(second.raw)
            assert type(before) is type(after)
            if isinstance(before, ResponseOutputAudioDelta):
                assert isinstance(after, ResponseOutputAudioDelta)
                assert payload_bytes(before.delta) == payload_bytes(after.delta)
            elif not isinstance(before, InputAudioBufferAppend):
                assert before == after


def test_what_is_nested_without_end_is_kept_as_text_and_breaks_no_reader_off():
    """Deeper than Python's stack: no service means it, and no recording may end a talk."""
    endless = "[" * 100_000 + "]" * 100_000
    assert json.loads(line(endless, "service", 0.0))["event"] == endless
    with pytest.raises(BadInput, match="line 1: it is not one whole JSON object"):
        list(read_lines([f'{{"from":"service","event":{endless}}}']))
    deep = '{"type":"x","y":' + "[" * 700 + "]" * 700 + "}"
    assert json.loads(line(deep, "service", 0.0))["event"] == deep
    with pytest.raises(BadInput, match="line 1: it is nested too deep"):
        list(read_lines([f'{{"from":"service","event":{deep}}}']))


def test_a_type_that_is_none_is_written_down_like_everything():
    for type_ in ([], {}, 7, None):
        text = line(json.dumps({"type": type_, "audio": "QUJD"}), "app", 0.0)
        assert json.loads(text)["event"] == {"type": type_, "audio": "", "sound_bytes": 3}
        assert json.loads(back(text)[0].raw) == {"type": type_, "audio": "AAAA"}
