"""`written`: as soon as an exchange is over, its words take the place of its sound.

Sound is dear: ten to twenty tokens a second, at eight times the price of text. Its transcript is about three tokens
a second. So the newest words are heard as sound and the older ones are in writing. The exchange is rewritten at the
tail, before its sound has ever been read again: what the service has cached is older and stays a prefix.

Order of things: the words are inserted behind the sound, and only when the service has said that they stand there
is the sound deleted. A refusal leaves the sound. Words that come late are written late.

Two forms. `dialogue` writes a user and an assistant message each in its place. `notes` writes one system message
for the exchange. Some models fall into answering in writing when they read written answers of their own
(openai-realtime-console#464, livekit#2471); notes are the cure, and the session switches to them when that is seen
or when a service refuses assistant text.

Where words do not come (nobody transcribes what the user says, or it fails time and again) sound cannot be written
down: that is said once, and a window of tokens bounds what is left of it. Where sound does not go though its words
stand, they are taken back; if they do not go either, nothing more is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laconic.edits import Delete, Insert, Outcome
from laconic.items import Item, Wire
from laconic.plans import Past, Plan, Steps, all_done
from laconic.window import Window

__all__ = ["CUT_OFF", "SPEAKERS", "Written", "line", "message"]

SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "Note"}
CUT_OFF = "…"
"""Ends the words of a reply that the caller stopped hearing: the model sees that it was cut off."""
_FALLBACK = 8_000
"""Tokens of the window that remembers where writing cannot."""
_INSTEAD = f"keeping a window of {_FALLBACK:,} tokens instead"
_PATIENCE = 6
"""So many items may wait for their words before we say that they do not come."""
_MISPLACES = "this service writes our words in the wrong place"
_STAYS = "this service does not let go of items"
_TRIES = 2
"""So often an item's words may be turned down; then its sound is let be."""


class Written:
    """Words in place of sound. `notes`: as one system message an exchange, instead of a dialogue."""

    def __init__(self, *, notes: bool = False) -> None:
        self.notes = notes
        self.broken: str | None = None
        """Why writing is not possible here, once that is known for good."""
        self._wordless: str | None = None  # why words do not come, once that has been said
        self._lets_go = False  # whether this service has ever deleted what we had written down
        self._troubled: str | None = None  # what keeps us from writing at the moment
        self._window = Window(_FALLBACK)
        self._turned_down: dict[str, int] = {}  # by item of sound
        self._dialogue_ids: dict[str, None] = {}  # what we wrote as a dialogue

    @property
    def name(self) -> str:
        return "written:notes" if self.notes else "written"

    @property
    def trouble(self) -> str | None:
        """What keeps us from writing, and what is done instead; None if nothing does."""
        return self._troubled

    def why(self) -> str:
        return self.trouble or "the newest exchange is heard as sound, the older ones are in writing"

    def to_notes(self, past: Past) -> Steps:
        """From now on write system notes, and put the dialogue written so far into one: the model fell into answering
        in writing, and reads its own written answers no more."""
        self.notes = True
        held = [item for item_id in self._dialogue_ids if (item := past.conversation.get(item_id)) is not None]
        held = [item for item in held if not past.kept(item)]
        self._dialogue_ids.clear()
        if not held:
            return
        lines = tuple((item.id, line(item.role, item.text or "")) for item in held)
        outcomes = yield [note(lines, past.ids(), held[-1].id, tuple(item.id for item in held))]
        if all_done(outcomes):
            yield [Delete(item.id, "written") for item in held]

    def plans(self, past: Past) -> Iterator[Plan]:
        """One plan for each exchange that is over and still sounds."""
        if not past.supports("delete"):
            self._troubled = _STAYS
            return
        if not past.supports("create"):
            self._give_up("this service does not let us write into its conversation", past)
        elif not past.supports("place"):
            self._give_up(_MISPLACES, past)
        if self.broken is None:
            yield from self._writing(past)
        reason = self.broken or self._lacks_words(past)
        self._troubled = reason and f"{reason}; {_INSTEAD}"
        if reason is not None:
            yield from self._window.plans(past)

    def _writing(self, past: Past) -> Iterator[Plan]:
        exchanges: dict[int | None, list[Item]] = {}
        for item in past.conversation.sounding():
            if item.parts:
                exchanges.setdefault(past.exchanges.number(item.id), []).append(item)
        for items in exchanges.values():
            if not all(past.over(item) for item in items):
                continue
            free = [item for item in items if not past.kept(item) and self._writable(item)]
            known = [(item, words) for item in free if (words := _words(item, past)) is not None]
            if self.notes and len(known) < sum(not past.pinned(item) for item in items):
                continue  # one note holds its whole exchange
            if known:
                steps = self._notes(known, past) if self.notes else self._dialogue(known, past)
                yield Plan(frozenset(item.id for item, _ in known), steps)

    def _writable(self, item: Item) -> bool:
        """Whether an item is sound and words alone, and its words were not turned down again and again."""
        pure = all(part.is_audio or part.text is not None for part in item.parts)
        return pure and self._turned_down.get(item.id, 0) < _TRIES

    def _lacks_words(self, past: Past) -> str | None:
        """Why sound cannot be written down for want of words, said when it is first seen; None if it can."""
        sounding = (item for item in past.conversation.sounding() if past.over(item) and not past.pinned(item))
        missing = [item for item in sounding if item.audio_ms and _words(item, past) is None]
        if not past.transcribes and any(item.role == "user" for item in missing):
            reason = "nobody writes down what you say, so it cannot be kept in writing"
        elif len(missing) > _PATIENCE:
            reason = "words of what was said do not come, so it cannot be kept in writing"
        else:
            return None
        if self._wordless is None:
            self._wordless = reason
            past.say(f"{reason}; {_INSTEAD}")
        return reason

    def _dialogue(self, pairs: Sequence[tuple[Item, str]], past: Past) -> Steps:
        """Each item's words right behind it, then the sound goes."""
        written = [
            dialogue(item.id, item.role or "user", _marked(words, item, past), past.ids())
            for item, words in pairs
            if words
        ]
        yield from self._replace([item for item, _ in pairs], written, past)

    def _notes(self, pairs: Sequence[tuple[Item, str]], past: Past) -> Steps:
        """One note behind the last of the items, then their sound goes."""
        lines = tuple((item.id, line(item.role, _marked(words, item, past))) for item, words in pairs if words)
        items = [item for item, _ in pairs]
        written = [note(lines, past.ids(), items[-1].id, tuple(item.id for item in items))] if lines else []
        yield from self._replace(items, written, past)

    def _replace(self, sound: Sequence[Item], words: Sequence[Insert], past: Past) -> Steps:
        outcomes = (yield list(words)) if words else []
        assert isinstance(outcomes, list)
        failed = [outcome for outcome in outcomes if outcome.result != "done"]
        if not failed:
            if not self.notes:
                self._remember_dialogue(words, past)
            went = yield [Delete(item.id, "written") for item in sound]
            yield from self._unless_it_went(words, went, past)
            return
        if any(outcome.result == "misplaced" for outcome in failed):
            self._give_up(_MISPLACES, past)
        elif any(_refuses_assistant_text(outcome, past) for outcome in failed):
            self.notes = True
        self._turned_down = {item_id: n for item_id, n in self._turned_down.items() if item_id in past.conversation}
        self._turned_down |= {item.id: self._turned_down.get(item.id, 0) + 1 for item in sound}
        # All or nothing: words that do stand there would be heard twice.
        standing = [outcome.edit for outcome in outcomes if outcome.result in ("done", "misplaced")]
        yield [Delete(edit.item_id, "undone") for edit in standing]

    def _unless_it_went(self, words: Sequence[Insert], went: list[Outcome] | str | None, past: Past) -> Steps:
        """Take words back whose sound the service holds on to; and if it holds on to them too, write no more. What was
        not answered may have gone, and the words are all that is left."""
        assert isinstance(went, list)
        self._lets_go |= any(outcome.result == "done" for outcome in went)
        stayed = {outcome.edit.item_id for outcome in went if outcome.result == "refused"}
        twice = [insert for insert in words if stayed.issuperset(insert.instead_of)]
        if twice and not all_done((yield [Delete(insert.item_id, "undone") for insert in twice])):
            self.holds_on(past)

    def holds_on(self, past: Past) -> None:
        """The service held on to what was to go, and to what was written instead: no more is written, unless it has
        let go of something before. If it is known by now to delete nothing at all, that has been said."""
        if past.supports("delete") and not self._lets_go:
            self._give_up(_STAYS, past)

    def _remember_dialogue(self, words: Sequence[Insert], past: Past) -> None:
        self._dialogue_ids |= {insert.item_id: None for insert in words}
        if len(self._dialogue_ids) > 2 * len(past.conversation) + 64:  # most were folded
            self._dialogue_ids = {item_id: None for item_id in self._dialogue_ids if item_id in past.conversation}

    def _give_up(self, reason: str, past: Past) -> None:
        if self.broken is None:
            self.broken = reason
            past.say(f"{reason}; {_INSTEAD}")


def _words(item: Item, past: Past) -> str | None:
    """The words heard of an item, None while they are unknown: an empty transcript of a reply that was heard is no
    transcript at all."""
    words = past.words(item)
    return None if words == "" and item.role == "assistant" and not past.cut_off(item) else words


def _refuses_assistant_text(outcome: Outcome, past: Past) -> bool:
    """Whether an insert failed for what it is, and not because the item it was to follow had just left."""
    edit = outcome.edit
    if outcome.result != "refused" or not isinstance(edit, Insert):
        return False
    return edit.item["role"] == "assistant" and edit.behind in past.conversation


def _marked(words: str, item: Item, past: Past) -> str:
    return words.rstrip() + CUT_OFF if past.cut_off(item) else words


def line(role: str | None, words: str) -> str:
    """What somebody said, as a line of a note."""
    return f"{SPEAKERS[role or 'user']}: {words}"


def dialogue(of: str, role: str, words: str, item_id: str) -> Insert:
    """An item's words right behind it, in the same role."""
    return Insert(message(role, words, item_id), of, (of,), ((of, words),))


def note(lines: tuple[tuple[str, str], ...], item_id: str, behind: str, instead_of: tuple[str, ...]) -> Insert:
    """Lines, by the items that said them, as one system message."""
    return Insert(message("system", "\n".join(text for _, text in lines), item_id), behind, instead_of, lines)


def message(role: str, text: str, item_id: str) -> Wire:
    """A text item of ours, in GA's spelling."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}
