"""Figures of many measurements."""

import statistics
from collections.abc import Sequence


def quantile(ordered: Sequence[float], percent: int) -> float:
    """The number, to three decimals, that so many percent of these do not exceed."""
    if len(ordered) == 1:
        return round(ordered[0], 3)
    return round(statistics.quantiles(ordered, n=100, method="inclusive")[percent - 1], 3)
