"""The bill in words: exact sums, at-least sums, and unknown ones."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import USAGE
from said import Told

from laconic.currencies import DOLLARS, currency
from laconic.meter import Charge, Cost, dollars
from laconic.session import Session
from laconic.terminal.bill import Bill, charge_rows, summary
from laconic.terminal.columns import width_of
from laconic.terminal.page import Page
from laconic.terminal.words import Language, Words
from laconic.usage import Usage


def talked(usage: dict[str, Any] | None = None, model: str = "gpt-realtime", memory: str = "everything") -> Told:
    told = Told(transcription=False, memory=memory)
    told.session = Session(ids=lambda: "ours", memory=memory, model=model)
    told.page = Page(told.session.conversation, Words("en"))
    told.user_spoke("u", None)
    told.reply_began("a", "u")
    told.reply_words("a", "Four.")
    told.reply_sound("a", 100)
    told.heard("a", 100)
    told.reply_done("a", "Four.", usage=usage)
    return told


def bill(session: Session, lang: Any = "en", times: list[float] | None = None, **how: Any) -> Bill:
    """A bill that began at 0 and is read at these times, in turn."""
    clock = iter([0.0, *(times or [])])
    return Bill(session, Words(lang), lambda: next(clock, 10.0), **how)


def test_the_line_while_it_runs() -> None:
    """43 text at $4, 32 fresh audio at $32, 64 cached at $0.40, 18 text at $16, 43 audio at $64 a million."""
    line = bill(talked(USAGE).session)
    nano = 43 * 4_000 + 32 * 32_000 + 64 * 400 + 18 * 16_000 + 43 * 64_000
    assert nano == 4_261_600
    assert line.money().startswith("$0.0043 · this reply $0.0043 · saved ")
    assert line.tokens() == "tokens in 139 (cached 64) out 61 · items 2 · exchanges 1"
    assert line().splitlines() == [line.money(), line.tokens()]


def test_before_anything_was_said() -> None:
    session = Session(ids=lambda: "ours", model="gpt-realtime")
    assert bill(session).money() == "$0.00 · this reply –"


def test_against_the_stand_in_the_line_says_that_nothing_is_billed() -> None:
    session = talked(USAGE).session
    assert bill(session, pretend=True).money().startswith("would cost $0.0043")
    assert bill(session, "ja", pretend=True).money().startswith("実際なら $0.0043")


def test_what_was_saved_is_what_doing_nothing_would_have_cost_more() -> None:
    """The words of the first exchange are read again in place of its sound."""
    told = Told()
    told.session = Session(ids=lambda: "ours", model="gpt-realtime")
    told.page = Page(told.session.conversation, Words("en"))
    for number in (1, 2):
        told.exchange(number, None if number == 1 else "a1")
    told.session.meter.response("r1", "completed", Usage.from_wire(USAGE))
    told.session.meter.response("r2", "completed", Usage.from_wire(USAGE))
    nothing = told.session.alternatives.cost("everything").nanodollars
    shown = bill(told.session).money().split(" · ")[2]
    assert shown == f"saved {dollars(nothing - told.session.meter.total.nanodollars)}"


def test_the_pace_is_carried_on_for_an_hour_once_there_is_one() -> None:
    line = bill(talked(USAGE).session, times=[29.0, 60.0])
    assert "/h" not in line.money()
    assert line.money().endswith(" · $0.2557/h")


def test_money_in_another_currency() -> None:
    line = bill(talked(USAGE).session, currency=currency("JPY", "155"))
    assert line.money().startswith("¥0.66 · this reply ¥0.66")


def test_the_line_fits_eighty_columns_at_its_longest() -> None:
    """A costly hour against the stand-in, behind the indent of a notice."""
    for lang, usd in (
        ("en", DOLLARS),
        ("ja", DOLLARS),
        ("en", currency("KRW", "1400")),
        ("ja", currency("JPY", "155")),
    ):
        told = talked(USAGE)
        told.session.meter.response("dear", "completed", Usage(audio_out=50_000))
        line = bill(told.session, lang, times=[60.0], currency=usd, pretend=True)
        assert width_of(line.money()) <= 70, line.money()
        assert width_of(line.tokens()) <= 80


def test_the_latest_reply_is_no_summary() -> None:
    told = talked(USAGE)
    told.session.summarised(1, "short", 0.0, usage=Usage(text_in=800, text_out=200), model="gpt-5.4-nano")
    assert "this reply $0.0043" in bill(told.session).money()


def test_a_reply_without_usage_is_unknown_not_free() -> None:
    told = talked(None)
    assert bill(told.session).money().startswith("cost unknown · this reply cost unknown")
    assert any(row.startswith("unknown: 1 ") for row in summary(told.session, told.page, 10.0, model="gpt-realtime"))


def test_a_sum_that_leaves_something_out_is_at_least() -> None:
    told = talked(USAGE)
    told.says("response.done", response={"id": "r2", "status": "cancelled", "output": [], "usage": None})
    assert bill(told.session).money().startswith("at least $0.0043 · this reply cost unknown")


def test_the_summary_says_what_the_cost_is_made_of() -> None:
    told = talked(USAGE)
    assert summary(told.session, told.page, 83.0, model="gpt-realtime")[:9] == [
        "1:23 talked · exchanges 1 · ghost turns 0 · items held 2 · forgotten 0",
        "memory everything: everything is kept, as asked",
        "replies 1 · tokens in 139 (cached 64) out 61",
        "cost: $0.0043, made of",
        "  text in           43 tokens   $0.0002",
        "  audio in          32 tokens   $0.0010",
        "  audio in, cached  64 tokens  <$0.0001",
        "  text out          18 tokens   $0.0003",
        "  audio out         43 tokens   $0.0028",
    ]


def test_what_has_one_name_has_one_row() -> None:
    """A transcription is charged for what it heard and for what it wrote, at two prices."""
    cost = Cost(
        (Charge("transcription", 40, "token", 1_250, 50_000), Charge("transcription", 10, "token", 5_000, 50_000))
    )
    time = Cost((Charge("transcription", 4_000, "minute", 6_000_000, 400_000),))
    one, other = charge_rows(cost + time, Words("en"))
    assert one.split() == ["transcription", "50", "tokens", "$0.0001"]
    assert other.split() == ["transcription", "4.0", "s", "$0.0004"]


def test_the_summary_says_what_other_memories_would_have_cost() -> None:
    """All read the same in a first exchange: 15 tokens of user speech are new, the replies cost what they did."""
    told = talked(USAGE)
    rows = summary(told.session, told.page, 83.0, model="gpt-realtime")[9:]
    floor = told.session.alternatives.floor
    assert rows[0].startswith(f"the least it could have cost: {floor}; it cost ")
    assert rows[1] == "the same talk would have cost"
    assert [row.split("  ")[1] for row in rows[2:]] == [
        "everything kept",
        "the last 5 items kept",
        "the service's own truncation",
    ]
    assert all(row.endswith(" times") for row in rows[2:])


def test_where_minutes_are_billed_no_memory_is_compared() -> None:
    told = talked(USAGE, model="gpt-live-1")
    told.session.meter.elapsed(60_000)
    assert not any("least" in row for row in summary(told.session, told.page, 60.0, model="gpt-live-1"))


def test_the_summary_in_another_currency_keeps_the_dollars() -> None:
    told = talked(USAGE)
    rows = summary(told.session, told.page, 83.0, model="gpt-realtime", currency=currency("JPY", "155"))
    assert rows[3] == "cost: ¥0.66 ($0.0043), made of"
    assert rows[8] == "  audio out         43 tokens   ¥0.43"
    assert "¥" in rows[9]


def test_summaries_are_named_among_the_costs() -> None:
    told = talked(USAGE)
    told.session.summarised(1, "short", 0.0, usage=Usage(text_in=10_000, text_out=200), model="gpt-5.4-nano")
    rows = summary(told.session, told.page, 83.0, model="gpt-realtime")
    assert rows[2].startswith("replies 1 ·")
    assert any(row.startswith("  1 summaries among it, $0.00") for row in rows)


def test_summaries_the_service_wrote_itself_cost_what_they_did() -> None:
    told = talked(USAGE)
    told.session.meter.response("r9", "completed", Usage(text_in=1_000_000), kind="summary")
    rows = summary(told.session, told.page, 83.0, model="gpt-realtime")
    assert "  1 summaries among it, $4.00" in rows


def test_the_memory_and_its_reason_are_told_in_the_language_of_the_page() -> None:
    told = talked(USAGE, memory="auto:words")
    told.page.words = Words("ja")
    row = next(row for row in summary(told.session, told.page, 1.0, model="m") if row.startswith("記憶"))
    assert row.startswith("記憶 auto:words (everything): ")
    assert "1時間の試算は" in row


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_reason_of_the_memory_speaks_the_money_asked_for(lang: Language) -> None:
    told = talked(USAGE, memory="auto:words")
    told.page.words = Words(lang)
    rows = summary(told.session, told.page, 1.0, model="m", currency=currency("JPY", "155"))
    row = next(row for row in rows if "auto:words" in row)
    assert "everything ¥" in row
    assert "$" not in row


def test_the_summary_names_what_was_forgotten() -> None:
    told = talked(USAGE, memory="last:1")
    told.user_words("u", "What is the time?")
    told.says("conversation.item.deleted", item_id="u")
    rows = summary(told.session, told.page, 10.0, model="gpt-realtime")
    assert rows[0].endswith("items held 1 · forgotten 1")
    assert rows[1] == "  forgotten: you, “What is the time?”"


def test_a_long_list_of_the_forgotten_is_shortened() -> None:
    told = Told(memory="last:1")
    after = None
    for number in range(1, 7):
        after = told.exchange(number, after)
        gone = [f"u{number}"] if number == 1 else [f"a{number - 1}", f"u{number}"]
        for item_id in gone:
            told.says("conversation.item.deleted", item_id=item_id)
    rows = summary(told.session, told.page, 10.0, model="m")
    assert len(told.page.forgotten) == 11
    assert "  … and 3 more" in rows


def test_an_unknown_model_shows_tokens_and_says_how_to_give_a_price() -> None:
    told = talked(USAGE, model="gpt-nobody-knows")
    rows = summary(told.session, told.page, 10.0, model="gpt-nobody-knows")
    assert rows[2:] == [
        "replies 1 · tokens in 139 (cached 64) out 61",
        "cost: cost unknown",
        "no price is known for gpt-nobody-knows: give yours with --rates FILE, or see `laconic rates`",
    ]


def test_the_stand_ins_summary_bills_nothing() -> None:
    told = talked(USAGE)
    rows = summary(told.session, told.page, 10.0, model="gpt-realtime", pretend=True)
    assert rows[3] == "cost: nothing was billed; gpt-realtime would have charged $0.0043, made of"


def test_errors_are_counted() -> None:
    told = talked(USAGE)
    told.says("error", error={"code": "invalid_value", "message": "no"})
    rows = summary(told.session, told.page, 10.0, model="gpt-realtime")
    assert rows[-1] == "errors the service reported: 1"
