"""The command line's frame: commands, language, one sentence per mistake, exit codes."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import types
from collections.abc import Callable

import pytest

from laconic.cli import COMMANDS, Commands, language, main
from laconic.errors import NoDevice, Refused

Run = Callable[[argparse.Namespace], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Puts a command called `rates` in place of the real one, which does what the test says."""

    def put(run: Run) -> None:
        module = types.ModuleType("laconic.cli.rates")

        def add_parser(commands: Commands) -> None:
            parser = commands.add_parser("rates")
            parser.add_argument("--loud", action="store_true")
            parser.set_defaults(run=run)

        module.__dict__["add_parser"] = add_parser
        monkeypatch.setitem(sys.modules, "laconic.cli.rates", module)

    return put


def test_exit_code_is_the_commands(command: Callable[[Run], None]):
    command(lambda args: 17 if args.loud else 16)
    assert main(["rates"]) == 16
    assert main(["rates", "--loud"]) == 17


@pytest.mark.parametrize("argv", [["--lang", "ja", "rates"], ["rates", "--lang", "ja"], ["rates", "--lang=ja"]])
def test_language_may_stand_anywhere(command: Callable[[Run], None], argv: list[str]):
    seen: list[str] = []
    command(lambda args: seen.append(args.lang) or 0)
    assert main(argv) == 0
    assert seen == ["ja"]


def test_error_is_one_sentence_in_the_chosen_language(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(args: argparse.Namespace) -> int:
        raise Refused("the service said no", ja="サービスに断られました。")

    command(run)
    assert main(["rates"]) == 4
    assert capsys.readouterr().err == "laconic: the service said no\n"
    assert main(["rates", "--lang", "ja"]) == 4
    assert capsys.readouterr().err == "laconic: サービスに断られました。\n"
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert main(["rates"]) == 4
    assert capsys.readouterr().err == "laconic: サービスに断られました。\n"


def test_error_without_a_translation_is_told_in_english(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
):
    def run(args: argparse.Namespace) -> int:
        raise NoDevice("the microphone is gone")

    command(run)
    assert main(["rates", "--lang", "ja"]) == 7
    assert capsys.readouterr().err == "laconic: the microphone is gone\n"


def test_an_error_gives_the_terminal_no_orders(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its sentence may quote what a server said."""

    def run(args: argparse.Namespace) -> int:
        raise NoDevice("it said \x1b[2Jhello;\nwrite again")

    command(run)
    assert main(["rates"]) == 7
    assert capsys.readouterr().err == "laconic: it said [2Jhello; write again\n"


def test_our_own_mistakes_keep_their_traceback(command: Callable[[Run], None]):
    def run(args: argparse.Namespace) -> int:
        raise ZeroDivisionError

    command(run)
    with pytest.raises(ZeroDivisionError):
        main(["rates"])


def test_interrupt_is_130(command: Callable[[Run], None]):
    def run(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    command(run)
    assert main(["rates"]) == 130


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "COMMAND"),
        (["tolk"], "tolk"),
        (["rates", "--quiet"], "--quiet"),
        (["--lang", "fr", "rates"], "fr"),
        (["--lang"], "--lang"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str], argv: list[str], words: str
):
    command(lambda args: 0)
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "--help" in said
    assert said.count("\n") == 1


def test_version_and_help_are_no_mistakes(capsys: pytest.CaptureFixture[str]):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("laconic 0.")
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_shows_its_help(name: str, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip(f"laconic.cli.{name}", exc_type=ModuleNotFoundError)
    assert main([name, "--help"]) == 0
    assert f"laconic {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("env", "lang"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "ja_JP.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "ja_JP", "LANG": "C"}, "ja"),
    ],
)
def test_language_comes_from_the_locale(env: dict[str, str], lang: str):
    assert language(env) == lang


def test_a_reader_that_leaves_is_no_error():
    """`laconic … | head -1`: no traceback, and the exit code of a program that SIGPIPE ended."""
    script = (
        "import sys, types\n"
        "module = types.ModuleType('laconic.cli.rates')\n"
        "def run(args):\n"
        "    for n in range(100_000): print('a line of the price list', n)\n"
        "    return 0\n"
        "module.add_parser = lambda commands: commands.add_parser('rates').set_defaults(run=run)\n"
        "sys.modules['laconic.cli.rates'] = module\n"
        "from laconic.cli import main\n"
        "sys.exit(main(['rates']))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_module_runs_and_imports_nothing_heavy():
    """`python -m laconic --help` works, and neither sound nor sockets were imported for it."""
    script = (
        "import sys; from laconic.cli import main; code = main(['--help'])\n"
        "heavy = {'numpy', 'websockets', 'textual', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(code or (', '.join(heavy) if heavy else 0))"
    )
    env = os.environ | {"LC_ALL": "C.UTF-8"}
    probe = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=False)
    assert (probe.returncode, probe.stderr) == (0, "")
    done = subprocess.run([sys.executable, "-m", "laconic", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("laconic ")


def test_a_terminal_without_japanese_gets_question_marks():
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "laconic", "replay", os.devnull, "--lang", "ja"]
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?" in done.stdout
