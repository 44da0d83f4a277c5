"""`laconic probe` as a user runs it, against stand-ins on loopback."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from laconic.cli import main
from laconic.client.laws_file import learned_laws
from laconic.simulator.faults import Faults
from laconic.simulator.hearing import Hearing
from laconic.simulator.parts import Parts
from laconic.simulator.server import serve
from laconic.simulator.speech import Speech
from laconic.voice.clock import Clock


@dataclass
class Outcome:
    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """Somebody at the keyboard, who has typed this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_API_KEY_FILE",
        "OPENAI_BASE_URL",
        "LACONIC_API_KEY",
        "LC_ALL",
        "LC_MESSAGES",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("ENDPOINT", "API_KEY", "DEPLOYMENT"):
        monkeypatch.delenv(f"AZURE_OPENAI_{name}", raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def run(*args: str) -> Outcome:
        code = main(["probe", *args])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@contextmanager
def stand_in(*faults: str, keys: list[str] | None = None) -> Generator[str]:
    """A stand-in in a thread of its own, thirty times faster than life; its address, without a model."""
    address: list[str] = []
    up = threading.Event()
    ends: list[Callable[[], object]] = []

    async def served() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        parts = Parts(hearing=Hearing.of_scenarios(), voice=Speech("tones"))
        clock = Clock(30.0)
        async with serve(parts=parts, clock=clock, faults=lambda: Faults.named(faults), keys=keys) as standin:
            address.append(f"{standin.base_url}/realtime")
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(served()), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield address[0]
    finally:
        ends[0]()
        thread.join(10)


def test_it_names_its_price_asks_reports_and_keeps_the_laws(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    monkeypatch.setenv("LACONIC_API_KEY", "sk-verysecret1234567890")
    with stand_in(keys=["sk-verysecret1234567890"]) as url:
        outcome = run("--service", url, "--model", "gpt-realtime", "--report", "found.md")
    assert outcome.code == 0, outcome.err
    offer, *_ = outcome.err.splitlines()
    assert "gpt-realtime, 5 minutes or less: about $0." in offer
    assert "never more than $1." in offer
    assert "Go on? [y/N]" in outcome.err
    assert "It cost $0." in outcome.err
    assert "only the newest reply keeps its sound" in outcome.out
    assert "- service: 127.0.0.1, dialect ga" in outcome.out
    assert (tmp_path / "found.md").read_text() == outcome.out
    assert "verysecret" not in outcome.out + outcome.err
    [entry], wrong = learned_laws()
    assert wrong is None
    assert (entry.service, entry.model, entry.responses) == ("127.0.0.1", "gpt-realtime", 16)
    assert entry.laws.keeps_reply_audio is False
    assert entry.laws.unverified == ()
    assert entry.laws.cache_block == 64


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_anything_but_yes_sends_nothing(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    outcome = run("--service", "ws://127.0.0.1:9/v1/realtime", "--model", "gpt-realtime")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.endswith("Nothing was sent.\n")


def test_in_a_pipe_nothing_is_asked_and_nothing_done(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    outcome = run("--service", "ws://127.0.0.1:9/v1/realtime", "--model", "gpt-realtime")
    assert outcome.code == 2
    assert "give --yes" in outcome.err


@pytest.mark.slow
def test_the_stand_in_costs_nothing_and_teaches_nothing(run: Callable[..., Outcome]) -> None:
    outcome = run("--service", "simulator", "--lang", "ja")
    assert outcome.code == 0, outcome.err
    assert "代役サービスです" in outcome.err
    assert " 1  最初の発言" in outcome.err
    assert "the stand-in, gpt-realtime-2.1" in outcome.out
    assert learned_laws() == ([], None)


def test_a_model_without_a_price_is_offered_in_tokens(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    outcome = run("--service", "ws://127.0.0.1:9/v1/realtime", "--model", "nobody-knows-it")
    assert "Its price is not known here: at most" in outcome.err


def sentence(outcome: Outcome) -> str:
    """The one sentence a mistake ends with."""
    assert "Traceback" not in outcome.err
    *_, last = outcome.err.splitlines()
    assert last.startswith("laconic: ")
    return last


def test_no_key(run: Callable[..., Outcome]) -> None:
    outcome = run("--yes")
    assert outcome.code == 3
    assert "OPENAI_API_KEY is not set" in sentence(outcome)


def test_nobody_answers(run: Callable[..., Outcome]) -> None:
    outcome = run("--yes", "--service", "ws://127.0.0.1:9/v1/realtime", "--model", "gpt-realtime")
    assert outcome.code == 5
    assert "127.0.0.1:9" in sentence(outcome)


def test_an_unknown_model(run: Callable[..., Outcome]) -> None:
    with stand_in() as url:
        outcome = run("--yes", "--service", url, "--model", "gpt-nonsense")
    assert outcome.code == 4
    assert "gpt-nonsense" in sentence(outcome)


def test_a_wrong_key(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACONIC_API_KEY", "sk-wrong1234567890")
    with stand_in(keys=["right"]) as url:
        outcome = run("--yes", "--service", url, "--model", "gpt-realtime")
    assert outcome.code == 4
    assert "sk-wrong" not in outcome.err


def test_a_connection_that_drops_early_reports_nothing_but_its_cost(run: Callable[..., Outcome]) -> None:
    with stand_in("drop-after=60") as url:
        outcome = run("--yes", "--service", url, "--model", "gpt-realtime")
    assert (outcome.code, outcome.out) == (6, "")
    sentence(outcome)


def test_a_connection_that_drops_late_reports_what_was_found(run: Callable[..., Outcome]) -> None:
    with stand_in("drop-after=550") as url:
        outcome = run("--yes", "--service", url, "--model", "gpt-realtime")
    assert outcome.code == 6
    assert "- stopped early: " in outcome.out
    assert "It cost $0." in outcome.err


def test_a_service_that_refuses_a_turn(run: Callable[..., Outcome]) -> None:
    with stand_in("refuse=create") as url:
        outcome = run("--yes", "--service", url, "--model", "gpt-realtime")
    assert (outcome.code, outcome.out) == (4, "")
    assert "the service took no written turn" in sentence(outcome)


@pytest.mark.parametrize("gaps", ["soon", "5,,6", "-1", "0", "1e9", "nan"])
def test_gaps_that_are_none(run: Callable[..., Outcome], gaps: str) -> None:
    outcome = run("--yes", f"--gaps={gaps}")
    assert outcome.code == 2
    assert gaps in sentence(outcome)


def test_a_report_that_cannot_be_written_is_said_before_it_costs_anything(run: Callable[..., Outcome]) -> None:
    outcome = run("--yes", "--report", "nowhere/found.md")
    assert outcome.code == 2
    assert "nowhere" in sentence(outcome)


def test_an_azure_resource_is_not_named_in_a_report() -> None:
    from laconic.cli import probe
    from laconic.client.endpoints import Endpoint

    there = Endpoint("azure", "wss://contoso.openai.azure.com/openai/v1/realtime?model=x")
    assert probe._shown_host("azure", there) == "….openai.azure.com"  # pyright: ignore[reportPrivateUsage]
