"""A call somebody else carries, its memory looked after from the side: the mirror, what is held, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from quick import Caller, quick_stand_in

import laconic
from laconic.actions import BudgetWarned
from laconic.client.sideband import Call, call_endpoint
from laconic.errors import BadInput, Dropped, Refused
from laconic.session import Charged, Forgot, Notice
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.simulator.server import StandIn

ENV = {"OPENAI_API_KEY": "good"}


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LACONIC_SUMMARY_URL", "LACONIC_SUMMARY_MODEL", "LACONIC_SUMMARY_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


class Aside:
    """A sideband that listens in a task of its own."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.names: list[str] = []
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self.call:
            self.names.append(event["type"])

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - what is waited for happens in a server nobody can ask
                await asyncio.sleep(0.005)


@asynccontextmanager
async def aside(caller: Caller, **how: Any) -> AsyncGenerator[Aside]:
    url = f"{caller.standin.base_url}/realtime"
    async with laconic.attach_call(caller.call_id, service=url, env=ENV, **how) as call:
        listening = Aside(call)
        try:
            yield listening
        finally:
            listening.task.cancel()
            await asyncio.gather(listening.task, return_exceptions=True)


def held(standin: StandIn) -> list[str]:
    return [item.id for item in standin.services[0].conversation]


def settled(on: Aside, standin: StandIn) -> Callable[[], bool]:
    """Whether every edit is answered and the mirror holds what the service holds."""
    engine = on.call.laconic

    def true() -> bool:
        mirror = [item.id for item in engine.conversation]
        return mirror == held(standin) and not any(engine.session.unsettled(item_id) for item_id in mirror)

    return true


async def test_the_last_five_items_stay_and_the_mirror_is_right() -> None:
    notices: list[Notice] = []
    async with quick_stand_in(keys=["good"]) as standin:
        async with (
            Caller.on_a_call(standin, "good") as caller,
            aside(caller, memory="last:5", on_notice=notices.append) as on,
        ):
            for n in range(5):
                await caller.exchange(f"Sentence {n}.")
                await on.until(settled(on, standin))
            await on.until(lambda: len(held(standin)) <= 5)
            await on.until(settled(on, standin))
            meter = on.call.laconic.meter
            assert [entry.usage for entry in meter.responses] == list(standin.services[0].usages.values())
            assert meter.total.charges
            assert not meter.total.unknown
        assert on.names.count("session.updated") == 1  # which names the model, and so the prices
        assert "session.created" not in on.names
        assert "response.output_audio.delta" not in on.names
        assert "conversation.item.deleted" not in on.names  # ours, and nobody's who listens here
        assert "output_audio_buffer.started" in on.names
    kinds = [type(notice) for notice in notices]
    assert kinds.count(Charged) == 5
    assert kinds.count(Forgot) >= 5


async def test_a_call_is_folded_into_summaries_with_the_key_of_the_sideband() -> None:
    async with (
        quick_stand_in(keys=["good"]) as standin,
        Caller.on_a_call(standin, "good") as caller,
        aside(caller, memory="summary:120:40") as on,
    ):
        for n in range(8):
            await caller.exchange(f"Sentence {n}, and some more words, so that there is something to fold.")
            await on.until(settled(on, standin))
        await on.until(lambda: bool(standin.chat.asked))
        await on.until(lambda: any(entry.kind == "summary" for entry in on.call.laconic.meter.responses))
        await on.until(settled(on, standin))
        assert len(held(standin)) < 16
        assert standin.services[0].conversation[0].role == "system"


async def test_who_joins_late_leaves_alone_what_was_said_before() -> None:
    async with quick_stand_in() as standin, Caller.on_a_call(standin) as caller:
        for n in range(3):
            await caller.exchange(f"Before {n}.")
        before = held(standin)
        async with aside(caller, memory="last:2") as on:
            for n in range(4):
                await caller.exchange(f"After {n}.")
            await on.until(lambda: len(held(standin)) <= len(before) + 2)
            engine = on.call.laconic
            await on.until(lambda: [item.id for item in engine.conversation] == held(standin)[len(before) :])
            assert held(standin)[: len(before)] == before


async def test_the_call_goes_on_when_the_sideband_leaves_and_ends_when_it_hangs_up() -> None:
    async with quick_stand_in() as standin, Caller.on_a_call(standin) as caller:
        async with aside(caller) as on:
            await caller.exchange("One.")
        await caller.exchange("Two.")
        async with aside(caller) as on:
            await on.call.hang_up()
            await asyncio.wait_for(on.task, 10)
        with pytest.raises(Refused, match="could not be hung up"):
            await on.call.hang_up()


async def test_an_app_of_its_own_may_speak_over_the_sideband() -> None:
    async with quick_stand_in() as standin, Caller.on_a_call(standin) as caller, aside(caller) as on:
        await on.call.send({"type": "response.create"})
        await on.until(lambda: "response.done" in on.names)


async def test_a_call_that_is_not_there_is_refused_in_a_sentence() -> None:
    async with quick_stand_in() as standin:
        url = f"{standin.base_url}/realtime"
        async with laconic.attach_call("rtc_gone", service=url, env={}) as call:
            with pytest.raises(Refused, match="No call with id 'rtc_gone'"):
                async for _ in call:
                    pass


async def test_a_line_that_breaks_is_told() -> None:
    async with (
        quick_stand_in(faults=lambda: Faults(drop_after=30)) as standin,
        Caller.on_a_call(standin) as caller,
        aside(caller) as on,
    ):
        with pytest.raises(websockets.ConnectionClosedError):
            await caller.talk(9)
        with pytest.raises(Dropped):
            await asyncio.wait_for(on.task, 10)


@pytest.mark.parametrize(
    ("service", "model", "env", "url"),
    [
        ("openai", None, ENV, "wss://api.openai.com/v1/realtime?call_id=rtc_1"),
        (
            "azure",
            "my-model",
            {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com", "AZURE_OPENAI_API_KEY": "k"},
            "wss://r.openai.azure.com/openai/v1/realtime?call_id=rtc_1",
        ),
        ("ws://127.0.0.1:1/v1/realtime?model=m&x=1", None, {}, "ws://127.0.0.1:1/v1/realtime?x=1&call_id=rtc_1"),
    ],
)
def test_where_a_call_is_joined(service: str, model: str | None, env: dict[str, str], url: str) -> None:
    there = call_endpoint("rtc_1", service=service, model=model, env=env)
    assert (there.url, there.model) == (url, model)


def test_what_is_no_calls_id_is_not_dialled() -> None:
    with pytest.raises(BadInput, match="is no call's id"):
        call_endpoint("rtc_1&model=x", service="openai", model=None, env=ENV)


async def test_a_call_whose_budget_is_used_up_is_hung_up() -> None:
    notices: list[Notice] = []
    async with (
        quick_stand_in() as standin,
        Caller.on_a_call(standin) as caller,
        aside(caller, memory="everything", budget="$0.02", on_notice=notices.append) as on,
    ):
        with pytest.raises(websockets.ConnectionClosed):
            await caller.talk(40)
        await asyncio.wait_for(on.task, 10)
        assert any(isinstance(notice, BudgetWarned) for notice in notices)
        assert on.call.laconic.meter.nanodollars < 0.04 * 10**9


@pytest.mark.slow
async def test_a_call_without_a_price_is_left_alone_when_the_budget_is_money() -> None:
    nobodys = Habits(model="gpt-realtime-nobody")
    async with (
        quick_stand_in(habits=nobodys) as standin,
        Caller.on_a_call(standin) as caller,
        aside(caller, budget="$2") as on,
    ):
        with pytest.raises(BadInput, match="left alone: gpt-realtime-nobody has no price"):
            await asyncio.wait_for(on.task, 10)
        await caller.exchange("I am still here.")
