"""The command line: which commands there are, in which language we speak, and how a mistake is told.

A command is a file of this folder with `add_parser(commands)` and a `run(args) -> int` that the parser it adds
points at. Only the file of the command that was asked for is imported: `laconic rates` has no use for a sound
library, and a person at a prompt notices half a second.

Whatever laconic raises on purpose ends here as one sentence on stderr and an exit code (errors.py). Anything
else is our mistake and keeps its traceback.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from laconic import __version__
from laconic.errors import BadInput, LaconicError
from laconic.terminal.columns import plain

__all__ = ["COMMANDS", "Commands", "language", "main"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]
"""What a command's `add_parser` gets; argparse keeps the name to itself."""

COMMANDS: dict[str, str] = {
    "talk": "talk with a Realtime service: microphone, speaker, both transcripts, a running bill",
    "gateway": "serve Realtime clients of any kind: memory, budgets, keys and a ledger for all of them",
    "key": "make, list and revoke the keys apps show the gateway",
    "ledger": "show, export and prove what the gateway has written down",
    "attach": "join a WebRTC or SIP call from the side: its memory, its budget, its bill",
    "simulate": "run the stand-in service, which listens, speaks, forgets and bills",
    "replay": "show what the engine makes of a recorded conversation",
    "whatif": "reckon a conversation under other memories, models and laws",
    "probe": "find out how a service bills, caches and forgets",
    "rates": "print the price list",
    "doctor": "say what works on this machine and what to do about the rest",
}
"""Every command, with what it is for. The command is the module `laconic.cli.<name>`."""

_INTERRUPTED, _PIPE_CLOSED = 130, 141  # 128 + the signal's number, as a shell reports a program that a signal ended


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence instead of printing its usage first."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(
            f"{message}; `{self.prog} --help` shows what there is",
            ja=f"コマンドの指定に誤りがあります（{message}）。`{self.prog} --help` で使い方を確認してください。",
        )


def language(env: Mapping[str, str]) -> str:
    """`ja` or `en`, from the first of the locale's variables that is set (the order POSIX gives them)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if env.get(name):
            return "ja" if env[name].lower().startswith("ja") else "en"
    return "en"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; never raises for what a user did."""
    lang = language(os.environ)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Japanese on a terminal that has none shows "?" and goes on
    try:
        given = list(sys.argv[1:] if argv is None else argv)
        chosen, given = _take_language(given)
        lang = chosen or lang
        args = _parser(given).parse_args(given)
        args.lang = lang
        code: int = args.run(args)
        sys.stdout.flush()  # here, where a reader that has gone is still caught
        return code
    except LaconicError as error:
        print(f"laconic: {plain(error.say(lang))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except SystemExit as leaving:  # argparse, after --help and --version
        return leaving.code if isinstance(leaving.code, int) else 0


def _take_language(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """`--lang` may stand before or after the command; every command has it without having to say so."""
    parser = _Parser(prog="laconic", add_help=False, allow_abbrev=False)
    parser.add_argument("--lang", choices=("en", "ja"))
    found, rest = parser.parse_known_args(argv)
    return found.lang, rest


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="laconic",
        description="Long realtime voice conversations, short bills.",
        epilog="`laconic COMMAND --help` tells more. --lang en|ja sets the language; the locale decides otherwise.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"laconic {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, purpose in COMMANDS.items():
        if name == chosen:
            importlib.import_module(f"laconic.cli.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=purpose)
    return parser
