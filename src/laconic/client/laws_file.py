"""What was learned about services, kept between runs in `laws.json` of the user's data folder.

One entry for each model at each service: the laws as they stood at the end of the last talk, the date, and over how
many responses they were learned in all. The file is replaced whole, never written into, so that whoever reads it
reads one state or the other; of two talks that end in the same instant the later one's laws are kept. A file or an
entry that cannot be read costs nothing but itself: a talk begins with what is assumed of the model, and the next
one that ends writes the file anew, with the broken one kept beside it.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

from platformdirs import user_data_dir

from laconic.errors import BadInput
from laconic.laws import EDITS, Laws

__all__ = ["Learned", "laws_path", "learned_laws", "load_laws", "save_laws"]


@dataclass(frozen=True, slots=True)
class Learned:
    """One entry."""

    service: str
    """The name under which it was saved: a host, or what the user calls the service."""
    model: str
    laws: Laws
    responses: int
    """How many responses the laws were learned from, in all talks."""
    on: date
    """The last day something was learned."""


def laws_path() -> Path:
    return Path(user_data_dir("laconic", appauthor=False)) / "laws.json"


def learned_laws() -> tuple[list[Learned], BadInput | None]:
    """Every entry that can be read, in order of names; and what is wrong with the file, if something is."""
    path = laws_path()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["laws"]
    except FileNotFoundError:
        return [], None
    except (OSError, ValueError, KeyError, TypeError):
        return [], _broken(path)
    if not isinstance(entries, list):
        return [], _broken(path)
    read = [_entry(wire) for wire in cast("list[Any]", entries)]
    found = sorted((entry for entry in read if entry is not None), key=lambda entry: (entry.service, entry.model))
    return found, None if None not in read else _broken(path)


def load_laws(service: str, model: str) -> Laws | None:
    """The laws learned of `model` at `service`; None if there are none that can be read."""
    entries, _ = learned_laws()
    return next((entry.laws for entry in entries if (entry.service, entry.model) == (service, model)), None)


def save_laws(service: str, model: str, laws: Laws, responses: int, *, today: date | None = None) -> BadInput | None:
    """Keep what a talk has learned from `responses` of its responses. Nothing to keep if that is 0.

    What kept it from being kept, where something did; a talk that ends has no use for an exception.
    """
    if responses <= 0:
        return None
    path = laws_path()
    entries, wrong = learned_laws()
    before = next((entry for entry in entries if (entry.service, entry.model) == (service, model)), None)
    others = [entry for entry in entries if entry is not before]
    total = responses + (before.responses if before else 0)
    kept = [*others, Learned(service, model, laws, total, today or datetime.now(UTC).astimezone().date())]
    text = json.dumps({"version": 1, "laws": [_wire(entry) for entry in kept]}, indent=1, ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if wrong is not None:
            os.replace(path, path.with_suffix(".broken.json"))
        _replace(path, text + "\n")
    except OSError as error:
        return BadInput(
            f"what was learned about {model} cannot be kept in {path} ({error.strerror}); make the folder writable",
            ja=f"{model} について学んだことを {path} に保存できません（{error.strerror}）。権限を確認してください。",
        )
    return None


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".new")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _broken(path: Path) -> BadInput:
    return BadInput(
        f"{path} cannot be read whole; what is broken in it is ignored, and it is written anew after the next talk",
        ja=f"{path} に読めない部分があります。その部分は無視し、次の会話の後に書き直します。",
    )


def _wire(entry: Learned) -> dict[str, Any]:
    return {
        "service": entry.service,
        "model": entry.model,
        "learned": entry.on.isoformat(),
        "responses": entry.responses,
        "laws": asdict(entry.laws),
    }


def _entry(wire: Any) -> Learned | None:
    """One entry as read; None where it does not hold what it should."""
    try:
        service, model, responses = wire["service"], wire["model"], wire["responses"]
        laws, on = _laws(wire["laws"]), date.fromisoformat(wire["learned"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    names = isinstance(service, str) and isinstance(model, str)
    if not names or not isinstance(responses, int) or isinstance(responses, bool) or responses < 1:
        return None
    return Learned(service, model, laws, responses, on)


_AT_LEAST_ONE = ("cache_block", "user_audio_ms_per_token", "assistant_audio_ms_per_token", "context_tokens")


def _laws(wire: dict[str, Any]) -> Laws:
    """Laws as read: fields of later versions are ignored, missing ones are as by default. ValueError for a value
    that is no law."""
    known = {field.name for field in fields(Laws)}
    given = {name: value for name, value in wire.items() if name in known}
    unverified, lacks = given.pop("unverified", []), given.pop("lacks", [])
    if not isinstance(unverified, list) or not isinstance(lacks, list):
        raise ValueError("unverified" if isinstance(lacks, list) else "lacks")
    for name, value in given.items():
        usual = getattr(Laws(), name)
        if isinstance(usual, float):
            fits = type(value) in (int, float) and 0 <= value <= 1
        else:
            fits = type(value) is type(usual)
        if not fits or (name in _AT_LEAST_ONE and value < 1) or (name != "base_text" and value < 0):
            raise ValueError(name)
    return Laws(
        **given,
        lacks=tuple(edit for edit in cast("list[Any]", lacks) if edit in EDITS),
        unverified=tuple(name for name in cast("list[Any]", unverified) if name in known),
    )
