"""Summaries of a mind: out of the text alone, readable again, and fold upon fold without losing a fact."""

from __future__ import annotations

import pytest

from laconic.simulator.minds.reading import known, spoken
from laconic.simulator.minds.reply import HeardItem
from laconic.simulator.minds.summing_up import summary
from laconic.tokens import text_tokens

HEADING = "Summary of the conversation so far:"


def text(words: str, role: str = "system") -> HeardItem:
    return HeardItem(role, words, "text")


def summed(*lines: str, lang: str = "en", max_tokens: int | None = None) -> str:
    """A dialogue in one item, as a fold hands it over."""
    return summary([text("\n".join(lines))], lang, max_tokens)


def folded(earlier: str, *lines: str, lang: str = "en", max_tokens: int | None = None) -> str:
    return summed(HEADING, earlier, *lines, lang=lang, max_tokens=max_tokens)


def test_what_a_summary_holds_and_in_which_order() -> None:
    assert summed(
        "User: Hello, my name is Marco and I live in Rome.",
        "Assistant: Nice to meet you, Marco!",
        "User: How is the weather?",
        "Assistant: I will send you the forecast at 7.",
        "User: We fly to Lisbon on 12 May. Please remember that my locker is 4.5 metres up.",
    ).splitlines() == [
        "The user lives in Rome.",
        "The user's name is Marco.",
        "The user's locker is 4.5 metres up.",
        "The user asked to remember that my locker is 4.5 metres up.",
        "They talked about: How is the weather?",
        "Assistant: I will send you the forecast at 7.",
        "User: We fly to Lisbon on 12 May.",
    ]


def test_the_same_in_japanese() -> None:
    assert summed(
        "User: 私の名前はハルカです。鍵は引き出しの中、と覚えてください。",
        "Assistant: 7時にお知らせします。",
        "User: 天気はどうですか。5月12日にリスボンへ行きます。",
        lang="ja",
    ).splitlines() == [
        "ユーザーの名前はハルカです。",
        "ユーザーは、鍵は引き出しの中と覚えてほしいと言いました。",
        "話したこと：天気はどうですか。",
        "アシスタント：7時にお知らせします。",
        "ユーザー：5月12日にリスボンへ行きます。",
    ]


def test_a_dialogue_is_read_as_one_whoever_hands_it_over() -> None:
    said = [("user", "Hello."), ("assistant", "Ah.")]
    assert spoken([text("User: Hello.\nAssistant: Ah.", "user")]) == said
    assert spoken([text("User: Hello.\nAssistant: Ah.")]) == said
    assert spoken([text("Hello.", "user"), text("Ah.", "assistant")]) == said


def test_twenty_folds_wash_nothing_out() -> None:
    earlier = summed("User: My name is Marco. Please remember that the code is 4,711.", "Assistant: I will.")
    for fold in range(20):
        thing = f"item{'abcdefghijklmnopqrst'[fold]}"
        earlier = folded(earlier, f"User: My {thing} is number {fold}.", "User: How are you?", "Assistant: Fine.")
    found = known([text(f"{HEADING}\n{earlier}")])
    assert found.facts["name"] == "Marco"
    assert found.notes == ["the code is 4,711"]
    assert [found.facts[f"item{letter}"] for letter in "abcdefghijklmnopqrst"] == [f"number {n}" for n in range(20)]
    assert earlier.count("How are you?") == 1
    assert folded(earlier) == earlier


def test_a_later_telling_wins_over_an_earlier_summary() -> None:
    earlier = summed("User: My favourite colour is blue.")
    assert folded(earlier, "User: My favorite color is green.") == "The user's favorite color is green."


def test_words_of_an_earlier_summary_stay_even_where_they_fit_no_pattern() -> None:
    earlier = "The wedding of Anna is on 3 June. They like it quiet."
    assert folded(earlier, "User: We meet at gate 5.").splitlines() == [
        "The wedding of Anna is on 3 June.",
        "User: We meet at gate 5.",
    ]
    # A word of nobody's stays nobody's, although a later one was said by somebody.
    assert folded(folded(earlier, "User: We meet at gate 5."), "User: Oh.").splitlines()[1:] == [
        "The wedding of Anna is on 3 June.",
        "User: We meet at gate 5.",
    ]


def test_japanese_with_english_in_it_and_english_with_japanese() -> None:
    both = summed("User: My name is 太郎.", "User: 僕の趣味は釣りです。")
    assert both.splitlines() == ["The user's name is 太郎.", "ユーザーの趣味は釣りです。"]
    assert known([text(both)]).facts == {"name": "太郎", "趣味": "釣り"}


@pytest.mark.parametrize("limit", [200, 60, 40, 25, 10])
def test_what_does_not_fit_is_left_out_facts_last_and_older_things_first(limit: int) -> None:
    lines = [
        "User: My name is Marco. I live in Rome.",
        *[f"User: We paid {n} euros to Bob." for n in range(10, 15)],
        *[f"User: Is it {what}?" for what in ("warm", "cold", "late", "far", "true", "over")],
    ]
    whole, cut = summed(*lines).splitlines(), summed(*lines, max_tokens=limit).splitlines()
    assert text_tokens("\n".join(cut)) <= limit
    assert len(whole) == 8
    if limit == 200:
        assert cut == whole
    if limit == 60:
        assert cut[:2] == whole[:2]
        assert "10 euros" not in "".join(cut)
        assert cut[-1] == whole[-1]
    if limit == 25:
        assert cut[:2] == whole[:2]
    if limit == 10:
        assert cut == ["The user lives in Rome."]


def test_nothing_said_is_said_so() -> None:
    assert summed("") == "Nothing was said so far."
    assert summary([], "ja") == "まだ何も話していません。"


def test_topics_tell_nothing_of_the_user() -> None:
    earlier = summed("User: She lives in a tree, does she?")
    assert earlier.startswith("They talked about")
    assert known([text(earlier)]).facts == {}
