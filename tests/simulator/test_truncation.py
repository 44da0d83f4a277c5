"""What the model stops reading when a conversation grows too long, and that nobody is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from doubles import Line, error, names, only

from laconic.items import Item, Part
from laconic.laws import prior
from laconic.simulator.bill import Bill
from laconic.simulator.habits import Habits
from laconic.simulator.rejected import Rejected
from laconic.simulator.truncation import Truncation

EIGHTY_PERCENT = {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 100}}


def by_length(items: Sequence[Item]) -> list[int]:
    """A token for each letter."""
    return [len(item.text or item.arguments or item.output or "") for item in items]


def message(name: str, tokens: int) -> Item:
    return Item(name, role="user", status="completed", parts=[Part("input_text", "x" * tokens)])


def ids(items: Sequence[Item]) -> list[str]:
    return [item.id for item in items]


def test_nothing_leaves_while_everything_fits() -> None:
    """The limit itself still fits."""
    items = [message("a", 60), message("b", 40)]
    assert ids(Truncation(by_length).read(items, EIGHTY_PERCENT, 1000)) == ["a", "b"]


def test_the_oldest_leave_until_the_ratio_of_the_limit_is_left() -> None:
    """110 of 100 tokens: down to 80 at most."""
    items = [message("a", 20), message("b", 20), message("c", 40), message("d", 30)]
    assert ids(Truncation(by_length).read(items, EIGHTY_PERCENT, 1000)) == ["c", "d"]


def test_what_has_left_does_not_come_back() -> None:
    """Even when there is room for it again, because another item was deleted."""
    truncation = Truncation(by_length)
    items = [message("a", 20), message("b", 50), message("c", 40)]
    assert ids(truncation.read(items, EIGHTY_PERCENT, 1000)) == ["c"]
    assert ids(truncation.read([items[0], items[2]], EIGHTY_PERCENT, 1000)) == ["c"]


def test_auto_drops_only_what_is_needed() -> None:
    """The limit is what the model can take, and the ratio is 1."""
    items = [message(name, 20) for name in "abcdef"]
    assert ids(Truncation(by_length).read(items, "auto", 110)) == ["b", "c", "d", "e", "f"]


def test_a_limit_of_the_session_cannot_be_more_than_the_model_takes() -> None:
    items = [message("a", 30), message("b", 30)]
    assert ids(Truncation(by_length).read(items, EIGHTY_PERCENT, 50)) == ["b"]
    assert ids(Truncation(by_length).read(items, {"type": "retention_ratio", "retention_ratio": 1.0}, 50)) == ["b"]


def test_disabled_refuses_instead() -> None:
    items = [message("a", 30), message("b", 30)]
    with pytest.raises(Rejected, match="60 tokens long, 50 fit"):
        Truncation(by_length).read(items, "disabled", 50)


def test_an_output_leaves_with_its_call() -> None:
    """Though leaving the call alone would have been enough."""
    call = Item("call", type="function_call", call_id="call_1", name="f", arguments="x" * 40)
    output = Item("output", type="function_call_output", call_id="call_1", output="x" * 10)
    items = [call, message("between", 20), output, message("new", 50)]
    assert ids(Truncation(by_length).read(items, EIGHTY_PERCENT, 1000)) == ["between", "new"]


def test_the_newest_message_is_always_read() -> None:
    items = [message("a", 20), message("b", 500)]
    assert ids(Truncation(by_length).read(items, EIGHTY_PERCENT, 1000)) == ["b"]


def reply(line: Line) -> dict[str, Any]:
    """Have a response made; its `response` object."""
    line.send("response.create")
    [done] = only(line.finish(), "response.done")
    return done["response"]


def test_items_leave_the_input_and_not_the_conversation() -> None:
    """Nothing is reported: only the input tokens fall."""
    words = "Twenty words of some length, and not one less, are what it takes to fill this short line of talk."

    def told(times: int) -> tuple[Line, int]:
        line = Line("Yes.", truncation=EIGHTY_PERCENT)
        for _ in range(times):
            line.create(words)
        return line, reply(line)["usage"]["input_tokens"]

    _, head = told(0)
    each = told(1)[1] - head
    line, read = told(4)
    stayed = 80 // each
    assert 0 < stayed * each < 100 < 4 * each
    assert read == head + stayed * each
    assert [item.text for item in line.mind.shown[-1]] == [words] * stayed
    assert [item.role for item in line.service.conversation] == ["user"] * 4 + ["assistant"]
    assert not [name for name in names(line.log) if "truncat" in name or "deleted" in name]


def test_a_response_with_an_input_of_its_own_is_not_truncated() -> None:
    line = Line("Yes.", truncation=EIGHTY_PERCENT | {"token_limits": {"post_instructions": 0}})
    given = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}] * 2
    line.send("response.create", response={"conversation": "none", "input": given})
    assert len(line.mind.shown[-1]) == 2


def test_a_disabled_truncation_is_an_error_to_the_client() -> None:
    line = Line("Yes.", habits=Habits(), truncation="disabled")
    line.create("word " * 40_000)
    refused = error(line.send("response.create"))
    assert "truncation is disabled" in refused["message"]
    assert refused["code"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        "sometimes",
        {"type": "auto"},
        {"type": "retention_ratio", "retention_ratio": 1.5},
        {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": -1}},
        {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"pre_instructions": 1}},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: object) -> None:
    line = Line()
    error(line.update(truncation=wrong))
    assert line.service.session["truncation"] == "auto"


def test_the_bill_measures_items_as_they_would_be_read() -> None:
    """An older reply without its sound, where the service drops it."""
    replies = [
        Item(name, role="assistant", status="completed", parts=[Part("output_audio", "Hello there.", 5000)])
        for name in ("old", "new")
    ]
    items = [replies[0], message("user", 5), replies[1]]
    old, user, new = Bill(prior("openai", "gpt-realtime"), hits=lambda: 1.0).sizes(items)
    assert new > 100 > old > 0
    assert user > 4


@pytest.mark.parametrize(("model", "room"), [("gpt-realtime", 32_000 - 4_096), ("gpt-realtime-2.1", 128_000 - 32_000)])
def test_room_for_items_is_the_context_without_the_longest_reply_and_the_head(model: str, room: int) -> None:
    laws = prior("openai", model)
    bill = Bill(laws, hits=lambda: 1.0)
    assert bill.room("", []) == room - laws.default_instructions_tokens - laws.base_text
