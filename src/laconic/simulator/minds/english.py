"""The facts mind's English: what words tell of the user, and how to answer."""

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

# Words about the user become the user's own words, so that one set of patterns reads them all.
_OWN_WORDS = {
    "user": (),
    "assistant": (
        (r"\b(my|I|I'm)\b", "it"),
        (r"\b(?:nice|good|pleased) to meet you, (\w+)", r"my name is \1"),
        (r"\byou(?: asked| told) me to remember", "please remember"),
        (r"\byour\b", "my"),
        (r"\byou are\b", "I am"),
        (r"\byou were\b", "I was"),
        (r"\byou\b", "I"),
    ),
    "note": (
        (r"\b(?:the |a )?(?:user|caller|speaker)(?:'s|’s)", "my"),
        (r"\b(?:the |a )?(?:user|caller|speaker) is (?:named|called) ", "my name is "),
        (r"\b(?:the |a )?(?:user|caller|speaker)(?: also)? asked (?:me |you )?to remember", "please remember"),
        (
            r"\b(?:the |a )?(?:user|caller|speaker)(?: said (?:that )?(?:he|she|they))? (is|was|lives?|works?)\b",
            r"I \1",
        ),
        (r"\b(?:he|she|they) (is|are|was|were|lives?|works?)\b", r"I \1"),
        (r"\b(?:his|her|their)\b", "my"),
    ),
}
_END = r"(?=\s*(?:,? and (?:i|my)\b|,? but\b|[.,;!?](?!\d)|$))"
_IN = r"(?:[^.,;!?]|[.,](?=\d))"  # 12.5 and 1,250 are one word
_TOLD = (
    ("name", rf"\b(?:call me|i am called|i'm called|they call me) (?P<value>[\w' -]+?){_END}"),
    ("home", rf"\bi lives? (?P<value>(?:in|at|near|on)\b{_IN}+?){_END}"),
    ("birthplace", rf"\bi (?:was|am|is) born (?P<value>(?:in|at|on|near)\b{_IN}+?){_END}"),
    ("age", r"\bi(?: am| is|'m) (?P<value>\d+|[a-z]+(?:-[a-z]+)?) years old"),
    ("work", rf"\bi works? (?P<value>(?:as|at|in|for)\b{_IN}+?){_END}"),
)
_MY = re.compile(rf"\bmy (?P<key>[a-z][a-z' ]{{1,40}}?) (?:is|are) (?P<called>called )?(?P<value>{_IN}+?){_END}", re.I)
_REMEMBER = re.compile(
    r"\b(?:please |now |do )*(?:remember|keep in mind)(?: that|:|,)? (?!(?:that|this|them|those|these) *(?:[.,!?]|$))"
    r"(?P<value>(?:[^.!?]|\.(?=\d)){4,})",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^(?:and |so |well,? |but )?(?:what|who|where|when|how|do|does|can|could|is|are|which|tell me)\b", re.I
)


def told(words: str, speaker: str) -> Known:
    """What English words tell of the user. Questions tell nothing."""
    found = Known()
    for pattern, own in _OWN_WORDS[speaker]:
        words = re.sub(pattern, own, words, flags=re.IGNORECASE)
    for sentence in _sentences(words):
        if sentence.endswith("?") or _QUESTION.match(sentence):
            continue
        if remember := _REMEMBER.search(sentence):
            found.notes.append(remember["value"].strip())
        for key, pattern in _TOLD:
            if match := re.search(pattern, sentence, re.IGNORECASE):
                found.facts[key] = match["value"].strip()
        for match in _MY.finditer(sentence):
            key = _key(match["key"])
            found.facts[f"{key}'s name" if match["called"] and key != "name" else key] = match["value"].strip()
    return found


def _sentences(words: str) -> list[str]:
    return [piece.strip() for piece in re.split(r"(?<=[.!?])\s+|\n+", words) if piece.strip()]


def _key(words: str) -> str:
    """One spelling for a thing asked about: `favourite colour ` and `favorite color` are one."""
    american = re.sub(r"\b(col|fav|flav|neighb)our", r"\1or", words.lower().replace("’", "'"))
    return re.sub(r"\s+", " ", american).strip()


_ASKED = (
    ("name", r"\bwho am i\b|\bwhat do you call me\b"),
    ("home", r"\bwhere do i live\b"),
    ("birthplace", r"\bwhere was i born\b"),
    ("age", r"\bhow old am i\b"),
    ("work", r"\b(?:where do i work|what do i do for a living|what is my (?:job|work))\b"),
)
_ASKED_MY = re.compile(
    r"\b(?:what(?:'s| is| was| are|s)?|who(?:'s| is| are)|do you (?:still )?(?:know|remember)|tell me|say|remember)\b"
    r"[^.?!]{0,40}?\bmy (?P<key>[a-z][a-z' ]{1,40}?)(?: (?P<called>called|again|now|is|was|still|please|today))*"
    r"\s*(?:[?.,!]|$)",
    re.IGNORECASE,
)
_ASKED_NOTES = re.compile(
    r"\bwhat did i (?:ask|tell) you to (?:remember|keep in mind)|\bwhat should you remember", re.I
)
_ANSWERS = {
    "home": "You live {}.",
    "birthplace": "You were born {}.",
    "age": "You are {} years old.",
    "work": "You work {}.",
}
_UNKNOWN = {
    "home": "where you live",
    "birthplace": "where you were born",
    "age": "how old you are",
    "work": "what you do for a living",
}


def answer(said: str, what: Known, instructions: str) -> Reply | None:
    """An answer to a question about the user, or a word about what he has just told; None if it is neither."""
    if _ASKED_NOTES.search(said):
        if what.notes:
            return Reply(text="You asked me to remember " + "; and that ".join(map(_turned, what.notes)) + ".")
        return Reply(text="I'm sorry, I don't know of anything you asked me to remember.")
    for key, pattern in _ASKED:
        if re.search(pattern, said, re.IGNORECASE):
            return Reply(text=_known_or_not(key, what))
    if asked := _ASKED_MY.search(said):
        key = _key(asked["key"])
        return Reply(text=_known_or_not(f"{key}'s name" if asked["called"] == "called" else key, what))
    new = told(said, "user")
    if "name" in new.facts:
        if _name_unwanted(instructions):
            return Reply(text="Nice to meet you! I will keep that in mind. What shall we talk about?")
        return Reply(text=f"Nice to meet you, {new.facts['name']}! What shall we talk about?")
    if new.notes:
        return Reply(text="All right, I will remember that.")
    if new.facts:
        key, value = next(iter(new.facts.items()))
        return Reply(text=f"{_sentence(key, value)} Good to know. Is there a story behind it?")
    return None


def _name_unwanted(instructions: str) -> bool:
    """Whether the instructions ask not to address the user by name, as the seed's did."""
    return bool(
        re.search(r"\b(?:never|not|don't)\b[^.]{0,40}\bname\b", instructions, re.IGNORECASE)
        or re.search(r"名前[^。]{0,20}(?:ない|禁止|しません)", instructions)
    )


def _known_or_not(key: str, what: Known) -> str:
    if key in what.facts:
        return _sentence(key, what.facts[key])
    return f"I'm sorry, I don't know {_UNKNOWN.get(key, f'your {key}')}. Would you tell me?"


def _sentence(key: str, value: str) -> str:
    if key in _ANSWERS:
        return _ANSWERS[key].format(value)
    return f"Your {key} {'are' if re.search(r'[a-rt-z]s$', key) else 'is'} {value}."


def _turned(note: str) -> str:
    """A note said back: my becomes your."""
    turned = {"my": "your", "i": "you", "me": "you", "am": "are", "i'm": "you're", "mine": "yours"}
    return "that " + " ".join(turned.get(word.lower(), word) for word in note.split())


NOTHING_SAID = "Nothing was said so far."
TALKED_ABOUT = "They talked about: "
LABELS = {"user": "User: ", "assistant": "Assistant: ", "note": ""}
_NAME_OR_NUMBER = re.compile(r"\d|(?<=[a-z,;] )(?!I\b)[A-Z]")
_PROMISE = re.compile(r"\b(?:I will|I'll|I promise)\b", re.IGNORECASE)


def worth_keeping(sentence: str, *, promised: bool) -> bool:
    """Whether a sentence that tells no fact should be kept word for word: for a name or a number in it. Of the
    assistant's (`promised`) only what he said he would do. Questions are not kept."""
    if sentence.endswith("?") or (promised and not _PROMISE.search(sentence)):
        return False
    return bool(_NAME_OR_NUMBER.search(sentence))


def asked_to_remember(note: str) -> str:
    return f"The user asked to remember that {note}."


def about_user(key: str, value: str) -> str:
    """A fact as a sentence about the user."""
    sentence = _sentence(key, value)
    for pattern, other in (
        (r"^Your\b", "The user's"),
        (r"^You are\b", "The user is"),
        (r"^You were\b", "The user was"),
        (r"^You (\w+)\b", r"The user \1s"),
    ):
        sentence = re.sub(pattern, other, sentence)
    return sentence
