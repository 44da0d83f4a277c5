"""One law put differently explains a row to the token; items that were let go never look like one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from laconic.amendments import amended
from laconic.contents import Contents, Row
from laconic.laws import Laws
from laconic.tokens import Tokens
from laconic.usage import Usage

LAWS = Laws(keeps_reply_audio=True, base_text=20, user_audio_framing=8, reply_framing=10, user_text_framing=12)
LENGTHS = (2_310, 1_470, 3_660, 980)
REPLIES = (70, 120, 45)


def turns(count: int, laws: Laws, *, told: bool = False, head: str = "head") -> tuple[Contents, Tokens]:
    """So many exchanges, the user speaking or writing, and what these laws make of them."""
    lengths = [] if told else [LENGTHS[turn % 4] for turn in range(count)]
    replies = [REPLIES[turn % 3] for turn in range(count - 1)]
    user = "user_text_framing" if told else "user_audio_framing"
    framings = {"base_text": 1, user: count, "reply_framing": count - 1}
    contents = Contents(
        head=head,
        framings=framings,
        user_ms=sum(lengths),
        user_sounds=len(lengths),
        reply_audio=sum(replies),
        newest_reply_audio=replies[-1],
        discount=9 * (count - 2),
    )
    words = 300 + 25 * count - (0 if laws.keeps_reply_audio else contents.discount)
    text = words + sum(getattr(laws, name) * times for name, times in framings.items())
    user_audio = sum(length // laws.user_audio_ms_per_token for length in lengths)
    return contents, Tokens(text, user_audio + (sum(replies) if laws.keeps_reply_audio else replies[-1]))


def row(count: int, believed: Laws, true: Laws, *, let_go: tuple[int, int] = (0, 0), **kind: Any) -> Row:
    contents, read = turns(count, believed, **kind)
    _, reported = turns(count, true, **kind)
    return Row(read, contents, Usage(text_in=reported.text - let_go[0], audio_in=reported.audio - let_go[1]))


def judged(rows: Sequence[Row], laws: Laws = LAWS, **kind: Any) -> Laws | None:
    return amended(laws, rows, row(11, laws, laws, **kind))


def under(true: Laws, believed: Laws = LAWS, **kind: Any) -> Laws | None:
    """What three responses say that were billed by other laws than believed."""
    return judged([row(count, believed, true, **kind) for count in (12, 13, 14)], believed, **kind)


@pytest.mark.parametrize(
    "change",
    [
        {"keeps_reply_audio": False},
        {"user_audio_framing": 0},
        {"user_audio_framing": 30},
        {"reply_framing": 2},
        {"reply_framing": 25},
        {"base_text": 90},
        {"base_text": 0},
    ],
    ids=str,
)
def test_each_law_of_a_spoken_talk_is_found(change: dict[str, Any]) -> None:
    assert under(replace(LAWS, **change)) == replace(LAWS, **change)


@pytest.mark.parametrize("ms", [8, 20, 50, 125, 200])
def test_another_length_of_token_is_found_within_a_percent(ms: int) -> None:
    found = under(replace(LAWS, user_audio_ms_per_token=ms))
    assert found is not None
    assert found == replace(LAWS, user_audio_ms_per_token=found.user_audio_ms_per_token)
    assert abs(found.user_audio_ms_per_token - ms) <= 0.01 * ms


def test_old_sound_that_comes_back_is_found() -> None:
    drops = replace(LAWS, keeps_reply_audio=False)
    assert under(LAWS, drops) == LAWS


@pytest.mark.parametrize("change", [{"user_text_framing": 3}, {"user_text_framing": 40}, {"base_text": 90}], ids=str)
def test_laws_of_a_written_talk_are_found(change: dict[str, Any]) -> None:
    assert under(replace(LAWS, **change), told=True) == replace(LAWS, **change)


def test_in_a_written_talk_a_constant_less_may_be_words_that_left() -> None:
    assert under(replace(LAWS, base_text=0), told=True) is None


def test_words_that_left_are_not_shared_out_to_the_base_and_another() -> None:
    laws = replace(LAWS, base_text=100, user_text_framing=2)
    true = replace(laws, base_text=0, reply_framing=2)
    assert under(true, laws, told=True) is None


def test_what_falls_below_nothing_takes_its_neighbour_along() -> None:
    """Eight and ten were learned for sixteen and two. The sixteen are gone."""
    found = under(replace(LAWS, user_audio_framing=0, reply_framing=2))
    assert found is not None
    assert found.user_audio_framing + found.reply_framing == 2


def test_two_laws_at_once_are_not_found() -> None:
    assert under(replace(LAWS, keeps_reply_audio=False, user_audio_ms_per_token=180)) is None


def test_no_law_explains_text_that_rises_and_falls() -> None:
    rows = [row(count, LAWS, LAWS, let_go=(left, 0)) for count, left in ((12, 60), (13, -60), (14, 60))]
    assert judged(rows) is None


@pytest.mark.parametrize("laws", [LAWS, replace(LAWS, keeps_reply_audio=False)], ids=["keeps", "drops"])
@pytest.mark.parametrize("left", [2, 4, 6])
def test_items_that_were_let_go_are_no_law(laws: Laws, left: int) -> None:
    """Their sound, words and framing are missing from then on."""
    _, gone = turns(left, laws)
    let_go = (gone.text - 300, gone.audio)
    assert judged([row(count, laws, laws, let_go=let_go) for count in (12, 13, 14)], laws) is None


def test_sound_that_left_with_words_is_no_other_length_of_token() -> None:
    """Though the sound alone would be."""
    true = replace(LAWS, user_audio_ms_per_token=125)
    counts = (12, 13, 14)
    assert judged([row(count, LAWS, true) for count in counts]) is not None
    assert judged([row(count, LAWS, true, let_go=(90, 0)) for count in counts]) is None


def test_no_sound_of_the_user_s_is_no_length_of_token() -> None:
    _, whole = turns(14, LAWS)
    assert judged([row(count, LAWS, LAWS, let_go=(0, whole.audio)) for count in (12, 13, 14)]) is None


def test_a_law_that_was_off_before_may_be_as_far_off_after() -> None:
    """Learned as 102, which is 100: near enough, and no reason to miss that old replies lose their sound."""
    believed, true = replace(LAWS, user_audio_ms_per_token=102), replace(LAWS, keeps_reply_audio=False)
    counts = (32, 33, 34)
    rows = [row(count, believed, true) for count in counts]
    before = row(31, believed, LAWS)
    assert before.audio_gap > 5
    assert amended(believed, rows, before) == replace(believed, keeps_reply_audio=False)


def test_new_instructions_may_be_off_by_what_they_like_but_say_nothing_of_framing() -> None:
    """Nobody knew how many tokens they are; it is the same number in each row."""
    before = row(11, LAWS, LAWS)
    counts = (12, 13, 14)
    drops = replace(LAWS, keeps_reply_audio=False)
    rows = [row(count, LAWS, drops, let_go=(-55, 0), head="new") for count in counts]
    assert amended(LAWS, rows, before) == drops
    rows = [row(count, LAWS, replace(LAWS, base_text=90), head="new") for count in counts]
    assert amended(LAWS, rows, before) is None
