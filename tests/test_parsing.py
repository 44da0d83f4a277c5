"""One judge of what is JSON: what is read as an event can be taken apart, written again, and walked through."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from laconic import events as ev
from laconic.dialects import GA_NAMES
from laconic.parsing import wire
from laconic.recording import line

ODD = [
    b"1e999",
    b"-1E+400",
    b"1e-999",
    b"NaN",
    b"Infinity",
    b"-0",
    b"01",
    b"1" * 400,
    b"1" * 5_000,
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\q"',
    b'"\x01"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b"\xef\xbb\xbf1",
    b"[" * 90 + b"]" * 90,
    b"[" * 101 + b"]" * 101,
    b'{"a":' * 101 + b"1" + b"}" * 101,
    b"[" * 5_000 + b"]" * 5_000,
    b'"' + b"QUJD" * 1_200 + b'"',
    b'"' + b"QUJD" * 1_200 + b'\x01"',
    b'"' + b"QUJD" * 1_200 + b'\\q"',
    b'"' + b"QUJD" * 1_200 + b'\xff"',
    b"null",
    b"{}",
    b"[[],[]]",
]
"""Values that parsers disagree about."""

names = st.sampled_from([*ev.EVENTS, "response.audio.delta", "of.tomorrow"]).map(lambda name: json.dumps(name).encode())
keys = st.sampled_from(["response", "session", "item", "x", "delta", "audio", "event_id", "item_id", "type"]).map(
    lambda key: json.dumps(key).encode()
)
odd = st.sampled_from(ODD)
values = st.one_of(odd, names, st.builds(lambda key, value: b"{" + key + b":" + value + b"}", keys, odd))
fields = st.lists(st.tuples(keys | odd, values), max_size=4)
messages = st.builds(
    lambda name, before, after: (
        b"{" + b",".join(key + b":" + value for key, value in [*before, (b'"type"', name), *after]) + b"}"
    ),
    names | odd,
    fields,
    fields,
)


@given(raw=messages | st.binary(max_size=40))
@example(raw=b'{"type":"response.create","x":1e999}')
@example(raw=b'{"type":"response.create","response":{"max_output_tokens":1e999}}')
def test_what_is_read_as_an_event_can_be_taken_apart_and_written_again(raw: bytes) -> None:
    """Whatever it is, and whether it comes as bytes or as text: both halves agree, and nothing but ValueError comes."""
    for one in (raw, raw.decode(errors="surrogateescape")):
        event = ev.read(one)
        try:
            whole = wire(one)
        except ValueError:
            assert isinstance(event, ev.Unknown)
            assert event.reason
        else:
            assert deepcopy(whole) == wire(json.dumps(whole))
            if not isinstance(event, ev.Unknown):
                assert event.type == GA_NAMES.get(whole["type"], whole["type"])
        assert line(one if one is raw else "", "app", 0.0).endswith("\n")


def test_a_message_in_full_is_a_dict() -> None:
    assert wire('{"type":"x","more":1}') == wire(b'{"type":"x","more":1}') == {"type": "x", "more": 1}


@pytest.mark.parametrize(
    "raw", ["", "nonsense", "[1]", "7", "{", "\ufeff{}", '{"x":1e999}', '{"x":NaN}', b'{"x":"\xff"}', '{"x":"\ud800"}']
)
def test_what_is_no_json_object_is_told_so_in_our_words(raw: ev.Raw) -> None:
    """A parser's words are for whoever wrote the parser, and these may reach an app."""
    with pytest.raises(ValueError, match=r"^it is not a JSON object$"):
        wire(raw)


def test_what_is_nested_without_end_is_refused_long_before_python_s_stack_ends() -> None:
    """Brackets alone are no depth: a hundred empty arrays beside each other are a long message and no more."""
    for open_, close in (("[", "]"), ('{"a":', "}")):
        assert wire('{"x":' + open_ * 99 + "1" + close * 99 + "}")["x"]
        for levels in (100, 900, 100_000):
            with pytest.raises(ValueError, match=r"^it is (nested more than 100 levels deep|not a JSON object)$"):
                wire(('{"x":' + open_ * levels + "1" + close * levels + "}").encode())
    assert len(wire(json.dumps({"x": [[]] * 500}))["x"]) == 500


def test_how_deep_is_too_deep_does_not_depend_on_who_asks() -> None:
    """The parser's own bound is what is left of the stack: one that had read a message could not read it again."""
    raw = '{"x":' + "[" * 600 + "]" * 600 + "}"

    def asked_from(depth: int) -> bool:
        if depth:
            return asked_from(depth - 1)
        with pytest.raises(ValueError, match="it is"):
            wire(raw)
        return isinstance(ev.read(raw), ev.Unknown)

    assert asked_from(0)
    assert asked_from(300)
