"""Responses asked for, and responses that run: each keeps its worst case aside until its bill is there.

A `response.create` is answered by `response.created`, in order, those beside the conversation apart from the others;
or by an error, which names the event it answers or does not; or never. A response that answers none was the service's
own idea.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from laconic import events as ev
from laconic.items import Wire
from laconic.spending import Account
from laconic.tokens import Tokens
from laconic.worst_case import Spend

__all__ = ["Create", "Kind", "UnderWay"]

_UNANSWERED_S = 10.0
"""How long a `response.create` may go unanswered before nothing is kept aside for it any more."""

Kind = Literal["app", "ours", "turn", "goodbye"]
"""Who wishes for a response: the app, the engine, the caller by having spoken; or it is the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A `response.create` that waits, or is on its way."""

    raw: ev.Raw
    kind: Kind
    until: float
    event_id: str = ""
    out_of_band: bool = False
    plain: bool = False
    """It reads the conversation as it is, with the session's own settings."""
    reads: Tokens = field(default_factory=Tokens)
    """At most."""
    key: str = ""


class UnderWay:
    """One session's. What is kept aside is kept in `account`."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._asked: list[Create] = []
        self._running: dict[str, Create] = {}
        self._keys = 0

    def __bool__(self) -> bool:
        return bool(self._asked or self._running)

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of the responses that run."""
        return tuple(self._running)

    @property
    def deadline(self) -> float | None:
        return min((create.until for create in self._asked), default=None)

    def kind(self, response_id: str) -> Kind | None:
        """Who wished for a response that runs."""
        return self._running[response_id].kind if response_id in self._running else None

    def asked_by_us(self, event_id: str | None) -> bool:
        """Whether an event asked for a response that the app knows nothing of."""
        return any(create.event_id == event_id and create.kind != "app" for create in self._asked)

    def ask(self, create: Create, spend: Spend, now: float) -> None:
        """It is sent, and costs so much at most."""
        self._keys += 1
        key = f"create {self._keys}"
        self._account.reserve(key, spend)
        self._asked.append(replace(create, key=key, until=now + _UNANSWERED_S))

    def created(self, response: Wire) -> Create | None:
        """A response began. What asked for it; None if nobody did: then `run` it."""
        aside = "conversation_id" in response and response["conversation_id"] is None
        asked = next((create for create in self._asked if create.out_of_band == aside), None)
        if asked is not None:
            self._asked.remove(asked)
            self.run(response.get("id") or "", asked, self._account.release(asked.key))
        return asked

    def run(self, response_id: str, create: Create, spend: Spend) -> None:
        """A response runs that costs so much at most."""
        self._account.reserve(response_id, spend)
        self._running[response_id] = create

    def done(self, response_id: str) -> Create:
        """It ended, and its bill is there. KeyError for one that does not run."""
        self._account.release(response_id)
        return self._running.pop(response_id)

    def failed(self, error: ev.ErrorDetail, *, alone: bool) -> Create | None:
        """If the error answers a `response.create`, there will be none for it: which one that was.

        `alone`: only what was asked for makes responses; the service answers no turn by itself. Otherwise an error
        that names no event may as well be about an answer nobody asked for.
        """
        late = error.code == "conversation_already_has_active_response"
        about = (late and alone) or (error.param or "").startswith("response")
        for create in self._asked:
            named = create.event_id == error.event_id
            if named if error.event_id is not None else about and not (late and create.out_of_band):
                self._asked.remove(create)
                self._account.release(create.key)
                return create
        return None

    def expire(self, now: float) -> None:
        """What was not answered in time will not be."""
        for create in [create for create in self._asked if create.until <= now]:
            self._asked.remove(create)
            self._account.release(create.key)
