"""The documents, held against the code: what they show is there, what is there they tell, and their examples run."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import itertools
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import openai
import pytest
from websockets.asyncio.client import connect

import laconic
from laconic import cli, errors, rates
from laconic.cli.session_flags import session_settings
from laconic.client.settings import SETTINGS, read_settings
from laconic.memory import memory
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.responding import Pace
from laconic.simulator.server import serve
from laconic.simulator.speech import Speech
from laconic.voice.clock import Clock

ROOT = Path(__file__).parents[1]
READMES = ["README.md", "README.ja.md"]
LIBRARY = "docs/library.md"
DOCUMENTS = [*READMES, "CONTRIBUTING.md", "CHANGELOG.md", LIBRARY, "docs/gateway.md"]

NAMES = [f"laconic {name}" for name in cli.COMMANDS]
"""In running text these name a command; they are not there to be typed as they stand."""

SETTINGS_SECTION, MEMORY_SECTION = 4, 5

in_both = pytest.mark.parametrize("name", READMES)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", read(name), re.MULTILINE | re.DOTALL)


def section(name: str, number: int) -> str:
    """One section, from its heading to the next; the title's is 1."""
    return re.split(r"^#+ ", prose(name), flags=re.MULTILINE)[number]


def prose(name: str) -> str:
    """All but the code."""
    return re.sub(r"^```.*?^```", "", read(name), flags=re.DOTALL | re.MULTILINE)


def shell_lines(name: str) -> list[str]:
    """Every line of the shell blocks, without its remark."""
    lines = (line for block in blocks(name, "sh") for line in block.splitlines())
    return [shown for line in lines if (shown := re.split(r"\s+#\s", line)[0].strip())]


def commands(name: str) -> list[str]:
    """Every command line of ours: in shell blocks and, if it is more than a name, in running text."""
    inline = re.findall(r"`((?:laconic|scripts/talk) [^`]+)`", prose(name))
    in_blocks = [line for line in shell_lines(name) if line.startswith(("laconic ", "scripts/talk "))]
    return in_blocks + [line for line in inline if line not in NAMES]


class _Strict(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise AssertionError(message)


def parsed(line: str) -> argparse.Namespace | None:
    """The command line as laconic's own parser reads it; None where only a name or help is asked for."""
    line = re.sub(r" --lang (en|ja)\b", "", line)  # every command has it: it is taken before the parser sees the rest
    words = [word for word in shlex.split(line) if word not in ("--help", "--version")]
    given = ["talk", *words[1:]] if words[0] == "scripts/talk" else words[1:]
    if not given:
        return None
    parser = _Strict(prog="laconic", allow_abbrev=False)
    assert given[0] in cli.COMMANDS, given[0]
    importlib.import_module(f"laconic.cli.{given[0]}").add_parser(parser.add_subparsers(required=True))
    return parser.parse_args(given)


# --- the command line --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "line"), [(name, line) for name in DOCUMENTS for line in commands(name)])
def test_a_command_shown_is_one_laconic_understands(name: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsed and checked, not run: flags exist, settings have values they may have, files of ours are there."""
    monkeypatch.chdir(ROOT)
    args = parsed(line)
    if args is not None and hasattr(args, "settings"):
        memory(session_settings(args).memory_name)
    Faults.named(getattr(args, "fault", []))
    model = getattr(args, "model", None)
    assert not isinstance(model, str) or rates.load().find(model) is not None


def test_what_scripts_talk_presets_is_understood_and_folds_within_its_minute() -> None:
    """The READMEs promise a summary; the end-to-end tests hold the same memory to it."""
    preset = re.search(r"set -- (.+)$", read("scripts/talk"), re.MULTILINE)
    assert preset is not None
    args = parsed(f"scripts/talk {preset[1]}")
    assert args is not None
    assert (args.service, args.memory) == ("simulator", "summary:120:40")
    assert f'"{args.memory}"' in read("tests/test_talk_end_to_end.py")


@in_both
def test_every_command_is_in_the_table_of_commands(name: str) -> None:
    rows = dict(re.findall(r"^\| `laconic (\w+)` \| (.+) \|$", read(name), re.MULTILINE))
    assert list(rows) == list(cli.COMMANDS)
    if name == "README.md":
        assert rows == cli.COMMANDS


@in_both
def test_every_setting_is_documented_and_no_other(name: str) -> None:
    """The table of settings names each key once."""
    table = re.search(r"(?:^\|.*`.*\n)+", section(name, SETTINGS_SECTION), re.MULTILINE)
    assert table is not None
    assert sorted(re.findall(r"`(\w+)`", table[0])) == sorted(setting.name for setting in SETTINGS)


def memory_rows(name: str) -> dict[str, list[str]]:
    """The table of memories: what it costs, by the form of its name."""
    table = section(name, MEMORY_SECTION).split("\n\n")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0].strip("`"): row[2:] for row in rows}


@in_both
def test_every_memory_is_documented(name: str) -> None:
    """What the complaint about an unknown memory offers is what the table offers."""
    with pytest.raises(errors.BadInput) as complaint:
        memory("nothing")
    offered = re.findall(
        r"([a-z]+[^ ,]*)(?:,| or | *$)", complaint.value.sentence.split("write ")[1].split(", numbers")[0]
    )
    assert sorted(memory_rows(name)) == sorted(offered)


@pytest.mark.slow
@in_both
def test_the_costs_of_the_memories_are_those_reckoned(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`laconic whatif` says the same to the last digit shown, with replies' sound dropped and kept."""
    examples = {"last:N": "last:5", "exchanges:N": "exchanges:10", "window:HIGH[:LOW]": "window:8000"}
    rows = {examples.get(form, form.partition("[")[0]): row for form, row in memory_rows(name).items() if row[0]}
    how = ["--hit-rate", "100,75,0", "--reply-audio", "kept,dropped", "--json"]
    assert cli.main(["whatif", "--memory", ",".join(rows), *how]) == 0
    reckoned: dict[str, list[str]] = {}
    cells = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for spec, hit_rate in itertools.product(rows, (1.0, 0.75, 0.0)):
        found = [cell["multiple"] for cell in cells if (cell["memory"], cell["hit_rate"]) == (spec, hit_rate)]
        low, high = (f"{multiple:.1f}" for multiple in sorted(found))
        reckoned.setdefault(spec, []).append(low if low == high else f"{low}–{high}")
    assert reckoned == rows


@in_both
def test_the_exit_codes_are_those_of_the_errors(name: str) -> None:
    shown = re.findall(r"^\| (\d) \| .*?`(\w+)`", read(name), re.MULTILINE)
    every = [errors.LaconicError, *errors.LaconicError.__subclasses__()]
    assert [(int(code), error) for code, error in shown] == [(error.exit_code, error.__name__) for error in every]


@in_both
def test_the_prices_of_a_minute_are_those_of_the_price_list(name: str) -> None:
    """A minute of the user's speech is 600 tokens, one of a reply's 1,200."""
    rows = re.findall(r"^\| (gpt-[^|]+) \|((?: \$[\d.]+ \|){5})$", read(name), re.MULTILINE)
    assert len(rows) == 2
    for models, prices in rows:
        first, *others = [model.strip() for model in re.split("[,、]", models)]
        for model in [first, *(f"gpt-realtime-{other}" for other in others)]:
            found = rates.load().find(model)
            assert found is not None
            assert found.audio_in is not None
            assert found.audio_out is not None
            assert found.audio_cached is not None
            nano = [
                600 * found.audio_in,
                600 * found.audio_cached,
                1200 * found.audio_out,
                1200 * found.audio_in,
                1200 * found.audio_cached,
            ]
            assert [float(price) for price in re.findall(r"[\d.]+", prices)] == [each / 1e9 for each in nano]


def test_the_changes_begin_with_this_version() -> None:
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == laconic.__version__


# --- the two languages -------------------------------------------------------------------------------------------


def test_both_languages_show_the_same_commands_in_the_same_order() -> None:
    assert shell_lines("README.ja.md") == shell_lines("README.md")


def test_both_languages_have_the_same_sections() -> None:
    english, japanese = ([len(marks) for marks in re.findall(r"^(#+) ", prose(name), re.M)] for name in READMES)
    assert japanese == english


@pytest.mark.parametrize("language", ["python", "toml"])
def test_both_languages_show_the_same_code(language: str) -> None:
    """Remarks may be translated, the code may not."""

    def code(name: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for block in blocks(name, language)]

    assert code("README.ja.md") == code("README.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """Those inside the project: the file is there, and so is its picture."""
    links = re.findall(r"\]\(([^)]+)\)", read(name))
    inside = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in inside if link and not ((ROOT / name).parent / link).exists()] == []


# --- the examples ------------------------------------------------------------------------------------------------


@in_both
def test_the_example_of_settings_is_one(name: str, tmp_path: Path) -> None:
    [example] = blocks(name, "toml")
    file = tmp_path / "example.toml"
    file.write_text(example, encoding="utf-8")
    assert read_settings(str(file), {}).memory == "last:5"


@pytest.mark.parametrize("name", ["english.toml", "kansai.toml"])
def test_the_shipped_examples_are_settings(name: str) -> None:
    path = ROOT / "examples" / name
    settings = read_settings(str(path), {})
    assert settings.instructions
    memory(settings.memory or "everything")


async def test_the_two_lines_of_the_readme_do_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Run as they stand, around the official SDK, with a conversation where the dots are."""
    program: dict[str, Any] = {}
    asked = """
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        )
        await connection.response.create(response={"output_modalities": ["text"]})
        async for event in connection:
            if event.type == "response.done":
                break
"""
    code = blocks("README.md", "python")[0]
    exec(compile(code.replace("        ...\n", asked), "README.md", "exec"), program)
    async with serve(parts=Parts(hearing=Hearing.of_scenarios(), voice=Speech("tones")), clock=Clock(20)) as stand_in:
        base_url = stand_in.base_url.replace("ws://", "http://")
        await program["main"](openai.AsyncOpenAI(base_url=base_url, api_key="any"))
    assert re.match(r"\$0\.00\d+ \w+", capsys.readouterr().out)


async def test_the_front_door_of_the_library_opens() -> None:
    """Its code, asked five things over a real WebSocket: it is answered, forgets, and knows the price."""
    program: dict[str, Any] = {}
    exec(compile(blocks(LIBRARY, "python")[0], LIBRARY, "exec"), program)
    session: laconic.Session = program["session"]
    parts = Parts(hearing=Hearing.of_scenarios(), voice=Speech("tones"))
    quick = Habits(model="gpt-realtime-2.1", pace=Pace(latency_s=0.01, speedup=100.0))
    async with serve(parts=parts, clock=Clock(20), habits=quick) as stand_in, connect(stand_in.url) as service:
        asked = ["My name is Marco.", *["How is the weather today?"] * 3, "What is my name?"]
        async with asyncio.timeout(10):
            costs = [(await program["ask"](service, words)).nanodollars for words in asked]
    assert costs == sorted(costs)
    assert 0 < costs[0] < costs[-1]
    *_, last = session.conversation
    assert "don't know" in (last.text or "")
    assert session.errors == session.unknown_events == 0


def test_the_fixture_works_as_shown(tmp_path: Path) -> None:
    for block in blocks(LIBRARY, "python")[1:]:
        file = re.match(r"# (\w+\.py)\n", block)
        assert file is not None
        (tmp_path / file[1]).write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@in_both
def test_a_readme_is_read_in_one_sitting(name: str) -> None:
    assert len(read(name).splitlines()) <= 260
