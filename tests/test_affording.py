"""What can still be paid."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from playbook import counter

from laconic import events as ev
from laconic.affording import Affording
from laconic.budget import Unit, limits
from laconic.conversation import Conversation
from laconic.gate import Gate
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

    def __init__(
        self, budget: str, rates: Rates | None = RATES, transcriber: str | None = None, shared: Sequence[Unit] = ()
    ) -> None:
        conversation = Conversation()
        wish = {"model": transcriber} if transcriber else None
        sound: Wire = {"input": {"transcription": wish}}
        session: Wire = {"type": "realtime", "output_modalities": ["audio"], "audio": sound}
        conversation.read(ev.read(json.dumps({"type": "session.created", "session": session})))
        meter = Meter(rates)
        self.account = Account(limits(budget), shared, meter)
        self.gate = Gate(counter(), 5.0)
        reading = Reading(conversation, Laws())
        self.can = Affording(self.account, reading, conversation, meter, TABLE, self.gate)

    def wishes(self, **session: Any) -> None:
        """The app asks for these settings, and has no answer yet."""
        raw = json.dumps({"type": "session.update", "session": {"type": "realtime", **session}})
        self.gate.rewrite(raw, cast(ev.SessionUpdate, ev.read(raw)), 0.0)


def test_room_is_what_is_left_when_all_is_read_at_the_price_of_a_token() -> None:
    can = Purse("$0.0001").can  # 100,000
    assert can.room(Tokens(100, 10), Spend(), spoken=True) == (100_000 - 1_000 - 1_000) // 200
    assert can.room(Tokens(100, 10), Spend(58_000), spoken=False) == 40_000 // 20
    assert can.room(Tokens(20_000), Spend(), spoken=True) < 0


def test_the_tightest_of_several_limits_decides() -> None:
    purse = Purse("$1, 1000 tokens, 1 min")
    assert purse.can.room(Tokens(100, 10), Spend(0, 90), spoken=True) == 800
    purse.account.passed(0.0)
    purse.account.passed(60.0)
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


def test_dollars_cannot_be_reckoned_without_a_price_be_it_only_until_the_model_is_known() -> None:
    assert not Purse("$1").can.unpriced
    assert not Purse("9 tokens", None).can.unpriced
    unpriced = Purse("$1", None)
    assert unpriced.can.unpriced
    assert not unpriced.can.untold
    settings: dict[str, Any] = unpriced.can._conversation.settings  # pyright: ignore[reportPrivateUsage]
    settings.clear()
    assert unpriced.can.untold


def test_what_is_left_besides_what_is_kept_aside_can_be_spent_in_every_unit() -> None:
    can = Purse("$0.0001, 1000 tokens, 1 min").can
    assert can.affords(Spend(90_000, 900), Spend(10_000, 100))
    assert not can.affords(Spend(90_001, 900), Spend(10_000, 100))
    assert not can.affords(Spend(90_000, 901), Spend(10_000, 100))


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
    purse.wishes(instructions="x")
    purse.wishes(output_modalities=["audio"])
    assert purse.can.spoken({})


def test_a_response_is_as_long_as_the_first_wish_says_or_the_app_or_the_model_can() -> None:
    purse = Purse("$1")
    assert purse.can.longest(None) == 4_096
    purse.wishes(max_output_tokens=50)
    assert purse.can.longest(None) == 50
    assert purse.can.longest(None, 70) == 70
    assert purse.can.longest("inf") == 4_096


def test_the_worst_case_is_a_response_as_long_as_a_number_can_say() -> None:
    purse = Purse("$1", Rates(name="m", text_in=10, audio_in=100, text_out=20, audio_out=200, max_output=32_000))
    reads = purse.can.reads({})
    assert purse.can.worst == purse.can.spend(reads, 4_096, spoken=True)
    purse.wishes(max_output_tokens=50)
    assert purse.can.worst == purse.can.spend(reads, 50, spoken=True)


def test_what_is_on_its_way_is_read_as_well() -> None:
    purse = Purse("$1")
    alone = purse.can.reads({})
    purse.wishes(instructions="word " * 100)
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


def test_where_minutes_are_billed_being_connected_costs() -> None:
    by_time = Rates(name="m", per_minute=100)
    assert Purse("$1").can.lasting(60.0) == Spend()
    assert Purse("$1", by_time).can.lasting(60.0) == Spend(100)
    assert Purse("$1", by_time).can.lasting(1.0) == Spend(2), "rounded up"
    assert Purse("$1", by_time).can.ticking
    assert not Purse("1000 tokens", by_time).can.ticking
    assert not Purse("$1").can.ticking
    assert not Purse("$1", None).can.ticking


def test_a_transcription_that_may_begin_counts_already() -> None:
    purse = Purse("$1")
    purse.wishes(audio={"input": {}})
    purse.wishes(audio={"input": {"transcription": {"model": "gpt-realtime-whisper"}}})
    hearing = purse.can.hearing(60_000)
    assert hearing.nanodollars > 17_000_000
    assert purse.can.room(Tokens(), Spend(), 60_000, spoken=True) == (10**9 - hearing.nanodollars) // 200
    assert purse.can.spend(Tokens(1, 2, 3), 4, spoken=True) == Spend(10 + 200 + 300 + 800, 10)


def test_what_is_missing_may_come_from_others_if_all_of_it_is_theirs() -> None:
    purse = Purse("1000 tokens, 1 min", shared=["nanodollars"])
    assert purse.can.lacking(Spend(5, 1_000), Spend()) == ("nanodollars",)
    assert purse.can.hopes(Spend(5, 1_000), Spend())
    assert purse.can.lacking(Spend(5, 1_000), Spend(0, 1)) == ("tokens", "nanodollars")
    assert not purse.can.hopes(Spend(5, 1_000), Spend(0, 1)), "of tokens there will be no more"
    purse.account.leased("nanodollars", 5, last=False)
    assert not purse.can.hopes(Spend(5, 1_000), Spend()), "nothing is missing"
    purse.account.passed(0.0)
    purse.account.passed(60.0)
    assert purse.can.lacking(Spend(), Spend()) == ("ms",)


def test_the_shortest_reply_worth_making_is_two_hundred_tokens_or_the_app_s_own_cap() -> None:
    purse = Purse("$1")
    reads = purse.can.spend(purse.can.reads({}), 0, spoken=True)
    assert purse.can.least == reads + Spend(200 * 200, 200)
    purse.wishes(max_output_tokens=10)
    assert purse.can.least == reads + Spend(10 * 200, 10)
