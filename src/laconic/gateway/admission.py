"""Who may come in, and with what: virtual keys, client secrets, and, on one's own machine, anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from laconic.gateway.keys import Key, Keys
from laconic.gateway.secrets import Grant, Secrets

__all__ = ["Admission", "Guest"]


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who may come in."""

    key: Key | None = None
    grant: Grant | None = None
    """Came with a client secret, and with the settings in it."""

    def user(self, named: str | None) -> str | None:
        """For whom: whom they name, if they have a key. Whoever has a secret is whom it was minted for: another user
        may have more of their budget left."""
        return named if self.grant is None else self.grant.user


class Admission:
    """Finds out who a key belongs to.

    `open`: whoever has no key that we know may come in all the same. `until_keyed`: so it is as long as the books have
    never held a key; whoever makes one means it to be asked for, from then on and also when it is revoked. A key that
    is known and good for nothing any more opens neither. Each way raises Unreachable if the books do not answer.
    """

    def __init__(self, keys: Keys | None, secrets: Secrets, *, open: bool = False, until_keyed: bool = False) -> None:
        self._keys = keys
        self.secrets = secrets
        self._open = open
        self._unkeyed = until_keyed

    async def anybody(self) -> bool:
        """Whether anybody may come in. Asks the books as long as they held no key; no key ever leaves them."""
        if not self._open and self._unkeyed and self._keys is not None:
            self._unkeyed = not await self._keys.ever()
        return self._open or self._unkeyed

    @property
    def wanted(self) -> str:
        """Which key, for those who ask; as it was when somebody last came."""
        return "any key" if self._open or self._unkeyed else "a key of `laconic key create`"

    async def admit(self, offered: list[str]) -> Guest | None:
        """The guest who shows these keys; None: nobody we know, or nobody any more."""
        known = False
        for value in offered:
            if self.secrets.ours(value):
                guest = await self._by_secret(value)
                known = True
            else:
                key = await self._keys.find(value) if self._keys is not None else None
                guest = Guest(key) if key is not None and key.usable(datetime.now(UTC)) else None
                known = known or key is not None
            if guest is not None:
                return guest
        # What we know and do not admit is refused at an open door, too: a key that was revoked has had a budget, and
        # whoever was to have the settings of a secret that has expired would have none.
        return None if known or not await self.anybody() else Guest()

    async def _by_secret(self, value: str) -> Guest | None:
        grant = self.secrets.verify(value)
        if grant is None:
            return None
        if grant.key is None:  # minted where nobody needs a key: another gateway may be stricter
            return Guest(grant=grant) if await self.anybody() else None
        key = await self._keys.get(grant.key) if self._keys is not None else None
        # A secret is worth no more than the key it was minted with.
        return Guest(key, grant) if key is not None and key.usable(datetime.now(UTC)) else None
