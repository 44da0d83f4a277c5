"""From reported counts to laws: sound first, then text, then the prompt cache, each on top of what was found before.

*Sound.* Replies are known to the token, because the service said how many it made; what is left of an input's audio
is the user's. That is reckoned twice, once as if old replies kept their sound and once as if only the newest did. In
the right account the same turn of the user is the same number of tokens each time, and all turns agree on how long a
token is.

*Text.* What generated words take is known; the rest is framing, one unknown for each kind, and what an old reply
loses with its sound, one unknown for each reply. What the probe's own equations leave open is filled in from what was
assumed of the model before, and marked so.

*Cache.* The unchanged beginning of each prompt is known from what it was made of. The block is the one that turns most
of them into the reported counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from laconic.expectation import shared_out
from laconic.laws import Laws
from laconic.layout import Block, Layout
from laconic.probing.equations import Equations
from laconic.probing.notes import Answer
from laconic.prompt_cache import PromptCache
from laconic.tokens import Tokens

__all__ = ["Cache", "Framing", "Interval", "Prompt", "Sound", "laid_out", "overlap", "reply_sound", "roundest"]

_SHORT_MS = 300


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one response read, laid out by some laws."""

    answer: Answer
    head: int
    """Text tokens of the instructions."""
    tools: int
    """And of the tools, with what having any takes."""
    blocks: tuple[Block, ...]
    prefix: Tokens
    """What it has in common with an earlier prompt and what that one generated; not rounded to blocks."""

    @property
    def tokens(self) -> Tokens:
        return sum((block.tokens for block in self.blocks), Tokens(self.head + self.tools))


def laid_out(answers: Iterable[Answer], laws: Laws, *, anew: Collection[str] = ()) -> list[Prompt]:
    """The prompts of all responses whose usage is known. `anew`: turns before which the cache was emptied."""
    layout, cache = Layout(laws), PromptCache(block=1, lines=1000)
    prompts: list[Prompt] = []
    for answer in answers:
        newest = layout.newest_sound(reversed(answer.read))
        if answer.name in anew:
            cache.forget()
        head = layout.head(answer.instructions, answer.tools)
        blocks = tuple(layout.block(item, newest) for item in answer.read)
        segments = head + [segment for block in blocks for segment in block.segments]
        layout.made(answer.made, shared_out(answer.made, answer.usage, laws))
        if answer.usage is not None and answer.usage.input_tokens:
            instructions, *tools = (segment.tokens.text for segment in head)
            prompts.append(Prompt(answer, instructions, sum(tools), blocks, cache.promised(segments)))
            cache.remember([*segments, *layout.fresh(answer.made)])
    return prompts


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies by most of the rows."""

    low: Fraction
    high: Fraction
    agree: int
    of: int


def overlap(rows: Sequence[tuple[Fraction, Fraction]]) -> Interval | None:
    """The stretch that most rows have in common; None without rows. A row is above its first, up to its second."""
    best: Interval | None = None
    for high in sorted({high for _, high in rows}):
        inside = [row for row in rows if row[0] < high <= row[1]]
        if best is None or len(inside) > best.agree:
            best = Interval(max(low for low, _ in inside), high, len(inside), len(rows))
    return best


def roundest(interval: Interval) -> int:
    """The whole number in an interval (the nearest one, if there is none) that a human would have chosen."""
    found = range(math.floor(interval.low) + 1, math.floor(interval.high) + 1)
    middle = (interval.low + interval.high) / 2
    if not found:
        return max(1, round(middle))
    return min(found, key=lambda ms: (1000 % ms != 0, ms % 10 != 0, ms % 5 != 0, abs(ms - middle)))


def _token_ms(pairs: Iterable[tuple[int, int]]) -> list[tuple[Fraction, Fraction]]:
    """How long a token may be, by lengths in ms, true to a millisecond either way, and the whole tokens they took."""
    told = [(ms, tokens) for ms, tokens in pairs if tokens > 0 and ms >= _SHORT_MS]
    return [(Fraction(ms - 1, tokens + 1), Fraction(ms + 1, tokens)) for ms, tokens in told]


def reply_sound(answers: Iterable[Answer]) -> Interval | None:
    """Milliseconds of a token of the service's own sound, by whole replies of one sounding item."""
    pairs: list[tuple[int, int]] = []
    for answer in answers:
        sounding = [item for item in answer.made if item.audio_ms]
        if answer.usage is not None and answer.status == "completed" and len(sounding) == 1:
            pairs.append((sounding[0].audio_ms, answer.usage.audio_out))
    return overlap(_token_ms(pairs))


# --- sound -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Account:
    """The audio counts, if old replies kept their sound or did not."""

    expected: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    """Name of the turn, audio tokens of replies in its input by this account, audio tokens reported."""
    equations: Equations = field(default_factory=Equations)
    user: dict[str, int] = field(default_factory=dict[str, int])
    """Length of each spoken turn, by item."""

    @property
    def token_ms(self) -> Interval | None:
        solved = self.equations.solved
        pairs = [(ms, math.floor(solved[name])) for name, ms in self.user.items() if name in solved]
        return overlap(_token_ms(pairs))

    @property
    def faults(self) -> int:
        """What cannot be, if this account is true."""
        settled = [name for name in self.user if name in self.equations.solved]
        interval = self.token_ms
        fit = interval.agree if interval is not None else 0
        return len(self.equations.misfits) + len(settled) - fit


class Sound:
    """What the audio counts say. `keeps` is None where both accounts fit alike."""

    def __init__(self, answers: Sequence[Answer], laws: Laws) -> None:
        self.accounts = {keeps: _account(answers, replace(laws, keeps_reply_audio=keeps)) for keeps in (True, False)}
        kept, dropped = self.accounts[True].faults, self.accounts[False].faults
        self.keeps = None if kept == dropped else kept < dropped
        account = self.accounts[laws.keeps_reply_audio if self.keeps is None else self.keeps]
        self.account = account
        self.token_ms = account.token_ms
        cut = [value for name, value in account.equations.solved.items() if name.startswith("cut ")]
        self.cut = math.floor(cut[0]) if cut else None
        """Audio tokens of a truncated reply while it is the newest."""


def _account(answers: Sequence[Answer], laws: Laws) -> _Account:
    account = _Account()
    for prompt in laid_out(answers, laws):
        usage = prompt.answer.usage
        assert usage is not None
        counts: Counter[str] = Counter()
        replies = 0
        for item, block in zip(prompt.answer.read, prompt.blocks, strict=True):
            if block.user_ms:
                counts[item.id] += 1
                account.user[item.id] = block.user_ms
            elif block.framing == "truncated_reply_text" and not block.dropped:
                counts[f"cut {item.id}"] += 1
            else:
                replies += block.tokens.audio
        account.expected.append((prompt.answer.name, replies, usage.audio_in))
        account.equations.add(prompt.answer.name, counts, usage.audio_in - replies)
    return account


# --- text --------------------------------------------------------------------------------------------------------

_FRAMINGS = ("user_audio_framing", "user_text_framing", "reply_framing", "truncated_reply_text", "tools_framing")


class Framing:
    """What the text counts say. `measured`: by the probe's own equations; `inferred`: where replies that lost their
    sound lost as much text as usual; `assumed`: with what was assumed before."""

    def __init__(self, answers: Sequence[Answer], laws: Laws) -> None:
        self.equations = Equations()
        discounts: dict[str, tuple[int, int]] = {}
        head = 0
        for prompt in laid_out(answers, laws):
            usage = prompt.answer.usage
            assert usage is not None
            head = prompt.head
            counts: Counter[str] = Counter({"head": 1})
            known = 0
            if prompt.tools:
                counts["tools_framing"] = 1
                known = prompt.tools - laws.tools_framing
            for item, block in zip(prompt.answer.read, prompt.blocks, strict=True):
                known += block.tokens.text
                if block.framing is not None:
                    counts[block.framing] += 1
                    known -= getattr(laws, block.framing)
                if block.dropped and block.discount:
                    counts[f"discount {item.id}"] -= 1
                    known += block.discount
                    discounts[f"discount {item.id}"] = block.reply_audio, block.discount
            self.equations.add(prompt.answer.name, counts, usage.text_in - known)
        self.misfits = list(self.equations.misfits)
        self.checks = self.equations.checks
        self.measured = self.equations.solved
        self.discounts = [
            (audio, round(self.measured[name])) for name, (audio, _) in discounts.items() if name in self.measured
        ]
        """Audio tokens of replies that lost their sound, and the text tokens they lost with it."""
        for name, (_, usual) in discounts.items():
            self.equations.add(name, {name: 1}, usual)
        self.inferred = self.equations.solved
        self.equations.add("head", {"head": 1}, head)
        for name in _FRAMINGS:
            self.equations.add(name, {name: 1}, getattr(laws, name))
        self.assumed = self.equations.solved
        self.base_text = laws.base_text + round(self.assumed["head"]) - head if head else laws.base_text

    def laws(self, laws: Laws) -> Laws:
        """These laws with what was found in their place."""
        found = {name: max(0, round(self.assumed[name])) for name in _FRAMINGS}
        return replace(laws, base_text=self.base_text, **found)

    @property
    def known(self) -> list[str]:
        """Names of the laws that were measured or inferred."""
        return [name for name in _FRAMINGS if name in self.inferred] + ["base_text"] * ("head" in self.inferred)


# --- cache -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CacheRow:
    """What one response might have read from cache, and what it did."""

    name: str
    after_s: float
    prefix: Tokens
    promised: Tokens
    read: Tokens

    @property
    def hit(self) -> bool:
        return self.read.text >= self.promised.text and self.read.audio >= self.promised.audio

    @property
    def missed(self) -> bool:
        return not self.read.text and not self.read.audio

    @property
    def tells(self) -> bool:
        """Whether anything was promised."""
        return bool(self.promised.text or self.promised.audio)


class Cache:
    """What the cached counts say. `block` is None where nothing was ever read from cache."""

    def __init__(self, prompts: Sequence[Prompt], laws: Laws) -> None:
        counts = [
            (prompt, Tokens(prompt.answer.usage.cached_text, prompt.answer.usage.cached_audio))
            for prompt in prompts
            if prompt.answer.usage is not None
        ]
        hits = [(prompt.prefix, read) for prompt, read in counts if read]
        self.block, self.exact, self.blocks = _block(hits, laws.cache_block)
        self.hits = len(hits)
        self.rows = [
            CacheRow(prompt.answer.name, prompt.answer.after_s, prompt.prefix, _rounded(prompt.prefix, block), read)
            for block in [self.block or laws.cache_block]
            for prompt, read in counts
        ]

    @property
    def telling(self) -> list[CacheRow]:
        return [row for row in self.rows if row.tells]

    @property
    def hit_rate(self) -> float | None:
        """Share of what was promised that was read, averaged over responses; None if nothing was ever promised."""
        shares = [
            min(1.0, (row.read.text + row.read.audio) / (row.promised.text + row.promised.audio))
            for row in self.telling
        ]
        return sum(shares) / len(shares) if shares else None


def _block(hits: Sequence[tuple[Tokens, Tokens]], usual: int) -> tuple[int | None, int, list[int]]:
    """The block that explains most rows, how many it explains, and all that explain as many.

    Of several the usual one, if it is among them; else the largest.
    """
    divisor = math.gcd(*(count for _, read in hits for count in (read.text, read.audio)))
    if not divisor:
        return None, 0, []
    fits = {
        block: sum(_rounded(prefix, block) == read for prefix, read in hits)
        for block in range(1, divisor + 1)
        if divisor % block == 0
    }
    exact = max(fits.values())
    best = [block for block, rows in fits.items() if rows == exact]
    return usual if usual in best else best[-1], exact, best


def _rounded(prefix: Tokens, block: int) -> Tokens:
    return Tokens(prefix.text // block * block, prefix.audio // block * block)
