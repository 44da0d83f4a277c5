"""How a prompt is laid out: what is read again, at which size, and which replies still have their sound."""

from __future__ import annotations

from typing import Any

from laconic.items import Item, Part
from laconic.laws import Laws, prior
from laconic.layout import Layout
from laconic.prompt_cache import common_prefix
from laconic.tokens import Tokens

LAWS = Laws()


def said(text: str = "Hello there.") -> Item:
    return Item("said", role="user", parts=[Part("input_text", text)])


def heard(ms: int = 3_000) -> Item:
    return Item("heard", role="user", parts=[Part("input_audio", None, ms)])


def spoken(item_id: str, text: str | None = "Well.", ms: int = 5_000) -> Item:
    return Item(item_id, role="assistant", parts=[Part("output_audio", text, ms)])


def call(arguments: str = '{ "day": "Friday" }') -> Item:
    return Item("call", type="function_call", name="book", call_id="c", arguments=arguments)


def total(layout: Layout, *items: Item) -> Tokens:
    return sum((part.tokens for part in layout.whole("Be brief.", [], items)), Tokens())


def test_a_head_of_instructions_and_tools() -> None:
    tool: dict[str, Any] = {"type": "function", "name": "book"}
    layout = Layout(Laws(base_text=5, tools_framing=100, default_instructions_tokens=111))
    assert [part.tokens for part in layout.head("Be brief.", [])] == [Tokens(8)]
    assert layout.head(None, [])[0].tokens == layout.head("", [])[0].tokens == Tokens(116)
    assert layout.head("Be brief.", [tool])[1].tokens.text > 100


def test_what_was_generated_is_read_again_at_the_size_it_was_made() -> None:
    layout = Layout(LAWS)
    reply = spoken("reply")
    estimated = layout.block(reply, "reply").tokens
    layout.made([reply], [Tokens(40, 120)])
    assert layout.block(reply, layout.reply_of(reply)).tokens == Tokens(42, 120)
    layout.forget("reply")
    assert layout.block(reply, "reply").tokens == estimated


def test_the_framing_of_a_reply_comes_once_for_a_response() -> None:
    layout = Layout(LAWS)
    items = [Item("words", role="assistant", parts=[Part("output_text", "One moment.")]), call()]
    layout.made(items, [Tokens(20), Tokens(16)])
    assert total(layout, *items).text == 3 + 20 + 16 + 2
    assert [layout.block(item).framing for item in items] == [None, "reply_framing"]


def test_only_the_newest_reply_keeps_its_sound_where_old_sound_goes() -> None:
    one, two = spoken("one"), spoken("two")
    layout = Layout(LAWS)
    layout.made([one], [Tokens(40, 100)])
    layout.made([two], [Tokens(40, 90)])
    newest = layout.newest_sound([heard(), two, heard(), one])
    old, new = layout.block(one, newest), layout.block(two, newest)
    assert (old.tokens, old.dropped, old.reply_audio) == (Tokens(42 - old.discount), True, 100)
    assert old.discount == LAWS.dropped_reply_discount(100)
    assert (new.tokens, new.dropped, new.reply_audio) == (Tokens(42, 90), False, 90)
    assert old.segments[0].fingerprint != layout.block(one, old.reply).segments[0].fingerprint
    layout.laws = Laws(keeps_reply_audio=True)
    assert total(layout, one, two).audio == 190


def test_a_reply_of_few_words_loses_no_more_than_it_has() -> None:
    layout = Layout(LAWS)
    one = spoken("one")
    layout.made([one], [Tokens(3, 900)])
    assert layout.block(one, "another").tokens == Tokens(0)
    assert layout.block(one, "another").discount == 5


def test_a_reply_cut_short_has_no_words_and_no_discount() -> None:
    layout = Layout(LAWS)
    cut, call_after = spoken("cut", None, 1_680), call()
    layout.made([cut, call_after], [Tokens(40, 200), Tokens(10)])
    block = layout.block(cut, layout.reply_of(cut))
    assert (block.tokens, block.framing, block.discount) == (Tokens(8, 33), "truncated_reply_text", 0)
    assert layout.block(cut, "another").tokens == Tokens(8)


def test_each_item_names_the_law_that_frames_it() -> None:
    layout = Layout(LAWS)
    output = Item("output", type="function_call_output", call_id="c", output="Done.")
    listed = Item("listed", type="mcp_list_tools")
    items = [said(), heard(), call(), output, listed]
    assert [layout.block(item).framing for item in items] == [
        "user_text_framing",
        "user_audio_framing",
        "reply_framing",
        "call_output_framing",
        None,
    ]
    assert [layout.block(item).user_ms for item in items] == [0, 3_000, 0, 0, 0]
    assert not any(layout.newest_sound([item]) for item in items)


def test_a_call_read_again_without_its_blanks_still_begins_the_same() -> None:
    layout = Layout(prior("azure", "gpt-realtime"))
    layout.made([call()], [Tokens(22)])
    (block,) = [layout.block(call())]
    fresh = layout.fresh([call()])
    assert fresh[0].fingerprint == block.segments[0].fingerprint
    assert fresh[1].fingerprint != block.segments[1].fingerprint
    assert 0 < common_prefix(fresh, block.segments).text < block.tokens.text


def test_where_only_news_are_billed_only_what_the_user_told_is() -> None:
    layout = Layout(prior("xai", "grok-voice-latest"))
    assert [part.tokens for part in layout.news([said("Hello there."), spoken("reply"), call()])] == [Tokens(3)]


def test_the_transcript_of_a_turn_does_not_change_it_and_the_words_of_a_text_do() -> None:
    layout = Layout(LAWS)
    turn = heard()
    before = layout.block(turn).segments
    turn.parts[0].text = "Hello."
    assert layout.block(turn).segments == before
    assert layout.block(said("One.")).segments[0].fingerprint != layout.block(said("Two.")).segments[0].fingerprint


def test_the_room_for_items_is_the_context_without_a_longest_reply_and_the_head() -> None:
    head = Layout(LAWS).head("Be brief.", [])
    assert Layout(Laws(context_tokens=32_000)).room(head) == 32_000 - 4_096 - 3
    assert Layout(Laws(context_tokens=128_000)).room(head) == 128_000 - 32_000 - 3
