"""From what is held to what will be said: a mind, a voice, and the habits of the model they stand in for.

The mind gets words and nothing else, those that can be heard in what the conversation holds at this moment. What it
answers becomes outputs of a response: a message, spoken or written, and function calls behind it. The voice takes
its time in a thread of its own and is asked for the sound when the first of it is due, so that who shares a loop with
the stand-in, as a talk on one machine does, is not held up by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from laconic.items import Item, Wire
from laconic.simulator.answering import Composed
from laconic.simulator.minds.reply import HeardItem, Mind
from laconic.simulator.responding import Call, Message, Output, Promised
from laconic.simulator.speech import Spoken

__all__ = ["MindAndVoice", "Says", "heard_items", "written_arguments"]

_VOICE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stand-in voice")
"""One at a time: engines need not be able to do more."""
_COMMENTARY = {"en": "Let me look that up for you.", "ja": "少しお待ちください。"}


class Says(Protocol):
    """What `speech.Speech` does."""

    def say(
        self,
        text: str,
        lang: str = "en",
        *,
        reading: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
    ) -> Spoken: ...


class MindAndVoice:
    """`commentary`: whether a model that marks its phases says a word before it calls a function (2.1 did, in three
    of four probes). `drift_after`: how many written replies make it write, too; see `Habits`."""

    def __init__(self, mind: Mind, voice: Says, *, commentary: bool = True, drift_after: int | None = None) -> None:
        self._mind, self._voice, self._commentary, self._drift_after = mind, voice, commentary, drift_after

    def compose(self, items: Sequence[Item], settings: Wire) -> Composed:
        """What this response will be, and how long the mind thinks about it."""
        second = settings["model"].startswith("gpt-realtime-2")
        tools: list[Mapping[str, Any]] = settings["tools"] if settings["tool_choice"] != "none" else []
        reply = self._mind.answer(heard_items(items), settings["instructions"], tools)
        outputs: list[Output | Promised] = []
        text, reading = reply.text, reply.reading
        if not text and reply.calls and second and self._commentary:
            text, reading = _COMMENTARY["ja" if reply.lang == "ja" else "en"], None
        phase = ("commentary" if reply.calls else "final_answer") if second else None
        if text:
            spoken = settings["output_modalities"] == ["audio"] and not reply.text_only and not self._drifts(items)
            if spoken:
                sound: Wire = settings["audio"]["output"]
                voice = sound["voice"] if isinstance(sound["voice"], str) else None
                speed: float = sound["speed"]
                said = _VOICE.submit(self._voice.say, text, reply.lang, reading=reading, voice=voice, speed=speed)
                outputs.append(partial(_message, said, phase))
            else:
                outputs.append(Message([(text, 0, 0)], None, phase))
        outputs += [Call(name, written_arguments(given, pretty=not second)) for name, given in reply.calls]
        return Composed(outputs, reply.delay_ms / 1000)

    def _drifts(self, items: Sequence[Item]) -> bool:
        written = sum(any(part.kind == "output_text" for part in item.parts) for item in items)
        return self._drift_after is not None and written >= self._drift_after


def _message(said: Future[Spoken], phase: str | None) -> Message:
    """What is said, once it is. Waits where the voice is slower than the service's latency."""
    return Message(said.result().words, said.result().pcm, phase)


def heard_items(items: Sequence[Item]) -> list[HeardItem]:
    """Items as a mind takes them."""
    names = {item.call_id: item.name for item in items if item.type == "function_call"}
    return [_heard_item(item, names) for item in items]


def _heard_item(item: Item, names: Mapping[str | None, str | None]) -> HeardItem:
    if item.type == "function_call":
        return HeardItem("tool", item.arguments, "call", item.name)
    if item.type == "function_call_output":
        return HeardItem("tool", item.output, "output", names.get(item.call_id))
    sounds = any(part.is_audio for part in item.parts)
    return HeardItem(item.role or "tool", item.text, "audio" if sounds else "text")


def written_arguments(arguments: Mapping[str, Any], *, pretty: bool) -> str:
    """Arguments as models write them: gpt-realtime with blanks and lines (recorded), 2.x without."""
    if not pretty:
        return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    fields = ", \n".join(
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items()
    )
    return f"{{  \n{fields} \n}} \n" if fields else "{}"
