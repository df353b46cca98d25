"""Demand as a structure: a level with trend, season and one lasting shock, each of which may be absent.

Mean demand of period t at sentiment 1 is

    level × (1 + slope·t) × (1 + amplitude·sin(2π·t / length + phase)) × (size if t ≥ shock time)

All market links share the shape, each has its own level. Demand has variance dispersion × mean; divided by the
dispersion it counts as Poisson, so that the levels have a gamma belief given everything else and are integrated out.
What remains is a population of weighted particles. It is kept alive by resampling and Metropolis moves that leave the
posterior as it is: differential evolution steps within the particles that have the same effects, and fresh draws of one
effect, with or without switching it on or off.

Source: N. Chopin (2002), "A sequential particle filter method for static models", Biometrika 89, 539-551; C. J. F. ter
Braak (2006), "A Markov chain Monte Carlo version of the genetic algorithm differential evolution", Statistics and
Computing 16, 239-249.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from arena_optimization.arrays import BoolArray, FloatArray, IntArray
from arena_optimization.config import StructureConfig

_DISPERSION, _GROWTH, _AMPLITUDE, _LENGTH, _PHASE, _TIME, _SIZE = range(7)
_EFFECTS: tuple[tuple[int, ...], ...] = ((_GROWTH,), (_AMPLITUDE, _LENGTH, _PHASE), (_TIME, _SIZE))
"""Parameters of trend, season and shock."""
_LEAST_FACTOR = 1e-3
"""Mean demand relative to the level is at least this."""
_GRID = 40
"""Number of dispersions."""


class GammaBeliefs(NamedTuple):
    """Gamma distributions of levels; arrays of one shape."""

    shape: FloatArray
    rate: FloatArray


class StructureParticles:
    """The population.

    Attributes:
        parameters: Log dispersion, growth, amplitude, log season length, phase, shock time, log size; those of an
            absent effect mean nothing, (particles, 7).
        present: Whether trend, season and shock are there, (particles, 3).
        log_weights: Log posterior probability, (particles,).
        log_evidence: Log density of all demand seen.
    """

    def __init__(
        self,
        config: StructureConfig,
        horizon: int,
        prior_shape: float,
        prior_means: FloatArray,
        generator: np.random.Generator,
    ) -> None:
        """Draw the population from the prior.

        Args:
            config: The prior.
            horizon: Periods of the episode.
            prior_shape: Shape of the gamma belief about every level.
            prior_means: Its mean, (market links,).
            generator: Of all draws.
        """
        self._config = config
        self._horizon = horizon
        self._prior_shape = prior_shape
        self._prior_rate = prior_shape / prior_means
        self._generator = generator
        longest = max(config.longest_season * horizon, 2.0 * config.shortest_season)
        least, most = math.log(config.least_dispersion), math.log(config.most_dispersion)
        shortest, unbounded = math.log(config.shortest_season), np.inf
        self._lower = np.array([least, config.least_growth, 0.0, shortest, -unbounded, 0.0, -unbounded])
        self._upper = np.array(
            [most, config.most_growth, config.most_amplitude, math.log(longest), unbounded, float(horizon), unbounded]
        )
        # Dispersions are rounded to a grid, so that what depends on them alone is computed once for all particles.
        self._grid = np.linspace(least, most, _GRID)
        self._dispersions = np.exp(self._grid)
        self._constants = np.zeros((_GRID, len(prior_means)))
        count = config.particles
        self.parameters: FloatArray = self._prior(count)
        self.present: BoolArray = generator.random((count, len(_EFFECTS))) < config.presence
        self.log_weights: FloatArray = np.full(count, -math.log(count))
        self.log_evidence = 0.0
        self._demand: FloatArray = np.empty((len(prior_means), 0))
        self._sentiment: FloatArray = np.empty(0)
        self._likelihood: FloatArray = np.zeros(count)

    def observe(self, demand: FloatArray, sentiment: float) -> None:
        """Learn the demand of a period.

        Args:
            demand: Units, (market links,).
            sentiment: At which it was drawn.
        """
        self._demand = np.column_stack([self._demand, demand])
        self._sentiment = np.append(self._sentiment, sentiment)
        self._normalise()
        likelihood = self._log_likelihood(self.parameters, self.present)
        weighed = self.log_weights + likelihood - self._likelihood
        total = float(logsumexp(weighed))
        self.log_evidence += total
        self.log_weights = weighed - total
        self._likelihood = likelihood
        weights = np.exp(self.log_weights)
        if 1.0 / np.sum(weights**2) < 0.5 * len(weights):
            self._resample(weights)
        for move in range(self._config.moves):
            if move % 2 == 0:
                self._differ()
            else:
                self._renew()

    def shapes(self, first: int, stop: int, chosen: IntArray | slice = slice(None)) -> FloatArray:
        """Mean demand relative to the level in periods ``first`` to ``stop - 1``, (particles, periods)."""
        shapes = self._shapes(self.parameters[chosen], self.present[chosen], np.arange(first, stop))
        return shapes.astype(np.float64)

    def levels(self, chosen: IntArray | slice = slice(None)) -> GammaBeliefs:
        """Beliefs about the levels, (particles, market links)."""
        dispersion = self.dispersion[chosen][:, None]
        exposure = self.shapes(0, len(self._sentiment), chosen) @ self._sentiment
        return GammaBeliefs(
            shape=self._prior_shape + self._demand.sum(axis=1) / dispersion,
            rate=self._prior_rate + exposure[:, None] / dispersion,
        )

    @property
    def dispersion(self) -> FloatArray:
        """Variance / mean of demand, (particles,)."""
        return self._dispersions[self._grid_places(self.parameters)]

    def _prior(self, count: int) -> FloatArray:
        config, generator = self._config, self._generator
        drawn = np.empty((count, len(self._lower)))
        for column in (_GROWTH, _AMPLITUDE, _LENGTH, _TIME):
            drawn[:, column] = generator.uniform(self._lower[column], self._upper[column], count)
        drawn[:, _DISPERSION] = np.clip(
            generator.normal(0.0, config.dispersion_deviation, count), self._grid[0], self._grid[-1]
        )
        drawn[:, _PHASE] = generator.uniform(0.0, 2.0 * math.pi, count)
        drawn[:, _SIZE] = generator.normal(0.0, config.size_deviation, count)
        return drawn

    def _log_prior(self, parameters: FloatArray) -> FloatArray:
        config = self._config
        inside = np.all((parameters >= self._lower) & (parameters <= self._upper), axis=1)
        squares = (parameters[:, _DISPERSION] / config.dispersion_deviation) ** 2 + (
            parameters[:, _SIZE] / config.size_deviation
        ) ** 2
        return np.where(inside, -0.5 * squares, -np.inf)

    def _shapes(self, parameters: FloatArray, present: BoolArray, periods: IntArray) -> NDArray[np.float32]:
        # Single precision is far finer than anything demand can tell, and several times faster.
        single, time = parameters.astype(np.float32), periods.astype(np.float32)
        trend, season, shock = (present[:, effect, None] for effect in range(3))
        growth = np.where(trend, single[:, _GROWTH, None], np.float32(0.0)) / np.float32(self._horizon)
        amplitude = np.where(season, single[:, _AMPLITUDE, None], np.float32(0.0))
        frequency = np.float32(2.0 * math.pi) * np.exp(-single[:, _LENGTH, None])
        shape: NDArray[np.float32] = frequency * time
        shape += single[:, _PHASE, None]
        np.sin(shape, out=shape)
        shape *= amplitude
        shape += np.float32(1.0)
        shape *= np.float32(1.0) + growth * time
        begins = single[:, _TIME, None]
        if not self._config.future_shocks:
            shock = shock & (begins < len(self._sentiment))
        size = np.exp(np.where(shock, single[:, _SIZE, None], np.float32(0.0)))
        shape *= np.where(time >= begins, size, np.float32(1.0))
        np.maximum(shape, np.float32(_LEAST_FACTOR), out=shape)
        return shape

    def _log_likelihood(self, parameters: FloatArray, present: BoolArray) -> FloatArray:
        """Log density of all demand seen so far, levels integrated out, (particles,)."""
        seen = len(self._sentiment)
        if not seen:
            return np.zeros(len(parameters))
        grid = self._grid_places(parameters)
        dispersion = self._dispersions[grid][:, None]
        shape = self._shapes(parameters, present, np.arange(seen))
        exposure = (shape @ self._sentiment.astype(np.float32))[:, None] / dispersion
        a, b = self._prior_shape, self._prior_rate
        density: FloatArray = (np.log(shape) @ self._demand.T.astype(np.float32)) / dispersion
        density += self._constants[grid]
        density -= (a + self._demand.sum(axis=1) / dispersion) * np.log(b + exposure)
        total: FloatArray = density.sum(axis=1)
        return total

    def _grid_places(self, parameters: FloatArray) -> IntArray:
        """Where the particles' dispersions stand in the grid."""
        step = self._grid[1] - self._grid[0]
        places = np.rint((parameters[:, _DISPERSION] - self._grid[0]) / step).astype(np.int64)
        clipped: IntArray = np.clip(places, 0, len(self._grid) - 1)
        return clipped

    def _normalise(self) -> None:
        """What of the likelihood depends on the dispersion alone, (grid, market links)."""
        dispersion, a = self._dispersions[:, None], self._prior_shape
        total = self._demand.sum(axis=1) / dispersion
        constants = gammaln(a + total) - math.lgamma(a) + a * np.log(self._prior_rate)
        constants += (self._demand @ np.log(self._sentiment)) / dispersion
        constants -= self._demand.shape[1] * np.log(dispersion)
        constants -= total * np.log(dispersion)
        constants -= gammaln(self._demand / dispersion[:, :, None] + 1.0).sum(axis=2)
        self._constants = constants

    def _resample(self, weights: FloatArray) -> None:
        count = len(weights)
        places = (self._generator.random() + np.arange(count)) / count
        chosen = np.minimum(np.searchsorted(np.cumsum(weights), places), count - 1)
        self.parameters, self.present = self.parameters[chosen], self.present[chosen]
        self._likelihood = self._likelihood[chosen]
        self.log_weights = np.full(count, -math.log(count))

    def _differ(self) -> None:
        """Differential evolution: every particle steps along the difference of two others with the same effects."""
        generator, count = self._generator, len(self.parameters)
        pattern = self.present @ np.array([1, 2, 4])
        order = np.argsort(pattern, kind="stable")
        size = np.bincount(pattern, minlength=8)
        first = np.cumsum(size) - size
        pair = first[pattern] + (generator.random((2, count)) * size[pattern]).astype(np.int64)
        one, other = order[pair]
        active = 1.0 + self.present @ np.array([len(effect) for effect in _EFFECTS])
        # Now and then a whole difference, which leads from one mode to another.
        local = 2.38 / np.sqrt(2.0 * active) * generator.uniform(0.3, 1.1, count)
        pace = np.where(generator.random(count) < 0.1, 1.0, local)
        jitter = generator.normal(0.0, 0.01, self.parameters.shape)
        proposed = self.parameters + pace[:, None] * (self.parameters[one] - self.parameters[other]) + jitter
        self._accept(proposed, self.present, self._log_prior(proposed) - self._log_prior(self.parameters))

    def _renew(self) -> None:
        """One effect of every particle is drawn anew from its prior, switched on or off with its prior probability."""
        generator, count = self._generator, len(self.parameters)
        effect = generator.integers(3, size=count)
        chosen = np.zeros((count, 7), dtype=bool)
        for number, columns in enumerate(_EFFECTS):
            chosen[:, columns] = (effect == number)[:, None]
        proposed = np.where(chosen, self._prior(count), self.parameters)
        switched = np.arange(3) == effect[:, None]
        present = np.where(switched, generator.random((count, 1)) < self._config.presence, self.present)
        self._accept(proposed, present, np.zeros(count))

    def _accept(self, proposed: FloatArray, present: BoolArray, log_ratio: FloatArray) -> None:
        proposed = np.where(np.isfinite(log_ratio)[:, None], proposed, self.parameters)
        likelihood = self._log_likelihood(proposed, present)
        accepted = np.log(self._generator.random(len(log_ratio))) < log_ratio + likelihood - self._likelihood
        self.parameters = np.where(accepted[:, None], proposed, self.parameters)
        self.present = np.where(accepted[:, None], present, self.present)
        self._likelihood = np.where(accepted, likelihood, self._likelihood)
