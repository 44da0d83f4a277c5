"""A past to show to a memory, and a service that does what its plans wish, both in memory and to the letter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playbook import counter

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.edits import Delete, Edit, Insert, Outcome
from laconic.exchanges import Exchanges
from laconic.items import Item, Part
from laconic.laws import Laws
from laconic.plans import Ask, Memory, Past, Plan
from laconic.rates import Rates

__all__ = ["World", "called", "heard", "output", "spoken", "typed"]


def spoken(item_id: str, text: str | None = None, *, ms: int = 2000) -> Item:
    """A turn of the user's, as sound."""
    return Item(item_id, role="user", status="completed", parts=[Part("input_audio", text, ms)])


def heard(item_id: str, text: str | None = "Well.", *, ms: int = 4000) -> Item:
    """A reply, as sound."""
    return Item(item_id, role="assistant", status="completed", parts=[Part("output_audio", text, ms)])


def typed(item_id: str, text: str, role: str = "user") -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return Item(item_id, role=role, status="completed", parts=[Part(kind, text)])


def called(item_id: str, call_id: str = "c") -> Item:
    return Item(item_id, "function_call", status="completed", call_id=call_id, name="look", arguments="{}")


def output(item_id: str, call_id: str = "c", text: str = "fog") -> Item:
    return Item(item_id, "function_call_output", call_id=call_id, output=text)


class World:
    """Everything a `Past` is made of, each to be changed, and what came of a memory's plans.

    `fate` says how an edit ends; one that is done is done to the conversation. `summarise` answers what is asked.
    """

    def __init__(self, *items: Item, laws: Laws | None = None, transcribes: bool = True, **fields: Any) -> None:
        self.conversation = Conversation()
        if transcribes:
            audio = {"input": {"transcription": {"model": "whisper-1"}}}
            self.conversation.read(ev.SessionUpdated(session={"type": "realtime", "audio": audio}))
        self.numbers: dict[str, int] = {}
        self.kept: set[str] = set()
        self.pinned: set[str] = set()
        self.underway: set[str] = set()
        self.cut: dict[str, str] = {}
        self.unsupported: set[str] = set()
        self.told: list[str] = []
        self.edits: list[Edit] = []
        self.asked: list[str] = []
        self.fate: Callable[[Edit], Any] = lambda edit: "done"
        self.summarise: Callable[[str], str | None] = lambda text: text
        rates: Rates | None = fields.pop("rates", None)
        summary_rates: Rates | None = fields.pop("summary_rates", None)
        self.past = Past(
            conversation=self.conversation,
            exchanges=_Numbers(self.numbers),
            laws=laws or Laws(),
            rates=rates,
            summary_rates=summary_rates,
            ids=counter("w"),
            kept=lambda item: item.id in self.kept | self.pinned,
            pinned=lambda item: item.id in self.pinned,
            words=lambda item: self.cut.get(item.id, item.text),
            cut_off=lambda item: item.id in self.cut,
            over=lambda item: item.id not in self.underway,
            say=lambda sentence, _=None: self.told.append(sentence),
            supports=lambda kind: kind not in self.unsupported,
        )
        for item in items:
            self.enter(item)

    def enter(self, item: Item, number: int | None = None, behind: str | None = None) -> None:
        """An item enters, at the end or behind another."""
        last = next(iter(reversed(self.conversation)), None)
        previous = behind if behind is not None else last.id if last is not None else None
        self.conversation.read(ev.ConversationItemAdded(item=item.to_wire(), previous_item_id=previous))
        held = self.conversation.get(item.id)
        assert held is not None
        held.parts = item.parts or held.parts
        self.numbers[item.id] = number if number is not None else self.numbers.get(previous or "", 1)

    def plans(self, memory: Memory) -> list[Plan]:
        """What a memory plans, of which nothing is done."""
        return list(memory.plans(self.past))

    def follow(self, memory: Memory) -> list[frozenset[str]]:
        """Do what a memory plans, one plan after the other, as it plans them; what each was about."""
        about: list[frozenset[str]] = []
        for plan in memory.plans(self.past):
            about.append(plan.item_ids)
            self.do(plan)
        return about

    def do(self, plan: Plan) -> None:
        answer: list[Outcome] | str | None = None
        try:
            while True:
                wish = plan.steps.send(answer)
                if isinstance(wish, Ask):
                    self.asked.append(wish.text)
                    answer = self.summarise(wish.text)
                else:
                    answer = [self._done(edit) for edit in wish]
        except StopIteration:
            pass

    def _done(self, edit: Edit) -> Outcome:
        self.edits.append(edit)
        result = self.fate(edit)
        if isinstance(edit, Insert) and result in ("done", "misplaced"):
            number = self.numbers.get(edit.behind)
            self.enter(Item.from_wire(edit.item), number, edit.behind if result == "done" else None)
        elif isinstance(edit, Delete) and result in ("done", "gone"):
            self.conversation.remove(edit.item_id)
        return Outcome(edit, result)

    @property
    def ids(self) -> list[str]:
        return [item.id for item in self.conversation]

    @property
    def words(self) -> list[str]:
        """The conversation as it stands: who, and what in which form."""
        return [_told(item) for item in self.conversation]

    @property
    def kinds(self) -> list[str]:
        return [f"{edit.kind} {edit.item_id}" for edit in self.edits]


def _told(item: Item) -> str:
    form = "♪" if any(part.is_audio for part in item.parts) else ""
    return f"{form}{item.role or item.type}: {item.text}"


class _Numbers(Exchanges):
    """Numbers of exchanges as a test wants them."""

    def __init__(self, numbers: dict[str, int]) -> None:
        super().__init__()
        self._numbers = numbers

    @property
    def count(self) -> int:
        return max(self._numbers.values(), default=0)
