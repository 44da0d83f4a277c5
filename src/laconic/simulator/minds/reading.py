"""What a mind reads in a conversation: who said what, and what that tells of the user.

A service would read the user's items, its own earlier replies, and notes written into the conversation: as a dialogue
("User: …") or about him ("The user's name is …"). So is it here, whatever item the note stands in.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from laconic.simulator.minds import english, japanese
from laconic.simulator.minds.known import Known
from laconic.simulator.minds.reply import HeardItem, joined, language

__all__ = ["known", "lists_topics", "spoken", "told"]

_SPEAKERS = {
    "user": r"user|caller|human|ユーザー|利用者|話者",
    "assistant": r"assistant|model|ai|アシスタント|応答",
}
_SPEAKER = re.compile(rf"(?:^|(?<=[\s。.!?]))({'|'.join(_SPEAKERS.values())})\s*[:：]\s*", re.IGNORECASE)
_LABELLED = re.compile(rf"^(?:{'|'.join(_SPEAKERS.values())})\s*[:：]", re.IGNORECASE | re.MULTILINE)


def spoken(items: Sequence[HeardItem]) -> list[tuple[str, str]]:
    """The messages as (speaker, words), in order: `user`, `assistant`, or `note` for words about them."""
    found: list[tuple[str, str]] = []
    for role, text in _texts(items):
        found += _dialogue(text) if role == "system" or _LABELLED.search(text) else [(role, text)]
    return found


def known(items: Sequence[HeardItem]) -> Known:
    """Everything the items tell; later ones win."""
    found = Known()
    for speaker, words in spoken(items):
        for line in words.splitlines():
            if not lists_topics(line):
                found.learn(told(line, speaker))
    return found


def lists_topics(line: str) -> bool:
    """Whether a line of a summary lists what was talked about: other people's words, which tell nothing of the user."""
    return line.startswith((english.TALKED_ABOUT, japanese.TALKED_ABOUT))


@functools.lru_cache(maxsize=16_384)  # the whole conversation is read again at every reply
def told(words: str, speaker: str) -> Known:
    """What words of one speaker tell of the user. Japanese ones may have English in them: "My name is 太郎.". Not to be
    changed: it is given out again."""
    found = english.told(words, speaker)
    if language(words) == "ja":
        found.learn(japanese.told(words, speaker))
    return found


def _texts(items: Sequence[HeardItem]) -> list[tuple[str, str]]:
    """Messages as (role, words), a turn that was cut into several items put together again."""
    texts: list[tuple[str, str]] = []
    for item in items:
        if item.kind not in ("audio", "text") or not item.text:
            continue
        if item.role == "user" and texts and texts[-1][0] == "user":
            texts[-1] = ("user", joined([texts[-1][1], item.text]))
        else:
            texts.append((item.role, item.text))
    return texts


def _dialogue(text: str) -> list[tuple[str, str]]:
    """A note as (speaker, words): what stands under "User:" was said by the user, the rest is about him."""
    pieces = _SPEAKER.split(text)
    found = [("note", pieces[0])]
    for label, words in zip(pieces[1::2], pieces[2::2], strict=True):
        speaker = "user" if re.fullmatch(_SPEAKERS["user"], label, re.IGNORECASE) else "assistant"
        found.append((speaker, words))
    return [(speaker, words.strip()) for speaker, words in found if words.strip()]
