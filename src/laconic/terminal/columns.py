"""Text laid into columns of a terminal, where a Japanese character takes two of them and an accent none.

Latin words are kept whole where they fit; between wide characters a line may end anywhere, only not right before
closing punctuation, which would look lost at the start of a line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["clip", "plain", "tail", "whole", "width_of", "wrap"]

_NOT_FIRST = frozenset("、。，．・：；？！）］｝」』】〉》ーっゃゅょッャュョ々,.:;?!)]}”’")


@lru_cache(maxsize=4096)
def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width_of(text: str) -> int:
    """How many terminal columns `text` takes."""
    return sum(map(_width, text))


def plain(text: str) -> str:
    """`text` without control characters, runs of white space as one space.

    What a service says is shown on somebody's terminal: an escape sequence in it would be obeyed there.
    """
    kept = text if text.isprintable() else "".join(c for c in text if c.isspace() or unicodedata.category(c) != "Cc")
    return " ".join(kept.split())


def clip(text: str, width: int) -> str:
    """`text` on one row of at most `width` columns, with an ellipsis where something was left out."""
    text = plain(text)
    if width_of(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        used += _width(character)
        if used > width - 1:
            break
        kept += character
    return kept.rstrip() + "…"


def tail(text: str, width: int) -> str:
    """The end of `text` in at most `width` columns, with an ellipsis where something was left out."""
    return clip(text[::-1], width)[::-1]


def whole(text: str) -> str:
    """`text` without its last word (or last wide character), which more text might still change or move."""
    pieces = list(_pieces(plain(text)))
    return "".join(" " * spaced + piece for piece, spaced in pieces[:-1])


@lru_cache(maxsize=4096)
def wrap(text: str, width: int) -> tuple[str, ...]:
    """`text`, made plain, in rows of at most `width` columns; at least one row."""
    rows: list[str] = []
    row, used = "", 0
    for piece, spaced in _pieces(plain(text)):
        gap = 1 if spaced and row else 0
        needed = width_of(piece)
        if row and used + gap + needed > width:
            rows.append(row)
            row, used, gap = "", 0, 0
        while needed > width:  # a word longer than a row is broken where the row ends
            head = _head(piece, width)
            rows.append(head)
            piece = piece[len(head) :]
            needed = width_of(piece)
        row += " " * gap + piece
        used += gap + needed
    return (*rows, row) if row or not rows else tuple(rows)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """What must not be broken, each with whether a space stood before it."""
    for number, word in enumerate(text.split(" ")):
        piece, spaced = "", number > 0
        for character in word:
            breakable = piece and character not in _NOT_FIRST and (_width(character) == 2 or _width(piece[-1]) == 2)
            if breakable:
                yield piece, spaced
                piece, spaced = "", False
            piece += character
        if piece:
            yield piece, spaced


def _head(piece: str, width: int) -> str:
    """The longest beginning of `piece`, which is wider than `width`, that fits; never empty."""
    end, used = 0, 0
    while used + _width(piece[end]) <= width:
        used += _width(piece[end])
        end += 1
    return piece[: max(end, 1)]
