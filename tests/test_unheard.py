"""Sound of which nobody knows yet whether it was speech."""

from __future__ import annotations

from laconic.unheard import Unheard


def test_the_latest_three_seconds_may_be_speech_and_older_sound_was_not() -> None:
    unheard = Unheard()
    for tenth in range(1, 101):
        unheard.sent(100 * tenth, now=tenth / 10)
    assert 3_000 <= unheard.ms(10_000, now=10.0) <= 3_500
    assert unheard.ms(10_000, now=14.0) <= 500


def test_an_hour_sent_in_one_go_may_all_be_speech() -> None:
    unheard = Unheard()
    unheard.sent(3_600_000, now=1.0)
    assert unheard.ms(3_600_000, now=1.1) == 3_600_000


def test_it_says_when_there_is_enough_more_to_look_at() -> None:
    unheard = Unheard()
    assert [unheard.sent(100 * n, now=n / 10) for n in range(1, 11)].count(True) == 2
