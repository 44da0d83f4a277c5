"""Files as devices: every WAV a recorder makes is read, and what is written is what a listener heard."""

from __future__ import annotations

import asyncio
import os
import struct
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from laconic.errors import BadInput
from laconic.voice.clock import Clock
from laconic.voice.duplex import CHUNK_BYTES, join
from laconic.voice.files import WavMicrophone, WavSpeaker, read_wav

Sound = npt.NDArray[np.float64]


def wav_bytes(code: int, channels: int, rate: int, bits: int, data: bytes, claimed: int | None = None) -> bytes:
    width = channels * bits // 8
    fmt = struct.pack("<HHIIHH", code, channels, rate, rate * width, width, bits)
    size = len(data) if claimed is None else claimed
    riff = b"RIFF" + struct.pack("<I", min(36 + size, 0xFFFFFFFF)) + b"WAVE"
    return riff + b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", size) + data


def tone(rate: int, hertz: float = 440.0, seconds: float = 0.5) -> Sound:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def encode(sound: Sound, bits: int, kind: str) -> tuple[int, bytes]:
    """(format code, data) of `sound` in −1…1."""
    if kind == "float":
        return 3, sound.astype("<f4" if bits == 32 else "<f8").tobytes()
    if bits == 8:
        return 1, (np.rint(sound * 127) + 128).astype(np.uint8).tobytes()
    scaled = np.rint(sound * (2 ** (bits - 1) - 1)).astype("<i4")
    if bits == 24:
        return 1, scaled.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return 1, scaled.astype(f"<i{bits // 8}").tobytes()


def difference_db(pcm: bytes, wanted: Sound) -> float:
    """How far below the wanted sound the error lies, edges (the resampler's) left out."""
    got = np.frombuffer(pcm, "<i2") / 32768
    assert abs(len(got) - len(wanted)) <= 2
    n = min(len(got), len(wanted))
    error, signal = (got[:n] - wanted[:n])[500:-500], wanted[500 : n - 500]
    return 10 * float(np.log10(np.sum(signal**2) / max(1e-20, float(np.sum(error**2)))))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("bits", "kind", "at_least_db"),
    [(8, "int", 30), (16, "int", 55), (24, "int", 55), (32, "int", 55), (32, "float", 55), (64, "float", 55)],
)
def test_every_rate_and_width(tmp_path: Path, rate: int, bits: int, kind: str, at_least_db: int) -> None:
    """A tone recorded at any rate and width is the same tone at 24 kHz."""
    code, data = encode(tone(rate), bits, kind)
    path = tmp_path / "tone.wav"
    path.write_bytes(wav_bytes(code, 1, rate, bits, data))
    assert difference_db(read_wav(path), tone(24_000)) > at_least_db


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_mixed_to_one(tmp_path: Path, channels: int) -> None:
    """What is on one channel of several comes out that many times quieter, the rest being silent."""
    sound = np.zeros((12_000, channels))
    sound[:, 0] = tone(24_000)
    path = tmp_path / "stereo.wav"
    path.write_bytes(wav_bytes(1, channels, 24_000, 16, encode(sound.reshape(-1), 16, "int")[1]))
    assert difference_db(read_wav(path), tone(24_000) / channels) > 50


@pytest.mark.parametrize(("code", "silence"), [(6, b"\xd5"), (7, b"\xff")])
def test_telephone_codes(tmp_path: Path, code: int, silence: bytes) -> None:
    """A-law and µ-law silence is silence: both laws are known."""
    path = tmp_path / "telephone.wav"
    path.write_bytes(wav_bytes(code, 1, 8_000, 8, silence * 800))
    pcm = np.frombuffer(read_wav(path), "<i2")
    assert len(pcm) == 2400
    assert np.abs(pcm).max() <= 10


def test_sixteen_bits_at_our_rate_come_out_sample_for_sample(tmp_path: Path) -> None:
    """Nothing is done to sound that is already right, the extreme values included."""
    data = np.array([-32768, -1, 0, 1, 32767] * 50, "<i2").tobytes()
    path = tmp_path / "exact.wav"
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, data))
    assert read_wav(path) == data


def test_floats_beyond_full_scale_are_clipped_and_nonsense_is_silence(tmp_path: Path) -> None:
    """A hot or broken float file does not wrap around into noise."""
    path = tmp_path / "hot.wav"
    data = np.array([3.0, -3.0, np.nan, np.inf, -np.inf], "<f4").tobytes()
    path.write_bytes(wav_bytes(3, 1, 24_000, 32, data))
    assert list(np.frombuffer(read_wav(path), "<i2")) == [32767, -32768, 0, 32767, -32768]


@pytest.mark.parametrize("claimed", [2000, 0xFFFFFFFF])
def test_a_file_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, claimed: int) -> None:
    """A recorder that was killed, or one that streamed, leaves a header that promises more."""
    path = tmp_path / "cut.wav"
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, b"\1\0" * 480, claimed=claimed))
    assert read_wav(path) == b"\1\0" * 480


GOOD = wav_bytes(1, 1, 24_000, 16, b"\1\0" * 480)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a WAV"),
        (b"this is a text, not a sound" * 50, "is not a WAV"),
        (GOOD[:30], "is not a WAV"),
        (b"ID3" + bytes(2000), "is not a WAV"),
        (wav_bytes(99, 1, 24_000, 16, bytes(960)), "is not a WAV"),
        (wav_bytes(1, 0, 24_000, 16, bytes(960)), "is not a WAV"),
        (wav_bytes(1, 1, 24_000, 16, b""), "holds no sound"),
        (wav_bytes(1, 1, 1, 16, bytes(960)), "1 samples a second"),
    ],
    ids=["empty", "text", "half a header", "mp3", "unknown code", "no channels", "no sound", "absurd rate"],
)
def test_broken_files_get_a_sentence_in_both_languages(tmp_path: Path, content: bytes, sentence: str) -> None:
    """One sentence that names the file."""
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=sentence) as caught:
        read_wav(path)
    assert "broken.wav" in caught.value.say("en")
    assert "broken.wav" in caught.value.say("ja") != caught.value.say("en")


@pytest.mark.parametrize("where", ["missing.wav", ""])
def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path, where: str) -> None:
    """Neither is a traceback."""
    with pytest.raises(BadInput, match="cannot read"):
        read_wav(tmp_path / where)


async def test_a_microphone_gives_the_file_and_then_silence_for_the_tail(tmp_path: Path) -> None:
    """20 ms each; the last piece of the file is filled up, and the chunks end with the tail."""
    path = tmp_path / "short.wav"
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, b"\1\0" * 600))  # 25 ms
    async with WavMicrophone(path, Clock(speed=100), tail_silence_ms=30) as microphone:
        got = [chunk async for chunk in microphone.chunks()]
        assert microphone.finished
    assert [len(chunk) for chunk in got] == [CHUNK_BYTES] * 3
    assert b"".join(got) == b"\1\0" * 600 + bytes(840 * 2)


async def test_a_microphone_without_a_tail_stays_open(tmp_path: Path) -> None:
    """By default the silence after the file has no end."""
    path = tmp_path / "short.wav"
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, b"\1\0" * 480))
    microphone = WavMicrophone(path, Clock(speed=100))
    chunks = microphone.chunks()
    got = [await anext(chunks) for _ in range(50)]
    await chunks.aclose()
    assert got[0] == b"\1\0" * 480
    assert not any(b"".join(got[1:]))
    assert not microphone.finished


async def test_a_repeating_microphone_has_no_seam(tmp_path: Path) -> None:
    """The file starts again in the middle of a chunk, even one shorter than a chunk."""
    path = tmp_path / "loop.wav"
    sound = struct.pack("<7h", *range(7))
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, sound))
    microphone = WavMicrophone(path, Clock(speed=100), repeat=True)
    chunks = microphone.chunks()
    got = b"".join([await anext(chunks) for _ in range(5)])
    await chunks.aclose()
    assert got == (sound * 400)[: len(got)]


async def test_a_microphone_goes_by_its_clock(tmp_path: Path) -> None:
    """A second of sound takes a clock second, not less."""
    path = tmp_path / "second.wav"
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, bytes(48_000)))
    clock = Clock(speed=50)
    start = clock.now()
    got = [chunk async for chunk in WavMicrophone(path, clock, tail_silence_ms=0).chunks()]
    assert len(got) == 50
    assert 1.0 <= clock.now() - start < 50.0, "a second of life at the very most"


async def test_a_speaker_writes_what_a_listener_heard(tmp_path: Path) -> None:
    """Sound stands where it was played, with silence before and after it, and the count agrees."""
    path, clock = tmp_path / "heard.wav", Clock(speed=50)
    async with WavSpeaker(path, clock) as speaker:
        await clock.sleep(0.1)
        speaker.playout.play("a", 0, b"\1\0" * 2400)
        while speaker.playout.playing:
            await clock.sleep(0.01)
        await clock.sleep(0.1)
        assert [played.heard_ms for played in speaker.playout.heard()] == [100]
        speaker.check()
    with wave.open(str(path)) as wav:
        assert (wav.getframerate(), wav.getsampwidth(), wav.getnchannels()) == (24_000, 2, 1)
        pcm = wav.readframes(wav.getnframes())
    heard = np.frombuffer(pcm, "<i2")
    where = np.flatnonzero(heard)
    assert len(where) == 2400
    assert where[-1] - where[0] == 2399
    assert where[0] >= 480
    assert len(heard) - where[-1] > 480


async def test_a_speaker_that_was_late_catches_up(tmp_path: Path) -> None:
    """A loop that was blocked for 300 ms of clock time does not shift what follows."""
    path, clock = tmp_path / "late.wav", Clock(speed=10)
    async with WavSpeaker(path, clock):
        start = clock.now()
        while clock.now() - start < 0.3:
            pass
        await clock.sleep(0.1)
        passed = clock.now() - start
        for _ in range(100):
            await asyncio.sleep(0)
    with wave.open(str(path)) as wav:
        written = wav.getnframes() / 24_000
    assert passed - 0.021 <= written <= clock.now() - start


async def test_the_header_is_right_while_the_file_is_still_being_written(tmp_path: Path) -> None:
    """A process that is killed leaves a file that plays."""
    path, clock = tmp_path / "alive.wav", Clock(speed=50)
    async with WavSpeaker(path, clock):
        for _ in range(5):
            await clock.sleep(0.1)
            with wave.open(str(path)) as wav:
                assert wav.getnframes() * 2 == path.stat().st_size - 44


async def test_a_speaker_without_a_path_keeps_time() -> None:
    """A machine with no device: the reply is over when it would have been over."""
    clock = Clock(speed=50)
    async with WavSpeaker(None, clock) as speaker:
        start = clock.now()
        speaker.playout.play("a", 0, bytes(48_000))
        while speaker.playout.playing:
            await clock.sleep(0.02)
    assert clock.now() - start >= 1.0
    assert speaker.playout.sounded_ms == 1000


async def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    """On entering, before anybody has said anything."""
    with pytest.raises(BadInput, match=r"cannot write .*--output"):
        async with WavSpeaker(tmp_path / "no such folder" / "x.wav", Clock()):
            pass


on_linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists on Linux only")


@on_linux
async def test_a_full_disk_is_noticed_on_entering() -> None:
    """The conversation does not begin if its sound cannot be kept."""
    with pytest.raises(BadInput, match="cannot write /dev/full"):
        async with WavSpeaker("/dev/full", Clock(speed=50)):
            pass


@on_linux
async def test_a_disk_that_fills_up_comes_out_of_the_chunks(tmp_path: Path) -> None:
    """`join` looks at the speaker with every chunk of the microphone: no dead task that nobody looks at."""
    clock, path = Clock(speed=50), tmp_path / "in.wav"
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, bytes(48_000)))
    speaker = WavSpeaker(tmp_path / "out.wav", clock)

    async def talk() -> None:
        async with join(WavMicrophone(path, clock), speaker) as duplex:
            assert speaker._file is not None  # pyright: ignore[reportPrivateUsage]
            with os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0) as full:
                os.dup2(full.fileno(), speaker._file.fileno())  # pyright: ignore[reportPrivateUsage]
            async for _ in duplex.chunks():
                pass

    with pytest.raises(BadInput, match=r"cannot write .*out\.wav"):
        await talk()


async def test_two_files_joined_are_a_duplex(tmp_path: Path) -> None:
    """Chunks from the one, replies into the other, both closed at the end."""
    path, clock = tmp_path / "in.wav", Clock(speed=50)
    path.write_bytes(wav_bytes(1, 1, 24_000, 16, b"\1\0" * 4800))
    async with join(WavMicrophone(path, clock, tail_silence_ms=100), WavSpeaker(tmp_path / "out.wav", clock)) as duplex:
        assert duplex.latency_ms == 0
        count = 0
        async for chunk in duplex.chunks():
            duplex.playout.play("echo", 0, chunk)
            count += 1
    assert count == 15
    assert b"\1\0" * 4000 in (tmp_path / "out.wav").read_bytes()


async def test_a_microphone_that_cannot_be_opened_leaves_the_speaker_closed(tmp_path: Path) -> None:
    """Half a pair is no pair."""

    class NoMicrophone(WavMicrophone):
        async def __aenter__(self) -> NoMicrophone:
            raise BadInput("no microphone today")

    path, clock = tmp_path / "in.wav", Clock(speed=50)
    path.write_bytes(GOOD)
    speaker = WavSpeaker(tmp_path / "out.wav", clock)
    with pytest.raises(BadInput, match="today"):
        async with join(NoMicrophone(path, clock), speaker):
            pass
    assert speaker._file is not None  # pyright: ignore[reportPrivateUsage]
    assert speaker._file.closed  # pyright: ignore[reportPrivateUsage]
