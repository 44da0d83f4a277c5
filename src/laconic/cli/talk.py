"""`laconic talk`: a conversation in the terminal, with a real service or with the stand-in.

Everything the user gave is checked before anything is opened. Then the stand-in is started if it is wanted, the
service dialled, sound opened, and the talk runs until it is over. However it ends, what was said and what it cost
is printed, and what was learned about the service is kept; if something broke, its sentence and exit code follow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from laconic import recording
from laconic.budget import Budget, limits
from laconic.cli.rates import rate_table
from laconic.cli.session_flags import add_session_flags, session_settings
from laconic.cli.talk_sound import Sound, add_sound_flags, choose_sound, print_devices
from laconic.client.chat_endpoints import DEFAULT_TEXT_MODEL, ChatEndpoint, chat_endpoint
from laconic.client.dial import dial
from laconic.client.endpoints import DEFAULT_MODEL, Endpoint, endpoint, named, provider
from laconic.client.laws_file import load_laws, save_laws
from laconic.client.settings import SessionSettings
from laconic.client.summaries import Writer, written_by
from laconic.currencies import Currency
from laconic.errors import BadInput
from laconic.events import Raw
from laconic.memory import memory
from laconic.recording import Sender
from laconic.session import Session
from laconic.terminal.bill import Bill, summary
from laconic.terminal.lines import Lines
from laconic.terminal.page import Page
from laconic.terminal.words import Words
from laconic.voice.clock import Clock
from laconic.voice.talk import Talk

if TYPE_CHECKING:
    from laconic.cli import Commands
    from laconic.terminal.screen import Screen

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Talk with a Realtime service: speak whenever you like and interrupt it; both transcripts appear, and the bill runs.
Without a key it talks to the built-in stand-in, and a recorded caller speaks for you: nothing is sent or billed.
"""

_FASTEST = 100
"""Times faster than life. No machine keeps up with more, and the stand-in's session would be over at once."""


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "talk", help="talk with a Realtime service", description=_DESCRIPTION, allow_abbrev=False
    )
    add_session_flags(parser)
    add_sound_flags(parser)
    group = parser.add_argument_group("on the screen and on file")
    group.add_argument("--plain", action="store_true", help="print lines instead of filling the terminal")
    group.add_argument("--record", metavar="FILE.jsonl", help="write every event to a file (`laconic replay` reads it)")
    group.add_argument("--record-sound", action="store_true", help="sound too, which is left out otherwise")
    group.add_argument("--rates", type=Path, metavar="FILE", help="your own prices (see `laconic rates`)")
    group.add_argument("--mind", default="facts", help="what the stand-in says: facts, small_talk, echo, or a .toml")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Talk. 0 when the user or the recorded caller ended it; LaconicError, after the summary, for anything else."""
    if args.devices:
        print_devices(Words(args.lang))
        return 0
    plan = _plan(args, os.environ)
    with _recorder(args) as record, suppress(KeyboardInterrupt):  # only before there is a talk, and on Windows
        asyncio.run(_talk(plan, record))
    return 0


# --- before anything is opened -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Plan:
    """What was asked for, checked."""

    args: argparse.Namespace
    settings: SessionSettings
    service: str
    model: str | None
    session: Session
    words: Words
    clock: Clock
    sound: Sound
    currency: Currency
    notes: list[str]

    @property
    def stand_in(self) -> bool:
        return self.service == "simulator"

    @property
    def push_to_talk(self) -> bool:
        return self.settings.turn_detection == "none"

    @property
    def shown_model(self) -> str:
        """The model as far as anybody knows it: asked for, or named by the service."""
        return self.model or self.session.conversation.model or "?"

    @property
    def learned_as(self) -> tuple[str, str]:
        """Under which service and model the laws are kept."""
        return named(self.service, model=self.model, deployment=self.settings.deployment, env=os.environ)


def _plan(args: argparse.Namespace, env: Mapping[str, str]) -> _Plan:
    """Check everything that can be checked without a connection. Raises BadInput, NoKey or NoDevice."""
    words = Words(args.lang)
    if not 0 < args.pace <= _FASTEST:
        raise BadInput(
            f"--pace has to be above zero and at most {_FASTEST}, not {args.pace:g}",
            ja=f"--pace には 0 より大きく {_FASTEST} 以下の数を指定してください（今の値: {args.pace:g}）。",
        )
    if args.record_sound and args.record is None:
        raise BadInput(
            "--record-sound needs a file to write to; give --record FILE.jsonl too",
            ja="--record-sound には書き込み先が必要です。--record FILE.jsonl も指定してください。",
        )
    settings = session_settings(args)
    service = settings.service or _default_service(env)
    stand_in = service == "simulator"
    model = settings.model or (DEFAULT_MODEL if stand_in else None)
    chat: ChatEndpoint | None = None
    if not stand_in:
        there = _endpoint(service, settings, model, env)
        model, chat = there.model, _chat(there, settings, env)
    budget = None
    if settings.budget is not None:
        budget = Budget(limits=limits(settings.budget), end="close", lang=words.lang)
    numbers, run_id = count(1), uuid4().hex[:12]
    session = Session(
        ids=lambda: f"laconic_{run_id}_{next(numbers)}",
        memory=memory(settings.memory_name),
        model=model,
        rates=rate_table(args.rates),
        laws=load_laws(*named(service, model=model, deployment=settings.deployment, env=env)),
        service=provider(service),
        budget=budget,
        summary_model=DEFAULT_TEXT_MODEL if stand_in else chat.model if chat is not None else model,
    )
    clock = Clock(args.pace)
    push_to_talk = settings.turn_detection == "none"
    sound = choose_sound(args, clock, words, stand_in=stand_in, push_to_talk=push_to_talk)
    if not stand_in:
        notes = [words("talking_to", service=service, model=model or settings.deployment or "?")]
    else:
        notes = [words("stand_in" if settings.service else "no_key", model=model)]
    notes += sound.said
    return _Plan(args, settings, service, model, session, words, clock, sound, settings.money, notes)


def _default_service(env: Mapping[str, str]) -> str:
    if env.get("OPENAI_API_KEY") or env.get("OPENAI_API_KEY_FILE"):
        return "openai"
    return "azure" if env.get("AZURE_OPENAI_ENDPOINT") else "simulator"


def _endpoint(
    service: str, settings: SessionSettings, model: str | None, env: Mapping[str, str], url: str | None = None
) -> Endpoint:
    return endpoint(
        service,
        model=model,
        deployment=settings.deployment,
        dialect=settings.dialect,
        api_version=settings.api_version,
        url=url,
        env=env,
    )


def _chat(there: Endpoint, settings: SessionSettings, env: Mapping[str, str]) -> ChatEndpoint | None:
    """The text model that writes summaries; None where the service itself has to, since no other is named there."""
    try:
        return chat_endpoint(there, env=env, model=settings.summary_model)
    except BadInput:
        if settings.summary_model or env.get("LACONIC_SUMMARY_URL") or env.get("LACONIC_SUMMARY_MODEL"):
            raise
        return None


# --- the talk ----------------------------------------------------------------------------------------------------


async def _talk(plan: _Plan, record: Callable[[Raw, Sender, float], None] | None) -> None:
    page = Page(plan.session.conversation, plan.words, plan.currency)
    for note in plan.notes:
        page.note(note)
    view = _view(plan, page)
    async with AsyncExitStack() as open_things:
        url = await open_things.enter_async_context(_stand_in(plan)) if plan.stand_in else None
        there = _endpoint(plan.service, plan.settings, plan.model, os.environ, url)
        connection = await open_things.enter_async_context(dial(there))
        talk = Talk(
            plan.session,
            connection,
            plan.sound.duplex,
            view,
            plan.clock,
            settings=plan.settings.update_event()["session"],
            push_to_talk=plan.push_to_talk,
            held=plan.sound.recorded,
            record=record,
            writer=_writer(there, plan),
            lang=plan.words.lang,
        )
        began = plan.clock.now()
        try:
            with _ends_on_signals(talk):
                async with view.showing(talk):
                    await talk.run()
        finally:
            view.close(sys.stdout)
            _print_summary(plan, page, plan.clock.now() - began)


def _writer(there: Endpoint, plan: _Plan) -> Writer | None:
    """Has summaries written over the chat endpoint beside the service; the stand-in has its own, whatever the
    environment names."""
    chat = _chat(there, plan.settings, {} if plan.stand_in else os.environ)
    return None if chat is None else written_by(chat, plan.words.lang)


def _view(plan: _Plan, page: Page) -> Lines | Screen:
    bill = Bill(plan.session, plan.words, plan.clock.now, currency=plan.currency, pretend=plan.stand_in)
    terminal = sys.stdout.isatty()
    if terminal and sys.stdin.isatty() and not plan.args.plain and find_spec("textual"):
        from laconic.terminal.screen import Screen

        return Screen(page, bill, push_to_talk=plan.push_to_talk)
    if not plan.sound.recorded:
        page.note(plan.words("plain_push" if plan.push_to_talk else "plain_keys"))
    dim = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    columns = shutil.get_terminal_size().columns if terminal else None
    return Lines(page, bill, sys.stdout, columns=columns, dim=dim)


@asynccontextmanager
async def _stand_in(plan: _Plan) -> AsyncGenerator[str]:
    """The stand-in on a free port of this machine, by our clock; its address."""
    from laconic.simulator.habits import Habits
    from laconic.simulator.hearing import Hearing
    from laconic.simulator.minds import mind
    from laconic.simulator.parts import Parts
    from laconic.simulator.server import serve
    from laconic.simulator.speech import Speech

    parts = Parts(hearing=Hearing.of_scenarios(), voice=Speech(), mind=mind(plan.args.mind))
    habits = Habits(model=plan.model or DEFAULT_MODEL)
    async with serve(habits=habits, parts=parts, clock=plan.clock) as standin:
        yield standin.url


@contextmanager
def _ends_on_signals(talk: Talk) -> Generator[None]:
    """Ctrl-C, and a polite kill, hang up instead of breaking off."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError):  # Windows: Ctrl-C then cancels the talk, which closes everything as well
        for number in signals:
            loop.add_signal_handler(number, talk.end)
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            for number in signals:
                loop.remove_signal_handler(number)


# --- what remains ------------------------------------------------------------------------------------------------


@contextmanager
def _recorder(args: argparse.Namespace) -> Generator[Callable[[Raw, Sender, float], None] | None]:
    """What writes every message to --record's file; None without one."""
    if args.record is None:
        yield None
        return
    try:
        file = open(args.record, "w", encoding="utf-8", opener=_for_us_alone)  # noqa: SIM115 - closed by the `with`
    except OSError as error:
        raise BadInput(
            f"cannot write {args.record}: {error.strerror}; give --record another place",
            ja=f"{args.record} に書き込めません（{error.strerror}）。--record に別の場所を指定してください。",
        ) from None

    def record(raw: Raw, sender: Sender, now: float) -> None:
        file.write(recording.line(raw, sender, now, args.record_sound))

    with file:
        yield record


def _for_us_alone(path: str, flags: int) -> int:
    """Opens a file that nobody else may read, since what people said is in it; one already there keeps its mode."""
    return os.open(path, flags, 0o600)


def _print_summary(plan: _Plan, page: Page, duration_s: float) -> None:
    rows = summary(
        plan.session, page, duration_s, model=plan.shown_model, currency=plan.currency, pretend=plan.stand_in
    )
    not_kept = save_laws(*plan.learned_as, plan.session.laws, plan.session.learned_from)
    if not_kept is not None:
        rows.append(not_kept.say(plan.words.lang))
    if plan.args.record is not None:
        rows.append(plan.words("sum_recording", path=plan.args.record))
    if plan.sound.saved is not None:
        rows.append(plan.words("sum_sound", path=plan.sound.saved))
    print("\n" + "\n".join(rows), flush=True)
