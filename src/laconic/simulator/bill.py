"""The stand-in's own bill: what each of its responses reports as usage.

It counts by the laws the real services were seen to follow (COST.md sections 2 to 4): the whole input again at every
response, old replies without their sound where the laws say so, a prefix read from cache as far as the prompt
cache promises and as often as the hit rate allows. It remembers what it generated, as the real one does, because a
reply is read again at the size it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from laconic.items import Item
from laconic.laws import Laws
from laconic.layout import Layout
from laconic.prompt_cache import PromptCache, Segment
from laconic.tokens import Tokens, generated_tokens, text_tokens
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
        self._layout = Layout(laws)
        self._counted: set[str] = set()

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
        prompt = self._read(instructions, tools, items)
        read = sum((segment.tokens for segment in prompt), Tokens())
        cached = self._cache.promised(prompt) if self._hits() < self._laws.hit_rate else Tokens()
        if in_conversation:
            self._layout.made(generated, made)
        self._cache.remember([*prompt, *self._layout.fresh(generated)])
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

    def sizes(self, items: Sequence[Item]) -> list[int]:
        """Tokens each of these items would add to an input made of them."""
        newest = self._layout.newest_sound(reversed(items))
        blocks = (self._layout.block(item, newest).tokens for item in items)
        return [tokens.text + tokens.audio + tokens.image for tokens in blocks]

    def room(self, instructions: str, tools: Sequence[Mapping[str, Any]]) -> int:
        """How many tokens of items the model can take: its context without the longest reply, instructions and tools
        (PROTOCOL.md section 10)."""
        return self._layout.room(self._layout.head(instructions, tools))

    def generated(self, item: Item) -> int:
        """Output tokens of `item` as far as it has been made."""
        tokens = generated_tokens(item, self._laws)
        return tokens.text + tokens.audio

    def text(self, text: str) -> int:
        """Tokens of a text."""
        return text_tokens(text)

    def forget(self) -> None:
        """Nothing of what was read so far is in the cache any longer."""
        self._cache.forget()

    def _read(self, instructions: str, tools: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> list[Segment]:
        if self._laws.bills_whole_input:
            return self._layout.whole(instructions, tools, items)
        new = [item for item in items if item.id not in self._counted]
        self._counted.update(item.id for item in items)
        return self._layout.news(new)
