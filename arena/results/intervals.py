"""Intervals from bootstrap resamples."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.results.rows import Interval

CONFIDENCE: Final = 0.95
"""Coverage of every interval."""


def percentile_interval(draws: NDArray[np.float64]) -> Interval | None:
    """Return the percentile interval of the resamples; None when there are none or they are not all numbers."""
    if not draws.size or not np.isfinite(draws).all():
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(low=float(low), high=float(high))
