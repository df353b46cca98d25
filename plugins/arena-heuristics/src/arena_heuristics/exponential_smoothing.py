"""Newsvendor levels over Holt's forecast: level and trend of every market link, smoothed exponentially."""

from typing import Protocol

import numpy as np

from arena import Briefing, InformedBriefing, Observation, holding_cost, order_up_to_level
from arena_heuristics.config import ExponentialSmoothingConfig
from arena_heuristics.demand import DemandEstimate, Moments
from arena_heuristics.ordering import FloatArray, IntArray
from arena_heuristics.rule import InventoryRule, critical_quantiles

_LEAST_ERROR_VARIANCE = 1.0  # squared units per period


class HoltForecast:
    """Double exponential smoothing (Holt 1957) of every market link's demand.

    With demand d, level a and trend c: a' = α·d + (1 − α)·(a + c); c' = β·(a' − a) + (1 − β)·c. The error variance is
    an exponentially weighted mean of the squared one-step errors d − (a + c). The first demand starts the level and the
    error variance (as for Poisson demand); the trend starts at 0.

    Attributes:
        error_variance: Squared units per period, (market links,).
    """

    def __init__(self, config: ExponentialSmoothingConfig) -> None:
        self._config = config
        self._level: FloatArray | None = None
        self._trend: FloatArray = np.zeros(0)
        self.error_variance: FloatArray = np.zeros(0)

    @property
    def started(self) -> bool:
        """Whether a demand has been seen."""
        return self._level is not None

    @property
    def mean(self) -> FloatArray:
        """Forecast demand of the coming period, at least 0, (market links,)."""
        return np.maximum(self._sum(), 0.0)

    def _sum(self) -> FloatArray:
        if self._level is None:
            raise ValueError("the forecast starts with the first demand; none has been seen")
        return self._level + self._trend

    def update(self, demand: FloatArray) -> None:
        """Take in the demand of one period.

        Args:
            demand: Units, (market links,).
        """
        if self._level is None:
            self._level, self._trend, self.error_variance = demand, np.zeros_like(demand), demand
            return
        expected = self._sum()
        level = self._config.level_weight * demand + (1 - self._config.level_weight) * expected
        self._trend = self._config.trend_weight * (level - self._level) + (1 - self._config.trend_weight) * self._trend
        self._level = level
        squared_error = (demand - expected) ** 2
        self.error_variance = self.error_variance + self._config.error_weight * (squared_error - self.error_variance)


class _Spread(Protocol):
    """How uncertain demand is over the lead time: deviation per material."""

    def over(self, lead_times: IntArray) -> FloatArray: ...


class _ForecastSpread:
    """Informed track: the deviation of the true forecast, which knows the scale of the noise."""

    def __init__(self, demand: DemandEstimate) -> None:
        self._demand = demand

    def over(self, lead_times: IntArray) -> FloatArray:
        return self._demand.over(lead_times).deviation


class _ErrorSpread:
    """Blind track: the errors made so far, at least 1 per link and period."""

    def __init__(self, holt: HoltForecast, needs: FloatArray) -> None:
        self._holt = holt
        self._squared_needs = needs**2

    def over(self, lead_times: IntArray) -> FloatArray:
        variance = self._squared_needs @ np.maximum(self._holt.error_variance, _LEAST_ERROR_VARIANCE)
        return np.asarray(np.sqrt(variance * (lead_times + 1)), dtype=np.float64)


class ExponentialSmoothing(InventoryRule[ExponentialSmoothingConfig]):
    """Order up to the critical-ratio quantile of (level + trend) × (L + 1).

    The trend moves the level but is not extrapolated over the lead time, as published. On the informed track only the
    deviation comes from the forecast, the mean remains Holt's. Before any demand is seen, the track's common estimate
    of one period stands for all of them. L and the critical ratio are those of the newsvendor rule.
    """

    def prepare(self, briefing: Briefing) -> None:
        """Compute the critical ratios; start without a forecast."""
        network = briefing.network
        costs = {node: holding_cost(network, node) for node in network.managed}
        self._quantiles = critical_quantiles(self.config, self.stock, costs)
        self._holt = HoltForecast(self.config)
        self._spread: _Spread = (
            _ForecastSpread(self.demand)
            if isinstance(briefing, InformedBriefing)
            else _ErrorSpread(self._holt, self.stock.needs)
        )

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Smooth the latest demand, then compare every material's position with its level."""
        if observation.period > 0:
            self._holt.update(observation.last_demand)
        demand = self._lead_time_demand()
        level: FloatArray = order_up_to_level(demand.mean, demand.deviation, self._quantiles)
        return level - self.stock.positions(observation)

    def _lead_time_demand(self) -> Moments:
        lead_times = self.stock.lead_times
        periods = lead_times + 1
        if not self._holt.started:
            mean, deviation = self.demand.next_period()
            return Moments(mean * periods, deviation * np.sqrt(periods))
        mean = (self.stock.needs @ self._holt.mean) * periods
        return Moments(mean, self._spread.over(lead_times))
