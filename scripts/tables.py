"""The tables and the plot of docs/memory.md, made from what benchmarks/memory_cost.py measured.

    python scripts/tables.py           write docs/memory.md and docs/memory.svg from docs/memory.jsonl
    python scripts/tables.py --run     first measure the cells that docs/memory.jsonl lacks; without that file all of
                                       them, which takes about two hours
    python scripts/tables.py --check   fail if the documents are not what would be written, or if some cells of ten
                                       minutes, measured anew, are not to the nano-dollar what they were

Cells are seeded, so a difference means that the code counts, remembers or forgets otherwise than it did.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from laconic.whatif.plots import Line, line_plot

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CELLS = DOCS / "memory.jsonl"
BENCHMARK = ROOT / "benchmarks" / "memory_cost.py"
MODELS = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")
HITS = (100, 75, 50, 0)
REPLIES = ("kept", "dropped")
WRITING = ("auto", "summary", "written")
OTHERS = (
    "everything",
    "window:8000:2000",
    "service:8000:0.8",
    "exchanges:10",
    "last:20",
    "last:5",
    "seed",
)
GRID = ((10, WRITING + OTHERS), (60, WRITING + OTHERS), (180, WRITING))
"""Minutes, and the memories measured at this length; each with both models and under all laws."""
CHECKED = (
    ("gpt-realtime-2.1", ("summary", "auto"), "dropped", 75),
    ("gpt-realtime-2.1", ("written", "last:5", "seed"), "kept", 50),
    ("gpt-realtime-2.1-mini", ("summary", "auto"), "kept", 0),
)
"""Cells of ten minutes that are measured again."""
DRAWN = ("summary", "written", "last:5", "everything")
STYLE = """
svg { font: 12px system-ui, sans-serif; background: #fff } text { fill: #222 } .tick { fill: #666 }
polyline { fill: none; stroke: var(--c); stroke-width: 2 } .grid { stroke: #ddd } .leader { stroke: var(--c) }
.c0 { --c: #0072b2 } .c1 { --c: #009e73 } .c2 { --c: #d55e00 } .c3 { --c: #cc79a7 }
"""

Cell = dict[str, Any]


class Key(NamedTuple):
    """Which cell."""

    minutes: float
    model: str
    memory: str
    replies: str
    hits: int


def key(cell: Cell) -> Key:
    hits = round(cell["hit_rate"] * 100)
    return Key(cell["minutes"], cell["model"], cell["memory"], cell["reply_audio"], hits)


def wanted() -> list[Key]:
    """Every cell of the grid, in the order in which they are kept."""
    return [
        Key(minutes, model, memory, replies, hits)
        for minutes, memories in GRID
        for model, memory, replies, hits in product(MODELS, memories, REPLIES, HITS)
    ]


def measured(key: Key) -> Cell:
    """Run the benchmark for this cell."""
    command = [sys.executable, str(BENCHMARK), "--json", "--model", key.model, "--memory", key.memory]
    command += ["--minutes", str(key.minutes), "--hits", str(key.hits), "--reply-audio", key.replies]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def cells() -> dict[Key, Cell]:
    found = (json.loads(line) for line in CELLS.read_text().splitlines()) if CELLS.exists() else ()
    return {key(cell): cell for cell in found}


def keep(found: dict[Key, Cell]) -> None:
    """Write the cells of the grid, in its order."""
    lines = [json.dumps(found[one]) for one in wanted() if one in found]
    CELLS.write_text("\n".join(lines) + "\n")


def method() -> str:
    """What the benchmark says of itself before it begins."""
    sys.path.insert(0, str(BENCHMARK.parent))
    import memory_cost  # pyright: ignore[reportMissingImports]

    return memory_cost._METHOD.strip()


# --- the document -------------------------------------------------------------------------------------------------


def document(found: dict[Key, Cell]) -> str:
    """docs/memory.md."""
    quoted = "\n".join(f"> {line}" for line in method().splitlines())
    tables = "\n\n".join(
        f"### {model}, {minutes} minutes\n\n{table(found, minutes, model, memories)}"
        for model, (minutes, memories) in product(MODELS, sorted(GRID, key=lambda row: row[0] != 60))
    )
    return f"""\
# What an hour costs under each memory

In multiples of the floor, the least a conversation can cost. *kept* and *dropped*: whether the service keeps the sound
of old replies in the input; the percentages are prompt-cache hits. Made by `scripts/tables.py` from
`docs/memory.jsonl`; `benchmarks/memory_cost.py` measures.

## How it was measured

{quoted}

## Multiples of the floor

{tables}

Facts are told up to 93 % of the time, so memories that keep minutes keep none.

![Multiples of the floor by cache hits, an hour on {MODELS[0]}, old replies' sound kept](memory.svg)

## `auto` beside the best memory that is told the laws

What `auto` cost, divided by what the cheapest of the other memories cost. It is not told the laws; they are.

{chosen(found)}
"""


def table(found: dict[Key, Cell], minutes: float, model: str, memories: Iterable[str]) -> str:
    heads = [f"{replies} {hits} %" for replies in REPLIES for hits in HITS]
    rows = ["| memory | " + " | ".join(heads) + " | facts of 20 |", "|---" * (len(heads) + 2) + "|"]
    for memory in memories:
        row = [found[Key(minutes, model, memory, replies, hits)] for replies in REPLIES for hits in HITS]
        facts = sorted({cell["facts_kept"] for cell in row})
        kept = str(facts[0]) if len(facts) == 1 else f"{facts[0]}–{facts[-1]}"
        multiples = [f"{cell['multiple']:.2f}" for cell in row]
        rows.append(f"| `{memory}` | {' | '.join(multiples)} | {kept} |")
    return "\n".join(rows)


def chosen(found: dict[Key, Cell]) -> str:
    heads = [f"{replies} {hits} %" for replies in REPLIES for hits in HITS]
    rows = ["| model, minutes | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for model, (minutes, memories) in product(MODELS, GRID):
        told: list[str] = []
        for replies, hits in product(REPLIES, HITS):
            costs = {name: found[Key(minutes, model, name, replies, hits)]["cost_nanodollars"] for name in memories}
            told.append(f"{costs.pop('auto') / min(costs.values()):.3f}")
        rows.append(f"| {model}, {minutes} | {' | '.join(told)} |")
    return "\n".join(rows)


def plot(found: dict[Key, Cell]) -> str:
    """docs/memory.svg: cost by hit rate, old replies' sound kept. What is off the scale is left to the table."""
    lines: list[Line] = []
    for number, name in enumerate(DRAWN):
        points = sorted(
            (float(at.hits), cell["multiple"])
            for at, cell in found.items()
            if (at.minutes, at.model, at.memory, at.replies) == (60, MODELS[0], name, "kept") and cell["multiple"] <= 4
        )
        if len(points) > 1:
            lines.append(Line(name, f"c{number}", tuple(points), f"{name} {points[-1][1]:.2f}×"))
    svg = line_plot(
        lines,
        title="Multiples of the floor by cache hits",
        x_label="responses that read from cache",
        x_most=100.0,
        y_top=4.0,
        show_y=lambda value: f"{value:g}×",
        show_x=lambda value: f"{value:g} %",
    )
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
        ">", f"><style>{STYLE}</style>", 1
    )


# --- what can be done ---------------------------------------------------------------------------------------------


def run() -> None:
    """Measure what is lacking. Each cell is kept at once: this takes long, and may be stopped and gone on with."""
    found = cells()
    for one in wanted():
        if one not in found:
            found[one] = measured(one)
            keep(found)


def whole() -> dict[Key, Cell]:
    """Every cell of the grid. Raises SystemExit if one was not measured."""
    found = cells()
    if lacking := [one for one in wanted() if one not in found]:
        raise SystemExit(f"{CELLS.name} lacks {len(lacking)} cells: scripts/tables.py --run measures them")
    return found


def check() -> int:
    found, wrong = whole(), 0
    for name, text in (("memory.md", document(found)), ("memory.svg", plot(found))):
        if (DOCS / name).read_text() != text:
            print(f"docs/{name} is not what scripts/tables.py writes; run it")
            wrong = 1
    for model, memories, replies, hits in CHECKED:
        for memory in memories:
            one = Key(10, model, memory, replies, hits)
            cell = measured(one)
            same = cell == found.get(one)
            wrong |= not same
            told = "as recorded" if same else "NOT as recorded"
            print(f"{memory}, {model}, {replies}, {hits} % hits, ten minutes: {cell['multiple']}, {told}")
    return int(wrong)


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        return check()
    if arguments == ["--run"]:
        run()
    found = whole()
    (DOCS / "memory.md").write_text(document(found))
    (DOCS / "memory.svg").write_text(plot(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
