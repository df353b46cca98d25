"""The official benchmark rule of VN2: one season for all items, a moving average, four weeks of cover."""

from __future__ import annotations

import numpy as np

from arena import Briefing, Observation
from arena_boards.config import SeasonalOrderUpToConfig
from arena_boards.stock_points import FloatArray, StockPoints, find_stock_points


class SeasonalOrderUpTo:
    """Order up to the forecast of the next four weeks, without any safety.

    Out-of-stock weeks are missing. The factor of a week of the year is the mean over its years of the mean over items,
    relative to the mean of all factors. The forecast of an item is the mean of its latest 13 weeks, each divided by its
    factor, times the factors to come. The order is what the position lacks, rounded to a whole unit.

    A briefing has no dates. The week of the year is the number of the week, counted from the first one of the history,
    modulo 52; in the years of the competition, which have 52 weeks by ISO 8601, that is the calendar's week but for a
    shift, and a shift changes no factor. A week of the year that was never seen has the factor 1, and an item that was
    out of stock in all 13 weeks the mean of all its weeks.

    Source: N. Vandeput's benchmark of the VN2 competition, described in arXiv 2601.18919.
    """

    def __init__(self, config: SeasonalOrderUpToConfig) -> None:
        """Take the settings."""
        self.config = config
        self._points: StockPoints
        self._weeks: list[FloatArray] = []

    def begin(self, briefing: Briefing) -> None:
        """Read the history; demand of out-of-stock periods is missing."""
        self._points = find_stock_points(briefing)
        self._horizon = briefing.horizon
        self._lead_times = np.array([link.lead_time for link in self._points.supplies])
        seen = np.where(briefing.history_in_stock > 0, briefing.history, np.nan)
        self._weeks = list(seen)

    def order(self, observation: Observation) -> FloatArray:
        """Order up to the forecast; nothing that arrives after the last period."""
        if observation.period > 0:
            shown = observation.last_demand
            if observation.sales_shown:
                shown = np.where(observation.in_stock > 0, shown, np.nan)
            self._weeks.append(np.array(shown))
        levels = self._points.of_markets(self._forecast())
        orders = np.round(np.maximum(0.0, levels - self._points.position(observation)))
        in_time = observation.period + self._lead_times < self._horizon
        return self._points.orders(np.where(in_time, orders, 0.0))

    def _forecast(self) -> FloatArray:
        """Return the demand of the periods of cover, shape (market links,)."""
        if not self._weeks:
            return np.zeros(len(self._points.of_market))
        units = np.array(self._weeks)
        season = self.config.season
        factors = _season_factors(units, season)
        phase = np.arange(len(units) + self.config.cover) % season
        level_by_week = units / factors[phase[: len(units)]][:, None]
        recent = _mean(level_by_week[-self.config.average :])
        level = np.where(np.isnan(recent), _mean(level_by_week), recent)
        return np.asarray(np.nan_to_num(level) * factors[phase[len(units) :]].sum())


def _season_factors(units: FloatArray, season: int) -> FloatArray:
    """Return one factor per phase of the season, mean 1 over the phases that were seen.

    Args:
        units: demand, NaN where it is missing, shape (periods, market links).
        season: number of phases.
    """
    by_period = _mean(units.T)
    padded = np.full(-(-len(by_period) // season) * season, np.nan)
    padded[: len(by_period)] = by_period
    by_phase = _mean(padded.reshape(-1, season))
    mean = float(_mean(by_phase[:, None])[0])
    if not mean > 0:
        return np.ones(season)
    factors = by_phase / mean
    # Nothing can be divided by the factor 0 of a phase in which nothing was ever sold.
    return np.where(factors > 0, factors, 1.0)


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean over the first axis without missing values; NaN where all are missing."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
