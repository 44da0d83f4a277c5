"""What is spent, spoken for and left."""

from __future__ import annotations

import pytest

from laconic.budget import Limit, limits
from laconic.meter import Meter
from laconic.rates import Rates
from laconic.spending import Account
from laconic.usage import Usage
from laconic.worst_case import Spend

RATES = Rates(name="m", text_in=10, text_out=20, audio_in=30, audio_out=40)


def test_what_is_on_the_meter_is_spent_and_what_nobody_reported_is_estimated() -> None:
    meter = Meter(RATES)
    account = Account(limits("$1, 1000 tokens, 1 min"), (), meter)
    meter.response("r1", "completed", Usage(text_in=100, audio_out=10))
    account.used(110)
    account.estimate(Spend(500, 7))
    account.passed(100.0)
    account.passed(115.0)
    account.passed(114.0)
    assert account.units == ("nanodollars", "tokens", "ms")
    assert [account.spent(unit) for unit in account.units] == [1_000 + 400 + 500, 117, 15_000]
    assert [account.left(unit) for unit in account.units] == [10**9 - 1_900, 883, 45_000]
    assert account.tightest == "ms"


def test_what_is_under_way_is_not_left_for_anything_else() -> None:
    account = Account(limits("1000 tokens, $1"), (), Meter(RATES))
    account.reserve("r1", Spend(600, 300))
    account.reserve("r1", Spend(500, 200))
    account.reserve("r2", Spend(1, 900))
    assert account.left("tokens") == -100
    assert account.left("nanodollars") == 10**9 - 501
    assert account.release("r2") == Spend(1, 900)
    assert account.release("r2") == Spend()
    assert account.left("tokens") == 800


def test_of_what_is_shared_there_is_as_much_as_was_leased() -> None:
    account = Account([Limit("tokens", 1_000)], ["tokens"], Meter(RATES))
    assert (account.limit("tokens"), account.final("tokens")) == (0, False)
    account.leased("tokens", 300, last=False)
    assert (account.limit("tokens"), account.final("tokens")) == (300, False)
    account.leased("tokens", 900, last=False)
    assert (account.limit("tokens"), account.final("tokens")) == (1_000, True)


def test_the_last_lease_and_a_limit_of_ones_own_are_final() -> None:
    account = Account((), ["ms"], Meter(RATES))
    account.leased("ms", 100, last=True)
    account.leased("tokens", 5, last=False)  # nobody had said that these were shared
    assert (account.final("ms"), account.final("tokens")) == (True, False)
    assert account.units == ("ms", "tokens")
    assert Account(limits("$1"), (), Meter(RATES)).final("nanodollars")


def test_time_is_up_so_long_after_it_was_first_heard_of() -> None:
    account = Account(limits("2 min"), (), Meter(RATES))
    assert account.time_up_at is None
    account.passed(100.0)
    assert account.time_up_at == 220.0
    endless = Account(limits("$1"), (), Meter(RATES))
    endless.passed(100.0)
    assert endless.time_up_at is None


def test_a_unit_without_limit_has_none() -> None:
    with pytest.raises(KeyError):
        Account(limits("$1"), (), Meter(RATES)).limit("ms")


def test_what_was_estimated_and_what_is_under_way_can_be_told_apart() -> None:
    account = Account(limits("$1"), (), Meter(RATES))
    account.estimate(Spend(500, 7))
    account.reserve("r1", Spend(600, 300))
    account.reserve("r2", Spend(1, 2))
    assert (account.estimated, account.spoken_for) == (Spend(500, 7), Spend(601, 302))


def test_a_last_lease_is_the_last_until_another_one_says_otherwise() -> None:
    account = Account((), ["tokens"], Meter(RATES))
    account.leased("tokens", 100, last=True)
    assert (account.last("tokens"), account.final("tokens")) == (True, True)
    account.leased("tokens", 100, last=False)
    assert (account.last("tokens"), account.final("tokens")) == (False, False)


def test_what_is_given_back_is_not_left() -> None:
    account = Account((), ["tokens"], Meter(RATES))
    account.leased("tokens", 1_000, last=False)
    account.used(100)
    account.reserve("r1", Spend(0, 300))
    assert account.unspent("tokens") == 600
    account.gave("tokens", 250)
    assert account.unspent("tokens") == account.left("tokens") == 350


def test_what_is_given_back_may_come_back_so_no_lease_is_the_last_any_more() -> None:
    account = Account((), ["tokens"], Meter(RATES))
    account.leased("tokens", 1_000, last=True)
    account.gave("tokens", 250)
    assert (account.last("tokens"), account.final("tokens")) == (False, False)


def test_a_budget_is_named_by_what_there_is_of_it_for_all() -> None:
    account = Account(limits("$1, 9000 tokens"), ["tokens"], Meter(RATES))
    assert account.named("nanodollars") == "budget of $1.00"
    assert account.named("tokens") == "shared budget"
    account.leased("tokens", 100, last=False, of=Limit("tokens", 20_000, "day"))
    assert account.named("tokens") == "shared budget of 20000 tokens/day"
    account.leased("tokens", 9_000, last=False)
    assert account.named("tokens") == "budget of 9,000 tokens"


def test_a_budget_is_untouched_while_all_of_it_is_there() -> None:
    own = Account(limits("1000 tokens"), (), Meter(RATES))
    assert own.untouched("tokens")
    own.used(1)
    assert not own.untouched("tokens")
    shared = Account((), ["tokens"], Meter(RATES))
    assert not shared.untouched("tokens")
    shared.leased("tokens", 900, last=True, of=Limit("tokens", 1_000))
    assert not shared.untouched("tokens"), "somebody else has used some"
    shared.leased("tokens", 100, last=True)
    assert shared.untouched("tokens")


def test_time_that_passes_in_silence_is_spent_where_it_is_billed() -> None:
    account = Account(limits("$1"), (), Meter(Rates(name="m", per_minute=60_000_000)))
    account.passed(100.0)
    account.passed(101.0)
    assert account.spent("nanodollars") == 1_000_000
