"""What the conversation holds: its items in order, their sound, and what of it can be understood.

This is the truth a mirror elsewhere has to infer. The rules for create, delete, truncate and retrieve are those of
PROTOCOL.md section 7. Where they are unknown we chose, and say so: an item still being generated may be deleted (its
response goes on and nobody hears of the item again) but not truncated.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, cast

from laconic import rejections
from laconic.items import Item, Wire
from laconic.simulator.rejected import Rejected
from laconic.simulator.sound import BYTES_PER_MS, decoded

__all__ = ["Held", "Sounding", "copied"]

_LONGEST_ID = 32
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_CONTENT = {
    "user": ("input_text", "input_audio", "input_image"),
    "system": ("input_text",),
    "assistant": ("output_text",),
}
"""What may be created; a reply's sound cannot be (SDK)."""
_OTHER_TYPES = ("mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response")


@dataclass(slots=True)
class Sounding:
    """The sound of one content part, and the words in it as far as anybody can make them out."""

    pcm: bytes = b""
    """PCM16, 24 kHz."""
    words: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Pieces of the words, joined as they stand, each with the millisecond at which it has been said."""

    def text(self, until_ms: int | None = None) -> str:
        return "".join(piece for piece, end_ms in self.words if until_ms is None or end_ms <= until_ms).strip()


class Held:
    """The items of the default conversation. `understand` says what is said in a user's sound; None if unclear."""

    def __init__(self, ids: Callable[[str], str], understand: Callable[[bytes], str | None]) -> None:
        self._ids = ids
        self._understand = understand
        self.items: list[Item] = []
        self._sounds: dict[str, dict[int, Sounding]] = {}
        self._pictures: dict[str, dict[int, Wire]] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def get(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def place(self, item_id: str) -> int | None:
        """Where in the order an item stands; None if it is not held."""
        return next((place for place, item in enumerate(self.items) if item.id == item_id), None)

    @property
    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    def previous_id(self, item_id: str) -> str | None:
        place = self.place(item_id)
        return self.items[place - 1].id if place else None

    def append(self, item: Item) -> str | None:
        """Add an item of the service's own; its predecessor's id."""
        previous = self.last_id
        self.items.append(item)
        return previous

    def hear(self, item_id: str, pcm: bytes, said: str | None) -> None:
        """Keep a user's sound and what was understood of it."""
        words = [(said, len(pcm) // BYTES_PER_MS)] if said else []
        self._sounds[item_id] = {0: Sounding(pcm, words)}

    def say(self, item_id: str, content_index: int, sounding: Sounding) -> None:
        """Keep the sound of a reply, all that has been made so far."""
        self._sounds.setdefault(item_id, {})[content_index] = sounding

    def create(self, wire: object, previous: str | None, sound_kind: str) -> Item:
        """Put a client's item where it asks for: None at the end, `root` first, else behind that id."""
        wanted: object = cast(Wire, wire).get("id") if isinstance(wire, dict) else None
        if isinstance(wanted, str) and self.get(wanted) is not None:
            raise Rejected.of(rejections.duplicate_item(wanted))
        item = self.read(wire, sound_kind)
        place = len(self.items)
        if previous == "root":
            place = 0
        elif previous is not None:
            if (before := self.place(previous)) is None:
                self.forget(item.id)
                raise Rejected.of(rejections.unknown_previous_item(previous))
            place = before + 1
        self.items.insert(place, item)
        return item

    def read(self, wire: object, sound_kind: str) -> Item:
        """An item as a client wrote it, checked, its sound measured and kept. Raises Rejected."""
        if not isinstance(wire, dict):
            raise Rejected.missing("item")
        given = cast(Wire, wire)
        for key in ("id", "type", "role", "call_id", "name", "arguments", "output"):
            if not isinstance(given.get(key), str | None):
                raise Rejected.value(f"item.{key}", given[key], "Expected a string.")
        item_id = given.get("id") or self._ids("item")
        if len(item_id) > _LONGEST_ID:
            raise Rejected(
                "string_above_max_length",
                f"Invalid 'item.id': string too long. Expected a string with maximum length {_LONGEST_ID}, but got a "
                f"string with length {len(item_id)} instead.",
                "item.id",
            )
        kind = given.get("type")
        if kind == "message":
            _check_message(given)
        elif kind == "function_call_output":
            self._check_output(given)
        elif kind == "function_call":
            _check_call_id(given)
        elif kind not in _OTHER_TYPES:
            raise Rejected.value("item.type", kind, "Supported values are: 'message', 'function_call', …")
        if kind != "message":
            given = {key: value for key, value in given.items() if key != "content"}
        item = Item.from_wire(given | {"id": item_id})
        item.extra.pop("object", None)
        item.status = None if kind == "function_call_output" else "completed"
        for index, (part, content) in enumerate(zip(item.parts, given.get("content") or (), strict=False)):
            if part.kind == "input_audio":
                pcm = decoded(content.get("audio"), sound_kind, f"item.content[{index}].audio")
                part.audio_ms = len(pcm) // BYTES_PER_MS
                said = part.text or self._understand(pcm)
                words = [(said, part.audio_ms)] if said else []
                self._sounds.setdefault(item_id, {})[index] = Sounding(pcm, words)
            elif part.kind == "input_image":
                self._pictures.setdefault(item_id, {})[index] = content
        return item

    def delete(self, item_id: str) -> None:
        place = self.place(item_id)
        if place is None:
            raise Rejected.no_item("delete", item_id)
        del self.items[place]
        self.forget(item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut a reply to what was heard of it. Its transcript goes whole, because nobody knows where it was cut."""
        item = self.get(item_id)
        if item is None:
            raise Rejected.no_item("truncate", item_id)
        part = item.parts[content_index] if 0 <= content_index < len(item.parts) else None
        if part is None or part.kind != "output_audio" or item.in_progress or audio_end_ms <= 0:
            raise Rejected.of(rejections.not_a_reply())
        if audio_end_ms > part.audio_ms:
            raise Rejected.of(rejections.already_shorter(part.audio_ms, audio_end_ms))
        part.audio_ms = audio_end_ms
        part.text = None
        sounding = self._sounds[item_id][content_index]
        sounding.pcm = sounding.pcm[: audio_end_ms * BYTES_PER_MS]
        sounding.words = [word for word in sounding.words if word[1] <= audio_end_ms]

    def forget(self, item_id: str) -> None:
        """Let go of the sound and the pictures of an item that is gone, or was only read, for a response outside the
        conversation."""
        self._sounds.pop(item_id, None)
        self._pictures.pop(item_id, None)

    def retrieve(self, item_id: str) -> Wire:
        """The item with its sound in base64, and its pictures."""
        item = self.get(item_id)
        if item is None:
            raise Rejected.no_item("retrieve", item_id)
        wire = deepcopy(item.to_wire())
        for index, sounding in self._sounds.get(item_id, {}).items():
            wire["content"][index]["audio"] = base64.b64encode(sounding.pcm).decode()
        for index, picture in self._pictures.get(item_id, {}).items():
            wire["content"][index] |= picture
        return wire

    def as_heard(self, items: Iterable[Item]) -> list[Item]:
        """Copies in which every sound has become the words that can be heard in it: what a mind may know."""
        return [self._heard(item) for item in items if not item.in_progress]

    def _heard(self, item: Item) -> Item:
        copy = copied(item)
        for index, part in enumerate(copy.parts):
            sounding = self._sounds.get(item.id, {}).get(index)
            if part.is_audio and sounding is not None:
                part.text = sounding.text(part.audio_ms) or None
        return copy

    def _check_output(self, given: Mapping[str, Any]) -> None:
        _check_call_id(given)
        call_id = given["call_id"]
        if not any(item.type == "function_call" and item.call_id == call_id for item in self.items):
            raise Rejected(
                "invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.", "item.call_id"
            )
        if not isinstance(given.get("output"), str):
            raise Rejected.missing("item.output")


def copied(item: Item) -> Item:
    """The item as it is now, whatever becomes of it. Every response needs this of all items, so it is a quick one."""
    return replace(item, parts=[replace(part) for part in item.parts])


def _check_call_id(given: Mapping[str, Any]) -> None:
    call_id = given.get("call_id")
    if call_id is None:
        raise Rejected.missing("item.call_id")
    if not _CALL_ID.fullmatch(call_id):
        raise Rejected.value("item.call_id", call_id, "Expected a string that matches '^[a-zA-Z0-9_-]+$'.")


def _check_message(given: Mapping[str, Any]) -> None:
    role = given.get("role")
    if role not in _CONTENT:
        raise Rejected.value("item.role", role, "Supported values are: 'user', 'assistant', 'system'.")
    content = given.get("content")
    if not isinstance(content, list):
        raise Rejected.missing("item.content")
    for index, part in enumerate(cast("list[Any]", content)):
        kind: object = cast(Wire, part).get("type") if isinstance(part, dict) else None
        if kind not in _CONTENT[role]:
            wanted = ", ".join(repr(one) for one in _CONTENT[role])
            raise Rejected.value(f"item.content[{index}].type", kind, f"Supported values are: {wanted}.")
        needed = {"input_audio": "audio", "input_image": "image_url"}.get(str(kind), "text")
        if not isinstance(cast(Wire, part).get(needed), str):
            raise Rejected.missing(f"item.content[{index}].{needed}")
        if not isinstance(cast(Wire, part).get("transcript"), str | None):
            raise Rejected.value(f"item.content[{index}].transcript", part["transcript"], "Expected a string.")
