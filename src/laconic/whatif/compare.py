"""Turns × memories × models × laws: the same conversation reckoned in every cell, reply by reply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from laconic.alternatives import Alternatives
from laconic.averages import Averages
from laconic.laws import Laws, prior
from laconic.meter import Cost, Meter, price
from laconic.rates import Rates
from laconic.running_prompt import Remembered
from laconic.tokens import Tokens, generated_tokens, text_tokens
from laconic.usage import TranscriptionUsage, Usage
from laconic.whatif.auto import Auto, memory
from laconic.whatif.turns import Beside, Configured, Cut, Happening, Left, Replied, Said, Talk, Transcribed

__all__ = ["Case", "Outcome", "Point", "Story", "by_the_minute", "cases", "minute_cost", "tell"]


@dataclass(frozen=True, slots=True)
class Case:
    """Everything but the memory."""

    model: str
    rates: Rates
    laws: Laws
    transcription_rates: Rates | None
    summary_rates: Rates | None = None

    @property
    def reply_audio(self) -> str:
        return "kept" if self.laws.keeps_reply_audio else "dropped"


@dataclass(frozen=True, slots=True)
class Point:
    """How one memory stands after a reply."""

    at_ms: int
    nano: int
    """Cost so far, 10⁻⁹ of the currency."""
    context: int
    """Tokens the latest response read."""
    cached: float
    """Share of them that is read from cache, as expected."""
    words: float
    """Share of what was said that is still there word for word."""
    gist: float
    """Share that is there in a summary."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a conversation came to under one memory."""

    memory: str
    cost: Cost
    multiple: float | None
    """Of the floor."""
    remembered: Remembered
    points: tuple[Point, ...]
    chosen: tuple[str, ...] = ()
    """Under `auto`: the memories that were in force, in order."""


@dataclass(frozen=True, slots=True)
class Story:
    """One case told to its end."""

    case: Case
    talk: Talk
    floor: Cost
    outcomes: tuple[Outcome, ...]
    said: Remembered


def cases(
    models: Sequence[Rates],
    reply_audio: Sequence[str],
    hit_rates: Sequence[float],
    *,
    transcription_rates: Rates | None,
    summary_rates: Rates | None,
    service: str = "openai",
) -> Iterator[Case]:
    """Every combination. `reply_audio`: `kept`, `dropped`, or `prior` for what is assumed of the model."""
    for rates, audio, hit_rate in product(models, reply_audio, hit_rates):
        laws = replace(prior(service, rates.name), hit_rate=hit_rate)
        if audio != "prior":
            laws = replace(laws, keeps_reply_audio=audio == "kept")
        yield Case(rates.name, rates, laws, transcription_rates, summary_rates)


def tell(talk: Talk, case: Case, memories: Sequence[str]) -> Story:
    """Reckon the conversation in one case, under every memory at once. BadInput for a memory that means none."""
    averages = Averages()
    writes = any(isinstance(happening, Transcribed) for happening in talk.happenings)
    named = [memory(name, averages.typical, writes=writes) for name in memories]
    told = Alternatives(case.laws, case.rates, memories=named, summary_rates=case.summary_rates)
    meter = Meter(case.rates, case.transcription_rates)
    points: dict[str, list[Point]] = {name: [] for name in told.names}
    for happening in talk.happenings:
        told.elapsed(happening.at_ms)
        _tell(happening, told, meter, averages, case.laws)
        if isinstance(happening, Replied):
            for name in told.names:
                points[name].append(_point(told, name, happening.at_ms, case.laws.hit_rate))
    told.elapsed(talk.length_ms)
    chosen = {one.name: tuple(one.chosen) for one in named if isinstance(one, Auto)}
    outcomes = tuple(
        Outcome(name, cost, told.multiple(cost), told.remembered(name), tuple(points[name]), chosen.get(name, ()))
        for name, cost in told.costs().items()
    )
    return Story(case, talk, told.floor, outcomes, told.spoken)


def by_the_minute(table: Iterable[Rates], currency: str) -> list[Rates]:
    """Services that talk and bill nothing but time, in that currency. One that only translates answers nobody."""
    return [
        rates
        for rates in table
        if rates.kind == "models" and rates.by_time and rates.currency == currency and "translate" not in rates.name
    ]


def minute_cost(rates: Rates, talk: Talk) -> Cost:
    """What the conversation would have cost at a service that bills minutes, silence included."""
    clock = Meter(rates)
    clock.elapsed(talk.length_ms)
    return clock.total


def _tell(happening: Happening, told: Alternatives, meter: Meter, averages: Averages, laws: Laws) -> None:
    match happening:
        case Configured(instructions=instructions, tools=tools):
            told.configured(instructions, tools)
            averages.instructions = instructions
        case Said(item=item, facts=facts):
            told.said(item, facts=facts)
            averages.said(item)
        case Transcribed(item_id=item_id, words=words, audio_ms=audio_ms, usage=usage):
            usage = usage or _transcription(words, audio_ms, meter.transcription_rates)
            told.transcribed(item_id, words, meter.transcription(item_id, usage, audio_ms))
        case Replied(response_id=response_id, items=items, usage=usage):
            made = sum((generated_tokens(item, laws) for item in items), Tokens())
            heard = Usage(audio_in=1, text_out=made.text, audio_out=made.audio) if items else Usage()
            told.replied(response_id, items, usage or heard)
            averages.replied(usage or heard)
        case Cut(item_id=item_id, heard_ms=heard_ms):
            told.cut(item_id, heard_ms)
        case Left(item_id=item_id):
            told.left(item_id)
        case Beside(usage=usage):
            told.aside(price(usage, meter.rates))


def _transcription(words: str | None, audio_ms: int, rates: Rates | None) -> TranscriptionUsage:
    """What writing down a turn takes, where nobody reported it: its length, or its tokens where those are billed.
    The sound is read at ten tokens a second, as by the model that answers (COST.md section 6)."""
    if rates is None or rates.by_time:
        return TranscriptionUsage(duration_ms=audio_ms)
    return TranscriptionUsage(audio_in=audio_ms // 100, text_out=text_tokens(words or ""))


def _point(told: Alternatives, name: str, at_ms: int, hit_rate: float) -> Point:
    counts, remembered, said = told.counts(name), told.remembered(name), told.spoken
    read, promised = counts.latest, counts.latest_promised
    context = read.text + read.audio + read.image
    cached = hit_rate * (promised.text + promised.audio + promised.image)
    whole = said.speech_ms or 1
    return Point(
        at_ms,
        told.cost(name).nanodollars,
        context,
        cached / context if context else 0.0,
        remembered.speech_ms / whole,
        remembered.gist_ms / whole,
    )
