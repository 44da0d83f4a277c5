"""Line plots as SVG: every line named at its end, in colours that stay apart for colour-blind eyes, light or dark.

The colours are CSS variables of the page (`--c0`, `--c1`, …), so that one drawing serves both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Line", "line_plot", "nice_steps", "thinned"]

_WIDTH, _HEIGHT = 600, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 172, 14, 36
_LABEL_GAP = 15
_MOST_POINTS = 160


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    colour: str
    """A CSS class: `c0`, `c1`, … or `quiet`."""
    points: tuple[tuple[float, float], ...]
    label: str
    """At its end."""
    dashed: bool = False


def line_plot(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    x_most: float,
    y_top: float,
    show_y: Callable[[float], str],
    show_x: Callable[[float], str],
) -> str:
    """An SVG element. Horizontal goes from 0 to `x_most`, vertical from 0 to `y_top` or the next round number."""
    x_most = x_most or 1.0
    y_steps = nice_steps(y_top or 1.0, 4)
    y_most = y_steps[-1]

    def across(x: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / x_most

    def up(y: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * min(y, y_most) / y_most

    parts = [f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    for y in y_steps:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{show_y(y)}</text>')
    for x in (step for step in nice_steps(x_most, 6) if step <= x_most):
        parts.append(
            f'<text class="tick" x="{across(x):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
            f"{show_x(x)}</text>"
        )
    parts.append(
        f'<text class="tick" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 2}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    for line in lines:
        drawn = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in thinned(line.points))
        style = f"{line.colour} dashed" if line.dashed else line.colour
        parts.append(f'<polyline class="{style}" points="{drawn}"><title>{escape(line.name)}</title></polyline>')
    parts += _labels(lines, up)
    return "".join([*parts, "</svg>"])


def _labels(lines: Sequence[Line], up: Callable[[float], float]) -> list[str]:
    """A name beside the end of each line, moved apart where they would overlap."""
    named = sorted((line for line in lines if line.label and line.points), key=lambda line: up(line.points[-1][1]))
    wanted = [up(line.points[-1][1]) + 4 for line in named]
    parts: list[str] = []
    for line, at, end in zip(named, apart(wanted, _TOP + 6, _HEIGHT - _BOTTOM + 4), wanted, strict=True):
        x = _WIDTH - _RIGHT
        parts.append(
            f'<path class="leader {line.colour}" d="M{x + 2},{end - 4:.1f} L{x + 14},{at - 4:.1f}"/>'
            f'<text class="label {line.colour}" x="{x + 18}" y="{at:.1f}">{escape(line.label)}</text>'
        )
    return parts


def apart(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Places as near as can be to those wanted (sorted), each a label's height below the one before."""
    places: list[float] = []
    for want in wanted:
        places.append(max(want, top if not places else places[-1] + _LABEL_GAP))
    limit = bottom
    for number in range(len(places) - 1, -1, -1):
        places[number] = min(places[number], limit)
        limit = places[number] - _LABEL_GAP
    return places


def nice_steps(most: float, about: int) -> list[float]:
    """Round numbers from 0 to `most` or just above it, about so many of them."""
    rough = most / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def thinned(points: Sequence[tuple[float, float]], most: int = _MOST_POINTS) -> list[tuple[float, float]]:
    """At most about so many points, the first and the last among them; what lies between two is dropped."""
    if len(points) <= most:
        return list(points)
    every = math.ceil(len(points) / most)
    return [*points[:-1:every], points[-1]]
