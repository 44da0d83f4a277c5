"""The flags that say how a session shall be: one for each setting, and --settings for a file of them."""

from __future__ import annotations

import argparse

from laconic.client.settings import SETTINGS, SessionSettings, read_settings

__all__ = ["add_session_flags", "session_settings"]


def add_session_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` a flag for every setting (`--silence-duration-ms`, …) and `--settings FILE`."""
    group = parser.add_argument_group("the session", "Flags win over the file; keys are read from the environment.")
    group.add_argument("--settings", metavar="FILE", help="a TOML file of these settings, such as examples/kansai.toml")
    for setting in SETTINGS:
        metavar = (
            "|".join(setting.choices) if setting.kind is str and setting.choices else setting.kind.__name__.upper()
        )
        group.add_argument(setting.flag, metavar=metavar, help=setting.help.replace("%", "%%"))


def session_settings(args: argparse.Namespace) -> SessionSettings:
    """What the flags (and the file they name) ask for. Raises BadInput."""
    given = {setting.name: getattr(args, setting.name) for setting in SETTINGS}
    return read_settings(args.settings, {name: value for name, value in given.items() if value is not None})
