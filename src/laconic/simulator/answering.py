"""The responses of one connection: started, run side by side, interrupted, counted.

One of them at most writes to the conversation; others may run outside it at the same time, with an input of their
own. What a response reads is what the conversation holds at the moment it is created, as far as truncation lets it,
and that is what it is billed for, whatever becomes of the items meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from laconic.items import Item, Wire
from laconic.simulator.faults import Faults
from laconic.simulator.held import Held, copied
from laconic.simulator.ids import Ids
from laconic.simulator.rejected import Rejected
from laconic.simulator.responding import Ask, Output, Pace, Promised, Response
from laconic.simulator.truncation import Truncation
from laconic.usage import Usage

__all__ = ["Answers", "Biller", "Composed", "Composer"]

_TOKENS_PER_MINUTE = 15_000_000


@dataclass(frozen=True, slots=True)
class Composed:
    """What a response will be."""

    outputs: Sequence[Output | Promised]
    delay_s: float = 0.0
    """How long it is thought about, on top of the service's own latency."""


class Composer(Protocol):
    """Mind and voice together: from what is held to what will be said."""

    def compose(self, items: Sequence[Item], settings: Wire) -> Composed:
        """`items`: the input of this response, each sound replaced by the words in it. `settings`: the session's, with
        the response's own on top."""
        ...


class Biller(Protocol):
    """Counts as the service counts."""

    def respond(
        self,
        *,
        instructions: str,
        tools: Sequence[Wire],
        items: Sequence[Item],
        generated: Sequence[Item],
        in_conversation: bool,
    ) -> Usage:
        """The usage of one response that read `items` and made `generated`."""
        ...

    def forget(self) -> None:
        """Nothing of what was read so far is in the cache any longer."""
        ...

    def sizes(self, items: Sequence[Item]) -> Sequence[int]:
        """Tokens each of these items would add to an input made of them."""
        ...

    def room(self, instructions: str, tools: Sequence[Wire]) -> int:
        """How many tokens of items the model can take."""
        ...

    def generated(self, item: Item) -> int:
        """Output tokens of an item as far as it has been made."""
        ...

    def text(self, text: str) -> int:
        """Tokens of a text."""
        ...


@dataclass(frozen=True, slots=True)
class _Running:
    response: Response
    items: list[Item]
    """Its input, as it stood when the response was created."""
    settings: Wire


class Answers:
    """`done` is called with every response that has ended, after its `response.done`."""

    def __init__(
        self,
        *,
        pace: Pace,
        rate_limits: bool,
        ghost_usage_null: bool,
        faults: Faults,
        ids: Ids,
        held: Held,
        composer: Composer,
        bill: Biller,
        say: Callable[[Wire], None],
        done: Callable[[Response], None],
    ) -> None:
        self.usages: dict[str, Usage | None] = {}
        self.has_spoken = False
        """Whether any sound was ever sent: from then on the voice is fixed."""
        self._pace, self._rate_limits, self._ghost_usage_null = pace, rate_limits, ghost_usage_null
        self._faults, self._ids, self._held = faults, ids, held
        self._composer, self._bill, self._say, self._done = composer, bill, say, done
        self._truncation = Truncation(bill.sizes)
        self._running: list[_Running] = []
        self._conversation_id = ids("conv")

    @property
    def active(self) -> list[Response]:
        return [running.response for running in self._running]

    @property
    def deadline(self) -> float | None:
        moments = (response.deadline for response in self.active)
        return min((moment for moment in moments if moment is not None), default=None)

    def advance(self, now: float) -> None:
        """Take one step, the earliest that is due."""
        due = [one for one in self._running if one.response.deadline is not None and one.response.deadline <= now]
        running = min(due, key=lambda one: one.response.deadline or 0.0)
        running.response.advance()
        if running.response.over:
            self._finished(running)

    def start(self, own: Wire, session: Wire, now: float) -> None:
        """Start a response with settings of its `own` on top of the session's. Raises Rejected."""
        outside = own.get("conversation") == "none"
        writing = [response for response in self.active if response.in_conversation]
        if writing and not outside:
            raise Rejected(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {writing[0].id}. Wait until the response "
                "is finished before creating a new one.",
            )
        items, passing = self._input(own.get("input"), session["audio"]["input"]["format"]["type"])
        settings = session | {key: value for key, value in own.items() if value is not None and key != "audio"}
        sound: Wire = session["audio"]["output"] | ((own.get("audio") or {}).get("output") or {})
        settings["audio"] = {**session["audio"], "output": sound}
        if own.get("input") is None:
            room = self._bill.room(settings["instructions"], settings["tools"])
            items = self._truncation.read(items, settings["truncation"], room)
        composed = self._composer.compose(self._held.as_heard(items), settings)
        snapshot = [copied(item) for item in items if not item.in_progress]
        for item_id in passing:
            self._held.forget(item_id)
        ask = Ask(
            conversation_id=None if outside else self._conversation_id,
            modalities=settings["output_modalities"],
            format=sound["format"],
            voice=sound["voice"],
            max_output_tokens=settings["max_output_tokens"],
            metadata=own.get("metadata"),
        )
        response = Response(
            ask,
            composed.outputs,
            now=now,
            pace=replace(self._pace, latency_s=self._pace.latency_s + composed.delay_s),
            ids=self._ids,
            say=self._say,
            held=self._held,
            count=self._bill.generated,
        )
        self._running.append(_Running(response, snapshot, settings))

    def cancel(self, response_id: str | None) -> None:
        """The client's wish: this response, or the one in the conversation. Raises Rejected."""
        for running in self._running:
            if running.response.id == response_id or (response_id is None and running.response.in_conversation):
                self._stop(running, "client_cancelled")
                return
        raise Rejected("response_cancel_not_active", "Cancellation failed: no active response found")

    def interrupt(self) -> None:
        """Somebody speaks: the response in the conversation, if there is one, is cut."""
        for running in [one for one in self._running if one.response.in_conversation]:
            self._stop(running, "turn_detected")

    def makes_call(self, call_id: object) -> bool:
        """Whether this call belongs to a response of the conversation that is still in progress."""
        return any(call_id in response.call_ids() for response in self.active if response.in_conversation)

    def abandon(self) -> None:
        """Nobody is listening any more. What was generated until now is billed all the same."""
        for running in self._running:
            self.usages[running.response.id] = self._usage(running)
        self._running.clear()

    def _input(self, given: list[Any] | None, sound_kind: str) -> tuple[list[Item], list[str]]:
        """The items a response reads, and the ids of those among them that the conversation does not hold."""
        if given is None:
            return list(self._held), []
        items: list[Item] = []
        passing: list[str] = []
        for index, wire in enumerate(given):
            if isinstance(wire, dict) and cast(Wire, wire).get("type") == "item_reference":
                reference = str(cast(Wire, wire).get("id"))
                item = self._held.get(reference)
                if item is None:
                    message = f"Item with id '{reference}' not found in conversation."
                    raise Rejected("invalid_value", message, f"response.input[{index}].id")
            else:
                item = self._held.read(wire, sound_kind)
                passing.append(item.id)
            items.append(item)
        return items, passing

    def _stop(self, running: _Running, reason: str) -> None:
        running.response.stop("cancelled", {"type": "cancelled", "reason": reason})
        self._finished(running)

    def _finished(self, running: _Running) -> None:
        response = running.response
        self._running.remove(running)
        self.has_spoken = self.has_spoken or response.playback_ms > 0
        usage = self.usages[response.id] = self._usage(running)
        told = None if usage is None or self._faults.null_usage else usage.to_wire()
        self._say({"type": "response.done", "response": response.to_wire(told)})
        if self._rate_limits and usage is not None:
            left = _TOKENS_PER_MINUTE - usage.total_tokens
            limit: Wire = {"name": "tokens", "limit": _TOKENS_PER_MINUTE, "remaining": left}
            limit["reset_seconds"] = round(usage.total_tokens * 60 / _TOKENS_PER_MINUTE, 3)
            self._say({"type": "rate_limits.updated", "rate_limits": [limit]})
        self._done(response)

    def _usage(self, running: _Running) -> Usage | None:
        """What a response used. One cut before it made anything is not billed (COST.md section 5)."""
        response = running.response
        made = any(part.text or part.audio_ms for item in response.items for part in item.parts)
        made = made or any(item.arguments for item in response.items)
        if not made and response.status in ("cancelled", "in_progress"):
            return None if self._ghost_usage_null else Usage()
        return self._bill.respond(
            instructions=running.settings["instructions"],
            tools=running.settings["tools"],
            items=running.items,
            generated=response.items,
            in_conversation=response.in_conversation,
        )
