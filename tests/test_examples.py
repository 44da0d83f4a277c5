"""The examples of laconic.attach, run as the programs they are against the stand-in.

Those for local_gateway need other people's libraries: tests/clients.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
from pathlib import Path

import pytest

from laconic.simulator.habits import Habits
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.server import StandIn, serve
from laconic.simulator.speech import Speech

EXAMPLES = Path(__file__).parents[1] / "examples"
WRITTEN = ("attach_openai.py", "attach_openai_sync.py")
SPOKEN = ("attach_websockets.py", "attach_websockets_sync.py", "attach_aiohttp.py")


async def example(name: str, standin: StandIn, data: Path) -> str:
    """What it printed. Fails with that if it did not end well."""
    given = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": standin.base_url.replace("ws:", "http:"), "PACE": "20"}
    env = {**os.environ, **given, "XDG_DATA_HOME": str(data), "PYTHONPATH": str(EXAMPLES.parent / "src")}
    # The SDK's sync client opens websockets 17 in a way that warns; that is between the two of them.
    strict = () if name == "attach_openai_sync.py" else ("-W", "error")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *strict, EXAMPLES / name, standin.url, env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, out.decode()
    return out.decode()


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(hearing=Hearing.of_scenarios(), voice=Speech("tones"))


def test_every_example_of_attach_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("attach_*.py")} == {*WRITTEN, *SPOKEN}


@pytest.mark.parametrize("name", SPOKEN)
def test_whoever_names_no_address_is_told_how(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    monkeypatch.syspath_prepend(EXAMPLES)
    with pytest.raises(SystemExit, match=f"python examples/{name} wss://"):
        runpy.run_path(str(EXAMPLES / name))


@pytest.mark.slow
async def test_written_conversations_over_the_sdk(parts: Parts, tmp_path: Path) -> None:
    async with serve(parts=parts, habits=Habits()) as standin:
        told = await asyncio.gather(*(example(name, standin, tmp_path) for name in WRITTEN))
    for out in told:
        assert "reply: Your name is Marco." in out
        assert out.splitlines()[-1].startswith("$0.")


@pytest.mark.slow
async def test_spoken_conversations_over_bare_websockets(parts: Parts, tmp_path: Path) -> None:
    async with serve(parts=parts, habits=Habits(sample_time=True)) as standin:
        told = await asyncio.gather(*(example(name, standin, tmp_path) for name in SPOKEN))
        held = [len(service.conversation) for service in standin.services]
    for out in told:
        assert "reply: Nice to meet you, Marco! What shall we talk about?" in out
        assert out.splitlines()[-1].endswith("the 5 latest items are kept, as asked")
    assert max(held) <= 6
