"""Who asks for the answer to a turn: the service by itself, or we, after a look at what is left.

While there is plenty the service answers by itself and nothing is changed. Near the end of a budget the gate is
closed: a `session.update` of ours sets `create_response` to false, and whoever holds the gate asks for each response.
A lesser step limits the length of replies (`max_output_tokens`) where the model could write 32,000 tokens and a
number can be 4,096 at most; the last one takes turn detection and transcription away altogether.

The app knows nothing of it. Its own updates are rewritten so that what is in force stays in force, acknowledgements
of ours are hidden, and in every session it is shown stands what it had asked for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from laconic import events as ev
from laconic.dialects import client_to_beta, session_to_ga
from laconic.items import Wire

__all__ = ["NUMBER_AT_MOST", "Force", "Gate"]

NUMBER_AT_MOST = 4_096
"""The largest number `max_output_tokens` may be; above it there is only `"inf"` (PROTOCOL.md section 3)."""


@dataclass(frozen=True, slots=True)
class Force:
    """What of the session's settings is ours."""

    closed: bool = False
    """The service answers no turn by itself."""
    ceiling: int | None = None
    """No reply is longer than this, tokens."""
    off: bool = False
    """No turn is noticed and nothing transcribed."""


@dataclass(slots=True)
class _Update:
    """A `session.update` the service has not answered yet."""

    event_id: str | None
    ours: bool
    force: Force
    """What is ours of the settings once it is accepted."""
    wish: Wire
    """What the app wants, of the settings we may change."""
    session: Wire
    """All that it wants."""
    until: float


_FREE = Force()


class Gate:
    """One session's. `ids` makes event ids; the service gets `timeout_s` to answer an update."""

    def __init__(self, ids: Callable[[], str], timeout_s: float) -> None:
        self.refused = False
        """The service does not take our updates, or does not heed them."""
        self.force = _FREE
        """What is ours by what the service last said."""
        self.wanted = _FREE
        self._ids, self._timeout_s = ids, timeout_s
        self._sent = _FREE
        self._updates: deque[_Update] = deque()
        self._hidden: set[str] = set()
        self._view: Wire = {}

    @property
    def cap(self) -> object:
        """What the app has set: a number, `"inf"`, or None while nobody has said. While answers are due, the most."""
        wishes = [update.wish.get("max_output_tokens") for update in self._updates]
        set_ = [wish for wish in (self._view.get("max_output_tokens"), *wishes) if wish is not None]
        return max((wish for wish in set_ if isinstance(wish, int)), default=None) if "inf" not in set_ else "inf"

    @property
    def pending(self) -> list[Wire]:
        """Sessions the app has asked for, in GA's shape, and nobody knows yet whether it will have them."""
        return [update.session for update in self._updates if not update.ours]

    @property
    def answers(self) -> bool:
        """Whether the app wants the service to answer each turn."""
        detection = self._view.get("turn_detection")
        return bool(detection) and cast(Wire, detection).get("create_response", True) is not False

    @property
    def deadline(self) -> float | None:
        return min((update.until for update in self._updates), default=None)

    # --- what we want ----------------------------------------------------------------------------------------

    def want(self, force: Force, now: float, dialect: str) -> Wire | None:
        """The update to send so that this comes into force, if one is to be sent now."""
        self.wanted = force
        if self._same(force) or self.refused:
            return None
        if any(not update.ours and "turn_detection" in update.wish for update in self._updates):
            return None  # what it will leave behind is not known yet
        detection = cast("Wire | None", self._view.get("turn_detection"))
        session: Wire = {"type": "realtime"}
        audio: Wire = {}
        if force.off:
            audio = {"turn_detection": None, "transcription": None}
        elif detection is not None and force.closed != self._sent.closed:
            # Whole, since a partial one resets the rest on Voice Live (recorded); nulls are what it would be anyway.
            whole = {key: value for key, value in detection.items() if value is not None}
            audio = {"turn_detection": whole | {"create_response": not force.closed and self.answers}}
        if audio:
            session["audio"] = {"input": audio}
        if force.ceiling != self._sent.ceiling:
            session["max_output_tokens"] = force.ceiling or self._view.get("max_output_tokens")
        update: Wire = {"type": "session.update", "event_id": self._ids(), "session": session}
        self._hidden.add(update["event_id"])
        self._sent = force
        self._updates.append(_Update(update["event_id"], True, force, {}, {}, now + self._timeout_s))
        return client_to_beta(update) if dialect == "beta" else update

    def _same(self, force: Force) -> bool:
        """Whether nothing would change: a session in which no turn is answered has no gate."""
        if force.off or self._sent.off:
            return self._sent.off
        if not self.answers:
            force = replace(force, closed=self._sent.closed)
        return force == self._sent

    # --- what the app says -----------------------------------------------------------------------------------

    def rewrite(self, raw: ev.Raw, event: ev.SessionUpdate, now: float) -> Wire | None:
        """The app's update as it may go to the service; None where it may go as it is."""
        session = session_to_ga(event.session)
        given = cast(Wire, cast(Wire, session.get("audio") or {}).get("input") or {})
        wish: Wire = {key: given[key] for key in ("turn_detection", "transcription") if key in given}
        if "max_output_tokens" in session:
            wish["max_output_tokens"] = session["max_output_tokens"]
        force, changed = self._sent, False
        if self.wanted.off:
            changed = bool(wish.keys() & {"turn_detection", "transcription"})
            given = given | dict.fromkeys(wish.keys() & {"turn_detection", "transcription"})
        elif isinstance(wish.get("turn_detection"), dict):
            force, changed = replace(force, closed=self.wanted.closed), self.wanted.closed
            if changed:
                given = given | {"turn_detection": wish["turn_detection"] | {"create_response": False}}
        ceiling, cap = self._sent.ceiling, wish.get("max_output_tokens")
        if ceiling is not None and (cap == "inf" or (isinstance(cap, int) and cap > ceiling)):
            session, changed = session | {"max_output_tokens": ceiling}, True
        self._sent = force
        self._updates.append(_Update(event.event_id, False, force, wish, session, now + self._timeout_s))
        if not changed:
            return None
        if given:
            session = session | {"audio": cast(Wire, session.get("audio") or {}) | {"input": given}}
        return ev.wire(raw) | {"session": session}

    # --- what the service says -------------------------------------------------------------------------------

    def created(self, event: ev.SessionCreated) -> None:
        """A session begins."""
        self._see(event.session, self.force, {})

    def updated(self, raw: ev.Raw, event: ev.SessionUpdated) -> ev.Raw | Wire | None:
        """An update was accepted. What the app is to be told: the message as it is, another, or nothing."""
        update = self._updates.popleft() if self._updates else None
        if update is not None:
            self.force = update.force
        self._see(event.session, self.force, update.wish if update is not None else {})
        if update is not None and update.ours:
            return None
        return raw if self.force == _FREE else ev.wire(raw) | {"session": self._shown(event.session)}

    def failed(self, error: ev.ErrorDetail) -> bool:
        """Whether an error is the answer to an update of ours, and so to be hidden."""
        about = error.event_id is None and (error.param or "").startswith("session")
        for update in list(self._updates):
            if about if error.event_id is None else update.event_id == error.event_id:
                self._updates.remove(update)
                self._drop(update)
                return update.ours
        return error.event_id in self._hidden

    def expire(self, now: float) -> None:
        """What was not answered in time was not done."""
        for update in [update for update in self._updates if update.until <= now]:
            self._updates.remove(update)
            self._drop(update)

    def _drop(self, update: _Update) -> None:
        if update.ours:
            self.refused = True
        self._sent = self._updates[-1].force if self._updates else self.force

    def _see(self, session: Wire, force: Force, wish: Wire) -> None:
        """Take over the app's own settings, as far as those the service reports are its own."""
        settings = session_to_ga(session)
        given = cast(Wire, cast(Wire, settings.get("audio") or {}).get("input") or {})
        before, view = self._view, dict[str, object]()
        for key in ("turn_detection", "transcription"):
            view[key] = given.get(key)
            if force.off:
                view[key] = _merged(before.get(key), wish[key]) if key in wish else before.get(key)
        detection = view["turn_detection"]
        if force.closed and not force.off and isinstance(detection, dict):
            known = cast("Wire | None", before.get("turn_detection")) or {}
            asked = cast("Wire | None", wish.get("turn_detection")) or {}
            same = cast(Wire, detection).get("type") == known.get("type")
            answers = asked.get("create_response", known.get("create_response", True) if same else True)
            view["turn_detection"] = cast(Wire, detection) | {"create_response": answers}
        view["max_output_tokens"] = settings.get("max_output_tokens")
        if force.ceiling is not None:
            view["max_output_tokens"] = wish.get("max_output_tokens", before.get("max_output_tokens"))
        self._view = view

    def _shown(self, session: Wire) -> Wire:
        """A reported session as the app would see it without us, in the spelling it came in."""
        shown = dict(session)
        for key in ("max_output_tokens", "max_response_output_tokens"):
            if key in shown:
                shown[key] = self._view["max_output_tokens"]
        if isinstance(shown.get("audio"), dict):
            audio = cast(Wire, shown["audio"])
            given = {key: self._view[key] for key in ("turn_detection", "transcription")}
            return shown | {"audio": audio | {"input": cast(Wire, audio.get("input") or {}) | given}}
        beta = {"turn_detection": "turn_detection", "transcription": "input_audio_transcription"}
        return shown | {name: self._view[key] for key, name in beta.items()}


def _merged(before: object, wish: object) -> object:
    """One setting after another: of one type the new keys win, of another the new one stands alone."""
    if isinstance(before, dict) and isinstance(wish, dict):
        old, new = cast(Wire, before), cast(Wire, wish)
        return old | new if new.get("type", old.get("type")) == old.get("type") else new
    return wish
