"""The talk screen's content as data: who said what in which order, what left the conversation, and the bill.

Nothing here prints. A page is told what happened (`event`, `notice`, `heard`) and keeps one line for every item
and every notice. The place of an item's line is the item's place in the conversation, as the mirror has it; so a
user's words stand before the reply they caused, although their transcript is usually finished only when that
reply is already under way. While the user still speaks there is no item yet: the line waits at the end, under the
id the item will have. A line stays on the page after the service has forgotten its item, or holds its words instead
of its sound; what a memory writes into the conversation in place of what was said is no line of its own.

A reply is *settled* when nothing about its line can change any more: its words are complete and it was heard to
the end or cut off. What a cut-off reply shows is what was heard of it. How many words that is nobody tells us, so
the words are taken in proportion to the sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from laconic import events as ev
from laconic.budget import shown
from laconic.conversation import Conversation
from laconic.currencies import DOLLARS, Currency
from laconic.folding import HEADING
from laconic.items import Item
from laconic.session import (
    BudgetEnded,
    BudgetWarned,
    CutOff,
    EditFailed,
    Forgot,
    GhostTurn,
    MemoryTold,
    Notice,
    Unsupported,
)
from laconic.terminal.columns import clip, width_of, wrap
from laconic.terminal.reasons import reason
from laconic.terminal.words import Words, seconds
from laconic.voice.playout import BYTES_PER_FRAME, RATE, Played

__all__ = ["Kind", "Line", "Page", "Row"]

Kind = Literal["user", "assistant", "system", "tool", "notice"]

_BYTES_PER_MS = RATE * BYTES_PER_FRAME // 1000
_QUOTED = 40
"""Columns of an item's words that a notice about it repeats."""
_FOLDING_BEATS = 5
"""A fold is over when nothing more of it has gone for so many beats, half a second."""


@dataclass(slots=True, eq=False)
class Line:
    """One item, or one notice (then `item_id` is empty)."""

    kind: Kind
    item_id: str = ""
    parts: dict[int, str] = field(default_factory=dict[int, str])
    """Words so far, by content index."""
    complete: bool = False
    """No more words will come."""
    failed: str | None = None
    """Why there is no transcript."""
    response_id: str = ""
    audio_ms: int = 0
    received: dict[int, int] = field(default_factory=dict[int, int])
    """Sound of a reply so far, bytes by content index."""
    heard: dict[int, int] = field(default_factory=dict[int, int])
    """Of that, milliseconds that left the speaker."""
    cut: bool = False
    gone: bool = False
    """The service has forgotten it."""
    left: bool = False
    """Its item is no longer in the conversation: forgotten, or replaced by its words."""

    @property
    def words(self) -> str:
        return " ".join(text.strip() for _, text in sorted(self.parts.items()) if text.strip())

    @property
    def heard_ms(self) -> int:
        return sum(self.heard.values())

    @property
    def received_ms(self) -> int:
        return sum(size // _BYTES_PER_MS for size in self.received.values())

    @property
    def settled(self) -> bool:
        """Nothing about this line will change, except that its item may be forgotten."""
        return self.complete and (self.cut or self.heard_ms >= self.received_ms)

    @property
    def heard_words(self) -> str:
        """The words of a cut-off reply that were heard, in proportion to its sound; whole words where it has spaces."""
        words, received = self.words, self.received_ms
        if not self.heard_ms:
            return ""
        if self.heard_ms >= received:
            return words
        end = len(words) * self.heard_ms // received
        if " " in words and end < len(words) and words[end] != " ":
            end = max(words.rfind(" ", 0, end), 0)
        return words[:end].rstrip()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a terminal, laid out."""

    kind: Kind
    text: str
    dim: bool
    label: int
    """How many characters at the start of `text` say who speaks; 0 on the rows that follow."""


class Page:
    """The lines of one talk, in order. `conversation` is the session's mirror; the page only looks at it."""

    def __init__(self, conversation: Conversation, words: Words, currency: Currency = DOLLARS) -> None:
        self.words = words
        self._currency = currency
        self.lines: list[Line] = []
        self.forgotten: list[Forgot] = []
        self.written = self.folded = 0
        """Items whose words took their place, and items that went into a summary."""
        self._fold: Line | None = None  # the notice of the fold under way
        self._fold_items = self._fold_beats = 0
        self._failing: set[str] = set()  # kinds of edits that have failed, which was said
        self._conversation = conversation
        self._by_id: dict[str, Line] = {}

    # --- what happened ---------------------------------------------------------------------------------------

    def event(self, event: ev.Event) -> None:
        """The service said this, and the session has already taken note of it."""
        follow = self._follow.get(type(event))
        if follow is not None:
            follow(self, event)

    def notice(self, notice: Notice) -> None:
        """The session announces this. What belongs on the bill (`Charged`, `Transcribed`) adds no line."""
        say = self.words
        match notice:
            case Forgot():
                self._left(notice)
            case MemoryTold(text, sums):
                self.note(reason(text, say.lang, sums, self._currency))
            case CutOff():
                if (line := self._by_id.get(notice.item_id)) is not None:
                    line.cut = line.complete = True
            case GhostTurn():
                self.note(say("ghost_turn"))
            case BudgetWarned(unit, spent, limit):
                self.note(say("budget_warned", spent=shown(spent, unit), limit=shown(limit, unit)))
            case BudgetEnded(unit, _, limit):
                self.note(say("budget_ended", limit=shown(limit, unit)))
            case EditFailed(kind) if kind not in self._failing:
                self._failing.add(kind)
                self.note(say("edit_failed", kind=kind, why=notice.why))
            case Unsupported():
                self.note(say("unsupported", what=notice.kind))
            case _:
                pass

    def heard(self, played: Played, *, stopped: bool = False) -> None:
        """The speaker has played this much of a reply; `stopped`: and it will play no more of it."""
        line = self._by_id.get(played.item_id)
        if line is not None:
            line.heard[played.content_index] = played.heard_ms
            line.cut = line.cut or stopped

    def note(self, sentence: str) -> None:
        """A dim line at the end."""
        self.lines.append(Line("notice", parts={0: sentence}, complete=True))

    def tick(self) -> None:
        """A beat has passed: a fold that does not grow any more is whole."""
        self._fold_beats += 1
        if self._fold is not None and self._fold_beats >= _FOLDING_BEATS:
            self._fold.complete = True
            self._fold = None

    def close(self) -> None:
        """The talk is over: what is not complete now never will be."""
        for line in self.lines:
            line.cut = line.cut or (line.kind == "assistant" and not line.settled)
            line.complete = True

    # --- what to show ----------------------------------------------------------------------------------------

    def who(self, kind: str | None) -> str:
        """The name of a speaker in the language of the page."""
        return self.words(kind if kind in ("user", "assistant", "system") else "tool")

    def text(self, line: Line) -> str:
        """What a line says at this moment, marks included; empty for a line that has nothing to show."""
        say = self.words
        if line.kind == "assistant":
            mark = self.mark(line)
            return f"{line.heard_words} {mark}".lstrip() if mark else line.words
        if line.kind != "user" or line.words:
            return line.words
        if line.failed is not None:
            return say("transcription_failed", why=line.failed)
        if not line.complete:
            return say("being_said")
        if line.audio_ms:
            return say("no_transcript", seconds=seconds(line.audio_ms))
        return say("no_transcript_no_length")

    def mark(self, line: Line) -> str:
        """What stands behind the words of a reply that was cut off; empty for any other line."""
        if not line.cut or not (line.words or line.heard_ms):
            return ""
        if not line.heard_ms:
            return self.words("never_heard")
        return self.words("cut_off", seconds=seconds(line.heard_ms))

    def rows(self, width: int) -> list[Row]:
        """The whole page laid out in `width` columns, names on the left."""
        indent = self.indent
        return [row for line in self.lines for row in self._laid_out(line, width, indent)]

    @property
    def indent(self) -> int:
        """Columns that the speakers' names take, with the space behind them."""
        return max(width_of(self.words(kind)) for kind in ("user", "assistant", "system", "tool")) + 2

    def _laid_out(self, line: Line, width: int, indent: int) -> Iterator[Row]:
        text = self.text(line)
        if not text:
            return
        dim = line.gone or line.kind == "notice"
        name = "" if line.kind == "notice" else self.who(line.kind)
        first = name + " " * (indent - width_of(name))
        for number, piece in enumerate(wrap(text, max(width - indent, 10))):
            yield Row(line.kind, (" " * indent if number else first) + piece, dim, 0 if number else len(first))

    def quoted(self, notice: Forgot) -> str:
        """The words of an item that was forgotten, as far as they were ever known."""
        if notice.text and notice.text.strip():
            return notice.text
        line = self._by_id.get(notice.item_id)
        if line is None:
            return ""
        return line.heard_words if line.cut else line.words  # a truncation took the service's transcript away

    def _left(self, notice: Forgot) -> None:
        """An item left the conversation at our wish."""
        line = self._by_id.get(notice.item_id)
        if line is not None:
            line.left = True
            line.gone = notice.why != "written"
        match notice.why:
            case "written":
                self.written += 1
                self.note(self._forgot(notice, "written"))
            case "folded":
                self.folded += 1
                self._folded()
            case "memory":
                self.forgotten.append(notice)
                self.note(self._forgot(notice, "forgot"))
            case "undone" | "drift":  # words of ours that nobody saw; a reply of which the memory tells
                pass
            case _:
                self.forgotten.append(notice)
                self.note(self.words("swept", left=notice.left))

    def _folded(self) -> None:
        """One more item went into the summary: one line for all of them."""
        if self._fold is None:
            self._fold = Line("notice")
            self._fold_items = 0
            self.lines.append(self._fold)
        self._fold_items += 1
        self._fold_beats = 0
        note = next((item.text for item in self._conversation if (item.text or "").startswith(HEADING)), None)
        if note is None:
            self._fold.parts = {0: self.words("folded", count=self._fold_items)}
        else:
            words = clip(note.removeprefix(HEADING), _QUOTED)
            self._fold.parts = {0: self.words("folded_as", count=self._fold_items, words=words)}

    def _forgot(self, notice: Forgot, key: str) -> str:
        who, text = self.who(notice.role), self.quoted(notice)
        if text:
            return self.words(key, who=who, words=clip(text, _QUOTED), left=notice.left)
        if notice.audio_ms:
            return self.words(f"{key}_sound", who=who, seconds=seconds(notice.audio_ms), left=notice.left)
        return self.words("forgot_empty", who=who, left=notice.left)

    # --- following the service -------------------------------------------------------------------------------

    def _line(self, item_id: str, kind: Kind) -> Line:
        """The line of an item; a new one waits at the end until the item has its place."""
        line = self._by_id.get(item_id)
        if line is None:
            line = self._by_id[item_id] = Line(kind, item_id)
            self.lines.append(line)
        return line

    def _place(self, line: Line) -> None:
        """Put a line where its item stands: before the first line of a later item, behind all that is older.

        Notices and forgotten lines between two items stay in front of the newcomer, since they were there first.
        """
        before, after = self._beside(line.item_id)
        if after is None:
            # What left is older than what enters now, and so is all that stands before it.
            start = next((n + 1 for n in range(len(self.lines) - 1, -1, -1) if self.lines[n].left), 0)
            if before is not None:
                start = max(start, self._index(before) + 1)
            elif not start:
                return
            waiting = (n for n in range(start, len(self.lines)) if self._waits(self.lines[n]))
            end = next(waiting, len(self.lines))
        else:
            end = self._index(after)
        at = self._index(line)
        if at == end or (at < end and all(self._passive(other) for other in self.lines[at + 1 : end])):
            return
        self.lines.pop(at)
        self.lines.insert(end - (at < end), line)

    def _beside(self, item_id: str) -> tuple[Line | None, Line | None]:
        """The lines of the nearest items before and after this one that have any: what a memory wrote has none."""
        before, after = self._conversation.neighbours(item_id)
        while before is not None and before.id not in self._by_id:
            before, _ = self._conversation.neighbours(before.id)
        while after is not None and after.id not in self._by_id:
            _, after = self._conversation.neighbours(after.id)
        return before and self._by_id[before.id], after and self._by_id[after.id]

    def _index(self, line: Line) -> int:
        """Where a line stands; looked for from the end, since nearly everything happens there."""
        return next(n for n in range(len(self.lines) - 1, -1, -1) if self.lines[n] is line)

    def _waits(self, line: Line) -> bool:
        """Whether this line's item is still to come (the user is speaking)."""
        return bool(line.item_id) and not line.left and line.item_id not in self._conversation

    def _passive(self, line: Line) -> bool:
        return not line.item_id or line.left

    def _speech_started(self, event: ev.InputAudioBufferSpeechStarted) -> None:
        if event.item_id:
            self._line(event.item_id, "user")

    def _committed(self, event: ev.InputAudioBufferCommitted) -> None:
        if event.item_id:
            self._line(event.item_id, "user")

    def _item(self, event: ev.ConversationItemAdded | ev.ConversationItemDone) -> None:
        item = self._conversation.get(event.item.get("id") or "")
        if item is not None:
            line = self._line(item.id, _kind(item))
            if isinstance(event, ev.ConversationItemAdded):
                self._place(line)
            self._fill(line, item, done=isinstance(event, ev.ConversationItemDone))

    def _output_item(self, event: ev.ResponseOutputItemAdded | ev.ResponseOutputItemDone) -> None:
        item = self._conversation.get(event.item.get("id") or "")
        if item is not None:
            line = self._line(item.id, _kind(item))
            line.response_id = event.response_id
            self._fill(line, item, done=isinstance(event, ev.ResponseOutputItemDone))

    def _fill(self, line: Line, item: Item, *, done: bool) -> None:
        """Take over what the mirror knows of an item and deltas did not bring."""
        if line.cut:
            return
        if line.kind == "user":
            line.audio_ms = item.audio_ms
            # Where nobody writes the user's words down, none will come. A typed message has them already.
            line.complete = line.complete or bool(item.text) or not self._transcribes
        elif line.kind == "tool":
            line.parts = {0: self.words("calls", name=item.name) if item.name else item.type}
            line.complete = True
            return
        else:
            line.complete = line.complete or done or line.kind == "system"
        for index, part in enumerate(item.parts):
            if part.text and not line.parts.get(index):
                line.parts[index] = part.text

    @property
    def _transcribes(self) -> bool:
        audio = cast("dict[str, Any]", self._conversation.settings.get("audio") or {})
        return bool((audio.get("input") or {}).get("transcription"))

    def _user_delta(self, event: ev.InputAudioTranscriptionDelta) -> None:
        line = self._line(event.item_id, "user")
        line.parts[event.content_index] = line.parts.get(event.content_index, "") + event.delta

    def _user_updated(self, event: ev.InputAudioTranscriptionUpdated) -> None:
        self._line(event.item_id, "user").parts[event.content_index] = event.transcript

    def _user_completed(self, event: ev.InputAudioTranscriptionCompleted) -> None:
        line = self._line(event.item_id, "user")
        line.parts[event.content_index] = event.transcript
        line.complete = event.status != "in_progress"

    def _user_failed(self, event: ev.InputAudioTranscriptionFailed) -> None:
        line = self._line(event.item_id, "user")
        line.failed, line.complete = event.error.message or event.error.code or "?", True

    def _reply_delta(self, event: ev.ResponseOutputAudioTranscriptDelta | ev.ResponseOutputTextDelta) -> None:
        line = self._reply(event)
        if line is not None:
            line.parts[event.content_index] = line.parts.get(event.content_index, "") + event.delta

    def _reply_done(self, event: ev.ResponseOutputAudioTranscriptDone | ev.ResponseOutputTextDone) -> None:
        line = self._reply(event)
        text = event.transcript if isinstance(event, ev.ResponseOutputAudioTranscriptDone) else event.text
        if line is not None and text:
            line.parts[event.content_index] = text

    def _reply_sound(self, event: ev.ResponseOutputAudioDelta) -> None:
        line = self._reply(event)
        if line is not None:
            received = line.received.get(event.content_index, 0)
            line.received[event.content_index] = received + ev.payload_bytes(event.delta)

    def _reply(self, event: ev.ResponseOutputAudioDelta | ev.ResponseOutputAudioTranscriptDelta | Any) -> Line | None:
        """The line a delta belongs to; None once it was cut off, and for a response out of band."""
        response = self._conversation.responses.get(event.response_id)
        if response is not None and response.out_of_band:
            return None
        line = self._line(event.item_id, "assistant")
        line.response_id = event.response_id
        return None if line.cut else line

    def _response_done(self, event: ev.ResponseDone) -> None:
        status, response_id = event.response.get("status"), event.response.get("id")
        for line in self.lines:
            if line.response_id and line.response_id == response_id:
                # Whoever cancelled it has stopped the speaker before: what was heard by now is all there will be.
                line.cut = line.cut or (status == "cancelled" and line.kind == "assistant")
                line.complete = True
        if status == "failed":
            details = cast("dict[str, Any]", event.response.get("status_details") or {})
            error = cast("dict[str, Any]", details.get("error") or {})
            self.note(self.words("trouble", message=error.get("message") or error.get("code") or "failed"))

    def _error(self, event: ev.Error) -> None:
        self.note(self.words("trouble", message=event.error.message or event.error.code or event.error.type or "?"))

    _follow: ClassVar[dict[type[ev.Event], Callable[[Page, Any], None]]] = {
        ev.InputAudioBufferSpeechStarted: _speech_started,
        ev.InputAudioBufferCommitted: _committed,
        ev.ConversationItemAdded: _item,
        ev.ConversationItemDone: _item,
        ev.ResponseOutputItemAdded: _output_item,
        ev.ResponseOutputItemDone: _output_item,
        ev.InputAudioTranscriptionDelta: _user_delta,
        ev.InputAudioTranscriptionUpdated: _user_updated,
        ev.InputAudioTranscriptionCompleted: _user_completed,
        ev.InputAudioTranscriptionFailed: _user_failed,
        ev.ResponseOutputAudioTranscriptDelta: _reply_delta,
        ev.ResponseOutputAudioTranscriptDone: _reply_done,
        ev.ResponseOutputTextDelta: _reply_delta,
        ev.ResponseOutputTextDone: _reply_done,
        ev.ResponseOutputAudioDelta: _reply_sound,
        ev.ResponseDone: _response_done,
        ev.Error: _error,
    }


def _kind(item: Item) -> Kind:
    if item.type != "message":
        return "tool"
    return cast(Kind, item.role) if item.role in ("user", "assistant", "system") else "assistant"
