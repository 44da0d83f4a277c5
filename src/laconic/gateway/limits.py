"""Budgets that several sessions share, on one gateway or many, through the database and nothing else.

A key has budgets for all its sessions together, and for each of its users. A session takes what it is about to use out
of every budget that binds it, all or none, as a *lease*: what is left of a budget is its amount, less what the rows of
its period have used, less what is leased. Whoever leases, settles or collects for a key holds that key's lock, so two
gateways never see the same dollar free. A session spends only what it has leased; a row turns lease into spending in
the transaction that writes it. So the sum never passes the budget, at any moment, however many sessions there are.

A lease is more than the next reply needs, and where a budget nears its end a session at rest may hold all that is left
of it. So when a session cannot go on and gets nothing, those that hold what it needs are pressed: each gives back half
of what it can spare, again and again if need be. Sessions of the same gateway are told at once, those of others when
they ask for more themselves, or when they renew. Nobody gives what its own goodbye is to be paid with. Where the rest,
whoever holds it, is less than the shortest reply may cost there is no more: a session that waited for it would wait for
ever, and so would those that wait for what that session holds.

A lease lasts as long as its gateway renews it (every LEASE_S / 3 seconds). What could not be given back when a session
ended, since the database was away, is renewed and given back then. When a gateway dies, its leases expire, and whoever
needs the key next collects them. What of it was spent? Rows are written before their responses are passed on, so every
finished response has its row, but others may have been under way, and nobody is left to ask which. All that is known
is that a session never uses more than it has leased. So whatever of a lease has no row is written down as a row of
kind `lost`, unknown, and counts as used, until somebody looks at the service's bill and says what it really was
(`laconic ledger resolve`). To know less would take a word to the database before each reply. Nothing is blocked for
ever: a day's budget begins anew the next day, a month's the next month, and one without a period loses what a session
has at hand (leasing.py: seven replies at their worst) for each that died with its gateway, no more.

Periods are days and months in UTC. A lease that crosses midnight counts in full on both days until it is spent, and
what is spent counts on the day of its row. Gateways' clocks must agree to within a minute: one that is further ahead
collects leases of the living. Even then no budget is passed: a session begins nothing once its own clock says that
its lease has ended (`Share.live`), it gets no more, and what it had under way is what was written down as lost. If it
has rows after that, they count beside it until somebody resolves it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from laconic.budget import Limit, Period, Unit
from laconic.errors import Refused, Unreachable
from laconic.gateway.books import Row
from laconic.gateway.database import Clock, Database, Transaction, as_text, as_time, utc_now
from laconic.gateway.keys import Key
from laconic.gateway.ledger import insert, key_lock

__all__ = ["LEASE_S", "Limits", "Pool", "Share", "Standing"]

LEASE_S = 120.0
"""How long a lease outlives its last renewal."""

_NAMED = 500  # sessions in one statement


@dataclass(frozen=True, slots=True)
class Pool:
    """One budget that sessions share."""

    key: str
    user: str
    """Empty: all users of the key together."""
    limit: Limit


@dataclass(frozen=True, slots=True)
class Standing:
    """How a shared budget stands: its limit, what rows have used of it, what running sessions hold, and what of that
    they give to nobody."""

    pool: Pool
    used: int
    held: int
    kept: int

    @property
    def left(self) -> int:
        return self.unused - self.held

    @property
    def unused(self) -> int:
        """What no row has used, whoever holds it."""
        return self.pool.limit.amount - self.used

    @property
    def to_be_had(self) -> int:
        """What of that somebody may yet use for a reply."""
        return self.unused - self.kept


class Share:
    """What one session may use of the budgets it shares with others."""

    def __init__(self, limits: Limits, session: str, pools: tuple[Pool, ...]) -> None:
        self._limits = limits
        self.session = session
        self.pools = pools
        self.until: datetime | None = None
        """When the lease ends unless it is renewed; None: nobody limits this session."""
        self.lost: Mapping[str, int] = {}
        """What `close` was told of."""
        self.closing = False
        """Whether `close` was called, and the session needs it no more."""
        self._tightest: dict[str, Limit] = {}
        self._pressed: Callable[[Unit], None] | None = None

    @property
    def live(self) -> bool:
        """Whether what was leased may still be used. If not, others may have it by now: begin nothing more."""
        return self.until is None or self._limits.now() < self.until

    @property
    def units(self) -> frozenset[Unit]:
        """The units somebody limits; there is no need to lease others."""
        return frozenset(pool.limit.unit for pool in self.pools)

    async def lease(
        self, unit: Unit, amount: int, *, urgent: bool = False, needs: int = 0, kept: int = 0
    ) -> tuple[int, bool]:
        """Take up to `amount` more of `unit`: how much was had of it, and whether there will be no more than that.

        Where other sessions hold what is missing they may yet give some back: then that is False, and asking again is
        worth while, unless less than `needs` is left of the whole budget besides what others keep, as this session
        does `kept` of what it holds. 0 and True also when the lease was collected because this gateway was thought
        dead. Of a unit nobody limits everything is granted. `urgent`: where nothing is had others are asked to give
        some back. That others are in need is told right after the answer, which may have been what was waited for.
        """
        granted, last, word = await self._limits.grant(self, unit, amount, urgent=urgent, needs=needs, kept=kept)
        if word is not None:
            asyncio.get_running_loop().call_soon(self.press, word)
        return granted, last

    async def give_back(self, unit: Unit, amount: int) -> None:
        """So much of what was leased is not used, and will not be: others may have it."""
        await self._limits.take_back(self, unit, amount)

    def tightest(self, unit: Unit) -> Limit | None:
        """The limit of which least was left at the last lease."""
        return self._tightest.get(unit)

    def found(self, standings: Iterable[Standing]) -> None:
        """So its budgets stood at the last lease."""
        tightest = min(standings, key=lambda standing: standing.left)
        self._tightest[tightest.pool.limit.unit] = tightest.pool.limit

    def heed(self, pressed: Callable[[Unit], None]) -> None:
        """Tell `pressed` when sessions are in need of a unit of which there is no more than what others hold."""
        self._pressed = pressed

    def press(self, unit: Unit) -> None:
        """Somebody is in need."""
        if self._pressed is not None:
            self._pressed(unit)

    async def close(self, *, lost: Mapping[str, int] | None = None) -> None:
        """Give back what is left. After the session's last row was written.

        `lost`: what a response may have used, by unit, that was under way and will never report. It stays used, as
        what a dead gateway leaves behind does. Where the database does not answer, which is raised, the gateway tries
        again whenever it renews; whoever tries before need not repeat what is lost.
        """
        self.lost, self.closing = lost or self.lost, True
        await self._limits.give_back(self)


class Limits:
    def __init__(
        self, database: Database, clock: Clock = utc_now, *, lease_s: float = LEASE_S, gateway: str | None = None
    ) -> None:
        """`gateway` is this process's name among those that share the database; made up if not given."""
        self._database = database
        self._clock = clock
        self._lease = timedelta(seconds=lease_s)
        self._gateway = gateway or uuid.uuid4().hex
        self._open: dict[str, Share] = {}
        self._ending: dict[str, Share] = {}
        """Of those that begin nothing more, all that are not closed yet, as far as we know."""

    def now(self) -> datetime:
        return self._clock()

    async def open(self, session: str, key: Key | None, user: str | None = None) -> Share:
        """A session begins. Raises Refused, one sentence, where a budget that binds it is used up already, or where the
        key has budgets for each user and nobody says who it is."""
        if key is not None and key.user_budgets and not user:
            raise Refused(
                f"key {key.name} has a budget for each user; say who it is with the header Laconic-User",
                ja=f"{key.name} には利用者ごとの予算があります。利用者を Laconic-User ヘッダーで示してください。",
            )
        pools = _pools(key, user)
        share = Share(self, session, pools)
        if key is None or not pools:
            return share
        now = self._clock()
        async with self._database.writing(key_lock(key.id)) as transaction:
            await _collect(transaction, now, key.id)
            for standing in [await _standing(transaction, pool, now) for pool in pools]:
                # What others hold they may give back; but time that is held is passing.
                rest = standing.left if standing.pool.limit.unit == "ms" else standing.to_be_had
                if rest <= 0:
                    raise _used_up(standing, key)
            await transaction.fetch(
                "INSERT INTO laconic_leases (session, gateway, key_id, user_label, nanodollars, tokens, ms, renewed,"
                " expires) VALUES (?1, ?2, ?3, ?4, 0, 0, 0, ?5, ?6)",
                session,
                self._gateway,
                key.id,
                user or "",
                as_text(now),
                as_text(now + self._lease),
            )
        share.until = now + self._lease
        self._open[session] = share
        return share

    async def grant(
        self, share: Share, unit: Unit, amount: int, *, urgent: bool, needs: int, kept: int
    ) -> tuple[int, bool, Unit | None]:
        """See `Share.lease`; and of which unit sessions of other gateways are in need."""
        binding = [pool for pool in share.pools if pool.limit.unit == unit]
        if not binding or amount <= 0:
            return max(amount, 0), False, None
        now, in_need = self._clock(), list[Pool]()
        async with self._database.writing(key_lock(binding[0].key)) as transaction:
            await _collect(transaction, now, binding[0].key)
            own = await transaction.fetch(
                f"SELECT {unit}, kept_{unit}, pressed FROM laconic_leases WHERE session = ?1", share.session
            )
            if not own:
                share.until = now
                return 0, True, None
            # Others' word is read now, too: whoever is active need not be waited for until the leases are renewed.
            [(own_held, own_kept, word)] = own
            standings = [await _standing(transaction, pool, now) for pool in binding]
            granted = max(0, min(amount, *(standing.left for standing in standings)))
            keep = min(own_held, own_kept)
            last = any(
                standing.left < amount and (standing.held == own_held or standing.to_be_had + keep < needs)
                for standing in standings
            )
            if urgent and not granted and not last:
                in_need = [standing.pool for standing in standings if standing.left <= 0]
                await self._press_others(transaction, in_need)
            await transaction.fetch(
                f"UPDATE laconic_leases SET {unit} = {unit} + ?2, renewed = ?3, expires = ?4, pressed = NULL,"
                f" kept_{unit} = ?5 WHERE session = ?1",
                share.session,
                granted,
                as_text(now),
                as_text(now + self._lease),
                kept,
            )
        share.until = now + self._lease
        share.found(standings)
        for other in list(self._open.values()):
            if other is not share and any(pool in other.pools for pool in in_need):
                other.press(unit)
        return granted, last, word

    async def _press_others(self, transaction: Transaction, pools: Iterable[Pool]) -> None:
        """Leave word for the sessions of other gateways that hold something of these budgets."""
        for pool in pools:
            of_user = " AND user_label = ?4" if pool.user else ""
            unit = pool.limit.unit
            await transaction.fetch(
                f"UPDATE laconic_leases SET pressed = ?1 WHERE key_id = ?2 AND gateway <> ?3 AND {unit} > 0{of_user}",
                *(unit, pool.key, self._gateway, *((pool.user,) if pool.user else ())),
            )

    async def take_back(self, share: Share, unit: Unit, amount: int) -> None:
        """See `Share.give_back`."""
        async with self._database.writing(key_lock(share.pools[0].key)) as transaction:
            await transaction.fetch(
                f"UPDATE laconic_leases SET {unit} = CASE WHEN {unit} > ?2 THEN {unit} - ?2 ELSE 0 END"
                " WHERE session = ?1",
                share.session,
                amount,
            )

    async def give_back(self, share: Share) -> None:
        """See `Share.close`."""
        if not share.pools:
            return
        self._open.pop(share.session, None)
        self._ending[share.session] = share
        key, now = share.pools[0].key, self._clock()
        async with self._database.writing(key_lock(key)) as transaction:
            ended = await transaction.fetch(
                "DELETE FROM laconic_leases WHERE session = ?1 RETURNING user_label", share.session
            )
            # A lease that was collected is written down already.
            for (user,) in ended:
                await _write_lost(transaction, key, share.session, user, share.lost, now)
        self._ending.pop(share.session, None)

    async def renew(self) -> frozenset[str]:
        """Renew the leases of this gateway's sessions, give back what could not be when a session ended, and collect
        everybody's leases that have expired.

        Returns the sessions of ours whose leases were collected by somebody who thought us dead: they get no more.
        """
        now = self._clock()
        lost: set[str] = set()
        for key in sorted({share.pools[0].key for share in (*self._open.values(), *self._ending.values())}):
            async with self._database.writing(key_lock(key)) as transaction:
                ours = {session for session, share in self._open.items() if share.pools[0].key == key}
                ending = {session for session, share in self._ending.items() if share.pools[0].key == key}
                renewed = await self._renewed(transaction, sorted(ours | ending), now)
                pressed: dict[str, Unit] = {session: unit for session, unit in renewed if unit is not None}
                if pressed:
                    await transaction.fetch(
                        "UPDATE laconic_leases SET pressed = NULL WHERE gateway = ?1 AND key_id = ?2",
                        self._gateway,
                        key,
                    )
            kept = {session for session, _ in renewed}
            for session in kept & self._open.keys():
                self._open[session].until = now + self._lease
            for session in pressed.keys() & self._open.keys():
                self._open[session].press(pressed[session])  # now: the database may be gone before the next key's turn
            lost |= (ours & self._open.keys()) - kept
        for share in [share for share in self._ending.values() if share.closing]:
            await self.give_back(share)
        await self._collect_all(now)
        return self._forget(lost)

    async def _renewed(
        self, transaction: Transaction, sessions: Sequence[str], now: datetime
    ) -> list[tuple[str, Unit | None]]:
        """Renew the leases of these sessions: those that were there, and of which unit some is to be given back.

        They are named one by one: a lease of this gateway that none of its sessions knows of shall not live for ever.
        """
        renewed: list[tuple[str, Unit | None]] = []
        for first in range(0, len(sessions), _NAMED):
            some = sessions[first : first + _NAMED]
            renewed += await transaction.fetch(
                "UPDATE laconic_leases SET renewed = ?1, expires = ?2"
                f" WHERE session IN ({', '.join(f'?{n}' for n in range(3, 3 + len(some)))}) RETURNING session, pressed",
                as_text(now),
                as_text(now + self._lease),
                *some,
            )
        return renewed

    async def _collect_all(self, now: datetime) -> None:
        """Everybody's leases that have expired, key by key: each has its lock."""
        async with self._database.reading() as transaction:
            dead = await transaction.fetch(
                "SELECT DISTINCT key_id FROM laconic_leases WHERE expires < ?1 ORDER BY key_id", as_text(now)
            )
        for (key,) in dead:
            async with self._database.writing(key_lock(key)) as transaction:
                await _collect(transaction, now, key)

    async def keep(self, lost: Callable[[frozenset[str]], None]) -> None:
        """Renew for as long as the gateway runs.

        `lost` is told of sessions to hang up: those whose leases were collected by somebody who thought us dead, and
        all whose leases are about to end because the database does not answer.
        """
        pause = self._lease / 3
        while True:
            await asyncio.sleep(pause.total_seconds())
            try:
                gone = await self.renew()
            except Unreachable:
                soon = self._clock() + pause
                gone = self._forget([name for name, share in self._open.items() if share.until and share.until <= soon])
            if gone:
                lost(gone)

    def _forget(self, sessions: Iterable[str]) -> frozenset[str]:
        """Begin nothing more in these sessions."""
        gone = frozenset(sessions)
        for session in gone & self._open.keys():  # others have ended meanwhile
            share = self._ending[session] = self._open.pop(session)
            share.until = self._clock()
        return gone

    async def standings(self, key: Key, user: str | None = None) -> list[Standing]:
        """How the budgets stand that bind a session of this key and user."""
        now = self._clock()
        async with self._database.reading() as transaction:
            return [await _standing(transaction, pool, now) for pool in _pools(key, user)]


def _pools(key: Key | None, user: str | None) -> tuple[Pool, ...]:
    if key is None:
        return ()
    of_user = key.user_budgets if user else ()
    return (
        *(Pool(key.id, "", limit) for limit in key.budgets),
        *(Pool(key.id, user or "", limit) for limit in of_user),
    )


async def _standing(transaction: Transaction, pool: Pool, now: datetime) -> Standing:
    """One statement, so that all sums are of one moment."""
    unit = pool.limit.unit
    of_user = " AND user_label = ?2" if pool.user else ""
    ((used, held, kept),) = await transaction.fetch(
        f"SELECT (SELECT CAST(COALESCE(SUM({unit}), 0) AS BIGINT) FROM laconic_spending"
        "  WHERE key_id = ?1 AND user_label = ?2 AND day >= ?3),"
        f" held, kept FROM (SELECT CAST(COALESCE(SUM({unit}), 0) AS BIGINT) AS held, CAST(COALESCE(SUM(CASE WHEN {unit}"
        f"  < kept_{unit} THEN {unit} ELSE kept_{unit} END), 0) AS BIGINT) AS kept FROM laconic_leases"
        f"  WHERE key_id = ?1{of_user}) AS leases",
        pool.key,
        pool.user,
        _first_day(pool.limit.period, now),
    )
    return Standing(pool, used, held, kept)


def _first_day(period: Period | None, now: datetime) -> str:
    today = as_text(now)[:10]
    return {"day": today, "month": f"{today[:8]}01", None: ""}[period]


async def _collect(transaction: Transaction, now: datetime, key: str) -> None:
    """End the expired leases of a key, whose lock is held. Each may have been spent: it is written down as lost."""
    expired = await transaction.fetch(
        "DELETE FROM laconic_leases WHERE key_id = ?1 AND expires < ?2 RETURNING session, user_label, nanodollars,"
        " tokens, ms, renewed",
        key,
        as_text(now),
    )
    for session, user, nanodollars, tokens, ms, renewed in expired:
        lost = {"nanodollars": nanodollars, "tokens": tokens, "ms": ms}
        await _write_lost(transaction, key, session, user, lost, as_time(renewed))


async def _write_lost(
    transaction: Transaction, key: str, session: str, user: str, lost: Mapping[str, int], at: datetime
) -> None:
    """Write down what a session may have used and nobody will report; nothing if that is nothing."""
    at_most = {unit: amount for unit, amount in lost.items() if amount > 0}
    if not at_most:
        return
    row = Row(
        session=session,
        id=f"lost {as_text(at)}",
        kind="lost",
        at=at,
        status="lost",
        route="",
        model="",
        usage=None,
        charges=(),
        unknown=1,
        currency="USD",
        rates_version="",
        laws={},
        memory="",
        key=key,
        user=user or None,
        at_most=at_most,
    )
    await insert(transaction, row)


def _used_up(standing: Standing, key: Key) -> Refused:
    limit, user = standing.pool.limit, standing.pool.user
    whose = f"user {user} of key {key.name}" if user else f"key {key.name}"
    when = {"day": "; a new day begins at 00:00 UTC", "month": "; a new month begins on the 1st, UTC", None: ""}
    held = ", part of it held by sessions that are running" if standing.used < limit.amount else ""
    return Refused(
        f"the budget of {whose}, {limit}, is used up{held}{when[limit.period]}",
        ja=f"{whose} の予算（{limit}）を使い切りました。",
    )
