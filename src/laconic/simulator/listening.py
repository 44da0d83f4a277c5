"""The service's ears: the sound that arrives, the turns in it, and what is handed over as a user's item.

With server or semantic voice detection, turns begin and end by themselves; without any (push to talk), the client
commits what has arrived. The place of everything is its millisecond in the stream of all sound ever received.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from laconic.simulator.rejected import Rejected
from laconic.simulator.sound import BYTES_PER_MS, SoundIn
from laconic.simulator.turns import InputBuffer, SpeechStarted, SpeechStopped

__all__ = ["Began", "Ears", "Ended", "Hears", "TurnTaking"]

_LEAST_COMMIT_MS = 100


class TurnTaking(Protocol):
    """What `turns.Turns` does; tests bring simpler ones."""

    def configure(
        self, *, threshold: float, prefix_padding_ms: int, silence_duration_ms: int, mode: str, eagerness: str
    ) -> None: ...

    def hear(self, pcm: bytes) -> Sequence[SpeechStarted | SpeechStopped]: ...

    def abandon(self) -> None: ...

    @property
    def needed_from_ms(self) -> int: ...


class HeardLike(Protocol):
    """What `hearing.Heard` is, as far as it matters here."""

    @property
    def text(self) -> str | None: ...
    @property
    def transcript(self) -> str: ...
    @property
    def voiced_ms(self) -> int: ...
    @property
    def complete(self) -> bool: ...


class Hears(Protocol):
    def hear(self, pcm: bytes) -> HeardLike: ...


@dataclass(frozen=True, slots=True)
class Began:
    item_id: str
    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    item_id: str
    audio_end_ms: int
    pcm: bytes


class Ears:
    """Listens to one connection. `settings` is the session's `audio.input`, followed as it changes."""

    def __init__(self, turns: TurnTaking, new_item_id: Callable[[], str], buffer: InputBuffer) -> None:
        self.settings: dict[str, Any] = {}
        self._turns = turns
        self._new_item_id = new_item_id
        self._buffer = buffer
        self._sound = SoundIn()
        self._turn: Began | None = None

    @property
    def speaking(self) -> bool:
        """Whether a user's turn is open."""
        return self._turn is not None

    @property
    def detection(self) -> dict[str, Any] | None:
        """The turn detection in force; None for push to talk."""
        return self.settings.get("turn_detection")

    @property
    def end_ms(self) -> int:
        """The millisecond up to which sound has arrived."""
        return self._buffer.end_ms

    def configure(self, settings: dict[str, Any]) -> None:
        """Follow the session. A turn in progress survives, unless turn detection itself has changed."""
        if settings["format"]["type"] != self._sound.kind:
            self._sound = SoundIn(settings["format"]["type"])
        before, self.settings = self.settings.get("turn_detection"), settings
        now = settings["turn_detection"]
        if now == before:
            return
        self._turn = None
        self._turns.abandon()
        if now is not None:
            self._turns.configure(
                threshold=now.get("threshold", 0.5),
                prefix_padding_ms=now.get("prefix_padding_ms", 300),
                silence_duration_ms=now.get("silence_duration_ms", 500),
                mode=now["type"],
                eagerness=now.get("eagerness", "auto"),
            )

    def read(self, audio: object) -> bytes:
        """The sound of an append event. Raises Rejected."""
        return self._sound.read(audio, "audio")

    def hear(self, pcm: bytes) -> list[Began | Ended]:
        """Take in sound; the turns that began and ended in it."""
        self._buffer.append(pcm)
        found = self._turns.hear(pcm)
        if self.detection is None:
            return []
        happened: list[Began | Ended] = []
        for event in found:
            if isinstance(event, SpeechStarted):
                # Not before what was handed over last: detection looks at windows, a commit comes at any moment.
                self._turn = Began(self._new_item_id(), max(event.audio_start_ms, self._buffer.start_ms))
                happened.append(self._turn)
            elif self._turn is not None:
                turn, self._turn = self._turn, None
                sound = self._buffer.commit(turn.audio_start_ms, event.audio_end_ms)
                happened.append(Ended(turn.item_id, event.audio_end_ms, sound))
        idle_ms = self.detection.get("idle_timeout_ms") or 0
        self._buffer.forget_before(min(self._turns.needed_from_ms, self._buffer.end_ms - idle_ms))
        return happened

    def commit(self) -> tuple[str, bytes]:
        """The user item made of what has arrived: its id and its sound. Raises Rejected."""
        if self.detection is None:
            start_ms, item_id = self._buffer.start_ms, self._new_item_id()
        elif self._turn is not None:
            start_ms, item_id = self._turn.audio_start_ms, self._turn.item_id
        else:
            start_ms, item_id = self._buffer.end_ms, ""  # voice detection has taken all there was
        length_ms = self._buffer.end_ms - start_ms
        if length_ms < _LEAST_COMMIT_MS:
            raise Rejected(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_LEAST_COMMIT_MS}ms of audio, but buffer only has {length_ms:.2f}ms of audio.",
            )
        self._turn = None
        pcm = self._buffer.commit(start_ms, self._buffer.end_ms)
        self._turns.abandon()
        return item_id, pcm

    def clear(self) -> None:
        self._turn = None
        self._buffer.clear()
        self._turns.abandon()

    def heard_between(self, start_ms: int, end_ms: int) -> bytes:
        """Sound not yet handed over."""
        return self._buffer.sound(start_ms, end_ms)

    def idle_sound(self, length_ms: int) -> tuple[int, int, bytes]:
        """The last `length_ms` of sound, as far as there was any: its first and last millisecond, and it."""
        end_ms = self._buffer.end_ms
        start_ms = max(0, end_ms - length_ms)
        pcm = self._buffer.commit(start_ms, end_ms)
        # What was not received was not spoken either: the item is as long as the wait.
        return start_ms, start_ms + length_ms, pcm.rjust(length_ms * BYTES_PER_MS, b"\0")
