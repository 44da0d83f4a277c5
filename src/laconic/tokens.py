"""How many tokens a piece of content is: words, sound, and whole items with their framing.

Sound is exact: the service rounds a length down to whole tokens. Words are estimated, because the exact count
needs the service's vocabulary of 200,000 pieces, and a sentence or two matter little: text costs a twentieth of
sound. The estimate cuts a text the way o200k does (a word with the blank before it, digits in threes, runs of
punctuation) and charges each cut what such a cut costs on average. Measured against the real vocabulary, on
sentences it was not fitted to: 12 English ones, 0.7 tokens off on average (5 at worst, in one with two long
names), 2.5 % in sum; 12 Japanese ones, 1.0 off (2 at worst), 3.9 % in sum. The texts of the recordings are
within 2. Other languages are rougher: Polish 16 % short, the rest within 13 % on a few sentences each.

Where the service has said how many tokens it generated for an item, that number is used and nothing estimated.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from laconic.items import Item, Part
from laconic.laws import Laws

__all__ = [
    "FRAMINGS",
    "Tokens",
    "arguments_read_again",
    "assistant_audio_tokens",
    "framing",
    "generated_tokens",
    "instructions_tokens",
    "item_tokens",
    "text_tokens",
    "tools_tokens",
    "user_audio_tokens",
]


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """A count of each kind."""

    text: int = 0
    audio: int = 0
    image: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.text - other.text, self.audio - other.audio, self.image - other.image)

    def __bool__(self) -> bool:
        return bool(self.text or self.audio or self.image)


# Marks that stand on a letter: not letters to Python, part of the word to the vocabulary.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e31-\u0e4e"
_PIECES = re.compile(
    rf"(?P<lead>[^\r\n\w]|_)?(?P<word>(?:[^\W\d_]|[{_MARKS}])+)(?P<short>['’](?:s|t|re|ve|m|ll|d)(?![^\W_]))?"
    r"|\d{1,3}"
    r"|[ ]?(?:[^\s\w]|_)+[\r\n/]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s"
)
# Endings and particles of polite Japanese that are one token each; without them "ありがとうございます" would be six.
_JAPANESE = re.compile(
    "ありがとう|ございます|こんにちは|ください|しました|ました|ません|でしょう|という|です|ます|から|まで"
    "|している|して|する|した|ない|って|いる|れる|東京|大阪|日本|今日|明日|名前|天気"
)
_CASES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")

# Thousandths of a token for each letter of a script: first and last code point, rate. Measured on the same
# sentences as the errors above; scripts with few sentences are rough.
_SCRIPTS = (
    (0x0370, 0x03FF, 400),  # Greek
    (0x0400, 0x052F, 240),  # Cyrillic
    (0x0590, 0x05FF, 430),  # Hebrew
    (0x0600, 0x06FF, 420),  # Arabic
    (0x0900, 0x0DFF, 390),  # scripts of India
    (0x0E00, 0x0E7F, 400),  # Thai
    (0x3040, 0x309F, 780),  # hiragana
    (0x30A0, 0x30FF, 700),  # katakana
    (0x3400, 0x9FFF, 820),  # Chinese characters
    (0xAC00, 0xD7AF, 720),  # Hangul
)


@functools.lru_cache(maxsize=16_384)  # a prompt is counted again whenever a law changes, its words do not
def text_tokens(text: str) -> int:
    """Estimate how many o200k tokens `text` is; 0 for an empty one, at least 1 for any other."""
    if not text:
        return 0
    thousandths = sum(_piece_cost(*match.group(0, "lead", "word", "short")) for match in _PIECES.finditer(text))
    return max(1, (thousandths + 500) // 1000)


@functools.lru_cache(maxsize=16_384)  # most words of a text were in one before
def _piece_cost(piece: str, before: str | None, word: str | None, short: str | None) -> int:
    if word is None:
        mark = piece.strip(" ")
        # Runs of up to three signs are mostly in the vocabulary; blanks and line ends always are.
        return 1000 if not mark.strip() else 1000 * math.ceil(len(mark.rstrip("\r\n")) / 3)
    lead = 0 if before in (None, " ", "_") else 1000 if len(word) > 2 else 300
    if short and short[0] == "’":
        lead += 1000  # "it's" is one token, "it’s" is two
    if word.isascii():
        return lead + sum(_english_cost(part) for part in _CASES.findall(word))
    rest, known = _JAPANESE.subn("", word)
    return lead + max(1000, 1000 * known + sum(_letter_cost(letter) for letter in rest))


def _english_cost(word: str) -> int:
    """Common words are one token whatever their length; long ones and names fall apart sometimes."""
    length = len(word)
    if word.isupper() and length > 1:
        return 1000 if length <= 3 else 380 * length
    if word[0].isupper():
        return 1000 if length <= 4 else 1120 if length <= 8 else 180 * length
    if length <= 6:
        return 1000
    return 1040 if length <= 8 else 1100 if length <= 13 else 130 * length


def _letter_cost(letter: str) -> int:
    code = ord(letter)
    for first, last, rate in _SCRIPTS:
        if first <= code <= last:
            return rate
    return 330 if code < 0x0100 else 900  # accented Latin words; anything rarer


def user_audio_tokens(ms: int, laws: Laws) -> int:
    """Tokens of `ms` milliseconds of user sound, prefix padding included: whole ones only."""
    return ms // laws.user_audio_ms_per_token


def assistant_audio_tokens(ms: int, laws: Laws) -> int:
    """Tokens of `ms` milliseconds of the assistant's sound: whole ones only."""
    return ms // laws.assistant_audio_ms_per_token


def instructions_tokens(instructions: str | None, laws: Laws) -> int:
    """Text tokens before the first item: the instructions, the service's own where the app has none."""
    return laws.base_text + (text_tokens(instructions) if instructions else laws.default_instructions_tokens)


def tools_tokens(tools: Sequence[Mapping[str, Any]], laws: Laws) -> int:
    """Text tokens of a session's tools; 0 without any.

    The service shows the model a signature of each, a comment with the description above it, so the JSON of a
    schema costs less than its length. One small tool has been recorded, so the framing carries the fit.
    """
    return laws.tools_framing + sum(text_tokens(_signature(tool)) for tool in tools) if tools else 0


def _signature(tool: Mapping[str, Any]) -> str:
    schema = cast("Mapping[str, Any]", tool.get("parameters") or {})
    properties = cast("Mapping[str, Any]", schema.get("properties") or {})
    lines = [f"// {tool.get('description') or ''}", f"type {tool.get('name')} = (_: {{"]
    for name, given in properties.items():
        field = cast("Mapping[str, Any]", given if isinstance(given, dict) else {})  # `true` is a schema, too
        if description := field.get("description"):
            lines.append(f"// {description}")
        # A nested schema is written out as it stands: close enough, and never too cheap.
        shape = field.get("type", "any") if set(field) <= {"type", "description"} else json.dumps(field)
        lines.append(f"{name}: {shape},")
    return "\n".join([*lines, "}) => any;"])


def generated_tokens(item: Item, laws: Laws) -> Tokens:
    """Estimate what generating `item` bills, for a stand-in or where the usage was null.

    A spoken reply bills its transcript and, between the pieces of sound, about two tokens each time: 6 more than
    the words for 3 words, 12 for 15 to 17 (recordings); twice 1 + 1.25 times the root of the words fits these.
    """
    if item.type == "function_call":
        return Tokens(text_tokens(item.name or "") + text_tokens(item.arguments or "") + laws.call_extra)
    tokens = Tokens()
    for part in item.parts:
        words = text_tokens(part.text or "")
        if part.is_audio:
            # In hundredths, so that nothing depends on a float: 1 + 1.25 * sqrt(words), rounded, twice.
            pieces = (100 + math.isqrt(15_625 * words) + 50) // 100
            tokens += Tokens(words + 2 * pieces, assistant_audio_tokens(part.audio_ms, laws))
        else:
            tokens += Tokens(words + laws.reply_text_extra)
    return tokens


def item_tokens(
    item: Item, laws: Laws, *, generated: Mapping[str, Tokens] | None = None, sound_dropped: bool = False
) -> Tokens:
    """What `item` adds to the input of a response.

    `generated` maps the ids of items the service made to the output tokens it reported for them; others are
    estimated. `sound_dropped` says that a newer reply has taken this reply's place as the one with sound.
    """
    if item.type == "function_call_output":
        return Tokens(text_tokens(item.output or "") + laws.call_output_framing)
    if item.type == "message" and item.role != "assistant":
        return _told_tokens(item.parts, laws)
    if item.type not in ("message", "function_call"):
        # MCP items and what may come: their words and no more, since none has been recorded.
        return Tokens(text_tokens(item.text or ""))
    if any(part.is_audio and part.text is None for part in item.parts):
        audio = assistant_audio_tokens(item.audio_ms, laws)
        return Tokens(laws.truncated_reply_text, 0 if sound_dropped else audio)
    tokens = (generated or {}).get(item.id) or generated_tokens(item, laws)
    text = tokens.text + laws.reply_framing
    text -= text_tokens(item.arguments or "") - text_tokens(arguments_read_again(item, laws))
    if sound_dropped:
        return Tokens(max(0, text - laws.dropped_reply_discount(tokens.audio)))
    return Tokens(text, tokens.audio)


FRAMINGS = (
    "user_text_framing",
    "user_audio_framing",
    "reply_framing",
    "call_output_framing",
    "truncated_reply_text",
)
"""The laws that add tokens to an item's own."""


def framing(item: Item) -> str | None:
    """Which of FRAMINGS `item_tokens` adds to what an item holds; None for items of types nobody has measured."""
    if item.type == "function_call_output":
        return "call_output_framing"
    if item.type not in ("message", "function_call"):
        return None
    if item.type == "message" and item.role != "assistant":
        return "user_audio_framing" if any(part.is_audio for part in item.parts) else "user_text_framing"
    cut = any(part.is_audio and part.text is None for part in item.parts)
    return "truncated_reply_text" if cut else "reply_framing"


def _told_tokens(parts: Sequence[Part], laws: Laws) -> Tokens:
    """A user's or system's message. One framing each: the spoken one's is the larger and covers both."""
    audio_ms = sum(part.audio_ms for part in parts if part.is_audio)
    words = sum(text_tokens(part.text or "") for part in parts if not part.is_audio)
    images = sum(laws.image_tokens for part in parts if part.kind == "input_image")
    framing = laws.user_audio_framing if any(part.is_audio for part in parts) else laws.user_text_framing
    return Tokens(words + framing, user_audio_tokens(audio_ms, laws), images)


def arguments_read_again(item: Item, laws: Laws) -> str:
    """A call's arguments as they stand in the next input: as they were made, or without blanks (Azure)."""
    arguments = item.arguments or ""
    if not laws.compacts_arguments:
        return arguments
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return arguments
