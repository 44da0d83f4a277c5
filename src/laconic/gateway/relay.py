"""One session between two sockets, without the sockets: what arrives goes in, what is to be done comes out.

    if relay.reply.passes(raw): ...            # sound, for the app as it came
    batch = relay.from_service(raw, now)
    await books.write(batch.rows)          # before anything of it goes to the app
    for raw in batch.to_service: ...       # in this order
    for raw in batch.to_app: ...

The session speaks GA inside; an app that speaks another dialect than the service is translated on its own side.
Nothing here waits, reads a clock or opens anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from laconic.actions import Action, Charged, GiveBack, Hangup, Lease, Notice, Summarise, ToApp, ToService, Transcribed
from laconic.dialects import Dialect
from laconic.events import Error, InputAudioTranscriptionFailed, Raw, ResponseDone, wire
from laconic.gateway.books import Row
from laconic.items import Wire
from laconic.meter import Cost
from laconic.passing import Stream
from laconic.recording import Sender
from laconic.session import Session
from laconic.worst_case import Spend

__all__ = ["Batch", "Entry", "Recorder", "Relay", "Translation"]

Recorder = Callable[[Raw, Sender, float], None]
"""Takes every message as the service got or sent it, with who said it and when."""


class Translation(Protocol):
    """From the app's dialect to the session's, and from the service's to the app's."""

    app: Dialect
    service: Dialect
    """As far as the service has shown it."""

    def to_session(self, raw: Raw) -> Raw: ...

    def to_app(self, raw: Raw) -> list[Raw]: ...


@dataclass(slots=True)
class Batch:
    """What is to be done after one thing has happened."""

    rows: list[Row] = field(default_factory=list[Row])
    """To be durable before anything of `to_app` is sent."""
    to_service: list[Raw] = field(default_factory=list[Raw])
    to_app: list[Raw] = field(default_factory=list[Raw])
    asks: list[Summarise] = field(default_factory=list[Summarise])
    notices: list[Notice] = field(default_factory=list[Notice])
    leases: list[Lease] = field(default_factory=list[Lease])
    """To be asked for; the answer is the session's (`session.leased`)."""
    gives: list[GiveBack] = field(default_factory=list[GiveBack])
    """What others may have again."""
    hangup: Hangup | None = None
    """To be done when `to_app` has been sent."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the rows of one session have in common."""

    session: str
    route: str
    model: str
    """As the app or its route named it; the service's own name for it stands in where nobody did."""
    summary_model: str | None = None
    rates_version: str = ""
    """Under which name the ledger keeps the price list that was used."""
    key: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str | None = None


class Relay:
    """One session. `utc` tells the time of day for the ledger. Without a translation the app speaks as the service.
    `hide` takes the service's keys out of a text."""

    def __init__(
        self,
        session: Session,
        entry: Entry,
        *,
        utc: Callable[[], datetime],
        translation: Translation | None = None,
        record: Recorder | None = None,
        hide: Callable[[str], str] | None = None,
    ) -> None:
        self.session = session
        self.entry = entry
        self._utc = utc
        self._translation = translation
        self._record = record
        self._hide = hide
        self._nameless = 0
        self._estimated = Spend()
        self._cancelled: set[str] | None = None  # once the app has gone
        self.reply, self.speech = Stream(), Stream()
        """What passes here is the other side's as it came, and need not be told us."""
        self._let_pass()

    def _let_pass(self) -> None:
        """Let sound pass where messages go as they came, and nobody takes notes."""
        if self._translation is None and self._record is None:
            self.reply, self.speech = self.session.passing.reply, self.session.passing.speech

    # --- what arrives ----------------------------------------------------------------------------------------

    def from_service(self, raw: Raw, now: float) -> Batch:
        """A message arrived from the service, and was not let pass by `reply`."""
        if self._record is not None:
            self._record(raw, "service", now)
        self.session.from_service(raw, now)
        return self._batch(self.session.actions(), now)

    def from_app(self, raw: Raw, now: float) -> Batch:
        """A message arrived from the app, in its own dialect, and was not let pass by `speech`."""
        if self._translation is not None:
            raw = self._translation.to_session(raw)
        self.session.from_app(raw, now)
        return self._batch(self.session.actions(), now, sender="app")

    def tick(self, now: float) -> Batch:
        """The session's deadline passed."""
        self.session.tick(now)
        return self.drain(now)

    def leave(self, now: float) -> Batch:
        """The app has gone: what is being answered is cancelled, and whatever is answered from now on. To be called
        once; the service is listened to until all is `settled`."""
        self._cancelled = set()
        return self.drain(now)

    def end(self, now: float) -> Row | None:
        """The session is over: its last row, for its time and what is billed for it as a whole. None if there was no
        session."""
        self.session.end(now)
        meter = self.session.meter
        if not self.session.conversation.settings:
            return None
        cost = meter.session_cost
        usage = {"duration_ms": meter.session_ms, "messages": meter.messages}
        return self._row("session", "session", "completed", self._model, usage, cost)

    @property
    def deadline(self) -> float | None:
        """When to call `tick` next."""
        waits = (self.session.deadline, self.session.outstanding.deadline)
        return min((wait for wait in waits if wait is not None), default=None)

    @property
    def unreported(self) -> Mapping[str, int] | None:
        """How much may have been used at most by what is under way now; None where there is no budget."""
        account = self.session.account
        if account is None:
            return None
        return {"nanodollars": account.spoken_for.nanodollars, "tokens": account.spoken_for.tokens}

    @property
    def settled(self) -> bool:
        """Whether nothing is under way of which a bill may yet come, as far as anybody reckons."""
        account = self.session.account
        return not self.session.outstanding and (account is None or account.spoken_for == Spend())

    @property
    def spent(self) -> bool:
        """Whether the budget has ended and nothing that bills is under way any more, or will be."""
        return self.session.over is not None and self.settled

    @property
    def backlog(self) -> int:
        """How many messages of the app wait for what the service has still to answer."""
        return self.session.wishes.backlog

    @property
    def quiet(self) -> bool:
        """Whether nobody is speaking and nothing is being answered or about to be: a moment to hang up."""
        return not self.session.outstanding.responding and not self.session.conversation.user_speaking

    # --- what goes out ---------------------------------------------------------------------------------------

    def drain(self, now: float) -> Batch:
        """What the session wants done, though nobody has spoken."""
        return self._batch(self.session.actions(), now)

    def _batch(self, actions: Iterable[Action], now: float, sender: Sender = "laconic") -> Batch:
        """`sender`: who said the first message to the service; the rest is ours."""
        batch = Batch()
        for action in actions:
            match action:
                case ToApp(raw, event):
                    if isinstance(event, Error | ResponseDone | InputAudioTranscriptionFailed):
                        raw = self._without_keys(raw, event)
                    if self._translation is None:
                        batch.to_app.append(raw)
                    else:
                        batch.to_app.extend(self._translation.to_app(raw))
                case ToService(raw):
                    if self._record is not None:
                        self._record(raw, sender, now)
                        sender = "laconic"
                    batch.to_service.append(raw)
                case Charged():
                    batch.rows.append(self._charged(action))
                    batch.notices.append(action)
                case Transcribed():
                    batch.rows.append(self._transcribed(action))
                    batch.notices.append(action)
                case Summarise():
                    batch.asks.append(action)
                case Lease():
                    batch.leases.append(action)
                case GiveBack():
                    batch.gives.append(action)
                case Hangup():
                    batch.hangup = action
                case Notice():
                    batch.notices.append(action)
        if self._cancelled is not None:
            self._cancel(batch, self._cancelled, now)
        self._drop_what_is_not_needed()
        return batch

    def _cancel(self, batch: Batch, cancelled: set[str], now: float) -> None:
        """Stop every response that runs; but once, for it may be a while until it has ended."""
        for response in self.session.conversation.responses.values():
            if response.id in cancelled:
                continue
            cancelled.add(response.id)
            # Not named, what writes into the conversation is meant; servers exist that know no more than that.
            named = {"response_id": response.id} if response.out_of_band else {}
            raw = msgspec.json.encode({"type": "response.cancel", **named})
            if self._record is not None:
                self._record(raw, "laconic", now)
            batch.to_service.append(raw)

    def shown(self, words: str) -> str:
        """A service's words as the app may see them: services quote the key they were shown, and that one is ours."""
        return words if self._hide is None else self._hide(words)

    def _without_keys(self, raw: Raw, event: Error | ResponseDone | InputAudioTranscriptionFailed) -> Raw:
        """An error as the app may see it, or what tells of one."""
        if isinstance(event, ResponseDone) and event.response.get("status") != "failed":
            return raw
        whole = wire(raw)
        error: Any = whole
        for name in ("response", "status_details", "error") if isinstance(event, ResponseDone) else ("error",):
            error = error.get(name) if isinstance(error, dict) else None
        message: Any = error.get("message") if isinstance(error, dict) else None
        if not isinstance(message, str) or (shown := self.shown(message)) == message:
            return raw
        error["message"] = shown
        return msgspec.json.encode(whole)

    def _drop_what_is_not_needed(self) -> None:
        """Once a service has shown that it speaks GA and so does the app, nothing is translated any more. A beta app
        is, on a service of its own dialect too: the session wants to hear it in GA's spelling."""
        translation = self._translation
        alike = translation is not None and translation.app == translation.service == "ga"
        if alike and self.session.conversation.settings:
            self._translation = None
            self._let_pass()

    # --- the ledger's rows -----------------------------------------------------------------------------------

    def _charged(self, charged: Charged) -> Row:
        beside = charged.kind == "summary" and charged.response_id.startswith("summary ")  # by another model
        model = (beside and self.entry.summary_model) or self._model
        usage = None if charged.usage is None else charged.usage.to_wire()
        return self._row(charged.response_id, charged.kind, charged.status, model, usage, charged.cost)

    def _transcribed(self, transcribed: Transcribed) -> Row:
        model = self.session.conversation.transcription_model or ""
        usage = None if transcribed.usage is None else transcribed.usage.to_wire()
        return self._row(transcribed.item_id, "transcription", "completed", model, usage, transcribed.cost)

    def _row(self, id_: str, kind: str, status: str, model: str, usage: Wire | None, cost: Cost) -> Row:
        return Row(
            session=self.entry.session,
            id=id_ or self._name(),
            kind=kind,
            at=self._utc(),
            status=status,
            route=self.entry.route,
            model=model,
            usage=usage,
            charges=cost.charges,
            unknown=cost.unknown,
            currency=cost.currency,
            rates_version=self.entry.rates_version,
            laws=msgspec.to_builtins(self.session.laws),
            memory=self.session.memory.name,
            key=self.entry.key,
            labels=self.entry.labels,
            user=self.entry.user,
            at_most=self._at_most() if cost.unknown else {},
        )

    def _at_most(self) -> dict[str, int]:
        """What the budget has put down for what nobody reported, since the last row that says so."""
        account = self.session.account
        if account is None:
            return {}
        before, self._estimated = self._estimated, account.estimated
        more = {
            "nanodollars": self._estimated.nanodollars - before.nanodollars,
            "tokens": self._estimated.tokens - before.tokens,
        }
        return {unit: amount for unit, amount in more.items() if amount > 0}

    @property
    def _model(self) -> str:
        rates = self.session.meter.rates
        return rates.name if rates is not None else self.entry.model or self.session.conversation.model or ""

    def _name(self) -> str:
        """A name for what a service gave none: in the ledger every row has one."""
        self._nameless += 1
        return f"nameless {self._nameless}"
