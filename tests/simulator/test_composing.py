"""What a mind is shown, and what becomes of its reply."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from doubles import Voice, Yes

from laconic.items import Item, Part
from laconic.simulator.answering import Composed
from laconic.simulator.composing import MindAndVoice, heard_items, written_arguments
from laconic.simulator.minds.reply import HeardItem, Reply
from laconic.simulator.responding import Call, Message, Output
from laconic.simulator.session_settings import fresh
from laconic.simulator.speech import Spoken

CALL = Reply(text="", calls=(("look", {"for": "it"}),))


def composed(reply: Reply, model: str = "gpt-realtime", **settings: Any) -> tuple[Any, ...]:
    session = fresh(model, "sess_1", 0) | settings
    return tuple(made(MindAndVoice(Yes(reply), Voice()).compose([], session)))


def made(what: Composed) -> list[Output]:
    """All of it, spoken parts waited for."""
    return [output() if callable(output) else output for output in what.outputs]


def test_a_mind_is_shown_words() -> None:
    items = [
        Item("1", role="system", parts=[Part("input_text", "Be kind.")]),
        Item("2", role="user", parts=[Part("input_audio", "Hello.", 900)]),
        Item("3", role="user", parts=[Part("input_audio", None, 900)]),
        Item("4", type="function_call", call_id="c", name="look", arguments="{}"),
        Item("5", type="function_call_output", call_id="c", output="found"),
        Item("6", type="function_call_output", call_id="gone", output="lost"),
        Item("7", type="mcp_call", extra={"server_label": "x"}),
    ]
    assert heard_items(items) == [
        HeardItem("system", "Be kind.", "text"),
        HeardItem("user", "Hello.", "audio"),
        HeardItem("user", None, "audio"),
        HeardItem("tool", "{}", "call", "look"),
        HeardItem("tool", "found", "output", "look"),
        HeardItem("tool", "lost", "output", None),
        HeardItem("tool", None, "text"),
    ]


def test_speech_where_sound_is_wanted_writing_where_it_is_not() -> None:
    [spoken] = composed(Reply(text="Hello there."))
    assert spoken.pcm is not None
    assert [word for word, _, _ in spoken.words] == ["Hello", " there."]
    [written] = composed(Reply(text="Hello there."), output_modalities=["text"])
    [drifted] = composed(Reply(text="Hello there.", text_only=True))
    assert written == drifted == Message([("Hello there.", 0, 0)])


def test_a_model_may_drift_into_writing_when_it_reads_writing_of_its_own() -> None:
    written = [Item(f"w{n}", role="assistant", parts=[Part("output_text", "Hello.")]) for n in range(2)]
    spoken = Item("s", role="assistant", parts=[Part("output_audio", "Hello.", 900)])
    nothing = Item("e", role="assistant")
    note = Item("n", role="system", parts=[Part("input_text", "User: Hi.\nAssistant: Hello.\nAssistant: Yes.")])

    def speaks(*items: Item, drift_after: int | None = 2) -> bool:
        mind = MindAndVoice(Yes("Hello there."), Voice(), drift_after=drift_after)
        [message] = made(mind.compose(items, fresh("gpt-realtime", "sess_1", 0)))
        assert isinstance(message, Message)
        return message.pcm is not None

    assert speaks(written[0], spoken, nothing, note, note)
    assert not speaks(*written)
    assert speaks(*written, drift_after=None)
    assert not speaks(drift_after=0)


def test_2_x_marks_its_phases_and_may_say_a_word_before_a_call() -> None:
    [answer] = composed(Reply(text="Hello."), "gpt-realtime-2.1")
    assert answer.phase == "final_answer"
    comment, call = composed(CALL, "gpt-realtime-2.1")
    assert (comment.phase, call) == ("commentary", Call("look", '{"for":"it"}'))
    assert composed(CALL) == (Call("look", '{  \n  "for": "it" \n} \n'),)


def test_the_voice_may_be_ones_own() -> None:
    session = fresh("gpt-realtime", "sess_1", 0)
    session["audio"]["output"]["voice"] = {"id": "voice_1"}
    assert made(MindAndVoice(Yes("Hm."), Voice()).compose([], session))


def test_nobody_waits_for_the_voice_before_its_sound_is_due() -> None:
    """The voice is asked at once, in a thread of its own, and may take until then."""
    asked, may_speak = threading.Event(), threading.Event()

    class Slow(Voice):
        def say(self, *said: Any, **how: Any) -> Spoken:
            asked.set()
            assert may_speak.wait(10)
            return super().say(*said, **how)

    composed = MindAndVoice(Yes("Hm."), Slow()).compose([], fresh("gpt-realtime", "sess_1", 0))
    assert asked.wait(10)
    may_speak.set()
    [message] = made(composed)
    assert isinstance(message, Message)
    assert message.pcm


@pytest.mark.parametrize("arguments", [{}, {"a": "b"}, {"city": "東京", "days": [1, 2], "deep": {"x": None}}])
@pytest.mark.parametrize("pretty", [True, False])
def test_arguments_are_json_however_they_are_written(arguments: dict[str, Any], pretty: bool) -> None:
    assert json.loads(written_arguments(arguments, pretty=pretty)) == arguments
