"""The conversation of a probe: every turn of the plan said, every edit tried and its answer waited for.

Turns are ended by us (no voice detection), nothing is transcribed, and each edit is alone on the line, so that an error
that names nothing can still only be about it. A service that leaves an edit unanswered is not asked for another of
that kind. The script stops early, and says why, when the service refuses to answer, when time is up, or when the next
turn might pass the price that was named.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from laconic import events as ev
from laconic.items import Wire
from laconic.meter import price
from laconic.probing.notes import Answer, Edited, EditResult, Notes
from laconic.probing.picture import picture
from laconic.probing.plan import INSTRUCTIONS, MAX_OUTPUT_TOKENS, TOOL, Turn, surprise, time_limit_s
from laconic.probing.script import Listen, Say, Script, pause
from laconic.usage import Usage

__all__ = ["Clip", "Limits", "conversation", "spoken"]

_PCM: Wire = {"type": "audio/pcm", "rate": 24_000}
_CHUNK_BYTES = 48 * 1000


@dataclass(frozen=True, slots=True)
class Clip:
    """Something to be said aloud: PCM16, mono, 24 kHz, and its words."""

    pcm: bytes
    text: str

    @property
    def ms(self) -> int:
        return len(self.pcm) // 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait, seconds, and how much to spend."""

    edit_s: float = 5.0
    answer_s: float = 30.0
    most: int | None = None
    """10⁻⁹ of the currency; None for as much as it takes."""


def conversation(
    notes: Notes, turns: Sequence[Turn], clips: Sequence[Clip], limits: Limits, told: Callable[[Turn], None]
) -> Script[str | None]:
    """Hold it. None if all was asked; else why it stopped. `told` hears of each turn as it begins."""
    return _Probe(notes, clips, limits).hold(turns, told)


class _Probe:
    def __init__(self, notes: Notes, clips: Sequence[Clip], limits: Limits) -> None:
        self._notes, self._clips, self._limits = notes, clips, limits
        self._words: dict[str, str] = {}  # of what was said aloud, by item
        self._items = 0
        self._output_tokens = MAX_OUTPUT_TOKENS

    def hold(self, turns: Sequence[Turn], told: Callable[[Turn], None]) -> Script[str | None]:
        refused = yield from self._configure()
        if refused is not None:
            return refused
        until = self._notes.now + time_limit_s(turns)
        for turn in turns:
            if not self._wanted(turn):
                continue
            if self._notes.now > until:
                return f"time was up before the turn '{turn.name}'"
            if self._might_pass_the_price(turn):
                return f"the turn '{turn.name}' might have passed the price that was named"
            told(turn)
            self._notes.turn = turn.name
            refused = yield from self._take(turn)
            if refused is not None:
                return refused
        return None

    def _take(self, turn: Turn) -> Script[str | None]:
        yield from self._edit(turn)
        yield from self._update(turn)
        yield from pause(turn.gap_s)
        if turn.clip is not None:
            refused = yield from self._speak(self._clips[turn.clip])
        elif turn.picture:
            return (yield from self._show(turn.text))
        else:
            refused = yield from self._write(turn.text)
        if refused is not None:
            return refused
        return (yield from self._answer(cancel=turn.cancel))

    def _wanted(self, turn: Turn) -> bool:
        last = self._notes.answers[-1] if self._notes.answers else None
        if last is None or not turn.when:
            return True
        if turn.when == "drifted":
            return bool(last.made) and not spoken(last)
        hit_before = any(answer.usage is not None and answer.usage.cached_tokens for answer in self._notes.answers)
        return hit_before and last.usage is not None and not last.usage.cached_tokens

    def _might_pass_the_price(self, turn: Turn) -> bool:
        last = next((answer.usage for answer in reversed(self._notes.answers) if answer.usage), None)
        rates = self._notes.meter.rates
        if self._limits.most is None or last is None or rates is None:
            return False
        longest = max(clip.ms for clip in self._clips) // 8
        worst = Usage(
            text_in=last.text_in + last.text_out + 60,
            audio_in=last.audio_in + last.audio_out + longest,
            image_in=last.image_in,
            audio_out=MAX_OUTPUT_TOKENS,
        ) + surprise(turn)
        return self._notes.meter.total.nanodollars + price(worst, rates).nanodollars > self._limits.most

    # --- what is said -----------------------------------------------------------------------------------------

    def _configure(self) -> Script[str | None]:
        if not self._notes.conversation.settings:  # until the service has said in which spelling it speaks
            yield Listen(lambda event: isinstance(event, ev.SessionCreated), self._limits.edit_s)
        session: Wire = {
            "type": "realtime",
            "instructions": INSTRUCTIONS,
            "output_modalities": ["audio"],
            "max_output_tokens": MAX_OUTPUT_TOKENS,
            "audio": {
                "input": {"format": dict(_PCM), "transcription": None, "turn_detection": None},
                "output": {"format": dict(_PCM)},
            },
        }
        yield Say({"type": "session.update", "event_id": self._notes.event_id(), "session": session})
        answer = yield Listen(lambda event: isinstance(event, ev.SessionUpdated | ev.Error), self._limits.edit_s)
        if isinstance(answer, ev.Error):
            return f"the service refused the session's settings: {answer.error.message}"
        return None if answer is not None else "the service did not answer session.update"

    def _speak(self, clip: Clip) -> Script[str | None]:
        for at in range(0, len(clip.pcm), _CHUNK_BYTES):
            sound = base64.b64encode(clip.pcm[at : at + _CHUNK_BYTES]).decode()
            yield Say({"type": "input_audio_buffer.append", "audio": sound})
        yield Say({"type": "input_audio_buffer.commit", "event_id": self._notes.event_id()})
        added = yield Listen(_user_item_or_error, self._limits.edit_s)
        if isinstance(added, ev.ConversationItemAdded):
            self._words[added.item.get("id", "")] = clip.text
            return None
        return _why("the service took no sound", added)

    def _write(self, text: str) -> Script[str | None]:
        edit = yield from self._insert(_message("user", text, self._item_id()), None, "turn")
        return None if edit.result == "done" else _why("the service took no written turn", edit.error)

    def _show(self, text: str) -> Script[str | None]:
        """A turn with a picture, which leaves again: it would be read at every turn. Not every model has eyes."""
        wire = _message("user", text, self._item_id())
        wire["content"].insert(0, {"type": "input_image", "image_url": picture()})
        edit = yield from self._insert(wire, None, "picture")
        if edit.result != "done":
            return None
        refused = yield from self._answer(cancel=False)
        yield from self._delete(wire["id"], "picture")
        return refused

    def _answer(self, *, cancel: bool) -> Script[str | None]:
        yield Say({"type": "response.create", "event_id": self._notes.event_id()})
        event = yield Listen(_response_or_error, self._limits.answer_s)
        if cancel and isinstance(event, ev.ResponseCreated):
            yield Say({"type": "response.cancel", "event_id": self._notes.event_id()})
        while isinstance(event, ev.ResponseCreated) or (cancel and isinstance(event, ev.Error)):
            event = yield Listen(_response_or_error, self._limits.answer_s)
        if not isinstance(event, ev.ResponseDone):
            return _why("the service did not answer", event)
        if cancel and event.response.get("status") == "completed":  # then the cancel is still to be refused
            yield Listen(lambda event: isinstance(event, ev.Error), self._limits.edit_s)
        return None

    # --- what is changed --------------------------------------------------------------------------------------

    def _edit(self, turn: Turn) -> Script[None]:
        match turn.before:
            case "delete the end":
                yield from self._delete_reply()
            case "truncate":
                yield from self._truncate()
            case "delete the front":
                yield from self._delete(next(iter(self._notes.conversation)).id, "front")
                yield from self._delete("item_nobody_has_ever_seen", "unknown")
            case "delete the middle":
                items = list(self._notes.conversation)
                yield from self._delete(items[len(items) // 2].id, "middle")
            case "write down":
                yield from self._write_down()
            case "one note":
                yield from self._one_note()
            case _:
                pass

    def _update(self, turn: Turn) -> Script[None]:
        settings: Wire
        match turn.update:
            case "other settings":  # something that is no part of a prompt
                self._output_tokens = 2 * MAX_OUTPUT_TOKENS - 1 - self._output_tokens
                settings = {"max_output_tokens": self._output_tokens}
            case "a tool":
                settings = {"tools": [TOOL], "tool_choice": "none"}
            case "no tool":
                settings = {"tools": []}
            case _:
                return
        event: Wire = {"type": "session.update", "session": {"type": "realtime", **settings}}
        yield from self._try("update", turn.update, "", event, lambda heard: isinstance(heard, ev.SessionUpdated))

    def _delete_reply(self) -> Script[None]:
        for item in reversed(self._notes.answers[-1].made):
            if item.id in self._notes.conversation:
                yield from self._delete(item.id, "end")

    def _delete(self, item_id: str, place: str) -> Script[None]:
        if not self._notes.supports("delete"):
            return
        event: Wire = {"type": "conversation.item.delete", "item_id": item_id}
        yield from self._try("delete", place, item_id, event, lambda heard: _is_deleted(heard, item_id))

    def _truncate(self) -> Script[None]:
        sounding = [item for item in self._notes.answers[-1].made if item.audio_ms]
        if sounding:
            item = sounding[-1]
            place = next(index for index, part in enumerate(item.parts) if part.is_audio)
            event: Wire = {
                "type": "conversation.item.truncate",
                "item_id": item.id,
                "content_index": place,
                "audio_end_ms": item.parts[place].audio_ms // 2,
            }
            yield from self._try("truncate", "cut", item.id, event, lambda heard: _is_truncated(heard, item.id))

    def _write_down(self) -> Script[None]:
        """Every sound replaced by its words, at the same place, from the front."""
        behind = "root"
        for item in list(self._notes.conversation):
            words = self._words.get(item.id) or item.text
            if item.audio_ms and words and item.role in ("user", "assistant") and self._notes.supports("create"):
                wire = _message(item.role, words, self._item_id())
                edit = yield from self._insert(wire, behind, "written")
                if edit.result == "done":
                    yield from self._delete(item.id, "written")
                    behind = wire["id"]
                    continue
            behind = item.id

    def _one_note(self) -> Script[None]:
        """All that was written replaced by one system item at the front."""
        items = [item for item in self._notes.conversation if not item.audio_ms]
        lines = "\n".join(f"{item.role}: {item.text}" for item in items if item.text)
        edit = yield from self._insert(_message("system", lines, self._item_id()), "root", "note")
        if edit.result == "done":
            for item in items:
                yield from self._delete(item.id, "note")

    def _insert(self, wire: Wire, behind: str | None, place: str) -> Script[Edited]:
        event: Wire = {"type": "conversation.item.create", "item": wire}
        if behind is not None:
            event["previous_item_id"] = behind
        item_id: str = wire["id"]
        return (yield from self._try("create", place, item_id, event, lambda heard: _is_added(heard, item_id), behind))

    def _try(
        self,
        kind: Literal["create", "delete", "truncate", "update"],
        place: str,
        item_id: str,
        event: Wire,
        answers: Callable[[ev.Event], bool],
        behind: str | None = None,
    ) -> Script[Edited]:
        event_id, began = self._notes.event_id(), self._notes.now
        yield Say({"event_id": event_id, **event})
        heard = yield Listen(lambda event: isinstance(event, ev.Error) or answers(event), self._limits.edit_s)
        result: EditResult = "unanswered" if heard is None else "refused" if isinstance(heard, ev.Error) else "done"
        previous = heard.previous_item_id if isinstance(heard, ev.ConversationItemAdded) else None
        edit = Edited(
            kind=kind,
            place=place,
            item_id=item_id,
            event_id=event_id,
            result=result,
            took_ms=round((self._notes.now - began) * 1000),
            error=heard.error if isinstance(heard, ev.Error) else None,
            behind=behind,
            stands_behind=previous if isinstance(previous, str) else None,
        )
        self._notes.edits.append(edit)
        return edit

    def _item_id(self) -> str:
        self._items += 1
        return f"probe_item_{self._items}"


# --- what is listened for ----------------------------------------------------------------------------------------


def spoken(answer: Answer) -> bool:
    """Whether any sound came of it."""
    return any(item.audio_ms for item in answer.made)


def _user_item_or_error(event: ev.Event) -> bool:
    entered = isinstance(event, ev.ConversationItemAdded) and event.item.get("role") == "user"
    return entered or isinstance(event, ev.Error)


def _response_or_error(event: ev.Event) -> bool:
    return isinstance(event, ev.ResponseCreated | ev.ResponseDone | ev.Error)


def _is_added(event: ev.Event, item_id: str) -> bool:
    return isinstance(event, ev.ConversationItemAdded) and event.item.get("id") == item_id


def _is_deleted(event: ev.Event, item_id: str) -> bool:
    return isinstance(event, ev.ConversationItemDeleted) and event.item_id == item_id


def _is_truncated(event: ev.Event, item_id: str) -> bool:
    return isinstance(event, ev.ConversationItemTruncated) and event.item_id == item_id


def _why(what: str, answer: ev.Event | ev.ErrorDetail | None) -> str:
    error = answer.error if isinstance(answer, ev.Error) else answer
    return f"{what}: {error.message}" if isinstance(error, ev.ErrorDetail) else f"{what}: it said nothing"


def _message(role: str, text: str, item_id: str) -> Wire:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}
