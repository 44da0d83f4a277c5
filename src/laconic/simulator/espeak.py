"""espeak-ng, from the library and data that the package espeakng-loader carries, called through ctypes.

Each sentence is spoken in a process of its own, which runs this file as a script (50 ms). Inside one process the
library keeps a random generator and the phase of its voice's flutter from sentence to sentence, so the same words
would not give the same samples twice, nor the same length; and a library under the GPL stays out of our process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import subprocess
import sys
from typing import Any

__all__ = ["installed", "speak"]

_RETRIEVAL = 1
"""AUDIO_OUTPUT_RETRIEVAL of speak_lib.h: samples go to our callback, no sound device is opened."""
_DONT_EXIT = 0x8000
_UTF8 = 1
_WORD = 1
_RATE_PARAMETER = 1
_WORDS_PER_MINUTE = 165


def installed() -> bool:
    """Whether the package with the library is there."""
    return importlib.util.find_spec("espeakng_loader") is not None


def speak(text: str, voice: str, speed: float = 1.0) -> tuple[bytes, int, list[int]]:
    """Speak `text`: PCM16 mono, its rate in hertz, and the millisecond at which each word of `text.split()` begins.

    The list is empty where the engine's words are not ours ("3pm" is two of its words). Raises OSError with the
    library's own words if it cannot be loaded or run.
    """
    command = [sys.executable, "-P", __file__, voice, str(int(_WORDS_PER_MINUTE * speed))]
    child = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if child.returncode != 0:
        raise OSError(f"espeak-ng could not speak: {child.stderr.decode(errors='replace').strip()[-200:]}")
    head, _, pcm = child.stdout.partition(b"\n")
    said = json.loads(head)
    return pcm, said["rate"], _starts(text, [(position, ms) for position, ms in said["words"]])


def _starts(text: str, marks: list[tuple[int, int]]) -> list[int]:
    """The first mark within each word; nothing if a word has none."""
    starts: list[int] = []
    at = 0
    for word in text.split():
        at = text.index(word, at)
        inside = [ms for position, ms in marks if at <= position < at + len(word)]
        if not inside:
            return []
        starts.append(min(inside))
        at += len(word)
    return starts


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h (API revision 12)."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def _speak_here(raw: bytes, voice: str, words_per_minute: int) -> tuple[bytes, int, list[tuple[int, int]]]:
    """In the child: samples, rate, and (position in the text, millisecond) of the words."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), _DONT_EXIT)
    if rate <= 0:
        raise OSError("espeak-ng found no data to speak with")
    chunks: list[bytes] = []
    words: list[tuple[int, int]] = []

    def take(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        nth = 0
        while events[nth].type != 0:
            if events[nth].type == _WORD:
                words.append((events[nth].text_position - 1, events[nth].audio_position))
            nth += 1
        return 0

    callback = _Callback(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_SetParameter(_RATE_PARAMETER, words_per_minute, 0)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    library.espeak_Synth(raw + b"\0", ctypes.c_size_t(len(raw) + 1), 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    return b"".join(chunks), rate, words


def _child() -> None:
    pcm, rate, words = _speak_here(sys.stdin.buffer.read(), sys.argv[1], int(sys.argv[2]))
    sys.stdout.buffer.write(json.dumps({"rate": rate, "words": words}).encode() + b"\n" + pcm)


if __name__ == "__main__":
    _child()
