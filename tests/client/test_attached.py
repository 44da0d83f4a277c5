"""What an attached connection still is, and what it can do: each library's ways, threads, late joining, summaries."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from openai import AsyncOpenAI, OpenAI
from quick import quick_stand_in, quick_stand_in_thread
from websockets.asyncio.client import ClientConnection, connect
from websockets.sync.client import ClientConnection as SyncClientConnection
from websockets.sync.client import connect as sync_connect

import laconic
from laconic.actions import BudgetEnded
from laconic.budget import Budget, limits
from laconic.client.attach import Made
from laconic.client.attached_websockets import attach_async, attach_sync
from laconic.client.desk import Desk
from laconic.errors import BadInput
from laconic.session import EditFailed, Forgot, MemoryTold, Notice, Session
from laconic.simulator.chat import Chat
from laconic.simulator.faults import Faults
from laconic.simulator.server import StandIn

WRITTEN: Any = {"type": "realtime", "output_modalities": ["text"]}


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LACONIC_SUMMARY_URL", "LACONIC_SUMMARY_MODEL", "LACONIC_SUMMARY_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def message(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def created(text: str) -> str:
    return json.dumps({"type": "conversation.item.create", "item": message(text)})


RESPOND = json.dumps({"type": "response.create"})
UPDATE = json.dumps({"type": "session.update", "session": WRITTEN})


def held(standin: StandIn, session: int = -1) -> list[str]:
    return [item.id for item in standin.services[session].conversation]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for happens in a server nobody can ask
            await asyncio.sleep(0.005)


# --- each library's own ways ----------------------------------------------------------------------------------------


async def test_what_websockets_takes_it_still_takes() -> None:
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, memory="everything")
        assert json.loads(await connection.recv(decode=False))["type"] == "session.created"

        async def fragments() -> AsyncIterator[str]:
            yield created("Said in")[:20]
            yield created("Said in")[20:]

        await connection.send(fragments())
        await connection.send([created("two pieces")[:9], created("two pieces")[9:]])
        await connection.send([created("bytes").encode()[:9], created("bytes").encode()[9:]])
        await connection.send(bytearray(created("as binary").encode()))
        await connection.send(created("as text").encode(), text=True)
        texts: list[str] = []
        while len(texts) < 5:
            async for whole in connection.recv_streaming(decode=True):
                event = json.loads(whole)
                if event["type"] == "conversation.item.added":
                    texts.append(event["item"]["content"][0]["text"])
        assert texts == ["Said in", "two pieces", "bytes", "as binary", "as text"]
        for wrong in ({"type": "response.create"}, 7, ["a", b"b"]):
            with pytest.raises(TypeError):
                await connection.send(wrong)


ASKED = [(None, str), (True, str), (False, bytes)]
"""What `recv` is asked for, and what it gives of a message in text."""


async def test_a_message_comes_as_it_was_asked_for() -> None:
    """Whether it is the service's as it came, one the engine has changed, or one of the engine's own."""
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, memory="last:1", budget="1 tokens")
        for decode, kind in ASKED:
            await connection.send(created("Hello."))
            await connection.send(RESPOND)  # there is nothing left for it
            told: list[str] = []
            while "error" not in told or "conversation.item.done" not in told:
                raw = await connection.recv(decode)
                assert type(raw) is kind
                told.append(json.loads(raw)["type"])
            await connection.send(created("And again."))
            async for raw in connection.recv_streaming(decode):
                assert type(raw) is kind
            assert type(await connection.recv(decode)) is kind


def test_a_message_comes_as_it_was_asked_for_among_threads() -> None:
    with quick_stand_in_thread() as standin, sync_connect(standin.url) as given:
        connection = laconic.attach(given, memory="last:1", budget="1 tokens")
        for decode, kind in ASKED:
            connection.send(created("Hello."))
            connection.send(RESPOND)
            told: list[str] = []
            while "error" not in told or "conversation.item.done" not in told:
                raw = connection.recv(10, decode)
                assert type(raw) is kind
                told.append(json.loads(raw)["type"])
            connection.send(created("And again."))
            for raw in connection.recv_streaming(decode):
                assert type(raw) is kind
            assert type(connection.recv(10, decode)) is kind


async def test_what_no_service_could_read_is_answered_by_the_service() -> None:
    """Nothing of it comes out of `send`, with a budget or without; and the conversation goes on."""
    for budget in (None, "$5"):
        async with quick_stand_in() as standin, connect(standin.url) as given:
            connection = laconic.attach(given, memory="summary:120:40", budget=budget)
            for wrong in ('{"type":"response.create","response":{"max_output_tokens":1e999}}', "[" * 5_000, "", "{}"):
                await connection.send(wrong)
            await connection.send('{"type":"response.create","x":1e999}')
            await connection.send(UPDATE)
            await connection.send(created("Hello."))
            await connection.send(RESPOND)
            told: list[str] = []
            async with asyncio.timeout(5):
                while "response.done" not in told:
                    told.append(json.loads(await connection.recv())["type"])
            assert told.count("error") == 5
            assert told.count("response.created") == 1


def test_what_sync_websockets_takes_it_still_takes() -> None:
    with quick_stand_in_thread() as standin, sync_connect(standin.url) as given:
        connection = laconic.attach(given, memory="everything")
        [greeting] = connection.recv_streaming(decode=True)
        assert json.loads(greeting)["type"] == "session.created"
        with pytest.raises(TimeoutError, match=r"timed out in 0.1s"):
            connection.recv(timeout=0.1)
        with pytest.raises(TimeoutError):
            connection.recv(timeout=0)
        connection.send([created("In")[:9], created("In")[9:]])
        connection.send(created("bytes").encode())
        assert [json.loads(connection.recv(5))["item"]["content"][0]["text"] for _ in range(4)] == ["In"] * 2 + [
            "bytes"
        ] * 2
        for wrong in ({"type": "response.create"}, 7, ["a", b"b"]):
            with pytest.raises(TypeError):
                connection.send(wrong)


async def test_what_aiohttp_takes_it_still_takes() -> None:
    async with quick_stand_in() as standin, aiohttp.ClientSession() as http:
        async with http.ws_connect(standin.url) as given:
            connection = laconic.attach(given, memory="everything")
            assert json.loads(await connection.receive_str())["type"] == "session.created"
            await connection.send_bytes(created("as binary").encode())
            await connection.send_frame(created("as a frame").encode(), aiohttp.WSMsgType.TEXT)
            await connection.send_frame(b"", aiohttp.WSMsgType.PING)
            told = [await connection.receive_json() for _ in range(4)]
            assert [event["item"]["content"][0]["text"] for event in told[::2]] == ["as binary", "as a frame"]
            with pytest.raises(TimeoutError):
                await connection.receive(timeout=0.05)
            for send, wrong in ((connection.send_str, b"bytes"), (connection.send_bytes, "text")):
                with pytest.raises(TypeError):
                    await send(wrong)  # pyright: ignore[reportArgumentType]
            await connection.close()
            assert (await connection.receive()).type is aiohttp.WSMsgType.CLOSED
            assert connection.laconic.session.ended
        async with http.ws_connect(standin.url, decode_text=False) as given:
            connection = laconic.attach(given)
            assert isinstance((await connection.receive()).data, bytes)


async def test_closing_and_being_closed_are_the_librarys_own() -> None:
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given)
        await connection.recv()
        await connection.close(1000, "enough")
        with pytest.raises(websockets.ConnectionClosedOK):
            await connection.recv()
        with pytest.raises(websockets.ConnectionClosedOK):
            await connection.send(RESPOND)
        assert connection.laconic.session.ended
    async with quick_stand_in(faults=lambda: Faults(drop_after=2)) as standin, connect(standin.url) as given:
        connection = laconic.attach(given)
        await connection.send(RESPOND)
        with pytest.raises(websockets.ConnectionClosedError):
            async for _ in connection:
                pass
        assert connection.close_code == 1006


def test_a_sync_connection_that_breaks_says_so_and_its_engine_ends() -> None:
    with (
        quick_stand_in_thread(faults=lambda: Faults(drop_after=2)) as standin,
        sync_connect(standin.url) as given,
    ):
        connection = laconic.attach(given)
        connection.send(RESPOND)
        with pytest.raises(websockets.ConnectionClosedError):
            list(connection)
        assert connection.laconic.session.ended


async def test_an_aiohttp_connection_that_is_woken_by_the_engine_is_not_taken_for_closed() -> None:
    """The library takes receiving that was broken off for the end of the connection, and would name a code for it."""
    async with quick_stand_in() as standin, aiohttp.ClientSession() as http, http.ws_connect(standin.url) as given:
        connection = laconic.attach(given, budget="1 tokens")
        assert (await connection.receive_json())["type"] == "session.created"
        receiving = asyncio.create_task(connection.receive_json())
        await asyncio.sleep(0.01)
        await connection.send_str(RESPOND)
        refused = await asyncio.wait_for(receiving, 5)
        assert refused["error"]["code"] == "budget_exceeded"
        assert connection.close_code is None
        assert not connection.closed
        await connection.send_str(created("Hello."))
        while (await connection.receive_json(timeout=5))["type"] != "conversation.item.added":
            pass


async def test_an_aiohttp_connection_that_breaks_is_closed_as_ever() -> None:
    async with (
        quick_stand_in(faults=lambda: Faults(drop_after=2)) as standin,
        aiohttp.ClientSession() as http,
        http.ws_connect(standin.url) as given,
    ):
        connection = laconic.attach(given)
        await connection.send_str(RESPOND)
        assert [message.type async for message in connection][-1] is aiohttp.WSMsgType.TEXT
        assert connection.closed
        assert connection.laconic.session.ended


# --- when and from where -----------------------------------------------------------------------------------------


async def test_receiving_may_be_broken_off_at_any_time_and_nothing_is_lost() -> None:
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, memory="last:2")
        await connection.send(UPDATE)
        names: list[str] = []
        for n in range(4):
            await connection.send(created(f"Sentence {n}."))
            await connection.send(RESPOND)
            while names.count("response.done") <= n:
                try:
                    names.append(json.loads(await asyncio.wait_for(connection.recv(), 0.001))["type"])
                except TimeoutError:
                    continue
        assert names.count("conversation.item.added") == 8
        assert "conversation.item.deleted" not in names


async def test_attached_late_it_learns_from_what_comes() -> None:
    """`session.created` and a first exchange were received by nobody here."""
    async with quick_stand_in() as standin, connect(standin.url) as given:
        for said in (UPDATE, created("Before."), RESPOND):
            await given.send(said)
        async for raw in given:
            if json.loads(raw)["type"] == "response.done":
                break
        before = held(standin)
        connection = laconic.attach(given, memory="last:2")
        assert connection.laconic.conversation.answers_by_itself is False
        names: list[str] = []
        for n in range(4):
            await connection.send(created(f"Sentence {n}."))
            await connection.send(RESPOND)
            async for raw in connection:
                names.append(json.loads(raw)["type"])
                if names[-1] == "response.done":
                    break
        assert "session.created" not in names
        assert connection.laconic.conversation.answers_by_itself  # as sessions begin
        assert len(connection.laconic.meter.responses) == 4
        assert not connection.laconic.meter.total.unknown  # the address named the model
        await connection.send(json.dumps({"type": "input_audio_buffer.clear"}))
        async with asyncio.timeout(5):
            while json.loads(await connection.recv())["type"] != "input_audio_buffer.cleared":
                pass
        assert held(standin)[:2] == before
        assert len(held(standin)) <= 6


async def test_an_app_that_does_not_receive_for_long_is_not_taken_for_a_service_that_does_not_answer() -> None:
    """The answers to edits are there, unread. A session that is told of no answer in 50 ms would give up."""
    notices: list[Notice] = []
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = attach_async(given, impatient(notices))
        await connection.send(UPDATE)
        for n in range(5):
            await connection.send(created(f"Sentence {n}."))
            await connection.send(RESPOND)
            async for raw in connection:
                if json.loads(raw)["type"] == "response.done":
                    break
            await asyncio.sleep(0.12)
        assert not [notice for notice in notices if isinstance(notice, EditFailed)]
        assert [notice for notice in notices if isinstance(notice, Forgot)]
        last = json.loads(await connection.recv())  # what came after the bill, long read over
        assert last["type"] == "rate_limits.updated"
        assert not [notice for notice in notices if isinstance(notice, EditFailed)]


def impatient(notices: list[Notice]) -> Callable[[str, Mapping[str, str], int | None], Made]:
    """An engine that gives a service 50 ms to answer an edit."""

    def making(url: str, headers: Mapping[str, str], receives: int | None) -> Made:
        numbers = iter(range(10_000))
        session = Session(
            ids=lambda: f"edit_{next(numbers)}", memory="last:2", model="gpt-realtime", ack_timeout_s=0.05
        )
        return Made(Desk(session, url=url, on_notice=notices.append), None)

    return making


async def test_an_edit_that_is_never_answered_is_given_up_while_the_app_waits() -> None:
    notices: list[Notice] = []
    faults = Faults.named(["ignore=delete"])
    async with quick_stand_in(faults=lambda: faults) as standin, connect(standin.url) as given:
        connection = attach_async(given, impatient(notices))
        await connection.send(UPDATE)
        for n in range(3):
            await connection.send(created(f"Sentence {n}."))
            await connection.send(RESPOND)
            async for raw in connection:
                if json.loads(raw)["type"] == "response.done":
                    break
        reading = asyncio.create_task(_read_on(connection))
        await until(lambda: any(isinstance(notice, EditFailed) for notice in notices))
        reading.cancel()


async def _read_on(connection: ClientConnection) -> None:
    async for _ in connection:
        pass


def test_among_threads_an_edit_that_is_never_answered_is_given_up_too() -> None:
    notices: list[Notice] = []
    faults = Faults.named(["ignore=delete"])
    with quick_stand_in_thread(faults=lambda: faults) as standin, sync_connect(standin.url) as given:
        connection = attach_sync(given, impatient(notices))
        connection.send(UPDATE)
        for n in range(3):
            connection.send(created(f"Sentence {n}."))
            connection.send(RESPOND)
            for raw in connection:
                if json.loads(raw)["type"] == "response.done":
                    break
        until_s = time.monotonic() + 10
        while not any(isinstance(notice, EditFailed) for notice in notices) and time.monotonic() < until_s:
            with suppress(TimeoutError):
                connection.recv(timeout=0.2)
        assert any(isinstance(notice, EditFailed) for notice in notices)


def test_among_threads_several_may_send_while_one_receives() -> None:
    with quick_stand_in_thread() as standin, sync_connect(standin.url) as given:
        connection = laconic.attach(given, memory="last:3")
        entered = threading.Semaphore(0)
        names: Counter[str] = Counter()

        def receive(connection: SyncClientConnection = connection) -> None:
            for raw in connection:
                name = json.loads(raw)["type"]
                names[name] += 1
                if name == "conversation.item.done":
                    entered.release()

        def send(who: int) -> None:
            for n in range(20):
                connection.send(created(f"{who} says {n}."))

        threads = [threading.Thread(target=send, args=(who,)) for who in range(3)]
        receiving = threading.Thread(target=receive)
        for thread in (receiving, *threads):
            thread.start()
        for _ in range(60):
            assert entered.acquire(timeout=10)
        connection.close()
        for thread in (receiving, *threads):
            thread.join(10)
        assert names["conversation.item.done"] == 60
        assert "error" not in names


# --- what the engine offers ----------------------------------------------------------------------------------------


async def test_what_was_not_heard_is_cut_off_without_a_word_of_the_app() -> None:
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, memory="everything")
        await connection.send(RESPOND)
        names: list[str] = []
        async for raw in connection:
            names.append(json.loads(raw)["type"])
            if names[-1] == "response.done":
                break
        [reply] = standin.services[0].conversation
        assert connection.laconic.pin(reply.id)
        assert not connection.laconic.pin("nobody")
        connection.laconic.heard(reply.id, 300, stopped=True)
        reading = asyncio.create_task(_read_on(connection))
        await until(lambda: reply.parts[0].audio_ms == 300)
        reading.cancel()
        assert "conversation.item.truncated" not in names
        assert "everything" in repr(connection.laconic).lower()


async def test_summaries_are_written_over_http_with_the_same_key() -> None:
    async with quick_stand_in(keys=["good"]) as standin:
        client = AsyncOpenAI(base_url=standin.base_url.replace("ws:", "http:"), api_key="good")
        async with client.realtime.connect(model="gpt-realtime") as given:
            connection = laconic.attach(given, memory="summary:120:40")
            await connection.session.update(session=WRITTEN)  # pyright: ignore[reportArgumentType]
            for n in range(8):
                await connection.conversation.item.create(item=message(f"Sentence {n}, with quite some words in it."))  # pyright: ignore[reportArgumentType]
                await connection.response.create()
                async for event in connection:
                    if event.type == "response.done":
                        break
            reading = asyncio.create_task(_drain(connection))
            await until(lambda: "summary" in [entry.kind for entry in connection.laconic.meter.responses])
            await until(lambda: standin.services[0].conversation[0].role == "system")
            reading.cancel()
            assert standin.chat.asked


async def _drain(connection: Any) -> None:
    async for _ in connection:
        pass


def test_among_threads_summaries_are_written_too() -> None:
    with quick_stand_in_thread() as standin, sync_connect(standin.url) as given:
        connection = laconic.attach(given, memory="summary:120:40")
        connection.send(UPDATE)
        for n in range(8):
            connection.send(created(f"Sentence {n}, with quite some words in it."))
            connection.send(RESPOND)
            for raw in connection:
                if json.loads(raw)["type"] == "response.done":
                    break
        until_s = time.monotonic() + 10
        while standin.services[0].conversation[0].role != "system" and time.monotonic() < until_s:
            with suppress(TimeoutError):
                connection.recv(timeout=0.05)
        assert standin.services[0].conversation[0].role == "system"


async def test_a_summary_that_cannot_be_had_is_told_once_and_nothing_is_deleted() -> None:
    notices: list[Notice] = []
    async with quick_stand_in(chat=Chat(fault="error", latency_s=0)) as standin, connect(standin.url) as given:
        connection = laconic.attach(given, memory="summary:120:40", on_notice=notices.append)
        await connection.send(UPDATE)
        for n in range(8):
            await connection.send(created(f"Sentence {n}, with quite some words in it."))
            await connection.send(RESPOND)
            async for raw in connection:
                if json.loads(raw)["type"] == "response.done":
                    break
        reading = asyncio.create_task(_read_on(connection))
        await until(lambda: any(isinstance(notice, MemoryTold) for notice in notices))
        reading.cancel()
        assert len([n for n in notices if isinstance(n, MemoryTold) and n.text.startswith("no summary")]) == 1
        assert len(held(standin)) == 16


async def test_where_the_sdk_reconnects_the_new_session_is_attached_as_well() -> None:
    faults = [Faults(drop_after=12), Faults()]
    async with quick_stand_in(faults=lambda: faults.pop(0)) as standin:
        client = AsyncOpenAI(base_url=standin.base_url.replace("ws:", "http:"), api_key="any")
        manager = client.realtime.connect(
            model="gpt-realtime", on_reconnecting=lambda event: None, initial_delay=0.001, max_delay=0.001
        )
        async with manager as given:
            connection = laconic.attach(given, memory="last:2")
            first = connection.laconic
            await connection.response.create()
            async for event in connection:
                if event.type == "session.created" and connection.laconic is not first:
                    break
            await connection.session.update(session=WRITTEN)  # pyright: ignore[reportArgumentType]
            for n in range(4):
                await connection.conversation.item.create(item=message(f"Sentence {n}."))  # pyright: ignore[reportArgumentType]
                await connection.response.create()
                async for event in connection:
                    if event.type == "response.done":
                        break
            assert first.session.ended
            assert len(connection.laconic.meter.responses) == 4
            await until(lambda: len(held(standin)) < 8)


def test_a_sync_sdk_that_reconnects_is_attached_as_well() -> None:
    faults = [Faults(drop_after=12), Faults()]
    with quick_stand_in_thread(faults=lambda: faults.pop(0)) as standin, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own, of websockets
        client = OpenAI(base_url=standin.base_url.replace("ws:", "http:"), api_key="any")
        manager = client.realtime.connect(
            model="gpt-realtime", on_reconnecting=lambda event: None, initial_delay=0.001, max_delay=0.001
        )
        with manager as given:
            connection = laconic.attach(given, memory="last:2")
            first = connection.laconic
            connection.response.create()
            for event in connection:
                if event.type == "session.created" and connection.laconic is not first:
                    break
            assert first.session.ended
            assert not connection.laconic.session.ended


async def test_notices_are_told_to_everybody_who_asked() -> None:
    first: list[Notice] = []
    second: list[Notice] = []
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, on_notice=first.append)
        connection.laconic.on_notice(second.append)
        await connection.send(RESPOND)
        async for raw in connection:
            if json.loads(raw)["type"] == "response.done":
                break
        assert first == second != []


async def test_what_is_printed_of_it_is_for_people() -> None:
    """The memory as one writes it, what is held, what it has cost; and no key."""
    key = {"Authorization": "Bearer sk-hidden-0123456789"}
    async with quick_stand_in() as standin, connect(standin.url, additional_headers=key) as given:
        connection = laconic.attach(given, memory="summary:120:40")
        assert repr(connection.laconic) == "<laconic: summary:120:40, 0 items held, $0.00>"
        await connection.send(UPDATE)
        await connection.send(created("Hello."))
        await connection.send(RESPOND)
        async for raw in connection:
            if json.loads(raw)["type"] == "response.done":
                break
        total = connection.laconic.meter.total
        assert total.nanodollars > 0
        assert repr(connection.laconic) == f"<laconic: summary:120:40, 2 items held, {total}>"


# --- what cannot be attached ---------------------------------------------------------------------------------------


async def test_what_is_no_open_connection_is_told_in_a_sentence() -> None:
    manager = AsyncOpenAI(api_key="any").realtime.connect(model="gpt-realtime")
    for wrong in (manager, object(), None, aiohttp.ClientTimeout()):
        with pytest.raises(BadInput, match="is no open connection that can be attached"):
            laconic.attach(wrong)  # pyright: ignore[reportCallIssue, reportArgumentType]
    async with quick_stand_in() as standin, connect(standin.url) as given:
        with pytest.raises(BadInput, match="memory"):
            laconic.attach(given, memory="nonsense")
        assert type(given) is ClientConnection
        connection = laconic.attach(given)
        with pytest.raises(BadInput, match="attached already"):
            laconic.attach(connection)


async def test_a_class_of_ones_own_stays_in_force() -> None:
    class Mine(ClientConnection):
        async def recv(self, decode: bool | None = None) -> Any:
            self.received = getattr(self, "received", 0) + 1
            return await super().recv(decode)

    async with quick_stand_in() as standin, connect(standin.url, create_connection=Mine) as given:
        connection = laconic.attach(given)
        assert isinstance(connection, Mine)
        await connection.recv()
        assert connection.received == 1


# --- what the service no longer holds, and the app does not know ----------------------------------------------------


async def forgotten(connection: Any, standin: StandIn, exchanges: int = 5) -> str:
    """After some exchanges: an item that the app was told of and the service has been made to forget."""
    known: list[str] = []
    await connection.send(UPDATE)
    for n in range(exchanges):
        await connection.send(created(f"Sentence {n}."))
        await connection.send(RESPOND)
        async for raw in connection:
            event = json.loads(raw)
            if event["type"] == "conversation.item.added":
                known.append(event["item"]["id"])
            if event["type"] == "response.done":
                break
    assert known[0] not in held(standin)
    return known[0]


async def test_who_waits_for_a_message_is_woken_by_one_the_engine_makes() -> None:
    """An app may ask for an item that only our copy still has. The service is never asked, and says nothing."""
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, memory="last:2")
        item_id = await forgotten(connection, standin)
        async with asyncio.timeout(5):
            while json.loads(await connection.recv())["type"] != "rate_limits.updated":
                pass
        receiving = asyncio.create_task(connection.recv())
        await asyncio.sleep(0)
        await connection.send(json.dumps({"type": "conversation.item.retrieve", "item_id": item_id}))
        event = json.loads(await asyncio.wait_for(receiving, 5))
        assert (event["type"], event["item"]["content"][0]["text"]) == ("conversation.item.retrieved", "Sentence 0.")


async def test_with_aiohttp_as_well() -> None:
    async with quick_stand_in() as standin, aiohttp.ClientSession() as http, http.ws_connect(standin.url) as given:
        connection = laconic.attach(given, memory="last:2")
        known: list[str] = []
        await connection.send_str(UPDATE)
        for n in range(5):
            await connection.send_str(created(f"Sentence {n}."))
            await connection.send_str(RESPOND)
            async for message in connection:
                event = message.json()
                if event["type"] == "conversation.item.added":
                    known.append(event["item"]["id"])
                if event["type"] == "response.done":
                    break
        while (await connection.receive_json())["type"] != "rate_limits.updated":
            pass
        receiving = asyncio.create_task(connection.receive_json())
        await asyncio.sleep(0)
        await connection.send_json({"type": "conversation.item.retrieve", "item_id": known[0]})
        assert (await asyncio.wait_for(receiving, 5))["type"] == "conversation.item.retrieved"
        assert connection.close_code is None


def test_among_threads_as_well() -> None:
    with quick_stand_in_thread() as standin, sync_connect(standin.url) as given:
        connection = laconic.attach(given, memory="last:2")
        known: list[str] = []
        connection.send(UPDATE)
        for n in range(5):
            connection.send(created(f"Sentence {n}."))
            connection.send(RESPOND)
            for raw in connection:
                event = json.loads(raw)
                if event["type"] == "conversation.item.added":
                    known.append(event["item"]["id"])
                if event["type"] == "response.done":
                    break
        while json.loads(connection.recv(5))["type"] != "rate_limits.updated":
            pass
        asking = threading.Timer(
            0.02, connection.send, (json.dumps({"type": "conversation.item.retrieve", "item_id": known[0]}),)
        )
        asking.start()
        assert json.loads(connection.recv(5))["type"] == "conversation.item.retrieved"
        asking.join()


async def test_with_a_client_secret_the_session_writes_its_own_summaries() -> None:
    """The secret opens nothing else. What the model writes beside the conversation, the app is not shown."""
    key = {"Authorization": "Bearer ek_1"}
    async with quick_stand_in() as standin, connect(standin.url, additional_headers=key) as given:
        connection = laconic.attach(given, memory="summary:120:40")
        await connection.send(UPDATE)
        names: Counter[str] = Counter()
        for n in range(8):
            await connection.send(created(f"Sentence {n}, with quite some words in it."))
            await connection.send(RESPOND)
            async for raw in connection:
                names[json.loads(raw)["type"]] += 1
                if json.loads(raw)["type"] == "response.done":
                    break
        reading = asyncio.create_task(_read_on(connection))
        await until(lambda: standin.services[0].conversation[0].role == "system")
        reading.cancel()
        assert names["response.done"] == 8
        assert "summary" in [entry.kind for entry in connection.laconic.meter.responses]
        assert not standin.chat.asked


@pytest.mark.parametrize("late", [False, True])
async def test_on_a_beta_service_the_app_goes_on_speaking_beta(late: bool) -> None:
    """Azure's preview address. What the engine writes there is spelled as that service wants it."""
    async with quick_stand_in() as standin:
        url = f"ws://127.0.0.1:{standin.port}/openai/realtime?api-version=2025-04-01-preview&deployment=mine"
        async with connect(url) as given:
            if late:
                await given.recv()
            connection = laconic.attach(given, memory="written", model="gpt-realtime")
            update = {"modalities": ["text"], "temperature": 0.7, "turn_detection": None}
            await connection.send(json.dumps({"type": "session.update", "session": update}))
            names: Counter[str] = Counter()
            for n in range(3):
                await connection.send(created(f"Sentence {n}."))
                spoken = {"modalities": ["text", "audio"]}
                await connection.send(json.dumps({"type": "response.create", "response": spoken}))
                async for raw in connection:
                    names[json.loads(raw)["type"]] += 1
                    if json.loads(raw)["type"] == "response.done":
                        break
            reading = asyncio.create_task(_read_on(connection))
            sounding = standin.services[0].conversation
            await until(lambda: all(part.kind != "output_audio" for item in sounding[:-2] for part in item.parts))
            reading.cancel()
            assert names["conversation.item.created"] == 6
            assert names["response.audio.delta"] > 3
            assert not [
                name for name in names if "output_audio" in name or name in ("error", "conversation.item.added")
            ]
            assert connection.laconic.conversation.dialect == "beta"
            assert standin.services[0].session["audio"]["input"]["turn_detection"] is None


# --- budgets ----------------------------------------------------------------------------------------------------------


async def spend(connection: Any) -> dict[str, Any]:
    """Exchanges until one is refused: the error."""
    for n in range(40):
        await connection.send(created(f"Sentence {n}."))
        await connection.send(RESPOND)
        async for raw in connection:
            event = json.loads(raw)
            if event["type"] == "error":
                return event["error"]
            if event["type"] == "response.done":
                break
    raise AssertionError("forty exchanges, and no end")


async def test_a_budget_holds_and_the_app_is_told_as_a_service_would_tell_it() -> None:
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, memory="everything", budget="$0.05")
        refused = await spend(connection)
        assert refused["code"] == "budget_exceeded"
        assert "$0.05" in refused["message"]
        assert 0.02 * 10**9 < connection.laconic.meter.nanodollars <= 0.05 * 10**9
        await connection.send(json.dumps({"type": "input_audio_buffer.clear"}))  # the socket stays open
        while json.loads(await asyncio.wait_for(connection.recv(), 5))["type"] != "input_audio_buffer.cleared":
            pass


async def test_where_time_is_up_the_connection_may_be_closed() -> None:
    """Who waits for a message is not left waiting."""
    ends = Budget(limits=limits("0.01 min"), end="close", goodbye=False)
    notices: list[Notice] = []
    async with quick_stand_in() as standin, connect(standin.url) as given:
        connection = laconic.attach(given, budget=ends, on_notice=notices.append)
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(_receive_for_ever(connection), 10)
        assert connection.close_code == 1008
        assert any(isinstance(notice, BudgetEnded) for notice in notices)
        with pytest.raises(websockets.ConnectionClosed):  # the library's word, not the budget's
            await connection.send(RESPOND)


async def test_with_aiohttp_as_well_when_time_is_up() -> None:
    """The library tells of it by a message, as of every end; and nothing more can be sent."""
    ends = Budget(limits=limits("0.01 min"), end="close", goodbye=False)
    async with quick_stand_in() as standin, aiohttp.ClientSession() as http, http.ws_connect(standin.url) as given:
        connection = laconic.attach(given, budget=ends)
        async with asyncio.timeout(10):
            while (await connection.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert connection.closed
        assert connection.close_code == 1008
        with pytest.raises(aiohttp.ClientConnectionResetError):
            await connection.send_str(RESPOND)


async def _receive_for_ever(connection: ClientConnection) -> None:
    while True:
        await connection.recv()


def test_among_threads_as_well_when_time_is_up() -> None:
    ends = Budget(limits=limits("0.01 min"), end="close", goodbye=False)
    with quick_stand_in_thread() as standin, sync_connect(standin.url) as given:
        connection = laconic.attach(given, budget=ends)
        with pytest.raises(websockets.ConnectionClosed):
            list(_until_closed(connection))
        with pytest.raises(websockets.ConnectionClosed):
            connection.send(RESPOND)


def _until_closed(connection: SyncClientConnection) -> Iterator[Any]:
    while True:
        yield connection.recv(timeout=10)


async def test_what_is_no_budget_is_told_before_anything_is_changed() -> None:
    async with quick_stand_in() as standin, connect(standin.url) as given:
        for wrong in ("two dollars", "$5/day"):
            with pytest.raises(BadInput, match="budget"):
                laconic.attach(given, budget=wrong)
        assert type(given) is ClientConnection
