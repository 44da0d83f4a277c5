"""The life of one response, from its first item to its last `done`.

What will be said is known when the first item is due; here it is dealt out. The order is the recorded one
(PROTOCOL.md section 6.1): an item is announced, then its part; words run ahead of their sound, at more than twice
its pace, and the first few come before any; sound is made several times faster than it plays; every item is opened
and filled in its turn, and all of them are closed at the end, first to last. A response that is stopped closes what
it has opened with what has been sent so far, and nothing more.

    item ─ part ─ words words sound words sound … sound │ sound.done words.done part.done item.done output_item.done
    call ─────── arguments arguments …                  │ arguments.done            item.done output_item.done
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from laconic.items import Item, Part, Wire
from laconic.simulator.held import Held, Sounding, copied
from laconic.simulator.ids import Ids
from laconic.simulator.sound import BYTES_PER_MS, encoded, wire_bytes_per_ms

__all__ = ["Ask", "Call", "Message", "Output", "Pace", "Promised", "Response", "pieces"]

_PADDED = 16
"""Characters of a delta and its obfuscation together: 16 in 403 of 403 recorded deltas, the delta always shorter."""
_WORDS_AHEAD = 0.45
"""A word is written when this share of its time has been generated: recorded replies finish writing near it."""
_FIRST_WORDS = 3
"""So many pieces come before the first sound, as recorded."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to be said or written."""

    words: Sequence[tuple[str, int, int]]
    """Words as they stand in the transcript, blanks included, each with its first and last millisecond of sound."""
    pcm: bytes | None = None
    """PCM16, 24 kHz; None for a written reply."""
    phase: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function to be called."""

    name: str
    arguments: str


Output = Message | Call
Promised = Callable[[], Message]
"""A message whose sound is still being made, to be asked for when it is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast things come, all in the service's seconds."""

    latency_s: float = 0.35
    """From the response's creation to its first item. Speakers who go on within it make a ghost turn."""
    speedup: float = 5.0
    """Sound is made so many times faster than it plays (measured: PROTOCOL.md section 6.2)."""
    delta_ms: int = 200
    """Sound in one delta; the first holds half of it."""
    piece_s: float = 0.02
    """Between two pieces of a written reply or of arguments."""
    empty_item: bool = False
    """Whether the first item is announced at once, so that a ghost turn leaves an empty item behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a response was asked to be, session and `response.create` taken together."""

    conversation_id: str | None
    """None for a response outside the conversation."""
    modalities: list[str]
    format: Wire
    voice: Any
    max_output_tokens: int | str
    metadata: Any = None


@dataclass(slots=True)
class _Open:
    """An output that has been announced."""

    item: Item
    output: Output
    sounding: Sounding
    part: Part | None = None


_Act = Literal["item", "part", "words", "sound", "arguments", "end"]


@dataclass(frozen=True, slots=True)
class _Step:
    at: float
    """Seconds."""
    act: _Act
    index: int
    piece: str = ""
    sound: bytes = b""
    """As it goes onto the wire."""
    ms: int = 0


def pieces(text: str) -> list[str]:
    """Cut a text as the service does, roughly by tokens: words with the blank before them, marks apart, under 16."""
    found = re.findall(r"\s*(?:[A-Za-z0-9'’]+|.)", text, re.DOTALL)
    cut = _PADDED - 1
    return [piece[at : at + cut] for piece in found for at in range(0, len(piece), cut)]


class Response:
    """One response in progress. `advance` when `deadline` has come; `stop` to cut it short; then `done` tells all."""

    def __init__(
        self,
        ask: Ask,
        outputs: Sequence[Output | Promised],
        *,
        now: float,
        pace: Pace,
        ids: Ids,
        say: Callable[[Wire], None],
        held: Held,
        count: Callable[[Item], int],
    ) -> None:
        self.id = ids("resp")
        self.ask = ask
        self.status = "in_progress"
        self.status_details: Wire | None = None
        self.playback_ms = 0
        """Sound sent so far, milliseconds."""
        self._ids, self._say, self._held, self._count = ids, say, held, count
        self._promised, self._outputs = outputs, list[Output]()
        self._kind: str = ask.format["type"]
        self._opened: list[_Open] = []
        self._created, self._pace = now, pace
        self._steps: list[_Step] = []
        self._next = 0
        say({"type": "response.created", "response": self.to_wire(None)})

    @property
    def in_conversation(self) -> bool:
        return self.ask.conversation_id is not None

    @property
    def items(self) -> list[Item]:
        """What has come of it so far."""
        return [opened.item for opened in self._opened]

    @property
    def over(self) -> bool:
        return self.status != "in_progress"

    @property
    def deadline(self) -> float | None:
        if self.over:
            return None
        return self._steps[self._next].at if self._steps else self._first

    def call_ids(self) -> set[str]:
        return {item.call_id for item in self.items if item.call_id is not None}

    def advance(self) -> None:
        """Take the next step, the one `deadline` speaks of."""
        if not self._steps:
            self._outputs = [promised() if callable(promised) else promised for promised in self._promised]
            self._steps = sorted(self._planned(), key=lambda step: step.at)
        step = self._steps[self._next]
        self._next += 1
        if step.act == "end":
            self._close("completed")
        elif step.act == "item":
            self._announce(self._outputs[step.index])
        else:
            opened = self._opened[step.index]
            if self._would_exceed(opened, step):
                self.stop("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
            elif step.act == "part":
                self._open_part(opened)
            else:
                self._grow(opened, step)

    def stop(self, status: str, details: Wire) -> None:
        """End it here: `cancelled` or `incomplete`, for the reason given."""
        self.status_details = details
        self._close(status)

    def to_wire(self, usage: Wire | None) -> Wire:
        """The `response` object of `response.created` and `response.done`."""
        ask = self.ask
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self.status_details,
            "output": [item.to_wire() for item in self.items] if self.over else [],
            "conversation_id": ask.conversation_id,
            "output_modalities": ask.modalities,
            "max_output_tokens": ask.max_output_tokens,
            "audio": {"output": {"format": ask.format, "voice": ask.voice}},
            "usage": usage,
            "metadata": ask.metadata,
        }

    # --- planning ----------------------------------------------------------------------------------------------

    @property
    def _first(self) -> float:
        """When the first item is due."""
        early = self._pace.empty_item and len(self._promised) > 0
        return self._created if early else self._created + self._pace.latency_s

    def _planned(self) -> Iterator[_Step]:
        pace, at = self._pace, self._created + self._pace.latency_s
        for index, output in enumerate(self._outputs):
            yield _Step(at if index else self._first, "item", index)
            if isinstance(output, Call):
                cut = pieces(output.arguments)
                yield from (_Step(at + n * pace.piece_s, "arguments", index, piece) for n, piece in enumerate(cut))
                at += len(cut) * pace.piece_s
                continue
            yield _Step(at, "part", index)
            if output.pcm is None:
                cut = pieces("".join(word for word, _, _ in output.words))
                yield from (_Step(at + n * pace.piece_s, "words", index, piece) for n, piece in enumerate(cut))
                at += len(cut) * pace.piece_s
                continue
            # Sorting is stable: what is yielded first comes first where times are equal.
            yield from self._written(output, index, at, pace)
            yield from self._sounded(output.pcm, index, at, pace)
            at += len(output.pcm) / BYTES_PER_MS / 1000 / pace.speedup
        yield _Step(at, "end", 0)

    def _written(self, output: Message, index: int, at: float, pace: Pace) -> Iterator[_Step]:
        written = 0
        for word, start_ms, _ in output.words:
            for piece in pieces(word):
                ahead = 0.0 if written < _FIRST_WORDS else start_ms * _WORDS_AHEAD / 1000 / pace.speedup
                yield _Step(at + ahead, "words", index, piece)
                written += 1

    def _sounded(self, pcm: bytes, index: int, at: float, pace: Pace) -> Iterator[_Step]:
        total_ms = math.ceil(len(pcm) / BYTES_PER_MS)
        sound = encoded(pcm.ljust(total_ms * BYTES_PER_MS, b"\0"), self._kind)
        per_ms = wire_bytes_per_ms(self._kind)
        start_ms = 0
        while start_ms < total_ms:
            ms = min(pace.delta_ms if start_ms else max(1, pace.delta_ms // 2), total_ms - start_ms)
            cut = sound[start_ms * per_ms : (start_ms + ms) * per_ms]
            yield _Step(at + start_ms / 1000 / pace.speedup, "sound", index, sound=cut, ms=ms)
            start_ms += ms

    # --- doing -------------------------------------------------------------------------------------------------

    def _announce(self, output: Output) -> None:
        item = Item(self._ids("item"), status="in_progress")
        if isinstance(output, Call):
            item.type = "function_call"
            item.name, item.call_id, item.arguments = output.name, self._ids("call"), ""
        else:
            item.role = "assistant"
            if output.phase is not None:
                item.extra = {"phase": output.phase}
        index = len(self._opened)
        self._opened.append(_Open(item, output, Sounding()))
        self._about("response.output_item.added", index, item=item.to_wire())
        if self.in_conversation:
            previous = self._held.append(item)
            self._say({"type": "conversation.item.added", "previous_item_id": previous, "item": item.to_wire()})

    def _open_part(self, opened: _Open) -> None:
        part = opened.part = self._new_part(opened)
        opened.item.parts.append(part)
        told = {"type": "audio", "transcript": ""} if part.is_audio else {"type": "text", "text": ""}
        self._about("response.content_part.added", self._opened.index(opened), part=told)

    def _grow(self, opened: _Open, step: _Step) -> None:
        item, index = opened.item, step.index
        padding = {"delta": step.piece, "obfuscation": self._ids.letters(_PADDED - len(step.piece))}
        if step.act == "arguments":
            item.arguments = (item.arguments or "") + step.piece
            self._about("response.function_call_arguments.delta", index, call_id=item.call_id, **padding)
            return
        part = opened.part
        assert part is not None
        assert isinstance(opened.output, Message)
        if step.act == "words":
            part.text = (part.text or "") + step.piece
            kind = "output_audio_transcript" if part.is_audio else "output_text"
            self._about(f"response.{kind}.delta", index, **padding)
            return
        part.audio_ms += step.ms
        self.playback_ms += step.ms
        pcm = opened.output.pcm or b""
        opened.sounding.pcm = pcm[: part.audio_ms * BYTES_PER_MS]
        opened.sounding.words = [(word, end) for word, _, end in opened.output.words if end <= part.audio_ms]
        if self._in_order(item):
            self._held.say(item.id, 0, opened.sounding)
        self._about("response.output_audio.delta", index, delta=base64.b64encode(step.sound).decode())

    def _would_exceed(self, opened: _Open, step: _Step) -> bool:
        """Whether this step would make more tokens than were asked for at most. An opened part is not free either."""
        limit = self.ask.max_output_tokens
        if not isinstance(limit, int):
            return False
        grown = copied(opened.item)
        if step.act == "arguments":
            grown.arguments = (grown.arguments or "") + step.piece
        elif step.act == "part":
            grown.parts.append(self._new_part(opened))
        else:
            part = grown.parts[0]
            part.text, part.audio_ms = (part.text or "") + step.piece, part.audio_ms + step.ms
        return sum(self._count(grown if item is opened.item else item) for item in self.items) > limit

    def _new_part(self, opened: _Open) -> Part:
        assert isinstance(opened.output, Message)
        return Part("output_text" if opened.output.pcm is None else "output_audio", "")

    def _close(self, status: str) -> None:
        whole = status == "completed"
        for index, opened in enumerate(self._opened):
            item = opened.item
            if item.type == "function_call":
                call = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
                self._about("response.function_call_arguments.done", index, **call)
            elif opened.part is not None:
                self._close_part(opened.part, index)
            item.status = "completed" if whole else "incomplete"
            if self._in_order(item):
                self._say(
                    {
                        "type": "conversation.item.done",
                        "previous_item_id": self._previous_as_told(item.id),
                        "item": item.to_wire(),
                    }
                )
            self._about("response.output_item.done", index, item=item.to_wire())
        self.status = status

    def _close_part(self, part: Part, index: int) -> None:
        text = part.text or ""
        if part.is_audio:
            self._about("response.output_audio.done", index)
            self._about("response.output_audio_transcript.done", index, transcript=text)
            self._about("response.content_part.done", index, part={"type": "audio", "transcript": text})
        else:
            self._about("response.output_text.done", index, text=text)
            self._about("response.content_part.done", index, part={"type": "text", "text": text})

    def _in_order(self, item: Item) -> bool:
        """Whether the conversation holds it: it never held those of other responses, and a client may delete one."""
        return self.in_conversation and self._held.get(item.id) is not None

    def _previous_as_told(self, item_id: str) -> str | None:
        """What `item.done` says: null where the predecessor is the first item of all (17 of 17 recordings)."""
        previous = self._held.previous_id(item_id)
        return None if previous is None or self._held.place(previous) == 0 else previous

    def _about(self, name: str, index: int, /, **fields: Any) -> None:
        """Say something about an output. The events that bring the item itself do not name it besides."""
        event: Wire = {"type": name, "response_id": self.id}
        if "item" not in fields:
            event["item_id"] = self._opened[index].item.id
        event["output_index"] = index
        if "item" not in fields and "function_call" not in name:
            event["content_index"] = 0
        self._say(event | fields)
