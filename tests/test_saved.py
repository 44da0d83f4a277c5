"""The line under a talk: its sums, its pace, and what it does not claim to know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from laconic.alternatives import Alternatives
from laconic.currencies import currency
from laconic.items import Item, Part
from laconic.laws import Laws
from laconic.meter import Meter
from laconic.rates import Rates, load
from laconic.saved import Pace, saved_line
from laconic.usage import Usage


def rates(model: str) -> Rates:
    found = load().find(model)
    assert found is not None
    return found


GA = rates("gpt-realtime")
LAWS = Laws(hit_rate=0.5)


def talk(meter: Meter, story: Alternatives, usage: Usage | None, number: int = 0) -> None:
    """One exchange, as both are told of it."""
    story.said(Item(f"u{number}", role="user", parts=[Part("input_audio", None, 3_000)]))
    meter.response(f"r{number}", "completed", usage)
    story.replied(f"r{number}", [Item(f"a{number}", role="assistant", parts=[Part("output_audio", "x", 8_000)])], usage)


USAGE = Usage(text_in=140, audio_in=30, text_out=40, audio_out=160)


def test_the_line_says_what_was_saved_and_what_an_hour_costs() -> None:
    """Both stories in one line, all in whole numbers."""
    meter, story, pace = Meter(GA), Alternatives(LAWS, GA), Pace()
    assert saved_line(story, meter, pace, 0.0).reply is None
    talk(meter, story, USAGE)
    line = saved_line(story, meter, pace, 60.0)
    reply = 140 * 4_000 + 30 * 32_000 + 40 * 16_000 + 160 * 64_000
    assert (line.currency, line.cost, line.reply, line.unknown) == ("USD", reply, reply, 0)
    assert line.saved == story.cost("everything").nanodollars - reply
    assert line.floor == reply - 140 * 4_000
    assert line.multiple == pytest.approx(reply / line.floor)
    assert line.per_hour == 60 * reply


def test_any_currency_at_a_given_rate() -> None:
    """Every sum of the line; the multiple is none."""
    meter, story = Meter(GA), Alternatives(LAWS, GA)
    talk(meter, story, USAGE)
    usd, yen = (saved_line(story, meter, Pace(), 0.0, one) for one in (currency("USD", None), currency("JPY", "155")))
    assert (yen.currency, yen.cost, yen.floor) == ("JPY", 155 * usd.cost, 155 * usd.floor)
    assert yen.reply == 155 * (usd.reply or 0)
    assert yen.multiple == usd.multiple


def test_yuan_stay_yuan() -> None:
    """What is not billed in dollars is not converted."""
    qwen = rates("qwen-omni-turbo-realtime")
    meter, story = Meter(qwen), Alternatives(LAWS, qwen)
    talk(meter, story, USAGE)
    line = saved_line(story, meter, Pace(), 0.0, currency("JPY", "155"))
    assert (line.currency, line.cost) == ("CNY", meter.total.nanodollars)


def test_what_is_unknown_is_not_claimed() -> None:
    """No price: nothing is saved. No usage: the reply is unknown, and counted as such."""
    meter, story = Meter(None), Alternatives(LAWS, None)
    talk(meter, story, USAGE)
    assert saved_line(story, meter, Pace(), 0.0).saved is None
    meter, story = Meter(GA), Alternatives(LAWS, GA)
    talk(meter, story, None)
    line = saved_line(story, meter, Pace(), 0.0)
    assert (line.unknown, line.reply) == (1, None)
    assert saved_line(Alternatives(LAWS, GA, memories=["last:5"]), meter, Pace(), 0.0).saved is None
    assert saved_line(Alternatives(LAWS, replace(GA, currency="CNY")), meter, Pace(), 0.0).saved is None


def test_the_pace_is_that_of_the_last_ten_minutes() -> None:
    """Old sums leave; of one second only the latest is held."""
    pace = Pace()
    assert pace.per_hour(0.0) is None
    pace.note(0, 0.0)
    pace.note(100, 20.0)
    assert pace.per_hour(20.0) is None
    for minute in range(1, 61):
        pace.note(1_000 * minute, 60.0 * minute)
    assert pace.per_hour(3_600.0) == 60_000
    for tenth in range(10):
        pace.note(61_000, 3_600.5 + tenth / 100)
    assert pace.per_hour(4_200.0) == (61_000 - 50_000) * 3
