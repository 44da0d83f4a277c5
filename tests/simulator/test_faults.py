"""Each fault does what it is named for, and nothing else goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doubles import Line, names, only, quiet, say

from laconic.errors import BadInput
from laconic.simulator.faults import Faults


def faulty(**faults: Any) -> Line:
    return Line("One two three.", faults=Faults(**faults))


def test_a_refused_edit_is_answered_and_not_done() -> None:
    line = faulty(refuse={"delete", "truncate", "create"}, script=[("create", "done")])
    kept = line.create("one")
    found = line.send("conversation.item.delete", item_id=kept, event_id="d1")
    assert (found[0]["error"]["code"], found[0]["error"]["event_id"]) == ("invalid_value", "d1")
    assert kept in found[0]["error"]["message"]
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "two"}]}
    assert names(line.send("conversation.item.create", item=item)) == ["error"]
    line.send("response.create")
    line.finish()
    cut = {"item_id": line.service.conversation[-1].id, "content_index": 0, "audio_end_ms": 10}
    assert names(line.send("conversation.item.truncate", **cut)) == ["error"]
    assert line.texts == ["one", "One two three."]


def test_an_ignored_edit_is_neither_answered_nor_done() -> None:
    line = faulty(ignore={"delete", "create"}, script=[("create", "done")])
    kept = line.create("one")
    assert line.send("conversation.item.delete", item_id=kept) == []
    assert line.send("conversation.item.create", item={"type": "message", "role": "user", "content": []}) == []
    line.wait(60)
    assert line.texts == ["one"]


@pytest.mark.parametrize(("way", "answered"), [("refuse", ["error"]), ("ignore", [])])
def test_a_service_may_not_take_an_assistants_words(way: str, answered: list[str]) -> None:
    line = faulty(**{way: {"create-assistant"}})
    line.create("one")
    line.create("note", role="system")
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]}
    assert names(line.send("conversation.item.create", item=item)) == answered
    line.send("response.create")
    line.finish()
    assert line.texts == ["one", "note", "One two three."]


def test_a_service_may_not_take_pictures() -> None:
    line = faulty(refuse={"create-image"})
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    item = {"type": "message", "role": "user", "content": [picture, {"type": "input_text", "text": "What is this?"}]}
    assert names(line.send("conversation.item.create", item=item)) == ["error"]
    line.create("one")
    assert line.texts == ["one"]


def test_an_assistants_words_are_created_like_any_item_where_only_that_fails() -> None:
    line = faulty(refuse={"create"}, script=[("create-assistant", "done"), ("create", "done")])
    line.create("one", role="assistant")
    assert line.texts == ["one"]


def test_a_place_may_not_be_heeded() -> None:
    """LocalAI puts every item at the end, and says truly where it stands."""
    line = faulty(append_inserts=True)
    one, two = line.create("one"), line.create("two")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "three"}]}
    added = line.send("conversation.item.create", item=item, previous_item_id=one)[0]
    assert added["previous_item_id"] == two
    line.create("four", previous_item_id="root")
    line.create("five", previous_item_id="nobody")
    assert line.texts == ["one", "two", "three", "four", "five"]


def test_a_script_is_used_up_in_order_by_kind() -> None:
    line = faulty(script=[("delete", "refuse"), ("delete", "done"), ("delete", "ignore")])
    one, two = line.create("one"), line.create("two")
    answers = [line.send("conversation.item.delete", item_id=item) for item in (one, one, two, two)]
    assert [names(answer) for answer in answers] == [
        ["error"],
        ["conversation.item.deleted"],
        [],
        ["conversation.item.deleted"],
    ]


def test_a_late_answer_comes_after_the_edit_was_done() -> None:
    line = Line(faults=Faults(ack_late_ms=300))
    line.send(
        "conversation.item.create",
        item={"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]},
    )
    assert line.texts == ["one"]
    assert line.wait(0.29) == []
    assert names(line.wait(0.02)) == ["conversation.item.added", "conversation.item.done"]
    assert line.send("conversation.item.delete", item_id="mine") == []
    assert line.texts == []
    assert names(line.wait(0.3)) == ["conversation.item.deleted"]


def test_errors_may_not_say_what_they_answer() -> None:
    [event] = faulty(null_error_event_id=True).send("response.cancel", event_id="c")
    assert event["error"]["event_id"] is None


def test_items_may_be_announced_twice() -> None:
    line = faulty(duplicate_added=True)
    line.create("one")
    assert names(line.log)[1:] == ["conversation.item.added", "conversation.item.added", "conversation.item.done"]
    assert line.texts == ["one"]


def test_usage_may_be_kept_from_the_client_but_is_known() -> None:
    line = faulty(null_usage=True)
    line.send("response.create")
    line.finish()
    [done] = only(line.log, "response.done")
    assert done["response"]["usage"] is None
    [usage] = line.service.usages.values()
    assert usage is not None
    assert usage.audio_out > 0


def test_transcription_may_fail_or_never_come() -> None:
    for fate in ("fails", "never"):
        line = Line(faults=Faults(transcription=fate), audio={"input": {"transcription": {"model": "whisper-1"}}})
        line.append(say("Hello.") + quiet(224))
        line.finish()
        found = [event for event in line.log if "transcription" in event["type"]]
        if fate == "never":
            assert found == []
        else:
            [failed] = found
            assert failed["type"] == "conversation.item.input_audio_transcription.failed"
            assert failed["error"]["code"] == "DeploymentNotFound"
        assert len(line.service.conversation) == 2


def test_the_connection_drops_after_so_many_events() -> None:
    line = faulty(drop_after=4)
    line.send("response.create")
    line.finish()
    line.wait(1)
    assert len(line.log) == 4
    assert line.service.closing == (1006, "")


def test_the_beta_shape_is_turned_away() -> None:
    line = faulty(refuse_beta_shape=True)
    assert [event["error"]["code"] for event in line.log] == ["beta_api_shape_disabled"]
    assert line.service.closing is not None
    assert line.service.closing[0] == 4000


def test_a_stranger_speaks_something_else_and_listens_to_nothing() -> None:
    line = faulty(stranger=True)
    assert "type" not in line.log[0]
    assert line.send("response.create") == []


def test_faults_by_name() -> None:
    names_ = [
        "refuse=delete",
        "refuse=create",
        "ignore=truncate",
        "ignore=create-assistant",
        "append-inserts",
        "ack-late-ms=300",
        "drop-after=7",
        "null-usage",
    ]
    faults = Faults.named([*names_, "transcription=fails", "stranger"])
    assert faults == Faults(
        refuse={"delete", "create"},
        ignore={"truncate", "create-assistant"},
        append_inserts=True,
        ack_late_ms=300,
        drop_after=7,
        null_usage=True,
        transcription="fails",
        stranger=True,
    )


@pytest.mark.parametrize("name", ["banana", "refuse=session", "drop-after=soon", "null-usage=yes", "script", "fate"])
def test_a_fault_that_does_not_exist(name: str) -> None:
    with pytest.raises(BadInput, match="There is no fault"):
        Faults.named([name])


def test_error_events_are_json_of_the_wires_shape() -> None:
    line = faulty(refuse={"delete"})
    line.service.receive(json.dumps({"type": "conversation.item.delete", "item_id": "x"}), 0.0)
    event = json.loads(line.service.outbox()[0])
    assert set(event) == {"type", "event_id", "error"}
    assert set(event["error"]) == {"type", "code", "message", "param", "event_id"}
