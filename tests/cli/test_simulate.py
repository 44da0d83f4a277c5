"""`laconic simulate`: it says where it listens, does what its flags say, and leaves quietly."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from websockets.sync.client import connect

from laconic.cli import main, simulate
from laconic.errors import BadInput
from laconic.simulator.chat import ChatFault


def parsed(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simulate.add_parser(parser.add_subparsers())
    return parser.parse_args(["simulate", *flags])


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """A stand-in as a process; its address, and the process."""
    flags = ["--port", "0", "--voice-engine", "tones", *request.param]
    command = [sys.executable, "-m", "laconic", "simulate", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield line.split()[0] if line else "", process
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    "started",
    [["--model", "gpt-realtime-2.1", "--fault", "null-usage", "--chat-latency-ms", "0", "--chat-fault", "error"]],
    indirect=True,
)
def test_it_prints_its_address_answers_there_and_ends_with_0_on_ctrl_c(started: tuple[str, Any]) -> None:
    url, process = started
    with connect(url) as ws:
        assert json.loads(ws.recv())["session"]["model"] == "gpt-realtime-2.1"
        ws.send('{"type": "response.create", "response": {"output_modalities": ["text"]}}')
        while (event := json.loads(ws.recv(10)))["type"] != "response.done":
            pass
        assert event["response"]["usage"] is None
    chat = url.replace("ws:", "http:").split("/realtime")[0] + "/chat/completions"
    request = urllib.request.Request(chat, b'{"model": "any", "messages": [{"role": "user", "content": "Hello."}]}')
    with pytest.raises(urllib.error.HTTPError, match="500") as failure:
        urllib.request.urlopen(request)
    failure.value.close()
    process.send_signal(signal.SIGINT)
    said, complaints = process.communicate(timeout=10)
    assert (process.returncode, said, complaints) == (0, "", "")


def test_every_fault_of_the_chat_endpoint_has_its_flag() -> None:
    assert [parsed("--chat-fault", fault).chat_fault for fault in get_args(ChatFault)] == list(get_args(ChatFault))


def test_flags_become_habits() -> None:
    habits = simulate.habits(
        parsed(
            *("--dialect", "beta", "--model", "gpt-realtime-mini", "--latency-ms", "100", "--speedup", "3"),
            *("--transcription-latency-ms", "1500", "--session-minutes", "2", "--sample-time"),
            *("--ghost-usage", "null", "--ghost-item", "--drift-after", "3"),
        )
    )
    assert habits.drift_after == 3
    assert (habits.dialect, habits.model, habits.session_s) == ("beta", "gpt-realtime-mini", 120)
    assert (habits.pace.latency_s, habits.pace.speedup, habits.pace.empty_item) == (0.1, 3.0, True)
    assert (habits.transcription_latency_s, habits.sample_time, habits.ghost_usage_null) == (1.5, True, True)


def test_flags_become_parts(tmp_path: Path) -> None:
    script = tmp_path / "mind.toml"
    script.write_text('[[reply]]\ntext = "Yes."\n')
    flags = ["--mind", str(script), "--voice-engine", "tones", "--seed", "7", "--hit-rate", "0.5"]
    parts = simulate.parts(parsed(*flags, "--keep-reply-audio", "--no-commentary"))
    assert (parts.seed, parts.hit_rate, parts.keeps_reply_audio, parts.commentary) == (7, 0.5, True, False)
    assert parts.mind.answer([]).text == "Yes."
    assert simulate.parts(parsed("--drop-reply-audio", "--voice-engine", "tones")).keeps_reply_audio is False


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--fault", "banana"], "There is no fault 'banana'"),
        (["--mind", "banana"], "There is no mind 'banana'"),
        (["--speedup", "0"], "--speedup must be above zero"),
        (["--speedup", "inf"], "--speedup must be above zero"),
        (["--session-minutes", "0"], "--session-minutes must be above zero"),
        (["--latency-ms", "-5"], "--latency-ms must be 0 or more"),
        (["--transcription-latency-ms", "-5"], "--transcription-latency-ms must be 0 or more"),
        (["--port", "99999"], "--port must be from 0 (any free one) to 65535"),
        (["--hit-rate", "2"], "--hit-rate is a share"),
        (["--drift-after", "-1"], "--drift-after is a number of replies"),
        (["--clips", "/nowhere"], "/nowhere"),
        (["--model", "gpt-5"], "gpt-5"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_sentence(
    flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--port", "0", "--voice-engine", "tones", *flags]) == BadInput.exit_code
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["simulate", "--port", port, "--voice-engine", "tones"]) == BadInput.exit_code
    assert "choose another --port" in capsys.readouterr().err
