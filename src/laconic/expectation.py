"""What the next response will be reported to read, reckoned before the service says so.

Follow a conversation with `said` and `read`, after the mirror has read the same event. When a response is created its
prompt is laid out and its input counted by the laws in force; when it is done, what it generated is shared out to
its items at the size the service reported, and the laws learn from the difference (learning.py).

What it costs. Between responses, one set operation for each event that names an item. At a response, the work of the
items from the last one backwards to the first that entered, left or changed since the response before: two or three
in a talk that only grows or whose oldest items leave, all of them after another change in its older half or of a law
about sound. What lies before is kept as a sum, in which framing is counted by how often it occurs: the laws about it
are learned all the time. An item held takes about a kilobyte.

Responses with settings of their own (other instructions or tools, an `input`, out of band) are laid out whole; where
they begin otherwise than the conversation's own prompt they have prompt-cache lines of their own, as recorded
(notebook, November 2025). Nothing is learned from those out of
band: there the reported sound did not fit what was heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from laconic import events as ev
from laconic.contents import Contents
from laconic.conversation import Conversation
from laconic.items import Item, Wire
from laconic.laws import Laws
from laconic.layout import Layout
from laconic.learning import Learner
from laconic.line import Line
from laconic.prompt_cache import PromptCache, Segment, common_prefix, whole_blocks
from laconic.tokens import FRAMINGS, Tokens, generated_tokens
from laconic.usage import Usage

__all__ = ["Expectation", "Expected", "Foreseen", "shared_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Tokens a response will read. Gross counts include the cached ones."""

    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    cached_text: int = 0
    """What the prompt cache promises; it comes with the laws' hit rate."""
    cached_audio: int = 0

    @property
    def input_tokens(self) -> int:
        return self.text_in + self.audio_in + self.image_in


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A response that is done: what was expected of it beside what was reported."""

    response_id: str
    expected: Expected | None
    """None where its creation was not seen."""
    usage: Usage | None


@dataclass(slots=True)
class _Asked:
    """A response in progress."""

    expected: Expected
    contents: Contents
    aside: list[Segment] | None
    """Its whole prompt, if it is not the conversation's own."""
    out_of_band: bool


class Expectation:
    """One conversation's. `laws` are those in force; with `learn` they follow what is reported."""

    def __init__(self, laws: Laws, *, learn: bool = True) -> None:
        self._learner = Learner(laws) if learn else None
        self._layout = Layout(laws)
        self._line = Line()
        self._head: list[Segment] = []  # of the last prompt
        self._headed: tuple[str | None, Sequence[Wire]] | None = None
        self._next_head: list[Segment] = []
        self._touched: set[str] = set()
        self._stale = False
        self._counted: set[str] = set()  # items that were billed as new, where only those are
        self._asides = PromptCache(block=1)
        self._creates: deque[ev.ResponseCreate] = deque(maxlen=16)
        self._asked: dict[str, _Asked] = {}

    @property
    def laws(self) -> Laws:
        return self._layout.laws

    @laws.setter
    def laws(self, laws: Laws) -> None:
        """Other laws from now on, as when the service has said which model it is; learning begins again."""
        if self._learner is not None:
            self._learner = Learner(laws)
        self._rule(laws)

    @property
    def responses(self) -> int:
        """How many responses the laws have learned from."""
        return self._learner.responses if self._learner is not None else 0

    # --- what arrives ----------------------------------------------------------------------------------------

    def said(self, event: ev.Event) -> None:
        """The app sent this."""
        if isinstance(event, ev.ResponseCreate):
            self._creates.append(event)

    def read(self, event: ev.Event, conversation: Conversation) -> Foreseen | None:
        """The service said this, and `conversation` has read it. What was foreseen, if it ends a response."""
        match event:
            case ev.ConversationItemDeleted(item_id=item_id):
                if item_id in self._line.place:
                    self._touched.add(item_id)
                else:  # it came and went, and no response read it
                    self._touched.discard(item_id)
                self._layout.forget(item_id)
                self._line.gone.discard(item_id)
            case (
                ev.ConversationItemTruncated(item_id=item_id)
                | ev.InputAudioBufferSpeechStopped(item_id=item_id)
                | ev.InputAudioBufferCommitted(item_id=item_id)
            ):
                self._touched.add(item_id)
            case (
                ev.ConversationItemAdded(item=item)
                | ev.ConversationItemDone(item=item)
                | ev.ResponseOutputItemDone(item=item)
            ):
                self._touched.add(item.get("id", ""))
            case ev.Error(error=error):
                self._refused(error)
            case ev.ResponseCreated(response=response):
                self._ask(response, conversation)
            case ev.ResponseDone():
                return self._report(event, conversation)
            case _:
                pass
        return None

    def next(self, conversation: Conversation) -> Expected:
        """What a response would read that was created now, with the session's own settings."""
        settings = conversation.settings
        return self._reckon(conversation, settings.get("instructions"), settings.get("tools") or ())[1]

    # --- a response ------------------------------------------------------------------------------------------

    def _ask(self, response: Wire, conversation: Conversation) -> None:
        out_of_band = "conversation_id" in response and response["conversation_id"] is None
        own = self._own_settings(out_of_band)
        instructions, tools = (conversation.settings.get(key) for key in ("instructions", "tools"))
        head: tuple[str | None, Sequence[Wire]]
        head = own.get("instructions") or instructions, (tools if own.get("tools") is None else own["tools"]) or ()
        items: object = own.get("input")
        special = out_of_band or isinstance(items, list) or head != (instructions, tools or ())
        if special and self.laws.bills_whole_input:
            if isinstance(items, list):
                chosen = _chosen(cast("list[Wire]", items), conversation)
            else:
                chosen = self._read_by(conversation, self._layout.head(*head))
            asked = self._aside(*head, chosen, out_of_band)
        else:
            self._head, expected = self._reckon(conversation, *head)
            asked = _Asked(expected, self._line.contents(self._head, _framings(*head)), None, out_of_band)
            if not self.laws.bills_whole_input:
                self._counted.update(block.item_id for block in self._line.blocks[self._line.shared :])
            self._line.read()
        self._asked[response.get("id", "")] = asked

    def _own_settings(self, out_of_band: bool) -> Wire:
        """Those of the oldest `response.create` it may answer; a response to a turn answers none and has none."""
        for create in self._creates:
            own = create.response or {}
            if (own.get("conversation") == "none") == out_of_band:
                self._creates.remove(create)
                return own
        return {}

    def _refused(self, error: ev.ErrorDetail) -> None:
        """A create that was refused will be answered by no response."""
        late = error.code == "conversation_already_has_active_response" or (error.param or "").startswith("response")
        for create in self._creates:
            if (create.event_id == error.event_id) if error.event_id is not None else late:
                self._creates.remove(create)
                return

    def _report(self, event: ev.ResponseDone, conversation: Conversation) -> Foreseen:
        response_id = event.response.get("id", "")
        asked = self._asked.pop(response_id, None)
        usage = Usage.from_wire(event.response.get("usage"), top_level=event.usage)
        said = (Item.from_wire(item) for item in event.response.get("output") or ())
        made = [conversation.get(item.id) or item for item in said]
        if asked is None or not asked.out_of_band:
            self._layout.made(made, shared_out(made, usage, self.laws))
            self._touched.update(item.id for item in made)
        if asked is None:
            return Foreseen(response_id, None, usage)
        fresh = self._layout.fresh(made)
        if asked.aside is not None:
            self._asides.remember([*asked.aside, *fresh])
        else:
            self._line.tail += fresh
        if self._learner is not None and usage is not None and usage.input_tokens and not asked.out_of_band:
            expected = asked.expected
            promise = Tokens(expected.cached_text, expected.cached_audio)
            read = Tokens(expected.text_in, expected.audio_in, expected.image_in)
            whole = event.response.get("status") == "completed"
            spoken = (sum(item.audio_ms for item in made), usage.audio_out) if whole else (0, 0)
            self._rule(self._learner.learn(read, promise, asked.contents, usage, made=spoken))
        return Foreseen(response_id, asked.expected, usage)

    def _rule(self, laws: Laws) -> None:
        before, self._layout.laws = self.laws, laws
        if replace(laws, **_UNCOUNTED) == replace(before, **_UNCOUNTED):
            return
        self._headed = None
        if replace(laws, **_WORDLY) != replace(before, **_WORDLY):
            self._stale = True
        else:
            self._line.reframe({law: getattr(laws, law) - getattr(before, law) for law in FRAMINGS})

    # --- counting --------------------------------------------------------------------------------------------

    def _reckon(
        self, conversation: Conversation, instructions: str | None, tools: Sequence[Wire]
    ) -> tuple[list[Segment], Expected]:
        """The head of the conversation's own prompt, and what reading all of it comes to."""
        if self._headed != (instructions, tools):
            self._headed, self._next_head = (instructions, tools), self._layout.head(instructions, tools)
        head = self._next_head
        self._lay(conversation)
        if not self.laws.bills_whole_input:
            new = (block for block in self._line.blocks[self._line.shared :] if block.item_id not in self._counted)
            told = (self._line.counted(block) for block in new if block.framing in _TOLD)
            return head, self._expected(sum(told, Tokens()), Tokens())
        self._truncate(conversation, head)
        prefix = common_prefix(self._head, head)
        if [part.fingerprint for part in self._head] == [part.fingerprint for part in head]:
            prefix += self._line.prefix()
        return head, self._expected(sum((part.tokens for part in head), self._line.tokens), prefix)

    def _aside(
        self, instructions: str | None, tools: Sequence[Wire], items: Sequence[Item], out_of_band: bool
    ) -> _Asked:
        """A response that reads another prompt than the conversation's own."""
        line, newest = Line(), self._layout.newest_sound(reversed(items))
        for item in items:
            line.add(self._layout.block(item, newest))
        head = self._layout.head(instructions, tools)
        segments = head + [part for block in line.blocks for part in block.segments]
        count = sum((part.tokens for part in head), line.tokens)
        prefixes = self._asides.promised(segments), common_prefix([*self._head, *self._line.previous()], segments)
        expected = self._expected(count, max(prefixes, key=lambda prefix: prefix.text + prefix.audio))
        return _Asked(expected, line.contents(head, _framings(instructions, tools)), segments, out_of_band)

    def _expected(self, count: Tokens, prefix: Tokens) -> Expected:
        cached = whole_blocks(prefix, self.laws.cache_block)
        return Expected(
            text_in=count.text,
            audio_in=count.audio,
            image_in=count.image,
            cached_text=cached.text,
            cached_audio=cached.audio,
        )

    def _lay(self, conversation: Conversation) -> None:
        """Bring the conversation's own line up to date."""
        line = self._line
        kept, later = self._unchanged(conversation)
        newest = self._layout.newest_sound(reversed(later))
        if newest is None:
            newest = next((line.blocks[place].reply for place in reversed(line.spoken) if place < kept), None)
        still_right = self._still_right(kept, newest)
        again = list(filter(None, (conversation.get(block.item_id) for block in line.blocks[still_right:kept])))
        line.cut(still_right)
        for item in again + later:
            line.add(self._layout.block(item, newest))
        self._touched.clear()
        self._stale = False

    def _read_by(self, conversation: Conversation, head: Sequence[Segment]) -> list[Item]:
        """The items a response reads that has this head and no `input` of its own."""
        self._lay(conversation)
        self._truncate(conversation, head)
        return [item for item in conversation if item.id not in self._line.gone]

    def _truncate(self, conversation: Conversation, head: Sequence[Segment]) -> None:
        """Foresee what the service lets go because its context, or the session's own limit, is full.

        It says nothing of it. The oldest items leave until a share of the limit is left, an output with its call; the
        newest item always stays (PROTOCOL.md section 10). A context that is only a guess is not taken for a limit.
        """
        line, setting = self._line, conversation.settings.get("truncation")
        limit, share = (self._layout.room(head) if "context_tokens" not in self.laws.unverified else None), 1.0
        if isinstance(setting, dict):
            own = cast(Wire, setting)
            given = (own.get("token_limits") or {}).get("post_instructions")
            limit, share = min((mark for mark in (limit, given) if mark), default=None), own.get("retention_ratio", 1.0)
        if limit is None or setting == "disabled" or _sum(line.tokens) <= limit:
            return
        calls: set[str | None] = set()
        for place in line.oldest():
            item = conversation.get(line.blocks[place].item_id)
            orphan = item is not None and item.type == "function_call_output" and item.call_id in calls
            fits = _sum(line.tokens) <= limit * share
            if place == len(line.blocks) - 1 or (fits and not calls):
                return
            if not fits or orphan:
                line.let_go(place)
                if item is not None and item.type == "function_call":
                    calls.add(item.call_id)
                elif orphan and item is not None:
                    calls.discard(item.call_id)

    def _unchanged(self, conversation: Conversation) -> tuple[int, list[Item]]:
        """How many blocks still stand as they did, and the items behind them, in order.

        The walk goes backwards to the first item that stands before every block that was touched, once all that
        entered has been met: nothing can have changed before it.
        """
        line, later = self._line, list[Item]()
        if not self._stale:
            for one in [one for one in self._touched if one not in conversation]:
                # From the front half it leaves by itself; near the end taking the line back is as cheap, and it keeps
                # the comparison with what follows.
                place = line.place.get(one, len(line.blocks))
                if place < line.shared and 2 * place < len(line.blocks):
                    line.leave(one)
            first = min((line.place[one] for one in self._touched if one in line.place), default=len(line.blocks))
            awaited = {one for one in self._touched if one in conversation}
            for item in reversed(conversation):
                place = line.place.get(item.id)
                if place is not None and place < first and not awaited:
                    if len(conversation) == place + 1 - line.left + len(later):
                        return place + 1, later[::-1]
                    break  # an item left and nobody said so
                awaited.discard(item.id)
                later.append(item)
        return 0, list(conversation)

    def _still_right(self, kept: int, newest: int | str | None) -> int:
        """How many of the first `kept` blocks still have, or lack, their sound rightly."""
        for place in reversed(self._line.spoken):
            if place < kept:
                block = self._line.blocks[place]
                if block.dropped == (block.reply != newest and not self.laws.keeps_reply_audio):
                    break
                kept = place
        return kept


def _sum(tokens: Tokens) -> int:
    return tokens.text + tokens.audio + tokens.image


_UNCOUNTED = {"hit_rate": 0.0, "cache_block": 64, "context_tokens": 0, "unverified": ()}
"""Laws that no number of tokens in a prompt depends on."""
_WORDLY = _UNCOUNTED | dict.fromkeys((*FRAMINGS, "base_text", "default_instructions_tokens", "tools_framing"), 0)
"""And those that add to an item's or the head's own tokens, whatever these are."""
_TOLD = ("user_text_framing", "user_audio_framing")


def _framings(instructions: str | None, tools: Sequence[Wire]) -> dict[str, int]:
    """How often a head counts each law that has to do with it."""
    return {"base_text": 1, "default_instructions_tokens": int(not instructions), "tools_framing": int(bool(tools))}


def _chosen(wires: Iterable[Wire], conversation: Conversation) -> list[Item]:
    """The items of a response's own `input`. A reference to what is not held is no item."""
    found = (
        conversation.get(wire.get("id", "")) if wire.get("type") == "item_reference" else Item.from_wire(wire)
        for wire in wires
    )
    return [item for item in found if item is not None]


def shared_out(items: Sequence[Item], usage: Usage | None, laws: Laws) -> list[Tokens]:
    """Output tokens for each item of one response, from the one sum that is reported.

    The longest message takes what the estimates of the others leave; sound goes by its length. Without a report all
    are estimates.
    """
    shares = [generated_tokens(item, laws) for item in items]
    if usage is None or not shares:
        return shares
    main = max(range(len(items)), key=lambda index: (items[index].type == "message", shares[index].text))
    text = usage.text_out - sum(share.text for index, share in enumerate(shares) if index != main)
    total_ms = sum(item.audio_ms for item in items)
    sounds = [usage.audio_out * item.audio_ms // total_ms if total_ms else 0 for item in items]
    sounds[main] += usage.audio_out - sum(sounds)
    return [Tokens(max(0, text) if index == main else share.text, sounds[index]) for index, share in enumerate(shares)]
