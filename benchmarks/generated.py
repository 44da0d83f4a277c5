"""Generated talk: callers made from a seed, and the simple ears, voice and turn-taking that let hours pass in seconds.

A caller here is a list of turns drawn at random, with the times COST.md section 10 suggests: what is said and for how
long, how long the caller waits before saying it, whether he cuts the reply short, and whether he pauses in mid-sentence
for long enough to be answered too early (a ghost turn). Now and then he tells a fact of himself, which can be asked
back at the end.

Sound is a steady tone: how loud it is says which sentence it is. Nothing in an experiment on memory hangs on how
speech sounds, and everything on how long it lasts.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from laconic.simulator.speech import Spoken, Word, split_words
from laconic.simulator.turns import SpeechStarted, SpeechStopped

__all__ = ["FACTS", "LoudTurns", "Sentences", "ToneVoice", "Turn", "instructions", "question", "turns"]

BYTES_PER_MS = 48
_MEDIAN_S, _MEAN_S = 2.0, 3.0
_SPREAD = math.sqrt(2 * math.log(_MEAN_S / _MEDIAN_S))
_WORD_MS = 438
"""137 words a minute (CANDOR, COST.md section 10), for caller and reply alike."""
_SHORTEST_MS, _LONGEST_MS = 480, 20_000
_GAP_S = 1.2
"""Mean silence from the end of a reply to the caller's next word; with it 4 to 5 exchanges fill a minute."""
_CUTS_IN, _PAUSES, _NAMES, _STORIES = 0.10, 0.08, 0.10, 0.012

FACTS = {
    "favorite tree": "the willow",
    "favorite color": "green",
    "favorite city": "Lisbon",
    "favorite dish": "lentil soup",
    "favorite composer": "Haydn",
    "favorite flower": "the poppy",
    "favorite season": "autumn",
    "favorite bird": "the heron",
    "favorite game": "backgammon",
    "favorite number": "seventeen",
    "favorite river": "the Danube",
    "favorite fruit": "the quince",
    "favorite painter": "Vermeer",
    "favorite drink": "mint tea",
    "favorite planet": "Saturn",
    "favorite cheese": "Gouda",
    "favorite island": "Iona",
    "favorite dance": "the tango",
    "favorite metal": "copper",
    "favorite month": "October",
}
"""What the caller tells of himself, and what should come back when he asks."""

_WHO = ["we", "they", "everybody", "somebody", "neighbors", "people", "friends", "children", "visitors", "others"]
_DID = [
    "talked about",
    "walked around",
    "looked at",
    "thought about",
    "laughed about",
    "waited for",
    "asked about",
    "sat near",
    "wondered about",
    "listened to",
    "cleaned up",
    "drew pictures of",
]
_WHAT = [
    "the old bridge",
    "that garden",
    "the market",
    "a broken clock",
    "the long summer",
    "those stairs",
    "the little boat",
    "the new bakery",
    "an empty house",
    "the evening train",
    "a piano",
    "the fog outside",
    "all the snow",
    "the weather",
    "a good book",
    "the street music",
]
_WHEN = [
    "",
    "yesterday",
    "again",
    "for a while",
    "in the rain",
    "last week",
    "before dinner",
    "very slowly",
    "without a word",
    "until late",
    "as always",
]
_AND = "and then|because|but|while|so|and"
_NAMED = [
    "with Clara",
    "with Mr Okafor",
    "on Tuesday",
    "at 7",
    "with Jonas",
    "in Bergen",
    "at 12",
    "on Friday",
    "with Doctor Weiss",
    "near Porto",
    "for 45 minutes",
    "with Amina",
]


@dataclass(frozen=True, slots=True)
class Turn:
    """One time the caller speaks."""

    words: str
    ms: int
    gap_ms: int
    """Silence before it, counted from the end of the reply before."""
    cuts_in_after_ms: int | None = None
    """Does not wait: speaks up when so much of the reply has been heard."""
    pause_ms: int | None = None
    """Pauses so long after the first half."""
    fact: str | None = None
    """Which of FACTS it tells."""

    def halves(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Words and milliseconds before and after the pause."""
        words = self.words.split()
        half = max(1, len(words) // 2)
        first_ms = max(_SHORTEST_MS, self.ms * half // len(words))
        return (" ".join(words[:half]), first_ms), (" ".join(words[half:]), max(_SHORTEST_MS, self.ms - first_ms))


def turns(minutes: float, seed: int, elapsed_s: Callable[[], float]) -> Iterator[Turn]:
    """Turns for so many minutes by the clock `elapsed_s`; each of FACTS is told once, from early to late."""
    draws = random.Random(f"{seed}/turns")
    untold = list(FACTS)
    before: Turn | None = None
    while elapsed_s() < minutes * 60:
        due = elapsed_s() / 60 / minutes >= (len(FACTS) - len(untold) + 0.5) / (len(FACTS) + 1)
        turn = _turn(draws, untold.pop(0) if untold and due else None)
        if before is None or before.fact is not None:
            # The answer to a fact repeats it; cut in its middle it would be another fact to the stand-in's mind.
            turn = replace(turn, cuts_in_after_ms=None)
        yield turn
        before = turn


def _turn(draws: random.Random, fact: str | None) -> Turn:
    ms = int(1000 * draws.lognormvariate(math.log(_MEDIAN_S), _SPREAD))
    ms = min(_LONGEST_MS, max(_SHORTEST_MS, ms))
    gap_ms = int(1000 * draws.expovariate(1 / _GAP_S)) + 100
    cuts_in = int(1000 * draws.uniform(0.8, 6.0)) if draws.random() < _CUTS_IN else None
    pauses = draws.random() < _PAUSES
    pause_ms = draws.randint(620, 820)
    words = _sentence(draws, max(1, round(ms / _WORD_MS)))
    if fact is not None:
        words = f"By the way, my {fact} is {FACTS[fact]}."
        ms = _WORD_MS * len(words.split())
    elif draws.random() < _STORIES:
        words, ms = f"Tell me a story about {draws.choice(_WHAT)}.", _WORD_MS * 8
    splits = pauses and fact is None and len(words.split()) >= 4
    return Turn(words, ms, gap_ms, cuts_in, pause_ms if splits else None, fact)


def _sentence(draws: random.Random, length: int) -> str:
    """About so many words, none of them a fact about the caller; now and then a name or a number."""
    words: list[str] = []
    while len(words) < length:
        if words:
            words += draws.choice(_AND.split("|")).split()
        words += [draws.choice(_WHO), *draws.choice(_DID).split(), *draws.choice(_WHAT).split()]
        words += draws.choice(_WHEN).split()
    words = words[:length]
    if draws.random() < _NAMES:
        words += draws.choice(_NAMED).split()
    text = " ".join(words)
    return text[0].upper() + text[1:] + "."


def question(fact: str) -> Turn:
    """The caller asks a fact back."""
    words = f"What is my {fact}?"
    return Turn(words, _WORD_MS * len(words.split()), 400)


def instructions(tokens: int, count: Callable[[str], int]) -> str:
    """Instructions of about so many tokens, by `count`."""
    text = "You are a friendly voice companion. Speak English."
    advice = (
        "Keep your answers short and warm.",
        "Ask about what you have been told.",
        "Never read out lists.",
        "When you did not understand, say so.",
        "Do not repeat yourself.",
        "Speak calmly, and let people finish.",
        "Use plain words.",
    )
    number = 0
    while count(text) < tokens:
        text += f" {advice[number % len(advice)]}"
        number += 1
    return text


class Sentences:
    """Sound for words, and words for sound: what a caller says and what the stand-in's ears understand."""

    def __init__(self) -> None:
        self._known: list[str] = []
        self._levels: dict[str, int] = {}

    def say(self, words: str, ms: int) -> bytes:
        """A tone of that length that stands for these words. At most 31,000 different ones."""
        level = self._levels.get(words)
        if level is None:
            level = self._levels[words] = 1000 + len(self._known)
            self._known.append(words)
        return level.to_bytes(2, "little") * (24 * ms)

    def hear(self, pcm: bytes) -> Understood:
        """The words in a piece of sound, in order."""
        samples = array("h", pcm)[::24]
        loud = [level for level in samples if level >= 1000]
        said = [self._known[level - 1000] for level in dict.fromkeys(loud)]
        return Understood(" ".join(said) or None, len(loud))


@dataclass(frozen=True, slots=True)
class Understood:
    text: str | None
    voiced_ms: int
    complete: bool = True

    @property
    def transcript(self) -> str:
        return self.text or ""


class LoudTurns:
    """Turn-taking by loudness, in windows of 32 ms, with the edges `laconic.simulator.turns` would give."""

    def __init__(self, finished: Callable[[int, int], bool] | None = None) -> None:
        self._left = b""
        self._ms = 0
        self._start_ms: int | None = None
        self._loud_ms = 0
        self._free_ms = 0
        self._padding_ms, self._silence_ms = 300, 500

    def configure(self, *, prefix_padding_ms: int, silence_duration_ms: int, **_: Any) -> None:
        self._padding_ms, self._silence_ms = prefix_padding_ms, silence_duration_ms

    def abandon(self) -> None:
        self._start_ms, self._free_ms = None, self._ms

    @property
    def needed_from_ms(self) -> int:
        if self._start_ms is not None:
            return self._start_ms
        return max(self._free_ms, self._ms - self._padding_ms, 0)

    def hear(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        sound = self._left + pcm
        whole = len(sound) // (32 * BYTES_PER_MS)
        self._left = sound[whole * 32 * BYTES_PER_MS :]
        found: list[SpeechStarted | SpeechStopped] = []
        for window in range(whole):
            self._ms += 32
            at = window * 32 * BYTES_PER_MS
            if sound[at] or sound[at + 1]:
                self._loud_ms = self._ms
                if self._start_ms is None:
                    self._start_ms = max(self._free_ms, self._ms - 32 - self._padding_ms, 0)
                    found.append(SpeechStarted(self._start_ms))
            elif self._start_ms is not None and self._ms - self._loud_ms >= self._silence_ms:
                self._start_ms, self._free_ms = None, self._ms
                found.append(SpeechStopped(self._ms))
        return found


class ToneVoice:
    """A steady tone as long as the words would take to say."""

    def say(
        self,
        text: str,
        lang: str = "en",
        *,
        reading: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
    ) -> Spoken:
        words = split_words(text, lang)
        timed = tuple(Word(word, _WORD_MS * n, _WORD_MS * (n + 1)) for n, word in enumerate(words))
        return Spoken(b"\x10\x10" * (24 * _WORD_MS * len(words)), timed)
