"""Where a session keeps the sound of what it deleted: one temporary file, written round and round.

The file has no name from the moment it is there (Windows: it is deleted with its last handle), so that nothing is left
of it however a program ends, and only its owner may read it. It is made when there is something to keep, grows to its
bound and no further, and then the oldest gives way. It lies where temporary files do: TMPDIR says otherwise.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable
from typing import BinaryIO, cast

from laconic.errors import BadInput
from laconic.events import Raw
from laconic.keeping import NotKept

__all__ = ["KEEP_SOUND_MB", "RingFile", "ring"]

KEEP_SOUND_MB = 64
"""Of each session: as base64 in JSON, a quarter of an hour of speech."""
_MOST_MB = 1_000_000


def ring(mb: int, *, receives: int | None = None, tell: Callable[[str], object] | None = None) -> RingFile | None:
    """A ring of so many megabytes; None for 0. BadInput for what is no number of megabytes. The rest as below."""
    if not 0 <= mb <= _MOST_MB:
        raise BadInput(f"the sound kept is a number of megabytes from 0 (nothing is kept) to {_MOST_MB}, not {mb}")
    return RingFile(mb * 2**20, receives=receives, tell=tell) if mb else None


class RingFile:
    """A `Keep` of `most` bytes. `receives`: bytes of the largest message its connection takes; None: of any. `tell` is
    told why something could not be kept."""

    def __init__(self, most: int, *, receives: int | None = None, tell: Callable[[str], object] | None = None) -> None:
        self._most, self._tell = most, tell
        self._largest = most if receives is None else min(most, receives)
        self._file: BinaryIO | None = None
        self._written = 0  # bytes in all, over all rounds
        self._places: dict[str, tuple[int, int]] = {}
        """By item, the oldest first: how much had been written before it, and its length."""

    @property
    def largest(self) -> int:
        return self._largest

    def put(self, item_id: str, raw: Raw) -> None:
        """In place of what was kept of this item. What is larger than the ring is not kept."""
        self.drop(item_id)
        message = raw if isinstance(raw, bytes) else raw.encode()
        if len(message) > self._most:
            return
        after = self._written + len(message)
        while self._places and next(iter(self._places.values()))[0] < after - self._most:
            del self._places[next(iter(self._places))]
        try:
            for at, piece in self._pieces(self._written, message):
                self._write(at, piece)
        except OSError as error:
            raise self._not_kept(error) from error
        self._places[item_id] = self._written, len(message)
        self._written = after

    def get(self, item_id: str) -> Raw | None:
        place = self._places.get(item_id)
        if place is None or self._file is None:
            return None
        start, length = place
        first = min(length, self._most - start % self._most)
        try:
            return self._read(start % self._most, first) + self._read(0, length - first)
        except OSError as error:
            raise self._not_kept(error) from error

    def drop(self, item_id: str) -> None:
        self._places.pop(item_id, None)

    def close(self) -> None:
        self._places.clear()
        if self._file is not None:
            self._file.close()

    def _pieces(self, start: int, message: bytes) -> list[tuple[int, memoryview]]:
        """What is written where: to the end of the ring, and on from its beginning."""
        at, view = start % self._most, memoryview(message)
        first = min(len(message), self._most - at)
        return [(at, view[:first]), (0, view[first:])]

    def _write(self, at: int, piece: memoryview) -> None:
        if self._file is None:
            made = tempfile.TemporaryFile(prefix="laconic_", buffering=0)  # noqa: SIM115 - it stays open for the session
            self._file = cast(BinaryIO, made)
            weakref.finalize(self, self._file.close)  # where nobody said that the session is over
        self._file.seek(at)
        while piece:
            piece = piece[self._file.write(piece) :]

    def _read(self, at: int, length: int) -> bytes:
        assert self._file is not None
        self._file.seek(at)
        found = b""
        while len(found) < length:
            piece = self._file.read(length - len(found))
            if not piece:
                raise OSError("the file is shorter than it was")
            found += piece
        return found

    def _not_kept(self, error: OSError) -> NotKept:
        sentence = (
            f"the sound of what leaves the conversation is not kept any more ({error.strerror or error}, in "
            f"{tempfile.tempdir or 'no folder at all'}): make room there, let TMPDIR name another folder, or keep none"
        )
        if self._tell is not None:
            self._tell(sentence)
        return NotKept(sentence)
