"""The most the next response can cost: everything it would read, none of it from cache, and all it may write.

What is read is summed up from the items the service holds, item by item as they come and go, so that asking costs the
same however long the talk is. Our laws of counting may be off, and a budget must hold all the same. So the sum is
corrected by what the last report showed to be missing, and widened by margins, which are these:

- an eighth of the text and 64 tokens, since words are estimated (tokens.py: 16 % short at worst so far);
- the sound of replies which the law says is dropped, as far as no report has shown since that it really is;
- an image at 1,500 tokens until a report has counted it;
- sound twice and 400 tokens of text, until three responses have been reported: the largest of the framings we know
  is 292 for having tools.

The services' truncation is taken into account only as the bound it is: no more is read than fits in the context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec

from laconic import events as ev
from laconic.budget import Unit
from laconic.conversation import Conversation
from laconic.expectation import shared_out
from laconic.items import Item, Wire
from laconic.laws import Laws
from laconic.rates import Rates
from laconic.tokens import Tokens, instructions_tokens, item_tokens, text_tokens, tools_tokens
from laconic.usage import Usage

__all__ = ["Reading", "Spend", "input_price", "longest_output", "output_price", "transcription_price"]

_WIDE = 8
_WIDE_TOKENS = 64
_IMAGE_TOKENS = 1_500
_TRUSTED, _UNTRUSTED_TOKENS = 3, 400
"""So many reports, and the text that is added before them."""
_DENSEST_MS = 8
"""Milliseconds of the user's sound in a token where nobody has measured it: Qwen's 125 a second (hyprwhspr#227)."""
_NUMBER_AT_MOST = 4_096
"""The longest reply of the models with 32,000 tokens of context (PROTOCOL.md section 9)."""


class Spend(msgspec.Struct, frozen=True, gc=False):
    """Money and tokens, together."""

    nanodollars: int = 0
    tokens: int = 0

    def __add__(self, other: Spend) -> Spend:
        return Spend(self.nanodollars + other.nanodollars, self.tokens + other.tokens)

    def of(self, unit: Unit) -> int:
        """How much of this unit; no time at all."""
        return self.nanodollars if unit == "nanodollars" else self.tokens if unit == "tokens" else 0


@dataclass(slots=True)
class _Asked:
    """A response under way that reads the conversation as it stood."""

    counted: Tokens
    newest: int
    images: int


class Reading:
    """What responses of one conversation read at most. Feed it with `follow`, after the conversation itself."""

    def __init__(self, conversation: Conversation, laws: Laws) -> None:
        self._conversation = conversation
        self._laws = laws
        self._items: dict[str, Tokens] = {}
        self._generated: dict[str, Tokens] = {}
        self._made: set[str] = set()  # the assistant's items
        self._reply_audio: dict[str, int] = {}  # by item: audio tokens of the whole response that made it
        self._text = self._audio = self._images = 0
        self._replies = 0  # part of `_audio`: the assistant's
        self._head: tuple[object, object, int] | None = None
        self._asked: dict[str, _Asked] = {}
        self._missing = Tokens()
        self._unshown = 0  # audio tokens of replies that no report has shown to be dropped
        self._fresh_images = 0
        self._reports = 0

    @property
    def laws(self) -> Laws:
        return self._laws

    @laws.setter
    def laws(self, laws: Laws) -> None:
        free: Wire = {"hit_rate": 0.0, "cache_block": 64}
        changed = replace(laws, **free) != replace(self._laws, **free)
        self._laws = laws
        if changed:
            self._head = None
            self._items.clear()
            self._text = self._audio = self._images = self._replies = 0
            for item in self._conversation:
                self._put(item)

    # --- following -------------------------------------------------------------------------------------------

    def follow(self, event: ev.Event) -> None:
        """The service said this, and the conversation has read it."""
        match event:
            case ev.ConversationItemAdded(item=wire):
                if wire.get("id") not in self._items and _has_image(wire):
                    self._fresh_images += 1
                self._renew(wire.get("id"))
            case ev.ConversationItemDone(item=wire) | ev.ResponseOutputItemDone(item=wire):
                self._renew(wire.get("id"))
            case ev.ConversationItemTruncated(item_id=item_id) | ev.InputAudioBufferSpeechStopped(item_id=item_id):
                self._renew(item_id)
            case ev.ConversationItemDeleted(item_id=item_id):
                self._renew(item_id)
                self._generated.pop(item_id, None)
                self._reply_audio.pop(item_id, None)
                self._made.discard(item_id)
            case _:
                pass

    def created(self, response_id: str) -> None:
        """A response began that reads the conversation itself, with the session's own settings."""
        self._asked[response_id] = _Asked(self._count(self._conversation.settings), self._newest(), self._fresh_images)

    def done(self, event: ev.ResponseDone, usage: Usage | None) -> None:
        """A response ended; learn from what it is reported to have read, and take in what it made."""
        response_id: str = event.response.get("id") or ""
        asked = self._asked.pop(response_id, None)
        if asked is not None and usage is not None and usage.input_tokens:
            self._reports += 1
            self._unshown = asked.newest
            self._fresh_images -= asked.images
            self._missing = Tokens(
                max(0, usage.text_in - asked.counted.text),
                max(0, usage.audio_in - asked.counted.audio),
                max(0, usage.image_in - asked.counted.image),
            )
        wires = cast("list[Wire]", event.response.get("output") or [])
        made = [item for item in (self._conversation.get(wire.get("id", "")) for wire in wires) if item is not None]
        tokens = shared_out(made, usage, self._laws)
        audio = sum(count.audio for count in tokens)
        self._unshown += audio
        for item, count in zip(made, tokens, strict=True):
            self._generated[item.id] = count
            self._reply_audio[item.id] = audio
            self._renew(item.id)
        # An item that a response left behind empty may have gone without a word.
        for item_id in [item_id for item_id in self._items if item_id not in self._conversation] if not made else ():
            self._renew(item_id)

    def _renew(self, item_id: str | None) -> None:
        """Count this item anew, or no longer."""
        old = self._items.pop(item_id or "", None)
        if old is not None:
            self._text -= old.text
            self._audio -= old.audio
            self._images -= old.image
            self._replies -= old.audio if item_id in self._made else 0
        item = self._conversation.get(item_id or "")
        if item is not None:
            self._put(item)

    def _put(self, item: Item) -> None:
        count = self._items[item.id] = item_tokens(item, self._laws, generated=self._generated)
        self._text += count.text
        self._audio += count.audio
        self._images += count.image
        if item.role == "assistant":
            self._made.add(item.id)
            self._replies += count.audio

    # --- asking ----------------------------------------------------------------------------------------------

    def most(self, own: Wire, unheard_ms: int = 0, pending: Sequence[Wire] = ()) -> Tokens:
        """Tokens a response would read at most that was asked for now, with settings of its `own` on top of the
        session's. `unheard_ms`: the user's sound that may yet be in it and is in no item the service spoke of.
        `pending`: sessions that may be in force before it is created."""
        settings = self._conversation.settings | {key: value for key, value in own.items() if value is not None}
        chosen: object = own.get("input")
        entering_ms = unheard_ms
        if isinstance(chosen, list):
            count = self._chosen(settings, cast("list[Wire]", chosen))
        else:
            count = self._count(settings)
            entering = [item_tokens(item, self._laws) for item in self._conversation.input.entering]
            count = sum(entering, count)
            entering_ms += self._conversation.input.entering_ms
            count += self._missing
            if not self._laws.keeps_reply_audio:
                # No more than the replies that are still held.
                count += Tokens(audio=max(0, min(self._unshown, self._replies) - self._newest()))
        count += Tokens(audio=entering_ms // self._token_ms + 1 if entering_ms else 0)
        for session in pending:
            tools = tools_tokens(session.get("tools") or (), self._laws)
            count += Tokens(tools + (text_tokens(session["instructions"]) if session.get("instructions") else 0))
        images = self._fresh_images * max(0, _IMAGE_TOKENS - self._laws.image_tokens)
        text, audio = count.text + count.text // _WIDE + _WIDE_TOKENS, count.audio
        if self._reports < _TRUSTED:
            text, audio = text + _UNTRUSTED_TOKENS, 2 * audio
        most = Tokens(text, audio, count.image + images)
        return most if isinstance(chosen, list) else self._fitting(most)

    @property
    def _token_ms(self) -> int:
        known = self._laws.user_audio_ms_per_token
        return min(known, _DENSEST_MS) if "user_audio_ms_per_token" in self._laws.unverified else known

    def _count(self, settings: Wire) -> Tokens:
        """The whole conversation by the laws in force, without any margin."""
        audio = self._audio
        if not self._laws.keeps_reply_audio:
            audio += self._newest() - self._replies
        return Tokens(self._head_tokens(settings) + self._text, audio, self._images)

    def _newest(self) -> int:
        """Audio tokens of the newest reply that still has its sound."""
        if self._replies == 0:
            return 0
        made = (item.id for item in reversed(self._conversation) if item.id in self._made and item.id in self._items)
        newest = next((item_id for item_id in made if self._items[item_id].audio), "")
        return self._reply_audio.get(newest, self._items[newest].audio if newest else 0)

    def _head_tokens(self, settings: Wire) -> int:
        instructions, tools = settings.get("instructions"), settings.get("tools") or ()
        if self._head is None or self._head[0] is not instructions or self._head[1] is not tools:
            count = instructions_tokens(instructions, self._laws) + tools_tokens(
                cast("Sequence[Any]", tools), self._laws
            )
            self._head = instructions, tools, count
        return self._head[2]

    def _chosen(self, settings: Wire, wires: list[Wire]) -> Tokens:
        """A response that reads what it brings along, or refers to."""
        count = Tokens(self._head_tokens(settings))
        sound_ms = 0
        for wire in wires:
            if wire.get("type") == "item_reference":
                count += self._items.get(str(wire.get("id"))) or self._largest_entering()
            else:
                count += item_tokens(Item.from_wire(wire), self._laws)
                sound_ms += self._conversation.input.sound_in(wire)
                count += Tokens(image=_IMAGE_TOKENS * _has_image(wire))
        return count + Tokens(audio=sound_ms // self._token_ms)

    def _largest_entering(self) -> Tokens:
        """What a reference to an item that we have not seen may mean at most."""
        entering = (item_tokens(item, self._laws) for item in self._conversation.input.entering)
        largest = max(entering, key=lambda count: count.text + count.image, default=Tokens())
        return largest + Tokens(audio=self._conversation.input.entering_ms // self._token_ms)

    def _fitting(self, count: Tokens) -> Tokens:
        """No more than fits in the context. What costs most is kept."""
        if "context_tokens" in self._laws.unverified:
            return count
        room = self._laws.context_tokens
        audio = min(count.audio, room)
        image = min(count.image, room - audio)
        return Tokens(min(count.text, room - audio - image), audio, image)


def _has_image(wire: Wire) -> bool:
    return any(part.get("type") == "input_image" for part in wire.get("content") or ())


def longest_output(rates: Rates | None, laws: Laws) -> int:
    """Tokens a model writes at most where nothing limits it (PROTOCOL.md section 9)."""
    if rates is not None and rates.max_output is not None:
        return rates.max_output
    return 32_000 if laws.context_tokens >= 128_000 else _NUMBER_AT_MOST


def input_price(count: Tokens, rates: Rates, laws: Laws) -> int:
    """Nano-dollars for reading this, none of it from cache. What has no price of its own costs the dearest there is."""
    if rates.per_minute is not None:
        return count.audio * laws.user_audio_ms_per_token * rates.per_minute // 60_000 + 1
    text, audio, image = rates.text_in, rates.audio_in, rates.image_in
    dearest = max(price or 0 for price in (text, audio, image))
    prices = (dearest if price is None else price for price in (text, audio, image))
    return sum(tokens * price for tokens, price in zip((count.text, count.audio, count.image), prices, strict=True))


def output_price(rates: Rates, laws: Laws, *, spoken: bool) -> int:
    """Nano-dollars for one token written, at the dearest a response of this kind can cost."""
    if rates.per_minute is not None:
        return laws.assistant_audio_ms_per_token * rates.per_minute // 60_000 + 1
    written = (rates.text_out, rates.text_out_text_only, rates.text_out_with_audio)
    return max(price or 0 for price in (*written, rates.audio_out if spoken else None))


def transcription_price(ms: int, rates: Sequence[Rates]) -> Spend:
    """The most that writing down so much sound can cost, at the dearest of `rates`.

    Seconds are rounded up; tokens are counted as gpt-4o-transcribe reports them, one for 100 ms and no more than
    eight of text a second.
    """
    seconds = ms // 1000 + 1
    heard, written = ms // 100 + 1, 8 * seconds + 20
    dearest = 0
    for each in rates:
        by_tokens = (each.audio_in or 0) * heard + (each.text_out or 0) * written
        dearest = max(dearest, by_tokens, (each.per_minute or 0) * seconds // 60 + 1)
    return Spend(dearest, heard + written)
