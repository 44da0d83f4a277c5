"""Where the service plays its replies itself, as in WebRTC and SIP calls: what sounds, how long, where it was cut.

On a WebSocket the app plays and has to say what was heard. In a call the service sends sound at the pace at which it
is heard, so it knows: it tells `output_audio_buffer.started` with the first sound of a response (recorded:
openai-sideband-audio-turn, before `output_audio.done`) and `stopped` when the last of it has been heard, after
everything else. Whoever speaks into it makes the service truncate by itself and say `cleared` (PROTOCOL.md section 6.2;
in which order the two come is not known, nor what becomes of a reply of which nothing was heard).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from laconic.items import Wire
from laconic.simulator.held import Held

__all__ = ["PlayOut"]


@dataclass(slots=True)
class _Piece:
    """The sound of one content part."""

    response_id: str
    item_id: str
    content_index: int
    starts: float
    """Seconds."""
    ms: int = 0

    @property
    def ends(self) -> float:
        return self.starts + self.ms / 1000


class PlayOut:
    """What is being played and what waits for it. `at(delay_s, act)` has something done later."""

    def __init__(
        self, held: Held, say: Callable[[Wire], None], at: Callable[[float, Callable[[], None]], None]
    ) -> None:
        self._held, self._say, self._at = held, say, at
        self._pieces: list[_Piece] = []

    def sounded(self, delta: Wire, now: float) -> None:
        """A delta of sound was said. What the conversation does not hold is nobody's to play."""
        item = self._held.get(delta["item_id"])
        if item is None:
            return
        last = self._pieces[-1] if self._pieces else None
        if last is None or (last.item_id, last.content_index) != (item.id, delta["content_index"]):
            starts = now if last is None else max(now, last.ends)
            piece = _Piece(delta["response_id"], item.id, delta["content_index"], starts)
            self._pieces.append(piece)
            if last is None:
                self._started()
        self._pieces[-1].ms = item.parts[delta["content_index"]].audio_ms

    def finished(self, response_id: str, now: float) -> None:
        """A response has ended: when its last sound has been heard, that is told."""
        ends = [piece.ends for piece in self._pieces if piece.response_id == response_id]
        if ends:
            self._at(max(0.0, max(ends) - now), lambda: self._stopped(response_id))

    def cut(self, now: float) -> None:
        """Stop playing. What was not heard is truncated away; a reply that is still being made stays as it is."""
        pieces, self._pieces = self._pieces, []
        for piece in pieces:
            item = self._held.get(piece.item_id)
            heard_ms = max(1, round((now - piece.starts) * 1000))  # at 0 a client's truncation is refused
            if item is not None and not item.in_progress and heard_ms < piece.ms:
                self._held.truncate(piece.item_id, piece.content_index, heard_ms)
                place = {"item_id": piece.item_id, "content_index": piece.content_index}
                self._say({"type": "conversation.item.truncated", **place, "audio_end_ms": heard_ms})
        for response_id in dict.fromkeys(piece.response_id for piece in pieces):
            self._say({"type": "output_audio_buffer.cleared", "response_id": response_id})

    def _started(self) -> None:
        self._say({"type": "output_audio_buffer.started", "response_id": self._pieces[0].response_id})

    def _stopped(self, response_id: str) -> None:
        left = [piece for piece in self._pieces if piece.response_id != response_id]
        if len(left) < len(self._pieces):
            self._pieces = left
            self._say({"type": "output_audio_buffer.stopped", "response_id": response_id})
            if left:
                self._started()
