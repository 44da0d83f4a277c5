"""What is said of item events that are not carried out: by the stand-in and by the view, word for word."""

from __future__ import annotations

import pytest

from laconic import rejections
from laconic.rejections import Rejection


def test_a_rejection_answers_the_event_it_is_about() -> None:
    assert rejections.unknown_item("delete", "item_7").to_wire("c2") == {
        "type": "invalid_request_error",
        "code": "item_delete_invalid_item_id",
        "message": "Error deleting item: the item with id 'item_7' does not exist.",
        "param": None,
        "event_id": "c2",
    }


@pytest.mark.parametrize(
    ("why", "code", "param", "quoted"),
    [
        (rejections.unknown_item("retrieve", "x"), "item_retrieve_invalid_item_id", None, "retrieving item"),
        (rejections.unknown_item("truncate", "x"), "item_truncate_invalid_item_id", None, "truncating item"),
        (rejections.duplicate_item("x"), "item_create_duplicate_item_id", "item.id", "'x' already exists"),
        (rejections.unknown_previous_item("x"), "item_create_invalid_previous_item_id", "previous_item_id", "'x'"),
        (rejections.not_a_reply(), None, None, "Only model output audio messages can be truncated"),
        (rejections.already_shorter(300, 900), "invalid_value", None, "of 300ms is already shorter than 900ms"),
    ],
)
def test_each_has_its_code_and_quotes_what_it_is_about(
    why: Rejection, code: str | None, param: str | None, quoted: str
) -> None:
    assert (why.code, why.param) == (code, param)
    assert quoted in why.message
