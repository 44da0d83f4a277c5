"""Sessions of the gateway on file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from test_gateway_server import ask, to_stand_in

from laconic.errors import BadInput
from laconic.gateway.recordings import Recordings
from laconic.recording import read_lines


async def test_each_session_is_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    told: list[str] = []
    recordings = Recordings(tmp_path / "kept" / "here", told.append)
    async with to_stand_in("Yes.", "No.", recordings=recordings) as (door, _):
        for _ in range(2):
            async with door.connect(additional_headers={"Authorization": "Bearer lk-secret"}) as ws:
                await ask(ws, "How high is it?")
        await door.empty()
    files = sorted((tmp_path / "kept" / "here").iterdir())
    assert len(files) == 2
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        text = file.read_text(encoding="utf-8")
        assert "How high is it?" in text
        assert "lk-secret" not in text
        assert {line.sender for line in read_lines(text.splitlines())} == {"service", "app"}
    assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
    assert told == []


def test_sound_is_left_out(tmp_path: Path) -> None:
    with Recordings(tmp_path, print).of("sess_1") as record:
        record(b'{"type":"input_audio_buffer.append","audio":"AAAABBBB"}', "app", 1.0)
    text = (tmp_path / "sess_1.jsonl").read_text(encoding="utf-8")
    assert "AAAABBBB" not in text
    assert '"sound_bytes":6' in text


def test_what_cannot_be_written_is_told_once_and_the_session_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    recordings = Recordings(tmp_path, told.append)
    (tmp_path / "sess_1.jsonl").touch()
    with recordings.of("sess_1") as record:
        record(b"{}", "app", 1.0)
    assert "cannot write" in told.pop()

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with recordings.of("sess_2") as record:
        monkeypatch.setattr(os, "write", full)
        for _ in range(3):
            record(b"{}", "app", 1.0)
        monkeypatch.undo()
    assert len(told) == 1
    assert "breaks off" in told[0]


def test_a_folder_that_cannot_be_is_told_before_anybody_connects() -> None:
    with pytest.raises(BadInput, match="--record another folder"):
        Recordings(Path("/dev/null/here"), print)
