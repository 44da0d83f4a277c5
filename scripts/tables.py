"""The tables and the plot of docs/memory.md, made from what benchmarks/memory_cost.py measured.

    python scripts/tables.py           write docs/memory.md and docs/memory.svg from docs/memory.jsonl
    python scripts/tables.py --run     measure every cell anew first (about a quarter of an hour)
    python scripts/tables.py --check   fail if the documents are not what would be written, or if the cells of ten
                                       minutes, measured anew, are not to the nano-dollar what they were

Cells are seeded, so a difference means that the code counts, remembers or forgets otherwise than it did.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from laconic.whatif.plots import Line, line_plot

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CELLS = DOCS / "memory.jsonl"
BENCHMARK = ROOT / "benchmarks" / "memory_cost.py"
HITS = (1.0, 0.75, 0.5, 0.0)
REPLIES = ("kept", "dropped")
GRID = (  # memories, minutes, hits, replies
    ("summary,auto", "60", "100,75,50,0", "kept,dropped"),
    ("summary,auto", "10", "75", "dropped"),
    ("written,everything,seed,last:5,service:8000:0.8,window:8000:2000,last:20", "60", "100,50", "kept,dropped"),
    ("written,everything,last:5", "60", "75,0", "kept,dropped"),
)
DRAWN = ("summary", "written", "last:5", "everything")
STYLE = """
svg { font: 12px system-ui, sans-serif; background: #fff } text { fill: #222 } .tick { fill: #666 }
polyline { fill: none; stroke: var(--c); stroke-width: 2 } .grid { stroke: #ddd } .leader { stroke: var(--c) }
.c0 { --c: #0072b2 } .c1 { --c: #009e73 } .c2 { --c: #d55e00 } .c3 { --c: #cc79a7 }
"""

Cell = dict[str, Any]


def measured(memory: str, minutes: str, hits: str, replies: str) -> list[Cell]:
    """Run the benchmark for these cells."""
    command = [sys.executable, str(BENCHMARK), "--json", "--model", "gpt-realtime-2.1", "--memory", memory]
    command += ["--minutes", minutes, "--hits", hits, "--reply-audio", replies]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def cells() -> list[Cell]:
    return [json.loads(line) for line in CELLS.read_text().splitlines()]


def method() -> str:
    """What the benchmark says of itself before it begins."""
    sys.path.insert(0, str(BENCHMARK.parent))
    import memory_cost  # pyright: ignore[reportMissingImports]

    return memory_cost._METHOD.strip()


def document(found: list[Cell]) -> str:
    """docs/memory.md."""
    hour = [cell for cell in found if cell["minutes"] == 60]
    names = list(dict.fromkeys(cell["memory"] for cell in hour))
    heads = [f"{replies} {hits:.0%}" for replies in REPLIES for hits in HITS]
    rows = [
        "| memory | " + " | ".join(heads) + " | facts of 20 |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for name in names:
        by = {(cell["reply_audio"], cell["hit_rate"]): cell for cell in hour if cell["memory"] == name}
        told = [by.get((replies, hits)) for replies in REPLIES for hits in HITS]
        facts = sorted({cell["facts_kept"] for cell in by.values()})
        kept = str(facts[0]) if len(facts) == 1 else f"{facts[0]}–{facts[-1]}"
        rows.append(
            f"| `{name}` | " + " | ".join(f"{cell['multiple']:.2f}" if cell else "–" for cell in told) + f" | {kept} |"
        )
    quoted = "\n".join(f"> {line}" for line in method().splitlines())
    return f"""\
# What an hour costs under each memory

gpt-realtime-2.1, an hour of talk, in multiples of the floor (the least it can cost). *kept* and *dropped*: whether the
service keeps the sound of old replies in the input; the percentages are prompt-cache hits. Made by
`scripts/tables.py` from `docs/memory.jsonl`; `benchmarks/memory_cost.py` measures.

## How it was measured

{quoted}

## Multiples of the floor

{chr(10).join(rows)}

A dash is a cell that was not run. Facts are told up to 93 % of the hour, so memories that keep minutes keep none.

![Multiples of the floor by cache hits, old replies' sound kept](memory.svg)
"""


def plot(found: list[Cell]) -> str:
    """docs/memory.svg: cost by hit rate, old replies' sound kept. What is off the scale is left to the table."""
    lines: list[Line] = []
    for number, name in enumerate(DRAWN):
        points = sorted(
            (cell["hit_rate"] * 100, cell["multiple"])
            for cell in found
            if cell["minutes"] == 60 and cell["memory"] == name and cell["reply_audio"] == "kept"
            if cell["multiple"] <= 4
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


def check() -> int:
    found, wrong = cells(), 0
    for name, text in (("memory.md", document(found)), ("memory.svg", plot(found))):
        if (DOCS / name).read_text() != text:
            print(f"docs/{name} is not what scripts/tables.py writes; run it")
            wrong = 1
    for memory, minutes, hits, replies in GRID:
        if minutes != "10":
            continue
        for cell in measured(memory, minutes, hits, replies):
            same = cell in found
            wrong |= not same
            print(f"{cell['memory']}, ten minutes: {cell['multiple']}, {'as recorded' if same else 'NOT as recorded'}")
    return int(wrong)


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        return check()
    if arguments == ["--run"]:
        lines = [json.dumps(cell) for row in GRID for cell in measured(*row)]
        CELLS.write_text("\n".join(lines) + "\n")
    (DOCS / "memory.md").write_text(document(cells()))
    (DOCS / "memory.svg").write_text(plot(cells()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
