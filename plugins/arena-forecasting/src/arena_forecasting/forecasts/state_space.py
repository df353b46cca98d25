"""A bank of conjugate state-space models: levels, damped trends, autoregressions and harmonics, on three scales.

Every model is a dynamic linear model with a state of four numbers (level, slope, and a pair for a harmonic or an
autoregressive deviation), known evolution relative to an unknown variance of the noise, and a normal-inverse-gamma
belief. All items and models are filtered at once.

Source: M. West and J. Harrison (1997), Bayesian Forecasting and Dynamic Models, sections 4.5 and 10.8 (variance with
discount).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from arena_forecasting.arrays import BoolArray, FloatArray, IntArray
from arena_forecasting.forecasts.transforms import (
    LOG,
    RAW,
    ROOT,
    antithetic,
    beyond,
    first_noise,
    from_scale,
    scale_groups,
    to_scales,
)

_STATES = 4
_OBSERVED = np.array([1.0, 0.0, 1.0, 0.0])
"""What of the state makes the mean of demand: the level and the first of the pair."""
_VARIANCE_DISCOUNT = 0.97
_FIRST_FREEDOM = 2.0
_LEVEL_DOUBT = 3.0
"""First variance of the level, in variances of the noise."""
_LEVELS = (0.002, 0.01, 0.04, 0.12, 0.35, 1.0, 4.0)
_TRENDS = ((0.05, 0.003, 0.98), (0.2, 0.01, 0.9), (0.02, 0.001, 1.0), (0.3, 0.06, 0.8))
_AUTOREGRESSIONS = ((0.85, 0.4), (0.6, 0.6), (0.3, 0.6), (-0.4, 0.6))
_SEASONS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 23, 26)


class _Model(NamedTuple):
    evolution: FloatArray
    noise: tuple[float, float, float, float]
    doubt: tuple[float, float, float, float]
    observation: float
    weight: float


def _structures() -> list[_Model]:
    """Models of one scale; variances are relative to that of the noise."""
    models = []
    for level in _LEVELS:
        models.append(
            _Model(np.diag([1.0, 0.0, 0.0, 0.0]), (level, 0, 0, 0), (_LEVEL_DOUBT, 0, 0, 0), 1.0, 1.0 / len(_LEVELS))
        )
    for level, slope, damping in _TRENDS:
        evolution = np.zeros((_STATES, _STATES))
        evolution[0, :2], evolution[1, 1] = (1.0, damping), damping
        models.append(_Model(evolution, (level, slope, 0, 0), (_LEVEL_DOUBT, 0.05, 0, 0), 1.0, 0.6 / len(_TRENDS)))
    for coefficient, share in _AUTOREGRESSIONS:
        spread = share / (1.0 - share) * (1.0 - coefficient**2)
        evolution = np.diag([1.0, 0.0, coefficient, 0.0])
        doubt = (_LEVEL_DOUBT, 0, share / (1.0 - share), 0)
        models.append(_Model(evolution, (0.01, 0, spread, 0), doubt, 1.0, 0.3 / len(_AUTOREGRESSIONS)))
    for periods in _SEASONS:
        angle = 2.0 * math.pi / periods
        evolution = np.zeros((_STATES, _STATES))
        evolution[0, 0] = 1.0
        evolution[2:, 2:] = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        second = 0.0 if periods == 2 else 1.0
        models.append(
            _Model(
                evolution, (0.02, 0, 0.002, 0.002 * second), (_LEVEL_DOUBT, 0, 1.0, second), 1.0, 0.6 / len(_SEASONS)
            )
        )
    return models


class StateSpaceBank:
    """Beliefs of all models about all items.

    Args:
        level: expected demand of every item before any is seen, units, (items,), positive.
        grain: smallest step of demand, units, (items,).
        doubt: factor on the first variance of the level, (items,); 1 where the level comes from a history.

    Attributes:
        log_prior: log prior weight of every model, (models,), not normalised.
    """

    def __init__(self, level: FloatArray, grain: FloatArray, doubt: FloatArray) -> None:
        structures = _structures()
        scales = (RAW, ROOT, LOG)
        models = structures * len(scales)
        self._scale: IntArray = np.repeat(np.array(scales), len(structures))
        self._evolution = np.array([model.evolution for model in models])
        self._noise = np.array([model.noise for model in models], dtype=np.float64)
        self.log_prior: FloatArray = np.log([model.weight / len(scales) for model in models])
        self._grain = grain
        items, count = len(level), len(models)
        self._mean = np.zeros((items, count, _STATES))
        self._mean[:, :, 0] = to_scales(level, grain)[:, self._scale]
        covariance = np.array([np.diag(model.doubt) for model in models])
        self._covariance = np.tile(covariance, (items, 1, 1, 1))
        self._covariance[:, :, 0, 0] *= doubt[:, None]
        self._freedom = np.full((items, count), _FIRST_FREEDOM)
        self._variance = first_noise(level, grain)[:, self._scale]

    def update(self, values: FloatArray, is_censored: BoolArray) -> FloatArray:
        """Learn the demand of a period.

        Args:
            values: units, (items,); NaN where nothing is known.
            is_censored: whether demand may have been larger than that, (items,).

        Returns:
            Log probability that each model gave to it, (items, models); 0 where nothing is known.
        """
        seen = np.isfinite(values)
        values = np.where(seen, values, 0.0)
        mean = np.einsum("mij,nmj->nmi", self._evolution, self._mean)
        covariance = self._evolution @ self._covariance @ self._evolution.swapaxes(1, 2)
        covariance += self._noise[:, :, None] * np.eye(_STATES)
        gain = covariance @ _OBSERVED
        spread = gain @ _OBSERVED + 1.0
        gain /= spread[..., None]
        forecast = mean @ _OBSERVED
        deviation = np.sqrt(self._variance * spread)
        half = 0.5 * self._grain
        upper = to_scales(values + half, self._grain)[:, self._scale]
        lower = to_scales(values - half, self._grain)[:, self._scale]
        # Everything below half a step counts as no demand.
        below = stdtr(self._freedom, (lower - forecast) / deviation)
        below[values <= half] = 0.0
        above = np.where(is_censored[:, None], 1.0, stdtr(self._freedom, (upper - forecast) / deviation))
        probability = np.where(seen[:, None], above - below, 1.0)

        error = to_scales(values, self._grain)[:, self._scale] - forecast
        learnt = np.ones_like(error)
        if is_censored.any():
            expected, share = beyond(error / deviation)
            error = np.where(is_censored[:, None], expected * deviation, error)
            learnt = np.where(is_censored[:, None], share, learnt)
        error = np.where(seen[:, None], error, 0.0)
        learnt = learnt * seen[:, None]
        is_plain = (seen & ~is_censored)[:, None]
        freedom = np.where(is_plain, _VARIANCE_DISCOUNT * self._freedom + 1.0, self._freedom)
        squares = _VARIANCE_DISCOUNT * self._freedom * self._variance + error**2 / spread
        self._variance = np.where(is_plain, squares / freedom, self._variance)
        self._freedom = freedom
        self._mean = mean + gain * error[..., None]
        outer = gain[..., :, None] * gain[..., None, :]
        self._covariance = covariance - outer * (spread * learnt)[..., None, None]
        return np.asarray(np.log(np.maximum(probability, 1e-300)))

    def sample(
        self, items: IntArray, models: IntArray, periods: int, most: FloatArray, generator: np.random.Generator
    ) -> FloatArray:
        """Draw futures, one per pair of item and model.

        Args:
            items: positions of items, (draws,).
            models: positions of models, (draws,).
            periods: length of the futures.
            most: largest demand that is thought possible, units, (items,).
            generator: of the draws.

        Returns:
            Units, (draws, periods), not rounded.
        """
        draws = len(items)
        freedom = self._freedom[items, models]
        variance = self._variance[items, models] * freedom / generator.chisquare(freedom)
        deviation = np.sqrt(variance)[:, None]
        covariance = self._covariance[items, models]
        covariance = 0.5 * (covariance + covariance.swapaxes(1, 2)) + 1e-9 * np.eye(_STATES)
        normals = antithetic(generator.standard_normal((periods + 1, draws, _STATES + 1)))
        factor = np.linalg.cholesky(covariance)
        state = self._mean[items, models] + deviation * np.einsum("kij,kj->ki", factor, normals[0, :, :_STATES])
        evolution, steps = self._evolution[models], np.sqrt(self._noise[models]) * deviation
        levels = np.empty((draws, periods))
        for period in range(periods):
            state = np.einsum("kij,kj->ki", evolution, state) + steps * normals[period + 1, :, :_STATES]
            levels[:, period] = state @ _OBSERVED
        levels += deviation * normals[1:, :, _STATES].T
        futures = np.empty_like(levels)
        for scale, places in scale_groups(self._scale[models]):
            own = items[places]
            futures[places] = from_scale(levels[places], scale, self._grain[own, None], most[own, None])
        return futures
