"""Whoever looks on: one session's messages and notices, as the log, the metrics and the traces want to see them.

A session is looked at from its two sockets and from the pump's notices, never from inside, so that nobody looking costs
nothing: where neither messages nor waiting times are wanted, the sockets are handed back as they are.

How long people wait is told from the end of a turn (the service's `input_audio_buffer.committed`, or the app's own
`response.create`, whichever came last before the response) to the first sound that the app is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from laconic import events as ev
from laconic.actions import Charged, Notice, Transcribed
from laconic.events import Raw
from laconic.gateway.log import Log, Way
from laconic.gateway.metrics import Metrics
from laconic.gateway.sockets import Closed, Socket
from laconic.gateway.spans import SessionSpans, Spans
from laconic.naming import named

__all__ = ["Eyes", "Look"]

_SOUND = ("response.output_audio.delta", "response.audio.delta")
_LONG = 4_000
"""From so many bytes on what a service says is sound, or something nobody here waits for."""
_ASKED = ("response.create", "input_audio_buffer.commit")


@dataclass(frozen=True, slots=True)
class Eyes:
    """Those who look on. `now` is the pump's clock, in seconds."""

    now: Callable[[], float]
    log: Log | None = None
    metrics: Metrics | None = None
    spans: Spans | None = None

    def refused(self, reason: str) -> None:
        """Somebody was turned away: `key`, `origin`, `full`, `model`, `budget`, `closing` or `service`."""
        if self.metrics is not None:
            self.metrics.refused(reason)
        if self.log is not None:
            self.log.tell("gateway", "!", f"turned away ({reason})", {})

    def session(self, name: str, *, route: str, model: str, provider: str, key: str | None, connect_s: float) -> Look:
        """A session begins."""
        if self.metrics is not None:
            self.metrics.opened(route, model, connect_s)
        if self.log is not None:
            about = {"route": route, "key": key, "connect_ms": round(connect_s * 1000)}
            self.log.tell(
                name, "+", model or "?", {field: value for field, value in about.items() if value is not None}
            )
        spans = (
            self.spans.session(name, route=route, model=model, provider=provider) if self.spans is not None else None
        )
        return Look(self, name, route, model, spans)


class Look:
    """One session, looked at."""

    def __init__(self, eyes: Eyes, name: str, route: str, model: str, spans: SessionSpans | None) -> None:
        self._eyes, self._name, self._route, self._model = eyes, name, route, model
        self._spans = spans
        self._asked_at: float | None = None
        self._responding: str | None = None

    def app(self, socket: Socket) -> Socket:
        """The app's socket, as the pump shall have it."""
        return _Seen(socket, self._passed, "app says", "app told") if self._wanted else socket

    def service(self, socket: Socket) -> Socket:
        """The service's socket, as the pump shall have it."""
        return _Seen(socket, self._passed, "service says", "service told") if self._wanted else socket

    def noticed(self, notices: Sequence[Notice]) -> None:
        """What the session has told of."""
        for notice in notices:
            if self._eyes.metrics is not None:
                self._eyes.metrics.noticed(self._route, self._model, notice)
            if self._eyes.log is not None:
                self._eyes.log.notice(self._name, notice)
            if self._spans is not None:
                if isinstance(notice, Charged):
                    self._spans.charged(notice)
                elif isinstance(notice, Transcribed):
                    self._spans.transcribed(notice)

    def closed(self, closed: Closed | None) -> None:
        """The session is over; None: something of ours broke it."""
        code = closed.code if closed is not None else 1011
        if self._eyes.metrics is not None:
            self._eyes.metrics.closed(self._route, self._model, code)
        if self._eyes.log is not None:
            self._eyes.log.tell(self._name, "-", "ended", {"code": code})
        if self._spans is not None:
            self._spans.closed(code)

    @property
    def _wanted(self) -> bool:
        eyes = self._eyes
        return eyes.metrics is not None or self._spans is not None or (eyes.log is not None and eyes.log.messages)

    def _passed(self, way: Way, raw: Raw) -> None:
        log = self._eyes.log
        if log is not None and log.messages:
            log.message(self._name, way, raw)
        if way == "service says":
            if len(raw) < _LONG:
                self._heard_from_service(raw)
        elif way == "app says":
            if named(raw)[0] in _ASKED:
                self._asked_at = self._eyes.now()
        elif way == "app told" and self._asked_at is not None and named(raw)[0] in _SOUND:
            self._sounded(self._eyes.now() - self._asked_at)

    def _heard_from_service(self, raw: Raw) -> None:
        name = named(raw)[0]
        if name == "input_audio_buffer.committed":
            self._asked_at = self._eyes.now()
        elif name == "response.created":
            event = ev.read(raw)
            self._responding = event.response.get("id") if isinstance(event, ev.ResponseCreated) else None
            if self._spans is not None and self._responding is not None:
                self._spans.responding(self._responding)
        elif name == "response.done":
            self._asked_at = None  # a reply without sound: nobody waits for it any longer

    def _sounded(self, seconds: float) -> None:
        self._asked_at = None
        if self._eyes.metrics is not None:
            self._eyes.metrics.first_sound(self._route, self._model, seconds)
        if self._spans is not None and self._responding is not None:
            self._spans.sounded(self._responding, seconds)


class _Seen:
    """A socket somebody looks at."""

    def __init__(self, socket: Socket, passed: Callable[[Way, Raw], None], says: Way, told: Way) -> None:
        self._socket = socket
        self._passed = passed
        self._says: Way = says
        self._told: Way = told

    async def recv(self) -> Raw:
        raw = await self._socket.recv()
        self._passed(self._says, raw)
        return raw

    async def send(self, raw: Raw) -> None:
        self._passed(self._told, raw)
        await self._socket.send(raw)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)
