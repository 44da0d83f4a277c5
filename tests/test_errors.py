"""The error tree: one sentence each, two languages, an exit code that tells them apart."""

from __future__ import annotations

from laconic import errors
from laconic.usage import Usage


def test_every_kind_has_its_own_exit_code() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_an_error_says_its_sentence_in_the_language_asked_for() -> None:
    error = errors.NoKey("OPENAI_API_KEY is not set", "OPENAI_API_KEY が設定されていません")
    assert str(error) == error.say("en") == "OPENAI_API_KEY is not set"
    assert error.say("ja") == "OPENAI_API_KEY が設定されていません"


def test_without_a_translation_english_is_said() -> None:
    assert errors.Refused("no").say("ja") == "no"


def test_a_summary_that_failed_may_have_cost_something() -> None:
    failed = errors.SummaryFailed("no summary: it was cut off", usage=Usage(text_in=10), model="small")
    assert not failed.unreported
    assert (failed.usage, failed.model, failed.say("ja")) == (Usage(text_in=10), "small", "no summary: it was cut off")
