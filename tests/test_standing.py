"""Where the words stand of items that were taken out, and what becomes of them when the app changes its mind."""

from __future__ import annotations

from laconic.edits import Insert
from laconic.standing import Standing
from laconic.written import dialogue, message, note


def words_of(*item_ids: str) -> tuple[tuple[str, str], ...]:
    return tuple((item_id, f"User: {item_id}") for item_id in item_ids)


def summary(item_id: str, *of: str, behind: str = "root") -> Insert:
    return Insert(message("system", "They talked.", item_id), behind, of)


def written(*inserts: Insert) -> Standing:
    """These were inserted, and what they stand for has left."""
    standing = Standing()
    for insert in inserts:
        standing.inserted(insert)
        for item_id in insert.instead_of:
            standing.left(item_id)
    return standing


def test_words_stand_in_the_note_that_took_their_place() -> None:
    standing = written(dialogue("a", "user", "Hello.", "n"))
    assert standing.holder("a") == "n"
    assert standing.items("n") == ["a"]
    assert standing.places("a") == ["a", "n"]
    assert standing.holder("b") is None
    assert standing.items("b") == []


def test_until_an_item_has_left_it_stands_for_itself_with_its_words_behind_it() -> None:
    standing = Standing()
    standing.inserted(dialogue("a", "user", "Hello.", "n"))
    assert standing.holder("a") is None
    assert standing.places("a") == ["a", "n"]
    assert standing.behind("a") == "n", "what is to follow the item follows its words"
    assert standing.behind("b") == "b"


def test_a_summary_at_the_front_is_no_place_to_follow() -> None:
    standing = Standing()
    standing.inserted(summary("s", "a", "b"))
    assert standing.behind("a") == "a"
    standing.inserted(summary("t", "c", behind="c"))
    assert standing.behind("c") == "t"


def test_notes_that_are_folded_hand_their_items_on() -> None:
    standing = written(note(words_of("a", "b"), "n", "b", ("a", "b")), summary("s", "n", "c"))
    assert [standing.holder(item_id) for item_id in "abc"] == ["s", "s", "s"]
    assert standing.items("n") == []


def test_what_was_undone_stands_nowhere() -> None:
    """The insert is taken back, and the item stays."""
    standing = Standing()
    standing.inserted(dialogue("a", "user", "Hello.", "n"))
    standing.left("n")
    assert standing.places("a") == ["a"]
    standing.left("a")
    assert standing.holder("a") is None


def test_a_note_that_is_forgotten_takes_its_items_with_it() -> None:
    standing = written(dialogue("a", "user", "Hello.", "n"))
    standing.left("n")
    assert standing.holder("a") is None
    assert standing.places("a") == ["a"]


def test_an_insert_that_replaces_nothing_is_of_no_interest() -> None:
    standing = written(Insert(message("system", "Be kind.", "n"), "root"))
    assert standing.items("n") == []


def test_lines_of_their_own_have_all_but_summaries() -> None:
    standing = written(note(words_of("a", "b"), "n", "b", ("a", "b", "silent")), summary("s", "c"))
    assert set(standing.lines("n")) == {"a", "b", "silent"}
    assert not standing.lines("s")
    assert not standing.lines("c")


def test_an_item_is_replaced_once_its_words_stand_beside_it() -> None:
    standing = Standing()
    standing.inserted(dialogue("a", "user", "Hello.", "n"))
    standing.inserted(summary("s", "b"))
    assert standing.replaced("a")
    assert not standing.replaced("b"), "a summary has no words of its own for it"
    assert not standing.replaced("c")


def test_a_note_that_stays_though_a_summary_covers_it_goes_on_holding_its_item() -> None:
    """It was pinned while the summary was on its way; that is folded into another in its turn."""
    standing = written(dialogue("a", "user", "Hello.", "n"), dialogue("b", "user", "Bye.", "m"))
    standing.inserted(summary("s", "n", "m"))
    standing.left("m")
    assert (standing.holder("a"), standing.holder("b")) == ("n", "s")
    standing.inserted(summary("t", "s"))
    standing.left("s")
    assert (standing.holder("a"), standing.holder("b")) == ("n", "t")


# --- the app deletes ------------------------------------------------------------------------------------------------


def test_a_note_that_holds_one_item_goes_with_it() -> None:
    standing = written(dialogue("a", "user", "Hello.", "n"))
    assert standing.forget("a") == ["n"]
    assert standing.holder("a") is None
    assert not standing.due


def test_of_a_note_that_holds_more_a_line_is_taken_out() -> None:
    standing = written(note(words_of("a", "b"), "n", "b", ("a", "b", "silent")))
    assert standing.forget("silent") == []
    assert not standing.due, "it had no words"
    assert standing.forget("a") == []
    assert list(standing.due) == ["n"]
    assert standing.rewritten("n") == ("system", (("b", "User: b"),))
    standing.left("n")
    assert not standing.due


def test_a_note_of_which_only_silence_is_left_goes() -> None:
    standing = written(note(words_of("a"), "n", "b", ("a", "b")))
    assert standing.forget("a") == ["n"]


def test_a_summary_stays_until_nothing_of_what_it_covers_is_left() -> None:
    standing = written(summary("s", "a", "b"))
    assert standing.forget("a") == []
    assert not standing.due, "nobody can take a fact out of it"
    assert standing.forget("b") == ["s"]


def test_what_stands_twice_is_forgotten_twice() -> None:
    """Written down and not yet deleted; and its words once more in a summary that has just been inserted."""
    standing = Standing()
    standing.inserted(dialogue("a", "user", "Hello.", "n"))
    standing.inserted(summary("s", "n", "c"))
    assert standing.places("a") == ["a", "n", "s"]
    assert standing.forget("a") == ["n"]
    standing.left("a")
    assert standing.holder("a") is None


# --- the app cuts -----------------------------------------------------------------------------------------------------


def test_a_reply_cut_late_keeps_the_words_that_were_heard() -> None:
    standing = written(dialogue("a", "assistant", "On the island, behind the harbour.", "n"))
    assert standing.cut("a", "On the island") == []
    assert list(standing.due) == ["n"]
    assert standing.rewritten("n") == ("assistant", (("a", "On the island…"),))


def test_in_a_note_the_line_is_cut() -> None:
    standing = written(note((("u", "User: Where?"), ("a", "Assistant: On the island.")), "n", "a", ("u", "a")))
    assert standing.cut("a", "On") == []
    assert standing.rewritten("n") == ("system", (("u", "User: Where?"), ("a", "Assistant: On…")))


def test_a_reply_of_which_nothing_was_heard_leaves_its_note() -> None:
    standing = written(dialogue("a", "assistant", "On the island.", "n"))
    assert standing.cut("a", "") == ["n"]


def test_a_summary_is_not_cut() -> None:
    standing = written(summary("s", "a"))
    assert standing.cut("a", "On") == []
    assert not standing.due


def test_a_rewritten_note_holds_what_the_old_one_held() -> None:
    standing = written(note(words_of("a", "b"), "n", "b", ("a", "b")))
    standing.forget("a")
    role, lines = standing.rewritten("n")
    standing.inserted(Insert(message(role, "User: b", "m"), "n", ("n",), lines))
    standing.left("n")
    assert standing.holder("b") == "m"
    assert standing.forget("b") == ["m"]


def test_a_dialogue_put_into_a_note_keeps_whose_words_are_whose() -> None:
    standing = written(dialogue("a", "user", "Hello.", "n1"), dialogue("b", "assistant", "Hi.", "n2"))
    together = note((("n1", "User: Hello."), ("n2", "Assistant: Hi.")), "m", "n2", ("n1", "n2"))
    standing.inserted(together)
    for item_id in together.instead_of:
        standing.left(item_id)
    standing.forget("a")
    assert standing.rewritten("m") == ("system", (("b", "Assistant: Hi."),))
