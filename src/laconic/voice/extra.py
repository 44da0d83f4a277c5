"""The sentence for a machine where laconic was installed without its sound libraries."""

from __future__ import annotations

from laconic.errors import BadInput

__all__ = ["without_voice_extra"]


def without_voice_extra(what: str, error: ImportError) -> BadInput:
    """The error to raise when importing a library of the `voice` extra fails; `what` is what needs it."""
    return BadInput(
        f"{what} needs the voice extra ({error.name or error} is missing); "
        "install it with: pip install 'laconic[voice]'",
        ja="音声を使うには追加パッケージが必要です。pip install 'laconic[voice]' を実行してください。",
    )
