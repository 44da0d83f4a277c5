"""Recordings of sessions, for whoever has to find out what went wrong in one: a file for each, as
`laconic talk --record` writes them (recording.py), for `laconic replay` to read.

What people said is in them, as words, though their sound is not; so nobody else may read the files. Written as the
messages pass: this is for looking closely, not for every day.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from laconic import recording
from laconic.errors import BadInput
from laconic.events import Raw
from laconic.gateway.relay import Recorder
from laconic.recording import Sender

__all__ = ["Recordings"]


class Recordings:
    """`folder` is made if it is not there; BadInput if it cannot be. `tell` hears of what could not be written."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"cannot record into {folder}: {error.strerror}; give --record another folder") from None
        self._folder, self._tell = folder, tell

    @contextmanager
    def of(self, session: str) -> Generator[Recorder]:
        """Writes down one session. Where that fails, the owner is told and the session goes on without."""
        path = self._folder / f"{session}.jsonl"
        broken = False

        def record(raw: Raw, sender: Sender, now: float) -> None:
            nonlocal broken
            if broken:
                return
            try:
                os.write(file, recording.line(raw, sender, now).encode())
            except OSError as error:
                broken = True
                self._tell(f"{path} breaks off: {error.strerror}; the session goes on")

        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            self._tell(f"cannot write {path}: {error.strerror}; the session goes on without")
            yield lambda raw, sender, now: None
            return
        try:
            yield record
        finally:
            os.close(file)
