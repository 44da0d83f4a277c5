"""The talk, filling the terminal: the conversation scrolling, how things stand, and the bill at the bottom.

The page is laid out by the page itself (`Page.rows`); textual gets finished rows and draws the visible ones, so an
hour's talk costs no more per beat than its first minute. The view follows the newest line unless the reader has
scrolled back.

A terminal tells when a key goes down but not when it is let go. So push to talk is two presses, one to speak and
one to send, and the bottom row says so.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, TextIO

from laconic import events as ev
from laconic.errors import BadInput
from laconic.session import Notice
from laconic.terminal.page import Kind, Page, Row
from laconic.voice.playout import Played
from laconic.voice.talk import Talk

try:
    from rich.segment import Segment
    from rich.style import Style
    from textual.app import App, ComposeResult
    from textual.binding import Binding, BindingType
    from textual.geometry import Size
    from textual.scroll_view import ScrollView
    from textual.strip import Strip
    from textual.widgets import Static
except ImportError as error:
    raise BadInput(
        "the full-screen view needs the screen extra; install it with: pip install 'laconic[screen]', or use --plain",
        ja="全画面表示には追加パッケージが必要です。pip install 'laconic[screen]' を実行してください。",
    ) from error

__all__ = ["Screen"]


_STYLES: dict[Kind, Style] = {
    "user": Style(color="bright_cyan", bold=True),
    "assistant": Style(color="bright_green", bold=True),
    "system": Style(color="yellow"),
    "tool": Style(color="magenta"),
    "notice": Style(dim=True),
}
_DIM = Style(dim=True)


class Transcript(ScrollView, can_focus=False):
    """The page's rows, drawn as they are."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._rows: list[Row] = []

    def refresh_page(self) -> None:
        """Lay the page out again; stay at the end if the end was in sight."""
        width = max(self.scrollable_content_region.width, 20)
        rows = self._page.rows(width)
        if rows == self._rows:
            return
        at_end = self.scroll_offset.y >= self.max_scroll_y - 1
        self._rows = rows
        self.virtual_size = Size(width, len(rows))
        self.refresh()
        if at_end:
            self.scroll_end(animate=False)

    def on_resize(self) -> None:
        self.refresh_page()

    def render_line(self, y: int) -> Strip:
        number = self.scroll_offset.y + y
        width = self.size.width
        if number >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[number]
        name, text = row.text[: row.label], row.text[row.label :]
        base = self.rich_style + _DIM if row.dim else self.rich_style
        strip = Strip([Segment(name, base + _STYLES[row.kind]), Segment(text, base)])
        return strip.adjust_cell_length(width, self.rich_style)


class Screen(App[None]):
    """A view that fills the terminal. Run the talk inside `showing()`."""

    CSS = """
    Transcript { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    #status { height: 1; padding: 0 1; background: $panel; color: $text; text-style: bold; }
    #bill { height: 2; padding: 0 1; background: $panel; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "press", priority=True),
        Binding("m", "mute"),
        Binding("q", "end"),
        Binding("ctrl+c", "end", priority=True),
        Binding("ctrl+q", "end", priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, page: Page, bill: Callable[[], str], *, push_to_talk: bool = False) -> None:
        super().__init__()
        self.page = page
        self._talk: Talk | None = None
        self._bill = bill
        self._push_to_talk = push_to_talk
        self._status = "connecting"
        self._transcript = Transcript(page)
        self._status_row = Static(id="status", markup=False)
        self._bill_row = Static(id="bill", markup=False)

    def compose(self) -> ComposeResult:
        yield self._transcript
        yield self._status_row
        yield self._bill_row

    def obey(self, talk: Talk) -> None:
        """From now on the keys are this talk's."""
        self._talk = talk

    @asynccontextmanager
    async def showing(self, talk: Talk, *, headless: bool = False) -> AsyncGenerator[None]:
        """The terminal is ours inside and given back afterwards, whatever happens."""
        self.obey(talk)
        running = asyncio.create_task(self.run_async(headless=headless), name="screen")
        running.add_done_callback(lambda _: talk.end())  # a talk nobody sees any more is over
        try:
            yield
        finally:
            self.exit()
            await running

    # --- what the talk loop tells ----------------------------------------------------------------------------

    def event(self, event: ev.Event, now: float) -> None:
        self.page.event(event)

    def notice(self, notice: Notice, now: float) -> None:
        self.page.notice(notice)

    def heard(self, played: Played, now: float, *, stopped: bool = False) -> None:
        self.page.heard(played, stopped=stopped)

    def status(self, status: str, now: float) -> None:
        self._status = status

    def tick(self, now: float) -> None:
        """Draw what has changed."""
        self.page.tick()
        if not self.is_running or not self._transcript.is_attached:
            return
        self._transcript.refresh_page()
        self._status_row.update(self._status_line())
        self._bill_row.update(self._bill())

    def _status_line(self) -> str:
        words = self.page.words
        keys = [("space", "key_push")] if self._push_to_talk else []
        keys += [("m", "key_mute"), ("q", "key_end")]
        shown = "   ".join(f"{key} {words(what)}" for key, what in keys)
        return f"● {words(self._status)}   {shown}"

    def close(self, out: TextIO) -> None:
        """The talk is over and the terminal given back: leave the conversation standing on it."""
        self.page.close()
        for row in self.page.rows(shutil.get_terminal_size().columns):
            out.write(row.text.rstrip() + "\n")

    # --- keys ------------------------------------------------------------------------------------------------

    def action_press(self) -> None:
        if self._talk is not None:
            self._talk.press()

    def action_mute(self) -> None:
        if self._talk is not None:
            self._talk.mute()

    def action_end(self) -> None:
        if self._talk is not None:
            self._talk.end()
