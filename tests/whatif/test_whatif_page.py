"""The page: self-contained, whole, and saying what the stories say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from talks import TABLE, case, story, talk

from laconic.currencies import DOLLARS, currency
from laconic.whatif.compare import by_the_minute, tell
from laconic.whatif.page import page
from laconic.whatif.turns import Talk

SERVICES = by_the_minute(TABLE, "USD")


class Tags(HTMLParser):
    """Checks that what is opened is closed, and gathers the words."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opened and closed at once."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> str:
    """All words of a page, once it is known to be whole."""
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    return " ".join(tags.words)


def test_nothing_is_fetched() -> None:
    """No address in it at all."""
    html = page([story(), story(hit_rate=0.5)], SERVICES, DOLLARS)
    assert not re.search(r"https?://|src=|@import|url\(", html)


def test_what_auto_chose_is_told_beside_it() -> None:
    told = tell(talk(5.0), case(), ["auto", "written"])
    words = read(page([told], SERVICES, DOLLARS))
    assert "auto (summary)" in words
    assert "written (" not in words


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_memory_is_told_with_its_cost_and_multiple(lang: str) -> None:
    """In the table, and beside its lines; the floor and the minute-billed too."""
    words = read(page([story()], SERVICES, DOLLARS, lang=lang))
    for outcome in story().outcomes:
        assert outcome.multiple is not None
        assert DOLLARS.show(outcome.cost) in words
        assert f"{outcome.multiple:.2f}×" in words
        assert f"{outcome.memory} {DOLLARS.show(outcome.cost)}" in words
    assert "1.00×" in words
    assert "gpt-live-1" in words
    assert "20 / 20" in words


def test_cases_can_be_chosen_where_there_are_several() -> None:
    """One section each; a single one needs no choosing."""
    several = page([story(), story(hit_rate=0.5)], [], DOLLARS)
    assert several.count("<section") == several.count("<option") == 2
    assert "<select>" not in page([story()], [], DOLLARS)


def test_money_is_in_the_reader_s_currency() -> None:
    """Everywhere."""
    yen = currency("JPY", "155")
    html = page([story()], SERVICES, yen)
    shown = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    assert "$" not in shown
    assert yen.show(story().floor) in shown


def test_names_are_escaped_and_silence_is_shown() -> None:
    """A recording's name is anybody's; a talk in which nothing was said has nothing to divide by."""
    told = tell(Talk("<b>&", (), 0), case(), ["everything", "summary"])
    words = read(page([told], SERVICES, DOLLARS))
    assert "<b>&" in words
    assert "–" in words


def test_a_memory_has_its_colour_on_every_page() -> None:
    """A second of its kind gets a free one, and when none is free colours come round again."""
    few = page([tell(talk(1.0), case(), ["summary", "last:5", "written", "last:9"])], [], DOLLARS)
    for name, colour in (("summary", "c5"), ("last:5", "c1"), ("written", "c4"), ("last:9", "c8")):
        assert f'<i class="dot {colour}"></i>{name}<' in few
    names = [f"last:{number}" for number in range(1, 12)]
    many = page([tell(talk(1.0), replace(case(), summary_rates=None), names)], [], DOLLARS)
    assert {f"c{number}" for number in range(9)} == set(re.findall(r"dot (c\d)", many))
