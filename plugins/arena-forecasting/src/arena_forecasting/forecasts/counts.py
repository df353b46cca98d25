"""Models of few units: a drifting Poisson rate, and demand that comes now and then.

Source: M. West and J. Harrison (1997), Bayesian Forecasting and Dynamic Models, chapter 14 (discounted gamma beliefs);
R. H. Teunter, A. A. Syntetos and M. Z. Babai (2011), Intermittent demand, European Journal of Operational Research 214.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, ndtr

from arena_forecasting.arrays import BoolArray, FloatArray, IntArray
from arena_forecasting.forecasts.transforms import beyond

_DISCOUNTS = np.array([0.8, 0.92, 0.98])
_FIRST_SHAPE = 1.0
_OCCURRENCE_DISCOUNT = 0.97
_SIZE_DISCOUNT = 0.93
_FIRST_SIZE_NOISE = 0.5
_WEIGHT = 0.5


class PoissonBank:
    """Gamma beliefs about a Poisson rate, forgotten at several speeds.

    Arguments and attributes as of `StateSpaceBank`.
    """

    def __init__(self, level: FloatArray, grain: FloatArray, doubt: FloatArray) -> None:
        self.log_prior: FloatArray = np.log(np.full(len(_DISCOUNTS), _WEIGHT / len(_DISCOUNTS)))
        self._grain = grain
        shape = np.broadcast_to(_FIRST_SHAPE / doubt[:, None], (len(level), len(_DISCOUNTS)))
        self._shape = shape.copy()
        self._rate = self._shape / np.maximum(level / grain, 1e-6)[:, None]

    def update(self, values: FloatArray, is_censored: BoolArray) -> FloatArray:
        """Learn the demand of a period; arguments and result as of `StateSpaceBank.update`.

        Censored demand counts with its mean beyond what was sold.
        """
        seen = np.isfinite(values)[:, None]
        units = np.where(seen, values[:, None] / self._grain[:, None], 0.0)
        shape, rate = _DISCOUNTS * self._shape + 1e-3, _DISCOUNTS * self._rate + 1e-9
        log_probability = gammaln(shape + units) - gammaln(shape) - gammaln(units + 1.0)
        log_probability += shape * np.log(rate / (rate + 1.0)) - units * np.log(rate + 1.0)
        censored = is_censored[:, None]
        mean = shape / rate
        deviation = np.sqrt(mean * (1.0 + 1.0 / rate))
        tail = np.log(np.maximum(ndtr((mean - units + 0.5) / deviation), 1e-12))
        units = np.where(censored, mean + deviation * beyond((units - mean) / deviation)[0], units)
        self._shape = np.where(seen, shape + units, self._shape)
        self._rate = np.where(seen, rate + 1.0, self._rate)
        return np.where(seen, np.where(censored, tail, log_probability), 0.0)

    def sample(
        self, items: IntArray, models: IntArray, periods: int, most: FloatArray, generator: np.random.Generator
    ) -> FloatArray:
        """Draw futures; arguments and result as of `StateSpaceBank.sample`."""
        shape, rate = self._shape[items, models], self._rate[items, models]
        steps = np.sqrt((1.0 / _DISCOUNTS[models] - 1.0) / np.maximum(shape, 1.0))
        walk = np.cumsum(generator.standard_normal((len(items), periods)) * steps[:, None], axis=1)
        means = (generator.gamma(shape) / rate)[:, None] * np.exp(walk)
        grain = self._grain[items, None]
        means = np.minimum(means, most[items, None] / grain)
        return np.asarray(np.minimum(generator.poisson(means) * grain, most[items, None]))


class IntermittentBank:
    """Demand that occurs or not, depending on whether it did in the period before, with log-normal sizes.

    Arguments and attributes as of `StateSpaceBank`.
    """

    def __init__(self, level: FloatArray, grain: FloatArray, doubt: FloatArray) -> None:
        self.log_prior: FloatArray = np.log(np.array([0.15]))
        self._grain = grain
        items = len(level)
        self._occurred = np.ones(items, dtype=np.int64)
        # Beta counts of no demand and demand, by what was in the period before.
        self._chances = np.tile(np.array([[1.0, 1.0], [0.3, 2.0]]), (items, 1, 1))
        self._log_mean = np.log(np.maximum(level, grain))
        self._count = 0.5 / doubt
        self._noise = np.full(items, _FIRST_SIZE_NOISE**2)
        self._freedom = np.full(items, 2.0)

    def update(self, values: FloatArray, is_censored: BoolArray) -> FloatArray:
        """Learn the demand of a period; arguments and result as of `StateSpaceBank.update`.

        Of a censored period only its probability is reckoned.
        """
        seen = np.isfinite(values)
        values = np.where(seen, values, 0.0)
        rows = np.arange(len(values))
        occurs = (values > 0.5 * self._grain).astype(np.int64)
        chances = self._chances[rows, self._occurred]
        chance = chances[rows, occurs] / chances.sum(axis=1)
        size = np.log(np.maximum(values, self._grain))
        deviation = np.sqrt(self._noise * (1.0 + 1.0 / self._count))
        above = ndtr((np.log(np.maximum(values, self._grain) + 0.5 * self._grain) - self._log_mean) / deviation)
        below = ndtr((np.log(np.maximum(values - 0.5 * self._grain, 0.5 * self._grain)) - self._log_mean) / deviation)
        whole = np.where(occurs == 1, np.maximum(above - below, 1e-12), 1.0)
        log_probability = np.log(chance) + np.log(np.where(is_censored, np.maximum(1.0 - below, 1e-12), whole))
        plain = seen & ~is_censored
        learnt = self._chances.copy()
        learnt[rows, self._occurred] *= _OCCURRENCE_DISCOUNT
        learnt[rows, self._occurred, occurs] += 1.0
        self._chances = np.where(plain[:, None, None], learnt, self._chances)
        self._occurred = np.where(plain, occurs, self._occurred)
        sized = plain & (occurs == 1)
        error = size - self._log_mean
        count = _SIZE_DISCOUNT * self._count + 1.0
        freedom = _OCCURRENCE_DISCOUNT * self._freedom + 1.0
        squares = _OCCURRENCE_DISCOUNT * self._freedom * self._noise + error**2 * (count - 1.0) / count
        self._noise = np.where(sized, squares / freedom, self._noise)
        self._freedom = np.where(sized, freedom, self._freedom)
        self._log_mean = np.where(sized, self._log_mean + error / count, self._log_mean)
        self._count = np.where(sized, count, self._count)
        return np.where(seen, log_probability, 0.0)[:, None]

    def sample(
        self, items: IntArray, models: IntArray, periods: int, most: FloatArray, generator: np.random.Generator
    ) -> FloatArray:
        """Draw futures; arguments and result as of `StateSpaceBank.sample`."""
        draws = len(items)
        chance = generator.beta(self._chances[items, :, 1], self._chances[items, :, 0])
        deviation = np.sqrt(self._noise[items])
        centre = self._log_mean[items] + deviation / np.sqrt(self._count[items]) * generator.standard_normal(draws)
        exponent = centre[:, None] + deviation[:, None] * generator.standard_normal((draws, periods))
        sizes = np.exp(np.minimum(exponent, np.log(most[items])[:, None] + math.log(2.0)))
        uniforms = generator.random((draws, periods))
        futures = np.empty((draws, periods))
        before = self._occurred[items]
        rows = np.arange(draws)
        for period in range(periods):
            before = (uniforms[:, period] < chance[rows, before]).astype(np.int64)
            futures[:, period] = before * np.maximum(sizes[:, period], self._grain[items])
        return np.asarray(np.minimum(futures, most[items, None]))
