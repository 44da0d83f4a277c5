"""What a session wants done: messages to carry, notices to show, summaries to have made.

Actions are values. They come out of `Session.actions()` in the order in which they are to be done.
"""

from __future__ import annotations

from dataclasses import dataclass

from laconic import events as ev
from laconic.budget import Unit
from laconic.currencies import Sums
from laconic.expectation import Expected
from laconic.meter import Cost
from laconic.usage import TranscriptionUsage, Usage

__all__ = [
    "Action",
    "BudgetEnded",
    "BudgetWarned",
    "Charged",
    "CutOff",
    "EditFailed",
    "Forgot",
    "GhostTurn",
    "GiveBack",
    "Hangup",
    "Lease",
    "MemoryTold",
    "Notice",
    "Summarise",
    "ToApp",
    "ToService",
    "Transcribed",
    "Unsupported",
]


@dataclass(frozen=True, slots=True)
class ToService:
    """Send this message to the service."""

    raw: ev.Raw


@dataclass(frozen=True, slots=True)
class ToApp:
    """Give this message to the app; the event as read rides along."""

    raw: ev.Raw
    event: ev.Event


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth telling the caller. Each kind is a class of its own."""


@dataclass(frozen=True, slots=True)
class Forgot(Notice):
    """An item left the conversation at our wish."""

    item_id: str
    role: str | None
    text: str | None
    audio_ms: int
    left: int
    """Items the service still holds."""
    why: str
    """`memory`, `not heard`, `empty`, `written` (its words stand in its place now), `folded` (into a summary), `drift`,
    `undone`, or `unwanted` (a note of ours of which the app deleted what it held)."""


@dataclass(frozen=True, slots=True)
class CutOff(Notice):
    """A reply was truncated where the caller stopped hearing it."""

    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class GhostTurn(Notice):
    """The service answered a pause; nothing was heard. Billed all the same, when it reports usage."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Charged(Notice):
    """A response was counted. `usage` is None where the service reported none: then the cost is unknown."""

    response_id: str
    status: str
    usage: Usage | None
    cost: Cost
    kind: str
    """`reply`, `out_of_band`, `summary`, or `goodbye` at the end of a budget."""
    expected: Expected | None = None
    """What we reckoned it would read, before its usage was seen; None where its beginning was not seen."""


@dataclass(frozen=True, slots=True)
class Transcribed(Notice):
    """The transcription of a user item was counted."""

    item_id: str
    usage: TranscriptionUsage | None
    cost: Cost


@dataclass(frozen=True, slots=True)
class EditFailed(Notice):
    """An edit of ours was refused or never answered; the item stays."""

    kind: str
    item_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Unsupported(Notice):
    """This service does not do edits of this kind (`delete`, `truncate`); said once, and they stop."""

    kind: str


@dataclass(frozen=True, slots=True)
class MemoryTold(Notice):
    """Something the memory has to say, once: that it cannot do what it was asked to, that it changed its form."""

    text: str
    sums: Sums | None = None
    """The money that `text` speaks of, if any: as it stands there, or for another currency."""


@dataclass(frozen=True, slots=True)
class BudgetWarned(Notice):
    """Four fifths of a budget are used; told once."""

    unit: Unit
    spent: int
    """In `unit`: 10⁻⁹ dollars, tokens or ms."""
    limit: int


@dataclass(frozen=True, slots=True)
class BudgetEnded(Notice):
    """The budget cannot pay for another reply: nothing that bills is sent any more."""

    unit: Unit
    spent: int
    limit: int
    what: str
    """Why, in one sentence for a human."""


@dataclass(frozen=True, slots=True)
class Lease:
    """More of what is shared with others is wanted: answer with `session.leased`, also if there is no more."""

    unit: Unit
    amount: int
    urgent: bool = False
    """Something waits for it: others who hold what they do not need should be asked to give it back."""
    needs: int = 0
    """With less than this that can be had, whoever holds it, there is no more for this session."""
    kept: int = 0
    """So much of what it holds, or will hold, it gives to nobody, since its goodbye is to be paid with it."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """So much of what was leased is not used and not kept any more: others may have it."""

    unit: Unit
    amount: int


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the app's socket, after what stands before this."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Summarise:
    """Have this text summarised, and answer with `session.summarised`; or, where no text model is at hand, have the
    realtime model do it with `session.summarise_inside`. The conversation goes on meanwhile."""

    id: int
    text: str
    max_tokens: int


Action = ToService | ToApp | Notice | Summarise | Lease | GiveBack | Hangup
