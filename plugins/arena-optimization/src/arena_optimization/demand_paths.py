"""Paths of demand as functions of sentiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena_optimization.sampling import scaled_poisson
from arena_optimization.stocks import FloatArray


@dataclass(frozen=True)
class DemandPaths:
    """Equally probable paths of demand, each a function of the sentiments on its way.

    Attributes:
        base: Mean demand at sentiment 1, broadcast to (paths, market links, periods), units.
        normals: Where in its distribution demand lies, (paths, market links, periods).
        dispersion: Variance / mean of the distribution, broadcast likewise, units.
        noise_scale: Factor on the deviation from the mean.
        smallest_mean: Lower bound of the mean, units.
    """

    base: FloatArray
    normals: FloatArray
    dispersion: FloatArray
    noise_scale: float = 1.0
    smallest_mean: float = 0.0

    def at(self, sentiments: FloatArray, periods: slice | int = slice(None)) -> FloatArray:
        """Demand at given sentiments.

        Args:
            sentiments: (paths, periods), or (paths,) for a single period.
            periods: Which periods.

        Returns:
            Units, (paths, market links, periods), or (paths, market links).
        """
        normals = self.normals[..., periods]
        mean = np.maximum(
            np.broadcast_to(self.base, self.normals.shape)[..., periods] * sentiments[:, None], self.smallest_mean
        )
        if self.noise_scale == 0.0:
            return mean
        raw = scaled_poisson(normals, mean, np.broadcast_to(self.dispersion, self.normals.shape)[..., periods])
        return raw if self.noise_scale == 1.0 else np.maximum(0.0, mean + self.noise_scale * (raw - mean))

    def mean(self, sentiments: FloatArray) -> FloatArray:
        """Mean demand over all paths at given sentiments (paths, periods): units, (market links, periods)."""
        return np.asarray((self.base * sentiments[:, None]).mean(axis=0))
