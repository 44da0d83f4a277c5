"""Names the service gives to things: `item_`, `event_`, `resp_`, `conv_`, `sess_` and 21 characters, `call_` and 16.

The lengths are those of every recorded session. The characters come from a hash of a seed and a counter: the
same seed gives the same conversation, ids and all, and nothing random is asked.
"""

from __future__ import annotations

import hashlib

__all__ = ["Ids"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [second + first for first in _ALPHABET for second in _ALPHABET]
"""Every two digits of a number, the lower one first. A stand-in names each of its messages."""


class Ids:
    """Makes ids: `ids("item")` → `item_E6U0xpLmn5e80rVGpEeKv`. Two makers with one seed agree forever."""

    def __init__(self, seed: int | str = 0) -> None:
        self._seed = seed
        self._made = 0

    def __call__(self, kind: str) -> str:
        return f"{kind}_{self.letters(16 if kind == 'call' else 21)}"

    def letters(self, length: int) -> str:
        """Some letters and digits, at most 32: the body of an id, or the padding of a delta."""
        number = self._number()
        letters: list[str] = []
        for _ in range(0, length, 2):
            number, place = divmod(number, len(_PAIRS))
            letters.append(_PAIRS[place])
        return "".join(letters)[:length]

    def draw(self) -> float:
        """A number from [0, 1), the next of this seed's."""
        return (self._number() >> 203) / (1 << 53)

    def _number(self) -> int:
        """256 bits."""
        self._made += 1
        return int.from_bytes(hashlib.blake2b(f"{self._seed}:{self._made}".encode(), digest_size=32).digest(), "big")
