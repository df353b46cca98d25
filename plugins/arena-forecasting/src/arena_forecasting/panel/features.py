"""Features of a panel for a model over all items: free of scale, and known before the period that is forecast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena_forecasting.panel.futures import PanelForecast
from arena_forecasting.panel.levels import weighted_levels
from arena_forecasting.panel.observed import FloatArray, Panel

_MEMORIES = (0.5, 0.8, 0.95)
_WINDOWS = (4, 13, 52)
_LONGEST_COUNT = 26.0  # periods; what lies further back is as far
_SLOW = 0.97  # memory of the level with which the cycle before is compared
_LIGHT = {"long_weight": 0.5, "slow_weight": 0.5}  # how little the levels of single speeds are shrunk


class Rows(NamedTuple):
    """Rows of a table: every item at several origins, for every number of periods ahead.

    Attributes:
        features: (rows, features); rows are ordered by origin, then periods ahead, then item.
        offset: Log of the classical forecast, (rows,).
        targets: Period that is forecast, (rows,); it may lie after the last one.
    """

    features: FloatArray
    offset: FloatArray
    targets: NDArray[np.int64]


class FeatureTable:
    """Features of all items of a panel.

    Args:
        forecast: The classical forecast that is corrected.
        panel: What was seen.
        ahead: Periods ahead that are forecast.
    """

    def __init__(self, forecast: PanelForecast, panel: Panel, ahead: int) -> None:
        self._panel, self._ahead, self._period = panel, ahead, forecast.season.period
        self._season = forecast.season.over(0, panel.periods + ahead)
        self._log_season = np.log(self._season)
        factors = self._season[: panel.periods]
        self._levels = forecast.levels(panel)
        self._at_origin = np.stack(self._columns(forecast, factors), axis=-1)
        self._before = self._cycle_before(forecast, factors)

    def _columns(self, forecast: PanelForecast, factors: FloatArray) -> list[FloatArray]:
        """Features that do not depend on the periods ahead, (periods, items) each."""
        panel, base = self._panel, self._levels + 0.1
        demand, known = panel.demand, panel.known.astype(np.float64)
        weight = known * factors[:, None]
        light = forecast.settings.model_copy(update=_LIGHT)
        columns = [np.log((weighted_levels(panel, factors, memory, light) + 0.1) / base) for memory in _MEMORIES]
        for window in _WINDOWS:
            mean = _moving_sum(demand, window) / np.maximum(_moving_sum(weight, window), 0.3)
            columns.append(np.log((mean + 0.1) / base))
        columns.append(demand / factors[:, None] / (self._levels + 0.3))
        columns += [_periods_since(demand > 0), _LONGEST_COUNT - _periods_since(~panel.known)]
        seen = _moving_sum(known, 13)
        columns += [seen, _moving_sum(known, 52), _moving_sum((demand > 0) * known, 13) / np.maximum(seen, 1.0)]
        columns.append(np.broadcast_to(np.log(forecast.dispersions), demand.shape))
        common = self._common_deviation(factors)
        lately = np.convolve(common, np.full(5, 0.2))[: len(common)]
        columns += [np.broadcast_to(each[:, None], demand.shape) for each in (common, lately)]
        return columns

    def _common_deviation(self, factors: FloatArray) -> FloatArray:
        """Log of all demand over its forecast of one period before, (periods,)."""
        panel = self._panel
        expected = (self._levels[:-1] * factors[1:, None] * panel.known[1:]).sum(axis=1)
        seen = panel.demand[1:].sum(axis=1)
        return np.concatenate([[0.0], np.log((seen + 1.0) / (expected + 1.0))])

    def _cycle_before(self, forecast: PanelForecast, factors: FloatArray) -> FloatArray:
        """Log of an item's demand around a period over what level and season expected then, (periods, items)."""
        panel, period = self._panel, forecast.season.period
        if period == 1:
            return np.zeros(panel.demand.shape)
        light = forecast.settings.model_copy(update=_LIGHT)
        slow = weighted_levels(panel, factors, _SLOW, light)
        # The level of some periods later knows that time best; it must not be later than any origin.
        later = min(20, max(0, period // 2 - self._ahead))
        slow = slow[np.minimum(np.arange(panel.periods) + later, panel.periods - 1)]
        expected = panel.known * slow * factors[:, None]
        return np.asarray(np.log((_around(panel.demand) + 2.0) / (_around(expected) + 2.0)), dtype=np.float64)

    def rows(self, origins: NDArray[np.int64]) -> Rows:
        """Rows for origins, the last periods that are known when a forecast is made.

        Args:
            origins: Numbers of periods, (origins,).
        """
        items, tables, offsets, targets = self._panel.items, [], [], []
        recent = np.convolve(self._log_season, np.full(4, 0.25))[: len(self._log_season)]
        for origin in origins.tolist():
            for ahead in range(self._ahead):
                target = origin + 1 + ahead
                offset = np.log(self._levels[origin] * self._season[target] + 0.02)
                earlier = target - self._period
                before = self._before[earlier] if self._period > self._ahead and earlier >= 0 else np.zeros(items)
                season, lately = self._log_season[target], self._log_season[target] - recent[origin]
                own = [offset, np.full(items, ahead), np.full(items, season), np.full(items, lately), before]
                tables.append(np.column_stack([*own, self._at_origin[origin]]))
                offsets.append(offset)
                targets.append(np.full(items, target))
        return Rows(np.concatenate(tables), np.concatenate(offsets), np.concatenate(targets))


def _moving_sum(values: FloatArray, window: int) -> FloatArray:
    total = np.cumsum(values, axis=0)
    return np.asarray(total - np.pad(total, ((window, 0), (0, 0)))[: len(total)], dtype=np.float64)


def _around(values: FloatArray) -> FloatArray:
    """Sum of each period and its two neighbours."""
    padded = np.pad(values, ((1, 1), (0, 0)))
    return padded[:-2] + padded[1:-1] + padded[2:]


def _periods_since(happened: NDArray[np.bool_]) -> FloatArray:
    """Periods since something happened, 0 in the period itself, at most 26, (periods, items)."""
    since = np.full(happened.shape[1], _LONGEST_COUNT)
    table = np.empty(happened.shape)
    for period, now in enumerate(happened):
        since = np.where(now, 0.0, np.minimum(since + 1.0, _LONGEST_COUNT))
        table[period] = since
    return table
