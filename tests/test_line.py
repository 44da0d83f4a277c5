"""A prompt that grows and is taken back: its sums are those of its blocks, its prefix is what really stayed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from laconic.layout import Block
from laconic.line import Line
from laconic.prompt_cache import Segment, common_prefix
from laconic.tokens import Tokens


def said(name: str, text: int = 10, ms: int = 0) -> Block:
    tokens = Tokens(text, ms // 100)
    framing = "user_audio_framing" if ms else "user_text_framing"
    return Block(name, (Segment((name, text), tokens),), tokens, framing, user_ms=ms)


def spoken(name: str, *, dropped: bool = False) -> Block:
    tokens = Tokens(32) if dropped else Tokens(40, 100)
    part = (Segment((name, dropped), tokens),)
    return Block(name, part, tokens, "reply_framing", reply=name, reply_audio=100, discount=8, dropped=dropped)


def line_of(*blocks: Block) -> Line:
    line = Line()
    for block in blocks:
        line.add(block)
    return line


def segments(line: Line) -> list[Segment]:
    return [part for block in line.blocks for part in block.segments]


def test_what_a_line_consists_of() -> None:
    line = line_of(said("u1", ms=3_000), spoken("a1", dropped=True), said("u2", ms=2_000), spoken("a2"), said("w"))
    assert line.tokens == Tokens(10 + 32 + 10 + 40 + 10, 30 + 20 + 100)
    contents = line.contents([Segment("head", Tokens(7))], {"base_text": 1})
    assert contents.head == ("head",)
    assert contents.framings == {
        "base_text": 1,
        "user_audio_framing": 2,
        "user_text_framing": 1,
        "reply_framing": 2,
    }
    assert (contents.user_ms, contents.user_sounds) == (5_000, 2)
    assert (contents.reply_audio, contents.newest_reply_audio, contents.discount) == (200, 100, 8)
    assert line_of(said("w")).contents([], {}).newest_reply_audio == 0
    assert line_of(spoken("a")).contents([], {}).discount == 0


def test_taken_back_it_is_as_if_nothing_had_come() -> None:
    line = line_of(said("u1"), spoken("a1"))
    before = line.tokens
    line.add(said("u2", ms=1_000))
    line.add(spoken("a2"))
    line.cut(2)
    assert line.tokens == before
    assert line.place == {"u1": 0, "a1": 1}
    assert line.spoken == [1]


def test_what_was_read_and_generated_is_the_prefix_of_what_follows() -> None:
    line = line_of(said("u1"))
    assert line.prefix() == Tokens()
    line.read()
    line.tail += spoken("a1").segments
    line.add(spoken("a1"))
    line.add(said("u2"))
    assert line.prefix() == Tokens(50, 100)
    line.cut(1)
    line.add(spoken("a1", dropped=True))
    assert line.prefix() == Tokens(10)


names = st.sampled_from("abcdef")
steps = st.lists(
    st.one_of(st.tuples(st.just("add"), names), st.tuples(st.sampled_from(["cut", "read"]), st.integers(0, 9)))
)


@given(steps)
def test_the_prefix_is_that_of_the_whole_prompts(steps: list[tuple[str, str | int]]) -> None:
    line, previous = Line(), list[Segment]()
    for step, what in steps:
        if step == "cut":
            line.cut(min(int(what), len(line.blocks)))
        elif step == "read":
            line.read()
            previous = segments(line)
        elif str(what) not in line.place:
            line.add(said(str(what)))
        assert line.previous() == previous
        assert line.prefix() == common_prefix(previous, segments(line))
        assert line.tokens == sum((block.tokens for block in line.blocks), Tokens())


def test_what_was_let_go_stays_in_its_place_and_is_nothing() -> None:
    line = line_of(said("u1", ms=1_000), spoken("a1"), said("u2"), spoken("a2"))
    line.read()
    assert list(line.oldest()) == [0, 1, 2, 3]
    line.let_go(0)
    line.let_go(1)
    assert line.tokens == Tokens(50, 100)
    assert list(line.oldest()) == [2, 3]
    assert line.prefix() == Tokens()  # its front is another now
    assert line.gone == {"u1", "a1"}
    line.read()
    assert line.prefix() == line.tokens
    line.cut(0)
    for block in (said("u1", ms=1_000), spoken("a1"), said("u2")):
        line.add(block)
    assert line.tokens == Tokens(10)
    assert list(line.oldest()) == [2]
    assert line.contents([], {}).user_sounds == 0
    line.gone.discard("u2")
    line.cut(2)
    assert list(line.oldest()) == []


def test_what_leaves_the_front_leaves_the_rest_in_place() -> None:
    """Nothing behind it is counted again: only what lies before it is still shared."""
    line = line_of(*(said(f"u{n}") for n in range(6)))
    line.read()
    line.leave("u1")
    line.leave("u0")
    assert line.tokens == Tokens(40)
    assert line.prefix() == Tokens()
    line.add(said("new"))
    assert line.place["new"] == 6
    line.read()
    line.leave("u4")
    assert line.prefix() == Tokens(20)


def test_empty_places_are_closed_up_once_half_of_all_are() -> None:
    line = line_of(*(said(f"u{n}") for n in range(4)), spoken("a"))
    line.read()
    for name in ("u0", "u1", "u2"):
        line.leave(name)
    line.read()
    assert (line.left, line.place, line.spoken, line.shared) == (0, {"u3": 0, "a": 1}, [1], 2)


def test_a_reply_that_left_is_no_reply_with_sound() -> None:
    line = line_of(spoken("a1", dropped=True), said("u"), spoken("a2"))
    line.read()
    line.leave("a1")
    assert line.spoken == [2]
    assert line.contents([], {}).reply_audio == 100


def test_taken_back_behind_a_place_that_was_left() -> None:
    """What had been shared up to there is still what may be read from cache."""
    line = line_of(*(said(f"u{n}") for n in range(6)))
    line.read()
    line.leave("u2")
    line.cut(4)
    assert line.prefix() == Tokens(20)
    line.cut(1)
    assert (line.left, line.place) == (0, {"u0": 0})
    line.add(said("u1"))
    line.add(said("other"))
    assert line.prefix() == Tokens(20)


def test_the_oldest_that_are_read_are_those_that_are_there() -> None:
    line = line_of(*(said(f"u{n}") for n in range(5)))
    line.read()
    line.leave("u0")
    line.let_go(1)
    line.leave("u3")
    assert list(line.oldest()) == [2, 4]


@given(st.data())
def test_leaving_is_counted_as_if_the_line_had_been_laid_anew(data: st.DataObject) -> None:
    """After any comings, leavings and takings back, sums and prefix are those of a line laid from what is there."""
    line, there = Line(), list[Block]()
    previous: list[Segment] = []
    names = iter(range(10_000))
    for step in data.draw(st.lists(st.sampled_from("+++-xr"), max_size=30)):
        shared = [block for block in there if line.place[block.item_id] < line.shared]
        if step == "+":
            block = said(f"u{next(names)}", data.draw(st.integers(1, 9)))
            line.add(block)
            there.append(block)
        elif step == "-" and shared:
            block = data.draw(st.sampled_from(shared))
            line.leave(block.item_id)
            there.remove(block)
        elif step == "x" and there:
            at = data.draw(st.integers(0, len(there) - 1))
            line.cut(line.place[there[at].item_id])
            del there[at:]
        elif step == "r":
            line.read()
            previous = [part for block in there for part in block.segments]
        now = [part for block in there for part in block.segments]
        assert line.tokens == sum((block.tokens for block in there), Tokens())
        assert line.left == len(line.blocks) - len(there)
        assert line.prefix() == common_prefix(previous, now)


@given(st.lists(st.tuples(st.sampled_from(["add", "cut", "leave", "read", "reframe"]), st.integers(0, 9)), max_size=30))
def test_other_framing_is_as_if_all_had_been_laid_by_it(steps: list[tuple[str, int]]) -> None:
    """Sums and prefix are those of a line laid anew by the laws in force, and no block was looked at for it."""
    laws = {"user_text_framing": 4, "user_audio_framing": 8}
    line, there, previous = Line(), list[tuple[str, int]](), list[str]()

    def laid(name: str, ms: int) -> Block:
        block = said(name, 10 + laws["user_audio_framing" if ms else "user_text_framing"], ms)
        return replace(block, segments=(Segment(name, block.tokens),))

    for number, (step, value) in enumerate(steps):
        match step:
            case "add":
                there.append((f"u{number}", value % 2 * 1_000))
                line.add(laid(*there[-1]))
            case "cut" if there:
                at = value % len(there)
                line.cut(line.place[there[at][0]])
                del there[at:]
            case "leave" if there:
                name, _ = there[value % len(there)]
                if line.place[name] < line.shared:
                    line.leave(name)
                    there = [one for one in there if one[0] != name]
            case "read":
                line.read()
                previous = [name for name, _ in there]
            case "reframe":
                law = list(laws)[value % 2]
                laws[law] += value - 4
                line.reframe({law: value - 4})
                for one in there:  # what no prompt has read was taken back
                    if one[0] not in line.place:
                        line.add(laid(*one))
            case _:
                pass
        assert line.tokens == sum((laid(*one).tokens for one in there), Tokens())
        same = 0
        while same < min(len(previous), len(there)) and previous[same] == there[same][0]:
            same += 1
        assert line.prefix() == sum((laid(*one).tokens for one in there[:same]), Tokens())
