"""Paths of demand around a forecast whose distribution and standard deviation are told.

The briefing of the informed track names the distribution of every market link, and every observation tells the
standard deviation at the present sentiment. How the deviation moves with sentiment is not told. Where it equals the
one that the arena takes without a stated spread (√mean of normal demand, mean / √3 of uniform demand, times the noise
scale), it moves as that does; elsewhere it stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.special import gammaincinv, ndtr
from scipy.stats import nbinom

from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.demand_paths import DemandPaths, scaled_poisson
from arena_optimization.beliefs.seen_shares import SeenShares

_SAME: Final = 1e-9
"""Relative difference up to which a deviation counts as equal to the one that follows from the mean."""
_LARGEST: Final = 1.0 - 1e-12
"""Largest uniform whose quantile is taken."""
_RELATIVE: Final = ("uniform", "gamma", "empirical")
"""Distributions whose deviation is proportional to the mean."""


@dataclass(frozen=True, kw_only=True)
class ToldPaths(DemandPaths):
    """Paths of demand of told distributions; on the market links with Poisson demand those of `DemandPaths`.

    Attributes:
        distributions: Names, (market links,).
        deviation: Standard deviation at sentiment 1, noise scale included, (market links, periods), units.
        power: Of the sentiment, by which the deviation is multiplied, (market links,).
        seen: What was learnt of empirical demand, by market link.
    """

    seen: Mapping[int, SeenShares] = field(default_factory=dict)
    distributions: tuple[str, ...]
    deviation: FloatArray
    power: FloatArray

    def at(self, sentiments: FloatArray, periods: slice | int = slice(None)) -> FloatArray:
        """Demand at given sentiments; see `DemandPaths.at`."""
        demand, means = super().at(sentiments, periods), self.means(sentiments, periods)
        for link, distribution in enumerate(self.distributions):
            if distribution != "poisson":
                deviation = self.deviation[link, periods] * sentiments ** self.power[link]
                normals = self.normals[:, link, periods]
                if link in self.seen:
                    demand[:, link] = self.seen[link].quantiles(normals, means[:, link], deviation)
                    continue
                demand[:, link] = quantiles(distribution, normals, means[:, link], deviation)
        return demand


def quantiles(distribution: str, normals: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Demand of a told distribution, from standard normals; what would be negative is 0.

    Args:
        distribution: Its name. One that is not known here is taken for scaled Poisson demand of this mean and deviation
            (`scaled_poisson`), which is never negative and skewed to the right.
        normals: Where in the distribution, any shape.
        mean: Units, of that shape.
        deviation: Standard deviation, units, of that shape.
    """
    if distribution == "normal":
        return np.maximum(0.0, mean + deviation * normals)
    if distribution == "uniform":
        return np.asarray(np.maximum(0.0, mean + math.sqrt(3.0) * deviation * (2.0 * ndtr(normals) - 1.0)))
    certain = (mean <= 0) | (deviation <= 0)
    if distribution == "gamma":
        shape = (np.where(certain, 1.0, mean) / np.where(certain, 1.0, deviation)) ** 2
        drawn = gammaincinv(shape, np.minimum(ndtr(normals), _LARGEST)) / shape * mean
        return np.asarray(np.where(certain, mean, drawn))
    if distribution == "negative_binomial":
        more = np.where(certain, 0.0, deviation**2 - mean)
        spreads = more > _SAME * mean
        size = np.where(spreads, mean, 1.0) ** 2 / np.where(spreads, more, 1.0)
        counts = nbinom.ppf(np.clip(ndtr(normals), 1.0 - _LARGEST, _LARGEST), size, size / (size + mean))
        if spreads.all():
            return np.asarray(counts)
        return np.where(spreads, counts, quantiles("poisson", normals, mean, deviation))
    dispersion = np.where(certain, 1.0, deviation) ** 2 / np.where(certain, 1.0, mean)
    return np.asarray(np.where(certain, mean, scaled_poisson(normals, mean, dispersion)))


def powers(
    distributions: Sequence[str], forecast: FloatArray, deviation: FloatArray, noise_scale: float | FloatArray
) -> FloatArray:
    """Powers of the sentiment by which deviations are multiplied, see the module's text.

    Args:
        distributions: Names, (market links,).
        forecast: Mean demand, (market links, periods), units.
        deviation: Its standard deviation, of that shape, units.
        noise_scale: Factor on the deviation that is part of it.

    Returns:
        0, ½ or 1, (market links,). Negative binomial demand, and one that is not known here, keeps variance / mean: ½.
    """
    found = []
    scales = np.broadcast_to(noise_scale, len(distributions))
    for name, mean, told, scale in zip(distributions, forecast, deviation, scales, strict=True):
        power = 1.0 if name in _RELATIVE else 0.5
        natural = scale * (mean / math.sqrt(3.0) if name == "uniform" else np.sqrt(mean))
        follows = name not in ("normal", "uniform") or np.allclose(told, natural, rtol=_SAME, atol=0.0)
        found.append(power if follows else 0.0)
    return np.array(found)
