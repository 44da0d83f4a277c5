"""The fixtures work in a project that has nothing but them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import asyncio, json, urllib.request, websockets
from laconic.simulator.chat import Chat
from laconic.simulator.faults import Faults

async def test_it_answers(stand_in):
    async with websockets.connect(stand_in.url) as ws:
        assert json.loads(await ws.recv())["type"] == "session.created"
    assert stand_in.services[-1].conversation == []

async def test_it_can_be_made_otherwise(stand_in_with):
    async with stand_in_with(faults=lambda: Faults(stranger=True)) as stand_in:
        async with websockets.connect(stand_in.url) as ws:
            assert "type" not in json.loads(await ws.recv())

async def test_it_writes_summaries(stand_in_with):
    async with stand_in_with(chat=Chat(latency_s=0)) as stand_in:
        asked = {"model": "any", "messages": [{"role": "user", "content": "User: My name is Anna."}]}
        post = urllib.request.Request(stand_in.chat_url, json.dumps(asked).encode())
        with await asyncio.to_thread(urllib.request.urlopen, post) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"] == "The user's name is Anna."
        assert stand_in.chat.asked[-1]["model"] == "any"
"""


@pytest.mark.slow
def test_the_example_of_the_docstring(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["laconic.simulator.fixtures"]')
    (tmp_path / "test_my_client.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "3 passed" in result.stdout, result.stdout + result.stderr


def test_the_package_itself_does_not_need_pytest() -> None:
    code = "import sys, laconic, laconic.simulator.server; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
