"""The figures: each thing counted where it belongs, labels bounded, and read by Prometheus' own parser."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from laconic.actions import Charged, CutOff, EditFailed, Forgot, GhostTurn, MemoryTold, Notice, Transcribed
from laconic.errors import BadInput
from laconic.gateway.metrics import Metrics
from laconic.meter import Cost, price
from laconic.rates import load
from laconic.usage import Usage

USAGE = Usage(text_in=300, audio_in=100, image_in=50, cached_text=256, cached_audio=64, text_out=21, audio_out=40)


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample: its name and its labels' values, in the order of the labels' names."""
    text, kind = metrics.text()
    assert kind.startswith("text/plain")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def counted(*notices: Any) -> dict[tuple[str, ...], float]:
    metrics = Metrics()
    for notice in notices:
        metrics.noticed("main", "gpt-realtime", notice)
    return figures(metrics)


def test_a_session_is_open_and_then_it_has_ended() -> None:
    metrics = Metrics()
    for code in (1000, 1000, 1006, 1008, 1011, 3000, 4000, 1003):
        metrics.opened("main", "gpt-realtime", 0.2)
        metrics.closed("main", "gpt-realtime", code)
    metrics.opened("main", "gpt-realtime", 0.2)
    found = figures(metrics)
    assert found["laconic_sessions_open", "gpt-realtime", "main"] == 1
    ended = {key[2]: value for key, value in found.items() if key[0] == "laconic_sessions_total"}
    assert ended == {"ended": 2, "lost": 1, "policy": 1, "error": 1, "refused": 2, "other": 1}
    assert found["laconic_connect_seconds_count", "main"] == 9


def test_tokens_and_money_add_up_by_modality_and_cache() -> None:
    cost = price(USAGE, load().find("gpt-realtime"))
    found = counted(*[Charged("resp_1", "completed", USAGE, cost, "reply")] * 2)
    tokens = {key[1:4]: value for key, value in found.items() if key[0] == "laconic_tokens_total"}
    assert tokens == {
        ("fresh", "in", "text"): 88,
        ("cached", "in", "text"): 512,
        ("fresh", "in", "audio"): 72,
        ("cached", "in", "audio"): 128,
        ("fresh", "in", "image"): 100,
        ("fresh", "out", "text"): 42,
        ("fresh", "out", "audio"): 80,
    }
    assert sum(tokens.values()) == 2 * USAGE.total_tokens
    nano = {key[1:]: value for key, value in found.items() if key[0] == "laconic_cost_nano_total"}
    assert sum(nano.values()) == 2 * cost.nanodollars > 0
    assert {key[1] for key in nano} == {"USD"}
    assert found["laconic_exchanges_total", "gpt-realtime", "main"] == 2
    assert found["laconic_responses_total", "reply", "gpt-realtime", "main", "completed"] == 2
    assert found["laconic_cache_share_sum", "gpt-realtime", "main"] == pytest.approx(2 * 320 / 450)


def test_what_is_unknown_is_counted_as_that() -> None:
    found = counted(
        Charged("resp_1", "a state of theirs", None, Cost(unknown=1), "out_of_band"),
        Transcribed("item_1", None, Cost(unknown=1)),
        Charged("resp_2", "completed", Usage(), Cost(), "reply"),
    )
    assert found["laconic_cost_unknown_total", "gpt-realtime", "main"] == 2
    assert found["laconic_responses_total", "out_of_band", "gpt-realtime", "main", "other"] == 1
    assert found["laconic_responses_total", "transcription", "gpt-realtime", "main", "completed"] == 1
    assert not any(key[0].startswith(("laconic_cost_nano", "laconic_tokens")) for key in found)


def test_edits_by_why() -> None:
    found = counted(
        *[Forgot("item_1", "user", "words", 0, 5, why) for why in ("memory", "written", "written")],
        CutOff("item_1", 5),
        EditFailed("delete", "item_1", "no"),
        GhostTurn("resp_1"),
        MemoryTold("words"),
    )
    edits = {key[1]: value for key, value in found.items() if key[0] == "laconic_edits_total"}
    assert edits == {"memory": 1, "written": 2, "cut off": 1}
    assert found["laconic_edits_failed_total", "delete", "gpt-realtime", "main"] == 1
    assert found["laconic_ghost_turns_total", "gpt-realtime", "main"] == 1


def test_budgets_that_warn_and_end() -> None:
    warned, ended = type("BudgetWarned", (Notice,), {}), type("BudgetEnded", (Notice,), {})
    found = counted(warned(), warned(), ended())
    budgets = {key[1:]: value for key, value in found.items() if key[0] == "laconic_budget_total"}
    assert budgets == {("gpt-realtime", "main", "warned"): 2, ("gpt-realtime", "main", "ended"): 1}


def test_waits_and_refusals() -> None:
    metrics = Metrics()
    metrics.first_sound("main", "gpt-realtime", 0.45)
    metrics.refused("key")
    found = figures(metrics)
    assert found["laconic_first_sound_seconds_bucket", "0.4", "gpt-realtime", "main"] == 0
    assert found["laconic_first_sound_seconds_bucket", "0.5", "gpt-realtime", "main"] == 1
    assert found["laconic_refusals_total", "key"] == 1


def test_an_app_that_asks_for_ever_new_models_makes_no_new_figures() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.first_sound("main", f"model-{number}", 0.1)
    models = {key[1] for key in figures(metrics) if key[0] == "laconic_first_sound_seconds_count"}
    assert len(models) == 101
    assert "other" in models


def test_the_process_itself_is_measured() -> None:
    assert ("process_resident_memory_bytes",) in figures(Metrics()) or sys.platform != "linux"


def test_without_the_extra_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(BadInput, match="gateway extra"):
        Metrics()
