"""Paths of demand as functions of sentiment, and few of them that stand for many.

Centred quasi-random normals say where in its distribution the demand of every period lies, and quantiles of scaled
Poisson demand turn them into units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from arena import poisson_quantiles
from arena_optimization.arrays import FloatArray

_MOST_DIMENSIONS = 2_000
"""From here on quasi-random points cost more than they gain, and plain random ones are taken."""
_LONGEST_BRIDGE = 200
"""Longest horizon that is ordered by principal components."""
_EXPANSION_FROM = 10.0
"""Mean from which on a Poisson quantile is expanded around the normal one, which is ten times faster."""
_SMALLEST_TAIL = 1e-12


@dataclass(frozen=True)
class DemandPaths:
    """Equally probable paths of demand, each a function of the sentiments on its way.

    Attributes:
        base: Mean demand at sentiment 1, broadcast to (paths, market links, periods), units.
        normals: Where in its distribution demand lies, (paths, market links, periods).
        dispersion: Variance / mean of the distribution, broadcast likewise, units.
        noise_scale: Factor on the deviation from the mean, one for all or (market links,).
        smallest_mean: Lower bound of the mean, units.
    """

    base: FloatArray
    normals: FloatArray
    dispersion: FloatArray
    noise_scale: float | FloatArray = 1.0
    smallest_mean: float = 0.0

    def at(self, sentiments: FloatArray, periods: slice | int = slice(None)) -> FloatArray:
        """Demand at given sentiments.

        Args:
            sentiments: (paths, periods), or (paths,) for a single period.
            periods: Which periods.

        Returns:
            Units, (paths, market links, periods), or (paths, market links).
        """
        normals, mean = self.normals[..., periods], self.means(sentiments, periods)
        scale = np.asarray(self.noise_scale)
        if not scale.any():
            return mean
        raw = scaled_poisson(normals, mean, np.broadcast_to(self.dispersion, self.normals.shape)[..., periods])
        if (scale == 1.0).all():
            return raw
        if scale.ndim and mean.ndim > 2:
            scale = scale[:, None]
        return np.asarray(np.maximum(0.0, mean + scale * (raw - mean)))

    def means(self, sentiments: FloatArray, periods: slice | int = slice(None)) -> FloatArray:
        """Mean demand by path at given sentiments; arguments and shape as of `at`, units."""
        base = np.broadcast_to(self.base, self.normals.shape)[..., periods]
        return np.asarray(np.maximum(base * sentiments[:, None], self.smallest_mean))

    def mean(self, sentiments: FloatArray) -> FloatArray:
        """Mean demand over all paths at given sentiments (paths, periods): units, (market links, periods)."""
        return np.asarray((self.base * sentiments[:, None]).mean(axis=0))


def centred_normals(dimensions: int, count: int, generator: np.random.Generator) -> FloatArray:
    """Standard normal points whose mean over the points is zero in every dimension.

    Scrambled Sobol points where that is affordable; the first dimensions are spread most evenly.

    Args:
        dimensions: Number of dimensions, at least 1.
        count: Number of points, at least 1.
        generator: Source of the scrambling.

    Returns:
        Array of shape (count, dimensions).
    """
    if dimensions > _MOST_DIMENSIONS:
        normals: FloatArray = generator.standard_normal((count, dimensions))
    else:
        points = qmc.Sobol(dimensions, scramble=True, seed=generator).random_base2(max(0, (count - 1).bit_length()))
        normals = ndtri(np.clip(points[:count], _SMALLEST_TAIL, 1.0 - _SMALLEST_TAIL))
    return normals if count == 1 else normals - normals.mean(axis=0)


def by_importance(normals: FloatArray) -> FloatArray:
    """Turn normals whose first entries matter most into independent noise of the periods.

    The first entry moves the sum over all periods most, the second the difference between early and late, and so on:
    the principal components of Brownian motion.

    Source: P. Glasserman (2003), "Monte Carlo Methods in Financial Engineering", section 3.1.

    Args:
        normals: Shape (count, periods, market links).

    Returns:
        Independent standard normals if the input is, shape (count, market links, periods).
    """
    periods = normals.shape[1]
    if periods > _LONGEST_BRIDGE:
        return np.swapaxes(normals, 1, 2)
    turned: FloatArray = np.einsum("ij,sjm->smi", _rotation(periods), normals)
    return turned


@lru_cache(maxsize=256)
def _rotation(periods: int) -> FloatArray:
    time = np.arange(1, periods + 1)
    covariance = np.minimum(time[:, None], time).astype(np.float64)
    variances, components = np.linalg.eigh(covariance)
    scaled = components[:, ::-1] * np.sqrt(np.maximum(variances[::-1], 0.0))
    rotation: FloatArray = np.linalg.solve(np.linalg.cholesky(covariance), scaled)
    rotation.flags.writeable = False
    return rotation


def scaled_poisson(normals: FloatArray, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Demand with a given mean and variance dispersion × mean, from standard normals.

    Args:
        normals: Where in the distribution, any shape.
        mean: Units, of that shape.
        dispersion: Variance / mean, units; demand is a multiple of it. It is broadcast.

    Returns:
        The quantiles of dispersion × Poisson(mean / dispersion), units.
    """
    normals, dispersion = np.broadcast_to(normals, mean.shape), np.broadcast_to(dispersion, mean.shape)
    rate = np.maximum(mean / dispersion, 1e-12)
    # Cornish and Fisher's expansion to whole units: off by one unit at most, and rarely.
    counts = np.rint(np.maximum(rate + np.sqrt(rate) * normals + (normals**2 - 1.0) / 6.0, 0.0))
    small = rate < _EXPANSION_FROM
    uniforms = np.clip(ndtr(normals[small]), _SMALLEST_TAIL, 1.0 - _SMALLEST_TAIL)
    counts[small] = poisson_quantiles(uniforms, rate[small])
    demand: FloatArray = dispersion * counts
    return demand
