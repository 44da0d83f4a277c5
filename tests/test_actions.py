"""What a session wants done, as values."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from laconic import actions
from laconic.actions import Action, CutOff, EditFailed, Notice, Summarise, ToService, Unsupported


def test_every_action_has_a_name_to_be_imported_by_and_is_of_one_of_four_kinds() -> None:
    """Send, pass on, tell, have summarised: a driver that knows these knows all."""
    kinds = get_args(Action)
    for name in actions.__all__:
        kind = getattr(actions, name)
        assert kind is Action or issubclass(kind, kinds)


def test_actions_are_values() -> None:
    assert CutOff("a", 740) == CutOff("a", 740)
    assert len({Unsupported("delete"), Unsupported("delete"), Unsupported("create")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        ToService("{}").raw = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_summary_is_asked_for_and_not_told() -> None:
    assert not isinstance(Summarise(1, "long talk", 300), Notice)
    assert isinstance(EditFailed("delete", "a", "no answer"), Notice)
