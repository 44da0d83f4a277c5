"""What the summarising model is told: everything that must be kept, and how long it may be, in two languages."""

from __future__ import annotations

import pytest

from laconic.summary_prompt import summary_instructions

MUST_KEEP = {
    "en": ["name", "number", "date", "place", "likes", "promises", "questions still open", "asked to remember",
           "User", "Assistant", "earlier summary", "180 words"],
    "ja": ["名前", "数字", "日付", "場所", "好み", "約束", "答えの出ていない質問", "覚えておくように", "ユーザー",
           "アシスタント", "前の要約", "300字"],
}  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_everything_to_keep_is_asked_for(lang: str) -> None:
    told = summary_instructions(lang, 300)
    assert [words for words in MUST_KEEP[lang] if words not in told] == []
    assert "{" not in told
    assert told == "\n".join(line.rstrip() for line in told.splitlines()) + "\n"


def test_other_languages_are_asked_in_english() -> None:
    assert summary_instructions("de", 300) == summary_instructions("en", 300)
    assert "the language of the conversation" in summary_instructions("de", 300)


def test_the_length_follows_the_limit() -> None:
    assert "60 words" in summary_instructions("en", 100)
