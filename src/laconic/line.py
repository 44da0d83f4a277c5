"""A prompt that grows: what it is made of, what it sums up to, and what of it the previous one shares.

Between two responses a conversation mostly grows at its end. So a prompt is kept block by block and is taken back only
as far as something changed; sums follow each block that comes or goes, and nobody counts what lies before. What leaves
the front leaves an empty place, and what lies behind it is not counted again either. Blocks are kept as counted by the
laws the line began with; what framing has become larger by since then is known by its law. Adding, leaving, taking
back and other framing cost the same however long the line is; the prefix costs the blocks since the last response, or
those before the first place that was left.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from laconic.contents import Contents
from laconic.layout import Block
from laconic.prompt_cache import Segment, common_prefix
from laconic.tokens import Tokens

__all__ = ["Line"]


class Line:
    """A prompt block by block, and what it sums up to. It can be taken back to any block and go on from there.

    It also knows how much of it the previous prompt shares: the first `shared` blocks, and behind them `tail`. Blocks
    that the service has let go stay in their places, with nothing in them.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.place: dict[str, int] = {}
        self.spoken: list[int] = []
        """Places of the blocks with a reply's sound, dropped or not."""
        self.tokens = Tokens()
        self.shared = 0
        self.tail: list[Segment] = []
        self.broken = False
        """Its front has changed since the previous prompt: nothing is shared."""
        self.gone: set[str] = set()
        """Items the service no longer reads, though the conversation holds them."""
        self.left = 0
        """Blocks whose items left the conversation. They stay in their places, empty, until half of all are such."""
        self._shrunk: int | None = None  # the first place a block left from, since the previous prompt
        self._first = 0  # no block before this one has anything in it
        self._framings: Counter[str] = Counter()
        self._larger: Counter[str] = Counter()  # by how much, for each law of framing, since the line began
        self._user_ms = self._user_sounds = self._reply_audio = self._discount = 0

    def add(self, block: Block) -> None:
        """Put a block at the end."""
        if block.item_id in self.gone:
            block = _emptied(block)
        if larger := self._larger.get(block.framing or ""):
            block = replace(block, tokens=block.tokens - Tokens(larger))
        self.place[block.item_id] = len(self.blocks)
        if block.reply is not None:
            self.spoken.append(len(self.blocks))
        self.blocks.append(block)
        self._sum(block, 1)

    def cut(self, length: int) -> None:
        """Take it back to its first `length` blocks."""
        if length < self.shared:
            end = self.shared if self._shrunk is None else self._shrunk
            self.tail = [
                *(part for block in self.blocks[length:end] for part in block.segments),
                *(self.tail if self._shrunk is None else ()),
            ]
            self.shared = length
            self._shrunk = None if self._shrunk is None or self._shrunk >= length else self._shrunk
        while len(self.blocks) > length:
            block = self.blocks.pop()
            if self.place.get(block.item_id) != len(self.blocks):
                self.left -= 1
                continue
            del self.place[block.item_id]
            if block.reply is not None:
                self.spoken.pop()
            self._sum(block, -1)
        self._first = min(self._first, length)

    def leave(self, item_id: str) -> None:
        """An item the previous prompt had left the conversation. What lies before it is still shared, and the cost is
        that of this one block."""
        place = self.place.pop(item_id)
        self._sum(self.blocks[place], -1)
        if self.blocks[place].reply is not None:
            del self.spoken[bisect_left(self.spoken, place)]
        self.blocks[place] = _emptied(self.blocks[place])
        self.left += 1
        self._shrunk = place if self._shrunk is None else min(self._shrunk, place)

    def reframe(self, larger: Mapping[str, int]) -> None:
        """Laws of framing have become so much larger. Blocks no prompt has read are taken back, to be laid anew."""
        self.cut(self.shared)
        self._larger.update(larger)
        text = sum(by * self._framings[law] for law, by in larger.items())
        self.tokens += Tokens(text)

    def counted(self, block: Block) -> Tokens:
        """What a block of the line comes to by the laws in force."""
        return block.tokens + Tokens(self._larger.get(block.framing or "", 0))

    def oldest(self) -> Iterator[int]:
        """The places of the blocks that are read, from the front."""
        self._skip()
        yield from (place for place in range(self._first, len(self.blocks)) if self._read(place))

    def let_go(self, place: int) -> None:
        """The service no longer reads this block, though the conversation still holds the item."""
        block = self.blocks[place]
        self._sum(block, -1)
        self.blocks[place] = _emptied(block)
        self.gone.add(block.item_id)
        self.broken = True

    def read(self) -> None:
        """A response reads all of it; what it generates is to be put into `tail`."""
        self.shared, self.tail, self.broken, self._shrunk = len(self.blocks), [], False, None
        if self.left > len(self.blocks) // 2:
            self._close_up()

    def previous(self) -> list[Segment]:
        """The previous prompt, and what was generated."""
        return [part for block in self.blocks[: self.shared] for part in block.segments] + self.tail

    def prefix(self) -> Tokens:
        """What it has in common with the previous prompt, from the first block on."""
        if self.broken:
            return Tokens()
        if self._shrunk is not None:
            self._skip()
            return sum(map(self.counted, self.blocks[self._first : self._shrunk]), Tokens())
        new = self.blocks[self.shared :]
        count = sum(map(self.counted, new), Tokens())
        old = Tokens(self.tokens.text - count.text, self.tokens.audio - count.audio, self.tokens.image - count.image)
        return old + common_prefix(self.tail, [part for block in new for part in block.segments])

    def contents(self, head: Sequence[Segment], framings: Mapping[str, int]) -> Contents:
        """What laws learn from, behind this head; `framings` are the head's own."""
        newest = self.blocks[self.spoken[-1]].reply if self.spoken else None
        audio = discount = 0
        for place in reversed(self.spoken):
            if self.blocks[place].reply != newest:
                break
            audio, discount = audio + self.blocks[place].reply_audio, discount + self.blocks[place].discount
        return Contents(
            head=tuple(part.fingerprint for part in head),
            framings={**self._framings, **framings},
            user_ms=self._user_ms,
            user_sounds=self._user_sounds,
            reply_audio=self._reply_audio,
            newest_reply_audio=audio,
            discount=self._discount - discount,
        )

    def _read(self, place: int) -> bool:
        block = self.blocks[place]
        return self.place.get(block.item_id) == place and block.item_id not in self.gone

    def _skip(self) -> None:
        while self._first < len(self.blocks) and not self._read(self._first):
            self._first += 1

    def _close_up(self) -> None:
        """Let go of the empty places, all of them being shared."""
        self.blocks = [block for place, block in enumerate(self.blocks) if self.place.get(block.item_id) == place]
        self.place = {block.item_id: place for place, block in enumerate(self.blocks)}
        self.spoken = [place for place, block in enumerate(self.blocks) if block.reply is not None]
        self.shared, self.left, self._first = len(self.blocks), 0, 0

    def _sum(self, block: Block, sign: int) -> None:
        tokens = self.counted(block)
        self.tokens += Tokens(sign * tokens.text, sign * tokens.audio, sign * tokens.image)
        if block.framing is not None:
            self._framings[block.framing] += sign
        if block.user_ms:
            self._user_ms += sign * block.user_ms
            self._user_sounds += sign
        self._reply_audio += sign * block.reply_audio
        self._discount += sign * block.discount


def _emptied(block: Block) -> Block:
    return replace(block, segments=(), tokens=Tokens(), framing=None, user_ms=0, reply_audio=0, discount=0)
