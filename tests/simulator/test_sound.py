"""Sound on its way in and out keeps its length and, as far as the format allows, its shape."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from numpy.typing import NDArray

from laconic.simulator.rejected import Rejected
from laconic.simulator.sound import SoundIn, decoded, encoded, wire_bytes_per_ms


def tone(ms: int, hertz: float = 440.0, level: float = 8000.0) -> bytes:
    t = np.arange(24 * ms) / 24_000
    return (level * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes()


def samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_pcm_passes_untouched() -> None:
    pcm = tone(50)
    assert decoded(b64(pcm), "audio/pcm", "audio") == encoded(pcm, "audio/pcm") == pcm
    assert (wire_bytes_per_ms("audio/pcm"), wire_bytes_per_ms("audio/pcmu")) == (48, 8)


def test_half_a_sample_waits_for_its_other_half() -> None:
    pcm, ears = tone(10), SoundIn()
    assert ears.read(b64(pcm[:101]), "audio") + ears.read(b64(pcm[101:]), "audio") == pcm


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_telephone_sound_there_and_back(kind: str) -> None:
    """A seventh of the bytes, the same length, and a tone that is still that tone: 25 dB above what was added."""
    pcm = tone(500)
    wire = encoded(pcm, kind)
    assert len(wire) == 500 * 8
    back = decoded(b64(wire), kind, "audio")
    assert len(back) == len(pcm)
    # The straight lines between samples lag by up to one of them: the best of a few shifts is the one that counts.
    said, heard = samples(pcm)[1000:-1000], samples(back)
    noise = min(float(np.mean((heard[1000 + lag : len(said) + 1000 + lag] - said) ** 2)) for lag in range(-4, 5))
    assert 10 * np.log10(np.mean(said**2) / noise) > 25


@pytest.mark.parametrize(
    ("kind", "codes", "levels"),
    [
        ("audio/pcmu", [0x00, 0x80, 0xFF, 0x7F, 0x0F, 0xCE], [-32124, 32124, 0, 0, -16764, 988]),
        ("audio/pcma", [0x55, 0xD5, 0x2A, 0xAA, 0x00, 0x80], [-8, 8, -32256, 32256, -5504, 5504]),
    ],
)
def test_codes_of_g711(kind: str, codes: list[int], levels: list[int]) -> None:
    """Values of the standard's tables; the last of each three samples is the decoded one itself."""
    back = samples(decoded(b64(bytes(codes)), kind, "audio"))
    assert back[2::3].tolist() == levels


def test_telephone_sound_in_pieces_is_the_same() -> None:
    wire = encoded(tone(100), "audio/pcmu")
    ears = SoundIn("audio/pcmu")
    pieces = [ears.read(b64(wire[at : at + 33]), "audio") for at in range(0, len(wire), 33)]
    assert b"".join(pieces) == decoded(b64(wire), "audio/pcmu", "audio")
    assert ears.read("", "audio") == b""


@pytest.mark.parametrize("audio", [None, 7, "%%%", "a"])
def test_what_is_no_base64(audio: object) -> None:
    with pytest.raises(Rejected, match="base64") as refusal:
        decoded(audio, "audio/pcm", "audio")
    assert refusal.value.param == "audio"


def test_one_event_holds_at_most_15_mib() -> None:
    with pytest.raises(Rejected, match="15 MiB"):
        decoded(b64(bytes(15 * 1024 * 1024 + 1)), "audio/pcm", "audio")


def test_nothing_is_nothing() -> None:
    assert encoded(b"", "audio/pcma") == b""
