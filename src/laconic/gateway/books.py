"""What a session writes down and asks for while it runs: its rows, its allowance, and who may be told of it.

These are the shapes between the pump and whatever keeps the books, so that neither knows the other's inside, and
what stands in their place where nothing is configured: nothing is kept, and everything is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from laconic.budget import Limit, Unit
from laconic.meter import Charge

__all__ = ["NO_BOOKS", "UNLIMITED", "Allowance", "Books", "Row", "Unlimited"]


@dataclass(frozen=True, slots=True)
class Row:
    """One response, transcription or summary, as it stands in the ledger."""

    session: str
    id: str
    """The response's id, or the item's for a transcription; with `session` it is unique."""
    kind: str
    """`reply`, `out_of_band`, `goodbye`, `summary` or `transcription`; `session`, at its end, for its time and what is
    billed for the session as a whole. The ledger itself writes `lost` (a gateway died; what it may have used) and
    `correction` (what an unknown row turned out to be)."""
    at: datetime
    """UTC."""
    status: str
    route: str
    model: str
    """The name its prices are found by; for a transcription or a summary the model that made it."""
    usage: dict[str, Any] | None
    """As the service reports it (`Usage.to_wire`), None if it did not; of a `session` `duration_ms` and `messages`."""
    charges: tuple[Charge, ...]
    unknown: int
    """How many things the charges leave out, since nobody knows their price or size."""
    currency: str
    rates_version: str
    laws: dict[str, Any]
    memory: str
    key: str | None = None
    """The key's id, never the key."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str | None = None
    at_most: Mapping[str, int] = field(default_factory=dict[str, int])
    """What the unknown part can have used at most, by unit (`nanodollars`, `tokens`, `ms`). Shared budgets count it as
    used until a correction says better."""


class Books(Protocol):
    """Where the rows go."""

    async def write(self, rows: Sequence[Row]) -> None:
        """Keep these rows; they are durable when this returns. A row that is there already is not written twice."""
        ...


class Allowance(Protocol):
    """What one session may use of the limits it shares with others."""

    @property
    def units(self) -> frozenset[Unit]:
        """The units in which something is shared."""
        ...

    @property
    def live(self) -> bool:
        """Whether what was leased may still be used; if not, others may have it by now."""
        ...

    async def lease(
        self, unit: Unit, amount: int, *, urgent: bool = False, needs: int = 0, kept: int = 0
    ) -> tuple[int, bool]:
        """So much more may be used, and whether there is no more than that. `urgent`: if there is none, those who hold
        it are asked to give some back. `needs`: with less than this that can be had there is no more. `kept`: so much
        of what this session holds is given to nobody."""
        ...

    async def give_back(self, unit: Unit, amount: int) -> None:
        """So much of what was leased is not used any more."""
        ...

    def tightest(self, unit: Unit) -> Limit | None:
        """The limit of which least was left at the last lease; None: nobody limits this, or there was none yet."""
        ...

    def heed(self, pressed: Callable[[Unit], None]) -> None:
        """Tell `pressed` when others are in need of a unit and there is no more of it than what sessions hold."""
        ...

    async def close(self, *, lost: Mapping[str, int] | None = None) -> None:
        """Give back what is left, but what may have been used, by unit, and will never be reported: `lost`."""
        ...


class NoBooks:
    """Nothing is kept."""

    async def write(self, rows: Sequence[Row]) -> None: ...


class Unlimited:
    """Nothing is limited."""

    units: frozenset[Unit] = frozenset()
    live = True

    async def lease(
        self, unit: Unit, amount: int, *, urgent: bool = False, needs: int = 0, kept: int = 0
    ) -> tuple[int, bool]:
        return amount, False

    async def give_back(self, unit: Unit, amount: int) -> None: ...

    def tightest(self, unit: Unit) -> Limit | None:
        return None

    def heed(self, pressed: Callable[[Unit], None]) -> None: ...

    async def close(self, *, lost: Mapping[str, int] | None = None) -> None: ...


NO_BOOKS = NoBooks()
UNLIMITED = Unlimited()
