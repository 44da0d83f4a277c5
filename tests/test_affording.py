"""What can still be paid."""

from __future__ import annotations

import json
from typing import Any

from laconic import events as ev
from laconic.affording import Affording
from laconic.budget import limits
from laconic.conversation import Conversation
from laconic.items import Wire
from laconic.laws import Laws
from laconic.meter import Meter
from laconic.rates import Rates, load
from laconic.spending import Account
from laconic.tokens import Tokens
from laconic.worst_case import Reading, Spend

RATES = Rates(name="m", text_in=10, audio_in=100, text_out=20, audio_out=200)
TABLE = load()


class Purse:
    """An account with a conversation to spend it on."""

    def __init__(self, budget: str, rates: Rates | None = RATES, transcriber: str | None = None) -> None:
        conversation = Conversation()
        wish = {"model": transcriber} if transcriber else None
        sound: Wire = {"input": {"transcription": wish}}
        session: Wire = {"type": "realtime", "output_modalities": ["audio"], "audio": sound}
        conversation.read(ev.read(json.dumps({"type": "session.created", "session": session})))
        meter = Meter(rates)
        self.account = Account(limits(budget), (), meter)
        self.pending: list[Wire] = []
        reading = Reading(conversation, Laws())
        self.can = Affording(self.account, reading, conversation, meter, TABLE, lambda: self.pending)


def test_room_is_what_is_left_when_all_is_read_at_the_price_of_a_token() -> None:
    can = Purse("$0.0001").can  # 100,000
    assert can.room(Tokens(100, 10), Spend(), spoken=True) == (100_000 - 1_000 - 1_000) // 200
    assert can.room(Tokens(100, 10), Spend(58_000), spoken=False) == 40_000 // 20
    assert can.room(Tokens(20_000), Spend(), spoken=True) < 0


def test_the_tightest_of_several_limits_decides() -> None:
    purse = Purse("$1, 1000 tokens, 1 min")
    assert purse.can.room(Tokens(100, 10), Spend(0, 90), spoken=True) == 800
    purse.account.spent_ms = 60_000
    assert purse.can.room(Tokens(100), Spend(), spoken=True) == -1


def test_what_costs_nothing_is_always_affordable_unless_nothing_is_left() -> None:
    purse = Purse("$0.001", Rates(name="m", text_in=0, text_out=0))
    assert purse.can.room(Tokens(5), Spend(), spoken=True) == 10**9
    assert purse.can.room(Tokens(5), Spend(2_000_000), spoken=True) == -1
    unknown = Purse("$1", None)
    assert unknown.can.rates is None
    assert unknown.can.room(Tokens(5), Spend(), spoken=True) == 10**9


def test_prices_in_another_currency_are_none() -> None:
    assert Purse("$1", Rates(name="m", text_in=1, currency="CNY")).can.rates is None
    assert Purse("$1", Rates(name="m")).can.rates is None
    assert Purse("$1").can.in_dollars
    assert not Purse("9 tokens").can.in_dollars


def test_several_worst_cases_are_covered_or_not() -> None:
    can = Purse("$0.0001, 1000 tokens").can
    assert can.covers(2, Tokens(100), 200, Spend())
    assert not can.covers(3, Tokens(100), 200, Spend())
    assert not can.covers(2, Tokens(100), 200, Spend(0, 500))


def test_a_response_may_speak_unless_it_is_asked_not_to() -> None:
    purse = Purse("$1")
    assert purse.can.spoken({})
    assert not purse.can.spoken({"output_modalities": ["text"]})
    settings: dict[str, Any] = purse.can._conversation.settings  # pyright: ignore[reportPrivateUsage]
    settings["output_modalities"] = ["text"]
    assert not purse.can.spoken({})
    purse.pending = [{"instructions": "x"}, {"output_modalities": ["audio"]}]
    assert purse.can.spoken({})


def test_a_response_is_as_long_as_the_first_wish_says_or_the_model_can() -> None:
    can = Purse("$1").can
    assert can.longest(None, 50) == 50
    assert can.longest("inf", 50) == 4_096
    assert can.longest(None) == 4_096


def test_what_is_on_its_way_is_read_as_well() -> None:
    purse = Purse("$1")
    alone = purse.can.reads({})
    purse.pending = [{"instructions": "word " * 100}]
    assert purse.can.reads({}, 1_000).text > alone.text + 90
    assert purse.can.reads({}, 1_000).audio == 22


def test_what_is_written_down_costs_by_its_model_and_by_the_dearest_where_that_is_unknown() -> None:
    assert Purse("$1").can.hearing(60_000) == Spend()
    whisper = Purse("$1", transcriber="whisper-1").can
    assert whisper.hearing(0) == Spend()
    assert 6_000_000 < whisper.hearing(60_000).nanodollars < 6_200_000
    deployment = Purse("$1", transcriber="our-deployment").can
    assert deployment.hearing(60_000).nanodollars > 17_000_000
    assert deployment.hearing(60_000) == deployment.hearing(60_000)


def test_a_transcription_that_may_begin_counts_already() -> None:
    purse = Purse("$1")
    wish: Wire = {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}
    purse.pending = [{"audio": {"input": {}}}, wish]
    hearing = purse.can.hearing(60_000)
    assert hearing.nanodollars > 17_000_000
    assert purse.can.room(Tokens(), Spend(), 60_000, spoken=True) == (10**9 - hearing.nanodollars) // 200
    assert purse.can.spend(Tokens(1, 2, 3), 4, spoken=True) == Spend(10 + 200 + 300 + 800, 10)
