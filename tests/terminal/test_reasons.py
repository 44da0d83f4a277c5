"""What the memory says of itself, in Japanese: every sentence the engine has for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laconic.currencies import Sums, currency
from laconic.memory import memory
from laconic.terminal.reasons import reason
from laconic.terminal.words import Language

ENGINE = Path(__file__).parents[2] / "src" / "laconic"


def written_in(path: str, pattern: str) -> list[str]:
    """Sentences as they stand in a file of the engine, with a number for each value in them."""
    found = re.findall(pattern, (ENGINE / path).read_text(encoding="utf-8"))
    return [re.sub(r"\{[^}]+\}", "7", sentence) for sentence in found]


SENTENCES = [
    *(memory(spec).why() for spec in ("everything", "last:5", "exchanges:2", "window:8000:2000", "select:3")),
    *(memory(spec).why() for spec in ("written", "written:notes", "summary", "auto")),
    *written_in("choosing.py", r'return f?"(\w[^"{]+ [^"{]+)"'),
    *written_in("written.py", r'(?:_give_up\(|reason = )f?"([^"]+)"'),
    *written_in("selecting.py", r'past\.say\(f?"([^"]+)"'),
    *written_in("asides.py", r'f"(no summary[^"]+)"'),
    *written_in("remembering.py", r'MemoryTold\(f?"([^"]+)"'),
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_of_the_engine_has_its_counterpart(sentence: str) -> None:
    said = reason(sentence, "ja")
    assert said != sentence
    assert not re.search(r"[a-z]{3,} [a-z]{2,}", said)
    assert reason(sentence, "en") == sentence


def test_the_engine_has_sentences() -> None:
    """Else the patterns above have lost sight of it."""
    assert len(SENTENCES) >= 18


def test_a_choice_is_told_with_its_numbers() -> None:
    why = "an hour costs summary $2.92, everything $6.18 (cache hits 73%, old replies' sound is dropped)"
    japanese = "1時間の試算は summary $2.92, everything $6.18（キャッシュ 73%、古い返事の音声は外れる）"
    assert reason(why, "ja") == japanese
    assert reason(f"memory is now summary: {why}", "ja") == f"記憶の方式は summary: {japanese}"


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", "an hour costs summary ¥537, everything ¥1,860 ("),
        ("ja", "1時間の試算は summary ¥537, everything ¥1,860（"),
    ],
)
def test_the_money_in_it_is_told_in_the_caller_s(lang: Language, told: str) -> None:
    sums = Sums({"summary": 3_464_516_129, "everything": 12_000_000_000})
    why = f"memory is now summary: an hour costs {sums} (cache hits 73%, old replies' sound is dropped)"
    assert told in reason(why, lang, sums, currency("JPY", "155"))
    assert "$" not in reason(why, lang, sums, currency("JPY", "155"))
    assert "summary $3.46" in reason(why, lang, sums)


def test_how_many_exchanges_last_is_told_before_the_reason() -> None:
    why = "the 20 latest exchanges stay word for word; this service does not let go of items"
    assert reason(why, "ja") == "最新の20往復は一語一句残します。このサービスでは項目を消せません"


def test_what_cannot_be_done_is_told_with_what_is_done_instead() -> None:
    why = "this service writes our words in the wrong place; keeping a window of 8,000 tokens instead"
    assert reason(why, "ja").endswith("。代わりに最新の8,000トークンを残します")


def test_a_sentence_nobody_translated_is_shown_as_it_is() -> None:
    assert reason("something new", "ja") == "something new"
