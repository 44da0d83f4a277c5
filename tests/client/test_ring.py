"""The file that sound is kept in, against a plain dict; who sees it, and what happens where it cannot be written."""

from __future__ import annotations

import errno
import gc
import os
import resource
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.client.ring import RingFile, ring
from laconic.errors import BadInput
from laconic.keeping import NotKept

MOST = 100
ids = st.sampled_from("abcdef")
lengths = st.one_of(st.integers(0, 30), st.integers(0, 110))
steps = st.one_of(st.tuples(st.just("put"), ids, lengths), st.tuples(st.just("drop"), ids, st.just(0)))


class Plain:
    """What is kept if everything put in is written behind what was put in before, and the last hundred bytes stay."""

    def __init__(self) -> None:
        self.log: list[tuple[str, bytes]] = []
        self.gone: set[int] = set()

    def put(self, item_id: str, raw: bytes) -> None:
        self.drop(item_id)
        if len(raw) <= MOST:
            self.log.append((item_id, raw))

    def drop(self, item_id: str) -> None:
        self.gone |= {at for at, (one, _) in enumerate(self.log) if one == item_id}

    def kept(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        room = MOST
        for at in range(len(self.log) - 1, -1, -1):
            item_id, raw = self.log[at]
            room -= len(raw)
            if room >= 0 and at not in self.gone:
                found[item_id] = raw
        return found


@given(st.lists(steps, max_size=60))
def test_it_keeps_what_a_dict_would_the_newest_first(changes: list[tuple[str, str, int]]) -> None:
    kept, plain = RingFile(MOST), Plain()
    for number, (what, item_id, length) in enumerate(changes):
        if what == "put":
            raw = bytes((number + at) % 251 for at in range(length))
            kept.put(item_id, raw)
            plain.put(item_id, raw)
        else:
            kept.drop(item_id)
            plain.drop(item_id)
        expected = plain.kept()
        assert {one: kept.get(one) for one in "abcdef"} == {one: expected.get(one) for one in "abcdef"}
    kept.close()


def test_text_comes_back_as_bytes() -> None:
    kept = RingFile(MOST)
    kept.put("a", "Größe")
    assert kept.get("a") == "Größe".encode()
    kept.close()
    kept.close()
    assert kept.get("a") is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    if tmp_path.exists():
        assert list(tmp_path.iterdir()) == [], "nothing has a name there"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="files are counted in /proc")
def test_there_is_no_file_before_there_is_something_to_keep_and_none_after(folder: Path) -> None:
    before = open_files()
    kept = RingFile(MOST)
    assert kept.get("a") is None
    assert open_files() == before
    kept.put("a", b"x")
    assert open_files() == before + 1
    assert list(folder.iterdir()) == []
    kept.close()
    assert open_files() == before
    forgotten = RingFile(MOST)
    forgotten.put("a", b"x")
    del forgotten
    gc.collect()
    assert open_files() == before


def test_only_its_owner_may_read_it_and_it_grows_no_further_than_it_may(folder: Path) -> None:
    kept = RingFile(MOST)
    for number in range(50):
        kept.put(f"i{number}", b"x" * 33)
    file: Any = kept._file  # pyright: ignore[reportPrivateUsage]
    found = os.fstat(file.fileno())
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_size == MOST
    assert found.st_nlink == 0
    kept.close()


def test_a_program_that_is_killed_leaves_nothing(folder: Path) -> None:
    code = (
        "import os, signal\nfrom laconic.client.ring import RingFile\n"
        "kept = RingFile(1000)\nkept.put('a', b'x' * 100)\nassert kept.get('a')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(folder)}, timeout=60)
    assert ended.returncode == -9
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_told_of_and_what_was_kept_and_not_written_over_stays(folder: Path) -> None:
    """The disk is as full as a limit on the size of files makes it."""
    told: list[str] = []
    kept = RingFile(2**20, tell=told.append)
    kept.put("a", b"a" * 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(NotKept, match=os.strerror(errno.EFBIG)) as raised:
            kept.put("b", b"b" * 8000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told == [str(raised.value)]
    assert str(folder) in told[0]
    assert kept.get("a") == b"a" * 1000
    assert kept.get("b") is None
    kept.close()


def test_a_folder_that_is_not_there_is_told_of(folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(NotKept, match="TMPDIR"):
        RingFile(MOST).put("a", b"x")


def test_a_file_somebody_cut_short_is_told_of() -> None:
    kept = RingFile(MOST)
    kept.put("a", b"x" * 50)
    file: Any = kept._file  # pyright: ignore[reportPrivateUsage]
    os.ftruncate(file.fileno(), 10)
    with pytest.raises(NotKept, match="shorter"):
        kept.get("a")
    kept.close()


def test_the_largest_is_what_fits_and_what_the_connection_takes() -> None:
    assert RingFile(MOST).largest == MOST
    assert RingFile(MOST, receives=50).largest == 50
    assert RingFile(MOST, receives=500).largest == MOST


def test_a_ring_is_so_many_megabytes_or_none() -> None:
    assert ring(0) is None
    made = ring(2)
    assert made is not None
    assert made.largest == 2 * 2**20
    for wrong in (-1, 10**9):
        with pytest.raises(BadInput, match="megabytes"):
            ring(wrong)
