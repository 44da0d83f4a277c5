"""What is foreseen of a response beside what is reported: recordings, published sessions, made-up conversations."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from billed_talk import TOOL, BilledTalk, Talk
from hypothesis import given
from hypothesis import strategies as st

from laconic import events as ev
from laconic.conversation import Conversation
from laconic.expectation import Expectation, Expected, Foreseen, shared_out
from laconic.items import Item, Part
from laconic.laws import Laws, prior
from laconic.layout import Block, Layout
from laconic.tokens import Tokens
from laconic.usage import Usage


class Row(NamedTuple):
    """One response's input."""

    text: int
    audio: int
    cached_text: int
    cached_audio: int


def row(counts: Expected | Usage | None) -> Row:
    assert counts is not None
    return Row(counts.text_in, counts.audio_in, counts.cached_text, counts.cached_audio)


def show(name: str, predicted: Row, reported: Row) -> None:
    difference = Row(*(one - other for one, other in zip(predicted, reported, strict=True)))
    columns = ("  ".join(f"{count:5}" for count in counts) for counts in (predicted, reported, difference))
    print(f"{name:34}", " │ ".join(columns))


# Recordings of real services -------------------------------------------------------------------------------------


def foreseen_in(path: Path) -> list[Foreseen]:
    """Every response of a recording, foreseen by the laws of its service with nothing learned beforehand."""
    words = path.stem.split("-")
    service = next((word for word in ("voicelive", "xai", "azure") if word in words), "openai")
    conversation, expectation = Conversation(), Expectation(prior(service, ""))
    rows: list[Foreseen] = []
    for line in path.read_text().splitlines():
        message = json.loads(line)
        event = ev.read(json.dumps(message["event"]))
        if message["from"] == "app":
            conversation.said(event)
            expectation.said(event)
            continue
        known = conversation.model
        conversation.read(event)
        if conversation.model != known:
            expectation.laws = prior(service, conversation.model or "")
        if foreseen := expectation.read(event, conversation):
            rows.append(foreseen)
    return rows


# xAI bills a spoken turn by rules unknown: its edges are 205 ms apart, which 146 tokens are not, and it has text.
UNKNOWN = {("xai-speech-turn", 0)}


def test_recorded_conversations_are_foreseen(recordings: Path) -> None:
    """Text within two tokens, audio exactly, and what was cached exactly wherever the service hit."""
    print("\npredicted, reported, difference; each: text, audio, cached text, cached audio")
    hits = count = 0
    for path in sorted(recordings.glob("*.jsonl")):
        for number, foreseen in enumerate(foreseen_in(path)):
            predicted, reported = row(foreseen.expected), row(foreseen.usage)
            show(f"{path.stem} {number + 1}", predicted, reported)
            count += 1
            if (path.stem, number) in UNKNOWN:
                continue
            assert abs(predicted.text - reported.text) <= 2
            assert predicted.audio == reported.audio
            if reported.cached_text + reported.cached_audio:
                hits += 1
                assert predicted[2:] == reported[2:]
    assert (count, hits) == (18, 4)


# Published sessions of several turns -------------------------------------------------------------------------------


def trace(recordings: Path, name: str) -> list[dict[str, Any]]:
    traces = json.loads((recordings / "usage_traces.json").read_text())
    return next(trace["turns"] for trace in traces if trace["id"] == name)


def usage_of(turn: dict[str, Any]) -> Usage:
    return Usage(
        text_in=turn["text_in"] or 0,
        audio_in=turn["audio_in"],
        cached_text=turn["cached_text"] or 0,
        cached_audio=turn["cached_audio"] or 0,
        text_out=turn["output_text"] or 0,
        audio_out=turn["output_audio"] or 0,
    )


def reply(number: int) -> dict[str, Any]:
    content = [{"type": "output_audio", "transcript": "…"}]
    return {"id": f"a{number}", "type": "message", "role": "assistant", "status": "completed", "content": content}


def words(count: int) -> str:
    """Instructions of so many tokens."""
    return " ".join(["word"] * count)


def spoken_turns(name: str, laws: Laws, head: int, turns: Sequence[tuple[int, Usage]]) -> list[Row]:
    """What is foreseen of a talk of spoken turns: audio tokens of the user, and what was then reported."""
    print()
    talk = Talk(Expectation(laws), instructions=words(head))
    rows: list[Row] = []
    for number, (said, usage) in enumerate(turns):
        talk.hear(f"u{number}", said * 100)
        talk.begin(f"r{number}")
        talk.make(f"r{number}", reply(number), usage.audio_out * 50)
        rows.append(row(talk.finish(f"r{number}", [reply(number)], usage).expected))
        show(f"{name} {number + 1}", rows[-1], row(usage))
    return rows


GA = prior("openai", "gpt-realtime")
STRANGER = replace(prior("wss://example.org", "somebody/else"), context_tokens=4_300)


def test_three_spoken_turns_of_gpt_realtime() -> None:
    """REC-3 (COST.md sections 2 to 4), 2026-08-03: every count of all three turns."""
    turns = [
        (27, Usage(text_in=15, audio_in=27, text_out=18, audio_out=42)),
        (27, Usage(text_in=43, audio_in=96, cached_audio=64, text_out=18, audio_out=43)),
        (27, Usage(text_in=63, audio_in=124, text_out=20, audio_out=90)),
    ]
    assert spoken_turns("REC-3", GA, 7, turns) == [row(usage) for _, usage in turns]


def test_six_spoken_turns_of_the_notebook(recordings: Path) -> None:
    """Text and audio exactly. The cache did otherwise than the law on every turn, as COST.md section 3 has it: 256
    audio tokens on turn 2 where 235 were old, and from turn 3 on it stopped inside the instructions."""
    turns = [(turn["user_audio_tokens_asr"], usage_of(turn)) for turn in trace(recordings, "cookbook-oob-main")]
    rows = spoken_turns("notebook", GA, 1026 - 8, turns)
    assert [one[:2] for one in rows] == [row(usage)[:2] for _, usage in turns]
    assert rows[1] == Row(1102, 292, 1088, 192)
    assert all(one.cached_text >= 1024 for one in rows[2:])


def test_the_notebook_s_responses_out_of_band(recordings: Path) -> None:
    """Other instructions, the whole conversation: text exactly, 804 tokens above the main line on every turn. The
    reported audio is unexplained (COST.md section 2), so nothing is learned from these rows."""
    main, asides = trace(recordings, "cookbook-oob-main"), trace(recordings, "cookbook-oob-transcription")
    talk = Talk(Expectation(GA), instructions=words(1018))
    print()
    for number, (turn, aside) in enumerate(zip(main, asides, strict=True)):
        talk.hear(f"u{number}", turn["user_audio_tokens_asr"] * 100)
        laws = talk.expectation.laws
        talk.ask(conversation="none", instructions=words(1018 + 804))
        talk.begin("aside", conversation_id=None)
        foreseen = talk.finish("aside", [], usage_of(aside), conversation_id=None)
        show(f"notebook, out of band {number + 1}", row(foreseen.expected), row(foreseen.usage))
        assert row(foreseen.expected).text == aside["text_in"]
        assert talk.expectation.laws == laws
        talk.begin("main")
        talk.make("main", reply(number), turn["output_audio"] * 50)
        foreseen = talk.finish("main", [reply(number)], usage_of(turn))
        assert row(foreseen.expected)[:2] == row(foreseen.usage)[:2]


def test_the_notebook_s_responses_to_the_last_item_only(recordings: Path) -> None:
    """`input` of one reference: text, and the cached prefix of every response after the first, exactly."""
    talk = Talk(Expectation(GA), instructions=words(20))
    print()
    for number, turn in enumerate(trace(recordings, "cookbook-oob-last-item-only")):
        talk.hear(f"u{number}", turn["user_audio_tokens_asr"] * 100)
        references = [{"type": "item_reference", "id": f"u{number}"}, {"type": "item_reference", "id": "gone"}]
        talk.ask(conversation="none", instructions=words(1801), input=references)
        talk.begin("aside", conversation_id=None)
        foreseen = talk.finish("aside", [], usage_of(turn), conversation_id=None)
        predicted, reported = row(foreseen.expected), row(foreseen.usage)
        show(f"notebook, last item only {number + 1}", predicted, reported)
        assert (predicted.text, predicted[2:]) == (reported.text, reported[2:])


def test_the_first_preview_kept_every_reply_s_sound(recordings: Path) -> None:
    """dnakov, October 2024: text exactly; audio by the reply and 5 to 45 tokens of the user's, whose count nobody
    printed (COST.md section 4: 172 + 16). Four pairs of consecutive turns."""
    turns = trace(recordings, "dnakov-30-turn")
    laws = prior("openai", "gpt-4o-realtime-preview-2024-10-01")
    pairs = [(a, b) for a, b in itertools.pairwise(turns) if b["turn_index"] == a["turn_index"] + 1]
    for before, after in pairs:
        said = after["audio_in"] - before["audio_in"] - before["output_audio"]
        assert 5 <= said <= 45
        # Everything before this turn stands as one spoken turn and one head, which are whatever fits it.
        whole = [(before["audio_in"], usage_of(before)), (said, usage_of(after))]
        predicted = spoken_turns("dnakov", laws, before["text_in"] - 8, whole)
        assert [one[:2] for one in predicted] == [row(usage)[:2] for _, usage in whole]
    assert len(pairs) == 4


def test_two_turns_of_the_forum(recordings: Path) -> None:
    """Thread 968700, October 2024: the text of the second turn is the first's, its reply's, 2 and 8."""
    first, second = trace(recordings, "community-968700")
    turns = [(first["audio_in"], usage_of(first)), (42, usage_of(second))]
    rows = spoken_turns("forum 968700", prior("openai", "gpt-4o-realtime-preview-2024-10-01"), 5, turns)
    assert [one[:2] for one in rows] == [row(usage)[:2] for _, usage in turns]


def test_a_greeting_cut_short(recordings: Path) -> None:
    """banyan log 2, May 2025: text exactly; audio within the one token of "about `audio_end_ms` / 50"."""
    first, second = trace(recordings, "banyan-log2")
    talk = Talk(Expectation(prior("openai", second.get("model", "gpt-4o-realtime-preview"))), instructions=words(853))
    talk.begin("r0")
    talk.make("r0", reply(0), first["output_audio"] * 50)
    talk.finish("r0", [reply(0)], usage_of(first))
    talk.truncate("a0", *second["truncations_audio_end_ms_since_prev"])
    talk.hear("u1", *second["user_segments_ms_since_prev"])
    talk.begin("r1")
    predicted, reported = row(talk.finish("r1", [], usage_of(second)).expected), row(usage_of(second))
    print()
    show("banyan log 2, turn 2", predicted, reported)
    assert predicted.text == reported.text
    assert abs(predicted.audio - reported.audio) <= 1
    assert predicted[2:] == reported[2:]


def test_a_clip_twice_and_again_after_deleting_the_rest(recordings: Path) -> None:
    """hyprwhspr#227, Qwen-Audio: 653, 1,303, 653; the second within three tokens of twice the first."""
    turns = trace(recordings, "hyprwhspr-227-delete")
    talk = Talk(Expectation(prior("dashscope", "qwen-audio-3.0-realtime-plus"), learn=False))
    predicted: list[int] = []
    for number, turn in enumerate(turns):
        if number == 2:
            talk.delete("u0")
            talk.delete("u1")
        talk.hear(f"u{number}", round(turn["user_audio_s"] * 1000))
        talk.begin("r")
        predicted.append(row(talk.finish("r", [], None).expected).audio)
    print("\nQwen-Audio, audio: predicted, reported", predicted, [turn["audio_in"] for turn in turns])
    assert predicted == [653, 1306, 653]


# Any conversation ------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["speak", "speak", "write", "call", "text reply", "truncate", "delete", "insert", "set", "peek", "lost"]
        ),
        st.integers(0, 1000),
    ),
    max_size=25,
)


@given(STEPS, st.booleans(), st.booleans())
def test_what_is_foreseen_is_what_the_stand_in_bills(steps: list[tuple[str, int]], keeps: bool, learn: bool) -> None:
    """Through whatever edits: the gross counts exactly, and of the cache no more than is promised."""
    laws = Laws(keeps_reply_audio=keeps, hit_rate=1.0)
    talk = BilledTalk(
        laws, Expectation(laws, learn=learn), Random(0), hits=lambda: 0.0, instructions="Be brief.", tools=[TOOL]
    )
    exact = True  # the best of all earlier prompts counts; we compare with the last, which is as good but for these
    for number, (step, pick) in enumerate(steps):
        items = list(talk.conversation)
        some = items[pick % len(items)] if items else None
        match step:
            case "speak" | "write" | "call" | "text reply":
                foreseen = talk.turn(spoken=step == "speak", sounds=step != "text reply", call=step == "call")
                predicted, billed = row(foreseen.expected), row(foreseen.usage)
                assert predicted[:2] == billed[:2]
                assert predicted[2:] == billed[2:] if exact else predicted[2:] <= billed[2:]
            case "truncate" if some is not None and some.role == "assistant" and some.audio_ms:
                talk.truncate(some.id, pick % some.audio_ms)
            case "delete" if some is not None:
                exact &= keeps or some.role != "assistant"
                talk.delete(some.id)
            case "insert":
                talk.write(f"i{number}", "A note.", after=some.id if some else None)
            case "set":
                exact = False
                talk.set(instructions=["Be brief.", "Be long."][pick % 2], tools=[TOOL] if pick % 3 else [])
            case "peek":
                talk.expectation.next(talk.conversation)
            case "lost" if some is not None:  # a service that lets an item go and does not say so
                exact = False
                talk.conversation.remove(some.id)
            case _:
                pass


def test_looking_ahead_changes_nothing() -> None:
    """What a response would read now is what it does read, looked at once, twice or never."""
    laws = Laws(hit_rate=1.0)
    talk = BilledTalk(laws, Expectation(laws), Random(0), hits=lambda: 0.0, instructions=words(100))
    talk.turn()
    talk.hear("u", 3_000)
    looked = [talk.expectation.next(talk.conversation) for _ in range(2)]
    foreseen = talk.respond([talk.reply("a")])
    assert looked == [foreseen.expected, foreseen.expected]
    assert row(foreseen.expected) == row(foreseen.usage)


def test_a_talk_that_only_grows_costs_no_look_at_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a response, the items since the last one and the reply that falls silent are counted, and no other."""
    laws = Laws(hit_rate=1.0)
    talk = BilledTalk(laws, Expectation(laws), Random(0), hits=lambda: 0.0)
    for _ in range(30):
        talk.turn()
    counted: list[str] = []
    block = Layout.block

    def counting(layout: Layout, item: Item, newest: int | str | None = None) -> Block:
        counted.append(item.id)
        return block(layout, item, newest)

    talk.hear("u31", 3_000)
    monkeypatch.setattr(Layout, "block", counting)
    talk.expectation.next(talk.conversation)
    assert counted == ["a29", "u30", "a30", "u31"]
    counted.clear()
    talk.delete("u29")
    talk.expectation.next(talk.conversation)
    assert counted == ["a29", "u30", "a30", "u31"]


def test_framing_that_is_learned_costs_no_look_at_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = BilledTalk(Laws(), Expectation(Laws(), learn=False), Random(0), hits=lambda: 0.0)
    for number in range(12):
        talk.turn(spoken=number % 3 > 0, sounds=number % 4 > 0, call=number % 5 == 0)
    talk.truncate("a11", 300)
    talk.write("u12", "And then?")
    learned = Laws(base_text=9, user_text_framing=1, user_audio_framing=11, reply_framing=0, truncated_reply_text=3)
    everything = Expectation(learned, learn=False)
    everything._layout._generated = talk.expectation._layout._generated  # pyright: ignore[reportPrivateUsage]
    counted: list[str] = []
    talk.expectation.next(talk.conversation)
    block = Layout.block

    def counting(layout: Layout, item: Item, newest: int | str | None = None) -> Block:
        counted.append(item.id)
        return block(layout, item, newest)

    monkeypatch.setattr(Layout, "block", counting)
    talk.expectation.laws = learned
    after = talk.expectation.next(talk.conversation)
    assert len(counted) < 6
    anew = everything.next(talk.conversation)
    assert (after.text_in, after.audio_in) == (anew.text_in, anew.audio_in)


# Single rules ----------------------------------------------------------------------------------------------------


def talk_of(laws: Laws | None = None, tools: Sequence[dict[str, Any]] = ()) -> Talk:
    return Talk(Expectation(laws or Laws(), learn=False), instructions=words(100), tools=tools)


def foreseen(talk: Talk, response_id: str = "r", **response: Any) -> Row:
    talk.begin(response_id, **response)
    return row(talk.finish(response_id, [], None, **response).expected)


def test_settings_of_one_response_are_its_own() -> None:
    talk = talk_of(tools=[TOOL])
    plain = foreseen(talk)
    talk.ask(instructions=words(300), tools=[])
    assert foreseen(talk) == Row(300, 0, 0, 0)
    assert foreseen(talk).text == plain.text
    talk.ask(instructions=words(300), tools=[])
    assert foreseen(talk) == Row(300, 0, 256, 0)  # a prompt-cache line of its own
    talk.ask(metadata={"any": "thing"})
    assert foreseen(talk).text == plain.text


def test_input_of_its_own_may_hold_items_that_are_in_no_conversation() -> None:
    talk = talk_of()
    talk.hear("u", 3_000)
    talk.write("w", "One two three.")
    new = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello there."}]}
    talk.ask(input=[{"type": "item_reference", "id": "u"}, new])
    assert foreseen(talk) == Row(100 + 8 + 3 + 4, 30, 0, 0)
    talk.ask(input=[])
    assert foreseen(talk).text == 100


def test_a_create_is_answered_by_a_response_of_its_kind() -> None:
    """An out-of-band response that is asked for first may begin after one to the user's turn."""
    talk = talk_of()
    talk.ask(conversation="none", instructions=words(300))
    assert foreseen(talk, "turn").text == 100
    assert foreseen(talk, "aside", conversation_id=None).text == 300


@pytest.mark.parametrize(
    "error",
    [{"event_id": "ask", "code": "invalid_value"}, {"code": "conversation_already_has_active_response"}],
    ids=["by its id", "by its words"],
)
def test_a_refused_create_is_answered_by_none(error: dict[str, Any]) -> None:
    talk = talk_of()
    talk.ask(instructions=words(300))
    talk.say({"type": "error", "error": {"event_id": "other", "message": "about something else"}})
    talk.say({"type": "error", "error": {"message": "about nothing in particular"}})
    talk.say({"type": "error", "error": {"message": "No.", **error}})
    assert foreseen(talk).text == 100


def test_a_response_whose_beginning_was_not_seen() -> None:
    """Nothing was foreseen, and what it made is still read again at its size."""
    talk = talk_of()
    made = talk.make("r", reply(0), 5_000)
    lost = talk.finish("r", [reply(0)], Usage(text_in=100, text_out=40, audio_out=100))
    assert lost.expected is None
    assert lost.usage is not None
    assert foreseen(talk) == Row(142, 100, 0, 0)
    assert made.id in talk.conversation


def test_an_output_item_the_conversation_does_not_hold_is_read_from_the_response() -> None:
    talk = talk_of()
    talk.begin("r")
    talk.finish("r", [reply(0)], Usage(text_in=100, text_out=40, audio_out=100))
    assert foreseen(talk) == Row(100, 0, 64, 0)


def test_laws_may_change_in_the_middle() -> None:
    talk = Talk(Expectation(Laws()), instructions=words(100))
    talk.hear("u", 3_000)
    before = talk.expectation.next(talk.conversation)
    assert (before.text_in, before.audio_in, before.input_tokens) == (108, 30, 138)
    talk.expectation.laws = Laws(user_audio_ms_per_token=50, user_audio_framing=10)
    after = talk.expectation.next(talk.conversation)
    assert (after.text_in, after.audio_in) == (110, 60)
    assert talk.expectation.laws.user_audio_framing == 10
    assert talk.expectation.responses == 0


def test_without_learning_laws_stay() -> None:
    talk = talk_of()
    talk.begin("r")
    talk.finish("r", [], Usage(text_in=900))
    assert talk.expectation.laws == Laws()
    assert talk.expectation.responses == 0
    talk.expectation.laws = Laws(base_text=5)
    assert talk.expectation.next(talk.conversation).text_in == 105


def test_only_what_is_new_is_foreseen_where_only_that_is_billed() -> None:
    talk = talk_of(prior("xai", "grok-voice-latest"))
    talk.hear("u0", 2_000)
    assert foreseen(talk) == Row(0, 100, 0, 0)
    talk.write("u1", "Hello there.")
    talk.expectation.next(talk.conversation)
    assert foreseen(talk) == Row(3, 0, 0, 0)
    talk.truncate("u0", 1_000)
    assert foreseen(talk) == Row(0, 0, 0, 0)


def test_an_item_of_a_kind_nobody_has_recorded_counts_its_words() -> None:
    talk = talk_of()
    talk.place({"id": "x", "type": "mcp_call", "output": "Hello there."})
    assert foreseen(talk) == Row(103, 0, 0, 0)


def test_events_of_no_item_are_nothing_to_it() -> None:
    talk = talk_of()
    assert talk.say({"type": "rate_limits.updated", "rate_limits": []}) is None
    talk.expectation.said(ev.read('{"type": "response.cancel"}'))
    assert foreseen(talk) == Row(100, 0, 0, 0)


# What a service lets go without a word ----------------------------------------------------------------------------


def limited(ratio: float, tokens: int) -> dict[str, Any]:
    return {"type": "retention_ratio", "retention_ratio": ratio, "token_limits": {"post_instructions": tokens}}


def notes(talk: Talk, *names: str) -> None:
    """Texts of ten tokens each."""
    for name in names:
        talk.write(name, words(6))


def test_the_oldest_items_leave_until_a_share_of_the_limit_is_left() -> None:
    talk = talk_of()
    talk.set(truncation=limited(0.5, 45))
    notes(talk, "a", "b", "c", "d")
    assert foreseen(talk).text == 140
    notes(talk, "e")
    assert foreseen(talk) == Row(120, 0, 64, 0)
    talk.delete("b")
    assert foreseen(talk) == Row(120, 0, 64, 0)
    talk.write("b", words(6), after="d")  # another item of that name
    assert foreseen(talk).text == 130
    notes(talk, "f", "g")
    assert foreseen(talk).text == 120


def test_an_output_leaves_with_its_call_and_the_newest_item_never() -> None:
    talk = talk_of()
    talk.set(truncation=limited(1.0, 40))
    talk.place({"id": "f", "type": "function_call", "name": "book", "call_id": "c", "arguments": "{}"})
    notes(talk, "a")
    talk.place({"id": "o", "type": "function_call_output", "call_id": "c", "output": "Done."})
    talk.write("b", words(16))
    assert foreseen(talk).text == 100 + 10 + 20
    talk.write("c", words(200))
    assert foreseen(talk).text == 100 + 204


def test_a_context_that_is_known_is_a_limit_and_one_that_is_guessed_is_none() -> None:
    for laws, whole in ((Laws(context_tokens=4_300), False), (Laws(context_tokens=130_000), True), (STRANGER, True)):
        talk = talk_of(laws)
        notes(talk, *(f"n{number}" for number in range(30)))
        assert (foreseen(talk).text == 400) == whole
    assert foreseen(talk_of(Laws(context_tokens=4_100))).text == 100  # no room even for nothing
    talk = talk_of(Laws(context_tokens=4_300))
    talk.set(truncation="disabled")
    notes(talk, *(f"n{number}" for number in range(30)))
    assert foreseen(talk).text == 400


def test_responses_beside_the_conversation_read_no_more_than_it_does() -> None:
    talk = talk_of()
    talk.set(truncation=limited(1.0, 25))
    notes(talk, "a", "b", "c")
    talk.ask(conversation="none", instructions=words(50))
    assert foreseen(talk, conversation_id=None).text == 70
    assert foreseen(talk).text == 120


# Sharing out -----------------------------------------------------------------------------------------------------

SPOKEN = Item("a", role="assistant", parts=[Part("output_audio", "One moment, please.", 3_000)])
CALL = Item("f", type="function_call", name="book", arguments='{"day":"Friday"}')


def test_one_reported_sum_is_shared_out_to_the_items() -> None:
    call = shared_out([CALL], None, GA)[0].text
    usage = Usage(text_out=60, audio_out=61)
    assert shared_out([SPOKEN, CALL], usage, GA) == [Tokens(60 - call, 61), Tokens(call)]
    assert shared_out([CALL, SPOKEN], usage, GA) == [Tokens(call), Tokens(60 - call, 61)]
    assert shared_out([CALL], usage, GA) == [Tokens(60, 61)]
    assert shared_out([SPOKEN, CALL], Usage(text_out=3), GA)[0] == Tokens(0)
    assert shared_out([], usage, GA) == []


def test_sound_is_shared_out_by_length() -> None:
    twice = Item("b", role="assistant", parts=[Part("output_audio", "And so on, and so on, and so on.", 6_000)])
    assert [share.audio for share in shared_out([SPOKEN, twice], Usage(text_out=50, audio_out=100), GA)] == [33, 67]
