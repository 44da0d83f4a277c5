"""The plain printer: each line once, in order, and never garbled."""

from __future__ import annotations

import asyncio
import os
from io import StringIO
from typing import cast

import pytest
from said import Told

from laconic.terminal.lines import PATIENCE_S, Lines
from laconic.voice.talk import Talk


class Printed(Told):
    """A conversation whose page is printed; `out` is what has been printed since it was last asked."""

    def __init__(self, memory: str = "everything", *, columns: int | None = None, dim: bool = False) -> None:
        super().__init__(memory)
        self._out = StringIO()
        self.lines = Lines(self.page, lambda: "the bill", self._out, columns=columns, dim=dim)
        self.view = self.lines

    def out(self, *, after_s: float = 0.0) -> str:
        self.now += after_s
        self.lines.tick(self.now)
        return self._taken()

    def end(self) -> str:
        self.lines.close(self._out)
        return self._taken()

    def _taken(self) -> str:
        text = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return text

    def reply(self, words: str, ms: int = 100) -> None:
        self.reply_began("a", "u")
        self.reply_words("a", words)
        self.reply_sound("a", ms)


def test_a_line_is_printed_once_and_whole() -> None:
    talk = Printed()
    talk.user_spoke("u", None)
    assert talk.out() == ""
    talk.user_words("u", "Hello.")
    assert talk.out() == "you     Hello.\n"
    assert talk.out() == ""


def test_a_reply_is_printed_when_it_was_heard_with_the_bill_behind_it() -> None:
    talk = Printed()
    talk.user_spoke("u", None)
    talk.user_words("u", "Hello.")
    talk.reply("Good morning.")
    talk.reply_done("a", "Good morning.")
    assert talk.out() == "you     Hello.\n"
    talk.heard("a", 100)
    assert talk.out() == "reply   Good morning.\n        · the bill\n"


def test_a_reply_waits_for_the_words_it_answers() -> None:
    talk = Printed()
    talk.user_spoke("u", None)
    talk.reply("Good morning.")
    talk.reply_done("a", "Good morning.")
    talk.heard("a", 100)
    assert talk.out() == ""
    assert talk.out(after_s=PATIENCE_S - 0.1) == ""
    talk.user_words("u", "Hello.")
    assert talk.out().splitlines()[:2] == ["you     Hello.", "reply   Good morning."]


def test_words_later_than_the_patience_are_marked_as_said_earlier() -> None:
    talk = Printed()
    talk.user_spoke("u", None)
    talk.reply("Good morning.")
    talk.reply_done("a", "Good morning.")
    talk.heard("a", 100)
    assert talk.out() == ""
    assert talk.out(after_s=PATIENCE_S).splitlines()[0] == "reply   Good morning."
    talk.user_words("u", "Hello.")
    assert talk.out() == "you, earlier  Hello.\n"


def test_patience_begins_with_the_replys_first_words() -> None:
    """A user who speaks for a minute is not overtaken by a dim notice behind his line."""
    talk = Printed()
    talk.says("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u")
    talk.page.note("something")
    assert talk.out() == ""
    assert talk.out(after_s=60.0) == ""


def test_a_cut_off_reply_is_printed_as_it_was_heard() -> None:
    talk = Printed()
    talk.user_spoke("u", None)
    talk.user_words("u", "Go on.")
    talk.reply("one two three four", ms=4000)
    talk.out()
    talk.heard("a", 2000, of=4000, stopped=True)
    talk.reply_done("a", "one two", status="cancelled")
    assert talk.out().splitlines()[0] == "reply   one two [cut off after 2.0 s]"


def test_on_a_terminal_words_stream_and_the_mark_follows() -> None:
    talk = Printed(columns=80)
    talk.user_spoke("u", None)
    talk.user_words("u", "Go on.")
    talk.reply("one two", ms=4000)
    assert talk.out() == "you     Go on.\nreply   one"
    talk.reply_words("a", " three")
    assert talk.out() == " two"
    assert talk.out() == ""
    talk.heard("a", 2400, of=4000, stopped=True)
    talk.reply_done("a", "one two", status="cancelled")
    assert talk.out().splitlines()[0] == " [cut off after 2.4 s]"


def test_on_a_terminal_a_cut_off_reply_says_at_which_words() -> None:
    """It has shown more than was heard; what is printed is never taken back."""
    talk = Printed(columns=120)
    talk.user_spoke("u", None)
    talk.user_words("u", "Go on.")
    talk.reply("one two three four five six seven eight nine ten", ms=4000)
    talk.out()
    talk.heard("a", 2000, of=4000, stopped=True)
    talk.reply_done("a", "one two", status="cancelled")
    assert talk.out().splitlines()[0] == " [cut off after 2.0 s, at “one two three four five”]"


def test_on_a_terminal_rows_break_between_words_while_they_stream() -> None:
    talk = Printed(columns=30)
    talk.user_spoke("u", None)
    talk.user_words("u", "Go on.")
    talk.reply("The lighthouse stood", ms=4000)
    assert talk.out() == "you     Go on.\nreply   The lighthouse"
    talk.reply_words("a", " there for a hund")
    assert talk.out() == " stood\n        there for a"
    talk.reply_words("a", "red years.")
    talk.reply_done("a", "The lighthouse stood there for a hundred years.")
    talk.heard("a", 4000)
    assert talk.out().startswith(" hundred\n        years.\n")


def test_on_a_terminal_a_line_that_ends_otherwise_is_printed_again() -> None:
    talk = Printed(columns=80)
    talk.user_spoke("u", None)
    talk.says("conversation.item.input_audio_transcription.delta", item_id="u", delta="Hallo you")
    assert talk.out() == "you     Hallo"
    talk.user_words("u", "Hello you.")
    assert talk.out() == "\nyou     Hello you.\n"


def test_a_streaming_row_is_closed_before_another_line() -> None:
    talk = Printed(columns=80)
    talk.user_spoke("u", None)
    talk.says("conversation.item.input_audio_transcription.delta", item_id="u", delta="Hello th")
    talk.out()
    talk.reply("Good morning.")
    assert talk.out() == ""
    assert talk.out(after_s=PATIENCE_S) == "\nreply   Good"
    talk.user_words("u", "Hello.")
    assert talk.out() == ""  # the reply's row is still open: nothing comes between
    talk.reply_done("a", "Good morning.")
    talk.heard("a", 100)
    assert talk.out() == " morning.\n        · the bill\n"
    assert talk.end() == "you, earlier  Hello.\n"


@pytest.mark.parametrize(("dim", "expected"), [(True, "\x1b[2m        · note\x1b[0m\n"), (False, "        · note\n")])
def test_notices_are_dim_only_where_asked(dim: bool, expected: str) -> None:
    talk = Printed(dim=dim)
    talk.page.note("note")
    assert talk.out() == expected


def test_the_end_prints_what_is_left_in_order() -> None:
    talk = Printed()
    talk.user_spoke("u", None)
    talk.reply("one two three four", ms=2000)
    talk.heard("a", 1000, of=2000)
    assert talk.end() == "you     (1.5 s spoken, no transcript)\nreply   one two [cut off after 1.0 s]\n"


def test_an_empty_reply_is_no_line() -> None:
    talk = Printed()
    talk.user_spoke("u", None)
    talk.user_words("u", "Hm.")
    talk.reply_began("a", "u")
    talk.reply_done("a", "", status="cancelled")
    assert talk.out().splitlines()[:1] == ["you     Hm."]
    assert "reply" not in talk.end()


class Keys:
    """A talk as far as its keys go."""

    push_to_talk = True

    def __init__(self) -> None:
        self.pressed: asyncio.Queue[str] = asyncio.Queue()

    def press(self) -> None:
        self.pressed.put_nowait("press")

    def end(self) -> None:
        self.pressed.put_nowait("end")


async def test_enter_is_the_push_to_talk_key_of_a_plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """And Ctrl-D hangs up."""
    ours, theirs = os.openpty()
    keys = Keys()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        async with Printed().lines.showing(cast(Talk, keys)), asyncio.timeout(2):
            for typed, meant in ((b"\n", "press"), (b"\n", "press"), (b"\x04", "end")):
                os.write(ours, typed)
                assert await keys.pressed.get() == meant
    os.close(ours)


@pytest.mark.parametrize("columns", [None, 80])
def test_what_the_service_says_gives_the_terminal_no_orders(columns: int | None) -> None:
    """Words, errors and notices come from elsewhere; an escape sequence in them would be obeyed."""
    printed = Printed("last:1", columns=columns)
    printed.user_spoke("u", None)
    printed.user_words("u", "Hello\x1b[2J\x07 there.")
    printed.says("error", error={"message": "no\x1b]0;title\x07 more"})
    out = printed.out() + printed.end()
    assert "Hello[2J there." in out
    assert "no]0;title more" in out
    assert "\x1b" not in out
    assert "\x07" not in out
