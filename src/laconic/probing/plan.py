"""The turns of a probe, and what they can cost at most, reckoned before anything is said.

The order is chosen so that each count can be read off: as long as the only reply there is gets deleted at once, the
difference of two inputs is exactly what the user's turn between them adds, or a tool or a picture that is there for
this turn; only then do replies stay, first one, then two, so that one of them is no longer the newest. Edits come after
the plain turns, the dearest of them, writing everything down, last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from laconic.laws import Laws
from laconic.meter import price
from laconic.rates import Rates
from laconic.tokens import text_tokens
from laconic.usage import Usage

__all__ = [
    "INSTRUCTIONS",
    "MAX_OUTPUT_TOKENS",
    "TOOL",
    "Price",
    "Turn",
    "plan",
    "reckon",
    "surprise",
    "time_limit_s",
]

# Short words in small letters are one token each, so that the length of this is known and not estimated. It is long
# enough that the prompt cache has something to hold when everything behind it has changed.
INSTRUCTIONS = (
    "You are part of a test that counts tokens. Keep to one rule: answer each turn out loud, in one short line of at "
    "most six plain words, and then stop. Do not ask back. Do not list or spell out things. Do not say what you are "
    "or what this test is for. If you did not hear a turn well, say so in a few words. If a turn is only a word or "
    "two, still say a short line of your own. Use the same calm voice each time, and speak in full words. It does not "
    "matter what you say, as long as it is short, kind and said out loud. The line may be about food, birds, rain or "
    "the sea."
)

MAX_OUTPUT_TOKENS = 160
"""Of one reply: six words take about 60, and a model that thinks first needs some more."""

TOOL = {
    "type": "function",
    "name": "bird_of_the_day",
    "description": "Which bird is seen most often today",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}

_LIKELY_AUDIO, _LIKELY_TEXT = 45, 20
"""Tokens of a reply of six words."""
_SURE_MS_PER_TOKEN = 8
"""Of the user's sound where nobody has measured it: Qwen's 125 tokens a second, the most ever seen."""
_TURN_S = 12.0

_PICTURE_TOKENS, _TOOL_TOKENS = 1_500, 500
"""More than a picture, and having a tool, was ever seen to take: 194 (litellm#39850) and 347 (COST.md section 2)."""

Before = Literal["", "delete the end", "truncate", "delete the front", "delete the middle", "write down", "one note"]
Update = Literal["", "other settings", "a tool", "no tool"]
When = Literal["", "missed", "drifted"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing the user says, and the reply to it."""

    name: str
    clip: int | None = None
    """Which of the clips is spoken; None for a written turn."""
    text: str = ""
    before: Before = ""
    """What is done to the conversation first."""
    update: Update = ""
    """What is changed with a `session.update`, after that."""
    when: When = ""
    """Only if the turn before was not read from cache, or was answered in writing; else the turn is left out."""
    gap_s: float = 0.0
    """Silence before it."""
    picture: bool = False
    """A picture goes with it, and leaves after the reply."""
    cancel: bool = False
    """The reply is cancelled as soon as it has begun."""


_CHANGED: tuple[tuple[str, str, Update, When], ...] = (
    ("with a tool", "Tell me more.", "a tool", ""),
    ("with a picture", "And what else?", "no tool", ""),
    ("other settings", "Go on.", "other settings", ""),
    ("other settings, again", "Why is that?", "other settings", "missed"),
    ("other settings, once more", "Say it again.", "other settings", "missed"),
)


def plan(gaps_s: Sequence[float] = ()) -> tuple[Turn, ...]:
    """All turns, those that may be left out included. `gaps_s`: pauses after which to look at the prompt cache."""
    pauses = (Turn(f"a gap of {gap:g} s", text="Tell me more.", gap_s=gap) for gap in gaps_s)
    return (
        Turn("the first", clip=0),
        Turn("its reply deleted", clip=1, before="delete the end"),
        Turn("that reply deleted too", text="Go on.", before="delete the end"),
        *(
            Turn(name, text=text, before="delete the end", update=update, when=when, picture="picture" in name)
            for name, text, update, when in _CHANGED
        ),
        Turn("a reply read again", clip=2),
        Turn("two replies", clip=3),
        Turn("three replies", clip=4),
        *pauses,
        Turn("the newest reply truncated", text="And what else?", before="truncate"),
        Turn("one turn later", text="Tell me more."),
        Turn("the front deleted", text="Say it again.", before="delete the front"),
        Turn("the front deleted, again", text="Go on.", when="missed"),
        Turn("the middle deleted", text="Why is that?", before="delete the middle"),
        Turn("the middle deleted, again", text="Go on.", when="missed"),
        Turn("cancelled", text="And what else?", cancel=True),
        Turn("written down", clip=5, before="write down"),
        Turn("after that", text="Tell me more."),
        Turn("in one note", text="Say it again.", before="one note", when="drifted"),
    )


@dataclass(frozen=True, slots=True)
class Price:
    """What a probe costs. None where the model has no price."""

    most: int | None
    """10⁻⁹ of the currency, never to be passed."""
    likely: int | None
    currency: str
    turns: int
    tokens: int
    """The most tokens it can take, input and output."""


def reckon(turns: Sequence[Turn], clips_ms: Sequence[int], laws: Laws, rates: Rates | None) -> Price:
    """Reckon the price beforehand: nothing cached, nothing deleted, for `most` every reply as long as it may be."""
    most, most_tokens = _sum(turns, clips_ms, laws, rates, MAX_OUTPUT_TOKENS, 0)
    sure = [turn for turn in turns if not turn.when and not turn.cancel]
    likely, _ = _sum(sure, clips_ms, laws, rates, _LIKELY_AUDIO, _LIKELY_TEXT)
    return Price(most, likely, rates.currency if rates is not None else "USD", len(turns), most_tokens)


def _sum(
    turns: Sequence[Turn], clips_ms: Sequence[int], laws: Laws, rates: Rates | None, audio: int, text: int
) -> tuple[int | None, int]:
    guessed = "user_audio_ms_per_token" in laws.unverified
    token_ms = min(laws.user_audio_ms_per_token, _SURE_MS_PER_TOKEN if guessed else 10_000)
    text_in = laws.base_text + text_tokens(INSTRUCTIONS)
    audio_in = total = tokens = 0
    for turn in turns:
        text_in += text_tokens(turn.text) + max(laws.user_text_framing, laws.user_audio_framing)
        audio_in += clips_ms[turn.clip] // token_ms + 1 if turn.clip is not None else 0
        # A quarter more text than is known of, since framings may be larger than assumed.
        new = surprise(turn)
        usage = Usage(
            text_in=(text_in + new.text_in) * 5 // 4,
            audio_in=audio_in,
            image_in=new.image_in,
            text_out=text,
            audio_out=audio,
        )
        total += price(usage, rates).nanodollars
        tokens += usage.total_tokens
        text_in += text + laws.reply_framing
        audio_in += audio
    if rates is None or not rates.priced:
        return None, tokens
    written = sum(turn.clip is None for turn in turns) + 2 * len(turns)
    total += (rates.per_message or 0) * written
    total += (rates.per_minute or 0) * round(time_limit_s(turns)) // 60
    return total, tokens


def surprise(turn: Turn) -> Usage:
    """What a turn may take beyond its words and what went before: a tool or a picture, at its most."""
    return Usage(
        text_in=_TOOL_TOKENS if turn.update == "a tool" else 0, image_in=_PICTURE_TOKENS if turn.picture else 0
    )


def time_limit_s(turns: Sequence[Turn]) -> float:
    """How long a probe may take, seconds."""
    return sum(_TURN_S + turn.gap_s for turn in turns)
