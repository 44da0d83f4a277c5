"""Files in place of devices, exactly: what the microphone would have heard, what a listener would have heard.

A WAV of any rate, width and number of channels becomes a microphone; when it ends there is silence, as in life. A
speaker writes what left it, silences included, so that a place in its WAV is a moment of the conversation. Both go
by a `Clock`, in steps of 20 ms, and catch up when they were late, so sample time is clock time. With no path the
speaker plays into nothing but keeps time: a machine without a sound card can still hold a conversation.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from laconic.errors import BadInput
from laconic.voice.clock import Clock
from laconic.voice.duplex import CHUNK_BYTES, CHUNK_MS
from laconic.voice.extra import without_voice_extra
from laconic.voice.playout import BYTES_PER_FRAME, RATE, PlayOut

try:
    import miniaudio
    import numpy as np
    import soxr
except ImportError as error:
    raise without_voice_extra("reading sound files needs", error) from error

__all__ = ["WavMicrophone", "WavSpeaker", "read_wav"]

_HEADER_BYTES = 44
_RATES = range(1_000, 768_001)  # what recorders write; beyond it a header lies, and resampling would fill the memory


def read_wav(path: Path | str) -> bytes:
    """The sound of a WAV as PCM16 mono 24 kHz.

    8, 16, 24 and 32-bit integers, 32 and 64-bit floats, A-law and µ-law; several channels are mixed to one. A file
    that was cut off is read as far as it goes. Raises BadInput for one that is missing, empty or no WAV.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise BadInput(
            f"cannot read {path}: {why}; give the path of a WAV file",
            ja=f"{path} を読み込めません。WAV ファイルを指定してください。",
        ) from error
    try:
        wav = miniaudio.wav_read_f32(raw)
    except miniaudio.DecodeError as error:
        raise BadInput(
            f"{path} is not a WAV we can read; convert it, for example with: ffmpeg -i {path} -ar 24000 -ac 1 good.wav",
            ja=f"{path} は読み込める WAV ファイルではありません。ffmpeg などで変換してください。",
        ) from error
    if wav.sample_rate not in _RATES:
        raise BadInput(
            f"{path} says it has {wav.sample_rate} samples a second, which no recorder makes; its header is broken",
            ja=f"{path} のサンプリング周波数 {wav.sample_rate} Hz は不正です。ヘッダーが壊れています。",
        )
    channels = np.frombuffer(wav.samples, np.float32).reshape(-1, wav.nchannels)
    if not len(channels):
        raise BadInput(f"{path} holds no sound; record it again", ja=f"{path} には音声が入っていません。")
    mono = np.nan_to_num(channels, posinf=1, neginf=-1).mean(axis=1, dtype=np.float32)
    if wav.sample_rate != RATE:
        mono = soxr.resample(mono, wav.sample_rate, RATE)
    # miniaudio reads −1…1 from −32768…32767, so a 16-bit file at 24 kHz comes out sample for sample as it is.
    return np.clip(np.rint(mono * 32768), -32768, 32767).astype("<i2").tobytes()


class WavMicrophone:
    """A WAV spoken into the microphone once (or over and over), then silence.

    `tail_silence_ms` ends the chunks after that much silence; None keeps the microphone open for good. The whole
    file is held in memory: an hour takes 170 MB. Raises BadInput from the constructor.
    """

    latency_ms = 0

    def __init__(
        self, path: Path | str, clock: Clock, *, repeat: bool = False, tail_silence_ms: int | None = None
    ) -> None:
        self._sound = read_wav(path)
        self._clock = clock
        self._repeat = repeat
        self._tail = None if tail_silence_ms is None else tail_silence_ms * RATE // 1000 * BYTES_PER_FRAME
        self._at = 0

    @property
    def finished(self) -> bool:
        """True when the file and its tail have been delivered; never if it repeats or the tail has no end."""
        return not self._repeat and self._tail is not None and self._at >= len(self._sound) + self._tail

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """20 ms each, each one when it has been spoken."""
        ticks = self._clock.ticks(CHUNK_MS / 1000)
        while not self.finished:
            await anext(ticks)
            yield self._next()

    def _next(self) -> bytes:
        chunk = self._sound[self._at : self._at + CHUNK_BYTES]
        self._at += CHUNK_BYTES
        while self._repeat and len(chunk) < CHUNK_BYTES:
            self._at = CHUNK_BYTES - len(chunk)
            chunk += self._sound[: self._at]
        return chunk.ljust(CHUNK_BYTES, b"\0")


class WavSpeaker:
    """Takes replies from `playout` 20 ms at a time, by the clock, and writes them to a 24 kHz WAV (or nowhere).

    The header is right after every block, so the file can be played even if the process was killed. Raises BadInput
    on entering if the file cannot be written.
    """

    latency_ms = 0

    def __init__(self, path: Path | str | None, clock: Clock) -> None:
        self.playout = PlayOut()
        self._path = path
        self._clock = clock
        self._file: BinaryIO | None = None
        self._written = 0
        self._pulling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._path is not None:
            self._file = self._create(self._path)
        self._pulling = asyncio.create_task(self._pull(self._clock.ticks(CHUNK_MS / 1000)), name="wav speaker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait([self._pulling])
        if self._file is not None:
            self._file.close()
        if error is None:
            self.check()

    def check(self) -> None:
        """Raises BadInput if writing has failed, for example because the disk is full."""
        if self._pulling is not None and self._pulling.done() and not self._pulling.cancelled():
            self._pulling.result()

    async def _pull(self, ticks: AsyncGenerator[int, None]) -> None:
        frames = RATE * CHUNK_MS // 1000
        async for _ in ticks:
            sound = self.playout.pull(frames)
            if self._file is not None:
                self._write(self._file, sound)

    def _create(self, path: Path | str) -> BinaryIO:
        try:
            file = Path(path).open("wb", buffering=0)  # noqa: SIM115 - it stays open until __aexit__
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            self._write(file, b"")
        except BadInput:
            file.close()
            raise
        return file

    def _write(self, file: BinaryIO, sound: bytes) -> None:
        try:
            file.seek(_HEADER_BYTES + self._written)
            file.write(sound)
            self._written += len(sound)
            file.seek(0)
            file.write(_header(self._written))
        except OSError as error:
            raise _cannot_write(self._path, error) from error


def _header(size: int) -> bytes:
    """The 44 bytes in front of `size` bytes of PCM16 mono 24 kHz; sizes beyond 4 GB (a day) read as endless."""
    pcm = struct.pack("<HHIIHH", 1, 1, RATE, RATE * BYTES_PER_FRAME, BYTES_PER_FRAME, 16)
    riff, data = min(36 + size, 0xFFFFFFFF), min(size, 0xFFFFFFFF)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + pcm
        + b"data"
        + struct.pack("<I", data)
    )


def _cannot_write(path: Path | str | None, error: OSError) -> BadInput:
    return BadInput(
        f"cannot write {path}: {error.strerror or error}; give --output another place",
        ja=f"{path} に書き込めません。--output に別の場所を指定してください。",
    )
