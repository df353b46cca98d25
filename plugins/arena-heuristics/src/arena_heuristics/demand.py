"""What a rule believes about demand: from the forecast on the informed track, from its own memory on the blind one.

Which of the two is decided once, from the type of the briefing (`arena_heuristics.estimates`). Both speak per material,
in units of it: the demand of every market link times the material's need of it
(`arena_heuristics.ordering.material_needs`). Demands of different links are taken as independent, so that variances
add, unless the informed track tells otherwise (`arena_heuristics.dependent_demand`). On the blind track correlation is
in the sample. What successive periods have in common moves the mean of the latest ones; it is in the deviation over
several periods where a history shows it (`arena_heuristics.autocorrelation`).
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from arena import InformedObservation, Network, Observation, presumed_demand
from arena_heuristics.autocorrelation import FEWEST_PERIODS, SeenAutocorrelation
from arena_heuristics.config import RuleConfig
from arena_heuristics.sales import SeenSales
from arena_heuristics.supply import FloatArray, IntArray, Moments

__all__ = ["DemandEstimate", "ForecastDemand", "Moments", "RememberedDemand", "prior_means"]

LEAST_DEVIATION: Final = 1.0
"""Least deviation of a single period that a level is set for, units."""
_VARIANCE_WITHOUT_DEMAND = 1.0  # squared units per period in which no demand is forecast


class DemandEstimate(Protocol):
    """Demand per material as one track lets a rule estimate it."""

    def observe(self, observation: Observation) -> None:
        """Take note of an observation. To be called once per period, before any question."""

    def next_period(self) -> Moments:
        """Estimate the demand of the coming period."""

    def over(self, lead_times: IntArray) -> Moments:
        """Estimate the demand of the coming lead time + 1 periods, per material.

        Args:
            lead_times: Periods, (materials,).
        """


def prior_means(network: Network, config: RuleConfig) -> FloatArray:
    """Guess the mean demand of every market link before any demand is seen, see `arena.presumed_demand`.

    Args:
        network: The network of the briefing.
        config: ``prior_mean`` replaces the guess; ``fallback_mean`` is used where the guess is not positive.

    Returns:
        Units per period, (market links,).
    """
    if config.prior_mean is not None:
        return np.full(len(network.market_links), config.prior_mean)
    return presumed_demand(network, fallback=config.fallback_mean)


class RememberedDemand:
    """Blind track: the latest demands, which the estimate keeps itself, since an observation carries only the last.

    Mean: of the latest ``window`` periods. Deviation: of the sample (with n − 1) from ``fewest_periods`` on, before
    that √mean, as for Poisson demand; never below 1. Over a lead time L the mean is multiplied by L + 1 and the
    deviation by √(L + 1). A history that the briefing tells of comes before the periods that are played, and replaces
    the prior. From 20 periods of history on, deviations are those of the forecast's error where demand is
    autocorrelated (`arena_heuristics.autocorrelation`). Where sales are seen in place of demand they are corrected
    (`arena_heuristics.sales`).

    Args:
        needs: Units of every material per unit of demand, (materials, market links).
        priors: Demand presumed before any is seen, units per period, (market links,).
        config: Settings of the estimate.
        sales: Reads demand off observations, and knows the history; None: demand is seen, and there is none.
    """

    def __init__(
        self, needs: FloatArray, priors: FloatArray, config: RuleConfig, sales: SeenSales | None = None
    ) -> None:
        self._needs_by_link = np.ascontiguousarray(needs.T)
        self._squared_needs_by_link = self._needs_by_link**2
        self._fewest_periods = config.fewest_periods
        self._recent: deque[FloatArray] = deque(maxlen=config.window)
        self._sales = sales
        self._moments = self._poisson(priors)
        self._autocorrelation: SeenAutocorrelation | None = None
        if sales is not None and len(sales.history):
            self._recent.extend(sales.history)
            self._moments = self._of_sample(self._recent)
            if len(sales.history) >= FEWEST_PERIODS:
                self._autocorrelation = SeenAutocorrelation(sales.history @ self._needs_by_link, config.window)

    def observe(self, observation: Observation) -> None:
        """Remember the demand of the last period; there is none before period 1."""
        if observation.period == 0:
            return
        self._recent.append(observation.last_demand if self._sales is None else self._sales.demand(observation))
        self._moments = self._of_sample(self._recent)
        if self._autocorrelation is not None:
            self._autocorrelation.observe(self._recent[-1] @ self._needs_by_link)

    def next_period(self) -> Moments:
        """Estimate the coming period by the latest ones."""
        return self.over(np.zeros(len(self._moments.mean), dtype=np.int64))

    def over(self, lead_times: IntArray) -> Moments:
        """Estimate the coming lead time + 1 periods: all alike, and independent unless a history shows otherwise."""
        periods = lead_times + 1
        deviation = self._moments.deviation * np.sqrt(periods)
        if self._autocorrelation is not None:
            deviation = self._autocorrelation.deviations(periods, deviation, LEAST_DEVIATION)
        return Moments(self._moments.mean * periods, deviation)

    def _of_sample(self, demands: Sequence[FloatArray]) -> Moments:
        by_link = np.array(demands)
        if len(demands) < self._fewest_periods:
            return self._poisson(by_link.sum(axis=0) / len(demands))
        sample = by_link @ self._needs_by_link
        mean = sample.sum(axis=0) / len(demands)
        variance = ((sample - mean) ** 2).sum(axis=0) / (len(demands) - 1)
        return Moments(mean, np.maximum(np.sqrt(variance), LEAST_DEVIATION))

    def _poisson(self, link_means: FloatArray) -> Moments:
        deviation = np.sqrt(link_means @ self._squared_needs_by_link)
        return Moments(link_means @ self._needs_by_link, np.maximum(deviation, LEAST_DEVIATION))


class ForecastDemand:
    """Informed track: the mean path of the forecast, with noise around it.

    The variance of a period is mean × noise scale², or (standard deviation × noise scale)² where a deviation is given;
    and 1 where the mean is 0. On market links that are not to be taken for Poisson it is the square of the deviation
    that the track tells. Deviation of the coming period: at least 1. Over a lead time, means and variances are summed
    along the path, also past the last period of the episode, and the deviation has no lower bound: without noise it is
    0.

    Args:
        needs: Units of every material per unit of demand, (materials, market links).
        noise_scale: Factor on the deviation from the mean, one for all market links or one for each.
        standard_deviation: Of a period's demand before the noise scale, units; ``None``: √mean.
        poisson: By market link, whether the variance is the one above; ``None``: everywhere.
    """

    def __init__(
        self,
        needs: FloatArray,
        noise_scale: float | FloatArray,
        standard_deviation: float | None = None,
        *,
        poisson: Sequence[bool] | None = None,
    ) -> None:
        self._needs = needs
        self._squared_needs = needs**2
        noise_variance = np.asarray(noise_scale, dtype=np.float64) ** 2
        self._noise_variance = noise_variance[:, np.newaxis] if noise_variance.ndim else noise_variance
        self._raw_variance = None if standard_deviation is None else standard_deviation**2
        self._told = np.zeros(needs.shape[1], dtype=np.bool_) if poisson is None else ~np.array(poisson, dtype=np.bool_)
        self._forecast: FloatArray = np.zeros((needs.shape[1], 1))
        self._variances: FloatArray = self._forecast

    def observe(self, observation: Observation) -> None:
        """Take the forecast that comes with the observation.

        Raises:
            TypeError: If the observation carries no forecast.
        """
        if not isinstance(observation, InformedObservation):
            raise TypeError(
                f"an informed briefing is followed by informed observations, not {type(observation).__name__}"
            )
        self._forecast, noise = observation.forecast, self._noise_variance
        raw = self._forecast if self._raw_variance is None else self._raw_variance
        self._variances = np.where(self._forecast > 0, raw * noise, _VARIANCE_WITHOUT_DEMAND)
        if self._told.any():
            self._variances[self._told] = observation.forecast_deviation[self._told] ** 2

    def next_period(self) -> Moments:
        """Read the coming period from the forecast."""
        # Contiguous, because the last digit of the product depends on it, and it is the published one.
        deviation = np.sqrt(self._squared_needs @ np.ascontiguousarray(self._variances[:, 0]))
        return Moments(self._needs @ self._forecast[:, 0], np.maximum(deviation, LEAST_DEVIATION))

    def over(self, lead_times: IntArray) -> Moments:
        """Sum the forecast over the coming lead time + 1 periods."""
        periods = int(lead_times.max()) + 1
        means = np.cumsum(self._forecast[:, :periods], axis=1)[:, lead_times]
        variances = np.cumsum(self._variances[:, :periods], axis=1)[:, lead_times]
        return Moments((self._needs * means.T).sum(axis=1), np.sqrt((self._squared_needs * variances.T).sum(axis=1)))
