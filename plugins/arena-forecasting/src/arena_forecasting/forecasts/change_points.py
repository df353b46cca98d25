"""Models whose level stays until it changes at once: the belief about the time since the last change.

Source: R. P. Adams and D. J. C. MacKay (2007), Bayesian online changepoint detection (arXiv 0710.3742), with a
normal-inverse-gamma belief about level and noise since the change.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, stdtr

from arena_forecasting.arrays import BoolArray, FloatArray, IntArray
from arena_forecasting.forecasts.transforms import (
    LOG,
    RAW,
    antithetic,
    first_noise,
    from_scale,
    scale_groups,
    to_scales,
)

_SCALES = (RAW, LOG)
_HAZARD = 1.0 / 25.0
_LONGEST = 60
"""Longest time since a change that is told apart, periods."""
_FIRST_WEIGHT = 0.25
"""Observations that the expected level counts for after a change."""
_FIRST_FREEDOM = 3.0
_POOL = 0.15
"""Weight of a period in the running level and noise that are expected after a change."""
_WEIGHT = 0.6


class ChangePointBank:
    """Beliefs about level, noise and time since the last change, for all items and both scales.

    Args:
        level: expected demand of every item before any is seen, units, (items,), positive.
        grain: smallest step of demand, units, (items,).
        doubt: factor on the first variance of the level, (items,).

    Attributes:
        log_prior: log prior weight of the models, (models,), not normalised.
    """

    def __init__(self, level: FloatArray, grain: FloatArray, doubt: FloatArray) -> None:
        self.log_prior: FloatArray = np.log(np.full(len(_SCALES), _WEIGHT / len(_SCALES)))
        self._scale = np.array(_SCALES)
        self._grain = grain
        self._usual_level = to_scales(level, grain)[:, self._scale]
        self._usual_noise = first_noise(level, grain)[:, self._scale]
        shape = (len(level), len(_SCALES), 1)
        self._log_weight = np.zeros(shape)
        self._mean = self._usual_level[..., None].copy()
        self._count = np.full(shape, _FIRST_WEIGHT) / doubt[:, None, None]
        self._freedom = np.full(shape, _FIRST_FREEDOM)
        self._variance = self._usual_noise[..., None].copy()

    def update(self, values: FloatArray, is_censored: BoolArray) -> FloatArray:
        """Learn the demand of a period; arguments and result as of `StateSpaceBank.update`.

        A censored period is weighed, and changes no belief about levels.
        """
        seen = np.isfinite(values)
        values = np.where(seen, values, 0.0)
        half = 0.5 * self._grain
        deviation = np.sqrt(self._variance * (1.0 + 1.0 / self._count))
        upper = to_scales(values + half, self._grain)[:, self._scale, None]
        lower = to_scales(values - half, self._grain)[:, self._scale, None]
        below = stdtr(self._freedom, (lower - self._mean) / deviation)
        below[values <= half] = 0.0
        above = np.where(is_censored[:, None, None], 1.0, stdtr(self._freedom, (upper - self._mean) / deviation))
        probability = np.where(seen[:, None, None], above - below, 1.0)
        joint = self._log_weight + np.log(np.maximum(probability, 1e-300))
        total = logsumexp(joint, axis=2)
        posterior = joint - total[..., None]

        point = to_scales(values, self._grain)[:, self._scale]
        is_plain = (seen & ~is_censored)[:, None, None]
        error = np.where(is_plain, point[..., None] - self._mean, 0.0)
        gained = np.where(is_plain, 1.0, 0.0)
        squares = self._freedom * self._variance + error**2 * self._count / (self._count + 1.0)
        freedom = self._freedom + gained
        variance = squares / freedom
        count = self._count + gained
        mean = self._mean + error / count
        self._pool(point, np.sum(np.exp(posterior) * variance, axis=2), is_plain[:, :, 0])

        self._log_weight = _prepended(posterior + np.log1p(-_HAZARD), np.log(_HAZARD))
        self._mean = _prepended(mean, self._usual_level)
        self._count = _prepended(count, _FIRST_WEIGHT)
        self._freedom = _prepended(freedom, _FIRST_FREEDOM)
        self._variance = _prepended(variance, self._usual_noise)
        if self._mean.shape[2] > _LONGEST:
            self._drop_one()
        return np.asarray(total)

    def sample(
        self, items: IntArray, models: IntArray, periods: int, most: FloatArray, generator: np.random.Generator
    ) -> FloatArray:
        """Draw futures; arguments and result as of `StateSpaceBank.sample`."""
        draws = len(items)
        weights = np.exp(self._log_weight[items, models])
        cumulated = np.cumsum(weights, axis=1)
        uniforms = generator.random((draws, 1)) * cumulated[:, -1:]
        age = np.minimum((cumulated < uniforms).sum(axis=1), weights.shape[1] - 1)
        place = (items, models, age)
        freedom = self._freedom[place]
        variance = self._variance[place] * freedom / generator.chisquare(freedom)
        deviation = np.sqrt(variance)
        first = antithetic(generator.standard_normal((draws, 1)))[:, 0]
        level = self._mean[place] + deviation / np.sqrt(self._count[place]) * first
        changes = generator.random((draws, periods)) < _HAZARD
        changes[:, 0] = False  # A change before the first period is in the belief already.
        normals = generator.standard_normal((draws, periods, 2))
        usual = self._usual_level[items, models]
        usual_spread = np.sqrt(self._usual_noise[items, models] / _FIRST_WEIGHT)
        levels = np.empty((draws, periods))
        for period in range(periods):
            level = np.where(changes[:, period], usual + usual_spread * normals[:, period, 1], level)
            levels[:, period] = level + deviation * normals[:, period, 0]
        futures = np.empty_like(levels)
        for scale, places in scale_groups(self._scale[models]):
            own = items[places]
            futures[places] = from_scale(levels[places], scale, self._grain[own, None], most[own, None])
        return futures

    def _pool(self, point: FloatArray, noise: FloatArray, is_plain: BoolArray) -> None:
        step = np.where(is_plain, _POOL, 0.0)
        self._usual_level = self._usual_level + step * (point - self._usual_level)
        self._usual_noise = self._usual_noise * np.power(noise / self._usual_noise, step)

    def _drop_one(self) -> None:
        """Join the two longest times since a change, as the longer one."""
        self._log_weight[:, :, -1] = np.logaddexp(self._log_weight[:, :, -1], self._log_weight[:, :, -2])
        for name in ("_log_weight", "_mean", "_count", "_freedom", "_variance"):
            setattr(self, name, np.delete(getattr(self, name), -2, axis=2))


def _prepended(values: FloatArray, first: FloatArray | float) -> FloatArray:
    """Values with one before them on the last axis."""
    head = np.broadcast_to(np.asarray(first)[..., None], (*values.shape[:2], 1))
    return np.concatenate([head, values], axis=2)
