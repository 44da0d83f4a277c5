"""Text becomes sound: the voice of the stand-in service.

Three engines, taken in this order, nothing fetched at run time:

- `flite`, the program, if it is on the machine. The best English of the three.
- `espeak`, the library that the package `espeakng-loader` carries with all its data. Robotic, but it needs nothing
  else on the machine, tells when each word begins, and reads Japanese kana.
- `tones`, built in: one hum per syllable, no words in it. It has the length and the loudness of speech and nothing
  else; nobody will understand it, no recogniser either.

Japanese is read by `pyopenjtalk` where that is installed, else by espeak from a kana reading: espeak spells
kanji out in English, so a reply that has a `reading` should bring it.

An engine is asked once per sentence; what it said is kept (bounded), so the same words give the same samples.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import wave
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from laconic.errors import BadInput

try:
    import numpy as np
    import soxr
    from numpy.typing import NDArray
except ImportError as missing:
    raise BadInput(
        "The stand-in service needs the simulator extra; install it with: pip install 'laconic[simulator]'"
    ) from missing

from laconic.simulator import espeak

__all__ = ["Speech", "Spoken", "Word", "flite", "japanese", "open_jtalk", "split_words", "tones"]

RATE = 24_000
_PEAK = 0.5
"""Every sentence is brought to half of full scale: engines differ by 15 dB."""
_KEPT = 200
"""Sentences kept as sound: about 70 MB at 7 s each."""

Samples = NDArray[np.int16]
_LOW_VOICES = frozenset({"ash", "ballad", "cedar", "echo", "verse"})
"""The service's voices that are men's; all others get a woman's."""


class Word(NamedTuple):
    """A piece of a transcript, blank before it included: all of them joined are the text as it was said."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence as sound, and when each of its words is said."""

    pcm: bytes
    """PCM16, mono, 24 kHz."""
    words: tuple[Word, ...]

    @property
    def ms(self) -> int:
        return len(self.pcm) // 48


class Speech:
    """A voice. `engine` is one of `flite`, `espeak`, `tones`, or None for the best there is.

    `voice` is a name the service knows (`marin`, `cedar`, …) or one of flite's; `speed` stretches from 0.25 to 1.5.
    """

    def __init__(self, engine: str | None = None, *, voice: str = "marin", speed: float = 1.0) -> None:
        self.engine = _choose(engine)
        self.voice = voice
        self.speed = speed
        self._kept: OrderedDict[tuple[str, str, str, float], Spoken] = OrderedDict()

    def say(
        self,
        text: str,
        lang: str = "en",
        *,
        reading: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
    ) -> Spoken:
        """Speak `text`. `reading` is the same in kana, for Japanese. A first time takes 20–150 ms."""
        voice = self.voice if voice is None else voice
        speed = self.speed if speed is None else speed
        key = (text, lang, voice, speed)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        try:
            spoken = self._speak(text, lang, reading, voice, speed)
        except OSError as error:
            raise BadInput(f"The speech engine '{self.engine}' does not work here ({error}); try another") from error
        self._kept[key] = spoken
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return spoken

    def _speak(self, text: str, lang: str, reading: str | None, voice: str, speed: float) -> Spoken:
        words = split_words(text, lang)
        if not words:
            return Spoken(b"", ())
        starts: list[int] | None = None
        if lang == "ja":
            samples, rate = japanese(self.engine, text, reading, voice, speed)
        elif self.engine == "espeak":
            raw, rate, starts = espeak.speak(text, "en-us+m3" if voice in _LOW_VOICES else "en-us+f3", speed)
            samples = np.frombuffer(raw, "<i2").astype(np.int16)
        else:
            samples, rate = _ENGINES[self.engine](text, voice, speed)
        sound = soxr.resample(samples.astype(np.float32), rate, RATE)
        pcm = (sound * (_PEAK * 32767 / max(1.0, float(np.abs(sound).max(initial=0.0))))).astype("<i2").tobytes()
        ms = len(pcm) // 48
        if starts is not None and len(starts) == len(words):
            return Spoken(pcm, _words_from_starts(words, starts, ms))
        return Spoken(pcm, _words_by_length(words, ms))


def split_words(text: str, lang: str) -> list[str]:
    """A transcript in the pieces it is delivered in: words, each but the first with a blank before it, or in Japanese
    runs of up to four characters."""
    if lang != "ja":
        return re.findall(r" ?\S+", " ".join(text.split()))
    return re.findall(r"[^、。！？\s]{1,4}[、。！？\s]*|[、。！？\s]+", text)


def _words_from_starts(words: list[str], starts: list[int], ms: int) -> tuple[Word, ...]:
    ends = [*starts[1:], ms]
    return tuple(Word(word, start, end) for word, start, end in zip(words, starts, ends, strict=True))


def _words_by_length(words: list[str], ms: int) -> tuple[Word, ...]:
    """Where the engine does not tell, a word takes time by its letters, and a mark of punctuation by three more."""
    weights = [len(word) + 3 * (word[-1] in ".,;:!?。、！？") for word in words]
    edges = np.round(np.cumsum([0, *weights]) * ms / sum(weights)).astype(int).tolist()
    return _words_from_starts(words, edges[:-1], ms)


def _choose(engine: str | None) -> str:
    can = {"flite": shutil.which("flite") is not None, "espeak": espeak.installed(), "tones": True}
    if engine is None:
        return next(name for name, works in can.items() if works)
    if engine not in can:
        raise BadInput(f"There is no speech engine '{engine}'; choose one of flite, espeak, tones")
    if not can[engine]:
        how = "the program flite" if engine == "flite" else "the package espeakng-loader"
        raise BadInput(f"The speech engine '{engine}' needs {how}, which is not installed")
    return engine


def flite(text: str, voice: str, speed: float) -> tuple[Samples, int]:
    """Speak English with the flite program; samples and their rate. Voices: slt, rms, awb, kal."""
    name = voice if voice in ("slt", "rms", "awb", "kal", "kal16") else "rms" if voice in _LOW_VOICES else "slt"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = ["flite", "-voice", name, "--setf", f"duration_stretch={1 / speed:.3f}", "-t", text, "-o", str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not path.exists():
            raise BadInput(f"The program flite could not speak: {result.stderr.strip() or 'it gave no reason'}")
        with wave.open(str(path)) as wav:
            return np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.int16), wav.getframerate()


def tones(text: str, voice: str, speed: float) -> tuple[Samples, int]:
    """Hum a syllable per vowel group: 170 ms each at 110 or 190 Hz with falling harmonics, a gap after each word."""
    pitch = 110.0 if voice in _LOW_VOICES else 190.0
    sound: list[NDArray[np.float64]] = []
    for word in text.split() or [text]:
        syllables = max(1, len(re.findall(r"[aeiouy]+|[ぁ-ヿ]|[一-龯]", word.lower())))
        for nth in range(syllables):
            t = np.arange(int(0.17 / speed * RATE)) / RATE
            base = pitch * (1.06 - 0.04 * (nth % 3)) * t
            wave_form = sum(np.sin(2 * np.pi * harmonic * base) / harmonic for harmonic in range(1, 12))
            sound.append(np.asarray(wave_form) * np.hanning(len(t)) * 6000)
        sound.append(np.zeros(int((0.25 if word[-1] in ".,!?" else 0.04) / speed * RATE)))
    return np.concatenate(sound).astype(np.int16), RATE


_ENGINES: dict[str, Callable[[str, str, float], tuple[Samples, int]]] = {"flite": flite, "tones": tones}


def japanese(engine: str, text: str, reading: str | None, voice: str, speed: float) -> tuple[Samples, int]:
    """Speak Japanese with the best there is, whichever engine speaks English; only `tones` stays tones."""
    if engine == "tones":
        return tones(text, voice, speed)
    try:
        return open_jtalk(text, speed)
    except ImportError:
        pass
    if not espeak.installed():
        return tones(text, voice, speed)
    raw, rate, _ = espeak.speak(reading or text, "ja+m3" if voice in _LOW_VOICES else "ja+f3", 1.25 * speed)
    return np.frombuffer(raw, "<i2").astype(np.int16), rate


def open_jtalk(text: str, speed: float) -> tuple[Samples, int]:
    """Speak Japanese, kanji and all. Raises ImportError where pyopenjtalk is not installed: it is 400 MB."""
    import pyopenjtalk  # pyright: ignore[reportMissingImports]

    sound, rate = pyopenjtalk.tts(text, speed=speed)
    return np.clip(sound, -32768, 32767).astype(np.int16), int(rate)
