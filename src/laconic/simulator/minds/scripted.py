"""A mind that follows a script, for tests and demonstrations where the answer must be this and no other.

A script is a TOML file of `[[reply]]` tables; the first that fits answers. Example:

    [[reply]]
    when = "weather in (?P<city>\\\\w+)"
    call = "get_weather"
    arguments = { city = "{city}" }

    [[reply]]
    output_of = "get_weather"
    text = "It is {degrees} degrees in {city}."

    [[reply]]
    text = "I only know about the weather."
    delay_ms = 300

`when` is a regular expression, searched in what the user has said since the last reply, regardless of case.
`output_of` fits when the newest item is that function's output; if it is a JSON object its fields fill the braces,
as the named groups of `when` do. A table with neither always fits. What no table fits, another mind may answer:
`otherwise = "facts"` (or small_talk, or echo) before the first table.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from laconic.errors import BadInput
from laconic.simulator.minds.facts import Facts
from laconic.simulator.minds.reply import Echo, HeardItem, Mind, Reply, language, last_said
from laconic.simulator.minds.small_talk import SmallTalk

__all__ = ["BUILT_IN", "Scripted"]

BUILT_IN: dict[str, type[Echo] | type[SmallTalk] | type[Facts]] = {
    "echo": Echo,
    "small_talk": SmallTalk,
    "facts": Facts,
}
"""The minds that need no script, by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    when: re.Pattern[str] | None
    output_of: str | None
    text: str
    reading: str | None
    call: str | None
    arguments: Mapping[str, Any]
    delay_ms: int
    text_only: bool

    def fills(self, said: str, newest: HeardItem | None) -> dict[str, str] | None:
        """The words for the braces if this entry fits, else None."""
        filled: dict[str, str] = {}
        output = newest if newest is not None and newest.kind == "output" else None
        if self.output_of is not None:
            if output is None or output.name != self.output_of:
                return None
            filled |= _fields(output.text or "")
        elif self.when is not None and output is not None:
            return None  # the question has had its call; now it is the output's turn
        if self.when is not None:
            match = self.when.search(said)
            if match is None:
                return None
            filled |= {name: value or "" for name, value in match.groupdict().items()}
        return filled


class Scripted:
    """Answers by a script. Raises BadInput, in one sentence, if it cannot be read."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"The script {path} cannot be read: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"The script {path} is not valid TOML: {error}") from error
        replies = table.get("reply")
        if not isinstance(replies, list) or not replies or set(table) - {"reply", "otherwise"}:
            raise BadInput(
                f"The script {path} must hold [[reply]] tables, at least one, and beside them only 'otherwise'"
            )
        otherwise = table.get("otherwise")
        if otherwise is not None and (not isinstance(otherwise, str) or otherwise not in BUILT_IN):
            raise BadInput(f"'otherwise' must be one of {', '.join(BUILT_IN)} in the script {path}")
        self._otherwise: Mind | None = BUILT_IN[otherwise]() if otherwise is not None else None
        self._entries = [_entry(reply, f"reply {nth} of the script {path}") for nth, reply in enumerate(replies, 1)]

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        said = last_said(items)
        newest = items[-1] if items else None
        for entry in self._entries:
            filled = entry.fills(said, newest)
            if filled is not None:
                return _reply(entry, filled, lang)
        if self._otherwise is not None:
            return self._otherwise.answer(items, instructions, tools, lang)
        return Reply(text="My script has no answer to that.", lang=lang or "en")


def _reply(entry: _Entry, filled: Mapping[str, str], lang: str | None) -> Reply:
    text = _fill(entry.text, filled)
    calls = ((entry.call, {key: _fill(value, filled) for key, value in entry.arguments.items()}),) if entry.call else ()
    return Reply(
        text=text,
        reading=_fill(entry.reading, filled),
        lang=lang or language(text),
        calls=calls,
        delay_ms=entry.delay_ms,
        text_only=entry.text_only,
    )


_SHAPES: dict[str, tuple[type, str]] = {
    "when": (str, "a regular expression"),
    "output_of": (str, "the name of a function"),
    "text": (str, "a text"),
    "reading": (str, "a text in kana"),
    "call": (str, "the name of a function"),
    "arguments": (dict, "a table"),
    "delay_ms": (int, "a whole number of milliseconds"),
    "text_only": (bool, "true or false"),
}


def _entry(given: object, where: str) -> _Entry:
    if not isinstance(given, dict):
        raise BadInput(f"What stands as {where} is not a table; write it as [[reply]]")
    table = cast("Mapping[str, Any]", given)
    for name, value in table.items():
        if name not in _SHAPES:
            raise BadInput(f"There is no setting '{name}' in {where}; known are {', '.join(_SHAPES)}")
        shape, words = _SHAPES[name]
        if type(value) is not shape:
            raise BadInput(f"'{name}' must be {words} in {where}")
    if not table.get("text") and not table.get("call"):
        raise BadInput(f"Neither a text nor a call stands in {where}; write one of them")
    try:
        when = re.compile(table["when"], re.IGNORECASE) if "when" in table else None
    except re.error as error:
        raise BadInput(f"'when' is not a regular expression in {where}: {error}") from error
    return _Entry(
        when=when,
        output_of=table.get("output_of"),
        text=table.get("text", ""),
        reading=table.get("reading"),
        call=table.get("call"),
        arguments=table.get("arguments", {}),
        delay_ms=table.get("delay_ms", 0),
        text_only=table.get("text_only", False),
    )


def _fields(output: str) -> dict[str, str]:
    """The fields of a JSON object as words; the whole output is `{output}`."""
    try:
        parsed = json.loads(output)
    except ValueError:
        parsed = None
    fields = {str(key): str(value) for key, value in parsed.items()} if isinstance(parsed, dict) else {}
    return {"output": output, **fields}


def _fill(value: Any, filled: Mapping[str, str]) -> Any:
    """Put words into the braces of a text; a brace nobody fills stays as it is."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\{(\w+)\}", lambda brace: filled.get(brace[1], brace[0]), value)
