"""The place between an app and a service: what either says goes to the session, what is to be done is sorted here.

Whoever carries messages (an attached connection, a sideband) puts in what arrives and takes out, in order: `outgoing`
for the service, `inbox` for the app, summaries to be made, and the wish to hang up. Nothing here waits or sends. One
lock guards all of it, so several threads may use one desk; notices are told outside of it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from laconic import events as ev
from laconic.actions import GiveBack, Hangup, Lease, MemoryTold, Notice, Summarise, ToApp, ToService
from laconic.client.summarise import Summary
from laconic.dialects import dialect_of
from laconic.errors import SummaryFailed
from laconic.events import Raw
from laconic.items import Wire
from laconic.session import Session
from laconic.summary_prompt import summary_instructions
from laconic.translation import AppSide

__all__ = ["Desk"]

_ASSUMED_TURNS: Wire = {"type": "server_vad", "create_response": True, "interrupt_response": True}
"""How sessions begin at every service that was recorded, until one says otherwise."""


class Desk:
    """One session's. `url` and `model` are for a session whose beginning nobody saw here: see `from_service`."""

    def __init__(
        self,
        session: Session,
        *,
        url: str = "",
        model: str | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        lang: str = "en",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = session
        self.inbox: deque[Raw] = deque()
        self.outgoing: deque[tuple[Raw, object]] = deque()
        """Messages for the service. With what the app sent goes how it sent it; None for what is ours."""
        self.summaries: deque[Summarise] = deque()
        """To be written over HTTP."""
        self.hangup: tuple[int, str] | None = None
        """The app's socket is to be closed once `inbox` is empty."""
        self.lock = threading.RLock()
        self.listeners: list[Callable[[Notice], None]] = [on_notice] if on_notice is not None else []
        self.lang = lang
        self._url, self._model, self._now = url, model, now
        self._greeted = False
        self._writes = False
        self._beta = AppSide("beta", "beta")
        self._notices: deque[Notice] = deque()
        self._told: set[str] = set()

    @property
    def deadline(self) -> float | None:
        """When to call `tick`, by this desk's clock."""
        return self.session.deadline

    def now(self) -> float:
        return self._now()

    def written_elsewhere(self) -> None:
        """Somebody takes `summaries` and has them written; else the session's own model is asked."""
        self._writes = True

    # --- what arrives ---------------------------------------------------------------------------------------------

    def from_service(self, raw: Raw) -> None:
        """A message arrived from the service.

        Where the first one does not begin a session (somebody else has heard that, or it is a sideband), the session
        is taken to be as sessions begin, until one of its messages says more.
        """
        with self.lock:
            if not self._greeted:
                self._greet(raw)
            self.session.from_service(raw, self._now())
            self._sort()

    def from_app(self, raw: Raw, how: object = None) -> None:
        """The app says something, in the spelling of its service; `how` comes out again with the message.

        Once the connection is closed it comes out as it is: the library is to say that it is closed, not the engine
        that there is no budget left.
        """
        with self.lock:
            if self.session.ended:
                self.outgoing.append((raw, how))
                return
            said = self._beta.to_session(raw) if self.session.conversation.dialect == "beta" else raw
            self.session.from_app(said, self._now())
            self._sort(said, how)

    def heard(self, item_id: str, ms: int, *, stopped: bool, content_index: int) -> None:
        with self.lock:
            self.session.heard(item_id, ms, self._now(), stopped=stopped, content_index=content_index)
            self._sort()

    def tick(self) -> None:
        """The deadline may have passed."""
        with self.lock:
            now = self._now()
            if self.session.deadline is not None and self.session.deadline <= now:
                self.session.tick(now)
                self._sort()

    def summarised(self, asked: Summarise, made: Summary | SummaryFailed) -> None:
        """What came of a summary. Why there is none is told once."""
        with self.lock:
            if isinstance(made, Summary):
                self.session.summarised(asked.id, made.text, self._now(), usage=made.usage, model=made.model)
            else:
                if made.say(self.lang) not in self._told:
                    self._told.add(made.say(self.lang))
                    self._notices.append(MemoryTold(made.say(self.lang)))
                now, unreported = self._now(), made.unreported
                self.session.summarised(asked.id, None, now, usage=made.usage, model=made.model, unreported=unreported)
            self._sort()

    def end(self) -> None:
        """The connection is closed."""
        with self.lock:
            if not self.session.ended:
                self.session.end(self._now())
                self._sort()
            self.outgoing.clear()

    # --- what comes out -------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell whoever listens what there is to tell. What they raise goes to whoever called."""
        while (notice := self._next_notice()) is not None:
            for listener in list(self.listeners):
                listener(notice)

    def _next_notice(self) -> Notice | None:
        with self.lock:
            return self._notices.popleft() if self._notices else None

    def _sort(self, said: Raw | None = None, how: object = None) -> None:
        for action in self.session.actions():
            match action:
                case ToService(raw):
                    self.outgoing.append((raw, how if raw is said else None))
                case ToApp(raw):
                    self.inbox.append(raw)
                case Summarise() if self._writes:
                    self.summaries.append(action)
                case Summarise(ask_id, _, most):
                    self.session.summarise_inside(ask_id, summary_instructions(self.lang, most), self._now())
                case Lease(unit):  # nothing is shared with anybody here
                    self.session.leased(unit, 0, self._now(), last=True)
                case Hangup(code, reason):
                    self.hangup = code, reason
                case Notice():
                    self._notices.append(action)
                case GiveBack():  # nor has anybody else a share in it
                    pass

    def _greet(self, raw: Raw) -> None:
        first = ev.read(raw)
        if isinstance(first, ev.Error):
            return
        self._greeted = True
        if isinstance(first, ev.SessionCreated | ev.SessionUpdated):
            return
        path = urlsplit(self._url).path
        beta = path.endswith(("/openai/realtime", "/voice-live/realtime"))
        if not isinstance(first, ev.Unknown):
            beta = (dialect_of(ev.wire(raw)) or ("beta" if beta else "ga")) == "beta"
        session: Wire = {"model": self._model} if self._model else {}
        if beta:
            session |= {"modalities": ["text", "audio"], "turn_detection": _ASSUMED_TURNS}
        else:
            session |= {"type": "realtime", "audio": {"input": {"turn_detection": _ASSUMED_TURNS}}}
        greeting = msgspec.json.encode({"type": "session.created", "session": session})
        self.session.from_service(greeting, self._now())
        kept = len(self.inbox)
        self._sort()
        while len(self.inbox) > kept:  # the app is not told what we made up
            self.inbox.pop()
