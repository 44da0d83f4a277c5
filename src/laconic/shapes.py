"""The shape that the things inside an event must have before anybody looks into them.

Sessions, items, parts and responses stay plain dicts in events.py, because most of what is in them only passes
through. The little that is read of them is declared here, once, so that the conversation, the meter and the
memory may rely on it: a service (or whatever answers at the address) that puts a number where an object belongs
is not understood there, which is no reason to break down. An event that holds such a thing is read as `Unknown`.

Everything may be absent or null; fields that are not named here may be anything.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["SHAPES"]

Object = dict[str, Any] | None
Words = str | None


class _Part(msgspec.Struct):
    type: Words = None
    text: Words = None
    transcript: Words = None


class _Item(msgspec.Struct):
    type: str = "message"
    id: Words = None
    role: Words = None
    status: Words = None
    content: list[_Part] | None = None
    call_id: Words = None
    name: Words = None
    arguments: Words = None
    output: Words = None


class _Parameters(msgspec.Struct):
    properties: Object = None


class _Tool(msgspec.Struct):
    parameters: _Parameters | None = None


class _Response(msgspec.Struct):
    id: Words = None
    status: Words = None
    output: list[_Item] | None = None
    input: list[_Item] | None = None  # of an app's own response: items, and references to them
    usage: Object = None
    metadata: Object = None
    conversation_id: Words = None
    output_modalities: list[str] | None = None
    modalities: list[str] | None = None
    instructions: Words = None
    tools: list[_Tool] | None = None


class _Format(msgspec.Struct):
    type: Words = None
    rate: float | None = None


class _Transcription(msgspec.Struct):
    model: Words = None


class _Side(msgspec.Struct):
    format: _Format | None = None
    transcription: _Transcription | None = None
    turn_detection: Object = None


class _Audio(msgspec.Struct):
    input: _Side | None = None
    output: _Side | None = None


class _Session(msgspec.Struct):
    model: Words = None
    audio: _Audio | None = None
    turn_detection: Object = None  # beta's, as is the next
    input_audio_transcription: _Transcription | None = None
    instructions: Words = None
    tools: list[_Tool] | None = None


SHAPES: dict[str, Any] = {"session": _Session, "item": _Item, "response": _Response | None, "part": _Part | None}
"""What `msgspec.convert` must be able to make of an event's field of this name."""
