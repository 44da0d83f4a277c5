"""What `laconic ledger` and `laconic key` share: which books they look into, and labels as they are written."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from platformdirs import user_data_dir

from laconic.errors import BadInput

__all__ = ["add_ledger_flag", "label", "ledger_url"]


def add_ledger_flag(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    parser.add_argument(
        "--ledger",
        metavar="URL",
        help="sqlite:///FILE or postgresql://… (default: LACONIC_LEDGER, or a file in your data folder)",
    )


def ledger_url(args: argparse.Namespace, *, there: bool = True) -> str | None:
    """The books that were named, None for the user's own. `there`: they must exist already, or BadInput.

    The environment is the better place for a URL with a password: other users see a command's arguments.
    """
    url: str | None = args.ledger or os.environ.get("LACONIC_LEDGER") or None
    if url is None or url.lower().startswith("sqlite:///"):
        path = Path(url[len("sqlite:///") :] if url else Path(user_data_dir("laconic", appauthor=False)) / "ledger.db")
        if there and not path.is_file():
            raise BadInput(f"there is no ledger {path} yet; `laconic gateway` and `laconic key create` begin one")
    return url


def label(text: str) -> tuple[str, str]:
    """`NAME=VALUE`. BadInput for anything else."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise BadInput(f"--label {text!r} has no value; write NAME=VALUE")
    return name, value
