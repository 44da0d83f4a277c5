"""Linear equations over whole tokens, taken in one by one, solved exactly.

Each response gives one: so many framings of this kind, so many of that, and the tokens that are left when all known
words are taken away. An equation that says something new settles one more unknown; one that says nothing new is a
check of what is settled already, and `misfits` has those that fail it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

__all__ = ["Equations"]


class Equations:
    """Earlier equations are believed before later ones."""

    def __init__(self) -> None:
        self.misfits: list[tuple[str, Fraction]] = []
        """Equations that contradict earlier ones: name, and by how much (reported less expected)."""
        self.checks = 0
        """Equations that said nothing new, misfits included."""
        self._rows: list[tuple[str, dict[str, Fraction], Fraction]] = []

    def add(self, name: str, counts: Mapping[str, int], total: int) -> bool:
        """`counts` times the unknowns make `total`. True if this was new."""
        row = {unknown: Fraction(count) for unknown, count in counts.items() if count}
        rest = Fraction(total)
        for pivot, other, value in self._rows:
            rest = _subtract(row, rest, other, value, row.get(pivot, Fraction(0)))
        if not row:
            self.checks += 1
            if rest:
                self.misfits.append((name, rest))
            return False
        pivot = next(iter(row))
        factor = row[pivot]
        row = {unknown: count / factor for unknown, count in row.items()}
        rest /= factor
        for place, (known, other, value) in enumerate(self._rows):
            value = _subtract(other, value, row, rest, other.get(pivot, Fraction(0)))
            self._rows[place] = known, other, value
        self._rows.append((pivot, row, rest))
        return True

    @property
    def solved(self) -> dict[str, Fraction]:
        """The unknowns that are settled."""
        return {pivot: value for pivot, row, value in self._rows if len(row) == 1}


def _subtract(
    row: dict[str, Fraction], rest: Fraction, other: Mapping[str, Fraction], value: Fraction, factor: Fraction
) -> Fraction:
    """Take `factor` times another equation out of `row`, in place; what then remains on the right-hand side."""
    if factor:
        for unknown, count in other.items():
            left = row.get(unknown, Fraction(0)) - factor * count
            if left:
                row[unknown] = left
            else:
                row.pop(unknown, None)
    return rest - factor * value
