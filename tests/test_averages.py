"""The average exchange of a talk."""

from __future__ import annotations

from laconic.averages import Averages
from laconic.items import Item, Part
from laconic.plans import Typical
from laconic.usage import Usage


def test_what_is_usual_elsewhere_is_assumed_until_four_exchanges_have_been_heard() -> None:
    heard = Averages(turns=4, user_ms=9_000, replies=3, reply_audio=900, reply_text=120, instructions="Be kind.")
    assert heard.typical() == Typical(instructions="Be kind.")


def test_what_is_spoken_counts_and_nothing_else() -> None:
    """Notes, typed turns, written replies and replies of unknown usage tell nothing of how long anybody speaks."""
    heard = Averages()
    heard.said(Item("u", role="user", parts=[Part("input_audio", None, 3_000)]))
    heard.said(Item("t", role="user", parts=[Part("input_text", "Hello.")]))
    heard.said(Item("s", role="system", parts=[Part("input_audio", None, 900)]))
    heard.replied(Usage(text_out=20, audio_out=100))
    heard.replied(Usage(text_out=30))
    heard.replied(None)
    assert heard == Averages(turns=1, user_ms=3_000, replies=1, reply_audio=100, reply_text=20)


def test_afterwards_it_is_what_was_heard() -> None:
    heard = Averages(turns=4, user_ms=12_000, replies=4, reply_audio=800, reply_text=120, instructions="Be kind.")
    assert heard.typical() == Typical(
        user_ms=3_000, user_words=8, reply_audio=200, reply_text=30, instructions="Be kind."
    )
