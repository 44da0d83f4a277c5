"""What the engine costs: an event, an audio delta, an item held, in conversations of ten to a hundred thousand items.

python benchmarks/engine.py [--items 10,1000,100000] [--exchanges 200] [--json]
"""

from __future__ import annotations

import argparse
import base64
import json
import platform
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from statistics import mean, quantiles
from typing import Any

from laconic import events as ev
from laconic.actions import Summarise, ToService
from laconic.items import Item, Wire
from laconic.laws import prior
from laconic.session import Session
from laconic.tokens import Tokens, generated_tokens, instructions_tokens, item_tokens
from laconic.usage import Usage

_MEMORIES = (
    "everything",
    "last:20",
    "last:{items}",
    "window:{tokens}",
    "written",
    "summary",
    "summary:{tokens}:1000",
    "auto",
)
_MODEL = "gpt-realtime-2.1"
_GROWTH, _DELTA_US = 1.5, 3.0
_DELTA_MS, _DELTAS, _WORDS = 200, 40, 20
_MEMORY_ITEMS = 20_000
_TOKENS_AN_ITEM = 50
# No service holds so many items; with its own limit it would let most of them go.
_LAWS = replace(prior("openai", _MODEL), context_tokens=1_000_000_000)

_METHOD = f"""\
Method. A session is fed the messages of a service, ready-made, without a socket.
First it is filled with written items, half of the user and half of the assistant;
then spoken exchanges come, {_DELTAS} audio deltas of {_DELTA_MS} ms and {_WORDS} pieces of transcript
in each, heard to the end; edits are acknowledged, and responses read what the laws
say (and nothing from cache), so that there is nothing to learn; the context is
taken for endless, since no service's holds so many items. N is as many items as the
conversation was filled with, M fifty times as many tokens, so that all of them stay,
which is more than anybody should want; summary without marks folds them at its first
chance. Summaries come at once. Timed is everything the session does with a message,
the actions it causes taken out included; made beforehand, and not timed, are the messages.
An event: all messages but audio deltas, and the speaker's reports; of the exchanges'
means the lower quartile, which other work on the machine and the collection of
garbage (left on) disturb least; the mean over all is beside it. The conversations
of all lengths take turns. A delta: its whole time less the time of recognising it
(events.read), lower quartiles over all deltas.
Memory: what tracemalloc counts for {_MEMORY_ITEMS:,} items of 60 letters, per item.
"""


@dataclass(frozen=True, slots=True)
class Row:
    memory: str
    items: int
    event_us: float
    event_mean_us: float
    delta_us: float
    """Above recognising it."""
    growth: float = 1.0
    """How much dearer an event is than in the shortest conversation."""


class _Far:
    """A service made of ready messages: numbers its items, and acknowledges edits."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._numbers = count(1)
        self._last: str | None = None
        self._laws = _LAWS
        self._tokens: dict[str, Tokens] = {}  # of each item, as it is read now
        self._read = Tokens(instructions_tokens(None, self._laws))
        self._newest, self._silent = "", Tokens()
        self._audio = base64.b64encode(bytes(48 * _DELTA_MS)).decode()
        self._now = 0.0
        detection = {"type": "server_vad", "create_response": True}
        audio = {"input": {"turn_detection": detection, "transcription": {"model": "gpt-4o-mini-transcribe"}}}
        self.feed(_raw("session.created", session={"type": "realtime", "model": _MODEL, "audio": audio}))

    def feed(self, raw: str) -> float:
        """Seconds the session took for this message, answers to its edits not counted."""
        self._now += 0.01
        began = time.perf_counter()
        self.session.from_service(raw, self._now)
        actions = list(self.session.actions())
        took = time.perf_counter() - began
        self._answer(actions)
        return took

    def heard(self, item_id: str, ms: int) -> float:
        began = time.perf_counter()
        self.session.heard(item_id, ms, self._now)
        actions = list(self.session.actions())
        took = time.perf_counter() - began
        self._answer(actions)
        return took

    def fill(self, items: int) -> None:
        """Written items; the answers to what the session deletes come at once."""
        for number in range(items):
            role = "assistant" if number % 2 else "user"
            kind = "output_text" if number % 2 else "input_text"
            for raw in self._item(role, [{"type": kind, "text": f"{number:06d} " + "so it was said and so " * 3}]):
                self.feed(raw)

    def exchange(self) -> tuple[list[float], list[float], list[float]]:
        """Seconds for each event, for each audio delta, and for recognising each of those."""
        events, deltas, recognised = list[float](), list[float](), list[float]()
        user, reply, response = (f"{kind}_{next(self._numbers)}" for kind in ("user", "reply", "resp"))
        for raw in self._messages(user, reply, response):
            if '"response.output_audio.delta"' in raw[:60]:
                began = time.perf_counter()
                ev.read(raw)
                recognised.append(time.perf_counter() - began)
                deltas.append(self.feed(raw))
            else:
                events.append(self.feed(raw))
        events += [self.heard(reply, ms) for ms in range(_DELTA_MS, _DELTAS * _DELTA_MS + 1, _DELTA_MS)]
        return events, deltas, recognised

    def _messages(self, user: str, reply: str, response: str) -> Iterator[str]:
        yield _raw("input_audio_buffer.speech_started", item_id=user, audio_start_ms=0)
        yield _raw("input_audio_buffer.speech_stopped", item_id=user, audio_end_ms=3000)
        yield _raw("input_audio_buffer.committed", item_id=user, previous_item_id=self._last)
        yield from self._item("user", [{"type": "input_audio", "transcript": None}], user)
        yield _raw("response.created", response={"id": response, "status": "in_progress", "conversation_id": "conv"})
        counted: Wire = {"type": "tokens", "input_tokens": 30, "output_tokens": 9, "total_tokens": 39}
        counted["input_token_details"] = {"audio_tokens": 30, "text_tokens": 0}
        completed = "conversation.item.input_audio_transcription.completed"
        yield _raw(completed, item_id=user, content_index=0, transcript="What was said, more or less.", usage=counted)
        item: Wire = {"id": reply, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        about = {"response_id": response, "item_id": reply, "output_index": 0, "content_index": 0}
        yield _raw("response.output_item.added", response_id=response, output_index=0, item=item)
        yield _raw("conversation.item.added", previous_item_id=self._last, item=item)
        yield _raw("response.content_part.added", **about, part={"type": "audio", "transcript": ""})
        for _ in range(_WORDS):
            yield _raw("response.output_audio_transcript.delta", **about, delta=" and so on")
        for _ in range(_DELTAS):
            yield _raw("response.output_audio.delta", **about, delta=self._audio)
        said = " and so on" * _WORDS
        done = item | {"status": "completed", "content": [{"type": "output_audio", "transcript": said}]}
        yield _raw("response.output_audio.done", **about)
        yield _raw("response.output_audio_transcript.done", **about, transcript=said)
        yield _raw("response.content_part.done", **about, part={"type": "audio", "transcript": said})
        yield _raw("conversation.item.done", previous_item_id=self._last, item=done)
        yield _raw("response.output_item.done", response_id=response, output_index=0, item=done)
        self._last = reply
        spoken = Item.from_wire(done)
        spoken.parts[0].audio_ms = _DELTAS * _DELTA_MS
        made = generated_tokens(spoken, self._laws)
        usage = Usage(text_in=self._read.text, audio_in=self._read.audio, text_out=made.text, audio_out=made.audio)
        whole: Wire = {"id": response, "status": "completed", "conversation_id": "conv", "output": [done]}
        self._enters(spoken)
        if self._newest in self._tokens:  # the service lets the sound of the reply before go
            self._counts(self._newest, self._silent)
        self._newest, self._silent = reply, item_tokens(spoken, self._laws, sound_dropped=True)
        yield _raw("response.done", response=whole | {"usage": usage.to_wire()})
        yield _raw("rate_limits.updated", rate_limits=[])

    def _item(self, role: str, content: list[Wire], item_id: str | None = None) -> Iterator[str]:
        item_id = item_id or f"item_{next(self._numbers)}"
        item = {"id": item_id, "type": "message", "role": role, "status": "completed", "content": content}
        for name in ("added", "done"):
            yield _raw(f"conversation.item.{name}", previous_item_id=self._last, item=item)
        self._last = item_id
        told = Item.from_wire(item)
        told.parts[0].audio_ms = 3000 if told.parts[0].is_audio else 0
        self._enters(told)

    def _enters(self, item: Item) -> None:
        self._counts(item.id, item_tokens(item, self._laws))

    def _counts(self, item_id: str, tokens: Tokens) -> None:
        """The item is so large from now on."""
        before = self._tokens.get(item_id, Tokens())
        self._tokens[item_id] = tokens
        self._read += Tokens(tokens.text - before.text, tokens.audio - before.audio)

    def _answer(self, actions: Sequence[object]) -> None:
        """Do what the session wants; the answers are messages too, but their time belongs to no event of ours."""
        for action in actions:
            if isinstance(action, Summarise):
                self.session.summarised(action.id, "Much was said.", self._now, usage=Usage(text_in=100, text_out=4))
                self._answer(list(self.session.actions()))
            if not isinstance(action, ToService):
                continue
            wish = ev.wire(action.raw)
            if wish["type"] == "conversation.item.delete":
                self._left(wish["item_id"])
                self._counts(wish["item_id"], Tokens())
                del self._tokens[wish["item_id"]]
                self.feed(_raw("conversation.item.deleted", item_id=wish["item_id"]))
            elif wish["type"] == "conversation.item.create":
                behind = None if wish["previous_item_id"] == "root" else wish["previous_item_id"]
                for name in ("added", "done"):
                    self.feed(_raw(f"conversation.item.{name}", previous_item_id=behind, item=wish["item"]))
                self._enters(Item.from_wire(wish["item"]))
                if behind == self._last:
                    self._last = wish["item"]["id"]

    def _left(self, item_id: str) -> None:
        if item_id == self._last:
            before, _ = self.session.conversation.neighbours(item_id)
            self._last = before.id if before else None


def main() -> int:
    parser = argparse.ArgumentParser(description="What the engine costs per event, audio delta and item.")
    parser.add_argument("--items", type=_numbers, default=[10, 1_000, 100_000])
    parser.add_argument("--exchanges", type=int, default=200)
    parser.add_argument("--memory", action="append", help="only this one; may be given more than once")
    parser.add_argument("--json", action="store_true", help="one object a line")
    args = parser.parse_args()
    out = sys.stderr if args.json else sys.stdout
    print(_METHOD, file=out)
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}\n", file=out)
    print(f"{'memory':<18}{'items':>8}{'event':>10}{'mean':>10}{'growth':>8}{'delta':>10}", file=out)
    rows = list(_rows(args.memory or list(_MEMORIES), args.items, args.exchanges, args.json))
    each = _bytes_per_item()
    print(f"\nAn item held takes {each:,} bytes.", file=out)
    if args.json:
        print(json.dumps({"bytes_per_item": each}))
    return _verdict(rows, out.write)


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


def _rows(memories: list[str], lengths: list[int], exchanges: int, as_json: bool) -> Iterator[Row]:
    for name in memories:
        shortest: float | None = None
        for row in _measure(name, lengths, exchanges):
            shortest = shortest or row.event_us
            row = replace(row, growth=row.event_us / shortest)
            print(
                json.dumps(asdict(row))
                if as_json
                else f"{_shown(name):<18}{row.items:>8,}{row.event_us:>7.1f} µs{row.event_mean_us:>7.1f} µs"
                f"{row.growth:>7.2f}×{row.delta_us:>7.2f} µs",
                flush=True,
            )
            yield row


def _measure(name: str, lengths: list[int], exchanges: int) -> Iterator[Row]:
    """The conversations of all lengths take turns, so that what else the machine does disturbs all of them alike."""
    fars: list[_Far] = []
    for items in lengths:
        print(f"{_shown(name)}, {items:,} items …", file=sys.stderr, flush=True)
        numbers = count(1)
        session = Session(
            memory=name.format(items=items, tokens=_TOKENS_AN_ITEM * max(items, 1_000)),
            ids=lambda numbers=numbers: f"laconic_{next(numbers)}",
            model=_MODEL,
            laws=_LAWS,
        )
        fars.append(_Far(session))
        fars[-1].fill(items)
    for far in fars * 5:
        far.exchange()
    measured = [[far.exchange() for far in fars] for _ in range(exchanges)]
    for items, talks in zip(lengths, zip(*measured, strict=True), strict=True):
        times = [mean(events) for events, _, _ in talks]
        whole = _lower_quartile([delta for _, deltas, _ in talks for delta in deltas])
        recognised = _lower_quartile([delta for _, _, known in talks for delta in known])
        yield Row(name, items, _lower_quartile(times) * 1e6, mean(times) * 1e6, (whole - recognised) * 1e6)


def _shown(name: str) -> str:
    return name.format(items="N", tokens="M")


def _lower_quartile(times: list[float]) -> float:
    return quantiles(times, n=4)[0]


def _raw(name: str, /, **fields: Any) -> str:
    return json.dumps({"type": name, "event_id": "event_1", **fields})


def _bytes_per_item() -> int:
    far = _Far(Session(memory="everything", ids=lambda: "laconic_0", model=_MODEL, laws=_LAWS))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    far.fill(_MEMORY_ITEMS)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) // _MEMORY_ITEMS


def _verdict(rows: list[Row], say: Callable[[str], object]) -> int:
    """Whether the targets are met; what is not is named."""
    missed = [
        f"{row.memory}, {row.items:,} items: an event costs {row.growth:.2f}×" for row in rows if row.growth > _GROWTH
    ]
    missed += [
        f"{row.memory}, {row.items:,} items: a delta costs {row.delta_us:.2f} µs"
        for row in rows
        if row.delta_us >= _DELTA_US
    ]
    say(f"Targets: an event within {_GROWTH}×, a delta under {_DELTA_US:g} µs.\n")
    say("\n".join(f"Missed: {one}" for one in missed) + "\n" if missed else "All met.\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
