"""What changed since somebody last looked."""

from __future__ import annotations

from laconic.changes import Changes


def test_each_follower_learns_what_is_new_to_him() -> None:
    changes = Changes()
    changes.note("a")
    first = changes.count
    changes.note("b")
    changes.note("c")
    changes.note("b")
    assert changes.since(first) == {"b", "c"}
    assert changes.since(0) == {"a", "b", "c"}
    assert changes.since(changes.count) == set()


def test_what_is_too_long_ago_is_not_guessed_at() -> None:
    changes = Changes()
    for number in range(1025):
        changes.note(str(number))
    assert changes.since(0) is None
    assert len(changes.since(1) or ()) == 1024
