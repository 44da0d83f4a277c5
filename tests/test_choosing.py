"""Which memory `auto` chooses, and what it says about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasts import World, heard, spoken
from playbook import counter

from laconic import events as ev
from laconic.choosing import Auto, Choice, Grounds, forecast, requirement
from laconic.conversation import Conversation
from laconic.currencies import Sums
from laconic.edits import Outcome
from laconic.errors import BadInput
from laconic.exchanges import Exchanges
from laconic.items import Item, Part
from laconic.laws import Laws
from laconic.memory import memory
from laconic.plans import Past, Plan, Typical
from laconic.rates import Rates, load
from laconic.written import Written

TABLE = load()
KEPT_COLD = Laws(keeps_reply_audio=True, hit_rate=0.0)


def rates(model: str) -> Rates:
    found = TABLE.find(model)
    assert found is not None
    return found


def past(laws: Laws = KEPT_COLD, *, model: str | None = "gpt-realtime-2.1", **given: object) -> Past:
    conversation = Conversation()
    settings = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    if not given.pop("silent", False):
        conversation.read(ev.SessionCreated(session=settings))
    made = Past(
        conversation=conversation,
        exchanges=Exchanges(),
        laws=laws,
        rates=rates(model) if model else None,
        summary_rates=None,
        ids=counter(),
        kept=lambda item: False,
        pinned=lambda item: False,
        words=lambda item: item.text,
        cut_off=lambda item: False,
        over=lambda item: True,
        say=lambda *_: None,
        supports=lambda kind: True,
    )
    return replace(made, **given)  # pyright: ignore[reportArgumentType]


def chosen(auto: Auto, what: Past) -> str:
    """Asked as often as it takes to choose again."""
    for _ in range(8):
        list(auto.plans(what))
    return auto.chosen


@pytest.mark.parametrize(("spec", "meant"), [("words", "words"), ("gist", "gist"), ("7", 7), ("12 exchanges", 12)])
def test_what_shall_be_remembered_is_said_in_three_ways(spec: str, meant: str | int) -> None:
    assert requirement(spec) == meant


@pytest.mark.parametrize("spec", ["", "all", "0", "-3", "x exchanges"])
def test_anything_else_is_refused_in_one_sentence(spec: str) -> None:
    with pytest.raises(BadInput, match="words, gist"):
        requirement(spec)


def test_before_anything_is_known_everything_is_in_force() -> None:
    auto = Auto(memory)
    assert (auto.name, auto.chosen) == ("auto", "everything")
    assert "nothing" in auto.why()


@pytest.mark.parametrize(
    ("remember", "expected"), [("words", "written"), ("gist", "summary"), (5, "summary"), (20, "summary")]
)
def test_with_a_cold_cache_the_old_words_go_into_writing(remember: str | int, expected: str) -> None:
    auto = Auto(memory, remember)
    assert chosen(auto, past()) == expected
    assert "an hour costs" in auto.why()
    assert "kept" in auto.why()


def test_the_more_exchanges_shall_last_the_dearer_is_a_summary() -> None:
    """Until it leaves as much as `written` does; but nothing costs less than what is asked."""
    names, terms = ["summary", "written"], (KEPT_COLD, rates("gpt-realtime-2.1"), None, Typical())
    few, more, many = (forecast(names, *terms, lasts=lasts) for lasts in (0, 20, 400))
    assert few["summary"] < more["summary"] < many["summary"] == many["written"] == few["written"]


def test_how_many_exchanges_last_is_part_of_the_reason() -> None:
    auto = Auto(memory, 20)
    chosen(auto, past())
    assert auto.why().startswith("the 20 latest exchanges stay word for word; an hour costs exchanges:20 $")
    assert chosen(Auto(memory, 3), past(silent=True)) == "exchanges:3"


def test_what_is_chosen_by_is_what_it_costs_to_remember_so_many() -> None:
    choice = Choice(20)
    moment = past()
    choice.consider(Grounds(moment.laws, moment.rates, None, Typical, 0))
    assert choice.sums is not None
    costs = choice.sums.by_name
    assert costs == forecast(list(costs), moment.laws, moment.rates, None, Typical(), lasts=20)


TURNS = st.lists(st.tuples(st.integers(1, 250), st.booleans(), st.booleans()), min_size=1, max_size=40)
PLACES = st.sampled_from([(), ("delete",), ("create",), ("place",)])


@settings(max_examples=60)
@given(
    turns=TURNS,
    lasting=st.integers(1, 12),
    hit_rate=st.sampled_from([0.0, 0.5, 1.0]),
    model=st.sampled_from(["gpt-realtime-2.1", "gpt-live-1", None]),
    transcribes=st.booleans(),
    unsupported=PLACES,
)
def test_whatever_is_chosen_the_latest_exchanges_stand(
    turns: list[tuple[int, bool, bool]],
    lasting: int,
    hit_rate: float,
    model: str | None,
    transcribes: bool,
    unsupported: tuple[str, ...],
) -> None:
    """As sound or word for word, of whatever length, whether or not transcripts and summaries come."""
    world = World(laws=Laws(hit_rate=hit_rate), rates=rates(model) if model else None, transcribes=transcribes)
    auto = Auto(memory, lasting)
    for number, (count, transcribed, summarised) in enumerate(turns, 1):
        question, answer = (" ".join([who, str(number), *["word"] * count]) for who in ("Question", "Answer"))
        world.enter(spoken(f"u{number}", question if transcribed else None, ms=count * 400), number)
        world.enter(heard(f"a{number}", answer, ms=count * 400), number)
        world.summarise = lambda text, made=summarised: "short" if made else None
        if number == len(turns) // 2:
            world.unsupported = set(unsupported)
        world.follow(auto)
        held = "\n".join(f"{item.id} {item.text}" for item in world.conversation) + "\n"
        for n in range(max(1, number - lasting + 1), number + 1):
            assert f"Question {n} " in held or f"u{n} None\n" in held
            assert f"Answer {n} " in held


def test_auto_says_what_it_was_asked_to_remember() -> None:
    assert [Auto(memory, what).name for what in ("gist", "words", 9)] == ["auto", "auto:words", "auto:9"]


def test_where_time_is_billed_everything_is_kept() -> None:
    auto = Auto(memory)
    assert chosen(auto, past(model="gpt-live-1")) == "everything"
    assert "minute" in auto.why()


def test_where_nothing_can_be_deleted_everything_is_kept() -> None:
    auto = Auto(memory)
    assert chosen(auto, past(supports=lambda kind: kind != "delete")) == "everything"
    assert "let go" in auto.why()


@pytest.mark.parametrize(("remember", "expected"), [("gist", "window:8000"), ("words", "everything")])
def test_without_transcription_nothing_can_be_written(remember: str, expected: str) -> None:
    assert chosen(Auto(memory, remember), past(silent=True)) == expected


@pytest.mark.parametrize("kind", ["create", "place"])
def test_where_a_service_is_known_not_to_take_writing_it_is_not_tried(kind: str) -> None:
    assert chosen(Auto(memory), past(supports=lambda edit: edit != kind)) == "window:8000"


def test_where_an_hour_seems_to_cost_less_than_nothing_there_is_a_choice_all_the_same() -> None:
    """The base is fitted, and where instructions were counted too long it may come out far below zero."""
    said: list[str] = []
    auto = Auto(memory)
    laws = replace(KEPT_COLD, base_text=-5_000)
    moment = past(laws, say=lambda sentence, _: said.append(sentence))
    costs = forecast(["summary", "written"], laws, moment.rates, None, Typical())
    assert costs["summary"] < costs["written"] < 0
    assert chosen(auto, moment) == "summary"
    assert chosen(auto, past(replace(laws, hit_rate=0.1), say=lambda sentence, _: said.append(sentence))) == "summary"
    assert said == []


def test_with_unknown_prices_the_usually_cheapest_is_taken() -> None:
    auto = Auto(memory)
    assert chosen(auto, past(model=None)) == "summary"
    assert "unknown" in auto.why()


def test_the_choice_changes_with_what_is_possible_and_that_is_said() -> None:
    """With the money it speaks of, for whoever counts in another."""
    said: list[tuple[str, Sums | None]] = []
    auto = Auto(memory)
    assert auto.sums is None

    def say(sentence: str, sums: Sums | None = None) -> None:
        said.append((sentence, sums))

    assert chosen(auto, past(say=say)) == "summary"
    refusing = past(replace(KEPT_COLD, hit_rate=0.5), supports=lambda kind: kind != "create", say=say)
    assert chosen(auto, refusing) == "window:8000"
    [(sentence, sums)] = said
    assert sentence.startswith("memory is now window:8000")
    assert sums is auto.sums is not None
    assert f"an hour costs {sums} (" in sentence


def test_it_is_not_changed_for_a_trifle_and_not_reconsidered_at_every_moment() -> None:
    calls: list[Typical] = []

    def typical() -> Typical:
        calls.append(Typical())
        return calls[-1]

    auto = Auto(memory, "words")
    moment = past(Laws(hit_rate=1.0), typical=typical)
    assert chosen(auto, moment) == "written"
    assert chosen(auto, moment) == "written"
    assert len(calls) == 1
    assert chosen(auto, past(Laws(hit_rate=0.99), typical=typical)) == "written"
    assert len(calls) == 1, "the hit rate moves a little at every response"
    assert chosen(auto, past(Laws(hit_rate=0.9), typical=typical)) == "written"
    assert chosen(auto, past(Laws(hit_rate=0.9, reply_framing=9), typical=typical)) == "written"
    assert len(calls) == 3


def test_to_choose_again_takes_no_long_moment() -> None:
    """Piece by piece, while what was chosen stands; and it comes to what it would have come to at once."""
    said: list[str] = []

    def say(sentence: str, sums: Sums | None = None) -> None:
        said.append(sentence)

    auto = Auto(memory, "words")
    assert chosen(auto, past(Laws(hit_rate=1.0), say=say)) == "written"
    free = replace(rates("gpt-realtime-2.1"), audio_in=0, audio_cached=0)
    moment = past(Laws(hit_rate=0.5), rates=free, say=say)
    for _ in range(7):
        list(auto.plans(moment))
        assert (auto.chosen, said) == ("written", [])
    list(auto.plans(moment))
    assert (auto.chosen, len(said)) == ("everything", 1)
    assert auto.sums is not None
    assert auto.sums.by_name == forecast(["written", "everything"], moment.laws, free, None, moment.typical())


def test_what_has_become_impossible_meanwhile_is_not_chosen() -> None:
    said: list[str] = []

    def say(sentence: str, sums: Sums | None = None) -> None:
        said.append(sentence)

    auto = Auto(memory, "words")
    free = replace(rates("gpt-realtime-2.1"), audio_in=0, audio_cached=0)
    assert chosen(auto, past(rates=free, say=say)) == "everything"
    dear = past(Laws(hit_rate=0.5), say=say)
    for _ in range(7):
        list(auto.plans(dear))
    refusing = replace(dear, supports=lambda kind: kind != "create")
    assert [chosen(auto, refusing) for _ in range(2)] == ["everything"] * 2
    assert (said, auto.sums is not None and list(auto.sums.by_name)) == ([], ["everything"])


def test_without_prices_to_choose_again_takes_no_time_at_all() -> None:
    auto = Auto(memory)
    assert chosen(auto, past(model=None)) == "summary"
    refusing = past(Laws(hit_rate=0.5), model=None, supports=lambda kind: kind != "create")
    list(auto.plans(refusing))
    assert auto.chosen == "window:8000"


def test_a_drift_reaches_the_memory_that_writes() -> None:
    auto = Auto(memory, "words")
    moment = past()
    list(auto.plans(moment))
    for wish in auto.to_notes(moment):
        assert wish
    writing = auto._memories["written"]  # pyright: ignore[reportPrivateUsage]
    assert isinstance(writing, Written)
    assert writing.notes
    assert list(Auto(memory, 3).to_notes(moment)) == []


def test_the_chosen_memory_makes_the_plans() -> None:
    auto = Auto(memory, "words")
    moment = past()
    spoken = Item("u", role="user", status="completed", parts=[Part("input_audio", "Hello.", 900)])
    moment.conversation.read(ev.ConversationItemAdded(item=spoken.to_wire()))
    moment.exchanges.entered(spoken, None, None)
    plans: Iterator[Plan] = auto.plans(moment)
    steps = next(plans).steps
    wish = next(steps)
    assert not hasattr(wish, "text")
    assert isinstance(wish, list)
    assert [edit.kind for edit in wish] == ["create"]
    wish = steps.send([Outcome(edit, "done") for edit in wish])
    assert isinstance(wish, list)
    assert [edit.item_id for edit in wish] == ["u"]


def test_a_forecast_needs_prices() -> None:
    assert forecast(["everything"], KEPT_COLD, None, None, Typical()) == {}
    costs = forecast(["everything", "summary"], KEPT_COLD, rates("gpt-realtime-2.1"), None, Typical())
    assert costs["summary"] * 5 < costs["everything"]


def test_a_drift_is_no_matter_to_memories_that_do_not_write() -> None:
    auto = Auto(memory)
    moment = past(silent=True)
    list(auto.plans(moment))
    assert auto.chosen == "window:8000"
    assert list(auto.to_notes(moment)) == []


def test_summaries_are_reckoned_as_long_as_they_turned_out() -> None:
    """Read again at every reply, a short one makes the hour cheaper."""
    terms = Laws(hit_rate=0.0), rates("gpt-realtime-2.1"), None, Typical()
    short, long = (forecast(["summary"], *terms, summary_tokens=tokens)["summary"] for tokens in (20, 200))
    assert short < long
    auto, what = Auto(memory), past()
    chosen(auto, what)
    assert auto.chosen == "summary"
    before = auto.why()
    note = Item(
        "s", role="system", status="completed", parts=[Part("input_text", "Summary of the conversation so far:")]
    )
    what.conversation.read(ev.ConversationItemAdded(item=note.to_wire(), previous_item_id=None))
    list(auto.plans(what))
    what.laws = replace(what.laws, hit_rate=0.05)
    chosen(auto, what)
    assert auto.why() != before


def test_what_keeps_the_chosen_memory_from_its_work_is_the_reason() -> None:
    """Transcription was asked for, and the words never come."""
    world, auto = World(rates=rates("gpt-realtime-2.1")), Auto(memory)
    for number in range(1, 8):
        world.enter(spoken(f"u{number}"), number)
        world.follow(auto)
    assert auto.chosen == "summary"
    [told] = world.told
    assert told.endswith("keeping a window of 8,000 tokens instead")
    assert auto.why() == told
