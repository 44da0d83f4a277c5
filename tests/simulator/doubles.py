"""Simple stand-ins for the stand-in's own parts, so that its rules can be tested in milliseconds and to the number.

Sound is a constant: how loud it is says which sentence it is. Turns are found by loudness, a word takes 300 ms to
say, and a mind answers from a list. The bill is the real one.
"""

from __future__ import annotations

import base64
import json
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from laconic.laws import prior
from laconic.simulator.bill import Bill
from laconic.simulator.composing import MindAndVoice
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.ids import Ids
from laconic.simulator.minds.reply import HeardItem, Reply
from laconic.simulator.service import Service
from laconic.simulator.speech import Spoken, Word, split_words
from laconic.simulator.turns import SpeechStarted, SpeechStopped

__all__ = ["Ears", "Line", "LoudTurns", "Voice", "Yes", "error", "names", "only", "quiet", "say"]

_SENTENCES: list[str] = []


def quiet(ms: int) -> bytes:
    return bytes(48 * ms)


def say(text: str, ms: int = 960) -> bytes:
    """Sound that `Ears` understands as `text`."""
    if text not in _SENTENCES:
        _SENTENCES.append(text)
    level = 1000 + 10 * _SENTENCES.index(text)
    return level.to_bytes(2, "little") * (24 * ms)


@dataclass(frozen=True)
class Heard:
    text: str | None
    voiced_ms: int
    complete: bool = True

    @property
    def transcript(self) -> str:
        return self.text if self.text is not None else f"({self.voiced_ms / 1000:.1f} s of speech)"


class Ears:
    def hear(self, pcm: bytes) -> Heard:
        levels = array("h", pcm[: len(pcm) // 2 * 2])[::24]
        if sys.byteorder == "big":
            levels.byteswap()
        loud = Counter(level for level in levels if level >= 1000)
        said: list[str] = []
        for level in loud:
            place, rest = divmod(level - 1000, 10)
            if rest == 0 and place < len(_SENTENCES):
                said.append(_SENTENCES[place])
        return Heard(" ".join(said) or None, loud.total(), not said or said[-1][-1] in ".?!")


class LoudTurns:
    """Speech is what is loud, in windows of 32 ms."""

    def __init__(self, finished: Callable[[int, int], bool] | None = None) -> None:
        self._finished = finished
        self._pcm = b""
        self._ms = 0
        self._start_ms: int | None = None
        self._loud_ms = 0
        self._free_ms = 0
        self.settings: dict[str, Any] = {}

    def configure(self, **settings: Any) -> None:
        self.settings = settings

    def abandon(self) -> None:
        self._start_ms, self._free_ms = None, self._ms

    @property
    def needed_from_ms(self) -> int:
        if self._start_ms is not None:
            return self._start_ms
        return max(self._free_ms, self._ms - self.settings.get("prefix_padding_ms", 300), 0)

    def hear(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        self._pcm += pcm
        found: list[SpeechStarted | SpeechStopped] = []
        while len(self._pcm) >= 32 * 48:
            window, self._pcm = self._pcm[: 32 * 48], self._pcm[32 * 48 :]
            self._ms += 32
            loud = abs(int.from_bytes(window[:2], "little", signed=True)) > 500
            if loud:
                self._loud_ms = self._ms
                if self._start_ms is None:
                    self._start_ms = max(self._free_ms, self._ms - 32 - self.settings["prefix_padding_ms"], 0)
                    found.append(SpeechStarted(self._start_ms))
            elif self._start_ms is not None and self._ms - self._loud_ms >= self._wait_ms():
                self._start_ms, self._free_ms = None, self._ms
                found.append(SpeechStopped(self._ms))
        return found

    def _wait_ms(self) -> int:
        if self.settings["mode"] == "server_vad":
            return self.settings["silence_duration_ms"]
        assert self._finished is not None
        return 320 if self._finished(self._start_ms or 0, self._ms) else 1000


class Voice:
    """300 ms of a steady tone for each word."""

    def say(
        self,
        text: str,
        lang: str = "en",
        *,
        reading: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
    ) -> Spoken:
        words = split_words(text, lang)
        timed = tuple(Word(word, 300 * n, 300 * (n + 1)) for n, word in enumerate(words))
        return Spoken(b"\x10\x10" * (24 * 300 * len(words)), timed)


class Yes:
    """Answers from a list, then "Yes." for ever, and keeps what it was shown."""

    def __init__(self, *replies: Reply | str) -> None:
        self._replies = [Reply(text=reply) if isinstance(reply, str) else reply for reply in replies]
        self.shown: list[list[HeardItem]] = []

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        self.shown.append(list(items))
        return self._replies.pop(0) if self._replies else Reply(text="Yes.")


class Line:
    """A client's end of one connection, with a clock in its hand."""

    def __init__(
        self,
        *replies: Reply | str,
        habits: Habits | None = None,
        faults: Faults | None = None,
        commentary: bool = True,
        hits: Callable[[], float] = lambda: 1.0,
        **settings: Any,
    ) -> None:
        habits = habits or Habits()
        self.mind = Yes(*replies)
        self.service = Service(
            habits,
            ids=Ids(1),
            turns=LoudTurns,
            hearing=Ears(),
            composer=MindAndVoice(self.mind, Voice(), commentary=commentary),
            bill=Bill(prior("openai", habits.model), hits=hits),
            faults=faults,
        )
        self.now = 0.0
        self.log: list[dict[str, Any]] = []
        self.service.connected(self.now)
        self._take()
        if settings:
            self.update(**settings)

    def send(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """Send an event; what comes back at once."""
        self.service.receive(json.dumps({"type": name, **fields}), self.now)
        return self._take()

    def update(self, **session: Any) -> list[dict[str, Any]]:
        return self.send("session.update", session={"type": "realtime", **session})

    def turn_detection(self, **settings: Any) -> list[dict[str, Any]]:
        return self.update(audio={"input": {"turn_detection": settings or None}})

    def append(self, pcm: bytes, *, paced: bool = True) -> list[dict[str, Any]]:
        """Sound in chunks of 32 ms, in real time."""
        found: list[dict[str, Any]] = []
        for at in range(0, len(pcm), 32 * 48):
            chunk = pcm[at : at + 32 * 48]
            found += self.send("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
            if paced:
                found += self.wait(len(chunk) / 48_000)
        return found

    def create(self, text: str, role: str = "user", **fields: Any) -> str:
        """Add a text item; its id."""
        kind = "output_text" if role == "assistant" else "input_text"
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
        found = self.send("conversation.item.create", item=item | fields.pop("item", {}), **fields)
        return found[0]["item"]["id"]

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        self.now += seconds
        self.service.tick(self.now)
        return self._take()

    def finish(self) -> list[dict[str, Any]]:
        """Wait until nothing is under way."""
        found: list[dict[str, Any]] = []
        while (due := self.service.pending) is not None:
            self.now = max(self.now, due)
            self.service.tick(self.now)
            found += self._take()
        return found

    def until(self, name: str) -> list[dict[str, Any]]:
        """Wait for an event of this name."""
        found: list[dict[str, Any]] = []
        while not any(event["type"] == name for event in found):
            due = self.service.deadline
            assert due is not None, f"{name} never came, only {names(found)}"
            self.now = max(self.now, due)
            self.service.tick(self.now)
            found += self._take()
        return found

    @property
    def texts(self) -> list[str | None]:
        return [item.text for item in self.service.conversation]

    def _take(self) -> list[dict[str, Any]]:
        found = [json.loads(message) for message in self.service.outbox()]
        self.log += found
        return found


def names(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The events' names, deltas of one kind in a row told once."""
    told: list[str] = []
    for event in found:
        if not (told and told[-1] == event["type"] and event["type"].endswith(".delta")):
            told.append(event["type"])
    return told


def only(found: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [event for event in found if event["type"] == name]


def error(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The only thing that came back is an error; what it says."""
    [event] = found
    assert event["type"] == "error"
    return event["error"]
