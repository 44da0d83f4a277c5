"""Summaries made in the session itself: where no text model is at hand, the realtime model writes them beside the talk.

A response out of band reads what it is given and leaves the conversation alone. The app has not asked for it and hears
nothing of it: neither its events nor the rate limits told after it. What it costs is on the meter, known by its
metadata. Whatever goes wrong, there is no summary, and then nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from laconic import events as ev
from laconic.items import Item, Wire

__all__ = ["Asides", "Ended"]

_PATIENCE_S = 30.0
"""How long the model may write."""

_OF_A_RESPONSE = (
    ev.ResponseOutputItemAdded,
    ev.ResponseOutputItemDone,
    ev.ResponseContentPartAdded,
    ev.ResponseContentPartDone,
    ev.ResponseOutputTextDelta,
    ev.ResponseOutputTextDone,
    ev.ResponseOutputAudioDone,
    ev.ResponseOutputAudioTranscriptDelta,
    ev.ResponseOutputAudioTranscriptDone,
    ev.ResponseFunctionCallArgumentsDelta,
    ev.ResponseFunctionCallArgumentsDone,
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How the request for a summary ended."""

    ask_id: int
    summary: str | None
    why: str = ""
    """Why there is none, as a sentence."""


@dataclass(frozen=True, slots=True)
class _Asked:
    ask_id: int
    until: float


class Asides:
    """The summaries under way. `ids` makes event ids, which are the marks in the metadata as well."""

    def __init__(self, ids: Callable[[], str]) -> None:
        self._ids = ids
        self._asked: dict[str, _Asked] = {}  # by mark
        self._marks: set[str] = set()  # all that were ever given
        self._responses: set[str] = set()
        self._limits_due = False
        self._ended: list[Ended] = []

    @property
    def deadline(self) -> float | None:
        return min((asked.until for asked in self._asked.values()), default=None)

    def ask(self, ask_id: int, text: str, instructions: str, now: float) -> Wire:
        """The message that has `text` summarised."""
        mark = self._ids()
        self._marks.add(mark)
        self._asked[mark] = _Asked(ask_id, now + _PATIENCE_S)
        said: Wire = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        response: Wire = {
            "conversation": "none",
            "output_modalities": ["text"],
            "instructions": instructions,
            "input": [said],
            "tools": [],
            "metadata": {"laconic": mark},
        }
        return {"type": "response.create", "event_id": mark, "response": response}

    def read(self, event: ev.Event) -> bool:
        """Whether an event of the service is about a summary and none of the app's business."""
        match event:
            case ev.ResponseCreated(response=response) | ev.ResponseDone(response=response):
                mark = cast(Wire, response.get("metadata") or {}).get("laconic")
                if mark not in self._marks:
                    return False
                self._responses.add(response.get("id") or "")
                if isinstance(event, ev.ResponseDone):
                    self._done(mark, response)
                return True
            case ev.RateLimitsUpdated():
                due, self._limits_due = self._limits_due, False
                return due
            case ev.Error(error=error) if error.event_id in self._marks:
                self._end(error.event_id or "", None, f"no summary: the service refused to write one ({error.message})")
                return True
            case _:
                return isinstance(event, _OF_A_RESPONSE) and event.response_id in self._responses

    def expire(self, now: float) -> None:
        """Wait no longer for what does not come."""
        for mark in [mark for mark, asked in self._asked.items() if asked.until <= now]:
            self._end(mark, None, f"no summary: the service wrote none within {_PATIENCE_S:g} s")

    def ended(self) -> list[Ended]:
        """The requests that have ended, each once."""
        ended, self._ended = self._ended, []
        return ended

    def _done(self, mark: str, response: Wire) -> None:
        self._limits_due = True
        items = [Item.from_wire(wire) for wire in response.get("output") or ()]
        words = " ".join(item.text for item in items if item.text).strip()
        if response.get("status") == "completed" and words:
            self._end(mark, words, "")
        else:
            self._end(mark, None, f"no summary: the service's own ended as {response.get('status') or 'nothing'}")

    def _end(self, mark: str, summary: str | None, why: str) -> None:
        asked = self._asked.pop(mark, None)
        if asked is not None:
            self._ended.append(Ended(asked.ask_id, summary, why))
