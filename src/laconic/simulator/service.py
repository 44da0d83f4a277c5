"""The stand-in service: one connection's side of the conversation, decided here and nowhere else.

A state machine without a clock or a socket. Messages come in by `receive`, time by `tick`, messages go out by
`outbox`, and `deadline` says when it wants to be woken. What is due is done in the order in which it falls due,
however late the tick comes, so the same messages at the same moments make the same conversation.

Four things live side by side: the session's settings, the ears (sound and turns), what the conversation holds, and
the responses in progress, of which one may write to the conversation. The parts are in files of their own; this
one is the switchboard: each client event has one method, named for it, and `Rejected` anywhere becomes `error`.

Nothing here knows the engine's mirror of the conversation. It decides, the mirror infers, and each can prove the
other wrong.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from copy import deepcopy
from typing import cast

from laconic import events
from laconic.dialects import client_to_ga, server_to_beta
from laconic.items import Item, Part, Wire
from laconic.simulator import session_settings
from laconic.simulator.answering import Answers, Biller, Composer
from laconic.simulator.faults import Fate, Faults
from laconic.simulator.habits import Habits
from laconic.simulator.held import Held
from laconic.simulator.ids import Ids
from laconic.simulator.listening import Began, Ears, Ended, Hears, TurnTaking
from laconic.simulator.playing import PlayOut
from laconic.simulator.rejected import Rejected
from laconic.simulator.responding import Response
from laconic.simulator.sound import BYTES_PER_MS
from laconic.simulator.transcribing import transcription
from laconic.simulator.turns import InputBuffer
from laconic.usage import Usage

__all__ = ["Service"]

_BLOCK_BYTES = 32 * BYTES_PER_MS
"""In sample time, time goes on in steps of what voice detection looks at."""


class Service:
    """One connection. Give it real parts with `simulator.parts`, or scripted ones in a test."""

    def __init__(
        self,
        habits: Habits,
        *,
        ids: Ids,
        turns: Callable[[Callable[[int, int], bool]], TurnTaking],
        hearing: Hears,
        composer: Composer,
        bill: Biller,
        faults: Faults | None = None,
    ) -> None:
        self.habits = habits
        self.faults = faults or Faults()
        self.closing: tuple[int, str] | None = None
        """Close code and reason once the service hangs up; 1006 for a connection that is simply lost."""
        self._ids, self._hearing, self._bill = ids, hearing, bill
        self._held = Held(ids, lambda pcm: hearing.hear(pcm).text)
        self._ears = Ears(turns(self._sounds_finished), lambda: ids("item"), InputBuffer())
        self._session: Wire = {}
        self._answers = Answers(
            pace=habits.pace,
            rate_limits=habits.rate_limits,
            ghost_usage_null=habits.ghost_usage_null,
            faults=self.faults,
            ids=ids,
            held=self._held,
            composer=composer,
            bill=bill,
            say=self._say,
            done=self._answered,
        )
        self._play_out = PlayOut(self._held, self._say, self._at) if habits.plays else None
        self._waiting_outputs: list[Wire] = []
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._planned = 0
        self._outbox: list[str] = []
        self._said = 0
        self._now = 0.0
        self._jumped_s = 0.0
        self._sound_bytes = 0
        self._expires_at = 0.0
        self._idle_at: float | None = None
        self._prompted = False
        """Whether the last answer came from an idle timeout: there is only one until somebody speaks again."""

    # --- what tests look at -------------------------------------------------------------------------------------

    @property
    def conversation(self) -> list[Item]:
        """The items held, in order: the truth."""
        return self._held.items

    @property
    def session(self) -> Wire:
        """The settings in force, GA shape."""
        return self._session

    @property
    def responses_active(self) -> list[str]:
        """Ids of the responses in progress, out-of-band ones included."""
        return [response.id for response in self._answers.active]

    @property
    def usages(self) -> dict[str, Usage | None]:
        """What every finished response used, by its id, even where a fault kept it from the client."""
        return self._answers.usages

    # --- the driver's side ----------------------------------------------------------------------------------------

    def connected(self, now: float, settings: Wire | None = None) -> None:
        """The connection stands, or the call, which comes with settings of its own. Raises Rejected for wrong ones."""
        self._now = 0.0 if self.habits.sample_time else now
        self._expires_at = self._now + self.habits.session_s
        if self.faults.stranger:
            self._outbox.append(json.dumps({"op": "hello", "you_said": None}))
            return
        if self.faults.refuse_beta_shape:
            code = "beta_api_shape_disabled"
            self._error(Rejected(code, "The Realtime Beta API is no longer supported. Please use the GA API."), None)
            self.closing = (4000, f"invalid_request_error.{code}")
            return
        expires = self.habits.epoch + int(self._expires_at)
        self._session = session_settings.fresh(self.habits.model, self._ids("sess"), expires)
        if settings is not None:
            self._session = session_settings.updated(self._session, settings, voice_is_fixed=False)
        self._ears.configure(self._session["audio"]["input"])
        self._say({"type": "session.created", "session": deepcopy(self._session)})

    def receive(self, raw: events.Raw, now: float) -> None:
        """A message from the client."""
        if not self.habits.sample_time:
            self.tick(now)
        if self.closing is not None or self.faults.stranger:
            return
        try:
            event = events.wire(raw)
        except ValueError:
            self._error(Rejected("invalid_event", "Failed to parse the event: it is not a JSON object."), None)
            return
        event_id = event.get("event_id")
        try:
            self._do(event)
        except Rejected as no:
            known = event_id if isinstance(event_id, str) else None
            if str(event.get("type")).startswith("conversation.item."):  # as late as its acknowledgement would be
                self._acknowledge(self._refusal(no, known))
            else:
                self._error(no, known)

    def tick(self, now: float) -> None:
        """Time has come to `now`. In sample time this jumps ahead, for clients that send no sound."""
        if self.habits.sample_time:
            self._jumped_s += max(0.0, now - self._now)
        self._reach(now)

    def outbox(self) -> list[str]:
        """Messages to send, in order; taken by asking."""
        messages, self._outbox = self._outbox, []
        return messages

    @property
    def deadline(self) -> float | None:
        """When to tick next; None when the connection is closing."""
        if self.closing is not None:
            return None
        moments = (self._expires_at, self._idle_at, self.pending)
        return min(moment for moment in moments if moment is not None)

    @property
    def pending(self) -> float | None:
        """When the next thing already under way is due: not the idle timeout, not the session's end."""
        if self.closing is not None:
            return None
        later = self._later[0][0] if self._later else None
        return min((due for due in (self._answers.deadline, later) if due is not None), default=None)

    def disconnected(self) -> None:
        """The client has gone. What was generated until now is billed all the same."""
        self._answers.abandon()
        self.closing = self.closing or (1000, "")

    # --- time -----------------------------------------------------------------------------------------------------

    def _reach(self, moment: float) -> None:
        while (due := self.deadline) is not None and due <= moment:
            self._now = max(self._now, due)
            self._run_due()
        self._now = max(self._now, moment)

    def _run_due(self) -> None:
        if self._later and self._later[0][0] <= self._now:
            heapq.heappop(self._later)[2]()
            return
        if (due := self._answers.deadline) is not None and due <= self._now:
            self._answers.advance(self._now)
            return
        if self._idle_at is not None and self._idle_at <= self._now:
            self._idle_timeout()
            return
        message = f"Your session hit the maximum duration of {self.habits.session_s / 60:g} minutes."
        self._error(Rejected("session_expired", message), None)
        self.closing = (1001, "session_expired")  # the real close code is unknown

    def _at(self, delay_s: float, act: Callable[[], None]) -> None:
        self._planned += 1
        heapq.heappush(self._later, (self._now + delay_s, self._planned, act))

    # --- speaking -------------------------------------------------------------------------------------------------

    def _say(self, event: Wire) -> None:
        if self.closing is not None:
            return
        told: Wire | None = {"type": event["type"], "event_id": self._ids("event"), **event}
        if self.habits.dialect == "beta":
            told = server_to_beta(told)
        if told is None:
            return
        twice = self.faults.duplicate_added and event["type"] == "conversation.item.added"
        self._outbox += [json.dumps(told, ensure_ascii=False)] * (2 if twice else 1)
        self._said += 1
        if self._play_out is not None and event["type"] == "response.output_audio.delta":
            self._play_out.sounded(event, self._now)
        if self.faults.drop_after is not None and self._said >= self.faults.drop_after:
            self.closing = (1006, "")

    def _acknowledge(self, *answers: Wire) -> None:
        for answer in answers:
            if self.faults.ack_late_ms:
                self._at(self.faults.ack_late_ms / 1000, lambda answer=answer: self._say(answer))
            else:
                self._say(answer)

    def _error(self, no: Rejected, event_id: str | None) -> None:
        self._say(self._refusal(no, event_id))

    def _refusal(self, no: Rejected, event_id: str | None) -> Wire:
        return {"type": "error", "error": no.to_wire(None if self.faults.null_error_event_id else event_id)}

    # --- client events --------------------------------------------------------------------------------------------

    def _do(self, event: Wire) -> None:
        if self.habits.dialect == "beta":
            event = client_to_ga(event)
        match event.get("type"):
            case "session.update":
                self._session_update(event)
            case "input_audio_buffer.append":
                self._append(event)
            case "input_audio_buffer.commit":
                self._user_item(*self._ears.commit())
            case "input_audio_buffer.clear":
                self._ears.clear()
                self._say({"type": "input_audio_buffer.cleared"})
            case "conversation.item.create":
                self._create(event)
            case "conversation.item.delete":
                self._delete(event)
            case "conversation.item.truncate":
                self._truncate(event)
            case "conversation.item.retrieve":
                item = self._held.retrieve(_text(event, "item_id"))
                self._acknowledge({"type": "conversation.item.retrieved", "item": item})
            case "response.create":
                self._prompted = False
                self._respond(session_settings.checked_response(event.get("response")))
            case "response.cancel":
                self._answers.cancel(_text_or_null(event, "response_id"))
            case "output_audio_buffer.clear" if self._play_out is not None:
                self._play_out.cut(self._now)
            case name:
                raise Rejected.value("type", name, "Expected the name of a client event.")

    def _session_update(self, event: Wire) -> None:
        self._session = session_settings.updated(
            self._session, event.get("session"), voice_is_fixed=self._answers.has_spoken
        )
        self._ears.configure(self._session["audio"]["input"])
        if self.habits.update_drops_cache:
            self._bill.forget()
        self._say({"type": "session.updated", "session": deepcopy(self._session)})

    def _append(self, event: Wire) -> None:
        pcm = self._ears.read(event.get("audio"))
        if not self.habits.sample_time:
            self._listen(pcm)
            return
        while pcm:
            length = _BLOCK_BYTES - self._sound_bytes % _BLOCK_BYTES
            block, pcm = pcm[:length], pcm[length:]
            self._sound_bytes += len(block)
            moment = self._sound_bytes / BYTES_PER_MS / 1000 + self._jumped_s
            self._reach(moment)
            self._listen(block)

    def _create(self, event: Wire) -> None:
        given: object = event.get("item")
        call_id: object = cast(Wire, given).get("call_id") if isinstance(given, dict) else None
        if call_id is not None and self._answers.makes_call(call_id):
            # Accepted now, placed and announced once the response that made the call is done (recorded).
            self._waiting_outputs.append(event)
            return
        fate = self._fate_of_create(given)
        if fate == "ignore":
            return
        if fate == "refuse":
            raise Rejected("invalid_value", "Error creating item: the item could not be created.", "item")
        previous = None if self.faults.append_inserts else _text_or_null(event, "previous_item_id")
        item = self._held.create(given, previous, self._session["audio"]["input"]["format"]["type"])
        placed = {"previous_item_id": self._held.previous_id(item.id), "item": item.to_wire()}
        self._acknowledge(
            {"type": "conversation.item.added", **placed}, {"type": "conversation.item.done", **deepcopy(placed)}
        )

    def _fate_of_create(self, given: object) -> Fate:
        item = cast(Wire, given) if isinstance(given, dict) else {}
        kinds = ["create-assistant"] if item.get("role") == "assistant" else []
        kinds += ["create-image"] if _shows_a_picture(item) else []
        for kind in [*kinds, "create"]:
            fate = self.faults.fate(kind)
            if fate != "done":
                return fate
        return "done"

    def _delete(self, event: Wire) -> None:
        item_id = _text(event, "item_id")
        if self._spared("delete", item_id):
            return
        self._held.delete(item_id)
        self._acknowledge({"type": "conversation.item.deleted", "item_id": item_id})

    def _truncate(self, event: Wire) -> None:
        item_id = _text(event, "item_id")
        at = {key: _whole(event, key) for key in ("content_index", "audio_end_ms")}
        if self._spared("truncate", item_id):
            return
        self._held.truncate(item_id, **at)
        self._acknowledge({"type": "conversation.item.truncated", "item_id": item_id, **at})

    def _spared(self, kind: str, item_id: str) -> bool:
        """Whether a fault keeps this edit from being done."""
        fate = self.faults.fate(kind)
        if fate == "refuse":
            doing = {"delete": "deleting", "truncate": "truncating"}[kind]
            # Not the code for an unknown id: that one means that the service does not hold the item.
            raise Rejected("invalid_value", f"Error {doing} item: '{item_id}' cannot be changed.", "item_id")
        return fate == "ignore"

    # --- listening ------------------------------------------------------------------------------------------------

    def _listen(self, pcm: bytes) -> None:
        for happened in self._ears.hear(pcm):
            if isinstance(happened, Began):
                self._speech_started(happened)
            else:
                self._speech_stopped(happened)

    def _speech_started(self, turn: Began) -> None:
        self._idle_at = None
        self._prompted = False
        start = {"audio_start_ms": turn.audio_start_ms, "item_id": turn.item_id}
        self._say({"type": "input_audio_buffer.speech_started", **start})
        if (self._ears.detection or {}).get("interrupt_response", True):
            self._answers.interrupt()
            if self._play_out is not None:
                self._play_out.cut(self._now)

    def _speech_stopped(self, turn: Ended) -> None:
        end = {"audio_end_ms": turn.audio_end_ms, "item_id": turn.item_id}
        self._say({"type": "input_audio_buffer.speech_stopped", **end})
        self._user_item(turn.item_id, turn.pcm)
        self._answer_turn()

    def _answer_turn(self) -> None:
        if not (self._ears.detection or {}).get("create_response", True):
            return
        try:
            self._respond({})
        except Rejected as no:  # a response that was not to be interrupted still runs; unknown what OpenAI does
            self._error(no, None)

    def _respond(self, own: Wire) -> None:
        self._answers.start(own, self._session, self._now)
        if own.get("conversation") != "none":
            self._idle_at = None

    def _sounds_finished(self, start_ms: int, end_ms: int) -> bool:
        return self._hearing.hear(self._ears.heard_between(start_ms, end_ms)).complete

    def _idle_timeout(self) -> None:
        self._idle_at = None
        detection = self._ears.detection or {}
        if not detection.get("idle_timeout_ms"):  # switched off meanwhile
            return
        start_ms, end_ms, pcm = self._ears.idle_sound(detection["idle_timeout_ms"])
        item_id = self._ids("item")
        span = {"audio_start_ms": start_ms, "audio_end_ms": end_ms, "item_id": item_id}
        self._say({"type": "input_audio_buffer.timeout_triggered", **span})
        self._user_item(item_id, pcm)
        self._prompted = True
        self._answer_turn()

    def _user_item(self, item_id: str, pcm: bytes) -> None:
        audio_ms = len(pcm) // BYTES_PER_MS
        heard = self._hearing.hear(pcm)
        self._say({
            "type": "input_audio_buffer.committed", "previous_item_id": self._held.last_id, "item_id": item_id,
        })  # fmt: skip
        item = Item(item_id, role="user", status="completed", parts=[Part("input_audio", None, audio_ms)])
        placed = {"previous_item_id": self._held.append(item), "item": item.to_wire()}
        self._held.hear(item_id, pcm, heard.text)
        self._say({"type": "conversation.item.added", **placed})
        self._say({"type": "conversation.item.done", **deepcopy(placed)})
        wanted = self._session["audio"]["input"]["transcription"]
        if wanted is None or self.faults.transcription == "never":
            return
        for delay_s, event in transcription(
            item_id,
            heard.transcript if heard.voiced_ms else "",
            audio_ms,
            model=wanted["model"] or "",
            latency_s=self.habits.transcription_latency_s,
            ids=self._ids,
            count_text=self._bill.text,
            failed=self.faults.transcription == "fails",
        ):
            self._at(delay_s, lambda event=event: self._transcribed(event))

    def _transcribed(self, event: Wire) -> None:
        """Told even of an item deleted meanwhile: the transcription knows nothing of the conversation."""
        item = self._held.get(event["item_id"])
        if item is not None and "transcript" in event:
            item.parts[0].text = event["transcript"]
        self._say(event)

    def _answered(self, response: Response) -> None:
        """A response has ended: what waited for that may go on."""
        if self._play_out is not None:
            self._play_out.finished(response.id, self._now)
        waiting, self._waiting_outputs = self._waiting_outputs, []
        for event in waiting:
            try:
                self._create(event)
            except Rejected as no:
                self._error(no, event.get("event_id"))
        idle_ms = (self._ears.detection or {}).get("idle_timeout_ms")
        if response.in_conversation and idle_ms and not self._ears.speaking and not self._prompted:
            self._idle_at = self._now + (response.playback_ms + idle_ms) / 1000


def _text(event: Wire, key: str) -> str:
    value = event.get(key)
    if value is None:
        raise Rejected.missing(key)
    if not isinstance(value, str):
        raise Rejected.value(key, value, "Expected a string.")
    return value


def _text_or_null(event: Wire, key: str) -> str | None:
    return None if event.get(key) is None else _text(event, key)


def _whole(event: Wire, key: str) -> int:
    value = event.get(key)
    if value is None:
        raise Rejected.missing(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Rejected.value(key, value, "Expected an integer from 0.")
    return value


def _shows_a_picture(item: Wire) -> bool:
    parts: object = item.get("content")
    pieces = cast("list[object]", parts) if isinstance(parts, list) else []
    return any(isinstance(part, dict) and cast(Wire, part).get("type") == "input_image" for part in pieces)
