"""Memory: what the service shall remember, and in which form.

`everything` keeps all. `last:N` is the origin's rule made right: the N latest items stay, N of them, and the
oldest leave one by one. `exchanges:N` keeps N exchanges as a human counts them, so that ghost turns do not push
out what was said. `window`, `written` and `summary` are in files of their own (window.py, written.py, folding.py).

Under every memory alike: pinned items stay; nothing in progress is touched; a function call that waits for its
output stays, and a call and its outputs leave together, the outputs first (deleting the call alone makes the
service refuse the output: livekit#3344). Items of types we do not know, MCP's lists of tools among them, stay:
what deleting them does is not known (PROTOCOL §7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from laconic.choosing import Auto, requirement
from laconic.errors import BadInput
from laconic.folding import Summary
from laconic.items import Item
from laconic.plans import Memory, Past, Plan, forget, forgettable
from laconic.selecting import Select
from laconic.window import Window
from laconic.written import Written

__all__ = ["Everything", "LastExchanges", "LastItems", "Memory", "Window", "memory"]


@dataclass(frozen=True, slots=True)
class Everything:
    """Keep all: what the service does by itself."""

    name: str = "everything"

    def plans(self, past: Past) -> Iterator[Plan]:
        return iter(())

    def why(self) -> str:
        return "everything is kept, as asked"


@dataclass(frozen=True, slots=True)
class LastItems:
    """Keep the N latest items."""

    n: int

    @property
    def name(self) -> str:
        return f"last:{self.n}"

    def plans(self, past: Past) -> Iterator[Plan]:
        if not past.supports("delete"):
            return
        surplus = islice(past.conversation, max(0, len(past.conversation) - self.n))
        yield from forget(forgettable(surplus, past.conversation, past.kept))

    def why(self) -> str:
        return f"the {self.n} latest items are kept, as asked"


@dataclass(frozen=True, slots=True)
class LastExchanges:
    """Keep the N latest complete exchanges, and the one under way."""

    n: int

    @property
    def name(self) -> str:
        return f"exchanges:{self.n}"

    def plans(self, past: Past) -> Iterator[Plan]:
        if past.supports("delete"):
            yield from forget(forgettable(self._surplus(past), past.conversation, past.kept))

    def _surplus(self, past: Past) -> Iterator[Item]:
        for item in past.conversation:
            number = past.exchanges.number(item.id)
            if number is not None and number > past.exchanges.count - self.n:
                return
            yield item

    def why(self) -> str:
        return f"the {self.n} latest exchanges are kept, as asked"


_FORMS = "auto, everything, last:N, exchanges:N, window:HIGH[:LOW], written[:notes], summary[:HIGH:LOW] or select:N"


def memory(spec: str | Memory) -> Memory:
    """The memory a user named (`last:5`, `summary`, …). BadInput for anything else."""
    if not isinstance(spec, str):
        return spec
    kind, *given = spec.split(":")
    numbers = [int(text) for text in given if text.isascii() and text.isdigit() and int(text) > 0]
    all_numbers = len(numbers) == len(given)
    match kind, numbers:
        case "everything", [] if not given:
            return Everything()
        case "last", [n] if all_numbers:
            return LastItems(n)
        case "exchanges", [n] if all_numbers:
            return LastExchanges(n)
        case "window", [high] if all_numbers:
            return Window(high)
        case "window", [high, low] if all_numbers and low < high:
            return Window(high, low)
        case "written", [] if given in ([], ["dialogue"], ["notes"]):
            return Written(notes=given == ["notes"])
        case "auto", [] if not given:
            return Auto(memory)
        case "auto", _ if len(given) == 1:
            return Auto(memory, requirement(given[0]))
        case "select", [n] if all_numbers:
            return Select(n)
        case "summary", [] if not given:
            return Summary()
        case "summary", [high, low] if all_numbers and low < high:
            return Summary(high=high, low=low)
        case _:
            raise BadInput(
                f"memory {spec!r} is not known; write {_FORMS}, numbers from 1 and HIGH above LOW",
                f"記憶の指定 {spec!r} は使えません。{_FORMS} のどれかを(数は 1 以上、HIGH > LOW)指定してください",
            )
