"""`laconic doctor`: what works on this machine, and what to do about the rest.

A line for each check (checks.py), in the order in which a talk needs them. The exit code answers one question: can
a talk work here at all, if only with the stand-in and recorded speech?
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

from laconic.cli import Commands, checks
from laconic.cli.checks import Check, Text, tried
from laconic.terminal.columns import width_of, wrap

__all__ = ["add_parser", "checked", "microphone_level", "rows", "services", "show_level"]

_WIDTH = 80
_MARKS = {True: "✓", False: "✗", None: "–"}
_QUIET_DB, _METER_COLUMNS = -60, 40
_LISTEN_S = 5.0

_DEVICES = Text("sound devices", "音声デバイス")
_WORKS = Text("A talk works here: laconic talk", "ここで話せます: laconic talk")
_STAND_IN_WORKS = Text(
    "A talk with the stand-in works here: laconic talk --service simulator",
    "代役サービスとなら話せます: laconic talk --service simulator",
)
_WORKS_NOT = Text(
    "A talk does not work here yet; mend the lines marked ✗.",
    "まだ話せません。✗ の付いた行を直してください。",
)


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "doctor",
        help="say what works on this machine and what to do about the rest",
        description="Checks versions, sound devices, echo cancellation, the stand-in, keys and the service.",
    )
    parser.add_argument("--levels", action="store_true", help=f"listen to the microphone for {_LISTEN_S:g} s")
    parser.add_argument("--input", metavar="NAME", help="with --levels: the microphone, by part of its name")
    parser.add_argument("--service", metavar="SERVICE", help="openai, azure, simulator or wss://…; others are skipped")
    parser.add_argument("--model", help="the model to ask the service for")
    parser.add_argument("--deployment", help="Azure: the deployment's name")
    parser.add_argument("--api-version", help="Azure: the preview address's api-version")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print each check as it is made. 0 if a talk can work, with the stand-in at least; else 1.

    With --service it is that service's talk that has to work.
    """
    works = whole = True
    for check in checked(args, os.environ):
        works = works and not (check.needed and check.ok is False)
        whole = whole and check.ok is not False and (check.ok or check.name != _DEVICES)
        print(*rows(check, args.lang), sep="\n", flush=True)
    verdict = _WORKS_NOT if not works else _WORKS if whole else _STAND_IN_WORKS
    print(f"\n{verdict.say(args.lang)}")
    return 0 if works else 1


def checked(args: argparse.Namespace, env: Mapping[str, str]) -> Iterator[Check]:
    """Every check there is to make, each made when it is asked for."""
    yield checks.python()
    yield checks.extra("", needed=True)
    yield checks.extra("voice", needed=True)
    yield checks.extra("simulator", needed=True)
    yield checks.extra("screen", needed=False)
    yield checks.extra("gateway", needed=False)
    yield tried(_DEVICES, _devices)
    if args.levels:
        yield tried(Text("microphone level", "マイクの音量"), lambda: microphone_level(args.input))
    yield tried(Text("sound files", "音声ファイル"), checks.files, needed=True)
    yield tried(Text("echo cancellation", "エコー除去"), checks.echo_cancellation)
    yield tried(Text("voice detection", "発話検出"), checks.hearing, needed=True)
    yield tried(Text("stand-in's voice", "代役の声"), checks.speech, needed=True)
    yield tried(Text("stand-in", "代役サービス"), checks.stand_in, needed=True)
    yield from checks.laws()
    yield from services(args, env)


def rows(check: Check, lang: str) -> Iterator[str]:
    """One check in rows of at most 80 columns."""
    head = f"{_MARKS[check.ok]} {check.name.say(lang)}"
    indent = 24
    texts = [check.fact.say(lang)] + ([f"→ {check.do.say(lang)}"] if check.do is not None else [])
    lines = [row for text in texts for row in wrap(text, _WIDTH - indent)]
    for number, row in enumerate(lines):
        before = head if number == 0 else ""
        yield before + " " * max(indent - width_of(before), 1) + row


def services(args: argparse.Namespace, env: Mapping[str, str]) -> Iterator[Check]:
    """The service that was named; or each whose key is set, and for the others that it is not."""
    if args.service == "simulator":
        return
    for service in [args.service] if args.service else ["openai", "azure"]:
        found, where = checks.key(
            service,
            env,
            asked_for=args.service is not None,
            model=args.model,
            deployment=args.deployment,
            api_version=args.api_version,
        )
        needed = args.service is not None
        yield replace(found, needed=needed)
        if where is not None:
            yield replace(checks.reachable(where), needed=needed)


def _devices() -> Check:
    from laconic.voice.devices import list_devices

    return checks.devices(list_devices())


def microphone_level(name: str | None) -> Check:
    """Listens to the microphone of that name (or the default one), drawing its level. NoDevice if there is none."""
    from laconic.voice.devices import DeviceMicrophone

    try:
        return checks.level(asyncio.run(checks.listen(DeviceMicrophone(name), _LISTEN_S, show_level)))
    finally:
        if sys.stdout.isatty():
            print("\r" + " " * (_METER_COLUMNS + 12), end="\r")


def show_level(level_db: float) -> None:
    """A bar that moves while one speaks; only where somebody can see it move."""
    if sys.stdout.isatty():
        filled = round(max(0.0, min(1.0, 1 - level_db / _QUIET_DB)) * _METER_COLUMNS)
        print(f"\r  [{'#' * filled:{_METER_COLUMNS}}] {level_db:4.0f} dB", end="", flush=True)
