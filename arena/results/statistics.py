"""Statistics of profits and of other values: summaries and intervals, each None where it has no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.results.rows import Interval

CONFIDENCE: Final = 0.95
"""Coverage of every interval."""

_TAIL: Final = 0.05

Matrix = NDArray[np.float64]


def mean_of(profit: Matrix, scored: NDArray[np.bool_]) -> Matrix:
    """Return the mean over the last axis of what was scored; NaN where nothing was."""
    counts = scored.sum(axis=-1)
    total = np.where(scored, profit, 0.0).sum(axis=-1)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None when there is no value or one is missing."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present and len(present) == len(values) else None


def mean_bound(bounds: Sequence[float | None]) -> float | None:
    """Return the mean as `mean` does; None also for bounds too large to be added, which bound nothing."""
    with np.errstate(over="ignore"):
        average = mean(bounds)
    return None if average is None else known(average)


def known(value: float) -> float | None:
    """Return a finite value, or None."""
    return float(value) if np.isfinite(value) else None


def standard_error(profit: Matrix) -> float | None:
    """Return the standard error of the mean; None below two profits."""
    return float(profit.std(ddof=1) / np.sqrt(profit.size)) if profit.size > 1 else None


def cvar(profit: Matrix) -> float | None:
    """Return the mean of the worst max(1, ⌊0.05 n⌋) profits."""
    return float(np.sort(profit)[: max(1, int(_TAIL * profit.size))].mean()) if profit.size else None


def interquartile_mean(values: Matrix) -> float | None:
    """Return the mean of the middle half, ⌊n/4⌋ values cut at each end; None without a value."""
    cut = values.size // 4
    return float(np.sort(values)[cut : values.size - cut].mean()) if values.size else None


def percentile_interval(draws: NDArray[np.float64]) -> Interval | None:
    """Return the percentile interval of the resamples; None when there are none or they are not all numbers."""
    if not draws.size or not np.isfinite(draws).all():
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(low=float(low), high=float(high))
