"""A mind that knows what it was told, as long as the telling is in the conversation.

It reads the items it is given from first to last, collects what the user says of himself ("My name is …", "I live
in …", "Please remember that …", 私の名前は…です), and answers questions about it. It reads what a service would read:
the user's items, its own earlier replies, and notes written into the conversation, as a dialogue ("User: …") or as a
summary ("The user's name is …"). When none of them says it any more, it says that it does not know.
Everything else is small talk. Asked in the instructions for a summary, it writes one of what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from laconic.simulator.minds import english, japanese
from laconic.simulator.minds.known import Known
from laconic.simulator.minds.reply import HeardItem, Reply, joined, language, last_said
from laconic.simulator.minds.small_talk import SmallTalk

__all__ = ["Facts", "known"]


class Facts:
    """Answers from what the conversation tells of the user; small talk about all else."""

    def __init__(self) -> None:
        self._small_talk = SmallTalk()

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        said = last_said(items)
        lang = lang or language(said or instructions)
        tongue = japanese if lang == "ja" else english
        if re.search(r"\bsummar(?:y|i[sz]e)|要約", instructions, re.IGNORECASE):
            said_so_far = [text for role, text in _texts(items) if role == "user"]
            return Reply(text=tongue.summary(known(items), said_so_far), lang=lang)
        reply = tongue.answer(said, known(items), instructions)
        return reply or self._small_talk.answer(items, instructions, tools, lang)


def known(items: Sequence[HeardItem]) -> Known:
    """Everything the items tell; later ones win."""
    found = Known()
    for role, text in _texts(items):
        for speaker, words in _dialogue(text) if role == "system" else [(role, text)]:
            found.learn((japanese if language(words) == "ja" else english).told(words, speaker))
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


_SPEAKERS = {
    "user": r"user|caller|human|ユーザー|利用者|話者",
    "assistant": r"assistant|model|ai|アシスタント|応答",
}
_SPEAKER = re.compile(rf"(?:^|(?<=[\s。.!?]))({'|'.join(_SPEAKERS.values())})\s*[:：]\s*", re.IGNORECASE)


def _dialogue(text: str) -> list[tuple[str, str]]:
    """A note as (speaker, words): what stands under "User:" was said by the user, the rest is about him."""
    pieces = _SPEAKER.split(text)
    found = [("note", pieces[0])]
    for label, words in zip(pieces[1::2], pieces[2::2], strict=True):
        speaker = "user" if re.fullmatch(_SPEAKERS["user"], label, re.IGNORECASE) else "assistant"
        found.append((speaker, words))
    return [(speaker, words.strip()) for speaker, words in found if words.strip()]
