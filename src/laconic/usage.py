"""Token counts as a service reported them, for a response and for the transcription of a user's turn.

A service reports gross counts and, inside them, how many were read from cache. Reports differ: some services
put the block beside the response (xAI), old ones leave the split of the cached tokens out, one published
example claims more cached tokens than there were tokens. All of them are read into the same frozen counts
here, with the cached ones clamped to their gross. What was not reported is None, never zero: a response with
`usage: null` may well have cost something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

__all__ = ["TranscriptionUsage", "Usage"]

# Every cached text and audio count ever recorded is a multiple of 64, images are not (COST.md section 3).
_BLOCK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one response read and wrote, in tokens. Gross counts include the cached ones."""

    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    cached_text: int = 0
    """Part of `text_in`; the same goes for the two below."""
    cached_audio: int = 0
    cached_image: int = 0
    text_out: int = 0
    """Text written, a spoken reply's transcript and the reasoning included."""
    audio_out: int = 0
    reasoning: int = 0
    """Part of `text_out`; for showing, never to be added."""
    billable_ms: int | None = None
    """Time the service says it will bill, milliseconds; None where it bills tokens."""
    output_audio_ms: int | None = None
    """Length of the reply as a time-billed service reports it, milliseconds."""

    @property
    def input_tokens(self) -> int:
        return self.text_in + self.audio_in + self.image_in

    @property
    def output_tokens(self) -> int:
        return self.text_out + self.audio_out

    @property
    def cached_tokens(self) -> int:
        return self.cached_text + self.cached_audio + self.cached_image

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Both together. A time that neither reported stays None."""
        return Usage(
            text_in=self.text_in + other.text_in,
            audio_in=self.audio_in + other.audio_in,
            image_in=self.image_in + other.image_in,
            cached_text=self.cached_text + other.cached_text,
            cached_audio=self.cached_audio + other.cached_audio,
            cached_image=self.cached_image + other.cached_image,
            text_out=self.text_out + other.text_out,
            audio_out=self.audio_out + other.audio_out,
            reasoning=self.reasoning + other.reasoning,
            billable_ms=_sum(self.billable_ms, other.billable_ms),
            output_audio_ms=_sum(self.output_audio_ms, other.output_audio_ms),
        )

    @classmethod
    def from_wire(cls, usage: Mapping[str, Any] | None, *, top_level: Mapping[str, Any] | None = None) -> Usage | None:
        """Read the `usage` of a `response.done`. None when the service reported null or `{}`: unknown.

        A block of zeros is a report (a response cancelled before generation) and is kept as zeros.
        `top_level` is the `usage` beside `response` in the event, where xAI puts it (recording xai-speech-turn).

        Without `input_token_details` or `output_token_details` the total counts as text: the servers that leave
        them out speak text. Without `cached_tokens_details` the plain total is dealt out as the cache itself
        works, to text in whole blocks of 64, then to audio likewise, then to images; text comes first because
        instructions do, and because a hit that stops inside them is the common one (COST.md section 3).
        """
        if not (wire := usage or top_level):
            return None
        gross_in = _block(wire.get("input_token_details"))
        audio_in, image_in = _count(gross_in.get("audio_tokens")), _count(gross_in.get("image_tokens"))
        text_in = _rest(gross_in, _count(wire.get("input_tokens")) - audio_in - image_in)
        gross = (text_in, audio_in, image_in)
        if split := _block(gross_in.get("cached_tokens_details")):
            cached = tuple(_count(split.get(f"{kind}_tokens")) for kind in ("text", "audio", "image"))
        else:
            cached = _deal(_count(gross_in.get("cached_tokens")), gross)
        out = _block(wire.get("output_token_details"))
        audio_out = _count(out.get("audio_tokens"))
        text_out = _rest(out, _count(wire.get("output_tokens")) - audio_out)
        return cls(
            text_in=text_in,
            audio_in=audio_in,
            image_in=image_in,
            cached_text=min(cached[0], text_in),
            cached_audio=min(cached[1], audio_in),
            cached_image=min(cached[2], image_in),
            text_out=text_out,
            audio_out=audio_out,
            reasoning=min(_count(out.get("reasoning_tokens")), text_out),
            billable_ms=_milliseconds(wire.get("billable_audio_seconds")),
            output_audio_ms=_milliseconds(wire.get("output_audio_seconds")),
        )

    def to_wire(self) -> dict[str, Any]:
        """The block of a GA `response.done`. `reasoning_tokens` appears only when there are any, as on the wire."""
        written: dict[str, int] = {"text_tokens": self.text_out, "audio_tokens": self.audio_out}
        if self.reasoning:
            written["reasoning_tokens"] = self.reasoning
        wire: dict[str, Any] = {
            "total_tokens": self.total_tokens,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "input_token_details": {
                "text_tokens": self.text_in,
                "audio_tokens": self.audio_in,
                "image_tokens": self.image_in,
                "cached_tokens": self.cached_tokens,
                "cached_tokens_details": {
                    "text_tokens": self.cached_text,
                    "audio_tokens": self.cached_audio,
                    "image_tokens": self.cached_image,
                },
            },
            "output_token_details": written,
        }
        if self.output_audio_ms is not None:
            wire["output_audio_seconds"] = self.output_audio_ms / 1000
        if self.billable_ms is not None:
            wire["billable_audio_seconds"] = self.billable_ms / 1000
        return wire


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionUsage:
    """What writing down one user turn took, from `conversation.item.input_audio_transcription.completed`."""

    text_in: int = 0
    audio_in: int = 0
    text_out: int = 0
    duration_ms: int | None = None
    """Length billed, milliseconds; None where tokens are billed."""

    @classmethod
    def from_wire(cls, usage: Mapping[str, Any] | None) -> TranscriptionUsage | None:
        """Read `usage` of either type, `tokens` or `duration`; None where there is none (Voice Live, xAI)."""
        if not usage:
            return None
        if usage.get("type") == "duration" or "seconds" in usage:
            duration = _milliseconds(usage.get("seconds"))
            return None if duration is None else cls(duration_ms=duration)
        details = _block(usage.get("input_token_details"))
        audio = _count(details.get("audio_tokens"))
        if not details:
            audio = _count(usage.get("input_tokens"))  # what a transcription reads is sound
        text = _rest(details, _count(usage.get("input_tokens")) - audio)
        return cls(text_in=text, audio_in=audio, text_out=_count(usage.get("output_tokens")))

    def to_wire(self) -> dict[str, Any]:
        """The block as the service would send it; whole seconds are written as integers, as in the recordings."""
        if self.duration_ms is not None:
            seconds = self.duration_ms / 1000
            return {"type": "duration", "seconds": int(seconds) if seconds.is_integer() else seconds}
        return {
            "type": "tokens",
            "total_tokens": self.text_in + self.audio_in + self.text_out,
            "input_tokens": self.text_in + self.audio_in,
            "input_token_details": {"text_tokens": self.text_in, "audio_tokens": self.audio_in},
            "output_tokens": self.text_out,
        }


def _deal(cached: int, gross: tuple[int, int, int]) -> tuple[int, int, int]:
    text, audio, image = gross
    cached_text = min(text, cached) // _BLOCK * _BLOCK
    cached_audio = min(audio, cached - cached_text) // _BLOCK * _BLOCK
    cached_image = min(image, cached - cached_text - cached_audio)
    # What fits no block is somebody's own arithmetic; it stays counted, text first again.
    left = cached - cached_text - cached_audio - cached_image
    more_text = min(text - cached_text, left)
    return cached_text + more_text, cached_audio + min(audio - cached_audio, left - more_text), cached_image


def _rest(details: Mapping[str, Any], rest: int) -> int:
    """The text count of a block; what the total leaves for it when the block does not say."""
    return _count(details["text_tokens"]) if details.get("text_tokens") is not None else max(rest, 0)


def _block(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _count(value: Any) -> int:
    """A count as it may come: not below zero, and nothing where the wire has no whole number."""
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return max(int(value), 0)
    return 0


def _milliseconds(seconds: Any) -> int | None:
    return round(seconds * 1000) if isinstance(seconds, int | float) and 0 <= seconds < 1e9 else None


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
