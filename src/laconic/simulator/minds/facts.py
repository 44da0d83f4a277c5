"""A mind that knows what it was told, as long as the telling is in the conversation.

It reads the items it is given from first to last, collects what the user says of himself ("My name is …", "I live
in …", "Please remember that …", 私の名前は…です), and answers questions about it. When none of them says it any more,
it says that it does not know. Everything else is small talk. Asked in the instructions for a summary, it writes one
of what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from laconic.simulator.minds import english, japanese
from laconic.simulator.minds.reading import known
from laconic.simulator.minds.reply import HeardItem, Reply, language, last_said
from laconic.simulator.minds.small_talk import SmallTalk
from laconic.simulator.minds.summing_up import summary

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
        if re.search(r"\bsummar(?:y|i[sz]e)|要約", instructions, re.IGNORECASE):
            return Reply(text=summary(items, lang), lang=lang)
        tongue = japanese if lang == "ja" else english
        reply = tongue.answer(said, known(items), instructions)
        return reply or self._small_talk.answer(items, instructions, tools, lang)
