"""Budgets that sessions share: what one has leased, no other can have; what is spent is never more than there was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from bookkeeping import NOON, Watch, reply

from laconic.budget import Limit
from laconic.budget import limits as read_limits
from laconic.errors import Refused, Unreachable
from laconic.gateway.books import Row
from laconic.gateway.database import Database, Steps, Transaction, follow
from laconic.gateway.keys import Key
from laconic.gateway.ledger import Ledger
from laconic.gateway.limits import Limits, Share
from laconic.gateway.rows import Spent

ONE = 64_000  # what one generated token costs, in nano-dollars
DOLLAR = 10**9


def key(budgets: str = "", user_budgets: str = "", name: str = "it") -> Key:
    return Key(
        f"key_{name}",
        name,
        budgets=read_limits(budgets) if budgets else (),
        user_budgets=read_limits(user_budgets) if user_budgets else (),
    )


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def limits(database: Database, watch: Watch) -> Limits:
    return Limits(database, watch, lease_s=60)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


async def lost(ledger: Ledger) -> list[Row]:
    return [row async for row in ledger.rows() if row.kind == "lost"]


async def test_without_a_key_or_a_budget_nothing_is_limited(limits: Limits) -> None:
    for share in [await limits.open("s1", None), await limits.open("s2", key())]:
        assert share.units == frozenset()
        assert await share.lease("nanodollars", 10**15) == (10**15, False)
        await share.close()


async def test_leases_of_all_sessions_together_stay_within_the_budget(limits: Limits) -> None:
    one, other = await limits.open("s1", key("$3")), await limits.open("s2", key("$3"))
    assert one.units == {"nanodollars"}
    assert await one.lease("nanodollars", 2 * DOLLAR) == (2 * DOLLAR, False)
    # What is missing may come back, as long as somebody else holds it.
    assert await other.lease("nanodollars", 2 * DOLLAR) == (DOLLAR, False)
    assert await other.lease("nanodollars", 1) == (0, False)
    assert await other.lease("tokens", 5) == (5, False)
    await one.close()
    assert await other.lease("nanodollars", 3 * DOLLAR) == (2 * DOLLAR, True)


async def test_what_a_session_gives_back_the_next_can_have(limits: Limits) -> None:
    one = await limits.open("s1", key("$3"))
    await one.lease("nanodollars", 3 * DOLLAR)
    two = await limits.open("s2", key("$3"))
    assert await two.lease("nanodollars", 3 * DOLLAR) == (0, False)
    await one.close()
    assert await two.lease("nanodollars", 3 * DOLLAR) == (3 * DOLLAR, False)


async def test_minutes_that_others_hold_are_passing_so_nobody_is_let_in_to_wait_for_them(limits: Limits) -> None:
    one = await limits.open("s1", key("3 min"))
    await one.lease("ms", 3 * 60_000)
    with pytest.raises(Refused, match=r"the budget of key it, 3 min, is used up, part of it held by sessions"):
        await limits.open("s2", key("3 min"))


def pressed(share: Share) -> list[str]:
    """The units this session is asked to give back some of."""
    heard: list[str] = []
    share.heed(heard.append)
    return heard


async def test_who_gets_nothing_of_what_it_needs_has_others_asked_to_give_some_back(
    database: Database, limits: Limits, watch: Watch
) -> None:
    """In the same gateway at once, in others when they renew; but not those who have no part in it."""
    elsewhere = Limits(database, watch, lease_s=60)
    it, theirs = key("$3", "$2"), key("$3", name="other")
    ann, bob = await limits.open("s1", it, "ann"), await limits.open("s2", it, "bob")
    far, stranger = await elsewhere.open("s3", it, "ann"), await limits.open("s4", theirs)
    asked = [pressed(share) for share in (ann, bob, far, stranger)]
    assert await ann.lease("nanodollars", DOLLAR) == (DOLLAR, False)
    assert await far.lease("nanodollars", DOLLAR) == (DOLLAR, False)
    new = await limits.open("s5", it, "ann")
    assert await new.lease("nanodollars", DOLLAR) == (0, False)
    assert asked == [[], [], [], []], "nothing waits for it"
    assert await new.lease("nanodollars", DOLLAR, urgent=True) == (0, False)
    assert asked == [["nanodollars"], [], [], []]
    await limits.renew()
    await elsewhere.renew()
    await elsewhere.renew()
    assert asked == [["nanodollars"], [], ["nanodollars"], []], "once"
    await ann.give_back("nanodollars", DOLLAR // 2)
    assert await new.lease("nanodollars", DOLLAR, urgent=True) == (DOLLAR // 2, False)
    assert asked[0] == ["nanodollars"], "there was some"
    assert new.tightest("nanodollars") == Limit("nanodollars", 2 * DOLLAR)
    assert new.tightest("tokens") is None


async def test_who_is_active_need_not_be_waited_for_until_it_renews(
    database: Database, limits: Limits, watch: Watch
) -> None:
    elsewhere = Limits(database, watch, lease_s=60)
    it = key("$3")
    near, far = await limits.open("s1", it), await elsewhere.open("s2", it)
    asked = pressed(far)
    await far.lease("nanodollars", 3 * DOLLAR)
    assert await near.lease("nanodollars", DOLLAR, urgent=True) == (0, False)
    assert asked == []
    await far.lease("nanodollars", DOLLAR)
    assert asked == [], "the answer may be what it waits for itself, and comes first"
    await asyncio.sleep(0)
    assert asked == ["nanodollars"]
    await far.lease("nanodollars", DOLLAR)
    await asyncio.sleep(0)
    await elsewhere.renew()
    assert asked == ["nanodollars"], "once"


async def test_there_is_no_more_where_nobody_could_give_back_enough(limits: Limits) -> None:
    """Otherwise the last crumbs, which others hold, would keep everybody waiting for ever."""
    it = key("$3")
    one, two = await limits.open("s1", it), await limits.open("s2", it)
    await one.lease("nanodollars", 3 * DOLLAR)
    assert await two.lease("nanodollars", DOLLAR, urgent=True, needs=3 * DOLLAR) == (0, False)
    assert await two.lease("nanodollars", DOLLAR, urgent=True, needs=3 * DOLLAR + 1) == (0, True)


async def test_nobody_waits_for_what_others_keep_for_their_goodbyes(limits: Limits, database: Database) -> None:
    it, elsewhere = key("$3"), Limits(database, Watch(), lease_s=60)
    one, two = await limits.open("s1", it), await elsewhere.open("s2", it)
    await two.lease("nanodollars", DOLLAR // 2, kept=DOLLAR // 4)
    await one.lease("nanodollars", 3 * DOLLAR, kept=DOLLAR)
    can_be_had = 2 * DOLLAR
    assert await two.lease("nanodollars", DOLLAR, urgent=True, needs=can_be_had, kept=DOLLAR // 4) == (0, False)
    assert await two.lease("nanodollars", DOLLAR, urgent=True, needs=can_be_had + 1, kept=DOLLAR // 4) == (0, True)
    [standing] = await limits.standings(it)
    assert (standing.left, standing.unused, standing.to_be_had) == (0, 3 * DOLLAR, 3 * DOLLAR - 5 * DOLLAR // 4)


async def test_of_what_others_keep_only_what_they_hold_is_gone(limits: Limits) -> None:
    """Not every goodbye can be paid."""
    one, two = await limits.open("s1", key("$3")), await limits.open("s2", key("$3"))
    await one.lease("nanodollars", 1, kept=2 * DOLLAR)
    assert await two.lease("nanodollars", 3 * DOLLAR, needs=3 * DOLLAR - 1, urgent=True) == (3 * DOLLAR - 1, False)


async def test_nobody_is_let_in_where_only_goodbyes_are_left(limits: Limits) -> None:
    one = await limits.open("s1", key("$3"))
    await one.lease("nanodollars", 3 * DOLLAR, kept=3 * DOLLAR)
    with pytest.raises(Refused, match="is used up, part of it held by sessions that are running"):
        await limits.open("s2", key("$3"))


async def test_a_session_that_was_asked_hears_of_it_though_the_database_goes_away_meanwhile(
    database: Database, limits: Limits, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between one key and the next: what was asked was read, and is asked no more."""
    elsewhere = Limits(database, watch, lease_s=60)
    first, second = await limits.open("s1", key("$1", name="a")), await limits.open("s2", key("$1", name="b"))
    asked = [pressed(share) for share in (first, second)]
    for name, share in (("a", first), ("b", second)):
        await share.lease("nanodollars", DOLLAR)
        in_need = await elsewhere.open(f"{name} in need", key("$1", name=name))
        assert await in_need.lease("nanodollars", 1, urgent=True) == (0, False)
    with monkeypatch.context() as away:
        away.setattr(limits, "_database", Unplugged(database, after=1))
        with pytest.raises(Unreachable):
            await limits.renew()
    assert asked == [["nanodollars"], []]
    await limits.renew()
    assert asked == [["nanodollars"], ["nanodollars"]]


async def test_of_a_budget_of_the_key_everybody_is_asked(database: Database, limits: Limits, watch: Watch) -> None:
    elsewhere = Limits(database, watch, lease_s=60)
    it = key("5000 tokens", "9000 tokens")
    near, far = await limits.open("s1", it, "ann"), await elsewhere.open("s2", it, "bob")
    asked = [pressed(share) for share in (near, far)]
    await near.lease("tokens", 2_000)
    await far.lease("tokens", 3_000)
    nobody_listens = await limits.open("s3", it, "eve")
    await nobody_listens.lease("tokens", 1)
    new = await limits.open("s4", it, "joe")
    assert await new.lease("tokens", 1, urgent=True) == (0, False)
    await elsewhere.renew()
    assert asked == [["tokens"], ["tokens"]]
    await far.give_back("tokens", 9_000)
    assert await new.lease("tokens", 4_000, urgent=True) == (3_000, False)


async def test_who_has_all_there_is_asks_nobody(limits: Limits) -> None:
    it = key("$1")
    one, other = await limits.open("s1", it), await limits.open("s2", it)
    asked = pressed(other)
    assert await one.lease("nanodollars", DOLLAR) == (DOLLAR, False)
    assert await one.lease("nanodollars", 1, urgent=True) == (0, True)
    assert asked == []


async def test_a_last_lease_is_the_last_of_its_day(limits: Limits, ledger: Ledger, watch: Watch) -> None:
    it = key("1000 tokens/day")
    watch.now = datetime(2026, 11, 22, 23, 59, 30, tzinfo=UTC)
    share = await limits.open("s1", it)
    assert await share.lease("tokens", 5_000) == (1_000, True)
    await ledger.write([reply("s1", "a", watch.now, tokens=900, key=it.id)])
    watch.passes(seconds=40)
    assert await share.lease("tokens", 5_000) == (900, True), "a hundred of yesterday's are held, and no row says when"


async def test_a_row_turns_lease_into_spending(limits: Limits, ledger: Ledger) -> None:
    it = key("$1, 10000 tokens")
    share = await limits.open("s1", it)
    await share.lease("nanodollars", DOLLAR // 2)
    await share.lease("tokens", 4_000)
    await ledger.write([reply("s1", "a", tokens=1_000, key=it.id)])
    money, tokens = await limits.standings(it)
    assert (money.used, money.held, money.left) == (1_000 * ONE, DOLLAR // 2 - 1_000 * ONE, DOLLAR // 2)
    assert (tokens.used, tokens.held, tokens.left) == (1_000, 3_000, 6_000)
    await share.close()
    money, tokens = await limits.standings(it)
    assert (money.left, tokens.left) == (DOLLAR - 1_000 * ONE, 9_000)


async def test_what_was_used_beyond_the_lease_counts(limits: Limits, ledger: Ledger) -> None:
    it = key("5000 tokens")
    share = await limits.open("s1", it)
    await share.lease("tokens", 10)
    await ledger.write([reply("s1", "a", tokens=4_990, key=it.id)])
    (standing,) = await limits.standings(it)
    assert (standing.used, standing.held) == (4_990, 0)
    assert await share.lease("tokens", 50) == (10, True)


async def test_a_response_that_will_never_report_stays_charged(limits: Limits, ledger: Ledger) -> None:
    """The app has hung up, the service never said what the last reply took."""
    it = key("$1, 10000 tokens")
    share = await limits.open("s1", it, "ann")
    await share.lease("nanodollars", DOLLAR)
    await share.lease("tokens", 10_000)
    await share.close(lost={"nanodollars": DOLLAR // 10, "tokens": 0})
    await share.close(lost={"nanodollars": DOLLAR // 10})  # said twice, counted once
    assert [standing.left for standing in await limits.standings(it)] == [DOLLAR * 9 // 10, 10_000]
    (row,) = await lost(ledger)
    assert (row.user, row.at_most, row.unknown) == ("ann", {"nanodollars": DOLLAR // 10}, 1)


async def test_whoever_tries_again_to_give_back_keeps_what_is_lost(
    database: Database, limits: Limits, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = await limits.open("s1", key("$1"))
    await share.lease("nanodollars", DOLLAR)
    with monkeypatch.context() as away:
        away.setattr(limits, "_database", Unplugged())
        with pytest.raises(Unreachable):
            await share.close(lost={"nanodollars": DOLLAR // 10})
    await share.close()
    (row,) = await lost(ledger)
    assert row.at_most == {"nanodollars": DOLLAR // 10}


@pytest.mark.parametrize("beside", [True, False])
async def test_a_share_that_could_not_be_given_back_is_when_the_database_is_back(
    beside: bool, database: Database, limits: Limits, ledger: Ledger, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not others of its key are there to be renewed; and what its session may have used stays taken."""
    it = key("$3")
    share = await limits.open("s1", it)
    if beside:
        await limits.open("s2", it)
    await share.lease("nanodollars", 2 * DOLLAR)
    with monkeypatch.context() as away:
        away.setattr(limits, "_database", Unplugged())
        with pytest.raises(Unreachable):
            await share.close(lost={"nanodollars": DOLLAR // 10})
    watch.passes(seconds=50)
    with monkeypatch.context() as away:
        away.setattr(limits, "_database", Unplugged(database, after=1))
        with pytest.raises(Unreachable):
            await limits.renew()
    watch.passes(seconds=50)
    await Limits(database, watch).open("s3", it)
    (standing,) = await limits.standings(it)
    assert (standing.used, standing.held) == (0, 2 * DOLLAR), "it was renewed"
    for _ in range(2):
        assert await limits.renew() == frozenset()
        (standing,) = await limits.standings(it)
        assert (standing.used, standing.held) == (DOLLAR // 10, 0)
    (row,) = await lost(ledger)
    assert row.at_most == {"nanodollars": DOLLAR // 10}


async def test_a_lease_that_no_session_knows_of_expires_beside_those_of_many(
    database: Database, limits: Limits, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session could not begin, since the database went away as it was written down."""
    monkeypatch.setattr("laconic.gateway.limits._NAMED", 2)
    it = key("9000 tokens")
    shares = [await limits.open(f"s{n}", it) for n in range(5)]
    stranger = await Limits(database, watch, lease_s=60, gateway=limits._gateway).open("s9", it)  # pyright: ignore[reportPrivateUsage]
    for share in (*shares, stranger):
        await share.lease("tokens", 1_000)
    for _ in range(2):
        watch.passes(seconds=50)
        assert await limits.renew() == frozenset()
    (standing,) = await limits.standings(it)
    assert (standing.used, standing.held) == (1_000, 5_000)


async def test_every_budget_that_binds_is_asked(limits: Limits, ledger: Ledger) -> None:
    """The day's, the month's, the key's whole life, and the user's own: the least left of them counts."""
    it = key("$9/month, $5/day, $50", "$2/day, $1")
    share = await limits.open("s1", it, "ann")
    assert await share.lease("nanodollars", 7 * DOLLAR) == (DOLLAR, True)
    other = await limits.open("s2", it, "bob")
    assert await other.lease("nanodollars", DOLLAR) == (DOLLAR, False)
    third = await limits.open("s3", replace(it, user_budgets=()))
    assert await third.lease("nanodollars", 7 * DOLLAR) == (3 * DOLLAR, False)
    await ledger.write([reply("s1", "a", tokens=DOLLAR // ONE, key=it.id, user="ann")])
    with pytest.raises(Refused, match=r"of user ann of key it, \$1, is used up"):
        await limits.open("s4", replace(it, budgets=()), "ann")


async def test_nobody_escapes_a_budget_for_each_user_by_not_saying_who_it_is(limits: Limits) -> None:
    with pytest.raises(Refused, match="say who it is with the header Laconic-User"):
        await limits.open("s1", key("", "$2/day"))


async def test_a_day_and_a_month_begin_anew(limits: Limits, ledger: Ledger, watch: Watch) -> None:
    it = key("1000 tokens/day, 2500 tokens/month")
    for day in (22, 23, 24):
        watch.now = datetime(2026, 11, day, 23, 59, tzinfo=UTC)
        share = await limits.open(f"s{day}", it)
        granted, _ = await share.lease("tokens", 1_000)
        assert granted == (500 if day == 24 else 1_000)
        await ledger.write([reply(f"s{day}", "a", watch.now, tokens=granted, key=it.id)])
        await share.close()
    with pytest.raises(Refused, match="2500 tokens/month, is used up; a new month begins"):
        await limits.open("s", it)
    watch.now = datetime(2026, 12, 1, tzinfo=UTC)
    assert await (await limits.open("s", it)).lease("tokens", 2_000) == (1_000, True)


async def test_minutes_are_held_until_the_session_says_how_long_it_was(limits: Limits, ledger: Ledger) -> None:
    it = key("30 min")
    share = await limits.open("s1", it)
    assert await share.lease("ms", 20 * 60_000) == (20 * 60_000, False)
    await ledger.write(
        [reply("s1", "session", kind="session", charges=(), key=it.id, usage={"duration_ms": 300_000, "messages": 0})]
    )
    await share.close()
    (standing,) = await limits.standings(it)
    assert (standing.used, standing.held) == (300_000, 0)


async def test_a_dead_gateway_s_lease_counts_as_used_until_somebody_knows_better(
    limits: Limits, ledger: Ledger, watch: Watch
) -> None:
    it = key("$3")
    share = await limits.open("s1", it, "ann")
    await share.lease("nanodollars", 2 * DOLLAR)
    watch.passes(seconds=61)
    other = await limits.open("s2", it)
    assert await other.lease("nanodollars", 3 * DOLLAR) == (DOLLAR, True)
    (row,) = await lost(ledger)
    assert (row.session, row.user, row.unknown, row.at, row.at_most) == (
        "s1",
        "ann",
        1,
        NOON,
        {"nanodollars": 2 * DOLLAR},
    )
    await ledger.correct("s1", row.id, Spent(nanodollars=DOLLAR // 2))
    assert await other.lease("nanodollars", 3 * DOLLAR) == (3 * DOLLAR // 2, True)


async def test_of_a_dead_gateway_s_lease_whatever_has_no_row_is_lost(
    database: Database, limits: Limits, ledger: Ledger, watch: Watch
) -> None:
    """Nobody can tell what was under way: it may have begun a moment before, and be all that the session held."""
    it = key("$3, 9000 tokens, 90 min")
    share = await limits.open("s1", it)
    await share.lease("ms", 60_000)
    await share.lease("tokens", 5_000)
    await share.lease("nanodollars", 2 * DOLLAR)
    await ledger.write([reply("s1", "a", tokens=1_000, key=it.id)])
    watch.passes(seconds=61)
    assert await limits.renew() == frozenset()  # it is our own: it was never dead
    watch.passes(seconds=61)
    others = Limits(database, watch, lease_s=60)
    await others.renew()
    (row,) = await lost(ledger)
    assert row.at_most == {"nanodollars": 2 * DOLLAR - 1_000 * ONE, "tokens": 4_000, "ms": 60_000}
    assert [standing.left for standing in await others.standings(it)] == [DOLLAR, 4_000, 89 * 60_000]


async def test_a_lease_of_nothing_expires_without_a_trace(limits: Limits, ledger: Ledger, watch: Watch) -> None:
    await limits.open("s1", key("$3"))
    watch.passes(seconds=61)
    await limits.open("s2", key("$3"))
    assert await lost(ledger) == []


async def test_a_session_thought_dead_gets_no_more_and_is_named(
    database: Database, limits: Limits, ledger: Ledger, watch: Watch
) -> None:
    it = key("$3")
    share = await limits.open("s1", it)
    alive = await limits.open("s0", key("$1", name="other"))
    await share.lease("nanodollars", DOLLAR)
    watch.passes(seconds=61)
    await Limits(database, watch, lease_s=60).open("s2", it)
    assert not share.live
    assert await share.lease("nanodollars", DOLLAR) == (0, True)
    assert await limits.renew() == {"s1"}
    assert (share.live, alive.live) == (False, True)
    assert await limits.renew() == frozenset()
    assert await alive.lease("nanodollars", 5) == (5, False)
    # Its rows still count: beside what is held to be lost, never in place of it.
    await ledger.write([reply("s1", "late", key=it.id)])
    (standing,) = await limits.standings(it)
    assert standing.used == DOLLAR + 100 * ONE


async def test_a_session_may_end_while_it_is_found_to_be_thought_dead(
    database: Database, limits: Limits, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = key("$3")
    share = await limits.open("s1", it)
    watch.passes(seconds=61)
    await Limits(database, watch, lease_s=60).open("s2", it)
    collect = limits._collect_all  # pyright: ignore[reportPrivateUsage]

    async def meanwhile(now: datetime) -> None:
        await share.close()
        await collect(now)

    monkeypatch.setattr(limits, "_collect_all", meanwhile)
    assert await limits.renew() == {"s1"}


async def test_renewing_keeps_a_lease_alive(limits: Limits, ledger: Ledger, watch: Watch) -> None:
    share = await limits.open("s1", key("$3"))
    await share.lease("nanodollars", DOLLAR)
    for _ in range(5):
        watch.passes(seconds=50)
        assert share.live
        assert await limits.renew() == frozenset()
    assert await share.lease("nanodollars", DOLLAR) == (DOLLAR, False)
    assert await lost(ledger) == []


async def test_many_at_once_never_get_more_than_there_is(database: Database, watch: Watch, ledger: Ledger) -> None:
    """Sessions of two gateways, all leasing, spending and giving back at once."""
    it = key("100000 tokens")
    gateways = [Limits(database, watch), Limits(database, watch)]

    async def talk(number: int) -> int:
        share = await gateways[number % 2].open(f"s{number}", it)
        used = 0
        for n in range(6):
            granted, _ = await share.lease("tokens", 2_500)
            if not granted:
                break
            await ledger.write([reply(share.session, f"r{n}", tokens=granted, key=it.id)])
            used += granted
        await share.close()
        return used

    outcomes = await asyncio.gather(*(talk(n) for n in range(12)), return_exceptions=True)
    assert all(isinstance(outcome, int | Refused) for outcome in outcomes)
    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 100_000
    (standing,) = await gateways[0].standings(it)
    assert (standing.used, standing.held) == (100_000, 0)


async def test_the_gateway_renews_for_as_long_as_it_runs(database: Database, watch: Watch) -> None:
    """With leases of 30 ms on a clock of the test's own: a lost one is told of."""
    limits = Limits(database, watch, lease_s=0.03)
    share = await limits.open("s1", key("$3"))
    await share.lease("nanodollars", DOLLAR)
    told: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
    keeping = asyncio.create_task(limits.keep(told.set_result))
    watch.passes(seconds=1)
    await Limits(database, watch).open("s2", key("$3"))
    assert await told == {"s1"}
    keeping.cancel()


class Unplugged:
    """A database that stops answering, once it has done `after` things."""

    where = "nowhere"

    def __init__(self, database: Database | None = None, after: int = 0) -> None:
        self._database = database
        self._after = after

    @asynccontextmanager
    async def writing(self, *locks: str) -> AsyncGenerator[Transaction, None]:
        self._after -= 1
        if self._database is None or self._after < 0:
            raise Unreachable("it is gone")
        async with self._database.writing(*locks) as transaction:
            yield transaction

    reading = writing

    async def write(self, steps: Steps, *locks: str) -> None:
        async with self.writing(*locks) as transaction:
            await follow(steps, transaction)


async def test_when_the_database_is_gone_sessions_end_before_their_leases_do(database: Database, watch: Watch) -> None:
    limits = Limits(database, watch, lease_s=0.03)
    share = await limits.open("s1", key("$3"))
    await share.lease("nanodollars", DOLLAR)
    await limits.open("s2", None)
    told: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
    limits._database = Unplugged()  # pyright: ignore[reportPrivateUsage]
    keeping = asyncio.create_task(limits.keep(told.set_result))
    await asyncio.sleep(0.03)
    assert share.live
    assert not told.done()
    watch.passes(seconds=0.021)  # less than another round before its end
    assert await told == {"s1"}
    assert not share.live
    keeping.cancel()
    # It is ending, and its rows are still being written: until it has ended its lease is renewed, though not for it.
    limits._database = database  # pyright: ignore[reportPrivateUsage]
    assert await limits.renew() == frozenset()
    watch.passes(seconds=0.02)
    await Limits(database, watch).renew()
    await share.close()
    assert [row async for row in Ledger(database).rows()] == []
    assert not share.live
