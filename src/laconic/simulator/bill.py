"""The stand-in's own bill: what each of its responses reports as usage.

It counts by the laws the real services were seen to follow (COST.md sections 2 to 4): the whole input again at every
response, old replies without their sound where the laws say so, a prefix read from cache as far as the prompt
cache promises and as often as the hit rate allows. It remembers what it generated, as the real one does, because a
reply is read again at the size it was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from laconic.items import Item
from laconic.laws import Laws
from laconic.prompt_cache import PromptCache, Segment
from laconic.tokens import (
    Tokens,
    arguments_read_again,
    generated_tokens,
    instructions_tokens,
    item_tokens,
    text_tokens,
    tools_tokens,
)
from laconic.usage import Usage

__all__ = ["Bill"]


class Bill:
    """The counts of one session.

    `hits` draws from [0, 1) once for each response: below the laws' hit rate, what the cache promises is read from
    it, else nothing. Sessions that share a `cache` hit each other's instructions, tools and texts.
    """

    def __init__(self, laws: Laws, *, hits: Callable[[], float], cache: PromptCache | None = None) -> None:
        self._laws = laws
        self._hits = hits
        self._cache = PromptCache(laws.cache_block) if cache is None else cache
        self._generated: dict[str, Tokens] = {}
        self._made_by: dict[str, int] = {}
        self._counted: set[str] = set()
        self._responses = 0

    def respond(
        self,
        *,
        instructions: str,
        tools: Sequence[Mapping[str, Any]],
        items: Sequence[Item],
        generated: Sequence[Item],
        in_conversation: bool = True,
        output: Sequence[Tokens] | None = None,
    ) -> Usage:
        """The usage of a response that read `items` and made `generated`, cut short or not.

        `output` says how many tokens each generated item took, where that is known; else it is estimated. A response
        outside the conversation is billed like any other; its items are never read again.
        """
        made = [generated_tokens(item, self._laws) for item in generated] if output is None else list(output)
        prompt = self._prompt(instructions, tools, items)
        read = sum((segment.tokens for segment in prompt), Tokens())
        cached = self._cache.promised(prompt) if self._hits() < self._laws.hit_rate else Tokens()
        self._responses += 1
        if in_conversation:
            self._keep(generated, made)
        reply = [segment for item in generated for segment in self._segments(item, fresh=True)]
        self._cache.remember([*prompt, *reply])
        written = sum(made, Tokens())
        return Usage(
            text_in=read.text,
            audio_in=read.audio,
            image_in=read.image,
            cached_text=cached.text,
            cached_audio=cached.audio,
            cached_image=cached.image,
            text_out=written.text,
            audio_out=written.audio,
        )

    def generated(self, item: Item) -> int:
        """Output tokens of `item` as far as it has been made."""
        tokens = generated_tokens(item, self._laws)
        return tokens.text + tokens.audio

    def text(self, text: str) -> int:
        """Tokens of a text."""
        return text_tokens(text)

    def _keep(self, generated: Sequence[Item], made: Sequence[Tokens]) -> None:
        """Remember the size of what was made. The framing comes once for a response, not once for each of its
        items: 401 = 347 + 36 + 2 + 16 for a message and a call (recording openai-2.1-tool-call)."""
        for item, tokens in zip(generated, made, strict=True):
            shared = 0 if item is generated[-1] else self._laws.reply_framing
            self._generated[item.id] = Tokens(max(0, tokens.text - shared), tokens.audio, tokens.image)
            self._made_by[item.id] = self._responses

    def _prompt(self, instructions: str, tools: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> list[Segment]:
        """The input in its order: instructions, tools, items."""
        if not self._laws.bills_whole_input:
            new = [item for item in items if item.id not in self._counted]
            self._counted.update(item.id for item in items)
            told = (item for item in new if item.type == "message" and item.role != "assistant")
            return [segment for item in told for segment in self._segments(item)]
        head = [Segment(("instructions", instructions), Tokens(instructions_tokens(instructions, self._laws)))]
        if tools:
            head.append(Segment(("tools", json.dumps(list(tools))), Tokens(tools_tokens(tools, self._laws))))
        sounding = None if self._laws.keeps_reply_audio else self._newest_sound(items)
        return head + [
            segment
            for item in items
            for segment in self._segments(item, dropped=sounding is not None and not self._sounds(item, sounding))
        ]

    def _newest_sound(self, items: Sequence[Item]) -> int | str | None:
        """Which reply keeps its sound: the newest that has any. A reply is all that one response made."""
        spoken = (item for item in reversed(items) if item.role == "assistant" and _has_sound(item))
        return next((self._made_by.get(item.id, item.id) for item in spoken), None)

    def _sounds(self, item: Item, newest: int | str) -> bool:
        return item.role != "assistant" or not _has_sound(item) or self._made_by.get(item.id, item.id) == newest

    def _segments(self, item: Item, *, dropped: bool = False, fresh: bool = False) -> list[Segment]:
        """One item as the prompt cache compares it. `fresh` is the item as it was made, before it is read again."""
        tokens = item_tokens(item, self._laws, generated=self._generated, sound_dropped=dropped)
        if item.type == "function_call":
            # A call read again may have lost its blanks, but it begins the same: 64 tokens were cached of 63 and a
            # call (recording azure-ga-tool-call). So what was made and what is read differ in the second half only.
            again = arguments_read_again(item, self._laws)
            head = max(0, tokens.text - text_tokens(again))
            shown = (item.arguments or "") if fresh else again
            return [
                Segment(("call", item.name, item.call_id), Tokens(head)),
                Segment(("arguments", shown), Tokens(tokens.text - head)),
            ]
        return [Segment(_fingerprint(item, dropped), tokens)]


def _has_sound(item: Item) -> bool:
    return any(part.kind == "output_audio" for part in item.parts)


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
