"""The talk loop, with a scripted service and a speaker that plays when the test says so."""

from __future__ import annotations

import asyncio
import heapq
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import count
from typing import Any

import pytest

from laconic import events as ev
from laconic.client.endpoints import Endpoint
from laconic.client.summaries import Writer
from laconic.client.summarise import Summary
from laconic.edits import Insert
from laconic.errors import Dropped, LaconicError, NoDevice, Refused, Unreachable
from laconic.plans import Ask, Memory, Past, Plan, Steps
from laconic.rates import load
from laconic.session import GhostTurn, MemoryTold, Notice, Session
from laconic.usage import Usage
from laconic.voice.clock import Clock
from laconic.voice.duplex import CHUNK_BYTES, Duplex, join
from laconic.voice.playout import Played, PlayOut
from laconic.voice.talk import Talk
from laconic.written import message

Wire = dict[str, Any]
LOUD = b"\x01\x02" * (CHUNK_BYTES // 2)


class Moments(Clock):
    """Time stands still until the test lets it pass."""

    def __init__(self) -> None:
        super().__init__()
        self.t = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._order = count()

    def now(self) -> float:
        return self.t

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.t + max(seconds, 0.0), next(self._order), woken))
        await woken.wait()

    async def forward(self, seconds: float) -> None:
        until = self.t + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until + 1e-9:
            self.t, _, woken = heapq.heappop(self._sleepers)
            woken.set()
            await settle()
        self.t = until


async def settle() -> None:
    """Let every task run until all of them wait."""
    for _ in range(10):
        await asyncio.sleep(0)


class Script:
    """A connection whose far end is the test."""

    def __init__(self) -> None:
        self.endpoint = Endpoint("openai", "wss://api.openai.com/v1/realtime", {}, "ga", "gpt-realtime")
        self.inbox: asyncio.Queue[str | LaconicError] = asyncio.Queue()
        self.sent: list[Wire] = []

    async def recv(self) -> str:
        message = await self.inbox.get()
        if isinstance(message, LaconicError):
            raise message
        return message

    async def send(self, raw: str | bytes) -> None:
        self.sent.append(json.loads(raw))

    def types(self) -> list[str]:
        """What was sent, sound left out."""
        return [event["type"] for event in self.sent if event["type"] != "input_audio_buffer.append"]

    def sound(self) -> bytes:
        appended = (event for event in self.sent if event["type"] == "input_audio_buffer.append")
        return b"".join(b64decode(event["audio"]) for event in appended)


class Mouth:
    """A microphone that delivers what the test says; None ends it, an error is raised."""

    latency_ms = 0

    def __init__(self) -> None:
        self.said: asyncio.Queue[bytes | LaconicError | None] = asyncio.Queue()
        self.open = False

    async def __aenter__(self) -> Mouth:
        self.open = True
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.open = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        while (chunk := await self.said.get()) is not None:
            if isinstance(chunk, LaconicError):
                raise chunk
            yield chunk


class Ear:
    """A speaker that plays when the test pulls."""

    latency_ms = 0

    def __init__(self) -> None:
        self.playout = PlayOut()

    async def __aenter__(self) -> Ear:
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        return

    def check(self) -> None:
        return

    def play(self, ms: int) -> bytes:
        return self.playout.pull(ms * 24)


class Diary:
    """A view that writes everything down."""

    def __init__(self) -> None:
        self.lines: list[object] = []
        self.statuses: list[str] = []
        self.when_told: Callable[[], None] | None = None

    def event(self, event: ev.Event, now: float) -> None:
        self.lines.append(event)

    def notice(self, notice: Notice, now: float) -> None:
        self.lines.append(notice)

    def heard(self, played: Played, now: float, *, stopped: bool = False) -> None:
        self.lines.append((played.item_id, played.heard_ms, stopped))

    def status(self, status: str, now: float) -> None:
        if not self.statuses or self.statuses[-1] != status:
            self.statuses.append(status)

    def tick(self, now: float) -> None:
        return


class Room:
    """Everything around one talk. Use with `async with`: the talk runs inside."""

    def __init__(
        self,
        *,
        detection: Wire | None = None,
        push_to_talk: bool = False,
        held: bool = False,
        transcription: bool = False,
        memory: str | Memory = "everything",
        writer: Writer | None = None,
    ) -> None:
        numbers = count(1)
        self.clock, self.service, self.mouth, self.ear, self.view = Moments(), Script(), Mouth(), Ear(), Diary()
        self.session = Session(ids=lambda: f"ours_{next(numbers)}", model="gpt-realtime", memory=memory)
        self.duplex: Duplex = join(self.mouth, self.ear)
        self.recorded: list[tuple[str, str]] = []
        self.audio: Wire = {"input": {"turn_detection": None if push_to_talk else detection or {"type": "server_vad"}}}
        if transcription:
            self.audio["input"]["transcription"] = {"model": "whisper-1"}
        self.talk = Talk(
            self.session,
            self.service,
            self.duplex,
            self.view,
            self.clock,
            settings={"type": "realtime", "instructions": "Be brief.", "audio": self.audio},
            push_to_talk=push_to_talk,
            held=held,
            record=lambda raw, sender, now: self.recorded.append((sender, json.loads(raw)["type"])),
            opening_s=0.05,
            writer=writer,
        )
        self.running: asyncio.Task[None]

    async def __aenter__(self) -> Room:
        self.running = asyncio.create_task(self.talk.run())
        await settle()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.talk.end()
        await asyncio.wait([self.running])
        if not self.running.cancelled():
            self.running.exception()

    async def says(self, type: str, **fields: Any) -> None:
        await self.service.inbox.put(json.dumps({"type": type, **fields}))
        await settle()

    async def opened(self) -> Room:
        session = {"type": "realtime", "audio": self.audio}
        await self.says("session.created", session=session)
        await self.says("session.updated", session=session)
        return self

    async def reply(self, ms: int, item_id: str = "a", response_id: str = "r", index: int = 0) -> None:
        """A reply begins, with `ms` of sound at once."""
        await self.says("response.created", response={"id": response_id, "conversation_id": "c"})
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        await self.says("response.output_item.added", response_id=response_id, item=item)
        await self.says("conversation.item.added", item=item, previous_item_id=None)
        await self.sound(ms, item_id, response_id, index)

    async def sound(self, ms: int, item_id: str = "a", response_id: str = "r", index: int = 0) -> None:
        delta = b64encode(b"\x05\x06" * ms * 24).decode()
        name = "response.output_audio.delta"
        await self.says(name, response_id=response_id, item_id=item_id, content_index=index, delta=delta)

    async def replied(self, status: str = "completed", item_id: str = "a", response_id: str = "r", **more: Any) -> None:
        content = [{"type": "output_audio", "transcript": "Yes."}]
        state = "completed" if status == "completed" else "incomplete"
        item = {"id": item_id, "type": "message", "role": "assistant", "status": state, "content": content}
        await self.says("conversation.item.done", item=item)
        response: Wire = {"id": response_id, "conversation_id": "c", "status": status, "output": [item], "usage": None}
        await self.says("response.done", response=response | more)

    async def spoke(self, item_id: str) -> None:
        """A turn ends and its item enters."""
        await self.says("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}
        await self.says("conversation.item.added", item=item, previous_item_id=None)

    async def cut_in(self, item_id: str = "u2") -> None:
        await self.says("input_audio_buffer.speech_started", audio_start_ms=5000, item_id=item_id)

    async def ended(self) -> None:
        """The talk must be over by itself."""
        async with asyncio.timeout(1):
            await asyncio.wait([self.running])


# --- opening -----------------------------------------------------------------------------------------------------


async def test_settings_are_sent_once_the_service_greets_and_sound_only_after_it_agreed() -> None:
    async with Room() as room:
        await room.mouth.said.put(LOUD)
        await settle()
        assert room.service.sent == []
        await room.says("session.created", session={"type": "realtime", "audio": room.audio})
        assert room.service.types() == ["session.update"]
        assert room.service.sent[0]["session"]["instructions"] == "Be brief."
        assert room.service.sound() == b""
        await room.says("session.updated", session={"type": "realtime", "audio": room.audio})
        assert room.service.sound() == LOUD
        assert room.talk.status == "listening"


async def test_refused_settings_end_the_talk_with_the_services_reason() -> None:
    async with Room() as room:
        await room.says("session.created", session={"type": "realtime"})
        await room.says(
            "error", error={"code": "invalid_value", "message": "Invalid value: 'nobody'.", "param": "voice"}
        )
        await room.ended()
        with pytest.raises(Refused, match=r"refused the settings \(Invalid value: 'nobody'\)"):
            room.running.result()


async def test_an_error_instead_of_a_greeting_ends_the_talk() -> None:
    async with Room() as room:
        await room.says("error", error={"code": "invalid_request_error", "message": "Bad luck."})
        await room.ended()
        with pytest.raises(Refused, match="Bad luck"):
            room.running.result()


async def test_a_server_that_never_greets_is_unreachable() -> None:
    async with Room() as room:
        await room.ended()
        with pytest.raises(Unreachable, match="said nothing"):
            room.running.result()


async def test_a_server_that_never_confirms_settings_is_talked_to_all_the_same() -> None:
    async with Room() as room:
        await room.says("session.created", session={"type": "realtime", "audio": room.audio})
        await asyncio.sleep(0.06)
        await room.mouth.said.put(LOUD)
        await settle()
        assert room.service.sound() == LOUD


# --- sound -------------------------------------------------------------------------------------------------------


async def test_sound_of_a_reply_reaches_the_speaker_as_it_came() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(40)
        assert room.talk.status == "speaking"
        assert room.ear.play(40) == b"\x05\x06" * 40 * 24


async def test_what_is_no_sound_is_dropped() -> None:
    """A delta whose base64 is broken: nothing plays, and nobody hangs up."""
    async with Room() as room:
        await room.opened()
        where = {"response_id": "r", "item_id": "i", "content_index": 0}
        await room.says("response.output_audio.delta", delta="AAA", **where)
        assert room.talk.status != "speaking"
        assert not room.running.done()


async def test_what_was_heard_is_reported_ten_times_a_second() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        room.ear.play(100)
        await room.clock.forward(0.1)
        room.ear.play(50)
        await room.clock.forward(0.1)
        assert [line for line in room.view.lines if isinstance(line, tuple)] == [("a", 100, False), ("a", 150, False)]


async def test_a_muted_microphone_sends_silence() -> None:
    async with Room() as room:
        await room.opened()
        room.talk.mute()
        assert room.talk.status == "muted"
        await room.mouth.said.put(LOUD)
        await settle()
        room.talk.mute()
        await room.mouth.said.put(LOUD)
        await settle()
        assert room.service.sound() == bytes(CHUNK_BYTES) + LOUD


# --- cutting in --------------------------------------------------------------------------------------------------


async def test_barge_in_empties_the_speaker_before_the_view_or_the_service_hear_of_it() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        room.ear.play(300)
        order: list[str] = []
        stop, event = room.ear.playout.stop, room.view.event
        room.ear.playout.stop = lambda: (order.append("stop"), stop())[1]  # type: ignore[method-assign]
        room.view.event = lambda e, now: (order.append(e.type), event(e, now))[1]  # type: ignore[method-assign]
        await room.cut_in()
        assert order == ["stop", "input_audio_buffer.speech_started"]
        assert room.ear.play(20).count(0) >= (20 - 4) * 48  # a fade of 4 ms, then silence


async def test_barge_in_truncates_at_what_was_heard_once_the_response_is_over() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        room.ear.play(300)
        await room.cut_in()
        assert ("a", 300, True) in room.view.lines
        assert "conversation.item.truncate" not in room.service.types()
        await room.replied("cancelled")
        truncate = room.service.sent[-1]
        assert truncate["type"] == "conversation.item.truncate"
        assert (truncate["item_id"], truncate["audio_end_ms"]) == ("a", 300)
        assert "response.cancel" not in room.service.types()


async def test_a_reply_of_which_nothing_was_heard_is_deleted() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        await room.cut_in()
        await room.replied("cancelled")
        assert room.service.sent[-1]["type"] == "conversation.item.delete"
        assert any(isinstance(line, GhostTurn) for line in room.view.lines)


async def test_late_sound_of_a_reply_cut_off_is_not_played() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        room.ear.play(300)
        await room.cut_in()
        room.ear.play(20)
        await room.sound(500)
        assert room.ear.play(100) == bytes(100 * 48)


async def test_the_first_sound_of_a_response_cut_off_is_not_played_either_and_not_remembered() -> None:
    """Nothing had arrived when the caller cut in, so the speaker could not know this item."""
    async with Room() as room:
        await room.opened()
        await room.reply(0)
        await room.cut_in()
        await room.sound(500)
        assert not room.ear.playout.playing
        await room.replied("cancelled")
        assert room.service.sent[-1] | {"event_id": ""} == {
            "type": "conversation.item.delete",
            "item_id": "a",
            "event_id": "",
        }


async def test_a_reply_that_ran_dry_is_truncated_at_what_was_heard() -> None:
    """All that had arrived was heard when the caller cut in; more of the same item follows and is dropped."""
    async with Room() as room:
        await room.opened()
        await room.reply(200)
        room.ear.play(200)
        await room.clock.forward(0.1)
        await room.cut_in()
        await room.sound(500)
        await room.replied("cancelled")
        truncate = room.service.sent[-1]
        assert (truncate["type"], truncate["audio_end_ms"]) == ("conversation.item.truncate", 200)


async def test_the_next_response_is_heard() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        await room.cut_in()
        await room.replied("cancelled")
        await room.reply(40, item_id="b", response_id="r2")
        assert room.ear.play(40) == b"\x05\x06" * 40 * 24


async def test_two_pieces_of_sound_in_one_response_are_cut_each_at_its_own_place() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(200)
        item = {"id": "b", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        await room.says("response.output_item.added", response_id="r", item=item)
        await room.says("conversation.item.added", item=item, previous_item_id="a")
        await room.sound(500, item_id="b")
        room.ear.play(300)
        await room.cut_in()
        assert [line for line in room.view.lines if isinstance(line, tuple)] == [("b", 100, True)]


@pytest.mark.parametrize("detection", [{"type": "server_vad", "interrupt_response": False}])
async def test_where_the_service_does_not_cancel_we_do(detection: Wire) -> None:
    async with Room(detection=detection) as room:
        await room.opened()
        await room.reply(1000)
        await room.cut_in()
        assert room.service.types()[-1] == "response.cancel"


async def test_nothing_is_cancelled_when_no_response_runs() -> None:
    """Speech is made faster than it plays: the response is usually complete when the caller cuts in."""
    async with Room(detection={"type": "server_vad", "interrupt_response": False}) as room:
        await room.opened()
        await room.reply(1000)
        await room.replied()
        room.ear.play(300)
        await room.cut_in()
        assert room.service.types() == ["session.update", "conversation.item.truncate"]


# --- push to talk ------------------------------------------------------------------------------------------------


async def test_push_to_talk_sends_only_while_pressed_and_then_asks_for_an_answer() -> None:
    async with Room(push_to_talk=True) as room:
        await room.opened()
        assert room.talk.status == "press"
        await room.mouth.said.put(LOUD)
        await settle()
        assert room.service.sound() == b""
        room.talk.press()
        assert room.talk.status == "sending"
        for _ in range(5):
            await room.mouth.said.put(LOUD)
        await settle()
        room.talk.press()
        await room.mouth.said.put(LOUD)
        await settle()
        assert room.service.types()[1:] == ["input_audio_buffer.clear", "input_audio_buffer.commit", "response.create"]
        assert room.service.sound() == LOUD * 5


async def test_pressing_stops_a_reply() -> None:
    async with Room(push_to_talk=True) as room:
        await room.opened()
        await room.reply(1000)
        room.ear.play(300)
        room.talk.press()
        await settle()
        assert room.service.types()[1:] == ["response.cancel", "input_audio_buffer.clear"]
        assert not room.ear.playout.playing
        await room.replied("cancelled")
        assert room.service.sent[-1]["audio_end_ms"] == 300


async def test_a_touch_of_the_key_asks_for_nothing() -> None:
    """A commit of less than 100 ms is refused, and an answer to it would be billed."""
    async with Room(push_to_talk=True) as room:
        await room.opened()
        room.talk.press()
        await room.mouth.said.put(LOUD)
        await settle()
        room.talk.press()
        await settle()
        assert room.service.types()[1:] == ["input_audio_buffer.clear", "input_audio_buffer.clear"]


async def test_keys_do_nothing_where_they_have_no_meaning() -> None:
    async with Room() as room:
        room.talk.press()
        await room.opened()
        room.talk.press()
        await settle()
        assert room.service.types() == ["session.update"]


async def test_a_file_spoken_with_push_to_talk_is_sent_when_it_ends() -> None:
    async with Room(push_to_talk=True, held=True) as room:
        await room.opened()
        for _ in range(5):
            await room.mouth.said.put(LOUD)
        await room.mouth.said.put(None)
        await settle()
        assert room.service.types()[-2:] == ["input_audio_buffer.commit", "response.create"]


# --- ending ------------------------------------------------------------------------------------------------------


async def test_hanging_up_closes_everything_and_raises_nothing() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        room.ear.play(300)
        room.talk.end()
        await room.ended()
        room.running.result()
        assert not room.mouth.open
        assert ("a", 300, True) in room.view.lines
        assert room.view.statuses[-1] == "over"
        assert room.session.ended


async def test_a_caller_who_has_said_everything_hears_the_last_reply_out() -> None:
    async with Room(transcription=True) as room:
        await room.opened()
        await room.mouth.said.put(None)
        await settle()
        await room.spoke("u")
        await room.clock.forward(2.0)
        assert not room.running.done()  # an answer and a transcript are due
        await room.reply(500)
        await room.replied()
        await room.clock.forward(2.0)
        assert not room.running.done()  # it is still being played
        room.ear.play(500)
        await room.clock.forward(2.0)
        assert not room.running.done()  # the transcript is still due
        name = "conversation.item.input_audio_transcription.completed"
        await room.says(name, item_id="u", content_index=0, transcript="Bye.")
        await room.clock.forward(2.0)
        await room.ended()
        room.running.result()


async def test_after_the_last_word_silence_is_sent_so_that_the_turn_can_end() -> None:
    async with Room() as room:
        await room.opened()
        await room.mouth.said.put(LOUD)
        await room.mouth.said.put(None)
        await room.clock.forward(0.2)
        assert room.service.sound() == LOUD + bytes(10 * CHUNK_BYTES)


async def test_a_transcript_of_an_item_that_is_gone_is_not_waited_for() -> None:
    async with Room(transcription=True) as room:
        await room.opened()
        await room.spoke("u")
        await room.says("response.created", response={"id": "r", "conversation_id": "c"})
        await room.says("response.done", response={"id": "r", "conversation_id": "c", "status": "completed"})
        await room.mouth.said.put(None)
        await room.clock.forward(2.0)
        assert not room.running.done()
        await room.says("conversation.item.deleted", item_id="u")
        await room.clock.forward(2.0)
        await room.ended()
        room.running.result()


async def test_a_service_that_never_answers_a_recorded_caller_is_left() -> None:
    async with Room(transcription=True) as room:
        await room.opened()
        await room.spoke("u")
        await room.mouth.said.put(None)
        await room.clock.forward(29.0)
        assert not room.running.done()
        await room.clock.forward(2.0)
        await room.ended()
        room.running.result()


async def test_a_service_that_greets_and_then_says_nothing_is_told_of() -> None:
    async with Room() as room:
        await room.says("session.created", session={"type": "realtime", "audio": room.audio})
        await asyncio.sleep(0.06)
        await room.mouth.said.put(LOUD)
        await room.mouth.said.put(None)
        await room.clock.forward(31.0)
        await room.ended()
        with pytest.raises(Unreachable, match="said nothing, whatever it was told"):
            room.running.result()


@pytest.mark.parametrize("error", [Dropped("gone"), NoDevice("unplugged")])
async def test_what_breaks_is_raised_after_everything_is_closed(error: LaconicError) -> None:
    async with Room() as room:
        await room.opened()
        if isinstance(error, Dropped):
            await room.service.inbox.put(error)
        else:
            await room.mouth.said.put(error)
        await room.ended()
        assert room.running.exception() is error
        assert not room.mouth.open
        assert room.session.ended


async def test_a_fatal_error_ends_the_talk() -> None:
    async with Room() as room:
        await room.opened()
        await room.says("error", error={"type": "insufficient_quota", "message": "You exceeded your quota."})
        await room.ended()
        with pytest.raises(Refused, match="quota"):
            room.running.result()


async def test_a_response_that_failed_for_good_ends_the_talk() -> None:
    async with Room() as room:
        await room.opened()
        details = {"type": "failed", "error": {"code": "insufficient_quota", "message": "You exceeded your quota."}}
        await room.says("response.done", response={"id": "r", "status": "failed", "status_details": details})
        await room.ended()
        with pytest.raises(Refused, match="quota"):
            room.running.result()


async def test_an_expired_session_is_told_as_such() -> None:
    async with Room() as room:
        await room.opened()
        await room.says("error", error={"code": "session_expired", "message": "60 minutes are over."})
        await room.ended()
        with pytest.raises(Dropped, match="60 minutes are over"):
            room.running.result()


async def test_races_are_counted_and_not_shown_other_errors_are() -> None:
    async with Room() as room:
        await room.opened()
        await room.says("error", error={"code": "response_cancel_not_active", "message": "no"})
        await room.says("error", error={"code": "invalid_event", "message": "what?"})
        shown = [line.error.code for line in room.view.lines if isinstance(line, ev.Error)]
        assert shown == ["invalid_event"]
        assert room.session.errors == 2


# --- beside ------------------------------------------------------------------------------------------------------


async def test_every_message_is_recorded_with_who_said_it() -> None:
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        await room.replied()
        room.ear.play(300)
        await room.cut_in()
        kinds = dict.fromkeys(room.recorded)
        assert ("service", "session.created") in kinds
        assert ("app", "session.update") in kinds
        assert ("laconic", "conversation.item.truncate") in kinds
        assert len(room.recorded) == len(room.service.sent) + 9


async def test_the_session_is_ticked_when_its_deadline_has_come() -> None:
    """An edit nobody answers is tried once more."""
    async with Room() as room:
        await room.opened()
        await room.reply(1000)
        await room.replied()
        room.ear.play(300)
        await room.cut_in()
        await room.clock.forward(6.0)
        assert room.service.types().count("conversation.item.truncate") == 2


async def test_the_meter_knows_how_long_the_session_lasts() -> None:
    """Services exist that bill the minute."""
    async with Room() as room:
        await room.opened()
        room.session.meter.rates = load().find("grok-voice")
        await room.clock.forward(60.0)
        assert [charge.what for charge in room.session.meter.total.charges] == ["time"]


async def test_what_the_status_says() -> None:
    async with Room() as room:
        assert room.talk.status == "connecting"
        await room.opened()
        await room.cut_in("u")
        assert room.talk.status == "you_speak"
        await room.says("input_audio_buffer.speech_stopped", audio_end_ms=6000, item_id="u")
        await room.says("response.created", response={"id": "r", "conversation_id": "c"})
        assert room.talk.status == "thinking"
        await room.clock.forward(0.1)
        assert room.view.statuses == ["thinking"]


async def test_a_slow_connection_makes_the_microphone_wait() -> None:
    async with Room() as room:
        await room.opened()
        stuck = asyncio.Event()
        send = room.service.send

        async def slowly(raw: str | bytes) -> None:
            await stuck.wait()
            await send(raw)

        room.service.send = slowly  # type: ignore[method-assign]
        for _ in range(400):
            await room.mouth.said.put(LOUD)
        for _ in range(100):
            await settle()
        assert room.mouth.said.qsize() > 100
        stuck.set()
        await room.clock.forward(1.0)
        assert room.mouth.said.qsize() == 0


# --- memory ------------------------------------------------------------------------------------------------------


class Folder:
    """A memory that wants everything summed up as soon as something was said."""

    name = "folder"

    def why(self) -> str:
        return "a test wants it"

    def plans(self, past: Past) -> Iterator[Plan]:
        if len(past.conversation):
            yield Plan(frozenset(item.id for item in past.conversation), self._steps(past))

    def _steps(self, past: Past) -> Steps:
        summary = yield Ask("User: Hello.", 50)
        if isinstance(summary, str):
            yield [Insert(message("system", summary, past.ids()), "root")]


async def test_what_auto_chose_is_told_once_the_service_agreed() -> None:
    async with Room(memory="auto", transcription=True) as room:
        await room.opened()
        [told] = [line for line in room.view.lines if isinstance(line, MemoryTold)]
        assert told.text.startswith(f"memory is summary: an hour costs {told.sums} (")
        await room.says("session.updated", session={"type": "realtime", "audio": room.audio})
        assert sum(isinstance(line, MemoryTold) for line in room.view.lines) == 1


async def test_the_talk_goes_on_while_a_summary_is_written() -> None:
    wanted, written = asyncio.Event(), asyncio.Event()

    async def write(text: str, max_tokens: int) -> Summary:
        assert (text, max_tokens) == ("User: Hello.", 50)
        wanted.set()
        await written.wait()
        return Summary("The user said hello.", Usage(text_in=10, text_out=5), "gpt-5.4-nano")

    async with Room(memory=Folder(), writer=write, detection={"type": "server_vad", "create_response": False}) as room:
        await room.opened()
        await room.spoke("u")
        assert wanted.is_set()
        await room.mouth.said.put(LOUD)
        await settle()
        assert room.service.sound() == LOUD
        assert "conversation.item.create" not in room.service.types()
        written.set()
        await settle()
        assert room.service.types()[-1] == "conversation.item.create"
        assert room.service.sent[-1]["item"]["content"][0]["text"] == "The user said hello."


async def test_a_talk_that_ends_waits_for_no_summary() -> None:
    async def never(text: str, max_tokens: int) -> Summary:
        await asyncio.Event().wait()
        raise AssertionError

    async with Room(memory=Folder(), writer=never, detection={"type": "server_vad", "create_response": False}) as room:
        await room.opened()
        await room.spoke("u")
        room.talk.end()
        await room.ended()
        assert room.running.result() is None
        assert not [task for task in asyncio.all_tasks() if "summary" in task.get_name()]
