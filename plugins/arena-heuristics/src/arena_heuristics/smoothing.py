"""Simple exponential smoothing, and what it says of the demand over several periods."""

import numpy as np

from arena_heuristics.demand import Moments
from arena_heuristics.ordering import FloatArray

_LEAST_VARIANCE = 1.0  # squared units per period


class SmoothedDemand:
    """Level and error variance of several demands, smoothed exponentially.

    With demand d, level a and variance v of the one-step errors e = d − a: a' = a + α·e; v' = v + ω·(e² − v). At the
    start v is the level, as for Poisson demand. Where no level is presumed, the first demand is the level.

    If levels wander as smoothing supposes, the sum of the coming n demands has mean n·a and variance
    v·Σ (1 + j·α)² for j = 0 … n − 1, more than n·v: an error of the level is made n times (Snyder, Koehler and Ord
    1999, Journal of the Operational Research Society 50; Graves 1999, Manufacturing & Service Operations Management 1).

    Args:
        priors: Levels presumed before any demand is seen, units per period; 0 where none is.
        level_weight: α, above 0 and at most 1.
        error_weight: ω, above 0 and at most 1.

    >>> smoothed = SmoothedDemand(np.array([20.0]), level_weight=0.5, error_weight=0.1)
    >>> smoothed.observe(np.array([30.0]))
    >>> [round(float(value[0]), 3) for value in smoothed.over(np.array([2]), np.array([np.inf]))]
    [50.0, 9.539]
    """

    def __init__(self, priors: FloatArray, *, level_weight: float, error_weight: float) -> None:
        self._level_weight = level_weight
        self._error_weight = error_weight
        self._unknown = priors <= 0
        self._level = np.maximum(priors, 0.0)
        self._variance = self._level

    def observe(self, demand: FloatArray) -> None:
        """Take in the demand of one period, units."""
        self._level = np.where(self._unknown, demand, self._level)
        self._variance = np.where(self._unknown, demand, self._variance)
        self._unknown = np.zeros_like(self._unknown)
        error = demand - self._level
        self._level = self._level + self._level_weight * error
        self._variance = self._variance + self._error_weight * (error**2 - self._variance)

    def over(self, periods: FloatArray, largest: FloatArray) -> Moments:
        """Estimate the demand of the coming periods.

        Args:
            periods: How many, for each demand; 0 has neither mean nor deviation.
            largest: Most that can be served of each in a period, units.
        """
        weight = self._level_weight
        pairs = periods * (periods - 1)
        # Σ 1 + 2·j·α + j²·α² for j = 0 … n − 1.
        factor = periods + weight * pairs + weight**2 * pairs * (2 * periods - 1) / 6
        mean = periods * np.minimum(self._level, largest)
        return Moments(mean, np.sqrt(np.maximum(self._variance, _LEAST_VARIANCE) * factor))
