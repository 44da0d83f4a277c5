"""What a service says to an item event that it does not carry out: codes, words, and the field that is at fault.

Said by the stand-in, which decides, and by the view, which answers for items that the service no longer holds. An app
must not be able to tell the two apart, so the words stand here once. Codes: PROTOCOL.md section 8. Where a message was
seen on the wire it is that one, because clients match on it; the rest is our wording.
"""

from __future__ import annotations

from dataclasses import dataclass

from laconic.items import Wire

__all__ = [
    "Rejection",
    "already_shorter",
    "duplicate_item",
    "not_a_reply",
    "unknown_item",
    "unknown_previous_item",
]

_DOING = {"delete": "deleting", "retrieve": "retrieving", "truncate": "truncating"}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something is not done."""

    code: str | None
    message: str
    param: str | None = None

    def to_wire(self, event_id: str | None) -> Wire:
        """The `error` object of the `error` event, answering the client event `event_id`."""
        return {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


def unknown_item(verb: str, item_id: str) -> Rejection:
    """`verb`: delete, retrieve or truncate."""
    doing = _DOING[verb]
    return Rejection(
        f"item_{verb}_invalid_item_id", f"Error {doing} item: the item with id '{item_id}' does not exist."
    )


def duplicate_item(item_id: str) -> Rejection:
    message = f"Error creating item: an item with id '{item_id}' already exists."
    return Rejection("item_create_duplicate_item_id", message, "item.id")


def unknown_previous_item(item_id: str) -> Rejection:
    """The code is a guess after its siblings: none was recorded."""
    message = f"Error creating item: the previous item with id '{item_id}' does not exist."
    return Rejection("item_create_invalid_previous_item_id", message, "previous_item_id")


def not_a_reply() -> Rejection:
    """The words and the missing code as captured on the wire for a user's item."""
    return Rejection(None, "Only model output audio messages can be truncated")


def already_shorter(audio_ms: int, asked_ms: int) -> Rejection:
    return Rejection("invalid_value", f"Audio content of {audio_ms}ms is already shorter than {asked_ms}ms")
