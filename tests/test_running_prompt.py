"""A prompt kept as running sums: whatever happens to it, sums and promise equal those of the pieces themselves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laconic.laws import Laws
from laconic.prompt_cache import Segment, common_prefix
from laconic.running_prompt import Form, Piece, Remembered, RunningPrompt, sum_tokens
from laconic.tokens import Tokens

KEPT = Laws(keeps_reply_audio=True, cache_block=1)
DROPPED = Laws(keeps_reply_audio=False, cache_block=1)


def piece(piece_id: str, text: int = 4, audio: int = 0, form: Form = "told", **more: object) -> Piece:
    made = Piece(piece_id, form, Tokens(text, audio))
    for name, value in more.items():
        setattr(made, name, value)
    return made


def reply(piece_id: str, text: int = 30, audio: int = 100, maker: str = "") -> Piece:
    return piece(piece_id, text, audio, "reply", maker=maker or piece_id, sounds=True, silent=Tokens(text - 8))


def segments(prompt: RunningPrompt) -> list[Segment]:
    """The prompt as the prompt cache would compare it: by what each piece is now."""
    return [
        Segment(("head", prompt.head), prompt.head),
        *(Segment((one.id, one.tokens), one.tokens) for one in prompt),
    ]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["say", "reply", "read", "first", "last", "middle", "resize", "root", "head"]),
        st.integers(0, 200),
        st.integers(0, 9),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=300)
@given(CHANGES)
def test_sums_and_promise_are_those_of_the_pieces(changes: list[tuple[str, int, int]]) -> None:
    """Compared with adding everything up, and with the cache's own comparison of two whole prompts."""
    prompt = RunningPrompt(KEPT, Tokens(50))
    seen: list[Segment] = []
    taken_back = False
    for number, (change, size, place) in enumerate(changes):
        pieces = list(prompt)
        chosen = pieces[place % len(pieces)] if pieces else None
        # Sizes are never the same twice: a piece that changed and changed back is the cache's business alone.
        tokens = Tokens(1_000 * number + size + 1, size)
        match change:
            case "say":
                prompt.append(Piece(f"{number}", "told", tokens))
            case "reply" if prompt.reads and segments(prompt) == seen:
                prompt.generated(Piece(f"{number}", "reply", tokens), tokens)
                seen = segments(prompt)
            case "first" | "last" | "middle" if chosen:
                gone = chosen if change == "middle" else pieces[0] if change == "first" else pieces[-1]
                taken_back = taken_back or all(segment.fingerprint != (gone.id, gone.tokens) for segment in seen)
                prompt.remove(gone)
            case "resize" if chosen:
                prompt.resize(chosen, tokens)
            case "root":
                prompt.insert_first(Piece(f"{number}", "summary", tokens))
            case "head":
                prompt.set_head(Tokens(1_000 * number + size + 1))
            case "read":
                expected = common_prefix(seen, segments(prompt))
                read, promised = prompt.read()
                assert read == prompt.total
                # A piece that goes before it was ever read leaves the prompt as it was. That is not noticed.
                assert promised == expected or (taken_back and promised.text < expected.text)
                seen, taken_back = segments(prompt), False
            case _:
                pass
        assert prompt.total == sum((one.tokens for one in prompt), prompt.head)
        assert sum_tokens(prompt) == prompt.items.text + prompt.items.audio + prompt.items.image
        assert all(prompt.get(one.id) is one for one in prompt)


def test_only_the_newest_reply_keeps_its_sound_where_the_laws_say_so() -> None:
    """All of one response's items count as one reply; what was dropped is known."""
    prompt = RunningPrompt(DROPPED)
    for name in ("a", "b"):
        prompt.append(piece(f"user {name}"))
        prompt.read()
        prompt.generated(reply(f"{name}1", maker=name), Tokens(30, 100))
        prompt.generated(reply(f"{name}2", maker=name), Tokens(30, 100))
    prompt.append(piece("user c"))
    read, promised = prompt.read()
    assert read.audio == 200
    assert prompt.dropped == Tokens(16, 200)
    assert promised == Tokens(4)
    dropped = prompt.get("a1")
    assert dropped is not None
    prompt.remove(dropped)
    assert prompt.dropped == Tokens(8, 100)


def test_a_cut_reply_is_forgotten_with_its_sound() -> None:
    """It has no transcript that could stay."""
    prompt = RunningPrompt(DROPPED)
    prompt.read()
    prompt.generated(piece("cut", 8, 40, "reply", maker="a", sounds=True, silent=Tokens(8), loses_words=True), Tokens())
    cut = prompt.get("cut")
    assert cut is not None
    prompt.hold(cut, Remembered(speech_ms=2_000))
    prompt.read()
    prompt.generated(reply("next"), Tokens(30, 100))
    assert prompt.remembered.speech_ms == 2_000
    prompt.read()
    assert prompt.remembered == Remembered()


def test_what_is_written_down_sounds_no_more() -> None:
    """The service has nothing left to drop, and the prompt nothing left to write."""
    prompt = RunningPrompt(DROPPED)
    prompt.read()
    spoken = reply("spoken")
    spoken.written = 20
    prompt.generated(spoken, Tokens(30, 100))
    assert prompt.legible == {"spoken": spoken}
    prompt.write_down(spoken, Tokens(24))
    assert (prompt.legible, spoken.sounds, prompt.total) == ({}, False, Tokens(24))
    user = piece("user", 8, 30, sounds=True, written=9)
    prompt.append(user)
    prompt.write_down(user, Tokens(13))
    assert prompt.read()[0] == Tokens(37)


def test_partners_share_a_call() -> None:
    """Until one of them goes."""
    prompt = RunningPrompt(KEPT)
    called, answered = piece("c", form="call", call_id="k"), piece("o", form="output", call_id="k")
    prompt.append(called)
    prompt.append(answered)
    assert (prompt.partners(called), prompt.partners(answered)) == ([answered], [called])
    prompt.remove(answered)
    assert prompt.partners(called) == []
    assert prompt.partners(piece("alone")) == []


def test_the_young_have_not_been_read() -> None:
    """Newest first, up to what a response has read or made."""
    prompt = RunningPrompt(KEPT)
    prompt.append(piece("old"))
    prompt.read()
    prompt.generated(reply("reply"), Tokens(30, 100))
    prompt.append(piece("u1"))
    prompt.append(piece("u2"))
    assert [one.id for one in prompt.young()] == ["u2", "u1"]
    assert len(prompt) == 4


def test_a_head_counted_anew_is_still_the_same_head() -> None:
    """Before anything was read nothing is promised of it; afterwards all of it, at its new size."""
    prompt = RunningPrompt(KEPT, Tokens(50))
    prompt.recount_head(Tokens(60))
    assert prompt.read() == (Tokens(60), Tokens())
    prompt.recount_head(Tokens(40))
    assert prompt.read() == (Tokens(40), Tokens(40))


def test_a_piece_that_is_not_there_cannot_change() -> None:
    """A mistake of ours, and loud."""
    with pytest.raises(KeyError):
        RunningPrompt(KEPT).resize(piece("nowhere"), Tokens(1))


def test_a_summary_remembers_the_gist() -> None:
    """Words become gist once, and stay it."""
    once = Remembered(speech_ms=10, facts=2).as_gist
    assert once == once.as_gist == Remembered(gist_ms=10, gist_facts=2)


def test_what_was_said_since_the_last_response_is_young_and_a_sounding_piece_may_go() -> None:
    prompt = RunningPrompt(KEPT, Tokens(50))
    prompt.append(piece("a"))
    assert [one.id for one in prompt.young()] == ["a"]
    prompt.read()
    sounding = reply("b")
    prompt.generated(sounding, sounding.tokens)
    assert list(prompt.young()) == []
    prompt.remove(sounding)
    assert [one.id for one in prompt] == ["a"]


def test_what_is_generated_behind_something_new_is_not_read_from_cache() -> None:
    """The caller said something between the input that was read and the reply to it."""
    prompt = RunningPrompt(KEPT, Tokens(50))
    prompt.read()
    prompt.append(piece("between", 7))
    prompt.generated(reply("late"), Tokens(30, 100))
    _, promised = prompt.read()
    assert promised == Tokens(50)
