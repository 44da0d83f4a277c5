"""What stands where a session has no budget: nothing is held back, nothing is hidden, nothing is kept aside."""

from __future__ import annotations

from collections.abc import Callable

from laconic import events as ev
from laconic.budget import Limit, Unit
from laconic.laws import Laws
from laconic.usage import TranscriptionUsage, Usage

__all__ = ["Unlimited"]


class Unlimited:
    """In place of `Limiting`; `send` puts a `response.create` on the wire."""

    account = None
    over = None
    near = False
    deadline = None

    def __init__(self, laws: Laws, send: Callable[[ev.Raw, float], None]) -> None:
        self.laws = laws
        self._send = send

    def ask(self, raw: ev.Raw, now: float) -> bool:
        self._send(raw, now)
        return True

    def ours(self, raw: ev.Raw, now: float) -> bool:
        return self.ask(raw, now)

    def at_once(self, raw: ev.Raw, now: float) -> bool:
        return self.ask(raw, now)

    def from_app(self, raw: ev.Raw, event: ev.Event, now: float) -> ev.Raw | None:
        return raw

    def watch(self, event: ev.Event, now: float) -> None: ...

    def shown(self, raw: ev.Raw, event: ev.Event) -> ev.Raw | None:
        return raw

    def kind(self, response_id: str) -> str | None:
        return None

    def counted(self, event: ev.ResponseDone, usage: Usage | None) -> None: ...

    def transcribed(self, item_id: str, usage: TranscriptionUsage | None, *, priced: bool) -> None: ...

    def follow(self, event: ev.Event, now: float) -> None: ...

    def leased(self, unit: Unit, amount: int, now: float, *, last: bool = False, of: Limit | None = None) -> None: ...

    def pressed(self, unit: Unit, now: float) -> None: ...

    def tick(self, now: float) -> None: ...
