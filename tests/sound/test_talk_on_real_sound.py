"""The main job as a user runs it: `laconic talk` on the machine's own microphone and speaker, over a real WebSocket.

Three processes: the stand-in service, the talk with its default devices, and we, who are the caller: we play
recorded lines into the microphone, listen at the speaker, and cut in when we have heard enough. What was said over
the wire is read from the talk's own --record file, what was heard from the recording of the speaker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from desk import Desk, Sound, find, samples, until

from laconic.scenarios import load

CLIPS = {line.text: line.clip_path for line in load("introduction").lines}
HELLO, STORY, STOP = "Hello. My name is Marco.", "Tell me a long story about the sea.", "Wait, stop, please."
REPLY_TO_HELLO = "Nice to meet you, Marco! What shall we talk about?"

AUDIBLE = 50
"""A sample beyond this is sound; the virtual speaker's silence is digital."""
MS = 24
"""Frames in a millisecond."""


class Caller:
    """Somebody at the desk, with a mouth, ears and a finger on Ctrl-C."""

    def __init__(self, desk: Desk, talk: subprocess.Popen[str], record: Path) -> None:
        self._desk, self._talk, self._record = desk, talk, record
        self._heard_frames = 0

    def says(self, text: str) -> None:
        """Says it and returns when it is said."""
        assert self._desk.speak(CLIPS[text]).wait(timeout=10) == 0

    def listens(self, ms: int, within_s: float = 10) -> None:
        """Until that much has been heard, from the first sound on that is new."""
        until(lambda: self._sounds_since(self._heard_frames) is not None, within_s)
        begin = cast(int, self._sounds_since(self._heard_frames))
        until(lambda: self._now() - begin >= ms * MS, within_s)
        self._heard_frames = self._now()

    def hears_out(self, within_s: float = 15) -> int:
        """Until nothing has sounded for longer than any pause between two sentences; when that was, as a frame."""
        until(lambda: self._sounds_since(self._now() - 800 * MS) is None, within_s)
        self._heard_frames = self._now()
        return self._heard_frames

    def hangs_up(self) -> str:
        """Ctrl-C; what the talk printed."""
        self._talk.send_signal(signal.SIGINT)
        printed, complaints = self._talk.communicate(timeout=15)
        assert (self._talk.returncode, complaints) == (0, "")
        return printed

    def wait_for(self, event: str) -> None:
        """Until the talk has recorded it. With the sound in it, the file grows several times a second."""
        until(lambda: self._record.exists() and f'"type":"{event}"' in self._record.read_text(), 20)

    def _now(self) -> int:
        return self._desk.heard_frames

    def _sounds_since(self, frame: int) -> int | None:
        """The first frame from there on that can be heard."""
        audible = np.flatnonzero(np.abs(self._desk.heard(max(0, frame))) > AUDIBLE)
        return frame + int(audible[0]) if len(audible) else None


class Wire:
    """What went over the wire, from the talk's recording."""

    def __init__(self, record: Path) -> None:
        self._lines = [json.loads(line) for line in record.read_text().splitlines()]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line["event"] for line in self._lines if line["event"]["type"] == event]

    def types(self, sender: str) -> list[str]:
        return [line["event"]["type"] for line in self._lines if line["from"] == sender]

    def heard_by_the_service(self) -> list[str]:
        """The user's turns as they were transcribed."""
        completed = self.events("conversation.item.input_audio_transcription.completed")
        return [event["transcript"] for event in completed]

    def replies(self) -> dict[str, Sound]:
        """The sound the service sent, by item, in order."""
        sound = dict[str, bytes]()
        for event in self.events("response.output_audio.delta"):
            sound[event["item_id"]] = sound.get(event["item_id"], b"") + b64decode(event["delta"])
        return {item_id: samples(pcm) for item_id, pcm in sound.items()}


@pytest.fixture(scope="module")
def service() -> Generator[str]:
    """The address of a stand-in in a process of its own."""
    command = [sys.executable, "-m", "laconic", "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as standin:
        assert standin.stdout is not None
        yield standin.stdout.readline().split()[0]
        standin.terminate()


@contextmanager
def talking(desk: Desk, service: str, record: Path, *flags: str) -> Generator[Caller]:
    """A talk on the default devices, up to where the caller may speak."""
    command = [sys.executable, "-m", "laconic", "talk", "--service", service, "--plain", *flags]
    with subprocess.Popen(
        [*command, "--record", str(record), "--record-sound"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"LANG": "en_US.UTF-8"},
        text=True,
    ) as talk:
        try:
            caller = Caller(desk, talk, record)
            caller.wait_for("session.updated")
            yield caller
        finally:
            talk.kill()


def heard_until(reply: Sound, recorded: Sound) -> tuple[float, float]:
    """Where in the reply its sound ended at the speaker: a span, in milliseconds, closed by sound on both sides.

    The last second that was heard is looked up in the reply, so that a hole in the recording before it does no
    harm. If the cut fell into a pause of the speech, it may have been anywhere in the pause: hence a span.
    """
    end = int(np.flatnonzero(np.abs(recorded) > AUDIBLE)[-1]) + 1
    place, fits = find(recorded[end - 1000 * MS : end], reply)
    assert fits >= 0.95, "the last sound before the silence is not of the reply"
    earliest = place + 1000 * MS
    rest = np.flatnonzero(np.abs(reply[earliest:]) > AUDIBLE)
    return earliest / MS, (earliest + int(rest[0])) / MS


@pytest.mark.parametrize("echo", [False, True], ids=["headphones", "speaker on the desk"])
def test_a_talk_with_a_barge_in(
    desk: Desk, service: str, tmp_path: Path, echo: bool, record_property: Callable[[str, object], None]
) -> None:
    """Three lines are understood, replies are heard, and the truncation is right within 40 ms of what was heard.

    With the speaker in reach of the microphone, and echo cancellation as it is by default, nobody but the caller
    is taken for the caller.
    """
    record = tmp_path / "talk.jsonl"
    with desk.echo() if echo else nullcontext(), desk.listen() as recorded:
        with talking(desk, service, record, *([] if echo else ["--no-echo-cancellation"])) as caller:
            caller.says(HELLO)
            caller.listens(0)
            greeted = caller.hears_out()
            caller.says(STORY)
            caller.listens(2500)
            began = time.monotonic()
            caller.says(STOP)
            interrupted = caller.hears_out(within_s=5)
            silent_s = time.monotonic() - began
            caller.listens(500)
            printed = caller.hangs_up()
        sound = recorded()
    wire = Wire(record)
    assert wire.heard_by_the_service() == [HELLO, STORY, STOP]
    assert len(wire.events("input_audio_buffer.speech_started")) == 3
    greeting, story, _ = wire.replies().values()
    fits = find(greeting, sound[:greeted])[1]
    assert fits >= 0.95
    [cut] = wire.events("conversation.item.truncate")
    assert cut["item_id"] == list(wire.replies())[1]
    earliest, latest = heard_until(story, sound[greeted:interrupted])
    error = cut["audio_end_ms"] - min(max(cut["audio_end_ms"], earliest), latest)
    said = {"truncated at, ms": cut["audio_end_ms"], "sound ended at, ms": (round(earliest, 1), round(latest, 1))}
    print(f"{said}, error {error:.1f} ms; greeting fits {fits:.3f}; quiet {silent_s:.1f} s after the caller began")
    record_property("truncation_error_ms", error)
    assert abs(error) <= 40
    assert cut["audio_end_ms"] < len(story) / MS - 1000, "the reply went on beyond the barge-in"
    assert wire.types("service").count("conversation.item.truncated") == 1
    assert f"reply   {REPLY_TO_HELLO}" in printed.splitlines()
    assert "[cut off after " in printed
    assert "talked · exchanges 3 · ghost turns 0" in printed


def test_without_echo_cancellation_it_would_answer_itself(desk: Desk, service: str, tmp_path: Path) -> None:
    """The same desk, cancellation switched off: the reply is taken for the caller. So the test above can fail."""
    record = tmp_path / "talk.jsonl"
    with desk.echo(), desk.listen(), talking(desk, service, record, "--no-echo-cancellation") as caller:
        caller.says(HELLO)
        caller.listens(2000)
        caller.hangs_up()
    assert len(Wire(record).events("input_audio_buffer.speech_started")) > 1
