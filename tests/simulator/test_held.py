"""Creating, deleting, truncating and retrieving items: the rules of PROTOCOL.md section 7."""

from __future__ import annotations

import base64

import pytest
from doubles import Line, error, names, only, quiet, say


def test_creating_items_anywhere() -> None:
    line = Line()
    one = line.create("one")
    line.create("two", previous_item_id=None)
    line.create("zero", "system", previous_item_id="root")
    line.create("one and a half", "assistant", previous_item_id=one)
    assert line.texts == ["zero", "one", "one and a half", "two"]
    added = only(line.log, "conversation.item.added")
    ids = [item.id for item in line.service.conversation]
    assert [event["previous_item_id"] for event in added] == [None, one, None, one]
    assert added[3]["item"]["id"] == ids[2]
    assert added[3]["item"]["content"] == [{"type": "output_text", "text": "one and a half"}]


def test_a_client_may_choose_the_id_but_not_twice_nor_too_long() -> None:
    line = Line()
    assert line.create("one", item={"id": "mine"}) == "mine"
    item = {"id": "mine", "type": "message", "role": "user", "content": []}
    no = error(line.send("conversation.item.create", item=item, event_id="c1"))
    assert (no["code"], no["event_id"]) == ("item_create_duplicate_item_id", "c1")
    no = error(line.send("conversation.item.create", item=item | {"id": "x" * 33}))
    assert (no["code"], no["param"]) == ("string_above_max_length", "item.id")
    assert "maximum length 32" in no["message"]
    line.send("conversation.item.delete", item_id="mine")
    assert line.create("again", item={"id": "mine"}) == "mine"


def test_behind_an_unknown_item_nothing_is_added() -> None:
    line = Line()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}]}
    no = error(line.send("conversation.item.create", item=item, previous_item_id="item_gone"))
    assert "item_gone" in no["message"]
    assert line.service.conversation == []


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (None, "item"),
        ({"type": "banana"}, "item.type"),
        ({"type": "message", "role": "nobody", "content": []}, "item.role"),
        ({"type": "message", "role": "user"}, "item.content"),
        ({"type": "message", "role": "user", "content": ["text"]}, "item.content[0].type"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, "item.content[0].text"),
        ({"type": "message", "role": "system", "content": [{"type": "input_audio"}]}, "item.content[0].type"),
        ({"type": "message", "role": "assistant", "content": [{"type": "output_audio"}]}, "item.content[0].type"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "%%"}]},
            "item.content[0].audio",
        ),
        ({"type": "function_call_output", "output": "x"}, "item.call_id"),
        ({"type": "function_call_output", "call_id": "a b", "output": "x"}, "item.call_id"),
    ],
)
def test_items_that_cannot_be(item: object, param: str) -> None:
    line = Line()
    assert error(line.send("conversation.item.create", item=item))["param"] == param
    assert line.service.conversation == []


def test_a_users_sound_can_be_created_and_is_heard() -> None:
    line = Line()
    audio = base64.b64encode(say("My name is Ann.", 1200)).decode()
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
    line.send("conversation.item.create", item=item)
    assert line.service.conversation[0].audio_ms == 1200
    line.send("response.create")
    assert line.mind.shown[0][0].text == "My name is Ann."


def test_delete_takes_one_item_and_only_one() -> None:
    line = Line()
    ids = [line.create(word) for word in ("one", "two", "three")]
    assert line.send("conversation.item.delete", item_id=ids[1])[0]["item_id"] == ids[1]
    assert line.texts == ["one", "three"]
    no = error(line.send("conversation.item.delete", item_id=ids[1], event_id="d"))
    assert (no["code"], no["event_id"]) == ("item_delete_invalid_item_id", "d")
    assert ids[1] in no["message"]
    assert error(line.send("conversation.item.delete"))["code"] == "missing_required_parameter"
    assert error(line.send("conversation.item.delete", item_id=7))["code"] == "invalid_value"


def test_what_was_deleted_is_forgotten() -> None:
    line = Line()
    name = line.create("My name is Marco.")
    line.create("Who am I?")
    line.send("conversation.item.delete", item_id=name)
    line.send("response.create")
    assert [item.text for item in line.mind.shown[0]] == ["Who am I?"]


def spoken(line: Line) -> str:
    line.append(say("Hello.") + quiet(224))
    line.finish()
    return line.service.conversation[-1].id


def test_truncate_keeps_what_was_heard_and_no_transcript() -> None:
    line = Line("One two three four five.")
    reply = spoken(line)
    [event] = line.send("conversation.item.truncate", item_id=reply, content_index=0, audio_end_ms=700)
    assert {key: event[key] for key in ("type", "item_id", "content_index", "audio_end_ms")} == {
        "type": "conversation.item.truncated",
        "item_id": reply,
        "content_index": 0,
        "audio_end_ms": 700,
    }
    part = line.service.conversation[-1].parts[0]
    assert (part.text, part.audio_ms) == (None, 700)
    line.send("response.create")
    assert line.mind.shown[-1][-1].text == "One two"


def test_truncations_that_are_refused() -> None:
    line = Line("One two.")
    reply = spoken(line)
    user = line.service.conversation[0].id

    def refusal(item_id: str, end_ms: int, content_index: int = 0) -> tuple[str | None, str]:
        no = error(
            line.send("conversation.item.truncate", item_id=item_id, content_index=content_index, audio_end_ms=end_ms)
        )
        return no["code"], no["message"]

    only_audio = (None, "Only model output audio messages can be truncated")
    assert refusal(user, 100) == refusal(reply, 0) == refusal(reply, 100, 1) == only_audio
    assert refusal(reply, 601) == ("invalid_value", "Audio content of 600ms is already shorter than 601ms")
    assert refusal("item_gone", 100)[0] == "item_truncate_invalid_item_id"
    assert error(line.send("conversation.item.truncate", item_id=reply, content_index=0))["param"] == "audio_end_ms"
    assert error(line.send("conversation.item.truncate", item_id=reply, content_index="x"))["code"] == "invalid_value"
    assert line.service.conversation[-1].audio_ms == 600


def test_an_item_in_progress_is_not_truncated_but_may_be_deleted() -> None:
    line = Line("word " * 20)
    line.append(say("Hello.") + quiet(224))
    line.wait(0.8)
    reply = line.service.conversation[-1].id
    found = line.send("conversation.item.truncate", item_id=reply, content_index=0, audio_end_ms=10)
    assert error(found)["message"] == "Only model output audio messages can be truncated"
    line.send("conversation.item.delete", item_id=reply)
    found = line.finish()
    assert "conversation.item.done" not in names(found)
    assert "response.output_item.done" in names(found)
    assert len(line.service.conversation) == 1


def test_retrieve_brings_the_sound() -> None:
    line = Line("One two.", audio={"input": {"transcription": {"model": "whisper-1"}}})
    reply = spoken(line)
    [event] = line.send("conversation.item.retrieve", item_id=reply)
    assert event["type"] == "conversation.item.retrieved"
    content = event["item"]["content"][0]
    assert (content["type"], content["transcript"]) == ("output_audio", "One two.")
    assert len(base64.b64decode(content["audio"])) == 600 * 48
    user = line.send("conversation.item.retrieve", item_id=line.service.conversation[0].id)[0]["item"]
    assert user["content"][0]["transcript"] == "Hello."
    assert error(line.send("conversation.item.retrieve", item_id="x"))["code"] == "item_retrieve_invalid_item_id"
