"""The report: facts in Markdown that survive being pasted."""

from __future__ import annotations

from dataclasses import replace

from hidden import CLIPS, Hidden, held

from laconic.laws import prior
from laconic.probing.notes import Notes
from laconic.probing.plan import plan, reckon
from laconic.probing.questions import findings
from laconic.probing.report import About, report
from laconic.simulator.faults import Faults
from laconic.simulator.habits import Habits

ABOUT = About(service="api.example.com", model="gpt-realtime", dialect="ga", date="2026-11-22", version="0.1.0")
LAWS = prior("openai", "gpt-realtime")


def reported(stopped: str | None = None, *, notes: Notes | None = None, **faults: object) -> str:
    if notes is None:
        hidden = Hidden("gpt-realtime", replace(LAWS, hit_rate=1.0), Habits(), Faults(**faults), 5)  # pyright: ignore[reportArgumentType]
        notes, _, _ = held(hidden.service())
    price = reckon(plan(), [clip.ms for clip in CLIPS], LAWS, notes.meter.rates)
    found, reckoned = findings(notes, plan(), LAWS)
    return report(ABOUT, price, found, reckoned, stopped=stopped)


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def test_it_says_what_when_with_what_and_for_how_much() -> None:
    head = reported().split("| question")[0]
    assert head.splitlines()[0] == "# What `laconic probe` found at api.example.com, gpt-realtime"
    for fact in ("2026-11-22", "dialect ga", "laconic 0.1.0", "cost: $0.", "at most $1."):
        assert fact in head


def test_every_finding_has_its_row_and_says_how_sure_it_is() -> None:
    found = [cells for cells in rows(reported()) if len(cells) == 3][1:]
    assert len(found) == 22
    assert {sure for _, _, sure in found} <= {"measured", "inferred", "not found"}
    assert all(answer for _, answer, _ in found)


def test_every_response_has_its_row_with_what_the_laws_make_of_it() -> None:
    found = [cells for cells in rows(reported()) if len(cells) == 9][1:]
    assert len(found) == 16
    for _, _, text_in, audio_in, *_ in found[:3]:
        assert text_in.replace(")", "").split(" (")[0] == text_in.replace(")", "").split(" (")[1]
        assert "(" in audio_in


def test_usage_that_is_null_is_told_as_null() -> None:
    assert reported(null_usage=True).count("| null | null | null | null | null | null |") == 16


def test_why_it_stopped_stands_in_one_line() -> None:
    assert "- stopped early: it said no\\| and why" in reported("it said no|\n and why")


def test_a_probe_of_nothing_makes_a_report_too() -> None:
    text = reported(notes=Notes(None))
    assert "cost: of unknown price" in text
    assert all(sure == "not found" for cells in rows(text) if len(cells) == 3 for sure in cells[2:] if sure[:1] == "n")
