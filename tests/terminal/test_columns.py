"""Text in terminal columns: Latin, Japanese, both, and words that do not fit."""

from __future__ import annotations

from itertools import pairwise

import pytest

from laconic.terminal.columns import clip, plain, tail, whole, width_of, wrap


@pytest.mark.parametrize(
    ("text", "width"),
    [("hello", 5), ("こんにちは", 10), ("ﾊﾝｶｸ", 4), ("e\u0301", 1), ("a\u200bb", 2), ("", 0), ("日本 go", 7)],
)
def test_width_in_columns(text: str, width: int) -> None:
    assert width_of(text) == width


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    """Escape sequences, bells and C1 controls lose what makes them commands; white space becomes a space."""
    evil = "one\x1b[2J\x07 two\r\n\tthree\x9b31m \x00four"
    assert plain(evil) == "one[2J two three31m four"
    assert wrap(evil, 80) == (plain(evil),)
    assert clip(evil, 80) == plain(evil)
    assert plain("e\u0301 日本 👩\u200d🚀") == "e\u0301 日本 👩\u200d🚀"


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


def test_tail_is_clip_from_the_other_side() -> None:
    assert tail("hello there", 20) == "hello there"
    assert tail("hello there", 6) == "…there"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("one", ""), ("one two", "one"), ("ありがとう", "ありがと"), ("今日はvery go", "今日はvery")],
)
def test_whole_leaves_out_what_may_still_change(text: str, expected: str) -> None:
    assert whole(text) == expected


def test_what_is_whole_keeps_its_rows_when_more_comes() -> None:
    """A row shown once never has to be taken back."""
    text = "今日はとても良い天気ですね、と supercalifragilistic さんは言いました。So we went out, all of us."
    rows = ["\n".join(wrap(whole(text[:end]), 12)) for end in range(1, len(text))]
    assert all(later.startswith(earlier) for earlier, later in pairwise(rows))
