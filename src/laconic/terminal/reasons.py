"""What the memory says of itself, in Japanese.

The engine gives its reasons in English sentences, with numbers in them. Here each has its counterpart; a sentence
without one is shown as it is, and a test looks for those.
"""

from __future__ import annotations

import re

from laconic.currencies import DOLLARS, Currency, Sums
from laconic.terminal.words import Language

__all__ = ["reason"]

_JAPANESE: list[tuple[str, str]] = [
    # what was asked for
    ("everything is kept, as asked", "指定どおり、すべて残しています"),
    (r"the (\d+) latest items are kept, as asked", "指定どおり、最新の{1}項目を残しています"),
    (r"the (\d+) latest exchanges are kept, as asked", "指定どおり、最新の{1}往復を残しています"),
    (r"at (\d+) tokens the oldest are cut, as asked", "指定どおり、{1}トークンを超えたら古いものから消します"),
    (
        "the newest exchange is heard as sound, the older ones are in writing",
        "最新の往復は音声のまま、それより前は文字にしています",
    ),
    (
        "the newest exchange is heard as sound, older ones are in writing, the oldest in a summary",
        "最新の往復は音声のまま、それより前は文字に、もっと前は要約にしています",
    ),
    (
        r"each response reads the (\d+) latest exchanges, as asked; nothing is deleted",
        "指定どおり、返事ごとに最新の{1}往復だけを読ませます。何も消しません",
    ),
    # what auto chose
    (r"memory is (?:now )?([\w:]+): (.+)", "記憶の方式は {1}: {2}"),
    ("nothing has been said yet", "まだ何も話していません"),
    (r"the (\d+) latest exchanges stay word for word; (.+)", "最新の{1}往復は一語一句残します。{2}"),
    (
        "this service bills by the minute, so forgetting saves nothing",
        "時間で課金するサービスなので、忘れても安くなりません",
    ),
    ("this service does not let go of items", "このサービスでは項目を消せません"),
    (
        "its prices are unknown here, and this is usually the cheapest",
        "価格が不明なので、たいてい最も安い方式にしています",
    ),
    (
        r"an hour costs (.+) \(cache hits (\d+)%, old replies' sound is (kept|dropped)\)",
        "1時間の試算は {1}（キャッシュ {2}%、古い返事の音声は{3}）",
    ),
    ("kept", "残る"),
    ("dropped", "外れる"),
    # what it cannot do
    (r"(.+); keeping a window of ([\d,]+) tokens instead", "{1}。代わりに最新の{2}トークンを残します"),
    (
        "nobody writes down what you say, so it cannot be kept in writing",
        "発言の文字起こしがないため、文字では残せません",
    ),
    (
        "words of what was said do not come, so it cannot be kept in writing",
        "文字起こしが届かないため、文字では残せません",
    ),
    (
        "this service does not let us write into its conversation",
        "このサービスの会話には書き込めません",
    ),
    (
        "this service writes our words in the wrong place",
        "このサービスは文字を違う場所に書き込みます",
    ),
    (
        "this service answers by itself, so nothing can be selected; switch create_response off for that",
        "このサービスは自動で返事をするため、読ませる範囲を選べません。create_response を切ると選べます",
    ),
    (
        "a reply came in writing though sound was asked for; it is taken back, and asked for again unless you go on",
        "返事が音声でなく文字で来たため取り消しました。続けて話さなければ、もう一度求めます",
    ),
    # summaries that could not be had
    (r"no summary: the service refused to write one \((.*)\)", "要約できません。サービスに断られました（{1}）。"),
    (
        r"no summary: the service wrote none within (\d+) s",
        "要約できません。サービスが{1}秒以内に要約を書きませんでした。",
    ),
    (
        r"no summary: the service's own ended as (\w+)",
        "要約できません。サービス自身の要約が最後まで書かれませんでした。",
    ),
]


def reason(sentence: str, lang: Language, sums: Sums | None = None, currency: Currency = DOLLARS) -> str:
    """A sentence of the memory's, in the caller's language where there is one; the money in it in his currency."""
    if sums is not None:
        sentence = sentence.replace(str(sums), sums.told(currency))
    if lang == "en":
        return sentence
    for pattern, japanese in _JAPANESE:
        match = re.fullmatch(pattern, sentence)
        if match is not None:
            parts = (reason(part or "", lang) for part in match.groups())
            return japanese.format(sentence, *parts)
    return sentence
