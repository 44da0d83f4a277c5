"""Streams between a device's rate and ours: the same sound, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest

from laconic.voice.resample import Resampler


def tone(rate: int, hertz: float, seconds: float = 1.0) -> bytes:
    n = np.arange(int(rate * seconds))
    return np.rint(16000 * np.sin(2 * np.pi * hertz * n / rate)).astype("<i2").tobytes()


def purity_db(pcm: bytes, rate: int, hertz: float) -> float:
    """How far the rest lies below the tone of `hertz`."""
    y = np.frombuffer(pcm, "<i2")[2000:-2000].astype(float)
    t = 2 * np.pi * hertz * np.arange(len(y)) / rate
    basis = np.stack([np.sin(t), np.cos(t)], 1)
    fit = basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    return 10 * float(np.log10(np.sum(fit**2) / np.sum((y - fit) ** 2)))


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("block", [441, 960])
def test_a_tone_stays_a_tone(rate: int, block: int) -> None:
    """In blocks of any size, both ways, to 70 dB."""
    for source, target in ((rate, 24_000), (24_000, rate)):
        resampler, sound = Resampler(source, target), tone(source, 3000)
        out = b"".join(resampler.feed(sound[i : i + 2 * block]) for i in range(0, len(sound), 2 * block))
        assert purity_db(out, target, 3000) > 70
        assert len(out) // 2 + resampler.delay_frames == target


@pytest.mark.parametrize(("source", "target"), [(48_000, 24_000), (24_000, 48_000), (44_100, 24_000), (24_000, 44_100)])
def test_it_is_a_few_milliseconds_late_and_steadily_so(source: int, target: int) -> None:
    """No bursts: a buffer in is a buffer out, so nothing more of a reply is on its way than need be."""
    resampler, late = Resampler(source, target), list[float]()
    for _ in range(200):
        resampler.feed(bytes(source // 200 * 2))
        late.append(resampler.delay_frames * 1000 / target)
    assert max(late[10:]) <= 11
    assert max(late[10:]) - min(late[10:]) <= 0.2


def test_what_24_khz_cannot_hold_does_not_come_back_as_something_else() -> None:
    """A 15 kHz tone is gone, not folded to 9 kHz: the converter of the device library leaves it at −14 dB."""
    out = np.frombuffer(Resampler(48_000, 24_000).feed(tone(48_000, 15_000)), "<i2")
    assert np.abs(out[1000:]).max() <= 2


def test_the_same_rate_is_not_touched() -> None:
    """Nothing to do, nothing held back."""
    resampler = Resampler(24_000, 24_000)
    assert resampler.feed(b"\1\2\3\4") == b"\1\2\3\4"
    assert resampler.delay_frames == 0


def test_no_sound_in_no_sound_out() -> None:
    """An empty block from a device is not an error."""
    assert Resampler(48_000, 24_000).feed(b"") == b""


@pytest.mark.parametrize("target", [16_000, 44_100, 48_000])
def test_cut_short_the_rest_fades_in_its_own_place(target: int) -> None:
    """Nothing jumps and no frame is lost: what comes then begins as far behind as before."""
    resampler = Resampler(24_000, target)
    before = np.frombuffer(resampler.feed(tone(24_000, 100, 0.1)), "<i2").astype(float)
    held = resampler.delay_frames
    faded = np.frombuffer(resampler.cut_short(4), "<i2").astype(float)
    assert len(faded) == held > target // 250
    assert np.max(np.abs(np.diff(np.concatenate([before, faded])))) <= np.max(np.abs(np.diff(before))) * 2
    assert not np.any(faded[target // 250 :])
    assert np.any(faded[: target // 500])
    assert resampler.delay_frames == 0
    after = resampler.feed(tone(24_000, 100, 0.1))
    assert len(after) // 2 + resampler.delay_frames == target // 10


def test_where_nothing_is_resampled_nothing_is_left_to_cut() -> None:
    resampler = Resampler(24_000, 24_000)
    resampler.feed(tone(24_000, 100, 0.1))
    assert resampler.cut_short(4) == b""
