"""Demand as a wandering level: a bank of exact filters, one per speed of wandering and dispersion.

Every market link has its own level, in units per period at sentiment 1, with a gamma belief. From one period to the
next the belief is discounted: its mean stays, its precision shrinks by the filter's ``memory``. Demand of a period,
divided by the dispersion, counts as Poisson. Then everything is exact and cheap: the belief stays gamma, and the
predictive distribution of demand is negative binomial. Which memory and dispersion fit is learnt from the likelihood.

Source: the power steady model, J. Q. Smith (1979), "A generalization of the Bayesian steady forecasting model", Journal
of the Royal Statistical Society B 41, 375-387; for counts A. C. Harvey and C. Fernandes (1989), "Time series models for
count or qualitative observations", Journal of Business & Economic Statistics 7, 407-417.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp

from arena_optimization.arrays import FloatArray, IntArray
from arena_optimization.config import LevelConfig

_LEAST_SHAPE = 1e-3
"""Smallest shape of a gamma belief: a series of zeros does not make it degenerate."""


class FilterCombinations(NamedTuple):
    """One filter per market link, in several combinations."""

    filters: IntArray
    """(combinations, market links)."""
    probabilities: FloatArray
    """(combinations,)."""


class LevelBank:
    """The filters of all market links: every memory with every dispersion.

    Attributes:
        memory: Of the filters, (filters,).
        dispersion: Of the filters, (filters,).
        shape: Of their gamma beliefs, (filters, market links).
        rate: Likewise.
        log_weights: Log posterior probability of the filters, (filters, market links).
        log_evidence: Log density of all demand seen.
    """

    def __init__(self, config: LevelConfig, prior_shape: float, prior_means: FloatArray) -> None:
        """Begin with the prior.

        Args:
            config: Which filters there are.
            prior_shape: Shape of the gamma belief about every level.
            prior_means: Its mean, (market links,).
        """
        self._wander, self._largest_step = config.wander, config.largest_step
        memories, dispersions = np.array(config.memories), np.array(config.dispersions)
        self.memory = np.repeat(memories, len(dispersions))
        self.dispersion = np.tile(dispersions, len(memories))
        filters, markets = len(self.memory), len(prior_means)
        self.shape = np.full((filters, markets), prior_shape)
        self.rate = np.tile(prior_shape / prior_means, (filters, 1))
        log_prior = -0.5 * (np.log(self.dispersion) / config.dispersion_deviation) ** 2
        self.log_weights = np.tile((log_prior - logsumexp(log_prior))[:, None], (1, markets))
        self.log_evidence = 0.0
        self._seen = False

    def observe(self, demand: FloatArray, sentiment: float) -> None:
        """Learn the demand of a period.

        Args:
            demand: Units, (market links,).
            sentiment: At which it was drawn.
        """
        if self._seen:
            self.shape = np.maximum(self.shape * self.memory[:, None], _LEAST_SHAPE)
            self.rate = self.rate * self.memory[:, None]
        self._seen = True
        dispersion = self.dispersion[:, None]
        counts, exposure = demand / dispersion, sentiment / dispersion
        density = (
            gammaln(self.shape + counts)
            - gammaln(self.shape)
            - gammaln(counts + 1.0)
            - self.shape * np.log1p(exposure / self.rate)
            - counts * np.log1p(self.rate / exposure)
            - np.log(dispersion)
        )
        weighed = self.log_weights + density
        total = logsumexp(weighed, axis=0)
        self.log_evidence += float(total.sum())
        self.log_weights = weighed - total
        self.shape = self.shape + counts
        self.rate = self.rate + exposure

    @property
    def means(self) -> FloatArray:
        """Believed level, units at sentiment 1, (filters, market links); the same for all coming periods."""
        return self.shape / self.rate

    @property
    def step(self) -> FloatArray:
        """Standard deviation of the log level's change from one period to the next, (filters, market links)."""
        lost = (1.0 - self.memory[:, None]) / (self.memory[:, None] * self.shape)
        step: FloatArray = np.minimum(self._wander * np.sqrt(np.log1p(lost)), self._largest_step)
        return step

    def joint(self, count: int, generator: np.random.Generator) -> FilterCombinations:
        """Combinations of filters, one filter per market link.

        Args:
            count: Number of combinations that stand for all where there are several market links.
            generator: Draws them, one market link independent of the other.
        """
        weights = np.exp(self.log_weights)
        filters, markets = weights.shape
        if markets == 1:
            return FilterCombinations(np.arange(filters)[:, None], weights[:, 0])
        cumulative = np.cumsum(weights, axis=0)
        uniforms = generator.random((count, markets)) * cumulative[-1]
        drawn = [np.searchsorted(cumulative[:, link], uniforms[:, link]) for link in range(markets)]
        return FilterCombinations(np.minimum(np.stack(drawn, axis=1), filters - 1), np.full(count, 1.0 / count))
