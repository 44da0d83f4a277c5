"""`auto` in a talk that is told anew: it chooses as it would have, from what was known at the time.

Each time it is due, an average hour is reckoned under the memories that do what is asked, with the lengths this talk
has had so far (choosing.py), and from there on the talk goes on under the cheapest. The laws are those of the case, so
nothing is learned here: it is `auto` on a service it knows.
"""

from __future__ import annotations

from collections.abc import Callable

from laconic.choosing import Choice, Grounds, requirement
from laconic.imagined import Imagined, Lasting, Terms, imagined
from laconic.plans import Typical
from laconic.running_prompt import RunningPrompt

__all__ = ["FORMS", "Auto", "memory"]

FORMS = "auto[:words|:gist|:N]"
"""What `memory` reads beside what `imagined` does."""


class Auto:
    """`typical` is the average exchange so far; `writes`: somebody writes down what the user says."""

    def __init__(self, remember: str | int, typical: Callable[[], Typical], *, writes: bool) -> None:
        self._choice = Choice(remember)
        self._typical, self._writes = typical, writes
        self._memories: dict[str, Imagined] = {}
        self.chosen: list[str] = []
        """The memories that were in force, in order."""

    @property
    def name(self) -> str:
        return self._choice.name

    def tidy(self, prompt: RunningPrompt, terms: Terms) -> tuple[int, int]:
        if self._choice.due(terms.laws, terms.complete):
            self._consider(prompt, terms)
        return self._memories[self.chosen[-1]].tidy(prompt, terms)

    def _consider(self, prompt: RunningPrompt, terms: Terms) -> None:
        note = next((piece.tokens.text for piece in prompt if piece.form == "summary"), None)
        lacks = terms.laws.lacks
        chosen = self._choice.consider(
            Grounds(
                terms.laws,
                terms.rates,
                terms.summary_rates,
                self._typical,
                terms.complete,
                note,
                deletes="delete" not in lacks,
                writes=self._writes and "create" not in lacks and "place" not in lacks,
            )
        )
        self._memories.setdefault(chosen, Lasting(imagined(chosen), self._choice.lasting))
        if self.chosen[-1:] != [chosen]:
            self.chosen.append(chosen)


def memory(spec: str, typical: Callable[[], Typical], *, writes: bool) -> Imagined:
    """The memory of that name, to be imagined. BadInput for a name that means none."""
    kind, *given = spec.split(":")
    if kind == "auto" and len(given) < 2:
        return Auto(requirement(given[0] if given else "gist"), typical, writes=writes)
    return imagined(spec, besides=f"{FORMS}, ")
