"""Distributions of demand beyond the published ones: negative binomial, gamma, and given values with weights.

All are sampled by inverse CDF, and their quantiles never fall as the uniform or the mean grows: the mean of a negative
binomial distribution of fixed dispersion orders it stochastically, and it scales the two others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from arena.world.quantiles import LARGEST_UNIFORM, negative_binomial_quantiles

#: Names of the distributions of this module, as `Demand.distribution` has them.
FURTHER: Final = ("negative_binomial", "gamma", "empirical")


class Shape(Protocol):
    """A family of distributions of one parameter, the mean."""

    def quantiles(self, uniform: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Units for uniforms and means of one shape."""

    def deviation(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation at means, units, exact."""


@dataclass(frozen=True)
class NegativeBinomial:
    """Counts of variance ``mean + dispersion * mean**2``."""

    dispersion: float

    def quantiles(self, uniform: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """The smallest counts whose cumulative probabilities reach the uniforms."""
        return negative_binomial_quantiles(uniform, mean, self.dispersion)

    def deviation(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation, units."""
        return np.asarray(np.sqrt(mean + self.dispersion * mean * mean))


@dataclass(frozen=True)
class Gamma:
    """Real numbers of standard deviation ``mean / sqrt(shape)``; shape 1 is the exponential distribution."""

    shape: float

    def quantiles(self, uniform: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of the regularised incomplete gamma function, scaled to the mean."""
        from scipy.special import gammaincinv

        return np.asarray(gammaincinv(self.shape, np.minimum(uniform, LARGEST_UNIFORM)) / self.shape * mean)

    def deviation(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation, units."""
        return np.asarray(mean / math.sqrt(self.shape))


class Empirical:
    """Given values with weights, scaled to the mean.

    Args:
        values: units, 0 or more, their mean above 0.
        weights: of the values, 0 or more, not all 0; None for equal ones.
    """

    def __init__(self, values: tuple[float, ...], weights: tuple[float, ...] | None = None) -> None:
        order = np.argsort(values, kind="stable")
        self._values = np.asarray(values, dtype=np.float64)[order]
        given = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)[order]
        self._values, given = self._values[given > 0], given[given > 0]
        cumulative = np.cumsum(given)
        # The last step is reached by every uniform, whatever rounding made of the sum.
        self._steps = np.append(cumulative[:-1] / cumulative[-1], 1.0)
        total = math.fsum(given)
        self.mean = math.fsum(self._values * given) / total
        """Mean of the values as they are given, units."""
        variance = math.fsum((self._values - self.mean) ** 2 * given) / total
        self._relative_deviation = math.sqrt(variance) / self.mean if self.mean else 0.0

    def quantiles(self, uniform: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """The smallest values whose cumulative weights reach the uniforms, times mean / mean of the values.

        At the values' own mean these are the values themselves, to the last bit.
        """
        place = np.searchsorted(self._steps, np.minimum(uniform, LARGEST_UNIFORM), side="left")
        return np.asarray(self._values[place] * (mean / self.mean))

    def deviation(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation, units."""
        return np.asarray(mean * self._relative_deviation)
