"""What our libraries would say aloud, told without a word of anybody's.

aiohttp and asyncio complain through `logging`, and what they quote is what somebody sent: the subprotocols of a
browser, with its key among them; the header line that could not be read; the arguments of a callback. Where nobody has
set up logging, Python prints that on stderr. Of such a complaint the gateway tells whose it is, what kind, and where in
the code, in one line of its own log; never its text.

Only where the process is the gateway's are the loggers themselves changed (`discreet_libraries`). A gateway inside
somebody's program leaves their logging alone: what aiohttp's server has to say goes to a logger nobody else has
(`discreet_logger`), and the loop is the gateway's own (`discreet_loop`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from laconic.gateway.refusing import place

__all__ = ["discreet_libraries", "discreet_logger", "discreet_loop"]

_LIBRARIES = ("aiohttp", "asyncio", "websockets")
"""Those that hear from clients, and the stand-in's. What a database or a tracer complains of is the owner's own."""
_LEVELS = {logging.WARNING: "a warning", logging.ERROR: "an error", logging.CRITICAL: "an error"}

Tell = Callable[[str], None]


class _Discreet(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(f"{record.name}: {_what(record)}")


def discreet_logger(name: str, tell: Tell) -> logging.Logger:
    """A logger of this name that is in no hierarchy: its records go to `tell`, from warnings on, and nowhere else."""
    logger = logging.Logger(name, logging.WARNING)
    logger.addHandler(_Discreet(tell))
    return logger


def discreet_loop(tell: Tell) -> None:
    """What the running loop complains of (a task nobody waited for, a transport that broke) goes to `tell`."""

    def complaint(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error: object = context.get("exception")
        about = ", ".join(sorted(context.keys() - {"message", "exception", "source_traceback"}))
        tell(f"asyncio: {place(error) if isinstance(error, BaseException) else f'a complaint about {about}'}")

    asyncio.get_running_loop().set_exception_handler(complaint)


@contextmanager
def discreet_libraries(tell: Tell) -> Generator[None]:
    """For the length of the block, what the libraries log goes to `tell` and nowhere else."""
    loggers = [logging.getLogger(name) for name in _LIBRARIES]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [_Discreet(tell)], False
    try:
        yield
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate


def _what(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        return place(error)
    return f"{_LEVELS.get(record.levelno, 'a word')} at {record.filename}:{record.lineno}"
