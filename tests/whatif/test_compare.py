"""Cells: the same conversation under every memory, model and law, and what the minute-billed would take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from talks import TABLE, case, rates, story, talk

from laconic.errors import BadInput
from laconic.items import Item, Part
from laconic.meter import price
from laconic.usage import TranscriptionUsage, Usage
from laconic.whatif.compare import by_the_minute, cases, minute_cost, tell
from laconic.whatif.turns import Beside, Configured, Replied, Said, Talk, Transcribed


def test_every_combination_is_a_case() -> None:
    """Two models, two laws of reply audio, two hit rates: eight."""
    models = [rates("gpt-realtime-2.1"), rates("gpt-realtime-2.1-mini")]
    found = list(cases(models, ["kept", "prior"], [1.0, 0.25], transcription_rates=None, summary_rates=None))
    assert len(found) == 8
    assert {(one.model, one.reply_audio) for one in found} == {
        (model.name, audio) for model in models for audio in ("kept", "dropped")
    }
    assert {one.laws.hit_rate for one in found} == {1.0, 0.25}


def test_the_findings_of_the_paper_model_come_out() -> None:
    """Ten minutes: at a perfect cache forgetting each turn costs more than doing nothing; at a dead one less."""
    perfect = {one.memory: one.cost.nanodollars for one in story(reply_audio="kept").outcomes}
    dead = {one.memory: one.cost.nanodollars for one in story(hit_rate=0.0, reply_audio="kept").outcomes}
    assert perfect["last:5"] > perfect["everything"] > perfect["written"] > story().floor.nanodollars
    assert dead["everything"] > dead["service:4000:0.8"] > dead["last:5"] > dead["written"] > dead["summary"]


@pytest.mark.parametrize(
    ("hit_rate", "most"), [(1.0, 1.08), (0.75, 1.14), (0.5, 1.20), (0.0, 1.32)], ids=["100", "75", "50", "0"]
)
def test_an_hour_of_summary_stays_near_the_floor(hit_rate: float, most: float) -> None:
    """Summaries included, whatever happens to old replies' sound; and every fact is there, at least as gist."""
    for reply_audio in ("kept", "dropped"):
        told = tell(talk(60.0), case(hit_rate, reply_audio), ["summary"])
        (summary,) = told.outcomes
        assert summary.multiple is not None
        assert 1.0 < summary.multiple <= most
        assert summary.remembered.facts + summary.remembered.gist_facts == 20


def test_points_follow_the_talk() -> None:
    """One for each reply; money only grows, the last of it is the cost; shares are shares."""
    told = story()
    replies = sum(isinstance(one, Replied) for one in talk().happenings)
    for outcome in told.outcomes:
        assert len(outcome.points) == replies
        sums = [point.nano for point in outcome.points]
        assert sums == sorted(sums)
        assert 0 < sums[-1] <= outcome.cost.nanodollars
        assert all(0 <= point.cached <= 1 for point in outcome.points)
        assert all(0 <= point.words + point.gist <= 1.0001 for point in outcome.points)
    written = next(one for one in told.outcomes if one.memory == "written")
    assert written.points[-1].words == 1.0
    assert written.remembered == told.said


def test_where_minutes_are_billed_time_is_all_that_counts() -> None:
    """A model of that kind, and the others' price for the same talk: services that answer, in the same currency."""
    assert {one.name for one in by_the_minute(TABLE, "USD")} == {"gpt-live-1", "gpt-live-1.1", "grok-voice-latest"}
    assert by_the_minute(TABLE, "CNY") == []
    minutes = Talk("ten", (), 600_000)
    assert minute_cost(rates("gpt-live-1"), minutes).nanodollars == 500_000_000
    told = tell(talk(), replace(case(model="gpt-live-1"), transcription_rates=None), ["everything", "last:5"])
    expected = minute_cost(rates("gpt-live-1"), talk()).nanodollars
    assert [one.cost.nanodollars for one in told.outcomes] == [expected, expected]


def test_what_was_reported_is_taken_as_reported() -> None:
    """Usage of replies, of transcriptions and of responses beside the conversation; the rest is reckoned."""
    user = Item("u", role="user", parts=[Part("input_audio", None, 3_000)])
    reply = Item("a", role="assistant", parts=[Part("output_audio", "Hello there.", 1_000)])
    usage = Usage(text_in=5, audio_in=30, text_out=50, audio_out=100)
    beside = Usage(text_in=1_000, text_out=10)
    words = TranscriptionUsage(duration_ms=60_000)
    happenings = (
        Configured(at_ms=0, instructions="Be brief."),
        Said(at_ms=3_000, item=user),
        Transcribed(at_ms=3_000, item_id="u", words="hello", audio_ms=3_000, usage=words),
        Replied(at_ms=4_000, response_id="r", items=(reply,), usage=usage),
        Beside(at_ms=5_000, usage=beside),
    )
    told = tell(Talk("short", happenings, 5_000), case(), ["everything"])
    ga = rates("gpt-realtime-2.1")
    assert ga.audio_in is not None
    expected = price(replace(usage, text_in=0, audio_in=30), ga).nanodollars + price(beside, ga).nanodollars + 4_500_000
    assert told.floor.nanodollars == expected
    assert told.talk.exchanges == 1


def test_without_a_price_for_transcription_its_cost_is_unknown() -> None:
    """Each turn of it; the words are there all the same."""
    told = tell(talk(1.0), replace(case(), transcription_rates=None), ["written"])
    assert told.floor.unknown == sum(isinstance(one, Transcribed) for one in talk(1.0).happenings)
    assert told.outcomes[0].remembered == told.said


def test_transcription_is_reckoned_by_length_or_by_tokens() -> None:
    """As the model bills it: 0.0045 a minute, or ten tokens of sound a second and the words."""
    user = Item("u", role="user", parts=[Part("input_audio", None, 6_000)])
    words = Transcribed(at_ms=6_000, item_id="u", words="hello", audio_ms=6_000)
    short = Talk("short", (Said(at_ms=6_000, item=user), words), 6_000)
    for name, nano in (("gpt-transcribe", 450_000), ("gpt-4o-transcribe", 60 * 6_000 + 1 * 10_000)):
        told = tell(short, replace(case(), transcription_rates=rates(name)), ["everything"])
        assert told.floor.nanodollars == 60 * 32_000 + nano


def test_a_talk_in_which_nothing_was_said() -> None:
    """Nothing, of nothing."""
    empty = Replied(at_ms=0, response_id="r", items=(), usage=Usage())
    told = tell(Talk("silence", (empty,), 0), case(), ["everything"])
    assert told.outcomes[0].multiple is None
    assert told.outcomes[0].points[0].cached == 0.0


def test_a_memory_that_means_nothing_is_refused() -> None:
    """Before anything is reckoned."""
    with pytest.raises(BadInput):
        tell(talk(1.0), case(), ["forever"])
