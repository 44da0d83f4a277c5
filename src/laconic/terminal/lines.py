"""The talk, printed line by line: for pipes, logs, and terminals where nothing fancier is wanted or installed.

A line is printed when nothing about it can change any more, in the order of the conversation. A reply waits for
the user's words before it, which arrive late, but no longer than three seconds from when it has words of its own;
words that come later than that are printed when they come and marked as said earlier. What is printed is never
rewritten.

On a terminal the line whose turn it is also streams: its words appear as they arrive, ten times a second, by
appending only, broken into rows between words; the last word is held back until the next shows where it ends. A
reply that is cut off has by then shown more than was heard, so the mark says at which words. If what the service
finally says of a line is not how it began, the line is printed once more.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

from laconic import events as ev
from laconic.session import Charged, Notice
from laconic.terminal.columns import plain, tail, whole, width_of, wrap
from laconic.terminal.page import Line, Page
from laconic.terminal.words import seconds
from laconic.voice.playout import Played
from laconic.voice.talk import Talk

__all__ = ["PATIENCE_S", "Lines"]

PATIENCE_S = 3.0
"""How long a reply with words waits for the transcript of what it answers, seconds."""

_QUOTED = 30
"""Columns of the last words heard that the mark of a cut-off reply repeats."""


class Lines:
    """Prints a page to `out`. `columns`: the width of the terminal that `out` is, where words stream and rows are
    wrapped; None for a pipe, where a line is a line. `dim`: notices and forgotten lines in ANSI dim.
    """

    def __init__(
        self, page: Page, bill: Callable[[], str], out: TextIO, *, columns: int | None = None, dim: bool = False
    ) -> None:
        self.page = page
        self._bill = bill
        self._out = out
        self._columns = columns
        self._dim = dim
        self._printed: set[Line] = set()
        self._skipped: set[Line] = set()
        self._open: Line | None = None
        self._shown = ""  # of the open row, as laid out
        self._shown_words = ""
        self._waiting_since: float | None = None
        self._answered: str | None = None  # the latest response

    # --- what the talk loop tells ----------------------------------------------------------------------------

    def event(self, event: ev.Event, now: float) -> None:
        self.page.event(event)
        if isinstance(event, ev.ResponseDone):
            self._answered = event.response.get("id")

    def notice(self, notice: Notice, now: float) -> None:
        """What a summary costs is on the next reply's bill, and what was free, as a ghost turn may be, on none."""
        self.page.notice(notice)
        if isinstance(notice, Charged) and notice.response_id == self._answered and _costs(notice):
            self.page.note(self._bill().partition("\n")[0])

    def heard(self, played: Played, now: float, *, stopped: bool = False) -> None:
        self.page.heard(played, stopped=stopped)

    def status(self, status: str, now: float) -> None:
        """Lines show no status: it would be old before it is read."""

    def tick(self, now: float) -> None:
        """Print what has its turn."""
        self.page.tick()
        for line in self.page.lines:
            if line in self._printed:
                continue
            if line.settled if line.kind == "assistant" else line.complete:
                if self._open is None or self._open is line or line not in self._skipped:
                    self._finish(line)
                continue
            if line not in self._skipped:
                if not self._gives_way(line, now):
                    if self._columns is not None and line.kind != "notice":
                        self._progress(line)
                    break
                self._skipped.add(line)
                self._close_row()
        self._out.flush()

    @asynccontextmanager
    async def showing(self, talk: Talk) -> AsyncGenerator[None]:
        """Where somebody sits at a terminal and pushes to talk, Enter is the key."""
        loop = asyncio.get_running_loop()
        listens = talk.push_to_talk and sys.stdin.isatty()
        if listens:
            loop.add_reader(sys.stdin, _entered, talk)
        try:
            yield
        finally:
            if listens:
                loop.remove_reader(sys.stdin)

    def close(self, out: TextIO) -> None:
        """The talk is over: print whatever is left."""
        self.page.close()
        for _ in range(2):  # what was skipped waits for the open row to end
            self.tick(float("inf"))

    # --- deciding --------------------------------------------------------------------------------------------

    def _gives_way(self, head: Line, now: float) -> bool:
        """Whether a user's line still without its words has held up the reply behind it long enough."""
        behind = self.page.lines[self.page.lines.index(head) + 1 :]
        if head.kind != "user" or not any(line.kind == "assistant" and line.words for line in behind):
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since < PATIENCE_S:
            return False
        self._waiting_since = None
        return True

    def _overtaken(self, line: Line) -> bool:
        """Whether a reply that stands behind this line was printed before it."""
        behind = self.page.lines[self.page.lines.index(line) + 1 :]
        return any(other.kind == "assistant" and other in self._printed for other in behind)

    # --- printing --------------------------------------------------------------------------------------------

    def _finish(self, line: Line) -> None:
        if self._open is line:
            words = self._shown_words if line.cut else line.words
            laid_out = self._laid_out(line, f"{words} {self._mark(line)}")
            if laid_out.startswith(self._shown):
                self._out.write(laid_out[len(self._shown) :])
            else:
                self._out.write("\n" + self._laid_out(line, self.page.text(line)))
            self._close_row()
        elif text := self.page.text(line):
            self._close_row()
            self._out.write(self._styled(line, self._laid_out(line, text, earlier=self._overtaken(line))) + "\n")
        self._printed.add(line)

    def _progress(self, line: Line) -> None:
        """Show more of the words of the line whose turn it is."""
        words = whole(line.words)
        laid_out = self._laid_out(line, words)
        if words and laid_out.startswith(self._shown):
            self._out.write(laid_out[len(self._shown) :])
            self._open, self._shown, self._shown_words = line, laid_out, words

    def _close_row(self) -> None:
        if self._open is not None:
            self._out.write("\n")
            self._open, self._shown, self._shown_words = None, "", ""

    def _mark(self, line: Line) -> str:
        """The mark of a reply that was cut off after more of it was shown than heard."""
        heard = line.heard_words
        if not line.cut or not heard or heard == self._shown_words:
            return self.page.mark(line)
        return self.page.words("cut_off_at", seconds=seconds(line.heard_ms), words=tail(heard, _QUOTED))

    def _laid_out(self, line: Line, text: str, *, earlier: bool = False) -> str:
        label = self._label(line, earlier=earlier)
        if self._columns is None:
            return label + plain(text)
        indent = width_of(label)
        return label + ("\n" + " " * indent).join(wrap(text, max(self._columns - indent, 20)))

    def _label(self, line: Line, *, earlier: bool) -> str:
        if line.kind == "notice":
            return " " * self.page.indent + "· "
        name = self.page.who(line.kind)
        if earlier:
            return self.page.words("earlier", who=name) + "  "
        return name + " " * (self.page.indent - width_of(name))

    def _styled(self, line: Line, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._dim and (line.kind == "notice" or line.gone) else text


def _costs(notice: Charged) -> bool:
    return bool(notice.cost.charges or notice.cost.unknown)


def _entered(talk: Talk) -> None:
    if sys.stdin.readline():
        talk.press()
    else:  # Ctrl-D: no key will come any more
        asyncio.get_running_loop().remove_reader(sys.stdin)
        talk.end()
