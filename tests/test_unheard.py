"""Sound of which nobody knows yet whether it was speech."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.unheard import Unheard


def listening(detection: dict[str, Any] | None) -> tuple[Conversation, Unheard]:
    """A session that has begun, and takes turns by itself or not."""
    conversation = Conversation()
    sound = {"input": {"turn_detection": detection}}
    session: dict[str, Any] = {"type": "realtime", "audio": sound}
    conversation.read(ev.read(json.dumps({"type": "session.created", "session": session})))
    return conversation, Unheard(conversation)


class Caller:
    """Sends sound, silent or not, to a service that detects turns."""

    def __init__(self) -> None:
        self.conversation, self.unheard = listening({"type": "server_vad"})

    def sends(self, ms: int, now: float) -> bool:
        self.conversation.input.appended(48 * ms)
        return self.unheard.sent(now)


def test_the_latest_three_seconds_may_be_speech_and_older_sound_was_not() -> None:
    caller = Caller()
    for tenth in range(1, 101):
        caller.sends(100, now=tenth / 10)
    assert 3_000 <= caller.unheard.ms(now=10.0) <= 3_500
    assert caller.unheard.ms(now=14.0) <= 500


def test_an_hour_sent_in_one_go_may_all_be_speech() -> None:
    caller = Caller()
    caller.sends(3_600_000, now=1.0)
    assert caller.unheard.ms(now=1.1) == 3_600_000


def test_nothing_is_unheard_while_somebody_is_known_to_speak() -> None:
    caller = Caller()
    caller.sends(1_000, now=1.0)
    started = {"type": "input_audio_buffer.speech_started", "item_id": "u1", "audio_start_ms": 0}
    caller.conversation.read(ev.read(json.dumps(started)))
    assert caller.unheard.ms(now=1.1) == 0


@pytest.mark.parametrize("begun", [True, False])
def test_nothing_is_unheard_where_no_turns_are_detected(begun: bool) -> None:
    conversation, unheard = listening(None)
    if not begun:
        conversation = Conversation()
        unheard = Unheard(conversation)
    conversation.input.appended(48_000)
    unheard.sent(1.0)
    assert unheard.ms(now=1.1) == 0


def test_it_says_when_there_is_enough_more_to_look_at() -> None:
    caller = Caller()
    assert [caller.sends(100, now=n / 10) for n in range(1, 11)].count(True) == 2
