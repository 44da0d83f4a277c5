"""`laconic gateway`: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from laconic.cli import main
from laconic.cli.gateway import add_parser
from laconic.client.ring import KEEP_SOUND_MB
from laconic.gateway.database import open_database
from laconic.gateway.keys import Keys
from laconic.gateway.ledger import Ledger, Wanted

HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


@asynccontextmanager
async def gateway(*flags: str) -> AsyncGenerator[tuple[Process, str, str]]:
    """The command in a process of its own: the process, its address, and what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "AZURE", "LACONIC"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "laconic", "gateway", "--port", "0", "--log", "off", *flags),
        stdout=PIPE,
        stderr=PIPE,
        env=env,
    )
    assert process.stdout is not None
    try:
        printed = ""
        async with asyncio.timeout(30):
            while "ledger:" not in printed:
                line = (await process.stdout.readline()).decode()
                assert line, printed
                printed += line
        found = re.search(r"wss?://\S+:\d+/v1/realtime", printed)
        assert found is not None
        yield process, found[0], printed
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_says_where_it_listens_and_ends_at_ctrl_c() -> None:
    async with gateway("--service", "simulator") as (process, address, printed):
        assert all(len(line) <= 80 for line in printed.splitlines())
        assert "any key" in printed
        async with connect(f"{address}?model=gpt-realtime") as ws:
            assert json.loads(await ws.recv())["type"] == "session.created"
        process.send_signal(signal.SIGINT)
        _, complaints = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        assert b"Traceback" not in complaints


async def test_sigterm_hears_a_reply_out_and_every_row_is_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with (
        gateway("--service", "simulator", "--mind", "echo", "--ledger", url) as (process, address, _),
        connect(f"{address}?model=gpt-realtime") as ws,
    ):
        await ws.send(json.dumps({"type": "conversation.item.create", "item": HELLO}))
        await ws.send(json.dumps({"type": "response.create"}))
        while json.loads(await ws.recv())["type"] != "response.created":
            pass
        process.terminate()
        names: list[str] = []
        with suppress(ConnectionClosed):
            while True:
                names.append(json.loads(await ws.recv())["type"])
        assert "response.done" in names
        assert ws.close_code == 1001
        await asyncio.wait_for(process.wait(), 20)
        assert process.returncode == 0
    async with open_database(url) as database:
        rows = [row async for row in Ledger(database).rows(Wanted())]
    assert [(row.kind, row.status) for row in rows] == [("reply", "completed"), ("session", "completed")]


@pytest.mark.slow
async def test_a_second_ctrl_c_ends_at_once() -> None:
    async with (
        gateway("--service", "simulator", "--grace", "600", "--mind", "small_talk") as (process, address, _),
        connect(f"{address}?model=gpt-realtime") as ws,
    ):
        assert process.stderr is not None
        await ws.send(json.dumps({"type": "response.create"}))
        while json.loads(await ws.recv())["type"] != "response.created":
            pass
        process.send_signal(signal.SIGINT)
        assert b"1 under way" in await asyncio.wait_for(process.stderr.readline(), 10)
        process.send_signal(signal.SIGINT)
        with suppress(ConnectionClosed):
            while True:
                await ws.recv()
        await asyncio.wait_for(process.wait(), 20)
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "laconic gateway --service simulator"),
        (["--service", "simulator", "--port", "70000"], "--port must be from 0"),
        (["--service", "simulator", "--grace", "-1"], "--grace is a number of seconds from 0"),
        (["--service", "simulator", "--keep-sound", "-1"], "megabytes from 0"),
        (["--service", "simulator", "--memory", "lots"], "memory 'lots' is not known"),
        (["--service", "simulator", "--budget", "$2/day"], "for several sessions"),
        (["--service", "openai"], "OPENAI_API_KEY is not set"),
        (["--service", "simulator", "--ledger", "sqlite:///x.db", "--no-ledger"], "cannot both be meant"),
        (["--service", "simulator", "--tls-self-signed", "--tls-cert", "x.pem"], "cannot both be meant"),
        (["--service", "simulator", "--tls-key", "x.pem"], "--tls-key needs the certificate"),
        (["--service", "simulator", "--host", "0.0.0.0"], "say --open if that is meant"),
        (["--routes", "none.toml"], "the routes none.toml cannot be read"),
        (["--routes", "none.toml", "--memory", "auto"], "--memory and --routes are two ways"),
    ],
)
def test_a_mistake_is_one_sentence(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("OPENAI", "AZURE", "LACONIC")):
            monkeypatch.delenv(name)
    assert main(["gateway", *flags]) in (2, 3)
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1


async def refused(address: str, key: str) -> int | None:
    """The HTTP status of who shows this key and is not let in."""
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with connect(f"{address}?model=gpt-realtime", additional_headers=headers) as ws:
            assert json.loads(await ws.recv())["type"] == "session.created"
    except InvalidStatus as no:
        return no.response.status_code


@pytest.mark.slow
async def test_whose_last_key_is_revoked_is_shut_out_and_so_is_everybody_else(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    books = ("--service", "simulator", "--ledger", url)
    async with open_database(url) as database:
        keys = Keys(database)
        async with gateway(*books) as (_, address, printed):
            assert "any key" in printed
            assert await refused(address, "sk-any") is None
            _, shown = await keys.create("kiosk")
            assert await refused(address, "sk-any") == 401
            assert await refused(address, shown) is None
            await keys.revoke("kiosk")
            assert await refused(address, shown) == 401
        async with gateway(*books) as (_, address, printed):
            assert "laconic key create" in printed
            assert (await refused(address, shown), await refused(address, "sk-any")) == (401, 401)
        async with gateway(*books, "--open") as (_, address, printed):
            assert "any key" in printed
            assert (await refused(address, shown), await refused(address, "sk-any")) == (401, None)
        async with gateway(*books, "--host", "0.0.0.0") as (_, address, _):
            assert await refused(address, shown) == 401


def test_it_keeps_as_much_sound_as_a_gateway_in_a_program() -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    assert parser.parse_args(["gateway"]).keep_sound == KEEP_SOUND_MB


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], unused_tcp_port: int) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", unused_tcp_port))
        taken.listen()
        assert main(["gateway", "--service", "simulator", "--port", str(unused_tcp_port)]) == 2
    assert "choose another --port" in capsys.readouterr().err
