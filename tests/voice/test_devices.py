"""Devices without a device: choosing by name, the work done in the device's thread, and every way to lose one.

The real libraries run in tests/sound; here a back end of ours stands in, whose buffers the tests turn by hand.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from laconic.errors import BadInput, NoDevice
from laconic.voice import backends as backends_module
from laconic.voice import devices as devices_module
from laconic.voice.backends import Backend, Device, DeviceError, Kind, MiniaudioBackend, SounddeviceBackend
from laconic.voice.devices import DeviceMicrophone, DeviceSpeaker, choose, list_devices, open_devices
from laconic.voice.duplex import CHUNK_BYTES
from laconic.voice.echo import Reference


@dataclass
class HandStream:
    latency_frames: int
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class HandTurned:
    """A back end whose callbacks are called by the test."""

    found: list[Device] = field(default_factory=list[Device])
    name: str = "by hand"
    blind: bool = False
    """listing fails"""
    busy: bool = False
    """opening fails"""
    deliver: Callable[[bytes], None] = lambda sound: None
    supply: Callable[[int], bytes] = lambda frames: b""
    microphone_lost: Callable[[], None] = lambda: None
    speaker_lost: Callable[[], None] = lambda: None
    opened: list[Device] = field(default_factory=list[Device])
    streams: list[HandStream] = field(default_factory=list[HandStream])

    def devices(self) -> list[Device]:
        if self.blind:
            raise DeviceError("no sound server")
        return self.found

    def default(self, kind: Kind) -> Device:
        return next(device for device in self.found if device.kind == kind)

    def capture(
        self, device: Device, buffer_ms: int, deliver: Callable[[bytes], None], lost: Callable[[], None]
    ) -> HandStream:
        self.deliver, self.microphone_lost = deliver, lost
        return self._open(device, buffer_ms)

    def play(
        self, device: Device, buffer_ms: int, supply: Callable[[int], bytes], lost: Callable[[], None]
    ) -> HandStream:
        self.supply, self.speaker_lost = supply, lost
        return self._open(device, buffer_ms)

    def _open(self, device: Device, buffer_ms: int) -> HandStream:
        if self.busy:
            raise DeviceError("device busy")
        self.opened.append(device)
        self.streams.append(HandStream(device.rate * 3 * buffer_ms // 1000))
        return self.streams[-1]


def a_pair(rate: int) -> list[Device]:
    return [Device("Desk Mic", "microphone", "by hand", rate), Device("Desk Speaker", "speaker", "by hand", rate)]


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> HandTurned:
    """A machine with one microphone and one speaker at 48 kHz, turned by hand."""
    return use(monkeypatch, HandTurned(a_pair(48_000)))


def use(monkeypatch: pytest.MonkeyPatch, *here: HandTurned) -> HandTurned:
    def present() -> list[Backend]:
        return list(here)

    monkeypatch.setattr(devices_module, "backends", present)
    return here[0]


SHELF = [
    Device("Blue Yeti", "microphone", "x", 48_000),
    Device("Blue Yeti Nano", "microphone", "x", 48_000),
    Device("Built-in Microphone", "microphone", "x", 48_000),
    Device("Blue Yeti", "speaker", "x", 48_000),
]


@pytest.mark.parametrize(
    ("wanted", "name"), [("built", "Built-in Microphone"), ("blue yeti", "Blue Yeti"), ("NANO", "Blue Yeti Nano")]
)
def test_a_part_of_the_name_is_enough_and_the_whole_name_wins(wanted: str, name: str) -> None:
    """Case does not matter; a full name is not ambiguous although another name contains it."""
    assert choose(SHELF, "microphone", wanted).name == name


def test_an_ambiguous_name_lists_what_it_fits() -> None:
    """In both languages."""
    with pytest.raises(NoDevice, match="fits several microphones: “Blue Yeti”, “Blue Yeti Nano”") as caught:
        choose(SHELF, "microphone", "yet")
    assert "複数" in caught.value.say("ja")


def test_an_unknown_name_lists_what_is_there() -> None:
    """Of the wanted kind only."""
    with pytest.raises(NoDevice, match="no speaker is called “nano”; there is “Blue Yeti”"):
        choose(SHELF, "speaker", "nano")
    with pytest.raises(NoDevice, match="there is none at all"):
        choose([], "speaker", "nano")


def test_the_first_back_end_that_finds_something_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot look, or sees nothing, is passed over; a named one is asked alone."""
    blind, empty = HandTurned(blind=True, name="blind"), HandTurned(name="empty")
    use(monkeypatch, blind, empty, HandTurned(SHELF))
    assert list_devices() == SHELF
    assert list_devices("blind") == list_devices("empty") == list_devices("unheard of") == []


async def test_no_device_at_all_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without sound."""
    use(monkeypatch, HandTurned(blind=True))
    with pytest.raises(NoDevice, match=r"no microphone was found; pass --input FILE\.wav.*laconic doctor") as caught:
        await DeviceMicrophone().__aenter__()
    assert "マイク" in caught.value.say("ja")
    with pytest.raises(NoDevice, match=r"no speaker was found; pass --output FILE\.wav"):
        await open_devices().__aenter__()


async def test_a_default_that_cannot_be_found_is_no_device(hand: HandTurned, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library may list devices and still have no default one."""

    def no_default(kind: Kind) -> Device:
        raise DeviceError(f"no default {kind}")

    monkeypatch.setattr(hand, "default", no_default)
    with pytest.raises(NoDevice, match="no microphone was found"):
        await DeviceMicrophone().__aenter__()


async def test_a_device_that_cannot_be_opened_says_why(hand: HandTurned) -> None:
    """With the library's own words and a way out."""
    hand.busy = True
    with pytest.raises(NoDevice, match=r"the microphone “Desk Mic” cannot be opened \(device busy\)"):
        await DeviceMicrophone().__aenter__()
    with pytest.raises(NoDevice, match=r"the speaker “Desk Speaker” cannot be opened .*--output"):
        await DeviceSpeaker("speaker").__aenter__()


async def test_captured_sound_is_cut_into_chunks_at_24_khz(hand: HandTurned) -> None:
    """Buffers of any size at the device's rate in, 20 ms at ours out, latency known."""
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype("<i2").tobytes()
    async with DeviceMicrophone("mic") as microphone:
        assert microphone.latency_ms == 60
        for at in range(0, len(tone), 700):
            hand.deliver(tone[at : at + 700])
        chunks = microphone.chunks()
        got = [await anext(chunks) for _ in range(49)]
        await chunks.aclose()
    assert {len(chunk) for chunk in got} == {CHUNK_BYTES}
    spectrum = np.abs(np.fft.rfft(np.frombuffer(b"".join(got), "<i2")[1000:23_000]))
    assert np.argmax(spectrum) / 22_000 * 24_000 == pytest.approx(440, abs=2)
    assert hand.streams[0].closed


async def test_played_sound_is_pulled_as_the_device_takes_it(hand: HandTurned) -> None:
    """Exactly as many frames as asked, the reference gets the same, and heard lags by what is inside."""
    reference = Reference()
    async with DeviceSpeaker(reference=reference) as speaker:
        speaker.playout.play("item", 0, b"\1\0" * 24_000)
        for frames in (960, 100, 441, 960):
            assert len(hand.supply(frames)) == frames * 2
        assert 70 <= speaker.latency_ms <= 75, "three buffers of 20 ms, 10 ms in the resampler, up to 5 ms pulled ahead"
        assert set(np.frombuffer(reference.take(960), "<i2")) == {1}
        assert speaker.playout.heard() == []
        for _ in range(51):
            hand.supply(960)
        [played] = speaker.playout.heard()
        assert played.heard_ms == 1000
        speaker.check()
    assert hand.streams[0].closed


async def test_stopped_sound_fades_with_the_very_next_buffer(hand: HandTurned) -> None:
    """What is still in the resampler never sounds and is not counted; the echo canceller's reference keeps step."""
    given = list[bytes]()

    class Counting(Reference):
        def put(self, played: bytes) -> None:
            given.append(played)

    async with DeviceSpeaker(reference=Counting()) as speaker:
        speaker.playout.play("item", 0, b"\0\x10" * 24_000)
        for _ in range(10):
            hand.supply(960)
        [stopped] = speaker.playout.stop()
        assert 198 <= stopped.heard_ms <= 200, "ten buffers of 20 ms were handed over"
        buffer = np.abs(np.frombuffer(hand.supply(960), "<i2"))
        assert buffer[0] > 3900
        assert np.max(buffer[48 * 4 :]) <= 1, "silence, as soxr dithers it"
        latency, pulled_ms = speaker.latency_ms, len(b"".join(given)) / 48
        for _ in range(10):
            assert np.max(np.abs(np.frombuffer(hand.supply(960), "<i2"))) <= 1
        assert speaker.latency_ms == latency
        assert len(b"".join(given)) / 48 == pulled_ms + 200 == pytest.approx(11 * 20 + 200 + 10, abs=6)


async def test_a_device_at_our_rate_is_not_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is played arrives bit for bit."""
    hand = use(monkeypatch, HandTurned(a_pair(24_000)))
    async with DeviceSpeaker() as speaker:
        speaker.playout.play("item", 0, b"\1\2" * 480)
        assert hand.supply(480) == b"\1\2" * 480


@pytest.mark.parametrize("cancel", [True, False])
async def test_a_duplex_hears_with_or_without_cancellation(hand: HandTurned, cancel: bool) -> None:
    """The speaker opens first, both close; the sound gets through either way."""
    async with open_devices(echo_cancellation=cancel) as duplex:
        assert [device.kind for device in hand.opened] == ["speaker", "microphone"]
        for _ in range(5):
            hand.supply(960)
            hand.deliver(b"\0\1" * 960)
        chunks = duplex.chunks()
        assert len(await anext(chunks)) == CHUNK_BYTES
        assert duplex.latency_ms >= 120
    assert all(stream.closed for stream in hand.streams)


async def test_a_microphone_that_falls_silent_has_gone(hand: HandTurned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most devices vanish without a word: no buffer for a while is their end."""
    monkeypatch.setattr(devices_module, "_VANISHED_S", 0.05)
    async with DeviceMicrophone() as microphone:
        hand.deliver(bytes(4000))
        chunks = microphone.chunks()
        await anext(chunks)
        with pytest.raises(NoDevice, match="the microphone has gone") as caught:
            await anext(chunks)
    assert "マイク" in caught.value.say("ja")


async def test_a_loop_that_was_held_up_does_not_blame_the_device(
    hand: HandTurned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buffers kept coming while the program was busy."""
    monkeypatch.setattr(devices_module, "_VANISHED_S", 0.1)
    async with DeviceMicrophone() as microphone:
        chunks = microphone.chunks()
        waiting = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251 - it is the hold-up
        hand.deliver(bytes(4000))
        assert len(await waiting) == CHUNK_BYTES


async def test_a_speaker_that_stops_taking_has_gone(hand: HandTurned, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the duplex says so with the microphone's next chunk."""
    monkeypatch.setattr(devices_module, "_VANISHED_S", 0.2)
    async with open_devices(echo_cancellation=False) as duplex:
        hand.supply(960)
        await asyncio.sleep(0.25)
        hand.deliver(bytes(4000))
        with pytest.raises(NoDevice, match="the speaker has gone"):
            await anext(duplex.chunks())


async def test_what_the_library_notices_is_told_at_once(hand: HandTurned) -> None:
    """Some libraries do say that a device went away."""
    async with DeviceMicrophone() as microphone, DeviceSpeaker() as speaker:
        hand.microphone_lost()
        hand.speaker_lost()
        with pytest.raises(NoDevice, match="the microphone has gone"):
            await anext(microphone.chunks())
        with pytest.raises(NoDevice, match="the speaker has gone"):
            speaker.check()


async def test_closing_is_not_losing(hand: HandTurned) -> None:
    """PortAudio calls back when we close as well."""
    async with DeviceMicrophone() as microphone, DeviceSpeaker() as speaker:
        hand.deliver(bytes(4000))
    hand.microphone_lost()
    hand.speaker_lost()
    speaker.check()
    assert len(await anext(microphone.chunks())) == CHUNK_BYTES


async def test_a_fault_in_the_devices_thread_comes_out_here(hand: HandTurned) -> None:
    """A thread that nobody watches must not swallow it; the device gets silence meanwhile."""

    class Broken:
        def process(self, captured: bytes, played: bytes) -> bytes:
            raise ZeroDivisionError("in the canceller")

    async with DeviceMicrophone(cancellation=Broken()) as microphone, DeviceSpeaker() as speaker:
        hand.deliver(bytes(4000))
        with pytest.raises(ZeroDivisionError):
            await anext(microphone.chunks())

        def broken(frames: int) -> bytes:
            raise ZeroDivisionError("in the queue")

        speaker.playout.pull = broken
        assert hand.supply(100) == bytes(200)
        with pytest.raises(ZeroDivisionError):
            speaker.check()


async def test_a_talk_loop_far_behind_loses_the_oldest_sound(hand: HandTurned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: ten seconds in life, three chunks here."""
    monkeypatch.setattr(devices_module, "_BACKLOG_CHUNKS", 3)
    hand.found = a_pair(24_000)
    async with DeviceMicrophone() as microphone:
        for number in range(10):
            hand.deliver(bytes([number, 0]) * 480)
        await asyncio.sleep(0)
        chunks = microphone.chunks()
        assert [(await anext(chunks))[0] for _ in range(3)] == [7, 8, 9]
        await chunks.aclose()


def test_sound_that_comes_after_the_loop_is_no_error(hand: HandTurned) -> None:
    """The device's thread may be a buffer behind when the program ends."""

    async def open_and_leave() -> None:
        await DeviceMicrophone().__aenter__()

    asyncio.run(open_and_leave())
    hand.deliver(bytes(4000))


def test_alsa_keeps_quiet_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """It complains of every device it does not find, across the screen of whoever talks."""
    MiniaudioBackend()
    try:
        alsa = ctypes.CDLL("libasound.so.2")
    except OSError:
        pytest.skip("there is no ALSA here")
    assert alsa.snd_ctl_open(ctypes.byref(ctypes.c_void_p()), b"nobodys", 0) < 0
    assert capfd.readouterr().err == ""


def test_miniaudio_never_plays_into_nothing() -> None:
    """Its null device would let a machine without sound seem to work."""
    systems = [system.name for system in MiniaudioBackend()._systems]  # pyright: ignore[reportPrivateUsage]
    assert systems
    assert "NULL" not in systems


def test_without_portaudio_only_miniaudio_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sounddevice package imports, then finds no library: an OSError of its own."""

    class Finder:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert [backend.name for backend in backends_module.backends()] == ["miniaudio"]
    with pytest.raises(ImportError, match="PortAudio"):
        SounddeviceBackend()


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("backends", "miniaudio"),
        ("files", "miniaudio"),
        ("files", "soxr"),
        ("resample", "numpy"),
        ("echo", "pywebrtc_audio"),
    ],
)
def test_a_missing_extra_is_a_sentence(monkeypatch: pytest.MonkeyPatch, module: str, library: str) -> None:
    """Each module names the extra and how to install it, in both languages."""
    monkeypatch.delitem(sys.modules, f"laconic.voice.{module}")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BadInput, match=rf"voice extra \({library} is missing\).*laconic\[voice\]") as caught:
        importlib.import_module(f"laconic.voice.{module}")
    assert "pip install" in caught.value.say("ja")
