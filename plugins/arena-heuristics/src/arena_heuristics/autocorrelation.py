"""Autocorrelation of demand as a history shows it, and the error of a moving average over several periods with it.

The blind track does not tell whether deviations of demand follow one another. Where the briefing has a history, the
autocorrelation r of successive periods is estimated from it and from all periods since, and it counts where it is
larger than chance allows (|r| > 1.96 / √N, Bartlett 1946). Estimates are too small by about (1 + 3 r) / N (Kendall
1954, Biometrika 41, 403-404), which is added.

The mean of the latest w periods then forecasts the demand of the coming n ones with an error of the variance

    σ² (S(n) + (n / w)² S(w) − 2 (n / w) C)     S(m) = Σ φ^|i − j| for i, j = 1 … m
                                                C = Σ φ^(i + j) for i = 1 … n, j = 0 … w − 1

with the variance σ² of a period and deviations that follow one another by φ, as of an autoregressive process of order
1 (Box, Jenkins, Reinsel and Ljung 2015, Time Series Analysis, section 3.2). For independent periods the rules take
n σ², as published.
"""

from collections import deque
from typing import Final

import numpy as np

from arena_heuristics.supply import FloatArray, IntArray

FEWEST_PERIODS: Final = 20
"""Periods of a history from which on autocorrelation is estimated."""
_MOST_PERIODS = 400
_CHANCE = 1.96
_LARGEST = 0.95


class SeenAutocorrelation:
    """Autocorrelation of the demand for every material.

    Args:
        history: demand for every material before the first period, oldest first, units, (periods before, materials);
            at least `FEWEST_PERIODS`.
        window: periods whose mean is the forecast (w).
    """

    def __init__(self, history: FloatArray, window: int) -> None:
        self._seen: deque[FloatArray] = deque(history, maxlen=_MOST_PERIODS)
        self._window = window
        self._estimate()

    def observe(self, demand: FloatArray) -> None:
        """Take in the demand for every material in the last period, units."""
        self._seen.append(demand)
        self._estimate()

    def deviations(self, periods: IntArray, otherwise: FloatArray, least: float) -> FloatArray:
        """Standard deviation of the forecast's error over the coming periods, units, (materials,).

        Args:
            periods: how many, at least 1, (materials,).
            otherwise: deviations of materials whose demand shows no autocorrelation.
            least: least deviation of a single period, units.
        """
        single = np.maximum(self._deviations, least)
        found = single * np.sqrt(error_variance(self.coefficients, periods, self._window))
        return np.where(self.coefficients != 0.0, found, otherwise)

    def _estimate(self) -> None:
        seen = np.array(self._seen)
        count = len(seen)
        around = seen - seen.mean(axis=0)
        squares = (around**2).sum(axis=0)
        products = (around[1:] * around[:-1]).sum(axis=0)
        raw = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
        corrected = np.clip(raw + (1.0 + 3.0 * raw) / count, -_LARGEST, _LARGEST)
        self.coefficients = np.where(np.abs(raw) > _CHANCE / np.sqrt(count), corrected, 0.0)
        self._deviations = np.sqrt(squares / (count - 1))


def error_variance(coefficients: FloatArray, periods: IntArray, window: int) -> FloatArray:
    """Variance of n × the mean of the latest w periods − the sum of the coming n ones, in variances of a period.

    Args:
        coefficients: φ of every demand, between −1 and 1.
        periods: n of every demand, at least 1.
        window: w, at least 1.

    >>> error_variance(np.array([0.0]), np.array([3]), 5).tolist()
    [4.8]
    """
    share = periods / window
    geometric = (1.0 - coefficients**periods) / (1.0 - coefficients)
    common = coefficients * geometric * (1.0 - coefficients**window) / (1.0 - coefficients)
    found = _sum_variance(coefficients, periods) + share**2 * _sum_variance(coefficients, window) - 2.0 * share * common
    return np.asarray(np.maximum(found, 0.0), dtype=np.float64)


def _sum_variance(coefficients: FloatArray, periods: IntArray | int) -> FloatArray:
    """Variance of the sum of so many periods (S), in variances of a period."""
    rest = 1.0 - coefficients
    found = periods * (1.0 + coefficients) / rest - 2.0 * coefficients * (1.0 - coefficients**periods) / rest**2
    return np.asarray(found, dtype=np.float64)
