"""Bad days at the command line: one sentence each, an exit code, no traceback, and what was said so far with its cost.

The services are real ones on loopback, in a thread of their own; the command runs as a user runs it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import wave
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket

from laconic.cli import main
from laconic.errors import NoDevice
from laconic.simulator.faults import Faults
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.server import serve
from laconic.simulator.speech import Speech
from laconic.voice.clock import Clock

PACE = 10.0
HELLO = Path(__file__).parents[2] / "src/laconic/scenarios/introduction/1-hello.wav"
FILES = ["--input", str(HELLO), "--output", "none", "--pace", f"{PACE:g}"]

KEYS = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "LACONIC_API_KEY",
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_DEPLOYMENT",
)


@contextmanager
def in_a_thread(served: Callable[[], AbstractAsyncContextManager[str]]) -> Generator[str]:
    """A server on an event loop of its own, since the command brings one too; its address."""
    address: list[str] = []
    up = threading.Event()
    down: list[Callable[[], object]] = []

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        down.append(lambda: loop.call_soon_threadsafe(stop.set))
        async with served() as url:
            address.append(url)
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield address[0]
    finally:
        down[0]()
        thread.join(10)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(hearing=Hearing.of_scenarios(), voice=Speech())


@contextmanager
def stand_in(parts: Parts, *, faults: Sequence[str] = (), keys: list[str] | None = None) -> Generator[str]:
    """The stand-in with something wrong about it; where it answers, without a model."""

    @asynccontextmanager
    async def served() -> AsyncGenerator[str]:
        clock = Clock(PACE)
        async with serve(parts=parts, clock=clock, faults=lambda: Faults.named(faults), keys=keys) as standin:
            yield f"{standin.base_url}/realtime"

    with in_a_thread(served) as url:
        yield url


@contextmanager
def one_that_says(*events: dict[str, Any], code: int = 3000) -> Generator[str]:
    """A server that says this, whatever it hears, and hangs up."""

    async def answer(connection: ServerConnection) -> None:
        for event in events:
            await connection.send(json.dumps(event))
        await connection.close(code, "")

    @asynccontextmanager
    async def served() -> AsyncGenerator[str]:
        async with serve_websocket(answer, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"ws://127.0.0.1:{port}/v1/realtime"

    with in_a_thread(served) as url:
        yield url


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no proxy, no configuration of whoever runs the tests; files land in a folder of their own."""
    for name in (*KEYS, "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def talk(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run `laconic talk` with these arguments."""

    def run(*args: str) -> Outcome:
        code = main(["talk", "--plain", *args])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


def assert_one_sentence(outcome: Outcome, code: int, part: str) -> None:
    assert outcome.code == code, outcome
    assert part in outcome.err
    assert outcome.err.startswith("laconic: ")
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err + outcome.out


# --- what can be known before anything is opened -------------------------------------------------------------------


@dataclass
class Day:
    """A situation that ends before a connection is made."""

    args: list[str]
    code: int
    part: str
    env: dict[str, str] = field(default_factory=dict[str, str])
    files: dict[str, str] = field(default_factory=dict[str, str])


DAYS = {
    "no key": Day(["--service", "openai"], 3, "OPENAI_API_KEY is not set"),
    "a key with a line break": Day(["--service", "openai"], 2, "OPENAI_API_KEY holds", {"OPENAI_API_KEY": "sk-\nx"}),
    "azure without its address": Day(["--service", "azure"], 2, "AZURE_OPENAI_ENDPOINT is not set"),
    "azure without a deployment": Day(
        ["--service", "azure"], 2, "no Azure deployment", {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}
    ),
    "azure without a key": Day(
        ["--service", "azure", "--deployment", "voice"],
        3,
        "AZURE_OPENAI_API_KEY",
        {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"},
    ),
    "an unknown service": Day(["--service", "opnai"], 2, "did you mean openai?"),
    "an address that is none": Day(["--service", "ws://[", *FILES], 2, "no address"),
    "an unreachable port": Day(["--service", "ws://127.0.0.1:1/v1/realtime", *FILES], 5, "127.0.0.1:1"),
    "an unknown host": Day(["--service", "ws://nowhere.invalid/v1", *FILES], 5, "nowhere.invalid"),
    "broken TOML": Day(["--settings", "s.toml"], 2, "not valid TOML", files={"s.toml": "voice = "}),
    "TOML that is not there": Day(["--settings", "s.toml"], 2, "s.toml"),
    "an unknown setting": Day(["--settings", "s.toml"], 2, "did you mean voice?", files={"s.toml": 'voise = "x"'}),
    "a key in the settings": Day(["--settings", "s.toml"], 2, "environment", files={"s.toml": 'api_key = "sk-1"'}),
    "a number out of range": Day(["--speed", "9"], 2, "--speed"),
    "settings that contradict": Day(["--turn-detection", "none", "--threshold", "0.5"], 2, "--threshold"),
    "a memory nobody has": Day(["--memory", "last:0"], 2, "last:0"),
    "something to remember that means nothing": Day(["--remember", "most"], 2, "cannot remember 'most'"),
    "a memory that does not choose": Day(["--memory", "last:5", "--remember", "gist"], 2, "for the memory auto"),
    "a currency without its rate": Day(["--currency", "JPY"], 2, "--per-usd"),
    "a rate that is none": Day(["--currency", "JPY", "--per-usd", "many"], 2, "--per-usd"),
    "a text model at no address": Day(
        ["--service", "openai", *FILES],
        2,
        "LACONIC_SUMMARY_URL",
        {"OPENAI_API_KEY": "sk-x", "LACONIC_SUMMARY_URL": "nowhere"},
    ),
    "an unknown flag": Day(["--loud"], 2, "--loud"),
    "broken prices": Day(["--rates", "r.toml"], 2, "r.toml", files={"r.toml": "[models"}),
    "an unknown scenario": Day(["--input", "scenario:nobody"], 2, "no scenario 'nobody'"),
    "an unknown mind": Day(["--mind", "hive", *FILES], 2, "no mind 'hive'"),
    "no input file": Day(["--input", "no.wav"], 2, "no.wav"),
    "a WAV that is none": Day(["--input", "x.wav"], 2, "not a WAV", files={"x.wav": "hello"}),
    "a record that cannot be written": Day(["--record", "no/such/folder.jsonl"], 2, "--record"),
    "keys for a recorded caller": Day(["--turn-detection", "none", "--input", "scenario:pauses"], 2, "presses no keys"),
    "a hurried person": Day(["--pace", "5", "--input", "some microphone"], 2, "--pace"),
    "a hurried speaker": Day(["--pace", "5", "--output", "some speaker"], 2, "--output"),
    "time standing still": Day(["--pace", "0"], 2, "--pace"),
    "no time at all": Day(["--pace", "nan"], 2, "--pace"),
    "time without end": Day(["--pace", "inf"], 2, "--pace"),
    "sound recorded nowhere": Day(["--record-sound", *FILES], 2, "--record FILE.jsonl"),
}


@pytest.mark.parametrize("name", DAYS)
def test_a_day_that_ends_before_it_began(
    name: str, talk: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    day = DAYS[name]
    for variable, value in day.env.items():
        monkeypatch.setenv(variable, value)
    for file, text in day.files.items():
        (tmp_path / file).write_text(text)
    assert_one_sentence(talk(*day.args), day.code, day.part)


def test_the_sentence_comes_in_japanese(talk: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert_one_sentence(talk("--service", "openai"), 3, "OPENAI_API_KEY が設定されていません")


# --- a service that says no ----------------------------------------------------------------------------------------


def test_a_wrong_key(talk: Callable[..., Outcome], parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACONIC_API_KEY", "wrong")
    with stand_in(parts, keys=["right"]) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime", *FILES)
    assert_one_sentence(outcome, 4, "did not accept the key in LACONIC_API_KEY")
    assert "wrong" not in outcome.err.replace("went wrong", "")


def test_an_unknown_model(talk: Callable[..., Outcome], parts: Parts) -> None:
    with stand_in(parts) as url:
        outcome = talk("--service", url, "--model", "gpt-9", *FILES)
    assert_one_sentence(outcome, 4, "gpt-9")


def test_an_unknown_deployment(talk: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"type": "invalid_request_error", "code": "DeploymentNotFound", "message": "The deployment does not exist."}
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    with one_that_says({"type": "error", "error": error}) as url:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", url.replace("ws://", "http://").removesuffix("/v1/realtime"))
        outcome = talk("--service", "azure", "--deployment", "nope", *FILES)
    assert_one_sentence(outcome, 4, "no deployment called nope")


def test_a_server_that_refuses_the_beta_shape(talk: Callable[..., Outcome], parts: Parts) -> None:
    with stand_in(parts, faults=["refuse-beta-shape"]) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime", "--dialect", "beta", *FILES)
    assert_one_sentence(outcome, 4, "beta dialect")


def test_a_server_that_speaks_something_else(talk: Callable[..., Outcome], parts: Parts) -> None:
    with stand_in(parts, faults=["stranger"]) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime", *FILES)
    assert_one_sentence(outcome, 5, "Realtime")


def test_a_server_that_is_no_websocket(talk: Callable[..., Outcome]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def say_hello() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")

        threading.Thread(target=say_hello, daemon=True).start()
        outcome = talk("--service", f"ws://127.0.0.1:{port}/v1/realtime", *FILES)
    assert_one_sentence(outcome, 5, "no WebSocket server")


def test_settings_the_service_refuses(talk: Callable[..., Outcome]) -> None:
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "Invalid value: 'nobody'."}
    with one_that_says(
        {"type": "session.created", "session": {"type": "realtime", "model": "gpt-realtime"}},
        {"type": "error", "error": error},
    ) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime", "--voice", "nobody", *FILES)
    assert_one_sentence(outcome, 4, "refused the settings (Invalid value: 'nobody')")


def test_no_money_left_in_mid_talk(talk: Callable[..., Outcome]) -> None:
    session = {"type": "realtime", "model": "gpt-realtime", "audio": {"input": {}}}
    details = {"error": {"type": "insufficient_quota", "message": "You exceeded your current quota."}}
    response = {"id": "r", "status": "failed", "status_details": details, "output": [], "usage": None}
    with one_that_says(
        {"type": "session.created", "session": session},
        {"type": "session.updated", "session": session},
        {"type": "response.done", "response": response},
    ) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime", *FILES)
    assert_one_sentence(outcome, 4, "exceeded your current quota")
    assert "cost unknown" in outcome.out


# --- a talk that breaks --------------------------------------------------------------------------------------------


def assert_conversation_is_there(outcome: Outcome) -> None:
    assert "you     Hello. My name is Marco." in outcome.out
    assert "reply " in outcome.out
    assert "\nreplies 1 · tokens in " in outcome.out
    assert "\ncost: $0.00" in outcome.out


@pytest.mark.slow
def test_a_dropped_connection(talk: Callable[..., Outcome], parts: Parts) -> None:
    with stand_in(parts) as whole:
        complete = talk("--service", whole, "--model", "gpt-realtime", "--record", "all.jsonl", *FILES)
    assert complete.code == 0
    said = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    service = [line["event"]["type"] for line in said if line["from"] == "service"]
    with stand_in(parts, faults=[f"drop-after={service.index('response.done') + 1}"]) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime", *FILES)
    assert_one_sentence(outcome, 6, "connection")
    assert_conversation_is_there(outcome)


class Unplugged:
    """A microphone that says hello and is then pulled out."""

    latency_ms = 0

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    async def __aenter__(self) -> Unplugged:
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        return

    async def chunks(self) -> AsyncGenerator[bytes]:
        count = 0
        async for chunk in self._whole.chunks():
            yield chunk
            count += 1
            if count == 350:  # seven seconds, enough for a reply
                raise NoDevice("the microphone has gone; plug it in again")


def test_a_device_that_vanishes(talk: Callable[..., Outcome], parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    from laconic.cli import talk_sound
    from laconic.voice.files import WavMicrophone

    monkeypatch.setattr(
        talk_sound, "_microphone", lambda wanted, clock, speaker: Unplugged(WavMicrophone(wanted, clock))
    )
    with stand_in(parts) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime", *FILES)
    assert_one_sentence(outcome, 7, "the microphone has gone")
    assert_conversation_is_there(outcome)


def test_an_output_that_cannot_be_written(talk: Callable[..., Outcome], parts: Parts) -> None:
    with stand_in(parts) as url:
        args = ["--input", str(HELLO), "--pace", "10", "--output", "no/such/folder.wav"]
        outcome = talk("--service", url, "--model", "gpt-realtime", *args)
    assert_one_sentence(outcome, 2, "no/such/folder.wav")


def test_no_device_at_all(talk: Callable[..., Outcome], parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    from laconic.voice import devices

    monkeypatch.setattr(devices, "backends", list)  # a machine without any sound library that works
    with stand_in(parts) as url:
        outcome = talk("--service", url, "--model", "gpt-realtime")
    assert_one_sentence(outcome, 7, "no microphone was found")


# --- files that are odd, and still good ----------------------------------------------------------------------------


def wav(path: Path, rate: int, width: int, channels: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(bytes(rate * width * channels // 5))


@pytest.mark.parametrize(("rate", "width", "channels"), [(8_000, 1, 1), (44_100, 2, 2), (96_000, 3, 1), (11_025, 4, 2)])
def test_a_wav_of_any_rate_and_width(
    rate: int, width: int, channels: int, talk: Callable[..., Outcome], parts: Parts, tmp_path: Path
) -> None:
    wav(tmp_path / "odd.wav", rate, width, channels)
    with stand_in(parts) as url:
        outcome = talk(
            "--service", url, "--model", "gpt-realtime", "--input", "odd.wav", "--output", "none", "--pace", "10"
        )
    assert (outcome.code, outcome.err) == (0, "")


def test_a_truncated_wav_is_spoken_so_far(talk: Callable[..., Outcome], parts: Parts, tmp_path: Path) -> None:
    whole = HELLO.read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 4])
    with stand_in(parts) as url:
        outcome = talk(
            "--service", url, "--model", "gpt-realtime", "--input", "cut.wav", "--output", "none", "--pace", "10"
        )
    assert (outcome.code, outcome.err) == (0, "")
