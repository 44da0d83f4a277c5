"""Which single law, put differently, explains responses that the laws in force did not foresee.

A service may begin to count differently while somebody talks, and it may let old items go without a word because its
context is full. Either way it reads less than was foreseen, but the traces differ. Items that are let go take all they
had with them, sound, words and framing, and from then on the count runs beside what is foreseen, a constant below it,
until the next ones go. A law that has changed moves one kind of count, by what the prompt consists of, response after
response and to the token. So laws are amended only where one change makes every row right, its text and its sound.

Two laws that change at once are not found here. Neither is a law that counts once a prompt and has become smaller,
while it cannot be told from words that left.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import replace

from laconic.contents import Row
from laconic.laws import Laws
from laconic.tokens import FRAMINGS

__all__ = ["amended"]

_TEXT_SLACK = 6
"""Tokens by which the words of a row may be off beyond what was off before: they are estimated."""
_FRAMINGS = ("base_text", "default_instructions_tokens", "tools_framing", *FRAMINGS)


def amended(laws: Laws, rows: Sequence[Row], before: Row) -> Laws | None:
    """`laws` with one of them put differently, so that they explain all `rows`; None where no law does.

    The rows follow each other and were foreseen by these laws. `before` is the last one that was foreseen well: as
    far off as it was, they may be too.
    """
    found = [*_reply_audio(laws, rows, before), *_user_audio(laws, rows, before)]
    if not found and all(row.contents.head == before.contents.head for row in rows):
        found += _framings(laws, rows, before)
    return min(found, key=lambda one: one[0])[1] if found else None


def _reply_audio(laws: Laws, rows: Sequence[Row], before: Row) -> Iterator[tuple[float, Laws]]:
    """Old replies keep their sound, or lose it, all of them. What text goes with it is known as a fit, no better than
    by half."""
    sign = -1 if laws.keeps_reply_audio else 1
    sound = [row.audio_gap - sign * row.contents.old_reply_audio - before.audio_gap for row in rows]
    fits = all(abs(gap) <= 2 + row.usage.audio_in // 200 for gap, row in zip(sound, rows, strict=True))
    if fits and _text_agrees(rows, before, [sign * row.contents.discount for row in rows]):
        yield sum(map(abs, sound)), replace(laws, keeps_reply_audio=not laws.keeps_reply_audio)


def _user_audio(laws: Laws, rows: Sequence[Row], before: Row) -> Iterator[tuple[float, Laws]]:
    """The user's sound makes more tokens, or fewer, of a second.

    Whole items round down, by half a token on average: of `n` sounds the sum is less than the root of `n` off that
    (3.5 standard deviations).
    """
    low, high = 1.0, math.inf
    for row in rows:
        contents = row.contents
        replies = contents.reply_audio if laws.keeps_reply_audio else contents.newest_reply_audio
        half, slack = contents.user_sounds / 2, 1 + min(contents.user_sounds / 2, math.sqrt(contents.user_sounds))
        tokens = row.usage.audio_in - replies + half
        if tokens <= slack:
            return
        low, high = max(low, contents.user_ms / (tokens + slack)), min(high, contents.user_ms / (tokens - slack))
    middle = round((low + high) / 2)
    changed = low <= middle <= high and middle != laws.user_audio_ms_per_token
    if changed and _text_agrees(rows, before, [0] * len(rows)):
        yield 0.0, replace(laws, user_audio_ms_per_token=middle)


def _framings(laws: Laws, rows: Sequence[Row], before: Row) -> Iterator[tuple[float, Laws]]:
    """One law of framing, while the sound is what was foreseen."""
    if any(abs(row.audio_gap - before.audio_gap) > 2 + row.read.audio * 3 // 200 for row in rows):
        return
    gaps = [row.text_gap - before.text_gap for row in rows]
    for moved, slack in _movements(laws, rows, gaps):
        changes = [sum(more * _count(row, name) for name, more in moved.items()) for row in rows]
        rests = [gap - change for gap, change in zip(gaps, changes, strict=True)]
        # Words that left are a constant, and a fall that grows is none.
        told_apart = changes[0] > 0 or changes[0] - changes[-1] > 2 * _TEXT_SLACK or _nothing_left(rows, before)
        if told_apart and max(map(abs, rests)) <= slack:
            values = {name: getattr(laws, name) + more for name, more in moved.items()}
            yield sum(rest * rest for rest in rests), replace(laws, **values)


def _movements(laws: Laws, rows: Sequence[Row], gaps: Sequence[int]) -> Iterator[tuple[dict[str, int], int]]:
    """By how much a law would have to be more, or less, to make up for the gaps; and how far off that may leave them.

    A question and its answer come equally often, so that what each of them adds may have been learned as the other's.
    Where a law cannot fall so far, because it would be less than nothing, another falls with it. There may be one
    more of the one than of the other.
    """
    for name in _FRAMINGS:
        more, least = _nearest(rows, gaps, name), min(0, -getattr(laws, name))
        if more and more >= least:
            yield {name: more}, _TEXT_SLACK
        elif more < least and name in FRAMINGS:
            rests = [gap - least * _count(row, name) for gap, row in zip(gaps, rows, strict=True)]
            for other in FRAMINGS:
                further = _nearest(rows, rests, other) if other != name else 0
                if further < 0 <= getattr(laws, other) + further:
                    yield {name: least, other: further}, _TEXT_SLACK - further


def _nearest(rows: Sequence[Row], gaps: Sequence[int], name: str) -> int:
    counts = [_count(row, name) for row in rows]
    return round(sum(map(operator.mul, gaps, counts)) / max(1, sum(map(operator.mul, counts, counts))))


def _count(row: Row, name: str) -> int:
    return row.contents.framings.get(name, 0)


def _nothing_left(rows: Sequence[Row], before: Row) -> bool:
    """Whether all sound is there, and the user only speaks: what is let go would have taken sound with it."""
    return all(
        row.contents.user_sounds
        and abs(row.audio_gap - before.audio_gap) <= 2
        and not (_count(row, "user_text_framing") or _count(row, "call_output_framing"))
        for row in rows
    )


def _text_agrees(rows: Sequence[Row], before: Row, changes: Sequence[int]) -> bool:
    """Whether the text of all rows changed by so many tokens, more or less. Of instructions that are new nobody knows
    how far off they are; as far as in the first row."""
    gaps = [row.text_gap - change for row, change in zip(rows, changes, strict=True)]
    off = before.text_gap if rows[0].contents.head == before.contents.head else gaps[0]
    return all(abs(gap - off) <= _TEXT_SLACK + abs(change) // 2 for gap, change in zip(gaps, changes, strict=True))
