"""The caller's half of conversation.toml, for the scripts in Python: what to say, to expect, and to tell at the end.

It runs in the environments of the clients, so it needs nothing but Python.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "CUT_IN_PACE_S",
    "DETECTION",
    "PATIENCE_S",
    "PIECE_MS",
    "Exchange",
    "begun",
    "exchanges",
    "settled",
    "tell",
    "weather",
]

PIECE_MS = 100
CUT_IN_PACE_S = 0.02
"""Between two pieces of what is spoken into a reply: what is sent at once is over before it is noticed."""
DETECTION: Any = {"type": "server_vad", "silence_duration_ms": 300, "create_response": True, "interrupt_response": True}
PATIENCE_S = 20
"""Nothing here takes a second; who waits so long waits for something that will not come."""


@dataclass(frozen=True)
class Exchange:
    """One thing said, and its answer."""

    say: str
    reply: str
    typed: bool
    tool: dict[str, str] | None
    """What the function gives back, where it is called."""
    cut_in_ms: int
    """How much of the reply is heard before the caller cuts in; 0: all of it."""
    clip: Path

    def pieces(self) -> Iterator[bytes]:
        """The sound of it, silence before and behind: PCM16 at 24 kHz, `PIECE_MS` each."""
        pcm = self.clip.read_bytes()
        size = PIECE_MS * 48
        yield from (pcm[at : at + size] for at in range(0, len(pcm), size))


def exchanges(folder: Path) -> list[Exchange]:
    """The conversation as `run.py` wrote it into a folder."""
    table: list[dict[str, Any]] = json.loads((folder / "conversation.json").read_text(encoding="utf-8"))
    return [Exchange(**line | {"clip": folder / line["clip"]}) for line in table]


def begun(line: Exchange) -> None:
    """Leave a trace, for whoever has to find out where a conversation came to a halt."""
    print(f"caller: {line.say}", file=sys.stderr, flush=True)


def weather(talk: list[Exchange], city: str) -> str:
    """What the function says of a city, as JSON."""
    return next(json.dumps(line.tool) for line in talk if line.tool is not None and line.tool["city"] == city)


def settled(seen: Counter[str]) -> bool:
    """Whether everything has come that follows a response or a committed turn, at its own time."""
    transcribed = seen["conversation.item.input_audio_transcription.completed"]
    over = seen["rate_limits.updated"] == seen["response.done"]
    return over and transcribed == seen["input_audio_buffer.committed"]


def tell(events: Counter[str], **more: Any) -> None:
    """The last line of a script that went well: how many events of which type came, as far as the client shows them."""
    print(json.dumps({"events": dict(events), **more}))
