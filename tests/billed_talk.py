"""A conversation with a service whose laws are hidden: its events as they come, its bill by the stand-in's rules.

What it tells is fed to a mirror and an expectation, as a session would; only the usage it reports tells of its laws.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.expectation import Expectation, Foreseen
from laconic.items import Item
from laconic.laws import Laws
from laconic.simulator.bill import Bill
from laconic.simulator.truncation import Truncation
from laconic.usage import Usage

Wire = dict[str, Any]

TEXT = (
    "the caller asked about a booking for two people on Friday evening near the old harbour and wanted to know "
    "whether children would be welcome there"
)
TOOL: Wire = {
    "type": "function",
    "name": "book",
    "description": "Book a table.",
    "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
}


def drawn(random: Random) -> Laws:
    """Some service's laws: each as far from what we assume as any that was seen, and then some."""
    return Laws(
        keeps_reply_audio=random.random() < 0.5,
        hit_rate=random.choice([0.0, 0.5, 0.75, 1.0]),
        cache_block=random.choice([1, 16, 32, 64, 128]),
        user_audio_ms_per_token=random.choice([8, 20, 25, 40, 50, 80, 100, 120]),
        assistant_audio_ms_per_token=random.choice([20, 25, 40, 50, 80, 100]),
        user_text_framing=random.randrange(40),
        user_audio_framing=random.randrange(60),
        reply_framing=random.randrange(40),
        call_output_framing=random.randrange(12),
        base_text=random.randrange(400),
        tools_framing=random.randrange(320),
        truncated_reply_text=random.randrange(16),
        default_instructions_tokens=random.randrange(60, 160),
    )


class Talk:
    """A mirror and an expectation, told what a service says."""

    def __init__(self, expectation: Expectation, *, instructions: str = "", tools: Sequence[Wire] = ()) -> None:
        self.conversation = Conversation()
        self.expectation = expectation
        self.settings: Wire = {"type": "realtime", "model": "m", "instructions": instructions, "tools": list(tools)}
        self.say({"type": "session.created", "session": self.settings})

    def say(self, wire: Wire) -> Foreseen | None:
        event = ev.read(json.dumps(wire))
        self.conversation.read(event)
        return self.expectation.read(event, self.conversation)

    def ask(self, **response: Any) -> None:
        """The app asks for a response with settings of its own."""
        self.expectation.said(ev.read(json.dumps({"type": "response.create", "event_id": "ask", "response": response})))

    def set(self, **settings: Any) -> None:
        self.settings |= settings
        self.say({"type": "session.updated", "session": self.settings})

    def hear(self, item_id: str, ms: int, *, after: str | None = "last") -> None:
        edge = {"item_id": item_id}
        self.say({"type": "input_audio_buffer.speech_started", "audio_start_ms": 5000, **edge})
        self.say({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 5000 + ms, **edge})
        self.add(item_id, "user", {"type": "input_audio", "transcript": None}, after=after)

    def add(self, item_id: str, role: str, *content: Wire, after: str | None = "last") -> None:
        message = {"id": item_id, "type": "message", "role": role, "status": "completed"}
        self.place(message | {"content": list(content)}, after=after)

    def write(self, item_id: str, text: str, *, after: str | None = "last") -> None:
        self.add(item_id, "user", {"type": "input_text", "text": text}, after=after)

    def place(self, item: Wire, *, after: str | None = "last") -> None:
        last = next(reversed(self.conversation), None)
        previous = (last.id if last else None) if after == "last" else after
        self.say({"type": "conversation.item.added", "item": item, "previous_item_id": previous})

    def truncate(self, item_id: str, ms: int) -> None:
        self.say({"type": "conversation.item.truncated", "item_id": item_id, "content_index": 0, "audio_end_ms": ms})

    def delete(self, item_id: str) -> None:
        self.say({"type": "conversation.item.deleted", "item_id": item_id})

    def begin(self, response_id: str, **response: Any) -> None:
        head = {"id": response_id, "conversation_id": "conv", "status": "in_progress"}
        self.say({"type": "response.created", "response": head | response})

    def finish(self, response_id: str, output: Sequence[Wire], usage: Usage | None, **response: Any) -> Foreseen:
        done: Wire = {"id": response_id, "conversation_id": "conv", "status": "completed", "output": list(output)}
        done["usage"] = usage.to_wire() if usage is not None else None
        foreseen = self.say({"type": "response.done", "response": done | response})
        assert foreseen is not None
        return foreseen

    def make(self, response_id: str, item: Wire, audio_ms: int = 0) -> Item:
        """An item of a response comes to be, with so much sound."""
        begun = {**item, "status": "in_progress", "content": []}
        self.say({"type": "response.output_item.added", "response_id": response_id, "item": begun})
        self.place(begun)
        self.say({"type": "conversation.item.done", "previous_item_id": None, "item": item})
        made = self.conversation.get(item["id"])
        assert made is not None
        for part in made.parts:
            part.audio_ms = audio_ms if part.kind == "output_audio" else 0
        return made


class _Bill(Bill):
    """A bill whose laws may change."""

    def change(self, laws: Laws) -> None:
        self._laws = self._layout.laws = laws


class BilledTalk(Talk):
    """`turn` is one exchange. `hits` decides about the prompt cache as `Bill` does."""

    def __init__(
        self,
        laws: Laws,
        expectation: Expectation,
        random: Random,
        *,
        hits: Callable[[], float],
        instructions: str = "",
        tools: Sequence[Wire] = (),
    ) -> None:
        super().__init__(expectation, instructions=instructions, tools=tools)
        self.turns = 0
        self.hidden = laws
        self.let_go = 0
        self._bill = _Bill(laws, hits=hits)
        self._truncation = Truncation(self._bill.sizes)
        self._room, self._ratio = 10**9, 1.0
        self._random = random
        self._responses = 0

    def change(self, **laws: Any) -> None:
        """From now on the service counts by other laws."""
        self.hidden = replace(self.hidden, **laws)
        self._bill.change(self.hidden)

    def fill(self, room: int, ratio: float) -> None:
        """From now on old items leave where more than `room` tokens would be read, down to a share of it, and nobody
        is told. How many did is `let_go`."""
        self._room, self._ratio = room, ratio

    def words(self, least: int, most: int) -> str:
        return " ".join(self._random.choice(TEXT.split()) for _ in range(self._random.randint(least, most)))

    def turn(self, *, spoken: bool = True, sounds: bool = True, call: bool = False) -> Foreseen:
        """The user says or writes something; the service answers it, after a function call if so."""
        self.turns += 1
        if spoken:
            self.hear(f"u{self.turns}", self._random.randint(600, 7000))
        else:
            self.write(f"u{self.turns}", self.words(3, 30))
        if call:
            made = {"id": f"f{self.turns}", "type": "function_call", "name": "book", "call_id": f"c{self.turns}"}
            self.respond([made | {"status": "completed", "arguments": '{"day": "Friday"}'}])
            output = {"id": f"o{self.turns}", "type": "function_call_output", "call_id": f"c{self.turns}"}
            self.place(output | {"output": self.words(3, 12)})
        return self.respond([self.reply(f"a{self.turns}", sounds=sounds)])

    def reply(self, item_id: str, *, sounds: bool = True) -> Wire:
        text = self.words(4, 40)
        content = {"type": "output_audio", "transcript": text} if sounds else {"type": "output_text", "text": text}
        return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": [content]}

    def respond(self, output: Sequence[Wire], *, reported: bool = True) -> Foreseen:
        """One response that reads what is there and makes `output`; spoken replies as long as their words take."""
        self._responses += 1
        response_id = f"r{self._responses}"
        self.begin(response_id)
        read = self._truncation.read(list(self.conversation), {"retention_ratio": self._ratio}, self._room)
        self.let_go = len(self.conversation) - len(read)
        made = [self.make(response_id, item, _words(item) * 350) for item in output]
        billed = self._bill.respond(
            instructions=self.settings["instructions"], tools=self.settings["tools"], items=read, generated=made
        )
        foreseen = self.finish(response_id, output, billed if reported else None)
        return Foreseen(response_id, foreseen.expected, billed)


def _words(item: Wire) -> int:
    return sum(len(part.get("transcript", "").split()) for part in item.get("content", ()))
