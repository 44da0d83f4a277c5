"""Imagined memories: what each makes of a prompt right before it is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from laconic.errors import BadInput
from laconic.imagined import Imagined, Lasting, Summary, Terms, imagined, truncate
from laconic.laws import Laws
from laconic.rates import load
from laconic.running_prompt import Form, Piece, Remembered, RunningPrompt
from laconic.summary_prompt import summary_instructions
from laconic.tokens import Tokens, text_tokens

LAWS = Laws(keeps_reply_audio=True, hit_rate=1.0)
MINI = load().find("gpt-realtime-mini")
NAMES = [
    "everything",
    "last:5",
    "exchanges:2",
    "window:4000",
    "window:4000:1000",
    "written",
    "written:notes",
    "summary",
    "summary:900:200",
    "service:8000:0.8",
]


def terms(complete: int, hit_rate: float = 1.0) -> Terms:
    return Terms(Laws(keeps_reply_audio=True, hit_rate=hit_rate), MINI, None, complete)


def spoken(piece_id: str, exchange: int, form: Form = "told") -> Piece:
    size = Tokens(8, 30) if form == "told" else Tokens(32, 160)
    return Piece(
        piece_id, form, size, exchange, sounds=True, written=20, holds=Remembered(speech_ms=1_000), maker=piece_id
    )


def talk(exchanges: int) -> RunningPrompt:
    """So many exchanges, and a user's turn that waits for its answer."""
    prompt = RunningPrompt(LAWS, Tokens(100))
    for number in range(1, exchanges + 1):
        prompt.append(spoken(f"u{number}", number))
        prompt.read()
        prompt.generated(spoken(f"r{number}", number, "reply"), Tokens(32, 160))
    prompt.append(spoken("now", exchanges + 1))
    return prompt


def left(prompt: RunningPrompt) -> list[str]:
    return [piece.id for piece in prompt]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_names_its_memory(name: str) -> None:
    """As written, with what was left out left out."""
    assert imagined(name).name == name


def test_the_service_s_own_has_a_setting_it_is_known_by() -> None:
    """0.8 of 8,000 tokens."""
    assert imagined("service").name == "service:8000:0.8"


MEANINGLESS = (
    "|last|last:0|last:x|last:٣|exchanges:-1|window:10:20|written:prose|summary:10:10|everything:1|auto"
    "|service:8000:0|service:8000:2|service:8000:x"
)


@pytest.mark.parametrize("name", MEANINGLESS.split("|"))
def test_a_name_that_means_nothing_is_told_what_there_is(name: str) -> None:
    """In one sentence, in both languages."""
    with pytest.raises(BadInput, match="summary") as complaint:
        imagined(name)
    assert complaint.value.ja is not None


def test_what_a_caller_knows_besides_is_told_too() -> None:
    with pytest.raises(BadInput, match="write auto, everything") as complaint:
        imagined("forever", besides="auto, ")
    assert "auto, everything" in complaint.value.say("ja")


def test_a_choice_of_items_cannot_be_reckoned_and_why_is_said() -> None:
    with pytest.raises(BadInput, match="no bill has shown") as complaint:
        imagined("select:5")
    assert complaint.value.ja is not None


def test_the_newest_items_stay_beside_what_was_just_said() -> None:
    """last:2 is the latest exchange; the user's turn under way is not counted."""
    prompt = talk(4)
    imagined("last:2").tidy(prompt, terms(4))
    assert left(prompt) == ["u4", "r4", "now"]


def test_exchanges_are_counted_as_people_count() -> None:
    """exchanges:2 keeps two that are over, and the one under way."""
    prompt = talk(4)
    imagined("exchanges:2").tidy(prompt, terms(4))
    assert left(prompt) == ["u3", "r3", "u4", "r4", "now"]
    imagined("exchanges:9").tidy(prompt, terms(4))
    assert len(prompt) == 5
    imagined("exchanges:1").tidy(prompt, terms(9))
    assert left(prompt) == []


def test_a_window_is_cut_deep_and_seldom() -> None:
    """Nothing happens up to the high mark; past it the oldest go down to the low one."""
    prompt = talk(4)  # 230 tokens an exchange
    imagined("window:920:300").tidy(prompt, terms(4))
    assert len(prompt) == 9
    imagined("window:919:300").tidy(prompt, terms(4))
    assert left(prompt) == ["u4", "r4", "now"]


def test_a_window_without_a_low_mark_is_cut_by_the_hit_rate() -> None:
    """Deeply at a perfect cache, to three quarters at a dead one; never into what was just said."""
    perfect, dead, small = talk(4), talk(4), talk(4)
    imagined("window:900").tidy(perfect, terms(4))
    imagined("window:900").tidy(dead, terms(4, hit_rate=0.0))
    assert len(perfect) < len(dead)
    imagined("window:20:10").tidy(small, terms(4))
    assert left(small) == ["now"]
    small.read()
    imagined("window:20:10").tidy(small, terms(5))
    assert left(small) == []


def test_a_window_measures_the_sound_a_service_has_dropped() -> None:
    """As the real one does: it cannot know."""
    prompt = RunningPrompt(Laws(keeps_reply_audio=False), Tokens(100))
    for number in range(1, 5):
        reply = spoken(f"r{number}", number, "reply")
        reply.silent = Tokens(24)
        prompt.read()
        prompt.generated(reply, reply.tokens)
    prompt.read()
    assert prompt.items.audio == 160
    imagined("window:768:400").tidy(prompt, terms(4))
    assert len(prompt) == 4
    imagined("window:767:400").tidy(prompt, terms(4))
    assert left(prompt) == ["r3", "r4"]


@pytest.mark.parametrize(("name", "size"), [("written", 24 + 24), ("written:notes", 23 + 27)])
def test_what_is_over_is_written_down(name: str, size: int) -> None:
    """Twenty words each, framed; the turn under way still sounds."""
    prompt = talk(2)
    imagined(name).tidy(prompt, terms(2))
    assert prompt.items == Tokens(2 * size + 8, 30)
    assert prompt.remembered == Remembered(speech_ms=5_000)


def test_long_writing_is_folded_into_a_summary() -> None:
    """From the high mark to the low one, the gist of the rest at the root, in a third of its length at most."""
    memory, prompt = imagined("summary:400:100"), talk(10)
    read, wrote = memory.tidy(prompt, terms(10))
    assert left(prompt)[0] == "summary 1"
    assert left(prompt)[1:] == ["u9", "r9", "u10", "r10", "now"]
    assert read == 16 * 24 + text_tokens(summary_instructions("en", 300))
    assert wrote == 16 * 24 // 3
    assert prompt.remembered == Remembered(speech_ms=5_000, gist_ms=16_000)
    assert memory.tidy(prompt, terms(10)) == (0, 0)


def test_a_summary_is_as_long_as_they_have_been() -> None:
    prompt = talk(10)
    _, wrote = imagined("summary:400:100").tidy(prompt, replace(terms(10), summary_tokens=70))
    assert wrote == 70


def test_exchanges_that_shall_last_are_neither_folded_nor_cut() -> None:
    """Whatever the marks. A fold of less than half a span is not made."""
    for name, of_old in (("summary:400:100", ["summary 1"]), ("window:400:100", [])):
        prompt, memory = talk(10), Lasting(imagined(name), 5)
        assert memory.name == name
        memory.tidy(prompt, terms(10))
        stays = [f"{who}{number}" for number in range(6, 11) for who in "ur"]
        assert left(prompt) == [*of_old, *stays, "now"]
    prompt = talk(10)
    assert Lasting(imagined("summary:400:100"), 8).tidy(prompt, terms(10)) == (0, 0), "96 tokens of 300 are older"
    assert len(prompt) == 21


def test_marks_leave_room_for_what_shall_last() -> None:
    many, few = (Summary().marks(replace(terms(0), lasting=lasting)) for lasting in (20, 2))
    assert many[1] == 10 * few[1]
    assert few == Summary().marks(terms(0))


def test_a_lone_summary_is_not_folded_again() -> None:
    """Nothing would come of it."""
    prompt = RunningPrompt(LAWS, Tokens(100))
    prompt.insert_first(Piece("summary 1", "summary", Tokens(200)))
    assert imagined("summary:150:10").tidy(prompt, terms(9)) == (0, 0)
    assert left(prompt) == ["summary 1"]


def test_sound_that_cannot_be_written_is_not_folded() -> None:
    """It is no writing: a long conversation nobody transcribed stays."""
    prompt = talk(10)
    for piece in prompt:
        piece.written = None
    prompt.legible.clear()
    assert imagined("summary:400:100").tidy(prompt, terms(10)) == (0, 0)
    assert len(prompt) == 21


def run(memory: Imagined, exchanges: int, hit_rate: float) -> int:
    """Folds in a talk of so many exchanges."""
    prompt, folds = RunningPrompt(LAWS, Tokens(100)), 0
    for number in range(1, exchanges + 1):
        prompt.append(spoken(f"u{number}", number))
        read, _ = memory.tidy(prompt, terms(number - 1, hit_rate))
        folds += bool(read)
        prompt.read()
        prompt.generated(spoken(f"r{number}", number, "reply"), Tokens(32, 160))
    return folds


def test_marks_follow_from_the_laws() -> None:
    """The worse the cache, the more often a fold pays; a perfect one makes it rare."""
    assert run(imagined("summary"), 300, 0.0) > run(imagined("summary"), 300, 0.75) > run(imagined("summary"), 300, 1.0)
    assert run(imagined("summary"), 300, 1.0) >= 1
    unpriced = Summary().marks(Terms(LAWS, None, None, 0))
    assert unpriced[0] > unpriced[1] > 0
    assert Summary().marks(Terms(LAWS, None, MINI, 0))[0] > unpriced[0]  # a dearer summary is made more seldom


def test_a_call_and_its_output_go_together() -> None:
    """A call that waits for its output stays, and so does a pair half of which shall stay; unknown items too."""
    prompt = RunningPrompt(LAWS)
    for piece_id, form, call_id in (
        ("open", "call", "a"),
        ("mcp", "other", None),
        ("done", "call", "b"),
        ("answer", "output", "b"),
        ("split", "call", "c"),
        ("half", "output", "c"),
        ("last", "told", None),
    ):
        prompt.append(Piece(piece_id, form, Tokens(10), call_id=call_id))  # pyright: ignore[reportArgumentType]
    prompt.read()
    imagined("last:2").tidy(prompt, terms(0))
    assert left(prompt) == ["open", "mcp", "split", "half", "last"]


def test_a_service_drops_its_oldest_down_to_a_share() -> None:
    """Past the limit only, and never what was said last."""
    prompt = talk(4)
    truncate(prompt, 958)
    assert len(prompt) == 9
    imagined("service:957:0.5").tidy(prompt, terms(4))
    assert left(prompt) == ["r3", "u4", "r4", "now"]
    truncate(prompt, 5)
    assert left(prompt) == ["now"]


def test_where_instructions_leave_no_room_there_may_be_nothing_to_drop() -> None:
    """Instructions may be larger than the context, and a response asked for before anything was said."""
    prompt = RunningPrompt(LAWS, Tokens(40_000))
    truncate(prompt, -8_000, 0.8)
    assert left(prompt) == []
    prompt.append(spoken("now", 1))
    truncate(prompt, -8_000, 0.8)
    assert left(prompt) == ["now"]


def test_everything_tidies_nothing() -> None:
    prompt = RunningPrompt(LAWS, Tokens(50))
    assert imagined("everything").tidy(prompt, terms(0)) == (0, 0)
    assert list(prompt) == []
