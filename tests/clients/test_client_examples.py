"""The examples for libraries that take an address and nothing else, each in its library's own environment."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import run

EXAMPLES = {
    "agents": "local_gateway_openai_agents.py",
    "livekit": "local_gateway_livekit.py",
    "pipecat": "local_gateway_pipecat.py",
    "pydantic-ai": "local_gateway_pydantic_ai.py",
}
REPLIES = ("Nice to meet you, Marco!", "Your name is Marco.")


def with_ours(name: str) -> Path:
    """The interpreter of a client's environment that also has what a gateway within it needs."""
    folder = run.environment(name)
    python, made = folder / "bin" / "python", folder / "made-for-a-gateway-within"
    if not made.exists():
        project = tomllib.loads((run.ROOT / "pyproject.toml").read_text())["project"]
        needed: list[str] = [*project["dependencies"], *project["optional-dependencies"]["gateway"]]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *needed], check=True)
        made.touch()
    return python


@pytest.mark.clients
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_holds_its_conversation(name: str, tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(run.ROOT / "src"), "OPENAI_API_KEY": "any", "XDG_DATA_HOME": str(tmp_path)}
    with run.process(tmp_path, "simulate", "--port", "0", *run.FAST) as line:
        command = [with_ours(name), run.ROOT / "examples" / EXAMPLES[name], line.split("?")[0]]
        result = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    for reply in REPLIES[: 1 if name == "pipecat" else 2]:
        assert reply in result.stdout, result.stdout + result.stderr[-4000:]
