"""Input transcription: what becomes of a user's sound in writing, late, beside the conversation.

It runs on a model of its own with a bill of its own, and its events come when they come: after the response has
begun, amid it, or behind it. By `model`, usage is in tokens or in whole seconds, as recorded (3 s for 2,668 and for
2,796 ms: rounded up, or to the nearest, the recordings do not tell; we round up).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from laconic.items import Wire
from laconic.simulator.ids import Ids
from laconic.simulator.responding import pieces

__all__ = ["transcription"]

_BY_SECONDS = ("whisper-1", "gpt-realtime-whisper")
_PADDED = 16
_EVENT = "conversation.item.input_audio_transcription"


def transcription(
    item_id: str,
    transcript: str,
    audio_ms: int,
    *,
    model: str,
    latency_s: float,
    ids: Ids,
    count_text: Callable[[str], int],
    failed: bool = False,
) -> Iterator[tuple[float, Wire]]:
    """The events to come, each with its delay in seconds after the commit. `failed` is the fault of that name."""
    if failed:
        error = {"type": "invalid_request_error", "code": "DeploymentNotFound", "param": None}
        error["message"] = f"Input transcription failed for item '{item_id}'."
        yield latency_s, {"type": f"{_EVENT}.failed", "item_id": item_id, "content_index": 0, "error": error}
        return
    # whisper-1 does not stream: one delta with everything (SDK).
    deltas = [transcript] if model == "whisper-1" else pieces(f" {transcript}" if transcript else "")
    for n, delta in enumerate(deltas, 1):
        fields: Wire = {"type": f"{_EVENT}.delta", "item_id": item_id, "content_index": 0, "delta": delta}
        fields["obfuscation"] = ids.letters(max(0, _PADDED - len(delta)))
        yield latency_s * n / (len(deltas) + 1), fields
    yield (
        latency_s,
        {
            "type": f"{_EVENT}.completed",
            "item_id": item_id,
            "content_index": 0,
            "transcript": transcript,
            "usage": _usage(model, transcript, audio_ms, count_text),
        },
    )


def _usage(model: str, transcript: str, audio_ms: int, count_text: Callable[[str], int]) -> dict[str, Any]:
    if model in _BY_SECONDS:
        return {"type": "duration", "seconds": math.ceil(audio_ms / 1000)}
    heard, written = audio_ms // 100, count_text(transcript)
    return {
        "type": "tokens",
        "total_tokens": heard + written,
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": written,
    }
