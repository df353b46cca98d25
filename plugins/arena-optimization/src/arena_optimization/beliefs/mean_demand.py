"""Mean demand as the published programs expect it: from the forecast, or from the last periods."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np

from arena import Briefing, InformedBriefing, InformedObservation, Observation, presumed_demand
from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.dependence import Dependence
from arena_optimization.beliefs.seen_demand import SeenDemand

_FALLBACK_MEAN = 20.0
"""Units per period where a network's stocks suggest nothing; the published rules' own guess."""


class MeanDemand(Protocol):
    """What a track lets a controller expect."""

    def observe(self, observation: Observation) -> None:
        """Take note of an observation; once per period."""

    def over(self, horizon: int) -> FloatArray:
        """Mean demand of the coming periods, (market links, horizon), units."""


def mean_demand_for(briefing: Briefing, *, window: int, prior_mean: float | None) -> MeanDemand:
    """Choose what the track of a briefing allows.

    Args:
        briefing: The episode.
        window: Blind track: number of last periods whose mean is expected.
        prior_mean: Blind track: mean expected before any demand is seen; None derives it from the initial stocks.
    """
    if isinstance(briefing, InformedBriefing):
        return ForecastDemand(briefing)
    markets = len(briefing.network.market_links)
    if prior_mean is not None:
        guess: FloatArray = np.full(markets, prior_mean)
    else:
        guess = presumed_demand(briefing.network, fallback=_FALLBACK_MEAN)
    return MovingAverage(guess, window, SeenDemand(briefing, guess))


class ForecastDemand:
    """The informed track's forecast, at today's sentiment.

    Where demand follows the period before, its mean is moved by what the last deviation leads to expect.
    """

    def __init__(self, briefing: InformedBriefing) -> None:
        """Nothing is known before the first observation but how demands depend on each other."""
        self._dependence = Dependence(briefing)
        self._forecast: FloatArray | None = None

    def observe(self, observation: Observation) -> None:
        """Take the forecast that comes with the observation.

        Raises:
            TypeError: If the observation carries none.
        """
        if not isinstance(observation, InformedObservation):
            raise TypeError(
                f"an informed briefing is followed by informed observations, not {type(observation).__name__}"
            )
        self._dependence.observe(observation)
        self._forecast = observation.forecast
        self._deviation = observation.forecast_deviation

    def over(self, horizon: int) -> FloatArray:
        """The forecast of the coming periods."""
        if self._forecast is None:
            raise RuntimeError("no observation yet: call observe first")
        if self._dependence.is_absent:
            return self._forecast[:, :horizon]
        return self._dependence.moved(self._forecast[:, :horizon], self._deviation[:, :horizon])


class MovingAverage:
    """The mean of the last periods, for every coming period."""

    def __init__(self, guess: FloatArray, window: int, seen: SeenDemand) -> None:
        """Begin with a guess.

        Args:
            guess: Mean demand before any is seen, (market links,), units per period.
            window: Number of last periods.
            seen: Demand as far as it is seen; its history comes before the first period.
        """
        self._seen = seen
        self._guess = guess
        self._recent: deque[FloatArray] = deque(seen.history, maxlen=window)

    def observe(self, observation: Observation) -> None:
        """Remember the demand of the last period; there is none before period 1."""
        if observation.period > 0:
            self._recent.append(self._seen.of(observation))

    def over(self, horizon: int) -> FloatArray:
        """The same mean for every coming period."""
        mean = np.mean(self._recent, axis=0) if self._recent else self._guess
        return np.repeat(mean[:, None], horizon, axis=1)
