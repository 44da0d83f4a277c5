"""The loop that talks: microphone to service, service to speaker, and the caller's right to cut in.

Four jobs run side by side until one of them ends: the microphone's chunks are sent, the service's messages are
received, what goes out is written to the connection in the order it was decided, and ten times a second it is
asked how much of a reply was heard. All decisions about the conversation are the session's; this file carries
them out and knows only what concerns sound:

- When the service hears the caller speak, the speaker is emptied before anything else is done, and the session is
  told how much of each reply was heard. Sound of that response which is still on its way is dropped.
- The service cancels the response by itself; where its settings say that it does not, we do.
- Push to talk: the first press stops the reply and begins to send, the second one commits and asks for an answer.

The talk is over when the caller ends it, when the microphone has nothing more to say (a file, a scripted caller)
and the last reply has been heard, or when something breaks: then `run` raises that, after everything is closed.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Literal, Protocol, cast

import msgspec

from laconic import events as ev
from laconic.choosing import Auto
from laconic.client import refusals
from laconic.client.endpoints import Endpoint
from laconic.client.summaries import Summaries, Writer
from laconic.errors import Dropped, Refused, Unreachable
from laconic.events import Raw
from laconic.items import Wire
from laconic.recording import Sender
from laconic.session import Hangup, MemoryTold, Notice, Session, Summarise, ToApp, ToService
from laconic.voice.clock import Clock
from laconic.voice.duplex import CHUNK_BYTES, CHUNK_MS, Duplex
from laconic.voice.playout import Played

__all__ = ["Connection", "Status", "Talk", "View"]

Status = Literal["connecting", "listening", "you_speak", "thinking", "speaking", "muted", "press", "sending", "over"]

# PROTOCOL.md section 8. Races are ordinary: our message and the service's crossed on the wire.
_RACES = frozenset(
    {
        "item_delete_invalid_item_id",
        "item_retrieve_invalid_item_id",
        "item_truncate_invalid_item_id",
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
    }
)

_BEAT_S = 0.1
"""How often it is asked what was heard, and the view told."""
_GRACE_S = 1.0
"""Quiet for so long after the last word of a recorded caller is the end."""
_STUCK_S = 30.0
"""Nothing at all for so long after it is the end too, whatever was still due."""
_LEAST_SPOKEN_MS = 100
"""A commit of less is refused (`input_audio_buffer_commit_empty`)."""
_UNSENT = 250
"""Messages waiting for a slow connection before the microphone waits too: five seconds of speech."""


class Connection(Protocol):
    """An open connection to a service. Both verbs raise Dropped once it has ended."""

    @property
    def endpoint(self) -> Endpoint: ...
    async def recv(self) -> Raw: ...
    async def send(self, raw: Raw, /) -> None: ...


class View(Protocol):
    """Whoever shows the talk. Called from the loop, and must return at once."""

    def event(self, event: ev.Event, now: float) -> None:
        """The service said this. Errors that are ordinary races are left out."""
        ...

    def notice(self, notice: Notice, now: float) -> None: ...
    def heard(self, played: Played, now: float, *, stopped: bool = False) -> None:
        """The speaker has played this much of a reply; `stopped`: and will play no more of it."""
        ...

    def status(self, status: Status, now: float) -> None: ...
    def tick(self, now: float) -> None:
        """About ten times a second."""
        ...


class Talk:
    """One conversation over an open connection. `settings` is the GA `session` object to configure it with.

    `held`: with push to talk, the key is down from the start (a file speaks). `record(raw, sender, now)` is given
    every message. `opening_s`: how long the service may take to greet us, in real seconds whatever the clock's
    speed, since networks do not hurry. `writer` makes the summaries the memory asks for, in `lang`; without one the
    service itself is asked.
    """

    def __init__(
        self,
        session: Session,
        connection: Connection,
        duplex: Duplex,
        view: View,
        clock: Clock,
        *,
        settings: Wire,
        push_to_talk: bool = False,
        held: bool = False,
        record: Callable[[Raw, Sender, float], None] | None = None,
        opening_s: float = 10.0,
        writer: Writer | None = None,
        lang: str = "en",
    ) -> None:
        self.session = session
        self.push_to_talk = push_to_talk
        self.muted = False
        self.held = False
        """Push to talk: the caller is speaking."""
        self._connection = connection
        self._duplex = duplex
        self._playout = duplex.playout
        self._view = view
        self._clock = clock
        self._settings = settings
        self._record = record
        self._opening_s = opening_s
        self._held_at_once = held
        self._outgoing: asyncio.Queue[Raw] = asyncio.Queue()
        self._sayings: deque[Raw] = deque()
        self._acting = False
        self._began: float | None = None  # when the service greeted us
        self._configured = asyncio.Event()
        self._ended = asyncio.Event()
        self._spoken_ms = 0
        self._silenced: set[str] = set()  # responses cut off, whose sound may still be on its way
        self._cut: set[tuple[str, int]] = set()  # pieces of audio whose end was reported
        self._heard: dict[tuple[str, int], int] = {}
        self._untranscribed: set[str] = set()
        self._last_news = 0.0
        self._messages = 0  # of the service
        self._summaries = Summaries(
            session,
            writer=writer,
            tell=lambda notice: view.notice(notice, clock.now()),
            done=self._act,
            now=clock.now,
            lang=lang,
        )

    # --- what the caller does --------------------------------------------------------------------------------

    def end(self) -> None:
        """The caller hangs up. May be called at any time."""
        self._ended.set()

    def mute(self) -> None:
        """Microphone off or on again. While it is off the service gets silence, so that it hears a turn end."""
        self.muted = not self.muted

    def press(self) -> None:
        """The push-to-talk key: first to speak, then to send. A touch too short to hold a word is taken back."""
        if not self.push_to_talk or not self._configured.is_set():
            return
        self.held = not self.held
        if self.held:
            self._spoken_ms = 0
            self._silence()
            self._say({"type": "input_audio_buffer.clear"})
        elif self._spoken_ms < _LEAST_SPOKEN_MS:
            self._say({"type": "input_audio_buffer.clear"})
        else:
            self._say({"type": "input_audio_buffer.commit"})
            self._say({"type": "response.create"})

    @property
    def status(self) -> Status:
        conversation = self.session.conversation
        if self._ended.is_set():
            return "over"
        if not self._configured.is_set():
            return "connecting"
        if self.held:
            return "sending"
        if self._playout.playing:
            return "speaking"
        if conversation.responding:
            return "thinking"
        if self.push_to_talk:
            return "press"
        if self.muted:
            return "muted"
        return "you_speak" if conversation.user_speaking else "listening"

    # --- the loop --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Talk until it is over. Raises LaconicError if something broke; sound and jobs are closed in any case."""
        async with self._duplex:
            tasks = [asyncio.create_task(job, name=f"talk: {name}") for name, job in self._jobs().items()]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                now = self._clock.now()
                self.session.end(now)
                for played in self._playout.stop():
                    self._view.heard(played, now, stopped=True)
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
                await self._summaries.close()
                self._ended.set()
                self._view.status(self.status, now)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    def _jobs(self) -> dict[str, Coroutine[Any, Any, object]]:
        return {
            "receive": self._receive(),
            "send": self._send(),
            "microphone": self._listen(),
            "heartbeat": self._beat(),
            "end": self._ended.wait(),
        }

    async def _receive(self) -> None:
        while True:
            raw = await self._connection.recv()
            now = self._clock.now()
            self._last_news = now
            self._messages += 1
            if self._record is not None:
                self._record(raw, "service", now)
            self.session.from_service(raw, now)
            self._act()

    async def _send(self) -> None:
        while True:
            await self._connection.send(await self._outgoing.get())

    async def _listen(self) -> None:
        await self._opened()
        if self._held_at_once:
            self.press()
        async for chunk in self._duplex.chunks():
            self._speak(chunk)
            while self._outgoing.qsize() > _UNSENT:
                await self._clock.sleep(CHUNK_MS / 1000)
        if self.held:
            self.press()
        await self._quiet()

    async def _opened(self) -> None:
        try:
            async with asyncio.timeout(self._opening_s):
                await self._configured.wait()
        except TimeoutError:
            if self._began is not None:  # servers exist that apply settings without a word
                self._configured.set()
                return
            raise Unreachable(
                f"the server took the connection but said nothing for {self._opening_s:g} s; check that the address"
                " given with --service is a Realtime endpoint",
                ja=f"接続後{self._opening_s:g}秒待っても応答がありません。--serviceのアドレスを確認してください。",
            ) from None

    async def _quiet(self) -> None:
        """Wait, in silence, until everything that was said has been answered and the answer heard."""
        self._last_news = quiet_since = self._clock.now()
        while True:
            await self._clock.sleep(CHUNK_MS / 1000)
            self._speak(bytes(CHUNK_BYTES))
            now = self._clock.now()
            if self._playout.playing:
                self._last_news = now
            if self._playout.playing or self._due():
                quiet_since = now
            stuck = now - self._last_news >= _STUCK_S
            if now - quiet_since >= _GRACE_S or stuck:
                if self._messages < 2:
                    raise Unreachable(
                        "the server greeted and then said nothing, whatever it was told; check that the address given"
                        " with --service is a Realtime endpoint",
                        ja="サーバーは挨拶のあと何も応答しません。--serviceのアドレスを確認してください。",
                    )
                return

    def _due(self) -> bool:
        """Whether something is still to come from the service."""
        conversation = self.session.conversation
        unwritten = any(item_id in conversation for item_id in self._untranscribed)
        waiting = self.session.deadline is not None or unwritten
        return waiting or conversation.responding or conversation.user_speaking

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(_BEAT_S)
            now = self._clock.now()
            for played in self._playout.heard():
                self._heard[played.item_id, played.content_index] = played.heard_ms
                self.session.heard(played.item_id, played.heard_ms, now, content_index=played.content_index)
                self._view.heard(played, now)
            if self._began is not None:
                self.session.meter.elapsed(round((now - self._began) * 1000))
            if self.session.deadline is not None and now >= self.session.deadline:
                self.session.tick(now)
            self._act()
            self._view.status(self.status, now)
            self._view.tick(now)

    # --- towards the service ---------------------------------------------------------------------------------

    def _speak(self, chunk: bytes) -> None:
        if self.push_to_talk and not self.held:
            return
        self._spoken_ms += CHUNK_MS
        sound = bytes(len(chunk)) if self.muted else chunk
        self._say({"type": "input_audio_buffer.append", "audio": b64encode(sound).decode()})

    def _say(self, event: Wire) -> None:
        self._sayings.append(msgspec.json.encode(event).decode())
        self._act()

    def _act(self) -> None:
        """Do what the session wants done, and pass on what we have to say, one after the other.

        Doing either may lead to more of both, which is then only noted: the loop here comes to it.
        """
        if self._acting:
            return
        self._acting = True
        try:
            self._carry_out()
            while self._sayings:
                raw, now = self._sayings.popleft(), self._clock.now()
                if self._record is not None:
                    self._record(raw, "app", now)
                self.session.from_app(raw, now)
                self._carry_out(ours=1)
        finally:
            self._acting = False

    def _carry_out(self, ours: int = 0) -> None:
        """Empty the session's actions. The first `ours` messages to the service are on the recording already."""
        for action in self.session.actions():
            now = self._clock.now()
            match action:
                case ToService(raw):
                    if self._record is not None and not ours:
                        self._record(raw, "laconic", now)
                    ours = max(0, ours - 1)
                    self._outgoing.put_nowait(raw)
                case ToApp(_, event):
                    self._follow(event, now)
                case Notice():
                    self._view.notice(action, now)
                case Summarise():
                    self._summaries.ask(action)
                case Hangup():  # the budget is used up, and the goodbye has been heard
                    self.end()
                case _:
                    pass

    # --- from the service ------------------------------------------------------------------------------------

    def _follow(self, event: ev.Event, now: float) -> None:
        match event:
            case ev.InputAudioBufferSpeechStarted():
                self._silence()  # first of all: every millisecond here is one the caller is talked over
            case ev.ResponseOutputAudioDelta():
                self._play(event)
            case ev.Error(error=error) if error.code == "budget_exceeded":
                return  # a notice says so in the caller's language
            case ev.Error():
                if self._troubled(event):
                    return
            case ev.ResponseDone():
                self._responded(event)
            case ev.InputAudioBufferCommitted():
                if self._transcribes:
                    self._untranscribed.add(event.item_id)
            case ev.InputAudioTranscriptionCompleted() | ev.InputAudioTranscriptionFailed():
                self._untranscribed.discard(event.item_id)
            case _:
                pass
        self._view.event(event, now)
        if isinstance(event, ev.SessionCreated) and self._began is None:
            self._began = now
            self._say({"type": "session.update", "session": self._settings})
        elif isinstance(event, ev.SessionUpdated):
            memory = self.session.memory
            if isinstance(memory, Auto) and not self._configured.is_set():
                self._view.notice(MemoryTold(f"memory is {memory.chosen}: {memory.why()}", memory.sums), now)
            self._configured.set()

    @property
    def _transcribes(self) -> bool:
        return bool(self._input_settings.get("transcription"))

    @property
    def _input_settings(self) -> Wire:
        audio = cast(Wire, self.session.conversation.settings.get("audio") or {})
        return cast(Wire, audio.get("input") or {})

    def _play(self, event: ev.ResponseOutputAudioDelta) -> None:
        key = event.item_id, event.content_index
        if event.response_id not in self._silenced:
            try:
                sound = b64decode(bytes(event.delta))  # the quotes around it are not of its alphabet
            except ValueError:
                return  # what is no base64 is no sound, and no reason to hang up
            self._playout.play(*key, sound)
            if key not in self._heard:  # from its first sound on, the session knows that playback is reported
                self._heard[key] = 0
                self.session.heard(event.item_id, 0, self._clock.now(), content_index=event.content_index)
        elif key not in self._cut:
            # Nothing of this piece was waiting when the speaker was emptied, so nobody has reported its end yet.
            heard_ms = self._heard.get(key, 0)
            self._report_cut(Played(*key, heard_ms, heard_ms))

    def _silence(self) -> None:
        """Empty the speaker, tell the session what was heard, and see to it that the response ends."""
        for played in self._playout.stop():
            self._report_cut(played)
        conversation = self.session.conversation
        running = [response.id for response in conversation.responses.values() if not response.out_of_band]
        self._silenced.update(running)
        detection = cast(Wire, self._input_settings.get("turn_detection") or {})
        interrupts = bool(detection) and detection.get("interrupt_response", True) is not False
        if running and not interrupts:
            self._say({"type": "response.cancel"})

    def _report_cut(self, played: Played) -> None:
        key = played.item_id, played.content_index
        self._cut.add(key)
        now = self._clock.now()
        self.session.heard(played.item_id, played.heard_ms, now, stopped=True, content_index=played.content_index)
        self._view.heard(played, now, stopped=True)

    def _responded(self, event: ev.ResponseDone) -> None:
        self._silenced.discard(event.response.get("id") or "")
        details = cast(Wire, event.response.get("status_details") or {})
        if details.get("error"):
            self._end_if_fatal(ev.Error(error=msgspec.convert(details["error"], ev.ErrorDetail)))

    def _troubled(self, event: ev.Error) -> bool:
        """Whether this error is nothing to show. Raises if it is the end."""
        self._end_if_fatal(event)
        said = (event.error.message or event.error.code or "").strip().rstrip(".。")
        if event.error.code == "session_expired":
            raise Dropped(
                f"the service ended the session ({said}); start again to go on talking",
                ja="サービスがセッションの時間切れで接続を終了しました。続けるにはもう一度起動してください。",
            )
        if self._began is None:
            raise refusals.refused(self._connection.endpoint, event)
        if not self._configured.is_set():  # one bad field discards all of a session.update (recorded 2026-09-18)
            raise Refused(
                f"the service refused the settings ({said}); change the flag or the --config line it names",
                ja=f"サービスが設定を拒否しました（{said}）。該当するオプションか --config の行を直してください。",
            )
        return event.error.code in _RACES

    def _end_if_fatal(self, event: ev.Error) -> None:
        if refusals.is_fatal(event):
            raise refusals.refused(self._connection.endpoint, event)
