"""How laws learn from each response: what was expected beside what was reported.

Four small machines, each closed, each forgetting slowly, none trusting a single row:

- *Sound.* Whole items round down, so `n` spoken turns of `ms` that took `T` tokens put the length of a token between
  ms / (T + n) and ms / T. Two accounts run beside each other, one where old replies keep their sound and one where
  only the newest does; they differ in what of the input's audio is left for the user. Each narrows its own interval,
  and a row that leaves an account's interval empty is a strike against it. The account with fewer strikes is the law.
  What the service is known for counts as strikes against the other.
- *Reply sound.* The same interval, from each whole reply's length and the audio tokens reported for it.
- *Framing.* Text is words plus, for each law that frames something, its tokens times how often it occurs. The words
  are estimated or reported, the counts are known, so the laws are a least-squares fit, drawn towards what was assumed
  before. All of it is eight running sums of products; the text that old replies lose with their sound is summed apart,
  so that a change of mind about sound needs no second look at old rows. New instructions begin new sums, from the
  laws as learned. A row far from everything else is left out, unless the next ones agree with it.
- *Cache.* The block is the greatest common divisor of the cached counts seen lately. The hit rate is the share of the
  promised tokens that was read from cache, over all responses that were promised any.

A service may let old items go without a word when its context is full, and it may change its laws. So where laws have
foreseen well for some rows, a row they miss is set aside. Two or three such rows in a row that one other law explains
are that law (amendments.py), and what was learned under the old one is forgotten. Sound that fell short for no such
reason was let go, and is no evidence of anything; everything else is learned from after all.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import replace

from laconic.amendments import amended
from laconic.contents import Contents, Row
from laconic.laws import Laws
from laconic.tokens import Tokens
from laconic.usage import Usage

__all__ = ["Learner"]


class Learner:
    """Starts from `laws`; each `learn` returns what they have become."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws
        self.responses = 0
        """Reports learned from."""
        self._watch = _Watch()
        self._sound = _Sound(laws)
        self._reply_sound = _Interval()
        self._framing = _Framing(laws)
        self._cache = _Cache(laws)

    def learn(
        self, read: Tokens, promise: Tokens, contents: Contents, usage: Usage, *, made: tuple[int, int] = (0, 0)
    ) -> Laws:
        """Take in one report.

        `read` and `promise` are what the laws made of `contents` beforehand. `made`: milliseconds and audio tokens
        of what was generated, if it was not cut short.
        """
        self.responses += 1
        laws, known = self.laws, set[str]()
        if laws.bills_whole_input:
            change, rows = self._watch.judge(laws, Row(read, contents, usage))
            if change is not None:
                self._sound = _Sound(change)
                self._framing.begin(change, contents.head)
            for row in rows:
                self._framing.learn(laws, row.read.text, row.contents, row.usage.text_in)
            laws = change or laws
            for row in rows:
                laws = replace(laws, **self._sound.learn(laws, row.contents, row.usage.audio_in))
            if rows:
                laws = replace(laws, **self._framing.fit(laws))
            laws = replace(laws, **self._cache.learn(laws, promise, usage))
            known |= self._framing.known | self._sound.known | self._cache.known
        if made[0] >= _SHORT_MS and made[1]:
            self._reply_sound.narrow(made[0] / (made[1] + 2), made[0] / max(1, made[1] - 1))
            if self._reply_sound.rows >= 2:
                ms = self._reply_sound.nearest(laws.assistant_audio_ms_per_token)
                laws = replace(laws, assistant_audio_ms_per_token=ms)
                known.add("assistant_audio_ms_per_token")
        self.laws = replace(laws, unverified=tuple(name for name in laws.unverified if name not in known))
        return self.laws


_SHORT_MS = 500
"""Sound shorter than this says nothing about the length of a token. Recordings may hold stubs of sound."""


class _Watch:
    """Rows that laws did not foresee which had foreseen well: set aside until it is clear what they tell."""

    def __init__(self) -> None:
        self._sound_right = self._text_right = 0
        self._head: Hashable = None
        self._named = set[str]()
        self._before: Row | None = None
        self._aside: deque[Row] = deque(maxlen=3)

    def judge(self, laws: Laws, row: Row) -> tuple[Laws | None, list[Row]]:
        """What the laws are, if one of them has changed; and the rows to learn from now."""
        self._look_at(row.contents)
        short = self._sound_right >= 5 and _missed(row.audio_gap, row.read.audio) < 0
        gaps = [_missed(row.audio_gap, row.read.audio) if self._sound_right >= 5 else 0]
        gaps.append(_missed(row.text_gap, row.read.text) if self._text_right >= 5 else 0)
        if not any(gaps):
            self._foreseen(row)
            return None, [*self._taken(), row]
        self._aside.append(row)
        # More sound than was foreseen has no cause but a law. Less may have been let go, and words are estimated.
        enough = 2 if gaps[0] > 0 and gaps[1] >= 0 else 3
        if len(self._aside) >= enough:
            rows = list(self._aside)[-enough:]
            if self._before is not None and (change := amended(laws, rows, self._before)):
                self._aside.clear()
                return change, rows
            if not short:
                self._text_right = 0
                return None, self._taken()
        return None, []

    def _look_at(self, contents: Contents) -> None:
        """Instructions or tools that are new, and framing that was not there before, are no laws that change."""
        if contents.head != self._head:
            self._head, self._text_right = contents.head, 0
        names = {name for name, count in contents.framings.items() if count}
        if not names <= self._named:
            self._named |= names
            self._text_right = 0

    def _foreseen(self, row: Row) -> None:
        """Count the rows in a row that were foreseen within 1.5 %. Five of them, each of which could have told what
        becomes of old replies' sound, and laws about sound are trusted from then on."""
        if self._sound_right < 5 and _telling(row.contents):
            self._sound_right = self._sound_right + 1 if abs(row.audio_gap) <= 2 + 0.015 * row.read.audio else 0
        self._text_right = self._text_right + 1 if abs(row.text_gap) <= 2 + 0.015 * row.read.text else 0
        self._before = row

    def _taken(self) -> list[Row]:
        """The rows that were set aside, without those whose sound fell short."""
        rows = [row for row in self._aside if _missed(row.audio_gap, row.read.audio) >= 0 or self._sound_right < 5]
        self._aside.clear()
        return rows


def _missed(gap: int, expected: int) -> int:
    """1 where a count went more than 2.5 % beyond what was foreseen, -1 where it fell so far short, else 0."""
    return (gap > 2 + 0.025 * expected) - (gap < -2 - 0.025 * expected)


class _Interval:
    """Where a number must lie, by all rows so far; after two rows in a row that deny it, by those."""

    def __init__(self) -> None:
        self.low, self.high = 0.0, math.inf
        self.rows = 0
        self._denied = 0

    def narrow(self, low: float, high: float) -> bool:
        """Take in a row; False if it denies what the others said."""
        self.rows += 1
        if max(self.low, low) <= min(self.high, high):
            self.low, self.high = max(self.low, low), min(self.high, high)
            self._denied = 0
            return True
        self._denied += 1
        if self._denied >= 2:
            self.low, self.high = low, high
        return False

    def nearest(self, number: int) -> int:
        """This number if it may be; else the whole number in the middle of those that may."""
        if self.low <= number <= self.high:
            return number
        return max(1, round((self.low + min(self.high, 2 * self.low + 2)) / 2))


class _Account:
    """What the rows say if the law about old replies' sound were this one."""

    def __init__(self, strikes: float) -> None:
        self.strikes = strikes
        self.token_ms = _Interval()

    def row(self, user_tokens: int, contents: Contents) -> bool:
        """Whether so many of a row's audio tokens may be the user's."""
        slack = 1 + contents.user_sounds // 8
        if contents.user_ms < _SHORT_MS:
            return abs(user_tokens) <= slack + contents.user_sounds
        if user_tokens <= 0:
            return False
        high = contents.user_ms / max(0.5, user_tokens - slack + 1)
        return self.token_ms.narrow(contents.user_ms / (user_tokens + contents.user_sounds + slack - 1), high)


class _Sound:
    def __init__(self, laws: Laws) -> None:
        # Measured laws take three rows to overturn, guesses one.
        doubt = 0.5 if "keeps_reply_audio" in laws.unverified else 2.5
        self._accounts = {keeps: _Account(0.0 if keeps == laws.keeps_reply_audio else doubt) for keeps in (True, False)}
        self._telling = 0
        self.known: set[str] = set()

    def learn(self, laws: Laws, contents: Contents, audio_in: int) -> dict[str, object]:
        telling = _telling(contents)
        for keeps, account in self._accounts.items():
            replies = contents.reply_audio if keeps else contents.newest_reply_audio
            agrees = account.row(audio_in - replies, contents)
            if telling:
                account.strikes = 0.9 * account.strikes + (not agrees)
        self._telling += telling
        one, other = self._accounts[laws.keeps_reply_audio], self._accounts[not laws.keeps_reply_audio]
        keeps = laws.keeps_reply_audio if one.strikes <= other.strikes else not laws.keeps_reply_audio
        if self._telling >= 2 and abs(one.strikes - other.strikes) > 0.9:
            self.known.add("keeps_reply_audio")
        token_ms = self._accounts[keeps].token_ms
        if token_ms.rows >= 2:
            self.known.add("user_audio_ms_per_token")
        user = token_ms.nearest(laws.user_audio_ms_per_token)
        return {"keeps_reply_audio": keeps, "user_audio_ms_per_token": user}


def _telling(contents: Contents) -> bool:
    """Whether a row shows what becomes of old replies' sound."""
    return contents.old_reply_audio > 2 + contents.user_sounds


# The laws that add text tokens, and how far off what we assume of them may be: a standard deviation in tokens.
_SPREAD = {
    "base_text": 60.0,
    "default_instructions_tokens": 60.0,
    "tools_framing": 300.0,
    "user_text_framing": 4.0,
    "user_audio_framing": 6.0,
    "reply_framing": 6.0,
    "call_output_framing": 6.0,
    "truncated_reply_text": 8.0,
}
_NAMES = tuple(_SPREAD)
_NOISE = 3.0
"""Standard deviation of a row's words, tokens: they are estimated, and what leaves with dropped sound is a fit."""
_FORGET = 0.97


class _Framing:
    def __init__(self, laws: Laws) -> None:
        self.known: set[str] = set()
        self._seen = dict.fromkeys(_NAMES, 0)
        self._strange = 0
        # What nobody has measured may be much further off.
        self._spread = [_SPREAD[name] * (3 if name in laws.unverified else 1) for name in _NAMES]
        self.begin(laws, None)

    def begin(self, laws: Laws, head: Hashable) -> None:
        self._head = head
        self._assumed = [float(getattr(laws, name)) for name in _NAMES]
        self._rows = 0
        self._products = [[0.0] * len(_NAMES) for _ in _NAMES]
        self._rests = [0.0] * len(_NAMES)
        self._discounts = [0.0] * len(_NAMES)

    def learn(self, laws: Laws, expected: int, contents: Contents, reported: int) -> None:
        """Take in a row. No law changes yet, since sound is to be decided first."""
        if contents.head != self._head:
            self.begin(laws, contents.head)
        if self._rows >= 4 and abs(reported - expected) > max(60, reported // 4):
            self._strange += 1
            if reported < expected or self._strange <= 2:
                return
        self._strange = 0
        counts = [contents.framings.get(name, 0) for name in _NAMES]
        framed = sum(count * getattr(laws, name) for count, name in zip(counts, _NAMES, strict=True))
        words = expected - framed + (0 if laws.keeps_reply_audio else contents.discount)
        for i, count in enumerate(counts):
            if count:
                self._seen[_NAMES[i]] += 1
                if self._seen[_NAMES[i]] >= 3:
                    self.known.add(_NAMES[i])
            self._rests[i] = _FORGET * self._rests[i] + count * (reported - words)
            self._discounts[i] = _FORGET * self._discounts[i] + count * contents.discount
            row = self._products[i]
            for j, other in enumerate(counts):
                row[j] = _FORGET * row[j] + count * other
        self._rows += 1

    def fit(self, laws: Laws) -> dict[str, object]:
        """The framing laws that fit the rows best, whole tokens."""
        weight = 1 / _NOISE**2
        matrix: list[list[float]] = []
        for i, spread in enumerate(self._spread):
            trust = 1 / spread**2
            row = [weight * product for product in self._products[i]]
            target = self._rests[i] + (0.0 if laws.keeps_reply_audio else self._discounts[i])
            row[i] += trust
            matrix.append([*row, weight * target + trust * self._assumed[i]])
        fitted = _solve(matrix)
        # No law but the base takes tokens away (the words of instructions may be fewer than estimated). What comes
        # out below zero is nothing, and the others are fitted anew without it.
        while (worst := min(range(1, len(fitted)), key=lambda i: fitted[i])) and fitted[worst] < -_NOTHING:
            matrix[worst] = [float(column == worst) for column in range(len(fitted))] + [0.0]
            fitted = _solve(matrix)
        return {
            name: max(0, round(value)) if i else round(value)
            for i, (name, value) in enumerate(zip(_NAMES, fitted, strict=True))
        }


_NOTHING = 1e-6


def _solve(matrix: list[list[float]]) -> Sequence[float]:
    """Solve linear equations, the right-hand side in the last column. No pivot is zero: the matrix has a trust
    above zero, or a one, on its diagonal."""
    matrix = [list(row) for row in matrix]
    size = len(matrix)
    for pivot in range(size):
        for below in range(pivot + 1, size):
            if factor := matrix[below][pivot] / matrix[pivot][pivot]:
                for column in range(pivot, size + 1):
                    matrix[below][column] -= factor * matrix[pivot][column]
    solution = [0.0] * size
    for row in reversed(range(size)):
        rest = sum(matrix[row][column] * solution[column] for column in range(row + 1, size))
        solution[row] = (matrix[row][size] - rest) / matrix[row][row]
    return solution


class _Cache:
    def __init__(self, laws: Laws) -> None:
        self._block = laws.cache_block
        # A prior counts as so many responses. A guess of "never" is given up fast.
        self._hits, self._promises = 2 * laws.hit_rate, 2.0
        self._counts: deque[int] = deque(maxlen=16)
        self._rows = 0
        self.known: set[str] = set()

    def learn(self, laws: Laws, promise: Tokens, usage: Usage) -> dict[str, object]:
        for count in (usage.cached_text, usage.cached_audio):
            if count and count not in self._counts:
                self._counts.append(count)
        found: dict[str, object] = {"cache_block": self._divisor()}
        promised = promise.text + promise.audio
        if promised > 0:  # the base may be fitted below zero, and with it a short prompt
            share = min(1.0, (usage.cached_text + usage.cached_audio) / promised)
            self._hits, self._promises = 0.97 * self._hits + share, 0.97 * self._promises + 1
            self._rows += 1
            found["hit_rate"] = self._hits / self._promises
            if self._rows >= 5:
                self.known.add("hit_rate")
        return found

    def _divisor(self) -> int:
        """A count that is no multiple of the block denies it at once; a larger block takes eight counts to believe."""
        divisor = math.gcd(*self._counts)
        if len(self._counts) >= 4:
            self.known.add("cache_block")
        if divisor % self._block or (divisor and len(self._counts) >= 8):
            return divisor
        return self._block
