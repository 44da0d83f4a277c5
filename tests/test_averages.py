"""The average exchange of a talk."""

from __future__ import annotations

from laconic.averages import Averages
from laconic.plans import Typical


def test_what_is_usual_elsewhere_is_assumed_until_four_exchanges_have_been_heard() -> None:
    heard = Averages(turns=4, user_ms=9_000, replies=3, reply_audio=900, reply_text=120, instructions="Be kind.")
    assert heard.typical() == Typical(instructions="Be kind.")


def test_afterwards_it_is_what_was_heard() -> None:
    heard = Averages(turns=4, user_ms=12_000, replies=4, reply_audio=800, reply_text=120, instructions="Be kind.")
    assert heard.typical() == Typical(
        user_ms=3_000, user_words=8, reply_audio=200, reply_text=30, instructions="Be kind."
    )
