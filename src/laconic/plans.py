"""What a memory may look at, and how it says what it wishes.

A memory reads the past (`Past`) and offers plans. A plan is a dialogue: it wishes for some edits, waits until each
of them has been answered, is told how they ended, and goes on from there or gives up. That is how nothing gets lost:
words are written down first, and only once they are known to stand there does the next wish let the sound go.

    def steps():
        inserted = yield [Insert(words, behind=sound.id)]
        if all(outcome.result == "done" for outcome in inserted):
            yield [Delete(sound.id, "written")]

A plan may also ask the world for a summary, which takes as long as it takes; the conversation goes on meanwhile. The
session decides when wishes are sent (never during a response), and keeps two plans from touching the same item.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from laconic.conversation import Conversation
from laconic.currencies import Sums
from laconic.edits import Delete, Edit, Outcome
from laconic.exchanges import Exchanges
from laconic.items import Item
from laconic.laws import Laws
from laconic.rates import Rates

__all__ = ["Ask", "Memory", "Past", "Plan", "Steps", "Typical", "forget", "forgettable"]

_FORGETTABLE = ("message", "function_call", "function_call_output")


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish for a summary of this text, at most so many tokens long. Answered with the summary, or None."""

    text: str
    max_tokens: int


Wish = Sequence[Edit] | Ask
Steps = Generator[Wish, "list[Outcome] | str | None", None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps to take, and the items they are about: no other plan may touch those meanwhile."""

    item_ids: frozenset[str]
    steps: Steps


@dataclass(frozen=True, slots=True)
class Typical:
    """The average exchange of a conversation. Defaults: COST.md section 10."""

    user_ms: int = 3_000
    user_words: int = 8
    reply_audio: int = 160
    """Tokens."""
    reply_text: int = 28
    instructions: str = ""


class Say(Protocol):
    """Tells a sentence, with the money it speaks of."""

    def __call__(self, sentence: str, sums: Sums | None = None, /) -> None: ...


@dataclass(slots=True)
class Past:
    """What a memory may know. Made by the session, read by memories."""

    conversation: Conversation
    exchanges: Exchanges
    laws: Laws
    rates: Rates | None
    summary_rates: Rates | None
    """Of the model that writes summaries; None if it is unknown."""
    ids: Callable[[], str]
    """Makes ids for items we write."""
    kept: Callable[[Item], bool]
    """Items that stay as they are now: pinned, being edited, given up."""
    pinned: Callable[[Item], bool]
    words: Callable[[Item], str | None]
    """The words of an item as far as they were heard; None while they are not known."""
    cut_off: Callable[[Item], bool]
    """Whether the caller stopped hearing this reply before its end."""
    over: Callable[[Item], bool]
    """Whether the item's exchange is over: answered, and its reply heard to the end or stopped."""
    say: Say
    """Tells the caller something, once."""
    supports: Callable[[str], bool]
    """Whether the service does edits of this kind: `delete`, `truncate`, `create`; and `place`, puts what we write
    where we ask."""
    typical: Callable[[], Typical] = Typical
    """The average exchange so far."""
    lasting: int = 0
    """So many of the latest exchanges that are over may be written down, but neither folded nor forgotten."""

    @property
    def transcribes(self) -> bool:
        """Whether somebody writes down what the user says."""
        return self.conversation.transcription_model is not None

    def lasts(self, item: Item) -> bool:
        """Whether an item is of the exchanges that last, or of the one under way."""
        number = self.exchanges.number(item.id) if self.lasting else None
        return number is not None and number > self.exchanges.count - self.lasting


class Memory(Protocol):
    """A policy: what the service shall remember, and in which form."""

    @property
    def name(self) -> str: ...

    def plans(self, past: Past) -> Iterator[Plan]:
        """What to do now. Asked at every moment that is good for edits; plans under way are not repeated."""
        ...

    def why(self) -> str:
        """Why this is the memory in force, in a sentence."""
        ...


def forgettable(surplus: Iterator[Item], conversation: Conversation, kept: Callable[[Item], bool]) -> list[list[Item]]:
    """Of these surplus items those that may go, as groups: a group goes one by one, each after the last is gone.

    A message is a group of its own; a function call comes last in one with its outputs. `kept` says which items
    stay whatever the memory wishes.
    """
    going = {item.id: item for item in surplus if item.type in _FORGETTABLE and not item.in_progress and not kept(item)}
    groups: list[list[Item]] = []
    while going:
        item = going.pop(next(iter(going)))
        partners = conversation.partners(item) if item.call_id else []
        if item.type == "function_call" and not partners:
            continue  # its output is still to come
        if all(partner.id in going for partner in partners):
            together = [item, *(going.pop(partner.id) for partner in partners)]
            groups.append(sorted(together, key=lambda one: one.type == "function_call"))
    return groups


def forget(groups: list[list[Item]], why: str = "memory") -> Iterator[Plan]:
    """A plan for each group: its items leave in order, and if one cannot, those behind it stay."""
    for group in groups:
        yield Plan(frozenset(item.id for item in group), deletions(group, why))


def deletions(group: Sequence[Item], why: str) -> Steps:
    """Delete one after the other, as long as each is gone."""
    for item in group:
        outcomes = yield [Delete(item.id, why)]
        if not all_done(outcomes):
            return


def all_done(answer: list[Outcome] | str | None) -> bool:
    """Whether every edit of a wish is done, or was not needed because the item is gone."""
    return isinstance(answer, list) and all(outcome.result in ("done", "gone") for outcome in answer)
