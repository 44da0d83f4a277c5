"""A stand-in put together from its real parts: voice detection on samples, ears, mind, voice and bill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from laconic.laws import prior
from laconic.prompt_cache import PromptCache
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice, Says
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.listening import Hears, TurnTaking
from laconic.simulator.minds import Facts, Mind
from laconic.simulator.service import Service
from laconic.simulator.turns import Turns

__all__ = ["Parts"]


def _on_samples(finished: Callable[[int, int], bool]) -> TurnTaking:
    return Turns(finished=finished)


def _evenly() -> Callable[[], float]:
    """Numbers from [0, 1) that fill it evenly, however few are taken: steps of the golden ratio."""
    steps = count(1)
    return lambda: next(steps) * 0.6180339887498949 % 1.0


@dataclass(slots=True, kw_only=True)
class Parts:
    """What the connections of one stand-in share. `service` makes one of them.

    `hearing` and `voice` are slow to make (a second, some MB) and keep what they have worked out, so that they are
    made once; neither lets one connection learn anything of another.
    """

    hearing: Hears
    voice: Says
    mind: Mind = field(default_factory=Facts)
    commentary: bool = True
    """Whether 2.1 says a word before it calls a function."""
    hit_rate: float | None = None
    """Share of responses, 0 to 1, that read from the prompt cache; None as the model's laws have it."""
    even_hits: bool = False
    """Whether the hits come evenly instead of at random, so that the rate holds in a short conversation too."""
    keeps_reply_audio: bool | None = None
    """Whether the sound of old replies stays in the input; None as the model's laws have it."""
    turns: Callable[[Callable[[int, int], bool]], TurnTaking] = _on_samples
    """Makes the turn-taking of one connection. Anything simpler than voice detection is for experiments."""
    seed: int = 0
    _connections: int = 0

    def service(self, habits: Habits, *, faults: Faults | None = None, provider: str = "openai") -> Service:
        """The next connection. Its ids and its cache hits follow from the seed and from how many came before it."""
        self._connections += 1
        line = f"{self.seed}/{self._connections}"
        laws = prior(provider, habits.model)
        if self.hit_rate is not None:
            laws = replace(laws, hit_rate=self.hit_rate)
        if self.keeps_reply_audio is not None:
            laws = replace(laws, keeps_reply_audio=self.keeps_reply_audio)
        draws = Ids(f"{line}/hits")
        return Service(
            habits,
            ids=Ids(line),
            turns=self.turns,
            hearing=self.hearing,
            composer=MindAndVoice(self.mind, self.voice, commentary=self.commentary, drift_after=habits.drift_after),
            bill=Bill(laws, hits=_evenly() if self.even_hits else draws.draw, cache=PromptCache(laws.cache_block)),
            faults=faults,
        )
