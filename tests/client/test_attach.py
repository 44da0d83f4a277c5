"""laconic.attach around the connections people have: what they receive, what the service holds, and what it cost."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.realtime import ResponseDoneEvent
from quick import quick_stand_in
from websockets.asyncio.client import connect
from websockets.sync.client import connect as sync_connect

import laconic
from laconic.session import Charged, Forgot, Notice
from laconic.simulator.server import StandIn

WRITTEN = {"type": "realtime", "output_modalities": ["text"]}
EXCHANGES = 6


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LACONIC_SUMMARY_URL", "LACONIC_SUMMARY_MODEL", "LACONIC_SUMMARY_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def message(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def created(text: str) -> str:
    return json.dumps({"type": "conversation.item.create", "item": message(text)})


RESPOND = json.dumps({"type": "response.create"})
UPDATE = json.dumps({"type": "session.update", "session": WRITTEN})


def held(standin: StandIn, session: int = -1) -> list[str]:
    return [item.id for item in standin.services[session].conversation]


# --- the same program, with and without ------------------------------------------------------------------------------


class OverOpenAI:
    """Each of these holds the same conversation; the names of what it received."""

    async def talk(self, standin: StandIn, around: Callable[[Any], Any]) -> list[str]:
        client = AsyncOpenAI(base_url=standin.base_url.replace("ws:", "http:"), api_key="any")
        async with client.realtime.connect(model="gpt-realtime") as given:
            connection = around(given)
            names: list[str] = []
            await connection.session.update(session=WRITTEN)
            for n in range(EXCHANGES):
                await connection.conversation.item.create(item=message(f"Sentence {n}."))
                await connection.response.create()
                async for event in connection:
                    assert type(event).__module__.startswith("openai.types.realtime.")
                    names.append(event.type)
                    if isinstance(event, ResponseDoneEvent):
                        break
            await connection.conversation.item.create(item=message("The end."))
            while names[-1] != "conversation.item.done":
                names.append(json.loads(await connection.recv_bytes())["type"])
            return names


class OverWebsockets:
    async def talk(self, standin: StandIn, around: Callable[[Any], Any]) -> list[str]:
        async with connect(standin.url) as given:
            connection = around(given)
            names: list[str] = []
            await connection.send(UPDATE)
            for n in range(EXCHANGES):
                await connection.send(created(f"Sentence {n}."))
                await connection.send(RESPOND)
                async for raw in connection:
                    assert isinstance(raw, str)
                    names.append(json.loads(raw)["type"])
                    if names[-1] == "response.done":
                        break
            await connection.send(created("The end."))
            while names[-1] != "conversation.item.done":
                names.append(json.loads(await connection.recv(decode=False))["type"])
            return names


class OverAiohttp:
    async def talk(self, standin: StandIn, around: Callable[[Any], Any]) -> list[str]:
        async with aiohttp.ClientSession() as http, http.ws_connect(standin.url) as given:
            connection = around(given)
            names: list[str] = []
            await connection.send_str(UPDATE)
            for n in range(EXCHANGES):
                await connection.send_json(json.loads(created(f"Sentence {n}.")))
                await connection.send_str(RESPOND)
                async for told in connection:
                    assert told.type is aiohttp.WSMsgType.TEXT
                    names.append(told.json()["type"])
                    if names[-1] == "response.done":
                        break
            await connection.send_str(created("The end."))
            while names[-1] != "conversation.item.done":
                names.append((await connection.receive_json())["type"])
            return names


class OverSyncWebsockets:
    async def talk(self, standin: StandIn, around: Callable[[Any], Any]) -> list[str]:
        return await asyncio.to_thread(self.blocking, standin, around)

    def blocking(self, standin: StandIn, around: Callable[[Any], Any]) -> list[str]:
        with sync_connect(standin.url) as given:
            connection = around(given)
            names: list[str] = []
            connection.send(UPDATE)
            for n in range(EXCHANGES):
                connection.send(created(f"Sentence {n}."))
                connection.send(RESPOND)
                for raw in connection:
                    names.append(json.loads(raw)["type"])
                    if names[-1] == "response.done":
                        break
            connection.send(created("The end."))
            while names[-1] != "conversation.item.done":
                names.append(json.loads(connection.recv(timeout=10, decode=False))["type"])
            return names


class OverSyncOpenAI:
    async def talk(self, standin: StandIn, around: Callable[[Any], Any]) -> list[str]:
        return await asyncio.to_thread(self.blocking, standin, around)

    def blocking(self, standin: StandIn, around: Callable[[Any], Any]) -> list[str]:
        client = OpenAI(base_url=standin.base_url.replace("ws:", "http:"), api_key="any")
        with client.realtime.connect(model="gpt-realtime") as given:
            connection = around(given)
            names: list[str] = []
            connection.session.update(session=WRITTEN)
            for n in range(EXCHANGES):
                connection.conversation.item.create(item=message(f"Sentence {n}."))
                connection.response.create()
                for event in connection:
                    names.append(event.type)
                    if isinstance(event, ResponseDoneEvent):
                        break
            connection.conversation.item.create(item=message("The end."))
            while names[-1] != "conversation.item.done":
                names.append(connection.recv().type)
            return names


@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")  # the SDK's own
@pytest.mark.parametrize("client", [OverOpenAI, OverWebsockets, OverAiohttp, OverSyncWebsockets, OverSyncOpenAI])
async def test_a_program_receives_the_same_and_the_service_holds_less(client: Any) -> None:
    attached: list[Any] = []
    notices: list[Notice] = []

    def around(connection: Any) -> Any:
        found: Any = laconic.attach(connection, memory="last:4", on_notice=notices.append)
        assert found is connection
        assert isinstance(found, type(connection))
        attached.append(found)
        return found

    async with quick_stand_in() as standin:
        bare = await client().talk(standin, lambda connection: connection)
        assert len(held(standin)) == 2 * EXCHANGES + 1
        managed = await client().talk(standin, around)
        assert _without_rate_limits(managed) == _without_rate_limits(bare)
        assert len(held(standin)) <= 6
        kept = held(standin)
    engine = attached[0].laconic
    assert Counter(type(notice) for notice in notices)[Charged] == EXCHANGES
    assert any(isinstance(notice, Forgot) for notice in notices)
    assert engine.meter.total == sum((n.cost for n in notices if isinstance(n, Charged)), laconic.Cost())
    assert {item.id for item in engine.conversation} <= set(kept) | {
        item.id for item in engine.conversation if engine.session.unsettled(item.id)
    }
    assert "4 latest items" in engine.why()
    assert engine.session.ended


def spoken(ms: int) -> tuple[str, str]:
    """An item of so much sound, and the sound."""
    sound = base64.b64encode(bytes(range(48)) * ms).decode()
    item = {"id": "spoken", "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound}]}
    return json.dumps({"type": "conversation.item.create", "item": item}), sound


class Websockets:
    """How each of them writes and reads once it is attached; `most`: bytes of the largest message it reads."""

    @asynccontextmanager
    async def open(self, url: str, most: int) -> AsyncGenerator[Any]:
        async with connect(url, max_size=most) as given:
            yield given

    async def send(self, given: Any, text: str) -> None:
        await given.send(text)

    async def receive(self, given: Any) -> str:
        return await given.recv()


class Aiohttp:
    @asynccontextmanager
    async def open(self, url: str, most: int) -> AsyncGenerator[Any]:
        async with aiohttp.ClientSession() as http, http.ws_connect(url, max_msg_size=4 * most) as given:
            yield given

    async def send(self, given: Any, text: str) -> None:
        await given.send_str(text)

    async def receive(self, given: Any) -> str:
        return await given.receive_str()


class SyncWebsockets:
    @asynccontextmanager
    async def open(self, url: str, most: int) -> AsyncGenerator[Any]:
        given = await asyncio.to_thread(sync_connect, url, max_size=most)
        try:
            yield given
        finally:
            await asyncio.to_thread(given.close)

    async def send(self, given: Any, text: str) -> None:
        await asyncio.to_thread(given.send, text)

    async def receive(self, given: Any) -> str:
        return await asyncio.to_thread(given.recv, 10)


@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
@pytest.mark.parametrize("client", [Websockets, Aiohttp, SyncWebsockets])
@pytest.mark.parametrize(("ms", "keep_sound", "kept"), [(500, 64, True), (500, 0, False), (70_000, 64, False)])
async def test_sound_that_has_left_is_kept_if_the_connection_takes_a_message_of_its_size(
    client: Any, ms: int, keep_sound: int, kept: bool
) -> None:
    create, sound = spoken(ms)
    async with (
        asyncio.timeout(20),
        quick_stand_in() as standin,
        client().open(standin.url, 2**20) as given,
    ):
        laconic.attach(given, memory="last:1", keep_sound=keep_sound)

        async def until(name: str, *messages: str) -> dict[str, Any]:
            for message in messages:
                await client().send(given, message)
            while (event := json.loads(await client().receive(given)))["type"] != name:
                pass
            return event

        await until("response.done", UPDATE, create, created("Is it?"), RESPOND)
        while "spoken" in held(standin):
            await until("session.updated", UPDATE)
        retrieve = json.dumps({"type": "conversation.item.retrieve", "item_id": "spoken"})
        event = await until("conversation.item.retrieved", retrieve)
        assert event["item"]["content"][0].get("audio") == (sound if kept else None)


def _without_rate_limits(names: list[str]) -> list[str]:
    """They come when they come: after the program has turned to something else, or before."""
    return [name for name in names if name != "rate_limits.updated"]


async def test_handlers_of_the_sdk_are_called_as_ever() -> None:
    async with quick_stand_in() as standin:
        client = AsyncOpenAI(base_url=standin.base_url.replace("ws:", "http:"), api_key="any")
        async with client.realtime.connect(model="gpt-realtime") as given:
            connection = laconic.attach(given, memory="last:2")
            done: list[ResponseDoneEvent] = []

            async def over(event: ResponseDoneEvent) -> None:
                done.append(event)
                await connection.close()

            connection.on("response.done", over)
            await connection.response.create()
            await asyncio.wait_for(connection.dispatch_events(), 10)
            assert [type(event) for event in done] == [ResponseDoneEvent]
            assert len(connection.laconic.meter.responses) == 1
