"""`laconic ledger verify` finds whatever was changed in a ledger, and nothing in one that was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bookkeeping import NOON, PRICES, reply
from hypothesis import given
from hypothesis import strategies as st

from laconic.gateway.books import Row
from laconic.gateway.database import Database
from laconic.gateway.ledger import Ledger
from laconic.gateway.proof import Proof, prove, wrong_with
from laconic.gateway.rows import Spent, to_columns
from laconic.meter import Charge, Meter
from laconic.rates import Rates, RateTable
from laconic.usage import TranscriptionUsage, Usage

COUNTS = Usage(text_in=500, audio_in=900, cached_text=128, cached_audio=640, text_out=40, audio_out=120)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def transcription(usage: TranscriptionUsage | None, model: str, audio_ms: int = 2_500, id_: str = "item_1") -> Row:
    cost = Meter(None, PRICES.find(model)).transcription("item_1", usage, audio_ms)
    return reply(
        "s1",
        id_,
        kind="transcription",
        model=model,
        usage=None if usage is None else usage.to_wire(),
        charges=cost.charges,
        unknown=cost.unknown,
        key="key_1",
    )


def all_kinds(version: str) -> list[Row]:
    """A row of every kind a gateway writes."""
    rows = [
        reply("s1", "r1", counts=COUNTS, key="key_1", user="ann"),
        reply("s1", "r2", counts=Usage(), status="cancelled", key="key_1", user="ann"),
        reply("s1", "r3", usage=None, charges=(), unknown=1, key="key_1", at_most={"nanodollars": 5_000}),
        reply("s1", "r4", model="my-own", charges=(), unknown=1),
        reply("s1", "summary 1", kind="summary", model="gpt-5.4-nano", usage=None, charges=(), unknown=1),
        transcription(TranscriptionUsage(audio_in=30, text_in=2, text_out=9), "gpt-4o-transcribe", id_="i1"),
        transcription(TranscriptionUsage(duration_ms=3_333), "gpt-transcribe", id_="i2"),
        transcription(TranscriptionUsage(audio_in=30, text_out=9), "whisper-1", id_="i3"),
        transcription(None, "whisper-1", id_="i4"),
        reply("s2", "r1", model="grok-voice-latest", charges=()),
        reply(
            "s2",
            "session",
            kind="session",
            model="grok-voice-latest",
            usage={"duration_ms": 90_000, "messages": 2},
            charges=(
                Charge("time", 90_000, "minute", 80_000_000, 120_000_000),
                Charge("messages", 2, "message", 4_000_000, 8_000_000),
            ),
            key="key_1",
        ),
        reply("s3", "lost", kind="lost", usage=None, charges=(), unknown=1, key="key_1", at_most={"tokens": 9}),
    ]
    return [replace(row, rates_version=version) for row in rows]


async def test_a_ledger_that_was_left_alone_is_right(ledger: Ledger, database: Database) -> None:
    rows = all_kinds(await ledger.keep_prices(PRICES))
    await ledger.write(rows)
    await ledger.correct("s3", "lost", Spent(nanodollars=77, tokens=3))
    proof = await prove(database)
    assert proof.wrong == ()
    assert (proof.rows, proof.unknown) == (len(rows) + 1, 4)
    assert proof.totals == (("USD", sum(charge.nanodollars for row in rows for charge in row.charges) + 77),)


async def test_an_empty_ledger_is_right(database: Database) -> None:
    assert await prove(database) == Proof(0, 0, (), ())


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE laconic_rows SET nanodollars = 1 WHERE id = 'r1'", "Row r1 of session s1 has other sums"),
        ("UPDATE laconic_rows SET tokens = 0 WHERE id = 'r1'", "Row r1 of session s1 has other sums"),
        ("UPDATE laconic_rows SET at_most = '{}' WHERE id = 'r3'", "Key key_1 has used"),
        ("UPDATE laconic_rows SET charges = '[]' WHERE id = 'r1'", "and it charges nothing (0 nano)"),
        (
            """UPDATE laconic_rows SET usage = replace(usage, '"output_tokens":160', '"output_tokens":60')""",
            "Row r1 of session s1: its usage says 60 output_tokens, and its parts make 160",
        ),
        (
            """UPDATE laconic_rows SET usage = replace(usage, '"input_tokens":32,', '') WHERE id = 'i1'""",
            "Row i1 of session s1: its usage says None input_tokens, and its parts make 32",
        ),
        ("UPDATE laconic_rows SET usage = NULL WHERE id = 'r1'", "its usage makes nothing and 1 unknown"),
        ("UPDATE laconic_rows SET charges = 'x' WHERE id = 'r1'", "Row r1 of session s1 cannot be read"),
        ("UPDATE laconic_rows SET key_id = NULL WHERE id = 'i1'", "Key key_1 has used"),
        ("UPDATE laconic_rows SET user_label = 'bob' WHERE id = 'r1'", "Key key_1, user ann, has used"),
        ("UPDATE laconic_rows SET model = 'gpt-realtime-2.1-mini' WHERE id = 'r1'", "Row r1 of session s1: the price"),
        ("UPDATE laconic_rows SET model = 'gpt-realtime' WHERE id = 'session'", "its time cost 80000000 each, None by"),
        ("DELETE FROM laconic_rows WHERE id = 'r1'", "by its account, $"),
        ("DELETE FROM laconic_rows WHERE id = 'r3'", "corrects a row that is not there"),
        ("UPDATE laconic_rows SET unknown = -2 WHERE kind = 'correction'", "takes back something else"),
        ("UPDATE laconic_spending SET nanodollars = 0", "Key key_1 has used $0.00, "),
        ("DELETE FROM laconic_spending", "0 tokens and 0 ms (0 nano) on 2026-11-22 by its account"),
        ("UPDATE laconic_rates SET prices = '[]'", "holds other prices than its name was made from"),
        ("UPDATE laconic_rates SET prices = '[]'", "Row r1 of session s1: it charges for gpt-realtime-2.1, which the"),
        ("DELETE FROM laconic_rates", "Row r1 of session s1: it charges by the price list 2026-"),
        ("DELETE FROM laconic_rates", "Row i2 of session s1: it charges by the price list 2026-"),
        ("DELETE FROM laconic_rates", "Row session of session s2: it charges by the price list 2026-"),
        ("UPDATE laconic_rows SET rates_version = ''", "Row r1 of session s1: it charges by a price list without a"),
        ("UPDATE laconic_rows SET model = 'zzz' WHERE id = 'r1'", "Row r1 of session s1: it charges for zzz, which"),
        ("UPDATE laconic_rows SET model = '' WHERE id = 'i1'", "Row i1 of session s1: it charges for a model without"),
        ("UPDATE laconic_rows SET model = 'zzz' WHERE id = 'session'", "session of session s2: it charges for zzz, wh"),
    ],
)
async def test_what_somebody_has_changed_is_named(ledger: Ledger, database: Database, sql: str, told: str) -> None:
    """By somebody who owns the database, and took the triggers away first."""
    rows = all_kinds(await ledger.keep_prices(PRICES))
    await ledger.write([row for row in rows if (row.session, row.id) != ("s2", "r1")])
    await ledger.correct("s1", "r3", Spent(nanodollars=4_000))
    async with database.writing() as transaction:
        await without_triggers(transaction.fetch, database.where)
        await transaction.fetch(sql)
    assert any(told in sentence for sentence in (await prove(database)).wrong)


@pytest.mark.parametrize(
    "hidden", ["rates_version = 'unknown'", "model = 'zzz'", "rates_version = '2026-11-22-000000000000'"]
)
async def test_prices_of_one_s_own_making_are_no_proof(ledger: Ledger, database: Database, hidden: str) -> None:
    """A row that agrees with itself and with every sum, at prices that stand nowhere."""
    row = replace(reply("s1", "r1", counts=COUNTS, key="key_1"), rates_version=await ledger.keep_prices(PRICES))
    await ledger.write([row])
    assert (await prove(database)).wrong == ()
    cheap = replace(row, charges=tuple(replace(one, price=1, nanodollars=one.count) for one in row.charges))
    charges, nano = to_columns(cheap)[8:10]
    async with database.writing() as transaction:
        await without_triggers(transaction.fetch, database.where)
        await transaction.fetch(f"UPDATE laconic_rows SET charges = ?1, nanodollars = ?2, {hidden}", charges, nano)
        await transaction.fetch("UPDATE laconic_spending SET nanodollars = ?1", nano)
    (told,) = (await prove(database)).wrong
    assert told.startswith("Row r1 of session s1: it charges ")


async def test_what_has_no_price_needs_no_list(ledger: Ledger, database: Database) -> None:
    """Its cost is unknown, and said to be; so is what it turned out to have been."""
    await ledger.write(
        [
            reply("s1", "r1", model="my-own", charges=(), unknown=1),
            transcription(None, "whisper-1", id_="i1"),
            reply("s1", "r2", counts=Usage(), model="my-own"),
            reply("s1", "session", kind="session", model="my-own", usage={"duration_ms": 5, "messages": 0}, charges=()),
        ]
    )
    await ledger.correct("s1", "r1", Spent(nanodollars=77))
    proof = await prove(database)
    assert (proof.wrong, proof.unknown) == ((), 1)


async def without_triggers(fetch: Callable[..., Any], where: str) -> None:
    if where.startswith("sqlite"):
        for (name,) in await fetch("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            await fetch(f"DROP TRIGGER {name}")
    else:
        await fetch("DROP FUNCTION laconic_refuse CASCADE")


async def test_no_charge_for_tokens_needs_a_list_that_says_why(ledger: Ledger, database: Database) -> None:
    """A model billed by time charges nothing for tokens; without its price list that cannot be told from a gap."""
    await ledger.write([reply("s1", "r1", model="grok-voice-latest", charges=())])
    (told,) = (await prove(database)).wrong
    assert told == (
        "Row r1 of session s1: it charges nothing for its tokens, and there is no price list that says why."
    )


counts = st.integers(0, 10**6)
usages = st.builds(
    lambda t, a, i, ct, ca, o, ao: Usage(
        text_in=t, audio_in=a, image_in=i, cached_text=min(ct, t), cached_audio=min(ca, a), text_out=o, audio_out=ao
    ),
    *[counts] * 7,
)


@given(usages, st.data())
def test_any_number_changed_in_a_row_s_charges_is_noticed(usage: Usage, data: st.DataObject) -> None:
    row = reply("s1", "r1", NOON, counts=usage)
    assert list(wrong_with(row, PRICES)) == []
    if not row.charges:
        return
    which = data.draw(st.integers(0, len(row.charges) - 1))
    field = data.draw(st.sampled_from(["count", "price", "nanodollars"]))
    by = data.draw(st.integers(-5, 5).filter(bool))
    changed = replace(row.charges[which], **{field: getattr(row.charges[which], field) + by})
    charges = (*row.charges[:which], changed, *row.charges[which + 1 :])
    assert list(wrong_with(replace(row, charges=charges), PRICES)) != []


@given(usages, usages)
def test_the_charges_of_another_usage_are_noticed(usage: Usage, other: Usage) -> None:
    row = reply("s1", "r1", counts=usage)
    changed = replace(row, usage=other.to_wire())
    assert (list(wrong_with(changed, PRICES)) == []) is (usage == other)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (reply("s", "r", charges=(Charge("audio_out", 100, "ounce", 1, 100),)), "by the ounce, which is no unit"),
        (reply("s", "r", kind="lost"), "charges something all the same"),
        (
            reply("s", "r", kind="session", usage={"duration_ms": 5}, charges=(Charge("time", 6, "minute", 0, 0),)),
            "it charges 6 for its time, and reports 5",
        ),
        (
            reply("s", "r", kind="session", usage={}, charges=(Charge("audio_out", 1, "token", 0, 0),)),
            "a session has no line audio_out",
        ),
        (
            replace(transcription(TranscriptionUsage(audio_in=5), "gpt-4o-transcribe"), charges=()),
            "its usage makes nothing and 1 unknown",
        ),
        (
            replace(transcription(TranscriptionUsage(duration_ms=5), "whisper-1"), charges=()),
            "its usage makes nothing and 1 unknown",
        ),
    ],
)
def test_what_no_gateway_writes_is_noticed(row: Row, told: str) -> None:
    assert told in " ".join(wrong_with(row, None))


def test_a_price_in_another_currency_is_unknown_on_this_bill() -> None:
    yuan = PRICES.merged('[models.in-yuan]\ncurrency = "CNY"\naudio_out = "8"\n')
    row = reply("s1", "r1", model="in-yuan", charges=(), unknown=1)
    assert list(wrong_with(row, yuan)) == []


def test_half_nanodollars_round_up_as_on_the_meter() -> None:
    rates = Rates(name="t", kind="transcription", per_minute=1)
    cost = Meter(None, rates).transcription("i", TranscriptionUsage(duration_ms=30_000))
    row = reply(
        "s1", "i", kind="transcription", usage={"type": "duration", "seconds": 30}, charges=cost.charges, model="t"
    )
    assert cost.nanodollars == 1
    assert list(wrong_with(row, RateTable({"t": rates}))) == []
