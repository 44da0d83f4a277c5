"""A summary of a conversation, written out of its text and nothing else, which the facts mind can read again.

Facts first, then what the user asked to have remembered, then what was talked about; behind them, word for word, what
was said with a name or a number in it and is none of these, and what the assistant promised. An earlier summary is
text like any other, so what it holds goes into the next one. What does not fit is left out: the oldest talk first,
then the oldest words, facts last of all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from laconic.simulator.minds import english, japanese
from laconic.simulator.minds.reading import known, lists_topics, spoken, told
from laconic.simulator.minds.reply import HeardItem, language
from laconic.tokens import text_tokens

__all__ = ["summary"]

_TOPICS = 5
_BETWEEN = {"en": " / ", "ja": "／"}


def summary(items: Sequence[HeardItem], lang: str, max_tokens: int | None = None) -> str:
    """One line for each thing; at most `max_tokens` long by our own estimate."""
    what = known(items)
    facts = [_of(language(key)).about_user(key, value) for key, value in what.facts.items()]
    facts += [_of(language(note)).asked_to_remember(note) for note in what.notes]
    topics, words = _heard(items)
    topics = topics[-_TOPICS:]
    while True:
        # What stands behind a "User:" would be read as said by him, so the words of nobody come first.
        lines = [*facts, *_talked(topics, lang), *sorted(words, key=_labelled)]
        too_long = max_tokens is not None and text_tokens("\n".join(lines)) > max_tokens
        if not too_long or not lines:
            return "\n".join(lines) or _of(lang).NOTHING_SAID
        (topics or words or facts).pop(0)


def _heard(items: Sequence[HeardItem]) -> tuple[list[str], list[str]]:
    """What was talked about, and the lines to keep word for word; of everything that tells no fact, once each."""
    topics: dict[str, None] = {}
    words: dict[str, None] = {}
    for speaker, said in spoken(items):
        for sentence in _sentences(said):
            tongue = _of(language(sentence))
            if lists_topics(sentence):
                listed = re.split("|".join(_BETWEEN.values()), re.split("[:：]", sentence, maxsplit=1)[1])
                topics |= dict.fromkeys(topic.strip() for topic in listed)
            elif not told(sentence, speaker):
                if tongue.worth_keeping(sentence, promised=speaker == "assistant"):
                    words[tongue.LABELS[speaker] + sentence] = None
                elif speaker == "user":
                    topics[sentence] = None
    return list(topics), list(words)


def _sentences(words: str) -> list[str]:
    """A list of topics is one, whatever stands in it."""
    found: list[str] = []
    for line in words.splitlines():
        found += [line] if lists_topics(line) else re.split(r"(?<=[.!?])\s+|(?<=[。！？])", line)
    return [sentence.strip() for sentence in found if sentence.strip()]


def _talked(topics: Sequence[str], lang: str) -> list[str]:
    return [_of(lang).TALKED_ABOUT + _BETWEEN[lang].join(topics)] if topics else []


def _labelled(line: str) -> bool:
    return any(label and line.startswith(label) for tongue in (english, japanese) for label in tongue.LABELS.values())


def _of(lang: str):
    return japanese if lang == "ja" else english
