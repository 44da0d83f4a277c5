"""The full-screen view, headless: what stands on it, that it follows, and what its keys do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import StringIO
from typing import cast, get_args

import pytest
from said import Told
from textual.pilot import Pilot

from laconic.terminal.columns import width_of
from laconic.terminal.screen import Screen
from laconic.terminal.words import Language
from laconic.voice.talk import Status, Talk


class Shown(Told):
    """A conversation on a screen of 80 × 24."""

    def __init__(self, *, push_to_talk: bool = False) -> None:
        super().__init__()
        self.screen = Screen(self.page, lambda: "$0.0123 · the bill", push_to_talk=push_to_talk)
        self.view = self.screen

    def text(self) -> list[str]:
        """The rows as a reader sees them."""
        size = self.screen.size
        strips = self.screen.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]
        assert size.width == 80
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


class Keys:
    """What a talk does with its keys, written down."""

    def __init__(self) -> None:
        self.pressed: list[str] = []

    def end(self) -> None:
        self.pressed.append("end")

    def mute(self) -> None:
        self.pressed.append("mute")

    def press(self) -> None:
        self.pressed.append("press")


@asynccontextmanager
async def running(*, push_to_talk: bool = False) -> AsyncGenerator[tuple[Shown, Pilot[None]]]:
    shown = Shown(push_to_talk=push_to_talk)
    async with shown.screen.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        shown.screen.tick(0.0)
        await pilot.pause()
        yield shown, pilot
        shown.screen.exit()


async def drawn(shown: Shown, pilot: Pilot[None]) -> list[str]:
    shown.screen.tick(0.0)
    await pilot.pause()
    return shown.text()


async def test_conversation_status_and_bill_are_on_the_screen() -> None:
    async with running() as (shown, pilot):
        shown.exchange(1, None)
        shown.page.note("forgotten: something")
        shown.screen.status("listening", 0.0)
        rows = await drawn(shown, pilot)
        assert [row.strip() for row in rows[:3]] == [
            "you     question 1",
            "reply   answer 1",
            "forgotten: something",
        ]
        assert rows[21].strip() == "● listening   m microphone on/off   q end"
        assert rows[22].strip() == "$0.0123 · the bill"


async def test_a_streaming_line_changes_in_place() -> None:
    async with running() as (shown, pilot):
        shown.user_spoke("u", None)
        shown.reply_began("a", "u")
        shown.reply_words("a", "Good")
        first = await drawn(shown, pilot)
        shown.reply_words("a", " morning")
        shown.user_words("u", "Hello.")
        second = await drawn(shown, pilot)
        assert [row.strip() for row in first[:2]] == ["you     …", "reply   Good"]
        assert [row.strip() for row in second[:2]] == ["you     Hello.", "reply   Good morning"]


async def test_a_long_talk_scrolls_and_follows_its_end() -> None:
    async with running() as (shown, pilot):
        after = None
        for number in range(1, 31):
            after = shown.exchange(number, after)
            await drawn(shown, pilot)
        rows = await drawn(shown, pilot)
        assert "answer 30" in rows[20]
        assert not any("question 1 " in row for row in rows)


async def test_a_reader_who_has_scrolled_back_is_left_there() -> None:
    async with running() as (shown, pilot):
        after = None
        for number in range(1, 31):
            after = shown.exchange(number, after)
        await drawn(shown, pilot)
        shown.screen.query_one("Transcript").scroll_home(animate=False)
        rows = await drawn(shown, pilot)
        assert "question 1" in rows[0]
        shown.exchange(31, after)
        assert "question 1" in (await drawn(shown, pilot))[0]


@pytest.mark.parametrize(("key", "does"), [("q", "end"), ("ctrl+c", "end"), ("m", "mute"), ("space", "press")])
async def test_keys(key: str, does: str) -> None:
    async with running(push_to_talk=True) as (shown, pilot):
        keys = Keys()
        shown.screen.obey(cast(Talk, keys))
        await pilot.press(key)
        assert keys.pressed == [does]


async def test_push_to_talk_says_that_the_key_is_pressed_twice() -> None:
    async with running(push_to_talk=True) as (shown, pilot):
        shown.screen.status("press", 0.0)
        row = (await drawn(shown, pilot))[21]
        assert "space speak, send" in row


async def test_the_terminal_is_given_back_whatever_happens() -> None:
    shown, keys = Shown(), Keys()

    async def broken_talk() -> None:
        async with shown.screen.showing(cast(Talk, keys), headless=True):
            shown.screen.tick(0.0)  # before the first draw: nothing to draw on yet
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken_talk()
    assert not shown.screen.is_running
    assert keys.pressed == ["end"]


def test_the_conversation_stays_on_the_terminal_afterwards() -> None:
    shown, out = Shown(), StringIO()
    shown.exchange(1, None)
    shown.screen.close(out)
    assert out.getvalue() == "you     question 1\nreply   answer 1\n"


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("status", get_args(Status))
def test_every_key_is_told_on_80_columns(lang: Language, status: Status) -> None:
    """The last one ends the talk: it must not fall off the row's end, whatever stands before it."""
    screen = Screen(Told(lang=lang).page, lambda: "", push_to_talk=True)
    screen.status(status, 0.0)
    assert width_of(screen._status_line()) <= 78  # pyright: ignore[reportPrivateUsage]
