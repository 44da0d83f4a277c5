"""Virtual keys: what an app shows the gateway in place of a service's key, and what comes with it.

A key is 256 random bits, so its SHA-256 is all that is kept: there is no list of likely keys to try against a hash, as
there is of passwords, and a slow hash would only make every connection wait. Whoever reads the table learns no key;
whoever lost one makes another. In rows, logs and lists a key goes by its id.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from laconic.budget import Limit, limits
from laconic.errors import BadInput
from laconic.gateway.database import Clock, Database, Transaction, as_text, as_time, utc_now

__all__ = ["PREFIX", "Key", "Keys"]

PREFIX = "lk-"
_COLUMNS = "id, name, session_budget, budgets, user_budgets, models, memory, labels, created, expires, revoked"


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; the key itself is not."""

    id: str
    name: str
    session_budget: tuple[Limit, ...] = ()
    """For each session alone."""
    budgets: tuple[Limit, ...] = ()
    """For all sessions of the key together: in a day, in a month, or ever."""
    user_budgets: tuple[Limit, ...] = ()
    """For all sessions of one user of the key together."""
    models: tuple[str, ...] | None = None
    """Patterns (`gpt-realtime*`) of the models it may ask for; None: any."""
    memory: str | None = None
    """The memory its sessions have; None: what the gateway gives."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Stand in each of its rows."""
    created: datetime | None = None
    expires: datetime | None = None
    revoked: datetime | None = None

    def allows(self, model: str) -> bool:
        return self.models is None or any(fnmatchcase(model, pattern) for pattern in self.models)

    def usable(self, now: datetime) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)


class Keys:
    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def find(self, secret: str) -> Key | None:
        """The key an app has shown, whatever its state; None if there is none such."""
        if not secret.startswith(PREFIX):
            return None
        async with self._database.reading() as transaction:
            found = await transaction.fetch(f"SELECT {_COLUMNS} FROM laconic_keys WHERE hash = ?1", _hash(secret))
        return _read(found[0]) if found else None

    async def get(self, id_or_name: str) -> Key | None:
        """The key of that id or name, whatever its state: secrets minted with a key name it by its id."""
        async with self._database.reading() as transaction:
            return await _named(transaction, id_or_name)

    async def create(
        self,
        name: str,
        *,
        session_budget: tuple[Limit, ...] = (),
        budgets: tuple[Limit, ...] = (),
        user_budgets: tuple[Limit, ...] = (),
        models: tuple[str, ...] | None = None,
        memory: str | None = None,
        labels: Mapping[str, str] | None = None,
        expires: datetime | None = None,
    ) -> tuple[Key, str]:
        """Make a key. Returns it, and the secret, which nobody can have again. BadInput if the name is taken."""
        if any(limit.period is not None for limit in session_budget):
            raise BadInput("a session's budget has no period; give one of a day or a month as the key's budget")
        if not name.strip() or name.startswith("key_"):
            raise BadInput(f"{name!r} cannot be a key's name; give one that says whose it is, not beginning with key_")
        secret = PREFIX + secrets.token_urlsafe(32)
        key = Key(
            id=f"key_{secrets.token_hex(6)}",
            name=name,
            session_budget=session_budget,
            budgets=budgets,
            user_budgets=user_budgets,
            models=models,
            memory=memory,
            labels=dict(labels or {}),
            created=self._clock(),
            expires=expires,
        )
        async with self._database.writing("keys") as transaction:
            if await _named(transaction, name) is not None:
                raise BadInput(f"there is a key {name!r} already; revoke it, or choose another name")
            marks = ", ".join(f"?{n}" for n in range(1, 13))
            await transaction.fetch(
                f"INSERT INTO laconic_keys ({_COLUMNS}, hash) VALUES ({marks})", *_written(key), _hash(secret)
            )
        return key, secret

    async def list(self) -> list[Key]:
        """Every key there ever was, in order of creation."""
        async with self._database.reading() as transaction:
            return [_read(c) for c in await transaction.fetch(f"SELECT {_COLUMNS} FROM laconic_keys ORDER BY created")]

    async def ever(self) -> bool:
        """Whether there ever was a key, revoked ones too."""
        async with self._database.reading() as transaction:
            return bool(await transaction.fetch("SELECT 1 FROM laconic_keys LIMIT 1"))

    async def revoke(self, id_or_name: str) -> Key:
        """No session begins with this key any more. Running ones go on until they end. BadInput if there is none."""
        async with self._database.writing("keys") as transaction:
            key = await _named(transaction, id_or_name)
            if key is None:
                raise BadInput(f"there is no key {id_or_name!r}; `laconic key list` shows all")
            if key.revoked is None:
                now = as_text(self._clock())
                await transaction.fetch("UPDATE laconic_keys SET revoked = ?2 WHERE id = ?1", key.id, now)
            found = await transaction.fetch(f"SELECT {_COLUMNS} FROM laconic_keys WHERE id = ?1", key.id)
        return _read(found[0])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def _named(transaction: Transaction, id_or_name: str) -> Key | None:
    found = await transaction.fetch(
        f"SELECT {_COLUMNS} FROM laconic_keys WHERE id = ?1 OR name = ?1 ORDER BY id", id_or_name
    )
    return _read(found[0]) if found else None


def _written(key: Key) -> tuple[str | None, ...]:
    """The values of _COLUMNS."""
    return (
        key.id,
        key.name,
        _limits_text(key.session_budget),
        _limits_text(key.budgets),
        _limits_text(key.user_budgets),
        None if key.models is None else json.dumps(key.models, ensure_ascii=False),
        key.memory,
        json.dumps(dict(key.labels), ensure_ascii=False, sort_keys=True),
        as_text(key.created) if key.created else "",
        as_text(key.expires) if key.expires else None,
        as_text(key.revoked) if key.revoked else None,
    )


def _read(columns: tuple[Any, ...]) -> Key:
    id_, name, session_budget, budgets, user_budgets, models, memory, labels, created, expires, revoked = columns
    return Key(
        id=id_,
        name=name,
        session_budget=_limits(session_budget),
        budgets=_limits(budgets),
        user_budgets=_limits(user_budgets),
        models=None if models is None else tuple(json.loads(models)),
        memory=memory,
        labels=json.loads(labels),
        created=as_time(created),
        expires=as_time(expires) if expires else None,
        revoked=as_time(revoked) if revoked else None,
    )


def _limits(text: str) -> tuple[Limit, ...]:
    return limits(text) if text else ()


def _limits_text(all_: tuple[Limit, ...]) -> str:
    return ", ".join(map(str, all_))
