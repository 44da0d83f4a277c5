"""Where a fold begins and how deep it goes, from the laws and the prices.

With p the price of reading a token again (cached or not, at the measured hit rate), w the tokens an exchange adds, K
what is kept behind a fold (low mark and summary), D the span between the marks and C the cost of a summary, an
exchange costs about

    (K + D/2)·p  +  (K·(p_full − p) + C)·w/D

which is least at D = √(2·w·(K·(p_full − p) + C) / p): a perfect cache wants long spans, a dead one short ones.

The memory that folds (folding.py) and the one that only reckons what folding would have cost (imagined.py) ask here.
"""

from __future__ import annotations

import math

from laconic.laws import Laws
from laconic.rates import Rates

__all__ = ["average_exchange", "fold_marks", "summary_room"]

_KEPT_EXCHANGES = 2
"""Every word of the newest exchanges stays, whatever the laws say; of more, if more shall last."""
_LONGEST_SUMMARY, _SHORTEST_SUMMARY = 300, 200
"""Tokens: some twenty facts and the thread of the talk, or the facts and little else. It is read at every response, so
its length follows the hit rate: 100 tokens more cost 0.3 % of the floor at a perfect cache and 2 % at a dead one
(benchmarks/memory_cost.py)."""
_POOR_HIT_RATE = 0.75
"""From here down a summary is as short as it may be."""
_SUMMARY_CALL = 200_000
"""10⁻⁹ of the currency for a summary, where its model's prices are unknown: 800 tokens read, 250 written by a small
model."""
_FIRST_GUESS = 60
"""Tokens an exchange adds in writing, until some have been seen (COST.md section 7: 45 of reply text, and framing)."""


def average_exchange(tokens: int, exchanges: int) -> int:
    """Tokens an exchange adds in writing, where so many have added so much; a guess until there are three."""
    return max(20, tokens // exchanges) if exchanges >= 3 else _FIRST_GUESS


def summary_room(laws: Laws) -> int:
    """Tokens a summary may have."""
    better = max(0.0, laws.hit_rate - _POOR_HIT_RATE) / (1 - _POOR_HIT_RATE)
    return _SHORTEST_SUMMARY + int((_LONGEST_SUMMARY - _SHORTEST_SUMMARY) * better)


def fold_marks(
    exchange: int, summary: int, laws: Laws, rates: Rates | None, summary_rates: Rates | None, *, lasting: int = 0
) -> tuple[int, int]:
    """The high and the low mark, in tokens of writing. `summary`: of that, the one that stands there. `lasting`: so
    many exchanges are not to be folded.

    It belongs to the high mark as it is, not as it may be: else a long one passes the mark by itself, and the next
    exchange folds again.
    """
    low = max(_KEPT_EXCHANGES, lasting) * exchange
    kept = low + max(summary, summary_room(laws) * 2 // 3)
    full = rates.text_in if rates is not None and rates.text_in is not None else 4_000
    cached = rates.text_cached if rates is not None and rates.text_cached is not None else full
    again = laws.hit_rate * cached + (1 - laws.hit_rate) * full
    cost = kept * (full - again) + _summary_cost(summary_rates)
    span = max(exchange, int(math.sqrt(2 * exchange * cost / max(1.0, again))))
    return low + summary + span, low


def _summary_cost(rates: Rates | None) -> int:
    """10⁻⁹ of the currency for one summary, by what its model charges."""
    if rates is None or rates.text_in is None or rates.text_out is None:
        return _SUMMARY_CALL
    return 800 * rates.text_in + 250 * rates.text_out
