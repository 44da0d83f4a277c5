"""What differs from service to service and from model to model: the parameters of a stand-in."""

from __future__ import annotations

from dataclasses import dataclass, field

from laconic.dialects import Dialect
from laconic.simulator.responding import Pace

__all__ = ["Habits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What differs from service to service and from model to model."""

    model: str = "gpt-realtime"
    dialect: Dialect = "ga"
    pace: Pace = field(default_factory=Pace)
    transcription_latency_s: float = 0.7
    """From commit to `completed`."""
    session_s: float = 3600.0
    """A session's life (CONV)."""
    epoch: int = 0
    """Unix time of second 0, for `expires_at`."""
    rate_limits: bool = True
    """OpenAI tells them after `response.done`; Azure sent none in nine recordings."""
    plays: bool = False
    """Whether the service plays its replies itself, as in WebRTC and SIP calls, and truncates what is cut off."""
    ghost_usage_null: bool = False
    """What is told of a response cancelled before anything was made: null as in 2024, else zeros (COST.md 5)."""
    drift_after: int | None = None
    """With so many written replies in the conversation, its own included, the model answers in writing although sound
    was asked for (openai-realtime-console#464, livekit#2471). Written notes of the system do not mislead it. None:
    never."""
    update_drops_cache: bool = False
    """Whether after a `session.update`, whatever it changed, nothing is read from cache once."""
    sample_time: bool = False
    """Time is the amount of sound received: a file sent ten times faster gives the very same conversation."""
