"""The answers of a probe, and what they are reckoned from.

A finding is sure as far as it says: `measured` (the counts allow nothing else), `inferred` (they fit, and a few more
would be welcome) or `not found`, which is an answer too. Each carries the numbers it rests on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from laconic.laws import EDITS, Laws
from laconic.probing.notes import Answer, Edited, Notes
from laconic.probing.plan import Turn
from laconic.probing.reckoning import Cache, CacheRow, Framing, Prompt, Sound, laid_out, reply_sound, roundest
from laconic.tokens import Tokens

__all__ = ["Finding", "Reckoned", "Sure", "difference", "placed"]

Sure = Literal["measured", "inferred", "not found"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer."""

    key: str
    question: str
    answer: str
    rests_on: str = ""
    """The numbers."""
    sure: Sure = "measured"
    value: object = None
    """The answer for machines; None where there is none."""


class Reckoned:
    """All that can be reckoned from the notes of a probe, and `laws` made of it."""

    def __init__(self, notes: Notes, turns: Sequence[Turn], prior: Laws) -> None:
        self.notes, self.prior = notes, prior
        self.answers = notes.answers
        self.gaps = {turn.name for turn in turns if turn.gap_s}
        """Names of the turns that came after a pause of ours."""
        self.whole_input = _reads_whole_input(notes.answers)
        self.sound = Sound(notes.answers, prior)
        self.reply_sound = reply_sound(notes.answers)
        found: dict[str, object] = {}
        if self.sound.keeps is not None:
            found["keeps_reply_audio"] = self.sound.keeps
        if self.sound.token_ms is not None:
            found["user_audio_ms_per_token"] = roundest(self.sound.token_ms)
        if self.reply_sound is not None:
            found["assistant_audio_ms_per_token"] = roundest(self.reply_sound)
        self.framing = Framing(notes.answers, replace(prior, **found))
        self.picture = _picture(notes.answers)
        """Tokens of the picture that was shown; None where none were counted."""
        if self.picture is not None:
            found["image_tokens"] = self.picture
        laws = self.framing.laws(replace(prior, **found))
        known = [*found, *self.framing.known]
        self.prompts = laid_out(notes.answers, laws)
        self.cache = Cache(self.prompts, laws)
        updated = {turn.name for turn in turns if turn.update}
        unseen = {turn.name for turn in turns if turn.update == "other settings"}
        self.update_drops_cache = _drops(self.cache, unseen, updated)
        """Whether a `session.update` that changes no word of the prompt costs the cache; None where nothing told."""
        if self.update_drops_cache:
            self.prompts = laid_out(notes.answers, laws, anew=updated)
            self.cache = Cache(self.prompts, laws)
        found = {}
        if self.cache.block is not None:
            found["cache_block"] = self.cache.block
        if self.cache.hit_rate is not None:
            found["hit_rate"] = self.cache.hit_rate
        unverified = tuple(name for name in prior.unverified if name not in {*known, *found})
        counted = replace(laws, **found, unverified=unverified) if self.whole_input else prior
        self.laws = replace(counted, lacks=_lacks(notes, prior.lacks))
        """What is to be kept. Where only new messages are billed, none of the accounts above means anything."""

    def row(self, name: str) -> CacheRow | None:
        return next((row for row in self.cache.rows if row.name == name), None)

    def prompt(self, name: str) -> Prompt | None:
        return next((prompt for prompt in self.prompts if prompt.answer.name == name), None)

    def answer(self, name: str) -> Answer | None:
        return next((answer for answer in self.answers if answer.name == name), None)

    def edits(self, place: str) -> list[Edited]:
        return [edit for edit in self.notes.edits if edit.place == place]


def _reads_whole_input(answers: Sequence[Answer]) -> bool:
    """Whether inputs hold the whole conversation. A service that bills only what is new reports inputs that are all
    smaller than the instructions alone."""
    known = [answer.usage.text_in for answer in answers if answer.usage is not None and answer.usage.input_tokens]
    return not known or max(known) > 100


def _picture(answers: Sequence[Answer]) -> int | None:
    """Tokens of a picture, by the responses that read one."""
    for answer in answers:
        shown = sum(part.kind == "input_image" for item in answer.read for part in item.parts)
        if shown and answer.usage is not None and answer.usage.image_in:
            return answer.usage.image_in // shown
    return None


_DOUBT = 0.05


def _drops(cache: Cache, tried: Collection[str], updated: Collection[str]) -> bool | None:
    """Whether an update empties the cache: a hit after one says no; misses alone say yes where the cache otherwise hits
    so often that so many in a row are no accident."""
    rows = [row for row in cache.telling if row.name in tried]
    if any(not row.missed for row in rows):
        return False
    others = [row for row in cache.telling if row.name not in updated]
    hits = sum(not row.missed for row in others) / (len(others) + 1)
    return True if rows and (1 - hits) ** len(rows) <= _DOUBT else None


def placed(notes: Notes) -> tuple[int, int]:
    """Of the writings that say where they stand, how many stand where we asked, and how many there are."""
    done = (edit for edit in notes.edits if edit.place == "written" and edit.kind == "create" and edit.result == "done")
    telling = [edit for edit in done if edit.stands_behind is not None or edit.behind == "root"]
    return sum((edit.stands_behind or "root") == edit.behind for edit in telling), len(telling)


def _lacks(notes: Notes, known: Sequence[str]) -> tuple[str, ...]:
    """What edits this service does not do; of those that were not tried, what was known of it before."""
    tried = [edit for edit in notes.edits if edit.place != "unknown"]
    tried = [edit for edit in tried if edit.kind != "create" or edit.place == "written"]
    does = {edit.kind: False for edit in tried} | {edit.kind: True for edit in tried if edit.result == "done"}
    right, told = placed(notes)
    if told:
        does["place"] = right == told
    return tuple(edit for edit in EDITS if not does.get(edit, edit not in known))


def difference(prompt: Prompt) -> Tokens:
    """Reported less expected."""
    usage = prompt.answer.usage
    assert usage is not None
    return Tokens(usage.text_in - prompt.tokens.text, usage.audio_in - prompt.tokens.audio)
