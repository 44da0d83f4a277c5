"""What was said in a piece of sound.

The stand-in service does not carry a model of language. Its recorded callers were synthesised from known texts, so
it is enough to find out *which clip* a sound is, or which part of one, however it came here: resampled, louder or
softer, with noise, coloured by an echo canceller, cut a little short by voice detection, ended early by a pause,
or two clips in one turn.

A sound becomes a picture: 24 mel bands from 120 Hz to 6 kHz every 16 ms, logarithmic, clamped 35 dB below its
loudest, each band less its own mean (that takes away loudness and colouration). The picture is slid along each
clip's; where they fit best, the fitting frames are explained, and the rest is looked at again. A sound most of
which remains unexplained is unknown: it goes to a recogniser if there is one, else it is known by its length only.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laconic import scenarios
from laconic.errors import BadInput

try:
    import numpy as np
    import soxr
    from numpy.typing import NDArray
except ImportError as missing:
    raise BadInput(
        "The stand-in service needs the simulator extra; install it with: pip install 'laconic[simulator]'"
    ) from missing

__all__ = ["Heard", "Hearing", "Recogniser", "pocketsphinx"]

Recogniser = Callable[[bytes], str | None]
"""PCM16 mono at 16 kHz to text; None if it understood nothing."""

_RATE = 16_000
_HOP = 256
_FRAME = 512
_BANDS = 24
_FLOOR_DB = 35.0
_MIN_FRAMES = 15
"""A quarter of a second: shorter pieces look alike."""
_FIT = 0.66
"""Correlation from which a piece counts as the clip. Distorted copies stay above it, other sentences of the same
voice below 0.6 (tests/simulator/test_hearing.py measures both)."""
_COVERED = 0.7
"""Share of the voiced frames that must be explained."""

_LONGEST = 60 * _RATE // _HOP
"""Of a longer sound only these frames, a minute of it, are compared with the clips."""
_SNAP_FRAMES = 18
"""A match that begins or ends within 0.3 s of the clip's edge is taken to reach it: detection may
have cut the first consonant."""

_PHRASES = re.compile(r"[^、。！？]+[、。！？]*")
"""What takes the place of words in Japanese."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    text: str | None
    """The words, or None if they were not understood."""
    confidence: float
    """0 to 1: correlation with the clip; 0.5 for a recogniser, which does not tell."""
    how: str | None
    """`clip`, `recogniser`, or None."""
    voiced_ms: int
    """How much of the sound was not silence, milliseconds."""
    complete: bool = False
    """Whether the last clip in it was heard to its end: what semantic voice detection wants to know."""

    @property
    def transcript(self) -> str:
        """The words; of unknown speech its length."""
        return self.text if self.text is not None else f"({self.voiced_ms / 1000:.1f} s of speech)"


class _Clip:
    """A known sound: its picture (zero where it is silent) and its words."""

    def __init__(self, text: str, pcm: bytes) -> None:
        self.picture, self.voiced = _picture(np.frombuffer(pcm, "<i2").astype(np.float32))
        self.picture[~self.voiced] = 0
        self.glue = " " if " " in text.strip() else ""
        parts = [part.split() if self.glue else _PHRASES.findall(part) for part in text.split("|")]
        self.words = [word for part in parts for word in part]
        self._middles = _middles(parts, self._edges(len(parts)))
        self._spoken = np.cumsum(self.voiced) / max(1, int(self.voiced.sum()))

    def _edges(self, parts: int) -> list[float]:
        """Where each part begins and the last one ends, in shares of speech time: at the longest silences."""
        speaking = np.flatnonzero(self.voiced)
        silences = np.argsort(-np.diff(speaking), kind="stable")[: parts - 1]
        return [0.0, *sorted(((silences + 1) / max(1, len(speaking))).tolist()), 1.0]

    def words_between(self, first: int, stop: int) -> str:
        """The words whose middle lies between two frames: speech time is shared out by letters, pauses left out."""
        until = float(self._spoken[stop - 1])
        since = float(self._spoken[first - 1]) if first else 0.0
        snap = _SNAP_FRAMES / max(1, int(self.voiced.sum()))
        since = 0.0 if since <= snap else since
        until = 1.0 if until >= 1 - snap else until
        inside = zip(self.words, self._middles, strict=True)
        return self.glue.join(word for word, middle in inside if since <= middle < until)

    def heard_out(self, stop: int) -> bool:
        return int(self.voiced[stop:].sum()) <= _SNAP_FRAMES


@dataclass(frozen=True, slots=True)
class _Match:
    clip: _Clip
    lag: int
    """The frame of the sound on which the clip's first frame lies; negative if its beginning is missing."""
    start: int
    stop: int
    """The frames of the sound that the clip covers."""
    fit: float

    @property
    def text(self) -> str:
        return self.clip.words_between(self.start - self.lag, self.stop - self.lag)


class Hearing:
    """Knows clips, given as (text, PCM16 mono 16 kHz), and finds them in what it hears.

    A `|` in a text says that the clip has a pause there: its longest ones are taken for these.
    """

    def __init__(self, clips: Iterable[tuple[str, bytes]], recogniser: Recogniser | None = None) -> None:
        self._recogniser = recogniser
        self._clips = [_Clip(text, pcm) for text, pcm in clips]
        self._longest = max((len(clip.picture) for clip in self._clips), default=0)
        self._spectra: dict[int, tuple[NDArray[np.complex64], ...]] = {}

    @classmethod
    def of_scenarios(cls, *folders: str | Path, recogniser: Recogniser | None = None) -> Hearing:
        """Knows every caller that comes with the package, and the clips of `folders`: WAVs with a .txt beside each."""
        lines = [line for name in scenarios.names() for line in scenarios.load(name).lines]
        clips = {line.pauses: line.pcm() for line in lines}
        for folder in folders:
            clips |= _folder(Path(folder))
        return cls(clips.items(), recogniser)

    def hear(self, pcm: bytes) -> Heard:
        """Understand one turn, PCM16 mono at 24 kHz. About 10 ms, unless a recogniser is asked (seconds)."""
        sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32)
        sound = soxr.resample(sound, 24_000, _RATE)
        picture, voiced = _picture(sound)
        voiced_ms = int(voiced.sum()) * _HOP * 1000 // _RATE
        matches = self._matches(picture[:_LONGEST], voiced[:_LONGEST])
        explained = np.zeros(len(voiced), bool)
        for match in matches:
            explained[match.start : match.stop] = True
        text = _joined(matches)
        if text and (explained & voiced).sum() >= _COVERED * voiced.sum():
            last = matches[-1]
            fit = min(match.fit for match in matches)
            return Heard(text, fit, "clip", voiced_ms, last.clip.heard_out(last.stop - last.lag))
        if self._recogniser is not None and voiced_ms > 0:
            said = self._recogniser(np.clip(sound, -32768, 32767).astype("<i2").tobytes())
            if said:
                return Heard(said, 0.5, "recogniser", voiced_ms, complete=True)
        return Heard(None, 0.0, None, voiced_ms)

    def _matches(self, picture: Floats, voiced: NDArray[np.bool_]) -> list[_Match]:
        """The clips in a picture, in the order of time. Each takes its frames away before the next is looked for."""
        free = np.ones(len(picture), np.float32)
        matches: list[_Match] = []
        while self._clips and (match := self._best(picture, voiced, free)) is not None:
            matches.append(match)
            free[match.start : match.stop] = 0
        return sorted(matches, key=lambda match: match.start)

    def _best(self, picture: Floats, voiced: NDArray[np.bool_], free: Floats) -> _Match | None:
        """Where which clip fits best over the free frames: correlations of all clips at all lags, by FFT.

        The score prefers long matches to short ones; a long clip that fits badly still loses.
        """
        size = 1 << (len(picture) + self._longest - 1).bit_length()
        clip_pictures, clip_energies, clip_voices = self._clip_spectra(size)
        free_picture = picture * free[:, None]
        sound = np.fft.rfft(free_picture, size, axis=0).astype(np.complex64)
        energy = np.fft.rfft((free_picture**2).sum(axis=1), size)
        mask = np.fft.rfft(free, size)
        speaking = np.fft.rfft(free * voiced, size)
        product = np.fft.irfft(np.einsum("cfb,fb->cf", clip_pictures, sound), size)
        of_clip = np.fft.irfft(clip_energies * mask, size)
        of_sound = np.fft.irfft(clip_voices * energy, size)
        frames = np.fft.irfft(clip_voices * speaking, size)
        fit = product / np.sqrt(np.maximum(of_clip * of_sound, 1e-3))
        enough = (frames >= _MIN_FRAMES) & (fit >= _fit_needed(frames)) & (of_clip > 1) & (of_sound > 1)
        score = np.where(enough, frames * fit**2, 0)
        which, lag = np.unravel_index(int(score.argmax()), score.shape)
        if score[which, lag] <= 0:
            return None
        clip = self._clips[which]
        at = int(lag) if lag < len(picture) else int(lag) - size
        start, stop = max(0, at), min(len(picture), at + len(clip.picture))
        return _Match(clip, at, start, stop, float(fit[which, lag]))

    def _clip_spectra(self, size: int) -> tuple[NDArray[np.complex64], ...]:
        """Conjugate spectra of pictures, energies and voicing of all clips, kept for each size (powers of two)."""
        if size not in self._spectra:
            pictures = [np.fft.rfft(clip.picture, size, axis=0) for clip in self._clips]
            energies = [np.fft.rfft((clip.picture**2).sum(axis=1), size) for clip in self._clips]
            voices = [np.fft.rfft(clip.voiced.astype(np.float32), size) for clip in self._clips]
            self._spectra[size] = tuple(
                np.conj(np.stack(spectra)).astype(np.complex64) for spectra in (pictures, energies, voices)
            )
        return self._spectra[size]


def _middles(parts: Sequence[Sequence[str]], edges: Sequence[float]) -> list[float]:
    """The middle of each word in shares of speech time: a part's time is shared out among its words by letters."""
    middles: list[float] = []
    for words, begin, end in zip(parts, edges, edges[1:], strict=False):
        lengths = np.array([len(word) + 1 for word in words], float)
        middles += (begin + (end - begin) * (np.cumsum(lengths) - lengths / 2) / lengths.sum()).tolist()
    return middles


def _fit_needed(frames: NDArray[Any]) -> NDArray[Any]:
    """Shorter pieces must fit better: `_FIT` from 0.65 s on, 0.12 more at a quarter of a second."""
    return _FIT + 0.12 * np.clip((40 - frames) / 25, 0, 1)


def _joined(matches: Sequence[_Match]) -> str:
    text = ""
    for match in matches:
        text += (match.clip.glue if text else "") + match.text
    return text.strip()


def _picture(sound: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Log-mel frames, (time, band), centred per band on its voiced frames; and which frames are voiced."""
    if len(sound) < _FRAME:
        return np.zeros((0, _BANDS), np.float32), np.zeros(0, bool)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=1)) ** 2
    mel = power @ _MEL_FILTERS
    loudness = 10 * np.log10(mel.sum(axis=1) + 1)
    peak = float(np.percentile(loudness, 98))
    quiet = float(np.percentile(loudness, 10))
    voiced = loudness > max(peak - 25, min(quiet + 6, peak - 12), _SILENCE_DB)
    decibels = np.maximum(10 * np.log10(mel + 1), peak - _FLOOR_DB - 10 * np.log10(_BANDS))
    if voiced.any():
        decibels = decibels - decibels[voiced].mean(axis=0)
    return decibels.astype(np.float32), voiced


def _mel_filters() -> NDArray[np.float64]:
    """Triangles, (spectrum bin, band), evenly spaced in mel from 120 Hz to 6 kHz."""
    lowest, highest = (2595 * float(np.log10(1 + hertz / 700)) for hertz in (120.0, 6000.0))
    mel = np.linspace(lowest, highest, _BANDS + 2)
    corners = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.arange(_FRAME // 2 + 1)[:, None] * _RATE / _FRAME
    rising = (hertz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hertz) / (corners[2:] - corners[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


_MEL_FILTERS = _mel_filters()
_SILENCE_DB = 10 * float(np.log10((32768 * 0.001) ** 2 * _FRAME * _FRAME / 16))
"""A tone of -60 dB of full scale, in this scale: anything softer is silence, however quiet the rest."""


def _folder(folder: Path) -> dict[str, bytes]:
    """Clips of the user's own: each `x.wav` (mono, 16 bit, 16 or 24 or 48 kHz) with its words in `x.txt`."""
    clips: dict[str, bytes] = {}
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise BadInput(f"There are no .wav files in {folder}; put clips there, each with its words in a .txt beside it")
    for path in paths:
        words = path.with_suffix(".txt")
        if not words.is_file():
            raise BadInput(f"The clip {path} has no words; write them into {words.name} beside it")
        try:
            with wave.open(str(path)) as wav:
                shape = wav.getnchannels(), wav.getsampwidth()
                rate = wav.getframerate()
                samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2") if shape == (1, 2) else None
        except (wave.Error, EOFError) as error:
            raise BadInput(f"The clip {path} cannot be read as a WAV file: {error}") from error
        if samples is None:
            raise BadInput(f"The clip {path} is not mono with 16 bits; convert it first")
        sound = soxr.resample(samples.astype(np.float32), rate, _RATE)
        clips[words.read_text(encoding="utf-8").strip()] = np.clip(sound, -32768, 32767).astype("<i2").tobytes()
    return clips


def pocketsphinx() -> Recogniser | None:
    """An English recogniser, if the package pocketsphinx is installed: its model comes in the wheel.

    It takes a quarter to half of the sound's length and makes mistakes on every voice; good enough for "unknown".
    """
    try:
        from pocketsphinx import Decoder
    except ImportError:
        return None
    decoder = Decoder(samprate=_RATE, loglevel="FATAL")

    def recognise(pcm: bytes) -> str | None:
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        return best.hypstr if best is not None and best.hypstr else None

    return recognise
