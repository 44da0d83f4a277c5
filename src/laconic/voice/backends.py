"""The two libraries that reach sound devices, behind one small shape: list, capture, play.

miniaudio comes first: it brings everything in its wheel. sounddevice needs PortAudio from the system and serves
where miniaudio has no wheel or finds nothing. Both open one stream per direction, at 48 kHz or the device's own
rate, and call us from a thread of theirs, one buffer at a time.

One stream per direction, because miniaudio's duplex stream on PipeWire (1.71, PulseAudio protocol) stalled at the
beginning of 9 openings of 20, for half a second to two seconds; pairs of single streams, 12 runs and so 24 streams,
had no gap over 24 ms. It also lets the two devices have clocks and rates of their own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from laconic.voice.extra import without_voice_extra

try:
    import miniaudio
except ImportError as error:
    raise without_voice_extra("sound devices need", error) from error

__all__ = ["Backend", "Device", "DeviceError", "Kind", "MiniaudioBackend", "SounddeviceBackend", "Stream", "backends"]

Kind = Literal["microphone", "speaker"]

_USUAL_RATE = 48_000


class DeviceError(Exception):
    """The library's own words on why a device could not be listed or opened."""


@dataclass(frozen=True, slots=True)
class Device:
    """One way in or out of the machine."""

    name: str
    kind: Kind
    backend: str
    """`miniaudio` or `sounddevice`"""
    rate: int
    """Hz at which we open it"""
    handle: Any = field(default=None, repr=False, compare=False)
    """what the library knows it by; None for the default device"""


class Stream(Protocol):
    """An open direction of a device; it runs until closed."""

    latency_frames: int
    """device frames between us and the air, as far as the library tells"""

    def close(self) -> None: ...


class Backend(Protocol):
    """`deliver` gets each captured buffer, `supply` returns exactly the frames asked for: mono PCM16 at the device's
    rate, called from the library's thread. `lost` is called if the library notices that the device went away."""

    name: str

    def devices(self) -> list[Device]: ...
    def default(self, kind: Kind) -> Device: ...
    def capture(
        self, device: Device, buffer_ms: int, deliver: Callable[[bytes], None], lost: Callable[[], None]
    ) -> Stream: ...
    def play(
        self, device: Device, buffer_ms: int, supply: Callable[[int], bytes], lost: Callable[[], None]
    ) -> Stream: ...


def backends() -> Iterator[Backend]:
    """Those that can be used here, the preferred one first."""
    yield MiniaudioBackend()
    try:
        yield SounddeviceBackend()
    except ImportError:
        return


class MiniaudioBackend:
    """PulseAudio, PipeWire, ALSA, JACK, Core Audio or WASAPI, whichever answers."""

    name = "miniaudio"
    _PERIODS = 3

    def __init__(self) -> None:
        _quieten_alsa()
        # Left to itself, miniaudio falls back to a null device and plays happily into nothing.
        nothing = (miniaudio.Backend.NULL, miniaudio.Backend.CUSTOM)
        self._systems = [system for system in miniaudio.get_enabled_backends() if system not in nothing]
        self._systems.sort(key=lambda system: system.value)  # miniaudio's own order of preference

    def devices(self) -> list[Device]:
        try:
            found = miniaudio.Devices(self._systems)
            return [*self._of(found.get_captures(), "microphone"), *self._of(found.get_playbacks(), "speaker")]
        except miniaudio.MiniaudioError as error:
            raise DeviceError(_words(error)) from error

    def default(self, kind: Kind) -> Device:
        return Device("default", kind, self.name, _USUAL_RATE)

    def capture(
        self, device: Device, buffer_ms: int, deliver: Callable[[bytes], None], lost: Callable[[], None]
    ) -> Stream:
        def captured() -> Generator[None, bytes, None]:
            while True:
                deliver(bytes((yield)))

        try:
            stream = miniaudio.CaptureDevice(
                nchannels=1,
                sample_rate=device.rate,
                buffersize_msec=buffer_ms,
                device_id=device.handle,
                callback_periods=self._PERIODS,
                backends=self._systems,
                app_name="laconic",
            )
            return _MiniaudioStream(stream, captured(), lost, device.rate * buffer_ms // 1000)
        except miniaudio.MiniaudioError as error:
            raise DeviceError(_words(error)) from error

    def play(self, device: Device, buffer_ms: int, supply: Callable[[int], bytes], lost: Callable[[], None]) -> Stream:
        def played() -> Generator[bytes, int, None]:
            frames = yield b""
            while True:
                frames = yield supply(frames)

        try:
            stream = miniaudio.PlaybackDevice(
                nchannels=1,
                sample_rate=device.rate,
                buffersize_msec=buffer_ms,
                device_id=device.handle,
                callback_periods=self._PERIODS,
                backends=self._systems,
                app_name="laconic",
            )
            return _MiniaudioStream(stream, played(), lost, self._PERIODS * device.rate * buffer_ms // 1000)
        except miniaudio.MiniaudioError as error:
            raise DeviceError(_words(error)) from error

    def _of(self, found: list[dict[str, Any]], kind: Kind) -> Iterator[Device]:
        for info in found:
            rates = [int(known["samplerate"]) for known in info["formats"] if known["samplerate"]]
            rate = _USUAL_RATE if not rates or _USUAL_RATE in rates else max(rates)
            yield Device(str(info["name"]), kind, self.name, rate, info["id"])


class _MiniaudioStream:
    def __init__(
        self,
        stream: miniaudio.CaptureDevice | miniaudio.PlaybackDevice,
        generator: Generator[Any, Any, None],
        lost: Callable[[], None],
        latency_frames: int,
    ) -> None:
        self.latency_frames = latency_frames
        self._stream = stream
        next(generator)
        setattr(stream, "stop_callback", lost)  # noqa: B010 - its annotation says None, its use says callable
        try:
            stream.start(generator)
        except miniaudio.MiniaudioError:
            stream.close()
            raise

    def close(self) -> None:
        self._stream.stop_callback = None
        self._stream.close()


class SounddeviceBackend:
    """PortAudio. Raises ImportError where the Python package or the system's libportaudio is missing."""

    name = "sounddevice"

    def __init__(self) -> None:
        try:
            import sounddevice
        except OSError as error:  # the package is there, the library is not
            raise ImportError(str(error), name="libportaudio") from error
        self._portaudio: Any = sounddevice

    def devices(self) -> list[Device]:
        found: list[Device] = []
        for index, info in enumerate(self._query()):
            name, rate = str(info["name"]), round(info["default_samplerate"])
            if info["max_input_channels"]:
                found.append(Device(name, "microphone", self.name, rate, index))
            if info["max_output_channels"]:
                found.append(Device(name, "speaker", self.name, rate, index))
        return found

    def default(self, kind: Kind) -> Device:
        info = self._query(kind="input" if kind == "microphone" else "output")
        return Device(str(info["name"]), kind, self.name, round(info["default_samplerate"]))

    def capture(
        self, device: Device, buffer_ms: int, deliver: Callable[[bytes], None], lost: Callable[[], None]
    ) -> Stream:
        def captured(sound: Any, frames: int, when: Any, status: Any) -> None:
            deliver(bytes(sound))

        return self._open(self._portaudio.RawInputStream, device, buffer_ms, captured, lost)

    def play(self, device: Device, buffer_ms: int, supply: Callable[[int], bytes], lost: Callable[[], None]) -> Stream:
        def played(sound: Any, frames: int, when: Any, status: Any) -> None:
            sound[:] = supply(frames)

        return self._open(self._portaudio.RawOutputStream, device, buffer_ms, played, lost)

    def _query(self, kind: str | None = None) -> Any:
        try:
            return self._portaudio.query_devices(kind=kind)
        except self._portaudio.PortAudioError as error:
            raise DeviceError(_words(error)) from error

    def _open(
        self, direction: Any, device: Device, buffer_ms: int, callback: Callable[..., None], lost: Callable[[], None]
    ) -> Stream:
        try:
            stream = direction(
                samplerate=device.rate,
                blocksize=device.rate * buffer_ms // 1000,
                device=device.handle,
                channels=1,
                dtype="int16",
                latency=4 * buffer_ms / 1000,  # ALSA's own minimum of 10 ms has holes on small machines
                callback=callback,
                finished_callback=lost,
            )
            return _PortaudioStream(stream, device.rate)
        except self._portaudio.PortAudioError as error:
            raise DeviceError(_words(error)) from error


class _PortaudioStream:
    def __init__(self, stream: Any, rate: int) -> None:
        self.latency_frames = round(stream.latency * rate)
        self._stream = stream
        stream.start()

    def close(self) -> None:
        self._stream.close()


@ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
def _say_nothing(file: bytes, line: int, function: bytes, code: int, text: bytes) -> None:
    return


def _quieten_alsa() -> None:
    """libasound writes to stderr, across whatever the screen shows, for each device it looks for in vain.

    Nothing is lost: what matters of it comes back as an error code as well. Both libraries share this libasound.
    """
    try:
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_say_nothing)
    except (OSError, AttributeError):
        return  # no ALSA here, so nobody writes


def _words(error: Exception) -> str:
    """The library's message without its numbers: `failed to init device`."""
    return str(error.args[0]) if error.args else type(error).__name__
