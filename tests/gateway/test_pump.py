"""The pump between two sockets in memory: order, back-pressure, rows before replies, and every way of ending."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from bookkeeping import Watch

from laconic.actions import Charged, Notice
from laconic.budget import Budget, Limit, Unit, limits
from laconic.client.summaries import Writer
from laconic.client.summarise import Summary
from laconic.errors import Unreachable
from laconic.events import Raw
from laconic.gateway.books import NO_BOOKS, UNLIMITED, Allowance, Books, Row
from laconic.gateway.database import Steps, Transaction, follow, open_database
from laconic.gateway.keys import Keys
from laconic.gateway.ledger import Ledger
from laconic.gateway.limits import Limits
from laconic.gateway.pump import Bounds, Pump
from laconic.gateway.relay import Entry, Relay
from laconic.gateway.seats import Seats
from laconic.gateway.sockets import Closed
from laconic.session import Session
from laconic.usage import Usage

DELTA = {"type": "response.output_audio.delta", "response_id": "resp_1", "item_id": "item_r1", "delta": "AAAA"}
APPEND = {"type": "input_audio_buffer.append", "audio": "AAAA"}


class Wire:
    """A socket in memory. What the test puts into `coming` arrives; `sent` is what we were told. While `open` is
    clear, whoever sends waits."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[Raw | Closed] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.closed: tuple[int, str] | None = None
        self.taken = 0

    async def recv(self) -> Raw:
        got = await self.coming.get()
        if isinstance(got, Closed):
            raise got
        self.taken += 1
        return got

    async def send(self, raw: Raw) -> None:
        self.sent.append(json.loads(raw))
        await self.open.wait()

    async def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = code, reason
            self.coming.put_nowait(Closed(code, reason))

    def says(self, *events: dict[str, Any]) -> None:
        for event in events:
            self.coming.put_nowait(json.dumps(event).encode())

    def ends(self, code: int, reason: str = "") -> None:
        self.coming.put_nowait(Closed(code, reason))

    @property
    def names(self) -> list[str]:
        return [event["type"] for event in self.sent]


class Slow:
    """Books that write when they are allowed to; or fail, so that a test which has failed comes to an end."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.allowed = asyncio.Event()

    async def write(self, rows: Sequence[Row]) -> None:
        async with asyncio.timeout(5):
            await self.allowed.wait()
        self.rows += rows


class Broken:
    async def write(self, rows: Sequence[Row]) -> None:
        raise Unreachable("the ledger does not answer; look at its disk")


class Unplugged:
    """A database that does not answer."""

    where = "nowhere"

    @asynccontextmanager
    async def writing(self, *locks: str) -> AsyncGenerator[Transaction, None]:
        raise Unreachable("it is gone")
        yield

    reading = writing

    async def write(self, steps: Steps, *locks: str) -> None:
        async with self.writing(*locks) as transaction:
            await follow(steps, transaction)


class Forgetful:
    """Books that fail at the first `times` writes."""

    def __init__(self, times: int = 1) -> None:
        self.rows: list[Row] = []
        self._times = times

    async def write(self, rows: Sequence[Row]) -> None:
        self._times -= 1
        if self._times >= 0:
            raise Unreachable("the ledger does not answer")
        self.rows += rows


class Purse:
    """Something shared with others: what was asked of it, and what it gives."""

    units: frozenset[Unit] = frozenset({"nanodollars"})
    live = True

    def __init__(self, *gifts: tuple[int, bool] | Unreachable) -> None:
        self.gifts = list(gifts)
        self.asked: list[tuple[str, int]] = []
        self.given: list[tuple[str, int]] = []
        self.broken = False
        self.closed = 0
        self.lost: Mapping[str, int] | None = None

    async def lease(
        self, unit: Unit, amount: int, *, urgent: bool = False, needs: int = 0, kept: int = 0
    ) -> tuple[int, bool]:
        self.asked.append((unit, amount))
        gift = self.gifts.pop(0) if self.gifts else (0, True)
        if isinstance(gift, Unreachable):
            raise gift
        return gift

    async def give_back(self, unit: Unit, amount: int) -> None:
        self.given.append((unit, amount))
        if self.broken:
            raise Unreachable("the database does not answer")

    def tightest(self, unit: Unit) -> Limit | None:
        return Limit(unit, 5 * 10**9, "day")

    def heed(self, pressed: Callable[[Unit], None]) -> None:
        self.press = pressed

    async def close(self, *, lost: Mapping[str, int] | None = None) -> None:
        self.closed += 1
        self.lost = lost


class Sitting:
    """A pump that runs, between two wires."""

    def __init__(
        self,
        *,
        memory: str = "everything",
        books: Books = NO_BOOKS,
        bounds: Bounds | None = None,
        writer: Writer | None = None,
        ack_timeout_s: float = 5.0,
        budget: Budget | None = None,
        allowance: Allowance = UNLIMITED,
        now: Callable[[], float] | None = None,
        entry: Entry | None = None,
        model: str = "gpt-realtime",
    ) -> None:
        ids = count(1)
        self.app, self.service = Wire(), Wire()
        self.session = Session(
            ids=lambda: f"laconic_{next(ids)}",
            memory=memory,
            model=model,
            ack_timeout_s=ack_timeout_s,
            budget=budget,
        )
        self.noticed: list[Notice] = []
        entry = entry or Entry("sess_1", "default", "gpt-realtime")
        relay = Relay(self.session, entry, utc=lambda: datetime.now(UTC))
        self.pump = Pump(
            self.app,
            self.service,
            relay,
            books=books,
            bounds=bounds,
            writer=writer,
            allowance=allowance,
            now=now or asyncio.get_running_loop().time,
            watch=self.noticed.extend,
        )
        self.run = asyncio.create_task(self.pump.run())
        self.service.says({"type": "session.created", "session": {"type": "realtime", "model": model}})

    async def end(self) -> None:
        self.app.ends(1000)
        await self.over()

    async def over(self) -> Closed:
        async with asyncio.timeout(5):
            return await self.run

    def exchange(self, n: int, text: str = "Yes.") -> None:
        """What the service says when it was written to and has answered."""
        self.service.says(*written(n), *reply(n, text))


def written(n: int) -> list[dict[str, Any]]:
    item = {"id": f"item_u{n}", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hm?"}]}
    added = {"type": "conversation.item.added", "item": item, "previous_item_id": f"item_r{n - 1}" if n > 1 else None}
    return [added, {**added, "type": "conversation.item.done"}]


def begun(n: int) -> list[dict[str, Any]]:
    response = {"id": f"resp_{n}", "status": "in_progress", "output": [], "conversation_id": "conv_1"}
    item = {"id": f"item_r{n}", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    return [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "response_id": f"resp_{n}", "output_index": 0, "item": item},
        {"type": "conversation.item.added", "item": item, "previous_item_id": f"item_u{n}"},
    ]


def done(n: int, text: str = "Yes.", status: str = "completed") -> list[dict[str, Any]]:
    content = [{"type": "output_text", "text": text}]
    item = {"id": f"item_r{n}", "type": "message", "role": "assistant", "status": "completed", "content": content}
    usage = {
        "input_tokens": 20,
        "output_tokens": 5,
        "input_token_details": {"text_tokens": 20},
        "output_token_details": {"text_tokens": 5},
    }
    response = {"id": f"resp_{n}", "status": status, "output": [item], "usage": usage, "conversation_id": "conv_1"}
    return [
        {"type": "conversation.item.done", "item": item, "previous_item_id": f"item_u{n}"},
        {"type": "response.output_item.done", "response_id": f"resp_{n}", "item": item},
        {"type": "response.done", "response": response},
    ]


def reply(n: int, text: str = "Yes.") -> list[dict[str, Any]]:
    return [*begun(n), *done(n, text)]


async def until(happened: Callable[[], object]) -> None:
    """Let everybody go on until it has happened."""
    for _ in range(2_000):
        if happened():
            return
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)


async def settled() -> None:
    """Let everybody go on until nobody has anything to do."""
    for _ in range(50):
        await asyncio.sleep(0)


# --- what passes -------------------------------------------------------------------------------------------------


async def test_messages_pass_both_ways_in_order() -> None:
    sitting = Sitting()
    sitting.app.says(APPEND, {"type": "input_audio_buffer.commit"}, {"type": "response.create"})
    await until(lambda: "response.create" in sitting.service.names)
    sitting.exchange(1)
    await until(lambda: "response.done" in sitting.app.names)
    assert sitting.service.names == ["input_audio_buffer.append", "input_audio_buffer.commit", "response.create"]
    assert sitting.app.names[0] == "session.created"
    assert sitting.app.names.index("response.created") < sitting.app.names.index("response.done")
    await sitting.end()
    assert sitting.service.closed == (1000, "")


async def test_a_slow_app_holds_the_service_back() -> None:
    """No more is read than fits between them; and the app is still heard."""
    sitting = Sitting()
    await until(lambda: sitting.app.sent)
    sitting.app.open.clear()
    sitting.service.says(*[DELTA] * 100)
    await settled()
    assert sitting.service.taken <= 3
    sitting.app.says(APPEND)
    await until(lambda: sitting.service.sent)
    sitting.app.open.set()
    await until(lambda: len(sitting.app.sent) == 101)
    await sitting.end()


async def test_a_slow_service_holds_the_app_back() -> None:
    """And the service is still heard."""
    sitting = Sitting()
    await until(lambda: sitting.app.sent)
    sitting.service.open.clear()
    sitting.app.says(*[APPEND] * 100)
    await settled()
    assert sitting.app.taken <= 2
    sitting.service.says(DELTA)
    await until(lambda: DELTA in sitting.app.sent)
    sitting.service.open.set()
    await until(lambda: len(sitting.service.sent) == 100)
    await sitting.end()


async def test_an_edit_the_service_is_slow_to_take_stops_nobody_who_reads() -> None:
    sitting = Sitting(memory="last:2")
    await until(lambda: sitting.app.sent)
    sitting.service.open.clear()
    sitting.exchange(1)
    sitting.exchange(2)
    await until(lambda: "conversation.item.delete" in sitting.service.names)
    sitting.service.says(DELTA)
    await until(lambda: DELTA in sitting.app.sent)
    sitting.service.open.set()
    await sitting.end()


async def test_edits_are_made_while_the_app_is_silent() -> None:
    sitting = Sitting(memory="last:2")
    sitting.exchange(1)
    sitting.exchange(2)
    await until(lambda: "conversation.item.delete" in sitting.service.names)
    assert sitting.service.sent[0]["item_id"] == "item_u1"
    sitting.service.says({"type": "conversation.item.deleted", "item_id": "item_u1"})
    await until(lambda: len(sitting.service.sent) == 2)
    assert sitting.service.sent[1]["item_id"] == "item_r1"
    assert "conversation.item.deleted" not in sitting.app.names
    await sitting.end()


async def test_a_deadline_passes_while_nobody_speaks() -> None:
    """An edit that is never acknowledged is tried again."""
    sitting = Sitting(memory="last:2", ack_timeout_s=0.05)
    sitting.exchange(1)
    sitting.exchange(2)
    await until(lambda: sitting.service.names.count("conversation.item.delete") >= 2)
    await sitting.end()


async def test_a_summary_is_written_while_the_talk_goes_on() -> None:
    asked: list[str] = []

    async def write(text: str, max_tokens: int) -> Summary:
        asked.append(text)
        return Summary("They agreed.", Usage(text_in=50, text_out=5), "gpt-5.4-nano")

    sitting = Sitting(memory="summary:4:2", writer=write)
    for n in range(1, 8):
        sitting.exchange(n, "It is a long story, and it has been told before, at length, by others. " * 3)
        await settled()
    await until(lambda: asked)
    await until(lambda: "conversation.item.create" in sitting.service.names)
    assert "They agreed." in json.dumps(sitting.service.sent)
    await sitting.end()


# --- the books ---------------------------------------------------------------------------------------------------


async def test_a_reply_is_written_down_before_the_app_hears_of_its_end() -> None:
    books = Slow()
    sitting = Sitting(books=books)
    sitting.exchange(1)
    sitting.service.says(DELTA)
    await settled()
    assert "response.done" not in sitting.app.names
    assert books.rows == []
    books.allowed.set()
    await until(lambda: DELTA in sitting.app.sent)
    assert [row.id for row in books.rows] == ["resp_1"]
    assert sitting.app.names.index("response.done") < sitting.app.sent.index(DELTA)
    await sitting.end()


async def test_what_an_app_is_answered_waits_for_the_books_too() -> None:
    """So that it stays behind what it follows."""
    books = Slow()
    sitting = Sitting(books=books)
    sitting.exchange(1)
    await settled()
    sitting.app.says({"type": "response.cancel"}, APPEND)
    await until(lambda: len(sitting.service.sent) == 2)
    assert "response.done" not in sitting.app.names
    books.allowed.set()
    await sitting.end()


async def test_the_session_is_the_last_row() -> None:
    books = Slow()
    books.allowed.set()
    sitting = Sitting(books=books)
    sitting.exchange(1)
    await until(lambda: "response.done" in sitting.app.names)
    await sitting.end()
    assert [row.kind for row in books.rows] == ["reply", "session"]


async def test_without_books_nobody_goes_on() -> None:
    """A reply nobody wrote down is a reply nobody hears of."""
    sitting = Sitting(books=Broken())
    sitting.exchange(1)
    with pytest.raises(Unreachable, match="ledger does not answer"):
        await sitting.over()
    assert "response.done" not in sitting.app.names
    assert sitting.app.sent[-1]["error"]["code"] == "gateway_error"
    assert sitting.app.closed == (1011, "gateway error")
    assert sitting.service.closed == (1000, "")


async def test_a_row_whose_write_failed_is_written_at_the_end() -> None:
    """The database was away for a moment: the session ends of it, and its last reply is paid for all the same."""
    books = Forgetful()
    sitting = Sitting(books=books)
    sitting.exchange(1)
    with pytest.raises(Unreachable):
        await sitting.over()
    assert [row.kind for row in books.rows] == ["reply", "session"]
    assert "response.done" not in sitting.app.names


async def test_whoever_watches_is_told() -> None:
    sitting = Sitting()
    sitting.exchange(1)
    await until(lambda: sitting.noticed)
    assert type(sitting.noticed[0]).__name__ == "Charged"
    await sitting.end()


# --- budgets -----------------------------------------------------------------------------------------------------


async def test_what_is_shared_is_asked_for_and_then_used() -> None:
    purse = Purse((10**9, False))
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create", "response": {"output_modalities": ["text"]}})
    await until(lambda: "response.create" in sitting.service.names)
    assert purse.asked[0][0] == "nanodollars"
    sitting.exchange(1)
    await until(lambda: "response.done" in sitting.app.names)
    await sitting.end()


@pytest.mark.parametrize("broken", [False, True])
async def test_who_is_pressed_gives_back_what_it_can_spare(broken: bool) -> None:
    """Where that cannot be written down it stays held, and the session goes on."""
    purse = Purse((10**9, False))
    purse.broken = broken
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    await until(lambda: purse.asked and sitting.session.deadline is None)
    purse.press("nanodollars")
    await until(lambda: purse.given)
    [(unit, amount)] = purse.given
    assert unit == "nanodollars"
    assert 4 * 10**8 < amount < 5 * 10**8
    sitting.exchange(1)
    await until(lambda: "response.done" in sitting.app.names)
    await sitting.end()


async def test_who_gets_nothing_is_told_of_which_budget() -> None:
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=Purse((0, True)))
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create"})
    await until(lambda: sitting.app.names.count("error") == 2)
    told = [event["error"]["message"] for event in sitting.app.sent if event["type"] == "error"]
    assert told[0] == "What is left of the shared budget of $5/day does not suffice for this response."
    assert told[1] == "The shared budget of $5/day is used up."
    await sitting.end()


async def test_where_nothing_is_left_nothing_is_sent() -> None:
    purse = Purse((0, True))
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create"})
    await until(lambda: "error" in sitting.app.names)
    assert "response.create" not in sitting.service.names
    await sitting.end()


async def test_what_is_left_of_a_share_is_given_back_once_the_budget_has_ended() -> None:
    """Though the app stays; not before, and not where time is shared, which goes on, or what it costs."""
    purse, clock, meter = Purse((10, True)), Purse((10, True)), Purse((10, True))
    clock.units = frozenset({"nanodollars", "ms"})
    meter.units = frozenset({"nanodollars", "tokens"})
    every = [Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=one) for one in (clock, purse)]
    every.append(Sitting(budget=Budget(shared=frozenset({"tokens"})), allowance=meter, model="grok-voice-latest"))
    await settled()
    assert not purse.closed
    for sitting in every:
        sitting.app.says({"type": "response.create"})
    await until(lambda: purse.closed == 1)
    await until(lambda: all(sitting.session.over for sitting in every))
    await settled()
    assert not clock.closed
    assert not meter.closed
    for sitting in every:
        assert sitting.app.closed is None
        await sitting.end()


async def test_nobody_has_to_stir_for_that() -> None:
    """Where the budget ends with something the app says, nothing else may happen for an hour."""
    purse = Purse((10, True))
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    sitting.app.says({"type": "response.create"})
    await until(lambda: purse.closed == 1)
    await sitting.end()


async def test_a_database_that_does_not_answer_is_a_no() -> None:
    purse = Purse(Unreachable("the database does not answer"))
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse, ack_timeout_s=0.05)
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create"})
    await until(lambda: purse.asked)
    assert "response.create" not in sitting.service.names
    await sitting.end()


async def test_a_lease_that_breaks_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(unit: Unit, amount: int, **_: object) -> tuple[int, bool]:
        raise KeyError(unit)

    purse = Purse()
    monkeypatch.setattr(purse, "lease", broken)
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    with pytest.raises(KeyError):
        await sitting.over()
    assert sitting.app.closed == (1011, "gateway error")


@pytest.mark.parametrize("units", [{"nanodollars"}, {"nanodollars", "ms"}])
async def test_nothing_is_begun_on_a_lease_that_has_ended(units: set[Unit], monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may have spent it by then, whoever was asleep."""
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.05)
    purse = Purse((10**9, False))
    purse.units = frozenset(units)
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    sitting.exchange(1)
    await until(lambda: "response.done" in sitting.app.names)
    purse.live = False
    sitting.app.says({"type": "response.create"})
    await sitting.over()
    assert sitting.app.closed == (1011, "the share of the budget was lost")
    assert "response.create" not in sitting.service.names


async def test_whoever_has_given_back_its_lease_may_stay() -> None:
    purse = Purse((10, True))
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create"})
    await until(lambda: purse.closed == 1)
    purse.live = False
    sitting.app.says({"type": "conversation.item.retrieve", "item_id": "item_none"})
    await until(lambda: "conversation.item.retrieve" in sitting.service.names)
    assert sitting.app.closed is None
    await sitting.end()


async def test_a_budget_that_ends_by_closing_tells_why_before() -> None:
    sitting = Sitting(budget=Budget(limits=limits("1 tokens"), end="close", goodbye=False))
    sitting.app.says({"type": "response.create"})
    await sitting.over()
    assert "error" in sitting.app.names
    assert sitting.app.closed is not None
    assert "response.create" not in sitting.service.names


# --- endings -----------------------------------------------------------------------------------------------------


async def test_what_the_service_says_at_the_end_is_the_apps_to_see() -> None:
    sitting = Sitting()
    sitting.service.says({"type": "error", "error": {"code": "session_expired", "message": "Your session is over."}})
    sitting.service.ends(3000, "invalid_request_error.session_expired")
    closed = await sitting.over()
    assert closed.code == 3000
    assert sitting.app.names[-1] == "error"
    assert sitting.app.closed == (3000, "invalid_request_error.session_expired")


async def test_a_service_that_breaks_off_is_told_in_an_error() -> None:
    """1006 is no code one can send."""
    sitting = Sitting()
    sitting.service.ends(1006)
    await sitting.over()
    assert sitting.app.sent[-1]["error"]["code"] == "service_connection_lost"
    assert sitting.app.closed == (1011, "the connection to the service was lost")


async def test_an_app_that_hangs_up_in_a_reply_pays_for_it() -> None:
    """The reply is cancelled, and its usage waited for."""
    books = Slow()
    books.allowed.set()
    sitting = Sitting(books=books)
    sitting.service.says(*written(1), *begun(1))
    await until(lambda: len(sitting.app.sent) == 6)
    sitting.app.ends(1001)
    await until(lambda: "response.cancel" in sitting.service.names)
    assert sitting.service.closed is None
    sitting.service.says(*done(1, status="cancelled"))
    await sitting.over()
    assert [(row.kind, row.status) for row in books.rows] == [("reply", "cancelled"), ("session", "completed")]
    assert sitting.service.closed == (1000, "")


VOICE = {"turn_detection": {"type": "server_vad", "create_response": True}}
TRANSCRIBED = {"transcription": {"model": "gpt-4o-transcribe"}}


def updated(hearing: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "session.updated",
        "session": {"type": "realtime", "model": "gpt-realtime", "audio": {"input": hearing}},
    }


def committed(n: int) -> list[dict[str, Any]]:
    """What was said aloud becomes an item."""
    item = {"id": f"item_u{n}", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    return [
        {"type": "input_audio_buffer.committed", "item_id": f"item_u{n}", "previous_item_id": None},
        {"type": "conversation.item.added", "item": item, "previous_item_id": None},
    ]


@pytest.mark.parametrize("budget", [None, "$2"])
async def test_an_app_that_hangs_up_before_its_reply_has_begun_pays_for_it(budget: str | None) -> None:
    """It has asked for one, and the service has not said a word yet: what is on the way is cancelled when it comes."""
    books = Slow()
    books.allowed.set()
    sitting = Sitting(books=books, budget=None if budget is None else Budget(limits=limits(budget)))
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create"})
    sitting.app.ends(1001)
    await until(lambda: "response.create" in sitting.service.names)
    await settled()
    assert sitting.service.closed is None
    sitting.service.says(*begun(1))
    await until(lambda: "response.cancel" in sitting.service.names)
    await settled()
    assert sitting.service.closed is None
    sitting.service.says(*done(1, status="cancelled"))
    await sitting.over()
    assert [(row.kind, row.status) for row in books.rows] == [("reply", "cancelled"), ("session", "completed")]
    assert sitting.service.names == ["response.create", "response.cancel"]
    assert sitting.service.closed == (1000, "")


@pytest.mark.parametrize("budget", [None, "$2"])
async def test_so_does_one_that_hangs_up_before_its_turn_is_answered(budget: str | None) -> None:
    """The service has heard the end of a turn, and answers turns by itself."""
    books = Slow()
    books.allowed.set()
    sitting = Sitting(books=books, budget=None if budget is None else Budget(limits=limits(budget)))
    sitting.service.says(
        updated(VOICE),
        {"type": "input_audio_buffer.speech_started", "item_id": "item_u1", "audio_start_ms": 0},
        {"type": "input_audio_buffer.speech_stopped", "item_id": "item_u1", "audio_end_ms": 900},
    )
    await until(lambda: "input_audio_buffer.speech_stopped" in sitting.app.names)
    sitting.app.ends(1001)
    await settled()
    assert sitting.service.closed is None
    sitting.service.says(*committed(1), *begun(1))
    await until(lambda: "response.cancel" in sitting.service.names)
    sitting.service.says(*done(1, status="cancelled"))
    await sitting.over()
    assert [row.kind for row in books.rows] == ["reply", "session"]


async def test_what_an_app_has_made_beside_the_conversation_is_cancelled_by_its_name() -> None:
    """Without one a service cancels what it is saying."""
    books = Slow()
    books.allowed.set()
    sitting = Sitting(books=books)
    response = {"id": "resp_9", "status": "in_progress", "output": [], "conversation_id": None}
    sitting.service.says({"type": "response.created", "response": response})
    await until(lambda: "response.created" in sitting.app.names)
    sitting.app.ends(1001)
    await until(lambda: sitting.service.sent)
    assert sitting.service.sent == [{"type": "response.cancel", "response_id": "resp_9"}]
    sitting.service.says({"type": "response.done", "response": {**response, "status": "cancelled"}})
    await sitting.over()
    assert [row.kind for row in books.rows] == ["out_of_band", "session"]


async def test_a_reply_that_is_refused_keeps_nobody() -> None:
    sitting = Sitting()
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create", "event_id": "mine"})
    sitting.app.ends(1001)
    await until(lambda: sitting.service.sent)
    sitting.service.says({"type": "error", "error": {"code": "rate_limit", "message": "No.", "event_id": "mine"}})
    await sitting.over()
    assert sitting.service.names == ["response.create"]


async def test_a_service_that_answers_nothing_keeps_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.05)
    sitting = Sitting()
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create"})
    sitting.app.ends(1001)
    await sitting.over()
    assert sitting.service.closed == (1000, "")


async def test_nothing_is_summed_up_for_an_app_that_has_gone() -> None:
    """Though the memory would have had it done, once the last reply is over."""
    asked: list[str] = []

    async def write(text: str, max_tokens: int) -> Summary:
        asked.append(text)
        return Summary("They greet each other.", Usage(text_in=40, text_out=8), "gpt-5.4-nano")

    sitting = Sitting(memory="summary:20:5", writer=write)
    sitting.service.says(*written(1), *begun(1))
    await until(lambda: "response.created" in sitting.app.names)
    sitting.app.ends(1001)
    await until(lambda: "response.cancel" in sitting.service.names)
    sitting.service.says(*done(1, "Yes, and more of it, and more, and ever more."))
    await sitting.over()
    assert asked == []


@pytest.mark.parametrize("side", ["app", "service"])
async def test_what_a_service_never_reports_stays_taken_from_what_is_shared(
    side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the app hangs up in a reply or the service breaks off."""
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.05)
    purse = Purse((10**9, False))
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    sitting.service.says(*written(1), *begun(1))
    await until(lambda: "response.created" in sitting.app.names)
    (sitting.app if side == "app" else sitting.service).ends(1006)
    await sitting.over()
    assert purse.lost is not None
    assert purse.lost["nanodollars"] > 0


async def test_a_reply_in_which_the_gateway_dies_is_paid_for_in_full(tmp_path: Path) -> None:
    """A calm app, one reply after the other, and no word to the database since the last one ended."""
    watch = Watch(datetime.now(UTC))
    async with open_database(f"sqlite:///{tmp_path / 'ledger.db'}") as database:
        key, _ = await Keys(database).create("it", budgets=limits("$5"))
        share, ledger = await Limits(database, watch).open("sess_1", key), Ledger(database)
        sitting = Sitting(
            budget=Budget(shared=share.units),
            allowance=share,
            books=ledger,
            entry=Entry("sess_1", "default", "gpt-realtime", key=key.id),
        )
        sitting.exchange(1)
        await until(lambda: "response.done" in sitting.app.names)
        sitting.service.says(*written(2), *begun(2))
        await until(lambda: sitting.app.names.count("response.created") == 2)
        # Nobody writes a row any more; the lease expires.
        watch.passes(minutes=3)
        await Limits(database, watch).renew()
        (standing,) = await Limits(database, watch).standings(key)
        rows = {row.id: row for row in [row async for row in ledger.rows()]}
        first = rows.pop("resp_1")
        [lost] = rows.values()
        assert lost.kind == "lost"
        assert lost.at_most["nanodollars"] >= 4_096 * 64_000, "the longest reply the model can make"
        assert standing.used == sum(charge.nanodollars for charge in first.charges) + lost.at_most["nanodollars"]
        assert standing.held == 0
        sitting.run.cancel()
        await asyncio.gather(sitting.run, return_exceptions=True)


async def test_of_two_sessions_of_one_user_both_may_speak_while_there_is_something_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first holds all there is, and does nothing; what the second needs it gives back."""
    monkeypatch.setattr("laconic.leasing._AGAIN_S", 0.01)
    monkeypatch.setattr("laconic.asking._AGAIN_S", 0.01)
    async with open_database(f"sqlite:///{tmp_path / 'ledger.db'}") as database:
        key, _ = await Keys(database).create("it", user_budgets=limits("$0.20/day"))
        gateway, ledger = Limits(database), Ledger(database)

        async def sits(name: str) -> Sitting:
            share, entry = await gateway.open(name, key, "ann"), Entry(name, "default", "gpt-realtime", key=key.id)
            return Sitting(
                budget=Budget(shared=share.units), allowance=share, books=ledger, entry=replace(entry, user="ann")
            )

        async def held() -> int:
            (standing,) = await gateway.standings(key, "ann")
            return standing.held

        first = await sits("sess_1")
        async with asyncio.timeout(5):
            while not await held():  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.005)
        second = await sits("sess_2")
        for sitting in (second, first, second):
            number = sitting.service.names.count("response.create") + 1
            sitting.app.says({"type": "response.create", "response": {"output_modalities": ["text"]}})
            await until(lambda: sitting.service.names.count("response.create") == number)  # noqa: B023 - at once
            sitting.exchange(number)
            await until(lambda: sitting.app.names.count("response.done") == number)  # noqa: B023 - at once
        for sitting in (first, second):
            assert "error" not in sitting.app.names
            await sitting.end()
        assert await held() == 0


@pytest.mark.parametrize("beside", ["", ", $5/day"])
async def test_of_a_budget_in_minutes_a_session_has_them_all_and_no_more(beside: str, tmp_path: Path) -> None:
    passed = 0.0
    async with open_database(f"sqlite:///{tmp_path / 'ledger.db'}") as database:
        key, _ = await Keys(database).create("it", budgets=limits("3 min/day" + beside))
        gateway = Limits(database)
        share = await gateway.open("sess_1", key)
        sitting = Sitting(
            budget=Budget(shared=share.units, goodbye=False), allowance=share, ack_timeout_s=60.0, now=lambda: passed
        )

        async def held() -> int:
            return next(each.held for each in await gateway.standings(key) if each.pool.limit.unit == "ms")

        account = sitting.session.account
        assert account is not None
        await until(lambda: account.limit("ms"))
        for seconds in range(10, 180, 10):
            passed = float(seconds)
            sitting.app.says({"type": "input_audio_buffer.clear"})
            await until(lambda: account.left("ms") > 60_000 or account.final("ms"))
            assert sitting.session.over is None
            assert account.limit("ms") == await held()
        assert await held() == 180_000
        passed = 180.0
        sitting.app.says({"type": "input_audio_buffer.clear"})
        await until(lambda: sitting.session.over)
        assert sitting.session.over == "The shared budget of 3 min/day is used up."
        await sitting.end()


@pytest.mark.parametrize("settled", [True, False])
async def test_what_could_not_be_written_stays_taken_whoever_closes_the_share(
    settled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The books cannot be written, and then the database is back: a reply whose bill has come, or never does."""
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.05)
    async with open_database(f"sqlite:///{tmp_path / 'ledger.db'}") as database:
        key, _ = await Keys(database).create("it", budgets=limits("$5"))
        gateway = Limits(database)
        share = await gateway.open("sess_1", key)
        sitting = Sitting(budget=Budget(shared=share.units), allowance=share, books=Broken())
        sitting.service.says(*written(1), *begun(1))
        await until(lambda: "response.created" in sitting.app.names)
        account = sitting.session.account
        assert account is not None
        worst = account.spoken_for.nanodollars
        with monkeypatch.context() as away:
            away.setattr(gateway, "_database", Unplugged())
            if settled:
                sitting.service.says(*done(1))
            else:
                sitting.app.ends(1006)
            with pytest.raises(Unreachable, match="ledger does not answer"):
                await sitting.over()
        await share.close()
        (standing,) = await gateway.standings(key)
        bill = sitting.session.meter.nanodollars
        assert 0 < (bill if settled else worst) == standing.used
        assert standing.held == 0


async def test_what_was_reported_is_not_taken_twice() -> None:
    purse = Purse((10**9, False))
    sitting = Sitting(budget=Budget(shared=frozenset({"nanodollars"})), allowance=purse)
    sitting.exchange(1)
    await until(lambda: "response.done" in sitting.app.names)
    await sitting.end()
    assert purse.lost == {"nanodollars": 0, "tokens": 0}


@pytest.mark.parametrize("budget", [None, "$2"])
@pytest.mark.parametrize("heard", [True, False])
async def test_an_app_that_hangs_up_pays_for_the_writing_down_of_what_it_said(heard: bool, budget: str | None) -> None:
    """Nothing is being answered, but a bill is on the way; whether or not the service has already taken the sound."""
    books = Slow()
    books.allowed.set()
    sitting = Sitting(books=books, budget=None if budget is None else Budget(limits=limits(budget)))
    sitting.service.says(updated(TRANSCRIBED))
    await until(lambda: "session.updated" in sitting.app.names)
    sitting.app.says({**APPEND, "audio": "A" * 64_000}, {"type": "input_audio_buffer.commit"})
    await until(lambda: "input_audio_buffer.commit" in sitting.service.names)
    if heard:
        sitting.service.says(*committed(1))
        await until(lambda: "conversation.item.added" in sitting.app.names)
    sitting.app.ends(1001)
    await settled()
    assert sitting.service.closed is None
    if not heard:
        sitting.service.says(*committed(1))
        await settled()
        assert sitting.service.closed is None
    usage = {"type": "tokens", "input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    done = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u1", "usage": usage}
    sitting.service.says({**done, "transcript": "Hm?", "content_index": 0})
    await sitting.over()
    assert [row.kind for row in books.rows] == ["transcription", "session"]


async def being_summed_up(books: Books, wanted: asyncio.Event, now: Callable[[], float] | None = None) -> Sitting:
    """A talk of five exchanges whose summary is being written, until it is `wanted`."""
    asked = asyncio.Event()

    async def write(text: str, max_tokens: int) -> Summary:
        asked.set()
        await wanted.wait()
        return Summary("They greet each other.", Usage(text_in=40, text_out=8), "gpt-5.4-nano")

    sitting = Sitting(memory="summary:20:5", books=books, writer=write, now=now)
    for n in range(1, 6):
        sitting.exchange(n, "Yes, and more of it, and more, and ever more.")
        await settled()
    await asked.wait()
    return sitting


async def test_a_summary_that_comes_as_the_session_ends_is_paid_for_all_the_same() -> None:
    """The service takes no edits any more, so nobody carries on what the summary brings."""
    books, wanted = Slow(), asyncio.Event()
    books.allowed.set()
    sitting = await being_summed_up(books, wanted)
    sitting.service.open.clear()
    sitting.app.says({"type": "conversation.item.delete", "item_id": "item_u5"})
    sitting.pump.leave(1001, "")
    wanted.set()
    sitting.app.ends(1000)
    await sitting.over()
    assert "summary" in [row.kind for row in books.rows]


async def test_a_summary_is_waited_for_when_everybody_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than anything else; nobody's connection is kept for it, and the session does not last longer by it."""
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.0)
    clock = [0.0]
    books, wanted = Slow(), asyncio.Event()
    books.allowed.set()
    sitting = await being_summed_up(books, wanted, lambda: clock[0])
    sitting.app.ends(1000)
    await until(lambda: books.rows[-1].kind == "session")
    assert sitting.service.closed == (1000, "")
    assert books.rows[-1].usage == {"duration_ms": 0, "messages": 0}
    clock[0] = 20.0
    await settled()
    assert not sitting.run.done()
    wanted.set()
    await sitting.over()
    assert [(row.kind, row.status, row.unknown) for row in books.rows[-2:]] == [
        ("session", "completed", 0),
        ("summary", "completed", 0),
    ]
    assert [notice.kind for notice in sitting.noticed if isinstance(notice, Charged)][-1] == "summary"


@pytest.mark.parametrize("told", ["before", "after"])
async def test_a_summary_that_is_given_up_is_a_row_of_unknown_price(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway has to go: it says so, before the app has hung up or while the summary is waited for."""
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.0)
    books = Slow()
    books.allowed.set()
    sitting = await being_summed_up(books, asyncio.Event())
    if told == "after":
        sitting.app.ends(1000)
        await until(lambda: books.rows[-1].kind == "session")
        await settled()
        assert not sitting.run.done()
    sitting.pump.hang_up(1001, "the gateway is closing")
    await sitting.over()
    row = books.rows[-1]
    assert (row.kind, row.status, row.usage, row.charges, row.unknown) == ("summary", "failed", None, (), 1)


async def test_a_summary_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SETTLE_S", "_SUMMARY_S"):
        monkeypatch.setattr(f"laconic.gateway.pump.{name}", 0.0)
    books = Slow()
    books.allowed.set()
    sitting = await being_summed_up(books, asyncio.Event())
    await sitting.end()
    assert [(row.kind, row.unknown) for row in books.rows[-2:]] == [("session", 0), ("summary", 1)]


async def test_a_gateway_that_closes_waits_for_a_summary_within_its_grace() -> None:
    books, wanted = Slow(), asyncio.Event()
    books.allowed.set()
    seats = Seats(0, 0)

    async def sit() -> None:
        with seats.taken("sess_1", None):
            sitting = await being_summed_up(books, wanted)
            seats.seated("sess_1", sitting.pump)
            seated.set()
            await sitting.run

    seated = asyncio.Event()
    session = asyncio.create_task(sit())
    await seated.wait()
    draining = asyncio.create_task(seats.drain(60.0))
    await until(lambda: books.rows[-1].kind == "session")
    await settled()
    assert not draining.done()
    wanted.set()
    async with asyncio.timeout(5):
        await asyncio.gather(session, draining)
    assert books.rows[-1].kind == "summary"


async def test_rows_that_wait_longer_than_the_end_of_a_session_are_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database is slow, and a reply and a summary wait for it."""
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.05)
    books, wanted = Slow(), asyncio.Event()
    books.allowed.set()
    sitting = await being_summed_up(books, wanted)
    books.allowed.clear()
    sitting.exchange(6)
    await settled()
    wanted.set()
    await settled()
    sitting.app.ends(1000)
    await until(lambda: sitting.service.closed)
    await asyncio.sleep(0.1)
    books.allowed.set()
    await sitting.over()
    assert sorted(row.kind for row in books.rows) == [*["reply"] * 6, "session", "summary"]


async def test_a_flood_is_ended_with_1008() -> None:
    sitting = Sitting(bounds=Bounds(messages_s=10, burst=50))
    sitting.app.says(*[APPEND] * 60)
    closed = await sitting.over()
    assert closed.code == 1008
    assert sitting.app.closed == (1008, "too many messages")
    assert len(sitting.service.sent) == 50


async def test_so_is_more_than_anybody_can_say() -> None:
    sitting = Sitting(bounds=Bounds(bytes_s=10, burst_bytes=50 * len(json.dumps(APPEND))))
    sitting.app.says(*[APPEND] * 60)
    await sitting.over()
    assert sitting.app.closed == (1008, "too many bytes")
    assert len(sitting.service.sent) == 50


async def test_time_makes_room_again() -> None:
    """And no more than may be said at once, however much of it has passed."""
    clock = [0.0]
    bounds = Bounds(messages_s=10, burst=5, bytes_s=1e6, burst_bytes=10**6, idle_s=0)
    sitting = Sitting(bounds=bounds, now=lambda: clock[0])
    for said in (5, 10):
        sitting.app.says(*[APPEND] * 5)
        await until(lambda said=said: len(sitting.service.sent) == said)
        clock[0] += 3_600
    sitting.app.says(*[APPEND] * 10)
    await sitting.over()
    assert sitting.app.closed == (1008, "too many messages")
    assert len(sitting.service.sent) < 20


async def test_idle_sockets_are_ended_with_1001() -> None:
    sitting = Sitting(bounds=Bounds(idle_s=0.05))
    closed = await sitting.over()
    assert (closed.code, closed.reason) == (1001, "idle")
    assert sitting.app.closed == (1001, "idle")


async def test_zero_is_without_bound() -> None:
    sitting = Sitting(bounds=Bounds(messages_s=0, burst=0, bytes_s=0, burst_bytes=0, idle_s=0))
    sitting.app.says(*[APPEND] * 60)
    await until(lambda: len(sitting.service.sent) == 60)
    await sitting.end()


async def test_leaving_waits_for_a_quiet_moment() -> None:
    """The reply under way is heard out."""
    sitting = Sitting()
    sitting.service.says(*written(1), *begun(1))
    await until(lambda: len(sitting.app.sent) == 6)
    sitting.pump.leave(1001, "the gateway is closing")
    await settled()
    assert sitting.app.closed is None
    sitting.service.says(*done(1))
    await sitting.over()
    assert sitting.app.names[-1] == "response.done"
    assert sitting.app.closed == (1001, "the gateway is closing")


async def test_leaving_waits_for_a_reply_that_was_asked_for() -> None:
    """Though there is not a word of it yet."""
    sitting = Sitting()
    await until(lambda: sitting.app.sent)
    sitting.app.says({"type": "response.create"})
    await until(lambda: sitting.service.sent)
    sitting.pump.leave(1001, "the gateway is closing")
    await settled()
    assert sitting.app.closed is None
    sitting.service.says(*reply(1))
    await sitting.over()
    assert sitting.app.names[-1] == "response.done"
    assert sitting.app.closed == (1001, "the gateway is closing")


async def test_leaving_waits_for_the_books() -> None:
    """A reply that is over, but not yet written down, has not been told to the app."""
    books = Slow()
    sitting = Sitting(books=books)
    sitting.exchange(1)
    await settled()
    sitting.pump.leave(1001, "the gateway is closing")
    await settled()
    assert sitting.app.closed is None
    books.allowed.set()
    await sitting.over()
    assert sitting.app.names[-1] == "response.done"
    assert sitting.app.closed == (1001, "the gateway is closing")


async def test_leaving_in_silence_is_at_once() -> None:
    sitting = Sitting()
    await until(lambda: sitting.app.sent)
    sitting.pump.leave(1001, "the gateway is closing")
    await sitting.over()
    assert sitting.app.closed == (1001, "the gateway is closing")


async def test_hanging_up_waits_for_nobody_but_the_bill() -> None:
    sitting = Sitting()
    sitting.service.says(*written(1), *begun(1))
    await until(lambda: len(sitting.app.sent) == 6)
    sitting.pump.hang_up(1001, "the gateway is closing")
    sitting.pump.hang_up(1001, "again")
    await until(lambda: sitting.app.closed)
    sitting.service.says(*done(1, status="cancelled"))
    await sitting.over()
    assert sitting.app.closed == (1001, "the gateway is closing")


async def test_an_app_that_does_not_read_keeps_nobody_once_the_service_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.05)
    sitting = Sitting()
    await until(lambda: sitting.app.sent)
    sitting.app.open.clear()
    sitting.service.ends(1006)
    await sitting.over()
    assert sitting.app.closed == (1011, "the connection to the service was lost")


async def test_a_service_that_does_not_read_keeps_nobody_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laconic.gateway.pump._SETTLE_S", 0.05)
    sitting = Sitting()
    sitting.service.says(*written(1), *begun(1))
    await until(lambda: "response.created" in sitting.app.names)
    sitting.service.open.clear()
    sitting.app.ends(1001)
    await sitting.over()
    assert sitting.service.names == ["response.cancel"]


async def test_an_app_whose_questions_nobody_answers_is_held_back() -> None:
    """It asks for an item that is gone: each answer is ours, and waits for the service's word on it."""
    sitting = Sitting(memory="last:1", ack_timeout_s=60.0)
    sitting.service.says(*written(1))
    sitting.service.says({**written(2)[0], "previous_item_id": "item_u1"})
    await until(lambda: sitting.service.names == ["conversation.item.delete"])
    sitting.service.says({"type": "conversation.item.deleted", "item_id": "item_u1"})
    await until(lambda: not sitting.session.conversation.get("item_u1"))
    ask = {"type": "conversation.item.retrieve", "item_id": "item_u1"}
    sitting.app.says(*[ask] * 400)
    await until(lambda: sitting.session.wishes.backlog > 256)
    for _ in range(20):
        await asyncio.sleep(0)
    assert sitting.app.taken == 257
    for question in [event for event in sitting.service.sent if event["type"] == ask["type"]]:
        error = {"code": "item_retrieve_invalid_item_id", "message": "no item_u1", "event_id": question["event_id"]}
        sitting.service.says({"type": "error", "error": error})
    await until(lambda: sitting.app.taken == 400)
    assert sitting.app.names.count("conversation.item.retrieved") >= 257
    await sitting.end()
