"""The sentence for a machine where laconic was installed without its sound libraries."""

from __future__ import annotations

from laconic.errors import BadInput

__all__ = ["without_voice_extra"]


def without_voice_extra(who_needs: str, error: ImportError) -> BadInput:
    """The error for a library of the `voice` extra that cannot be imported; `who_needs` as in `sound devices need`."""
    return BadInput(
        f"{who_needs} the voice extra ({error.name or error} is missing); "
        "install it with: pip install 'laconic[voice]'",
        ja="音声を使うには追加パッケージが必要です。pip install 'laconic[voice]' を実行してください。",
    )
