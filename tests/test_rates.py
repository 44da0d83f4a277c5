"""The price list: complete, sourced, exact, and the user's word over ours."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.errors import BadInput
from laconic.rates import Rates, RateTable, load

PRICES = Path(__file__).parents[2] / "shared" / "PRICES.md"
TABLE = load()


@pytest.mark.parametrize("rates", list(TABLE), ids=lambda rates: rates.name)
def test_every_entry_says_where_its_prices_are_from_and_when_they_were_read(rates: Rates) -> None:
    assert rates.source != "your own table"
    assert rates.source.strip()
    assert isinstance(rates.date, date)
    assert rates.service != "yours"


@pytest.mark.parametrize("rates", list(TABLE), ids=lambda rates: rates.name)
def test_every_entry_is_priced_or_says_why_not(rates: Rates) -> None:
    assert rates.priced or "not priced" in rates.note


@pytest.mark.parametrize("rates", list(TABLE), ids=lambda rates: rates.name)
def test_cached_tokens_are_never_dearer_than_fresh_ones(rates: Rates) -> None:
    for cached, full in (("text_cached", "text_in"), ("audio_cached", "audio_in"), ("image_cached", "image_in")):
        if getattr(rates, cached) is not None:
            assert getattr(rates, cached) <= getattr(rates, full)


@pytest.mark.skipif(not PRICES.exists(), reason="the shared documents are not here")
def test_every_model_of_the_collected_prices_is_in_the_table() -> None:
    """Sections 1, 2, 3 and 5: each first cell of a row names one or two models and their snapshots."""
    names: list[str] = []
    section = ""
    for line in PRICES.read_text().splitlines():
        if heading := re.match(r"## (\d)", line):
            section = heading[1]
        if section in "1235" and line.startswith("| ") and not line.startswith(("| model", "|--", "| per minute")):
            cell = (
                line.split("|")[1]
                .replace("xAI ", "")
                .replace("amazon ", "")
                .replace("gemini-3.8 live", "gemini-3.8-live")
            )
            for part in cell.split("·"):
                stem = re.match(r"\s*([\w.-]+)", part)
                if stem is not None and "-" in stem[1]:
                    names += [stem[1], *(stem[1] + dated for dated in re.findall(r"[(,] ?(-\d{4}-\d\d-\d\d)", part))]
    assert len(names) >= 25
    assert [name for name in names if TABLE.find(name) is None] == []


def test_text_models_have_text_prices_alone() -> None:
    texts = [rates for rates in TABLE if rates.kind == "text"]
    assert len(texts) >= 5
    for rates in texts:
        assert None not in (rates.text_in, rates.text_cached, rates.text_out)
        assert (rates.audio_in, rates.audio_out, rates.image_in, rates.per_minute) == (None, None, None, None)
    nano = TABLE.find("gpt-5.4-nano-2026-03-17")
    assert nano is not None
    assert (nano.text_in, nano.text_cached, nano.text_out) == (200, 20, 1_250)
    assert load('[text."my own"]\ntext_in = 1\n').find("my own") == Rates(name="my own", kind="text", text_in=1_000)


def test_prices_are_whole_nano_units() -> None:
    rates = TABLE.find("gpt-realtime")
    assert rates is not None
    assert (rates.text_in, rates.text_cached, rates.text_out) == (4_000, 400, 16_000)
    assert (rates.audio_in, rates.audio_cached, rates.audio_out) == (32_000, 400, 64_000)
    assert (rates.image_in, rates.image_cached, rates.context, rates.max_output) == (5_000, 500, 32_000, 4_096)
    live = TABLE.find("gpt-live-1.1")
    assert live is not None
    assert live.by_time
    assert (live.per_minute, live.standby_per_minute) == (50_000_000, 20_000_000)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt-realtime-2025-08-28", "gpt-realtime"),
        ("gpt-realtime-2.1-2026-12-01", "gpt-realtime-2.1"),
        ("gpt-4o-realtime-preview-2024-12-17", "gpt-4o-realtime-preview"),
        ("gpt-4o-realtime-preview-2024-10-01", "gpt-4o-realtime-preview-2024-10-01"),
        ("whisper-1", "whisper-1"),
        ("gpt-realtime-3", None),
        ("gpt-realtime-global-standard", None),
        ("", None),
    ],
)
def test_a_model_is_found_by_name_alias_or_snapshot_and_never_guessed(asked: str, found: str | None) -> None:
    rates = TABLE.find(asked)
    assert (rates.name if rates else None) == found


def test_a_user_s_table_wins_field_by_field() -> None:
    own = TABLE.merged(
        '[models.gpt-realtime]\naudio_in = 16\nnote = "half price"\n[models.mine]\nper_minute = "0.01"\n'
    )
    changed, ours, mine = own.find("gpt-realtime"), TABLE.find("gpt-realtime"), own.find("mine")
    assert changed is not None
    assert ours is not None
    assert mine is not None
    assert (changed.audio_in, changed.audio_out, changed.note) == (16_000, 64_000, "half price")
    assert ours.audio_in == 32_000
    assert (mine.per_minute, mine.source, mine.kind, mine.priced) == (10_000_000, "your own table", "models", True)
    assert len(own) == len(TABLE) + 1


def test_a_user_s_aliases_and_dates_are_read() -> None:
    own = load('[transcription."x"]\naliases = ["y"]\nshutdown = 2027-01-20\ncontext = 5\ncurrency = "CNY"\n')
    x = own.find("y")
    assert x is not None
    assert (x.kind, x.shutdown, x.context, x.currency, x.priced) == (
        "transcription",
        date(2027, 1, 20),
        5,
        "CNY",
        False,
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[models.a]\ntext_in = \n", "mine.toml is not valid TOML: Invalid value (at line 2, column 11)"),
        ("[models.a]\n\ntext_in = 0.0005\n", "mine.toml, line 3: a has text_in = 0.0005; write a price with three"),
        ('[models.a]\nper_minute = "a lot"\n', "mine.toml, line 2: a has per_minute = a lot; write a price with nine"),
        ("[models.a]\ntext_in = -1\n", "line 2: a has text_in = -1"),
        ("[models.a]\ntext_in = true\n", "line 2: a has text_in = True"),
        ("[models.a]\ntext_in = inf\n", "line 2: a has text_in = Infinity"),
        ("[models.a]\ntext_in = nan\n", "line 2: a has text_in = NaN"),
        ("[models.a]\ntextin = 4\n", 'line 2: a has a field "textin" that means nothing here'),
        ("[models]\na = 4\n", 'line 2: write the prices of a under [models."a"]'),
        ("[model.a]\ntext_in = 4\n", 'mine.toml, line 1: "model" is no table of prices'),
        ("\nmodels = 4\n", 'line 2: "models" is no table of prices'),
        ('[models.a]\naliases = "b"\n', "line 2: a needs a list of names for aliases"),
        ("[models.a]\ncontext = 4.5\n", "line 2: a needs a whole number of tokens for context"),
        ('[models.a]\ndate = "today"\n', "line 2: a needs a date for date"),
        ('[models.a]\ncurrency = "EUR"\n', "line 2: a has currency = EUR"),
        ("[models.a]\nnote = 4\n", "line 2: a needs a text in quotes for note"),
    ],
)
def test_a_broken_table_gets_one_sentence_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        TABLE.merged(text, "mine.toml")
    assert sentence in caught.value.sentence
    assert "\n" not in caught.value.sentence


@given(st.integers(0, 10**9))
def test_any_price_of_three_decimals_is_kept_exactly(thousandths: int) -> None:
    price = Decimal(thousandths) / 1000
    for written in (f'"{price}"', f"{price:f}"):
        rates = load(f"[models.a]\ntext_in = {written}\n").find("a")
        assert rates is not None
        assert rates.text_in == thousandths


def test_the_shipped_table_is_read_once() -> None:
    assert load() is load()
    assert load("[models.a]\n") is not load("[models.a]\n")


def test_the_table_lists_its_models_in_the_order_of_the_file() -> None:
    names = [rates.name for rates in load("[models.b]\n[models.a]\n[transcription.c]\n")]
    assert names == ["b", "a", "c"]
    assert isinstance(TABLE, RateTable)
