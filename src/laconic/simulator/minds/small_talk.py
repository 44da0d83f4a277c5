"""A mind for the time of day: short, friendly answers in English and Japanese, the same to the same words.

It looks for a topic in the last thing said and picks one of the topic's answers by a checksum of the words. Asked
for a story it talks for some twenty seconds, so that there is something to interrupt.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from laconic.simulator.minds.reply import HeardItem, Reply, language, last_said

__all__ = ["SmallTalk"]


class _Topic(NamedTuple):
    about: str
    """A regular expression, searched in the lower-case words."""
    answers: tuple[tuple[str, str | None], ...]
    """Text, and for Japanese its kana."""


def _english(about: str, *answers: str) -> _Topic:
    return _Topic(about, tuple((answer, None) for answer in answers))


_EN = (
    _english(
        r"\b(wait|stop|hold on|enough|be quiet)\b",
        "All right, I have stopped. What would you like to talk about instead?",
        "Of course. Sorry, I do go on sometimes. Please, you first.",
    ),
    _english(
        r"\b(story|tale)\b",
        "Gladly. Once there was a small harbor, and in it lived an old fisherman with a blue boat. Every morning a"
        " grey seal followed him as far as the lighthouse. One winter the fog came down so thick that he could not"
        " see his own hands. He stopped rowing, and listened, and heard the seal calling from the left. So he "
        "followed the voice, stroke by stroke, until his boat touched the sand. From that day on he kept the best "
        "fish for her.",
        "Let me think of a good one. There was a village where nobody owned a clock, because the baker's oven told"
        " them the time. When it smelled of bread it was six, and when it smelled of apple cake it was four. One "
        "day a stranger gave the village a clock tower, and soon everybody was in a hurry. The baker watched this "
        "for a week. Then he climbed the tower at night, put a loaf between the wheels, and in the morning it was "
        "six again when it smelled of bread.",
    ),
    _english(
        r"\b(good ?bye|bye|see you|good night)\b",
        "It was nice talking with you. Goodbye, and take care.",
        "Goodbye! I enjoyed this. Come back whenever you like.",
    ),
    _english(r"\bthank", "You are very welcome. Is there anything else?", "My pleasure. I am glad I could help."),
    _english(
        r"\b(weather|rain\w*|sun(ny|shine)?|snow\w*|cloud\w*|cold|hot)\b",
        "I cannot look out of a window, but I like to think the sun is shining. Is it a good day for a walk where you "
        "are?",
        "They say a red sky in the evening means fine weather in the morning. What did yours look like last night?",
        "Rain has its good sides, too. The streets smell fresh, and nobody minds if you stay in with a book.",
    ),
    _english(
        r"\b(cook|eat|food|dinner|lunch|breakfast|recipe|hungry|bread|soup)\b",
        "How about a simple vegetable soup? Fry an onion, add carrots and potatoes, and let it all cook slowly for "
        "half an hour.",
        "I would make pasta with garlic, lemon and a lot of parsley. It takes no longer than boiling the water.",
        "Something warm, I think. Rice with mushrooms and an egg on top is quick, and it always comforts.",
    ),
    _english(
        r"\b(music|song\w*|sing\w*|piano|guitar|concert)\b",
        "I am fond of old songs, the ones everybody can sing after hearing them once. Do you play an instrument?",
        "Music is hard to describe, but a slow waltz on a piano is close to perfect. What do you listen to?",
    ),
    _english(
        r"\b(train\w*|travel\w*|trip|holiday|vacation|flight|airport|station)\b",
        "A train is my idea of a good journey. You sit, the land goes by, and nobody expects anything of you.",
        "The best trips are often the slow ones. A small station, a bench in the sun, and an hour to wait. Where did "
        "you go last?",
    ),
    _english(
        r"\b(horse\w*|dog\w*|cat\w*|bird\w*|animal\w*|fish)\b",
        "Horses can sleep standing up, but to dream they have to lie down, and one of the herd always stays awake for "
        "the others.",
        "Animals are good company because they never ask what you do for a living. Do you have one at home?",
    ),
    _english(
        r"\b(sister|brother|mother|father|grandmother|grandfather|family|friend\w*)\b",
        "That sounds like time well spent. What did the two of you talk about?",
        "Family stories are the best ones. Somebody should write them down. Did anything funny happen?",
    ),
    _english(
        r"\b(work\w*|job|office|meeting|boss)\b",
        "Work can fill a whole day without anything getting done. What would make tomorrow a good one?",
        "I hope they know what they have in you. Do you get a proper break at noon?",
    ),
    _english(
        r"\b(book\w*|read|film\w*|movie\w*|novel)\b",
        "I like stories that begin quietly and end somewhere you did not expect. Have you read one like that lately?",
        "A good film should leave you with one picture you cannot forget. Which one is yours?",
    ),
    _english(
        r"\b(hello|hi|hey|good (morning|afternoon|evening))\b",
        "Hello! It is nice to hear from you. What is on your mind today?",
        "Hi there. I have all the time in the world. What shall we talk about?",
    ),
    _english(
        r"\bhow are you\b",
        "I am well, thank you. I have had some good conversations today. And how are you?",
    ),
)
_EN_ANYTHING = (
    "That is interesting. I had not looked at it in that way before. What made you think of it?",
    "I see what you mean. It reminds me of an evening by a river, when nobody was in a hurry. Tell me more.",
    "Good question. I would say it depends on the day, and a little on the company. What do you think yourself?",
    "I believe small things matter most there: a bit of patience, a cup of tea, and somebody who listens.",
    "There are two sides to that, as so often. Which of them did you hear first?",
    "I could talk about that for hours, but I would rather hear how you came to it.",
    "Perhaps we should take it step by step. What is the first thing that comes to your mind?",
)
_EN_NOTHING = "I heard you, but I could not make out the words. Could you say that again?"

_JA = (
    _Topic(
        r"待って|まって|止めて|やめて|ストップ|とめて",
        (
            ("はい、止めました。何のお話をしましょうか。", "はい、とめました。なんの、おはなしを、しましょうか。"),
            ("失礼しました。どうぞ、お話しください。", "しつれいしました。どうぞ、おはなしください。"),
        ),
    ),
    _Topic(
        r"お話を|物語|昔話|ものがたり|おはなしを",
        (
            (
                "では、海のお話をしましょう。昔、小さな港に、年とった漁師がいました。毎朝舟を出すと、一頭のアザラシが、"
                "灯台までついてきました。ある冬の朝、深い霧が出て、何も見えなくなりました。漁師が耳をすますと、左のほうから"
                "アザラシの声が聞こえます。その声をたよりにこいでいくと、舟は静かに砂浜に着きました。それからというもの、"
                "漁師はいちばんよい魚を、いつもアザラシのために取っておいたそうです。",
                "では、うみの、おはなしを、しましょう。むかし、ちいさなみなとに、としとった、りょうしが、いました。まいあさ、"
                "ふねをだすと、いっとうの、あざらしが、とうだいまで、ついてきました。あるふゆのあさ、ふかいきりがでて、なにも、"
                "みえなくなりました。りょうしが、みみをすますと、ひだりのほうから、あざらしのこえが、きこえます。そのこえを"
                "たよりに、こいでいくと、ふねわ、しずかに、すなはまに、つきました。それからというもの、りょうしわ、いちばん"
                "よいさかなを、いつも、あざらしのために、とっておいたそうです。",
            ),
        ),
    ),
    _Topic(
        r"さようなら|さよなら|またね|おやすみ|失礼します",
        (
            (
                "お話しできて楽しかったです。さようなら、お元気で。",
                "おはなしできて、たのしかったです。さようなら、おげんきで。",
            ),
        ),
    ),
    _Topic(
        r"ありがと",
        (("どういたしまして。ほかに何かありますか。", "どういたしまして。ほかに、なにか、ありますか。"),),
    ),
    _Topic(
        r"天気|てんき|雨|晴れ|雪|暑い|寒い",
        (
            (
                "窓の外は見えませんが、きっとよく晴れていると思います。お散歩にはよい日ですか。",
                "まどのそとわ、みえませんが、きっと、よくはれていると、おもいます。おさんぽにわ、よいひですか。",
            ),
            (
                "雨の日も悪くありませんね。町が静かになって、本を読むのにちょうどよいです。",
                "あめのひも、わるくありませんね。まちがしずかになって、ほんをよむのに、ちょうどよいです。",
            ),
        ),
    ),
    _Topic(
        r"作り|作る|料理|ご飯|ごはん|食べ|晩|夕食",
        (
            (
                "きのこのご飯はいかがですか。お米にしめじとしょうがを入れて、いつものように炊くだけです。",
                "きのこの、ごはんわ、いかがですか。おこめに、しめじと、しょうがをいれて、いつものように、たくだけです。",
            ),
            (
                "温かいお味噌汁に、焼いた魚、それに大根おろしがあれば、もう十分だと思います。",
                "あたたかい、おみそしるに、やいたさかな、それに、だいこんおろしがあれば、もう、じゅうぶんだと、おもいます。",
            ),
        ),
    ),
    _Topic(
        r"音楽|歌|おんがく|うた|ピアノ",
        (
            (
                "私は古い歌が好きです。一度聞けば、だれでも口ずさめるような歌です。楽器はなさいますか。",
                "わたしわ、ふるいうたが、すきです。いちどきけば、だれでも、くちずさめるような、うたです。がっきわ、なさいますか。",
            ),
        ),
    ),
    _Topic(
        r"こんにちは|はじめまして|おはよう|こんばんは|もしもし",
        (
            (
                "こんにちは。お話しできてうれしいです。今日は何のお話をしましょうか。",
                "こんにちわ。おはなしできて、うれしいです。きょうわ、なんの、おはなしを、しましょうか。",
            ),
        ),
    ),
)
_JA_ANYTHING = (
    (
        "なるほど、おもしろいですね。どうしてそう思われたのですか。",
        "なるほど、おもしろいですね。どうして、そう、おもわれたのですか。",
    ),
    (
        "それは考えたことがありませんでした。もう少しくわしく聞かせてください。",
        "それわ、かんがえたことが、ありませんでした。もうすこし、くわしく、きかせてください。",
    ),
    (
        "よい質問ですね。その日の気分と、だれといるかによって、変わると思います。",
        "よい、しつもんですね。そのひの、きぶんと、だれと、いるかによって、かわると、おもいます。",
    ),
    (
        "小さなことが大切だと思います。少しの辛抱と、温かいお茶と、話を聞いてくれる人です。",
        "ちいさなことが、たいせつだと、おもいます。すこしの、しんぼうと、あたたかいおちゃと、はなしを、きいてくれる、ひとです。",
    ),
)
_JA_NOTHING = (
    "声は聞こえましたが、言葉がわかりませんでした。もう一度お願いします。",
    "こえわ、きこえましたが、ことばが、わかりませんでした。もういちど、おねがいします。",
)
_GOODBYE = re.compile(
    r"\s*(please )?say (a )?(short |brief )?goodbye|.{0,40}(お別れ|別れの挨拶|さようなら)を", re.IGNORECASE
)
"""Instructions for one response only: the last sentence of a conversation that has to end."""


class SmallTalk:
    """Talks about whatever comes, remembers nothing."""

    def answer(
        self,
        items: Sequence[HeardItem],
        instructions: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        lang: str | None = None,
    ) -> Reply:
        said = last_said(items)
        lang = lang or language(said or instructions)
        if _GOODBYE.match(instructions):
            said = "さようなら" if lang == "ja" else "goodbye"
        text, reading = _choice(said, lang, _before(items))
        return Reply(text=text, reading=reading, lang=lang)


def _before(items: Sequence[HeardItem]) -> str | None:
    """The last reply still in the conversation: nobody says the same thing twice in a row."""
    return next((item.text for item in reversed(items) if item.role == "assistant" and item.text), None)


def _choice(said: str, lang: str, before: str | None) -> tuple[str, str | None]:
    if not said:
        return _JA_NOTHING if lang == "ja" else (_EN_NOTHING, None)
    answers: Sequence[tuple[str, str | None]] = _JA_ANYTHING if lang == "ja" else [(a, None) for a in _EN_ANYTHING]
    for topic in _JA if lang == "ja" else _EN:
        if re.search(topic.about, said.lower()):
            answers = topic.answers
            break
    at = zlib.crc32(said.encode()) % len(answers)
    return answers[at] if answers[at][0] != before else answers[(at + 1) % len(answers)]
