"""The bill in words: exact sums, at-least sums, and unknown ones."""

from __future__ import annotations

from typing import Any

from said import Told

from laconic.session import Session
from laconic.terminal.bill import bill_line, summary
from laconic.terminal.page import Page
from laconic.terminal.words import Words

USAGE: dict[str, Any] = {
    "total_tokens": 200,
    "input_tokens": 139,
    "output_tokens": 61,
    "input_token_details": {
        "text_tokens": 43,
        "audio_tokens": 96,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 64},
    },
    "output_token_details": {"text_tokens": 18, "audio_tokens": 43},
}


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


def test_the_line_while_it_runs() -> None:
    """43 text at $4, 32 fresh audio at $32, 64 cached at $0.40, 18 text at $16, 43 audio at $64 a million."""
    line = bill_line(talked(USAGE).session, Words("en"))
    nano = 43 * 4_000 + 32 * 32_000 + 64 * 400 + 18 * 16_000 + 43 * 64_000
    assert nano == 4_261_600
    assert line == "$0.0043 · this reply $0.0043 · tokens in 139 (cached 64) out 61 · items 2 · exchanges 1"


def test_before_anything_was_said() -> None:
    session = Session(ids=lambda: "ours", model="gpt-realtime")
    assert bill_line(session, Words("en")).startswith("$0.00 · this reply –")


def test_against_the_stand_in_the_line_says_that_nothing_is_billed() -> None:
    assert bill_line(talked(USAGE).session, Words("en"), pretend=True).startswith("a real service would charge $0.0043")
    assert bill_line(talked(USAGE).session, Words("ja"), pretend=True).startswith("実際のサービスなら $0.0043")


def test_a_reply_without_usage_is_unknown_not_free() -> None:
    told = talked(None)
    line = bill_line(told.session, Words("en"))
    assert line.startswith("cost unknown · this reply cost unknown")
    assert any(row.startswith("unknown: 1 ") for row in summary(told.session, told.page, 10.0, model="gpt-realtime"))


def test_a_sum_that_leaves_something_out_is_at_least() -> None:
    told = talked(USAGE)
    told.says("response.done", response={"id": "r2", "status": "cancelled", "output": [], "usage": None})
    assert bill_line(told.session, Words("en")).startswith("at least $0.0043 · this reply cost unknown")


def test_the_summary_says_what_the_cost_is_made_of() -> None:
    told = talked(USAGE)
    assert summary(told.session, told.page, 83.0, model="gpt-realtime") == [
        "1:23 talked · exchanges 1 · ghost turns 0 · items held 2 · forgotten 0",
        "replies 1 · tokens in 139 (cached 64) out 61",
        "cost: $0.0043, made of",
        "  text in           43 tokens   $0.0002",
        "  audio in          32 tokens   $0.0010",
        "  audio in, cached  64 tokens  <$0.0001",
        "  text out          18 tokens   $0.0003",
        "  audio out         43 tokens   $0.0028",
    ]


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
    assert rows[9] == "  … and 3 more"


def test_an_unknown_model_shows_tokens_and_says_how_to_give_a_price() -> None:
    told = talked(USAGE, model="gpt-nobody-knows")
    rows = summary(told.session, told.page, 10.0, model="gpt-nobody-knows")
    assert rows[1:] == [
        "replies 1 · tokens in 139 (cached 64) out 61",
        "cost: cost unknown",
        "no price is known for gpt-nobody-knows: give yours with --rates FILE, or see `laconic rates`",
    ]


def test_the_stand_ins_summary_bills_nothing() -> None:
    told = talked(USAGE)
    rows = summary(told.session, told.page, 10.0, model="gpt-realtime", pretend=True)
    assert rows[2] == "cost: nothing was billed; gpt-realtime would have charged $0.0043, made of"


def test_errors_are_counted() -> None:
    told = talked(USAGE)
    told.says("error", error={"code": "invalid_value", "message": "no"})
    rows = summary(told.session, told.page, 10.0, model="gpt-realtime")
    assert rows[-1] == "errors the service reported: 1"
