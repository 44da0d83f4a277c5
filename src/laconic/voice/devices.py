"""Real microphones and speakers: chosen by name, at their own rate, echo cancelled, and gone with a sentence.

A device calls us from its own thread. The speaker's thread pulls from `PlayOut` and tells the echo canceller what
it took; the microphone's thread brings its buffer to 24 kHz, takes the echo out and hands 20 ms chunks to the event
loop. A device that vanishes often says nothing at all (a sound server may keep the stream and feed it nothing), so
silence of the *device*, no buffer for two seconds, is taken for its end.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from types import TracebackType
from typing import Self

from laconic.errors import NoDevice
from laconic.voice.backends import Backend, Device, DeviceError, Kind, Stream, backends
from laconic.voice.duplex import CHUNK_BYTES, CHUNK_MS, Duplex, join
from laconic.voice.echo import Cancellation, EchoCanceller, NoEchoCancellation, Reference
from laconic.voice.playout import BYTES_PER_FRAME, RATE, PlayOut
from laconic.voice.resample import Resampler

__all__ = ["BUFFER_MS", "DeviceMicrophone", "DeviceSpeaker", "choose", "list_devices", "open_devices"]

BUFFER_MS = 20
"""One device buffer; the libraries keep three or four of them."""

_PULL_FRAMES = RATE // 200  # 5 ms at a time: what the resampler gives out in bursts is not pulled too early
_FADE_MS = 4
"""A reply that is stopped does not click; the rest of what the resampler holds, 10 ms at 48 kHz, never sounds."""
_VANISHED_S = 2.0
_BACKLOG_CHUNKS = 10_000 // CHUNK_MS  # a talk loop that is ten seconds behind loses the oldest sound

_INSTEAD = {"microphone": "--input FILE.wav", "speaker": "--output FILE.wav"}
_JA = {"microphone": "マイク", "speaker": "スピーカー"}


def list_devices(backend: str | None = None) -> list[Device]:
    """Every microphone and speaker here, by the first back end (or the one named) that finds any; may be empty."""
    return next((devices for _, devices in _found(backend) if devices), [])


def choose(devices: Sequence[Device], kind: Kind, wanted: str) -> Device:
    """The device of this kind whose name is `wanted`, or has it as its only match; case does not matter.

    Raises NoDevice, naming what there is, if none or several match.
    """
    here = [device for device in devices if device.kind == kind]
    exact = [device for device in here if device.name.casefold() == wanted.casefold()]
    matches = exact or [device for device in here if wanted.casefold() in device.name.casefold()]
    if len(matches) == 1 or exact:
        return matches[0]
    names = ", ".join(f"“{device.name}”" for device in matches or here)
    if matches:
        raise NoDevice(
            f"“{wanted}” fits several {kind}s: {names}; give more of the name",
            ja=f"「{wanted}」に当てはまる{_JA[kind]}が複数あります: {names}",
        )
    raise NoDevice(
        f"no {kind} is called “{wanted}”; there is {names or 'none at all'}",
        ja=f"「{wanted}」という{_JA[kind]}はありません。使えるもの: {names or 'なし'}",
    )


def open_devices(
    input_name: str | None = None,
    output_name: str | None = None,
    *,
    echo_cancellation: bool = True,
    buffer_ms: int = BUFFER_MS,
    backend: str | None = None,
) -> Duplex:
    """The machine's microphone and speaker (the default ones, or by part of their names) as one duplex.

    Nothing is opened before it is entered; entering raises NoDevice. `backend` is for tests: `miniaudio` or
    `sounddevice` instead of the first that works.
    """
    reference = Reference()
    cancellation = EchoCanceller() if echo_cancellation else NoEchoCancellation()
    return join(
        DeviceMicrophone(
            input_name, cancellation=cancellation, reference=reference, buffer_ms=buffer_ms, backend=backend
        ),
        DeviceSpeaker(output_name, reference=reference, buffer_ms=buffer_ms, backend=backend),
    )


class DeviceMicrophone:
    """A capture device. With a `reference` its sound goes through `cancellation` first."""

    def __init__(
        self,
        name: str | None = None,
        *,
        cancellation: Cancellation | None = None,
        reference: Reference | None = None,
        buffer_ms: int = BUFFER_MS,
        backend: str | None = None,
    ) -> None:
        self.latency_ms = 0
        self._name = name
        self._backend = backend
        self._buffer_ms = buffer_ms
        self._cancellation = cancellation or NoEchoCancellation()
        self._reference = reference or Reference()
        self._resampler = Resampler(RATE, RATE)
        self._rest = bytearray()
        self._captured_at = -math.inf
        self._stream: Stream | None = None
        self._arrived: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.to_thread(stream.close)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """20 ms each, as they are captured; NoDevice if the device goes away."""
        while True:
            try:
                async with asyncio.timeout(_VANISHED_S):
                    arrived = await self._arrived.get()
            except TimeoutError as error:
                if time.monotonic() - self._captured_at < _VANISHED_S:
                    continue  # the loop was held up, not the device
                raise _vanished("microphone") from error
            if isinstance(arrived, Exception):
                raise arrived
            yield arrived

    def _open(self) -> None:
        backend, device = _find("microphone", self._name, self._backend)
        self._resampler = Resampler(device.rate, RATE)
        try:
            self._stream = backend.capture(device, self._buffer_ms, self._captured, self._lost)
        except DeviceError as error:
            raise _cannot_open(device, error) from error
        self.latency_ms = self._stream.latency_frames * 1000 // device.rate

    def _captured(self, sound: bytes) -> None:
        """One buffer, in the device's thread."""
        self._captured_at = time.monotonic()
        try:
            pcm = self._resampler.feed(sound)
            self._rest += self._cancellation.process(pcm, self._reference.take(len(pcm)))
            while len(self._rest) >= CHUNK_BYTES:
                self._hand_over(bytes(self._rest[:CHUNK_BYTES]))
                del self._rest[:CHUNK_BYTES]
        except Exception as error:  # noqa: BLE001 - nobody else in this thread could report it
            self._hand_over(error)

    def _lost(self) -> None:
        if self._stream is not None:  # PortAudio also says so when we close
            self._hand_over(_vanished("microphone"))

    def _hand_over(self, arrived: bytes | Exception) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrive, arrived)

    def _arrive(self, arrived: bytes | Exception) -> None:
        if self._arrived.qsize() >= _BACKLOG_CHUNKS:
            self._arrived.get_nowait()
        self._arrived.put_nowait(arrived)


class DeviceSpeaker:
    """A playback device that plays what `playout` holds."""

    def __init__(
        self,
        name: str | None = None,
        *,
        reference: Reference | None = None,
        buffer_ms: int = BUFFER_MS,
        backend: str | None = None,
    ) -> None:
        self.playout = PlayOut()
        self._name = name
        self._backend = backend
        self._buffer_ms = buffer_ms
        self._reference = reference
        self._resampler = Resampler(RATE, RATE)
        self._rate = RATE
        self._ready = bytearray()  # at the device's rate, pulled and not yet taken
        self._device_frames = 0
        self._stops = 0
        self._stream: Stream | None = None
        self._supplied_at = math.inf
        self._failure: Exception | None = None

    @property
    def latency_ms(self) -> int:
        """From a pull to the sound, milliseconds."""
        return self.playout.latency_frames * 1000 // RATE

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.to_thread(stream.close)

    @property
    def device_latency_ms(self) -> int:
        """How much of that is the device's own buffer, milliseconds; the rest is ours."""
        return self._device_frames * 1000 // self._rate

    def check(self) -> None:
        """Raises NoDevice if the device has gone."""
        if self._failure is not None:
            raise self._failure
        if time.monotonic() - self._supplied_at > _VANISHED_S:
            raise _vanished("speaker")

    def _open(self) -> None:
        backend, device = _find("speaker", self._name, self._backend)
        self._rate = device.rate
        self._resampler = Resampler(RATE, device.rate)
        # The first pulls come before the stream can say how much it holds; three buffers is what both libraries keep.
        self._device_frames = 3 * device.rate * self._buffer_ms // 1000
        self.playout.latency_frames = self._device_frames * RATE // device.rate
        try:
            self._stream = backend.play(device, self._buffer_ms, self._supply, self._lost)
        except DeviceError as error:
            raise _cannot_open(device, error) from error
        self._device_frames = self._stream.latency_frames
        self._supplied_at = time.monotonic()

    def _supply(self, frames: int) -> bytes:
        """Exactly `frames` device frames, in the device's thread."""
        size = frames * BYTES_PER_FRAME
        try:
            while len(self._ready) < size:
                if self.playout.stops != self._stops:
                    self._stops = self.playout.stops
                    self._ready += self._resampler.cut_short(_FADE_MS)
                played = self.playout.pull(_PULL_FRAMES)
                if self._reference is not None:
                    self._reference.put(played)
                self._ready += self._resampler.feed(played)
        except Exception as error:  # noqa: BLE001 - nobody else in this thread could report it
            self._failure = error
            return bytes(size)
        sound = bytes(self._ready[:size])
        del self._ready[:size]
        held = self._device_frames + self._resampler.delay_frames + len(self._ready) // BYTES_PER_FRAME
        self.playout.latency_frames = held * RATE // self._rate
        self.playout.recallable_frames = self._resampler.delay_frames * RATE // self._rate
        self._supplied_at = time.monotonic()
        return sound

    def _lost(self) -> None:
        if self._stream is not None:
            self._failure = _vanished("speaker")


def _found(backend: str | None) -> Iterator[tuple[Backend, list[Device]]]:
    """Each usable back end with what it finds, asked one by one; one that cannot even look finds nothing."""
    for candidate in backends():
        if backend is None or candidate.name == backend:
            try:
                devices = candidate.devices()
            except DeviceError:
                devices = []
            yield candidate, devices


def _find(kind: Kind, name: str | None, backend: str | None) -> tuple[Backend, Device]:
    """The back end to use and the device of this kind: the default one, or the one called `name`."""
    for candidate, devices in _found(backend):
        if any(device.kind == kind for device in devices):
            try:
                return candidate, candidate.default(kind) if name is None else choose(devices, kind, name)
            except DeviceError as error:
                raise _missing(kind) from error
    raise _missing(kind)


def _missing(kind: Kind) -> NoDevice:
    return NoDevice(
        f"no {kind} was found; pass {_INSTEAD[kind]} or plug one in (laconic doctor lists what is here)",
        ja=f"{_JA[kind]}が見つかりません。接続するか {_INSTEAD[kind]} を指定してください(一覧: laconic doctor)。",
    )


def _cannot_open(device: Device, error: DeviceError) -> NoDevice:
    return NoDevice(
        f"the {device.kind} “{device.name}” cannot be opened ({error}); close the program that holds it, "
        f"choose another, or pass {_INSTEAD[device.kind]}",
        ja=f"{_JA[device.kind]}「{device.name}」を開けません({error})。他のプログラムが使っていないか確認してください。",
    )


def _vanished(kind: Kind) -> NoDevice:
    return NoDevice(
        f"the {kind} has gone: no sound moved for {_VANISHED_S:.0f} seconds; plug it in again and start anew",
        ja=f"{_JA[kind]}が応答しなくなりました。接続を確認して、もう一度始めてください。",
    )
