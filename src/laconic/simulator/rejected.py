"""What the service says no to, and the words and codes it uses.

There is no official list. The codes are those of PROTOCOL.md section 8; where a message was seen on the wire it is
the one seen, because clients match on it; the rest is our wording and says so.
"""

from __future__ import annotations

from laconic.items import Wire

__all__ = ["Rejected"]


class Rejected(Exception):
    """A client event that is not carried out. The session goes on."""

    def __init__(self, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def to_wire(self, event_id: str | None) -> Wire:
        """The `error` object of the `error` event, answering the client event `event_id`."""
        return {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }

    @classmethod
    def value(cls, param: str, value: object, wanted: str) -> Rejected:
        return cls("invalid_value", f"Invalid value: {value!r}. {wanted}", param)

    @classmethod
    def unknown(cls, param: str) -> Rejected:
        return cls("unknown_parameter", f"Unknown parameter: '{param}'.", param)

    @classmethod
    def missing(cls, param: str) -> Rejected:
        return cls("missing_required_parameter", f"Missing required parameter: '{param}'.", param)

    @classmethod
    def no_item(cls, verb: str, item_id: str) -> Rejected:
        """`verb`: delete, retrieve or truncate."""
        doing = {"delete": "deleting", "retrieve": "retrieving", "truncate": "truncating"}[verb]
        return cls(f"item_{verb}_invalid_item_id", f"Error {doing} item: the item with id '{item_id}' does not exist.")
