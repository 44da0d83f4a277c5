"""Plans under way: carries wishes to the wire and answers back, one step at a time.

Each wish is a list of edits, all sent at the next good moment; when the last of them is answered the plan is told
how they ended and wishes again. A plan that asked for a summary waits for it without holding anything up. An item
belongs to one plan at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from laconic.edits import Edit, Outcome
from laconic.plans import Ask, Plan

__all__ = ["Planner"]


@dataclass(slots=True, eq=False)
class _Running:
    plan: Plan
    waiting: list[Edit] = field(default_factory=list[Edit])
    outcomes: list[Outcome] = field(default_factory=list[Outcome])


class Planner:
    """The plans of one conversation."""

    def __init__(self) -> None:
        self._running: dict[_Running, None] = {}
        self._about: dict[str, _Running] = {}  # the plan each item belongs to
        self._unsent: deque[tuple[_Running, Edit]] = deque()
        self._sent: dict[str, list[tuple[_Running, Edit]]] = {}  # by item: a plan may reach beyond its own items
        self._asked: dict[int, _Running] = {}
        self._asks = 0
        self._new_asks: deque[tuple[int, Ask]] = deque()

    def __len__(self) -> int:
        """How many plans are under way."""
        return len(self._running)

    def busy(self, item_id: str) -> bool:
        """Whether a plan under way is about this item."""
        return item_id in self._about

    def begin(self, plan: Plan) -> None:
        """Take a plan's first wish, unless another plan has one of its items."""
        if any(item_id in self._about for item_id in plan.item_ids):
            plan.steps.close()
            return
        running = _Running(plan)
        self._running[running] = None
        self._about.update(dict.fromkeys(plan.item_ids, running))
        self._go_on(running, None)

    def unsent(self, ready: Callable[[Edit], bool] = lambda _: True) -> Iterator[Edit]:
        """Edits to send now, in order; each is given out once and must be answered by `settle`. Others wait."""
        waiting: list[tuple[_Running, Edit]] = []
        while self._unsent:  # settling one at once may lead to more
            running, edit = self._unsent.popleft()
            if not ready(edit):
                waiting.append((running, edit))
                continue
            self._sent.setdefault(edit.item_id, []).append((running, edit))
            yield edit
        self._unsent.extend(waiting)

    def asks(self) -> Iterator[tuple[int, Ask]]:
        """Summaries to have made, each once."""
        while self._new_asks:
            yield self._new_asks.popleft()

    def waits_for(self, item_id: str) -> bool:
        """Whether a plan waits for the answer to an edit of this item."""
        return item_id in self._sent

    def settle(self, outcome: Outcome) -> None:
        """An edit was answered. What is no plan's is let be, even if it is about an item some plan is changing."""
        sent = self._sent.get(outcome.edit.item_id, [])
        for running, edit in sent:
            if edit is outcome.edit:
                sent.remove((running, edit))
                if not sent:
                    del self._sent[edit.item_id]
                running.outcomes.append(outcome)
                running.waiting.remove(edit)
                if not running.waiting:
                    self._go_on(running, running.outcomes)
                return

    def summarised(self, ask_id: int, summary: str | None) -> None:
        """A summary came, or will not come (None)."""
        running = self._asked.pop(ask_id, None)
        if running is not None:
            self._go_on(running, summary)

    def abandon(self) -> None:
        """The conversation is over."""
        for running in self._running:
            running.plan.steps.close()
        for of_plans in (self._running, self._about, self._unsent, self._sent, self._asked, self._new_asks):
            of_plans.clear()

    def _go_on(self, running: _Running, answer: list[Outcome] | str | None) -> None:
        try:
            wish = running.plan.steps.send(answer)
            while not isinstance(wish, Ask) and not wish:
                wish = running.plan.steps.send([])
        except StopIteration:
            del self._running[running]
            for item_id in running.plan.item_ids:
                del self._about[item_id]
            return
        if isinstance(wish, Ask):
            self._asks += 1
            self._asked[self._asks] = running
            self._new_asks.append((self._asks, wish))
            return
        running.outcomes = []
        running.waiting = list(wish)
        self._unsent.extend((running, edit) for edit in wish)
