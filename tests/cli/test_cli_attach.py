"""`laconic attach` as a command: what it prints of a call it looks after, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from quick import Caller, quick_stand_in

from laconic.cli import main
from laconic.simulator.server import StandIn


@asynccontextmanager
async def attending(standin: StandIn, call_id: str, *flags: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The command as people run it, into a pipe; its first line has been read."""
    command = ["-m", "laconic", "attach", "--call-id", call_id, "--service", f"{standin.base_url}/realtime", *flags]
    env = {**os.environ, "LANG": "en_US.UTF-8", "LC_ALL": "", "LC_MESSAGES": "", "OPENAI_API_KEY": "any"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        first = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert first.strip().startswith(f"· Joined call {call_id} at 127.0.0.1.")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def rest(process: asyncio.subprocess.Process) -> str:
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    return out.decode()


@pytest.mark.slow
async def test_it_prints_what_was_said_what_it_did_and_what_it_cost() -> None:
    async with quick_stand_in() as standin, Caller.on_a_call(standin) as caller:
        flags = ("--memory", "last:2", "--model", "gpt-realtime", "--currency", "JPY", "--per-usd", "155")
        async with attending(standin, caller.call_id, *flags) as process:
            for n in range(4):
                await caller.exchange(f"Sentence {n}.")
            await caller.hang_up()
            out = await rest(process)
    assert process.returncode == 0
    rows = out.splitlines()
    assert "you     Sentence 0." in rows
    assert "reply   I know of 1 things that were said before." in rows
    assert re.search(r"· forgotten: you, “Sentence 0\.” · \d stay", out)
    assert re.search(r"· ¥\d\S* · this reply ¥", out)
    assert "· The call is over." in out
    assert re.search(r"exchanges 4 · ghost turns 0", out)
    assert re.search(r"^cost: ¥", out, re.MULTILINE)
    assert "unknown" not in out


@pytest.mark.slow
async def test_why_a_memory_was_chosen_is_told_in_the_money_asked_for() -> None:
    """When it is, and at the end: once somebody writes down what is said, summaries are cheapest."""
    async with quick_stand_in() as standin, Caller.on_a_call(standin) as caller:
        flags = ("--model", "gpt-realtime", "--currency", "JPY", "--per-usd", "155")
        async with attending(standin, caller.call_id, *flags) as process:
            await caller.talk(8)
            await caller.configure(audio={"input": {"transcription": {"model": "whisper-1"}}})
            await caller.talk(9)
            await caller.hang_up()
            out = await rest(process)
    told = [row for row in out.splitlines() if "an hour costs summary ¥" in row]
    assert [row.strip().split(":")[0] for row in told] == ["· memory is now summary", "memory auto (summary)"]
    assert not any("$" in row for row in told)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
async def test_ctrl_c_leaves_the_call_and_prints_the_bill() -> None:
    async with quick_stand_in() as standin, Caller.on_a_call(standin) as caller:
        async with attending(standin, caller.call_id) as process:
            await caller.exchange("Hello.")
            process.send_signal(signal.SIGINT)
            out = await rest(process)
        assert process.returncode == 0
        assert re.search(r"^cost: \$0\.0", out, re.MULTILINE)
        assert "Traceback" not in out
        await caller.exchange("I am still here.")


@pytest.mark.parametrize(
    ("flags", "sentence", "code"),
    [
        (["--call-id", "rtc_1&x"], "is no call's id", 2),
        (["--call-id", "rtc_1", "--memory", "last:none"], "memory", 2),
        (["--call-id", "rtc_1", "--service", "nobody"], "there is no service called 'nobody'", 2),
        (["--call-id", "rtc_1", "--service", "ws://127.0.0.1:1/v1/realtime"], "127.0.0.1", 5),
        ([], "--call-id", 2),
    ],
)
def test_a_mistake_is_one_sentence(
    flags: list[str], sentence: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert main(["attach", *flags]) == code
    err = capsys.readouterr().err
    assert sentence in err
    assert len(err.splitlines()) == 1
