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

Without transcription there are no words: that is said once, and a window of tokens does the remembering.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from laconic.edits import Delete, Insert
from laconic.items import Item, Wire
from laconic.plans import Past, Plan, Steps, all_done
from laconic.window import Window

__all__ = ["SPEAKERS", "Written", "message"]

SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "Note"}
CUT_OFF = "…"
"""Ends the words of a reply that the caller stopped hearing: the model sees that it was cut off."""
_FALLBACK = 8_000


class Written:
    """Words in place of sound. `notes`: as one system message an exchange, instead of a dialogue."""

    def __init__(self, *, notes: bool = False) -> None:
        self.notes = notes
        self.broken: str | None = None
        """Why writing is not possible here, once that is known."""
        self._dialogue_ids: dict[str, None] = {}

    @property
    def name(self) -> str:
        return "written:notes" if self.notes else "written"

    def why(self) -> str:
        return self.broken or "the newest exchange is heard as sound, the older ones are in writing"

    def to_notes(self, past: Past) -> Steps:
        """From now on write system notes, and put the dialogue written so far into one: the model fell into answering
        in writing, and reads its own written answers no more."""
        self.notes = True
        held = [item for item_id in self._dialogue_ids if (item := past.conversation.get(item_id)) is not None]
        self._dialogue_ids.clear()
        if not held:
            return
        lines = [f"{SPEAKERS[item.role or 'user']}: {item.text}" for item in held]
        outcomes = yield [Insert(message("system", "\n".join(lines), past.ids()), held[-1].id)]
        if all_done(outcomes):
            yield [Delete(item.id, "written") for item in held]

    def plans(self, past: Past) -> Iterator[Plan]:
        """One plan for each exchange that is over and still sounds."""
        if self.broken is None and not past.transcribes:
            self._give_up("nobody writes down what you say, so nothing can be kept in writing", past)
        if self.broken is None and not past.supports("create"):
            self._give_up("this service does not let us write into its conversation", past)
        if self.broken is not None:
            yield from Window(_FALLBACK).plans(past)
            return
        sounding = [item for item in past.conversation.sounding() if past.over(item) and not past.kept(item)]
        known = [(item, words) for item in sounding if (words := past.words(item)) is not None]
        for _, exchange in groupby(known, key=lambda pair: past.exchanges.number(pair[0].id)):
            pairs = list(exchange)
            number = past.exchanges.number(pairs[0][0].id)
            complete = len(pairs) == sum(past.exchanges.number(item.id) == number for item in sounding)
            if self.notes and not complete:
                continue  # one note needs all the words of its exchange
            steps = self._notes(pairs, past) if self.notes else self._dialogue(pairs, past)
            yield Plan(frozenset(item.id for item, _ in pairs), steps)

    def _dialogue(self, pairs: Sequence[tuple[Item, str]], past: Past) -> Steps:
        """Each item's words right behind it, then the sound goes."""
        written = [
            Insert(message(item.role or "user", _marked(words, item, past), past.ids()), item.id)
            for item, words in pairs
            if words
        ]
        yield from self._replace([item for item, _ in pairs], written, past)

    def _notes(self, pairs: Sequence[tuple[Item, str]], past: Past) -> Steps:
        """One note behind the last of the items, then their sound goes."""
        lines = [f"{SPEAKERS[item.role or 'user']}: {_marked(words, item, past)}" for item, words in pairs if words]
        note = [Insert(message("system", "\n".join(lines), past.ids()), pairs[-1][0].id)] if lines else []
        yield from self._replace([item for item, _ in pairs], note, past)

    def _replace(self, sound: Sequence[Item], words: Sequence[Insert], past: Past) -> Steps:
        outcomes = (yield list(words)) if words else []
        assert isinstance(outcomes, list)
        failed = {outcome.edit.item_id: outcome for outcome in outcomes if outcome.result != "done"}
        if any(outcome.result == "misplaced" for outcome in failed.values()):
            self._give_up("this service writes our words in the wrong place", past)
        elif any(outcome.result == "refused" for outcome in failed.values()) and not self.notes:
            self.notes = True
        if not failed:
            if not self.notes:
                self._dialogue_ids.update(dict.fromkeys(insert.item_id for insert in words))
            yield [Delete(item.id, "written") for item in sound]
            return
        # All or nothing: words that do stand there would be heard twice.
        standing = [outcome.edit for outcome in outcomes if outcome.result in ("done", "misplaced")]
        if standing:
            yield [Delete(edit.item_id, "undone") for edit in standing]

    def _give_up(self, reason: str, past: Past) -> None:
        if self.broken is None:
            self.broken = reason
            past.say(f"{reason}; keeping a window of {_FALLBACK:,} tokens instead")


def _marked(words: str, item: Item, past: Past) -> str:
    return words.rstrip() + CUT_OFF if past.cut_off(item) else words


def message(role: str, text: str, item_id: str) -> Wire:
    """A text item of ours, in GA's spelling."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}
