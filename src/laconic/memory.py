"""Memory: what the service shall remember.

`everything` keeps all. `last:N` is the origin's rule made right: the N latest items stay, N of them, and the
oldest leave one by one. `exchanges:N` keeps N exchanges as a human counts them, so that ghost turns do not push
out what was said.

Under every memory alike: pinned items stay; nothing in progress is touched; a function call that waits for its
output stays, and a call and its outputs leave together, the outputs first (deleting the call alone makes the
service refuse the output: livekit#3344). Items of types we do not know, MCP's lists of tools among them, stay:
what deleting them does is not known (PROTOCOL §7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from laconic.conversation import Conversation
from laconic.errors import BadInput
from laconic.exchanges import Exchanges
from laconic.items import Item

__all__ = ["Everything", "LastExchanges", "LastItems", "Memory", "forgettable", "memory"]

_FORGETTABLE = ("message", "function_call", "function_call_output")


class Memory(Protocol):
    """A policy. It names the items that may go now; the session sees to it that they go safely."""

    @property
    def name(self) -> str: ...

    def surplus(self, conversation: Conversation, exchanges: Exchanges) -> Iterator[Item]:
        """Items beyond what shall be remembered, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Everything:
    """Keep all: what the service does by itself."""

    name: str = "everything"

    def surplus(self, conversation: Conversation, exchanges: Exchanges) -> Iterator[Item]:
        return iter(())


@dataclass(frozen=True, slots=True)
class LastItems:
    """Keep the N latest items."""

    n: int

    @property
    def name(self) -> str:
        return f"last:{self.n}"

    def surplus(self, conversation: Conversation, exchanges: Exchanges) -> Iterator[Item]:
        return islice(conversation, max(0, len(conversation) - self.n))


@dataclass(frozen=True, slots=True)
class LastExchanges:
    """Keep the N latest complete exchanges, and the one under way."""

    n: int

    @property
    def name(self) -> str:
        return f"exchanges:{self.n}"

    def surplus(self, conversation: Conversation, exchanges: Exchanges) -> Iterator[Item]:
        for item in conversation:
            number = exchanges.number(item.id)
            if number is not None and number > exchanges.count - self.n:
                return
            yield item


def memory(spec: str | Memory) -> Memory:
    """The memory a user named: `everything`, `last:N` (items), `exchanges:N`. BadInput for anything else."""
    if not isinstance(spec, str):
        return spec
    kind, _, count = spec.partition(":")
    if spec == "everything":
        return Everything()
    if kind in ("last", "exchanges") and count.isascii() and count.isdigit() and int(count) > 0:
        return LastItems(int(count)) if kind == "last" else LastExchanges(int(count))
    raise BadInput(
        f"memory {spec!r} is not known; write everything, last:N (items) or exchanges:N, with N at least 1",
        f"記憶の指定 {spec!r} は使えません。everything、last:N、exchanges:N(N は 1 以上)のどれかを指定してください",
    )


def forgettable(surplus: Iterator[Item], conversation: Conversation, kept: Callable[[Item], bool]) -> list[list[Item]]:
    """Of these surplus items those that may go, as groups: a group goes one by one, each after the last is gone.

    A message is a group of its own; a function call comes last in one with its outputs. `kept` says which items
    stay whatever the memory wishes (pinned, being edited, given up).
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
