"""Summaries while a talk goes on: handed over when they come, told once when they do not, and never waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from laconic.client.summaries import Summaries, Writer
from laconic.client.summarise import Summary
from laconic.errors import SummaryFailed
from laconic.plans import Ask, Past, Plan, Steps
from laconic.session import Charged, MemoryTold, Notice, Session, Summarise, ToService
from laconic.usage import Usage

Wire = dict[str, Any]
USAGE = Usage(text_in=800, text_out=200)


class Forgetful:
    """A memory that has everything summed up, once, and keeps what it got."""

    name = "forgetful"

    def __init__(self) -> None:
        self.got: list[object] = []
        self._asked = False

    def why(self) -> str:
        return "a test asks for it"

    def plans(self, past: Past) -> Iterator[Plan]:
        if not self._asked:
            self._asked = True
            yield Plan(frozenset({"u1"}), self._steps())

    def _steps(self) -> Steps:
        while True:
            self.got.append((yield Ask("User: My name is Marco.", 50)))


class Desk:
    """A session that wants summaries, and who makes them."""

    def __init__(self, writer: Writer | None, lang: str = "en") -> None:
        numbers = count(1)
        self.memory = Forgetful()
        self.session = Session(ids=lambda: f"ours_{next(numbers)}", memory=self.memory, model="gpt-realtime-2.1")
        self.said: list[Wire] = []
        self.told: list[Notice] = []
        self.wanted: list[Summarise] = []
        self.summaries = Summaries(
            self.session,
            writer=writer,
            tell=self.told.append,
            done=self.carry_out,
            now=lambda: 1.0,
            lang=lang,
        )
        self.says("session.created", session={"type": "realtime", "model": "gpt-realtime-2.1"})
        item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        self.says("conversation.item.added", item=item, previous_item_id=None)

    def says(self, type: str, **fields: Any) -> None:
        """The service says something."""
        self.session.from_service(json.dumps({"type": type, **fields}), 0.0)
        self.carry_out()

    def carry_out(self) -> None:
        for action in self.session.actions():
            if isinstance(action, Summarise):
                self.wanted.append(action)
            elif isinstance(action, ToService):
                self.said.append(json.loads(action.raw))
            elif isinstance(action, Notice):
                self.told.append(action)

    def ask(self) -> None:
        self.summaries.ask(self.wanted[-1])

    def charged(self) -> list[Charged]:
        return [notice for notice in self.told if isinstance(notice, Charged)]


async def until(condition: Any) -> None:
    async with asyncio.timeout(1):
        while not condition():  # noqa: ASYNC110, what is waited for are tasks of the loop itself
            await asyncio.sleep(0)


def gives(*answers: Summary | SummaryFailed) -> Writer:
    left = list(answers)

    async def write(text: str, max_tokens: int) -> Summary:
        assert (text, max_tokens) == ("User: My name is Marco.", 50)
        answer = left.pop(0)
        if isinstance(answer, SummaryFailed):
            raise answer
        return answer

    return write


async def test_a_summary_goes_to_the_memory_and_its_cost_on_the_meter() -> None:
    desk = Desk(gives(Summary("The user is Marco.", USAGE, "gpt-5.4-nano")))
    desk.ask()
    assert desk.memory.got == []
    await until(lambda: desk.memory.got)
    assert desk.memory.got == ["The user is Marco."]
    [charged] = desk.charged()
    assert charged.usage == USAGE
    assert charged.cost.nanodollars > 0


async def test_a_summary_that_cannot_be_had_is_told_once_and_charged_for_what_was_read() -> None:
    no = SummaryFailed("no summary: cut off", "要約できません。", usage=USAGE, model="gpt-5.4-nano")
    desk = Desk(gives(no, no), lang="ja")
    desk.ask()
    await until(lambda: desk.memory.got == [None])
    desk.ask()
    await until(lambda: desk.memory.got == [None, None])
    assert [notice for notice in desk.told if isinstance(notice, MemoryTold)] == [MemoryTold("要約できません。")]
    assert len(desk.charged()) == 2


async def test_nothing_is_kept_of_summaries_that_are_written() -> None:
    summary = Summary("The user is Marco.", USAGE, "gpt-5.4-nano")
    desk = Desk(gives(*[summary] * 5))
    for n in range(5):
        desk.ask()
        await until(lambda n=n: len(desk.memory.got) == n + 1)
        await desk.summaries.written()
    assert len(desk.summaries._tasks) == 1  # pyright: ignore[reportPrivateUsage]


async def test_when_the_talk_is_over_nobody_waits_for_a_summary() -> None:
    """But whoever writes it goes on, and what that costs is not known."""

    async def never(text: str, max_tokens: int) -> Summary:
        await asyncio.Event().wait()
        raise AssertionError

    desk = Desk(never)
    desk.ask()
    await asyncio.sleep(0)
    async with asyncio.timeout(0.5):
        await desk.summaries.close()
    desk.carry_out()
    [charged] = desk.charged()
    assert (charged.kind, charged.status, charged.usage, charged.cost.unknown) == ("summary", "failed", None, 1)
    assert desk.memory.got == [None]


async def test_one_that_nobody_has_begun_to_write_costs_nothing() -> None:
    desk = Desk(gives())
    desk.ask()
    await desk.summaries.close()
    desk.carry_out()
    assert desk.charged() == []


@pytest.mark.parametrize("unreported", [True, False])
async def test_one_that_cannot_be_had_costs_something_unknown_where_somebody_was_at_work(unreported: bool) -> None:
    desk = Desk(gives(SummaryFailed("no summary: too late", unreported=unreported)))
    desk.ask()
    await desk.summaries.written()
    assert [charged.cost.unknown for charged in desk.charged()] == [1] * unreported
    await desk.summaries.close()


async def test_one_that_is_being_written_may_be_waited_for_since_it_will_be_billed() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(text: str, max_tokens: int) -> Summary:
        begun.set()
        await go.wait()
        return Summary("Late.", USAGE, "gpt-5.4-nano")

    desk = Desk(slow)
    desk.ask()
    await begun.wait()
    asyncio.get_running_loop().call_later(0.01, go.set)
    await desk.summaries.close(5.0)
    assert len(desk.charged()) == 1


async def test_a_mistake_in_a_writer_comes_out() -> None:
    async def broken(text: str, max_tokens: int) -> Summary:
        raise ZeroDivisionError

    desk = Desk(broken)
    desk.ask()
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await desk.summaries.close()


# --- by the service itself ---------------------------------------------------------------------------------------


def done(ask: Wire, status: str = "completed", words: str = "The user is Marco.") -> Wire:
    content = [{"type": "output_text", "text": words}]
    item = {"id": "s1", "type": "message", "role": "assistant", "status": status, "content": content}
    usage = {"input_tokens": 80, "output_tokens": 20, "input_token_details": {"text_tokens": 80},
             "output_token_details": {"text_tokens": 20}}  # fmt: skip
    metadata = ask["response"]["metadata"]
    return {"id": "r9", "conversation_id": None, "status": status, "output": [item], "usage": usage,
            "metadata": metadata}  # fmt: skip


async def test_without_a_text_model_the_service_is_asked_beside_the_conversation() -> None:
    desk = Desk(None)
    desk.ask()
    [asked] = desk.said
    wanted = asked["response"]
    assert asked["type"] == "response.create"
    assert wanted["conversation"] == "none"
    assert wanted["input"][0]["content"] == [{"type": "input_text", "text": "User: My name is Marco."}]
    assert "summary" in wanted["instructions"]
    desk.says("response.done", response=done(asked))
    assert desk.memory.got == ["The user is Marco."]
    [summary] = desk.session.meter.responses
    assert summary.kind == "summary"
    assert desk.session.meter.total == summary.cost, "what it cost stands on the meter once"
    assert desk.session.meter.total.nanodollars == 80 * 4_000 + 20 * 24_000
    await desk.summaries.close()
