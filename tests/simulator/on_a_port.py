"""The stand-in on a port, fifty times as fast as life and made of the simple parts of doubles.py; and talking to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from quick import Fast
from simulator.doubles import Ears, LoudTurns, Voice, Yes
from websockets.asyncio.client import ClientConnection

from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve

__all__ = ["hear", "standing_in", "tell"]


@asynccontextmanager
async def standing_in(*replies: str, **settings: Any) -> AsyncGenerator[StandIn]:
    """It says these replies, one after another, and then yes."""
    parts = Parts(hearing=Ears(), voice=Voice(), mind=Yes(*replies), turns=LoudTurns)
    async with serve(**{"parts": parts, "clock": Fast(), **settings}) as standin:  # pyright: ignore[reportArgumentType]
        yield standin


async def hear(connection: ClientConnection, name: str) -> list[dict[str, Any]]:
    """Events up to the first of this name."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != name:
        found.append(json.loads(await asyncio.wait_for(connection.recv(), 10)))
    return found


async def tell(connection: ClientConnection, name: str, **fields: Any) -> None:
    await connection.send(json.dumps({"type": name, **fields}))
