"""`laconic …` as a process of its own, to be talked to and killed."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

__all__ = ["command"]


@asynccontextmanager
async def command(*argv: str) -> AsyncGenerator[tuple[Process, str], None]:
    """The process, and the address it listens at; killed at the end if it still runs."""
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "laconic", *argv, "--port", "0", stdout=PIPE, stderr=PIPE, env=env
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        told = ""
        while not (found := re.search(r"ws://127\.0\.0\.1:\d+/v1/realtime", told)):
            line = (await process.stdout.readline()).decode()
            assert line, (await process.stderr.read()).decode()
            told += line
        yield process, found[0]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
