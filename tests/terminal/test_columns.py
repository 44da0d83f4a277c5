"""Text in terminal columns: Latin, Japanese, both, and words that do not fit."""

from __future__ import annotations

import pytest

from laconic.terminal.columns import clip, width_of, wrap


@pytest.mark.parametrize(
    ("text", "width"),
    [("hello", 5), ("こんにちは", 10), ("ﾊﾝｶｸ", 4), ("e\u0301", 1), ("a\u200bb", 2), ("", 0), ("日本 go", 7)],
)
def test_width_in_columns(text: str, width: int) -> None:
    assert width_of(text) == width


def test_words_are_kept_whole() -> None:
    assert wrap("the quick brown fox jumps", 11) == ("the quick", "brown fox", "jumps")


def test_a_row_may_be_exactly_full() -> None:
    assert wrap("abcde fghij", 5) == ("abcde", "fghij")


def test_wide_characters_break_anywhere() -> None:
    assert wrap("東京都の天気を教えて", 8) == ("東京都の", "天気を教", "えて")


def test_no_row_begins_with_closing_punctuation() -> None:
    """The full stop would be alone at the start of a row: it takes the character before it along."""
    assert wrap("ありがとう。", 10) == ("ありがと", "う。")


def test_mixed_text() -> None:
    assert wrap("今日はvery goodです", 10) == ("今日はvery", "goodです")


def test_a_word_longer_than_a_row_is_broken() -> None:
    assert wrap("go https://example.org/x now", 10) == ("go", "https://ex", "ample.org/", "x now")


def test_white_space_is_one_space_and_nothing_is_one_empty_row() -> None:
    assert wrap("  a \n b  ", 10) == ("a b",)
    assert wrap("", 10) == ("",)


@pytest.mark.parametrize("width", [2, 3, 7, 20, 80])
def test_rows_never_exceed_their_width_and_lose_nothing(width: int) -> None:
    text = "Mein Name ist Rudi、それは本当に supercalifragilistic、かな。 ok"
    rows = wrap(text, width)
    assert all(width_of(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


def test_clip_leaves_room_for_its_ellipsis() -> None:
    assert clip("hello there", 20) == "hello there"
    assert clip("hello there", 8) == "hello t…"
    assert clip("こんにちは", 7) == "こんに…"
