"""What the service says no to, and the words and codes it uses.

There is no official list. The codes are those of PROTOCOL.md section 8; where a message was seen on the wire it is
the one seen, because clients match on it; the rest is our wording and says so. What is said of items is in
rejections.py, because the engine has to say the same.
"""

from __future__ import annotations

from laconic.items import Wire
from laconic.rejections import Rejection, unknown_item

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
        return Rejection(self.code, self.message, self.param).to_wire(event_id)

    @classmethod
    def of(cls, why: Rejection) -> Rejected:
        return cls(why.code, why.message, why.param)

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
        return cls.of(unknown_item(verb, item_id))
