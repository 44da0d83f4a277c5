"""Rows, keys and a clock for tests of the books."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from laconic.gateway.books import Row
from laconic.gateway.prices import version_of
from laconic.meter import price
from laconic.rates import load
from laconic.usage import Usage

__all__ = ["NOON", "Watch", "reply"]

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PRICES = load()
VERSION = version_of(PRICES)
"""What the ledger calls them, once they are kept there."""


class Watch:
    """A clock that stands still until it is told."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **much: float) -> None:
        self.now += timedelta(**much)


def reply(session: str, id_: str, at: datetime = NOON, *, tokens: int = 100, **other: Any) -> Row:
    """A reply of `tokens` generated audio tokens, $0.000064 each, and nothing else, on gpt-realtime-2.1."""
    usage = other.pop("counts", None) or Usage(audio_out=tokens)
    cost = price(usage, PRICES.find("gpt-realtime-2.1"))
    values: dict[str, Any] = {
        "session": session,
        "id": id_,
        "kind": "reply",
        "at": at,
        "status": "completed",
        "route": "openai",
        "model": "gpt-realtime-2.1",
        "usage": usage.to_wire(),
        "charges": cost.charges,
        "unknown": cost.unknown,
        "currency": cost.currency,
        "rates_version": VERSION,
        "laws": {"hit_rate": 0.9},
        "memory": "auto",
    }
    return Row(**(values | other))
