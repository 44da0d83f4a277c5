"""What `laconic gateway` shows of itself: a log in the form that was asked for, and /metrics where it was asked for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect

from laconic.cli import main


@contextmanager
def gateway(*flags: str) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """A gateway to the stand-in as a process: its base URL (http), and the process."""
    command = [sys.executable, "-m", "laconic", "gateway", "--service", "simulator", "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield line.split()[2].split("/v1/")[0].replace("ws:", "http:"), process
    finally:
        process.kill()
        process.communicate()


def lines(said: str) -> list[str]:
    """What stands on stderr, but for the word about sessions that had not quite ended."""
    return [line for line in said.splitlines() if not line.startswith("closing: ")]


@pytest.mark.slow
def test_a_session_leaves_its_lines_and_its_figures() -> None:
    with gateway("--log", "json", "--metrics") as (base, process):
        with connect(base.replace("http:", "ws:") + "/v1/realtime?model=gpt-realtime") as ws:
            assert json.loads(ws.recv(10))["type"] == "session.created"
        with urllib.request.urlopen(base + "/metrics", timeout=10) as answer:
            assert "laconic_sessions_open" in answer.read().decode()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert [json.loads(line)["glyph"] for line in lines(said)] == ["+", "-"]


@pytest.mark.slow
def test_what_was_not_asked_for_is_not_there() -> None:
    with gateway("--log", "off") as (base, process):
        with connect(base.replace("http:", "ws:") + "/v1/realtime?model=gpt-realtime") as ws:
            ws.recv(10)
        with pytest.raises(urllib.error.HTTPError, match="404") as no:
            urllib.request.urlopen(base + "/metrics", timeout=10)
        no.value.close()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert (process.returncode, lines(said)) == (0, [])


def test_messages_cannot_be_logged_where_nothing_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "--service", "simulator", "--log", "off", "--log-messages"]) == 2
    assert "leave one out" in capsys.readouterr().err
