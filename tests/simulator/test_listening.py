"""The ears: from a stream of sound to turns, and what may be handed over."""

from __future__ import annotations

from typing import Any

import pytest
from doubles import LoudTurns, quiet, say

from laconic.simulator.ids import Ids
from laconic.simulator.listening import Began, Ears, Ended
from laconic.simulator.rejected import Rejected
from laconic.simulator.session_settings import fresh
from laconic.simulator.turns import InputBuffer


def ears(**detection: Any) -> tuple[Ears, InputBuffer]:
    ids, buffer = Ids(), InputBuffer()
    listening = Ears(LoudTurns(), lambda: ids("item"), buffer)
    settings = fresh("gpt-realtime", "sess_1", 0)["audio"]["input"]
    settings["turn_detection"] |= detection
    listening.configure(settings)
    return listening, buffer


def test_a_turn_is_its_sound_with_the_padding_before_and_the_silence_behind() -> None:
    listening, _ = ears()
    began, ended = listening.hear(quiet(640) + say("Hello.", 960) + quiet(320))
    assert began == Began(began.item_id, 340)
    assert isinstance(ended, Ended)
    assert (ended.item_id, ended.audio_end_ms) == (began.item_id, 1824)
    assert ended.pcm == quiet(300) + say("Hello.", 960) + quiet(224)
    assert not listening.speaking


def test_silence_is_forgotten_but_for_what_an_idle_timeout_may_want() -> None:
    listening, buffer = ears()
    listening.hear(quiet(60_000))
    assert buffer.audio_ms == 300
    listening, buffer = ears(idle_timeout_ms=6000)
    listening.hear(quiet(60_000))
    assert buffer.audio_ms == 6000
    start_ms, end_ms, pcm = listening.idle_sound(6000)
    assert (start_ms, end_ms, len(pcm)) == (54_000, 60_000, 6000 * 48)


def test_an_idle_wait_longer_than_the_sound_is_silence() -> None:
    listening, _ = ears(idle_timeout_ms=6000)
    listening.hear(say("Hm.", 96))
    _, _, pcm = listening.idle_sound(5000)
    assert len(pcm) == 5000 * 48
    assert pcm.endswith(say("Hm.", 96))


def test_push_to_talk_hands_over_everything_once() -> None:
    listening, _ = ears()
    listening.configure(listening.settings | {"turn_detection": None})
    assert listening.hear(say("Hello.", 640)) == []
    assert listening.commit()[1] == say("Hello.", 640)
    with pytest.raises(Rejected, match="buffer too small"):
        listening.commit()
    assert listening.end_ms == 640


def test_a_turn_that_was_cleared_never_ends() -> None:
    listening, _ = ears()
    listening.hear(say("Hello.", 640))
    assert listening.speaking
    listening.clear()
    assert listening.hear(quiet(960)) == []


def test_another_format_begins_a_new_stream_of_bytes() -> None:
    listening, _ = ears()
    assert len(listening.read("AAA=")) == 2
    listening.configure(listening.settings | {"format": {"type": "audio/pcma"}})
    assert len(listening.read("1dU=")) == 2 * 6
