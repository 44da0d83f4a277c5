"""Conversations made up from a seed, as long and as ragged as people's.

The defaults are those of COST.md section 10, which gathers what recordings and studies of talk say: the user speaks
three seconds in the mean and two in the median, a reply takes eight, four and a half exchanges fill a minute. Some
replies are cut short. Some pauses are taken for the end of a turn: a ghost turn, answered and billed, and heard by
nobody; half of them are cancelled before anything is generated, and free (section 5). Twenty times the user tells
a fact that matters, evenly over the first nine tenths of the talk.

Chance comes from outside: `draw` gives a number between 0 and 1 each time it is called. The same draws make the
same conversation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from laconic.items import Item, Part
from laconic.usage import Usage
from laconic.whatif.turns import Configured, Cut, Happening, Left, Replied, Said, Talk, Transcribed

__all__ = ["Workload", "generate"]

_WORD_MS = 438
"""137 words a minute (CANDOR, COST.md section 10)."""
_LATENCY_MS = 700
"""From the end of a turn to the first sound of the reply (interpreter: 669 ms)."""
_BELL = NormalDist()
_INSTRUCTIONS = "You are a friendly companion on a long call. Speak naturally, keep it short, and never read out lists."
_FACTS = (
    "dog Momo|sister Aiko|brother Jonas|street Elm Road|birthday June 3|doctor Ana Ruiz|train 7:45|hotel Miramar|"
    "allergy peanuts|boat Heron|teacher Mr Osei|team Rovers|garden roses|flight BA 117|office floor 12|cat Pixel|"
    "city Kyoto|recipe lentils|song Clementine|color green"
)
_VOCABULARY = (
    "well I think we could go there again and see what happens with the house by the river because the weather was "
    "so much better last year when everybody came along and nobody had to wait for dinner until late in the evening"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How people talk."""

    minutes: float = 60.0
    exchanges_per_minute: float = 4.5
    user_median_s: float = 2.0
    user_mean_s: float = 3.0
    reply_mean_s: float = 8.0
    barge_in: float = 0.10
    """Share of replies that are cut short."""
    ghosts: float = 0.08
    """Share of turns that are answered in a pause first."""
    facts: int = 20
    instructions: str = " ".join([_INSTRUCTIONS] * 25)
    """600 tokens, as section 7 reckons with."""


def generate(workload: Workload, draw: Callable[[], float], name: str = "generated") -> Talk:
    """One conversation of that kind."""
    caller = _Caller(workload, draw)
    end_ms = round(workload.minutes * 60_000)
    while caller.now < end_ms:
        caller.exchange()
    return Talk(name, tuple(caller.happenings), max(end_ms, caller.now))


class _Caller:
    """Talks, one exchange after another."""

    def __init__(self, workload: Workload, draw: Callable[[], float]) -> None:
        self.now = 0
        self.happenings: list[Happening] = [Configured(at_ms=0, instructions=workload.instructions)]
        self._kind = workload
        self._draw = draw
        self._number = 0
        self._told = 0

    def exchange(self) -> None:
        """From the first word to the silence after the last."""
        kind, number = self._kind, self._number
        ms = _log_normal(self._draw, kind.user_median_s, kind.user_mean_s, 300, 30_000)
        if self._draw() < kind.ghosts:
            ms = self._interrupted(ms)
        self._speak(f"u{number}", ms, self._fact())
        reply_ms = _log_normal(self._draw, 0.9 * kind.reply_mean_s, kind.reply_mean_s, 800, 60_000)
        self._answer(f"r{number}", reply_ms)
        if self._draw() < kind.barge_in:
            reply_ms = max(200, int(reply_ms * (0.1 + 0.8 * self._draw())))
            self.happenings.append(Cut(at_ms=self.now + reply_ms, item_id=f"r{number}", heard_ms=reply_ms))
        self.now += reply_ms + self._silence()
        self._number += 1

    def _interrupted(self, ms: int) -> int:
        """The first half of a turn, and the service's hasty answer to it. What is left to say, in milliseconds."""
        first = max(300, ms // 2 // 20 * 20)
        self._speak(f"u{self._number}a", first, None)
        if self._draw() < 0.5:
            ghost = f"g{self._number}"
            self._answer(ghost, 300 + int(self._draw() * 1_500) // 20 * 20)
            self.happenings.append(Left(at_ms=self.now, item_id=ghost))
        else:
            self.happenings.append(Replied(at_ms=self.now, response_id=f"g{self._number}", items=(), usage=Usage()))
        return max(300, ms - first)

    def _speak(self, item_id: str, ms: int, fact: str | None) -> None:
        words = f"By the way, remember {fact}." if fact else _words(self._draw, ms)
        item = Item(item_id, role="user", parts=[Part("input_audio", None, ms)])
        self.now += ms
        self.happenings.append(Said(at_ms=self.now, item=item, facts=int(fact is not None)))
        self.happenings.append(Transcribed(at_ms=self.now, item_id=item_id, words=words, audio_ms=ms))

    def _answer(self, item_id: str, ms: int) -> None:
        reply = Item(item_id, role="assistant", parts=[Part("output_audio", _words(self._draw, ms), ms)])
        self.now += _LATENCY_MS
        self.happenings.append(Replied(at_ms=self.now, response_id=f"response {item_id}", items=(reply,)))

    def _fact(self) -> str | None:
        """The next fact, when its time has come."""
        kind = self._kind
        expected = max(1.0, kind.minutes * kind.exchanges_per_minute)
        if self._told == kind.facts or self._number < 0.9 * expected * self._told / kind.facts:
            return None
        self._told += 1
        facts = _FACTS.split("|")
        return facts[(self._told - 1) % len(facts)]

    def _silence(self) -> int:
        """Milliseconds until the next word, so that as many exchanges fill a minute as asked."""
        spoken = (self._kind.user_mean_s + self._kind.reply_mean_s) * 1000 + _LATENCY_MS
        mean = max(100.0, 60_000 / self._kind.exchanges_per_minute - spoken)
        return 100 + int(-mean * math.log(1 - self._draw()))


def _log_normal(draw: Callable[[], float], median_s: float, mean_s: float, least_ms: int, most_ms: int) -> int:
    """Milliseconds in steps of 20, from a log-normal distribution with this median and mean."""
    spread = math.sqrt(2 * math.log(mean_s / median_s)) if mean_s > median_s else 0.0
    chance = min(max(draw(), 1e-9), 1 - 1e-9)
    ms = 1000 * median_s * math.exp(spread * _BELL.inv_cdf(chance))
    return min(most_ms, max(least_ms, int(ms) // 20 * 20))


def _words(draw: Callable[[], float], ms: int) -> str:
    """About as many words as are said in that time."""
    vocabulary = _VOCABULARY.split()
    start = int(draw() * len(vocabulary))
    return " ".join(vocabulary[(start + step) % len(vocabulary)] for step in range(max(1, ms // _WORD_MS))) + "."
