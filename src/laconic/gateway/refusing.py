"""How somebody is told that something will not be: before the 101 by HTTP, after it by an error event and the close,
and the gateway's owner by what went wrong and where."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

from laconic.gateway.pump import error_event
from laconic.gateway.sockets import Socket

__all__ = ["json_errors", "place", "refusal", "turn_away"]


async def turn_away(app: Socket, code: str, message: str) -> None:
    """As services do it, after the 101."""
    await app.send(error_event("invalid_request_error", code, message))
    await app.close(3000, f"invalid_request_error.{code}")


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Before it, and to whoever speaks HTTP."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


@web.middleware
async def json_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What aiohttp refuses, in the shape clients of this protocol read."""
    try:
        return await handler(request)
    except web.HTTPException as refused:
        message = f"Nothing answers at {request.path}." if refused.status == 404 else refused.reason
        return refusal(refused.status, refused.reason.lower().replace(" ", "_"), message)


def place(error: BaseException) -> str:
    """What kind of mistake of ours it was, and where. Not its words: they may be a caller's."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
