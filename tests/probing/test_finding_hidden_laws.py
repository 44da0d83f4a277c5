"""Probes of stand-ins with secrets: each secret must be found, or said not to have been found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hidden import CLIPS, Hidden, held

from laconic.laws import Laws, prior
from laconic.probing.notes import Notes
from laconic.probing.plan import plan, reckon
from laconic.probing.questions import findings
from laconic.probing.results import Finding, Reckoned
from laconic.rates import load
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits

SEEDS = range(16)


@dataclass
class Found:
    hidden: Hidden
    notes: Notes
    stopped: str | None
    by_key: dict[str, Finding]
    reckoned: Reckoned

    @property
    def laws(self) -> Laws:
        return self.reckoned.laws

    def value(self, key: str) -> object:
        return self.by_key[key].value


def probed(hidden: Hidden) -> Found:
    notes, stopped, _ = held(hidden.service(), model=hidden.model)
    found, reckoned = findings(notes, plan(), prior("openai", hidden.model))
    return Found(hidden, notes, stopped, {finding.key: finding for finding in found}, reckoned)


def plain(**changes: object) -> Hidden:
    """A stand-in without secrets, but for these laws."""
    laws = replace(prior("openai", "gpt-realtime"), hit_rate=1.0, **changes)
    return Hidden("gpt-realtime", laws, Habits(model="gpt-realtime"), Faults(), 1)


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def found(request: pytest.FixtureRequest) -> Found:
    return probed(Hidden.drawn(request.param))


def test_all_is_asked(found: Found) -> None:
    assert found.stopped is None


def test_the_laws_are_those_that_were_hidden(found: Found) -> None:
    """All that a probe learns; what a truncated reply counts only where something was truncated."""
    names = [
        "keeps_reply_audio",
        "user_audio_ms_per_token",
        "assistant_audio_ms_per_token",
        "user_audio_framing",
        "user_text_framing",
        "reply_framing",
        "base_text",
        "tools_framing",
        "image_tokens",
    ]
    if "truncate" not in found.hidden.faults.ignore:
        names.append("truncated_reply_text")
    hidden = {name: getattr(found.hidden.laws, name) for name in names}
    assert {name: getattr(found.laws, name) for name in names} == hidden
    assert not set(found.laws.unverified) & {*names, "hit_rate"}


def test_the_block_is_found_where_anything_was_cached(found: Found) -> None:
    hit = any(answer.usage is not None and answer.usage.cached_tokens for answer in found.notes.answers)
    assert found.value("block") == (found.hidden.laws.cache_block if hit else None)


def test_hits_and_misses_are_counted_right(found: Found) -> None:
    """Of the responses that were promised anything, those the bill let read from cache."""
    cached = [answer.usage.cached_tokens > 0 for answer in found.notes.answers if answer.usage is not None]
    value = found.value("hit_rate")
    assert isinstance(value, tuple)
    hits, missed, total = value
    assert (hits, hits + missed) == (sum(cached), total)
    assert found.laws.hit_rate == pytest.approx(hits / total)


@pytest.mark.parametrize("place", ["end", "front", "middle"])
def test_what_deleting_leaves_in_the_cache(found: Found, place: str) -> None:
    """Known wherever deletes are done and the cache was not missed just then."""
    finding = found.by_key[f"delete_{place}"]
    if "delete" in found.hidden.faults.ignore:
        assert finding.sure == "not found"
    elif finding.sure == "not found":
        assert "missed" in finding.answer
        assert found.hidden.laws.hit_rate < 1
    else:
        assert finding.value in ("before", "nothing")


def test_edits_that_are_never_answered_are_noticed(found: Found) -> None:
    for kind in ("delete", "truncate"):
        ignored = kind in found.hidden.faults.ignore
        assert found.value(f"{kind}s") == ("unanswered" if ignored else "done")


def test_the_shape_of_an_error_is_told(found: Found) -> None:
    if "delete" in found.hidden.faults.ignore:
        assert found.by_key["unknown_id"].sure == "not found"
        return
    event_id = "null" if found.hidden.faults.null_error_event_id else "echoed"
    assert found.value("unknown_id") == ("item_delete_invalid_item_id", event_id)


def test_the_usage_of_a_response_cancelled_at_once_is_told(found: Found) -> None:
    assert found.value("cancelled") == ("null" if found.hidden.habits.ghost_usage_null else "zero")


def test_where_what_we_write_stands(found: Found) -> None:
    assert found.value("inserts") == ("elsewhere" if found.hidden.faults.append_inserts else "honoured")


def test_the_manners_that_were_hidden_are_kept_with_the_laws(found: Found) -> None:
    hidden = found.hidden.faults
    assert found.laws.lacks == (*sorted(hidden.ignore), *["place"] * hidden.append_inserts)


def test_whether_an_update_costs_the_cache(found: Found) -> None:
    """Not found only where the cache is missed half of the time or always."""
    finding = found.by_key["update"]
    if finding.sure == "not found":
        assert found.hidden.laws.hit_rate <= 0.5
    else:
        assert finding.value == found.hidden.habits.update_drops_cache


def test_what_tools_and_pictures_take(found: Found) -> None:
    assert found.value("tools") == found.hidden.laws.tools_framing
    assert found.value("picture") == found.hidden.laws.image_tokens


def test_drift_is_noticed_and_a_note_is_tried(found: Found) -> None:
    drifts = found.hidden.habits.drift_after is not None
    assert found.value("drift") is drifts
    assert ("system note" in found.by_key["drift"].answer) is drifts or "delete" in found.hidden.faults.ignore


def test_what_a_truncated_reply_counts(found: Found) -> None:
    finding = found.by_key["truncated"]
    if "truncate" in found.hidden.faults.ignore:
        assert finding.sure == "not found"
        return
    laws = found.hidden.laws
    [cut] = [edit for edit in found.notes.edits if edit.place == "cut"]
    item = next(item for answer in found.notes.answers for item in answer.read if item.id == cut.item_id)
    text, audio = laws.truncated_reply_text, item.audio_ms // laws.assistant_audio_ms_per_token
    assert finding.value == (text, audio, text, audio if laws.keeps_reply_audio else 0)


def test_what_was_found_foretells_every_count(found: Found) -> None:
    assert found.value("fit") == (0, 0)


def test_it_never_costs_more_than_was_named(found: Found) -> None:
    price = reckon(plan(), [clip.ms for clip in CLIPS], prior("openai", found.hidden.model), found.notes.meter.rates)
    assert price.most is not None
    assert found.notes.meter.total.nanodollars <= price.most


# --- what is not drawn -------------------------------------------------------------------------------------------


def test_a_service_that_reports_no_usage_leaves_the_laws_alone() -> None:
    hidden = plain()
    hidden.faults.null_usage = True
    found = probed(hidden)
    assert found.value("usage") is False
    assert found.laws == prior("openai", "gpt-realtime")
    assert {key for key, finding in found.by_key.items() if finding.sure != "not found"} == {
        "deletes", "truncates", "inserts", "drift", "unknown_id", "cancelled"
    }  # fmt: skip


def test_a_service_that_bills_only_what_is_new_is_told_from_others() -> None:
    """Nothing the accounts make of such counts is kept."""
    found = probed(plain(bills_whole_input=False))
    assert found.value("usage") == "new only"
    assert found.laws == prior("openai", "gpt-realtime")
    assert "fit" not in found.by_key


@pytest.mark.parametrize(("kind", "key"), [("delete", "deletes"), ("truncate", "truncates")])
def test_a_refused_edit_is_told_with_the_service_s_own_words(kind: str, key: str) -> None:
    hidden = plain()
    hidden.faults.refuse.add(kind)
    found = probed(hidden)
    assert found.value(key) == "refused"
    assert "cannot be changed" in found.by_key[key].rests_on


def test_assistant_text_that_is_refused_is_told() -> None:
    """A service that takes no written replies keeps the spoken ones; what can be written is."""
    hidden = plain()
    hidden.faults.refuse.add("create-assistant")
    found = probed(hidden)
    assert found.value("inserts") == "honoured"
    assert "not done" in found.by_key["inserts"].rests_on


def test_a_service_without_eyes_is_told_and_asked_on() -> None:
    hidden = plain()
    hidden.faults.refuse.add("create-image")
    found = probed(hidden)
    assert found.stopped is None
    assert found.value("picture") == "refused"
    assert "could not be created" in found.by_key["picture"].rests_on
    assert found.value("tools") == hidden.laws.tools_framing


def test_what_was_not_tried_is_not_lacking() -> None:
    """Where no turn can be written the probe stops before it edits."""
    hidden = plain()
    hidden.faults.ignore.add("create")
    found = probed(hidden)
    assert found.stopped is not None
    assert found.laws.lacks == ()


def test_known_laws_are_confirmed_and_lose_their_doubts() -> None:
    found = probed(plain())
    assert found.laws == replace(prior("openai", "gpt-realtime"), hit_rate=1.0, unverified=())


def test_an_unknown_service_is_learned_from_nothing() -> None:
    """The prior of a stranger, who keeps all sound and caches nothing."""
    hidden = plain()
    notes, _, _ = held(hidden.service())
    _, reckoned = findings(notes, plan(), prior("url", "nobody-knows-it"))
    assert reckoned.laws.keeps_reply_audio is False
    assert reckoned.laws.cache_block == 64
    assert load().find("nobody-knows-it") is None
