"""Everything laconic raises on purpose, in one tree.

    LaconicError                exit code 1
    ├── BadInput                2   the user's: a flag, a file, a configuration, a missing extra
    ├── NoKey                   3   no key where the service needs one
    ├── Refused                 4   the service said no: key, model, dialect, quota
    ├── Unreachable             5   no connection could be made
    ├── Dropped                 6   a connection that stood has ended
    ├── NoDevice                7   no sound device, or one that vanished
    └── SummaryFailed           8   no summary could be had; the conversation goes on without

Each carries one sentence that says what is wrong, where, and what to do, in English and, where a caller may
meet it while talking, in Japanese. A user's mistake is never a traceback: the command line prints the
sentence and leaves with the exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from laconic.usage import Usage

__all__ = ["BadInput", "Dropped", "LaconicError", "NoDevice", "NoKey", "Refused", "SummaryFailed", "Unreachable"]


class LaconicError(Exception):
    """One sentence for a human; `ja` is the same sentence in Japanese, where there is one."""

    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str, ja: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.ja = ja

    def say(self, lang: str) -> str:
        """The sentence in `lang` ("en" or "ja"); English where no translation was given."""
        return self.ja if lang == "ja" and self.ja is not None else self.sentence


class BadInput(LaconicError):
    """What the user gave us cannot be used: a flag, a WAV, a TOML file, a recording, or an extra is missing."""

    exit_code = 2


class NoKey(LaconicError):
    """The service needs a key and none is set."""

    exit_code = 3


class Refused(LaconicError):
    """The service answered and said no."""

    exit_code = 4


class Unreachable(LaconicError):
    """Nothing answered, or what answered does not speak the protocol."""

    exit_code = 5


class Dropped(LaconicError):
    """The connection stood and then ended without our asking."""

    exit_code = 6


class NoDevice(LaconicError):
    """A sound device is missing, busy, or went away."""

    exit_code = 7


class SummaryFailed(LaconicError):
    """A text model was asked for a summary and there is none, or none that can be used. It may have cost something."""

    exit_code = 8

    def __init__(
        self,
        sentence: str,
        ja: str | None = None,
        *,
        usage: Usage | None = None,
        model: str | None = None,
        unreported: bool = False,
    ) -> None:
        super().__init__(sentence, ja)
        self.usage = usage
        """What the model read and wrote all the same; None if it never got there, or did not say."""
        self.unreported = unreported
        """Whether it may have read and written something that nobody will tell of."""
        self.model = model
