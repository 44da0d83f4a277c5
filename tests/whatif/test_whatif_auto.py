"""`auto` in a talk told anew: what it chooses, and that the talk goes on under what it chose."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from talks import case, talk

from laconic.errors import BadInput
from laconic.imagined import Terms
from laconic.plans import Typical
from laconic.running_prompt import Piece, RunningPrompt
from laconic.tokens import Tokens
from laconic.whatif.auto import FORMS, Auto, memory
from laconic.whatif.compare import Outcome, tell
from laconic.whatif.turns import Talk, Transcribed
from laconic.whatif.workload import Workload, generate


def reckoned(*memories: str, of: Talk | None = None, minutes: float = 10.0, hit_rate: float = 0.0) -> list[Outcome]:
    return list(tell(of or talk(minutes), case(hit_rate), memories).outcomes)


def silent(whole: Talk) -> Talk:
    """The same, and nobody writes down what is said."""
    return replace(whole, happenings=tuple(one for one in whole.happenings if not isinstance(one, Transcribed)))


@pytest.mark.parametrize(
    ("spec", "like"), [("auto", "summary"), ("auto:gist", "summary"), ("auto:words", "written")], ids=str
)
def test_it_costs_and_remembers_what_the_memory_it_chose_does(spec: str, like: str) -> None:
    auto, chosen = reckoned(spec, like)
    assert auto.memory == spec.removesuffix(":gist")
    assert auto.chosen == (like,)
    assert (auto.cost, auto.remembered, auto.points) == (chosen.cost, chosen.remembered, chosen.points)
    assert chosen.chosen == ()


def test_of_so_many_exchanges_every_word_stays() -> None:
    """In a summary that costs more than one that leaves two, and less than writing everything."""
    [few, auto, all_] = reckoned("summary", "auto:20", "written", minutes=30.0)
    assert auto.chosen == ("summary",)
    assert few.cost.nanodollars < auto.cost.nanodollars < all_.cost.nanodollars
    latest = [point.words for point in auto.points][-30:]
    assert min(latest) > 15 / talk(30.0).exchanges


def test_where_nobody_writes_down_what_is_said_it_cuts() -> None:
    assert reckoned("auto", of=silent(talk(5.0)))[0].chosen == ("window:8000",)
    assert reckoned("auto:3", of=silent(talk(5.0)))[0].chosen == ("exchanges:3",)


@pytest.mark.parametrize(
    ("lacks", "chosen"), [("delete", "everything"), ("create", "window:8000"), ("place", "window:8000")]
)
def test_what_the_service_lacks_is_not_chosen(lacks: str, chosen: str) -> None:
    terms = case(0.5)
    terms = replace(terms, laws=replace(terms.laws, lacks=(lacks,)))
    assert tell(talk(5.0), terms, ["auto"]).outcomes[0].chosen == (chosen,)


def test_as_the_talk_shows_how_long_people_speak_it_chooses_anew() -> None:
    """Who says a word or two at a time has little behind the cut that must be read anew."""
    brief = Workload(minutes=10.0, user_median_s=0.2, user_mean_s=0.3, reply_mean_s=0.5)
    terms = case(1.0, "kept")
    [auto] = tell(silent(generate(brief, random.Random(1).random)), terms, ["auto:1"]).outcomes
    assert auto.chosen == ("window:8000", "exchanges:1")
    [auto] = tell(silent(talk()), terms, ["auto:1"]).outcomes
    assert auto.chosen == ("window:8000",)


def test_it_reckons_with_the_instructions_of_the_talk() -> None:
    """Where they are long, nothing else matters much, and what lasts longest is taken."""
    long = Workload(minutes=2.0, instructions="Be kind. " * 7_000)
    for workload, chosen in ((Workload(minutes=2.0), "window:8000"), (long, "exchanges:20")):
        [auto] = tell(silent(generate(workload, random.Random(1).random)), case(0.5), ["auto:20"]).outcomes
        assert auto.chosen == (chosen,)


def test_it_reckons_with_summaries_as_long_as_they_are() -> None:
    terms = case(0.0)
    for size, chosen in ((100, "summary"), (5_000, "written")):
        auto, prompt = memory("auto", Typical, writes=True), RunningPrompt(terms.laws)
        prompt.insert_first(Piece("s", "summary", Tokens(size)))
        auto.tidy(prompt, Terms(terms.laws, terms.rates, terms.summary_rates, 0))
        assert isinstance(auto, Auto)
        assert auto.chosen == [chosen]


@pytest.mark.parametrize("spec", ["auto:", "auto:elephants", "auto:1:2", "autoo", "select:5"])
def test_what_means_nothing_is_told_what_there_is(spec: str) -> None:
    with pytest.raises(BadInput) as refused:
        reckoned(spec)
    assert refused.value.ja is not None
    if spec == "autoo":
        assert FORMS in refused.value.sentence
        assert FORMS in refused.value.say("ja")
