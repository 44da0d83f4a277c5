"""What an hour's talk costs under each memory, and what is still known at its end.

python benchmarks/memory_cost.py [--memory written,summary] [--model gpt-realtime-2.1] [--reply-audio kept,dropped]
    [--hits 100,75,50,0] [--minutes 10,60,180] [--seed N] [--lines] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from itertools import product
from typing import Any

from hour import INSTRUCTIONS_TOKENS, STEP_MS, TRANSCRIBER, Cell, Hour, talk

from laconic.errors import BadInput
from laconic.memory import memory
from laconic.meter import dollars
from laconic.rates import RateTable, load

MEMORIES = (
    "everything",
    "last:5",
    "last:20",
    "exchanges:10",
    "window:8000:2000",
    "service:8000:0.8",
    "seed",
    "written",
    "summary",
    "auto",
)
MODELS = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")
_SUMMARISER = "gpt-5.4-nano"

_METHOD = f"""\
Method. Generated callers talk to the stand-in service through the session and a
real WebSocket on loopback. Time is the sound sent, in steps of {STEP_MS} ms. A turn's
length is log-normal, median 2 s, mean 3 s before voice detection adds 0.8 s;
replies last 8 s on average; 4 to 5 exchanges fill a minute. One reply in ten is
cut short by the caller; one turn in twelve of four words or more has a pause that
is answered too early (a ghost turn). Seeded: every run of a cell is the same.
Sound is a tone, understood by its loudness: what it would sound like has no part
in the bill. Replies are played out in sample time and what was heard is reported.
Instructions: {INSTRUCTIONS_TOKENS} tokens. Transcription: {TRANSCRIBER}. Summaries: asked as
always, over HTTP, of the stand-in's chat endpoint, which writes them out of the text
and nothing else, at the prices of {_SUMMARISER}; they come a second after the asking.
Usage is counted by the stand-in's laws; of the responses the share given as hits
reads what the cache promises, the others nothing, in even alternation. The fixed
memories are told these laws (--untold: they have the model's prior); auto never is.
Cost: everything on the session's meter at the end of the time, transcription and
summaries included, before the questions. Floor: the user's new speech, all that
was generated, transcription; no instructions, no history. Both of the same talk.
Facts: 20, told from early to late, asked back one by one at the end; one counts
when its answer names it. What asking costs is not part of the cost.
Edits: items inserted, deleted and truncated; cutting a reply where the caller
stopped hearing it is one, under every memory.
seed: the sample client of October 2024, which deletes an item at every event while
five or more are queued. It listened for an event that GA no longer sends; here it
counts the one that took its place. service:8000:0.8: the service's own truncation,
retention ratio 0.8 at 8,000 tokens.
"""


def main() -> int:
    args = _arguments().parse_args()
    try:
        cells = _cells(args)
        rates = _rates()
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    print(_METHOD, file=sys.stderr if args.json else sys.stdout)
    print(_HEAD, end="", file=sys.stderr if args.json else sys.stdout)
    for number, cell in enumerate(cells, 1):
        _tell(f"[{number}/{len(cells)}] {_name(cell)} …")
        began = time.monotonic()
        hour = asyncio.run(talk(cell, rates))
        _tell(f" {time.monotonic() - began:.1f} s\n")
        print(json.dumps(_object(cell, hour)) if args.json else _row(cell, hour), flush=True)
        if args.lines:
            print(_detail(hour), file=sys.stderr if args.json else sys.stdout, flush=True)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What an hour's talk costs under each memory.")
    parser.add_argument("--memory", type=_list(str), default=list(MEMORIES), help="of: " + ", ".join(MEMORIES))
    parser.add_argument("--model", type=_list(str), default=list(MODELS))
    parser.add_argument("--reply-audio", type=_list(str), default=["kept", "dropped"], help="kept, dropped or both")
    parser.add_argument("--hits", type=_list(int), default=[100, 75, 50, 0], help="per cent")
    parser.add_argument("--minutes", type=_list(float), default=[10.0, 60.0, 180.0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--untold", action="store_true", help="no memory is told the laws")
    parser.add_argument("--lines", action="store_true", help="also what the money went on, as shares of the floor")
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser


def _list(of: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    return lambda text: [of(one.strip()) for one in text.split(",")]


def _cells(args: argparse.Namespace) -> list[Cell]:
    for name in args.memory:
        if name != "seed" and not name.startswith("service:"):
            memory(name)  # a wrong name is said now and not after an hour
    if unknown := set(args.reply_audio) - {"kept", "dropped"}:
        raise BadInput(f"--reply-audio is kept or dropped, not {', '.join(sorted(unknown))}")
    return [
        Cell(
            memory=name,
            model=model,
            keeps_reply_audio=reply_audio == "kept",
            hit_rate=hits / 100,
            minutes=minutes,
            seed=args.seed,
            told=not args.untold,
            summary_model=_SUMMARISER,
        )
        for minutes, model, reply_audio, hits, name in product(
            args.minutes, args.model, args.reply_audio, args.hits, args.memory
        )
    ]


def _rates() -> RateTable:
    rates = load()
    if rates.find(_SUMMARISER) is None:
        raise BadInput(f"the price list has no {_SUMMARISER}, and summaries would cost nothing anybody knows")
    return rates


def _name(cell: Cell) -> str:
    kept = "kept" if cell.keeps_reply_audio else "dropped"
    return f"{cell.memory}, {cell.model}, reply audio {kept}, {cell.hit_rate:.0%} hits, {cell.minutes:g} min"


_HEAD = (
    f"{'memory':<16} {'model':<8} {'replies':<7} {'hits':>4} {'min':>4} {'cost':>9} "
    f"{'× floor':>7} {'facts':>5} {'edits':>6}\n"
)


def _row(cell: Cell, hour: Hour) -> str:
    kept = "kept" if cell.keeps_reply_audio else "dropped"
    model = cell.model.removeprefix("gpt-realtime-")
    unknown = " + unknown" if hour.unknown else ""
    return (
        f"{cell.memory:<16} {model:<8} {kept:<7} {cell.hit_rate * 100:>3.0f}% {cell.minutes:>4g} "
        f"{dollars(hour.cost):>9} {hour.multiple:>7.3f} {hour.facts_kept:>5} {hour.edits:>6}{unknown}"
    )


def _object(cell: Cell, hour: Hour) -> dict[str, Any]:
    return {
        "memory": cell.memory,
        "model": cell.model,
        "reply_audio": "kept" if cell.keeps_reply_audio else "dropped",
        "hit_rate": cell.hit_rate,
        "minutes": cell.minutes,
        "cost_nanodollars": hour.cost,
        "multiple": round(hour.multiple, 4),
        "facts_kept": hour.facts_kept,
        "edits": hour.edits,
    }


def _detail(hour: Hour) -> str:
    """What one hour was made of."""
    lines = "  ".join(f"{what} {nano / hour.floor:.4f}" for what, nano in sorted(hour.lines.items()))
    read = len(hour.inputs) or 1
    sizes = {
        name: sum(getattr(usage, name) for usage in hour.inputs) / read
        for name in ("text_in", "cached_text", "audio_in", "cached_audio")
    }
    return (
        f"    {lines}\n    a response read on average "
        + ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
        + f"; largest {hour.largest_input}; old sound {hour.old_audio} tokens in all\n"
        f"    {hour.exchanges} exchanges, {hour.ghost_turns} ghost turns, {hour.cut_off} replies cut short, "
        f"{hour.user_ms / 60_000:.1f} min of user, {hour.reply_ms / 60_000:.1f} min of replies, "
        f"{hour.summaries} summaries, {hour.failed_edits} failed edits"
        + (f"\n    forgotten: {', '.join(hour.forgotten)}" if hour.forgotten else "")
    )


def _tell(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
