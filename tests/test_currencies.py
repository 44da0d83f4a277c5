"""Other currencies: exact conversion, one rounding, and sums as people of that currency write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.currencies import DOLLARS, Currency, Sums, currency, money
from laconic.errors import BadInput
from laconic.meter import Charge, Cost

YEN = currency("jpy", "155.25")


def cost(nano: int, name: str = "USD") -> Cost:
    return Cost((Charge("text_in", 1, "token", nano, nano),), currency=name)


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**12))
def test_conversion_is_exact_and_rounded_once(nano: int, rate: int) -> None:
    """Never further than half a nano-unit from the truth, half going up."""
    one = Currency("JPY", Fraction(rate, 10**9))
    off = one.converted(nano) - nano * one.per_usd
    assert Fraction(-1, 2) < off <= Fraction(1, 2)


def test_a_dollar_is_shown_as_before() -> None:
    """Without a rate nothing changes."""
    assert currency("usd", None) == DOLLARS == currency("USD", "1")
    assert DOLLARS.show(cost(1_234_000_000)) == "$1.23"


@pytest.mark.parametrize(
    ("nano_usd", "shown"),
    [
        (0, "¥0.00"),
        (10_000, "<¥0.01"),
        (3_900_000, "¥0.61"),
        (64_500_000, "¥10.0"),
        (640_000_000, "¥99.4"),
        (12_000_000_000, "¥1,863"),
        (-12_000_000_000, "-¥1,863"),
    ],
)
def test_yen_have_no_hundredths_worth_speaking_of(nano_usd: int, shown: str) -> None:
    """Below one, two decimals; below a hundred, one."""
    assert YEN.show(cost(nano_usd)) == shown


def test_other_currencies_by_sign_or_code() -> None:
    """With hundredths, as dollars have."""
    assert currency("EUR", "0.92").show(cost(2_000_000_000)) == "€1.84"
    assert currency("NOK", "10.5").show(cost(2_000_000_000)) == "NOK 21.00"
    assert currency("EUR", "0.92").show(cost(50_000)) == "<€0.0001"
    assert money(25 * 10**12, "VND") == "VND 25,000"


def test_sums_are_told_by_name_in_dollars_or_in_another_currency() -> None:
    sums = Sums({"summary": 3_470_000_000, "everything": 12_000_000_000})
    assert str(sums) == "summary $3.47, everything $12.00"
    assert sums.told(YEN) == "summary ¥539, everything ¥1,863"
    yuan = Sums({"summary": 3_470_000_000}, "CNY")
    assert str(yuan) == yuan.told(YEN) == f"summary {DOLLARS.show(cost(3_470_000_000, 'CNY'))}"


def test_what_is_not_in_dollars_stays_as_it_is() -> None:
    """A rate to the dollar says nothing about yuan."""
    assert YEN.show(cost(2_000_000_000, "CNY")) == "¥2.00"


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("yen", "155a"),
        ("円", "155"),
        ("JPYX", "1"),
        ("JPY", None),
        ("JPY", "0"),
        ("JPY", "-3"),
        ("JPY", "1e9"),
        ("JPY", "1,5"),
        ("USD", "2"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(name: str, rate: str | None) -> None:
    """What is wrong and what would be right."""
    with pytest.raises(BadInput):
        currency(name, rate)
