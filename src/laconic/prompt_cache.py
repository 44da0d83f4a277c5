"""Which part of a prompt will be read from cache.

The law, as recorded (COST.md section 3): what a service may read from cache is the longest common prefix of
this input with an earlier one and what that one generated. It is one prefix with two counters, text and audio,
each rounded down to whole blocks of 64 tokens; images are not rounded. A hit is possible, never promised, so
nothing here says that it will happen.

The prefix is compared in whole segments: instructions, tools, then each item, an item in more than one segment
where part of it may change while the beginning stays (a call and its arguments). One recorded row hit inside a
turn of sound that was new (notebook, turn 2: 256 audio tokens where 235 were old); we have no rule for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from laconic.tokens import Tokens

__all__ = ["PromptCache", "Segment", "common_prefix", "promised", "whole_blocks"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt that is the same or is not."""

    fingerprint: Hashable
    """Equal for equal content and only then; whoever makes the segment chooses it."""
    tokens: Tokens


def common_prefix(previous: Sequence[Segment], current: Sequence[Segment]) -> Tokens:
    """Count the segments from the front that both have, in tokens of `current`."""
    tokens = Tokens()
    for old, new in zip(previous, current, strict=False):
        if old.fingerprint != new.fingerprint:
            break
        tokens += new.tokens
    return tokens


def promised(previous: Sequence[Segment], current: Sequence[Segment], block: int = 64) -> Tokens:
    """Count what may be read from cache after `previous` (an input and what it generated) has been seen."""
    return whole_blocks(common_prefix(previous, current), block)


class PromptCache:
    """The prompts a service still remembers, of one session or of all that share a key.

    Responses with other instructions, and other sessions, have lines of their own; the best one counts. How long a
    service remembers is unknown (hits after 4.5 h, misses after 5 s), so only the number of lines is bounded.
    """

    def __init__(self, block: int = 64, lines: int = 16) -> None:
        self._block = block
        self._lines: deque[tuple[Segment, ...]] = deque(maxlen=lines)

    def promised(self, current: Sequence[Segment]) -> Tokens:
        """Count what may be read from cache for `current`: the longest prefix any remembered line offers."""
        prefixes = (common_prefix(line, current) for line in self._lines)
        longest = max(prefixes, key=lambda prefix: prefix.text + prefix.audio + prefix.image, default=Tokens())
        return whole_blocks(longest, self._block)

    def forget(self) -> None:
        """Nothing is remembered any longer."""
        self._lines.clear()

    def remember(self, line: Sequence[Segment]) -> None:
        """Keep an input with what it generated."""
        self._lines.append(tuple(line))


def whole_blocks(prefix: Tokens, block: int) -> Tokens:
    """Round a prefix down to what a cache of such blocks holds of it."""
    return Tokens(prefix.text // block * block, prefix.audio // block * block, prefix.image)
