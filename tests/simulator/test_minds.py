"""What the stand-in answers: only ever out of the items it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from laconic import scenarios
from laconic.errors import BadInput
from laconic.simulator.minds import Facts, HeardItem, Mind, Reply, mind
from laconic.simulator.minds.facts import known
from laconic.simulator.minds.reply import joined, language, last_said
from laconic.simulator.speech import Speech


def user(text: str | None) -> HeardItem:
    return HeardItem("user", text)


def assistant(text: str | None) -> HeardItem:
    return HeardItem("assistant", text)


def note(text: str) -> HeardItem:
    return HeardItem("system", text, "text")


def asked(*items: HeardItem, instructions: str = "") -> str:
    return Facts().answer(items, instructions).text


NAME = user("Hello. My name is Marco.")
QUESTION = user("What is my name?")


# --- what was said -------------------------------------------------------------------------------------------


def test_a_turn_cut_in_two_by_a_pause_is_read_as_one() -> None:
    assert last_said([user("Earlier."), assistant("Yes."), user("My name"), user("is Marco.")]) == "My name is Marco."
    assert last_said([user("私の"), assistant(""), user("名前は")]) == "私の名前は"


def test_a_reply_whose_words_are_unknown_still_ends_the_turn_before() -> None:
    assert last_said([user("Tell me a story."), assistant(None), user("Stop.")]) == "Stop."


def test_calls_and_outputs_do_not_end_a_turn() -> None:
    call = HeardItem("tool", "{}", "call", "f")
    output = HeardItem("tool", "{}", "output", "f")
    assert last_said([user("Do it."), call, output]) == "Do it."


def test_nothing_said_is_no_words() -> None:
    assert last_said([]) == last_said([user(None)]) == ""


def test_language_is_told_by_its_letters() -> None:
    assert [language(text) for text in ("Hello", "こんにちは", "名前", "")] == ["en", "ja", "ja", "en"]
    assert joined(["a", "b", "は"]) == "a bは"


# --- echo and small talk -------------------------------------------------------------------------------------


def test_echo_says_again_what_was_said() -> None:
    assert mind("echo").answer([user("One."), assistant("One."), user("Two.")]) == Reply(text="Two.")
    assert mind("echo").answer([user("やあ")]).lang == "ja"
    assert "not understand" in mind("echo").answer([user(None)]).text
    assert mind("echo").answer([], "日本語で").reading


LINES = [line.text for name in scenarios.names() for line in scenarios.load(name).lines]


@pytest.mark.parametrize("name", ["echo", "small_talk", "facts"])
def test_the_same_items_always_get_the_same_answer(name: str) -> None:
    for text in LINES:
        assert mind(name).answer([user(text)]) == mind(name).answer([user(text)])


@pytest.mark.parametrize("text", LINES)
def test_small_talk_answers_in_the_callers_language_with_a_reading_in_kana(text: str) -> None:
    reply = mind("small_talk").answer([user(text)])
    assert reply.lang == language(text) == language(reply.text)
    assert (reply.reading is None) == (reply.lang == "en")
    assert not any("一" <= letter <= "鿿" for letter in reply.reading or "")


def test_answers_vary_with_the_words() -> None:
    replies = {mind("small_talk").answer([user(f"What about number {n}?")]).text for n in range(40)}
    assert len(replies) >= 6


def test_nobody_says_the_same_twice_in_a_row() -> None:
    said, talk = user("What about it?"), mind("small_talk")
    first = talk.answer([said]).text
    assert talk.answer([said, assistant(first), said]).text != first


def test_answers_last_some_seconds_and_a_story_long_enough_to_be_interrupted() -> None:
    voice, talk = Speech("tones"), mind("small_talk")
    usual = [voice.say(talk.answer([user(f"What about number {n}?")]).text).ms for n in range(20)]
    assert 4000 < sum(usual) / len(usual) < 10_000
    story = talk.answer([user("Tell me a long story about the sea.")])
    assert voice.say(story.text).ms > 15_000
    japanese = talk.answer([user("海の長いお話を聞かせてください。")])
    assert len(japanese.text) > 150


def test_asked_to_stop_it_does_not_go_on_with_the_story() -> None:
    items = [user("Tell me a long story about the sea."), assistant(None), user("Wait, stop, please.")]
    assert len(mind("small_talk").answer(items).text) < 100


def test_told_to_say_goodbye_it_does_whatever_was_asked() -> None:
    talk = mind("small_talk")
    assert "oodbye" in talk.answer([user("What about lunch?")], "Say goodbye in one sentence.").text
    assert "さようなら" in talk.answer([user("お昼は？")], "一言でお別れを言ってください。").text
    assert "oodbye" not in talk.answer([user("What about lunch?")], "You are kind. Never say goodbye.").text


def test_speech_that_was_not_understood_is_asked_for_again() -> None:
    assert "again" in mind("small_talk").answer([user(None)]).text
    assert mind("small_talk").answer([user(None)], lang="ja").lang == "ja"


# --- facts ---------------------------------------------------------------------------------------------------


def test_a_name_is_known_while_the_telling_is_in_the_conversation_and_not_after() -> None:
    assert asked(NAME, assistant("Nice!"), QUESTION) == "Your name is Marco."
    assert asked(assistant("Nice!"), QUESTION) == "I'm sorry, I don't know your name. Would you tell me?"


def test_one_mind_remembers_nothing_between_two_answers() -> None:
    facts = Facts()
    assert "Marco" in facts.answer([NAME, assistant("Nice!"), QUESTION]).text
    assert "Marco" not in facts.answer([assistant("Nice!"), QUESTION]).text


@pytest.mark.parametrize(
    ("told", "question", "answer"),
    [
        ("My name is Marco and I live in Rome.", "Where do I live?", "You live in Rome."),
        ("My name is Marco and I live in Rome.", "Do you know my name?", "Your name is Marco."),
        ("Call me Ishmael.", "Who am I?", "Your name is Ishmael."),
        ("My favourite colour is dark green.", "What is my favorite color?", "Your favorite color is dark green."),
        ("my lucky number is seven", "can you tell me my lucky number again", "Your lucky number is seven."),
        ("My dog is called Rex.", "What is my dog called?", "Your dog's name is Rex."),
        ("My dog's name is Rex.", "Do you remember my dog's name?", "Your dog's name is Rex."),
        ("I was born in Turin, long ago.", "Where was I born?", "You were born in Turin."),
        ("I am thirty-one years old.", "How old am I?", "You are thirty-one years old."),
        ("I work as a baker.", "What do I do for a living?", "You work as a baker."),
        (
            "Please remember that my keys are in the drawer.",
            "What did I ask you to remember?",
            "You asked me to remember that your keys are in the drawer.",
        ),
        ("My eyes are brown.", "What color are my eyes?", "Your eyes are brown."),
        ("私の名前はハルカです。", "私の名前は何ですか。", "あなたの名前は、ハルカです。"),
        ("私の名前はハルカです。", "私の名前を覚えましたか。", "あなたの名前は、ハルカです。"),
        ("私はハルカと申します。", "私は誰ですか。", "あなたの名前は、ハルカです。"),
        ("京都に住んでいます。", "私はどこに住んでいますか。", "あなたの住まいは、京都です。"),
        ("私は奈良の出身です。", "私の出身はどこですか。", "あなたの出身は、奈良です。"),
        ("三十歳です。", "私は何歳ですか。", "あなたの年齢は、三十です。"),
        ("僕の趣味は釣りです。", "僕の趣味は何ですか。", "あなたの趣味は、釣りです。"),
        ("鍵は引き出しの中、と覚えてください。", "何を覚えていますか。", "鍵は引き出しの中、と言われました。"),
    ],
)
def test_what_was_told_is_answered_and_forgotten_with_its_item(told: str, question: str, answer: str) -> None:
    talk = assistant("Ah.")
    assert asked(user(told), talk, user(question)) == answer
    assert asked(talk, user(question)).startswith(("I'm sorry, I don't know", "すみません、"))


@pytest.mark.parametrize(("name", "known_as"), [("introduction", "Marco"), ("jikoshoukai", "ハルカ")])
@pytest.mark.parametrize("kept", [5, None])
def test_the_introduction_is_the_experiment_this_project_began_with(name: str, known_as: str, kept: int | None) -> None:
    """Asked at once the name is known; asked later only if the telling has not been forgotten meanwhile."""
    items: list[HeardItem] = []
    answers: dict[str, str] = {}
    for line in scenarios.load(name).lines:
        items = [*items, user(line.text)][-(kept or 99) :]
        answers[line.text] = asked(*items)
        items.append(assistant(answers[line.text]))
    about_the_name = [answer for text, answer in answers.items() if "my name?" in text or text.startswith("私の名前")]
    assert [known_as in answer for answer in about_the_name] == [True, kept is None]


def test_the_latest_telling_wins() -> None:
    assert asked(NAME, assistant("Nice."), user("My name is Anna."), assistant("Oh."), QUESTION) == "Your name is Anna."


def test_a_telling_cut_in_two_by_a_pause_counts() -> None:
    items = (user("My favorite color is"), assistant(""), user("dark green."), assistant("Nice."))
    assert asked(*items, user("What is"), user("my favorite color?")) == "Your favorite color is dark green."


@pytest.mark.parametrize(
    "written",
    [
        "User: Hello. My name is Marco.\nAssistant: Nice to meet you!",
        "Earlier in this conversation. User: My name is Marco. Assistant: My name is Nobody.",
        "The user's name is Marco. They talked about the sea.",
        "The caller is called Marco.",
        "A user who likes the sea. His name is Marco.",
    ],
)
def test_written_notes_are_understood(written: str) -> None:
    assert asked(note(written), QUESTION) == "Your name is Marco."


@pytest.mark.parametrize(
    "written",
    [
        "ユーザー：私の名前はハルカです。\nアシスタント：私の名前はミドリです。",
        "ユーザーの名前はハルカです。天気の話をした。",
    ],
)
def test_japanese_notes_are_understood(written: str) -> None:
    assert asked(note(written), user("私の名前は何ですか。")) == "あなたの名前は、ハルカです。"


def test_more_is_read_from_a_summary() -> None:
    found = known(
        [note("The user lives in Rome and his dog is called Rex. The user asked to remember that it is Monday.")]
    )
    assert found.facts == {"home": "in Rome", "dog's name": "Rex"} or found.facts["home"] == "in Rome"
    assert found.notes == ["it is Monday"]


def test_its_own_earlier_words_count_as_long_as_they_are_there() -> None:
    """A reply that says the name keeps it in the conversation, as it would for a real model."""
    assert asked(assistant("Your name is Marco."), QUESTION) == "Your name is Marco."
    assert asked(assistant("Nice to meet you, Marco! What shall we talk about?"), QUESTION) == "Your name is Marco."
    assert (
        asked(assistant("あなたの名前は、ハルカです。"), user("私の名前は何ですか。")) == "あなたの名前は、ハルカです。"
    )


def test_what_it_says_of_itself_or_does_not_know_is_no_fact() -> None:
    items = [assistant("My name is Nobody. I live in Rome. I'm sorry, I don't know your name. Would you tell me?")]
    assert known(items).facts == {}
    assert known([assistant("すみません、あなたの名前は、わかりません。")]).facts == {}


def test_questions_tell_nothing() -> None:
    assert known([user("Is my name Anna?"), user("what is my name"), user("私の名前は何ですか。")]).facts == {}


def test_a_telling_is_acknowledged() -> None:
    assert asked(NAME) == "Nice to meet you, Marco! What shall we talk about?"
    assert asked(user("My favorite color is green.")).startswith("Your favorite color is green.")
    monday = user("Please remember that it is Monday.")
    assert asked(monday) == "All right, I will remember that."
    what = user("What did I ask you to remember?")
    assert asked(monday, assistant(asked(monday)), what) == "You asked me to remember that it is Monday."
    assert asked(user("はじめまして。私の名前はハルカです。")).startswith("ハルカさん、はじめまして。")
    assert asked(user("僕の趣味は釣りです。")).startswith("あなたの趣味は釣りなのですね。")
    assert asked(user("鍵は引き出しの中、と覚えてください。")) == "わかりました。覚えておきます。"


def test_the_name_is_not_said_unasked_where_the_instructions_forbid_it() -> None:
    """The seed's instructions: never say the user's name, except when asked for it."""
    rule = "Never say the user's name, except when you are asked for it."
    assert "Marco" not in asked(NAME, instructions=rule)
    assert "Marco" in asked(NAME, assistant("Hello!"), QUESTION, instructions=rule)
    rule = "関西弁で話してください。聞かれないかぎり、ユーザーの名前は言わないでください。"
    assert "ハルカ" not in asked(user("私の名前はハルカです。"), instructions=rule)


def test_about_everything_else_there_is_small_talk() -> None:
    said = [user("How is the weather today?")]
    assert Facts().answer(said) == mind("small_talk").answer(said)


def test_asked_for_a_summary_it_writes_one_that_it_can_read_again() -> None:
    items = [NAME, assistant("Nice!"), user("I live in Rome."), assistant("Ah."), user("I was born in Turin.")]
    summary = asked(*items, user("Please remember that it is Monday."), instructions="Summarize the conversation.")
    assert summary.startswith("The user's name is Marco.\nThe user lives in Rome.\nThe user was born in Turin.\n")
    assert known([note(summary)]).facts["name"] == "Marco"
    assert known([note(summary)]).facts["home"] == "in Rome"
    assert asked(instructions="Write a summary.") == "Nothing was said so far."


def test_a_japanese_summary() -> None:
    summary = asked(user("私の名前はハルカです。"), instructions="会話を要約してください。")
    assert summary.startswith("ユーザーの名前はハルカです。")
    assert asked(note(summary), user("私の名前は何ですか。")) == "あなたの名前は、ハルカです。"
    assert Facts().answer([], "会話を要約してください。").text == "まだ何も話していません。"


# --- scripts -------------------------------------------------------------------------------------------------

SCRIPT = r"""
[[reply]]
when = "weather in (?P<city>\\w+)"
call = "get_weather"
arguments = { city = "{city}", days = 1 }

[[reply]]
output_of = "get_weather"
text = "It is {degrees} degrees in {city}, says {output}. {unknown}"
delay_ms = 300

[[reply]]
when = "write"
text = "Written, not spoken."
text_only = true

[[reply]]
when = "日本"
text = "名前"
reading = "なまえ"
"""


@pytest.fixture
def script(tmp_path: Path) -> Mind:
    path = tmp_path / "weather.toml"
    path.write_text(SCRIPT, encoding="utf-8")
    return mind(str(path))


def test_a_script_calls_a_function_and_answers_from_its_output(script: Mind) -> None:
    question = user("What is the WEATHER in Rome?")
    reply = script.answer([question])
    assert reply == Reply(text="", calls=(("get_weather", {"city": "Rome", "days": 1}),))
    output = HeardItem("tool", '{"degrees": 21, "city": "Rome"}', "output", "get_weather")
    reply = script.answer([question, HeardItem("tool", "{}", "call", "get_weather"), output])
    assert reply.text == 'It is 21 degrees in Rome, says {"degrees": 21, "city": "Rome"}. {unknown}'
    assert reply.delay_ms == 300


def test_an_output_that_is_no_object_leaves_the_braces(script: Mind) -> None:
    for output in ("warm", "[3]"):
        reply = script.answer([user("?"), HeardItem("tool", output, "output", "get_weather")])
        assert reply.text == f"It is {{degrees}} degrees in {{city}}, says {output}. {{unknown}}"


def test_a_script_answers_in_writing_and_in_japanese(script: Mind) -> None:
    assert script.answer([user("Write it down.")]).text_only
    assert script.answer([user("日本")]) == Reply(text="名前", reading="なまえ", lang="ja")


def test_what_a_script_does_not_cover_is_said(script: Mind) -> None:
    assert "no answer" in script.answer([user("Something else.")]).text
    assert "no answer" in script.answer([HeardItem("tool", "{}", "output", "other")]).text


def test_what_a_script_does_not_cover_another_mind_may_answer(tmp_path: Path) -> None:
    path = tmp_path / "weather.toml"
    path.write_text('otherwise = "facts"\n' + SCRIPT, encoding="utf-8")
    both = mind(str(path))
    name = user("My name is Marco.")
    assert both.answer([name, HeardItem("assistant", "Hello."), user("What is my name?")]).text == "Your name is Marco."
    assert both.answer([name, user("Write it down.")]).text == "Written, not spoken."


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("reply = ", "not valid TOML"),
        ("", r"must hold \[\[reply\]\] tables"),
        ("volume = 3\n[[reply]]\ntext = 'a'", r"must hold \[\[reply\]\] tables"),
        ("otherwise = 'echo'", r"must hold \[\[reply\]\] tables"),
        ("otherwise = 'nobody'\n[[reply]]\ntext = 'a'", "'otherwise' must be one of echo, small_talk, facts"),
        ("otherwise = ['echo']\n[[reply]]\ntext = 'a'", "'otherwise' must be one of echo, small_talk, facts"),
        ("reply = [3]", "reply 1 .* is not a table"),
        ("[[reply]]\ntext = 'a'\n[[reply]]\nwhen = 'b'", "Neither a text nor a call stands in reply 2"),
        ("[[reply]]\ntext = 3", "'text' must be a text in reply 1"),
        ("[[reply]]\ntext = 'a'\nloud = true", "no setting 'loud' in reply 1"),
        ("[[reply]]\ntext = 'a'\nwhen = '('", "'when' is not a regular expression in reply 1"),
        ("[[reply]]\ntext = 'a'\ndelay_ms = true", "'delay_ms' must be a whole number of milliseconds"),
    ],
)
def test_a_broken_script_is_told_in_one_sentence(tmp_path: Path, toml: str, sentence: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(BadInput, match=sentence):
        mind(str(path))


def test_an_unknown_mind_or_a_missing_script_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="choose one of echo, small_talk, facts"):
        mind("genius")
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        mind(str(tmp_path / "none.toml"))
