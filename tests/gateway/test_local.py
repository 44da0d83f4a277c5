"""`local_gateway`: a gateway for the length of a block, in programs that are asynchronous and in such that are not."""

from __future__ import annotations

import asyncio
import json
import sys
import threading

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect as connect_sync

import laconic
from laconic.errors import BadInput, NoKey
from laconic.gateway.local import local_gateway


def test_a_block_has_a_gateway() -> None:
    with local_gateway("simulator", memory="written") as url:
        assert url.startswith("ws://127.0.0.1:")
        assert url.endswith("/v1")
        with connect_sync(f"{url}/realtime?model=gpt-realtime") as ws:
            assert json.loads(ws.recv())["type"] == "session.created"
    with pytest.raises((OSError, InvalidHandshake)):
        connect_sync(f"{url}/realtime?model=gpt-realtime")
    assert not [thread for thread in threading.enumerate() if thread.name == "laconic gateway"]


async def test_an_asynchronous_block_has_one_too() -> None:
    """Sessions under way are ended when the block is left."""
    async with laconic.local_gateway("simulator") as url:
        ws = await connect(f"{url}/realtime?model=gpt-realtime")
        await ws.recv()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(ws.recv(), 5)
    assert ws.close_code == 1001


def test_a_mistake_is_told_on_entering() -> None:
    with pytest.raises(NoKey, match="OPENAI_API_KEY"), local_gateway("openai", env={}):
        pass
    with pytest.raises(BadInput, match="memory 'lots'"), local_gateway("simulator", memory="lots"):
        pass


def test_the_sound_it_keeps_is_so_many_megabytes() -> None:
    with local_gateway("simulator", keep_sound=0) as url, connect_sync(f"{url}/realtime?model=gpt-realtime") as ws:
        assert json.loads(ws.recv())["type"] == "session.created"
    with pytest.raises(BadInput, match="megabytes"):
        local_gateway("simulator", keep_sound=-1)


def test_it_is_used_once() -> None:
    gateway = local_gateway("simulator")
    with gateway:
        pass
    with pytest.raises(BadInput, match="used already"), gateway:
        pass


def test_without_its_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(BadInput, match=r"pip install 'laconic\[gateway\]'"):
        local_gateway("simulator")


def test_without_the_stand_ins_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "laconic.simulator.speech", None)
    with pytest.raises(BadInput, match=r"pip install 'laconic\[simulator\]'"), local_gateway("simulator"):
        pass
