"""How the prompt of a response is laid out: instructions, tools and items, in the segments a prompt cache compares.

Whoever bills (the stand-in) and whoever foresees a bill (expectation.py) lay out the same prompt by the same laws.
What a service generated is read again at the size it was made, so the layout remembers what each reply took; and
where a service lets old sound go, it knows which reply is the newest that has any.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from laconic.items import Item
from laconic.laws import Laws
from laconic.prompt_cache import Segment
from laconic.tokens import (
    Tokens,
    arguments_read_again,
    framing,
    instructions_tokens,
    item_tokens,
    text_tokens,
    tools_tokens,
)

__all__ = ["Block", "Layout"]


@dataclass(frozen=True, slots=True)
class Block:
    """One item as it stands in a prompt."""

    item_id: str
    segments: tuple[Segment, ...]
    tokens: Tokens
    framing: str | None
    """The law (a field of `Laws`) whose tokens were added to the item's words; None where none was."""
    user_ms: int = 0
    """The user's sound, milliseconds; the assistant's is not in it."""
    reply: int | str | None = None
    """Which reply's sound this is: equal for all that one response made. None where it is no reply with sound."""
    reply_audio: int = 0
    """Audio tokens of a spoken reply while its sound is there, whether or not it still is."""
    discount: int = 0
    """Text tokens this reply loses, or has lost, together with its sound."""
    dropped: bool = False


class Layout:
    """Lays out prompts by `laws`, which may be replaced by others at any time; what was `made` is kept."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws
        self._generated: dict[str, Tokens] = {}
        self._made_by: dict[str, int] = {}
        self._unframed: set[str] = set()
        self._responses = 0

    def made(self, items: Sequence[Item], tokens: Sequence[Tokens]) -> None:
        """A response put these items into the conversation and took so many output tokens for each.

        The framing comes once for a response, not once for each of its items: 401 = 347 + 36 + 2 + 16 for a message
        and a call (recording openai-2.1-tool-call).
        """
        self._responses += 1
        for item, count in zip(items, tokens, strict=True):
            self._generated[item.id] = count
            self._made_by[item.id] = self._responses
        self._unframed.update(item.id for item in items[:-1])

    def forget(self, item_id: str) -> None:
        """The item will never be read again."""
        self._generated.pop(item_id, None)
        self._made_by.pop(item_id, None)
        self._unframed.discard(item_id)

    # --- the parts of a prompt -------------------------------------------------------------------------------

    def head(self, instructions: str | None, tools: Sequence[Mapping[str, Any]]) -> list[Segment]:
        """What stands before the first item. The service's own instructions where there are none."""
        head = [Segment(("instructions", instructions), Tokens(instructions_tokens(instructions, self.laws)))]
        if tools:
            head.append(Segment(("tools", json.dumps(list(tools))), Tokens(tools_tokens(tools, self.laws))))
        return head

    def room(self, head: Iterable[Segment]) -> int:
        """How many tokens of items the model can take behind this head: its context without the longest reply
        (PROTOCOL.md section 10), which is 32,000 of 128,000 and 4,096 of less (rates.toml, `max_output`)."""
        context = self.laws.context_tokens
        return context - (32_000 if context >= 128_000 else 4_096) - sum(part.tokens.text for part in head)

    def reply_of(self, item: Item) -> int | str | None:
        """Which reply's sound an item is; None where it has none."""
        if item.role != "assistant" or not any(part.kind == "output_audio" for part in item.parts):
            return None
        return self._made_by.get(item.id, item.id)

    def newest_sound(self, backwards: Iterable[Item]) -> int | str | None:
        """The newest reply that has sound, of items given from the last to the first."""
        return next((reply for reply in map(self.reply_of, backwards) if reply is not None), None)

    def block(self, item: Item, newest: int | str | None = None) -> Block:
        """One item. `newest` is the reply whose sound stays where that of older ones does not."""
        reply = self.reply_of(item)
        whole = self._tokens(item)
        dropped = reply is not None and reply != newest and not self.laws.keeps_reply_audio
        silent = self._tokens(item, sound_dropped=True) if reply is not None else whole
        tokens = silent if dropped else whole
        return Block(
            item.id,
            tuple(self._segments(item, tokens, dropped)),
            tokens,
            self._framing(item),
            user_ms=0 if item.role == "assistant" else item.audio_ms,
            reply=reply,
            reply_audio=whole.audio if reply is not None else 0,
            discount=whole.text - silent.text,
            dropped=dropped,
        )

    def whole(
        self, instructions: str | None, tools: Sequence[Mapping[str, Any]], items: Sequence[Item]
    ) -> list[Segment]:
        """The input in its order, for services that read it whole."""
        newest = self.newest_sound(reversed(items))
        return self.head(instructions, tools) + [
            segment for item in items for segment in self.block(item, newest).segments
        ]

    def news(self, items: Iterable[Item]) -> list[Segment]:
        """The input where only what the user told since the last response is counted (xAI)."""
        told = (item for item in items if item.type == "message" and item.role != "assistant")
        return [segment for item in told for segment in self.block(item).segments]

    def fresh(self, items: Iterable[Item]) -> list[Segment]:
        """Items as they were made, before any of them is read again."""
        return [segment for item in items for segment in self._segments(item, self._tokens(item), fresh=True)]

    # --- one item --------------------------------------------------------------------------------------------

    def _tokens(self, item: Item, *, sound_dropped: bool = False) -> Tokens:
        tokens = item_tokens(item, self.laws, generated=self._generated, sound_dropped=sound_dropped)
        if item.id in self._unframed and not _cut(item):
            return Tokens(max(0, tokens.text - self.laws.reply_framing), tokens.audio, tokens.image)
        return tokens

    def _framing(self, item: Item) -> str | None:
        law = framing(item)
        return None if law == "reply_framing" and item.id in self._unframed else law

    def _segments(self, item: Item, tokens: Tokens, dropped: bool = False, *, fresh: bool = False) -> list[Segment]:
        """One item as the prompt cache compares it. `fresh` is the item as it was made, before it is read again."""
        if item.type == "function_call":
            # A call read again may have lost its blanks, but it begins the same: 64 tokens were cached of 63 and a
            # call (recording azure-ga-tool-call). So what was made and what is read differ in the second half only.
            again = arguments_read_again(item, self.laws)
            head = max(0, tokens.text - text_tokens(again))
            shown = (item.arguments or "") if fresh else again
            return [
                Segment(("call", item.name, item.call_id), Tokens(head)),
                Segment(("arguments", shown), Tokens(tokens.text - head)),
            ]
        return [Segment(_fingerprint(item, dropped), tokens)]


def _cut(item: Item) -> bool:
    """Whether this is a reply that was cut short: then its transcript is gone."""
    return item.role == "assistant" and any(part.is_audio and part.text is None for part in item.parts)


def _fingerprint(item: Item, dropped: bool) -> tuple[object, ...]:
    """What makes an item the same: its words, but for sound its id and length. The transcript of a user's turn is
    no part of the input, and arrives when it likes."""
    parts = tuple(
        (part.kind, item.id, part.audio_ms, part.text if item.role == "assistant" else None)
        if part.is_audio
        else (part.kind, part.text)
        for part in item.parts
    )
    return item.type, item.role, parts, item.call_id, item.output, dropped
