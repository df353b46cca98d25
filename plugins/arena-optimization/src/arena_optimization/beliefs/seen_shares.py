"""Empirical demand, whose values are told to nobody: learnt from what was seen, in shares of the mean.

A Dirichlet process: the next demand is one that was seen, each equally probable, or, with a probability that falls with
every demand, one of the distribution that is presumed before (scaled Poisson demand of the told mean and deviation).

Source: T. Ferguson (1973), "A Bayesian analysis of some nonparametric problems", Annals of Statistics 1, section 5.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.demand_paths import scaled_poisson

_PRIOR = 2.0
"""Demands that the presumed distribution weighs as much as."""
_POINTS = 400
"""Points that stand for it."""
_DIGITS = 9
"""Digits after the point that are kept, so that whole numbers stay whole."""


class SeenShares:
    """Shares of the mean that the demand of one market link was."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: list[float] = []

    def learn(self, demand: float, mean: float) -> None:
        """Take note of a demand, units, and the mean that it had."""
        if mean > 0:
            self._seen.append(demand / mean)

    def quantiles(self, normals: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
        """Demand by standard normals; arguments as of `arena_optimization.beliefs.told_paths.quantiles`."""
        typical, spread = float(mean.mean()), float(deviation.mean())
        if typical <= 0 or spread <= 0:
            return mean
        places = ndtri((np.arange(_POINTS) + 0.5) / _POINTS)
        unit = spread**2 / typical
        presumed = scaled_poisson(places, np.full(_POINTS, typical), np.full(_POINTS, unit)) / typical
        shares = np.concatenate([presumed, self._seen])
        weights = np.concatenate([np.full(_POINTS, _PRIOR / _POINTS), np.ones(len(self._seen))])
        order = np.argsort(shares, kind="stable")
        cumulative = np.cumsum(weights[order]) / weights.sum()
        picked = np.minimum(np.searchsorted(cumulative, ndtr(normals)), len(shares) - 1)
        return np.asarray(np.round(shares[order][picked] * mean, _DIGITS))
