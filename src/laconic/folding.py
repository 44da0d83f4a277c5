"""`summary`: `written`, and when even the writing grows long it is folded into one note at the front.

Text is nearly free until there is an hour of it. When the written conversation passes a high mark, all but the
newest of it (down to a low mark) is summarised by a cheap text model, the summary is inserted as a system item at
`root`, and what it covers is deleted: one deep, rare cut. While the summary is being made the conversation goes on;
if it fails or comes too late nothing is deleted, and the next try waits until the writing has grown by half a span.

Where the marks lie follows from the laws (marks.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from laconic.edits import Delete, Insert
from laconic.items import Item
from laconic.marks import average_exchange, fold_marks, summary_room
from laconic.plans import Ask, Past, Plan, Steps, all_done, deletions, forgettable
from laconic.tally import Tally
from laconic.written import SPEAKERS, Written, message

__all__ = ["HEADING", "Summary"]

HEADING = "Summary of the conversation so far:"
"""Opens the note at the front, so that the model (and the next fold) knows it for what it is."""


class Summary:
    """`high` and `low` are tokens of writing; None: from the laws, anew at each fold."""

    def __init__(self, *, high: int | None = None, low: int | None = None, notes: bool = False) -> None:
        self.high, self.low = high, low
        self._written = Written(notes=notes)
        self._tally = Tally(_writing)
        self._folding = False
        self._appends = False  # whether this service turned out not to write at the front
        self._failed_at = 0  # tokens of writing when the last try failed
        self._why = "the newest exchange is heard as sound, older ones are in writing, the oldest in a summary"

    @property
    def name(self) -> str:
        return f"summary:{self.high}:{self.low}" if self.high is not None else "summary"

    @property
    def notes(self) -> bool:
        return self._written.notes

    def to_notes(self, past: Past) -> Steps:
        """As `Written.to_notes`."""
        return self._written.to_notes(past)

    def why(self) -> str:
        return self.trouble or self._why

    @property
    def trouble(self) -> str | None:
        """As `Written.trouble`."""
        return self._written.trouble

    def plans(self, past: Past) -> Iterator[Plan]:
        yield from self._written.plans(past)
        if self._written.broken is not None or self._folding or not past.supports("delete"):
            return
        high, low = self.marks(past)
        if not self._tally.passes(max(high, self._failed_at), past):
            return
        old: list[Item] = []
        total = left = self._tally.tokens()
        for item in past.conversation:
            tokens = self._tally.of(item.id)
            if tokens is None:
                continue
            if left <= low or not past.over(item) or past.lasts(item):
                break
            left -= tokens
            old.append(item)
        if past.lasting and total - left < (high - low) // 2:
            return  # what must last passes the mark by itself: folding the little before it would not pay
        groups = forgettable(iter(old), past.conversation, past.kept)
        # A lone summary is not worth folding again.
        if any(not is_summary(item) for group in groups for item in group):
            ids = frozenset(item.id for group in groups for item in group)
            text = "\n".join(line(item) for item in old if item.id in ids)
            yield Plan(ids, self._fold(text, groups, total + (high - low) // 2, past))

    def _fold(self, text: str, groups: list[list[Item]], next_try: int, past: Past) -> Steps:
        self._folding = True
        try:
            summary = yield Ask(text, summary_room(past.laws))
            if not isinstance(summary, str) or not summary.strip():
                self._failed_at = next_try
                return
            self._failed_at = 0
            groups = [group for group in groups if not any(map(past.pinned, group))]  # pinned in the meantime
            if not groups:
                return
            note = message("system", f"{HEADING}\n{summary.strip()}", past.ids())
            covered = tuple(item.id for group in groups for item in group)
            outcomes = yield [Insert(note, groups[-1][-1].id if self._appends else "root", covered)]
            if not all_done(outcomes):
                self._failed_at = next_try
                if isinstance(outcomes, list) and outcomes[0].result == "misplaced":
                    self._appends = True  # speaches does not know `root`: from now on behind the last that is folded
                    yield [Delete(note["id"], "undone")]
                return
            went = yield [Delete(group[0].id, "folded") for group in groups if len(group) == 1]
            if isinstance(went, list) and went and all(outcome.result == "refused" for outcome in went):
                self._failed_at = next_try
                if not all_done((yield [Delete(note["id"], "undone")])):
                    self._written.holds_on(past)
                return
            for group in groups:
                if len(group) > 1:
                    yield from deletions(group, "folded")
        finally:
            self._folding = False

    def marks(self, past: Past) -> tuple[int, int]:
        """The high and the low mark in force: those given, or what the laws and prices advise."""
        self._tally.follow(past)
        if self.high is not None and self.low is not None:
            return self.high, self.low
        exchange = average_exchange(self._tally.tokens("said"), self._tally.exchanges("said"))
        return fold_marks(exchange, self.size, past.laws, past.rates, past.summary_rates, lasting=past.lasting)

    @property
    def size(self) -> int:
        """Tokens of the summary that stands; 0 before there is one."""
        return self._tally.tokens("summary")


def _writing(item: Item, past: Past) -> str | None:
    """What is held in writing and may be folded one day."""
    if _sounds(item) or past.pinned(item):
        return None
    return "summary" if is_summary(item) else "said"


def _sounds(item: Item) -> bool:
    return any(part.is_audio for part in item.parts)


def is_summary(item: Item) -> bool:
    """Whether an item is a summary of ours."""
    return item.role == "system" and (item.text or "").startswith(HEADING)


def line(item: Item) -> str:
    """An item as a line of the text to summarise."""
    text = item.text or ""
    if item.type == "function_call":
        return f"Function called: {text}"
    if item.type == "function_call_output":
        return f"Function answered: {text}"
    if is_summary(item):
        return text
    return text if item.role == "system" else f"{SPEAKERS.get(item.role or '', 'User')}: {text}"
