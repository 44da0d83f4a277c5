"""The stand-in service inside the gateway's own process: for a try, for tests, with no key and no bill."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from laconic.errors import BadInput

__all__ = ["standing_in"]


@asynccontextmanager
async def standing_in(mind_name: str = "facts") -> AsyncGenerator[str]:
    """A stand-in on a free port of loopback; its address, without a model. BadInput where its extra is missing."""
    try:
        from laconic.simulator.hearing import Hearing
        from laconic.simulator.minds import mind
        from laconic.simulator.parts import Parts
        from laconic.simulator.server import serve
        from laconic.simulator.speech import Speech

        parts = Parts(hearing=Hearing.of_scenarios(), voice=Speech(), mind=mind(mind_name))
    except ImportError as error:
        raise BadInput(
            f"the stand-in needs the simulator extra ({error.name} is missing); "
            "install it with: pip install 'laconic[simulator]'"
        ) from None
    async with serve(parts=parts) as stand_in:
        yield f"{stand_in.base_url}/realtime"
