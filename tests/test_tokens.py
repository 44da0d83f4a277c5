"""Token counts: sound exactly, words nearly, items with the framing the recordings show.

The counts beside the sentences are o200k's own, taken once with the real vocabulary.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laconic.items import Item, Part
from laconic.laws import Laws, prior
from laconic.tokens import (
    FRAMINGS,
    Tokens,
    assistant_audio_tokens,
    framing,
    generated_tokens,
    instructions_tokens,
    item_tokens,
    text_tokens,
    tools_tokens,
    user_audio_tokens,
)

RECORDED = [
    (6, "Reply in a few words."),
    (17, "Use the get_weather tool for any weather question, then answer in one short sentence."),
    (7, "What is the weather in London?"),
    (12, '{  \n  "city": "London" \n} \n'),
    (5, '{"city":"London"}'),
    (11, "It is foggy and 12 degrees in London."),
    (12, "It's foggy and 12 degrees in London right now."),
    (6, "Answer in one short sentence."),
    (11, "My name is Alice and my favorite color is teal."),
    (7, "Nice to meet you, Alice!"),
    (8, "What is my name and favorite color?"),
    (12, "Your name is Alice, and your favorite color is teal."),
    (16, "Always call get_weather for a weather question, then answer in one short sentence."),
    (11, "I’ll check the current weather in London for you."),
    (11, "It’s foggy and 12 degrees in London."),
    (16, "Hello, Marcelo! Great to meet you. How can I help you today?"),
    (7, "Answer in two or three words."),
    (5, "Say a short greeting."),
    (3, "Hi there!"),
    (5, "Answer in two words."),
    (3, "Say hello."),
    (3, "Hello there."),
    (15, "Hi Marcelo, nice to meet you! How can I help you today?"),
    (7, "Hello, my name is Marcelo."),
    (10, "Cześć, nazywam się Marcelo."),
    (17, "Hi Marcelo, it's great to meet you! What can I help you with today?"),
    (15, "Hello Marcelo! Nice to meet you. How can I help you today?"),
    (9, "I'll check the weather for London right away."),
    (21, "It is foggy and 12 degrees in London. The weather is foggy and 12 degrees."),
]
ENGLISH = [
    (17, "I left my umbrella on the train this morning, and of course it started raining."),
    (10, "Would you mind spelling your last name for me?"),
    (13, "The library closes at nine on weekdays and at six on Saturdays."),
    (13, "My daughter has been coughing since yesterday; should I be worried?"),
    (16, "Turn left at the second traffic light, then go straight for about two miles."),
    (10, "I can't remember whether I locked the front door."),
    (15, "Give me a recipe for lentil soup that takes less than thirty minutes."),
    (13, "According to the forecast, the temperature will drop below zero overnight."),
    (13, "Our neighbours are renovating their kitchen, so it's rather noisy here."),
    (12, "Yes, exactly, that's what I was trying to say."),
    (13, "Transfer two hundred and fifty euros to my savings account, please."),
    (14, "The orchestra rehearsed Tchaikovsky's symphony until midnight."),
]
JAPANESE = [
    (14, "週末は家族と温泉に行く予定です。"),
    (12, "この電話番号は現在使われておりません。"),
    (9, "もっと大きな声で話してください。"),
    (12, "冷蔵庫の中に牛乳がありません。"),
    (12, "東京駅までどうやって行けばいいですか。"),
    (12, "子どもの頃からピアノを習っています。"),
    (10, "お客様のご注文を確認いたします。"),
    (13, "それは知らなかったわ、おもろいなあ。"),
    (13, "次の電車は何時に出発しますか。"),
    (15, "今夜は早く寝たほうがいいと思いますよ。"),
    (11, "薬を飲むのを忘れてしまいました。"),
    (19, "カレーライスを二つとアイスコーヒーを一つお願いします。"),
]
OTHERS = [
    (7, "你好,我叫王明。"),
    (11, "안녕하세요, 제 이름은 김민수입니다."),
    (8, "Здравствуйте, меня зовут Алексей."),
    (10, "Guten Morgen, wie kann ich Ihnen helfen?"),
    (15, "Bonjour, je m'appelle Hélène et j'habite à Lyon."),
    (11, "Hola, me llamo María y vivo en Málaga."),
    (10, "Cześć, nazywam się Marcelo."),
    (8, "مرحبا، كيف حالك اليوم؟"),
    (11, "สวัสดีครับ วันนี้อากาศดีมาก"),
    (9, "नमस्ते, आप कैसे हैं?"),
    (11, "Καλημέρα, πώς είστε σήμερα;"),
    (8, "שלום, מה שלומך היום?"),
    (15, "Xin chào, tôi tên là Minh và tôi sống ở Hà Nội."),
]

GET_WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Look up the weather for a city.",
    "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"], "type": "object"},
}
GA = prior("openai", "gpt-realtime")


@pytest.mark.parametrize(("count", "text"), RECORDED)
def test_texts_of_the_recordings_are_within_two(count: int, text: str) -> None:
    assert abs(text_tokens(text) - count) <= 2


@pytest.mark.parametrize(
    ("sentences", "mean", "worst", "sum_off"),
    [(ENGLISH, 0.7, 5, 0.03), (JAPANESE, 1.0, 2, 0.04), (OTHERS, 1.1, 4, 0.05)],
    ids=["English", "Japanese", "others"],
)
def test_the_error_is_what_the_module_says(
    sentences: list[tuple[int, str]], mean: float, worst: int, sum_off: float
) -> None:
    errors = [text_tokens(text) - count for count, text in sentences]
    assert sum(map(abs, errors)) / len(errors) <= mean
    assert max(map(abs, errors)) <= worst
    assert abs(sum(errors)) <= sum_off * sum(count for count, _ in sentences)


def test_counts_are_added_and_taken_away_kind_by_kind() -> None:
    assert Tokens(3, 2, 1) + Tokens(1, 1, 1) == Tokens(4, 3, 2)
    assert Tokens(3, 2, 1) - Tokens(1, 1, 1) == Tokens(2, 1)


def test_no_text_is_no_token() -> None:
    assert text_tokens("") == 0


@given(st.text(min_size=1))
def test_any_text_has_a_count_no_larger_than_its_bytes(text: str) -> None:
    """A vocabulary of bytes can do no worse than one token a byte, nor can the estimate."""
    assert 1 <= text_tokens(text) <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    assert text_tokens(f"{one}\n{other}") >= max(text_tokens(one), text_tokens(other))


@pytest.mark.parametrize(("ms", "tokens"), [(2796, 27), (2668, 26), (3056, 30), (0, 0), (99, 0)])
def test_user_sound_is_a_token_for_each_whole_tenth_of_a_second(ms: int, tokens: int) -> None:
    assert user_audio_tokens(ms, GA) == tokens


@pytest.mark.parametrize(("ms", "tokens"), [(4000, 80), (1680, 33), (0, 0)])
def test_assistant_sound_is_a_token_for_each_whole_twentieth(ms: int, tokens: int) -> None:
    assert assistant_audio_tokens(ms, GA) == tokens


def test_instructions_are_their_text_and_the_default_ones_111() -> None:
    assert instructions_tokens("Reply in a few words.", GA) == 6
    assert instructions_tokens("", GA) == instructions_tokens(None, GA) == 111
    assert instructions_tokens("Reply in a few words.", prior("openai", "gpt-realtime-2.1")) == 11


def test_one_small_tool_costs_what_was_recorded() -> None:
    assert tools_tokens([GET_WEATHER], GA) == 35
    assert tools_tokens([GET_WEATHER], prior("openai", "gpt-realtime-2.1")) == 315
    assert tools_tokens([], GA) == 0


def test_a_richer_tool_costs_more() -> None:
    schema = {"properties": {"day": {"type": "string", "description": "Which day."}, "at": {"enum": ["am", "pm"]}}}
    assert tools_tokens([GET_WEATHER | {"parameters": schema}], GA) > tools_tokens([GET_WEATHER], GA)
    assert tools_tokens([{"type": "function", "name": "stop"}], GA) < tools_tokens([GET_WEATHER], GA)


def message(role: str, *parts: Part, id: str = "item_1") -> Item:
    return Item(id, role=role, parts=list(parts))


@pytest.mark.parametrize("role", ["user", "system"])
def test_written_items_are_their_text_and_four(role: str) -> None:
    assert item_tokens(message(role, Part("input_text", "Say hello.")), GA) == Tokens(7)


def test_a_spoken_user_item_is_eight_and_its_sound_whatever_its_transcript() -> None:
    heard = message("user", Part("input_audio", "Hello, my name is Marcelo.", 2796))
    assert item_tokens(heard, GA) == item_tokens(message("user", Part("input_audio", None, 2796)), GA) == Tokens(8, 27)


def test_an_image_beside_a_question() -> None:
    item = message("user", Part("input_image"), Part("input_text", "What is this?"))
    assert item_tokens(item, GA) == Tokens(8, 0, 194)


def test_a_reply_is_what_its_generation_cost_and_two() -> None:
    """dnakov, notebook, REC-3."""
    reply = message("assistant", Part("output_audio", "Hi there!", 2100))
    assert item_tokens(reply, GA, generated={"item_1": Tokens(18, 42)}) == Tokens(20, 42)


def test_a_reply_whose_sound_was_dropped_is_text_alone() -> None:
    """REC-3: 8 fewer for 42 audio tokens."""
    reply = message("assistant", Part("output_audio", "Hi there!", 2100))
    generated = {"item_1": Tokens(18, 42)}
    assert item_tokens(reply, GA, generated=generated, sound_dropped=True) == Tokens(12)


def test_a_reply_the_app_wrote_is_its_text_and_four() -> None:
    """Recording openai-ga-history-seeding."""
    assert item_tokens(message("assistant", Part("output_text", "Nice to meet you, Alice!")), GA) == Tokens(11)


@pytest.mark.parametrize(("ms", "audio"), [(4000, 80), (1860, 37), (0, 0)])
def test_a_truncated_reply_keeps_eight_of_text_and_the_sound_that_was_heard(ms: int, audio: int) -> None:
    """banyan log 1; it reports 36 for 1,860 ms, one less than the rule gives."""
    cut = message("assistant", Part("output_audio", None, ms))
    assert item_tokens(cut, GA, generated={"item_1": Tokens(30, 200)}) == Tokens(8, audio)
    assert item_tokens(cut, GA, sound_dropped=True) == Tokens(8)


def call(arguments: str) -> Item:
    return Item("item_1", "function_call", name="get_weather", arguments=arguments, call_id="call_1")


PRETTY = '{  \n  "city": "London" \n} \n'


def test_a_call_and_its_output() -> None:
    """Recording openai-ga-tool-call: 22 generated, and 40 more in the next input."""
    output = Item("item_2", "function_call_output", call_id="call_1", output="It is sunny and 12 degrees in London.")
    assert generated_tokens(call(PRETTY), GA) == Tokens(22)
    assert item_tokens(call(PRETTY), GA) == Tokens(24)
    assert item_tokens(output, GA) == Tokens(15)


def test_azure_reads_a_call_again_without_its_blanks() -> None:
    """33 instead of 40 for the same round: 12 tokens of arguments become 5."""
    azure = prior("azure", "gpt-realtime")
    assert item_tokens(call(PRETTY), azure, generated={"item_1": Tokens(22)}) == Tokens(17)
    assert item_tokens(call("{broken"), azure) == item_tokens(call("{broken"), GA)


@pytest.mark.parametrize(
    ("words", "audio_ms", "text"),
    [
        ("Hello, Marcelo! Great to meet you. How can I help you today?", 6800, 28),
        ("Hi Marcelo, it's great to meet you! What can I help you with today?", 3850, 29),
        ("Hi Marcelo, nice to meet you! How can I help you today?", 3600, 27),
        ("Hi there!", 750, 9),
        ("Hello there.", 3050, 9),
    ],
)
def test_generating_a_spoken_reply_costs_as_recorded(words: str, audio_ms: int, text: int) -> None:
    reply = message("assistant", Part("output_audio", words, audio_ms))
    assert generated_tokens(reply, GA) == Tokens(text, audio_ms // 50)


def test_an_item_of_an_unknown_type_is_its_words() -> None:
    assert item_tokens(Item("item_1", "mcp_call", name="find", output="Nothing found."), GA) == Tokens(3)
    assert item_tokens(Item("item_1", "mcp_list_tools"), GA) == Tokens()


def test_counts_add_and_nothing_is_false() -> None:
    assert Tokens(1, 2, 3) + Tokens(4, 5, 6) == Tokens(5, 7, 9)
    assert Tokens(0, 0, 1)
    assert not Tokens()


@given(st.integers(0, 10_000))
def test_dropping_sound_never_leaves_less_than_nothing(audio: int) -> None:
    reply = message("assistant", Part("output_audio", "Yes.", audio * 50))
    tokens = item_tokens(reply, Laws(), generated={"item_1": Tokens(3, audio)}, sound_dropped=True)
    assert tokens.text >= 0
    assert tokens.audio == 0


@pytest.mark.parametrize(
    ("item", "law"),
    [
        (Item("i", role="user", parts=[Part("input_text", "hi")]), "user_text_framing"),
        (Item("i", role="system", parts=[Part("input_text", "hi")]), "user_text_framing"),
        (Item("i", role="user", parts=[Part("input_audio", None, 900)]), "user_audio_framing"),
        (Item("i", role="assistant", parts=[Part("output_audio", "hi", 900)]), "reply_framing"),
        (Item("i", role="assistant", parts=[Part("output_audio", None, 900)]), "truncated_reply_text"),
        (Item("i", type="function_call"), "reply_framing"),
        (Item("i", type="function_call_output"), "call_output_framing"),
    ],
)
def test_each_item_is_framed_by_one_law(item: Item, law: str) -> None:
    """What the law adds is what an item of that kind costs more than with the law at nothing."""
    assert framing(item) == law
    assert law in FRAMINGS
    laws = prior("openai", "gpt-realtime-2.1")
    more = replace(laws, **{law: getattr(laws, law) + 5})
    assert item_tokens(item, more).text == item_tokens(item, laws).text + 5


def test_what_nobody_has_measured_has_no_framing() -> None:
    assert framing(Item("i", type="mcp_list_tools")) is None


def test_a_field_of_a_tool_whose_schema_is_only_true_is_counted_as_any() -> None:
    def tool(schema: object) -> dict[str, Any]:
        return {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"x": schema}}}

    laws = prior("openai", "gpt-realtime")
    assert tools_tokens([tool(True)], laws) == tools_tokens([tool({})], laws) > 0
