"""The forecast distribution: a mixture of models, weighted by how well each foresaw what has been seen."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from arena_forecasting.arrays import BoolArray, FloatArray
from arena_forecasting.forecasts.change_points import ChangePointBank
from arena_forecasting.forecasts.counts import IntermittentBank, PoissonBank
from arena_forecasting.forecasts.state_space import StateSpaceBank

Bank: TypeAlias = StateSpaceBank | ChangePointBank | PoissonBank | IntermittentBank
"""Models of one kind."""

FORGETTING: Final = 0.97
"""Factor on the log likelihood of the past, per period."""
_LARGEST_GROWTH = 4.0
"""Largest demand of a future, relative to the largest seen."""


class DemandForecast:
    """Forecast distribution of the demand of several items, each on its own.

    Args:
        level: expected demand of every item before any is seen, units per period, (items,).
        grain: smallest step of demand, units, (items,); demand and futures are whole steps.
        doubt: factor on the first variance of the level, (items,): 1 where the level comes from a history.
        forgetting: factor on the log likelihood of the past, per period.
    """

    def __init__(
        self, level: FloatArray, grain: FloatArray, doubt: FloatArray, *, forgetting: float = FORGETTING
    ) -> None:
        level = np.maximum(level, 0.05 * grain)
        self._banks: tuple[Bank, ...] = (
            StateSpaceBank(level, grain, doubt),
            ChangePointBank(level, grain, doubt),
            PoissonBank(level, grain, doubt),
            IntermittentBank(level, grain, doubt),
        )
        self._log_prior = np.concatenate([bank.log_prior for bank in self._banks])
        self._starts = np.cumsum([0] + [len(bank.log_prior) for bank in self._banks])
        self._evidence = np.zeros((len(level), len(self._log_prior)))
        self._forgetting, self._grain = forgetting, grain
        self._largest = np.maximum(level, grain)

    @property
    def weights(self) -> FloatArray:
        """Weight of every model, (items, models)."""
        log_weights = self._log_prior + self._evidence
        weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def update(self, values: FloatArray, is_censored: BoolArray) -> FloatArray:
        """Learn the demand of a period.

        Args:
            values: units, (items,); NaN where nothing is known.
            is_censored: whether demand may have been larger, (items,).

        Returns:
            Log probability that the mixture gave to it, (items,).
        """
        weights = self.weights
        gained = np.concatenate([bank.update(values, is_censored) for bank in self._banks], axis=1)
        best = gained.max(axis=1, keepdims=True)
        told = np.log(np.sum(weights * np.exp(gained - best), axis=1)) + best[:, 0]
        # Nothing that is possible shall rule a model out for good.
        gained = np.maximum(gained, best - 12.0)
        seen = np.isfinite(values)
        self._evidence = np.where(seen[:, None], self._forgetting * self._evidence + gained, self._evidence)
        self._evidence -= self._evidence.max(axis=1, keepdims=True)
        self._largest = np.where(seen, np.fmax(self._largest, values), self._largest)
        return np.asarray(told)

    def joint_futures(self, paths: int, periods: int, generator: np.random.Generator) -> FloatArray:
        """Draw joint futures: within a path, the periods depend on each other as the model of the path says.

        Args:
            paths: number of draws.
            periods: length of each.
            generator: of the draws.

        Returns:
            Units, (paths, periods, items).
        """
        weights = self.weights
        items, models = weights.shape
        cumulated = np.cumsum(weights, axis=1)
        # Systematic resampling: every model has its share of the paths to within one.
        uniforms = (np.arange(paths) + generator.random((items, 1))) / paths
        chosen = (cumulated[:, None, :] < uniforms[:, :, None] * cumulated[:, -1:, None]).sum(axis=2)
        chosen = np.minimum(chosen, models - 1).ravel()
        owner = np.repeat(np.arange(items), paths)
        futures = np.empty((items * paths, periods))
        most = _LARGEST_GROWTH * self._largest
        for bank, start, stop in zip(self._banks, self._starts, self._starts[1:], strict=False):
            places = np.flatnonzero((chosen >= start) & (chosen < stop))
            if len(places):
                futures[places] = bank.sample(owner[places], chosen[places] - start, periods, most, generator)
        grain = self._grain[owner, None]
        whole = np.rint(futures / grain) * grain
        return np.asarray(whole.reshape(items, paths, periods).transpose(1, 2, 0))
