"""The table of sentences: complete in both languages, and the small formats beside it."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from laconic.terminal.words import TABLE, Words, minutes, seconds

SOURCES = Path(__file__).parents[2] / "src" / "laconic"


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("key", TABLE)
def test_both_languages_take_the_same_values(key: str) -> None:
    """A sentence without its translation, or with another set of values, would fail at the worst moment."""
    english, japanese = TABLE[key]
    assert english.strip()
    assert japanese.strip()
    assert placeholders(english) == placeholders(japanese)


def test_every_sentence_asked_for_is_there() -> None:
    """A missing one would only show when it is to be said."""
    files = [*SOURCES.glob("terminal/*.py"), *SOURCES.glob("cli/talk*.py")]
    sources = "".join(path.read_text(encoding="utf-8") for path in files)
    asked = re.findall(r"""(?:words|say)\(\s*"(\w+)\"""", sources)
    assert len(asked) > 30
    assert set(asked) <= set(TABLE)


def test_a_sentence_is_filled_in_the_language_chosen() -> None:
    assert Words("en")("cut_off", seconds="1.2") == "[cut off after 1.2 s]"
    assert Words("ja")("cut_off", seconds="1.2") == "［1.2秒で中断］"


def test_durations() -> None:
    assert [seconds(ms) for ms in (0, 99, 1_250, 61_999)] == ["0.0", "0.0", "1.2", "61.9"]
    assert [minutes(s) for s in (0.0, 59.9, 61.0, 3_725.0)] == ["0:00", "0:59", "1:01", "62:05"]
