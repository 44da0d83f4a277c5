"""Echo cancellation in a synthetic room: the model's voice goes, the user's stays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from laconic.voice.echo import EchoCanceller, NoEchoCancellation, Reference
from laconic.voice.playout import RATE

Sound = npt.NDArray[np.float64]


def speech(seconds: float, seed: int) -> Sound:
    """Something with the rhythm and the spectrum of speech: harmonics of a moving pitch, syllables, pauses."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * t + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 25))
    syllables = np.repeat(rng.uniform(0, 1, int(seconds * 5) + 1) > 0.3, RATE // 5)[:n].astype(float)
    smooth = np.convolve(syllables, np.hanning(1200) / 600, "same")
    sound = voice * smooth + 0.05 * smooth * rng.standard_normal(n)
    return np.asarray(0.3 * sound / np.abs(sound).max())


def room(played: Sound, delay_ms: int, echo_db: float) -> Sound:
    """What of `played` arrives at the microphone: late, quieter, with 120 ms of reverberation."""
    rng = np.random.default_rng(7)
    tail = int(0.12 * RATE)
    response = rng.standard_normal(tail) * np.exp(-np.arange(tail) / (0.025 * RATE))
    response[0] = 3
    response *= 10 ** (echo_db / 20) / np.sqrt(np.sum(response**2))
    size = len(played) + tail
    echo = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)
    return np.concatenate([np.zeros(RATE * delay_ms // 1000), echo])[: len(played)]


def pcm(sound: Sound) -> bytes:
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def db(sound: bytes) -> float:
    return 10 * float(np.log10(np.mean(np.frombuffer(sound, "<i2").astype(float) ** 2) + 1e-9))


def cancel(captured: bytes, played: bytes, block: int) -> bytes:
    canceller = EchoCanceller()
    return b"".join(
        canceller.process(captured[i : i + block], played[i : i + block]) for i in range(0, len(captured), block)
    )


@pytest.mark.parametrize(("delay_ms", "echo_db"), [(60, -6), (200, -12), (10, 0)])
def test_the_echo_goes(delay_ms: int, echo_db: float) -> None:
    """At least 25 dB of it after six seconds, in a desk's, a hall's and a laptop's geometry."""
    played = speech(10, seed=1)
    noise = np.random.default_rng(3).standard_normal(len(played)) * 10 ** (-65 / 20)
    captured = pcm(room(played, delay_ms, echo_db) + noise)
    cleaned = cancel(captured, pcm(played), block=960)
    later = slice(6 * RATE * 2, None)
    assert db(captured[later]) - db(cleaned[later]) >= 25


def test_the_user_stays() -> None:
    """Speaking while the model speaks, the user comes through, at most 10 dB quieter."""
    played, user = speech(12, seed=1), np.zeros(12 * RATE)
    user[8 * RATE : 11 * RATE] = speech(3, seed=2)
    cleaned = cancel(pcm(room(played, 60, -6) + user), pcm(played), block=960)
    both = slice(8 * RATE * 2, 11 * RATE * 2)
    alone = slice(6 * RATE * 2, 8 * RATE * 2)
    assert db(cleaned[both]) > db(pcm(user)[both]) - 10
    assert db(cleaned[both]) > db(cleaned[alone]) + 20


@pytest.mark.parametrize("block", [2, 146, 882, 2048])
def test_blocks_of_any_size_give_the_same_sound(block: int) -> None:
    """Devices hand over what they like; only whole 10 ms come out, nothing is lost or doubled."""
    played = speech(0.5, seed=1)
    captured = pcm(room(played, 20, -6))
    whole = cancel(captured, pcm(played), block=480)
    assert cancel(captured, pcm(played), block) == whole
    assert len(whole) == len(captured) // 480 * 480


def test_a_short_reference_is_completed_with_silence() -> None:
    """A speaker that is not there yet must not hold up the microphone."""
    assert len(EchoCanceller().process(bytes(4800), b"")) == 4800


def test_switched_off_nothing_is_touched() -> None:
    """Headphones need none."""
    assert NoEchoCancellation().process(b"\1\2", b"\3\4") == b"\1\2"


def counting(blocks: range) -> list[bytes]:
    """20 ms blocks, each filled with its own number."""
    return [np.full(480, n, "<i2").tobytes() for n in blocks]


def number(block: bytes) -> set[int]:
    return {int(n) for n in np.frombuffer(block, "<i2")}


def test_reference_keeps_step_while_both_sides_jitter() -> None:
    """A block that comes late is replaced by silence and skipped later: what follows stays in its place."""
    reference, blocks = Reference(), counting(range(1, 9))
    reference.put(blocks[0])
    assert number(reference.take(960)) == {1}
    assert number(reference.take(960)) == {0}, "block 2 is late"
    reference.put(blocks[1])
    reference.put(blocks[2])
    assert number(reference.take(960)) == {3}, "not 2: its time has passed"
    reference.put(blocks[3])
    reference.put(blocks[4])
    assert number(reference.take(960)) == {4}
    assert number(reference.take(960)) == {5}


def test_reference_begins_at_most_one_buffer_behind() -> None:
    """The speaker opens first and has played a while; only the newest block and a cushion matter."""
    reference = Reference()
    for block in counting(range(1, 11)):
        reference.put(block)
    assert number(reference.take(960)) == {9}
    assert number(reference.take(960)) == {10}


def test_reference_gives_silence_before_anything_was_played() -> None:
    """And owes nothing for it."""
    reference = Reference()
    assert number(reference.take(960)) == {0}
    reference.put(counting(range(1, 2))[0])
    assert number(reference.take(960)) == {1}


def test_reference_finds_its_step_again_after_the_microphone_stood_still() -> None:
    """A second of played sound nobody took is no reference for now."""
    reference, blocks = Reference(), counting(range(1, 101))
    reference.put(blocks[0])
    reference.take(960)
    for block in blocks[1:50]:
        reference.put(block)
    assert number(reference.take(960)) == {49}
    for block in blocks[50:65]:
        reference.put(block)
    assert number(reference.take(960)) == {64}, "15 blocks are too many as well"


def test_reference_finds_its_step_again_after_the_speaker_stood_still() -> None:
    """What comes after a long hole is taken as it comes, not skipped."""
    reference, blocks = Reference(), counting(range(1, 10))
    reference.put(blocks[0])
    for _ in range(20):
        reference.take(960)
    reference.put(blocks[1])
    assert number(reference.take(960)) == {2}
