"""Who may come in, and with what: virtual keys, client secrets, and, on one's own machine, anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from laconic.gateway.keys import Key, Keys
from laconic.gateway.secrets import PREFIX, Grant, Secrets

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
    """Finds out who a key belongs to. `open`: whoever has no key that we know may come in all the same."""

    def __init__(self, keys: Keys | None, secrets: Secrets, *, open: bool = False) -> None:
        self._keys = keys
        self.secrets = secrets
        self._open = open

    @property
    def open(self) -> bool:
        """Whether anybody may come in."""
        return self._open

    @property
    def wanted(self) -> str:
        """Which key, for those who ask."""
        return "any key" if self._open else "a key of `laconic key create`"

    async def admit(self, offered: list[str]) -> Guest | None:
        """The guest who shows these keys; None: nobody we know."""
        for value in offered:
            guest = await (self._by_secret(value) if value.startswith(PREFIX) else self._by_key(value))
            if guest is not None:
                return guest
        # Our own secret that has expired is refused at an open door too: whoever was to have its settings has none.
        return Guest() if self._open and not any(map(self.secrets.ours, offered)) else None

    async def _by_secret(self, value: str) -> Guest | None:
        grant = self.secrets.verify(value)
        if grant is None:
            return None
        if grant.key is None:  # minted where nobody needs a key: another gateway may be stricter
            return Guest(grant=grant) if self._open else None
        key = await self._keys.get(grant.key) if self._keys is not None else None
        # A secret is worth no more than the key it was minted with.
        return Guest(key, grant) if key is not None and key.usable(datetime.now(UTC)) else None

    async def _by_key(self, value: str) -> Guest | None:
        key = await self._keys.find(value) if self._keys is not None else None
        return None if key is None else Guest(key)
