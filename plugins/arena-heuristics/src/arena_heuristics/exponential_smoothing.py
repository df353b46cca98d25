"""Exponential smoothing: of a level, of level and trend (Holt), and the rule that orders by Holt's forecast."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from arena import Briefing, InformedBriefing, Observation, order_up_to_level
from arena_heuristics.config import ExponentialSmoothingConfig
from arena_heuristics.costs import critical_quantiles, holding_costs
from arena_heuristics.demand import DemandEstimate, prior_means
from arena_heuristics.ordering import FloatArray, IntArray, waits_to_ship
from arena_heuristics.rule import CriticalRatioRule
from arena_heuristics.sales import SeenSales
from arena_heuristics.supply import Moments

BoolArray = npt.NDArray[np.bool_]

_LEAST_VARIANCE = 1.0  # squared units per period


class SmoothedDemand:
    """Level and error variance of several demands, smoothed exponentially.

    With demand d, level a and variance v of the one-step errors e = d − a: a' = a + α·e; v' = v + ω·(e² − v). At the
    start v is the level, as for Poisson demand. Where no level is presumed, the first demand is the level.

    If levels wander as smoothing supposes, the sum of the coming n demands has mean n·a and variance
    v·Σ (1 + j·α)² for j = 0 … n − 1, more than n·v: an error of the level is made n times (Snyder, Koehler and Ord
    1999, Journal of the Operational Research Society 50; Graves 1999, Manufacturing & Service Operations Management 1).

    Args:
        priors: Levels presumed before any demand is seen, units per period; 0 where none is.
        level_weight: α, above 0 and at most 1.
        error_weight: ω, above 0 and at most 1.

    >>> smoothed = SmoothedDemand(np.array([20.0]), level_weight=0.5, error_weight=0.1)
    >>> smoothed.observe(np.array([30.0]))
    >>> [round(float(value[0]), 3) for value in smoothed.over(np.array([2]), np.array([np.inf]))]
    [50.0, 9.539]
    """

    def __init__(self, priors: FloatArray, *, level_weight: float, error_weight: float) -> None:
        self._level_weight = level_weight
        self._error_weight = error_weight
        self._unknown = priors <= 0
        self._level = np.maximum(priors, 0.0)
        self._variance = self._level

    def observe(self, demand: FloatArray) -> None:
        """Take in the demand of one period, units."""
        self._level = np.where(self._unknown, demand, self._level)
        self._variance = np.where(self._unknown, demand, self._variance)
        self._unknown = np.zeros_like(self._unknown)
        error = demand - self._level
        self._level = self._level + self._level_weight * error
        self._variance = self._variance + self._error_weight * (error**2 - self._variance)

    def begin_with(self, history: FloatArray, known: BoolArray) -> None:
        """Replace the presumed level and its variance by those of a history.

        Args:
            history: demand of earlier periods, oldest first, units, (at least one period, demands).
            known: of which demands it is the history.
        """
        presumed = self._unknown, self._level, self._variance
        self._unknown = np.ones_like(self._unknown)
        for demand in history:
            self.observe(demand)
        found = self._unknown, self._level, self._variance
        self._unknown, self._level, self._variance = (
            np.where(known, new, old) for new, old in zip(found, presumed, strict=True)
        )

    def over(self, periods: FloatArray, largest: FloatArray) -> Moments:
        """Estimate the demand of the coming periods.

        Args:
            periods: How many, for each demand; 0 has neither mean nor deviation.
            largest: Most that can be served of each in a period, units.
        """
        weight = self._level_weight
        pairs = periods * (periods - 1)
        # Σ 1 + 2·j·α + j²·α² for j = 0 … n − 1.
        factor = periods + weight * pairs + weight**2 * pairs * (2 * periods - 1) / 6
        mean = periods * np.minimum(self._level, largest)
        return Moments(mean, np.sqrt(np.maximum(self._variance, _LEAST_VARIANCE) * factor))


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
        variance = self._squared_needs @ np.maximum(self._holt.error_variance, _LEAST_VARIANCE)
        return np.asarray(np.sqrt(variance * (lead_times + 1)), dtype=np.float64)


class ExponentialSmoothing(CriticalRatioRule[ExponentialSmoothingConfig]):
    """Order up to the critical-ratio quantile of (level + trend) × (L + 1).

    The trend moves the level but is not extrapolated over the lead time, as published. On the informed track only the
    deviation comes from the forecast, the mean remains Holt's. Before any demand is seen, the track's common estimate
    of one period stands for all of them, or Holt's
    forecast over the history that is told. L and the critical ratio are those of the newsvendor rule, by the textbook's
    formulas too.
    """

    def prepare(self, briefing: Briefing) -> None:
        """Compute the critical ratios; start without a forecast."""
        network = briefing.network
        self._quantiles = critical_quantiles(self.config, self.stock, holding_costs(self.stock), briefing)
        self._protection = self.stock.protection
        if self.config.formulas == "textbook":
            self._protection = self._protection.longer(waits_to_ship(network, self.stock.materials))
        self._sales = SeenSales(briefing, prior_means(network, self.config))
        self._holt = HoltForecast(self.config)
        for demand in self._sales.history:
            self._holt.update(demand)
        self._spread: _Spread = (
            _ForecastSpread(self.demand)
            if isinstance(briefing, InformedBriefing)
            else _ErrorSpread(self._holt, self.stock.needs)
        )

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Smooth the latest demand, then compare every material's position with its level."""
        if observation.period > 0:
            self._holt.update(self._sales.demand(observation))
        demand = self._protection.demand(self._demand_over, self.periods_left(observation))
        level: FloatArray = order_up_to_level(
            demand.mean, demand.deviation, self.quantiles_in(observation, self._quantiles)
        )
        return level - self.stock.positions(observation)

    def _demand_over(self, lead_times: IntArray) -> Moments:
        periods = lead_times + 1
        if not self._holt.started:
            mean, deviation = self.demand.next_period()
            return Moments(mean * periods, deviation * np.sqrt(periods))
        mean = (self.stock.needs @ self._holt.mean) * periods
        return Moments(mean, self._spread.over(lead_times))
