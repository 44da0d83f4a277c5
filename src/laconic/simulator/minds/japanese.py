"""The facts mind's Japanese: what words tell of the user, and how to answer.

日本語の「事実」。言われたことを会話の中から読みとり、たずねられたら答える。
"""

from __future__ import annotations

import re

from laconic.simulator.minds.known import Known
from laconic.simulator.minds.reply import Reply

__all__ = [
    "LABELS",
    "NOTHING_SAID",
    "TALKED_ABOUT",
    "about_user",
    "answer",
    "asked_to_remember",
    "told",
    "worth_keeping",
]

_I = r"(?:私|わたし|わたくし|僕|ぼく|俺|おれ)"
_SAYS = r"(?:です|だ(?!れ)|でございます|と(?:いい|言い|申し|もうし)ます|と(?:いう|言う))"
_WHAT = r"何|なん|なに|どこ|いつ|誰|だれ|どれ|どなた"
_KEY = r"[^、。！？\sはがをもでに]{1,12}?"

_OWN_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "user": (),
    "assistant": ((_I, "これ"), (r"あなた(?=の|は|が|も)", "私")),
    "note": ((r"(?:ユーザー|利用者|話者|相手)(?:さん)?(?=の|は|が|も)", "私"),),
}
_TOLD = (
    ("名前", rf"{_I}は、?(?P<value>[^。、？！]+?)と(?:いい|言い|申し|もうし)ます"),
    ("住まい", r"(?:^|は|、)(?P<value>[^。、？！は]+?)に(?:住んで|すんで)(?:い|お)ます"),
    ("出身", r"(?:^|は|、)(?P<value>[^。、？！は]+?)(?:の出身|出身|で生まれ)"),
    ("年齢", r"(?P<value>[0-9０-９一二三四五六七八九十]+)[歳才](?:です|だ)"),
)
_MY = re.compile(rf"{_I}の(?P<key>{_KEY})(?:は|も)、?(?P<value>[^。、？！]+?){_SAYS}")
_REMEMBER = re.compile(
    r"(?P<value>[^。？！]{2,}?)(?:を|と|って)(?:、)?(?:覚えて|おぼえて)(?:おいて)?(?:ください|ね|ほしい)"
)
_NAMES = {"お名前": "名前", "なまえ": "名前", "氏名": "名前"}
_READINGS = {
    "名前": "なまえ",
    "住まい": "おすまい",
    "出身": "しゅっしん",
    "年齢": "ねんれい",
    "仕事": "しごと",
    "趣味": "しゅみ",
}

_ASKED = (
    ("住まい", r"どこに(?:住んで|すんで)"),
    ("出身", r"どこ(?:の出身|で生まれ)|出身は(?:どこ|どちら)"),
    ("年齢", r"(?:何|なん)[歳才]"),
    ("名前", rf"{_I}は(?:誰|だれ)"),
)
_ASKED_MY = re.compile(
    rf"{_I}の(?P<key>{_KEY})(?:は|が|を|って)[^。]*?(?:{_WHAT}|覚えて|おぼえ|覚え|知って|しって|わかり|分かり|言って|教えて)"
)
_ASKED_NOTES = re.compile(r"(?:何|なに)を(?:覚えて|おぼえて)|覚えて(?:ほしい|おいて).*(?:何|なん)")


def told(words: str, speaker: str) -> Known:
    """What Japanese words tell of the user. Questions tell nothing."""
    found = Known()
    for pattern, own in _OWN_WORDS[speaker]:
        words = re.sub(pattern, own, words)
    for sentence in re.split(r"(?<=[。！？?])|\n+", words):
        if re.search(rf"[か？?][。？?]?\s*$|(?:{_WHAT})(?:です|だ)", sentence):
            continue
        if match := _REMEMBER.search(sentence):
            found.notes.append(match["value"].strip("、 "))
            continue
        for key, pattern in _TOLD:
            if match := re.search(pattern, sentence):
                found.facts[key] = match["value"].strip()
        for match in _MY.finditer(sentence):
            found.facts[_key(match["key"])] = match["value"].strip()
    return found


def answer(said: str, what: Known, instructions: str) -> Reply | None:
    """An answer to a question about the user, or a word about what was just told; None if it is neither."""
    if _ASKED_NOTES.search(said):
        if what.notes:
            return _say(f"{'、'.join(what.notes)}、と言われました。")
        return _say("すみません、覚えておくように言われたことは、わかりません。")
    for key, pattern in _ASKED:
        if re.search(pattern, said):
            return _known_or_not(key, what)
    if asked := _ASKED_MY.search(said):
        return _known_or_not(_key(asked["key"]), what)
    new = told(said, "user")
    if "名前" in new.facts:
        if re.search(r"名前[^。]{0,20}(?:ない|禁止|しません)|never[^.]{0,40}name", instructions):
            return _say("はじめまして。お会いできてうれしいです。今日は何のお話をしましょうか。")
        return _say(f"{new.facts['名前']}さん、はじめまして。お会いできてうれしいです。何のお話をしましょうか。")
    if new.notes:
        return _say("わかりました。覚えておきます。")
    if new.facts:
        key, value = next(iter(new.facts.items()))
        return _say(f"あなたの{key}は{value}なのですね。わかりました。")
    return None


NOTHING_SAID = "まだ何も話していません。"
TALKED_ABOUT = "話したこと："
LABELS = {"user": "ユーザー：", "assistant": "アシスタント：", "note": ""}
_NAME_OR_NUMBER = re.compile(r"[0-9０-９]|[一二三四五六七八九十百千万]+[年月日時分個人円番階]|[ァ-ヴー]{2,}|さん")
_PROMISE = re.compile(r"約束|ておきます|します|お知らせ")


def worth_keeping(sentence: str, *, promised: bool) -> bool:
    """Whether a sentence that tells no fact should be kept word for word: for a name or a number in it. Of the
    assistant's (`promised`) only what he said he would do. Questions are not kept."""
    if re.search(r"[？?]$|か。?$", sentence) or (promised and not _PROMISE.search(sentence)):
        return False
    return bool(_NAME_OR_NUMBER.search(sentence))


def asked_to_remember(note: str) -> str:
    return f"ユーザーは、{note}と覚えてほしいと言いました。"


def about_user(key: str, value: str) -> str:
    """A fact as a sentence about the user."""
    return f"ユーザーの{key}は{value}です。"


def _key(words: str) -> str:
    return _NAMES.get(words, words)


def _known_or_not(key: str, what: Known) -> Reply:
    if key in what.facts:
        return _say(f"あなたの{key}は、{what.facts[key]}です。")
    return _say(f"すみません、あなたの{key}は、わかりません。教えていただけますか。")


_KANA = {
    **_READINGS,
    "お会いできて": "おあいできて",
    "今日": "きょう",
    "何の": "なんの",
    "お話": "おはなし",
    "教えて": "おしえて",
    "覚えて": "おぼえて",
    "言われ": "いわれ",
    "なのですね": "なのですね",
}


def _say(text: str) -> Reply:
    """A reply with its reading: our own words by table, the user's as he said them (kana stays kana)."""
    reading = text
    for kanji, kana in _KANA.items():
        reading = reading.replace(kanji, kana)
    return Reply(text=text, reading=re.sub(r"は(?=、)", "わ", reading), lang="ja")
