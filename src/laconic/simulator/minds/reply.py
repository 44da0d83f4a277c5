"""What a mind is given and what it gives back.

A mind is a function of the conversation as the service holds it at that moment, and of nothing else: it keeps no
memory of its own between two answers. What was deleted from the conversation is therefore really forgotten, which
is what makes an experiment on memory honest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Echo", "HeardItem", "Mind", "Reply", "language", "last_said"]


@dataclass(frozen=True, slots=True)
class HeardItem:
    """One item of the conversation, as far as the mind can know it."""

    role: str
    """`user`, `assistant`, `system`, or `tool` for function calls and their outputs."""
    text: str | None
    """The words: of a text, of a sound as it was heard, a call's arguments, an output. None if there is sound whose
    words are not known (not understood, or a reply that was truncated); empty if there is nothing at all, as a ghost
    turn may leave."""
    kind: str = "audio"
    """`audio`, `text`, `call`, `output`."""
    name: str | None = None
    """The function's name, of a call and of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    text: str
    """What is said or written; empty if there are only calls."""
    reading: str | None = None
    """The same in kana, for a synthesiser that cannot read kanji."""
    lang: str = "en"
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Functions to call: name and arguments."""
    delay_ms: int = 0
    """How long the mind thinks before it begins."""
    text_only: bool = False
    """Answer in writing although sound was asked for: the drift some models show."""


class Mind(Protocol):
    """Anything that answers. `tools` are the session's, as on the wire; `lang` forces a language."""

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply: ...


class Echo:
    """Says again what was said."""

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        said = last_said(items)
        lang = lang or language(said or instructions)
        if said:
            return Reply(text=said, lang=lang)
        if lang == "ja":
            return Reply(text="よく聞こえませんでした。", reading="よく、きこえませんでした。", lang="ja")
        return Reply(text="I did not understand that.")


def last_said(items: Sequence[HeardItem]) -> str:
    """What the user has said since the last reply: a pause may have cut it into several items."""
    pieces: list[str] = []
    for item in reversed(items):
        if item.role == "assistant" and item.kind in ("audio", "text") and item.text != "":
            break
        if item.role == "user" and item.text:
            pieces.insert(0, item.text)
    return joined(pieces)


def joined(pieces: Sequence[str]) -> str:
    """Pieces of speech as one text: with blanks between them, unless they are Japanese."""
    text = ""
    for piece in pieces:
        text += ("" if not text or language(piece) == "ja" else " ") + piece
    return text


def language(text: str) -> str:
    """`ja` if there is kana or kanji in it, else `en`."""
    return "ja" if re.search(r"[぀-ヿ一-鿿]", text) else "en"
