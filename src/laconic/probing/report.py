"""The answers of a probe in Markdown, to be pasted into an issue: no key, no address, nothing anybody said of himself.

English only, whatever the user's language: whoever collects such reports compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from laconic.meter import dollars
from laconic.probing.notes import Answer
from laconic.probing.plan import Price
from laconic.probing.reckoning import Prompt
from laconic.probing.results import Finding, Reckoned

__all__ = ["About", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was probed, with what, when."""

    service: str
    """Its host."""
    model: str
    dialect: str
    date: str
    version: str
    """Of laconic."""


def report(
    about: About, price: Price, findings: Sequence[Finding], reckoned: Reckoned, *, stopped: str | None = None
) -> str:
    """The whole of it. `stopped`: why it ended before its end."""
    return "\n".join(_lines(about, price, findings, reckoned, stopped)) + "\n"


def _lines(
    about: About, price: Price, findings: Sequence[Finding], reckoned: Reckoned, stopped: str | None
) -> Iterator[str]:
    meter = reckoned.notes.meter
    cost = dollars(meter.total.nanodollars, meter.currency) if meter.rates is not None else "of unknown price"
    yield f"# What `laconic probe` found at {about.service}, {about.model}"
    yield ""
    yield f"- date: {about.date}"
    yield f"- service: {about.service}, dialect {about.dialect}"
    yield f"- model: {about.model}"
    yield f"- laconic {about.version}"
    usage = meter.usage
    at_most = f", at most {dollars(price.most, price.currency)} was named" if price.most is not None else ""
    unknown = f", {meter.total.unknown} unknown" if meter.total.unknown and meter.rates is not None else ""
    yield f"- cost: {cost}{unknown} ({usage.input_tokens} tokens in, {usage.output_tokens} out){at_most}"
    if stopped is not None:
        yield f"- stopped early: {_cell(stopped)}"
    yield ""
    yield "| question | answer | sure |"
    yield "|---|---|---|"
    for finding in findings:
        yield f"| {finding.question} | {_cell(finding.answer)} | {finding.sure} |"
    yield ""
    yield "## What it rests on"
    yield ""
    for finding in findings:
        if finding.rests_on:
            yield f"- **{finding.question}** {_cell(finding.rests_on)}"
    yield ""
    yield "## Every response"
    yield ""
    yield "What was reported, and in brackets what the laws found here make of it; cached: what had not changed."
    yield ""
    yield "| turn | after | text in | audio in | cached text | cached audio | text out | audio out | status |"
    yield "|---|---|---|---|---|---|---|---|---|"
    prompts = {prompt.answer.response_id: prompt for prompt in reckoned.prompts}
    for answer in reckoned.answers:
        yield _row(answer, prompts.get(answer.response_id), reckoned.laws.cache_block)


def _row(answer: Answer, prompt: Prompt | None, block: int) -> str:
    head = f"| {answer.name} | {answer.after_s:.1f} s |"
    usage = answer.usage
    if usage is None or prompt is None:
        counts = ("null",) * 6 if usage is None else ("0",) * 6
        return f"{head} {' | '.join(counts)} | {answer.status} |"
    cells = [
        f"{usage.text_in} ({prompt.tokens.text})",
        f"{usage.audio_in} ({prompt.tokens.audio})",
        f"{usage.cached_text} ({prompt.prefix.text // block * block})",
        f"{usage.cached_audio} ({prompt.prefix.audio // block * block})",
        str(usage.text_out),
        str(usage.audio_out),
    ]
    return f"{head} {' | '.join(cells)} | {answer.status} |"


def _cell(text: str) -> str:
    """A service's own words may hold what Markdown takes for a table's edge or a new line."""
    return " ".join(text.replace("|", "\\|").split())
