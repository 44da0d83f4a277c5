"""Words in place of sound: what is written where, when, and what happens where it cannot be."""

from __future__ import annotations

import pytest
from pasts import World, called, heard, output, spoken, typed

from laconic.edits import Delete, Edit, Insert
from laconic.items import Item, Part
from laconic.plans import Plan, Steps
from laconic.written import Written

QUESTION, ANSWER = "Where is the lighthouse?", "On the island."


def exchange(*, notes: bool = False, transcript: str | None = QUESTION) -> tuple[World, Written]:
    """One exchange that is over."""
    return World(spoken("u1", transcript), heard("a1", ANSWER)), Written(notes=notes)


# --- how it is written --------------------------------------------------------------------------------------------


def test_each_sound_is_replaced_by_its_words_in_its_place() -> None:
    world, written = exchange()
    world.enter(spoken("u2"), 2)
    world.underway = {"u2"}
    world.follow(written)
    assert world.words == [f"user: {QUESTION}", f"assistant: {ANSWER}", "♪user: None"]
    assert written.why().startswith("the newest exchange is heard")


def test_the_words_stand_before_the_sound_goes() -> None:
    world, written = exchange()
    [plan] = world.plans(written)
    first = plan.steps.send(None)
    assert isinstance(first, list)
    assert [(edit.behind, edit.item) for edit in first if isinstance(edit, Insert)] == [
        ("u1", text("w1", "user", "input_text", QUESTION)),
        ("a1", text("w2", "assistant", "output_text", ANSWER)),
    ]
    assert plan.item_ids == {"u1", "a1"}
    assert world.ids == ["u1", "a1"]


def text(item_id: str, role: str, kind: str, words: str) -> dict[str, object]:
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": words}]}


def test_as_notes_an_exchange_is_one_system_message_behind_it() -> None:
    world, written = exchange(notes=True)
    world.follow(written)
    assert world.words == [f"system: User: {QUESTION}\nAssistant: {ANSWER}"]
    assert world.kinds == ["create w1", "delete u1", "delete a1"]
    assert written.name == "written:notes"


def test_calls_between_question_and_answer_stay_where_they_are() -> None:
    world = World(spoken("u1", QUESTION), called("f"), output("o"), heard("a1", ANSWER))
    world.follow(Written())
    assert world.ids == ["w1", "f", "o", "w2"]
    world = World(spoken("u1", QUESTION), called("f"), output("o"), heard("a1", ANSWER))
    world.follow(Written(notes=True))
    assert world.ids == ["f", "o", "w1"]


def test_a_reply_cut_short_is_written_as_far_as_it_was_heard_and_marked() -> None:
    for notes, expected in ((False, "assistant: On the…"), (True, f"system: User: {QUESTION}\nAssistant: On the…")):
        world, written = exchange(notes=notes)
        world.cut["a1"] = "On the"
        world.follow(written)
        assert world.words[-1] == expected


def test_sound_without_a_word_in_it_leaves_no_words() -> None:
    """A cough, and a reply of which not one whole word was heard."""
    for notes in (False, True):
        world = World(spoken("u1", ""), heard("a1", ANSWER))
        world.cut["a1"] = ""
        world.follow(Written(notes=notes))
        assert world.ids == []
        assert world.kinds == ["delete u1", "delete a1"]


def test_each_exchange_is_a_plan_of_its_own() -> None:
    world, written = exchange()
    world.enter(spoken("u2", "And now?"), 2)
    world.enter(heard("a2"), 2)
    assert world.follow(written) == [{"u1", "a1"}, {"u2", "a2"}]
    assert world.ids == ["w1", "w2", "w3", "w4"]


# --- what is not written, or later --------------------------------------------------------------------------------


def test_an_exchange_is_not_written_before_all_of_it_is_over() -> None:
    world, written = exchange()
    world.underway = {"a1"}
    assert world.follow(written) == []
    world.underway = set()
    assert world.follow(written) == [{"u1", "a1"}]


def test_late_words_are_written_late() -> None:
    world, written = exchange(transcript=None)
    world.follow(written)
    assert world.words == ["♪user: None", f"assistant: {ANSWER}"]
    question = world.conversation.get("u1")
    assert question is not None
    question.parts[0].text = QUESTION
    world.follow(written)
    assert world.words == [f"user: {QUESTION}", f"assistant: {ANSWER}"]


def test_a_note_waits_for_all_the_words_of_its_exchange() -> None:
    world, written = exchange(notes=True, transcript=None)
    assert world.follow(written) == []
    world, written = exchange(notes=True)
    world.kept = {"a1"}
    assert world.follow(written) == [], "its reply is being cut"


def test_pinned_sound_stays_and_a_note_does_not_wait_for_it() -> None:
    for notes in (False, True):
        world, written = exchange(notes=notes)
        world.pinned = {"u1"}
        world.follow(written)
        assert world.ids == ["u1", "w1"]


def test_a_picture_among_the_words_stays_with_them() -> None:
    """It has no words, and replacing its item would lose it."""
    picture = Item(
        "u1", role="user", status="completed", parts=[Part("input_audio", "Look.", 900), Part("input_image")]
    )
    world = World(picture, heard("a1"))
    world.follow(Written())
    assert world.ids == ["u1", "w1"]


def test_a_message_with_nothing_in_it_is_nobodys_business() -> None:
    world = World(spoken("u1", QUESTION), Item("e", role="assistant", status="completed"), heard("a1", ANSWER))
    world.follow(Written(notes=True))
    assert world.ids == ["e", "w1"]


def test_an_empty_transcript_of_a_reply_that_was_heard_is_none_at_all() -> None:
    """Some services send none: then the sound is all there is of it."""
    world = World(spoken("u1", QUESTION), heard("a1", ""))
    world.follow(Written())
    assert world.ids == ["w1", "a1"]


def test_where_nothing_can_be_deleted_nothing_is_written_twice() -> None:
    world, written = exchange()
    world.unsupported = {"delete"}
    assert world.follow(written) == []


# --- refusals -----------------------------------------------------------------------------------------------------


def refuses(role: str):
    return lambda edit: "refused" if isinstance(edit, Insert) and edit.item["role"] == role else "done"


def test_an_insert_that_fails_leaves_the_sound_and_takes_back_what_stands() -> None:
    world, written = exchange()
    world.fate = lambda edit: "unanswered" if edit.item_id == "w2" else "done"
    world.follow(written)
    assert world.ids == ["u1", "a1"]
    assert world.edits[-1] == Delete("w1", "undone")
    assert not written.notes
    world.follow(written)
    assert world.words == [f"user: {QUESTION}", f"assistant: {ANSWER}"], "the second try"


def test_what_was_turned_down_twice_stays_sound() -> None:
    """Else every message of the service would set off another try."""
    world, written = exchange()
    world.fate = refuses("user")
    for _ in range(5):
        world.follow(written)
    assert sum(isinstance(edit, Insert) for edit in world.edits) == 2 * 2
    assert world.ids == ["u1", "a1"]
    assert not written.notes, "it was not the assistant's text that was refused"
    world.conversation.remove("u1")
    world.enter(spoken("u2", "Again?"), 2)
    world.follow(written)
    assert written._turned_down == {"a1": 2, "u2": 1}  # pyright: ignore[reportPrivateUsage]


def test_where_assistant_text_is_refused_notes_are_written() -> None:
    world, written = exchange()
    world.fate = refuses("assistant")
    world.follow(written)
    assert written.name == "written:notes"
    world.follow(written)
    assert world.words == [f"system: User: {QUESTION}\nAssistant: {ANSWER}"]


def test_an_insert_whose_place_just_left_says_nothing_about_the_form() -> None:
    world, written = exchange()

    def fate(edit: Edit) -> str:
        if edit.item_id == "w2":
            world.conversation.remove("a1")
            return "refused"
        return "done"

    world.fate = fate
    world.follow(written)
    assert not written.notes


def test_a_server_that_always_appends_is_found_out_and_a_window_takes_over() -> None:
    world, written = exchange()
    world.enter(spoken("u2", "Hm."), 2)
    world.enter(heard("a2"), 2)
    world.fate = lambda edit: "misplaced" if isinstance(edit, Insert) else "done"
    world.follow(written)
    assert world.ids == ["u1", "a1", "u2", "a2"], "what stood in the wrong place is gone again"
    assert world.told == [
        "this service writes our words in the wrong place; keeping a window of 8,000 tokens instead",
    ]
    assert "wrong place" in written.why()
    world.enter(typed("long", "word " * 9000), 3)
    world.follow(written)
    assert world.ids == []


@pytest.mark.parametrize(("kind", "told"), [("create", "does not let us write"), ("place", "wrong place")])
def test_where_we_may_not_write_a_window_takes_over_at_once(kind: str, told: str) -> None:
    world, written = exchange()
    world.unsupported = {kind}
    for _ in range(3):
        assert world.follow(written) == []
    assert len(world.told) == 1
    assert told in world.told[0]


# --- sound that does not go -----------------------------------------------------------------------------------------


def later(world: World, number: int) -> None:
    world.enter(spoken(f"u{number}", QUESTION), number)
    world.enter(heard(f"a{number}", ANSWER), number)


@pytest.mark.parametrize("notes", [False, True])
def test_a_service_that_lets_go_of_nothing_is_written_into_once(notes: bool) -> None:
    world, written = exchange(notes=notes)
    world.fate = lambda edit: "refused" if isinstance(edit, Delete) else "done"
    world.follow(written)
    tried = len(world.edits)
    assert world.kinds[-1] == ("delete w1" if notes else "delete w2"), "the words were to be taken back"
    assert world.told == ["this service does not let go of items; keeping a window of 8,000 tokens instead"]
    later(world, 2)
    world.follow(written)
    assert len(world.edits) == tried
    assert written.why() == world.told[0]


def test_once_it_is_known_that_nothing_can_be_deleted_that_is_the_reason_and_it_was_said() -> None:
    world, written = exchange()

    def fate(edit: Edit) -> str:
        if isinstance(edit, Insert):
            return "done"
        world.unsupported = {"delete"}
        return "refused"

    world.fate = fate
    world.follow(written)
    later(world, 2)
    assert world.follow(written) == []
    assert written.why() == "this service does not let go of items"
    assert world.told == [], "others say so"


def test_words_whose_sound_stays_are_taken_back_and_writing_goes_on() -> None:
    """It would not delete one of two items: the words of the other are all there is of it."""
    for held, left in (("u1", ["u1", "w2"]), ("a1", ["w1", "a1"])):
        world, written = exchange()
        world.fate = lambda edit, held=held: "refused" if edit.item_id == held else "done"
        world.follow(written)
        assert world.ids == left
        world.kept = {held}
        later(world, 2)
        world.follow(written)
        assert world.words[2:] == [f"user: {QUESTION}", f"assistant: {ANSWER}"]
        assert world.told == []


def test_a_note_stays_while_any_of_what_stands_in_it_is_gone() -> None:
    world, written = exchange(notes=True)
    world.fate = lambda edit: "refused" if edit.item_id == "u1" else "done"
    world.follow(written)
    assert world.ids == ["u1", "w1"]


def test_words_of_what_was_deleted_without_an_answer_are_not_taken_back() -> None:
    """It may have gone: they may be all that is left of it."""
    world, written = exchange()
    world.fate = lambda edit: "unanswered" if isinstance(edit, Delete) else "done"
    world.follow(written)
    assert world.ids == ["u1", "w1", "a1", "w2"]


def test_one_exchange_that_is_held_on_to_stops_no_writing_where_others_went() -> None:
    world, written = exchange()
    world.follow(written)
    later(world, 2)
    world.fate = lambda edit: "refused" if isinstance(edit, Delete) else "done"
    world.follow(written)
    world.kept = {"u2", "a2"}
    world.fate = lambda edit: "done"
    later(world, 3)
    world.follow(written)
    assert world.words[-2:] == [f"user: {QUESTION}", f"assistant: {ANSWER}"]
    assert world.told == []


# --- no words -----------------------------------------------------------------------------------------------------


def test_without_transcription_it_is_said_once_and_a_window_bounds_the_sound() -> None:
    world, written = World(transcribes=False), Written()
    world.follow(written)
    assert world.told == [], "nothing has been said yet, and transcription may still be switched on"
    for number in range(1, 40):
        world.enter(spoken(f"u{number}", ms=30_000), number)
        world.enter(heard(f"a{number}", ANSWER), number)
        world.follow(written)
    assert len(world.told) == 1
    assert "nobody writes down what you say" in world.told[0]
    assert written.why() == written.trouble
    assert len([item for item in world.conversation if item.audio_ms]) <= 26, "26 turns are 8,000 tokens"
    assert world.ids[-2:] == ["u39", world.ids[-1]]


def test_one_turn_without_words_is_waited_for_many_are_not() -> None:
    """A transcription that fails now and then costs little; one that always fails is said to."""
    world, written = World(), Written()
    for number in range(1, 7):
        world.enter(spoken(f"u{number}"), number)
    world.follow(written)
    assert world.told == []
    world.enter(spoken("u7"), 7)
    world.pinned = {"u1"}
    world.follow(written)
    assert world.told == [], "what is pinned need not be written"
    world.pinned = set()
    world.follow(written)
    assert len(world.told) == 1
    assert "do not come" in world.told[0]
    assert written.why() == world.told[0]
    for item in world.conversation:
        item.parts[0].text = QUESTION
    world.follow(written)
    world.follow(written)
    assert written.why().startswith("the newest exchange is heard"), "they came after all"


# --- drift --------------------------------------------------------------------------------------------------------


def run(world: World, steps: Steps) -> None:
    world.do(Plan(frozenset(), steps))


def test_a_dialogue_that_made_the_model_drift_becomes_one_note() -> None:
    world, written = exchange()
    world.follow(written)
    run(world, written.to_notes(world.past))
    assert world.words == [f"system: User: {QUESTION}\nAssistant: {ANSWER}"]
    world.enter(spoken("u2", "And?"), 2)
    world.enter(heard("a2"), 2)
    world.follow(written)
    assert world.words[-1] == "system: User: And?\nAssistant: Well."
    run(world, written.to_notes(world.past))
    assert len(world.ids) == 2, "notes are not noted again"


def test_a_dialogue_that_cannot_be_noted_stays() -> None:
    world, written = exchange()
    world.follow(written)
    world.fate = lambda edit: "refused"
    run(world, written.to_notes(world.past))
    assert world.words == [f"user: {QUESTION}", f"assistant: {ANSWER}"]
    assert written.notes


def test_what_is_pinned_or_gone_of_a_dialogue_is_not_noted() -> None:
    world, written = exchange()
    world.follow(written)
    world.pinned = {"w1"}
    world.conversation.remove("w2")
    run(world, written.to_notes(world.past))
    assert world.ids == ["w1"]


def test_a_long_dialogue_that_was_folded_away_is_not_remembered() -> None:
    written = Written()
    world = World()
    for number in range(1, 60):
        world.enter(spoken(f"u{number}", "Hm?"), number)
        world.enter(heard(f"a{number}"), number)
        world.follow(written)
        for item_id in world.ids:
            world.conversation.remove(item_id)
    assert len(written._dialogue_ids) < 70  # pyright: ignore[reportPrivateUsage]
