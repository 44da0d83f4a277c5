"""What is said of a service's manners, for manners the stand-in does not have: the notes are changed by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hidden import Hidden, held

from laconic.events import ErrorDetail
from laconic.laws import prior
from laconic.probing import manners
from laconic.probing.notes import Answer, Edited, Notes
from laconic.probing.plan import plan
from laconic.probing.questions import findings
from laconic.probing.results import Finding, Reckoned
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits
from laconic.usage import Usage

LAWS = prior("openai", "gpt-realtime")


def noted() -> Notes:
    notes, _, _ = held(Hidden("gpt-realtime", replace(LAWS, hit_rate=1.0), Habits(), Faults(), 5).service())
    return notes


def found_of(notes: Notes) -> dict[str, Finding]:
    found, _ = findings(notes, plan(), LAWS)
    return {finding.key: finding for finding in found}


def asked(notes: Notes, question: Callable[[Reckoned], Finding]) -> Finding:
    return question(Reckoned(notes, plan(), LAWS))


def with_edits(place: str, change: Callable[[Edited], Edited]) -> Notes:
    notes = noted()
    notes.edits[:] = [change(edit) if edit.place == place else edit for edit in notes.edits]
    return notes


def with_cancelled(change: Callable[[Answer], Answer]) -> Notes:
    notes = noted()
    notes.answers[:] = [change(answer) if answer.name == "cancelled" else answer for answer in notes.answers]
    return notes


def test_a_cancelled_response_that_was_billed() -> None:
    usage = Usage(text_in=300, audio_in=100, text_out=4)
    found = asked(with_cancelled(lambda answer: replace(answer, usage=usage)), manners.cancelled)
    assert (found.value, found.answer) == ("billed", "no: 400 tokens in and 4 out")


def test_a_response_that_was_done_before_it_was_cancelled_tells_nothing() -> None:
    found = asked(with_cancelled(lambda answer: replace(answer, status="completed")), manners.cancelled)
    assert (found.value, found.sure) == (None, "not found")


def test_a_deletion_that_is_done_and_never_acknowledged() -> None:
    """The item is gone from the next input, and so is its sound."""
    notes = noted()
    notes.edits[:] = [replace(edit, result="unanswered", took_ms=5000) for edit in notes.edits if edit.kind == "delete"]
    first, second = notes.answers[:2]
    notes.answers[1] = replace(second, read=(*first.read, *first.made, *second.read[1:]))
    found = asked(notes, manners.deletes)
    assert found.value == "unanswered"
    assert found.rests_on.endswith("but the item left the next input")


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (lambda edit: replace(edit, result="unanswered", error=None), ("unanswered", None)),
        (lambda edit: replace(edit, result="done", error=None), ("done", None)),
        (lambda edit: replace(edit, error=ErrorDetail(code="x", event_id="event_1")), ("x", "another")),
    ],
    ids=["no answer", "deleted", "another's event id"],
)
def test_other_answers_to_an_unknown_id(change: Callable[[Edited], Edited], value: object) -> None:
    assert asked(with_edits("unknown", change), manners.unknown_id).value == value


def test_a_service_that_takes_no_writing_at_all() -> None:
    refused = ErrorDetail(code="unsupported", message="no text here")
    found = asked(with_edits("written", lambda edit: replace(edit, result="refused", error=refused)), manners.inserts)
    assert (found.value, found.rests_on) == ("refused", "no text here")
    notes = with_edits("written", lambda edit: replace(edit, result="refused", error=refused))
    assert Reckoned(notes, plan(), LAWS).laws.lacks == ("create",)
    assert Reckoned(noted(), plan(), replace(LAWS, lacks=("create", "place"))).laws.lacks == ()


def test_what_was_not_tried_is_as_it_was_known() -> None:
    assert Reckoned(Notes(None), plan(), replace(LAWS, lacks=("place",))).laws.lacks == ("place",)


def test_a_service_that_does_not_say_where_an_item_stands() -> None:
    found = asked(
        with_edits("written", lambda edit: replace(edit, stands_behind=None, behind="item_1")), manners.inserts
    )
    assert (found.sure, found.answer) == ("not found", "it does not say where")


def test_a_truncated_reply_that_vanishes_one_turn_later() -> None:
    """What a reply without words may do on gpt-realtime (COST.md section 4); nobody has seen it yet."""
    notes = noted()
    assert asked(notes, manners.truncated).value == (8, 21, 8, 0)
    [cut] = [edit.item_id for edit in notes.edits if edit.place == "cut"]
    at = next(place for place, answer in enumerate(notes.answers) if answer.name == "one turn later")
    for place, answer in enumerate(notes.answers):
        if place >= at and answer.usage is not None and any(item.id == cut for item in answer.read):
            text_in = max(0, answer.usage.text_in - LAWS.truncated_reply_text)
            notes.answers[place] = replace(answer, usage=replace(answer.usage, text_in=text_in))
    assert asked(notes, manners.truncated).value == (8, 21, 0, 0)


def test_pictures_that_are_not_counted() -> None:
    notes = noted()
    notes.answers[:] = [
        replace(answer, usage=answer.usage and replace(answer.usage, image_in=0)) for answer in notes.answers
    ]
    found = found_of(notes)
    assert found["picture"].sure == "not found"
    assert Reckoned(notes, plan(), LAWS).laws.image_tokens == LAWS.image_tokens


def test_settings_that_were_refused_tell_nothing_of_the_cache() -> None:
    found = found_of(with_edits("other settings", lambda edit: replace(edit, result="refused")))
    assert found["update"].answer == "not found: it was refused"


def test_nothing_was_tried() -> None:
    found = found_of(Notes(None))
    assert {found[key].sure for key in ("tools", "picture", "update")} == {"not found"}
    for question in (manners.deletes, manners.truncates, manners.truncated, manners.inserts, manners.drift):
        assert asked(Notes(None), question).sure == "not found"
    assert asked(Notes(None), manners.unknown_id).sure == asked(Notes(None), manners.cancelled).sure == "not found"
