"""Where the words stand of items that we took out of the conversation.

A memory writes an item of its own (a note) in the place of others, which then leave. The app goes on speaking of those:
it wants to write behind one, to have one deleted or cut. So it is known here, of each item that is gone, which note
holds its words, and as which line; notes that are put into another note, or folded into a summary, hand their items on.

What the app deletes is taken out of its note, what it cuts is cut there: the note is then to be written anew (`due`). A
summary cannot be taken apart; it stays until nothing of what it covers is left.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from laconic.edits import Insert
from laconic.written import CUT_OFF, line

__all__ = ["Standing"]


@dataclass(slots=True)
class _Note:
    role: str
    instead_of: tuple[str, ...]
    at_front: bool
    apart: bool
    """Whether its lines can be told apart."""
    lines: dict[str, str | None]
    """By item of the app: its words as they stand there. None where they cannot be told apart."""


class Standing:
    """Fed with our inserts as they are done (`inserted`) and with every item that leaves (`left`)."""

    def __init__(self) -> None:
        self.due: dict[str, None] = {}
        """Notes to be written anew, in the order in which they became so."""
        self._notes: dict[str, _Note] = {}
        self._replaced: dict[str, str] = {}  # an item that is still held → the note that stands for it already
        self._holders: dict[str, str] = {}  # an item that is gone → its note

    def inserted(self, insert: Insert) -> None:
        """A note of ours stands."""
        if not insert.instead_of:
            return
        of_app = [one for item_id in insert.instead_of for one in self._covered(item_id)]
        lines: dict[str, str | None] = dict.fromkeys(of_app, "" if insert.lines else None)
        for item_id, words in insert.lines:
            lines[self._covered(item_id)[0]] = words
        role: str = insert.item["role"]
        self._notes[insert.item_id] = _Note(role, insert.instead_of, insert.behind == "root", bool(insert.lines), lines)
        self._replaced.update(dict.fromkeys(insert.instead_of, insert.item_id))

    def left(self, item_id: str) -> None:
        """An item left the conversation, the app's or ours."""
        note = self._notes.pop(item_id, None)
        self.due.pop(item_id, None)
        successor = self._replaced.pop(item_id, None)
        for one in note.lines if note is not None else (item_id,):
            if self._holders.get(one, item_id) != item_id:
                continue  # it was pinned as a summary of it was inserted: it stands where it stood
            if successor in self._notes and one in self._notes[successor].lines:
                self._holders[one] = successor
            else:
                self._holders.pop(one, None)
        for replaced in note.instead_of if note is not None else ():  # undone: it is still there
            if self._replaced.get(replaced) == item_id:
                del self._replaced[replaced]

    # --- looking ---------------------------------------------------------------------------------------------

    def holder(self, item_id: str) -> str | None:
        """The note in which the words stand of an item that is gone; None if nothing of it is left."""
        return self._holders.get(item_id)

    def items(self, note_id: str) -> list[str]:
        """The items of the app that stand in a note."""
        note = self._notes.get(note_id)
        return list(note.lines) if note is not None else []

    def lines(self, note_id: str) -> Collection[str]:
        """The items of the app whose words stand in a note as lines of their own; none for a summary."""
        note = self._notes.get(note_id)
        return note.lines if note is not None and note.apart else ()

    def replaced(self, item_id: str) -> bool:
        """Whether the words of an item that is still held stand as lines of their own in a note already."""
        return bool(self.lines(self._replaced.get(item_id, "")))

    def places(self, item_id: str) -> list[str]:
        """Every item of the conversation that has to do with this one of the app's, itself included."""
        found = [item_id]
        if item_id in self._holders:
            found.append(self._holders[item_id])
        while found[-1] in self._replaced:
            found.append(self._replaced[found[-1]])
        return found

    def behind(self, item_id: str) -> str:
        """Whom to follow in order to follow an item that is held: its words, where they stand behind it already."""
        note_id = self._replaced.get(item_id, "")
        note = self._notes.get(note_id)
        return item_id if note is None or note.at_front else note_id

    def rewritten(self, note_id: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The role of a note, and its lines as they ought to be."""
        note = self._notes[note_id]
        return note.role, tuple((item_id, words) for item_id, words in note.lines.items() if words)

    # --- what the app changes --------------------------------------------------------------------------------

    def forget(self, item_id: str) -> list[str]:
        """The app deletes an item: its words go. The notes that hold nothing else, and shall be deleted."""
        empty: list[str] = []
        for note_id in self.places(item_id)[1:]:
            lines = self._notes[note_id].lines
            words = lines.pop(item_id, "")
            if not any(left is None or left for left in lines.values()):
                empty.append(note_id)
            elif words:
                self.due[note_id] = None
        self._holders.pop(item_id, None)
        self._replaced.pop(item_id, None)
        return empty

    def cut(self, item_id: str, words: str) -> list[str]:
        """The app cuts a reply: these words of it stay. The notes that hold nothing else, and shall be deleted."""
        empty: list[str] = []
        for note_id in self.places(item_id)[1:]:
            note = self._notes[note_id]
            if not note.lines.get(item_id):
                continue
            note.lines[item_id] = _cut_off(note.role, words)
            if any(note.lines.values()):
                self.due[note_id] = None
            else:
                empty.append(note_id)
        return empty

    def _covered(self, item_id: str) -> list[str]:
        """The items of the app that one of the conversation stands for: itself, unless it is a note."""
        return list(self._notes[item_id].lines) if item_id in self._notes else [item_id]


def _cut_off(role: str, words: str) -> str:
    """A reply's words as they stand in a note of this role, once it was cut behind them."""
    if not words:
        return ""
    return line("assistant", words + CUT_OFF) if role == "system" else words + CUT_OFF
