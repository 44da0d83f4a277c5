"""What a conversation is made of: items, and the parts of content an item holds.

One spelling inside: the GA names (`input_audio`, `input_text`, `output_audio`, `output_text`, `input_image`).
A beta server's `audio` and `text` are read into the same parts. An item keeps the length of its sound, never
the sound itself, and every field of an item type we do not know, so that nothing is lost by looking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

__all__ = ["Item", "Part", "Wire"]

Wire = dict[str, Any]
"""An event, item or settings object as it stands on the wire, parsed."""

_ASSISTANT_KINDS = {"audio": "output_audio", "text": "output_text"}
_OTHER_KINDS = {"audio": "input_audio", "text": "input_text"}


@dataclass(slots=True)
class Part:
    """One piece of content. Mutable: deltas and transcripts arrive later than the part does."""

    kind: str
    """`input_audio`, `output_audio`, `input_text`, `output_text`, `input_image`, or the wire's name for others."""
    text: str | None = None
    """The text of a text part; the transcript of an audio part, None while unknown or after a truncation."""
    audio_ms: int = 0
    """Length of the sound this part holds, milliseconds; 0 for text."""

    @property
    def is_audio(self) -> bool:
        return self.kind in ("input_audio", "output_audio")


@dataclass(slots=True)
class Item:
    """One item of a conversation, of any type the protocol has or will have."""

    id: str
    type: str = "message"
    """`message`, `function_call`, `function_call_output`, `mcp_list_tools`, `mcp_call`, …"""
    role: str | None = None
    """`user`, `assistant`, `system` for messages; None for all else (xAI gives calls now one role, now another)."""
    status: str | None = None
    """`in_progress`, `completed`, `incomplete`; None where the wire has none (GA function outputs)."""
    parts: list[Part] = field(default_factory=list[Part])
    call_id: str | None = None
    """What ties a function call to its output."""
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    extra: Wire = field(default_factory=dict[str, Any])
    """Fields of the wire form that have no place above, untouched (`phase`, MCP fields, …)."""

    @property
    def audio_ms(self) -> int:
        """Length of all sound this item holds, milliseconds."""
        return sum(part.audio_ms for part in self.parts)

    @property
    def text(self) -> str | None:
        """All that is known of the item in words: texts and transcripts, arguments, output. None if nothing is."""
        words = [part.text for part in self.parts if part.text is not None]
        if self.type == "function_call" and self.arguments is not None:
            words.append(f"{self.name}({self.arguments.strip()})")
        if self.output is not None:
            words.append(self.output)
        return " ".join(words) if words else None

    @property
    def in_progress(self) -> bool:
        return self.status == "in_progress"

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Item:
        """Read an item in either dialect. Missing and unknown fields are allowed; `id` may be empty in a create."""
        known = {"id", "object", "type", "role", "status", "content", "call_id", "name", "arguments", "output"}
        role = wire.get("role") if wire.get("type", "message") == "message" else None
        content = cast("Sequence[Mapping[str, Any]]", wire.get("content") or ())
        return cls(
            id=wire.get("id") or "",
            type=wire.get("type", "message"),
            role=role,
            status=wire.get("status"),
            parts=[part_from_wire(part, role) for part in content],
            call_id=wire.get("call_id"),
            name=wire.get("name"),
            arguments=wire.get("arguments"),
            output=wire.get("output"),
            extra={key: value for key, value in wire.items() if key not in known},
        )

    def to_wire(self) -> Wire:
        """The item in GA spelling, without sound, as `conversation.item.done` shows it."""
        wire: Wire = {"id": self.id, "type": self.type}
        if self.status is not None:
            wire["status"] = self.status
        if self.role is not None:
            wire["role"] = self.role
        if self.type == "message":
            wire["content"] = [part_to_wire(part) for part in self.parts]
        for key in ("name", "call_id", "arguments", "output"):
            if (value := getattr(self, key)) is not None:
                wire[key] = value
        return wire | self.extra


def part_from_wire(wire: Mapping[str, Any], role: str | None) -> Part:
    """Read one content part. The sound of an `input_audio` part is measured by whoever knows its format."""
    names = _ASSISTANT_KINDS if role == "assistant" else _OTHER_KINDS
    name: str = wire.get("type") or "unknown"
    kind = names.get(name, name)
    if kind in ("input_audio", "output_audio"):
        return Part(kind, wire.get("transcript"))
    return Part(kind, wire.get("text"))


def part_to_wire(part: Part) -> Wire:
    """Write one content part in GA spelling."""
    if part.is_audio:
        return {"type": part.kind, "transcript": part.text}
    if part.kind == "input_image":
        return {"type": part.kind}
    return {"type": part.kind, "text": part.text or ""}
