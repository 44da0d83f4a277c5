"""The bill: exact to the last token reported, idempotent, and honest about what it does not know."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.meter import Charge, Cost, Meter, dollars, is_message, price
from laconic.rates import Rates, load
from laconic.usage import TranscriptionUsage, Usage

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
TABLE = load()


def rates(model: str) -> Rates:
    found = TABLE.find(model)
    assert found is not None
    return found


GA = rates("gpt-realtime")

# Three spoken turns of gpt-realtime, 2026-08-03 (REC-3 of COST.md). Turns 1 and 2 are printed in COST.md and
# PROTOCOL.md section 5. Of turn 3 the input is (63 text, 124 audio, nothing cached); how its output splits is not,
# but at these prices only text + 4 x audio = 409 gives the published sum.
REC_3 = [
    (Usage(text_in=15, audio_in=27, text_out=18, audio_out=42), 3_900_000),
    (Usage(text_in=43, audio_in=96, cached_audio=64, text_out=18, audio_out=43), 4_261_600),
    (Usage(text_in=63, audio_in=124, text_out=29, audio_out=95), 10_764_000),
]

counts = st.integers(0, 1_000_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    text, audio, image = draw(counts), draw(counts), draw(counts)
    return Usage(
        text_in=text,
        audio_in=audio,
        image_in=image,
        cached_text=draw(st.integers(0, text)),
        cached_audio=draw(st.integers(0, audio)),
        cached_image=draw(st.integers(0, image)),
        text_out=draw(counts),
        audio_out=draw(counts),
    )


@pytest.mark.parametrize(("usage", "nano"), REC_3)
def test_three_recorded_turns_cost_what_they_cost(usage: Usage, nano: int) -> None:
    assert price(usage, GA) == Cost(price(usage, GA).charges, 0, "USD")
    assert price(usage, GA).nanodollars == nano


def test_a_session_is_the_sum_of_its_turns_and_of_its_lines() -> None:
    meter = Meter(GA)
    for number, (usage, _) in enumerate(REC_3):
        meter.response(f"resp_{number}", "completed", usage)
    assert meter.total.nanodollars == 18_925_600
    assert meter.usage.audio_in == 27 + 96 + 124
    assert Charge("audio_cached", 64, "token", 400, 25_600) in meter.total.charges
    assert Charge("audio_in", 27 + 32 + 124, "token", 32_000, 183 * 32_000) in meter.total.charges
    assert [entry.id for entry in meter.responses] == ["resp_0", "resp_1", "resp_2"]
    assert str(meter.total) == "$0.0189"


@given(usages(), st.sampled_from([entry for entry in TABLE if entry.priced]))
def test_charges_add_up_to_the_cost(usage: Usage, at: Rates) -> None:
    cost = price(usage, at)
    assert cost.nanodollars == sum(charge.nanodollars for charge in cost.charges)
    assert all(charge.nanodollars == charge.count * charge.price for charge in cost.charges if charge.unit == "token")


@given(usages(), usages())
def test_more_tokens_never_cost_less(usage: Usage, more: Usage) -> None:
    assert price(usage + more, GA).nanodollars == price(usage, GA).nanodollars + price(more, GA).nanodollars
    assert price(usage + more, GA).nanodollars >= price(usage, GA).nanodollars


@given(usages())
def test_a_hit_never_costs_more_than_a_miss(usage: Usage) -> None:
    missed = Usage(
        text_in=usage.text_in,
        audio_in=usage.audio_in,
        image_in=usage.image_in,
        text_out=usage.text_out,
        audio_out=usage.audio_out,
    )
    assert price(usage, GA).nanodollars <= price(missed, GA).nanodollars


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | usages()), max_size=12))
def test_a_response_is_charged_once_however_often_it_is_reported(reports: list[tuple[int, Usage | None]]) -> None:
    meter = Meter(GA)
    first: dict[int, Usage | None] = {}
    for number, usage in reports:
        cost = meter.response(f"resp_{number}", "completed", usage)
        if first.get(number) is None:
            first[number] = usage
        known = first[number]
        assert cost == (Cost(unknown=1) if known is None else price(known, GA))
    known = [usage for usage in first.values() if usage is not None]
    assert meter.total.nanodollars == sum(price(usage, GA).nanodollars for usage in known)
    assert meter.total.unknown == len(first) - len(known)


def test_a_cancelled_response_is_charged_for_what_was_reported() -> None:
    meter = Meter(GA)
    meter.response("resp_1", "cancelled", Usage(text_in=100, audio_in=50, text_out=5, audio_out=20))
    assert meter.total.nanodollars == 100 * 4_000 + 50 * 32_000 + 5 * 16_000 + 20 * 64_000
    assert meter.responses[0].status == "cancelled"


def test_usage_that_was_never_reported_is_unknown_and_its_estimate_kept_apart() -> None:
    meter = Meter(GA)
    guess = Usage(text_in=1_000)
    assert meter.response("resp_1", "cancelled", None, estimate=guess) == Cost(unknown=1)
    meter.response("resp_2", "cancelled", None)
    assert (meter.total.nanodollars, meter.total.unknown) == (0, 2)
    assert meter.estimated.nanodollars == 4_000_000
    assert str(meter.total) == "$0.00 and 2 unknown"
    meter.response("resp_1", "cancelled", guess)
    assert (meter.total.nanodollars, meter.total.unknown, meter.estimated.nanodollars) == (4_000_000, 1, 0)


def test_zeros_are_a_report_and_cost_nothing() -> None:
    assert Meter(GA).response("resp_1", "cancelled", Usage()) == Cost()


def test_out_of_band_responses_are_on_the_bill() -> None:
    meter = Meter(GA)
    meter.response("resp_1", "completed", Usage(text_in=10), kind="out_of_band")
    assert meter.responses[0].kind == "out_of_band"
    assert meter.total.nanodollars == 40_000


@pytest.mark.parametrize("unknown", [None, TABLE.find("qwen-audio-3.0-realtime")])
def test_an_unknown_model_counts_tokens_only(unknown: Rates | None) -> None:
    meter = Meter(unknown)
    meter.response("resp_1", "completed", Usage(text_in=10, audio_in=20))
    meter.response("resp_2", "completed", Usage(text_in=10, audio_in=20))
    assert (meter.total.nanodollars, meter.total.unknown) == (0, 2)
    assert meter.usage.total_tokens == 60


def test_a_kind_of_token_without_a_price_is_unknown_beside_what_is_known() -> None:
    cost = price(Usage(text_in=10, image_in=5), rates("gpt-4o-realtime-preview"))
    assert (cost.nanodollars, cost.unknown) == (50_000, 1)


def test_no_price_for_cached_tokens_is_no_discount() -> None:
    gemini = rates("gemini-3.8-live")
    assert price(Usage(text_in=100, cached_text=64), gemini).nanodollars == 100 * 750


@pytest.mark.parametrize(
    ("usage", "nano"),
    [
        (Usage(text_in=10, text_out=10), 10 * 1_600 + 10 * 6_400),
        (Usage(audio_in=10, text_out=10), 10 * 25_000 + 10 * 18_000),
        (Usage(audio_in=10, text_out=10, audio_out=10), 10 * 25_000 + 10 * 50_000),
    ],
)
def test_qwen_prices_text_by_what_stands_beside_it(usage: Usage, nano: int) -> None:
    cost = price(usage, rates("qwen-omni-turbo-realtime"))
    assert (cost.nanodollars, cost.currency) == (nano, "CNY")


def test_time_is_charged_as_reported_and_messages_one_by_one() -> None:
    """xAI: 5 billable seconds at $0.08 a minute, rounded half up once, and $0.004 a message."""
    meter = Meter(rates("grok-voice-latest"))
    cost = meter.response("resp_1", "completed", Usage(text_in=10, audio_in=146, audio_out=170, billable_ms=5_000))
    assert cost.charges == (Charge("time", 5_000, "minute", 80_000_000, 6_666_667),)
    meter.elapsed(60_000)
    meter.message()
    meter.message(2)
    assert meter.total.nanodollars == 6_666_667 + 3 * 4_000_000


def test_time_nobody_reported_is_the_session_s_own() -> None:
    meter = Meter(rates("gpt-live-1"))
    assert meter.total == Cost()
    meter.response("resp_1", "completed", Usage(text_in=100, audio_out=100))
    assert meter.total == Cost(unknown=1)
    meter.elapsed(90_000)
    meter.elapsed(60_000)
    assert meter.total.charges == (Charge("time", 90_000, "minute", 50_000_000, 75_000_000),)
    assert meter.total.unknown == 0


def test_messages_and_time_are_free_where_tokens_are_billed() -> None:
    meter = Meter(GA)
    meter.message()
    meter.elapsed(60_000)
    assert meter.total == Cost()


@given(st.integers(0, 10**8), st.integers(0, 10**9))
def test_a_line_of_time_is_rounded_half_up_once(ms: int, per_minute: int) -> None:
    at = Rates(name="mine", per_minute=per_minute)
    exact = Fraction(ms * per_minute, 60_000)
    assert price(Usage(billable_ms=ms), at).nanodollars == int(exact + Fraction(1, 2))


def test_transcription_by_tokens() -> None:
    meter = Meter(GA, rates("gpt-4o-transcribe"))
    cost = meter.transcription("item_1", TranscriptionUsage(text_in=2, audio_in=26, text_out=9), 2_668)
    assert cost.nanodollars == 2 * 2_500 + 26 * 6_000 + 9 * 10_000
    assert meter.transcription("item_1", TranscriptionUsage(audio_in=99)) == cost
    assert meter.total == cost
    assert [entry.id for entry in meter.transcriptions] == ["item_1"]


def test_transcription_by_seconds() -> None:
    """gpt-realtime-whisper bills whole seconds: 3 for 2.796 (recording openai-ga-speech-turn)."""
    meter = Meter(GA, rates("gpt-realtime-whisper"))
    assert meter.transcription("item_1", TranscriptionUsage(duration_ms=3_000), 2_796).nanodollars == 850_000


def test_a_model_billed_by_the_minute_that_reports_tokens_is_charged_for_the_turn_s_length() -> None:
    meter = Meter(GA, rates("whisper-1"))
    assert meter.transcription("item_1", TranscriptionUsage(audio_in=26), 2_000).nanodollars == 200_000
    assert meter.transcription("item_2", TranscriptionUsage(audio_in=26)).unknown == 1


def test_a_transcription_nobody_billed_is_unknown_with_an_estimate_by_length() -> None:
    """Voice Live reports none."""
    meter = Meter(GA, rates("whisper-1"))
    assert meter.transcription("item_1", None, 2_000) == Cost(unknown=1)
    assert meter.estimated.nanodollars == 200_000
    assert meter.transcription("item_1", None, 2_000) == Cost(unknown=1)
    meter.transcription("item_1", TranscriptionUsage(duration_ms=2_000), 2_000)
    assert (meter.total.nanodollars, meter.total.unknown, meter.estimated.nanodollars) == (200_000, 0, 0)


@pytest.mark.parametrize(
    ("meter", "usage"),
    [
        (Meter(GA), TranscriptionUsage(duration_ms=3_000)),
        (Meter(GA, rates("gpt-4o-transcribe")), TranscriptionUsage(duration_ms=3_000)),
        (Meter(GA, Rates(name="mine", text_out=1)), TranscriptionUsage(audio_in=3)),
        (Meter(rates("qwen-omni-turbo-realtime"), rates("whisper-1")), TranscriptionUsage(duration_ms=3_000)),
    ],
    ids=["no model", "seconds at token prices", "a price missing", "another currency"],
)
def test_a_transcription_that_cannot_be_priced_is_unknown(meter: Meter, usage: TranscriptionUsage) -> None:
    assert meter.transcription("item_1", usage, 3_000).unknown == 1
    assert meter.total.nanodollars == 0


def test_rates_may_become_known_after_the_session_began() -> None:
    meter = Meter(None)
    meter.response("resp_1", "completed", Usage(text_in=10))
    meter.rates = GA
    meter.response("resp_2", "completed", Usage(text_in=10))
    assert (meter.total.nanodollars, meter.total.unknown) == (40_000, 1)


def test_the_currency_is_the_model_s() -> None:
    assert Meter(rates("qwen-omni-turbo-realtime")).total.currency == "CNY"
    assert Meter(None, Rates(name="mine", currency="CNY")).total.currency == "CNY"


@pytest.mark.parametrize(
    ("nano", "shown"),
    [
        (0, "$0.00"),
        (1, "<$0.0001"),
        (99_999, "<$0.0001"),
        (100_000, "$0.0001"),
        (3_900_000, "$0.0039"),
        (3_949_999, "$0.0039"),
        (3_950_000, "$0.0040"),
        (999_949_999, "$0.9999"),
        (999_950_000, "$1.00"),
        (1_234_999_999, "$1.23"),
        (1_235_000_000, "$1.24"),
        (1_234_567_890_000_000, "$1,234,567.89"),
        (-3_900_000, "-$0.0039"),
    ],
)
def test_money_for_a_human(nano: int, shown: str) -> None:
    assert dollars(nano) == shown


def test_other_currencies_have_their_own_sign() -> None:
    assert dollars(20_000_000, "CNY") == "¥0.0200"
    assert dollars(2 * 10**9, "EUR") == "EUR 2.00"


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the shared recordings are not here")
def test_every_recorded_response_has_a_price() -> None:
    """Each recording on its own meter: nothing unknown, and no bill of zero."""
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        model = (
            "grok-voice-latest"
            if path.name.startswith("xai")
            else "gpt-realtime-2.1"
            if "2.1" in path.name
            else "gpt-realtime"
        )
        meter = Meter(rates(model))
        for line in path.read_text().splitlines():
            event = json.loads(line)["event"]
            if event["type"] == "response.done":
                response = event["response"]
                usage = Usage.from_wire(response["usage"], top_level=event.get("usage"))
                meter.response(response["id"], response["status"], usage)
        assert meter.total.nanodollars > 0
        assert meter.total.unknown == 0


def test_what_another_model_did_for_the_conversation_is_charged_at_its_own_rates() -> None:
    """A summary of 1,000 tokens in 100 by the small model: $0.60 and $2.40 a million."""
    meter = Meter(GA)
    meter.response("r1", "completed", Usage(text_in=10))
    cost = meter.aside("summary 1", "summary", Usage(text_in=1000, text_out=100), rates("gpt-realtime-mini"))
    assert cost.nanodollars == 1000 * 600 + 100 * 2400
    assert meter.total.nanodollars == 10 * 4000 + cost.nanodollars
    assert [(entry.id, entry.kind) for entry in meter.responses] == [("r1", "reply"), ("summary 1", "summary")]
    assert meter.aside("summary 1", "summary", Usage(text_in=9), GA) == cost, "the same id again changes nothing"


@pytest.mark.parametrize(
    ("usage", "at"),
    [(None, GA), (Usage(text_in=1000), None), (Usage(text_in=1000), rates("qwen-omni-turbo-realtime"))],
    ids=["no usage", "no rates", "another currency"],
)
def test_what_another_model_did_is_unknown_without_usage_or_prices(usage: Usage | None, at: Rates | None) -> None:
    meter = Meter(GA)
    assert meter.aside("summary 1", "summary", usage, at) == Cost(unknown=1)
    assert meter.total.unknown == 1


def test_the_sum_can_be_had_without_its_lines() -> None:
    meter = Meter(Rates(name="m", text_in=10, per_message=500))
    meter.response("r1", "completed", Usage(text_in=7))
    meter.message(2)
    assert meter.nanodollars == meter.total.nanodollars == 1_070


def test_a_message_is_what_is_charged_as_one() -> None:
    assert is_message({"type": "message", "content": [{"type": "input_text", "text": "Hi"}]})
    assert is_message({"role": "user"})
    assert not is_message({"type": "message", "content": [{"type": "input_audio"}]})
    assert not is_message({"type": "function_call_output", "output": "x"})


def test_what_is_billed_for_the_session_as_a_whole_stands_by_itself() -> None:
    """Minutes and messages, for whoever adds the bill up response by response."""
    meter = Meter(load().find("gpt-realtime"))
    meter.elapsed(60_000)
    meter.elapsed(30_000)
    meter.message()
    meter.message(2)
    assert (meter.session_ms, meter.messages) == (60_000, 3)
    assert meter.session_cost == Cost()
