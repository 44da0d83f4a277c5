"""`laconic attach`: look after a call that somebody else carries, and print what is done and what it costs.

One line for each thing that happened, both sides' words included, as in `laconic talk --plain`; at the end the bill.
Written for a pipe as much as for a terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from laconic import events as ev
from laconic.cli.rates import rate_table
from laconic.client.settings import SETTINGS, SessionSettings, read_settings
from laconic.client.sideband import Call, attach_call
from laconic.session import Notice
from laconic.terminal.bill import Bill, summary
from laconic.terminal.lines import Lines
from laconic.terminal.page import Page
from laconic.terminal.words import Words
from laconic.voice.clock import Clock

if TYPE_CHECKING:
    from laconic.cli import Commands

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Join a WebRTC or SIP call that somebody else carries, by the id its making was answered with, and look after its memory
and its budget from the side. What was said before stays as it is, since nobody here knows it. Leaving does not end the
call.
"""
_SETTINGS = ("service", "model", "memory", "remember", "summary_model", "currency", "per_usd")
_BEAT_S = 0.1


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "attach", help="look after a WebRTC or SIP call from the side", description=_DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("--call-id", required=True, metavar="rtc_…", help="the last part of the call's Location")
    parser.add_argument("--budget", metavar="LIMIT", help="what it may cost at most, such as $2, 30 min, 50000 tokens")
    for setting in SETTINGS:
        if setting.name in _SETTINGS:
            parser.add_argument(setting.flag, metavar=setting.kind.__name__.upper(), help=setting.help)
    parser.add_argument("--rates", type=Path, metavar="FILE", help="your own prices (see `laconic rates`)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stay on the call until it is over, or Ctrl-C. 0 then; LaconicError, after the bill, if the line broke."""
    given = {name: getattr(args, name) for name in _SETTINGS if getattr(args, name) is not None}
    with suppress(KeyboardInterrupt):  # on Windows; elsewhere it leaves in good order
        asyncio.run(_attend(args, read_settings(None, given)))
    return 0


async def _attend(args: argparse.Namespace, settings: SessionSettings) -> None:
    words, notices = Words(args.lang), deque[Notice]()
    async with attach_call(
        args.call_id,
        service=settings.service or "openai",
        memory=settings.memory_name,
        budget=args.budget,
        model=settings.model,
        rates=rate_table(args.rates),
        summary_model=settings.summary_model,
        on_notice=notices.append,
        lang=words.lang,
    ) as call:
        attending = _Attending(call, notices, words, settings)
        job = asyncio.create_task(attending.run(), name="attach: the call")
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, job.cancel)
        try:
            await asyncio.wait([job])
        finally:
            attending.close()
        if not job.cancelled():
            job.result()


class _Attending:
    """What is printed while we are on the call, and at its end."""

    def __init__(self, call: Call, notices: deque[Notice], words: Words, settings: SessionSettings) -> None:
        self._call, self._notices, self._settings = call, notices, settings
        self._clock = Clock()
        self._page = Page(call.laconic.conversation, words, settings.money)
        self._bill = Bill(call.laconic.session, words, self._clock.now, currency=settings.money)
        self._view = Lines(self._page, self._bill, sys.stdout)
        self._page.note(words("joined", call=call.id, service=call.endpoint.host))
        self._beat()

    async def run(self) -> None:
        beating = asyncio.create_task(self._beats(), name="attach: what is printed")
        try:
            async for raw in self._call.messages():
                self._view.event(ev.read(raw), self._clock.now())
                self._tell()
            self._page.note(self._page.words("call_over"))
        finally:
            beating.cancel()

    def close(self) -> None:
        """Print what is left, and the bill."""
        self._tell()
        self._view.close(sys.stdout)
        session, model = self._call.laconic.session, self._settings.model
        model = model or session.conversation.model or "?"
        rows = summary(session, self._page, self._clock.now(), model=model, currency=self._settings.money)
        print("\n" + "\n".join(rows), flush=True)

    async def _beats(self) -> None:
        while True:
            await self._clock.sleep(_BEAT_S)
            self._beat()

    def _beat(self) -> None:
        self._tell()
        self._view.tick(self._clock.now())

    def _tell(self) -> None:
        while self._notices:
            self._view.notice(self._notices.popleft(), self._clock.now())
