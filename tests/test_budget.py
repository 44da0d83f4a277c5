"""Limits as users write them, and what one session may use."""

from __future__ import annotations

import pytest

from laconic.budget import Budget, Limit, budget, limits, shown
from laconic.errors import BadInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$2", Limit("nanodollars", 2_000_000_000)),
        ("$0.05", Limit("nanodollars", 50_000_000)),
        ("$ .5", Limit("nanodollars", 500_000_000)),
        ("$0.000000001", Limit("nanodollars", 1)),
        ("$5/day", Limit("nanodollars", 5_000_000_000, "day")),
        ("$1_000 / month", Limit("nanodollars", 1_000_000_000_000, "month")),
        ("50000 tokens", Limit("tokens", 50_000)),
        ("50_000 tokens/day", Limit("tokens", 50_000, "day")),
        ("1 token", Limit("tokens", 1)),
        ("30 min", Limit("ms", 1_800_000)),
        ("2.5min", Limit("ms", 150_000)),
        ("10 minutes/day", Limit("ms", 600_000, "day")),
    ],
)
def test_a_limit_is_a_whole_number_of_its_unit(text: str, expected: Limit) -> None:
    assert limits(text) == (expected,)


def test_several_limits_stand_with_commas_between_them() -> None:
    assert limits("$2, $5/day,50000 tokens") == (
        Limit("nanodollars", 2_000_000_000),
        Limit("nanodollars", 5_000_000_000, "day"),
        Limit("tokens", 50_000),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "2 dollars",
        "¥200",
        "$",
        "$0",
        "$0.00",
        "$-2",
        "0 tokens",
        "1.5 tokens",
        "$2/week",
        "$0.0000000001",
        "_ tokens",
        "$2,",
        "30 minuten",
        "2 h",
        "$２",
        "$1.2.3",
        "$.",
        "0.000001 min",
    ],
)
def test_anything_else_is_refused_with_the_forms_that_are_known(text: str) -> None:
    with pytest.raises(BadInput, match=r"\$5/day") as refused:
        limits(text)
    assert "30 min" in refused.value.say("ja")


def test_the_same_limit_twice_is_refused() -> None:
    """Which of the two would hold?"""
    with pytest.raises(BadInput, match="twice"):
        limits("$2, $3")
    assert len(limits("$2, $3/day")) == 2


def test_a_time_that_is_no_whole_part_of_a_minute_comes_back_to_the_millisecond() -> None:
    for ms in (1, 1_000, 7, 59_999):
        assert limits(str(Limit("ms", ms))) == (Limit("ms", ms),)


@pytest.mark.parametrize("text", ["$2", "$0.05/day", "$0.000000001", "50000 tokens", "30 min", "2.5 min/month"])
def test_a_limit_is_written_the_way_it_is_read(text: str) -> None:
    assert ", ".join(map(str, limits(text))) == text


def test_a_budget_is_limits_and_what_becomes_of_the_talk_at_the_end() -> None:
    assert budget("$2, 30 min") == Budget(limits=limits("$2, 30 min"))
    written = Budget(limits=limits("$2"), end="close", goodbye=False)
    assert budget(written) is written


def test_a_session_alone_cannot_keep_a_limit_for_a_day() -> None:
    with pytest.raises(BadInput, match="several sessions") as refused:
        budget("$2/day")
    assert "/day" in refused.value.say("ja")


def test_the_goodbye_is_said_in_the_language_of_the_talk_or_in_ones_own_words_or_not_at_all() -> None:
    assert "Goodbye" in (Budget().farewell or "")
    assert "ありがとう" in (Budget(lang="ja").farewell or "")
    assert Budget(lang="fr").farewell == Budget().farewell
    assert Budget(goodbye="So long.").farewell == "So long."
    assert Budget(goodbye=False).farewell is None


def test_an_amount_is_shown_as_a_human_writes_it() -> None:
    assert shown(1_230_000_000, "nanodollars") == "$1.23"
    assert shown(50_000, "tokens") == "50,000 tokens"
    assert shown(750_000, "ms") == "12.5 min"
    assert shown(1_800_000, "ms") == "30 min"
