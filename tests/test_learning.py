"""Laws from bills: a stranger with hidden laws is foreseen after eight responses; and each machine alone."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from billed_talk import TOOL, BilledTalk, drawn

from laconic.contents import Contents
from laconic.expectation import Expectation
from laconic.laws import Laws, prior
from laconic.learning import Learner
from laconic.tokens import Tokens
from laconic.usage import Usage

STRANGER = prior("wss://example.org", "somebody/else")


@pytest.mark.parametrize("seed", range(60))
def test_after_eight_responses_of_a_stranger_the_next_is_foreseen_within_three_percent(seed: int) -> None:
    """Spoken talks, written ones with spoken replies, mixed ones with calls and barge-ins, in turn."""
    random = Random(seed)
    hidden = drawn(random)
    kind = seed % 4
    instructions = " ".join(["reservation"] * random.randrange(400)) if seed % 10 else ""
    talk = BilledTalk(
        hidden,
        Expectation(STRANGER),
        random,
        hits=random.random,
        instructions=instructions,
        tools=[TOOL] if random.random() < 0.4 else [],
    )
    for number in range(16):
        spoken = kind in (0, 1) or (kind == 2 and random.random() < 0.5)
        foreseen = talk.turn(spoken=spoken, call=kind == 2 and random.random() < 0.2)
        if kind == 0 and random.random() < 0.15:
            talk.truncate(f"a{talk.turns}", 900)
        expected, usage = foreseen.expected, foreseen.usage
        assert expected is not None
        assert usage is not None
        if number >= 8:
            assert abs(expected.input_tokens - usage.input_tokens) < 0.03 * usage.input_tokens, (number, hidden)
    learned = talk.expectation.laws
    assert learned.keeps_reply_audio == hidden.keeps_reply_audio
    assert "keeps_reply_audio" not in learned.unverified
    if kind != 3:
        assert "user_audio_ms_per_token" not in learned.unverified
        assert abs(learned.user_audio_ms_per_token - hidden.user_audio_ms_per_token) <= 2
    assert abs(learned.assistant_audio_ms_per_token - hidden.assistant_audio_ms_per_token) <= 1


def test_what_was_measured_and_holds_stays_as_it_is() -> None:
    """A service that keeps the laws we assume teaches nothing but that they hold."""
    laws = prior("openai", "gpt-realtime")
    talk = BilledTalk(laws, Expectation(laws), Random(1), hits=lambda: 0.0, instructions="Be brief.")
    for _ in range(12):
        foreseen = talk.turn()
        assert foreseen.expected is not None
        assert foreseen.usage is not None
        assert foreseen.expected.text_in == foreseen.usage.text_in
        assert foreseen.expected.audio_in == foreseen.usage.audio_in
    learned = talk.expectation.laws
    assert learned.hit_rate > laws.hit_rate
    assert learned.unverified == ("truncated_reply_text",)
    assert talk.expectation.responses == 12


# A service that changes its laws, and one that forgets --------------------------------------------------------------

OTHERS = {
    "user_audio_ms_per_token": [8, 20, 25, 40, 50, 80, 100, 120],
    "assistant_audio_ms_per_token": [20, 25, 40, 50, 80, 100],
    "user_audio_framing": [0, 5, 12, 20, 40, 60],
    "reply_framing": [0, 5, 12, 20, 40],
}


def errors(talk: BilledTalk, turns: int) -> list[float]:
    """By how much each of the next responses is foreseen wrongly, as a share of what is reported."""
    found: list[float] = []
    for _ in range(turns):
        foreseen = talk.turn()
        assert foreseen.expected is not None
        assert foreseen.usage is not None
        found.append(abs(foreseen.expected.input_tokens / foreseen.usage.input_tokens - 1))
    return found


@pytest.mark.parametrize(
    ("law", "first", "then", "missed"),
    [
        ("keeps_reply_audio", True, False, 3),
        ("keeps_reply_audio", False, True, 2),
        ("user_audio_ms_per_token", 50, 100, 3),
        ("user_audio_ms_per_token", 100, 50, 2),
        ("assistant_audio_ms_per_token", 50, 100, 0),
        ("assistant_audio_ms_per_token", 100, 50, 0),
        ("user_audio_framing", 30, 8, 3),
        ("user_audio_framing", 8, 30, 3),
        ("reply_framing", 25, 2, 3),
        ("reply_framing", 2, 25, 3),
    ],
)
def test_a_law_that_changes_in_mid_talk_is_noticed_in_two_or_three_responses(
    law: str, first: Any, then: Any, missed: int
) -> None:
    """And what is kept of the talk for the next one is the new law, and no other is touched."""
    hidden = replace(prior("openai", "gpt-realtime"), hit_rate=1.0, **{law: first})
    talk = BilledTalk(hidden, Expectation(hidden), Random(1), hits=lambda: 0.0, instructions="Be brief.")
    assert max(errors(talk, 12)) < 0.001
    talk.change(**{law: then})
    assert [error > 0.02 for error in errors(talk, 30)] == [True] * missed + [False] * (30 - missed)
    learned = replace(talk.expectation.laws, hit_rate=1.0, unverified=hidden.unverified)
    assert learned == replace(hidden, **{law: then})


def test_a_law_may_change_back() -> None:
    hidden = replace(prior("openai", "gpt-realtime"), hit_rate=1.0, keeps_reply_audio=True)
    talk = BilledTalk(hidden, Expectation(hidden), Random(1), hits=lambda: 0.0)
    errors(talk, 12)
    for keeps in (False, True, False):
        talk.change(keeps_reply_audio=keeps)
        assert max(errors(talk, 8)[3:]) < 0.02
        assert talk.expectation.laws.keeps_reply_audio == keeps


def test_what_was_let_go_teaches_nothing_once_it_is_deleted_either() -> None:
    """Then the conversation is again what is read."""
    hidden = replace(prior("openai", "gpt-realtime"), hit_rate=1.0, keeps_reply_audio=True)
    talk = BilledTalk(hidden, Expectation(hidden), Random(1), hits=lambda: 0.0)
    errors(talk, 12)
    full = talk.turn().usage
    assert full is not None
    talk.fill(round(0.95 * full.input_tokens), 1.0)
    assert min(errors(talk, 2)) > 0.03
    for item in list(talk.conversation)[: talk.let_go]:
        talk.delete(item.id)
    talk.fill(10**9, 1.0)
    assert max(errors(talk, 10)) == 0


def test_sound_that_fell_short_for_once_does_not_hide_a_law_that_changes_right_after() -> None:
    hidden = replace(prior("openai", "gpt-realtime"), hit_rate=1.0, keeps_reply_audio=True)
    talk = BilledTalk(hidden, Expectation(hidden), Random(1), hits=lambda: 0.0)
    errors(talk, 12)
    talk.change(user_audio_ms_per_token=200)
    assert errors(talk, 1)[0] > 0.03
    talk.change(user_audio_ms_per_token=100, keeps_reply_audio=False)
    assert [error > 0.02 for error in errors(talk, 10)] == [True] * 3 + [False] * 7


@pytest.mark.parametrize("seed", range(45))
def test_whichever_law_of_a_stranger_changes_whenever_the_fifth_response_is_foreseen(seed: int) -> None:
    random = Random(seed)
    hidden = drawn(random)
    instructions = " ".join(["reservation"] * random.randrange(200))
    talk = BilledTalk(hidden, Expectation(STRANGER), random, hits=random.random, instructions=instructions)
    errors(talk, random.randrange(9, 40))
    if seed % 3 == 0:
        law, then = "keeps_reply_audio", not hidden.keeps_reply_audio
    else:
        law = random.choice(list(OTHERS))
        then = random.choice([value for value in OTHERS[law] if value != getattr(hidden, law)])
    talk.change(**{law: then})
    assert max(errors(talk, 12)[4:]) < 0.03, (law, getattr(hidden, law), then)
    learned = talk.expectation.laws
    assert learned.keeps_reply_audio == talk.hidden.keeps_reply_audio
    for name in ("user_audio_ms_per_token", "assistant_audio_ms_per_token"):
        assert abs(getattr(learned, name) - getattr(talk.hidden, name)) <= 2


@pytest.mark.parametrize("seed", range(30))
def test_what_the_service_lets_go_is_never_taken_for_a_law(seed: int) -> None:
    """Its context is full, now or in a while; the oldest items leave one by one, or many at once every few turns."""
    random = Random(seed)
    hidden = replace(drawn(random), keeps_reply_audio=seed % 2 == 0)
    talk = BilledTalk(hidden, Expectation(STRANGER), random, hits=random.random)
    errors(talk, random.randrange(8, 20))
    full = talk.turn().usage
    assert full is not None
    talk.fill(round(full.input_tokens * random.uniform(1.0, 2.5)), random.choice([0.5, 0.8, 0.9, 1.0]))
    errors(talk, 50)
    assert talk.let_go
    laws = talk.expectation.laws
    assert laws.keeps_reply_audio == hidden.keeps_reply_audio
    assert abs(laws.user_audio_ms_per_token - hidden.user_audio_ms_per_token) <= 2


# One machine at a time -------------------------------------------------------------------------------------------

SPOKEN = {"base_text": 1, "user_audio_framing": 1}
ROOM = Tokens(5000)


def heard(ms: int, turns: int, *, replies: int = 0, newest: int = 0) -> Contents:
    return Contents(framings={}, user_ms=ms, user_sounds=turns, reply_audio=replies, newest_reply_audio=newest)


def test_one_row_against_a_guess_about_old_sound_is_enough_and_three_against_a_measurement() -> None:
    row = heard(10_000, 3, replies=900, newest=300)
    guess, measured = Learner(STRANGER), Learner(Laws(keeps_reply_audio=True))
    for learner in (guess, measured):
        learner.learn(ROOM, Tokens(), heard(5_000, 1), Usage(audio_in=50))
    assert not guess.learn(ROOM, Tokens(), row, Usage(audio_in=398)).keeps_reply_audio
    answers = [measured.learn(ROOM, Tokens(), row, Usage(audio_in=398)).keeps_reply_audio for _ in range(3)]
    assert answers == [True, True, False]


def test_where_the_user_only_writes_all_audio_is_the_replies() -> None:
    learner = Learner(STRANGER)
    laws = learner.laws
    for number in range(1, 4):
        row = heard(0, 0, replies=100 * number, newest=100)
        laws = learner.learn(ROOM, Tokens(), row, Usage(audio_in=100))
    assert not laws.keeps_reply_audio
    assert "keeps_reply_audio" not in laws.unverified
    assert "user_audio_ms_per_token" in laws.unverified


def test_one_strange_row_changes_no_law_about_sound_and_two_do() -> None:
    """A length of token that two rows in a row deny is given up."""
    learner = Learner(Laws())
    for turns in range(1, 6):
        learner.learn(ROOM, Tokens(), heard(2_500 * turns, turns), Usage(audio_in=25 * turns))
    assert learner.learn(ROOM, Tokens(), heard(15_000, 6), Usage(audio_in=600)).user_audio_ms_per_token == 100
    assert learner.learn(ROOM, Tokens(), heard(15_000, 6), Usage(audio_in=600)).user_audio_ms_per_token == 25


def test_no_audio_at_all_where_there_was_speech_says_nothing_of_its_length() -> None:
    learner = Learner(Laws())
    laws = learner.laws
    for _ in range(4):
        laws = learner.learn(ROOM, Tokens(), heard(5_000, 1), Usage(text_in=20))
    assert laws.user_audio_ms_per_token == 100


def test_the_length_of_a_reply_s_token_takes_two_whole_replies() -> None:
    learner = Learner(STRANGER)

    def made(ms: int, tokens: int) -> Laws:
        return learner.learn(ROOM, Tokens(), heard(0, 0), Usage(), made=(ms, tokens))

    assert made(8_000, 100).assistant_audio_ms_per_token == 50
    assert made(20, 400).assistant_audio_ms_per_token == 50  # a stub of sound
    laws = made(16_000, 200)
    assert laws.assistant_audio_ms_per_token == 80
    assert "assistant_audio_ms_per_token" not in laws.unverified


def test_the_hit_rate_is_a_running_share_of_what_was_promised() -> None:
    learner = Learner(Laws(hit_rate=0.5, unverified=("hit_rate",)))
    promise, row = Tokens(640, 128), heard(0, 0)
    laws = learner.laws
    for _ in range(30):
        laws = learner.learn(ROOM, promise, row, Usage(text_in=900, audio_in=0, cached_text=640, cached_audio=128))
    assert laws.hit_rate > 0.95
    assert laws.unverified == ()
    before = laws.hit_rate
    assert learner.learn(ROOM, Tokens(), row, Usage(text_in=900)).hit_rate == before
    for _ in range(30):
        laws = learner.learn(ROOM, promise, row, Usage(text_in=900))
    assert 0.2 < laws.hit_rate < 0.5
    assert learner.learn(ROOM, Tokens(64), row, Usage(text_in=900, cached_text=640)).hit_rate <= 1


def test_a_count_that_is_no_multiple_of_the_block_denies_it_at_once() -> None:
    learner = Learner(Laws())
    laws = learner.learn(ROOM, Tokens(), heard(0, 0), Usage(text_in=900, cached_text=48, cached_audio=160))
    assert laws.cache_block == 16


def test_a_larger_block_takes_eight_counts_to_believe() -> None:
    learner, row = Learner(Laws(unverified=("cache_block",))), heard(0, 0)
    blocks: list[int] = []
    laws = learner.laws
    for number in range(1, 9):
        laws = learner.learn(ROOM, Tokens(), row, Usage(text_in=9000, cached_text=128 * number))
        blocks.append(laws.cache_block)
    assert blocks == [64] * 7 + [128]
    assert laws.unverified == ()


def test_framing_is_learned_from_how_text_grows() -> None:
    """Eleven tokens for the head and seven a spoken turn, where two and eight were assumed."""
    learner = Learner(Laws(base_text=2))
    laws = learner.laws
    for turns in range(1, 10):
        framings = {"base_text": 1, "user_audio_framing": turns}
        expected = 100 + laws.base_text + turns * laws.user_audio_framing
        contents = Contents(framings=framings)
        laws = learner.learn(Tokens(expected), Tokens(), contents, Usage(text_in=111 + 7 * turns))
    assert (laws.base_text, laws.user_audio_framing) == (11, 7)


def test_a_framing_met_for_the_first_time_is_no_law_that_changed() -> None:
    """Nobody could foresee it; it is learned from the first row."""
    learner = Learner(Laws())
    for _ in range(8):
        learner.learn(Tokens(300), Tokens(), Contents(framings={"base_text": 1}), Usage(text_in=300))
    row = Contents(framings={"base_text": 1, "user_text_framing": 1})
    assert learner.learn(Tokens(304), Tokens(), row, Usage(text_in=334)).user_text_framing > 10


def test_no_framing_is_learned_to_be_less_than_nothing_but_the_base_may_be() -> None:
    """The words of instructions are estimated, and may be fewer."""
    learner = Learner(Laws())
    laws = learner.laws
    for turns in range(1, 10):
        expected = 100 + laws.base_text + turns * laws.user_text_framing
        contents = Contents(framings={"base_text": 1, "user_text_framing": turns})
        laws = learner.learn(Tokens(expected), Tokens(), contents, Usage(text_in=70 - turns))
    assert laws.user_text_framing == 0
    assert -40 < laws.base_text < -25


def test_a_row_far_from_the_others_is_left_out_unless_the_next_two_agree() -> None:
    learner = Learner(Laws())
    contents = Contents(framings={"base_text": 1})

    def report(text: int) -> int:
        expected = Tokens(500 + learner.laws.base_text)
        return learner.learn(expected, Tokens(), contents, Usage(text_in=text)).base_text

    assert {report(500) for _ in range(5)} == {0}
    assert [report(1500), report(1500)] == [0, 0]
    assert report(1500) > 100


def test_text_far_short_of_the_others_teaches_nothing_however_often() -> None:
    learner = Learner(Laws())
    contents = Contents(framings={"base_text": 1})
    for text in [900] * 5 + [400] * 5:
        learner.learn(Tokens(900), Tokens(), contents, Usage(text_in=text))
    assert learner.laws.base_text == 0


@pytest.mark.parametrize("keeps", [True, False])
def test_a_context_that_is_full_teaches_nothing_about_sound(keeps: bool) -> None:
    """The service lets old items go and does not say so; what was learned before still stands."""
    learner = Learner(replace(STRANGER, keeps_reply_audio=True))
    for turns in range(1, 40):
        replies, newest = 150 * turns, 150
        row = heard(3_000 * turns, turns, replies=replies, newest=newest)
        whole = 30 * turns + (replies if keeps else newest)
        expected = 30 * turns + (replies if learner.laws.keeps_reply_audio else newest)
        laws = learner.learn(
            Tokens(100, expected), Tokens(), row, Usage(text_in=100, audio_in=min(whole, 2000 if keeps else 900))
        )
        if turns > 3:
            assert (laws.keeps_reply_audio, laws.user_audio_ms_per_token) == (keeps, 100)


def test_new_instructions_are_learned_anew_and_quickly() -> None:
    learner = Learner(Laws())

    def report(head: str, text: int) -> int:
        contents = Contents(head=head, framings={"base_text": 1})
        expected = Tokens(500 + learner.laws.base_text)
        return learner.learn(expected, Tokens(), contents, Usage(text_in=text)).base_text

    assert [report("one", 510) for _ in range(10)][-1] == 10
    assert report("two", 550) == 50


def test_a_service_that_bills_only_what_is_new_teaches_nothing_about_prompts() -> None:
    laws = prior("xai", "grok-voice-latest")
    learned = Learner(laws).learn(Tokens(7), Tokens(64), heard(5_000, 1), Usage(text_in=99, audio_in=4))
    assert learned == laws


def test_a_promise_of_less_than_nothing_teaches_nothing_of_the_cache() -> None:
    """A base fitted below zero can make a short prompt come out that way."""
    learner = Learner(Laws())
    learned = learner.learn(
        Tokens(-40), Tokens(-64), Contents(framings={}), Usage(text_in=100, cached_text=64), made=(0, 0)
    )
    assert learned.hit_rate == Laws().hit_rate
