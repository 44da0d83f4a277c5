"""A row: what a prompt consisted of, what laws made of it, and what was reported."""

from __future__ import annotations

from laconic.contents import Contents, Row
from laconic.tokens import Tokens
from laconic.usage import Usage


def test_a_row_knows_how_far_off_the_laws_were() -> None:
    """More than foreseen is above zero."""
    row = Row(Tokens(100, 300), Contents(framings={}), Usage(text_in=110, audio_in=280))
    assert (row.text_gap, row.audio_gap) == (10, -20)


def test_old_replies_are_all_but_the_newest() -> None:
    assert Contents(framings={}, reply_audio=500, newest_reply_audio=120).old_reply_audio == 380
